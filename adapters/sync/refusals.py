"""What a registry is told when the chain refuses a record of its own: once, with the chain's name for it in a
sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from adapters.protocol import Effect, EffectKind
from hub.chain.codec import decode_call
from mutual_recognition.documents import Json
from mutual_recognition.identifiers import member_of
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

TOLD = frozenset({"propose", "retire", "correct", "accept", "reject"})
"""Functions whose refusal a registry has to know: it locked, retired, corrected or decided something already."""

PlannedCall = tuple[bytes, str, str, bytes, str]
"""Request, contract, function, call and native id of a planned write."""


def refusal_effects(
    planned: Sequence[PlannedCall],
    *,
    refused: bytes,
    record: tuple[str, str],
    inbox_id: int,
    reason: Mapping[str, Json],
    at: int,
) -> Iterator[Effect]:
    """Effects REFUSED for the planned calls of one record, of which the chain refused `refused` (a request).

    A transfer's serials are locked at the registry, so each of its planned calls is told with its serials; of
    anything else the refused call alone. Block 0: it is in no block.
    """
    for request, contract, function, call, native_id in planned:
        if function not in TOLD or (request != refused and function != "propose"):
            continue
        series, serials = _serials(contract, call)
        detail: dict[str, Json] = {
            "native_id": native_id,
            "record_kind": record[0],
            "record": record[1],
            "inbox_id": inbox_id,
            "action": function,
            "error": reason.get("chain_error") or reason.get("error", ""),
            "reason": reason.get("message", ""),
        }
        key = f"{EffectKind.REFUSED.value}:{request.hex()}"
        yield Effect(key, EffectKind.REFUSED, series, serials, detail, 0, datetime.fromtimestamp(at, UTC).isoformat())


def _serials(contract: str, call: bytes) -> tuple[SeriesName | None, SerialRange | None]:
    """The series (by its id) and serials a call is about, where it names any."""
    for asked in decode_call(contract, call).arguments.values():
        if isinstance(asked, Mapping) and {"series", "first", "last"} <= set(asked):
            identifier = bytes.fromhex(str(asked["series"]).removeprefix("0x"))
            name = SeriesName(code="0x" + identifier.hex(), member=member_of(identifier))
            return name, SerialRange(int(asked["first"]), int(asked["last"]))
    return None, None
