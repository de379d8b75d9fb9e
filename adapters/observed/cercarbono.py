"""Cercarbono: projects with places and coordinates, issuances, retirements, as EcoRegistry's API gives them.

Lists inside a cell are written as Python literals. An issuance names its series without numbers; a retirement names the
series and its first and last number. The issuance list does not say whose project it is: the project list does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.transports.tables import FieldRefused, Row
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
from mutual_recognition.periods import DateLayout, Period, parse_day
from mutual_recognition.refusal import Refusal

from . import cells
from .serial_texts import against_quantity, read_stated
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Cercarbono, data from EcoRegistry (www.ecoregistry.io), operated by EcoRegistry LLC"

STATUSES: Final = {
    "not assigned": ObservedStatus.NOT_STATED,
    "formulation": ObservedStatus.IN_PREPARATION,
    "in formulation": ObservedStatus.IN_PREPARATION,
    "in validation": ObservedStatus.IN_PREPARATION,
    "validation": ObservedStatus.IN_PREPARATION,
    "in validation and verification": ObservedStatus.IN_PREPARATION,
    "public consultation": ObservedStatus.IN_PREPARATION,
    "registered": ObservedStatus.REGISTERED,
    "in verification": ObservedStatus.REGISTERED,
    "verification": ObservedStatus.REGISTERED,
    "retired": ObservedStatus.WITHDRAWN,
    "cancelled": ObservedStatus.WITHDRAWN,
    "certified": ObservedStatus.REGISTERED,
    "finished": ObservedStatus.COMPLETED,
    "withdrawn": ObservedStatus.WITHDRAWN,
    "discarded": ObservedStatus.REJECTED,
}


def _project(row: Row) -> Iterable[Observed]:
    stage, name = cells.text(row, "stage"), cells.needed(row, "name")
    methodology = cells.text(row, "quantification_method")
    places = cells.literal(row, "locations")
    spot = places[0].get("data_map") if places else None
    latitude = longitude = ""
    if isinstance(spot, dict) and spot.get("latitude") is not None and spot.get("longitude") is not None:
        latitude = cells.checked_degrees(str(spot["latitude"]), "locations", 90)
        longitude = cells.checked_degrees(str(spot["longitude"]), "locations", 180)
    yield ObservedProject(
        programme=Programme.CERCARBONO,
        native_id=cells.needed(row, "id"),
        name=name,
        proponent=cells.text(row, "owner"),
        country=_joined(places, "country"),
        province=_joined(places, "region"),
        place=_joined(places, "city"),
        latitude=latitude,
        longitude=longitude,
        project_type=_joined(cells.literal(row, "sector"), "description"),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(STATUSES, stage),
        status_raw=stage,
        estimated_annual_kg=cells.tonnes_in_kg(row, "annualEstimated"),
        capacity_w=capacity_in(name),
        references=tuple(filter(None, [cells.text(row, "code")])),
    )


def _joined(items: list[dict[str, object]], key: str) -> str:
    values = [" ".join(str(item.get(key) or "").split()) for item in items]
    return "; ".join(dict.fromkeys(filter(None, values)))


PROJECTS: Final = ObservedSource(
    name="cercarbono-projects",
    programme=Programme.CERCARBONO,
    kinds=(RecordKind.PROJECT,),
    title="Cercarbono project list",
    attribution=ATTRIBUTION,
    columns=(
        mapped("id", "native_id"),
        mapped("code", "references"),
        unmapped("is_public", "only public projects are listed"),
        mapped("owner", "proponent"),
        unmapped("owner_id", "may hold a person's number: never mapped"),
        unmapped("developer", "the owner stands for the proponent"),
        unmapped("developer_id", "may hold a person's number: never mapped"),
        unmapped("validator", "no bearing on identity"),
        unmapped("verifier", "no bearing on identity"),
        unmapped("credits_type", "always the same"),
        mapped("name", "name, capacity_w"),
        unmapped("description", "the registry's text: kept in the raw row for screening, not shown"),
        unmapped("standard", "always the same"),
        mapped("sector", "project_type"),
        unmapped("evaluation_criteria", "no bearing on identity"),
        mapped("quantification_method", "methodology"),
        mapped("stage", "status"),
        mapped("locations", "country, province, place, latitude, longitude"),
        unmapped("serials", "stand in the issuance list"),
        mapped("annualEstimated", "estimated_annual_kg"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "id"))],
)


def _issuance(row: Row) -> Iterable[Observed]:
    serial = cells.needed(row, "serial")
    period = _vintage(row)
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.CERCARBONO,
        native_id=serial,
        project=_project_of(serial),
        unit_type="buffer" if cells.text(row, "is_buffer") == "True" else "",
        quantity_kg=cells.needed_tonnes_in_kg(row, "issued_quantity"),
        vintage=cells.year(row, "year"),
        period_first=period.first if period else None,
        period_last=period.last if period else None,
        issued_on=cells.day(row, "issuance_date"),
        serial_text=serial,
    )


def _vintage(row: Row) -> Period | None:
    written = cells.text(row, "vintage_of_credits")
    if not written:
        return None
    first, _, last = written.partition(" / ")
    try:
        return Period(parse_day(first, DateLayout.YMD), parse_day(last, DateLayout.YMD))
    except Refusal as refusal:
        raise FieldRefused(written, refusal.reason, field="vintage_of_credits", code=refusal.code) from None


def _project_of(serial: str) -> str:
    """The project's id, second in the series ("CDC_1_1_1_321_14_1_2009"); "" when it is not written so."""
    parts = serial.split("_")
    return parts[1] if len(parts) > 2 and parts[0] == "CDC" and parts[1].isdigit() else ""


ISSUANCES: Final = ObservedSource(
    name="cercarbono-issuances",
    programme=Programme.CERCARBONO,
    kinds=(RecordKind.ISSUANCE,),
    title="Cercarbono issuances (a series each, without numbers)",
    attribution=ATTRIBUTION,
    columns=(
        unmapped("verification", "part of the serial"),
        mapped("serial", "native_id, project"),
        mapped("issued_quantity", "quantity_kg"),
        mapped("issuance_date", "issued_on"),
        mapped("year", "vintage"),
        mapped("is_buffer", "unit_type"),
        mapped("vintage_of_credits", "period_first, period_last"),
        unmapped("global_goals", "no bearing on identity"),
        unmapped("elegible", "no bearing on identity"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "serial"))],
)


def _retirement_id(row: Row) -> str:
    return f"{cells.needed(row, 'serial')} {cells.needed(row, 'from')}-{cells.needed(row, 'to')}"


def _retirement(row: Row) -> Iterable[Observed]:
    quantity = cells.needed_tonnes_in_kg(row, "quantity")
    serial = cells.needed(row, "serial")
    read = read_stated(Programme.CERCARBONO, serial, cells.needed(row, "from"), cells.needed(row, "to"))
    yield ObservedUnits(
        record=RecordKind.RETIREMENT,
        programme=Programme.CERCARBONO,
        native_id=_retirement_id(row),
        project=cells.needed(row, "project_id"),
        project_name=cells.text(row, "project_name"),
        quantity_kg=quantity,
        vintage=cells.year(row, "vintage"),
        ended_on=cells.day(row, "date"),
        serial_text=_retirement_id(row),
        serials=against_quantity(read, quantity),
        beneficiary=cells.text(row, "end_user"),
        reason=cells.text(row, "certificate_destination"),
    )


RETIREMENTS: Final = ObservedSource(
    name="cercarbono-retirements",
    programme=Programme.CERCARBONO,
    kinds=(RecordKind.RETIREMENT,),
    title="Cercarbono retirements",
    attribution=ATTRIBUTION,
    columns=(
        mapped("project_name", "project_name"),
        mapped("project_id", "project"),
        mapped("serial", "native_id, serials"),
        mapped("vintage", "vintage"),
        mapped("certificate_destination", "reason"),
        mapped("end_user", "beneficiary"),
        unmapped("passive_subject", "who owes the tax: may be a person"),
        mapped("date", "ended_on"),
        mapped("quantity", "quantity_kg"),
        unmapped("public_consult", "a link that follows from the project's id"),
        mapped("from", "native_id, serials"),
        mapped("to", "native_id, serials"),
        unmapped("industry", "no bearing on identity"),
    ),
    reader=lambda: _retirement,
    identify=lambda row: [(RecordKind.RETIREMENT, _retirement_id(row))],
)

SOURCES: Final = (PROJECTS, ISSUANCES, RETIREMENTS)
