"""An inventory as data: for `--json`, CSV, and the signed document that a city publishes."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from hub.index.queries_status import Position
from hub.inventory.flows import in_transit_kg, live_kg, read_flows, year_bounds
from hub.inventory.statement import (
    Account,
    Entry,
    Inventory,
    Line,
    View,
    YearOfAll,
    compute_inventory,
    sum_of_all,
)
from hub.inventory.words import LINES, VIEWS
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import NAMES, Purpose

COLUMNS = (
    "view",
    "line",
    "line_zh",
    "line_en",
    "home",
    "holder",
    "other",
    "purpose",
    "purpose_zh",
    "purpose_en",
    "claimant",
    "kg",
)
"""Of the CSV form; member columns are empty where they do not apply, `claimant` is `not_stated` where nobody claims."""


LINES_OF: dict[View, tuple[Line, ...]] = {
    View.HOLDER: tuple(line for line in Line if line is not Line.CUT),
    View.HOME: tuple(line for line in Line if line not in {Line.RECEIVED, Line.MOVED_OUT}),
}
"""The lines that each view can have: nobody holds what was cut, and home's credits are its own wherever they move."""


def read_inventory(connection: Connection, member: int, year: int) -> Inventory:
    """The inventory of `member` as the projections have it. Raises StopAndTell where it does not close."""
    _, end = year_bounds(year)
    return compute_inventory(read_flows(connection, year, member), member, year, in_transit_kg(connection, member, end))


def read_year_of_all(connection: Connection, members: list[int], year: int) -> YearOfAll:
    """All members of a year together."""
    flows = read_flows(connection, year)
    return sum_of_all([compute_inventory(flows, member, year) for member in members], year)


def agrees_with_blocks(connection: Connection, inventory: Inventory) -> bool:
    """Whether the closing is what the member's unit blocks hold: for a year that the index has not passed."""
    return inventory.holder.total(Line.CLOSING) == live_kg(connection, inventory.member)


def is_complete(year: int, at: Position) -> bool:
    """Whether the year had ended at the last projected block."""
    return at.time >= year_bounds(year)[1]


def as_data(inventory: Inventory, at: Position) -> dict[str, Any]:
    """The whole inventory with integer kg."""
    return {
        "member": inventory.member,
        "year": inventory.year,
        "unit": "kgCO2e",
        "complete": is_complete(inventory.year, at),
        "as_of": {
            "chain_id": at.chain_id,
            "block": at.block,
            "block_hash": at.hash,
            "block_time": datetime.fromtimestamp(at.time, UTC).astimezone(UTC_PLUS_8).isoformat(),
        },
        "holder_view": _account(inventory.holder) | {"in_transit_kg": inventory.in_transit},
        "home_view": _account(inventory.home)
        | {
            "circulation_kg": asdict(inventory.circulation),
            "since_the_beginning_kg": asdict(inventory.fate),
        },
    }


def as_csv(inventory: Inventory) -> str:
    """Every line of both views, one a row, in UTF-8 with a byte order mark so that spreadsheets read the Chinese."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for account in (inventory.holder, inventory.home):
        for entry in account.entries:
            purpose = Purpose(entry.purpose) if entry.purpose else None
            names = NAMES[purpose] if purpose else ("", "")
            row = [account.view.value, entry.line.value, *LINES[entry.line]]
            row += [str(value) if value else "" for value in (entry.home, entry.holder, entry.other)]
            row += [purpose.code if purpose else "", *names, _claimant(entry), str(entry.kg)]
            writer.writerow(row)
    return "\ufeff" + out.getvalue()


def as_content(inventory: Inventory, at: Position) -> dict[str, Any]:
    """The content of the document: the same data with every kg as a decimal string."""
    content = as_data(inventory, at)
    del content["member"]
    for view in ("holder_view", "home_view"):
        content[view] = _kg_as_text(content[view])
    return content


def _account(account: Account) -> dict[str, Any]:
    zh, en = VIEWS[account.view]
    totals = {line.value: account.total(line) for line in LINES_OF[account.view]}
    return {"zh": zh, "en": en, "totals_kg": totals, "lines": [_line(entry) for entry in account.entries]}


def _line(entry: Entry) -> dict[str, Any]:
    told: dict[str, Any] = {"line": entry.line.value, "home": entry.home, "holder": entry.holder}
    if entry.other:
        told["other"] = entry.other
    if entry.purpose:
        told["purpose"] = Purpose(entry.purpose).code
    if entry.line is Line.RETIRED:
        told["claimant"] = entry.claimant or None
    return told | {"kg": entry.kg}


def _claimant(entry: Entry) -> str:
    if entry.line is not Line.RETIRED:
        return ""
    return str(entry.claimant or "not_stated")


def _kg_as_text(told: Any, under: str = "") -> Any:
    if isinstance(told, dict):
        return {
            name: _kg_as_text(value, name if name.endswith("kg") else under if under.endswith("_kg") else "")
            for name, value in told.items()
            if value is not None
        }
    if isinstance(told, list):
        return [_kg_as_text(value) for value in told]
    return str(told) if under and isinstance(told, int) and not isinstance(told, bool) else told
