"""Serial ranges are read, refused by name, split and compared as a model of plain sets says."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.serials import (
    MAX_COUNT,
    MAX_SERIAL,
    EmptyRange,
    HugeRange,
    InvertedRange,
    OverlapKind,
    RangeNotHeld,
    SerialOutOfBounds,
    SerialRange,
    SerialRefused,
    UnreadableRange,
    find_overlaps,
    parse_range,
)

SERIAL = st.integers(1, 60)
RANGES = st.tuples(SERIAL, SERIAL).map(lambda pair: SerialRange(min(pair), max(pair)))


def serials_of(held: SerialRange) -> set[int]:
    return set(range(held.first, held.last + 1))


@pytest.mark.parametrize(
    "written",
    [
        "657709039 - 658143754",
        "657709039-658143754",
        "657709039\u00a0-\u00a0658143754",
        "\u00a0657709039 \u2013 658143754 ",
        "657709039—658143754",
        "６５７７０９０３９－６５８１４３７５４",
        "657,709,039 - 658,143,754",
        "657709039～658143754",
        "657709039至658143754",
        "0657709039 to 658143754",
    ],
)
def test_range__as_registries_write_it__is_read(written: str) -> None:
    assert parse_range(written) == SerialRange(657709039, 658143754)


@pytest.mark.parametrize(
    ("written", "kind", "code"),
    [
        ("", EmptyRange, "serials_empty"),
        ("\u00a0", EmptyRange, "serials_empty"),
        ("657709039", UnreadableRange, "serials_unreadable"),
        ("657709039 -", UnreadableRange, "serials_unreadable"),
        ("1 - 2 - 3", UnreadableRange, "serials_unreadable"),
        ("1.5 - 2", UnreadableRange, "serials_unreadable"),
        ("6.57709E+08 - 658143754", UnreadableRange, "serials_unreadable"),
        ("=A1", UnreadableRange, "serials_unreadable"),
        ("9" * 5000 + " - 1", UnreadableRange, "serials_unreadable"),
        ("20 - 10", InvertedRange, "serials_inverted"),
        ("0 - 10", SerialOutOfBounds, "serial_out_of_bounds"),
        (f"{MAX_SERIAL} - {MAX_SERIAL + 1}", SerialOutOfBounds, "serial_out_of_bounds"),
        (f"1 - {MAX_COUNT + 1}", HugeRange, "serials_huge"),
    ],
)
def test_range__that_cannot_be_one__refused_by_name(written: str, kind: type[SerialRefused], code: str) -> None:
    with pytest.raises(SerialRefused) as refused:
        parse_range(written, "issuances.xlsx row 12")
    assert type(refused.value) is kind
    assert refused.value.code == code
    assert refused.value.where == "issuances.xlsx row 12"
    assert refused.value.value == written[:200]


def test_range__at_the_bounds__is_one() -> None:
    assert parse_range(f"1 - {MAX_COUNT}").count == MAX_COUNT
    assert SerialRange(MAX_SERIAL, MAX_SERIAL).count == 1


@given(RANGES, RANGES)
def test_range__relations__agree_with_sets(left: SerialRange, right: SerialRange) -> None:
    assert left.overlaps(right) == bool(serials_of(left) & serials_of(right))
    assert left.covers(right) == (serials_of(left) >= serials_of(right))
    assert left.count == len(serials_of(left))


@given(RANGES, RANGES)
def test_split__pieces_are_the_whole_and_disjoint__or_refused(block: SerialRange, part: SerialRange) -> None:
    if not block.covers(part):
        with pytest.raises(RangeNotHeld):
            block.split(part)
        return
    pieces = block.split(part).pieces
    assert part in pieces
    assert sum(piece.count for piece in pieces) == block.count
    assert set().union(*map(serials_of, pieces)) == serials_of(block)


@given(st.lists(RANGES, max_size=14))
def test_find_overlaps__agrees_with_comparing_every_pair(ranges: list[SerialRange]) -> None:
    found: dict[frozenset[int], Any] = {}
    for overlap in find_overlaps(enumerate(ranges)):
        pair = frozenset((overlap.left, overlap.right))
        assert pair not in found
        found[pair] = overlap
    for i, left in enumerate(ranges):
        for j, right in enumerate(ranges[:i]):
            shared = serials_of(left) & serials_of(right)
            overlap = found.pop(frozenset((i, j)), None)
            assert (overlap is not None) == bool(shared)
            if overlap is None:
                continue
            assert serials_of(overlap.shared) == shared
            nested = serials_of(left) <= serials_of(right) or serials_of(right) <= serials_of(left)
            wanted = OverlapKind.EQUAL if left == right else OverlapKind.NESTED if nested else OverlapKind.PARTIAL
            assert overlap.kind is wanted
    assert not found


def test_find_overlaps__of_100_000_disjoint_ranges__takes_seconds_at_most() -> None:
    ranges = [(n, SerialRange(n * 10 + 1, n * 10 + 10)) for n in reversed(range(100_000))]
    began = time.perf_counter()
    assert list(find_overlaps(ranges)) == []
    assert time.perf_counter() - began < 5
