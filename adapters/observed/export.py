"""One file of a source, copied and open: its header, what its columns hold, and its rows as records or refusals."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from adapters.transports import delimited, spreadsheets
from adapters.transports.delimited import DelimitedFormat, find_encoding
from adapters.transports.snapshots import MEBIBYTE, FileLimits, Snapshot, snapshot
from adapters.transports.tables import Cell, Column, Fault, FieldRefused, Row, Source, TableShape, file_refused
from mutual_recognition.documents import Json
from mutual_recognition.observed import Observed, RecordKind
from mutual_recognition.observed_exports import Accepted, ReadRow, RefusedRow, SourceCard
from mutual_recognition.schema_drift import ColumnProfile, column_key

from .source import Form, ObservedSource

LIMITS: Final = FileLimits(file_bytes=512 * MEBIBYTE, rows=2_000_000)
JSON_BYTES: Final = 16 * MEBIBYTE
"""A JSON array is read whole: pages of an API are small."""

LINES_PER_RECORD: Final = 500
"""Gold Standard's list holds descriptions of more than 50 lines."""

_DAY_IN_NAME: Final = re.compile(r"(?<![0-9])(20[0-9]{2})(?:-([01][0-9])(?:-([0-3][0-9]))?)?(?![0-9])", re.ASCII)


@dataclass
class Export:
    """A file of `source`; made by `open_export`."""

    source: ObservedSource
    copy: Snapshot
    header: tuple[str, ...]
    objects: list[dict[str, Cell]] | None = None

    @property
    def card(self) -> SourceCard:
        """The source it is a file of."""
        return self.source.card

    @property
    def name(self) -> str:
        """The file's name."""
        return self.copy.name

    @property
    def sha256(self) -> str:
        """Of the file's content."""
        return self.copy.sha256

    @property
    def named_day(self) -> date | None:
        """The day in the file's name: "2026-05-27"; of "2023-08" the month's last day, of "2021" the year's."""
        return day_in_name(self.name)

    def profiles(self, rows: int) -> Mapping[str, ColumnProfile]:
        """What each column holds in the first `rows` rows."""
        found: dict[str, ColumnProfile] = {heading: ColumnProfile() for heading in self.header}
        shape = TableShape(tuple(Column.named(heading) for heading in found), title_rows=self.source.title_rows)
        for row in islice(self._rows(shape), rows):
            if isinstance(row, Row):
                for heading, profile in found.items():
                    profile.add(_shown(row.cell(heading)))
        return found

    def read(self, accepted: Accepted) -> Iterator[ReadRow | RefusedRow]:
        """Every row as records, or as a refusal with field, value and reason. Rows that are no records (totals,
        footnotes) are passed over."""
        here = {column_key(heading) for heading in self.header}
        columns = []
        for known in self.source.columns:
            # a registry that takes a new name back is read under the old one again
            names = (accepted.renamed.get(known.heading, known.heading), known.heading)
            if any(column_key(name) in here for name in names):
                columns.append(Column(known.heading, names))
        shape = TableShape(tuple(columns), allow_unknown=True, title_rows=self.source.title_rows)
        read, skip = self.source.reader(), self.source.skipping()
        for row in self._rows(shape):
            if isinstance(row, Fault):
                yield RefusedRow(row.source.row, row.source.sheet, row.field, row.value, row.code, row.reason)
                continue
            try:
                if row.blank or skip(row):
                    continue
                records: tuple[Observed, ...] = tuple(read(row))
            except FieldRefused as refused:
                yield RefusedRow(
                    row.source.row,
                    row.source.sheet,
                    refused.field,
                    refused.value,
                    refused.code,
                    refused.reason,
                    self._about(row),
                )
                continue
            yield ReadRow(row.source.row, row.source.sheet, records, {h: _raw(cell) for h, cell in row.cells.items()})

    def _about(self, row: Row) -> tuple[tuple[RecordKind, str], ...]:
        try:
            return tuple(self.source.identify(row))
        except FieldRefused:
            return ()

    def _rows(self, shape: TableShape) -> Iterator[Row | Fault]:
        match self.source.form:
            case Form.CSV:
                form = DelimitedFormat(encoding=self.source.encoding, lines_per_record=LINES_PER_RECORD)
                return delimited.read_snapshot(self.copy, shape, form, LIMITS)
            case Form.XLSX:
                return spreadsheets.read_snapshot(self.copy, shape, LIMITS)
            case Form.JSON:
                return self._json_rows(shape)

    def _json_rows(self, shape: TableShape) -> Iterator[Row]:
        for number, found in enumerate(self.objects or [], 1):
            cells = {column.name: found.get(column.headers[0]) for column in shape.columns}
            yield Row(Source(self.name, number), cells)


@contextmanager
def open_export(source: ObservedSource, file: Path) -> Iterator[Export]:
    """`file` as an export of `source`, from a private copy.

    Raises ConfigurationWrong (absent, too large, in no known encoding, no header) and RetryLater (being written).
    """
    with snapshot(file, LIMITS) as copy:
        match source.form:
            case Form.CSV:
                yield Export(source, copy, _csv_header(copy, source))
            case Form.XLSX:
                yield Export(source, copy, _xlsx_header(copy, source))
            case Form.JSON:
                objects = _json_objects(copy)
                header = tuple(dict.fromkeys(key for found in objects for key in found))
                yield Export(source, copy, header, objects)


def day_in_name(name: str) -> date | None:
    """The last day of what the name states: a day, a month or a year; None where it states none or several."""
    found = {matched.groups() for matched in _DAY_IN_NAME.finditer(name)}
    if len(found) != 1:
        return None
    year, month, day = found.pop()
    try:
        if day:
            return date(int(year), int(month), int(day))
        if month:
            following = date(int(year), int(month), 28) + timedelta(days=4)
            return following - timedelta(days=following.day)
        return date(int(year), 12, 31)
    except ValueError:
        return None


def _csv_header(copy: Snapshot, source: ObservedSource) -> tuple[str, ...]:
    encoding = find_encoding(copy, source.encoding)
    with copy.path.open(encoding=encoding, newline="") as stream:
        # a header is some kilobytes: a file without line ends is not read whole to find that out
        lines = stream.read(MEBIBYTE).splitlines(keepends=True)
        try:
            first = next(csv.reader(lines, strict=True), [])
        except csv.Error as broken:
            raise _no_header(copy, str(broken)) from broken
    return _checked(copy, first)


def _xlsx_header(copy: Snapshot, source: ObservedSource) -> tuple[str, ...]:
    shape = TableShape(tuple(Column.named(known.heading) for known in source.columns), title_rows=source.title_rows)
    with spreadsheets.Worker(copy, LIMITS) as worker:
        candidates = [
            (shape.likeness(cells), cells) for sheet in worker.sheets() for cells in sheet.rows[: source.title_rows + 1]
        ]
    best = max(candidates, key=lambda candidate: candidate[0], default=(0, []))
    return _checked(copy, [_shown(cell) for cell in best[1]])


def _checked(copy: Snapshot, cells: list[str]) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in cells if cell.strip())
    if not header:
        raise _no_header(copy, "the first row is empty")
    return header


def _no_header(copy: Snapshot, why: str) -> Exception:
    return file_refused(
        f"the header cannot be read: {why}",
        code="header_missing",
        file=str(copy.original),
        remedy="deliver the export as the programme publishes it",
    )


def _json_objects(copy: Snapshot) -> list[dict[str, Cell]]:
    if copy.size > JSON_BYTES:
        raise file_refused(
            f"a JSON file of {copy.size:,} bytes, at most {JSON_BYTES:,}",
            code="file_too_large",
            file=str(copy.original),
            remedy="deliver the API's pages as they come, one file each",
        )
    try:
        content = json.loads(copy.path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError) as broken:
        raise file_refused(
            f"not JSON: {broken}", code="json_broken", file=str(copy.original), remedy="fetch the page again"
        ) from broken
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise file_refused(
            "not an array of objects", code="json_shape", file=str(copy.original), remedy="deliver one page of the API"
        )
    return [dict(_flat(item)) for item in content]


def _flat(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False, default=str)
        elif value is None or isinstance(value, bool | int | str | Decimal):
            yield f"{prefix}{key}", value if value != "" else None


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat()
    return str(cell).strip()


def _raw(cell: Cell) -> Json:
    if cell is None or isinstance(cell, bool | str):
        return cell
    if isinstance(cell, int) and abs(cell) < 2**53:
        return cell
    return _shown(cell)
