"""Native fields: what each is called, what it means, how its value is read, and whether the schema is still the
same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.city.records import Status
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold, parse_decimal, parse_whole
from mutual_recognition.periods import DateLayout, parse_day
from mutual_recognition.quantities import MassUnit, parse_kg
from mutual_recognition.refusal import Refusal

M = TypeVar("M", bound=BaseModel)
Read = Callable[[Json], object]


@dataclass(frozen=True, slots=True)
class Column:
    """A native field `name`, the attribute it fills, and how its value is read."""

    name: str
    attribute: str
    read: Read


@dataclass(frozen=True, slots=True)
class Shape(Generic[M]):
    """A kind of record as one city writes it. `beside` are attributes that the adapter adds under a name of its own.

    For registries that say less, more, or otherwise than the model: `constants` are attributes that hold for every
    record (an issuer, a unit); `derived` are attributes computed from the native fields together (a range from its
    two ends), and may raise Refusal; `optional` are native fields that may be absent, which reads as empty;
    `ignored` are native fields that no column reads: known and not used, or used by a derivation alone.
    """

    kind: str
    model: type[M]
    columns: tuple[Column, ...]
    beside: tuple[Column, ...] = ()
    constants: Mapping[str, object] = field(default_factory=dict)
    derived: Mapping[str, Callable[[Mapping[str, Json]], object]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """The native field names in the registry's order."""
        return [column.name for column in self.columns]

    @property
    def id_name(self) -> str:
        """The field that holds the record's own number."""
        return self.columns[0].name

    def own_number(self, values: Mapping[str, Json]) -> str:
        """The record's own number: what `native_id` is derived to be, otherwise the first column. Raises KeyError with
        the field that is missing, Refusal for an empty one."""
        derive = self.derived.get("native_id")
        return needed(values[self.id_name] if derive is None else str(derive(values)))

    def first_serial(self, values: Mapping[str, Json]) -> Json:
        """The first serial of an issuance, as the registry writes it or, where it is derived, as digits; "" where it
        cannot be told."""
        column = next((column.name for column in self.columns if column.attribute == "serial_first"), "")
        try:
            return values.get(column, "") if column else str(self.derived["serial_first"](values))
        except (KeyError, Refusal):
            return ""

    def check_names(self, names: Iterable[str], where: str) -> None:
        """Raises ConfigurationWrong when the registry's fields are no longer those of the mapping."""
        given = [name for name in names if name not in self.ignored]
        expected = [name for name in self.names if name not in self.optional or name in given]
        check_names(expected, given, f"{self.kind} at {where}")

    def in_native_words(self, refused: RecordRefused) -> RecordRefused:
        """The same refusal with the registry's own name of the field, as its clerks know it."""
        native = {column.attribute: column.name for column in self.columns}.get(refused.field or "")
        if native is None:
            return refused
        return RecordRefused(
            f"{native}: {refused.message}",
            code=refused.code,
            field=native,
            value=refused.value,
            where=refused.where,
            remedy=refused.remedy,
        )

    def read(self, values: Mapping[str, Json], where: str) -> M:
        """The record. Raises RecordRefused with the native field, its value, and what to do."""
        typed: dict[str, object] = dict(self.constants)
        for column in self.columns:
            if column.name not in values and column.name not in self.optional:
                raise _refused("field_missing", "the field is missing", column.name, None, where)
            value = values.get(column.name)
            if value is None and column.name in self.optional:
                value = ""
            typed[column.attribute] = _value(column, value, where)
        for column in self.beside:
            if column.name in values:
                typed[column.attribute] = _value(column, values[column.name], where)
        for attribute, derive in self.derived.items():
            try:
                typed[attribute] = derive(values)
            except Refusal as refusal:
                raise _refused(refusal.code, refusal.reason, attribute, refusal.value, where) from refusal
            except KeyError as absent:
                reason = f"the field is missing, from which {attribute} follows"
                raise _refused("field_missing", reason, str(absent.args[0]), None, where) from absent
        try:
            return self.model.model_validate(typed)
        except ValidationError as invalid:
            first = invalid.errors(include_url=False)[0]
            native = {c.attribute: c.name for c in self.columns}
            field = native.get(str(first["loc"][0]), str(first["loc"][0])) if first["loc"] else ""
            raise _refused("field_refused", first["msg"], field, first["input"], where) from invalid


_UNUSABLE: Final[Mapping[str, str]] = {
    "number_damaged": "a number above 2**53, from which a spreadsheet has dropped digits: keep it as text",
    "error_in_cell": "the spreadsheet shows an error here",
    "truth_value_in_cell": "a truth value where a text or number is expected",
}


def _value(column: Column, value: Json, where: str) -> object:
    if isinstance(value, Mapping) and value.get("unusable") in _UNUSABLE:  # a spreadsheet's cell: `cell_json`
        code = str(value["unusable"])
        raise _refused(code, _UNUSABLE[code], column.name, value.get("shown"), where)
    if isinstance(value, str) and value.startswith("="):
        reason = "a formula, whose value was computed elsewhere: deliver the value itself"
        raise _refused("formula_in_cell", reason, column.name, value, where)
    try:
        return column.read(value)
    except Refusal as refusal:
        raise _refused(refusal.code, refusal.reason, column.name, refusal.value, where) from refusal


def _refused(code: str, reason: str, field: str, value: object, where: str) -> RecordRefused:
    return RecordRefused(
        f"{field}: {reason}",
        code=code,
        field=field,
        value=value,
        where=where,
        remedy=_REMEDIES.get(code, "correct the field at the registry; the corrected version is read by itself"),
    )


_REMEDIES: Final = {
    "status_unknown": "add the word to the statuses of the mapping; where it is a slip, correct it at the registry",
}


def check_names(expected: Iterable[str], found: Iterable[str], where: str) -> None:
    """Raises ConfigurationWrong (`schema_changed`) that names the fields gone and the fields new."""
    wanted, given = list(expected), list(found)
    gone = [name for name in wanted if name not in given]
    new = [name for name in given if name not in wanted]
    if gone or new:
        raise ConfigurationWrong(
            f"the registry's fields have changed (gone: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'})",
            code="schema_changed",
            what=", ".join(given)[:300],
            where=where,
            remedy="change the adapter's mapping, or have the registry undo the change; nothing was skipped",
        )


# ------------------------------------------------------------------ readings


def text(value: Json) -> str:
    """Text as it stands, ends stripped."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refusal(value, "not a text")
    return str(value).strip()


def verbatim(value: Json) -> str:
    """Text to the last character, as a digest needs it."""
    if not isinstance(value, str):
        raise Refusal(value, "not a text")
    return value


def needed(value: Json) -> str:
    """Text that must not be empty."""
    found = text(value)
    if not found:
        raise Refusal("", "empty where a value is needed")
    return found


def whole(value: Json) -> int:
    """A whole number without sign."""
    return parse_whole(needed(value))


def whole_or_zero(value: Json) -> int:
    """As `whole`; empty is 0."""
    return whole(value) if text(value) else 0


def decimal(value: Json) -> Decimal:
    """A number without sign, exactly."""
    return parse_decimal(needed(value))


def degrees(value: Json) -> Decimal:
    """A coordinate: a number that may be negative."""
    folded = fold(needed(value))
    number = parse_decimal(folded.removeprefix("-"))
    return -number if folded.startswith("-") else number


def kilograms(unit: MassUnit) -> Read:
    """A quantity above zero in `unit`, in kg."""
    return lambda value: parse_kg(needed(value), unit)


def kilograms_or_zero(unit: MassUnit) -> Read:
    """A quantity in `unit`, in kg; zero and empty are 0."""

    def read(value: Json) -> int:
        return parse_kg(text(value), unit) if text(value) and parse_decimal(text(value)) else 0

    return read


def day(value: Json) -> date:
    """A day: year, month, day."""
    return parse_day(needed(value), DateLayout.YMD)


def day_or_none(value: Json) -> date | None:
    """A day, or None where it is left empty."""
    return day(value) if text(value) else None


def member(value: Json) -> int:
    """A member's code: six digits (GB/T 2260)."""
    found = fold(needed(value))
    if not re.fullmatch(r"[1-9][0-9]{5}", found, re.ASCII):
        raise Refusal(value, "not a member's code of six digits (GB/T 2260)")
    return int(found)


def yes_no(value: Json) -> bool:
    """是 or 否."""
    match text(value):
        case "是":
            return True
        case "否":
            return False
        case other:
            raise Refusal(other, "neither 是 nor 否")


class StatusUnknown(Refusal):
    """A word for a status that the mapping's table lacks."""

    code = "status_unknown"


def one_of(words: Mapping[str, Status]) -> Callable[[Json], Status]:
    """A status by the registry's word for it."""

    def read(value: Json) -> Status:
        found = words.get(text(value))
        if found is None:
            raise StatusUnknown(value, f"a status the mapping does not know; known: {' '.join(words)}")
        return found

    return read


def joined(separator: str) -> Callable[[Json], tuple[str, ...]]:
    """Texts in one cell, joined by `separator`."""
    return lambda value: tuple(part.strip() for part in text(value).split(separator) if part.strip())


def texts(value: Json) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise Refusal(value, "not a list")
    return tuple(text(item) for item in value)
