"""Canonical records: what a registry reports, in the hub's terms, before anything of it is on the chain.

An adapter translates its registry's own records into these; the sync engine decides what each asks of the chain.
Ids are
the registry's own texts; quantities are integer kg or whole serials; days are dates at the registry (Asia/Shanghai).
Every record carries the content of the document that describes it (`content`, see `documents.py`) and its audience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from mutual_recognition.documents import Json
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.serials import SerialRange


@dataclass(frozen=True, slots=True)
class MethodologyKey:
    """A filing by its registry's words. `member` 0: the reporting member's own."""

    code: str
    version: str
    member: int = 0
    registry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodologyFiling:
    """方法学备案. `definition` is the machine-readable computation (`definitions.py`), a document of its own."""

    native_id: str
    key: MethodologyKey
    valid_from: date
    valid_until: date | None = None
    supersedes: MethodologyKey | None = None
    lineage: str = ""
    definition: Mapping[str, Json] = field(default_factory=dict)
    content: Mapping[str, Json] = field(default_factory=dict)
    audience: str = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A meter, plant, pile or vehicle that a project's reductions come from, by its own number. Never a
    household's."""

    kind: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRegistration:
    """减排项目. `declaration` says what other mechanisms the project is, was or is not under."""

    native_id: str
    methodology: MethodologyKey
    crediting: Period
    assets: tuple[Asset, ...] = ()
    declaration: Mapping[str, Json] = field(default_factory=dict)
    inside_ets: bool = False
    mechanism: int = 0
    content: Mapping[str, Json] = field(default_factory=dict)
    audience: str = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRegistration:
    """A series of serial numbers of the registry; 1 or 1000 kgCO2e a serial."""

    code: str
    kg_per_serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """核证: a verified quantity for a project's monitoring period. `period` None: the source states none (programmes
    only)."""

    native_id: str
    project: str
    period: Period | None
    verified_kg: int
    external_lock: str = ""
    content: Mapping[str, Json] = field(default_factory=dict)
    audience: str = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """签发: serials issued under a verification. `quantity_kg` is as stated, and has to agree with the serials."""

    native_id: str
    series: str
    serials: SerialRange
    quantity_kg: int
    verification: str
    vintage: int
    reissue_of: int = 0
    content: Mapping[str, Json] = field(default_factory=dict)
    audience: str = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesName:
    """A series as its home registry calls it. `member` 0: the reporting member's own."""

    code: str
    member: int = 0
    registry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOut:
    """转出: the registry locked these serials and asks that they go to `to`."""

    native_id: str
    series: SeriesName
    serials: SerialRange
    to: int
    quantity_kg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferWithdrawal:
    """The sender takes back a transfer it asked for, named by its own record."""

    native_id: str
    transfer_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCosign:
    """A second registrar of the sender stands by a large transfer (the sender's record)."""

    native_id: str
    transfer_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDecision:
    """转入: the destination takes or refuses a transfer, named by its id on the chain (0x-hex)."""

    native_id: str
    transfer: str
    accept: bool
    reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """注销: serials used, for a purpose. `beneficiary` is the salted commitment (32 bytes), empty where none is
    stated."""

    native_id: str
    series: SeriesName
    serials: SerialRange
    quantity_kg: int
    purpose: Purpose
    beneficiary: bytes = b""
    compliance_year: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """更正: a wrong issuance, or part of it, cancelled by the registry that made it."""

    native_id: str
    series: str
    serials: SerialRange
    quantity_kg: int
    content: Mapping[str, Json] = field(default_factory=dict)
    audience: str = "public"


Record: TypeAlias = (
    MethodologyFiling
    | SeriesRegistration
    | ProjectRegistration
    | Verification
    | Issuance
    | TransferOut
    | TransferWithdrawal
    | TransferCosign
    | TransferDecision
    | Retirement
    | Correction
)
"""Any canonical record."""
