"""An ordered set of disjoint serial ranges of one series, with neighbours found quickly.

The ledger checks a new range against its neighbours alone, given its predecessor as a hint; this is where the
hint comes from. Ranges are kept in chunks of at most 2 x CHUNK, so that finding costs two bisections, O(log
n), and adding or removing also moves at most one chunk and, once in about CHUNK additions, the list of
chunks: 10**6 ranges stay below 10 us a change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from mutual_recognition.serials import RangeNotHeld, RangeOverlaps, SerialRange, Split

CHUNK: Final = 512


class SerialIndex:
    """Disjoint `SerialRange`s in serial order. Not safe for use by several threads at once."""

    def __init__(self, ranges: Iterable[SerialRange] = ()) -> None:
        """Starts with `ranges`, in any order; O(n log n). Raises RangeOverlaps when two of them share
        serials.
        """
        ordered = sorted(ranges)
        for left, right in pairwise(ordered):
            if right.first <= left.last:
                raise RangeOverlaps(right, f"overlaps {left}", existing=left)
        self._chunks: list[list[SerialRange]] = [ordered[at : at + CHUNK] for at in range(0, len(ordered), CHUNK)]
        self._firsts: list[list[int]] = [[held.first for held in chunk] for chunk in self._chunks]
        self._lowest: list[int] = [firsts[0] for firsts in self._firsts]
        self._size = len(ordered)
        self._serials = sum(held.count for held in ordered)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[SerialRange]:
        for chunk in self._chunks:
            yield from chunk

    def __contains__(self, held: SerialRange) -> bool:
        return self.containing(held.first) == held

    @property
    def serials(self) -> int:
        """How many serials all the ranges hold together."""
        return self._serials

    def at_or_below(self, serial: int) -> SerialRange | None:
        """The range with the highest first serial that is not above `serial`."""
        chunk, at = self._locate(serial)
        return self._chunks[chunk][at] if chunk >= 0 else None

    def predecessor(self, first: int) -> SerialRange | None:
        """The range that starts last before `first`: the hint the ledger asks for with a range that starts at
        `first`.
        """
        return self.at_or_below(first - 1)

    def successor(self, first: int) -> SerialRange | None:
        """The range that starts first after `first`."""
        chunk, at = self._locate(first)
        if chunk < 0:
            return self._chunks[0][0] if self._chunks else None
        if at + 1 < len(self._chunks[chunk]):
            return self._chunks[chunk][at + 1]
        return self._chunks[chunk + 1][0] if chunk + 1 < len(self._chunks) else None

    def containing(self, serial: int) -> SerialRange | None:
        """The range that holds `serial`."""
        held = self.at_or_below(serial)
        return held if held is not None and serial <= held.last else None

    def covering(self, part: SerialRange) -> SerialRange | None:
        """The one range that holds every serial of `part`."""
        held = self.containing(part.first)
        return held if held is not None and part.last <= held.last else None

    def overlapping(self, part: SerialRange) -> Iterator[SerialRange]:
        """The ranges that share a serial with `part`, in serial order; O(log n) each."""
        held = self.containing(part.first) or self.successor(part.first)
        while held is not None and held.first <= part.last:
            yield held
            held = self.successor(held.first)

    def add(self, new: SerialRange) -> SerialRange | None:
        """Adds `new` and returns its predecessor, None when it has none.

        Raises RangeOverlaps, naming the range that holds some of its serials already; the index is then
        unchanged.
        """
        before = self.at_or_below(new.first)
        if before is not None and before.last >= new.first:
            raise RangeOverlaps(new, f"overlaps {before}", existing=before)
        after = self.successor(new.first)
        if after is not None and after.first <= new.last:
            raise RangeOverlaps(new, f"overlaps {after}", existing=after)
        self._insert(new)
        return before

    def remove(self, held: SerialRange) -> None:
        """Takes out `held`; raises RangeNotHeld unless exactly that range is in."""
        chunk, at = self._locate(held.first)
        if chunk < 0 or self._chunks[chunk][at] != held:
            raise RangeNotHeld(held, "not in the index as one range")
        del self._chunks[chunk][at], self._firsts[chunk][at]
        if self._chunks[chunk]:
            self._lowest[chunk] = self._firsts[chunk][0]
        else:
            del self._chunks[chunk], self._firsts[chunk], self._lowest[chunk]
        self._size -= 1
        self._serials -= held.count

    def split(self, part: SerialRange) -> Split:
        """Replaces the range that covers `part` by its head, `part` and its tail, and returns the pieces.

        Raises RangeNotHeld when no single range covers `part`; the index is then unchanged.
        """
        held = self.covering(part)
        if held is None:
            raise RangeNotHeld(part, "no single range in the index covers it")
        pieces = held.split(part)
        self.remove(held)
        for piece in pieces.pieces:
            self._insert(piece)
        return pieces

    def _locate(self, serial: int) -> tuple[int, int]:
        """Chunk and place of the range with the highest first not above `serial`; (-1, -1) when there is
        none.
        """
        chunk = bisect_right(self._lowest, serial) - 1
        if chunk < 0:
            return -1, -1
        return chunk, bisect_right(self._firsts[chunk], serial) - 1

    def _insert(self, new: SerialRange) -> None:
        self._size += 1
        self._serials += new.count
        if not self._chunks:
            self._chunks, self._firsts, self._lowest = [[new]], [[new.first]], [new.first]
            return
        chunk = max(bisect_right(self._lowest, new.first) - 1, 0)
        ranges, firsts = self._chunks[chunk], self._firsts[chunk]
        at = bisect_right(firsts, new.first)
        ranges.insert(at, new)
        firsts.insert(at, new.first)
        self._lowest[chunk] = firsts[0]
        if len(ranges) > 2 * CHUNK:
            self._chunks.insert(chunk + 1, ranges[CHUNK:])
            self._firsts.insert(chunk + 1, firsts[CHUNK:])
            self._lowest.insert(chunk + 1, firsts[CHUNK])
            del ranges[CHUNK:], firsts[CHUNK:]
