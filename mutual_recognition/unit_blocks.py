"""Unit blocks: what happens to a map of serial ranges when the ledger's operations touch them. Pure.

The chain's events name the block that was touched and the part of it; what remains follows from the rules of
`ICreditLedger` and is written here once, for the hub's index and for an adapter's own books alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from mutual_recognition.serials import RangeNotHeld, SerialRange

FULL_FACTOR_PPM = 1_000_000


class BlockStatus(IntEnum):
    """`ICreditLedger.BlockStatus`. Held is a mark beside the first three, not a status."""

    AVAILABLE = 1
    IN_TRANSIT = 2
    PLEDGED = 3
    RETIRED = 4
    CANCELLED = 5

    @property
    def final(self) -> bool:
        return self >= BlockStatus.RETIRED


@dataclass(frozen=True, slots=True)
class UnitBlock:
    """One block of a series; fields as in `ICreditLedger.UnitBlock`. `purpose` and `compliance_year` are 0 until
    final."""

    first: int
    last: int
    issuance: int
    holder: int
    status: BlockStatus = BlockStatus.AVAILABLE
    holds: int = 0
    factor_ppm: int = FULL_FACTOR_PPM
    entry: int = 0
    purpose: int = 0
    compliance_year: int = 0

    @property
    def serials(self) -> int:
        return self.last - self.first + 1

    def with_status(self, status: BlockStatus) -> UnitBlock:
        """The same block with another status."""
        return replace(self, status=status)


def carve(block: UnitBlock, first: int, last: int) -> tuple[UnitBlock, list[UnitBlock]]:
    """The part [first, last] of `block` as a block of its own, and the one to two blocks that stay as they were.

    Raises `RangeNotHeld` when the part does not lie inside the block.
    """
    if not block.first <= first <= last <= block.last:
        held = SerialRange(block.first, block.last)
        raise RangeNotHeld(f"{first} - {last}", f"is not inside the block {held}")
    rest = []
    if block.first < first:
        rest.append(replace(block, last=first - 1))
    if last < block.last:
        rest.append(replace(block, first=last + 1))
    return replace(block, first=first, last=last), rest


def kept_serials(serials: int, factor_ppm: int, applied_ppm: int) -> int:
    """How many of `serials`, already cut to `applied_ppm`, stay when `factor_ppm` applies too: only the difference
    is cut,
    the kept quantity rounded down to whole serials. 0 means that nothing would stay (the ledger refuses that).
    """
    lowest = min(factor_ppm, applied_ppm)
    return serials * lowest // applied_ppm
