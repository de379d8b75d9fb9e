"""Tables as files carry them: which columns are expected, the rows found, and what could not be placed.

The same for CSV and XLSX. A *row* that cannot be read is a `Fault` and stops nothing else; a *file* that
cannot be read at all raises: `RetryLater` when it was changing under our hands, `ConfigurationWrong` when
somebody has to act first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.numerals import fold, parse_whole
from mutual_recognition.refusal import Refusal

T = TypeVar("T")

LARGEST_EXACT_NUMBER: Final = 2**53
"""Above it a spreadsheet's binary numbers skip integers: a serial kept as a number there is already damaged.
"""


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that holds a formula: what it shows was computed by whoever last opened the file, so it is not
    data.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class CellError:
    """A spreadsheet cell that shows an error such as #REF!."""

    text: str

    def __str__(self) -> str:
        return self.text


Cell: TypeAlias = str | int | Decimal | bool | datetime | date | Formula | CellError | None
"""None is an empty cell. Every cell of a CSV file is text, None or a Formula."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row stands. `row` counts from 1 as an editor or a spreadsheet shows it, title rows included."""

    file: str
    row: int
    sheet: str = ""

    def __str__(self) -> str:
        sheet = f" sheet {self.sheet}" if self.sheet else ""
        return f"{self.file}{sheet} row {self.row}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row, or one field of it, that could not be placed; it is listed and everything else goes on.

    `code` is the stable name of the reason, `reason` says it in words.
    """

    source: Source
    field: str
    value: str
    reason: str
    code: str

    def __str__(self) -> str:
        field = f" field {self.field}" if self.field else ""
        return f"{self.source}{field}: {self.value!r}: {self.reason}"

    def to_error(self) -> RecordRefused:
        """The same as an error for the journal."""
        return RecordRefused(
            self.reason,
            code=self.code,
            field=self.field or None,
            value=self.value,
            where=str(self.source),
            remedy="correct it at the registry and deliver the file again",
        )

    @classmethod
    def of(cls, source: Source, refusal: Refusal, field: str = "") -> Fault:
        """A fault from a domain refusal; a `FieldRefused` knows its own field."""
        named = refusal.field if isinstance(refusal, FieldRefused) else field
        return cls(source, named, refusal.value, refusal.reason, refusal.code)


class FieldRefused(Refusal):
    """One field of a row refused; `field` is its column as configured, `code` the code of the underlying
    refusal.
    """

    def __init__(self, value: object, reason: str, where: str = "", field: str = "", code: str = "") -> None:
        super().__init__(value, reason, where)
        self.field = field
        self.code = code or "field_refused"

    def at(self, where: str) -> FieldRefused:
        """The same refusal with its place filled in."""
        return FieldRefused(self.value, self.reason, where, self.field, self.code)


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the `name` our mapping uses and the `headers` (one or more) under which files carry it."""

    name: str
    headers: tuple[str, ...]
    required: bool = True

    @classmethod
    def named(cls, name: str, *headers: str, required: bool = True) -> Column:
        """A column known under `headers`, or under its own name when none is given."""
        return cls(name, headers or (name,), required)


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a table must look like. `allow_unknown` lets columns pass that are in no `Column`; their cells are
    dropped.

    `title_rows` is how many rows may stand above the header (titles, dates of the report, blank rows).
    """

    columns: tuple[Column, ...]
    allow_unknown: bool = False
    title_rows: int = 0

    def place(self, header: Sequence[Cell]) -> dict[str, int] | None:
        """Column name to cell position when `header` has every required column, else None."""
        found = self._positions(header)
        return found if all(c.name in found for c in self.columns if c.required) else None

    def likeness(self, header: Sequence[Cell]) -> int:
        """How many of the expected columns `header` has."""
        return len(self._positions(header))

    def check(self, header: Sequence[Cell], source: Source) -> dict[str, int]:
        """Column name to cell position.

        Raises ConfigurationWrong (code `columns_changed`) that names the missing, unknown and repeated
        headers: the source has changed its schema, and guessing which new column is which old one would be
        worse than stopping.
        """
        keys = [_header_key(cell) for cell in header]
        known = {_header_key(name) for column in self.columns for name in column.headers}
        found = self._positions(header)
        missing = [column.headers[0] for column in self.columns if column.required and column.name not in found]
        unknown = [str(cell).strip() for cell, key in zip(header, keys, strict=True) if key and key not in known]
        taken = [_header_key(n) for column in self.columns for n in column.headers]
        repeated = sorted(
            {str(c).strip() for c, k in zip(header, keys, strict=True) if k in taken and keys.count(k) > 1}
        )
        if missing or repeated or (unknown and not self.allow_unknown):
            wanted = ", ".join(column.headers[0] + ("" if column.required else "?") for column in self.columns)
            parts = [
                f"{what}: {', '.join(names)}"
                for what, names in (("missing", missing), ("not known", unknown), ("repeated", repeated))
                if names
            ]
            raise ConfigurationWrong(
                f"the columns are not those the mapping expects ({'; '.join(parts)})",
                code="columns_changed",
                what=", ".join(str(cell).strip() for cell in header if cell is not None),
                where=str(source),
                remedy=f"expected: {wanted}. Change the mapping if the registry changed its export, or export it again",
            )
        return found

    def _positions(self, header: Sequence[Cell]) -> dict[str, int]:
        where: dict[str, int] = {}
        for position, cell in enumerate(header):
            where.setdefault(_header_key(cell), position)
        found: dict[str, int] = {}
        for column in self.columns:
            for name in column.headers:
                if _header_key(name) in where:
                    found[column.name] = where[_header_key(name)]
                    break
        return found


def _header_key(cell: Cell) -> str:
    return "" if cell is None else " ".join(fold(str(cell)).split()).casefold()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its source and its cells by column name. Fields are read by the methods, which raise
    `FieldRefused`.
    """

    source: Source
    cells: Mapping[str, Cell]

    def cell(self, name: str) -> Cell:
        """The bare cell; None when it is empty or the file has no such (optional) column."""
        return self.cells.get(name)

    @property
    def blank(self) -> bool:
        """Whether no cell holds anything."""
        return all(cell is None for cell in self.cells.values())

    def text(self, name: str) -> str:
        """The text of a cell, ends stripped, inner text untouched; "" when it is empty.

        A whole number counts as text (spreadsheets keep identifiers as numbers) unless it is beyond 2**53;
        formulas, errors, dates and fractions do not.
        """
        cell = self.cell(name)
        if cell is None:
            return ""
        if isinstance(cell, str):
            return (cell if cell.isascii() else cell.translate(_STRIP_INVISIBLE)).strip()
        if isinstance(cell, int) and not isinstance(cell, bool):
            return str(self.whole(name))
        raise self._refused(name, cell, "text")

    def needed_text(self, name: str) -> str:
        """As `text`, but an empty cell is refused."""
        value = self.text(name)
        if not value:
            raise FieldRefused("", "empty where a value is needed", field=name, code="field_empty")
        return value

    def whole(self, name: str) -> int:
        """A whole number, from a number cell or from text as registries write it."""
        cell = self.cell(name)
        if isinstance(cell, Decimal) and cell == cell.to_integral_value():
            cell = int(cell)
        if isinstance(cell, int) and not isinstance(cell, bool):
            if abs(cell) > LARGEST_EXACT_NUMBER:
                reason = "a number above 2**53 in a spreadsheet has lost digits: keep it as text"
                raise FieldRefused(cell, reason, field=name, code="number_damaged")
            if cell < 0:
                raise FieldRefused(cell, "negative", field=name, code="number_negative")
            return cell
        if isinstance(cell, str):
            return self.read(name, parse_whole)
        if cell is None:
            raise FieldRefused("", "empty where a number is needed", field=name, code="field_empty")
        raise self._refused(name, cell, "whole number")

    def moment(self, name: str) -> datetime:
        """A spreadsheet's date and time, naive as spreadsheets keep it. Text is refused: read it with a
        layout.
        """
        cell = self.cell(name)
        if isinstance(cell, datetime):
            return cell
        if cell is None:
            raise FieldRefused("", "empty where a date is needed", field=name, code="field_empty")
        raise self._refused(name, cell, "date and time")

    def read(self, name: str, parse: Callable[[str], T]) -> T:
        """`parse` applied to the text of a cell, its `Refusal` turned into a `FieldRefused` that names the
        column.
        """
        text = self.needed_text(name)
        try:
            return parse(text)
        except FieldRefused:
            raise
        except Refusal as refusal:
            raise FieldRefused(refusal.value, refusal.reason, field=name, code=refusal.code) from None

    def _refused(self, name: str, cell: Cell, wanted: str) -> FieldRefused:
        if isinstance(cell, Formula):
            reason = "a formula, whose value was computed elsewhere: deliver the value itself"
            return FieldRefused(cell, reason, field=name, code="formula_in_cell")
        if isinstance(cell, CellError):
            return FieldRefused(cell, "the spreadsheet shows an error here", field=name, code="error_in_cell")
        kind = {bool: "a truth value", int: "a number", Decimal: "a number with a fraction", str: "text"}.get(
            type(cell), "a date"
        )
        return FieldRefused(cell, f"{kind} where a {wanted} is expected", field=name, code="wrong_kind_of_cell")


_STRIP_INVISIBLE: Final = {ord("\ufeff"): None, ord("\u200b"): None}


def file_refused(message: str, *, code: str, file: str, what: object = None, remedy: str) -> ConfigurationWrong:
    """A whole file refused: nothing of it is used until somebody acts."""
    return ConfigurationWrong(message, code=code, where=file, what=what, remedy=remedy)


def trimmed(cells: Iterable[Cell]) -> list[Cell]:
    """`cells` without the empty ones at the end."""
    kept = list(cells)
    while kept and kept[-1] is None:
        kept.pop()
    return kept
