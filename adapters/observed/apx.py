"""What the registries that run on APX's software have in common: ACR, CAR, ART TREES. Days in the United States' order,
serials as "PREFIX-first to last", and issuances that carry no serial and no number of their own."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.transports.tables import Row
from mutual_recognition.observed import ObservedUnits, Programme, RecordKind
from mutual_recognition.periods import DateLayout
from mutual_recognition.schema_drift import KnownColumn

from . import cells
from .serial_texts import against_quantity, read_prefixed
from .source import unmapped

US = DateLayout.MDY
_OF_THE_PROJECT = "stands in the project list"
_NO_BEARING = "no bearing on identity"


def composed_id(row: Row, headings: Sequence[str]) -> str:
    """An id made of the cells that tell one row from another, where the registry gives rows no number."""
    return " | ".join(cells.text(row, heading) or "-" for heading in headings)


def artefacts(*headings: str) -> tuple[KnownColumn, ...]:
    """Columns that hold nothing: links that the export reduces to a word, and the empty last one."""
    return tuple(unmapped(heading, "an artefact of the export", required=False) for heading in headings)


def of_the_project(*headings: str) -> tuple[KnownColumn, ...]:
    """Columns that repeat the project list."""
    return tuple(unmapped(heading, _OF_THE_PROJECT) for heading in headings)


def no_bearing(*headings: str) -> tuple[KnownColumn, ...]:
    """Labels and eligibilities."""
    return tuple(unmapped(heading, _NO_BEARING) for heading in headings)


def ended_units(
    row: Row,
    record: RecordKind,
    programme: Programme,
    *,
    serial: str,
    quantity: str,
    project: str,
    name: str,
    country: str,
    ended: str,
    methodology: str,
    beneficiary: Sequence[str] = (),
    reason: Sequence[str] = (),
) -> ObservedUnits:
    """A retired or cancelled block; the arguments are headings."""
    text = cells.needed(row, serial)
    kg = cells.needed_tonnes_in_kg(row, quantity)
    return ObservedUnits(
        record=record,
        programme=programme,
        native_id=text,
        project=cells.needed(row, project),
        project_name=cells.text(row, name),
        country=cells.text(row, country),
        methodology=cells.text(row, methodology),
        quantity_kg=kg,
        vintage=cells.year(row, "Vintage"),
        ended_on=cells.day(row, ended, US),
        serial_text=row.text(serial),
        serials=against_quantity(read_prefixed(text, programme), kg),
        beneficiary="; ".join(filter(None, (cells.text(row, heading) for heading in beneficiary))),
        reason="; ".join(filter(None, (cells.text(row, heading) for heading in reason))),
    )
