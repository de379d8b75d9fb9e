"""Isometric: projects with coordinates, issuances, retirements, as its API gives them, flattened. Quantities in kg.

Credits carry no serials here; every record has an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.transports.tables import Row
from mutual_recognition.observed import Observed, ObservedProject, ObservedStatus, ObservedUnits, Programme, RecordKind

from . import cells
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Isometric Registry (registry.isometric.com)"

STATUSES: Final = {
    "under validation": ObservedStatus.IN_PREPARATION,
    "validated": ObservedStatus.REGISTERED,
    "completed": ObservedStatus.COMPLETED,
    "validation unsuccessful": ObservedStatus.REJECTED,
    "cancelled": ObservedStatus.WITHDRAWN,
    "withdrawn": ObservedStatus.WITHDRAWN,
    "inactive": ObservedStatus.INACTIVE,
}

_TONNES: Final = "the same in tonnes: kilograms stand beside it"


def _project(row: Row) -> Iterable[Observed]:
    status, protocol = cells.text(row, "status"), cells.text(row, "protocol_slug")
    yield ObservedProject(
        programme=Programme.ISOMETRIC,
        native_id=cells.needed(row, "id"),
        name=cells.needed(row, "name"),
        proponent=cells.text(row, "supplier.organisation.name"),
        country=cells.text(row, "country_code"),
        place=cells.text(row, "location.description"),
        latitude=cells.degrees(row, "location.latitude", 90),
        longitude=cells.degrees(row, "location.longitude", 180),
        project_type=cells.text(row, "pathway"),
        methodology=protocol,
        status=status_of(STATUSES, status),
        status_raw=status,
        crediting_first=cells.day(row, "crediting_period_start"),
        crediting_last=cells.day(row, "crediting_period_end"),
        issued_kg=cells.kg(row, "issued_credits_total.credit_kgs"),
        retired_kg=cells.kg(row, "retired_credits_total.credit_kgs"),
        references=tuple(filter(None, [cells.text(row, "short_code")])),
        url=cells.text(row, "url"),
    )


_SUPPLIER: Final = (
    unmapped("supplier.id", "internal"),
    unmapped("supplier.short_description", "the registry's text: kept in the raw row"),
    unmapped("supplier.long_description", "the registry's text: kept in the raw row"),
    unmapped("supplier.organisation.id", "internal"),
    unmapped("supplier.organisation.domain", "no bearing on identity"),
    unmapped("supplier.location", "empty where its parts are given"),
    unmapped("supplier.location.country_code", "of the supplier, not of the project"),
    unmapped("supplier.location.country_name", "of the supplier, not of the project"),
    unmapped("supplier.location.latitude", "of the supplier, not of the project"),
    unmapped("supplier.location.longitude", "of the supplier, not of the project"),
    unmapped("supplier.location.description", "of the supplier, not of the project"),
)

PROJECTS: Final = ObservedSource(
    name="isometric-projects",
    programme=Programme.ISOMETRIC,
    kinds=(RecordKind.PROJECT,),
    title="Isometric project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("id", "native_id"),
        mapped("name", "name"),
        mapped("status", "status"),
        mapped("short_code", "references"),
        mapped("url", "url"),
        unmapped("process_key", "the pathway in more words"),
        mapped("pathway", "project_type"),
        mapped("protocol_slug", "methodology"),
        mapped("country_code", "country"),
        unmapped("validator_name", "no bearing on identity"),
        unmapped("current_verifier_name", "no bearing on identity"),
        mapped("crediting_period_start", "crediting_first"),
        mapped("crediting_period_end", "crediting_last"),
        mapped("supplier.organisation.name", "proponent"),
        *_SUPPLIER,
        unmapped("issued_credits_total.credits", _TONNES),
        mapped("issued_credits_total.credit_kgs", "issued_kg"),
        unmapped("retired_credits_total.credits", _TONNES),
        mapped("retired_credits_total.credit_kgs", "retired_kg"),
        unmapped("issued_buffer_pool_credits_total.credits", _TONNES),
        unmapped("issued_buffer_pool_credits_total.credit_kgs", "buffer pool"),
        unmapped("retired_buffer_pool_credits_total.credits", _TONNES),
        unmapped("retired_buffer_pool_credits_total.credit_kgs", "buffer pool"),
        unmapped("location.country_code", "the same as the project's country"),
        unmapped("location.country_name", "the same as the project's country"),
        mapped("location.latitude", "latitude"),
        mapped("location.longitude", "longitude"),
        mapped("location.description", "place"),
        unmapped("location", "empty where its parts are given"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "id"))],
)


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.ISOMETRIC,
        native_id=cells.needed(row, "id"),
        project=cells.needed(row, "project_id"),
        project_name=cells.text(row, "supplier.organisation.name"),
        quantity_kg=cells.needed_kg(row, "credit_batch_size_total.credit_kgs"),
        issued_on=cells.day(row, "issued_at"),
    )


ISSUANCES: Final = ObservedSource(
    name="isometric-issuances",
    programme=Programme.ISOMETRIC,
    kinds=(RecordKind.ISSUANCE,),
    title="Isometric issuances (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("id", "native_id"),
        mapped("issued_at", "issued_on"),
        mapped("project_id", "project"),
        mapped("supplier.organisation.name", "project_name"),
        *_SUPPLIER,
        unmapped("supplier_credit_batch_size_total.credits", _TONNES),
        unmapped("supplier_credit_batch_size_total.credit_kgs", "part of the total"),
        unmapped("buffer_pool_credit_batch_size_total.credits", _TONNES),
        unmapped("buffer_pool_credit_batch_size_total.credit_kgs", "part of the total"),
        unmapped("credit_batch_size_total.credits", _TONNES),
        mapped("credit_batch_size_total.credit_kgs", "quantity_kg"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "id"))],
)


def _retirement(row: Row) -> Iterable[Observed]:
    sequestered = cells.day(row, "sequestered_on")
    yield ObservedUnits(
        record=RecordKind.RETIREMENT,
        programme=Programme.ISOMETRIC,
        native_id=cells.needed(row, "retirement_id"),
        project=cells.needed(row, "project_id"),
        quantity_kg=cells.needed_kg(row, "credit_batch_size_total.credit_kgs"),
        vintage=sequestered.year if sequestered else None,
        ended_on=cells.day(row, "retired_at"),
        beneficiary=cells.text(row, "beneficiary.name"),
        reason="; ".join(filter(None, (cells.text(row, "purposes"), cells.text(row, "notes")))),
    )


RETIREMENTS: Final = ObservedSource(
    name="isometric-retirements",
    programme=Programme.ISOMETRIC,
    kinds=(RecordKind.RETIREMENT,),
    title="Isometric retirements (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("retirement_id", "native_id"),
        mapped("retired_at", "ended_on"),
        mapped("purposes", "reason"),
        unmapped("url", "follows from the id"),
        mapped("notes", "reason"),
        unmapped("beneficiary.id", "internal"),
        mapped("beneficiary.name", "beneficiary"),
        unmapped("beneficiary.domain", "no bearing on identity"),
        unmapped("owner.id", "internal"),
        unmapped("owner.name", "the beneficiary stands beside it"),
        unmapped("owner.domain", "no bearing on identity"),
        unmapped("credit_batch_size_total.credits", _TONNES),
        mapped("credit_batch_size_total.credit_kgs", "quantity_kg"),
        mapped("project_id", "project"),
        mapped("sequestered_on", "vintage"),
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(RecordKind.RETIREMENT, cells.needed(row, "retirement_id"))],
)

SOURCES: Final = (PROJECTS, ISSUANCES, RETIREMENTS)
