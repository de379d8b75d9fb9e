"""From a row of a published report to a record of `native`, or to the `FieldRefused` that says why not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from adapters.transports.tables import Column, FieldRefused, Formula, Row, TableShape
from mutual_recognition.numerals import fold
from mutual_recognition.periods import DateLayout, parse_day
from mutual_recognition.quantities import QuantityDisagrees, check_agrees
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange, parse_range

from .native import (
    KG_PER_SERIAL,
    CancellationKind,
    CdmCancellation,
    CdmIssuance,
    CdmProject,
    ProjectStatus,
    UnitType,
)

ISSUANCES: Final = TableShape(
    title_rows=5,
    columns=(
        Column.named("completion date"),
        Column.named("transaction type"),
        Column.named("status"),
        Column.named("serial range"),
        Column.named("unit type"),
        Column.named("commitment period", "CP", "CP (Commitment Period)"),
        Column.named("party code"),
        Column.named("project number"),
        Column.named("total"),
    ),
)

VOLUNTARY_CANCELLATIONS: Final = TableShape(
    title_rows=5,
    columns=(
        Column.named("completion date"),
        Column.named("transaction type"),
        Column.named("serial range"),
        Column.named("project identifier"),
        Column.named("status"),
        Column.named("commitment period", "CP (Commitment Period)", "CP"),
        Column.named("unit type", "Unit", "Unit Type"),
        Column.named("total"),
        Column.named("from platform", "VCP (From Voluntary Cancellation Platform)", "VCP"),
    ),
)

ADMINISTRATIVE_CANCELLATIONS: Final = TableShape(
    title_rows=5,
    columns=(
        Column.named("completion date"),
        Column.named("transaction type"),
        Column.named("status"),
        Column.named("transaction total"),
        Column.named("serial range"),
        Column.named("project identifier"),
        Column.named("unit type"),
        Column.named("total", "Unit block total"),
        Column.named("reason", "Reason for cancellation"),
    ),
)

PROJECTS: Final = TableShape(
    columns=(
        Column.named("registered"),
        Column.named("project title"),
        Column.named("host parties"),
        Column.named("other parties"),
        Column.named("methodology"),
        Column.named("reductions"),
        Column.named("ref"),
    ),
)

_PARTY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_PROJECT_NUMBER: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_PROJECT_IDENTIFIER: Final = re.compile(r"([A-Z]{2})-([0-9]{1,6})", re.ASCII)
COMMITMENT_PERIODS: Final = {"1": 1, "2": 2}


def issuance(row: Row) -> CdmIssuance:
    """An issuance row. Raises FieldRefused."""
    _completed(row, "Issuance (1)")
    serials = _serials(row)
    return CdmIssuance(
        source=row.source,
        completed_at=_completed_at(row),
        party=row.read("party code", _party),
        serials=serials,
        unit_type=row.read("unit type", _unit_type),
        commitment_period=row.read("commitment period", _commitment_period),
        project_number=row.read("project number", _project_number),
    )


def cancellation(row: Row, kind: CancellationKind, reason_above: str = "") -> CdmCancellation:
    """A cancellation row of either report; `reason_above` is the reason of the row above. Raises
    FieldRefused.
    """
    _completed(row, "Cancellation (4)")
    party, number = row.read("project identifier", _project_identifier)
    serials = _serials(row)
    voluntary = kind is CancellationKind.VOLUNTARY
    reason = "" if voluntary else " ".join(row.needed_text("reason").split())
    if reason.casefold().rstrip(".") == "see above":
        if not reason_above:
            raise FieldRefused(reason, "nothing stands above to refer to", field="reason", code="reason_missing")
        reason = reason_above
    if not voluntary and row.whole("transaction total") < serials.count:
        stated = row.whole("transaction total")
        refusal = f"the transaction's total is below its block's {serials.count} t"
        raise FieldRefused(stated, refusal, field="transaction total", code=QuantityDisagrees.code)
    return CdmCancellation(
        source=row.source,
        kind=kind,
        completed_at=_completed_at(row),
        party=party,
        project_number=number,
        serials=serials,
        unit_type=row.read("unit type", _unit_type),
        commitment_period=row.read("commitment period", _commitment_period) if voluntary else None,
        from_platform=row.read("from platform", _yes_or_no) if voluntary else None,
        reason=reason,
    )


def project(row: Row) -> CdmProject:
    """A row of the project list. Raises FieldRefused."""
    registered = row.text("registered")
    status = {
        "": ProjectStatus.NOT_STATED,
        "withdrawn": ProjectStatus.WITHDRAWN,
        "rejected": ProjectStatus.REJECTED,
    }.get(registered.casefold(), ProjectStatus.REGISTERED)
    day = None
    if status is ProjectStatus.REGISTERED:
        day = row.read("registered", lambda text: parse_day(text, DateLayout.DMY))
    return CdmProject(
        source=row.source,
        number=row.read("ref", _project_number),
        title=" ".join(row.needed_text("project title").split()),
        status=status,
        registered_on=day,
        host_parties=_names(row.needed_text("host parties")),
        other_parties=_names(row.text("other parties")),
        methodology=" ".join(row.needed_text("methodology").split()),
        annual_reductions_t=row.whole("reductions"),
    )


def is_total(row: Row) -> bool:
    """Whether `row` is a report's closing total: "Total" first, then nothing but formulas or numbers."""
    first, *rest = row.cells.values()
    if not isinstance(first, str) or fold(first).casefold().rstrip(":") not in {"total", "grand total"}:
        return False
    return all(cell is None or isinstance(cell, Formula | int) for cell in rest)


def is_note(row: Row, *, after_total: bool) -> bool:
    """Whether `row` is a footnote: text in the first cell alone, below the total or led by an asterisk."""
    first, *rest = row.cells.values()
    alone = isinstance(first, str) and all(cell is None for cell in rest)
    return alone and (after_total or str(first).lstrip().startswith("*"))


def _completed(row: Row, transaction: str) -> None:
    written = fold(row.needed_text("transaction type"))
    if written != transaction:
        raise FieldRefused(
            written, f"expected {transaction!r}", field="transaction type", code="other_transaction_type"
        )
    status = fold(row.needed_text("status"))
    if status != "4 - Completed":
        reason = "only completed transactions ('4 - Completed') have an effect"
        raise FieldRefused(status, reason, field="status", code="not_completed")


def _completed_at(row: Row) -> datetime:
    return row.moment("completion date").replace(tzinfo=UTC)


def _serials(row: Row) -> SerialRange:
    serials = row.read("serial range", parse_range)
    stated = row.whole("total")
    try:
        check_agrees(stated * KG_PER_SERIAL, serials.count, KG_PER_SERIAL)
    except Refusal as refusal:
        reason = f"the row states {stated} t, its range {serials} holds {serials.count}"
        raise FieldRefused(stated, reason, field="total", code=refusal.code) from None
    return serials


def _party(text: str) -> str:
    if _PARTY.fullmatch(text) is None:
        raise Refusal(text, "not a party code (two capital letters, ISO 3166-1)")
    return text


def _project_number(text: str) -> int:
    folded = fold(text)
    if _PROJECT_NUMBER.fullmatch(folded) is None or int(folded) == 0:
        raise Refusal(text, "not a CDM project number (one to six digits)")
    return int(folded)


def _project_identifier(text: str) -> tuple[str, int]:
    matched = _PROJECT_IDENTIFIER.fullmatch(fold(text))
    if matched is None:
        raise Refusal(text, "not a project identifier (party and number, such as BR-2569)")
    return matched[1], int(matched[2])


def _unit_type(text: str) -> UnitType:
    try:
        return UnitType(fold(text))
    except ValueError:
        raise Refusal(text, "not a unit that the CDM issues (CER, tCER or lCER)") from None


def _commitment_period(text: str) -> int:
    period = COMMITMENT_PERIODS.get(fold(text))
    if period is None:
        raise Refusal(text, "not a commitment period of the Kyoto Protocol (1 or 2)")
    return period


def _yes_or_no(text: str) -> bool:
    answer = {"yes": True, "no": False}.get(fold(text).casefold())
    if answer is None:
        raise Refusal(text, "neither Yes nor No")
    return answer


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split("/") if (name := " ".join(part.split())))
