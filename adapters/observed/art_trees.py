"""ART TREES: jurisdictional programmes, issuances, retirements, cancellations, as its registry exports them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.transports.tables import Row
from mutual_recognition.observed import Observed, ObservedProject, ObservedStatus, ObservedUnits, Programme, RecordKind

from . import cells
from .apx import US, artefacts, composed_id, ended_units, no_bearing, of_the_project
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "ART Registry (artredd.org)"

STATUSES: Final = {
    "listed": ObservedStatus.IN_PREPARATION,
    "registered": ObservedStatus.REGISTERED,
    "inactive": ObservedStatus.INACTIVE,
}
_STANDARD: Final = "Crediting Program and Standard"


def _project(row: Row) -> Iterable[Observed]:
    status = cells.text(row, "Status")
    yield ObservedProject(
        programme=Programme.ART_TREES,
        native_id=cells.needed(row, "Program ID"),
        name=cells.needed(row, "Program Name"),
        proponent=cells.text(row, "Sovereign Program Developer"),
        country=cells.text(row, "Program Country"),
        province=cells.text(row, "Program Jurisdiction(s)"),
        project_type=cells.text(row, "Program Type"),
        methodology=cells.text(row, _STANDARD),
        status=status_of(STATUSES, status),
        status_raw=status,
        crediting_first=cells.day(row, "Initial Crediting Period Start Date", US),
        url=cells.text(row, "Program Website"),
    )


PROJECTS: Final = ObservedSource(
    name="art-trees-projects",
    programme=Programme.ART_TREES,
    kinds=(RecordKind.PROJECT,),
    title="ART TREES programme list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Program ID", "native_id"),
        mapped("Sovereign Program Developer", "proponent"),
        mapped("Program Name", "name"),
        mapped(_STANDARD, "methodology"),
        *no_bearing("Verification Body", "Program Notes"),
        mapped("Program Type", "project_type"),
        mapped("Status", "status"),
        mapped("Initial Crediting Period Start Date", "crediting_first"),
        mapped("Program Jurisdiction(s)", "province"),
        mapped("Program Country", "country"),
        mapped("Program Website", "url"),
        *artefacts("Documents", "Numberoffiles", "Unnamed: 14"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "Program ID"))],
)

_ISSUANCE_ID: Final = ("Program ID", "Vintage", "Date Approved", "Total Emission Reductions/Removals")


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.ART_TREES,
        native_id=composed_id(row, _ISSUANCE_ID),
        project=cells.needed(row, "Program ID"),
        project_name=cells.text(row, "Program Name"),
        country=cells.text(row, "Program Country"),
        methodology=cells.text(row, _STANDARD),
        quantity_kg=cells.needed_tonnes_in_kg(row, "Credits Verified"),
        vintage=cells.year(row, "Vintage"),
        issued_on=cells.day(row, "Date Approved", US),
    )


ISSUANCES: Final = ObservedSource(
    name="art-trees-issuances",
    programme=Programme.ART_TREES,
    kinds=(RecordKind.ISSUANCE,),
    title="ART TREES issuances (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Date Approved", "native_id, issued_on"),
        mapped("Program ID", "native_id, project"),
        mapped("Program Name", "project_name"),
        mapped(_STANDARD, "methodology"),
        mapped("Vintage", "native_id, vintage"),
        mapped("Total Emission Reductions/Removals", "native_id"),
        unmapped("Credits Deposited in Buffer", "the difference between the total and what was issued"),
        mapped("Credits Verified", "quantity_kg"),
        mapped("Program Country", "country"),
        *of_the_project(
            "Sovereign Program Developer", "Program Type", "Standard Version", "Program Jurisdiction(s)",
            "Verification Body", "Program Website",
        ),
        *no_bearing("CCP Approved", "CORSIA Eligible"),
        *artefacts("Documents", "fiID", "Unnamed: 19"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, composed_id(row, _ISSUANCE_ID))],
)  # fmt: skip


def _retirement(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.RETIREMENT, Programme.ART_TREES, serial="Credit Serial Numbers", quantity="Quantity of Credits",
        project="Program ID", name="Program Name", country="Program Country", ended="Status Effective",
        methodology=_STANDARD, beneficiary=("Retired on Behalf of",),
        reason=("Retirement Reason", "Purpose of Retirement"),
    )  # fmt: skip


def _cancellation(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.CANCELLATION, Programme.ART_TREES, serial="Credit Serial Numbers",
        quantity="Quantity of Credits", project="Program ID", name="Program Name", country="Program Country",
        ended="Status Effective", methodology=_STANDARD, reason=("Cancellation Reason", "Cancellation Details"),
    )  # fmt: skip


_ENDED_COLUMNS: Final = (
    mapped("Vintage", "vintage"),
    mapped("Credit Serial Numbers", "native_id, serials"),
    mapped("Quantity of Credits", "quantity_kg"),
    mapped("Status Effective", "ended_on"),
    mapped("Program ID", "project"),
    mapped("Program Name", "project_name"),
    mapped(_STANDARD, "methodology"),
    mapped("Program Country", "country"),
    *of_the_project("Program Type", "Standard Version", "Program Jurisdiction(s)"),
    *no_bearing(
        "Eligible for CORSIA 2021-2023 Compliance Period (Pilot Phase)",
        "Eligible for CORSIA 2024-2026 Compliance Period (First Phase)",
        "CCP Approved",
        "Account Holder",
    ),
    unmapped("Date Approved", "stands with the issuance"),
    *artefacts("Unnamed: 19"),
)

RETIREMENTS: Final = ObservedSource(
    name="art-trees-retirements",
    programme=Programme.ART_TREES,
    kinds=(RecordKind.RETIREMENT,),
    title="ART TREES retirements",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        mapped("Retired on Behalf of", "beneficiary"),
        mapped("Retirement Reason", "reason"),
        mapped("Purpose of Retirement", "reason"),
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(RecordKind.RETIREMENT, cells.needed(row, "Credit Serial Numbers"))],
)

CANCELLATIONS: Final = ObservedSource(
    name="art-trees-cancellations",
    programme=Programme.ART_TREES,
    kinds=(RecordKind.CANCELLATION,),
    title="ART TREES cancellations",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        *no_bearing("CORSIA Eligible"),
        mapped("Cancellation Reason", "reason"),
        mapped("Cancellation Details", "reason"),
    ),
    reader=lambda: _cancellation,
    identify=lambda row: [(RecordKind.CANCELLATION, cells.needed(row, "Credit Serial Numbers"))],
)

SOURCES: Final = (PROJECTS, ISSUANCES, RETIREMENTS, CANCELLATIONS)
