"""Inventories close to the kilogram: over random histories of a model, per member, over all, by calendar year."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import StopAndTell
from hub.inventory.flows import Change, Flow, holdings, year_bounds
from hub.inventory.statement import Account, Entry, Inventory, Line, View, compute_inventory, sum_of_all
from hub.inventory.telling import as_csv
from hub.inventory.words import FATE, LINES, VIEWS
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose

SHANGHAI, SUZHOU, HANGZHOU, PROGRAMME = 310000, 320500, 330100, 1_000_001
CITIES = (SHANGHAI, SUZHOU, HANGZHOU)
YEARS = (2024, 2025, 2026)
FACTORS = {(SHANGHAI, SUZHOU): 545_454, (SUZHOU, HANGZHOU): 800_000}


@dataclass
class Ledger:
    """A ledger as simple as it can be: kg by home and holder. It writes down what happens, and what stood at each New
    Year."""

    held: dict[tuple[int, int], int] = field(default_factory=dict)
    happened: list[tuple[int, Flow]] = field(default_factory=list)
    at_the_end_of: dict[int, dict[tuple[int, int], int]] = field(default_factory=dict)

    def change(self, year: int, flow: Flow) -> None:
        self.happened.append((year, flow))
        source = (flow.home, flow.holder)
        gone = flow.kg + flow.cut_kg
        self.held[source] = self.held.get(source, 0) + (gone if flow.change is Change.ISSUED else -gone)
        assert self.held[source] >= 0
        if flow.change is Change.MOVED:
            self.held[flow.home, flow.other] = self.held.get((flow.home, flow.other), 0) + flow.kg

    def flows(self, year: int) -> list[Flow]:
        """As the projections would give them: up to the end of the year, told apart by what was before it."""
        return [
            Flow(
                one.change, when < year, one.home, one.holder, one.kg, one.other, one.purpose, one.claimant, one.cut_kg
            )
            for when, one in self.happened
            if when <= year
        ]


def live(seed: int, operations: int = 60) -> Ledger:
    chance, ledger = random.Random(seed), Ledger()
    for year in YEARS:
        for _ in range(operations):
            holding = [key for key, kg in ledger.held.items() if kg]
            what = chance.choice(list(Change)) if holding else Change.ISSUED
            if what is Change.ISSUED:
                home = chance.choice((*CITIES, PROGRAMME))
                ledger.change(year, Flow(Change.ISSUED, False, home, home, chance.randrange(1, 10**6)))
                continue
            home, holder = chance.choice(holding)
            kg = chance.randrange(1, ledger.held[home, holder] + 1)
            if what is Change.MOVED:
                if holder == PROGRAMME:
                    continue
                other = chance.choice([city for city in CITIES if city != holder])
                kept = kg * FACTORS.get((home, other), 1_000_000) // 1_000_000
                if kept:
                    ledger.change(year, Flow(Change.MOVED, False, home, holder, kept, other=other, cut_kg=kg - kept))
            elif what is Change.RETIRED:
                claimant = 0 if holder == PROGRAMME else holder
                purpose = chance.randrange(1, 9)
                ledger.change(year, Flow(Change.RETIRED, False, home, holder, kg, purpose=purpose, claimant=claimant))
            else:
                purpose = chance.choice([Purpose.WRONG_ISSUANCE, Purpose.ORDERED_BY_BALLOT])
                ledger.change(year, Flow(Change.CANCELLED, False, home, holder, kg, purpose=int(purpose)))
        ledger.at_the_end_of[year] = dict(ledger.held)
    return ledger


@given(st.integers(min_value=0, max_value=2**32))
def test_random_histories__every_member_and_year_closes_on_what_the_ledger_holds(seed: int) -> None:
    ledger = live(seed, operations=25)
    before: dict[int, Inventory] = {}
    for year in YEARS:
        flows, held = ledger.flows(year), ledger.at_the_end_of[year]
        inventories = [compute_inventory(flows, member, year) for member in (*CITIES, PROGRAMME)]
        for one in inventories:
            of_holder = {home: kg for (home, holder), kg in held.items() if holder == one.member and kg}
            of_home = {holder: kg for (home, holder), kg in held.items() if home == one.member and kg}
            assert {e.home: e.kg for e in one.holder.entries if e.line is Line.CLOSING} == of_holder
            assert {e.holder: e.kg for e in one.home.entries if e.line is Line.CLOSING} == of_home
            assert one.fate.closes
            assert one.fate.outstanding_at_home + one.fate.outstanding_elsewhere == sum(of_home.values())
            if one.member in before:
                opening = [e for e in one.holder.entries if e.line is Line.OPENING]
                closing = [e for e in before[one.member].holder.entries if e.line is Line.CLOSING]
                assert [(e.home, e.kg) for e in opening] == [(e.home, e.kg) for e in closing]
        before = {one.member: one for one in inventories}
        together = sum_of_all(inventories, year)
        assert together.closes
        assert together.closing == sum(held.values())
        claimed = sum(one.holder.total(Line.RETIRED) for one in inventories)
        assert claimed == sum(one.home.total(Line.RETIRED) for one in inventories)


def test_moved_and_cut__leaves_whole_and_arrives_less() -> None:
    flows = [
        Flow(Change.ISSUED, True, SHANGHAI, SHANGHAI, 1000),
        Flow(Change.MOVED, False, SHANGHAI, SHANGHAI, 545, other=SUZHOU, cut_kg=455),
        Flow(Change.RETIRED, False, SHANGHAI, SUZHOU, 45, purpose=int(Purpose.VOLUNTARY), claimant=SUZHOU),
    ]
    sender, receiver = (compute_inventory(flows, member, 2025) for member in (SHANGHAI, SUZHOU))
    assert sender.holder.total(Line.OPENING) == sender.holder.total(Line.MOVED_OUT) == 1000
    assert sender.holder.total(Line.CLOSING) == 0
    assert receiver.holder.entries == (
        Entry(Line.RECEIVED, 545, SHANGHAI, SUZHOU, other=SHANGHAI),
        Entry(Line.RETIRED, 45, SHANGHAI, SUZHOU, purpose=int(Purpose.VOLUNTARY), claimant=SUZHOU),
        Entry(Line.CLOSING, 500, SHANGHAI, SUZHOU),
    )
    home = sender.home
    assert (home.total(Line.OPENING), home.total(Line.CUT), home.total(Line.CLOSING)) == (1000, 455, 500)
    assert sender.circulation.left_home == 545
    assert (sender.fate.claimed_by_home, sender.fate.claimed_by_others) == (0, 45)
    assert receiver.home.entries == ()


def test_flows_of_several_series__one_line() -> None:
    flows = [Flow(Change.ISSUED, False, SHANGHAI, SHANGHAI, kg) for kg in (3, 4)]
    account = compute_inventory(flows, SHANGHAI, 2025).holder
    assert account.entries == (Entry(Line.ISSUED, 7, SHANGHAI, SHANGHAI), Entry(Line.CLOSING, 7, SHANGHAI, SHANGHAI))


def test_claim_of_a_programme__is_nobodys() -> None:
    flows = [
        Flow(Change.ISSUED, False, PROGRAMME, PROGRAMME, 10),
        Flow(Change.RETIRED, False, PROGRAMME, PROGRAMME, 4, purpose=int(Purpose.VOLUNTARY)),
    ]
    fate = compute_inventory(flows, PROGRAMME, 2025).fate
    assert (fate.claimed_by_nobody, fate.claimed_by_home, fate.outstanding_at_home) == (4, 0, 6)


def test_account_that_does_not_close__stops() -> None:
    entries = (Entry(Line.ISSUED, 10, SHANGHAI, SHANGHAI), Entry(Line.CLOSING, 9, SHANGHAI, SHANGHAI))
    with pytest.raises(StopAndTell) as told:
        Account(View.HOLDER, SHANGHAI, entries)
    assert told.value.code == "inventory_open"


def test_holdings__what_comes_to_nothing_is_left_out() -> None:
    flows = [Flow(Change.ISSUED, True, 1, 1, 5), Flow(Change.CANCELLED, False, 1, 1, 5, purpose=10)]
    assert holdings(flows) == {}


def test_year__begins_and_ends_at_midnight_in_utc_plus_8() -> None:
    start, end = year_bounds(2025)
    assert datetime.fromtimestamp(start, UTC_PLUS_8).isoformat() == "2025-01-01T00:00:00+08:00"
    assert datetime.fromtimestamp(end, UTC_PLUS_8).isoformat() == "2026-01-01T00:00:00+08:00"
    assert year_bounds(2026)[0] == end


def test_csv__every_line_with_its_words() -> None:
    inventory = compute_inventory(live(7).flows(2026), SUZHOU, 2026)
    rows = as_csv(inventory).splitlines()
    assert len(rows) == 1 + len(inventory.holder.entries) + len(inventory.home.entries)
    assert rows[0].startswith("\ufeffview,line,line_zh")
    assert any("注销,retired" in row for row in rows)


def test_words__in_both_languages_for_every_line_view_and_fate() -> None:
    assert set(LINES) == set(Line)
    assert set(VIEWS) == set(View)
    fate = compute_inventory([], SHANGHAI, 2025).fate
    assert set(FATE) == set(fate.__slots__)
    assert all(zh and en for words in (LINES, VIEWS, FATE) for zh, en in words.values())
