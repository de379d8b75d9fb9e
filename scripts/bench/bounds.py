"""A measured figure beside the bound it has to keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """On which side of its bound a figure has to be; the bound itself is good enough."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Bound:
    """`measured` is to be `side` of `limit`, both in `unit`."""

    name: str
    measured: float
    side: Side
    limit: float
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether the figure is within its bound."""
        return self.measured <= self.limit if self.side is Side.AT_MOST else self.measured >= self.limit

    def to_json(self) -> dict[str, object]:
        """As --json prints it."""
        return {
            "name": self.name,
            "measured": round(self.measured, 3),
            "bound": f"{self.side.value} {self.limit:g}{self.unit}",
            "kept": self.kept,
        }
