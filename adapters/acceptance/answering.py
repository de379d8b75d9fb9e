"""What the registry says of its books, of effects, and while it is in trouble."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from adapters.acceptance.trial import Check, CheckFailed, Skipped, Trial, check_into, must
from adapters.protocol import STATUSES, Effect, EffectKind, NativeRecord, Receipt, RegistryAdapter
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition import records as canonical
from mutual_recognition.serials import SerialRange, find_overlaps

CHECKS: Final[list[Check]] = []
_OFFERED_TIMES: Final = 3


@check_into(CHECKS)
def holdings_are_consistent_with_the_feed(trial: Trial) -> None:
    """The books hold every issued serial once, and what the feed retired or corrected is retired or cancelled there."""
    trial.pages()
    with closing(trial.open()) as adapter:
        me, holdings = adapter.profile.member, list(adapter.holdings())
    held: dict[str, list[tuple[int, SerialRange]]] = defaultdict(list)
    status: dict[str, list[tuple[SerialRange, str]]] = defaultdict(list)
    for number, holding in enumerate(holdings):
        must(holding.status in STATUSES, f"{holding.status!r} is none of {STATUSES}")
        held[f"{holding.series.member or me}/{holding.series.code}"].append((number, holding.serials))
        status[f"{holding.series.member or me}/{holding.series.code}"].append((holding.serials, holding.status))
    for name, ranges in held.items():
        overlap = next(find_overlaps(ranges), None)
        must(overlap is None, f"{name}: serials {overlap.shared if overlap else ''} are held twice")
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.Issuance):
                name = f"{me}/{record.series}"
                covered = sum(_shared(record.serials, serials) for serials, _ in status[name])
                must(covered == record.serials.count, f"{native.source}: {covered} of its serials are in the books")
            elif isinstance(record, canonical.Retirement | canonical.Correction):
                _must_have_ended(record, me, status, native)


def _shared(one: SerialRange, other: SerialRange) -> int:
    return max(0, min(one.last, other.last) - max(one.first, other.first) + 1)


def _must_have_ended(
    record: canonical.Retirement | canonical.Correction,
    me: int,
    status: Mapping[str, Sequence[tuple[SerialRange, str]]],
    native: NativeRecord,
) -> None:
    ended = "retired" if isinstance(record, canonical.Retirement) else "cancelled"
    name = f"{me}/{record.series}"
    if isinstance(record.series, canonical.SeriesName):
        name = f"{record.series.member or me}/{record.series.code}"
    found = sum(_shared(record.serials, serials) for serials, now in status.get(name, ()) if now == ended)
    must(found == record.serials.count, f"{native.source}: {found} of its {record.serials.count} serials are {ended}")


def _writable(trial: Trial, adapter: RegistryAdapter) -> None:
    if not (adapter.profile.idempotent_push or adapter.profile.lookup):
        raise Skipped("the registry takes no messages")
    if not trial.may_write:
        raise Skipped("writing to this registry was not allowed for this run")


@check_into(CHECKS)
def push_twice_has_one_effect_and_lookup_tells_it(trial: Trial) -> None:
    """An effect offered twice is booked once; lookup knows it afterwards and not before."""
    with closing(trial.open()) as adapter:
        _writable(trial, adapter)
        if trial.effect is None:
            raise Skipped("no effect is at hand that this registry could book")
        effect = trial.effect()
        known_before = bool(adapter.lookup([effect.key])) and effect.key not in trial.offered_before
        must(not known_before, "lookup knows an effect that was never offered")
        booked = trial.effects_booked() if trial.effects_booked else 0
        first = _one(_offered(adapter, [effect]), effect.key)
        must(first.accepted, f"{effect.key} ({effect.kind.value}) is refused: {first.reason}")
        second = _one(_offered(adapter, [effect]), effect.key)
        must(second.accepted, f"the second time it is refused: {second.reason}")
        if trial.effects_booked:
            must(trial.effects_booked() == booked + 1, f"{trial.effects_booked() - booked} bookings for one effect")
    with closing(trial.open()) as another:
        known = another.lookup([effect.key, "never:offered:0.0.0"])
        must(set(known) == {effect.key}, f"lookup knows {sorted(known)}")
        must(known[effect.key].accepted, "lookup says that the booked effect is not booked")


def _offered(adapter: RegistryAdapter, effects: Sequence[Effect]) -> Sequence[Receipt]:
    """The answers to all of these. One that comes after the adapter's time is found as the sync finds it: by asking
    again. Raises CheckFailed, which names what was not answered."""
    said: dict[str, Receipt] = {}
    trouble = ""
    for _ in range(_OFFERED_TIMES):
        left = [effect for effect in effects if effect.key not in said]
        try:
            said |= {receipt.key: receipt for receipt in adapter.push(left)}
        except RetryLater as later:
            trouble = f" ({later.message})"
        if all(effect.key in said for effect in effects):
            return list(said.values())
    waiting = ", ".join(f"{effect.key} ({effect.kind.value})" for effect in effects if effect.key not in said)
    raise CheckFailed(
        f"offered {_OFFERED_TIMES} times and not answered{trouble}: {waiting}. Where the registry takes longer: raise"
        " `answer_seconds`, or run this again later: an answer that came meanwhile is found"
    )


def _one(receipts: Sequence[Receipt], key: str) -> Receipt:
    must([receipt.key for receipt in receipts] == [key], f"one receipt for {key} is due, given were {receipts}")
    return receipts[0]


@check_into(CHECKS)
def effects_it_cannot_book_get_a_refused_receipt(trial: Trial) -> None:
    """Effects on an unknown series, on unknown serials, or without serials are answered by a refusal with its
    reason."""
    with closing(trial.open()) as adapter:
        _writable(trial, adapter)
        me, registry = adapter.profile.member, adapter.profile.registry
        unknown = canonical.SeriesName(code="NO-SUCH-SERIES", member=me, registry=registry)
        detail = {"holder": 440000, "purpose": 6, "compliance_year": 0, "kg_per_serial": 1, "kg": 10}
        base = Effect(
            "", EffectKind.RETIRED_ELSEWHERE, unknown, SerialRange(1, 10), detail, 1, "2026-01-01T00:00:00+00:00"
        )
        own = next((r for _, rs in trial.translated() for r in rs if isinstance(r, canonical.SeriesRegistration)), None)
        far = replace(unknown, code=own.code) if own else unknown
        size = {"kg_per_serial": own.kg_per_serial} if own else {}
        effects = [
            replace(base, key="acceptance:unknown-series:1"),
            replace(base, key="acceptance:unnamed-series:1", series=replace(unknown, code="0x" + "00" * 12)),
            replace(
                base,
                key="acceptance:unknown-serials:1",
                series=far,
                serials=SerialRange(10**12, 10**12 + 9),
                detail=detail | size,
            ),
            replace(base, key="acceptance:no-serials:1", serials=None),
            replace(base, key="acceptance:no-series:1", series=None),
            replace(base, key="acceptance:bare:1", kind=EffectKind.TRANSFER_COMPLETED, detail={"from": me}),
        ]
        receipts = {receipt.key: receipt for receipt in _offered(adapter, effects)}
        must(set(receipts) == {effect.key for effect in effects}, f"answered are {sorted(receipts)} alone")
        for receipt in receipts.values():
            must(
                not receipt.accepted and bool(receipt.reason), f"{receipt.key} is not refused with a reason: {receipt}"
            )
        must(not adapter.lookup(list(receipts)), "lookup knows an effect that was refused")


@check_into(CHECKS)
def schema_drift_names_the_fields(trial: Trial) -> None:
    """A registry that renames a field stops the reading; the error names the old field and the new one."""
    if trial.drifted is None:
        raise Skipped("this registry's schema cannot be changed for a trial")
    with trial.drifted() as drift, closing(drift.adapter) as adapter:
        try:
            records = [record for page in adapter.read("") for record in page.records]
        except ConfigurationWrong as wrong:
            must(drift.gone in str(wrong), f"the field {drift.gone} that is gone is not named: {wrong}")
            must(drift.new in str(wrong), f"the new field {drift.new} is not named: {wrong}")
            must(bool(wrong.remedy), f"no remedy is named: {wrong}")
            return
    raise CheckFailed(f"{drift.gone} became {drift.new} and {len(records)} records were read as if nothing were")


@check_into(CHECKS)
def a_registry_that_is_down_is_retried_later(trial: Trial) -> None:
    """While the registry is down health says so without raising, and reading raises RetryLater."""
    if trial.down is None:
        raise Skipped("this registry cannot be taken down for a trial")
    with closing(trial.open()) as adapter, trial.down():
        health = adapter.health()
        must(not health.reachable and bool(health.detail), f"a registry that is down is said to be up: {health}")
        if trial.reads_while_down:
            return
        try:
            list(adapter.read(""))
        except RetryLater as later:
            must(bool(later.remedy), f"no remedy is named: {later}")
            return
        raise CheckFailed("reading from a registry that is down ends as if all were read")
