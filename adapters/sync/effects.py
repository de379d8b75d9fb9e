"""Push back: what happened on the chain, told to the registry whose credits it concerns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.protocol import Effect, EffectKind, RegistryProfile
from mutual_recognition.books import Directory, Happening
from mutual_recognition.documents import Json
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

_ENDED = {"transfer_rejected": "rejected", "transfer_withdrawn": "withdrawn", "transfer_expired": "expired"}


def effects_of(happening: Happening, profile: RegistryProfile, directory: Directory) -> Iterator[Effect]:
    """What the registry is told of one happening; nothing where it's no concern of its."""
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


def _hex(happening: Happening) -> str:
    return "0x" + happening.reference.hex()
