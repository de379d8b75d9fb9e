"""Push back: what happened on the chain, told to the registry whose credits it concerns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.protocol import Effect, EffectKind, RegistryProfile
from mutual_recognition.books import Directory, Happening, RecognitionChange
from mutual_recognition.documents import Json
from mutual_recognition.identifiers import Kind, parse_subject
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

_ENDED = {"transfer_rejected": "rejected", "transfer_withdrawn": "withdrawn", "transfer_expired": "expired"}

_FOR_EVER = 2**39


def effects_of(
    happening: Happening | RecognitionChange, profile: RegistryProfile, directory: Directory
) -> Iterator[Effect]:
    """What the registry is told of one happening; nothing where it's no concern of its."""
    if isinstance(happening, RecognitionChange):
        yield recognition_effect(happening)
    else:
        yield from _of_serials(happening, profile, directory)


def recognition_effect(change: RecognitionChange) -> Effect:
    """What became of a recognition, for the member that gave it and for the one whose methodology, project or issuance
    it is. The subject goes by its id until its document names it (`Directory.subject_name`)."""
    kind, identifier, first = parse_subject(change.subject)
    detail: dict[str, Json] = {
        "subject_kind": kind.name.lower(),
        "subject": f"0x{identifier.hex()}",
        "home": change.home,
        "member": change.member,
        "status": change.event,
        "terms": change.terms,
    }
    if kind is Kind.ISSUANCE:
        detail["first_serial"] = first
    if change.factor_ppm:
        detail |= {"factor_ppm": change.factor_ppm, "uses": change.uses, "valid_from": _day(change.valid_from)}
        if change.valid_until < _FOR_EVER:
            detail["valid_to"] = _day(change.valid_until - 1)
    what = (change.event, change.subject.hex(), str(change.member), str(change.terms), change.cause.hex())
    return Effect(
        key=f"{EffectKind.RECOGNITION_CHANGED.value}:{hashlib.sha256(':'.join(what).encode()).hexdigest()[:40]}",
        kind=EffectKind.RECOGNITION_CHANGED,
        series=None,
        serials=None,
        detail=detail,
        block_number=change.position.block_number,
        occurred_at=datetime.fromtimestamp(change.block_time, UTC).isoformat(),
    )


def _of_serials(happening: Happening, profile: RegistryProfile, directory: Directory) -> Iterator[Effect]:
    me, member, other, home = profile.member, happening.member, happening.other, happening.home
    match happening.event:
        case "transfer_proposed" if me == member:
            yield _effect(EffectKind.TRANSFER_PROPOSED, happening, directory, _transfer(happening, member, other))
        case "transfer_proposed" if me == other:
            yield _effect(EffectKind.TRANSFER_INCOMING, happening, directory, _transfer(happening, member, other))
        case "transfer_accepted" if me in (member, other):
            yield _effect(EffectKind.TRANSFER_COMPLETED, happening, directory, _transfer(happening, other, member))
        case "transfer_accepted" if me == home:
            yield _effect(EffectKind.MOVED_ELSEWHERE, happening, directory, _transfer(happening, other, member))
        case "transfer_rejected" | "transfer_withdrawn" | "transfer_expired" if me in (member, other):
            detail = _transfer(happening, member, other) | {"outcome": _ENDED[happening.event]}
            yield _effect(EffectKind.TRANSFER_ENDED, happening, directory, detail)
        case "cut" if me == home != member:
            # a transfer between two others cut these under its factor; the sender's receipt of the transfer says it too
            detail = {"holder": member, "transfer": _hex(happening), "reason": "cut on conversion"}
            yield _effect(EffectKind.CANCELLED, happening, directory, detail)
        case "retired" if me == home != member:
            yield _effect(EffectKind.RETIRED_ELSEWHERE, happening, directory, {"holder": member})
        case "held" if me in (home, member):
            yield _effect(EffectKind.HELD, happening, directory, {"hold": _hex(happening)})
        case "hold_lifted" | "hold_finished" if me in (home, member):
            yield _effect(EffectKind.LIFTED, happening, directory, {"hold": _hex(happening)})
        case "cancelled" if me in (home, member):
            yield _effect(EffectKind.CANCELLED, happening, directory, {"ballot": _hex(happening), "holder": member})
        case _:
            return


def _transfer(happening: Happening, sender: int, destination: int) -> dict[str, Json]:
    return {"transfer": _hex(happening), "from": sender, "to": destination}


def _effect(kind: EffectKind, happening: Happening, directory: Directory, detail: dict[str, Json]) -> Effect:
    named = directory.series_name(happening.series)
    registry, code = named if named is not None else ("", "0x" + happening.series.hex())
    serials = SerialRange(happening.first, happening.last)
    facts: dict[str, Json] = {
        "kg": serials.count * happening.kg_per_serial,
        "kg_per_serial": happening.kg_per_serial,
        "issuance": happening.issuance,
        **happening.detail,
    }
    return Effect(
        key=f"{kind.value}:{_identity(happening)}",
        kind=kind,
        series=SeriesName(code=code, member=happening.home, registry=registry),
        serials=serials,
        detail=facts | detail,
        block_number=happening.position.block_number,
        occurred_at=datetime.fromtimestamp(happening.block_time, UTC).isoformat(),
    )


def _identity(happening: Happening) -> str:
    """What the happening is, wherever on the chain it stands: after a reorganisation the same thing has the same
    key."""
    what = (happening.event, happening.reference.hex(), happening.series.hex(), str(happening.first))
    return hashlib.sha256(":".join(what).encode()).hexdigest()[:40]


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC_PLUS_8).date().isoformat()


def _hex(happening: Happening) -> str:
    return "0x" + happening.reference.hex()
