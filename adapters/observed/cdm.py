"""The CDM registry's reports as observed records, read by the CDM adapter's own rows (adapters/cdm).

The same files feed the replay, which writes them on chain for the programme member; here they are kept for
screening only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from adapters.cdm import rows
from adapters.cdm.native import KG_PER_SERIAL, CancellationKind, CdmCancellation, ProjectStatus
from adapters.transports.tables import FieldRefused, Row, TableShape
from mutual_recognition.observed import (
    Observed,
    ObservedProject,
    ObservedStatus,
    ObservedUnits,
    Programme,
    ReadSerials,
    RecordKind,
    capacity_in,
    methodology_codes,
)
from mutual_recognition.schema_drift import KnownColumn
from mutual_recognition.serials import SerialRange

from . import cells
from .source import Form, ObservedSource, mapped, unmapped

ATTRIBUTION: Final = "UNFCCC CDM Registry (cdm.unfccc.int)"

STATUSES: Final = {
    ProjectStatus.REGISTERED: ObservedStatus.REGISTERED,
    ProjectStatus.WITHDRAWN: ObservedStatus.WITHDRAWN,
    ProjectStatus.REJECTED: ObservedStatus.REJECTED,
    ProjectStatus.NOT_STATED: ObservedStatus.NOT_STATED,
}


def _as(shape: TableShape, headings: dict[str, str], row: Row) -> Row:
    """`row` with its cells under the names, and in the order, of the CDM adapter's shape."""
    return Row(row.source, {c.name: row.cell(headings.get(c.name, c.name)) for c in shape.columns})


_PROJECT_HEADINGS: Final = {
    "registered": "Registered",
    "project title": "Project title",
    "host parties": "Host parties",
    "other parties": "Other Parties",
    "methodology": "Methodology",
    "reductions": "Reductions",
    "ref": "Ref",
}


def _project(row: Row) -> Iterable[Observed]:
    read = rows.project(_as(rows.PROJECTS, _PROJECT_HEADINGS, row))
    yield ObservedProject(
        programme=Programme.CDM,
        native_id=str(read.number),
        name=read.title,
        country="; ".join(read.host_parties),
        methodology=read.methodology,
        methodology_codes=methodology_codes(read.methodology),
        status=STATUSES[read.status],
        status_raw=row.text("Registered") if read.status is not ProjectStatus.REGISTERED else "Registered",
        registered_on=read.registered_on,
        estimated_annual_kg=read.annual_reductions_t * cells.KG_PER_TONNE,
        capacity_w=capacity_in(read.title),
    )


def _number(row: Row, heading: str) -> str:
    written = cells.needed(row, heading)
    return str(int(written)) if written.isdigit() else written


PROJECTS: Final = ObservedSource(
    name="cdm-projects",
    programme=Programme.CDM,
    kinds=(RecordKind.PROJECT,),
    title="CDM registered projects",
    attribution=ATTRIBUTION,
    encoding="cp1252",
    columns=(
        mapped("Registered", "registered_on, status"),
        mapped("Project title", "name, capacity_w"),
        mapped("Host parties", "country"),
        unmapped("Other Parties", "parties that buy: no bearing on where the project is"),
        mapped("Methodology", "methodology"),
        mapped("Reductions", "estimated_annual_kg"),
        mapped("Ref", "native_id"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, _number(row, "Ref"))],
)


def _units(
    record: RecordKind, party: str, project: int, serials: SerialRange, unit_type: str, text: str
) -> dict[str, object]:
    return {
        "record": record,
        "programme": Programme.CDM,
        "native_id": f"{party} {serials}",
        "project": str(project),
        "country": party,
        "unit_type": unit_type,
        "quantity_kg": serials.count * KG_PER_SERIAL,
        "serial_text": text,
        "serials": ReadSerials(
            programme=Programme.CDM, series=party, first=serials.first, last=serials.last, project=str(project)
        ),
    }


_ISSUANCE_HEADINGS: Final = {
    "completion date": "Completion date",
    "transaction type": "Transaction type",
    "status": "Status",
    "serial range": "SERIAL RANGE",
    "unit type": "Unit Type",
    "commitment period": "CP",
    "party code": "PARTY CODE",
    "project number": "Project number",
    "total": "Total",
}


def _issuance(row: Row) -> Iterable[Observed]:
    read = rows.issuance(_as(rows.ISSUANCES, _ISSUANCE_HEADINGS, row))
    common = _units(
        RecordKind.ISSUANCE,
        read.party,
        read.project_number,
        read.serials,
        read.unit_type.value,
        row.text("SERIAL RANGE"),
    )
    yield ObservedUnits(
        **common,  # type: ignore[arg-type]
        vintage=None,
        issued_on=read.completed_at.date(),
        status_raw=row.text("Status"),
        reason=f"commitment period {read.commitment_period}",
    )


def _spreadsheet_columns(headings: dict[str, str], uses: dict[str, str]) -> tuple[KnownColumn, ...]:
    return tuple(mapped(heading, uses.get(name, "read and checked")) for name, heading in headings.items())


_USES: Final = {
    "completion date": "issued_on or ended_on",
    "serial range": "native_id, serials",
    "unit type": "unit_type",
    "party code": "native_id, country",
    "project number": "project",
    "project identifier": "native_id, project, country",
    "total": "quantity_kg",
    "reason": "reason",
    "status": "status_raw",
}


def _skipping(shape: TableShape, headings: dict[str, str]) -> Callable[[], Callable[[Row], bool]]:
    """Totals, and notes below them."""

    def begin() -> Callable[[Row], bool]:
        after_total = False

        def skip(row: Row) -> bool:
            nonlocal after_total
            placed = _as(shape, headings, row)
            if rows.is_total(placed):
                after_total = True
                return True
            return placed.blank or rows.is_note(placed, after_total=after_total)

        return skip

    return begin


ISSUANCES: Final = ObservedSource(
    name="cdm-issuances",
    programme=Programme.CDM,
    kinds=(RecordKind.ISSUANCE,),
    title="CDM issuances",
    attribution=ATTRIBUTION,
    form=Form.XLSX,
    title_rows=5,
    columns=_spreadsheet_columns(_ISSUANCE_HEADINGS, _USES),
    reader=lambda: _issuance,
    identify=lambda row: [
        (RecordKind.ISSUANCE, f"{cells.needed(row, 'PARTY CODE')} {cells.needed(row, 'SERIAL RANGE')}")
    ],
    skipping=_skipping(rows.ISSUANCES, _ISSUANCE_HEADINGS),
)

_VOLUNTARY_HEADINGS: Final = {
    "completion date": "Completion Date",
    "transaction type": "Transaction Type",
    "serial range": "Serial Range",
    "project identifier": "Project Identifier",
    "status": "Status",
    "commitment period": "CP (Commitment Period)",
    "unit type": "Unit",
    "total": "Total",
    "from platform": "VCP (From Voluntary Cancellation Platform)",
}

_ADMINISTRATIVE_HEADINGS: Final = {
    "completion date": "COMPLETION DATE",
    "transaction type": "TRANSACTION TYPE",
    "status": "STATUS",
    "transaction total": "TRANSACTION TOTAL",
    "serial range": "SERIAL RANGE",
    "project identifier": "PROJECT IDENTIFIER",
    "unit type": "Unit Type",
    "total": "UNIT BLOCK TOTAL",
    "reason": "REASON FOR CANCELLATION",
}


def _ended(read: CdmCancellation, record: RecordKind, row: Row, headings: dict[str, str], reason: str) -> ObservedUnits:
    common = _units(
        record, read.party, read.project_number, read.serials, read.unit_type.value, row.text(headings["serial range"])
    )
    return ObservedUnits(
        **common,  # type: ignore[arg-type]
        ended_on=read.completed_at.date(),
        status_raw=row.text(headings["status"]),
        reason=reason,
    )


def _voluntary(row: Row) -> Iterable[Observed]:
    placed = _as(rows.VOLUNTARY_CANCELLATIONS, _VOLUNTARY_HEADINGS, row)
    read = rows.cancellation(placed, CancellationKind.VOLUNTARY)
    reason = "voluntary cancellation" + (" (platform)" if read.from_platform else "")
    yield _ended(read, RecordKind.RETIREMENT, row, _VOLUNTARY_HEADINGS, reason)


def _administrative() -> Callable[[Row], Iterable[Observed]]:
    above = ""

    def read_row(row: Row) -> Iterable[Observed]:
        nonlocal above
        placed = _as(rows.ADMINISTRATIVE_CANCELLATIONS, _ADMINISTRATIVE_HEADINGS, row)
        earlier, above = above, _reason(placed, above)
        read = rows.cancellation(placed, CancellationKind.ADMINISTRATIVE, earlier)
        return [_ended(read, RecordKind.CANCELLATION, row, _ADMINISTRATIVE_HEADINGS, read.reason)]

    return read_row


def _reason(row: Row, above: str) -> str:
    try:
        written = " ".join(row.text("reason").split())
    except FieldRefused:
        return above
    return above if written.casefold().rstrip(".") == "see above" else written


def _ended_id(record: RecordKind, headings: dict[str, str]) -> Callable[[Row], Iterable[tuple[RecordKind, str]]]:
    def identify(row: Row) -> Iterable[tuple[RecordKind, str]]:
        party = cells.needed(row, headings["project identifier"]).partition("-")[0]
        return [(record, f"{party} {cells.needed(row, headings['serial range'])}")]

    return identify


VOLUNTARY: Final = ObservedSource(
    name="cdm-voluntary-cancellations",
    programme=Programme.CDM,
    kinds=(RecordKind.RETIREMENT,),
    title="CDM voluntary cancellations",
    attribution=ATTRIBUTION,
    form=Form.XLSX,
    title_rows=5,
    columns=_spreadsheet_columns(_VOLUNTARY_HEADINGS, _USES),
    reader=lambda: _voluntary,
    identify=_ended_id(RecordKind.RETIREMENT, _VOLUNTARY_HEADINGS),
    skipping=_skipping(rows.VOLUNTARY_CANCELLATIONS, _VOLUNTARY_HEADINGS),
)

ADMINISTRATIVE: Final = ObservedSource(
    name="cdm-administrative-cancellations",
    programme=Programme.CDM,
    kinds=(RecordKind.CANCELLATION,),
    title="CDM administrative cancellations",
    attribution=ATTRIBUTION,
    form=Form.XLSX,
    title_rows=5,
    columns=_spreadsheet_columns(_ADMINISTRATIVE_HEADINGS, _USES),
    reader=_administrative,
    identify=_ended_id(RecordKind.CANCELLATION, _ADMINISTRATIVE_HEADINGS),
    skipping=_skipping(rows.ADMINISTRATIVE_CANCELLATIONS, _ADMINISTRATIVE_HEADINGS),
)

SOURCES: Final = (PROJECTS, ISSUANCES, VOLUNTARY, ADMINISTRATIVE)
