"""What the hub tells a registry (push-back), booked once per key.

An effect carries an idempotency key. The same key with the same content is answered from the books and does nothing;
with another content it is refused. An effect that the registry cannot book is refused whole and may be sent again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.sandbox.errors import RegistryRefusal, conflict
from adapters.sandbox.records import (
    Account,
    Hold,
    Recognition,
    RecordStatus,
    TransferIn,
    TransferOut,
    TransferOutStatus,
    UnitRange,
    UnitsElsewhere,
)
from adapters.sandbox.registry import INCOMING_ACCOUNT, Registry
from adapters.sandbox.units import Holding, Status, describe, merged

EffectKind = Literal[
    "transfer_proposed",
    "transfer_accepted",
    "transfer_rejected",
    "transfer_expired",
    "transfer_withdrawn",
    "incoming_pending",
    "incoming_final",
    "incoming_returned",
    "retired_elsewhere",
    "cancelled_elsewhere",
    "moved_elsewhere",
    "cancelled",
    "held",
    "lifted",
    "recognition_changed",
    "record_status",
]

_NEEDED: dict[str, tuple[str, ...]] = {
    "transfer_proposed": ("transfer", "reference"),
    "transfer_accepted": ("transfer", "member", "kept"),
    "transfer_rejected": ("transfer",),
    "transfer_expired": ("transfer",),
    "transfer_withdrawn": ("transfer",),
    "incoming_pending": ("transfer", "member", "ranges"),
    "incoming_final": ("transfer", "kept"),
    "incoming_returned": ("transfer", "reason"),
    "retired_elsewhere": ("ranges", "member", "purpose"),
    "cancelled_elsewhere": ("ranges", "member", "reason"),
    "moved_elsewhere": ("ranges", "member"),
    "cancelled": ("ranges", "reason"),
    "held": ("subject_kind", "subject", "member", "reason"),
    "lifted": ("subject_kind", "subject", "member"),
    "recognition_changed": ("subject_kind", "subject", "member", "status"),
    "record_status": ("record_kind", "record_id", "status"),
}
_ALWAYS = {"kind", "occurred_at", "proof"}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "transfer_accepted": ("cut",),
    "transfer_rejected": ("ranges", "reason"),
    "transfer_expired": ("ranges",),
    "transfer_withdrawn": ("ranges",),
    "incoming_pending": ("account", "factor_ppm", "deadline"),
    "retired_elsewhere": ("compliance_year",),
    "held": ("ranges", "evidence_sha256"),
    "lifted": ("ranges", "reason"),
    "recognition_changed": ("factor_ppm", "uses", "valid_from", "valid_to"),
    "record_status": ("reason",),
}


class Effect(BaseModel):
    """One effect. `_NEEDED` and `_OPTIONAL` say which fields a kind carries; any other is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EffectKind
    occurred_at: datetime
    proof: str = Field(min_length=1)
    transfer: str = ""
    reference: str = ""
    member: str = Field(default="", pattern=r"^(\d{6})?$")
    account: str = ""
    ranges: list[UnitRange] = []
    kept: list[UnitRange] = []
    cut: list[UnitRange] = []
    factor_ppm: int | None = Field(default=None, ge=1, le=1_000_000)
    deadline: datetime | None = None
    purpose: str = ""
    compliance_year: int | None = None
    subject_kind: str = ""
    subject: str = ""
    uses: list[str] = []
    valid_from: date | None = None
    valid_to: date | None = None
    status: str = ""
    reason: str = ""
    evidence_sha256: str = ""
    record_kind: str = ""
    record_id: str = ""

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> Effect:
        given = {name for name in type(self).model_fields if getattr(self, name) not in ("", None, [])}
        missing = [name for name in _NEEDED[self.kind] if name not in given]
        if missing:
            raise ValueError(f"{self.kind} needs {', '.join(missing)}")
        strange = given - _ALWAYS - set(_NEEDED[self.kind]) - set(_OPTIONAL.get(self.kind, ()))
        if strange:
            raise ValueError(f"{self.kind} does not carry {', '.join(sorted(strange))}")
        return self


@dataclass(frozen=True, slots=True)
class Booking:
    """The outcome of an effect: the change sequence it was booked under, and whether it had been booked before."""

    key: str
    kind: str
    seq: int
    booked_at: datetime
    repeated: bool


_ENDING: Final[tuple[Status, ...]] = ("locked", "corrected")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")


class Effects:
    """Books effects on one registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.storage = registry.storage
        self.units = registry.units

    def lookup(self, key: str) -> Booking | None:
        """What was booked under a key, or None."""
        with self.storage.transaction() as db:
            row = db.execute("SELECT * FROM effect WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        return Booking(key, row["kind"], row["seq"], datetime.fromisoformat(row["booked_at"]), repeated=True)

    def book(self, key: str, effect: Effect) -> Booking:
        """Book an effect once. Raises RegistryRefusal BAD_KEY, KEY_REUSED, or why the books do not allow it."""
        if not _KEY.fullmatch(key):
            raise RegistryRefusal("BAD_KEY", "a key is 8 to 128 of A-Z a-z 0-9 _ -", field="key", value=key)
        body = effect.model_dump_json()
        digest = hashlib.sha256(body.encode()).hexdigest()
        with self.storage.transaction() as db:
            row = db.execute("SELECT body_sha256, kind FROM effect WHERE key = ?", (key,)).fetchone()
            if row is not None:
                if row["body_sha256"] != digest:
                    raise conflict(
                        "KEY_REUSED",
                        f"key {key} was used for another {row['kind']} effect",
                        field="key",
                        value=key,
                    )
                booked = self.lookup(key)
                assert booked is not None
                return booked
            self._apply(effect)
            booking = Booking(key, effect.kind, self.storage.latest_seq(), self.registry.now(), repeated=False)
            db.execute(
                "INSERT INTO effect VALUES (?, ?, ?, ?, ?, ?)",
                (key, effect.kind, digest, body, booking.booked_at.isoformat(), booking.seq),
            )
        return booking

    def _apply(self, effect: Effect) -> None:
        match effect.kind:
            case "transfer_proposed":
                self._transfer_proposed(effect)
            case "transfer_accepted":
                self._transfer_accepted(effect)
            case "transfer_rejected" | "transfer_expired" | "transfer_withdrawn":
                self._transfer_ended(effect)
            case "incoming_pending":
                self._incoming_pending(effect)
            case "incoming_final":
                self._incoming_final(effect)
            case "incoming_returned":
                self._incoming_returned(effect)
            case "retired_elsewhere" | "cancelled_elsewhere" | "moved_elsewhere":
                self._units_elsewhere(effect)
            case "cancelled":
                self._cancelled(effect)
            case "held" | "lifted":
                self._hold(effect)
            case "recognition_changed":
                self._recognition(effect)
            case "record_status":
                self._record_status(effect)

    # --- transfers out

    def _open_transfer(self, effect: Effect) -> TransferOut:
        transfer = self.storage.get(TransferOut, effect.transfer)
        if transfer.open_kg == 0:
            raise conflict(
                "TRANSFER_ENDED",
                f"{transfer.native_id} is already {transfer.status}",
                field="transfer",
                value=effect.transfer,
            )
        return transfer

    def _locked(self, transfer: TransferOut, ranges: list[UnitRange], field: str) -> list[Holding]:
        """Exactly these serials, which must still be locked for the transfer.

        A correction forced at home may have taken some meanwhile: that is refused here, and a person decides.
        """
        rows = [row for units in ranges for row in self.units.carve(units, ("locked",), allow_held=True)]
        for row in rows:
            if row.reference != transfer.native_id:
                raise conflict(
                    "RANGES_DIFFER",
                    f"{describe(row.units)} is locked for {row.reference}, not for {transfer.native_id}",
                    field=field,
                    value=describe(row.units),
                )
        return rows

    def _transfer_proposed(self, effect: Effect) -> None:
        transfer = self._open_transfer(effect)
        changed = transfer.model_copy(update={"references": [*transfer.references, effect.reference]})
        if changed.status == "locked":
            changed = changed.model_copy(update={"status": "submitted"})
        self.storage.put(changed, effect.kind)

    def _transfer_accepted(self, effect: Effect) -> None:
        transfer = self._open_transfer(effect)
        if effect.member != transfer.to_member:
            raise conflict(
                "OTHER_DESTINATION",
                f"{transfer.native_id} was requested to {transfer.to_member}",
                field="member",
                value=effect.member,
            )
        kept = self._locked(transfer, effect.kept, "kept")
        self.units.change(kept, status="transferred_out", member=transfer.to_member, held=0)
        cut = self._locked(transfer, effect.cut, "cut")
        self.units.change(cut, status="cut", held=0)
        kept_kg, cut_kg = (sum(row.quantity_kg for row in rows) for rows in (kept, cut))
        self.storage.put(transfer.ended_by("accepted", accepted_kg=kept_kg, cut_kg=cut_kg), effect.kind)

    def _transfer_ended(self, effect: Effect) -> None:
        transfer = self._open_transfer(effect)
        if effect.ranges:
            # what this registry itself corrected meanwhile stays corrected; the rest is unlocked
            apart = [row for units in effect.ranges for row in self.units.carve(units, _ENDING, allow_held=True)]
            rows = self._locked(transfer, [row.units for row in apart if row.status == "locked"], "ranges")
        else:
            rows = self.units.rows("reference = ? AND status = 'locked'", (transfer.native_id,))
        self.units.change(rows, status="available", reference="")
        end: dict[str, TransferOutStatus] = {
            "transfer_rejected": "rejected",
            "transfer_expired": "expired",
            "transfer_withdrawn": "withdrawn",
        }
        ended = transfer.ended_by(end[effect.kind], returned_kg=sum(row.quantity_kg for row in rows))
        self.storage.put(ended.model_copy(update={"reason": effect.reason}), effect.kind)

    # --- transfers in

    def _incoming_pending(self, effect: Effect) -> None:
        if self.storage.find(TransferIn, effect.transfer) is not None:
            raise conflict("TRANSFER_KNOWN", f"{effect.transfer} is booked", field="transfer", value=effect.transfer)
        # A sender's typing error in the account must not stop a transfer: such units wait to be assigned.
        known_account = effect.account and self.storage.find(Account, effect.account) is not None
        account = effect.account if known_account else INCOMING_ACCOUNT
        for units in effect.ranges:
            known = self.units.overlapping(units)
            if known or units.home_member == self.registry.city.member:
                # Units that were here before come back: each serial must have left and not ended elsewhere.
                rows = self.units.carve(units, ("transferred_out",))
                for row in rows:
                    self.units.change([row], status="pending", prior=f"{row.account}|{row.reference}|{row.member}")
                self.units.change(rows, account=account, reference=effect.transfer, member="")
            else:
                self.units.add(units, account=account, status="pending", reference=effect.transfer)
        automatic = self.storage.setting("incoming_policy", "accept") == "accept"
        record = TransferIn(
            native_id=effect.transfer,
            from_member=effect.member,
            account=account,
            ranges=effect.ranges,
            quantity_kg=sum(u.quantity_kg for u in effect.ranges),
            factor_ppm=effect.factor_ppm or 1_000_000,
            deadline=effect.deadline,
            decision="accept" if automatic else "undecided",
        )
        self.storage.put(record, effect.kind)

    def _pending_transfer(self, effect: Effect) -> tuple[TransferIn, list[Holding]]:
        transfer = self.storage.get(TransferIn, effect.transfer)
        if transfer.status != "pending":
            raise conflict(
                "TRANSFER_ENDED",
                f"{transfer.native_id} is already {transfer.status}",
                field="transfer",
                value=effect.transfer,
            )
        return transfer, self.units.rows("reference = ? AND status = 'pending'", (effect.transfer,))

    def _incoming_final(self, effect: Effect) -> None:
        transfer, _ = self._pending_transfer(effect)
        for units in effect.kept:
            if any(
                row.reference != transfer.native_id for row in self.units.carve(units, ("pending",), allow_held=True)
            ):
                raise conflict(
                    "RANGES_DIFFER",
                    f"{describe(units)} is not of {transfer.native_id}",
                    field="kept",
                    value=describe(units),
                )
            rows = self.units.carve(units, ("pending",), allow_held=True)
            self.units.change(rows, status="available", reference="", prior="")
        # What the conversion factor cut was never this registry's; where it had been here before, it ended.
        rest = self.units.rows("reference = ? AND status = 'pending'", (transfer.native_id,))
        self.units.remove(row for row in rest if not row.prior)
        self.units.change([row for row in rest if row.prior], status="cut", prior="")
        received = sum(u.quantity_kg for u in effect.kept)
        final = transfer.model_copy(update={"status": "final", "kept": merged(effect.kept), "received_kg": received})
        self.storage.put(final, effect.kind)

    def _incoming_returned(self, effect: Effect) -> None:
        transfer, rows = self._pending_transfer(effect)
        self.units.remove(row for row in rows if not row.prior)
        for row in rows:
            if row.prior:
                account, reference, member = row.prior.split("|")
                self.units.change(
                    [row],
                    status="transferred_out",
                    account=account,
                    reference=reference,
                    member=member,
                    prior="",
                )
        self.storage.put(
            transfer.model_copy(update={"status": "returned", "decision_reason": effect.reason}), effect.kind
        )

    # --- the rest

    def _units_elsewhere(self, effect: Effect) -> None:
        status: Status = "transferred_out"
        if effect.kind == "retired_elsewhere":
            status = "retired_elsewhere"
        elif effect.kind == "cancelled_elsewhere":
            status = "cancelled_elsewhere"
        for units in effect.ranges:
            rows = self.units.carve(units, ("transferred_out",), allow_held=True)
            self.units.change(rows, status=status, member=effect.member)
        self._record_units(effect)

    def _cancelled(self, effect: Effect) -> None:
        rows = [
            row
            for units in effect.ranges
            for row in self.units.carve(units, ("available", "locked", "transferred_out"), allow_held=True)
        ]
        self.registry.take_from_transfers(rows)
        self.units.change(rows, status="cancelled", held=0)
        self._record_units(effect)

    def _record_units(self, effect: Effect) -> None:
        record = UnitsElsewhere(
            native_id=f"{effect.kind}-{self.storage.next_number('units_elsewhere'):06d}",
            event=effect.kind,
            ranges=effect.ranges,
            quantity_kg=sum(u.quantity_kg for u in effect.ranges),
            member=effect.member,
            purpose=effect.purpose,
            compliance_year=effect.compliance_year,
        )
        self.storage.put(record, effect.kind)

    def _hold(self, effect: Effect) -> None:
        holding = effect.kind == "held"
        for units in effect.ranges:
            rows = self.units.carve(units, ("available", "locked", "pending", "transferred_out"), allow_held=True)
            self.units.change(rows, held=int(holding))
        native_id = f"{effect.subject_kind}:{effect.subject}:{effect.member}"
        if holding:
            record = Hold(
                native_id=native_id,
                subject_kind=effect.subject_kind,
                subject=effect.subject,
                ranges=effect.ranges,
                member=effect.member,
                reason=effect.reason,
                evidence_sha256=effect.evidence_sha256,
            )
        else:
            record = self.storage.get(Hold, native_id).model_copy(update={"status": "lifted"})
        self.storage.put(record, effect.kind)

    def _recognition(self, effect: Effect) -> None:
        record = Recognition(
            native_id=f"{effect.subject_kind}:{effect.subject}:{effect.member}",
            subject_kind=effect.subject_kind,
            subject=effect.subject,
            member=effect.member,
            status=effect.status,
            factor_ppm=effect.factor_ppm,
            uses=effect.uses,
            valid_from=effect.valid_from,
            valid_to=effect.valid_to,
        )
        self.storage.put(record, effect.kind)

    def _record_status(self, effect: Effect) -> None:
        record = RecordStatus(
            native_id=f"{effect.record_kind}:{effect.record_id}",
            record_kind=effect.record_kind,
            record_id=effect.record_id,
            status=effect.status,
            reason=effect.reason,
        )
        self.storage.put(record, effect.kind)
