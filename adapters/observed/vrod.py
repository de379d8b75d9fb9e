"""Berkeley Voluntary Registry Offsets Database, version 3: Gold Standard and Verra projects, Verra issuances, 2021.

Its project ids are the programmes' with letters before them ("GS1000", "VCS934"); the programme's own stands among the
references.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.transports.tables import FieldRefused, Row
from mutual_recognition.observed import (
    Observed,
    ObservedProject,
    ObservedUnits,
    Programme,
    RecordKind,
    capacity_in,
    methodology_codes,
)
from mutual_recognition.periods import DateLayout

from . import cells, gold_standard, verra
from .source import ObservedSource, mapped, status_of, unmapped

ATTRIBUTION: Final = "Voluntary Registry Offsets Database, Berkeley Carbon Trading Project (gspp.berkeley.edu)"

_REGISTRIES: Final = {
    "GOLD": (Programme.GOLD_STANDARD, "GS", gold_standard.STATUSES),
    "VCS": (Programme.VERRA, "VCS", verra.STATUSES),
}


def _project(row: Row) -> Iterable[Observed]:
    registry = cells.needed(row, "Voluntary Registry")
    if registry not in _REGISTRIES:
        raise FieldRefused(
            registry, "no registry known here (GOLD, VCS)", field="Voluntary Registry", code="registry_unknown"
        )
    programme, prefix, statuses = _REGISTRIES[registry]
    status, name = cells.text(row, "Voluntary Status"), cells.needed(row, "Project Name")
    methodology = cells.text(row, "Methodology / Protocol")
    yield ObservedProject(
        programme=programme,
        native_id=cells.needed(row, "Project ID"),
        name=name,
        proponent=cells.text(row, "Project Developer"),
        country=cells.text(row, "Country"),
        province=cells.text(row, "State"),
        place=cells.text(row, "Project Site Location"),
        project_type=" / ".join(filter(None, (cells.text(row, "Scope"), cells.text(row, "Type")))),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=status_of(statuses, status),
        status_raw=status,
        estimated_annual_kg=cells.tonnes_in_kg(row, "Estimated Annual Emission Reductions"),
        issued_kg=cells.tonnes_in_kg(row, "Total Credits Issued"),
        retired_kg=cells.tonnes_in_kg(row, "Total Credits Retired"),
        capacity_w=capacity_in(name),
        references=tuple(
            filter(None, [cells.needed(row, "Project ID").removeprefix(prefix), cells.text(row, "ARB ID")])
        ),
        url=cells.text(row, "Registry Documents"),
    )


PROJECTS: Final = ObservedSource(
    name="vrod-projects-2021",
    programme=Programme.VERRA,
    kinds=(RecordKind.PROJECT,),
    title="VROD projects of Gold Standard and Verra, 2021",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Project ID", "native_id, references"),
        mapped("Project Name", "name, capacity_w"),
        mapped("Voluntary Registry", "programme"),
        unmapped("ARB Project", "follows from the ARB id"),
        mapped("Voluntary Status", "status"),
        mapped("Scope", "project_type"),
        mapped("Type", "project_type"),
        mapped("Methodology / Protocol", "methodology"),
        unmapped("Region", "follows from the country"),
        mapped("Country", "country"),
        mapped("State", "province"),
        mapped("Project Site Location", "place"),
        mapped("Project Developer", "proponent"),
        mapped("Total Credits Issued", "issued_kg"),
        mapped("Total Credits Retired", "retired_kg"),
        unmapped("Total Credits Remaining", "the difference of the two before"),
        unmapped("First Year of Project", "computed by the database's makers"),
        unmapped("Project Owner", "the developer stands for the proponent"),
        unmapped("Offset Project Operator", "filled five times"),
        unmapped("Authorized Project Designee", "filled once"),
        unmapped("Verifier", "no bearing on identity"),
        mapped("Estimated Annual Emission Reductions", "estimated_annual_kg"),
        unmapped("PERs", "another product"),
        unmapped("Registry / ARB", "the registry stands beside it"),
        unmapped("ARB Project Detail", "follows from the ARB id"),
        mapped("ARB ID", "references"),
        unmapped("Project Listed", "always empty"),
        unmapped("Project Registered", "filled once, with a spreadsheet's number"),
        unmapped("CCB / Certifications", "no bearing on identity"),
        unmapped("Project Type", "the registry's word for the type"),
        mapped("Registry Documents", "url"),
        unmapped("Project Website", "the registry's page"),
        *(unmapped(f"Issued {year}", "totals by year") for year in range(1996, 2022)),
        unmapped("Notes from Registry", "always empty"),
        unmapped("Notes from Berkeley Carbon Trading Project", "prose: kept in the raw row"),
        unmapped("Date added to database", "the database's own"),
        unmapped("first issuance yr (no hard code, hide w formulas)", "computed by the database's makers"),
    ),
    reader=lambda: _project,
    identify=lambda row: [(RecordKind.PROJECT, cells.needed(row, "Project ID"))],
)


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.VERRA,
        native_id=cells.needed(row, "Unique Vintages"),
        project=cells.needed(row, "Project ID"),
        project_name=cells.text(row, "Project Name"),
        unit_type="VCU",
        quantity_kg=cells.needed_tonnes_in_kg(row, "Credits Issued"),
        vintage=cells.year(row, "Vintage Year"),
        issued_on=cells.day(row, "Issuance Date", DateLayout.MDY),
    )


ISSUANCES: Final = ObservedSource(
    name="vrod-verra-issuances-2021",
    programme=Programme.VERRA,
    kinds=(RecordKind.ISSUANCE,),
    title="VROD issuances of Verra, 2021 (without serials)",
    attribution=ATTRIBUTION,
    columns=(
        mapped("Unique Vintages", "native_id"),
        mapped("Project ID", "project"),
        unmapped("VCS + ID", "the project's id with letters"),
        mapped("Vintage Year", "vintage"),
        mapped("Issuance Date", "issued_on"),
        unmapped("Issuance Year", "follows from the date"),
        mapped("Project Name", "project_name"),
        mapped("Credits Issued", "quantity_kg"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "Unique Vintages"))],
)

SOURCES: Final = (PROJECTS, ISSUANCES)
