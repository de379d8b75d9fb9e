"""Cells of programmes' exports: text, days, tonnes, as they are really written. Each function raises `FieldRefused`."""

from __future__ import annotations

import ast
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from adapters.transports.tables import FieldRefused, Row
from mutual_recognition.numerals import parse_decimal
from mutual_recognition.periods import DateLayout, parse_day
from mutual_recognition.quantities import MAX_QUANTITY_KG
from mutual_recognition.refusal import Refusal

KG_PER_TONNE: Final = 1000


def text(row: Row, heading: str) -> str:
    """One line of text, "" when the cell is empty. Numbers and days count as text: exports write ids as either."""
    cell = row.cell(heading)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f")
    return " ".join(row.text(heading).split())


def needed(row: Row, heading: str) -> str:
    """As `text`, but an empty cell is refused."""
    found = text(row, heading)
    if not found:
        raise FieldRefused("", "empty where a value is needed", field=heading, code="field_empty")
    return found


def identifier(row: Row, heading: str) -> str:
    """An id that some exports write as a number with a fraction of zero ("10789.0"); "" when empty."""
    found = text(row, heading)
    return found[:-2] if found.endswith(".0") and found[:-2].isdigit() else found


def day(row: Row, heading: str, layout: DateLayout = DateLayout.YMD) -> date | None:
    """The calendar day of a date or a time stamp; None when empty."""
    cell = row.cell(heading)
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    written = text(row, heading)
    if not written:
        return None
    first = written.replace("T", " ").split(" ")[0]
    try:
        return parse_day(first, layout)
    except Refusal as refusal:
        raise FieldRefused(written, refusal.reason, field=heading, code=refusal.code) from None


def tonnes_in_kg(row: Row, heading: str) -> int | None:
    """Integer kg of a figure in tonnes, zero included; None when empty."""
    return _kg(row, heading, KG_PER_TONNE)


def needed_tonnes_in_kg(row: Row, heading: str) -> int:
    """As `tonnes_in_kg`, but an empty cell is refused."""
    found = tonnes_in_kg(row, heading)
    if found is None:
        raise FieldRefused("", "empty where a quantity is needed", field=heading, code="field_empty")
    return found


def kg(row: Row, heading: str) -> int | None:
    """Integer kg of a figure in kg; None when empty."""
    return _kg(row, heading, 1)


def needed_kg(row: Row, heading: str) -> int:
    """As `kg`, but an empty cell is refused."""
    found = kg(row, heading)
    if found is None:
        raise FieldRefused("", "empty where a quantity is needed", field=heading, code="field_empty")
    return found


def _kg(row: Row, heading: str, factor: int) -> int | None:
    written = text(row, heading)
    if not written:
        return None
    try:
        amount = parse_decimal(written) * factor
    except Refusal as refusal:
        raise FieldRefused(written, refusal.reason, field=heading, code="quantity_refused") from None
    if amount != amount.to_integral_value() or amount > MAX_QUANTITY_KG:
        raise FieldRefused(written, "not a plausible whole number of kilograms", field=heading, code="quantity_refused")
    return int(amount)


def year(row: Row, heading: str) -> int | None:
    """A calendar year, also as "2024.0", or of a day; None when empty."""
    written = identifier(row, heading)
    if not written:
        return None
    head = written[:4]
    if head.isdigit() and 1990 <= int(head) <= 2100 and (len(written) == 4 or not written[4].isdigit()):
        return int(head)
    raise FieldRefused(written, "not a calendar year", field=heading, code="year_refused")


def degrees(row: Row, heading: str, most: int) -> str:
    """Decimal degrees as text, at most `most` either way; "" when empty."""
    written = text(row, heading)
    if not written:
        return ""
    return checked_degrees(written, heading, most)


def checked_degrees(written: str, heading: str, most: int) -> str:
    """`written` when it is decimal degrees within bounds."""
    try:
        value = parse_decimal(written.removeprefix("-"))
    except Refusal as refusal:
        raise FieldRefused(written, refusal.reason, field=heading, code="degrees_refused") from None
    if value > most:
        raise FieldRefused(written, f"more than {most} degrees", field=heading, code="degrees_refused")
    return written


def literal(row: Row, heading: str) -> list[dict[str, Any]]:
    """A list of mappings that an export wrote as a Python literal ("[{'city': ...}]"). Nothing in it is run."""
    written = row.text(heading)
    if not written:
        return []
    try:
        found = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise FieldRefused(
            written[:200], "not a list as exports write it", field=heading, code="list_refused"
        ) from None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise FieldRefused(written[:200], "not a list of mappings", field=heading, code="list_refused")
    return found
