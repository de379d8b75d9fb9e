"""A workbook that people keep: several sheets, titles above each header, merged cells, and somebody who has it open.

What holds of every workbook holds here (`spreadsheets.py`: a private copy, a bounded process, cells as they are).
Beyond that: a file that is away or half saved is on its way back, a merged cell counts for each of its rows, a column
that people add beside the known ones is theirs, and a scribble beyond the header is a fault that costs no row.
"""

from __future__ import annotations

import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from adapters.transports.snapshots import DEFAULT_LIMITS, FileLimits, Snapshot, snapshot
from adapters.transports.spreadsheets import Merged, Sheet, Worker
from adapters.transports.tables import (
    LARGEST_EXACT_NUMBER,
    Cell,
    CellError,
    Fault,
    Formula,
    Row,
    Source,
    TableShape,
    file_refused,
    trimmed,
)
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json

_TRIES: Final = 3
_BETWEEN_TRIES: Final = 0.2
_UNFINISHED: Final = frozenset({"workbook_broken", "file_empty"})


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """Who has a workbook open, by the lock file that the spreadsheet program left; `name` is "" where it says none."""

    name: str
    since: datetime


def opened_by(file: Path) -> OpenedBy | None:
    """Who has `file` open, as Excel and WPS (`~$NAME`) or LibreOffice (`.~lock.NAME#`) say; None where nobody does.

    A program that was killed leaves its lock file behind, so this is a fact to show and no reason to wait for ever.
    """
    for lock, read in (
        (file.with_name(f"~${file.name}"), _excel_owner),
        (file.with_name(f".~lock.{file.name}#"), _libreoffice_owner),
    ):
        try:
            since = datetime.fromtimestamp(lock.stat().st_mtime, UTC)
            return OpenedBy(read(lock.read_bytes()[:512]), since)
        except OSError:
            continue
    return None


def _excel_owner(content: bytes) -> str:
    # one byte of length, the name in the local code page, blanks; from byte 55 on the same in UTF-16
    if len(content) >= 57:
        length = min(content[55], 52)
        return content[57 : 57 + 2 * length].decode("utf-16-le", "replace").strip("\x00 ")
    return content[1 : 1 + content[0]].decode("gb18030", "replace").strip() if content else ""


def _libreoffice_owner(content: bytes) -> str:
    return content.decode("utf-8", "replace").split(",")[1:2][0].strip() if b"," in content else ""


class Workbook:
    """A workbook being read; each sheet is read to its end before the next."""

    def __init__(self, copy: Snapshot, worker: Worker) -> None:
        self._copy, self._worker = copy, worker
        self._sheets = {sheet.title: sheet for sheet in worker.sheets()}

    @property
    def snapshot(self) -> Snapshot:
        """The copy that is read."""
        return self._copy

    def check(self, title: str, shape: TableShape) -> None:
        """Raises ConfigurationWrong when the sheet is gone, hidden or renamed, or its columns are not the expected."""
        self._header(title, shape)

    def rows(self, title: str, shape: TableShape, *, id_column: str) -> Iterator[Row | Fault]:
        """The rows of a sheet, merged cells filled in downwards.

        A row across which cells are merged from `id_column` on is a heading that people put between rows, and passed
        over. Raises as `check` does.
        """
        sheet, header_row, columns, width = self._header(title, shape)
        merged, rows = self._worker.rows_and_merged(sheet.position)
        below: dict[int, list[Merged]] = defaultdict(list)
        for area in merged:
            if area.first_row > header_row:
                below[area.first_row].append(area)
        at = columns[id_column] + 1
        filled: dict[int, tuple[int, Cell]] = {}
        for number, cells in rows:
            if number <= header_row:
                continue
            starting = below.get(number, ())
            if any(area.first_column <= at < area.last_column for area in starting):
                continue
            source = Source(self._copy.name, number, title)
            if len(cells) > width:
                beyond = next(cell for cell in cells[width:] if cell is not None)
                reason = f"something is written beside the table's {width} columns; the row itself is read"
                yield Fault(source, "", str(beyond)[:200], reason, "beside_the_table")
            for area in starting:
                if area.first_column == area.last_column and area.first_column <= len(cells):
                    filled[area.first_column] = (area.last_row, cells[area.first_column - 1])
            yield Row(source, {name: _cell(cells, where, number, filled) for name, where in columns.items()})

    def _header(self, title: str, shape: TableShape) -> tuple[Sheet, int, dict[str, int], int]:
        sheet = self._sheets.get(title)
        if sheet is None:
            raise file_refused(
                f"the workbook has no visible sheet {title!r}",
                code="sheet_missing",
                file=str(self._copy.original),
                what=", ".join(self._sheets),
                remedy=f"give the sheet its name {title!r} back, or change the mapping",
            )
        candidates = list(enumerate(sheet.rows[: shape.title_rows + 1], 1)) or [(1, [])]
        number, cells = max(candidates, key=lambda item: (shape.likeness(item[1]), -item[0]))
        columns = shape.check(cells, Source(self._copy.name, number, title))
        return sheet, number, columns, len(trimmed(cells))


def _cell(cells: list[Cell], where: int, number: int, filled: dict[int, tuple[int, Cell]]) -> Cell:
    own = cells[where] if where < len(cells) else None
    until, value = filled.get(where + 1, (0, None))
    return value if own is None and number <= until else own


@contextmanager
def open_workbook(
    file: Path, limits: FileLimits = DEFAULT_LIMITS, *, patience: float = 60.0, unchanged: str = ""
) -> Iterator[Workbook | None]:
    """The workbook as it was at one moment; None where its content has the SHA-256 `unchanged`.

    Raises RetryLater while it is away, is being saved or replaced, or was changed within the last `patience` seconds
    and cannot be read (programs that save in place leave half a file behind for a while); ConfigurationWrong when it
    still cannot be read after that, or is too large.
    """
    try:
        with _whole_copy(file, limits) as copy:
            if copy.sha256 == unchanged:
                yield None
                return
            with Worker(copy, limits) as worker:
                yield Workbook(copy, worker)
    except ConfigurationWrong as wrong:
        if wrong.code == "file_missing":
            raise RetryLater(
                "the workbook is not there",
                code="workbook_away",
                where=str(file),
                retry_after=5.0,
                remedy="check that the folder is mounted and that the workbook has kept its name",
            ) from wrong
        if wrong.code in _UNFINISHED and (age := _age(file)) < patience:
            raise RetryLater(
                f"the workbook cannot be read ({wrong.message}) and was changed {age:.0f} s ago: it is being saved",
                code="file_changing",
                where=str(file),
                retry_after=5.0,
                remedy=f"nothing: it is read again; after {patience:g} s without a change it counts as broken",
            ) from wrong
        raise


@contextmanager
def _whole_copy(file: Path, limits: FileLimits) -> Iterator[Snapshot]:
    """A copy, tried a few times: whoever saves by renaming is done in an instant."""
    for left in reversed(range(_TRIES)):
        taking = snapshot(file, limits)
        try:
            copy = taking.__enter__()
        except RetryLater:
            if not left:
                raise
            time.sleep(_BETWEEN_TRIES)
            continue
        try:
            if not zipfile.is_zipfile(copy.path):
                raise file_refused(
                    "not an XLSX workbook, or cut short",
                    code="workbook_broken",
                    file=str(file),
                    remedy="open it and save it again as XLSX",
                )
            yield copy
        finally:
            taking.__exit__(None, None, None)
        return


def _age(file: Path) -> float:
    try:
        return max(0.0, time.time() - file.stat().st_mtime)
    except OSError:
        return 0.0


def cell_json(cell: Cell) -> Json:
    """A cell as a record's payload keeps it: text as it stands, numbers as text that reads back the same, days as ISO.

    What no number or text can be read from is an object {"unusable": code, "shown": what the cell shows}; a formula is
    its own text, which begins with "=". Both are refused where the field is read.
    """
    match cell:
        case None:
            return ""
        case bool():
            return {"unusable": "truth_value_in_cell", "shown": str(cell).upper()}
        case int():
            if abs(cell) > LARGEST_EXACT_NUMBER:
                return {"unusable": "number_damaged", "shown": str(cell)}
            return str(cell)
        case Decimal():
            return format(cell, "f")
        case datetime():
            return cell.date().isoformat() if cell.time() == cell.min.time() else cell.isoformat()
        case Formula():
            return "=" + cell.text.removeprefix("=")
        case CellError():
            return {"unusable": "error_in_cell", "shown": cell.text}
        case _:
            return str(cell)
