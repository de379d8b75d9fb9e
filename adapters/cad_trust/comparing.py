"""Two files of CAD Trust, cell by cell: equal, different by a named normalisation (`normal.py`), or plainly different.

Rows are compared in their order within each table, which is the order in which this hub writes them. A workbook and
JSON of the same records compare too, since JSON is read into the same tables.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.cad_trust.model import PROJECTS, TABLES, UNITS, Table
from adapters.cad_trust.normal import NORMALISATIONS, SERIALS, kinds, normal_value
from adapters.cad_trust.reading import Header, Record, read_file
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
        if table.name in headings[0] or table.name in headings[1] or not (headings[0] and headings[1]):
            rows = itertools.zip_longest(_rows(left, table), _rows(right, table))
            for mine, theirs in rows:
                _compare_rows(found, table, mine, theirs)
    return found


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
    for column in left.columns:
        if column not in right.columns:
            found.differ(where, column, column, None)
    for column in right.columns:
        if column not in left.columns:
            found.differ(where, column, None, column)


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
        if made == other_made and (why or other_why):
            found.explained[why or other_why] += 1
        else:
            found.differ(f"{left.source} | {right.source}", column, one, other)


def _shown(row: Record | Fault | None) -> object:
    if row is None:
        return None
    return (
        str(row) if isinstance(row, Fault) else {name: value for name, value in row.values.items() if value is not None}
    )
