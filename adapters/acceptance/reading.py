"""Who the registry is, and whether reading it loses or repeats anything."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Final

from adapters.acceptance.trial import Check, Trial, check_into, must
from adapters.protocol import NativeRecord, RegistryAdapter
from mutual_recognition.identifiers import FIRST_PROGRAMME

LARGEST_PAGE: Final = 5_000
_MOST_RESUMPTIONS: Final = 12
CHECKS: Final[list[Check]] = []


@check_into(CHECKS)
def profile_is_sane(trial: Trial) -> None:
    """The profile names the registry by a member's code, and the adapter is one by the protocol."""
    with closing(trial.open()) as adapter:
        profile = adapter.profile
        must(isinstance(adapter, RegistryAdapter), f"{type(adapter).__name__} lacks a method of RegistryAdapter")
        must(bool(profile.name and profile.registry and profile.title), f"name, registry or title is empty: {profile}")
        city, programme = 100_000 <= profile.member < 1_000_000, FIRST_PROGRAMME <= profile.member < 2**24
        must(city or programme, f"{profile.member} is neither a code of GB/T 2260 nor a programme's id")
        must(adapter.profile == profile, "the profile changes from one look to the next")


@check_into(CHECKS)
def health_is_true_while_the_registry_is_up(trial: Trial) -> None:
    """A registry that answers is said to be reachable."""
    with closing(trial.open()) as adapter:
        health = adapter.health()
        must(health.reachable, f"said to be unreachable: {health.detail}")
        json.dumps(dict(health.facts))


def _names(records: Iterable[NativeRecord]) -> list[tuple[str, str, int]]:
    return [(record.kind, record.native_id, record.version) for record in records]


@check_into(CHECKS)
def reading_ends_and_gives_every_record_once(trial: Trial) -> None:
    """Reading from the beginning ends, and gives each version of each record once, or again to the letter."""
    names = _names(trial.records())
    must(bool(names), "the registry gives no record at all, so nothing can be checked")
    repeated, differing = _repetitions(trial.records())
    must(not differing, f"given more than once with other contents: {differing[:3]}")
    if repeated:
        trial.note(f"{len(repeated)} repeated unchanged and passed over, {repeated[0]} for one")
    totals = {page.total for page in trial.pages() if page.total is not None}
    must(totals <= {len(names)}, f"{len(names)} records given, told beforehand were {sorted(totals)}")
    with closing(trial.open()) as adapter:
        left = [record for page in adapter.read(trial.pages()[-1].cursor) for record in page.records]
    must(not left, f"after the last cursor there is still {_names(left)[:3]}")


def _repetitions(records: Sequence[NativeRecord]) -> tuple[list[str], list[str]]:
    """Records that come again by kind, number and version: those that are the same to the letter, those that differ."""
    first: dict[tuple[str, str, int], NativeRecord] = {}
    same: list[str] = []
    other: list[str] = []
    for record in records:
        name = record.kind, record.native_id, record.version
        known = first.get(name)
        if known is None:
            first[name] = record
        else:
            told = f"{record.kind} {record.native_id} version {record.version} at {known.source} and {record.source}"
            (same if known.payload == record.payload else other).append(told)
    return same, other


@check_into(CHECKS)
def pages_are_bounded_and_say_where_records_stand(trial: Trial) -> None:
    """A page holds some thousand records at most, has a cursor, and each record says where it stands."""
    for page in trial.pages():
        must(len(page.records) <= LARGEST_PAGE, f"a page of {len(page.records)} records")
        must(bool(page.cursor), "a page without a cursor: a restart would begin at the beginning")
        for record in page.records:
            must(bool(record.source and record.native_id and record.kind), f"nameless or placeless: {record}")
            must(len(record.native_id) <= 200 and len(record.kind) <= 60, f"too long for the journal: {record}")


@check_into(CHECKS)
def cursor_resumes_exactly(trial: Trial) -> None:
    """Killed between any two pages, another adapter goes on at the next record: nothing is lost, nothing comes
    again."""
    pages = trial.pages()
    step = max(1, len(pages) // _MOST_RESUMPTIONS)
    for number in range(0, len(pages), step):
        expected = [record for page in pages[number + 1 :] for record in page.records]
        with closing(trial.open()) as adapter:
            given = [record for page in adapter.read(pages[number].cursor) for record in page.records]
        must(
            _names(given) == _names(expected),
            f"after page {number + 1} of {len(pages)} ({pages[number].cursor!r}) {len(given)} records come,"
            f" {len(expected)} were left",
        )


@check_into(CHECKS)
def pages_repeat_harmlessly(trial: Trial) -> None:
    """Reading again gives the same records with the same contents, so that the journal passes them over."""
    before: dict[tuple[str, str, int], list[object]] = defaultdict(list)
    for name, record in zip(_names(trial.records()), trial.records(), strict=True):
        before[name].append(record.payload)
    with closing(trial.open()) as adapter:
        again = [record for page in adapter.read("") for record in page.records]
    for name, record in zip(_names(again), again, strict=True):
        if name in before:
            must(record.payload in before[name], f"{name} has other contents when it is read again")
    must(set(before) <= set(_names(again)), "a second reading leaves records out")


@check_into(CHECKS)
def versions_rise(trial: Trial) -> None:
    """Each record's versions rise in the order of reading, from 1 or more; one already given may come again."""
    latest: dict[tuple[str, str], int] = defaultdict(int)
    given: set[tuple[str, str, int]] = set()
    for record in trial.records():
        name = (record.kind, record.native_id)
        if (*name, record.version) in given:
            continue  # repeated: `reading_ends_and_gives_every_record_once` sees whether it is the same
        given.add((*name, record.version))
        must(record.version > latest[name], f"{name} version {record.version} comes after {latest[name]}")
        latest[name] = record.version
