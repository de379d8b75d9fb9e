"""XLSX workbooks: rows streamed out of a bounded process of its own (`spreadsheet_worker.py`).

What a cell is comes through: a formula is a `Formula` (its cached value is nobody's statement), a number
beyond 2**53 is refused where it is used, text stays text.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from hub.errors import ConfigurationWrong, RetryLater

from .snapshots import DEFAULT_LIMITS, FileLimits, Snapshot, snapshot
from .tables import Cell, CellError, Fault, Formula, Row, Source, TableShape, file_refused, trimmed

_WORKER: Final = Path(__file__).with_name("spreadsheet_worker.py")
_LONGEST_LINE: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visible sheet with its first rows."""

    position: int
    title: str
    rows: list[list[Cell]]


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells merged into one: rows and columns from 1, both ends included. The first cell holds the value."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


def read_spreadsheet(
    file: Path, shape: TableShape, limits: FileLimits = DEFAULT_LIMITS, *, sheet: str | None = None
) -> Iterator[Row | Fault]:
    """The rows below the header of the one visible sheet that has it (or of `sheet`), in order.

    The header is found by its names, below at most `shape.title_rows` other rows. Rows whose filled cells
    reach beyond the header are faults. Raises RetryLater when the file is being written, ConfigurationWrong
    when it is no workbook, too large, or has no sheet, or more than one, with the expected header.
    """
    with snapshot(file, limits) as copy:
        yield from read_snapshot(copy, shape, limits, sheet=sheet)


def read_snapshot(
    copy: Snapshot, shape: TableShape, limits: FileLimits = DEFAULT_LIMITS, *, sheet: str | None = None
) -> Iterator[Row | Fault]:
    """As `read_spreadsheet`, from a copy already taken."""
    with Worker(copy, limits) as worker:
        chosen, header_row, columns = _choose(worker.sheets(), shape, copy, sheet)
        width = len(trimmed(chosen.rows[header_row - 1]))
        for number, cells in worker.rows(chosen.position):
            if number <= header_row:
                continue
            source = Source(copy.name, number, chosen.title)
            if len(cells) > width:
                beyond = next(cell for cell in cells[width:] if cell is not None)
                reason = f"a cell beyond the header's {width} columns is filled"
                yield Fault(source, "", str(beyond)[:200], reason, "wrong_number_of_fields")
                continue
            placed = {name: cells[at] if at < len(cells) else None for name, at in columns.items()}
            yield Row(source, placed)


def _choose(
    sheets: list[Sheet], shape: TableShape, copy: Snapshot, wanted: str | None
) -> tuple[Sheet, int, dict[str, int]]:
    candidates = [sheet for sheet in sheets if wanted is None or sheet.title == wanted]
    if not candidates:
        raise file_refused(
            "the workbook has no such visible sheet" if wanted else "the workbook has no visible sheet",
            code="sheet_missing",
            file=str(copy.original),
            what=wanted or ", ".join(sheet.title for sheet in sheets),
            remedy="correct the sheet's name in the adapter's configuration, or export the file again",
        )
    found: list[tuple[Sheet, int, dict[str, int]]] = []
    nearest: tuple[int, Sheet, int] = (0, candidates[0], 1)
    for sheet in candidates:
        for number, cells in enumerate(sheet.rows[: shape.title_rows + 1], 1):
            if shape.place(cells) is not None:
                found.append((sheet, number, shape.check(cells, Source(copy.name, number, sheet.title))))
                break
            if shape.likeness(cells) > nearest[0]:
                nearest = (shape.likeness(cells), sheet, number)
    if len(found) > 1:
        raise file_refused(
            f"{len(found)} sheets have the expected header",
            code="sheet_ambiguous",
            file=str(copy.original),
            what=", ".join(sheet.title for sheet, _, _ in found),
            remedy="say which one in the adapter's configuration",
        )
    if found:
        return found[0]
    _, sheet, number = nearest
    cells = sheet.rows[number - 1] if sheet.rows else []
    return sheet, number, shape.check(cells, Source(copy.name, number, sheet.title))


class Worker:
    """The reading process and our end of its dialogue. It is ended, by its own id, when the context ends."""

    def __init__(self, copy: Snapshot, limits: FileLimits) -> None:
        self._copy, self._limits = copy, limits
        bounds = {
            name: getattr(limits, name)
            for name in ("rows", "columns", "unpacked_bytes", "worker_bytes", "worker_cpu_seconds")
        }
        # -I: neither the working directory nor PYTHON* variables decide what the worker imports
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", str(_WORKER), str(copy.path), json.dumps(bounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._buffer = bytearray()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()

    def sheets(self) -> list[Sheet]:
        """The visible sheets with their first rows."""
        sheets = []
        while True:
            match self._hear():
                case ["sheet", int(position), str(title), list(rows)]:
                    sheets.append(Sheet(position, title, [_cells(row) for row in rows]))
                case ["choose"]:
                    return sheets
                case other:
                    raise self._unexpected(other)

    def rows(self, position: int) -> Iterator[tuple[int, list[Cell]]]:
        """Row number and cells of every row that holds anything; complete, or it raises."""
        self._say(str(position))
        yield from self._rows()

    def rows_and_merged(self, position: int) -> tuple[list[Merged], Iterator[tuple[int, list[Cell]]]]:
        """The sheet's merged ranges, and its rows as `rows` gives them; to be read to their end before the next."""
        self._say(f"merged {position}")
        match self._hear():
            case ["merged", list(ranges)]:
                return [Merged(*item) for item in ranges], self._rows()
            case other:
                raise self._unexpected(other)

    def _say(self, line: str) -> None:
        if self._process.stdin is None:
            raise self._unexpected(None)
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _rows(self) -> Iterator[tuple[int, list[Cell]]]:
        count = 0
        while True:
            match self._hear():
                case ["row", int(number), list(row)]:
                    count += 1
                    yield number, _cells(row)
                case ["end", int(total)] if total == count:
                    return
                case other:
                    raise self._unexpected(other)

    def _hear(self) -> Any:
        """The next line. Only our own waiting counts as silence, so a slow consumer is not taken for a stuck
        worker.
        """
        stdout = self._process.stdout
        if stdout is None:
            raise self._unexpected(None)
        while (end := self._buffer.find(b"\n")) < 0:
            readable, _, _ = select.select([stdout], [], [], self._limits.silence_seconds)
            if not readable:
                raise self._refused("workbook_too_slow", f"no row for {self._limits.silence_seconds:g} s of reading")
            chunk = os.read(stdout.fileno(), 256 * 1024)
            if not chunk or len(self._buffer) > _LONGEST_LINE:
                raise self._ended()
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        message = json.loads(line)
        if message[0] == "refused":
            raise self._refused(message[1], message[2])
        return message

    def _ended(self) -> Exception:
        status = self._process.wait(timeout=10)
        if status < 0:
            why = f"reading it took more than {self._limits.worker_cpu_seconds} s of CPU time or too much memory"
            return self._refused("workbook_too_large", f"{why} (signal {-status})")
        return self._unexpected(f"exit status {status}")

    def _refused(self, code: str, message: str) -> ConfigurationWrong:
        return file_refused(
            f"the workbook is refused: {message}",
            code=code,
            file=str(self._copy.original),
            remedy="open it and save it again as XLSX, split it, or deliver CSV",
        )

    def _unexpected(self, message: object) -> RetryLater:
        return RetryLater(
            "the process that reads workbooks ended early",
            code="workbook_reader_ended",
            what=message,
            where=str(self._copy.original),
            retry_after=5.0,
        )


def _cells(row: list[Any]) -> list[Cell]:
    return [cell if cell is None or isinstance(cell, str) else _cell(*cell) for cell in row]


def _cell(kind: str, value: Any) -> Cell:
    match kind:
        case "n":
            number = Decimal(value)
            if not number.is_finite():
                return CellError(str(value))
            return int(number) if number == number.to_integral_value() else number
        case "d":
            return datetime.fromisoformat(value)
        case "f":
            return Formula(value)
        case "e":
            return CellError(value)
        case "b":
            return bool(value)
        case _:
            return str(value)
