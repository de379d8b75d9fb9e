"""Files in the form of CAD Trust, written as records come, in flat memory: a workbook, JSON, JSON Lines.

A record is a project or a unit as the API gives it, with what hangs on it inside (`issuances`, `labels`, ...). In a
workbook each of those stands in a sheet of its own, with the parent's key in its last column.

Serials and identifiers are text cells. Text that a spreadsheet could take for a formula (it begins with = + - @) keeps
its value and gets the cell format "quote prefix", so that opening and editing it never computes anything.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from adapters.cad_trust.model import CHILDREN, ISSUANCES, LABEL_UNITS, PROJECTS, TABLES, UNITS, Table
from adapters.cad_trust.reading import unnamed
from hub.errors import RecordRefused
from mutual_recognition.cad_trust import OURS_ALONE, NestedRecord, is_unit, json_pieces, json_text

MOST_ROWS: Final = 1_048_576
LONGEST_CELL: Final = 32_767
_EXACT: Final = 2**53
_LIKE_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class WorkbookWriter:
    """Writes sheets row by row (xlsxwriter in constant memory). Rows of different sheets may alternate."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._workbook = xlsxwriter.Workbook(str(file), {"constant_memory": True, "strings_to_urls": False})
        self._quoted: Format = self._workbook.add_format({"quote_prefix": True})
        self._sheets: dict[str, tuple[Worksheet, int]] = {}

    def sheet(self, title: str, columns: Sequence[str]) -> None:
        """Begins a sheet with its headings; a column without a name gets an empty one."""
        worksheet = self._workbook.add_worksheet(title)
        self._sheets[title] = worksheet, 0
        self.row(title, [None if name == unnamed(at) else name for at, name in enumerate(columns, 1)])

    def row(self, title: str, values: Sequence[Any]) -> None:
        """Appends a row. Raises RecordRefused (`sheet_full`, `cell_too_long`) where XLSX ends."""
        worksheet, at = self._sheets[title]
        if at >= MOST_ROWS:
            raise self._refused("sheet_full", f"sheet {title} is full: XLSX has {MOST_ROWS:,} rows", title)
        for column, value in enumerate(values):
            if value is None:
                continue
            if isinstance(value, str):
                self._text(worksheet, at, column, value)
            elif isinstance(value, bool):
                worksheet.write_boolean(at, column, value)
            elif isinstance(value, int) and abs(value) <= _EXACT:
                worksheet.write_number(at, column, value)
            elif isinstance(value, datetime | date):
                self._text(worksheet, at, column, value.isoformat())
            else:
                self._text(worksheet, at, column, format(value, "f") if isinstance(value, Decimal) else str(value))
        self._sheets[title] = worksheet, at + 1

    def _text(self, worksheet: Worksheet, row: int, column: int, text: str) -> None:
        if len(text) > LONGEST_CELL:
            message = f"a text of {len(text):,} characters, and a cell takes {LONGEST_CELL:,}"
            raise self._refused("cell_too_long", message, text[:80])
        worksheet.write_string(row, column, text, self._quoted if text.startswith(_LIKE_A_FORMULA) else None)

    def _refused(self, code: str, message: str, value: str) -> RecordRefused:
        return RecordRefused(message, code=code, value=value, where=str(self._file), remedy="write .jsonl instead")

    def close(self) -> None:
        """Completes the file."""
        self._workbook.close()


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path beside `file` to write to; it takes `file`'s place when the block ends well, else it goes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=file.suffix, dir=file.parent)
    os.close(handle)
    try:
        yield Path(name)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_records(file: Path, records: Iterable[NestedRecord]) -> dict[str, int]:
    """`records` (projects first, then units) as `file` by its ending; how many records of each table were written."""
    with replacing(file) as target:
        match file.suffix.lower():
            case ".xlsx":
                return _write_workbook(target, records)
            case ".jsonl" | ".ndjson":
                with target.open("wb") as stream:
                    return _write_lines(stream, records)
            case _:
                with target.open("wb") as stream:
                    return _write_json(stream, records)


def write_rows(
    file: Path, tables: Sequence[tuple[Table, Sequence[str], Iterable[Mapping[str, Any]]]]
) -> dict[str, int]:
    """Flat rows under their own columns, unknown ones included: a sheet a table, or one record a row in JSON."""
    if file.suffix.lower() != ".xlsx":
        return write_records(file, (row for _, _, rows in tables for row in rows))
    counts: dict[str, int] = {}
    with replacing(file) as target:
        writer = WorkbookWriter(target)
        try:
            for table, columns, rows in tables:
                writer.sheet(table.sheet, columns)
                counts[table.sheet] = 0
                for row in rows:
                    writer.row(table.sheet, [row.get(name) for name in columns])
                    counts[table.sheet] += 1
        finally:
            writer.close()
    return counts


def rows_of(record: NestedRecord) -> Iterator[tuple[Table, NestedRecord]]:
    """A nested record as the rows of the sheets: itself, and what hangs on it."""
    if not is_unit(record):
        yield PROJECTS, record
        for child in CHILDREN:
            for one in record.get(child.name, ()):
                yield child, {**one, child.parent: one.get(PROJECTS.key, record.get(PROJECTS.key))}
        return
    yield UNITS, record
    if record.get("issuance"):
        issuance = record["issuance"]
        yield ISSUANCES, {**issuance, ISSUANCES.parent: issuance.get(PROJECTS.key)}
    for label in record.get("labels", ()):
        yield LABEL_UNITS, {"labelId": label["id"], UNITS.key: record[UNITS.key]}


def _write_workbook(file: Path, records: Iterable[NestedRecord]) -> dict[str, int]:
    counts = dict.fromkeys((table.sheet for table in TABLES), 0)
    writer = WorkbookWriter(file)
    try:
        for table in TABLES:
            writer.sheet(table.sheet, table.columns)
        last_issuance, listed = None, False
        for record in records:
            for table, row in rows_of(record):
                if table is ISSUANCES and is_unit(record):
                    # a unit of a listed project names an issuance that stands there; others' issuances come once each,
                    # since the units of an issuance follow one another
                    listed = bool(record.get(OURS_ALONE))
                    if listed or row["id"] == last_issuance:
                        continue
                    last_issuance = row["id"]
                writer.row(table.sheet, [row.get(name) for name in table.columns])
                counts[table.sheet] += 1
    finally:
        writer.close()
    return counts


def _counted(counts: dict[str, int], record: NestedRecord) -> None:
    counts["units" if is_unit(record) else "projects"] += 1


def _write_lines(stream: BinaryIO, records: Iterable[NestedRecord]) -> dict[str, int]:
    counts = {"projects": 0, "units": 0}
    for record in records:
        stream.write(json_text(record) + b"\n")
        _counted(counts, record)
    return counts


def _write_json(stream: BinaryIO, records: Iterable[NestedRecord]) -> dict[str, int]:
    counts = {"projects": 0, "units": 0}
    for piece in json_pieces(_tapped(records, counts)):
        stream.write(piece)
    return counts


def _tapped(records: Iterable[NestedRecord], counts: dict[str, int]) -> Iterator[NestedRecord]:
    for record in records:
        _counted(counts, record)
        yield record
