"""Schema drift: what changed between the columns a source is known to have and those a file brings.

A rename is never assumed. A column that went and one that came are proposed as one when their names are alike or what
they hold is alike, with how sure that is; a person accepts it or not.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold

SKETCH: Final = 64
"""Smallest hashes kept of a column's values: enough to say how much two columns share, within about 6 percent."""
LIKELY: Final = 0.5


def column_key(heading: str) -> str:
    """What a heading is compared by: widths, spaces and case do not count."""
    return " ".join(fold(heading).split()).casefold()


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """A column that a source is known to have. `use` says which field it feeds, or, `unmapped`, why it feeds none."""

    heading: str
    use: str
    mapped: bool = True
    required: bool = True


@dataclass(slots=True)
class ColumnProfile:
    """What a column holds, in constant space: how full it is, of what shapes, and a sketch of its values."""

    rows: int = 0
    filled: int = 0
    numbers: int = 0
    dates: int = 0
    characters: int = 0
    _smallest: list[int] = field(default_factory=list)
    _kept: set[int] = field(default_factory=set)

    def add(self, value: str) -> None:
        """One more cell, as text; "" is an empty one."""
        self.rows += 1
        if not value:
            return
        self.filled += 1
        self.characters += len(value)
        if _NUMBER.fullmatch(value):
            self.numbers += 1
        elif _DATE.match(value):
            self.dates += 1
        hashed = int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")
        if hashed in self._kept or (len(self._smallest) == SKETCH and hashed >= -self._smallest[0]):
            return
        self._kept.add(hashed)
        if len(self._smallest) < SKETCH:
            heapq.heappush(self._smallest, -hashed)
        else:
            self._kept.discard(-heapq.heapreplace(self._smallest, -hashed))

    def to_json(self) -> Json:
        """As it is kept with a load."""
        return {
            "rows": self.rows,
            "filled": self.filled,
            "numbers": self.numbers,
            "dates": self.dates,
            "characters": self.characters,
            "sketch": [f"{value:016x}" for value in sorted(self._kept)],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> ColumnProfile:
        """From `to_json`."""
        rows, filled, numbers, dates, characters = (
            int(str(kept[name])) for name in ("rows", "filled", "numbers", "dates", "characters")
        )
        profile = cls(rows, filled, numbers, dates, characters)
        sketch = kept["sketch"]
        if isinstance(sketch, list):
            profile._kept = {int(str(value), 16) for value in sketch}
            profile._smallest = [-value for value in profile._kept]
            heapq.heapify(profile._smallest)
        return profile

    def likeness(self, other: ColumnProfile) -> float:
        """0 to 1: values in common, or, where values are all different by nature, alike in shape."""
        if not self.filled or not other.filled:
            return 0.5 if self.filled == other.filled else 0.0
        union = sorted(self._kept | other._kept)[:SKETCH]
        shared = sum(1 for value in union if value in self._kept and value in other._kept) / len(union)
        shape = 1.0 - (
            abs(self.filled / self.rows - other.filled / other.rows)
            + abs(self.numbers / self.filled - other.numbers / other.filled)
            + abs(self.dates / self.filled - other.dates / other.filled)
            + _apart(self.characters / self.filled, other.characters / other.filled)
        )
        return max(shared, 0.6 * max(shape, 0.0))


_NUMBER: Final = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[-/][0-9]{1,2}[-/][0-9]{4}", re.ASCII)


def _apart(one: float, other: float) -> float:
    return abs(one - other) / max(one, other, 1.0)


class DriftKind(StrEnum):
    """What happened to a column."""

    APPEARED = "appeared"
    DISAPPEARED = "disappeared"
    RENAMED = "renamed"
    REPEATED = "repeated"
    """Two columns of one file under one heading: which is meant cannot be known."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. Of a probable rename `old` and `new` are both given, with the evidence for it, each 0 to 1.

    `sure` weighs names and values; it is a proposal either way. `name_likeness` and `value_likeness` are None where
    there was nothing to compare with.
    """

    kind: DriftKind
    old: str = ""
    new: str = ""
    sure: float = 1.0
    name_likeness: float | None = None
    value_likeness: float | None = None

    def in_words(self) -> str:
        """One line for a person."""
        match self.kind:
            case DriftKind.APPEARED:
                return f"column {self.new!r} appeared"
            case DriftKind.DISAPPEARED:
                return f"column {self.old!r} disappeared"
            case DriftKind.REPEATED:
                return f"column {self.new!r} stands there more than once"
            case DriftKind.RENAMED:
                values = "no earlier load to compare values with"
                if self.value_likeness is not None:
                    values = f"values alike {self.value_likeness:.0%}"
                names = f"names alike {self.name_likeness or 0:.0%}"
                return f"column {self.old!r} is probably {self.new!r} now ({self.sure:.0%} sure: {names}, {values})"

    def to_json(self) -> dict[str, Json]:
        """As it is kept and told: shares in whole percent."""
        told: dict[str, Json] = {
            "kind": str(self.kind),
            "old": self.old,
            "new": self.new,
            "sure_percent": _percent(self.sure),
        }
        told["names_alike_percent"] = _percent(self.name_likeness)
        told["values_alike_percent"] = _percent(self.value_likeness)
        told["words"] = self.in_words()
        return told


def _percent(share: float | None) -> int | None:
    return None if share is None else round(100 * share)


def compare_columns(
    known: Sequence[KnownColumn],
    header: Sequence[str],
    *,
    old_values: Mapping[str, ColumnProfile] | None = None,
    new_values: Mapping[str, ColumnProfile] | None = None,
) -> list[Drift]:
    """How `header` differs from what is `known`; empty when it does not. Order of columns does not count.

    `old_values` by known heading, of the last accepted load; `new_values` by heading of this file.
    """
    expected = {column_key(column.heading): column for column in known}
    keys = [column_key(heading) for heading in header]
    repeated = [Drift(DriftKind.REPEATED, new=heading) for heading, key in _first(header, keys) if keys.count(key) > 1]
    came = [heading for heading, key in _first(header, keys) if key and key not in expected]
    went = [column for key, column in expected.items() if key not in keys]
    pairs = sorted(
        (_rename(column.heading, heading, old_values or {}, new_values or {}) for column in went for heading in came),
        key=lambda drift: -drift.sure,
    )
    renames: list[Drift] = []
    for pair in pairs:
        if pair.sure < LIKELY:
            break
        if all(pair.old != taken.old and pair.new != taken.new for taken in renames):
            renames.append(pair)
    old, new = {drift.old for drift in renames}, {drift.new for drift in renames}
    return [
        *repeated,
        *renames,
        *(Drift(DriftKind.DISAPPEARED, old=c.heading) for c in went if c.required and c.heading not in old),
        *(Drift(DriftKind.APPEARED, new=heading) for heading in came if heading not in new),
    ]


def _first(header: Sequence[str], keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    return ((heading, key) for at, (heading, key) in enumerate(zip(header, keys, strict=True)) if key not in keys[:at])


def _rename(
    old: str, new: str, old_values: Mapping[str, ColumnProfile], new_values: Mapping[str, ColumnProfile]
) -> Drift:
    names = _names_alike(old, new)
    values = None
    if old in old_values and new in new_values:
        values = old_values[old].likeness(new_values[new])
    sure = names if values is None else 0.4 * names + 0.6 * values
    return Drift(DriftKind.RENAMED, old, new, sure, names, values)


def _names_alike(old: str, new: str) -> float:
    one, other = column_key(old), column_key(new)
    letters = SequenceMatcher(None, one, other, autojunk=False).ratio()
    words, others = set(re.findall(r"\w+", one)), set(re.findall(r"\w+", other))
    shared = len(words & others) / max(min(len(words), len(others)), 1)
    return max(letters, 0.9 * shared)
