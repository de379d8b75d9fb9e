"""What operators ask of a sandbox registry over its control interface."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.sandbox.records import UnitRange


class Request(BaseModel):
    """Unknown fields are refused: a misspelt one must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenAccount(Request):
    """Open an account. An empty number is assigned."""

    native_id: str = ""
    name: str
    uscc: str = ""


class EditProject(Request):
    """Change fields of a registered project; `changes` by field name."""

    native_id: str
    changes: dict[str, Any]


class EditMethodology(EditProject):
    """Change fields of a filed methodology (its status, its validity)."""


class Verify(Request):
    """Verify a monitoring period. Quantity is activity x factor, rounded down to whole kg."""

    native_id: str = ""
    project: str
    period_start: date
    period_end: date
    activity_kwh: Decimal = Field(gt=0)
    emission_factor: Decimal | None = Field(default=None, gt=0)
    verifier: str = "示例核查机构有限公司"
    report: str = "示例核查报告"
    verified_on: date | None = None


class VoidVerification(Request):
    """Void a verification that has no live issuance."""

    native_id: str


class Issue(Request):
    """Issue on a verification; without a quantity, all that whole serials can carry of what remains."""

    native_id: str = ""
    verification: str
    quantity_kg: int | None = Field(default=None, gt=0)
    vintage: int | None = None
    account: str = ""
    issued_on: date | None = None
    reissue_of: str = ""


class Selection(Request):
    """Which units: explicit ranges, or a quantity out of an account (lowest serials first)."""

    account: str = ""
    ranges: list[UnitRange] = []
    quantity_kg: int | None = Field(default=None, gt=0)
    issuance: str = ""
    home_member: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Selection:
        by_quantity = bool(self.account) and self.quantity_kg is not None
        if bool(self.ranges) == by_quantity:
            raise ValueError("give either ranges, or account with quantity_kg")
        return self


class Move(Selection):
    """Move units to another account of this registry."""

    to_account: str


class RequestTransfer(Selection):
    """Lock units for a transfer to another member."""

    native_id: str = ""
    to_member: str = Field(pattern=r"^\d{6}$")
    to_account: str = ""
    requested_on: date | None = None


class WithdrawTransfer(Request):
    """Ask the hub to withdraw a transfer out; units stay locked until the hub says so."""

    native_id: str


class ReviewTransfer(Request):
    """A second person of this city stands by a transfer out (four eyes)."""

    native_id: str
    reviewer: str = Field(min_length=1)


class DecideTransfer(Request):
    """The city's own answer to a pending transfer in."""

    native_id: str
    decision: Literal["accept", "reject"]
    reason: str = ""


class Retire(Selection):
    """Retire units under one of this city's own purpose codes."""

    native_id: str = ""
    purpose: str
    beneficiary: str
    beneficiary_uscc: str = ""
    compliance_year: int | None = None
    reason: str = ""
    retired_on: date | None = None


class Correct(Request):
    """Void serials of a wrong issuance (all available ones unless ranges are given), with or without a reissue.

    `force` takes units locked for a transfer too: a credit reversed at home while in transit.
    """

    native_id: str = ""
    issuance: str
    ranges: list[UnitRange] = []
    reason: str
    reissue_kg: int | None = Field(default=None, gt=0)
    force: bool = False
    corrected_on: date | None = None


class Misfile(Request):
    """A clerk's error: publish a record that this registry's own checks would have refused; no units are booked.

    The record is `like` (a native id of the same kind) with `changes` by field name, under a number of its own.
    """

    kind: str
    like: str
    changes: dict[str, Any]
    native_id: str = ""


class IncomingPolicy(Request):
    """How transfers in are answered: every one accepted at once, or left for a person to decide."""

    policy: Literal["accept", "manual"]
