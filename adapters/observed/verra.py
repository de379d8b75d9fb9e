"""Verra: the project list and the list of VCU blocks, as its registry exports them.

The project list writes days as ISO text, tonnes with thousands commas. A row of the transactions is a block of VCUs of
one vintage; one with a date of retirement or cancellation is that too, and which of the two the list does not say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from adapters.transports.tables import Row
from mutual_recognition.observed import (
    Observed,
    ObservedProject,
    ObservedStatus,
    ObservedUnits,
    Programme,
    RecordKind,
    capacity_in,
    methodology_codes,
)

from . import cells
from .serial_texts import against_quantity, read_verra
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Verra Registry (registry.verra.org)"

STATUSES: Final = {
    "under development": ObservedStatus.IN_PREPARATION,
    "under validation": ObservedStatus.IN_PREPARATION,
    "registration requested": ObservedStatus.IN_PREPARATION,
    "registration and verification approval requested": ObservedStatus.IN_PREPARATION,
    "registered": ObservedStatus.REGISTERED,
    "late to verify": ObservedStatus.REGISTERED,
    "verification approval requested": ObservedStatus.REGISTERED,
    "verification approval request denied": ObservedStatus.REGISTERED,
    "crediting period renewal requested": ObservedStatus.REGISTERED,
    "crediting period renewal and verification approval requested": ObservedStatus.REGISTERED,
    "on hold - see notification letter": ObservedStatus.ON_HOLD,
    "inactive": ObservedStatus.INACTIVE,
    "withdrawn": ObservedStatus.WITHDRAWN,
    "rejected by administrator": ObservedStatus.REJECTED,
    "registration request denied": ObservedStatus.REJECTED,
    "registration and verification approval request denied": ObservedStatus.REJECTED,
    "units transferred from approved ghg program": ObservedStatus.TRANSFERRED,
    "credits transferred from approved ghg program": ObservedStatus.TRANSFERRED,
    "transfer to another ghg program": ObservedStatus.TRANSFERRED,
}


def _project(row: Row) -> Iterable[Observed]:
    status = cells.text(row, "Status")
    name = cells.needed(row, "Name")
    methodology = cells.text(row, "Methodology")
    yield ObservedProject(
        programme=Programme.VERRA,
        native_id=cells.needed(row, "ID"),
        name=name,
        proponent=cells.text(row, "Proponent"),
        country=cells.text(row, "Country/Area"),
        project_type=" / ".join(filter(None, (cells.text(row, "Project Type"), cells.text(row, "AFOLU Activities")))),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, status),
        status_raw=status,
        registered_on=cells.day(row, "Project Registration Date"),
        crediting_first=cells.day(row, "Crediting Period Start Date"),
        crediting_last=cells.day(row, "Crediting Period End Date"),
        estimated_annual_kg=cells.tonnes_in_kg(row, "Estimated Annual Emission Reductions"),
        capacity_w=capacity_in(name),
    )


PROJECTS: Final = ObservedSource(
    name="verra-projects",
    programme=Programme.VERRA,
    kinds=(RecordKind.PROJECT,),
    title="Verra project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("ID", "native_id"),
        mapped("Name", "name, capacity_w"),
        mapped("Proponent", "proponent"),
        mapped("Project Type", "project_type"),
        mapped("AFOLU Activities", "project_type"),
        mapped("Methodology", "methodology"),
        mapped("Status", "status"),
        mapped("Country/Area", "country"),
        mapped("Estimated Annual Emission Reductions", "estimated_annual_kg"),
        unmapped("Region", "follows from the country"),
        mapped("Project Registration Date", "registered_on"),
        mapped("Crediting Period Start Date", "crediting_first"),
        mapped("Crediting Period End Date", "crediting_last"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "ID"))],
)


def _block(row: Row) -> Iterable[Observed]:
    serial = cells.needed(row, "Serial Number")
    quantity = cells.needed_tonnes_in_kg(row, "Quantity Issued")
    first, last = cells.day(row, "Vintage Start"), cells.day(row, "Vintage End")
    ended = cells.day(row, "Retirement/Cancellation Date")
    block = ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.VERRA,
        native_id=serial,
        project=cells.needed(row, "ID"),
        project_name=cells.text(row, "Name"),
        country=cells.text(row, "Country/Area"),
        unit_type="VCU",
        methodology=cells.text(row, "Methodology"),
        quantity_kg=quantity,
        vintage=last.year if last else None,
        period_first=first,
        period_last=last,
        issued_on=cells.day(row, "Issuance Date"),
        ended_on=ended,
        serial_text=serial,
        serials=against_quantity(read_verra(serial), quantity),
        beneficiary=cells.text(row, "Retirement Beneficiary"),
        reason="; ".join(filter(None, (cells.text(row, "Retirement Reason"), cells.text(row, "Retirement Details")))),
        status_raw="Retired or cancelled" if ended else "Issued",
    )
    yield block
    if ended:
        yield replace(block, record=RecordKind.RETIREMENT)


def _of_block(row: Row) -> Iterable[tuple[RecordKind, str]]:
    serial = cells.needed(row, "Serial Number")
    return [(RecordKind.ISSUANCE, serial), (RecordKind.RETIREMENT, serial)]


TRANSACTIONS: Final = ObservedSource(
    name="verra-transactions",
    programme=Programme.VERRA,
    kinds=(RecordKind.ISSUANCE, RecordKind.RETIREMENT),
    title="Verra VCU blocks: issued, retired, cancelled",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Issuance Date", "issued_on"),
        unmapped("Sustainable Development Goals", "no bearing on identity"),
        mapped("Vintage Start", "period_first"),
        mapped("Vintage End", "period_last, vintage"),
        mapped("ID", "project"),
        mapped("Name", "project_name"),
        mapped("Country/Area", "country"),
        unmapped("Project Type", "stands in the project list"),
        mapped("Methodology", "methodology"),
        unmapped(
            "Total Vintage Quantity", "repeated in every block of a vintage: summing it would count it many times"
        ),
        mapped("Quantity Issued", "quantity_kg"),
        mapped("Serial Number", "native_id, serials"),
        unmapped("Additional Certifications", "no bearing on identity"),
        mapped("Retirement/Cancellation Date", "ended_on"),
        mapped("Retirement Beneficiary", "beneficiary"),
        mapped("Retirement Reason", "reason"),
        mapped("Retirement Details", "reason"),
    ),
    reader=lambda: _block,
    identify=_of_block,
)

SOURCES: Final = (PROJECTS, TRANSACTIONS)
