"""The books as they will be once everything planned is on the chain: the final chain with an overlay in memory.

Writes are planned faster than blocks become final, and each may lean on the one before (a predecessor hint, a block
that was
split). The overlay carries what was planned; when the chain refuses something, or nothing is outstanding, it's
dropped and the
final chain alone counts again.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mutual_recognition.books import Books, IssuedRange, ProjectState
from mutual_recognition.unit_blocks import BlockStatus, UnitBlock, carve

T = TypeVar("T")


@dataclass(slots=True)
class _Ordered(Generic[T]):
    """Values by an integer key, with the nearest key below."""

    keys: list[int] = field(default_factory=list)
    values: dict[int, T] = field(default_factory=dict)

    def put(self, key: int, value: T) -> None:
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def at_or_below(self, key: int) -> int | None:
        place = bisect_right(self.keys, key)
        return self.keys[place - 1] if place else None


class PlannedBooks:
    """Answers like `Books`, for what planning asks, with planned writes counted in."""

    def __init__(self, final: Books) -> None:
        self._final = final
        self.drop()

    def drop(self) -> None:
        """Forgets everything planned."""
        self.size = 0
        """Writes counted in since then: what this takes of memory."""
        self._documents: dict[bytes, bytes] = {}
        self._projects: dict[bytes, ProjectState] = {}
        self._series: dict[bytes, int] = {}
        self._final_series: dict[bytes, int] = {}
        self._verifications: dict[bytes, int] = {}
        self._origins: dict[bytes, IssuedRange] = {}
        self._transfers: set[bytes] = set()
        self._issuances: defaultdict[bytes, _Ordered[IssuedRange]] = defaultdict(_Ordered)
        self._periods: defaultdict[bytes, _Ordered[int]] = defaultdict(_Ordered)
        self._blocks: defaultdict[bytes, _Ordered[UnitBlock]] = defaultdict(_Ordered)

    # ---------------------------------------------------------------- questions

    def methodology_document(self, methodology: bytes) -> bytes | None:
        return self._documents.get(methodology) or self._final.methodology_document(methodology)

    def project(self, project: bytes) -> ProjectState | None:
        return self._projects.get(project) or self._final.project(project)

    def kg_per_serial(self, series: bytes) -> int | None:
        known = self._series.get(series) or self._final_series.get(series)
        if known is None and (known := self._final.kg_per_serial(series)) is not None:
            self._final_series[series] = known
        return known

    def has_verification(self, verification: bytes) -> bool:
        return self.verified_kg(verification) is not None

    def verified_kg(self, verification: bytes) -> int | None:
        known = self._verifications.get(verification)
        return self._final.verified_kg(verification) if known is None else known

    def has_transfer(self, transfer: bytes) -> bool:
        return transfer in self._transfers or self._final.has_transfer(transfer)

    def issuance(self, series: bytes, first: int) -> IssuedRange | None:
        return self._issuances[series].values.get(first) or self._final.issuance(series, first)

    def planned_under(self, origin: bytes) -> IssuedRange | None:
        """The issuance that is planned, and not yet on the chain, under an origin record of the registry's."""
        return self._origins.get(origin)

    def issuance_before(self, series: bytes, first: int) -> int:
        planned = self._issuances[series].at_or_below(first - 1) or 0
        return max(planned, self._final.issuance_before(series, first))

    def period_before(self, project: bytes, day: int) -> int:
        planned = self._periods[project].at_or_below(day - 1) or 0
        return max(planned, self._final.period_before(project, day))

    def block_at(self, series: bytes, serial: int) -> UnitBlock | None:
        planned = self._blocks[series]
        near = planned.at_or_below(serial)
        if near is not None and serial <= planned.values[near].last:
            return planned.values[near]
        final = self._final.block_at(series, serial)
        # a block is only ever split: where both know a start, the nearer one is newer, and the overlay newest
        if near is not None and (final is None or near >= final.first):
            return planned.values[near]
        return final

    # ---------------------------------------------------------------- what is planned

    def plan_methodology(self, methodology: bytes, document: bytes) -> None:
        self.size += 1
        self._documents[methodology] = document

    def plan_project(self, project: bytes, state: ProjectState) -> None:
        self.size += 1
        self._projects[project] = state

    def plan_series(self, series: bytes, kg_per_serial: int) -> None:
        self.size += 1
        self._series[series] = kg_per_serial

    def plan_verification(self, verification: bytes, verified_kg: int, project: bytes, start_day: int) -> None:
        self.size += 1
        self._verifications[verification] = verified_kg
        if start_day:
            self._periods[project].put(start_day, start_day)

    def plan_issuance(self, series: bytes, issued: IssuedRange, holder: int) -> None:
        self.size += 1
        self._issuances[series].put(issued.first, issued)
        self._origins[issued.origin] = issued
        self._blocks[series].put(issued.first, UnitBlock(issued.first, issued.last, issued.first, holder))

    def plan_transfer(self, transfer: bytes) -> None:
        self.size += 1
        self._transfers.add(transfer)

    def plan_part(self, series: bytes, block: UnitBlock, first: int, last: int, status: BlockStatus) -> None:
        """The part [first, last] of `block` will have `status`; what remains of it stays as it is."""
        self.size += 1
        part, rest = carve(block, first, last)
        blocks = self._blocks[series]
        for piece in (*rest, part.with_status(status)):
            blocks.put(piece.first, piece)
