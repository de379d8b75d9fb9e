"""The eight kinds of records of a city registry, read and typed. Quantities are whole kgCO2e; days are
Asia/Shanghai."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mutual_recognition.serials import SerialRange


class Status(StrEnum):
    """What a native status word means; each city's mapping names its words."""

    FILED = "filed"
    REGISTERED = "registered"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    VALID = "valid"
    VOIDED = "voided"
    ISSUED = "issued"
    PART_CORRECTED = "part_corrected"
    CORRECTED = "corrected"
    LOCKED = "locked"
    SUBMITTED = "submitted"
    WITHDRAWAL_REQUESTED = "withdrawal_requested"
    TRANSFERRED = "transferred"
    REJECTED = "rejected"
    EXPIRED = "expired"
    PENDING = "pending"
    FINAL = "final"
    RETURNED = "returned"
    UNDECIDED = "undecided"
    ACCEPT = "accept"
    REJECT = "reject"
    AVAILABLE = "available"
    RETIRED = "retired"
    CUT = "cut"
    RETIRED_ELSEWHERE = "retired_elsewhere"
    CANCELLED_ELSEWHERE = "cancelled_elsewhere"
    CANCELLED = "cancelled"


class CityRecord(BaseModel):
    """A record with the registry's own number. Validation is strict: a mapping hands over typed values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    native_id: str = Field(min_length=1, max_length=190)
    label: str = ""


class UnitRange(BaseModel):
    """Serials of a series of the registry of `home`; `kg_per_serial` is 1 or 1000."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    home: int
    series: str = Field(min_length=1)
    kg_per_serial: Literal[1, 1000]
    serials: SerialRange

    @property
    def kg(self) -> int:
        """What the serials stand for."""
        return self.serials.count * self.kg_per_serial


class Parameter(BaseModel):
    """A parameter of a methodology and the days between which it applies (no `valid_to`: still)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    symbol: str
    value: Decimal
    unit: str
    valid_from: date
    valid_to: date | None
    source: str


class Methodology(CityRecord):
    """方法学备案."""

    code: str
    version: str
    title_zh: str
    title_en: str
    issuer: str
    applicability: str
    boundary: str
    gases: tuple[str, ...]
    baseline: str
    formula: str
    monitoring: str
    parameters: tuple[Parameter, ...]
    crediting_years: int
    lineage: str
    supersedes: str
    filed_on: date
    valid_from: date
    valid_to: date | None
    document: str
    document_sha256: str
    status: Status


class Project(CityRecord):
    """减排项目. Coordinates are WGS-84 degrees as written, capacity in kW."""

    name_zh: str
    name_en: str
    proponent: str
    uscc: str
    site: str
    longitude: Decimal
    latitude: Decimal
    capacity_kw: Decimal
    methodology: str
    grid_date: date
    life_years: int
    crediting_start: date
    crediting_end: date
    assets: tuple[str, ...]
    other_mechanism: str
    ets_site: bool
    rural: bool
    co_benefits: str
    registered_on: date
    status: Status


class Verification(CityRecord):
    """核证 of a monitoring period, both days included."""

    project: str
    period_start: date
    period_end: date
    activity_kwh: Decimal
    emission_factor: Decimal
    verified_kg: int
    verifier: str
    report_sha256: str
    verified_on: date
    status: Status


class Issuance(CityRecord):
    """签发. `reissue_first` is the first serial of the issuance it replaces, looked up when the record was read."""

    project: str
    verification: str
    vintage: int
    quantity_kg: int
    series: str
    kg_per_serial: int
    serial_first: int
    serial_last: int
    account: str
    issued_on: date
    reissue_of: str
    status: Status
    reissue_first: int = 0


class TransferOut(CityRecord):
    """转出. `reviewer`: the second officer (复核人), who co-signs on the chain with a key of their own; needed only
    above `cosign_above_kg` of the transfer rules. "" where there is none: a clerk's name doesn't belong here."""

    to_member: int
    to_account: str
    account: str
    ranges: tuple[UnitRange, ...]
    quantity_kg: int
    requested_on: date
    reviewer: str
    references: tuple[str, ...]
    accepted_kg: int
    cut_kg: int
    returned_kg: int
    taken_kg: int
    reason: str
    status: Status


class TransferIn(CityRecord):
    """转入; its number is the hub's own transfer id."""

    from_member: int
    account: str
    ranges: tuple[UnitRange, ...]
    quantity_kg: int
    factor_ppm: int
    deadline: str
    decision: Status
    decision_reason: str
    kept: tuple[UnitRange, ...]
    received_kg: int
    status: Status


class Retirement(CityRecord):
    """注销. `purpose` is the city's own code."""

    account: str
    ranges: tuple[UnitRange, ...]
    quantity_kg: int
    purpose: str
    beneficiary: str
    beneficiary_uscc: str
    compliance_year: int
    reason: str
    retired_on: date


class Correction(CityRecord):
    """更正."""

    issuance: str
    ranges: tuple[UnitRange, ...]
    quantity_kg: int
    reason: str
    reissue: str
    corrected_on: date
