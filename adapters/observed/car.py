"""Climate Action Reserve: projects, issuances, retirements, cancellations, as its registry exports them."""

from __future__ import annotations

from collections.abc import Iterable
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
from .apx import US, artefacts, composed_id, ended_units, no_bearing, of_the_project
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Climate Action Reserve (climateactionreserve.org)"

STATUSES: Final = {
    "submitted": ObservedStatus.IN_PREPARATION,
    "listed": ObservedStatus.IN_PREPARATION,
    "registered": ObservedStatus.REGISTERED,
    "monitored": ObservedStatus.REGISTERED,
    "completed": ObservedStatus.COMPLETED,
    "terminated": ObservedStatus.INACTIVE,
    "inactive": ObservedStatus.INACTIVE,
    "transitioned": ObservedStatus.TRANSFERRED,
    "transferred": ObservedStatus.TRANSFERRED,
}


def _project(row: Row) -> Iterable[Observed]:
    status, name = cells.text(row, "Status"), cells.needed(row, "Project Name")
    methodology = cells.text(row, "Project Type")
    developer, owner = cells.text(row, "Project Developer"), cells.text(row, "Project Owner")
    known_as = ("Compliance Program ID", "ARB ID", "WA ECO", "Cooperative/ Aggregate ID")
    yield ObservedProject(
        programme=Programme.CAR,
        native_id=cells.needed(row, "Project ID"),
        name=name,
        proponent=owner or developer,
        country=cells.text(row, "Project Site Country"),
        province=cells.text(row, "Project Site State"),
        place=cells.text(row, "Project Site Location"),
        project_type=methodology,
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, status),
        status_raw=status,
        listed_on=cells.day(row, "Project Listed Date", US),
        registered_on=cells.day(row, "Project Registered Date", US),
        issued_kg=cells.tonnes_in_kg(row, "Total Number of Offset Credits Registered"),
        capacity_w=capacity_in(name),
        references=tuple(dict.fromkeys(filter(None, (cells.text(row, heading) for heading in known_as)))),
        url=cells.text(row, "Project Website"),
    )


PROJECTS: Final = ObservedSource(
    name="car-projects",
    programme=Programme.CAR,
    kinds=(RecordKind.PROJECT,),
    title="CAR project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Project ID", "native_id"),
        mapped("Compliance Program ID", "references"),
        mapped("ARB ID", "references"),
        mapped("WA ECO", "references"),
        mapped("Cooperative/ Aggregate ID", "references"),
        mapped("Project Developer", "proponent"),
        mapped("Project Owner", "proponent"),
        mapped("Project Name", "name, capacity_w"),
        *no_bearing("Offset Project Operator", "Authorized Project Designee", "Verification Body"),
        mapped("Project Type", "project_type, methodology"),
        mapped("Status", "status"),
        *no_bearing("Compliance Program Status", "ARB Project Status", "WA ECO Project Status"),
        mapped("Project Site Location", "place"),
        mapped("Project Site State", "province"),
        mapped("Project Site Country", "country"),
        *no_bearing("Additional Certification(s)", "SDG Impact", "Project Notes"),
        mapped("Total Number of Offset Credits Registered", "issued_kg"),
        mapped("Project Listed Date", "listed_on"),
        mapped("Project Registered Date", "registered_on"),
        mapped("Project Website", "url"),
        *artefacts("Documents", "Data", "Unnamed: 28"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "Project ID"))],
)

_ISSUANCE_ID: Final = ("Project ID", "Vintage", "Date Issued", "Total Offset Credits Issued")


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.CAR,
        native_id=composed_id(row, _ISSUANCE_ID),
        project=cells.needed(row, "Project ID"),
        project_name=cells.text(row, "Project Name"),
        country=cells.text(row, "Project Site Country"),
        methodology=cells.text(row, "Protocol and Version"),
        quantity_kg=cells.needed_tonnes_in_kg(row, "Total Offset Credits Issued"),
        vintage=cells.year(row, "Vintage"),
        issued_on=cells.day(row, "Date Issued", US),
    )


_CORSIA: Final = ("Eligible for CORSIA 2021-2023 Compliance Period", "Eligible for CORSIA 2024-2026 Compliance Period")

ISSUANCES: Final = ObservedSource(
    name="car-issuances",
    programme=Programme.CAR,
    kinds=(RecordKind.ISSUANCE,),
    title="CAR issuances (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Date Issued", "native_id, issued_on"),
        mapped("Project ID", "native_id, project"),
        mapped("Project Name", "project_name"),
        mapped("Protocol and Version", "methodology"),
        mapped("Vintage", "native_id, vintage"),
        mapped("Total Offset Credits Issued", "native_id, quantity_kg"),
        mapped("Project Site Country", "country"),
        *of_the_project(
            "Cooperative/ Aggregate ID", "Project Developer", "Project Owner", "Project Type", "Project Site Location",
            "Project Site State", "Activity Area Type", "Additional Certification(s)", "Verification Body",
            "Project Website", "Crediting Period",
        ),
        *no_bearing(
            "Reduction/Removal", "Reversible/Non-Reversible", "ARB Eligible", "WA ECO Eligible", *_CORSIA,
            "Corresponding Adjustment", "CCP Approved", "Zero-Credit Reporting Period",
        ),
        unmapped("Offset Credits Currently in Reserve Buffer Pool", "what became of them since"),
        unmapped("Offset Credits Intended for Compliance Buffer Pool", "what became of them since"),
        unmapped("Offset Credits Converted to VCUs", "what became of them since"),
        unmapped("Canceled for Compliance", "what became of them since"),
        unmapped("Canceled", "what became of them since"),
        *artefacts("Documents", "Unnamed: 33"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, composed_id(row, _ISSUANCE_ID))],
)  # fmt: skip


def _retirement(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.RETIREMENT, Programme.CAR, serial="Offset Credit Serial Numbers",
        quantity="Quantity of Offset Credits", project="Project ID", name="Project Name",
        country="Project Site Country", ended="Status Effective", methodology="Protocol and Version",
        beneficiary=("Account Holder",), reason=("Retirement Reason", "Retirement Reason Details"),
    )  # fmt: skip


def _cancellation(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.CANCELLATION, Programme.CAR, serial="Offset Credit Serial Numbers",
        quantity="Quantity of Offset Credits", project="Project ID", name="Project Name",
        country="Project Site Country", ended="Status Effective", methodology="Protocol and Version",
        reason=("Cancellation Reason", "Export Notes"),
    )  # fmt: skip


_ENDED_COLUMNS: Final = (
    mapped("Vintage", "vintage"),
    mapped("Offset Credit Serial Numbers", "native_id, serials"),
    mapped("Quantity of Offset Credits", "quantity_kg"),
    mapped("Status Effective", "ended_on"),
    mapped("Project ID", "project"),
    mapped("Project Name", "project_name"),
    mapped("Protocol and Version", "methodology"),
    mapped("Project Site Country", "country"),
    *of_the_project("Project Type", "Project Site Location", "Project Site State", "Additional Certification(s)"),
    *no_bearing("Reduction/Removal", "Reversible/Non-Reversible"),
)

RETIREMENTS: Final = ObservedSource(
    name="car-retirements",
    programme=Programme.CAR,
    kinds=(RecordKind.RETIREMENT,),
    title="CAR retirements",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        *of_the_project("Activity Area Type"),
        *no_bearing(*_CORSIA, "Corresponding Adjustment", "CCP Approved"),
        mapped("Account Holder", "beneficiary"),
        mapped("Retirement Reason", "reason"),
        mapped("Retirement Reason Details", "reason"),
        *artefacts("Unnamed: 22"),
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(RecordKind.RETIREMENT, cells.needed(row, "Offset Credit Serial Numbers"))],
)

CANCELLATIONS: Final = ObservedSource(
    name="car-cancellations",
    programme=Programme.CAR,
    kinds=(RecordKind.CANCELLATION,),
    title="CAR cancellations",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        mapped("Cancellation Reason", "reason"),
        mapped("Export Notes", "reason"),
        *artefacts("Unnamed: 16"),
    ),
    reader=lambda: _cancellation,
    identify=lambda row: [(RecordKind.CANCELLATION, cells.needed(row, "Offset Credit Serial Numbers"))],
)

SOURCES: Final = (PROJECTS, ISSUANCES, RETIREMENTS, CANCELLATIONS)
