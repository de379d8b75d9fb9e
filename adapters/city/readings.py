"""Readings that a city's mapping is put together from, beyond the single values of `columns.py`: ranges of serials,
serials in a dress, parameters, truth values in a registry's words, versions that are instants.

Each takes a registry's form and gives a function for a `Column`, or for `Shape.derived` where it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from adapters.city.columns import Read, day, day_or_none, decimal, joined, member, needed, text, whole
from adapters.city.records import Parameter, UnitRange
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold, parse_whole
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

PARAMETER_FIELDS = ("name", "symbol", "value", "unit", "valid_from", "valid_to", "source")


def flag(yes: Json, no: Json) -> Callable[[Json], bool]:
    """A truth value by the registry's two words for it (or JSON's true and false)."""

    def read(value: Json) -> bool:
        given = value.strip() if isinstance(value, str) else value
        for word, meaning in ((yes, True), (no, False)):
            if given == word and isinstance(given, bool) == isinstance(word, bool):
                return meaning
        raise Refusal(value, f"neither {yes} nor {no}")

    return read


def number_in(pattern: str) -> Callable[[Json], int]:
    """A whole number inside a text, as serials are written: `number_in(r"WX-([0-9]+)")` reads WX-000123 as 123."""
    form = re.compile(pattern, re.ASCII)

    def read(value: Json) -> int:
        matched = form.fullmatch(fold(text(value)))
        if matched is None:
            raise Refusal(value, f"not of the form {pattern}")
        return parse_whole(matched[1])

    return read


def instant(layout: str = "") -> Callable[[Json], datetime]:
    """An instant: ISO 8601 where no strptime `layout` is given; one without an offset is Asia/Shanghai."""

    def read(value: Json) -> datetime:
        written = fold(needed(value))
        try:
            found = datetime.strptime(written, layout) if layout else datetime.fromisoformat(written)  # noqa: DTZ007
        except ValueError:
            raise Refusal(value, f"not an instant{f' like {layout}' if layout else ' in ISO 8601'}") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC_PLUS_8)

    return read


def day_of(read_instant: Callable[[Json], datetime]) -> Callable[[Json], date]:
    """The day in Asia/Shanghai of an instant: for dates that a registry writes with a time."""
    return lambda value: read_instant(value).astimezone(UTC_PLUS_8).date()


def day_of_or_none(read_instant: Callable[[Json], datetime]) -> Callable[[Json], date | None]:
    """As `day_of`; None where it is left empty."""
    return lambda value: read_instant(value).astimezone(UTC_PLUS_8).date() if text(value) else None


def version_from(read_instant: Callable[[Json], datetime]) -> Callable[[Json], int]:
    """A version for registries that tell only when a record was last changed: milliseconds since 1970."""
    return lambda value: round(read_instant(value).timestamp() * 1000)


def fixed(value: object) -> Callable[[Mapping[str, Json]], object]:
    """For `Shape.derived`: the same for every record."""
    return lambda record: value


# ------------------------------------------------------------------ ranges of serials


def units_from_text(pattern: str, *, home: int = 0, kg_per_serial: int = 0) -> Callable[[Json], UnitRange]:
    """One range in a text. `pattern` names its parts: `home`, `series`, `first`, `last`, `kg`; a part that the text
    does not have is given instead."""
    form = re.compile(pattern, re.ASCII)

    def read(value: Json) -> UnitRange:
        matched = form.fullmatch(fold(text(value)))
        if matched is None:
            raise Refusal(value, f"not a range of the form {pattern}")
        parts = {"home": str(home), "kg": str(kg_per_serial)} | {
            name: part for name, part in matched.groupdict().items() if part is not None
        }
        return _units(parts["home"], parts["series"], parts["kg"], int(parts["first"]), int(parts["last"]))

    return read


def units_from_fields(
    *,
    series: str,
    first: str,
    last: str,
    home: str | int,
    kg_per_serial: str | int,
    serial: Callable[[Json], int] = whole,
) -> Callable[[Json], UnitRange]:
    """One range in an object (or a row): the names of its fields; `home` and `kg_per_serial` may be numbers that
    hold for all. `serial` reads one end."""

    def read(value: Json) -> UnitRange:
        if not isinstance(value, Mapping):
            raise Refusal(value, "not an object with the two ends of a range")
        absent = [name for name in (series, first, last, home, kg_per_serial) if isinstance(name, str)]
        absent = [name for name in absent if name not in value]
        if absent:
            raise Refusal(dict(value), f"the range lacks {', '.join(absent)}")
        return _units(
            value[home] if isinstance(home, str) else home,
            needed(value[series]),
            value[kg_per_serial] if isinstance(kg_per_serial, str) else kg_per_serial,
            serial(value[first]),
            serial(value[last]),
        )

    return read


def _units(home: Json, series: str, kg: Json, first: int, last: int) -> UnitRange:
    size = parse_whole(str(kg))
    if size not in (1, 1000):
        raise Refusal(kg, "a serial stands for 1 kg or 1000 kg")
    return UnitRange(
        home=member(str(home)),
        series=series.strip(),
        kg_per_serial=1 if size == 1 else 1000,
        serials=SerialRange(first, last),
    )


def listed(read: Callable[[Json], UnitRange]) -> Callable[[Json], tuple[UnitRange, ...]]:
    """Ranges in a JSON list; nothing is no range."""

    def ranges(value: Json) -> tuple[UnitRange, ...]:
        if value in (None, ""):
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise Refusal(value, "not a list of ranges")
        return tuple(read(item) for item in value)

    return ranges


def split(separator: str, read: Callable[[Json], UnitRange]) -> Callable[[Json], tuple[UnitRange, ...]]:
    """Ranges in one text, joined by `separator`."""
    return lambda value: tuple(read(part) for part in joined(separator)(value))


def single(read: Callable[[Json], UnitRange]) -> Callable[[Mapping[str, Json]], tuple[UnitRange, ...]]:
    """For `Shape.derived`: the one range that a record states in fields of its own."""
    return lambda record: (read(dict(record)),)


def issued_range(field: str, read: Callable[[Json], UnitRange]) -> Mapping[str, Callable[[Mapping[str, Json]], object]]:
    """For `Shape.derived` of an issuance whose range is one text in `field`: series, kg per serial, first and last."""

    def of(record: Mapping[str, Json]) -> UnitRange:
        return read(record[field])

    return {
        "series": lambda record: of(record).series,
        "kg_per_serial": lambda record: of(record).kg_per_serial,
        "serial_first": lambda record: of(record).serials.first,
        "serial_last": lambda record: of(record).serials.last,
    }


# ------------------------------------------------------------------ parameters of a methodology


def parameters_from_objects(
    fields: Mapping[str, str], read_day: Read = day, read_last_day: Read = day_or_none
) -> Callable[[Json], tuple[Parameter, ...]]:
    """Parameters in a JSON list of objects; `fields` gives the native name of each of `PARAMETER_FIELDS`."""

    def read(value: Json) -> tuple[Parameter, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise Refusal(value, "not a list of parameters")
        return tuple(_parameter(item, fields, read_day, read_last_day) for item in value)

    return read


def parameters_from_text(separator: str, between: str) -> Callable[[Json], tuple[Parameter, ...]]:
    """Parameters in one text: joined by `separator`, the seven `PARAMETER_FIELDS` of each by `between`."""
    same = {name: name for name in PARAMETER_FIELDS}

    def one(written: str) -> Parameter:
        parts = written.split(between)
        if len(parts) != len(PARAMETER_FIELDS):
            raise Refusal(written, f"a parameter has {len(PARAMETER_FIELDS)} parts: {between.join(PARAMETER_FIELDS)}")
        return _parameter(dict(zip(PARAMETER_FIELDS, parts, strict=True)), same, day, day_or_none)

    return lambda value: tuple(one(part) for part in joined(separator)(value))


def _parameter(item: Json, fields: Mapping[str, str], read_day: Read, read_last_day: Read) -> Parameter:
    if not isinstance(item, Mapping):
        raise Refusal(item, "not an object with a parameter's fields")
    absent = [native for name, native in fields.items() if native not in item and name not in ("valid_to", "source")]
    if absent:
        raise Refusal(dict(item), f"the parameter lacks {', '.join(absent)}")
    given = {name: item.get(native) for name, native in fields.items()}
    return Parameter.model_validate(
        {
            "name": needed(given["name"]),
            "symbol": needed(given["symbol"]),
            "value": decimal(given["value"]),
            "unit": text(given["unit"]),
            "valid_from": read_day(given["valid_from"]),
            "valid_to": read_last_day(given.get("valid_to") or ""),
            "source": text(given.get("source") or ""),
        }
    )
