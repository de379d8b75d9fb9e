"""CSV files: encodings, records and their faults. RFC 4180, and what registries make of it.

Encoding: a byte-order mark decides; else strict UTF-8; else strict GB18030; else the file is refused with the
byte where each failed, and an encoding (cp1252, say) has to be configured. Nothing is guessed from
statistics: those take short GBK texts for Big5.

A record that is cut off, has a field too many or too few, or holds NUL becomes a `Fault`; reading goes on
with the line after the one at which it started, so one lost quotation mark does not swallow the records below
it.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from .snapshots import DEFAULT_LIMITS, MEBIBYTE, FileLimits, Snapshot, snapshot
from .tables import Cell, Fault, Formula, Row, Source, TableShape, file_refused

UNCONFIGURED_ENCODINGS: Final = ("utf-8", "gb18030")
LINES_PER_RECORD: Final = 50
"""A quoted field may hold line breaks; a record of more lines than this has lost its closing quotation mark.
"""

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class DelimitedFormat:
    """How a source writes its CSV: `encoding` None means find out as above; `final_newline` says whether the
    last line must end with one (a last line without is taken for cut off, since a shortened number is still a
    number). `lines_per_record` is the most lines that a quoted field may span before its closing mark counts as lost.
    """

    encoding: str | None = None
    delimiter: str = ","
    final_newline: bool = True
    lines_per_record: int = LINES_PER_RECORD


DEFAULT_FORMAT: Final = DelimitedFormat()


def read_delimited(
    file: Path,
    shape: TableShape,
    form: DelimitedFormat = DEFAULT_FORMAT,
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[Row | Fault]:
    """The rows of a CSV file in order, and a `Fault` for each that cannot be read; blank lines are passed
    over.

    The file is copied first (see `snapshot`) and then streamed: memory does not grow with it. Raises
    RetryLater when it is being written, ConfigurationWrong when it is too large, in no known encoding,
    without its header, or changed in schema.
    """
    with snapshot(file, limits) as copy:
        yield from read_snapshot(copy, shape, form, limits)


def read_snapshot(
    copy: Snapshot,
    shape: TableShape,
    form: DelimitedFormat = DEFAULT_FORMAT,
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[Row | Fault]:
    """As `read_delimited`, from a copy already taken."""
    encoding = find_encoding(copy, form.encoding)
    with copy.path.open(encoding=encoding, errors="strict", newline="") as stream:
        records = _Records(stream, copy, form, limits)
        yield from _place(records, shape, copy, limits)


def find_encoding(copy: Snapshot, configured: str | None = None) -> str:
    """The Python name of the encoding in which all of the file decodes. Raises ConfigurationWrong with byte
    offsets.
    """
    with copy.path.open("rb") as stream:
        start = stream.read(3)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    tried = (configured,) if configured else (marked,) if marked else UNCONFIGURED_ENCODINGS
    failures = []
    for name in tried:
        if configured is None or marked != "utf-8-sig" or codecs.lookup(name).name != "utf-8":
            encoding = name
        else:
            encoding = "utf-8-sig"
        failure = _first_undecodable(copy.path, encoding)
        if failure is None:
            return encoding
        failures.append(f"not {encoding}: {failure}")
    raise file_refused(
        f"the file is in no encoding that it may be in ({'; '.join(failures)})",
        code="encoding_unknown",
        file=str(copy.original),
        remedy="export it as UTF-8, or set its encoding in the adapter's configuration (for example cp1252)",
    )


def _first_undecodable(path: Path, encoding: str) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    consumed = 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(MEBIBYTE)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset = consumed - pending + error.start
                byte = error.object[error.start : error.start + 1].hex()
                return f"byte {offset} (0x{byte}): {error.reason}"
            if not chunk:
                return None
            consumed += len(chunk)


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    fields: list[str]
    lines: int


class _Records:
    """Records and record faults of one stream. A record that took several lines can be taken back to its
    first one.
    """

    def __init__(self, stream: TextIO, copy: Snapshot, form: DelimitedFormat, limits: FileLimits) -> None:
        self._stream, self._copy, self._form, self._limits = stream, copy, form, limits
        self._waiting: list[str] = []
        self._taken: list[str] = []
        self._line = 1
        self._ended = False

    def _next_line(self) -> str:
        if len(self._taken) >= self._form.lines_per_record:
            raise _RecordTooLong
        if self._waiting:
            line = self._waiting.pop()
        else:
            line = self._stream.readline(self._limits.row_characters + 1)
            if len(line) > self._limits.row_characters:
                raise file_refused(
                    f"line {self._line + len(self._taken)} is longer than {self._limits.row_characters:,} characters",
                    code="line_too_long",
                    file=str(self._copy.original),
                    remedy="check that the export ends its lines",
                )
        if not line:
            self._ended = True
            raise StopIteration
        self._taken.append(line)
        return line

    def take_back(self) -> None:
        """Puts all lines of the latest record but its first back, to be read as records of their own."""
        self._waiting.extend(reversed(self._taken[1:]))
        del self._taken[1:]

    def __iter__(self) -> Iterator[_Record | Fault]:
        while True:
            self._line += len(self._taken)
            self._taken.clear()
            reader = csv.reader(_Lines(self), delimiter=self._form.delimiter, strict=True)
            try:
                fields = next(reader)
            except StopIteration:
                return
            except _RecordTooLong:
                lines = self._form.lines_per_record
                yield self._broken(f"a quotation mark opens here and {lines} lines on is not closed")
                self.take_back()
                continue
            except csv.Error as error:
                at_end = self._ended and not self._waiting
                what = "the file ends inside a quoted field: it is cut short" if at_end else f"not CSV: {error}"
                yield self._broken(what, "record_cut_short" if at_end else "record_broken")
                self.take_back()
                self._ended = False
                continue
            if self._form.final_newline and not self._taken[-1].endswith(("\n", "\r")):
                yield self._broken("the last line does not end with a newline: it may be cut short", "record_cut_short")
                continue
            if any("\0" in field for field in fields):
                yield self._broken("holds NUL bytes", "nul_in_record")
                continue
            yield _Record(self._line, fields, len(self._taken))

    def _broken(self, reason: str, code: str = "record_broken") -> Fault:
        first = self._taken[0].rstrip("\r\n") if self._taken else ""
        return Fault(Source(self._copy.name, self._line), "", first[:200], reason, code)


class _RecordTooLong(Exception):
    pass


class _Lines:
    """The iterator that csv.reader pulls physical lines from."""

    def __init__(self, records: _Records) -> None:
        self._records = records

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        return self._records._next_line()


def _place(records: _Records, shape: TableShape, copy: Snapshot, limits: FileLimits) -> Iterator[Row | Fault]:
    columns: dict[str, int] | None = None
    width = 0
    best: tuple[int, _Record] | None = None
    above = rows = 0
    for record in records:
        if isinstance(record, Fault):
            if columns is None:
                raise file_refused(
                    f"the header cannot be read: {record.reason}",
                    code=record.code,
                    file=str(record.source),
                    what=record.value,
                    remedy="export the file again",
                )
            yield record
            continue
        if columns is None:
            cells = [_cell(field) for field in record.fields]
            if shape.place(cells) is not None or above >= shape.title_rows:
                chosen = record
                if shape.place(cells) is None and best is not None and best[0] > shape.likeness(cells):
                    chosen = best[1]
                header = [_cell(field) for field in chosen.fields]
                columns = shape.check(header, Source(copy.name, chosen.line))
                width = len(chosen.fields)
            elif best is None or shape.likeness(cells) > best[0]:
                best = (shape.likeness(cells), record)
            above += 1
            continue
        if not any(field.strip() for field in record.fields):
            continue
        rows += 1
        if rows > limits.rows:
            raise _too_many_rows(copy, limits)
        if len(record.fields) != width:
            shown = copy.name
            reason = f"{len(record.fields)} fields where the header has {width}"
            yield Fault(Source(shown, record.line), "", ",".join(record.fields)[:200], reason, "wrong_number_of_fields")
            if record.lines > 1:
                records.take_back()
            continue
        cells_by_name = {name: _cell(record.fields[position]) for name, position in columns.items()}
        yield Row(Source(copy.name, record.line), cells_by_name)
    if columns is None:
        header_cells = [_cell(field) for field in best[1].fields] if best else []
        shape.check(header_cells, Source(copy.name, best[1].line if best else 1))


def _too_many_rows(copy: Snapshot, limits: FileLimits) -> Exception:
    return file_refused(
        f"more than {limits.rows:,} rows",
        code="too_many_rows",
        file=str(copy.original),
        remedy="split the export, or raise the limit in the adapter's configuration",
    )


def _cell(field: str) -> Cell:
    stripped = field.strip()
    if not stripped:
        return None
    return Formula(stripped) if stripped.startswith("=") else field
