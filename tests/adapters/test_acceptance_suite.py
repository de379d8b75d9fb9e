"""The acceptance suite itself: each of its checks finds the adapter that has just the fault it is there for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.acceptance import Outcome, Result, Trial, instructing, run_checks
from adapters.cdm import adapter as cdm
from adapters.cdm.sample import write_sample
from adapters.protocol import Effect, EffectKind, Health, Holding, NativeRecord, Page, Receipt
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from mutual_recognition import records as canonical
from mutual_recognition.identifiers import FIRST_PROGRAMME
from mutual_recognition.serials import SerialRange


class Sound(cdm.CdmAdapter):
    """An adapter without a fault, on the CDM's illustrative reports; the faults are made from it."""


class LosesOnResumption(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        for page in super().read(cursor):
            yield replace(page, records=page.records[1:]) if cursor else page


class GivesTwice(Sound):
    """A line stands twice in what the registry delivers, to the letter."""

    def read(self, cursor: str) -> Iterator[Page]:
        for page in super().read(cursor):
            yield replace(page, records=[*page.records, page.records[0]], total=None)


class GivesTwiceOtherwise(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        for page in super().read(cursor):
            again = replace(page.records[0], payload={**page.records[0].payload, "again": "yes"})
            yield replace(page, records=[*page.records, again], total=None)


class RefusesIssuances(Sound):
    """As a mapping with a wrong unit does: every issuance is refused, with all that a refusal should say."""

    refused_for = "quantity_disagrees_with_serials"

    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        found = super().translate(record)
        if any(isinstance(one, canonical.Issuance | canonical.Retirement) for one in found):
            raise RecordRefused(
                "1000 times too much", code=self.refused_for, field="CERs", value=7, remedy="correct it"
            )
        return found


class RefusesOneIssuance(RefusesIssuances):
    refused: ClassVar[set[str]] = set()

    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        if self.refused and record.native_id not in self.refused:
            return Sound.translate(self, record)
        try:
            return super().translate(record)
        except RecordRefused:
            self.refused.add(record.native_id)
            raise


class CannotBeRead(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        raise ConfigurationWrong("a field is new: x", code="schema_changed", what="x", remedy="change the mapping: x")
        yield


class AnswersLate(Sound):
    """Takes effects, and answers each at the third time that it is asked."""

    offered: ClassVar[list[str]] = []
    after = 3

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._profile = replace(self._profile, idempotent_push=True, lookup=True)

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        self.offered.extend(effect.key for effect in effects)
        ready = [effect.key for effect in effects if self.offered.count(effect.key) >= self.after]
        if not ready:
            raise RetryLater("no receipt within 0.1 s", code="receipt_awaited", remedy="nothing")
        return [Receipt(key, False, reason="not known here") for key in ready]


class NeverAnswers(AnswersLate):
    after = 1_000


class ForgetsItsCursor(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        return super().read("")


class NeverTheSame(Sound):
    calls = 0

    def read(self, cursor: str) -> Iterator[Page]:
        NeverTheSame.calls += 1
        for page in super().read(cursor):
            records = [replace(r, payload={**r.payload, "read": self.calls}) for r in page.records]
            yield replace(page, records=records)


class Upside(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        pages = list(super().read(cursor))
        records = [record for page in pages for record in page.records]
        if records:
            yield replace(pages[-1], records=list(reversed(records)))


class VersionsFall(Sound):
    def read(self, cursor: str) -> Iterator[Page]:
        for page in super().read(cursor):
            first = page.records[0]
            yield replace(page, records=[replace(first, version=2), *page.records])


class Moody(Sound):
    calls = 0

    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        Moody.calls += 1
        return [] if self.calls % 2 else super().translate(record)


class Silent(Sound):
    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        return [] if record.kind == "issuance" else super().translate(record)


class Curt(Sound):
    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        try:
            return super().translate(record)
        except RecordRefused as refused:
            raise RecordRefused("no", code=refused.code) from refused


class Generous(Sound):
    def translate(self, record: NativeRecord) -> Sequence[canonical.Record]:
        return [
            replace(found, quantity_kg=found.quantity_kg + 1) if isinstance(found, canonical.Issuance) else found
            for found in super().translate(record)
        ]


class LeavesOutHoldings(Sound):
    def holdings(self) -> Iterable[Holding]:
        return list(super().holdings())[1:]


class KeepsTheRetired(Sound):
    def holdings(self) -> Iterable[Holding]:
        return [replace(holding, status="available") for holding in super().holdings()]


class NeverWell(Sound):
    def health(self) -> Health:
        return Health(False, "out of sorts")


class Listens(Sound):
    """Takes messages, and books each as often as it comes."""

    booked: list[str]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._profile = replace(self._profile, idempotent_push=True, lookup=True)
        self.booked = []

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        self.booked += [effect.key for effect in effects]
        return [Receipt(effect.key, True) for effect in effects]

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        return {key: Receipt(key, True) for key in keys if key in self.booked}


class Clerk(Sound):
    """A city's registry that no program may write to; a clerk is told what to type, and what was typed is seen."""

    typed: ClassVar[list[str]] = []

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._profile = replace(self._profile, member=340100)

    def instructions(self, effect: Effect) -> Mapping[str, Any]:
        if effect.serials is None or effect.series is None or effect.series.code.startswith("0x"):
            raise RecordRefused("no serials", code="effect_not_tellable", value=effect.key, remedy="wait for it")
        if effect.kind is EffectKind.TRANSFER_COMPLETED and "kept_last" not in effect.detail:
            raise RecordRefused("not said what was kept", code="effect_not_tellable", remedy="wait for it")
        row = {"item": effect.key, "serials": f"{effect.series.code} {effect.serials}"}
        row["about"] = " ".join(str(effect.detail.get(name)) for name in ("native_id", "transfer", "record"))
        title = {"zh": "登记", "en": "book"}
        return {"key": effect.key, "item": effect.key, "title": title, "sheet": "one", "row": row}

    def sightings(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: f"row {self.typed.index(key)}" for key in keys if key in self.typed}


class Forgetful(Clerk):
    def instructions(self, effect: Effect) -> Mapping[str, Any]:
        told = super().instructions(effect)
        return {**told, "row": {"item": told["row"]["item"]}}


class Numberless(Clerk):
    def instructions(self, effect: Effect) -> Mapping[str, Any]:
        told = super().instructions(effect)
        return {**told, "row": {"serials": told["row"]["serials"], "about": told["row"]["about"]}}


class Fickle(Clerk):
    calls = 0

    def instructions(self, effect: Effect) -> Mapping[str, Any]:
        Fickle.calls += 1
        told = super().instructions(effect)
        return {**told, "row": {**told["row"], "time": str(self.calls)}}


class Obliging(Clerk):
    def instructions(self, effect: Effect) -> Mapping[str, Any]:
        return {"key": effect.key, "item": effect.key, "title": {}, "sheet": "one", "row": {"item": effect.key}}


class Believes(Clerk):
    """Takes what stands in the sheet for the registry's word."""

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        return {key: Receipt(key, True) for key in keys if key in self.typed}


class Blind(Clerk):
    def sightings(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    reports = tmp_path / "reports"
    reports.mkdir()
    write_sample(reports)
    return reports


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdm, "PAGE", 5)


def failing(adapter: type[Sound], folder: Path, *checks: str, **more: Any) -> set[str]:
    trial = Trial(open=lambda: adapter(folder, member=FIRST_PROGRAMME), **more)
    return {outcome.check.name for outcome in run_checks(trial, checks) if outcome.result is Result.FAILED}


def test_suite__sound_adapter__fails_nothing(folder: Path) -> None:
    assert failing(Sound, folder) == set()


@pytest.mark.parametrize(
    ("adapter", "check"),
    [
        (LosesOnResumption, "cursor_resumes_exactly"),
        (ForgetsItsCursor, "cursor_resumes_exactly"),
        (GivesTwiceOtherwise, "reading_ends_and_gives_every_record_once"),
        (NeverTheSame, "pages_repeat_harmlessly"),
        (Upside, "foundations_come_first"),
        (VersionsFall, "versions_rise"),
        (Moody, "translation_is_pure_and_survives_the_journal"),
        (Silent, "every_kind_is_translated_or_declared_uninteresting"),
        (RefusesIssuances, "no_kind_is_refused_wholly"),
        (RefusesIssuances, "quantities_agree_with_ranges"),
        (RefusesIssuances, "nothing_personal_leaves"),
        (Curt, "refusals_say_what_to_do"),
        (Generous, "quantities_agree_with_ranges"),
        (LeavesOutHoldings, "holdings_are_consistent_with_the_feed"),
        (KeepsTheRetired, "holdings_are_consistent_with_the_feed"),
        (NeverWell, "health_is_true_while_the_registry_is_up"),
    ],
)
def test_suite__one_fault__is_found_by_its_check(folder: Path, adapter: type[Sound], check: str) -> None:
    assert failing(adapter, folder, check) == {check}


def outcomes_of(adapter: type[Sound], folder: Path, **more: Any) -> tuple[Trial, dict[str, Outcome]]:
    trial = Trial(open=lambda: adapter(folder, member=FIRST_PROGRAMME), **more)
    return trial, {outcome.check.name: outcome for outcome in run_checks(trial)}


def test_suite__record_repeated_to_the_letter__is_a_note_and_fails_nothing(folder: Path) -> None:
    _, outcomes = outcomes_of(GivesTwice, folder)
    reading = outcomes["reading_ends_and_gives_every_record_once"]
    assert reading.result is Result.PASSED, reading.reason
    assert any("repeated unchanged" in note for note in reading.notes)
    assert outcomes["versions_rise"].result is Result.PASSED


def test_suite__kind_refused_wholly__is_counted_with_its_reason_and_never_said_to_be_absent(folder: Path) -> None:
    trial, outcomes = outcomes_of(RefusesIssuances, folder)
    refused = [kind for kind in trial.tallies() if kind.refused]
    assert refused
    assert all(kind.wholly_refused and kind.refused == kind.read for kind in refused)
    assert all("1000 times too much" in kind.reasons[0] for kind in refused)
    assert refused[0].kind in outcomes["no_kind_is_refused_wholly"].reason
    assert not any("yet" in outcome.reason for outcome in outcomes.values() if outcome.result is Result.SKIPPED)


def test_suite__record_repeated_with_other_contents__fails_the_one_check_that_is_about_it(folder: Path) -> None:
    checks = ("reading_ends_and_gives_every_record_once", "pages_repeat_harmlessly", "versions_rise")
    assert failing(GivesTwiceOtherwise, folder, *checks) == {"reading_ends_and_gives_every_record_once"}


def test_suite__one_record_refused__passes_with_a_note(folder: Path) -> None:
    RefusesOneIssuance.refused.clear()
    trial, outcomes = outcomes_of(RefusesOneIssuance, folder)
    assert sum(kind.refused for kind in trial.tallies()) == 1
    for name in ("no_kind_is_refused_wholly", "quantities_agree_with_ranges"):
        assert outcomes[name].result is Result.PASSED, outcomes[name].reason
        assert any("1000 times too much" in note for note in outcomes[name].notes)


def test_suite__registry_that_cannot_be_read__says_so_once_and_skips_what_needs_records(folder: Path) -> None:
    trial, outcomes = outcomes_of(CannotBeRead, folder)
    failed = [outcome for outcome in outcomes.values() if outcome.result is Result.FAILED]
    assert [outcome.check.name for outcome in failed] == ["reading_ends_and_gives_every_record_once"]
    assert failed[0].remedy == "change the mapping: x"
    skipped = [one for one in outcomes.values() if one.result is Result.SKIPPED and "reading stopped" in one.reason]
    assert len(skipped) >= 9
    assert trial.tallies() == []


def test_suite__answer_that_comes_late__is_found_and_one_that_never_comes_is_named(folder: Path) -> None:
    check = "effects_it_cannot_book_get_a_refused_receipt"
    AnswersLate.offered.clear()
    assert failing(AnswersLate, folder, check, may_write=True) == set()
    trial = Trial(open=lambda: NeverAnswers(folder, member=FIRST_PROGRAMME), may_write=True)
    (outcome,) = run_checks(trial, [check])
    assert outcome.result is Result.FAILED
    for named in ("acceptance:unknown-serials:1", "answer_seconds", "no receipt within 0.1 s"):
        assert named in outcome.reason


def test_suite__every_effect_taken__is_found(folder: Path) -> None:
    check = "effects_it_cannot_book_get_a_refused_receipt"
    assert failing(Listens, folder, check, may_write=True) == {check}


def typing(adapter: type[Clerk]) -> dict[str, Any]:
    """A trial in which somebody types what the adapter says."""
    adapter.typed.clear()
    series = canonical.SeriesName(code="CN", member=340100, registry="cdm")
    detail = {"holder": 440000, "purpose": 6, "kg_per_serial": 1000, "kg": 1000}
    at = "2026-01-01T00:00:00+00:00"
    effect = Effect("retired_elsewhere:1", EffectKind.RETIRED_ELSEWHERE, series, SerialRange(1, 1), detail, 1, at)
    return {
        "effect": lambda: effect,
        "type_row": lambda told: adapter.typed.append(told["row"]["item"]),
        "effects_booked": lambda: len(adapter.typed),
        "may_write": True,
    }


BY_HAND = [check.name for check in instructing.CHECKS]


def test_suite__registry_told_by_a_person__fails_nothing_and_skips_only_what_a_program_would_do(folder: Path) -> None:
    trial = Trial(open=lambda: Clerk(folder, member=FIRST_PROGRAMME), **typing(Clerk))
    outcomes = {outcome.check.name: outcome for outcome in run_checks(trial)}
    assert {name for name in BY_HAND if outcomes[name].result is Result.PASSED} == set(BY_HAND)
    assert {name for name, outcome in outcomes.items() if outcome.result is Result.FAILED} == set()
    skipped = {name for name, outcome in outcomes.items() if outcome.result is Result.SKIPPED and outcome.reason}
    assert "push_twice_has_one_effect_and_lookup_tells_it" in skipped


@pytest.mark.parametrize(
    ("adapter", "check"),
    [
        (Forgetful, "a_person_is_told_what_to_book"),
        (Numberless, "a_person_is_told_what_to_book"),
        (Fickle, "a_person_is_told_what_to_book"),
        (Obliging, "what_cannot_be_put_into_words_is_refused"),
        (Believes, "a_booking_that_is_seen_confirms_nothing"),
        (Blind, "a_booking_that_is_seen_confirms_nothing"),
    ],
)
def test_suite__one_fault_of_a_registry_told_by_a_person__is_found(
    folder: Path, adapter: type[Clerk], check: str
) -> None:
    assert failing(adapter, folder, check, **typing(adapter)) == {check}
