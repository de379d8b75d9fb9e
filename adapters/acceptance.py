"""The acceptance suite: what every registry adapter must do, as named checks.

`pytest` runs it for each adapter of this project (`tests/adapters/test_acceptance.py`), and an operator for a
registry as it is configured (`yrdhub adapter check NAME`). A check passes, fails with what it saw, or is skipped for
a reason that is said. Checks that write to the registry, take it down or change its schema need a `Trial` that says
how; without that they are skipped, so that the suite may be run against a registry in service.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from adapters.protocol import STATUSES, Effect, EffectKind, NativeRecord, Page, Receipt, RegistryAdapter
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater, YrdhubError
from mutual_recognition import records as canonical
from mutual_recognition.identifiers import FIRST_PROGRAMME
from mutual_recognition.quantities import KG_PER_SERIAL_ALLOWED
from mutual_recognition.serials import SerialRange, find_overlaps

LARGEST_PAGE: Final = 5_000
_MOST_RESUMPTIONS: Final = 12


class CheckFailed(Exception):
    """The adapter does not do what every adapter must; the message says what was seen."""


class Skipped(Exception):
    """The check does not apply here; the message says why."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A registry whose field `gone` has become `new`: an adapter that reads such a one."""

    adapter: RegistryAdapter
    gone: str
    new: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A record that must be refused, and by which field."""

    record: NativeRecord
    field: str


@dataclass(slots=True)
class Trial:
    """An adapter under test, and what may be done to its registry.

    `open` makes a new adapter on the same registry. `effect` prepares the registry (locks serials, say) and gives an
    effect that it can book. `effects_booked` counts the bookings in the registry's own books. `down` and `drifted`
    make the registry unreachable, or changed, for as long as the context lasts. `private` gives words of a record
    that must not leave. `uninteresting` gives the kinds that translate to nothing, each with the reason. `spoil`
    gives records that must be refused.
    """

    open: Callable[[], RegistryAdapter]
    effect: Callable[[], Effect] | None = None
    effects_booked: Callable[[], int] | None = None
    down: Callable[[], AbstractContextManager[None]] | None = None
    reads_while_down: bool = False
    drifted: Callable[[], AbstractContextManager[Drift]] | None = None
    private: Callable[[NativeRecord], Sequence[str]] | None = None
    spoil: Callable[[Sequence[NativeRecord]], Sequence[Spoiled]] | None = None
    uninteresting: Mapping[str, str] = field(default_factory=dict)
    may_write: bool = False
    _pages: list[Page] | None = None

    def pages(self) -> list[Page]:
        """The whole feed, read once."""
        if self._pages is None:
            with closing(self.open()) as adapter:
                self._pages = list(adapter.read(""))
        return self._pages

    def records(self) -> list[NativeRecord]:
        """Every record of the feed, in order."""
        return [record for page in self.pages() for record in page.records]

    def translated(self) -> Iterator[tuple[NativeRecord, Sequence[canonical.Record]]]:
        """Every record with its canonical records; those that are refused are left out."""
        with closing(self.open()) as adapter:
            for record in self.records():
                try:
                    yield record, adapter.translate(record)
                except RecordRefused:
                    continue


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every adapter must do."""

    name: str
    says: str
    run: Callable[[Trial], None]


class Result(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check's result; `reason` where it did not pass."""

    check: Check
    result: Result
    reason: str = ""
    seconds: float = 0.0


CHECKS: list[Check] = []
"""All checks, in the order in which they are best run."""


def _check(run: Callable[[Trial], None]) -> Callable[[Trial], None]:
    CHECKS.append(Check(run.__name__, (run.__doc__ or "").strip().splitlines()[0], run))
    return run


def run_checks(trial: Trial, names: Iterable[str] = ()) -> Iterator[Outcome]:
    """Runs the checks (all, or those named) one after the other."""
    wanted = set(names)
    for check in CHECKS:
        if wanted and check.name not in wanted:
            continue
        started = time.monotonic()
        result, reason = Result.PASSED, ""
        try:
            check.run(trial)
        except Skipped as skipped:
            result, reason = Result.SKIPPED, str(skipped)
        except (CheckFailed, YrdhubError) as failed:
            result, reason = Result.FAILED, str(failed)
        yield Outcome(check, result, reason, time.monotonic() - started)


def _must(condition: bool, message: str) -> None:
    if not condition:
        raise CheckFailed(message)


# ------------------------------------------------------------------ who it is, and whether it is there


@_check
def profile_is_sane(trial: Trial) -> None:
    """The profile names the registry by a member's code, and the adapter is one by the protocol."""
    with closing(trial.open()) as adapter:
        profile = adapter.profile
        _must(isinstance(adapter, RegistryAdapter), f"{type(adapter).__name__} lacks a method of RegistryAdapter")
        _must(bool(profile.name and profile.registry and profile.title), f"name, registry or title is empty: {profile}")
        city, programme = 100_000 <= profile.member < 1_000_000, FIRST_PROGRAMME <= profile.member < 2**24
        _must(city or programme, f"{profile.member} is neither a code of GB/T 2260 nor a programme's id")
        _must(adapter.profile == profile, "the profile changes from one look to the next")


@_check
def health_is_true_while_the_registry_is_up(trial: Trial) -> None:
    """A registry that answers is said to be reachable."""
    with closing(trial.open()) as adapter:
        health = adapter.health()
        _must(health.reachable, f"said to be unreachable: {health.detail}")
        json.dumps(dict(health.facts))


# ------------------------------------------------------------------ reading


def _names(records: Iterable[NativeRecord]) -> list[tuple[str, str, int]]:
    return [(record.kind, record.native_id, record.version) for record in records]


@_check
def reading_ends_and_gives_every_record_once(trial: Trial) -> None:
    """Reading from the beginning ends, and gives each version of each record once."""
    names = _names(trial.records())
    _must(bool(names), "the registry gives no record at all, so nothing can be checked")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 2_000 else []
    _must(len(set(names)) == len(names), f"given more than once: {twice[:3]}")
    totals = {page.total for page in trial.pages() if page.total is not None}
    _must(totals <= {len(names)}, f"{len(names)} records given, told beforehand were {sorted(totals)}")
    with closing(trial.open()) as adapter:
        left = [record for page in adapter.read(trial.pages()[-1].cursor) for record in page.records]
    _must(not left, f"after the last cursor there is still {_names(left)[:3]}")


@_check
def pages_are_bounded_and_say_where_records_stand(trial: Trial) -> None:
    """A page holds some thousand records at most, has a cursor, and each record says where it stands."""
    for page in trial.pages():
        _must(len(page.records) <= LARGEST_PAGE, f"a page of {len(page.records)} records")
        _must(bool(page.cursor), "a page without a cursor: a restart would begin at the beginning")
        for record in page.records:
            _must(bool(record.source and record.native_id and record.kind), f"nameless or placeless: {record}")
            _must(len(record.native_id) <= 200 and len(record.kind) <= 60, f"too long for the journal: {record}")


@_check
def cursor_resumes_exactly(trial: Trial) -> None:
    """Killed between any two pages, another adapter goes on at the next record: nothing is lost, nothing comes
    again."""
    pages = trial.pages()
    step = max(1, len(pages) // _MOST_RESUMPTIONS)
    for number in range(0, len(pages), step):
        expected = [record for page in pages[number + 1 :] for record in page.records]
        with closing(trial.open()) as adapter:
            given = [record for page in adapter.read(pages[number].cursor) for record in page.records]
        _must(
            _names(given) == _names(expected),
            f"after page {number + 1} of {len(pages)} ({pages[number].cursor!r}) {len(given)} records come,"
            f" {len(expected)} were left",
        )


@_check
def pages_repeat_harmlessly(trial: Trial) -> None:
    """Reading again gives the same records with the same contents, so that the journal passes them over."""
    with closing(trial.open()) as adapter:
        again = [record for page in adapter.read("") for record in page.records]
    before = {name: record.payload for name, record in zip(_names(trial.records()), trial.records(), strict=True)}
    for name, record in zip(_names(again), again, strict=True):
        if name in before:
            _must(record.payload == before[name], f"{name} has other contents when it is read again")
    _must(set(before) <= set(_names(again)), "a second reading leaves records out")


@_check
def versions_rise(trial: Trial) -> None:
    """Each record's versions rise in the order of reading, from 1 or more."""
    latest: dict[tuple[str, str], int] = defaultdict(int)
    for record in trial.records():
        name = (record.kind, record.native_id)
        _must(record.version > latest[name], f"{name} version {record.version} comes after {latest[name]}")
        latest[name] = record.version


# ------------------------------------------------------------------ translating


@_check
def translation_is_pure_and_survives_the_journal(trial: Trial) -> None:
    """The same record gives the same answer from another adapter and after its way through JSON."""
    with closing(trial.open()) as one, closing(trial.open()) as other:
        for record in trial.records():
            journaled = replace(record, payload=json.loads(json.dumps(record.payload, ensure_ascii=False)))
            _must(journaled.payload == record.payload, f"{record.kind} {record.native_id}: JSON changes its payload")
            first, second = _answer(one, record), _answer(other, journaled)
            _must(first == second, f"{record.kind} {record.native_id}: {first} once, {second} another time")


def _answer(adapter: RegistryAdapter, record: NativeRecord) -> object:
    try:
        return list(adapter.translate(record))
    except RecordRefused as refused:
        return refused.to_json()


@_check
def every_kind_is_translated_or_declared_uninteresting(trial: Trial) -> None:
    """Every kind of record becomes canonical records, is refused with a reason, or is declared uninteresting."""
    answers: dict[str, int] = defaultdict(int)
    with closing(trial.open()) as adapter:
        for record in trial.records():
            try:
                answers[record.kind] += len(adapter.translate(record))
            except RecordRefused as refused:
                _must_be_helpful(refused, record)
                answers[record.kind] += 1
    silent = [kind for kind, count in answers.items() if not count and kind not in trial.uninteresting]
    _must(not silent, f"kinds that never become anything, undeclared: {', '.join(silent)}")
    noisy = [kind for kind, count in answers.items() if count and kind in trial.uninteresting]
    _must(not noisy, f"kinds declared uninteresting that become something: {', '.join(noisy)}")


@_check
def foundations_come_first(trial: Trial) -> None:
    """Series, methodology, project and verification each come before the record that builds on them."""
    series: set[str] = set()
    projects: set[str] = set()
    verifications: set[str] = set()
    methodologies: set[tuple[str, str]] = set()
    for native, records in trial.translated():
        for record in records:
            match record:
                case canonical.SeriesRegistration():
                    series.add(record.code)
                case canonical.MethodologyFiling():
                    methodologies.add((record.key.code, record.key.version))
                case canonical.ProjectRegistration():
                    key = (record.methodology.code, record.methodology.version)
                    own = not record.methodology.member
                    _must(not own or key in methodologies, f"{native.source}: its methodology {key} has not come")
                    projects.add(record.native_id)
                case canonical.Verification():
                    _must(record.project in projects, f"{native.source}: its project {record.project} has not come")
                    verifications.add(record.native_id)
                case canonical.Issuance():
                    _must(record.series in series, f"{native.source}: its series {record.series} has not come")
                    known = record.verification in verifications
                    _must(known, f"{native.source}: its verification {record.verification} has not come")
                case _:
                    continue


@_check
def quantities_agree_with_ranges(trial: Trial) -> None:
    """The kilograms of every record are what its serials stand for; all are whole numbers."""
    sizes: dict[str, int] = {}
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.SeriesRegistration):
                _must(
                    record.kg_per_serial in KG_PER_SERIAL_ALLOWED, f"{record.code}: {record.kg_per_serial} kg a serial"
                )
                sizes[record.code] = record.kg_per_serial
            if not isinstance(
                record, canonical.Issuance | canonical.TransferOut | canonical.Retirement | canonical.Correction
            ):
                continue
            code = record.series if isinstance(record.series, str) else record.series.code
            own = isinstance(record.series, str) or not record.series.member
            size, rest = divmod(record.quantity_kg, record.serials.count)
            expected = {sizes[code]} if own and code in sizes else set(KG_PER_SERIAL_ALLOWED)
            _must(
                type(record.quantity_kg) is int and not rest and size in expected,
                f"{native.source}: {record.quantity_kg} kg for serials {record.serials} of {code}",
            )


@_check
def refusals_say_what_to_do(trial: Trial) -> None:
    """A record that cannot be right is refused by itself: code, field, value, where, and what to do."""
    one_of_each = {record.kind: record for record in trial.records()}
    with closing(trial.open()) as adapter:
        for record in one_of_each.values():
            _must_be_helpful(_refusal(adapter, replace(record, payload={})), record)
        unknown = NativeRecord("no such kind", "1", 1, {}, "acceptance suite")
        _must_be_helpful(_refusal(adapter, unknown), unknown)
        for spoiled in trial.spoil(trial.records()) if trial.spoil else ():
            refused = _refusal(adapter, spoiled.record)
            _must_be_helpful(refused, spoiled.record)
            named = f"{refused.field} {refused.message} {refused.where}"
            _must(
                spoiled.field in named, f"{spoiled.record.native_id}: {spoiled.field} is at fault, named is {refused}"
            )


def _refusal(adapter: RegistryAdapter, record: NativeRecord) -> RecordRefused:
    try:
        given = adapter.translate(record)
    except RecordRefused as refused:
        return refused
    raise CheckFailed(f"{record.kind} {record.native_id} is spoiled and yet becomes {given}")


def _must_be_helpful(refused: RecordRefused, record: NativeRecord) -> None:
    told = refused.to_json()
    _must(
        refused.code != RecordRefused.default_code, f"{record.native_id}: refused without a code of its own: {refused}"
    )
    for part in ("message", "remedy"):
        _must(bool(told.get(part)), f"{record.native_id}: the refusal has no {part}: {refused}")
    _must("what" in told or "field" in told, f"{record.native_id}: neither field nor value is named: {refused}")


@_check
def nothing_personal_leaves(trial: Trial) -> None:
    """Names of beneficiaries stay at the registry: on the way to the chain there are salted commitments alone (law
    L7)."""
    looked = 0
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.Retirement):
                looked += 1
                _must(len(record.beneficiary) in (0, 32), f"{native.source}: not a commitment of 32 bytes")
            words = [word for word in (trial.private(native) if trial.private else ()) if word]
            shown = " ".join(str(getattr(record, item.name)) for item in fields(record))
            _must(
                not any(word in shown for word in words),
                f"{native.source}: {words} leaves with {type(record).__name__}",
            )
    if not looked:
        raise Skipped("the registry has no retirement yet")


# ------------------------------------------------------------------ books


@_check
def holdings_are_consistent_with_the_feed(trial: Trial) -> None:
    """The books hold every issued serial once, and what the feed retired or corrected is retired or cancelled there."""
    with closing(trial.open()) as adapter:
        me, holdings = adapter.profile.member, list(adapter.holdings())
    held: dict[str, list[tuple[int, SerialRange]]] = defaultdict(list)
    status: dict[str, list[tuple[SerialRange, str]]] = defaultdict(list)
    for number, holding in enumerate(holdings):
        _must(holding.status in STATUSES, f"{holding.status!r} is none of {STATUSES}")
        held[f"{holding.series.member or me}/{holding.series.code}"].append((number, holding.serials))
        status[f"{holding.series.member or me}/{holding.series.code}"].append((holding.serials, holding.status))
    for name, ranges in held.items():
        overlap = next(find_overlaps(ranges), None)
        _must(overlap is None, f"{name}: serials {overlap.shared if overlap else ''} are held twice")
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.Issuance):
                name = f"{me}/{record.series}"
                covered = sum(_shared(record.serials, serials) for serials, _ in status[name])
                _must(covered == record.serials.count, f"{native.source}: {covered} of its serials are in the books")
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
    _must(found == record.serials.count, f"{native.source}: {found} of its {record.serials.count} serials are {ended}")


# ------------------------------------------------------------------ telling


def _writable(trial: Trial, adapter: RegistryAdapter) -> None:
    if not (adapter.profile.idempotent_push or adapter.profile.lookup):
        raise Skipped("the registry takes no messages")
    if not trial.may_write:
        raise Skipped("writing to this registry was not allowed for this run")


@_check
def push_twice_has_one_effect_and_lookup_tells_it(trial: Trial) -> None:
    """An effect offered twice is booked once; lookup knows it afterwards and not before."""
    with closing(trial.open()) as adapter:
        _writable(trial, adapter)
        if trial.effect is None:
            raise Skipped("no effect is at hand that this registry could book")
        effect = trial.effect()
        _must(not adapter.lookup([effect.key]), "lookup knows an effect that was never offered")
        booked = trial.effects_booked() if trial.effects_booked else 0
        first = _one(adapter.push([effect]), effect.key)
        _must(first.accepted, f"refused: {first.reason}")
        second = _one(adapter.push([effect]), effect.key)
        _must(second.accepted, f"the second time it is refused: {second.reason}")
        if trial.effects_booked:
            _must(trial.effects_booked() == booked + 1, f"{trial.effects_booked() - booked} bookings for one effect")
    with closing(trial.open()) as another:
        known = another.lookup([effect.key, "never:offered:0.0.0"])
        _must(set(known) == {effect.key}, f"lookup knows {sorted(known)}")
        _must(known[effect.key].accepted, "lookup says that the booked effect is not booked")


def _one(receipts: Sequence[Receipt], key: str) -> Receipt:
    _must([receipt.key for receipt in receipts] == [key], f"one receipt for {key} is due, given were {receipts}")
    return receipts[0]


@_check
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
        receipts = {receipt.key: receipt for receipt in adapter.push(effects)}
        _must(set(receipts) == {effect.key for effect in effects}, f"answered are {sorted(receipts)} alone")
        for receipt in receipts.values():
            _must(
                not receipt.accepted and bool(receipt.reason), f"{receipt.key} is not refused with a reason: {receipt}"
            )
        _must(not adapter.lookup(list(receipts)), "lookup knows an effect that was refused")


# ------------------------------------------------------------------ trouble


@_check
def schema_drift_names_the_fields(trial: Trial) -> None:
    """A registry that renames a field stops the reading; the error names the old field and the new one."""
    if trial.drifted is None:
        raise Skipped("this registry's schema cannot be changed for a trial")
    with trial.drifted() as drift, closing(drift.adapter) as adapter:
        try:
            records = [record for page in adapter.read("") for record in page.records]
        except ConfigurationWrong as wrong:
            _must(drift.gone in str(wrong), f"the field {drift.gone} that is gone is not named: {wrong}")
            _must(drift.new in str(wrong), f"the new field {drift.new} is not named: {wrong}")
            _must(bool(wrong.remedy), f"no remedy is named: {wrong}")
            return
    raise CheckFailed(f"{drift.gone} became {drift.new} and {len(records)} records were read as if nothing were")


@_check
def a_registry_that_is_down_is_retried_later(trial: Trial) -> None:
    """While the registry is down health says so without raising, and reading raises RetryLater."""
    if trial.down is None:
        raise Skipped("this registry cannot be taken down for a trial")
    with closing(trial.open()) as adapter, trial.down():
        health = adapter.health()
        _must(not health.reachable and bool(health.detail), f"a registry that is down is said to be up: {health}")
        if trial.reads_while_down:
            return
        try:
            list(adapter.read(""))
        except RetryLater as later:
            _must(bool(later.remedy), f"no remedy is named: {later}")
            return
        raise CheckFailed("reading from a registry that is down ends as if all were read")
