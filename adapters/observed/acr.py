"""American Carbon Registry: projects, issuances, retirements, cancellations, as its registry exports them."""

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

ATTRIBUTION: Final = "American Carbon Registry (acrcarbon.org)"

STATUSES: Final = {
    "listed": ObservedStatus.IN_PREPARATION,
    "submitted": ObservedStatus.IN_PREPARATION,
    "registered": ObservedStatus.REGISTERED,
    "completed": ObservedStatus.COMPLETED,
    "inactive": ObservedStatus.INACTIVE,
    "canceled": ObservedStatus.WITHDRAWN,
    "transitioned": ObservedStatus.TRANSFERRED,
    "not arb or ecology eligible": ObservedStatus.NOT_STATED,
    "arb completed": ObservedStatus.COMPLETED,
    "arb inactive": ObservedStatus.INACTIVE,
    "arb transferred": ObservedStatus.TRANSFERRED,
    "transferred arb or ecology project": ObservedStatus.TRANSFERRED,
    "listed - active ecology project": ObservedStatus.IN_PREPARATION,
    "ecology completed": ObservedStatus.COMPLETED,
    "ecology inactive": ObservedStatus.INACTIVE,
    "proposed project": ObservedStatus.IN_PREPARATION,
    "active registry project": ObservedStatus.REGISTERED,
    "active arb project": ObservedStatus.REGISTERED,
}

_SITE: Final = (
    mapped("Project Site Location", "place"),
    mapped("Project Site State", "province"),
    mapped("Project Site Country", "country"),
)
_METHODOLOGY: Final = "Project Methodology/Protocol"


def _project(row: Row) -> Iterable[Observed]:
    voluntary = cells.text(row, "Voluntary Status")
    compliance = cells.text(row, "Compliance Program Status (ARB or Ecology)")
    name, methodology = cells.needed(row, "Project Name"), cells.text(row, _METHODOLOGY)
    yield ObservedProject(
        programme=Programme.ACR,
        native_id=cells.needed(row, "Project ID"),
        name=name,
        proponent=cells.text(row, "Project Developer"),
        country=cells.text(row, "Project Site Country"),
        province=cells.text(row, "Project Site State"),
        place=cells.text(row, "Project Site Location"),
        project_type=cells.text(row, "Project Type"),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, voluntary or compliance),
        status_raw=" / ".join(filter(None, (voluntary, compliance))),
        status_on=cells.day(row, "Project Status Date", US),
        crediting_first=cells.day(row, "Initial Crediting Period Start Date", US),
        crediting_last=cells.day(row, "Current Crediting Period End Date", US),
        issued_kg=cells.tonnes_in_kg(row, "Total Number of Credits Registered"),
        capacity_w=capacity_in(name),
        references=tuple(filter(None, [cells.text(row, "Compliance Program ID (ARB or Ecology)")])),
        url=cells.text(row, "Project Website"),
    )


PROJECTS: Final = ObservedSource(
    name="acr-projects",
    programme=Programme.ACR,
    kinds=(RecordKind.PROJECT,),
    title="ACR project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Project ID", "native_id"),
        mapped("Compliance Program ID (ARB or Ecology)", "references"),
        mapped("Project Developer", "proponent"),
        mapped("Project Name", "name, capacity_w"),
        mapped("Project Type", "project_type"),
        mapped(_METHODOLOGY, "methodology"),
        mapped("Initial Crediting Period Start Date", "crediting_first"),
        unmapped("Current Crediting Period Start Date", "the first period's start says since when"),
        mapped("Current Crediting Period End Date", "crediting_last"),
        mapped("Voluntary Status", "status"),
        mapped("Compliance Program Status (ARB or Ecology)", "status"),
        mapped("Project Status Date", "status_on"),
        *_SITE,
        *no_bearing("Sustainable Development Goal(s)", "Current VVB", "ACR Project Validation"),
        mapped("Total Number of Credits Registered", "issued_kg"),
        mapped("Project Website", "url"),
        *artefacts("Documents", "Unnamed: 21"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "Project ID"))],
)

_ISSUANCE_ID: Final = (
    "Project ID",
    "Vintage",
    "ReportingPeriodBegin",
    "ReportingPeriodEnd",
    "Date Issued (GMT)",
    "Verified Removal",
)


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.ACR,
        native_id=composed_id(row, _ISSUANCE_ID),
        project=cells.needed(row, "Project ID"),
        project_name=cells.text(row, "Project Name"),
        country=cells.text(row, "Project Site Country"),
        methodology=cells.text(row, _METHODOLOGY),
        quantity_kg=cells.needed_tonnes_in_kg(row, "Total Credits Issued"),
        vintage=cells.year(row, "Vintage"),
        period_first=cells.day(row, "ReportingPeriodBegin", US),
        period_last=cells.day(row, "ReportingPeriodEnd", US),
        issued_on=cells.day(row, "Date Issued (GMT)", US),
    )


ISSUANCES: Final = ObservedSource(
    name="acr-issuances",
    programme=Programme.ACR,
    kinds=(RecordKind.ISSUANCE,),
    title="ACR issuances (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Date Issued (GMT)", "native_id, issued_on"),
        mapped("Vintage", "native_id, vintage"),
        mapped("ReportingPeriodBegin", "native_id, period_first"),
        mapped("ReportingPeriodEnd", "native_id, period_last"),
        mapped("Verified Removal", "native_id: reductions and removals of one period are issued beside each other"),
        mapped("Total Credits Issued", "quantity_kg"),
        unmapped("Credits Issued to Project", "part of the total"),
        unmapped("Credits Issued to Buffer Pool", "part of the total"),
        unmapped("Credits Transferred to Buffer Pool", "part of the total"),
        mapped("Project ID", "native_id, project"),
        mapped("Project Name", "project_name"),
        mapped(_METHODOLOGY, "methodology"),
        mapped("Project Site Country", "country"),
        *of_the_project(
            "Project Developer", "Project Type", "Methodology/Protocol Version", "Project VVB", "Project Site Location",
            "Project Site State", "Project Crediting Period Start Date", "Project Website",
        ),
        *no_bearing(
            "ARB Eligible", "Ecology Eligible", "CCP Approved", "Sustainable Development Goal(s)"
        ),
        *artefacts("Documents", "Unnamed: 26"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, composed_id(row, _ISSUANCE_ID))],
)  # fmt: skip


def _retirement(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.RETIREMENT, Programme.ACR, serial="Credit Serial Numbers", quantity="Quantity of Credits",
        project="Project ID", name="Project Name", country="Project Site Country", ended="Status Effective (GMT)",
        methodology=_METHODOLOGY, beneficiary=("Retired on Behalf of",),
        reason=("Retirement Reason", "Purpose of Retirement"),
    )  # fmt: skip


def _cancellation(row: Row) -> Iterable[Observed]:
    yield ended_units(
        row, RecordKind.CANCELLATION, Programme.ACR, serial="Credit Serial Numbers", quantity="Quantity of Credits",
        project="Project ID", name="Project Name", country="Project Site Country", ended="Status Effective (GMT)",
        methodology=_METHODOLOGY, reason=("Cancellation Type", "Cancellation Details"),
    )  # fmt: skip


_ENDED_COLUMNS: Final = (
    mapped("Credit Serial Numbers", "native_id, serials"),
    unmapped("Date Issued (GMT)", "stands with the issuance"),
    mapped("Vintage", "vintage"),
    unmapped("Vintage Assignment Period Start Date", "stands with the issuance"),
    unmapped("Vintage Assignment Period End Date", "stands with the issuance"),
    mapped("Quantity of Credits", "quantity_kg"),
    mapped("Status Effective (GMT)", "ended_on"),
    mapped("Project ID", "project"),
    mapped("Project Name", "project_name"),
    mapped(_METHODOLOGY, "methodology"),
    mapped("Project Site Country", "country"),
    *of_the_project(
        "Project Type", "Methodology/Protocol Version", "Project Site Location", "Project Site State", "Project Website"
    ),
    *no_bearing(
        "ARB Eligible", "Ecology Eligible", "CORSIA Eligible", "CCP Approved", "Verified Removal",
        "Sustainable Development Goal(s)", "Account Holder",
    ),
    *artefacts("Documents", "fiid", "Numberoffiles", "Unnamed: 31"),
)  # fmt: skip
_CORSIA_LONG: Final = (
    "Eligible for CORSIA 2021-2023 Compliance Period (Pilot Phase)",
    "Eligible for CORSIA 2024-2026 Compliance Period (First Phase)",
)

RETIREMENTS: Final = ObservedSource(
    name="acr-retirements",
    programme=Programme.ACR,
    kinds=(RecordKind.RETIREMENT,),
    title="ACR retirements",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        *no_bearing(*_CORSIA_LONG),
        mapped("Retired on Behalf of", "beneficiary"),
        mapped("Retirement Reason", "reason"),
        mapped("Purpose of Retirement", "reason"),
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(RecordKind.RETIREMENT, cells.needed(row, "Credit Serial Numbers"))],
)

CANCELLATIONS: Final = ObservedSource(
    name="acr-cancellations",
    programme=Programme.ACR,
    kinds=(RecordKind.CANCELLATION,),
    title="ACR cancellations",
    attribution=ATTRIBUTION,
    columns=(
        *_ENDED_COLUMNS,
        *no_bearing(*_CORSIA_LONG),
        unmapped("ahID", "internal"),
        mapped("Cancellation Type", "reason"),
        mapped("Cancellation Details", "reason"),
    ),
    reader=lambda: _cancellation,
    identify=lambda row: [(RecordKind.CANCELLATION, cells.needed(row, "Credit Serial Numbers"))],
)

SOURCES: Final = (PROJECTS, ISSUANCES, RETIREMENTS, CANCELLATIONS)
