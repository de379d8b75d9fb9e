"""Records of a file, whatever its form: JSON lines, CSV or XLSX, told apart by the ending of its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from mutual_recognition.documents import Json

from .delimited import DelimitedFormat, read_delimited
from .jsonlines import JsonLine, read_json_lines
from .snapshots import DEFAULT_LIMITS, FileLimits
from .spreadsheets import read_spreadsheet
from .tables import Cell, Column, Fault, Row, Source, TableShape, file_refused

JSON_LINES: Final = (".jsonl", ".ndjson")
DELIMITED: Final = (".csv", ".tsv", ".txt")
SPREADSHEETS: Final = (".xlsx",)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One record: where it stands, and its values by native name. Values of CSV are text; see `jsonlines`."""

    source: Source
    values: Mapping[str, Json]


def read_records(
    file: Path,
    columns: Sequence[str],
    *,
    optional: Collection[str] = (),
    also: Collection[str] = (),
    encoding: str | None = None,
    delimiter: str = ",",
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[FileRecord | Fault]:
    """The records of a file in order, and a `Fault` for each that cannot be read.

    `columns` are those that a table must have, except the `optional` ones, and `also` those that it may; JSON lines
    name their fields themselves. Raises RetryLater while the file is being written, ConfigurationWrong for one that
    cannot be read or whose columns have changed.
    """
    ending = file.suffix.lower()
    if ending in JSON_LINES:
        for line in read_json_lines(file, limits, encoding):
            yield FileRecord(line.source, line.values) if isinstance(line, JsonLine) else line
        return
    names = list(dict.fromkeys([*columns, *also]))
    shape = TableShape(tuple(Column.named(name, required=name not in optional) for name in names))
    if ending in DELIMITED:
        form = DelimitedFormat(encoding, "\t" if ending == ".tsv" else delimiter)
        rows = read_delimited(file, shape, form, limits)
    elif ending in SPREADSHEETS:
        rows = read_spreadsheet(file, shape, limits=limits)
    else:
        raise file_refused(
            f"files that end with {ending or 'nothing'} are not read",
            code="file_form_unknown",
            file=str(file),
            remedy=f"deliver one of {', '.join((*JSON_LINES, *DELIMITED, *SPREADSHEETS))}",
        )
    for row in rows:
        yield FileRecord(row.source, {n: _json(c) for n, c in row.cells.items()}) if isinstance(row, Row) else row


def _json(cell: Cell) -> Json:
    match cell:
        case None:
            return ""
        case bool() | int():
            return cell
        case Decimal():
            return format(cell, "f")
        case date():  # a datetime too
            return cell.isoformat()
        case _:
            return str(cell)
