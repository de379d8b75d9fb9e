"""Blocks of a chain and the same as lines of a registry's books, illustrative: 1 to 400 serials, eight series, most
available, some retired, some with another member; the registry splits its lines otherwise."""

from __future__ import annotations

import random
from collections.abc import Iterator

from adapters.protocol import Holding
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from mutual_recognition.unit_blocks import BlockStatus

MEMBER, OTHER = 310000, 320500
REGISTRY = "illustrative"
SERIES = 8
_WORDS = {BlockStatus.AVAILABLE: "available", BlockStatus.RETIRED: "retired"}


def illustrative_blocks(count: int) -> Iterator[tuple[int, int, int, int, BlockStatus]]:
    """Series, first, last, holder and status; the same every time."""
    rng = random.Random(20260101)
    at = [1] * SERIES
    for _ in range(count):
        series = rng.randrange(SERIES)
        first = at[series]
        last = first + rng.randrange(400)
        at[series] = last + 1 + rng.choice((0, 0, 0, 50))
        chance = rng.random()
        holder = OTHER if chance > 0.9 else MEMBER
        yield series, first, last, holder, BlockStatus.RETIRED if chance < 0.2 else BlockStatus.AVAILABLE


def illustrative_books(count: int) -> Iterator[Holding]:
    """The same as a registry has it, in lines of its own: every third block stands in two."""
    names = [SeriesName(member=MEMBER, registry=REGISTRY, code=f"S{number}") for number in range(SERIES)]
    for number, (series, first, last, holder, status) in enumerate(illustrative_blocks(count)):
        middle = (first + last) // 2 if number % 3 == 0 and last > first else last
        yield Holding(names[series], SerialRange(first, middle), holder, _WORDS[status])
        if middle < last:
            yield Holding(names[series], SerialRange(middle + 1, last), holder, _WORDS[status])
