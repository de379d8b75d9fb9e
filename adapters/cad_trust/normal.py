"""Values in the form in which this hub writes them: serials and identifiers as text, days in ISO 8601, whole tonnes.

Each change has a name (`NORMALISATIONS`), so that a comparison can say which one explains a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import BeforeValidator

from adapters.cad_trust.model import BY_NAME, Table, _moment, _text, _tonnes
from adapters.transports.tables import Cell

Value: TypeAlias = str | int | bool | Decimal | date | datetime | None
FieldKind: TypeAlias = Literal["text", "moment", "tonnes", "year", "other"]

NORMALISATIONS: Final[dict[str, str]] = {
    "serial_as_text": "a serial kept as a number is written as text, so that no spreadsheet rounds or regroups it",
    "identifier_as_text": "an identifier or another text kept as a number is written as text",
    "date_as_iso": "a date cell is written as ISO 8601 text",
    "number_from_text": "a count or year kept as text is written as a number",
    "null_as_empty": "the word null, which the service writes for nothing, is an empty cell",
    "row_order": "a row stands elsewhere: a file has no order but that of its writing",
    "unnamed_column": "a column without a heading, such as a table's running number, is not imported",
    "sheet_title": "a sheet is written under the title by which the service finds its table",
}
"""Name: what was done and why."""

SERIALS: Final = ("unitBlockStart", "unitBlockEnd")


@cache
def kinds(table_name: str) -> Mapping[str, FieldKind]:
    """What each field of a table holds."""
    found: dict[str, FieldKind] = {}
    table = BY_NAME[table_name]
    for name, field in table.model.model_fields.items():
        checks = {
            check.func for check in _notes(field.annotation, field.metadata) if isinstance(check, BeforeValidator)
        }
        if _moment in checks:
            found[name] = "moment"
        elif _tonnes in checks:
            found[name] = "tonnes"
        elif _text in checks:
            found[name] = "text"
        else:
            found[name] = "year" if field.annotation is int else "other"
    if table.parent:
        found[table.parent] = "text"
    return found


def _notes(annotation: Any, metadata: list[Any]) -> list[Any]:
    notes = list(metadata)
    for part in get_args(annotation):
        if hasattr(part, "__metadata__"):
            notes += part.__metadata__
    return notes


def normal(table: Table, values: Mapping[str, Cell]) -> dict[str, Cell]:
    """`values` as they are written; what the model does not know, and what it cannot read, stays as it is."""
    known = kinds(table.name)
    return {name: normal_value(known.get(name, "other"), value)[0] for name, value in values.items()}


def normal_value(kind: FieldKind, value: Cell, *, serial: bool = False) -> tuple[Cell, str]:
    """The value as it is written, and the name of what was done to it ("" for nothing)."""
    if value == "null":
        return None, "null_as_empty"
    if value is None or isinstance(value, bool):
        return value, ""
    match kind:
        case "text" if isinstance(value, int | Decimal):
            text = format(value, "f") if isinstance(value, Decimal) else str(value)
            return text, "serial_as_text" if serial else "identifier_as_text"
        case "text" | "moment" if isinstance(value, datetime):
            whole_day = value.time() == time()
            return (value.date().isoformat() if whole_day else value.isoformat()), "date_as_iso"
        case "tonnes" | "year" if isinstance(value, str):
            return _number(value)
        case _:
            return value, ""


def _number(text: str) -> tuple[Cell, str]:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return text, ""
    if not number.is_finite() or number != number.to_integral_value():
        return text, ""  # a fraction stays text: a spreadsheet's number would be a binary float
    return int(number), "number_from_text"
