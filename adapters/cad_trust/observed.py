"""Files of CAD Trust as observed records: what others listed there, kept by the hub for screening, written on no chain.

A unit is known by its block and whose it is (`native_id_of`), never by the random UUID of an upload, so that a block
that was uploaded twice is one record, its repetition is told, and a repeated upload changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.cad_trust.blocks import block_ends
from adapters.cad_trust.model import PROJECTS, UNITS, Table
from adapters.cad_trust.normal import normal
from adapters.cad_trust.parties import PARTIES
from adapters.cad_trust.reading import Header, Record, is_unnamed, read_file
from adapters.observed.export import day_in_name
from adapters.transports.snapshots import snapshot
from adapters.transports.tables import Fault
from mutual_recognition.documents import Json
from mutual_recognition.observed import (
    ObservedProject,
    ObservedStatus,
    ObservedUnits,
    Programme,
    ReadSerials,
    RecordKind,
    SerialFault,
    methodology_codes,
)
from mutual_recognition.observed_exports import Accepted, ReadRow, RefusedRow, SourceCard
from mutual_recognition.quantities import MassUnit, kg_from
from mutual_recognition.refusal import Refusal
from mutual_recognition.schema_drift import ColumnProfile, KnownColumn, column_key

ATTRIBUTION: Final = "Climate Action Data Trust (climateactiondata.org), records of the registries that listed them"
_CDM_HOST: Final = "cdm.unfccc.int"
_LONGEST_ID: Final = 400

_NEEDED: Final = {
    UNITS.name: ("unitBlockStart", "unitBlockEnd", "unitCount", "unitStatus", "countryJurisdictionOfOwner"),
    PROJECTS.name: ("projectId", "registryOfOrigin", "projectName", "projectStatus"),
}
_SEEN_BESIDE: Final = {
    UNITS.name: ("projectId", "verificationBody", "geographyIdentifier", "id"),
    PROJECTS.name: (),
}
"""Columns outside the data model that uploads have carried (April 2025)."""

_STATUSES: Final = {
    "Listed": ObservedStatus.IN_PREPARATION,
    "Validated": ObservedStatus.IN_PREPARATION,
    "Registered": ObservedStatus.REGISTERED,
    "Approved": ObservedStatus.REGISTERED,
    "Authorized": ObservedStatus.REGISTERED,
    "Completed": ObservedStatus.COMPLETED,
    "Inactive": ObservedStatus.INACTIVE,
    "Withdrawn": ObservedStatus.WITHDRAWN,
    "De-registered": ObservedStatus.WITHDRAWN,
    "Rejected": ObservedStatus.REJECTED,
    "Transitioned": ObservedStatus.TRANSFERRED,
}
_KINDS: Final = {"Retired": RecordKind.RETIREMENT, "Cancelled": RecordKind.CANCELLATION}


def _card(table: Table, kinds: tuple[RecordKind, ...], title: str) -> SourceCard:
    needed, beside = _NEEDED[table.name], _SEEN_BESIDE[table.name]
    names = dict.fromkeys((*table.model.model_fields, *beside))
    columns = tuple(KnownColumn(name, name, name in needed, name in needed) for name in names)
    return SourceCard(
        f"cad-trust-{table.sheet}", Programme.CAD_TRUST, kinds, title, "XLSX, JSON", columns, ATTRIBUTION, False
    )


CARDS: Final = {
    UNITS.name: _card(
        UNITS,
        (RecordKind.ISSUANCE, RecordKind.RETIREMENT, RecordKind.CANCELLATION),
        "Unit blocks as listed at CAD Trust, by their status",
    ),
    PROJECTS.name: _card(PROJECTS, (RecordKind.PROJECT,), "Projects as listed at CAD Trust"),
}
"""The sources by table. A file is a part of what is listed there: what it lacks has not gone."""


@dataclass
class CadTrustExport:
    """One table of one file, open for the store of observed records (`OpenExport`)."""

    table: Table
    file: Path
    sha256: str
    header: tuple[str, ...]

    @property
    def card(self) -> SourceCard:
        """The source it is a file of."""
        return CARDS[self.table.name]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def named_day(self) -> date | None:
        """The day that the name states."""
        return day_in_name(self.name)

    def profiles(self, rows: int) -> Mapping[str, ColumnProfile]:
        """What the columns hold in the first `rows` rows."""
        found = {heading: ColumnProfile() for heading in self.header}
        records = (item for item in read_file(self.file, only=(self.table,)) if isinstance(item, Record))
        for record in islice(records, rows):
            for heading, profile in found.items():
                value = record.values.get(heading)
                profile.add("" if value is None else str(value))
        return found

    def read(self, accepted: Accepted) -> Iterator[ReadRow | RefusedRow]:
        """Every row as a record, or as a refusal with field, value and reason."""
        known = {column_key(actual): name for name, actual in accepted.renamed.items()}
        ignored = {column_key(name) for name in accepted.ignored}
        for item in read_file(self.file, only=(self.table,)):
            if isinstance(item, Fault):
                yield RefusedRow(item.source.row, item.source.sheet, item.field, item.value, item.code, item.reason)
            elif isinstance(item, Record):
                raw = {
                    known.get(column_key(name), name): value
                    for name, value in item.values.items()
                    if not is_unnamed(name) and column_key(name) not in ignored
                }
                yield self._row(item, normal(self.table, raw), {name: _raw(value) for name, value in raw.items()})

    def _row(self, item: Record, values: Mapping[str, Any], raw: dict[str, Json]) -> ReadRow | RefusedRow:
        at, sheet = item.source.row, item.source.sheet
        for name in _NEEDED[self.table.name]:
            if values.get(name) is None:
                return RefusedRow(at, sheet, name, "", "field_empty", "empty where a value is needed")
        try:
            record = units_of(values) if self.table is UNITS else project_of(values)
        except Refusal as refused:
            return RefusedRow(at, sheet, "unitCount", str(refused.value), refused.code, refused.reason)
        return ReadRow(at, sheet, (record,), raw)


@contextmanager
def open_cad_trust(file: Path) -> Iterator[Sequence[CadTrustExport]]:
    """The tables of `file` that hold projects or units, each open for the store. Raises as `read_file` does."""
    with snapshot(file) as copy:
        headings: dict[str, dict[str, None]] = {}
        for item in read_file(file, only=() if file.suffix.lower() == ".xlsx" else (PROJECTS, UNITS)):
            if isinstance(item, Header) and item.table in (PROJECTS, UNITS):
                headings.setdefault(item.table.name, {}).update(dict.fromkeys(item.columns))
            elif isinstance(item, Record):
                headings.setdefault(item.table.name, {}).update(dict.fromkeys(item.values))
        yield [
            CadTrustExport(
                table, file, copy.sha256, tuple(name for name in headings[table.name] if not is_unnamed(name))
            )
            for table in (PROJECTS, UNITS)
            if table.name in headings
        ]


def native_id_of(values: Mapping[str, Any]) -> str:
    """What a unit is known by: whose it is (project, issuance, jurisdiction of the owner) and its block."""
    whose = values.get("projectId") or values.get("issuanceId") or ""
    parts = (whose, values.get("countryJurisdictionOfOwner"), values.get("unitBlockStart"), values.get("unitBlockEnd"))
    text = "|".join(str(part) for part in parts)
    return text if len(text) <= _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()


def units_of(values: Mapping[str, Any]) -> ObservedUnits:
    """A unit as observed. Raises QuantityRefused for a count that is no positive number of kg."""
    start, end = str(values["unitBlockStart"]), str(values["unitBlockEnd"])
    count = values["unitCount"]
    try:
        tonnes = Decimal(str(count).strip())
    except ArithmeticError:
        raise Refusal(count, "not a quantity: a number of tonnes") from None
    kg = kg_from(tonnes, MassUnit.TONNE)
    vintage = values.get("vintageYear")
    return ObservedUnits(
        record=_KINDS.get(str(values["unitStatus"]), RecordKind.ISSUANCE),
        programme=Programme.CAD_TRUST,
        native_id=native_id_of(values),
        project=str(values.get("projectId") or values.get("issuanceId") or "")[:200],
        quantity_kg=kg,
        country=str(values["countryJurisdictionOfOwner"]),
        unit_type=str(values.get("unitType") or "")[:40],
        vintage=vintage if isinstance(vintage, int) else None,
        serial_text=f"{start} - {end}",
        serials=_serials(values, kg),
        reason=str(values.get("unitStatusReason") or ""),
        status_raw=str(values["unitStatus"])[:200],
        references=tuple(str(values[name]) for name in ("id", "warehouseUnitId") if values.get(name)),
    )


def _serials(values: Mapping[str, Any], kg: int) -> ReadSerials:
    """The block as serials of whoever issued them: the CDM's within their party where the unit's link is the CDM's."""
    ends = block_ends(values["unitBlockStart"], values["unitBlockEnd"])
    country = str(values["countryJurisdictionOfOwner"])
    programme, series = Programme.CAD_TRUST, ends.prefix
    if urlsplit(str(values.get("unitRegistryLink") or "")).hostname == _CDM_HOST:
        programme, series = Programme.CDM, PARTIES.get(country, country)
    if ends.serials is None:
        return ReadSerials(programme=programme, series=series[:200], fault=SerialFault.NOT_A_RANGE)
    agrees = kg in {ends.serials.count * 1000, ends.serials.count}
    return ReadSerials(
        programme=programme,
        series=series[:200],
        first=ends.serials.first,
        last=ends.serials.last,
        fault=SerialFault.NONE if agrees else SerialFault.DISAGREES,
    )


def project_of(values: Mapping[str, Any]) -> ObservedProject:
    """A project as observed, known by its number at its registry of origin."""
    status = str(values["projectStatus"])
    origin = str(values.get("originProjectId") or values["projectId"])
    methodology = str(values.get("methodology") or "")
    return ObservedProject(
        programme=Programme.CAD_TRUST,
        native_id=f"{values['registryOfOrigin']}|{origin}"[:_LONGEST_ID],
        name=str(values["projectName"]),
        proponent=str(values.get("projectDeveloper") or ""),
        project_type=str(values.get("projectType") or ""),
        methodology=methodology,
        methodology_codes=methodology_codes(methodology),
        status=_STATUSES.get(status, ObservedStatus.NOT_CLASSIFIED),
        status_raw=status[:200],
        references=tuple(str(values[name]) for name in ("projectId", "warehouseProjectId") if values.get(name)),
        url=str(values.get("projectLink") or ""),
    )


def _raw(value: Any) -> Json:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
