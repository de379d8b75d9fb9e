"""California's compliance offsets: the issuance sheet of the Air Resources Board.

A row without an issuance id records a reporting period for which nothing was issued, or a reversal: it is no issuance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from adapters.transports.tables import Row
from mutual_recognition.observed import Observed, ObservedUnits, Programme, RecordKind

from . import cells
from .source import ObservedSource, mapped, unmapped

_LATER: Final = "what became of them since; totals, not records"
_RETIRED: Final = (
    "Invalidated or Canceled",
    "Buffer Pool Retired",
    "Retired for Intentional Reversal",
    "Retired Voluntarily",
    "Retired 1st Compliance Period (CA)",
    "Retired 2nd Compliance Period (CA)",
    "Retired 3rd Compliance Period (CA)",
    "Retired 4th Compliance Period (CA)",
    "Retired 5th Compliance Period (CA)",
    "Retired for Compliance in Quebec",
)


def _issuance(row: Row) -> Iterable[Observed]:
    yield ObservedUnits(
        record=RecordKind.ISSUANCE,
        programme=Programme.ARB,
        native_id=cells.needed(row, "CARB Issuance ID"),
        project=cells.needed(row, "CARB Project ID"),
        project_name=cells.text(row, "Offset Project Name"),
        country="US",
        unit_type="ARBOC",
        methodology=cells.text(row, "Project Type"),
        quantity_kg=cells.needed_tonnes_in_kg(row, "ARB Offset Credits Issued"),
        vintage=cells.year(row, "Vintage"),
        period_first=cells.day(row, "Reporting Period Start Date"),
        period_last=cells.day(row, "Reporting Period End Date"),
        issued_on=cells.day(row, "Issuance Date"),
        references=tuple(filter(None, [cells.text(row, "OPR Project ID")])),
    )


def _without_issuance() -> Callable[[Row], bool]:
    return lambda row: not row.text("CARB Issuance ID") and not row.text("ARB Offset Credits Issued")


ISSUANCES: Final = ObservedSource(
    name="arb-issuances",
    programme=Programme.ARB,
    kinds=(RecordKind.ISSUANCE,),
    title="ARB offset credit issuance table",
    attribution="California Air Resources Board (arb.ca.gov)",
    columns=(
        mapped("CARB Project ID", "project"),
        mapped("OPR Project ID", "references"),
        unmapped("Reporting Period", "its dates stand beside it"),
        mapped("Project Type", "methodology"),
        unmapped("Early Action/ Compliance", "no bearing on identity"),
        mapped("Reporting Period Start Date", "period_first"),
        mapped("Reporting Period End Date", "period_last"),
        mapped("Vintage", "vintage"),
        mapped("ARB Offset Credits Issued", "quantity_kg"),
        unmapped("Forest Buffer Account Contribution", "part of the total"),
        mapped("Issuance Date", "issued_on"),
        unmapped("Invalidation Timeframe", "no bearing on identity"),
        unmapped("Date Invalidation Period Reduced", "no bearing on identity"),
        unmapped("Start of Invalidation Timeframe", "no bearing on identity"),
        mapped("Offset Project Name", "project_name"),
        unmapped("Offset Project Operator", "stands in the registry's project list"),
        unmapped("Verification Body", "no bearing on identity"),
        unmapped("State", "stands in the registry's project list"),
        unmapped("Provides DEBS", "no bearing on identity"),
        unmapped("Section 95989(b) Documentation, if applicable", "no bearing on identity"),
        unmapped("Project Documentation", "a link that follows from the registry's id"),
        unmapped("Intentional Reversal", _LATER),
        unmapped("Unintentional Reversal", _LATER),
        mapped("CARB Issuance ID", "native_id"),
        *(unmapped(heading, _LATER) for heading in _RETIRED),
        unmapped("Comment", "prose: kept in the raw row"),
    ),
    reader=lambda: _issuance,
    identify=lambda row: [(RecordKind.ISSUANCE, cells.needed(row, "CARB Issuance ID"))],
    skipping=_without_issuance,
)

SOURCES: Final = (ISSUANCES,)
