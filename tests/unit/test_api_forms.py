"""The forms of the API's values: codes have words, big integers stay exact, times keep their zone."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hub.api.shapes import Kg, Named, Whole, day, moment, word
from hub.api.shapes import given as given_id
from hub.api.snapshots import matches
from hub.api.words import MEMBER_NAMES, WORDS
from hub.chain import enums
from hub.chain.enums import Outcome, Role
from hub.index.queries_ballots import Tally, outcome_of
from mutual_recognition.identifiers import Kind
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus


class Quantity(BaseModel):
    kg: Kg
    serial: Whole | None


KINDS: list[type[IntEnum] | type[IntFlag]] = [
    *(kind for name, kind in enums.SOLIDITY_ENUMS.items() if name != "BallotStatus"),
    Outcome,
    Role,
    Kind,
]


@pytest.mark.parametrize("kind", KINDS)
def test_words__every_code_has_both_languages(kind: type[IntEnum] | type[IntFlag]) -> None:
    assert set(WORDS[kind]) == set(kind)
    for value in kind:
        told = word(kind, value)
        assert told.code == (value.name or "").lower()
        assert told.zh
        assert told.en
        assert told.zh != told.en


def test_word__number_that_this_version_does_not_know__stands_for_itself() -> None:
    assert word(BlockStatus, 99).code == "99"
    assert word(Purpose, 12).en == "12"


def test_member_names__are_codes_of_gb_t_2260() -> None:
    assert all(110_000 <= code <= 659_999 and zh[-1] in "省市" for code, (zh, _) in MEMBER_NAMES.items())


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, 0), (2**53 - 1, 2**53 - 1), (2**53, "9007199254740992"), (2**64 - 1, "18446744073709551615")],
)
def test_integers_beyond_2_53__are_text(value: int, shown: int | str) -> None:
    assert Quantity(kg=value, serial=value).model_dump(mode="json") == {"kg": shown, "serial": shown}
    assert Quantity.model_validate({"kg": shown, "serial": None}).kg == value


def test_times__in_utc_plus_8__none_where_there_is_none() -> None:
    found = moment(1_735_660_800)
    assert found is not None
    assert found.isoformat() == "2025-01-01T00:00:00+08:00"
    assert [moment(seconds) for seconds in (0, 2**40 - 1, 2**40 - 2)] == [None, None, None]
    assert day(0) is None
    assert str(day(20_089)) == "2025-01-01"


def test_zero_ids__are_none() -> None:
    assert [given_id("0x" + "00" * size) for size in (12, 20, 32)] == [None, None, None]
    assert given_id("0x" + "00" * 31 + "01") == "0x" + "00" * 31 + "01"
    assert Named.of("0x01", {}).model_dump(exclude_none=True) == {"id": "0x01"}


@pytest.mark.parametrize(
    ("sent", "fits"),
    [('W/"a"', True), ('"a"', True), ('"b", W/"a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_if_none_match__compared_weakly(sent: str, fits: bool) -> None:
    assert matches(sent, 'W/"a"') is fits


@given(
    electorate=st.integers(1, 40),
    split=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)),
    quorum=st.integers(1, 1_000_000),
    approval=st.integers(1, 1_000_000),
)
def test_tally__passes_when_the_least_whole_number_of_votes_is_reached(
    electorate: int, split: tuple[int, int, int], quorum: int, approval: int
) -> None:
    yes, no, abstain = split
    least_voting = -(-electorate * quorum // 1_000_000)
    least_yes = -(-(yes + no) * approval // 1_000_000)
    passes = yes > 0 and yes + no + abstain >= least_voting and yes >= least_yes
    assert Tally(electorate, yes, no, abstain).passes(quorum, approval) is passes


@pytest.mark.parametrize(
    ("time", "tally", "executed_at", "outcome"),
    [
        (999, Tally(4, 3, 1, 0), 0, Outcome.VOTING),
        (1_000, Tally(4, 1, 3, 0), 0, Outcome.FAILED),
        (1_000, Tally(4, 0, 0, 4), 0, Outcome.FAILED),
        (1_000, Tally(4, 3, 1, 0), 0, Outcome.DELAYED),
        (1_099, Tally(4, 3, 1, 0), 0, Outcome.DELAYED),
        (1_100, Tally(4, 3, 1, 0), 0, Outcome.EXECUTABLE),
        (1_149, Tally(4, 3, 1, 0), 0, Outcome.EXECUTABLE),
        (1_150, Tally(4, 3, 1, 0), 0, Outcome.EXPIRED),
        (9_999, Tally(4, 3, 1, 0), 1_120, Outcome.EXECUTED),
    ],
)
def test_outcome__follows_from_votes_and_block_time(
    time: int, tally: Tally, executed_at: int, outcome: Outcome
) -> None:
    ballot: dict[str, Any] = {
        "executed_at": executed_at,
        "closes_at": 1_000,
        "delay": 100,
        "execute_within": 50,
        "quorum_ppm": 500_000,
        "approval_ppm": 500_001,
    }
    assert outcome_of(ballot, tally, time) is outcome
