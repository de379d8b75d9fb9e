"""Unit blocks as CAD Trust writes them: two texts. What number they hold, which blocks repeat, which overlap.

The service itself keys a unit by a random UUID alone, so that one block uploaded twice is two units of it (README.md,
"Hazards"). Here a block is known by what it says: whose serials, of which project, from where to where.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from adapters.transports.tables import Cell, Source
from mutual_recognition.serials import SerialRange, SerialRefused, find_overlaps

_SERIAL: Final = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class BlockEnds:
    """A block read: the text before the numbers, and the range; `why_not` where it is none."""

    prefix: str = ""
    serials: SerialRange | None = None
    why_not: str = ""


def block_ends(start: Cell, end: Cell) -> BlockEnds:
    """Reads unitBlockStart and unitBlockEnd: text that ends in digits, the same before them in both."""
    first, last = (_SERIAL.fullmatch(str(value).strip()) if value is not None else None for value in (start, end))
    if first is None or last is None:
        return BlockEnds(why_not="a block's ends are text that ends in digits")
    if first[1] != last[1]:
        return BlockEnds(why_not="the texts before the numbers differ, so that it is no range of one series")
    try:
        return BlockEnds(first[1], SerialRange(int(first[2]), int(last[2])))
    except SerialRefused as refused:
        return BlockEnds(first[1], why_not=refused.reason)


def tonnes_agree(count: Decimal, serials: SerialRange) -> bool:
    """Whether the stated tonnes are the serials at 1 t or at 1 kg each."""
    return count in {Decimal(serials.count), Decimal(serials.count) / 1000}


_WHOSE: Final = ("projectId", "issuanceId", "countryJurisdictionOfOwner")
_STATED: Final = ("unitCount", "unitStatus", "vintageYear", "unitOwner")


@dataclass(frozen=True, slots=True)
class SeenTwice:
    """A block that stands in the file again. `same`: what it states of count, status, vintage and owner is equal."""

    again: Source
    first_seen: Source
    block: str
    same: bool


class BlockBook:
    """The blocks of one file, for repeats and overlaps. Holds a digest and a range a block: about 250 bytes each."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[Source, bytes]] = {}
        self._ranges: dict[str, list[tuple[Source, SerialRange]]] = {}

    def enter(self, source: Source, values: Mapping[str, Cell], ends: BlockEnds) -> SeenTwice | None:
        """Takes a unit in; what it repeats, if it does."""
        whose = "\x1f".join(str(values.get(name) or "") for name in _WHOSE)
        block = f"{values.get('unitBlockStart')} - {values.get('unitBlockEnd')}"
        key = hashlib.sha256(f"{whose}\x1f{block}".encode()).digest()[:16]
        stated = hashlib.sha256("\x1f".join(str(values.get(name)) for name in _STATED).encode()).digest()[:8]
        if key in self._seen:
            first_seen, stated_first = self._seen[key]
            return SeenTwice(source, first_seen, block, stated == stated_first)
        self._seen[key] = source, stated
        if ends.serials is not None:
            space = "\x1f".join((ends.prefix, str(values.get("countryJurisdictionOfOwner") or "")))
            self._ranges.setdefault(space, []).append((source, ends.serials))
        return None

    def overlaps(self) -> Iterator[tuple[Source, Source, SerialRange]]:
        """Pairs of blocks that share serials: the same text before the numbers, the same jurisdiction of the owner."""
        for ranges in self._ranges.values():
            for found in find_overlaps((source, serials) for source, serials in ranges):
                yield found.left, found.right, found.shared
