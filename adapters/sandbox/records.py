"""The records a sandbox registry keeps. Quantities are whole kgCO2e; dates are the city's own (Asia/Shanghai)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.sandbox.city import ILLUSTRATIVE
from adapters.sandbox.errors import RegistryRefusal

MemberCode = str
R = TypeVar("R", bound="Record")


class Record(BaseModel):
    """A record with the registry's own number; an empty number is assigned on filing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    native_id: str = ""
    label: str = ILLUSTRATIVE


class UnitRange(BaseModel):
    """Serials `first` to `last`, both included, of a series of the registry of `home_member`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home_member: MemberCode = Field(pattern=r"^\d{6}$")
    series: str = Field(min_length=1)
    kg_per_serial: Literal[1, 1000]
    first: int = Field(ge=1, lt=2**63)
    last: int = Field(ge=1, lt=2**63)

    @model_validator(mode="after")
    def _ordered(self) -> UnitRange:
        if self.last < self.first:
            raise ValueError(f"serial range {self.first}-{self.last} ends before it begins")
        return self

    @property
    def quantity_kg(self) -> int:
        """Quantity of the range in kgCO2e."""
        return (self.last - self.first + 1) * self.kg_per_serial


class Parameter(BaseModel):
    """A parameter of a methodology with the dates between which it applies (`valid_to` empty: open)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    symbol: str
    value: Decimal
    unit: str
    valid_from: date
    valid_to: date | None = None
    source: str = ""


class Methodology(Record):
    """方法学备案 (methodology filing). The native id is the code with its version."""

    code: str
    version: str
    title_zh: str
    title_en: str
    issuer: str
    applicability: str
    boundary: str
    gases: list[str] = ["CO2"]
    baseline: str
    formula: str
    monitoring: str
    parameters: list[Parameter]
    crediting_years: int
    lineage: str = ""
    supersedes: str = ""
    filed_on: date
    valid_from: date
    valid_to: date | None = None
    document: str
    document_sha256: str = ""
    status: Literal["filed", "suspended", "withdrawn"] = "filed"


class Project(Record):
    """减排项目 (project). Coordinates are WGS-84 degrees, capacity is kW; `assets` are meter or plant numbers."""

    name_zh: str
    name_en: str
    proponent: str
    uscc: str = Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")
    site: str
    longitude: Decimal
    latitude: Decimal
    capacity_kw: Decimal
    methodology: str
    grid_date: date
    life_years: int = 25
    crediting_start: date
    crediting_end: date
    assets: list[str] = Field(min_length=1)
    other_mechanism: str = "无"
    ets_site: bool = False
    rural: bool = False
    co_benefits: str = ""
    registered_on: date
    status: Literal["registered", "suspended", "closed"] = "registered"


class Verification(Record):
    """核证 (verification) of a monitoring period, first and last day included."""

    project: str
    period_start: date
    period_end: date
    activity_kwh: Decimal
    emission_factor: Decimal
    verified_kg: int
    verifier: str
    report_sha256: str
    verified_on: date
    status: Literal["valid", "voided"] = "valid"


class Issuance(Record):
    """签发 (issuance): one serial range drawn on one verification."""

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
    status: Literal["issued", "part_corrected", "corrected"] = "issued"
    reissue_of: str = ""


TransferOutStatus = Literal[
    "locked", "submitted", "withdrawal_requested", "accepted", "rejected", "expired", "withdrawn", "corrected"
]


class TransferOut(Record):
    """转出 (transfer out). Units are locked here before the hub proposes anything.

    Ranges may end apart: the four outcomes (accepted, cut, returned, taken by a correction here) come to
    `quantity_kg` once the transfer has ended. `status` is submitted from the hub's first word on; once no unit is
    locked any more it says how it ended (accepted, if any unit left). `references` are the hub's,
    one a range; `reviewer` is the second person of four eyes.
    """

    to_member: MemberCode
    to_account: str = ""
    account: str
    ranges: list[UnitRange]
    quantity_kg: int
    requested_on: date
    status: TransferOutStatus = "locked"
    reason: str = ""
    references: list[str] = []
    reviewer: str = ""
    accepted_kg: int = 0
    cut_kg: int = 0
    returned_kg: int = 0
    taken_kg: int = 0

    @property
    def open_kg(self) -> int:
        """What is still locked for it, in kg."""
        return self.quantity_kg - self.accepted_kg - self.cut_kg - self.returned_kg - self.taken_kg

    def ended_by(self, status: TransferOutStatus, **outcome: int) -> TransferOut:
        """The transfer with kilograms added to outcomes; `status` is its end if that was the last of it."""
        added = {name: getattr(self, name) + kg for name, kg in outcome.items()}
        changed = self.model_copy(update=added)
        if changed.open_kg == 0:
            end: TransferOutStatus = "accepted" if changed.accepted_kg else status
        else:
            end = self.status if self.status == "withdrawal_requested" else "submitted"
        return changed.model_copy(update={"status": end})


class TransferIn(Record):
    """转入 (transfer in). The native id is the hub's transfer reference; `decision` is the city's own answer."""

    from_member: MemberCode
    account: str
    ranges: list[UnitRange]
    quantity_kg: int
    factor_ppm: int = 1_000_000
    deadline: datetime | None = None
    decision: Literal["undecided", "accept", "reject"] = "undecided"
    decision_reason: str = ""
    status: Literal["pending", "final", "returned"] = "pending"
    kept: list[UnitRange] = []
    received_kg: int = 0


class Retirement(Record):
    """注销 (retirement). `purpose` is the city's own code; `compliance_year` only where the purpose needs one."""

    account: str
    ranges: list[UnitRange]
    quantity_kg: int
    purpose: str
    beneficiary: str
    beneficiary_uscc: str = ""
    compliance_year: int | None = None
    reason: str = ""
    retired_on: date


class Correction(Record):
    """更正 (correction) of a wrong issuance: these serials are void here; `reissue` replaces them."""

    issuance: str
    ranges: list[UnitRange]
    quantity_kg: int
    reason: str
    reissue: str = ""
    corrected_on: date


class Account(Record):
    """An account in the registry. Its holdings are serial ranges."""

    name: str
    uscc: str = ""


class Recognition(Record):
    """What the hub last told this registry about one member's recognition of one subject."""

    subject_kind: str
    subject: str
    member: MemberCode
    status: str
    factor_ppm: int | None = None
    uses: list[str] = []
    valid_from: date | None = None
    valid_to: date | None = None


class Hold(Record):
    """A hold the hub told of, on a subject or on serial ranges; `lifted` once it ended."""

    subject_kind: str
    subject: str
    ranges: list[UnitRange] = []
    member: MemberCode
    reason: str
    evidence_sha256: str = ""
    status: Literal["held", "lifted"] = "held"


class RecordStatus(Record):
    """What became of one of this registry's records at the hub: recorded, held back or refused, and why."""

    record_kind: str
    record_id: str
    status: str
    reason: str = ""


class UnitsElsewhere(Record):
    """Units that were retired, cancelled or passed on while another member held them, or cancelled by a ballot."""

    event: str
    ranges: list[UnitRange]
    quantity_kg: int
    member: MemberCode = ""
    purpose: str = ""
    compliance_year: int | None = None


RECORD_TYPES: dict[str, type[Record]] = {
    "methodology": Methodology,
    "project": Project,
    "verification": Verification,
    "issuance": Issuance,
    "transfer_out": TransferOut,
    "transfer_in": TransferIn,
    "retirement": Retirement,
    "correction": Correction,
    "account": Account,
    "recognition": Recognition,
    "hold": Hold,
    "record_status": RecordStatus,
    "units_elsewhere": UnitsElsewhere,
}
KIND_OF: dict[type[Record], str] = {record_type: kind for kind, record_type in RECORD_TYPES.items()}

# What a registry publishes upward; the rest is its own bookkeeping or came from the hub.
PUBLISHED_KINDS = (
    "methodology",
    "project",
    "verification",
    "issuance",
    "transfer_out",
    "transfer_in",
    "retirement",
    "correction",
)


def edited(record: R, changes: dict[str, Any]) -> R:
    """The record with fields changed. Raises RegistryRefusal UNKNOWN_FIELD or INVALID_FIELD."""
    unknown_fields = sorted(set(changes) - set(type(record).model_fields))
    if unknown_fields:
        raise RegistryRefusal("UNKNOWN_FIELD", f"no such field: {', '.join(unknown_fields)}", field=unknown_fields[0])
    try:
        return type(record).model_validate({**record.model_dump(mode="json"), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise RegistryRefusal("INVALID_FIELD", first["msg"], field=field, value=first["input"]) from error
