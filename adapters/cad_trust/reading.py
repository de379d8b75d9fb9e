"""Files of CAD Trust, read record by record: workbooks, JSON as its API gives and takes it, and JSON Lines.

Values come as the file has them (a number stays a number), under the file's own column names, unknown ones included, so
that what is written again can be compared cell by cell. `normal` makes of them what the data model means.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from adapters.cad_trust.model import CHILDREN, ISSUANCES, LABEL_UNITS, LABELS, PROJECTS, UNITS, Table, table_of
from adapters.transports.snapshots import DEFAULT_LIMITS, FileLimits, Snapshot, snapshot
from adapters.transports.spreadsheets import Sheet, Worker
from adapters.transports.tables import Cell, Fault, Source, file_refused, trimmed

_ENVELOPES = ("projects", "units")


@dataclass(frozen=True, slots=True)
class Header:
    """A sheet's columns in their order; for JSON, nothing (its fields are with each record)."""

    source: Source
    table: Table | None
    columns: tuple[str, ...]
    filled: bool = True
    """Whether rows follow."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its table, where it stands, and its values under the file's own names."""

    table: Table
    source: Source
    values: Mapping[str, Cell]


Item: TypeAlias = Header | Record | Fault


def unnamed(position: int) -> str:
    """What a column without a heading is called here; `position` counts from 1."""
    return f"(column {position})"


def is_unnamed(name: str) -> bool:
    """Whether `unnamed` made this name."""
    return name.startswith("(column ") and name.endswith(")")


def read_file(
    file: Path, limits: FileLimits = DEFAULT_LIMITS, *, only: Collection[Table] | None = None
) -> Iterator[Item]:
    """Everything in `file`, by its ending: .xlsx, .jsonl, else JSON. `only`: rows of these tables (headings all the
    same).

    Raises RetryLater while the file is being written, ConfigurationWrong when it is none of these or too large.
    """
    with snapshot(file, limits) as copy:
        match file.suffix.lower():
            case ".xlsx":
                yield from _workbook(copy, limits, only)
            case ".jsonl" | ".ndjson":
                yield from _chosen(_lines(copy), only)
            case _:
                yield from _chosen(_json(copy), only)


def _chosen(items: Iterator[Item], only: Collection[Table] | None) -> Iterator[Item]:
    return (item for item in items if only is None or not isinstance(item, Record) or item.table in only)


# ---------------------------------------------------------------- workbooks


def _workbook(copy: Snapshot, limits: FileLimits, only: Collection[Table] | None) -> Iterator[Item]:
    with Worker(copy, limits) as worker:
        for sheet in worker.sheets():
            yield from _sheet(copy, worker, sheet, only)


def _sheet(copy: Snapshot, worker: Worker, sheet: Sheet, only: Collection[Table] | None) -> Iterator[Item]:
    if not any(sheet.rows):
        return
    heading = next(number for number, cells in enumerate(sheet.rows, 1) if cells)
    names = [
        str(cell).strip() if cell is not None else unnamed(position)
        for position, cell in enumerate(trimmed(sheet.rows[heading - 1]), 1)
    ]
    source = Source(copy.name, heading, sheet.title)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise file_refused(
            f"two columns of sheet {sheet.title} have one heading",
            code="columns_repeated",
            file=str(copy.original),
            what=", ".join(repeated),
            remedy="give each column its own heading",
        )
    table = table_of(sheet.title, frozenset(names))
    filled = len(sheet.rows) > heading
    yield Header(source, table, tuple(names), filled)
    if not filled:
        return
    if table is None or (only is not None and table not in only):
        return
    for number, cells in worker.rows(sheet.position):
        if number <= heading:
            continue
        at = Source(copy.name, number, sheet.title)
        if len(cells) > len(names):
            beyond = next(cell for cell in cells[len(names) :] if cell is not None)
            reason = f"a cell beyond the heading's {len(names)} columns is filled"
            yield Fault(at, "", str(beyond)[:200], reason, "wrong_number_of_fields")
            continue
        yield Record(table, at, dict(zip(names, cells + [None] * (len(names) - len(cells)), strict=True)))


# ---------------------------------------------------------------- JSON


def _json(copy: Snapshot) -> Iterator[Item]:
    told = _parse(copy, copy.path.read_bytes(), 1)
    if isinstance(told, dict) and any(isinstance(told.get(name), list) for name in _ENVELOPES):
        groups = [(name, told.get(name) or []) for name in _ENVELOPES]
    elif isinstance(told, dict) and isinstance(told.get("data"), list):
        groups = [("data", told["data"])]
    else:
        groups = [("", told if isinstance(told, list) else [told])]
    for name, records in groups:
        for number, record in enumerate(records, 1):
            yield from _nested(Source(copy.name, number, name), record)


def _lines(copy: Snapshot) -> Iterator[Item]:
    with copy.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield from _nested(Source(copy.name, number), _parse(copy, line, number))


def _parse(copy: Snapshot, text: bytes, line: int) -> Any:
    def no_number(word: str) -> Any:
        raise ValueError(f"{word} is no JSON number")

    try:
        return json.loads(text.decode("utf-8-sig"), parse_float=Decimal, parse_constant=no_number)
    except (ValueError, RecursionError) as wrong:
        raise file_refused(
            f"not JSON in UTF-8: {wrong}",
            code="json_unreadable",
            file=f"{copy.original} line {line}",
            remedy="give .xlsx, .json or .jsonl as CAD Trust gives it",
        ) from wrong


def _nested(source: Source, record: Any) -> Iterator[Item]:
    """A project or unit, and what hangs on it, each as a record of its own table."""
    if not isinstance(record, dict):
        yield Fault(source, "", str(record)[:200], "not an object", "not_a_record")
        return
    if UNITS.key in record or "unitBlockStart" in record or "unitStatus" in record:
        yield from _unit(source, record)
    elif PROJECTS.key in record or "projectName" in record or "projectId" in record:
        yield from _project(source, record)
    else:
        names = ", ".join(sorted(map(str, record)))[:200]
        yield Fault(source, "", names, "neither a project nor a unit by its fields", "not_a_record")


def _project(source: Source, record: dict[str, Any]) -> Iterator[Item]:
    key = record.get(PROJECTS.key)
    yield _flat(PROJECTS, source, record, {child.name for child in CHILDREN})
    for child in CHILDREN:
        for one in record.get(child.name) or []:
            if isinstance(one, dict):
                yield _flat(child, source, {PROJECTS.key: key, child.parent: key} | one, set())
            else:
                yield Fault(source, child.name, str(one)[:200], "not an object", "not_a_record")


def _unit(source: Source, record: dict[str, Any]) -> Iterator[Item]:
    issuance, labels = record.get("issuance"), record.get("labels") or []
    own = dict(record)
    if isinstance(issuance, dict):
        own["issuanceId"] = issuance.get("id", record.get("issuanceId"))
    yield _flat(UNITS, source, own, {"issuance", "labels", "project"})
    if isinstance(issuance, dict):
        yield _flat(ISSUANCES, source, {ISSUANCES.parent: issuance.get(PROJECTS.key)} | issuance, set())
    for label in labels:
        if not isinstance(label, dict):
            yield Fault(source, "labels", str(label)[:200], "not an object", "not_a_record")
            continue
        bare = {name: value for name, value in label.items() if name != "label_unit"}
        yield _flat(LABELS, source, {LABELS.parent: label.get(PROJECTS.key)} | bare, set())
        tie = {"labelId": label.get("id"), UNITS.key: record.get(UNITS.key)}
        given = label.get("label_unit")
        yield _flat(LABEL_UNITS, source, (given if isinstance(given, dict) else {}) | tie, set())


def _flat(table: Table, source: Source, record: dict[str, Any], without: set[str]) -> Item:
    values: dict[str, Cell] = {}
    for name, value in record.items():
        if name in without:
            continue
        if isinstance(value, dict | list):
            return Fault(
                source, str(name), str(value)[:200], "a list or object where a value is expected", "not_a_value"
            )
        values[str(name)] = None if value == "" else value
    return Record(table, source, values)
