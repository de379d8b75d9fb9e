"""What the story is made of: steps with their lines, small tables and data, and the way it stops when it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.demo.cities import title_of
from hub.demo.world import Registry
from hub.errors import StopAndTell


@dataclass(frozen=True, slots=True)
class Sheet:
    """A small table. Cells that are numbers are shown with thousands commas, to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Rows as objects."""
        return {"title": self.title, "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows]}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story, as it happened."""

    name: str
    title: str
    lines: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    agrees: bool = True

    def to_json(self) -> dict[str, Any]:
        """The step as data."""
        told: dict[str, Any] = {"step": self.name, "title": self.title, "lines": list(self.lines)}
        if self.sheets:
            told["sheets"] = [sheet.to_json() for sheet in self.sheets]
        return told | {"data": dict(self.data), "agrees": self.agrees}


class StoryBroken(StopAndTell):
    """Something else happened than a law says must: the demo ends here and says what it saw."""

    default_code = "demo_unexpected"


def expect(holds: bool, what: str, seen: object) -> None:
    """Raises StoryBroken unless `holds`."""
    if not holds:
        raise StoryBroken(f"the demo expected {what}", what=seen, remedy="report this with the demo's folder")


_REGISTRY_WORDS = {
    "available": "available 可用",
    "locked": "locked 已锁定",
    "pending": "pending 待确认",
    "transferred_out": "gone to another member 已转出",
    "retired": "retired 已注销",
    "retired_elsewhere": "retired elsewhere 异地注销",
    "cut": "cut by the factor 折减",
    "corrected": "corrected 已更正",
    "cancelled": "cancelled by ballot 裁定作废",
    "cancelled_elsewhere": "cancelled elsewhere 异地作废",
}


def books_kg(registry: Registry) -> dict[tuple[int, str], int]:
    """What a registry's own books say now: kg by home member of the serials, and status in the registry's terms."""
    by_home = registry.process.holdings()["by_home_member_kg"]
    return {
        (int(home), status): kg for home, statuses in sorted(by_home.items()) for status, kg in statuses.items() if kg
    }


def books_sheet(registries: Sequence[Registry], title: str) -> Sheet:
    """The books of registries, as their own staff read them."""
    rows: list[tuple[str | int, ...]] = []
    for registry in registries:
        for (home, status), kg in books_kg(registry).items():
            rows.append((registry.city.title, title_of(home), _REGISTRY_WORDS.get(status, status), kg))
    if not rows:
        rows.append((", ".join(registry.city.title for registry in registries), "-", "nothing yet", 0))
    return Sheet(title, ("registry", "credits of", "status in its own books", "kg"), tuple(rows))


def difference_sheet(
    before: Mapping[str, Mapping[tuple[int, str], int]], registries: Sequence[Registry], title: str
) -> Sheet:
    """What changed in registries' books since `before` (by city name, as `books_kg` gave it)."""
    rows: list[tuple[str | int, ...]] = []
    for registry in registries:
        then, now = before[registry.city.name], books_kg(registry)
        for key in sorted(then.keys() | now.keys()):
            if then.get(key, 0) != now.get(key, 0):
                home, status = key
                word = _REGISTRY_WORDS.get(status, status)
                rows.append((registry.city.title, title_of(home), word, then.get(key, 0), now.get(key, 0)))
    return Sheet(title, ("registry", "credits of", "status in its own books", "kg before", "kg after"), tuple(rows))
