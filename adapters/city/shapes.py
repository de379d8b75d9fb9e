"""The eight kinds of records as a city writes them, from its own names and its own ways of writing values.

A city says how each kind and each field is called, and how days, quantities, serial ranges, statuses and the like
are written (`Habits`); what a field means and whether it may be empty is the same for every city and stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from adapters.city import records as city
from adapters.city.columns import Column, Read, Shape, decimal, degrees, needed, text, verbatim, whole, whole_or_zero
from adapters.city.columns import member as member_code
from adapters.city.records import CityRecord, Parameter, Status, UnitRange
from mutual_recognition.documents import Json


@dataclass(frozen=True, slots=True)
class Habits:
    """How one city writes values. Each reads a native value and raises `Refusal` for one that cannot be right.

    `open_day` is None where a day is left open. `kg` is above zero, `kg_or_zero` may be 0; both give whole kgCO2e.
    `first_day` and `last_day` are the ends of a monitoring period. `besides` are readings of single attributes.
    """

    status: Callable[[Json], Status]
    day: Read
    open_day: Read
    kg: Read
    kg_or_zero: Read
    yes_no: Read
    texts: Callable[[Json], tuple[str, ...]]
    parameters: Callable[[Json], tuple[Parameter, ...]]
    ranges: Callable[[Json], tuple[UnitRange, ...]]
    first_day: Read | None = None
    last_day: Read | None = None
    serial: Read = whole
    besides: Mapping[str, Read] = field(default_factory=dict)

    def reading(self, attribute: str) -> Read:
        """How the value of `attribute` is read."""
        return self.besides.get(attribute) or self._readings()[attribute]

    def _readings(self) -> Mapping[str, Read]:
        by_habit: tuple[tuple[Read, tuple[str, ...]], ...] = (
            (self.status, ("status", "decision")),
            (
                self.day,
                (
                    *("filed_on", "valid_from", "grid_date", "crediting_start", "crediting_end", "registered_on"),
                    *("verified_on", "issued_on", "requested_on", "retired_on", "corrected_on"),
                ),
            ),
            (self.open_day, ("valid_to",)),
            (self.kg, ("quantity_kg", "verified_kg")),
            (self.kg_or_zero, ("accepted_kg", "cut_kg", "returned_kg", "taken_kg", "received_kg")),
            (self.yes_no, ("ets_site", "rural")),
            (self.texts, ("gases", "assets", "references")),
            (self.parameters, ("parameters",)),
            (self.ranges, ("ranges", "kept")),
            (self.serial, ("serial_first", "serial_last")),
        )
        found = dict(_ALIKE)
        found |= {attribute: read for read, attributes in by_habit for attribute in attributes}
        return found | {"period_start": self.first_day or self.day, "period_end": self.last_day or self.day}


_ALIKE: Final[Mapping[str, Read]] = {
    attribute: read
    for read, attributes in (
        (needed, ("native_id", "code", "version", "title_zh", "formula", "document_sha256", "name_zh", "proponent")),
        (needed, ("uscc", "methodology", "project", "report_sha256", "verification", "series", "purpose", "issuance")),
        (verbatim, ("document",)),
        (decimal, ("capacity_kw", "activity_kwh", "emission_factor")),
        (degrees, ("longitude", "latitude")),
        (whole, ("crediting_years", "life_years", "vintage", "kg_per_serial", "factor_ppm")),
        (whole_or_zero, ("compliance_year",)),
        (member_code, ("to_member", "from_member")),
        (text, ("title_en", "issuer", "applicability", "boundary", "baseline", "monitoring", "lineage", "supersedes")),
        (text, ("name_en", "site", "other_mechanism", "co_benefits", "verifier", "account", "reissue_of")),
        (text, ("to_account", "reviewer", "reason", "deadline", "decision_reason", "beneficiary", "beneficiary_uscc")),
        (text, ("reissue", "label")),
    )
    for attribute in attributes
}

Names: TypeAlias = Mapping[str, str]
"""Attribute of the typed record to the city's own name of the field, in the registry's order; its number first."""

_MODELS: Final[tuple[type[CityRecord], ...]] = (
    city.Methodology,
    city.Project,
    city.Verification,
    city.Issuance,
    city.TransferOut,
    city.TransferIn,
    city.Retirement,
    city.Correction,
)


def shapes(
    habits: Habits, kinds: Mapping[type[CityRecord], tuple[str, Names]], *, label: str, reissue_first: str
) -> dict[str, Shape[Any]]:
    """Every kind's shape by the city's name of the kind.

    `label` is the field that ends every record; `reissue_first` is the name under which the adapter adds the first
    serial of the issuance that a reissue replaces. Raises ValueError for a mapping that leaves something out.
    """
    found: dict[str, Shape[Any]] = {}
    for model in _MODELS:
        kind, names = kinds[model]
        missing = set(model.model_fields) - set(names) - {"label", "reissue_first"}
        if missing:
            raise ValueError(f"{kind} has no name for {', '.join(sorted(missing))}")
        columns = [Column(name, attribute, habits.reading(attribute)) for attribute, name in names.items()]
        beside = (Column(reissue_first, "reissue_first", habits.serial),) if model is city.Issuance else ()
        found[kind] = Shape(kind, model, (*columns, Column(label, "label", text)), beside)
    return found
