"""Checks a file against the data model: what the service would refuse, what it would take and should not, and where.

Findings of one kind in one column are counted together, with the first few places, so that a file of 24,000 rows with
one column missing says so once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from adapters.cad_trust.blocks import BlockBook, block_ends, tonnes_agree
from adapters.cad_trust.model import DATA_MODEL, ISSUANCES, PROJECTS, UNITS, FromPicklist, Table
from adapters.cad_trust.normal import kinds, normal
from adapters.cad_trust.picklists import BUILT_IN, Picklists
from adapters.cad_trust.reading import Header, Record, read_file
from adapters.transports.tables import CellError, Fault, Formula, Source

PLACES_TOLD: Final = 3


class Severity(StrEnum):
    """ERROR: the service refuses it. WARNING: it takes it, and somebody will regret it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass
class Finding:
    """What is wrong, in which column of which sheet, how often, and the first places with their values."""

    severity: Severity
    code: str
    sheet: str
    column: str
    message: str
    count: int = 0
    places: list[dict[str, object]] = field(default_factory=list)

    def note(self, source: Source, value: object) -> None:
        """Once more."""
        self.count += 1
        if len(self.places) < PLACES_TOLD:
            self.places.append({"row": source.row, "value": None if value is None else str(value)[:120]})

    def to_json(self) -> dict[str, object]:
        """As `--json` tells it."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "sheet": self.sheet,
            "field": self.column,
            "message": self.message,
            "count": self.count,
            "places": self.places,
        }


@dataclass
class Checked:
    """A file checked: how many records of each table, the findings, errors first."""

    file: str
    records: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    repeated_blocks: int = 0

    @property
    def errors(self) -> int:
        """How often something stands in the file that the service refuses."""
        return sum(finding.count for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> int:
        """How often something stands in it that it takes and should not."""
        return sum(finding.count for finding in self.findings if finding.severity is Severity.WARNING)

    def to_json(self) -> dict[str, object]:
        """As `--json` tells it."""
        return {
            "file": self.file,
            "data_model": DATA_MODEL,
            "records": self.records,
            "errors": self.errors,
            "warnings": self.warnings,
            "repeated_blocks": self.repeated_blocks,
            "findings": [finding.to_json() for finding in self.findings],
        }


def check_file(file: Path, picklists: Picklists = BUILT_IN) -> Checked:
    """Reads `file` whole. Raises as `read_file` does; what is wrong inside it is in the answer."""
    check = _Check(file.name, picklists)
    for item in read_file(file):
        match item:
            case Header():
                check.heading(item)
            case Fault():
                check.note(Severity.ERROR, item.code, item.source, item.field, item.reason, item.value)
            case Record():
                check.record(item)
    return check.done()


class _Check:
    def __init__(self, file: str, picklists: Picklists) -> None:
        self.checked = Checked(file)
        self._picklists = picklists
        self._found: dict[tuple[str, str, str, str], Finding] = {}
        self._missing: dict[str, frozenset[str]] = {}
        self._keys: dict[str, set[str]] = {}
        self._named_issuances: dict[str, Source] = {}
        self._blocks = BlockBook()

    def note(self, severity: Severity, code: str, source: Source, column: str, message: str, value: object) -> None:
        key = code, source.sheet, column, message
        finding = self._found.get(key)
        if finding is None:
            finding = self._found[key] = Finding(severity, code, source.sheet, column, message)
        finding.note(source, value)

    def heading(self, header: Header) -> None:
        if header.table is None:
            message = "the sheet is of no table of CAD Trust, by its title or its columns"
            self.note(Severity.ERROR, "sheet_unknown", header.source, "", message, ", ".join(header.columns)[:120])
            return
        table = header.table
        if header.source.sheet != table.sheet:
            message = f"the service finds its table by the title {table.sheet}, not this one"
            self.note(Severity.WARNING, "sheet_title", header.source, "", message, header.source.sheet)
        known = kinds(table.name)
        for name in header.columns:
            if name not in known:
                message = f"no field of {table.model.__name__}"
                self.note(Severity.ERROR, "field_unknown", header.source, name, message, name)
        missing = frozenset(name for name in _required(table) if name not in header.columns)
        for name in sorted(missing):
            message = f"the column is missing, and every {table.model.__name__} needs it"
            self.note(Severity.ERROR, "field_missing", header.source, name, message, None)
        self._missing[header.source.sheet] = missing

    def record(self, record: Record) -> None:
        table, source, values = record.table, record.source, record.values
        self.checked.records[table.sheet] = self.checked.records.get(table.sheet, 0) + 1
        readable = {}
        for name, value in values.items():
            if isinstance(value, Formula | CellError):
                message = "a formula or an error, not a value: nothing that was computed elsewhere is taken"
                self.note(Severity.ERROR, "formula_in_cell", source, name, message, value)
            else:
                readable[name] = value
        written = {name: value for name, value in normal(table, readable).items() if value is not None}
        self._against_model(table, source, written, readable)
        self._against_picklists(table, source, written)
        self._kinds_of_cells(table, source, readable)
        self._key(table, source, written)
        if table is UNITS:
            self._unit(source, written)
        if table is ISSUANCES and written.get("id") is not None:
            self._keys.setdefault("issuance ids", set()).add(str(written["id"]))

    def _against_model(self, table: Table, source: Source, values: Mapping[str, Any], raw: Mapping[str, Any]) -> None:
        try:
            table.model.model_validate(values)
        except ValidationError as invalid:
            absent = self._missing.get(source.sheet, frozenset())
            for problem in invalid.errors(include_url=False, include_context=False):
                name = str(problem["loc"][0]) if problem["loc"] else ""
                if problem["type"] == "missing":
                    if name not in absent:  # a whole column that is missing is told once
                        message = f"empty, and every {table.model.__name__} needs it"
                        self.note(Severity.ERROR, "field_empty", source, name, message, None)
                else:
                    code = problem["type"] if problem["type"] in _OWN_CODES else "value_invalid"
                    self.note(Severity.ERROR, code, source, name, problem["msg"], raw.get(name))

    def _against_picklists(self, table: Table, source: Source, values: Mapping[str, Any]) -> None:
        for name, picklist in _picked(table).items():
            value = values.get(name)
            if value is not None and not self._picklists.allows(picklist.name, str(value)):
                severity = Severity.WARNING if picklist.advised else Severity.ERROR
                message = f"not in the picklist {picklist.name} ({self._picklists.source})"
                self.note(severity, "not_in_picklist", source, name, message, value)

    def _kinds_of_cells(self, table: Table, source: Source, values: Mapping[str, Any]) -> None:
        known = kinds(table.name)
        for name, value in values.items():
            if known.get(name) == "text" and isinstance(value, int | Decimal) and name not in _NUMBERS_TAKEN:
                message = "a number where the service takes text; `yrdhub cadt convert` writes it as text"
                self.note(Severity.WARNING, "number_where_text", source, name, message, value)

    def _key(self, table: Table, source: Source, values: Mapping[str, Any]) -> None:
        key = values.get(table.key)
        if key is None or table not in (PROJECTS, UNITS):
            return
        seen = self._keys.setdefault(table.name, set())
        if str(key) in seen:
            message = "two records under one key: the second takes the place of the first"
            self.note(Severity.ERROR, "key_repeated", source, table.key, message, key)
        seen.add(str(key))

    def _unit(self, source: Source, values: Mapping[str, Any]) -> None:
        if values.get("unitStatus") in {"Retired", "Cancelled"} and values.get("unitStatusReason") is None:
            message = "a retired or cancelled unit says why"
            self.note(Severity.WARNING, "reason_missing", source, "unitStatusReason", message, values["unitStatus"])
        if (issuance := values.get("issuanceId")) is not None:
            self._named_issuances.setdefault(str(issuance), source)
        ends = block_ends(values.get("unitBlockStart"), values.get("unitBlockEnd"))
        if ends.why_not and "unitBlockStart" in values and "unitBlockEnd" in values:
            block = f"{values['unitBlockStart']} - {values['unitBlockEnd']}"
            self.note(Severity.WARNING, "block_unreadable", source, "unitBlockStart", ends.why_not, block)
        count = values.get("unitCount")
        if ends.serials is not None and isinstance(count, int) and not tonnes_agree(Decimal(count), ends.serials):
            message = "the count is the number of serials neither at 1 t nor at 1 kg each"
            self.note(Severity.WARNING, "count_disagrees", source, "unitCount", message, count)
        twice = self._blocks.enter(source, values, ends)
        if twice is not None:
            self.checked.repeated_blocks += 1
            where = f"{twice.block}, first in row {twice.first_seen.row}"
            if twice.same:
                message = "the block stands in the file already: uploaded, it would be two units"
                self.note(Severity.ERROR, "block_repeated", source, "unitBlockStart", message, where)
            else:
                message = "the block stands in the file already, with another count, status, vintage or owner"
                self.note(Severity.ERROR, "block_disagrees", source, "unitBlockStart", message, where)

    def done(self) -> Checked:
        for left, right, shared in self._blocks.overlaps():
            message = "the block shares serials with another of the same jurisdiction"
            where = f"{shared}, also in row {left.row}"
            self.note(Severity.ERROR, "blocks_overlap", right, "unitBlockStart", message, where)
        known = self._keys.get("issuance ids")
        if known is not None:
            for issuance, source in self._named_issuances.items():
                if issuance not in known:
                    message = "no issuance of this id is in the file"
                    self.note(Severity.WARNING, "issuance_elsewhere", source, "issuanceId", message, issuance)
        order = {Severity.ERROR: 0, Severity.WARNING: 1}
        self.checked.findings = sorted(self._found.values(), key=lambda one: (order[one.severity], -one.count))
        return self.checked


_OWN_CODES = {"not_a_date", "not_a_quantity", "not_whole_tonnes", "inverted_period"}
_NUMBERS_TAKEN = {"projectId", "originProjectId"}
"""Texts for which the service takes a number too."""


@cache
def _required(table: Table) -> tuple[str, ...]:
    return tuple(name for name, field in table.model.model_fields.items() if field.is_required())


@cache
def _picked(table: Table) -> dict[str, FromPicklist]:
    return {
        name: mark
        for name, field in table.model.model_fields.items()
        for mark in _marks(field.annotation, field.metadata)
    }


def _marks(annotation: Any, metadata: list[Any]) -> Iterator[FromPicklist]:
    for note in metadata:
        if isinstance(note, FromPicklist):
            yield note
    for part in get_args(annotation):
        yield from _marks(None, list(getattr(part, "__metadata__", ())))
