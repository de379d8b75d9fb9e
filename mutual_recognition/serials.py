"""Serial ranges: reading them, splitting them, and keeping them apart (law L2, one place for every serial).

A range is inclusive at both ends, 1 <= first <= last < 2**63. Serials are the registry's own numbers; which
series they belong to is the caller's affair: every function and index here works within one series.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

from mutual_recognition.numerals import MAX_DIGITS, WHOLE, fold
from mutual_recognition.refusal import Refusal

MAX_SERIAL: Final = 2**63 - 1
MAX_COUNT: Final = 10**13
"""Most serials in one range: four thousand times all the CDM ever issued; beyond it a digit too many was
typed.
"""

Key = TypeVar("Key")


class SerialRefused(Refusal):
    """A serial range that cannot be one; the subclasses say how."""

    code = "serials_refused"


class UnreadableRange(SerialRefused):
    """Text that is not two serial numbers with a dash between."""

    code = "serials_unreadable"


class EmptyRange(SerialRefused):
    """No range where one is expected."""

    code = "serials_empty"


class InvertedRange(SerialRefused):
    """The last serial is below the first."""

    code = "serials_inverted"


class HugeRange(SerialRefused):
    """More serials than MAX_COUNT."""

    code = "serials_huge"


class SerialOutOfBounds(SerialRefused):
    """A serial below 1 or above MAX_SERIAL."""

    code = "serial_out_of_bounds"


class RangeOverlaps(SerialRefused):
    """A range that shares serials with one already held; `existing` is that one."""

    code = "serials_overlap"

    def __init__(self, value: object, reason: str, where: str = "", existing: SerialRange | None = None) -> None:
        super().__init__(value, reason, where)
        self.existing = existing

    def at(self, where: str) -> RangeOverlaps:
        """The same refusal with its place filled in."""
        return RangeOverlaps(self.value, self.reason, where, self.existing)


class RangeNotHeld(SerialRefused):
    """A range that no single held range covers, or that is not held as such."""

    code = "serials_not_held"


@dataclass(frozen=True, slots=True, order=True)
class SerialRange:
    """Serials `first` to `last`, both included.

    Raises SerialOutOfBounds, InvertedRange or HugeRange.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if 1 <= self.first <= self.last <= MAX_SERIAL and self.last - self.first < MAX_COUNT:
            return
        if self.first < 1 or self.last < 1:
            raise SerialOutOfBounds(self, "serial numbers start at 1")
        if self.last < self.first:
            raise InvertedRange(self, "inverted: the last serial is below the first")
        if self.last > MAX_SERIAL:
            raise SerialOutOfBounds(self, f"above the highest serial, {MAX_SERIAL}")
        raise HugeRange(self, f"{self.count} serials in one range, more than {MAX_COUNT}")

    @property
    def count(self) -> int:
        """Number of serials, at least 1."""
        return self.last - self.first + 1

    def overlaps(self, other: SerialRange) -> bool:
        """Whether at least one serial lies in both."""
        return self.first <= other.last and other.first <= self.last

    def covers(self, other: SerialRange) -> bool:
        """Whether every serial of `other` lies in this one."""
        return self.first <= other.first and other.last <= self.last

    def __contains__(self, serial: int) -> bool:
        return self.first <= serial <= self.last

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"

    def split(self, part: SerialRange) -> Split:
        """What is before `part`, `part`, and what is after it. Raises RangeNotHeld unless this range covers
        `part`.
        """
        if not self.covers(part):
            raise RangeNotHeld(part, f"not inside {self}")
        head = SerialRange(self.first, part.first - 1) if part.first > self.first else None
        tail = SerialRange(part.last + 1, self.last) if part.last < self.last else None
        return Split(head, part, tail)


@dataclass(frozen=True, slots=True)
class Split:
    """The pieces of a range cut at a part of it; no `head` or `tail` where the part reaches that end."""

    head: SerialRange | None
    middle: SerialRange
    tail: SerialRange | None

    @property
    def pieces(self) -> tuple[SerialRange, ...]:
        """The one to three pieces in serial order."""
        return tuple(piece for piece in (self.head, self.middle, self.tail) if piece is not None)


_RANGE: Final = re.compile(rf"({WHOLE.pattern}) *(?:-|~|至|to) *({WHOLE.pattern})", re.ASCII)


def parse_range(text: str, where: str = "") -> SerialRange:
    """The range that `text` writes: "657709039 - 658143754", also with non-breaking spaces, full-width
    digits, an en or em dash, a tilde or 至 between, thousands grouped, leading zeros.

    Raises EmptyRange, UnreadableRange, InvertedRange, HugeRange or SerialOutOfBounds, each with `where`. One
    number alone is unreadable: it is as likely the head of a cut-off cell as a range of one.
    """
    folded = fold(text)
    if not folded:
        raise EmptyRange(text, "empty where a serial range is expected", where)
    matched = _RANGE.fullmatch(folded) if len(folded) <= 2 * MAX_DIGITS + 4 else None
    if matched is None:
        raise UnreadableRange(text, "not a serial range: two whole numbers with a dash between", where)
    first, last = (int(re.sub("[ ,]", "", number)) for number in matched.groups())
    try:
        return SerialRange(first, last)
    except SerialRefused as refused:
        raise type(refused)(text, refused.reason, where) from None


class OverlapKind(Enum):
    """How two ranges share serials."""

    EQUAL = "equal"
    NESTED = "nested"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Overlap(Generic[Key]):
    """Two keyed ranges of one series that share serials; `shared` are the serials they share."""

    left: Key
    right: Key
    kind: OverlapKind
    shared: SerialRange


def find_overlaps(ranges: Iterable[tuple[Key, SerialRange]]) -> Iterator[Overlap[Key]]:
    """Every pair of `ranges` that shares serials, nested and equal ones included, in order of the later first
    serial.

    Sort and sweep with a heap on the last serial: O(n log n + k log k) in time for n ranges and k pairs, O(n)
    in memory.
    """
    live: list[tuple[int, int, SerialRange, Key]] = []
    for number, (key, later) in enumerate(sorted(ranges, key=lambda item: item[1])):
        while live and live[0][0] < later.first:
            heapq.heappop(live)
        for _, _, earlier, other in sorted(live, key=lambda item: item[1]):
            shared = SerialRange(later.first, min(earlier.last, later.last))
            kind = OverlapKind.PARTIAL
            if earlier == later:
                kind = OverlapKind.EQUAL
            elif earlier.covers(later) or later.covers(earlier):
                kind = OverlapKind.NESTED
            yield Overlap(other, key, kind, shared)
        heapq.heappush(live, (later.last, number, later, key))
