"""A city's whole mapping in one object: its kinds of records, its words, its books, and how it takes effects.

A city's `mapping.py` fills it in; the adapters of `feed.py`, `file_feed.py` and `rest_feed.py` do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from adapters.city.columns import Shape
from adapters.city.records import Status, UnitRange
from adapters.city.telling import Told, Value
from hub.errors import ConfigurationWrong
from mutual_recognition.documents import Json
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose


class HoldingLine(BaseModel):
    """A line of a registry's books: serials, their status there, and the member that holds them now when they have
    left (0: they are here)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    units: UnitRange
    status: Status
    elsewhere: int = 0


TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "transfer_proposed": ("转出已上链", "transfer proposed"),
    "transfer_accepted": ("转出完成", "transfer accepted"),
    "transfer_rejected": ("转出被拒", "transfer rejected"),
    "transfer_expired": ("转出过期", "transfer expired"),
    "transfer_withdrawn": ("转出撤回", "transfer withdrawn"),
    "incoming_pending": ("转入待确认", "transfer on its way here"),
    "incoming_final": ("转入完成", "transfer in final"),
    "incoming_returned": ("转入退回", "transfer in returned"),
    "retired_elsewhere": ("异地注销", "retired elsewhere"),
    "cancelled_elsewhere": ("异地作废", "cancelled elsewhere"),
    "moved_elsewhere": ("异地转移", "moved elsewhere"),
    "cancelled": ("裁定作废", "cancelled by ballot"),
    "held": ("冻结", "held"),
    "lifted": ("解冻", "hold lifted"),
    "recognition_changed": ("互认变更", "recognition changed"),
    "record_status": ("登记结果", "outcome of a record"),
}
"""Everything that a registry is told (`telling.py`), as a person reads it."""

WHAT: Final = tuple(TITLES)


def instant_in_shanghai(value: datetime) -> str:
    """ISO 8601 to the second, at UTC+8."""
    return value.astimezone(UTC_PLUS_8).isoformat(timespec="seconds")


def units_as_object(units: UnitRange) -> Json:
    """A range as an object with fields of our own choice, for a registry that has none."""
    return {
        "home": f"{units.home:06d}",
        "series": units.series,
        "kg_per_serial": units.kg_per_serial,
        "first": str(units.serials.first),
        "last": str(units.serials.last),
    }


@dataclass(frozen=True, slots=True)
class EffectForm:
    """How a registry takes effects: what it calls each thing and each field (a name left out stays the hub's own), and
    how it writes days, instants and ranges. `lists` False: ranges and lists become one text, joined by `joined_by`.
    `key` is the field with the effect's key. `item` heads the short number of a work item, which a person types
    instead. `read_units` reads a range back that `write_units` wrote (for the sample registry)."""

    key: str = "key"
    what: str = "what"
    occurred_at: str = "occurred_at"
    proof: str = "proof"
    words: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    write_day: Callable[[date], Json] = date.isoformat
    write_instant: Callable[[datetime], Json] = instant_in_shanghai
    write_units: Callable[[UnitRange], Json] = units_as_object
    read_units: Callable[[Json], UnitRange] | None = None
    lists: bool = True
    item: str = "工作单号 / work item"
    joined_by: str = ";"

    def body(self, key: str, told: Told) -> dict[str, Json]:
        """An effect as this registry takes it."""
        body: dict[str, Json] = {
            self.key: key,
            self.what: self.words.get(told.what, told.what),
            self.occurred_at: self.write_instant(told.occurred_at),
            self.proof: told.proof,
        }
        return body | {self.fields.get(name, name): self._written(value) for name, value in told.fields.items()}

    def typed(self, number: str, told: Told) -> dict[str, str]:
        """An effect as a person types it: every value a text, under `number`; what is empty is left out."""
        body = {self.item: number} | self.body("", told)  # the key is for programs: nobody types it
        return {name: text for name, value in body.items() if (text := _as_text(value, self.joined_by))}

    def _written(self, value: Value) -> Json:
        match value:
            case datetime():
                return self.write_instant(value)
            case date():
                return self.write_day(value)
            case tuple():
                items = [self.write_units(item) if isinstance(item, UnitRange) else item for item in value]
                return items if self.lists else self.joined_by.join(str(item) for item in items)
            case _:
                return value


def _as_text(value: Json, joined_by: str) -> str:
    if isinstance(value, list):
        return joined_by.join(_as_text(item, joined_by) for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_as_text(part, joined_by)}" for name, part in value.items())
    return "" if value is None else str(value)


def _united(shapes: tuple[Shape[Any], ...]) -> Shape[Any] | tuple[Shape[Any], ...]:
    """The shapes of one kind, each knowing what another says of a field: that it is ignored, or may be absent."""
    if len(shapes) == 1:
        return shapes[0]
    ignored = frozenset[str]().union(*(shape.ignored for shape in shapes))
    optional = frozenset[str]().union(*(shape.optional for shape in shapes))
    return tuple(
        replace(shape, ignored=ignored - set(shape.names), optional=optional & set(shape.names) | shape.optional)
        for shape in shapes
    )


@dataclass(frozen=True, slots=True)
class CityMapping:
    """`shapes`: each native kind in the order in which kinds build on each other; a kind that says two things at once
    (an issuance with its verification) has two shapes: what one of them ignores or may miss, it need not say again in
    the other. `holding`: a line of the books; None: it publishes none.
    `effects`: how it takes effects, or how a person types them where its adapter pushes none (None: in the hub's own
    words), on `bookings` (the form, screen or sheet). `passed_over`: kinds that the hub has no
    interest in, each with the reason. Raises ConfigurationWrong for a shape that leaves attributes of its record out.
    """

    title: str
    shapes: Mapping[str, Shape[Any] | Sequence[Shape[Any]]]
    purposes: Mapping[str, Purpose]
    holding: Shape[HoldingLine] | None = None
    effects: EffectForm | None = None
    bookings: str = "互认登记 / bookings of the hub"
    passed_over: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", {kind: _united(self.shapes_of(kind)) for kind in self.shapes})
        every = [shape for kind in self.shapes for shape in self.shapes_of(kind)]
        for shape in [*every, *([self.holding] if self.holding else [])]:
            filled = {column.attribute for column in (*shape.columns, *shape.beside)}
            filled |= set(shape.constants) | set(shape.derived)
            fields = shape.model.model_fields
            left_out = [name for name, about in fields.items() if about.is_required() and name not in filled]
            unknown = sorted(filled - set(fields))
            if left_out or unknown:
                raise ConfigurationWrong(
                    f"the mapping of {shape.kind} does not fill {shape.model.__name__} (left out: "
                    f"{', '.join(left_out) or 'nothing'}; no such attribute: {', '.join(unknown) or 'none'})",
                    code="mapping_incomplete",
                    what=shape.kind,
                    where="the adapter's mapping",
                    remedy="give each attribute a column, a constant or a derivation",
                )

    def shapes_of(self, kind: str) -> tuple[Shape[Any], ...]:
        """The shapes of a native kind; none for a kind that the mapping does not know."""
        found = self.shapes.get(kind, ())
        return (found,) if isinstance(found, Shape) else tuple(found)

    def names_of(self, kind: str) -> list[str]:
        """Every native field of a kind that some shape of it reads."""
        return list(dict.fromkeys(name for shape in self.shapes_of(kind) for name in shape.names))

    def check_names(self, kind: str, names: Sequence[str], where: str) -> None:
        """Raises ConfigurationWrong (`schema_changed`) when the fields of a record are not those of the mapping."""
        shapes = self.shapes_of(kind)
        every = {name for shape in shapes for name in (*shape.names, *(column.name for column in shape.beside))}
        for shape in shapes:
            known_to_others = every - set(shape.names)
            shape.check_names([name for name in names if name not in known_to_others], where)
