"""Unit blocks: what a split leaves, and what a factor keeps; conservation under any sequence of splits."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.serials import RangeNotHeld
from mutual_recognition.unit_blocks import FULL_FACTOR_PPM, BlockStatus, UnitBlock, carve, kept_serials

BLOCK = UnitBlock(first=101, last=200, issuance=1, holder=310000, holds=0, factor_ppm=700_000, entry=4)


@pytest.mark.parametrize(
    ("first", "last", "rest"),
    [
        (101, 200, []),
        (101, 150, [(151, 200)]),
        (150, 200, [(101, 149)]),
        (150, 150, [(101, 149), (151, 200)]),
    ],
)
def test_carve__part_and_what_stays__everything_else_unchanged(
    first: int, last: int, rest: list[tuple[int, int]]
) -> None:
    part, stays = carve(BLOCK, first, last)
    assert (part.first, part.last) == (first, last)
    assert [(block.first, block.last) for block in stays] == rest
    for block in (part, *stays):
        assert (block.issuance, block.holder, block.factor_ppm, block.entry, block.status) == (
            1,
            310000,
            700_000,
            4,
            BlockStatus.AVAILABLE,
        )


@pytest.mark.parametrize(("first", "last"), [(100, 150), (150, 201), (1, 300), (160, 150), (201, 210)])
def test_carve__outside_the_block__refused(first: int, last: int) -> None:
    with pytest.raises(RangeNotHeld) as refused:
        carve(BLOCK, first, last)
    assert "101" in str(refused.value)


@given(st.randoms(use_true_random=False), st.integers(1, 500))
def test_carve__again_and_again__tiles_the_issuance(rng: random.Random, serials: int) -> None:
    blocks = [UnitBlock(1, serials, 1, 310000)]
    for _ in range(20):
        block = blocks.pop(rng.randrange(len(blocks)))
        first = rng.randint(block.first, block.last)
        part, rest = carve(block, first, rng.randint(first, block.last))
        blocks += [part, *rest]
    blocks.sort(key=lambda block: block.first)
    assert blocks[0].first == 1
    assert blocks[-1].last == serials
    assert all(before.last + 1 == after.first for before, after in pairwise(blocks))
    assert sum(block.serials for block in blocks) == serials


@pytest.mark.parametrize(
    ("serials", "factor", "applied", "kept"),
    [
        (100, 600_000, FULL_FACTOR_PPM, 60),
        (60, 600_000, 600_000, 60),  # cut to it already: nothing more
        (60, 300_000, 600_000, 30),  # only the difference
        (60, 900_000, 600_000, 60),  # a higher factor gives nothing back
        (3, 500_000, FULL_FACTOR_PPM, 1),  # rounded down to whole serials
        (1, 999_999, FULL_FACTOR_PPM, 0),
        (2**48 - 1, 999_999, FULL_FACTOR_PPM, (2**48 - 1) * 999_999 // 1_000_000),
    ],
)
def test_kept__difference_alone_rounded_down(serials: int, factor: int, applied: int, kept: int) -> None:
    assert kept_serials(serials, factor, applied) == kept


def test_status__numbers_of_the_contract__final_ones() -> None:
    assert [int(status) for status in BlockStatus] == [1, 2, 3, 4, 5]
    assert [status for status in BlockStatus if status.final] == [BlockStatus.RETIRED, BlockStatus.CANCELLED]
