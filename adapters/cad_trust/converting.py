"""A file of CAD Trust written again in this hub's form: workbook, JSON or JSON Lines, from any of these.

Columns and fields that the data model does not know are kept where they stand, so that nothing that somebody uploaded
is lost on the way, and what was changed has a name (`normal.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.cad_trust.model import BY_NAME, CHILDREN, ISSUANCES, LABEL_UNITS, LABELS, PROJECTS, UNITS, Table
from adapters.cad_trust.normal import normal
from adapters.cad_trust.reading import Header, Record, read_file
from adapters.cad_trust.writing import WorkbookWriter, replacing, write_records
from adapters.transports.tables import Fault
from hub.errors import ConfigurationWrong


def convert_file(source: Path, target: Path) -> dict[str, int]:
    """Writes `source` as `target`; rows by table. Raises ConfigurationWrong (`rows_unreadable`) for a row that is
    none."""
    if source.suffix.lower() == target.suffix.lower() == ".xlsx":
        return _workbook_to_workbook(source, target)
    return write_records(target, _nested(source))


def _workbook_to_workbook(source: Path, target: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    with replacing(target) as file:
        writer = WorkbookWriter(file)
        try:
            columns: tuple[str, ...] = ()
            for item in read_file(source):
                match item:
                    case Header(table=None):
                        raise _unreadable(str(item.source), "the sheet is of no table of CAD Trust")
                    case Header(table=Table() as table):
                        columns = item.columns
                        writer.sheet(table.sheet, columns)
                        counts[table.sheet] = 0
                    case Record():
                        values = normal(item.table, item.values)
                        writer.row(item.table.sheet, [values[name] for name in columns])
                        counts[item.table.sheet] += 1
                    case Fault():
                        raise _unreadable(str(item.source), item.reason)
        finally:
            writer.close()
    return counts


def _nested(source: Path) -> Iterator[dict[str, Any]]:
    """Projects, then units, each with what hangs on it, which is kept in memory: as much as one file has."""
    hanging: dict[str, dict[str, list[dict[str, Any]]]] = {child.name: {} for child in CHILDREN}
    issuances: dict[str, dict[str, Any]] = {}
    labels: dict[str, dict[str, Any]] = {}
    ties: dict[str, list[str]] = {}
    for table, values in _records(source, *CHILDREN, LABEL_UNITS):
        if table is LABEL_UNITS:
            ties.setdefault(str(values.get(UNITS.key)), []).append(str(values.get("labelId")))
            continue
        key = str(values.get(PROJECTS.key) or values.get(table.parent))
        bare = {name: value for name, value in values.items() if name != table.parent}
        by_id = {ISSUANCES.name: issuances, LABELS.name: labels}.get(table.name)
        if by_id is not None and bare.get("id") is not None:
            if str(bare["id"]) in by_id:
                continue  # in JSON it stands under each unit that names it as well
            by_id[str(bare["id"])] = bare
        hanging[table.name].setdefault(key, []).append(bare)
    for _, project in _records(source, PROJECTS):
        key = str(project.get(PROJECTS.key))
        yield project | {child.name: hanging[child.name].get(key, []) for child in CHILDREN}
    for _, unit in _records(source, UNITS):
        issuance = issuances.get(str(unit.get("issuanceId")))
        tied = [labels[one] for one in ties.get(str(unit.get(UNITS.key)), ()) if one in labels]
        yield unit | {"issuance": issuance, "labels": tied, "issuanceListed": False}


def _records(source: Path, *tables: Table) -> Iterator[tuple[Table, dict[str, Any]]]:
    for item in read_file(source, only=tables):
        match item:
            case Record():
                yield BY_NAME[item.table.name], normal(item.table, item.values)
            case Header(table=None):
                raise _unreadable(str(item.source), "the sheet is of no table of CAD Trust")
            case Fault():
                raise _unreadable(str(item.source), item.reason)


def _unreadable(where: str, why: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"a row cannot be read: {why}",
        code="rows_unreadable",
        where=where,
        remedy="see `yrdhub cadt check`, correct the file, and convert it again",
    )
