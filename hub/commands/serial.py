"""`yrdhub serial`: one serial number's whole life, for whoever holds its certificate."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from hub.ballot_actions import factor_in_words, moment
from hub.commands.acting import reading
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import Row, find
from hub.index.queries_serials import SerialLife, life_of
from hub.naming import resolve, title_of
from hub.terminal import Terminal
from mutual_recognition.purposes import NAMES, Purpose
from mutual_recognition.unit_blocks import BlockStatus

app = typer.Typer(add_completion=False, no_args_is_help=True, help="One serial number's whole life.")


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own."""


@app.command()
def show(
    context: typer.Context,
    series: Annotated[str, typer.Argument(help="Code or id of the series")],
    serial: Annotated[int, typer.Argument(min=1, help="The serial number")],
) -> None:
    """Show where a serial came from, everything that befell it, and where it is now."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        found = resolve(connection, "series", series)
        life = life_of(connection, found.id, serial)
        if life is None:
            raise RecordRefused(
                f"serial {serial} of {found.called or found.id} was never issued",
                code="serial_unknown",
                field="SERIAL",
                value=serial,
                remedy="check series and number on the certificate",
            )
        told = _told(connection, found.called or found.id, serial, life)
    table = Table("when", "what", "by", "serials", "block", box=None, pad_edge=False)
    for event in told["life"]:
        table.add_row(
            event["when"], escape(event["what"]), str(event["member"]), event["serials"], f"{event['block']:,}"
        )
    terminal.answer(
        told,
        f"[bold]serial {serial} of {escape(told['series'])}[/bold], member {told['home']}: {told['kg']} kgCO2e",
        f"from project {escape(told['project'])}, vintage {told['vintage']}, issuance of serials {told['issuance']}",
        table,
        f"[bold]now[/bold]: {escape(told['now'])}",
    )


def _told(connection: Connection, called: str, serial: int, life: SerialLife) -> dict[str, Any]:
    return {
        "series": called,
        "series_id": life.series["series"],
        "serial": serial,
        "home": life.series["member"],
        "kg": life.series["kg_per_serial"],
        "project": title_of(connection, life.issuance["project"]) or life.issuance["project"],
        "vintage": life.issuance["vintage"],
        "issuance": f"{life.issuance['first']}-{life.issuance['last']}",
        "life": [_event(connection, event) for event in life.events],
        "now": _now(life),
        "status": BlockStatus(life.block["status"]).name.lower(),
        "holder": life.block["holder"],
        "factor_ppm": life.block["factor_ppm"],
        "retirement": life.retirement,
        "cancellation": life.cancellation,
    }


def _event(connection: Connection, event: Row) -> dict[str, Any]:
    return {
        "when": moment(event["block_time"]),
        "what": _what(connection, event),
        "event": event["event"],
        "member": event["member"],
        "other": event["other"],
        "serials": f"{event['first']}-{event['last']}",
        "block": event["block_number"],
        "reference": event["reference"],
    }


def _what(connection: Connection, event: Row) -> str:
    plain = str(event["event"]).replace("_", " ")
    match event["event"]:
        case "transfer_proposed":
            return f"proposed to member {event['other']}"
        case "transfer_accepted":
            factor = find(connection, t.transfers, event["reference"])
            told = factor_in_words(factor["factor_ppm"]) if factor else "unknown"
            return f"arrived from member {event['other']} at factor {told}"
        case "cut":
            return "cut on conversion: it does not count at the destination"
        case "retired":
            row = find(connection, t.retirements, event["series"], event["first"]) or {}
            return f"retired: {NAMES[Purpose(row['purpose'])][1]}" if row else plain
        case _:
            return plain


def _now(life: SerialLife) -> str:
    block = life.block
    status = BlockStatus(block["status"])
    if life.retirement is not None:
        purpose = NAMES[Purpose(life.retirement["purpose"])]
        claimant = life.retirement["claimant"]
        claimed = f"claimed by member {claimant}" if claimant else "claimant not stated"
        return f"retired with member {block['holder']} for {purpose[1]} ({purpose[0]}), {claimed}; final"
    if status is BlockStatus.CANCELLED:
        why = NAMES[Purpose(block["purpose"])]
        return f"cancelled with member {block['holder']}: {why[1]} ({why[0]}); final"
    held = f", under {block['holds']} holds" if block["holds"] else ""
    return f"{status.name.lower().replace('_', ' ')} with member {block['holder']}{held}"
