"""Two files of CAD Trust, cell by cell: equal, different by a named normalisation (`normal.py`), or plainly different.

Rows are matched by what they are (a record's key, else a unit's block and whose it is), whatever order they stand in;
in the same order this takes no memory. A workbook and JSON of the same records compare too, since JSON is read into the
same tables.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from adapters.cad_trust.model import PROJECTS, TABLES, UNITS, Table
from adapters.cad_trust.normal import NORMALISATIONS, SERIALS, kinds, normal_value
from adapters.cad_trust.observed import native_id_of
from adapters.cad_trust.reading import Header, Record, is_unnamed, read_file
from adapters.transports.tables import Fault

TOLD: Final = 20


@dataclass
class Comparison:
    """What was found. `explained`: cells by normalisation; `differences`: the first that nothing explains."""

    left: str
    right: str
    rows: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    identical: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0
    differences: list[dict[str, object]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether every cell is equal, or its difference has a name."""
        return not self.unexplained

    def differ(self, where: str, column: str, left: object, right: object) -> None:
        """A difference without a name."""
        self.unexplained += 1
        if len(self.differences) < TOLD:
            told = {"where": where, "field": column, "left": left, "right": right}
            self.differences.append({name: None if value is None else str(value) for name, value in told.items()})

    def to_json(self) -> dict[str, object]:
        """As `--json` tells it."""
        return {
            "left": self.left,
            "right": self.right,
            "equal": self.equal,
            "rows": self.rows,
            "cells": self.cells,
            "identical": self.identical,
            "explained": {name: {"cells": n, "means": NORMALISATIONS[name]} for name, n in self.explained.items()},
            "unexplained": self.unexplained,
            "differences": self.differences,
        }


def compare_files(left: Path, right: Path) -> Comparison:
    """Compares `left` with `right`, each table of both side by side, in flat memory. Raises as `read_file` does."""
    found = Comparison(left.name, right.name)
    headings = _headings(left), _headings(right)
    for name in headings[0].keys() & headings[1].keys():
        _compare_headings(found, headings[0][name], headings[1][name])
    for table in TABLES:
        of_workbooks = [side for side in headings if side]
        if len(of_workbooks) < 2 or any(table.name in side and side[table.name].filled for side in of_workbooks):
            for mine, theirs in _matched(found, table, _rows(left, table), _rows(right, table)):
                _compare_rows(found, table, mine, theirs)
    return found


_Row: TypeAlias = Record | Fault


def _identity(table: Table, row: _Row) -> str:
    if isinstance(row, Fault):
        return f"fault|{row.code}|{row.value}"
    if row.values.get(table.key) is not None:
        return str(row.values[table.key])
    if table is UNITS:
        return native_id_of(row.values)
    return "|".join(f"{name}={value}" for name, value in sorted(row.values.items()) if value is not None)


def _matched(
    found: Comparison, table: Table, left: Iterator[_Row], right: Iterator[_Row]
) -> Iterator[tuple[_Row | None, _Row | None]]:
    """Rows of both that are the same record; those in the same order at once, others as their counterpart comes."""
    waiting: tuple[dict[str, list[_Row]], dict[str, list[_Row]]] = ({}, {})
    for pair in itertools.zip_longest(left, right):
        keys = [None if row is None else _identity(table, row) for row in pair]
        if keys[0] == keys[1] and keys[0] not in waiting[0] and keys[0] not in waiting[1]:
            yield pair
            continue
        for side in (0, 1):
            row, key = pair[side], keys[side]
            if row is None or key is None:
                continue
            if counterparts := waiting[1 - side].get(key):
                other = counterparts.pop(0)
                if not counterparts:
                    del waiting[1 - side][key]
                found.explained["row_order"] += 1
                yield (row, other) if side == 0 else (other, row)
            else:
                waiting[side].setdefault(key, []).append(row)
    yield from ((row, None) for rows in waiting[0].values() for row in rows)
    yield from ((None, row) for rows in waiting[1].values() for row in rows)


def _headings(file: Path) -> dict[str, Header]:
    """The sheets of a workbook by table; nothing for JSON."""
    if file.suffix.lower() != ".xlsx":
        return {}
    headers = (item for item in read_file(file, only=()) if isinstance(item, Header))
    return {header.table.name if header.table else header.source.sheet: header for header in headers}


def _compare_headings(found: Comparison, left: Header, right: Header) -> None:
    if left.source.sheet != right.source.sheet:
        found.explained["sheet_title"] += 1
    where = f"{left.source} | {right.source}"
    for column in dict.fromkeys((*left.columns, *right.columns)):
        if column not in left.columns or column not in right.columns:
            if is_unnamed(column):
                continue  # told cell by cell
            found.differ(where, column, *(column if column in one.columns else None for one in (left, right)))


def _rows(file: Path, table: Table) -> Iterator[Record | Fault]:
    # what hangs on a project stands once in a workbook, and in JSON under each unit that names it as well
    once, seen = table not in (PROJECTS, UNITS), set[str]()
    for item in read_file(file, only=(table,)):
        if isinstance(item, Fault):
            yield item
        elif isinstance(item, Record):
            key = item.values.get(table.key)
            if once and isinstance(key, str):
                if key in seen:
                    continue
                seen.add(key)
            yield item


def _compare_rows(found: Comparison, table: Table, left: Record | Fault | None, right: Record | Fault | None) -> None:
    if not isinstance(left, Record) or not isinstance(right, Record):
        if (
            isinstance(left, Fault)
            and isinstance(right, Fault)
            and (left.code, left.value) == (right.code, right.value)
        ):
            found.identical += 1
            return
        where = " | ".join("no such row" if one is None else str(one.source) for one in (left, right))
        found.differ(where, "(row)", _shown(left), _shown(right))
        return
    found.rows[table.sheet] = found.rows.get(table.sheet, 0) + 1
    known = kinds(table.name)
    for column in dict.fromkeys((*left.values, *right.values)):
        one, other = left.values.get(column), right.values.get(column)
        found.cells += 1
        if one == other and type(one) is type(other):
            found.identical += 1
            continue
        kind, serial = known.get(column, "other"), column in SERIALS
        made, why = normal_value(kind, one, serial=serial)
        other_made, other_why = normal_value(kind, other, serial=serial)
        if is_unnamed(column) and (column not in left.values or column not in right.values):
            found.explained["unnamed_column"] += 1
        elif made == other_made and (why or other_why):
            found.explained[why or other_why] += 1
        else:
            found.differ(f"{left.source} | {right.source}", column, one, other)


def _shown(row: Record | Fault | None) -> object:
    if row is None:
        return None
    return (
        str(row) if isinstance(row, Fault) else {name: value for name, value in row.values.items() if value is not None}
    )
