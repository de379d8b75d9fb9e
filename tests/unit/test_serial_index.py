"""The index of disjoint ranges against a model that is a plain set of serials and a plain list of ranges."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mutual_recognition import serial_index
from mutual_recognition.serial_index import SerialIndex
from mutual_recognition.serials import RangeNotHeld, RangeOverlaps, SerialRange

SERIAL = st.integers(1, 80)
RANGES = st.tuples(SERIAL, st.integers(0, 9)).map(lambda pair: SerialRange(pair[0], pair[0] + pair[1]))


class IndexAgainstSets(RuleBasedStateMachine):
    """Random additions, removals and splits; every answer is compared with the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.index = SerialIndex()
        self.model: list[SerialRange] = []

    @rule(new=RANGES)
    def add(self, new: SerialRange) -> None:
        clashing = [held for held in self.model if held.overlaps(new)]
        if clashing:
            with pytest.raises(RangeOverlaps) as refused:
                self.index.add(new)
            assert refused.value.existing in clashing
            assert list(self.index.overlapping(new)) == sorted(clashing)
        else:
            before = max((held for held in self.model if held.first < new.first), default=None)
            assert self.index.predecessor(new.first) == before
            assert self.index.add(new) == before
            self.model.append(new)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(self.model) if self.model else RANGES)
        if target in self.model:
            self.index.remove(target)
            self.model.remove(target)
        else:
            with pytest.raises(RangeNotHeld):
                self.index.remove(target)

    @rule(part=RANGES)
    def split(self, part: SerialRange) -> None:
        covering = [held for held in self.model if held.covers(part)]
        if covering:
            pieces = self.index.split(part).pieces
            self.model.remove(covering[0])
            self.model.extend(pieces)
        else:
            with pytest.raises(RangeNotHeld):
                self.index.split(part)

    @rule(serial=SERIAL)
    def look_up(self, serial: int) -> None:
        assert self.index.containing(serial) == next((held for held in self.model if serial in held), None)
        assert self.index.successor(serial) == min((h for h in self.model if h.first > serial), default=None)
        assert self.index.predecessor(serial) == max((h for h in self.model if h.first < serial), default=None)

    @invariant()
    def is_the_model_in_order(self) -> None:
        assert list(self.index) == sorted(self.model)
        assert len(self.index) == len(self.model)
        assert self.index.serials == sum(held.count for held in self.model)


IndexAgainstSets.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestIndexAgainstSets = IndexAgainstSets.TestCase


@pytest.fixture
def _tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_index, "CHUNK", 2)


@pytest.mark.usefixtures("_tiny_chunks")
@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_index__across_many_chunks__keeps_order_through_adds_and_removals(chance: random.Random) -> None:
    ranges = [SerialRange(n * 5 + 1, n * 5 + 4) for n in range(40)]
    chance.shuffle(ranges)
    index = SerialIndex()
    for held in ranges:
        index.add(held)
    gone = ranges[:25]
    for held in gone:
        index.remove(held)
    assert list(index) == sorted(ranges[25:])
    for held in sorted(gone, key=lambda _: chance.random()):
        index.add(held)
    assert list(index) == sorted(ranges)
    assert list(SerialIndex(ranges)) == sorted(ranges)


def test_index__built_from_overlapping_ranges__refused_and_named() -> None:
    with pytest.raises(RangeOverlaps) as refused:
        SerialIndex([SerialRange(5, 9), SerialRange(1, 5)])
    assert refused.value.existing == SerialRange(1, 5)


def test_index__of_100_000_ranges_in_random_order__takes_microseconds_a_range() -> None:
    ranges = [SerialRange(n * 10 + 1, n * 10 + 10) for n in range(100_000)]
    random.Random(7).shuffle(ranges)
    index = SerialIndex()
    began = time.perf_counter()
    for held in ranges:
        index.add(held)
    taken = time.perf_counter() - began
    assert index.serials == 1_000_000
    assert taken / len(ranges) < 100e-6, f"{taken / len(ranges) * 1e6:.1f} us a range"
