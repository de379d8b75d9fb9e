"""A small city registry: files, verifies, issues, locks, retires and corrects, and keeps its own books straight.

Operations are atomic, journaled, and refuse what the registry's rules do not allow (RegistryRefusal). What the hub
tells the registry is booked by `effects.py`; both work on the same records and unit holdings.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from adapters.sandbox import requests as ask
from adapters.sandbox.errors import RegistryRefusal, conflict, unknown
from adapters.sandbox.filing import Filing
from adapters.sandbox.records import (
    PUBLISHED_KINDS,
    RECORD_TYPES,
    Account,
    Correction,
    Issuance,
    Methodology,
    Project,
    Record,
    Retirement,
    TransferIn,
    TransferOut,
    UnitRange,
    Verification,
    edited,
)
from adapters.sandbox.units import Holding, merged

INCOMING_ACCOUNT = "转入待分配"


class Registry(Filing):
    """One city's registry over one database."""

    # --- verification and issuance

    def verify(self, request: ask.Verify) -> Verification:
        """核证 a monitoring period: inside the crediting period, never overlapping another valid one."""
        with self.storage.transaction():
            project = self.storage.get(Project, request.project)
            if not project.crediting_start <= request.period_start <= request.period_end <= project.crediting_end:
                raise RegistryRefusal(
                    "PERIOD_OUTSIDE_CREDITING",
                    f"{request.period_start}..{request.period_end} is not inside the crediting period"
                    f" {project.crediting_start}..{project.crediting_end}",
                    field="period_start",
                    value=request.period_start,
                )
            last_of_month = (request.period_end + timedelta(days=1)).day == 1
            if self.city.whole_months and not (request.period_start.day == 1 and last_of_month):
                raise RegistryRefusal(
                    "PERIOD_NOT_WHOLE_MONTHS",
                    f"{request.period_start}..{request.period_end} is not whole calendar months",
                    field="period_start",
                    value=request.period_start,
                )
            for other in self.storage.all_of(Verification, parent=project.native_id):
                apart = request.period_end < other.period_start or other.period_end < request.period_start
                if other.status == "valid" and not apart:
                    raise conflict(
                        "PERIOD_OVERLAPS",
                        f"{request.period_start}..{request.period_end} overlaps verification {other.native_id}",
                        field="period_start",
                        value=request.period_start,
                    )
            factor = request.emission_factor or self._factor_on(project, request.period_start)
            quantity = int((request.activity_kwh * factor).to_integral_value(ROUND_DOWN))
            record = Verification(
                native_id=self._number(Verification, request.native_id),
                project=project.native_id,
                period_start=request.period_start,
                period_end=request.period_end,
                activity_kwh=request.activity_kwh,
                emission_factor=factor,
                verified_kg=quantity,
                verifier=request.verifier,
                report_sha256=hashlib.sha256(request.report.encode()).hexdigest(),
                verified_on=request.verified_on or self.today(),
            )
            self.storage.put(record, "verify")
        return record

    def _factor_on(self, project: Project, day: date) -> Decimal:
        methodology = self.storage.get(Methodology, project.methodology)
        for parameter in methodology.parameters:
            started = parameter.valid_from <= day
            if parameter.symbol == "EF" and started and (parameter.valid_to is None or day <= parameter.valid_to):
                return parameter.value
        raise RegistryRefusal(
            "NO_FACTOR",
            f"methodology {methodology.native_id} has no EF on {day}",
            field="period_start",
            value=day,
        )

    def void_verification(self, request: ask.VoidVerification) -> Verification:
        """Void a verification; refused while an issuance on it is live."""
        with self.storage.transaction():
            verification = self.storage.get(Verification, request.native_id)
            if self.issued_kg(verification.native_id) > 0:
                raise conflict(
                    "VERIFICATION_IN_USE",
                    f"{request.native_id} has live issuances",
                    field="native_id",
                    value=request.native_id,
                )
            voided = verification.model_copy(update={"status": "voided"})
            self.storage.put(voided, "void")
        return voided

    def issued_kg(self, verification: str) -> int:
        """Issued on a verification less what was corrected, in kg."""
        issuances = self.storage.all_of(Issuance, parent=verification)
        corrected = sum(c.quantity_kg for i in issuances for c in self.storage.all_of(Correction, parent=i.native_id))
        return sum(i.quantity_kg for i in issuances) - corrected

    def issue(self, request: ask.Issue) -> Issuance:
        """签发 on a verification, never beyond what it verified, in whole serials."""
        with self.storage.transaction():
            verification = self.storage.get(Verification, request.verification)
            if verification.status != "valid":
                raise conflict(
                    "VERIFICATION_VOID",
                    f"{verification.native_id} is {verification.status}",
                    field="verification",
                    value=verification.native_id,
                )
            remaining = verification.verified_kg - self.issued_kg(verification.native_id)
            size = self.city.kg_per_serial
            quantity = request.quantity_kg if request.quantity_kg is not None else remaining // size * size
            if quantity <= 0 or quantity > remaining:
                raise conflict(
                    "BEYOND_VERIFIED",
                    f"{quantity} kg asked, {remaining} kg of {verification.native_id} remain",
                    field="quantity_kg",
                    value=quantity,
                )
            if quantity % size:
                raise RegistryRefusal(
                    "QUANTITY_NOT_WHOLE_SERIALS",
                    f"{quantity} kg is not a whole number of serials of {size} kg",
                    field="quantity_kg",
                    value=quantity,
                )
            project = self.storage.get(Project, verification.project)
            account = request.account or project.uscc
            self.storage.get(Account, account)
            vintage = request.vintage or verification.period_end.year
            series = self.city.series_code(vintage)
            first = self.storage.next_number(f"series:{series}", quantity // size)
            record = Issuance(
                native_id=self._number(Issuance, request.native_id),
                project=project.native_id,
                verification=verification.native_id,
                vintage=vintage,
                quantity_kg=quantity,
                series=series,
                kg_per_serial=size,
                serial_first=first,
                serial_last=first + quantity // size - 1,
                account=account,
                issued_on=request.issued_on or self.today(),
                reissue_of=request.reissue_of,
            )
            self.units.add(self.range_of(record), account=account, status="available", issuance=record.native_id)
            self.storage.put(record, "issue")
        return record

    def range_of(self, issuance: Issuance) -> UnitRange:
        """The serial range an issuance put into the registry."""
        return UnitRange(
            home_member=self.city.member,
            series=issuance.series,
            kg_per_serial=1 if issuance.kg_per_serial == 1 else 1000,
            first=issuance.serial_first,
            last=issuance.serial_last,
        )

    # --- units

    def _selected(self, selection: ask.Selection) -> tuple[list[UnitRange], str]:
        """The ranges asked for and the one account that holds them."""
        wanted = selection.ranges or self.units.pick(
            selection.account,
            selection.quantity_kg or 0,
            issuance=selection.issuance,
            home_member=selection.home_member,
        )
        # One range a holding: neighbours from two issuances, or with two pasts, stay two ranges in the record.
        rows = [row for units in merged(wanted) for row in self.units.carve(units, ("available",))]
        accounts = {row.account for row in rows}
        if len(accounts) != 1 or (selection.account and accounts != {selection.account}):
            raise conflict(
                "NOT_ONE_ACCOUNT",
                f"the units lie in accounts {', '.join(sorted(accounts))}, not in {selection.account or 'one'}",
                field="account",
                value=selection.account,
            )
        return [row.units for row in rows], accounts.pop()

    def move(self, request: ask.Move) -> list[UnitRange]:
        """Move available units to another account of this registry."""
        with self.storage.transaction():
            self.storage.get(Account, request.to_account)
            ranges, _ = self._selected(request)
            for units in ranges:
                self.units.change(self.units.carve(units, ("available",)), account=request.to_account)
        return ranges

    def request_transfer(self, request: ask.RequestTransfer) -> TransferOut:
        """转出: lock units for another member; they stay locked until the hub's answer is booked."""
        if request.to_member == self.city.member:
            raise RegistryRefusal(
                "SAME_MEMBER",
                "a transfer out needs another member",
                field="to_member",
                value=request.to_member,
            )
        with self.storage.transaction():
            ranges, account = self._selected(request)
            record = TransferOut(
                native_id=self._number(TransferOut, request.native_id),
                to_member=request.to_member,
                to_account=request.to_account,
                account=account,
                ranges=ranges,
                quantity_kg=sum(units.quantity_kg for units in ranges),
                requested_on=request.requested_on or self.today(),
            )
            for units in ranges:
                rows = self.units.carve(units, ("available",))
                self.units.change(rows, status="locked", reference=record.native_id)
            self.storage.put(record, "lock")
        return record

    def withdraw_transfer(self, request: ask.WithdrawTransfer) -> TransferOut:
        """Ask for a transfer out to be withdrawn; the units are unlocked when the hub says it was."""
        with self.storage.transaction():
            transfer = self.storage.get(TransferOut, request.native_id)
            if transfer.status not in ("locked", "submitted"):
                raise conflict(
                    "TRANSFER_ENDED",
                    f"{transfer.native_id} is {transfer.status}",
                    field="native_id",
                    value=request.native_id,
                )
            changed = transfer.model_copy(update={"status": "withdrawal_requested"})
            self.storage.put(changed, "request_withdrawal")
        return changed

    def review_transfer(self, request: ask.ReviewTransfer) -> TransferOut:
        """A second person stands by a transfer out that has not ended."""
        with self.storage.transaction():
            transfer = self.storage.get(TransferOut, request.native_id)
            if transfer.status not in ("locked", "submitted") or transfer.reviewer:
                raise conflict(
                    "NOT_TO_REVIEW",
                    f"{transfer.native_id} is {transfer.status}, reviewer {transfer.reviewer or 'none'}",
                    field="native_id",
                    value=request.native_id,
                )
            changed = transfer.model_copy(update={"reviewer": request.reviewer})
            self.storage.put(changed, "review")
        return changed

    def take_from_transfers(self, rows: list[Holding]) -> None:
        """Book that locked units were taken from their transfers out, which may end by it."""
        for row in rows:
            if row.status == "locked":
                transfer = self.storage.get(TransferOut, row.reference)
                self.storage.put(transfer.ended_by("corrected", taken_kg=row.quantity_kg), "take")

    def decide_transfer(self, request: ask.DecideTransfer) -> TransferIn:
        """Answer a pending transfer in; the units stay pending until the hub says it is final."""
        with self.storage.transaction():
            transfer = self.storage.get(TransferIn, request.native_id)
            if transfer.status != "pending" or transfer.decision != "undecided":
                raise conflict(
                    "TRANSFER_DECIDED",
                    f"{transfer.native_id} is {transfer.status}, decision {transfer.decision}",
                    field="native_id",
                    value=request.native_id,
                )
            changed = transfer.model_copy(update={"decision": request.decision, "decision_reason": request.reason})
            self.storage.put(changed, "decide")
        return changed

    def incoming_policy(self, request: ask.IncomingPolicy) -> dict[str, str]:
        """Set how transfers in are answered from now on."""
        self.storage.set_setting("incoming_policy", request.policy)
        return {"policy": request.policy}

    def retire(self, request: ask.Retire) -> Retirement:
        """注销: final. The purpose is one of this city's own codes."""
        if request.purpose not in self.city.purposes:
            raise RegistryRefusal(
                "UNKNOWN_PURPOSE",
                f"purpose {request.purpose!r} is none of {', '.join(self.city.purposes)}",
                field="purpose",
                value=request.purpose,
            )
        with self.storage.transaction():
            ranges, account = self._selected(request)
            record = Retirement(
                native_id=self._number(Retirement, request.native_id),
                account=account,
                ranges=ranges,
                quantity_kg=sum(units.quantity_kg for units in ranges),
                purpose=request.purpose,
                beneficiary=request.beneficiary,
                beneficiary_uscc=request.beneficiary_uscc,
                compliance_year=request.compliance_year,
                reason=request.reason,
                retired_on=request.retired_on or self.today(),
            )
            for units in ranges:
                rows = self.units.carve(units, ("available",))
                self.units.change(rows, status="retired", reference=record.native_id)
            self.storage.put(record, "retire")
        return record

    def correct(self, request: ask.Correct) -> Correction:
        """更正: void serials of a wrong issuance, link the reissue, and free what was verified."""
        with self.storage.transaction():
            issuance = self.storage.get(Issuance, request.issuance)
            allowed: tuple[Any, ...] = ("available", "locked") if request.force else ("available",)
            wanted = merged(request.ranges) or [
                row.units
                for row in self.units.rows("issuance = ?", (issuance.native_id,))
                if row.status in allowed and (request.force or not row.held)
            ]
            rows = [row for units in wanted for row in self.units.carve(units, allowed, allow_held=request.force)]
            if not rows or any(row.issuance != issuance.native_id for row in rows):
                raise conflict(
                    "NOT_OF_THIS_ISSUANCE",
                    f"no available serials of issuance {issuance.native_id} there",
                    field="ranges",
                    value=request.issuance,
                )
            native_id = self._number(Correction, request.native_id)
            self.take_from_transfers(rows)
            self.units.change(rows, status="corrected", reference=native_id)
            correction = Correction(
                native_id=native_id,
                issuance=issuance.native_id,
                ranges=[row.units for row in rows],
                quantity_kg=sum(row.quantity_kg for row in rows),
                reason=request.reason,
                corrected_on=request.corrected_on or self.today(),
            )
            whole = all(r.status == "corrected" for r in self.units.rows("issuance = ?", (issuance.native_id,)))
            self.storage.put(
                issuance.model_copy(update={"status": "corrected" if whole else "part_corrected"}), "correct"
            )
            self.storage.put(correction, "correct")
            if request.reissue_kg is not None:
                again = self.issue(
                    ask.Issue(
                        verification=issuance.verification,
                        quantity_kg=request.reissue_kg,
                        vintage=issuance.vintage,
                        account=issuance.account,
                        reissue_of=issuance.native_id,
                    )
                )
                correction = correction.model_copy(update={"reissue": again.native_id})
                self.storage.put(correction, "correct")
        return correction

    def misfile(self, request: ask.Misfile) -> Record:
        """Publish a clerk's error as an ordinary record; the books of this registry stay as they are."""
        if request.kind not in PUBLISHED_KINDS:
            raise unknown("kind", request.kind)
        record_type = RECORD_TYPES[request.kind]
        with self.storage.transaction():
            like = self.storage.get(record_type, request.like)
            number = self._number(record_type, request.native_id)
            record = edited(like, {"native_id": number, **request.changes})
            self.storage.put(record, "misfile", misfiled=True)
        return record
