"""What native records become: purely, in order, with quantities that add up and refusals that help."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import closing
from dataclasses import fields, replace
from typing import Final

from adapters.acceptance.trial import Check, CheckFailed, Trial, check_into, must
from adapters.protocol import NativeRecord, RegistryAdapter
from hub.errors import RecordRefused
from mutual_recognition import records as canonical
from mutual_recognition.quantities import KG_PER_SERIAL_ALLOWED

CHECKS: Final[list[Check]] = []
_QUANTITY_REFUSED: Final = frozenset({"quantity_disagrees_with_serials", "verified_beyond_activity"})
"""Codes by which translation refuses a quantity: beside its serials, or beyond what the activity gives."""


@check_into(CHECKS)
def translation_is_pure_and_survives_the_journal(trial: Trial) -> None:
    """The same record gives the same answer from another adapter and after its way through JSON."""
    with closing(trial.open()) as one, closing(trial.open()) as other:
        for record in trial.records():
            journaled = replace(record, payload=json.loads(json.dumps(record.payload, ensure_ascii=False)))
            must(journaled.payload == record.payload, f"{record.kind} {record.native_id}: JSON changes its payload")
            first, second = _answer(one, record), _answer(other, journaled)
            must(first == second, f"{record.kind} {record.native_id}: {first} once, {second} another time")


def _answer(adapter: RegistryAdapter, record: NativeRecord) -> object:
    try:
        return list(adapter.translate(record))
    except RecordRefused as refused:
        return refused.to_json()


@check_into(CHECKS)
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
    must(not silent, f"kinds that never become anything, undeclared: {', '.join(silent)}")
    noisy = [kind for kind, count in answers.items() if count and kind in trial.uninteresting]
    must(not noisy, f"kinds declared uninteresting that become something: {', '.join(noisy)}")


@check_into(CHECKS)
def no_kind_is_refused_wholly(trial: Trial) -> None:
    """Of every kind that the registry has, records get through; each refusal is told."""
    kinds = trial.tallies()
    lost = [kind.in_words() for kind in kinds if kind.wholly_refused]
    must(not lost, "nothing of these kinds gets through. " + " | ".join(lost))
    for kind in kinds:
        if kind.refused:
            trial.note(kind.in_words())


@check_into(CHECKS)
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
                    must(not own or key in methodologies, f"{native.source}: its methodology {key} has not come")
                    projects.add(record.native_id)
                case canonical.Verification():
                    must(record.project in projects, f"{native.source}: its project {record.project} has not come")
                    verifications.add(record.native_id)
                case canonical.Issuance():
                    must(record.series in series, f"{native.source}: its series {record.series} has not come")
                    known = record.verification in verifications
                    must(known, f"{native.source}: its verification {record.verification} has not come")
                case _:
                    continue


@check_into(CHECKS)
def quantities_agree_with_ranges(trial: Trial) -> None:
    """The kilograms of every record are what its serials stand for; all are whole numbers.

    Those that translation itself refused for it count too: a kind none of whose records agrees is a wrong unit.
    """
    sizes: dict[str, int] = {}
    compared: dict[str, int] = defaultdict(int)
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.SeriesRegistration):
                must(
                    record.kg_per_serial in KG_PER_SERIAL_ALLOWED, f"{record.code}: {record.kg_per_serial} kg a serial"
                )
                sizes[record.code] = record.kg_per_serial
            compared[native.kind] += isinstance(record, canonical.Verification)
            if not isinstance(
                record, canonical.Issuance | canonical.TransferOut | canonical.Retirement | canonical.Correction
            ):
                continue
            compared[native.kind] += 1
            code = record.series if isinstance(record.series, str) else record.series.code
            own = isinstance(record.series, str) or not record.series.member
            size, rest = divmod(record.quantity_kg, record.serials.count)
            expected = {sizes[code]} if own and code in sizes else set(KG_PER_SERIAL_ALLOWED)
            must(
                type(record.quantity_kg) is int and not rest and size in expected,
                f"{native.source}: {record.quantity_kg} kg for serials {record.serials} of {code}",
            )
    disagreeing: dict[str, list[str]] = defaultdict(list)
    for native, answer in trial.answers():
        if isinstance(answer, RecordRefused) and answer.code in _QUANTITY_REFUSED:
            disagreeing[native.kind].append(f"{native.source}: {answer.message}")
    for kind, told in disagreeing.items():
        must(bool(compared[kind]), f"{kind}: none agrees, {len(told)} refused for it, as {told[0]}")
        trial.note(f"{kind}: {len(told)} refused because quantity and serials disagree, as {told[0]}")
    if not any(compared.values()):
        raise trial.nothing_of("record with a quantity and serials")


@check_into(CHECKS)
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
            must(spoiled.field in named, f"{spoiled.record.native_id}: {spoiled.field} is at fault, named is {refused}")


def _refusal(adapter: RegistryAdapter, record: NativeRecord) -> RecordRefused:
    try:
        given = adapter.translate(record)
    except RecordRefused as refused:
        return refused
    raise CheckFailed(f"{record.kind} {record.native_id} is spoiled and yet becomes {given}")


def _must_be_helpful(refused: RecordRefused, record: NativeRecord) -> None:
    told = refused.to_json()
    must(
        refused.code != RecordRefused.default_code, f"{record.native_id}: refused without a code of its own: {refused}"
    )
    for part in ("message", "remedy"):
        must(bool(told.get(part)), f"{record.native_id}: the refusal has no {part}: {refused}")
    must("what" in told or "field" in told, f"{record.native_id}: neither field nor value is named: {refused}")


@check_into(CHECKS)
def nothing_personal_leaves(trial: Trial) -> None:
    """Names of beneficiaries stay at the registry: on the way to the chain there are salted commitments alone (law
    L7)."""
    looked = 0
    for native, records in trial.translated():
        for record in records:
            if isinstance(record, canonical.Retirement):
                looked += 1
                must(len(record.beneficiary) in (0, 32), f"{native.source}: not a commitment of 32 bytes")
            words = [word for word in (trial.private(native) if trial.private else ()) if word]
            shown = " ".join(str(getattr(record, item.name)) for item in fields(record))
            must(
                not any(word in shown for word in words),
                f"{native.source}: {words} leaves with {type(record).__name__}",
            )
    if not looked:
        raise trial.nothing_of("retirement")
