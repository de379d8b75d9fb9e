"""Reconciliation in the manner of the ITL: states by number, what the chain's side offers, and causes in words. Pure.

    initiated -> the registry confirms -> roots compared -> totals -> unit blocks -> audit trail -> result

States and numbers are those of the Data Exchange Standards for registry systems under the Kyoto Protocol (DES).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from mutual_recognition.documents import Json
from mutual_recognition.holdings_tree import Difference, Nodes
from mutual_recognition.unit_blocks import UnitBlock


class Status(IntEnum):
    """States of a reconciliation, by the DES's numbers."""

    CONFIRMED = 0
    """The registry takes part: it answers, and nothing of its own is under way."""
    INITIATED = 1
    VALIDATED = 2
    """Both roots are the same: agreement, in one comparison."""
    TOTALS_INCONSISTENT = 3
    """A series has another number of serials on one side."""
    UNIT_BLOCKS_INCONSISTENT = 4
    """The serials themselves differ; with equal totals, serials were swapped."""
    COMPLETED = 5
    COMPLETED_WITH_MANUAL_INTERVENTION = 6
    """Both sides agree again on what was disputed, and have confirmed it."""
    START_DENIED = 7
    """The registry does not answer, or has records under way that do not settle."""
    TOTALS_BY_ACCOUNT_TYPE_INCONSISTENT = 98
    """The same number of serials of a series, but not with the same holders or in the same status."""
    MANUAL_INTERVENTION_REQUIRED = 99

    @property
    def in_words(self) -> str:
        """As a person reads it."""
        return self.name.lower().replace("_", " ")


class Cause(StrEnum):
    """Why two sides may differ, as far as their records show; the most telling one that fits."""

    BOOKED_TWICE = "booked_twice"
    TELLING = "telling"
    NEVER_TOLD = "never_told"
    REFUSED_BY_REGISTRY = "refused_by_registry"
    REPORTING = "reporting"
    HELD_BACK = "held_back"
    MISFILED = "misfiled"
    MISBOOKED = "misbooked"
    NEVER_ISSUED = "never_issued"
    LOST_IN_BOOKS = "lost_in_books"
    CHANGED_IN_BOOKS = "changed_in_books"

    @property
    def in_flight(self) -> bool:
        """Whether it will be gone by itself: nothing is in dispute, and nothing is held."""
        return self in {Cause.TELLING, Cause.REPORTING}


WORDS: Mapping[Cause, tuple[str, str]] = {
    Cause.BOOKED_TWICE: (
        "the registry's books have these serials in more than one line",
        "have the registry take the wrong line out of its books",
    ),
    Cause.TELLING: (
        "the registry is being told what happened on the chain and has not booked it yet",
        "nothing: reconcile again when it has",
    ),
    Cause.NEVER_TOLD: (
        "the registry was never told what happened on the chain: a person is to book it",
        "book what `yrdhub sync todo` lists",
    ),
    Cause.REFUSED_BY_REGISTRY: (
        "the registry refused to book what happened on the chain",
        "see why, mend it there, and have it told again with `yrdhub sync retry`",
    ),
    Cause.REPORTING: (
        "the registry has a record of this that is on its way to the chain",
        "nothing: reconcile again when it is there",
    ),
    Cause.HELD_BACK: (
        "the registry has a record of this that is held back from the chain",
        "see `yrdhub sync held` for the reason, and correct the record",
    ),
    Cause.MISFILED: (
        "the registry published a record that the chain carried out, and its own books do not follow it",
        "have the registry book what it published, or withdraw the record and undo what follows from it by ballot",
    ),
    Cause.MISBOOKED: (
        "the registry was told and said that it booked it, but its books say otherwise",
        "have the registry correct its books by the effect that it confirmed",
    ),
    Cause.NEVER_ISSUED: (
        "the registry has serials in its books that no issuance on the chain covers, and published no record of them",
        "have the registry publish the issuance, or take the serials out of its books",
    ),
    Cause.LOST_IN_BOOKS: (
        "the chain has serials that are missing in the registry's books",
        "find out whether the registry was restored from a backup; then have it book them again",
    ),
    Cause.CHANGED_IN_BOOKS: (
        "the registry's books changed without a record, or a record of it was never published",
        "have the registry publish the record, or put its books right",
    ),
}
"""What is probably wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The agreed moment: a final block, its hash (0x-hex) and its time (Unix seconds)."""

    block_number: int
    block_hash: str
    block_time: int


@dataclass(frozen=True, slots=True)
class Total:
    """Serials of a series with one holder in one status: by the registry's books, and by the chain."""

    series: bytes
    holder: int
    status: str
    registry: int
    chain: int


class ChainHoldings(Protocol):
    """The chain's side at one moment: everything it answers is of the same final block."""

    def snapshot(self) -> Snapshot: ...

    def root(self, member: int) -> bytes:
        """The member's root, 32 bytes; kept up to date, not computed when asked."""
        ...

    def series(self, member: int) -> Mapping[bytes, bytes]:
        """Series in the member's scope (12 bytes), with the hashes of their top nodes."""
        ...

    def nodes(self, member: int, series: bytes) -> Nodes: ...

    def blocks(self, series: bytes, first: int, last: int) -> Sequence[UnitBlock]:
        """Unit blocks that share a serial with the range, in order."""
        ...

    def story(self, series: bytes, first: int, last: int) -> Sequence[Mapping[str, Json]]:
        """The audit trail: what befell these serials, in order, each with block, time, member and reference."""
        ...


def stage_of(totals: Sequence[Total]) -> Status:
    """The state that the totals of series with other roots show: 3, 98, or 4 where all totals agree."""
    by_series: dict[bytes, int] = {}
    for total in totals:
        by_series[total.series] = by_series.get(total.series, 0) + total.registry - total.chain
    if any(by_series.values()):
        return Status.TOTALS_INCONSISTENT
    if any(total.registry != total.chain for total in totals):
        return Status.TOTALS_BY_ACCOUNT_TYPE_INCONSISTENT
    return Status.UNIT_BLOCKS_INCONSISTENT


def disputed_blocks(chain: ChainHoldings, series: bytes, differences: Sequence[Difference]) -> list[UnitBlock]:
    """The unit blocks of the chain with serials in dispute, each once, that could still be used: ended ones cannot."""
    found: dict[int, UnitBlock] = {}
    for difference in differences:
        for block in chain.blocks(series, difference.first, difference.last):
            if not block.status.final:
                found[block.first] = block
    return [found[first] for first in sorted(found)]
