"""Reads one XLSX workbook and writes its cells as lines of JSON; run as a process of its own, never imported.

A workbook from outside is a zip of XML: a few kilobytes can unpack to gigabytes or keep a parser busy for
hours. So it is parsed here, under limits on memory and CPU time that the kernel enforces, while the parent
waits for lines.

Arguments: path, and the limits as JSON. Dialogue, one JSON value a line: -> ["sheet", number, title, [row,
...]] for each visible sheet its first rows -> ["choose"] <- number of the sheet to read, or `merged` and the
number -> (for `merged`) ["merged", [[first row, first column, last row, last column], ...]] -> ["row", row
number, [cell, ...]] for each row that holds anything -> ["end", rows read], after which another sheet may be
chosen -> ["refused", code, message] instead of any of these; nothing follows. A cell is null, text, or a pair:
["n", "12"] number, ["d", ISO date-time], ["t", other date text], ["f", formula], ["b", true], ["e", "#REF!"].
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import signal
import sys
import zipfile
from datetime import date, datetime
from typing import Any

PROBED_ROWS = 30
MOST_PARTS = 2_000
MOST_MERGED = 50_000
_CHUNK = 256 * 1024
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^<>]*?ref\s*=\s*["']([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})["']""")


class Refused(Exception):
    """The workbook cannot be read; `code` and the message go to the parent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def limit_this_process(memory_bytes: int, cpu_seconds: int) -> None:
    """From here on an allocation beyond the limit is a MemoryError and CPU time beyond it ends the process.

    Only the soft limit on memory is set, so that there is room again to say why reading ended.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check_parts(path: str, unpacked_bytes: int) -> None:
    """Raises Refused when the archive is none, is encrypted, or would unpack to too much.

    The sizes in the archive's directory can be trusted as bounds: zipfile reads no more of a part than is
    stated there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as error:
        raise Refused("workbook_broken", f"not an XLSX workbook, or cut short ({error})") from None
    if len(parts) > MOST_PARTS:
        raise Refused("workbook_too_large", f"{len(parts)} parts in the workbook, at most {MOST_PARTS}")
    total = sum(part.file_size for part in parts)
    if total > unpacked_bytes:
        raise Refused("workbook_too_large", f"it unpacks to {total:,} bytes, at most {unpacked_bytes:,}")
    if any(part.flag_bits & 1 for part in parts):
        raise Refused("workbook_encrypted", "a part of the workbook is encrypted")
    if len({part.filename for part in parts}) != len(parts):
        raise Refused("workbook_broken", "two parts of the workbook have one name")


def cell_json(cell: Any) -> Any:
    """One openpyxl cell in the form of the dialogue. Floats go as their shortest text, which reads back the
    same.
    """
    value = cell.value
    if value is None or isinstance(value, bool):
        return None if value is None else ["b", value]
    if cell.data_type == "f":
        return ["f", str(getattr(value, "text", value) or "=")]
    if cell.data_type == "e":
        return ["e", str(value)]
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, int | float):
        return ["n", repr(value)]
    if isinstance(value, datetime):
        return ["d", value.isoformat()]
    if isinstance(value, date):
        return ["d", datetime(value.year, value.month, value.day).isoformat()]  # noqa: DTZ001 (spreadsheets have no zone)
    return ["t", str(value)]


def row_json(cells: Any, columns: int, number: int) -> list[Any]:
    """A row without empty cells at its end; more than `columns` cells that hold something are refused."""
    row = [cell_json(cell) for cell in cells]
    while row and row[-1] is None:
        row.pop()
    if len(row) > columns:
        raise Refused("too_many_columns", f"row {number} has {len(row)} columns, at most {columns}")
    return row


def merged_ranges(path: str, part: str) -> list[tuple[int, int, int, int]]:
    """First row, first column, last row, last column of each merged range of a sheet.

    A streaming reader leaves them out, since they stand behind the rows; so the part is looked through before.
    """
    from openpyxl.utils import range_boundaries

    found: list[tuple[int, int, int, int]] = []
    with zipfile.ZipFile(path) as archive, archive.open(part) as stream:
        rest = b""
        while chunk := stream.read(_CHUNK):
            text = rest + chunk
            end = 0
            for matched in _MERGED.finditer(text):
                bounds: Any = range_boundaries(matched[1].decode("ascii"))
                first_column, first_row, last_column, last_row = bounds
                found.append((first_row, first_column, last_row, last_column))
                end = matched.end()
            if len(found) > MOST_MERGED:
                raise Refused("workbook_too_large", f"more than {MOST_MERGED:,} merged cells in one sheet")
            rest = text[max(end, len(text) - 512) :]  # a tag may lie across two chunks
    return found


def say(*message: Any) -> None:
    """One line to the parent."""
    sys.stdout.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")


def read(path: str, limits: dict[str, int]) -> None:
    """The dialogue of the module's docstring."""
    import openpyxl

    check_parts(path, limits["unpacked_bytes"])
    columns, most_rows = limits["columns"], limits["rows"]
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    for sheet in sheets:
        sheet.reset_dimensions()  # what the file says of its own extent may be wrong
    for position, probed in enumerate(sheets):
        rows = probed.iter_rows(max_row=PROBED_ROWS, max_col=columns + 1)
        probe = [row_json(cells, columns, number) for number, cells in enumerate(rows, 1)]
        say("sheet", position, probed.title, probe)
    say("choose")
    sys.stdout.flush()
    for chosen in iter(sys.stdin.readline, ""):
        *merged, position = chosen.split()
        wanted: Any = sheets[int(position)]
        if merged:
            say("merged", merged_ranges(path, wanted._worksheet_path))  # openpyxl has no public name for it
        say_rows(wanted, columns, most_rows)
        sys.stdout.flush()


def say_rows(sheet: Any, columns: int, most_rows: int) -> None:
    """Every row that holds anything, and how many there were."""
    count = 0
    for number, cells in enumerate(sheet.iter_rows(max_col=columns + 1), 1):
        if number > most_rows:
            raise Refused("too_many_rows", f"more than {most_rows:,} rows")
        row = row_json(cells, columns, number)
        if row:
            count += 1
            say("row", number, row)
    say("end", count)


def main() -> int:
    """Reads the workbook that the arguments name; 0 once everything, a refusal included, has been said."""
    path, limits = sys.argv[1], json.loads(sys.argv[2])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    limit_this_process(limits["worker_bytes"], limits["worker_cpu_seconds"])
    try:
        read(path, limits)
    except Refused as refused:
        say("refused", refused.code, str(refused))
    except MemoryError:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        say("refused", "workbook_too_large", f"reading it takes more than {limits['worker_bytes']:,} bytes of memory")
    except Exception as error:  # whatever the parser trips over in a hostile file, the parent has to hear of it
        say("refused", "workbook_broken", f"it cannot be read as XLSX ({type(error).__name__}: {str(error)[:200]})")
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
