"""What two sides compare when they reconcile: where each serial is, as a member's registry can know it. Pure.

In a member's scope are every serial of its own series, wherever it is, and every serial of others that it holds or is
sent. Three things are seen alike on both sides:

* A serial on its way to the member is *pending* there, whoever sends it; one that the member sends is *in transit*.
* Of its own serials that others hold, a home registry is told who holds them and how they end, not what they do with
  them meanwhile: there, whatever is not final counts as *available*.
* A pledge is between the holder and an institution, on the chain alone, like a hold; no registry is told. It counts as
  *available*.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from mutual_recognition.holdings_tree import Place, Run, joined
from mutual_recognition.unit_blocks import BlockStatus

STATUSES: Final = ("available", "in_transit", "pending", "retired", "cancelled")
"""Statuses of a canonical state."""
CONTRADICTION: Final = "contradiction"
"""Status of serials that a registry's books have in more than one line; no chain ever says this."""

_FINAL = frozenset({"retired", "cancelled"})
_WORD = {
    BlockStatus.AVAILABLE: "available",
    BlockStatus.IN_TRANSIT: "in_transit",
    BlockStatus.PLEDGED: "pledged",
    BlockStatus.RETIRED: "retired",
    BlockStatus.CANCELLED: "cancelled",
}

Line: TypeAlias = "tuple[int, int, int, str]"
"""First serial, last serial, holder, status: a line of a registry's books, put by `as_seen`."""


def as_seen(member: int, home: int, holder: int, status: str) -> Place | None:
    """Where `member` has serials of a series of `home` that are with `holder`; None where they are not its concern.

    `status` is one of the protocol's (`adapters.protocol.STATUSES`).
    """
    if status == "pledged":
        status = "available"
    if holder == member:
        return Place(member, status)
    if home == member:
        return Place(holder, status if status in _FINAL else "available")
    return None


def of_block(member: int, home: int, holder: int, status: int, destination: int) -> Place | None:
    """The same of a unit block of the chain; `destination`: the member it is on its way to, 0 for none."""
    if destination == member:
        return Place(member, "pending")
    return as_seen(member, home, holder, _WORD[BlockStatus(status)])


def runs_of(member: int, lines: Iterable[Line]) -> Iterator[Run]:
    """The runs of one series from lines in the order of their first serial.

    Serials that stand in several lines are a contradiction, even when the lines agree: they would be counted twice.
    Memory holds as many lines as overlap at one serial.
    """
    return joined(_swept(member, lines))


def _swept(member: int, lines: Iterable[Line]) -> Iterator[Run]:
    open_lines: list[tuple[int, int, str]] = []
    at = 0
    for first, last, holder, status in lines:
        if open_lines:
            yield from _until(first - 1, at, open_lines, member)
        at = first
        heapq.heappush(open_lines, (last, holder, status))
    if open_lines:
        yield from _until(None, at, open_lines, member)


def _until(end: int | None, at: int, open_lines: list[tuple[int, int, str]], member: int) -> Iterator[Run]:
    """Runs from `at` to `end` by the lines that are open there; closes the lines that end."""
    while open_lines and (end is None or at <= end):
        nearest, holder, status = open_lines[0]
        last = nearest if end is None else min(nearest, end)
        if last >= at:
            place = Place(holder, status) if len(open_lines) == 1 else Place(member, CONTRADICTION)
            yield Run(at, last, place)
            at = last + 1
        while open_lines and open_lines[0][0] < at:
            heapq.heappop(open_lines)
