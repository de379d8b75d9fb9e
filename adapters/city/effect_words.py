"""Every word by which a registry is told something (`telling.py`): what happened, what is to be booked, which fields
come with it, and an example of each. `yrdhub adapter effects NAME` prints them in a city's own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.protocol import Effect, EffectKind
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

FIELDS: Final[Mapping[str, str]] = {
    "transfer": "the transfer: by your own number when it goes out, by the hub's when it comes in",
    "reference": "the hub's number of a transfer out",
    "member": "the other member, six digits",
    "ranges": "the serials that are meant",
    "kept": "serials that the destination keeps as credits",
    "cut": "serials that the recognition factor takes off: no credits anywhere any more",
    "factor_ppm": "recognition factor in millionths: 900000 is 0.9",
    "deadline": "instant until which a transfer in can be decided",
    "reason": "why, in words",
    "purpose": "what serials were retired for, by your code where you have one",
    "compliance_year": "year of compliance of a retirement",
    "subject_kind": "what kind of thing was held or recognised (unit_block, methodology, member ...)",
    "subject": "which one",
    "status": "what it is now",
    "uses": "purposes for which something is recognised, by your codes",
    "valid_from": "first day of a recognition",
    "valid_to": "last day of a recognition",
    "record_kind": "what the record was to do (issue, retire ...)",
    "record_id": "your number of the record",
}
"""What each field of an effect says. With it come the key, the word, the instant and the proof, in every effect."""


@dataclass(frozen=True, slots=True)
class Word:
    """What happened, what a registry books for it, its fields; those of `at_times` come only when they apply."""

    happened: str
    book: str
    fields: tuple[str, ...]
    at_times: tuple[str, ...] = ()


_HOLD: Final = ("subject_kind", "subject", "member", "ranges")

WORDS: Final[Mapping[str, Word]] = {
    "transfer_proposed": Word(
        "your transfer out is on the chain", "note the reference; serials stay locked", ("transfer", "reference")
    ),
    "transfer_accepted": Word(
        "the destination took it",
        "book `kept` out to the member; book `cut` off",
        ("transfer", "member", "kept"),
        ("cut",),
    ),
    "transfer_rejected": Word(
        "the destination, or the chain's rules, said no", "unlock the serials", ("transfer", "ranges", "reason")
    ),
    "transfer_expired": Word("nobody decided in time", "unlock the serials", ("transfer", "ranges")),
    "transfer_withdrawn": Word("you took it back", "unlock the serials", ("transfer", "ranges")),
    "incoming_pending": Word(
        "another member offers you serials",
        "book as pending; a person decides, and your decision comes back as a record",
        ("transfer", "member", "ranges"),
        ("deadline", "factor_ppm"),
    ),
    "incoming_final": Word("your acceptance stands", "book `kept` in as available", ("transfer", "kept")),
    "incoming_returned": Word("it ended without you", "drop what was pending", ("transfer", "reason")),
    "retired_elsewhere": Word(
        "another member retired serials that you issued",
        "mark them retired elsewhere",
        ("ranges", "member", "purpose"),
        ("compliance_year",),
    ),
    "cancelled_elsewhere": Word(
        "serials that you issued were cancelled where they are",
        "mark them cancelled elsewhere",
        ("ranges", "member", "reason"),
    ),
    "moved_elsewhere": Word(
        "serials that you issued went on to another member", "note who holds them", ("ranges", "member")
    ),
    "cancelled": Word("a ballot cancelled serials that you hold", "mark them cancelled", ("ranges", "reason")),
    "held": Word("a voter put a hold on serials", "let nothing be done with them", (*_HOLD, "reason")),
    "lifted": Word("the hold is over", "release them", _HOLD),
    "recognition_changed": Word(
        "a member recognises something anew, otherwise, or no more",
        "nothing; keep it to hand for those who propose transfers",
        ("subject_kind", "subject", "member", "status"),
        ("factor_ppm", "uses", "valid_from", "valid_to"),
    ),
    "record_status": Word(
        "a record of yours was refused",
        "undo what it did, or correct the record",
        ("record_kind", "record_id", "status", "reason"),
    ),
}
"""By the hub's own word; `EffectForm.words` and `fields` give a city's."""


def examples(member: int, registry: str, series: str, kg_per_serial: int = 1000) -> Iterator[tuple[str, Effect]]:
    """An example (示例) of each word with every field that it can have, told to this registry, on its own series."""
    other, serials = (310000 if member != 310000 else 320500), SerialRange(1, 10)
    units: dict[str, Any] = {"kg_per_serial": kg_per_serial, "kg": serials.count * kg_per_serial}
    numbered = units | {"transfer": "0x" + "ab" * 32, "native_id": "EXAMPLE-0001#1"}
    out, incoming = numbered | {"from": member, "to": other}, numbered | {"from": other, "to": member}
    hold = units | {"hold": "0x" + "cd" * 32, "placed_by": other}
    recognition: dict[str, Any] = {
        "subject_kind": "methodology",
        "subject": "EXAMPLE-PV/V1",
        "member": other,
        "status": "recognised",
        "factor_ppm": 900_000,
        "uses": 2,
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
    }
    details: list[tuple[str, EffectKind, dict[str, Any]]] = [
        ("transfer_proposed", EffectKind.TRANSFER_PROPOSED, out),
        ("transfer_accepted", EffectKind.TRANSFER_COMPLETED, out | {"kept_last": 9, "sent_last": 10}),
        ("transfer_rejected", EffectKind.TRANSFER_ENDED, out | {"outcome": "rejected", "reason": 7}),
        ("transfer_expired", EffectKind.TRANSFER_ENDED, out | {"outcome": "expired"}),
        ("transfer_withdrawn", EffectKind.TRANSFER_ENDED, out | {"outcome": "withdrawn"}),
        (
            "incoming_pending",
            EffectKind.TRANSFER_INCOMING,
            incoming | {"deadline": 1_893_456_000, "factor_ppm": 900_000},
        ),
        ("incoming_final", EffectKind.TRANSFER_COMPLETED, incoming | {"kept_last": 9, "sent_last": 10}),
        ("incoming_returned", EffectKind.TRANSFER_ENDED, incoming | {"outcome": "expired"}),
        (
            "retired_elsewhere",
            EffectKind.RETIRED_ELSEWHERE,
            units | {"holder": other, "purpose": 1, "compliance_year": 2025},
        ),
        ("cancelled_elsewhere", EffectKind.CANCELLED, units | {"ballot": "0x" + "ef" * 32, "holder": other}),
        ("moved_elsewhere", EffectKind.MOVED_ELSEWHERE, numbered | {"from": 310000, "to": 340100}),
        ("cancelled", EffectKind.CANCELLED, units | {"ballot": "0x" + "ef" * 32, "holder": member}),
        ("held", EffectKind.HELD, hold | {"reason": 3}),
        ("lifted", EffectKind.LIFTED, hold),
        ("recognition_changed", EffectKind.RECOGNITION_CHANGED, recognition),
        (
            "record_status",
            EffectKind.REFUSED,
            units | {"action": "issue", "record": "EXAMPLE-0002", "error": "range_overlaps", "reason": "示例"},
        ),
    ]
    name = SeriesName(code=series, member=member, registry=registry)
    for word, kind, detail in details:
        about = kind is not EffectKind.RECOGNITION_CHANGED
        kept = SerialRange(1, 9) if kind is EffectKind.TRANSFER_COMPLETED else serials
        at = "2026-01-01T00:00:00+00:00"
        yield word, Effect(f"example:{word}", kind, name if about else None, kept if about else None, detail, 1, at)
