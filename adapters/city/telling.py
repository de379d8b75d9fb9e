"""What a city registry is told: the hub's effects in a registry's terms, before each city writes them its own way.

A transfer out is named by the registry's own number, a transfer in by the hub's. Every effect speaks of the serials
that it concerns, since the ranges of one native transfer may end apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeAlias

from adapters.city.canonical import City, native_of
from adapters.city.records import UnitRange
from adapters.protocol import Effect, EffectKind
from mutual_recognition.purposes import NAMES, Purpose, uses_of
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

Value: TypeAlias = "str | int | date | datetime | tuple[UnitRange, ...] | tuple[str, ...]"

_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}", re.ASCII)


class NotTellable(Refusal):
    """An effect that this registry cannot be told, for want of what it would have to say."""

    code = "effect_not_tellable"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to book. `what` and the names of `fields` are those of the registries' manual, in English."""

    what: str
    occurred_at: datetime
    proof: str
    fields: Mapping[str, Value] = field(default_factory=dict)


def native_key(key: str) -> str:
    """An effect's key in the characters and length that registries take (8 to 128 of A-Z a-z 0-9 _ -), one to one."""
    plainly = key.replace(":", "-").replace(".", "-")
    return plainly if _KEY.fullmatch(plainly) else hashlib.sha256(key.encode()).hexdigest()


def told(effect: Effect, of: City) -> Told:
    """What `effect` is to this registry. Raises NotTellable."""
    try:
        what, fields = _what(effect, of)
    except KeyError as absent:
        raise NotTellable(effect.key, f"the effect does not say {absent.args[0]}") from None
    occurred = datetime.fromisoformat(effect.occurred_at)
    proof = f"block {effect.block_number}; {effect.key}"
    return Told(what, occurred if occurred.tzinfo else occurred.replace(tzinfo=UTC), proof, fields)


def _what(effect: Effect, of: City) -> tuple[str, dict[str, Value]]:
    detail = effect.detail
    match effect.kind:
        case EffectKind.TRANSFER_PROPOSED:
            return "transfer_proposed", {"transfer": _own(effect), "reference": str(detail["transfer"])}
        case EffectKind.TRANSFER_INCOMING:
            incoming: dict[str, Value] = {
                "transfer": str(detail["transfer"]),
                "member": _member(detail["from"]),
                "ranges": _ranges(effect),
            }
            if detail.get("deadline"):
                incoming["deadline"] = datetime.fromtimestamp(int(detail["deadline"]), UTC)
            if detail.get("factor_ppm"):
                incoming["factor_ppm"] = int(detail["factor_ppm"])
            return "incoming_pending", incoming
        case EffectKind.TRANSFER_COMPLETED if int(detail["from"]) == of.member:
            fields: dict[str, Value] = {"transfer": _own(effect), "member": _member(detail["to"])}
            fields["kept"] = _ranges(effect)
            if int(detail["kept_last"]) < int(detail["sent_last"]):
                cut = SerialRange(int(detail["kept_last"]) + 1, int(detail["sent_last"]))
                fields["cut"] = (_units(effect, cut),)
            return "transfer_accepted", fields
        case EffectKind.TRANSFER_COMPLETED:
            return "incoming_final", {"transfer": str(detail["transfer"]), "kept": _ranges(effect)}
        case EffectKind.TRANSFER_ENDED if int(detail["from"]) == of.member:
            outcome = str(detail["outcome"])
            if outcome not in ("rejected", "withdrawn", "expired"):
                raise NotTellable(outcome, "a transfer ends rejected, withdrawn or expired")
            ended: dict[str, Value] = {"transfer": _own(effect), "ranges": _ranges(effect)}
            if outcome == "rejected":
                ended["reason"] = _reason(detail.get("reason"), "rejected by the destination")
            return f"transfer_{outcome}", ended
        case EffectKind.TRANSFER_ENDED:
            return "incoming_returned", {"transfer": str(detail["transfer"]), "reason": str(detail["outcome"])}
        case EffectKind.RETIRED_ELSEWHERE:
            retired: dict[str, Value] = {
                "ranges": _ranges(effect),
                "member": _member(detail["holder"]),
                "purpose": _purpose(int(detail["purpose"]), of),
            }
            if detail.get("compliance_year"):
                retired["compliance_year"] = int(detail["compliance_year"])
            return "retired_elsewhere", retired
        case EffectKind.MOVED_ELSEWHERE:
            return "moved_elsewhere", {"ranges": _ranges(effect), "member": _member(detail["to"])}
        case EffectKind.CANCELLED:
            reason = str(detail.get("reason") or f"by ballot {detail.get('ballot', '')}").strip()
            if int(detail.get("holder", of.member)) == of.member:
                return "cancelled", {"ranges": _ranges(effect), "reason": reason}
            elsewhere: dict[str, Value] = {"ranges": _ranges(effect), "member": _member(detail["holder"])}
            return "cancelled_elsewhere", elsewhere | {"reason": reason}
        case EffectKind.HELD:
            return "held", _hold(effect) | {"reason": _reason(detail.get("reason"), "held by a member's voter")}
        case EffectKind.LIFTED:
            return "lifted", _hold(effect)
        case EffectKind.RECOGNITION_CHANGED:
            return "recognition_changed", _recognition(effect, of)
        case EffectKind.REFUSED:
            return _refused(effect)


def _refused(effect: Effect) -> tuple[str, dict[str, Value]]:
    detail = effect.detail
    record = str(detail.get("record") or native_of(str(detail["native_id"])))
    reason = f"{detail['error']}: {detail['reason']}"
    if detail.get("action") == "propose":  # the registry locked the serials for it: that is undone
        return "transfer_rejected", {"transfer": record, "ranges": _ranges(effect), "reason": reason}
    kind = str(detail.get("record_kind") or detail.get("action") or "record")
    return "record_status", {"record_kind": kind, "record_id": record, "status": "refused", "reason": reason}


def _recognition(effect: Effect, of: City) -> dict[str, Value]:
    detail = effect.detail
    fields: dict[str, Value] = {
        "subject_kind": str(detail["subject_kind"]),
        "subject": str(detail["subject"]),
        "member": _member(detail["member"]),
        "status": str(detail["status"]),
    }
    if "factor_ppm" in detail:
        fields["factor_ppm"] = int(detail["factor_ppm"])
    if "uses" in detail:
        fields["uses"] = tuple(_purpose(int(use), of) for use in uses_of(int(detail["uses"])))
    for name in ("valid_from", "valid_to"):
        if detail.get(name):
            fields[name] = date.fromisoformat(str(detail[name]))
    return fields


def _hold(effect: Effect) -> dict[str, Value]:
    ranges = _ranges(effect)
    placed_by = effect.detail.get("placed_by") or ranges[0].home
    return {
        "subject_kind": "unit_block",
        "subject": str(effect.detail["hold"]),
        "member": _member(placed_by),
        "ranges": ranges,
    }


def _own(effect: Effect) -> str:
    """The registry's number of the transfer out that it asked for."""
    native = effect.detail.get("native_id")
    if not native:
        raise NotTellable(effect.detail.get("transfer", ""), "no record of this registry asked for this transfer")
    return native_of(str(native))


def _member(code: object) -> str:
    return f"{int(str(code)):06d}"


def _reason(given: object, otherwise: str) -> str:
    if isinstance(given, int) and given:
        return f"{otherwise} (response code {given})"
    return str(given) if given else otherwise


def _purpose(number: int, of: City) -> str:
    purpose = Purpose(number)
    return next((code for code, known in of.purposes.items() if known is purpose), NAMES[purpose][0])


def _ranges(effect: Effect) -> tuple[UnitRange, ...]:
    if effect.serials is None:
        raise NotTellable(effect.key, "the effect names no serials")
    return (_units(effect, effect.serials),)


def _units(effect: Effect, serials: SerialRange) -> UnitRange:
    if effect.series is None:
        raise NotTellable(effect.key, "the effect names no series")
    if not effect.series.member or effect.series.code.startswith("0x"):
        raise NotTellable(effect.series.code, "no document names this series, so the registry would not know it")
    size = int(effect.detail["kg_per_serial"])
    return UnitRange(
        home=effect.series.member, series=effect.series.code, kg_per_serial=1 if size == 1 else 1000, serials=serials
    )
