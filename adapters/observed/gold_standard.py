"""Gold Standard: the project list, issuances and retirements as its registry exports them, and its API's JSON.

Rows of type CER are mirror listings: the units are the CDM registry's, and so are their serials. The API's fields are
those that public users of it name; no answer of it lies in the data folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
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
from mutual_recognition.periods import DateLayout
from mutual_recognition.schema_drift import KnownColumn

from . import cells
from .serial_texts import against_quantity, read_gold_standard
from .source import Form, ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Gold Standard Impact Registry (registry.goldstandard.org)"

STATUSES: Final = {
    "listed": ObservedStatus.IN_PREPARATION,
    "new": ObservedStatus.IN_PREPARATION,
    "gold standard certified design": ObservedStatus.REGISTERED,
    "gold standard certified project": ObservedStatus.REGISTERED,
    "deregistered": ObservedStatus.WITHDRAWN,
    "rejected": ObservedStatus.REJECTED,
}


def _project(row: Row) -> Iterable[Observed]:
    status, name = cells.text(row, "Status"), cells.needed(row, "Project Name")
    methodology = cells.text(row, "Methodology")
    yield ObservedProject(
        programme=Programme.GOLD_STANDARD,
        native_id=cells.needed(row, "GSID"),
        name=name,
        proponent=cells.text(row, "Project Developer Name"),
        country=cells.text(row, "Country"),
        project_type=cells.text(row, "Project Type"),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, status),
        status_raw=status,
        estimated_annual_kg=cells.tonnes_in_kg(row, "Estimated Annual Credits"),
        capacity_w=capacity_in(name),
        parent=cells.identifier(row, "POA GSID"),
    )


PROJECTS: Final = ObservedSource(
    name="gold-standard-projects",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.PROJECT,),
    title="Gold Standard project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("GSID", "native_id"),
        mapped("Project Name", "name, capacity_w"),
        mapped("Project Developer Name", "proponent"),
        mapped("Status", "status"),
        unmapped("Sustainable Development Goals", "no bearing on identity"),
        mapped("Project Type", "project_type"),
        mapped("Country", "country"),
        unmapped("Description", "the registry's text: kept in the raw row for screening, not shown"),
        mapped("Estimated Annual Credits", "estimated_annual_kg"),
        mapped("Methodology", "methodology"),
        unmapped("Size", "follows from the capacity"),
        unmapped("Programme of Activities", "said by the parent"),
        mapped("POA GSID", "parent"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "GSID"))],
)

ENDED: Final = {
    "retired": RecordKind.RETIREMENT,
    "canceled": RecordKind.CANCELLATION,
    "cancelled": RecordKind.CANCELLATION,
}


def _units(
    row: Row, record: RecordKind, layout: DateLayout, unit_type: str, ended: date | None = None
) -> ObservedUnits:
    serial = cells.needed(row, "Serial Number")
    quantity = cells.needed_tonnes_in_kg(row, "Quantity")
    return ObservedUnits(
        record=record,
        programme=Programme.GOLD_STANDARD,
        native_id=serial,
        project=cells.needed(row, "GSID"),
        project_name=cells.text(row, "Project Name"),
        country=cells.text(row, "Country"),
        unit_type=unit_type,
        methodology=cells.text(row, "Methodology"),
        quantity_kg=quantity,
        vintage=cells.year(row, "Vintage"),
        period_first=cells.day(row, "Monitoring Period Start", layout),
        period_last=cells.day(row, "Monitoring Period End", layout),
        issued_on=cells.day(row, "Issuance Date"),
        ended_on=ended,
        serial_text=row.text("Serial Number"),
        serials=against_quantity(read_gold_standard(serial, is_cer=unit_type == "CER"), quantity),
        status_raw=cells.text(row, "Credit Status"),
    )


def _issuance_2021(row: Row) -> Iterable[Observed]:
    yield _units(row, RecordKind.ISSUANCE, DateLayout.MDY, cells.text(row, "Product Type"))


def _issuance(row: Row) -> Iterable[Observed]:
    yield _units(row, RecordKind.ISSUANCE, DateLayout.YMD, cells.text(row, "Product Type"))


def _ending(row: Row) -> RecordKind:
    return ENDED.get(cells.text(row, "Credit Status").casefold(), RecordKind.RETIREMENT)


def _retirement(row: Row) -> Iterable[Observed]:
    units = _units(
        row, _ending(row), DateLayout.YMD, cells.text(row, "Product Type"), cells.day(row, "Retirement Date")
    )
    yield replace(
        units,
        beneficiary=cells.text(row, "Using Entity"),
        reason="; ".join(filter(None, (cells.text(row, "Use Case"), cells.text(row, "Note")))),
    )


_OF_THE_PROJECT: Final = "stands in the project list"
_UNIT_COLUMNS: Final = (
    mapped("Vintage", "vintage"),
    mapped("Credit Status", "status_raw"),
    mapped("Quantity", "quantity_kg"),
    mapped("GSID", "project"),
    mapped("Project Name", "project_name"),
    unmapped("Project Developer", _OF_THE_PROJECT),
    mapped("Country", "country"),
    unmapped("Project Type", _OF_THE_PROJECT),
    mapped("Product Type", "unit_type"),
    mapped("Methodology", "methodology"),
    unmapped("Programme of Activities", _OF_THE_PROJECT),
    unmapped("POA GSID", _OF_THE_PROJECT),
    mapped("Issuance Date", "issued_on"),
    mapped("Monitoring Period Start", "period_first"),
    mapped("Monitoring Period End", "period_last"),
    mapped("Serial Number", "native_id, serials"),
)
_LABELS: Final = (
    unmapped("Label", "no bearing on identity"),
    unmapped("Article Six Authorization", "no bearing on identity"),
)

ISSUANCES_2021: Final = ObservedSource(
    name="gold-standard-issuances-2021",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.ISSUANCE,),
    title="Gold Standard issuances, as exported until 2021",
    attribution=ATTRIBUTION,
    columns=(
        unmapped("Project ID", "the GSID with its letters"),
        *_UNIT_COLUMNS,
        unmapped("Issuance Year", "follows from the date of issuance"),
        unmapped("Eligible for CORSIA?", "no bearing on identity"),
    ),
    reader=lambda: _issuance_2021,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "Serial Number"))],
)

ISSUANCES: Final = ObservedSource(
    name="gold-standard-issuances",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.ISSUANCE,),
    title="Gold Standard issuances",
    attribution=ATTRIBUTION,
    columns=(*_UNIT_COLUMNS, *_LABELS),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "Serial Number"))],
)

RETIREMENTS: Final = ObservedSource(
    name="gold-standard-retirements",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.RETIREMENT, RecordKind.CANCELLATION),
    title="Gold Standard retirements and cancellations",
    attribution=ATTRIBUTION,
    columns=(
        *_UNIT_COLUMNS,
        mapped("Retirement Date", "ended_on"),
        mapped("Note", "reason"),
        unmapped("Aeroplane Operator Name", "no bearing on identity"),
        mapped("Use Case", "reason"),
        mapped("Using Entity", "beneficiary"),
        *_LABELS,
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(_ending(row), cells.needed(row, "Serial Number"))],
)

# ---------------------------------------------------------------- the API's JSON


def _api_project(row: Row) -> Iterable[Observed]:
    status, name = cells.text(row, "status"), cells.needed(row, "name")
    methodology = cells.text(row, "methodology")
    yield ObservedProject(
        programme=Programme.GOLD_STANDARD,
        native_id=cells.needed(row, "sustaincert_id"),
        name=name,
        proponent=cells.text(row, "project_developer"),
        country=cells.text(row, "country_code") or cells.text(row, "country"),
        province=cells.text(row, "state"),
        latitude=cells.degrees(row, "latitude", 90),
        longitude=cells.degrees(row, "longitude", 180),
        project_type=cells.text(row, "type"),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, status),
        status_raw=status,
        listed_on=cells.day(row, "created_at"),
        crediting_first=cells.day(row, "crediting_period_start_date"),
        crediting_last=cells.day(row, "crediting_period_end_date"),
        estimated_annual_kg=cells.tonnes_in_kg(row, "estimated_annual_credits"),
        capacity_w=capacity_in(name),
        parent=cells.identifier(row, "poa_project_sustaincert_id"),
        references=tuple(filter(None, [cells.text(row, "id")])),
        url=cells.text(row, "sustaincert_url"),
    )


def _optional(*columns: KnownColumn) -> tuple[KnownColumn, ...]:
    """Keys that a JSON object leaves out when it has nothing to say."""
    return tuple(KnownColumn(c.heading, c.use, c.mapped, required=False) for c in columns)


API_PROJECTS: Final = ObservedSource(
    name="gold-standard-api-projects",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.PROJECT,),
    title="Gold Standard API: a page of projects",
    attribution=ATTRIBUTION,
    form=Form.JSON,
    whole=False,
    columns=(
        mapped("id", "references"),
        mapped("name", "name, capacity_w"),
        mapped("status", "status"),
        mapped("sustaincert_id", "native_id"),
        mapped("country", "country"),
        mapped("estimated_annual_credits", "estimated_annual_kg"),
        *_optional(
            mapped("type", "project_type"),
            mapped("methodology", "methodology"),
            mapped("project_developer", "proponent"),
            mapped("country_code", "country"),
            mapped("state", "province"),
            mapped("latitude", "latitude"),
            mapped("longitude", "longitude"),
            mapped("created_at", "listed_on"),
            mapped("crediting_period_start_date", "crediting_first"),
            mapped("crediting_period_end_date", "crediting_last"),
            mapped("poa_project_sustaincert_id", "parent"),
            mapped("sustaincert_url", "url"),
            unmapped("description", "the registry's text: kept in the raw row for screening, not shown"),
            unmapped("gsf_standards_version", "no bearing on identity"),
            unmapped("size", "follows from the capacity"),
            unmapped("carbon_stream", "said by the units"),
            unmapped("crediting_periods", "the current one stands beside it"),
            unmapped("programme_of_activities", "said by the parent"),
            unmapped("poa_project_id", "the parent by its internal number"),
            unmapped("poa_project_name", "stands with the parent"),
            unmapped("sustainable_development_goals", "no bearing on identity"),
            unmapped("labels", "no bearing on identity"),
            unmapped("updated_at", "changes without the record changing"),
        ),
    ),
    reader=lambda: _api_project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "sustaincert_id"))],
)


def _api_credit(row: Row) -> Iterable[Observed]:
    serial = cells.needed(row, "serial_number")
    quantity = cells.needed_tonnes_in_kg(row, "number_of_credits")
    unit_type = cells.text(row, "product.abbreviation") or cells.text(row, "product.name")
    status = cells.text(row, "status")
    kind = ENDED.get(status.casefold(), RecordKind.ISSUANCE)
    yield ObservedUnits(
        record=kind,
        programme=Programme.GOLD_STANDARD,
        native_id=serial,
        project=cells.needed(row, "project.sustaincert_id"),
        project_name=cells.text(row, "project.name"),
        country=cells.text(row, "project.country_code"),
        unit_type=unit_type,
        quantity_kg=quantity,
        vintage=cells.year(row, "vintage"),
        period_first=cells.day(row, "monitoring_period_start_date"),
        period_last=cells.day(row, "monitoring_period_end_date"),
        issued_on=cells.day(row, "certified_date"),
        serial_text=row.text("serial_number"),
        serials=against_quantity(read_gold_standard(serial, is_cer="CER" in unit_type.upper()), quantity),
        reason=cells.text(row, "note"),
        status_raw=status,
    )


API_CREDITS: Final = ObservedSource(
    name="gold-standard-api-credits",
    programme=Programme.GOLD_STANDARD,
    kinds=(RecordKind.ISSUANCE, RecordKind.RETIREMENT, RecordKind.CANCELLATION),
    title="Gold Standard API: a page of credit blocks",
    attribution=ATTRIBUTION,
    form=Form.JSON,
    whole=False,
    columns=(
        mapped("serial_number", "native_id, serials"),
        mapped("number_of_credits", "quantity_kg"),
        mapped("status", "status_raw"),
        mapped("vintage", "vintage"),
        mapped("project.sustaincert_id", "project"),
        *_optional(
            mapped("project.name", "project_name"),
            mapped("project.country_code", "country"),
            mapped("product.abbreviation", "unit_type"),
            mapped("product.name", "unit_type"),
            mapped("monitoring_period_start_date", "period_first"),
            mapped("monitoring_period_end_date", "period_last"),
            mapped("certified_date", "issued_on"),
            mapped("note", "reason"),
            unmapped("id", "internal"),
            unmapped("project.id", "internal"),
            unmapped("product.id", "internal"),
            unmapped("batch_number", "part of the serial"),
            unmapped("starting_credit_number", "part of the serial"),
            unmapped("ending_credit_number", "part of the serial"),
            unmapped("is_active", "said by the status"),
            unmapped("labels", "no bearing on identity"),
            unmapped("retirement_use_case", "no bearing on identity"),
            unmapped("created_at", "internal"),
            unmapped("updated_at", "changes without the record changing"),
        ),
    ),
    reader=lambda: _api_credit,
    identify=lambda row: [
        (
            ENDED.get(cells.text(row, "status").casefold(), RecordKind.ISSUANCE),
            cells.needed(row, "serial_number"),
        )
    ],
)

SOURCES: Final = (PROJECTS, ISSUANCES_2021, ISSUANCES, RETIREMENTS, API_PROJECTS, API_CREDITS)
