"""Hefei's workbook as its people see it: sheets of rows under titles and headings, loaded from the file and saved.

Whatever somebody typed into the file stays: only rows that the registry itself changed are written anew.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import openpyxl
import xlsxwriter

from adapters.sandbox.city import ILLUSTRATIVE
from adapters.sandbox.errors import RegistryRefusal, unknown
from adapters.sandbox.hefei_sheets import HEADINGS, Cell, Formula
from adapters.sandbox.server import write_whole

TITLE_ROWS: Final = 2
TOTAL: Final = "合计"
_TOTALLED: Final = {"签发": "签发量(吨)", "注销": "数量(吨)"}
_MERGED: Final = {"核证": "项目编号"}
"""In these sheets equal cells of a column, one below the other, are merged, as people do."""
_TOGETHER: Final = {"核证": "项目编号", "签发": "项目编号"}
"""In these sheets rows that share a cell are kept together: a new one is inserted in the middle."""


@dataclass(slots=True)
class SheetRow:
    """One row; a banner is a text across the whole table, between the rows."""

    cells: dict[str, Cell]
    banner: bool = False


@dataclass(slots=True)
class BookSheet:
    """One sheet: its headings, people's own included, and its rows."""

    title: str
    headings: list[str]
    rows: list[SheetRow] = field(default_factory=list)

    @property
    def id_heading(self) -> str:
        """The heading of the row's own number."""
        return self.headings[0]

    def find(self, row_id: str) -> int:
        """Where the row of this number stands. Raises RegistryRefusal."""
        for place, row in enumerate(self.rows):
            if not row.banner and str(row.cells.get(self.id_heading) or "").strip() == row_id:
                return place
        raise unknown(f"row of {self.title}", row_id)

    def upsert(self, cells: dict[str, Cell]) -> None:
        """The registry's own change of a row: its cells are written anew; a new row comes where its like stand."""
        try:
            self.rows[self.find(str(cells[self.id_heading]))].cells.update(cells)
        except RegistryRefusal:
            self.rows.insert(self._place_of(cells), SheetRow(cells))

    def _place_of(self, cells: Mapping[str, Cell]) -> int:
        heading = _TOGETHER.get(self.title)
        if heading:
            alike = [at for at, row in enumerate(self.rows) if row.cells.get(heading) == cells[heading]]
            if alike:
                return alike[-1] + 1
        return len(self.rows)


@dataclass(slots=True)
class Manner:
    """How a save goes wrong. `in_place`: seconds for which half of the file stands there; `repeats`: so many saves one
    after the other; `renamed`, `missing`, `extra`: headings."""

    in_place: float | None = None
    repeats: int = 1
    between: float = 0.02
    renamed: tuple[str, str] | None = None
    missing: str = ""
    extra: str = ""


class Book:
    """The workbook in `file`, and its content as it was last loaded or saved."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.sheets = {title: BookSheet(title, list(headings)) for title, headings in HEADINGS.items()}
        self._seen: tuple[int, int, int] | None = None

    def sheet(self, title: str) -> BookSheet:
        """A sheet by its title. Raises RegistryRefusal."""
        if title not in self.sheets:
            raise unknown("sheet", title)
        return self.sheets[title]

    def take_up(self) -> bool:
        """What people saved into the file since; True when there was something."""
        identity = self._identity()
        if identity is None or identity == self._seen:
            return False
        self._load()
        self._seen = identity
        return True

    def save(self, manner: Manner | None = None) -> None:
        """Writes the workbook: whole and by renaming, unless `manner` says otherwise."""
        manner = manner or Manner()
        content = self.render(manner)
        if manner.in_place is not None:
            with self.file.open("wb") as stream:  # as a program does that knows no better
                stream.write(content[: len(content) // 2])
                stream.flush()
                time.sleep(manner.in_place)
                stream.write(content[len(content) // 2 :])
        for again in range(manner.repeats if manner.in_place is None else 0):
            if again:
                time.sleep(manner.between)
            write_whole(self.file, content)
        self._seen = self._identity()

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = self.file.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    # ---------------------------------------------------------------- the file's form

    def render(self, manner: Manner) -> bytes:
        """The workbook as XLSX."""
        target = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(target, options) as book:
            forms = _Forms(book)
            for sheet in self.sheets.values():
                _write_sheet(book.add_worksheet(sheet.title), sheet, forms, manner)
        return target.getvalue()

    def _load(self) -> None:
        book = openpyxl.load_workbook(self.file)
        try:
            for title in HEADINGS:
                if title in book.sheetnames:
                    self.sheets[title] = _read_sheet(title, book[title])
        finally:
            book.close()


class _Forms:
    """Formats of cells. Text that a spreadsheet would take for a formula is marked as text."""

    def __init__(self, book: Any) -> None:
        self.title = book.add_format({"bold": True, "align": "center", "font_size": 14})
        self.heading = book.add_format({"bold": True, "border": 1, "text_wrap": True})
        self.text = book.add_format({"num_format": "@", "text_wrap": True})
        self.marked = book.add_format({"num_format": "@", "quote_prefix": True})
        self.merged = book.add_format({"num_format": "@", "valign": "vcenter"})
        self.day = book.add_format({"num_format": 'yyyy"年"m"月"d"日"'})
        self.whole = book.add_format({"num_format": "0"})
        self.tonnes = book.add_format({"num_format": "#,##0.000"})

    def write(self, target: Any, row: int, column: int, cell: Cell) -> None:
        """One cell by what it is."""
        match cell:
            case None | "":
                return
            case Formula():
                target.write_formula(row, column, cell.text)
            case str():
                target.write_string(row, column, cell, self.marked if cell[0] in "=+-@" else self.text)
            case date():
                target.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), self.day)  # noqa: DTZ001
            case int():
                target.write_number(row, column, cell, self.whole)
            case Decimal():
                target.write_number(row, column, float(cell), self.tonnes)


def _write_sheet(target: Any, sheet: BookSheet, forms: _Forms, manner: Manner) -> None:
    headings = [heading for heading in sheet.headings if heading != manner.missing]
    shown = [manner.renamed[1] if manner.renamed and heading == manner.renamed[0] else heading for heading in headings]
    last = len(headings) - 1
    target.merge_range(0, 0, 0, last, f"合肥市碳普惠台账（示例）　{sheet.title}", forms.title)
    target.write_string(1, 0, f"填表：合肥市碳普惠办公室（示例）　{ILLUSTRATIVE}", forms.text)
    for column, heading in enumerate([*shown, *([manner.extra] if manner.extra else [])]):
        target.write_string(TITLE_ROWS, column, heading, forms.heading)
    first = TITLE_ROWS + 1
    for number, row in enumerate(sheet.rows, first):
        if row.banner:
            target.merge_range(number, 0, number, last, str(row.cells[sheet.id_heading]), forms.heading)
            continue
        for column, heading in enumerate(headings):
            forms.write(target, number, column, row.cells.get(heading))
    for start, end, column, text in _runs(sheet, headings, first):
        target.merge_range(start, column, end, column, text, forms.merged)
    totalled = _TOTALLED.get(sheet.title)
    if totalled in headings and sheet.rows:
        column, end = headings.index(totalled), first + len(sheet.rows)
        letter = chr(ord("A") + column)
        target.write_string(end, 0, TOTAL, forms.heading)
        target.write_formula(end, column, f"=SUM({letter}{first + 1}:{letter}{end})", forms.tonnes)
    target.freeze_panes(first, 1)


def _runs(sheet: BookSheet, headings: list[str], first: int) -> Iterator[tuple[int, int, int, str]]:
    """Equal cells one below the other: first and last row, column, text."""
    heading = _MERGED.get(sheet.title)
    if heading not in headings:
        return
    start = 0
    for at in range(1, len(sheet.rows) + 1):
        value = sheet.rows[start].cells.get(heading)
        if at < len(sheet.rows) and sheet.rows[at].cells.get(heading) == value and not sheet.rows[at].banner:
            continue
        if at - start > 1 and value and not sheet.rows[start].banner:
            yield first + start, first + at - 1, headings.index(heading), str(value)
        start = at


def _read_sheet(title: str, source: Any) -> BookSheet:
    rows = list(source.iter_rows())
    wanted = HEADINGS[title][0]
    at = next((n for n, row in enumerate(rows) if str(row[0].value or "").strip() == wanted), None)
    if at is None:
        raise RegistryRefusal("SHEET_BROKEN", f"no heading {wanted} in {title}", field="sheet", value=title)
    headings = [str(cell.value).strip() for cell in rows[at] if cell.value is not None]
    # a heading that somebody took away is put back at the next save
    sheet = BookSheet(title, headings + [name for name in HEADINGS[title] if name not in headings])
    merged = {
        (number, area.min_col): (area.min_row, area.max_col)
        for area in source.merged_cells.ranges
        for number in range(area.min_row, area.max_row + 1)
    }
    for number, row in enumerate(rows[at + 1 :], at + 2):
        cells = {heading: _read_cell(cell) for heading, cell in zip(headings, row, strict=False)}
        banner = False
        for column, heading in enumerate(headings, 1):
            top, right = merged.get((number, column), (number, column))
            if top < number and right == column:
                cells[heading] = _read_cell(source.cell(top, column))
            banner = banner or (column == 1 < right)
        if cells[headings[0]] != TOTAL and any(cell is not None for cell in cells.values()):
            sheet.rows.append(SheetRow(cells, banner))
    return sheet


def _read_cell(cell: Any) -> Cell:
    value = cell.value
    if cell.data_type == "f":
        return Formula(str(getattr(value, "text", value)))
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, float):
        return Decimal(repr(value))
    return value if value is None or isinstance(value, int | date) else str(value)


def copy_file(source: Path, target: Path) -> None:
    """Puts a copy of a workbook in place, whole, with a time of its own."""
    write_whole(target, source.read_bytes())
    os.utime(target)
