"""Registries that no program may write to: what a person is told to book there, in the registry's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from adapters.acceptance.trial import Check, CheckFailed, Skipped, Trial, check_into, must
from adapters.protocol import Effect, EffectKind, RegistryAdapter, SeesBookings, WritesInstructions
from hub.errors import RecordRefused
from mutual_recognition import records as canonical
from mutual_recognition.identifiers import FIRST_PROGRAMME
from mutual_recognition.serials import SerialRange

CHECKS: Final[list[Check]] = []
_OTHER: Final = 440000
_SERIALS: Final = SerialRange(1_234_501, 1_234_517)


def _told_by_hand(adapter: RegistryAdapter) -> WritesInstructions:
    """The adapter as one that instructs a person. Skipped where a registry is told by the adapter, or not at all."""
    profile = adapter.profile
    if profile.idempotent_push or profile.lookup:
        raise Skipped("the adapter itself tells this registry")
    if profile.member >= FIRST_PROGRAMME:
        raise Skipped("a programme: nobody there is told anything")
    if not isinstance(adapter, WritesInstructions):
        raise Skipped("the adapter has no `instructions`: the work list shows effects in the hub's own words")
    return adapter


def _effects(trial: Trial, me: int, registry: str) -> Iterator[Effect]:
    """One effect of every kind that a city registry is told, on its own series."""
    issued = (r for _, rs in trial.translated() for r in rs if isinstance(r, canonical.SeriesRegistration))
    series = next(issued, None)
    if series is None:
        raise trial.nothing_of("issuance, whose series an effect would name")
    name = canonical.SeriesName(code=series.code, member=me, registry=registry)
    base: dict[str, Any] = {"kg_per_serial": series.kg_per_serial, "kg": _SERIALS.count * series.kg_per_serial}
    transfer = {"transfer": "0x" + "ab" * 32, "native_id": "ACCEPTANCE-0001#1"}
    out, incoming = base | transfer | {"from": me, "to": _OTHER}, base | transfer | {"from": _OTHER, "to": me}
    last = _SERIALS.last
    details: list[tuple[EffectKind, dict[str, Any]]] = [
        (EffectKind.TRANSFER_PROPOSED, out),
        (EffectKind.TRANSFER_INCOMING, incoming | {"deadline": 1_893_456_000, "factor_ppm": 900_000}),
        (EffectKind.TRANSFER_COMPLETED, out | {"kept_last": last - 5, "sent_last": last}),
        (EffectKind.TRANSFER_COMPLETED, incoming | {"kept_last": last, "sent_last": last}),
        (EffectKind.TRANSFER_ENDED, out | {"outcome": "rejected", "reason": 7}),
        (EffectKind.TRANSFER_ENDED, incoming | {"outcome": "expired"}),
        (EffectKind.RETIRED_ELSEWHERE, base | {"holder": _OTHER, "purpose": 1, "compliance_year": 2025}),
        (EffectKind.MOVED_ELSEWHERE, base | transfer | {"from": 310000, "to": _OTHER}),
        (EffectKind.HELD, base | {"hold": "0x" + "cd" * 32, "placed_by": _OTHER, "reason": 3}),
        (EffectKind.LIFTED, base | {"hold": "0x" + "cd" * 32, "placed_by": _OTHER}),
        (EffectKind.CANCELLED, base | {"ballot": "0x" + "ef" * 32, "holder": me}),
        (
            EffectKind.REFUSED,
            base
            | {"action": "issue", "record": "ACCEPTANCE-0002", "error": "range_overlaps", "reason": "illustrative"},
        ),
    ]
    for number, (kind, detail) in enumerate(details):
        key = f"{kind.value}:acceptance{number:030d}"
        yield Effect(key, kind, name, _SERIALS, detail, 7, "2026-01-01T00:00:00+00:00")


@check_into(CHECKS)
def a_person_is_told_what_to_book(trial: Trial) -> None:
    """Every kind of effect is put into words: the same each time, with a number of its own, its serials and record."""
    with closing(trial.open()) as one, closing(trial.open()) as other:
        clerk, colleague = _told_by_hand(one), _told_by_hand(other)
        items: set[str] = set()
        for effect in _effects(trial, one.profile.member, one.profile.registry):
            told = clerk.instructions(effect)
            must(told == colleague.instructions(effect), f"{effect.key}: told otherwise by another adapter")
            must(json.loads(json.dumps(told)) == dict(told), f"{effect.key}: JSON changes it")
            _must_be_complete(told, effect)
            items.add(str(told["item"]))
        must(len(items) == len(list(_effects(trial, one.profile.member, ""))), "two effects have one item number")


def _must_be_complete(told: Mapping[str, Any], effect: Effect) -> None:
    must(told.get("key") == effect.key, f"{effect.key}: the instruction names the key {told.get('key')!r}")
    row = told.get("row")
    if not told.get("sheet") or not isinstance(row, Mapping) or not row:
        raise CheckFailed(f"{effect.key}: it does not say what to type where: {told}")
    titles = told.get("title")
    named = isinstance(titles, Mapping) and bool(titles.get("zh")) and bool(titles.get("en"))
    must(named, f"{effect.key}: no title in both languages: {titles}")
    empty = [heading for heading, value in row.items() if not isinstance(value, str) or not value]
    must(not empty, f"{effect.key}: nothing to type under {', '.join(empty)}")
    values = list(row.values())
    must(bool({told["key"], told["item"]} & set(values)), f"{effect.key}: the row does not carry the item's number")
    typed = "\n".join(values)
    for part in _what_must_be_named(effect):
        must(part in typed, f"{effect.key}: {part} is missing from what is to be typed: {row}")


def _what_must_be_named(effect: Effect) -> list[str]:
    """The record or transfer by its number, where the registry knows it by that; else the serials with their series."""
    match effect.kind:
        case EffectKind.REFUSED:
            return [str(effect.detail["record"])]
        case EffectKind.TRANSFER_PROPOSED:
            return ["ACCEPTANCE-0001", str(effect.detail["transfer"])]
        case EffectKind.TRANSFER_ENDED:
            return ["ACCEPTANCE-0001" if effect.detail["to"] == _OTHER else str(effect.detail["transfer"])]
        case _:
            return [str(_SERIALS.first), effect.series.code if effect.series else ""]


@check_into(CHECKS)
def what_cannot_be_put_into_words_is_refused(trial: Trial) -> None:
    """An effect without serials, series or contents is refused with a reason; push and lookup claim nothing."""
    with closing(trial.open()) as adapter:
        clerk = _told_by_hand(adapter)
        sound = next(_effects(trial, adapter.profile.member, adapter.profile.registry))
        me = adapter.profile.member
        retired = {"holder": _OTHER, "purpose": 6, "kg_per_serial": 1, "kg": 17}
        unnamed = canonical.SeriesName(code="0x" + "00" * 12, member=me, registry=adapter.profile.registry)
        at = "2026-01-01T00:00:00+00:00"
        for effect in (
            Effect("acceptance:no-serials:1", EffectKind.RETIRED_ELSEWHERE, sound.series, None, retired, 1, at),
            Effect("acceptance:no-series:1", EffectKind.RETIRED_ELSEWHERE, None, _SERIALS, retired, 1, at),
            Effect("acceptance:unnamed-series:1", EffectKind.RETIRED_ELSEWHERE, unnamed, _SERIALS, retired, 1, at),
            Effect("acceptance:bare:1", EffectKind.TRANSFER_COMPLETED, sound.series, _SERIALS, {"from": me}, 1, at),
        ):
            try:
                told = clerk.instructions(effect)
            except RecordRefused as refused:
                must(bool(refused.remedy) and refused.code != RecordRefused.default_code, f"no help: {refused}")
            else:
                raise CheckFailed(f"{effect.key} cannot be booked and yet somebody is told to: {told}")
        must(not adapter.push([sound]), "push claims an answer of a registry that takes no messages")
        must(not adapter.lookup([sound.key]), "lookup claims to know what only a person can confirm")


@check_into(CHECKS)
def a_booking_that_is_seen_confirms_nothing(trial: Trial) -> None:
    """What a person typed is seen where it stands, and not before; lookup still claims nothing."""
    with closing(trial.open()) as adapter:
        clerk = _told_by_hand(adapter)
        if not isinstance(clerk, SeesBookings):
            raise Skipped("the adapter cannot see bookings, and need not")
        if trial.effect is None or trial.type_row is None or not trial.may_write:
            raise Skipped("nobody types into this registry for a trial")
        effect = trial.effect()
        must(not clerk.sightings([effect.key]), "a booking is seen that nobody typed")
        booked = trial.effects_booked() if trial.effects_booked else 0
        trial.type_row(clerk.instructions(effect))
        if trial.effects_booked:
            must(trial.effects_booked() == booked + 1, f"{trial.effects_booked() - booked} bookings of one row typed")
        seen = clerk.sightings([effect.key, "never:offered:0.0.0"])
        must(set(seen) == {effect.key} and bool(seen[effect.key]), f"seen are {dict(seen)}")
        must(not adapter.lookup([effect.key]), "lookup takes a typed row for the registry's word")
