"""Personal low-carbon scenarios (减排场景): one person's one act, before any batch of them is issued.

Reductions are whole *grams* of CO2 equivalent here, since one ride saves less than a kilogram; they become kilograms
when a batch is issued. A fraction of a gram is cut off, never rounded up, and what was stated is kept beside it.
*Points* (碳能量, 绿色积分) are a platform's reward, no quantity: they are carried apart, and never added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final

from mutual_recognition.quantities import MassUnit
from mutual_recognition.refusal import Refusal

MAX_GRAMS: Final = 10**9
"""A thousand tonnes: no single act of a person saves that, so a larger figure is a wrong unit."""
_EXACT: Final = Context(prec=60)


class ScenarioRefused(Refusal):
    """A scenario record that cannot be right."""

    code = "scenario_refused"


@dataclass(frozen=True, slots=True)
class Activity:
    """One measured amount of an act (a distance, a weight), in the unit that the scenario's settings name."""

    code: str
    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRecord:
    """One act as it may be kept: by a pseudonym, on a day, without place or time of day.

    `item` and `account` are keyed digests (32 bytes) that only the city can make; `account` is empty once the person
    was forgotten. `stated` is the reduction as the platform wrote it. `project` and `platform` are its codes.
    """

    item: bytes
    account: bytes
    scenario: str
    day: date
    activity: Sequence[Activity]
    reduction_g: int
    stated: str
    points: int
    project: str
    platform: str

    @property
    def month(self) -> str:
        """YYYY-MM, at UTC+8."""
        return f"{self.day:%Y-%m}"


def grams_from(stated: str, unit: MassUnit, where: str = "") -> int:
    """Whole grams from a reduction as a platform writes it (plain decimal, zero allowed), a fraction cut off.

    Raises `ScenarioRefused`.
    """
    written = stated.strip()
    whole, point, fraction = written.partition(".")
    if not whole.isdecimal() or not whole.isascii() or (point and not (fraction.isdecimal() and fraction.isascii())):
        raise ScenarioRefused(stated, "not a plain decimal number without sign", where)
    grams = _EXACT.multiply(Decimal(written), Decimal(unit.value)) if len(written) <= 40 else Decimal(MAX_GRAMS + 1)
    if grams > MAX_GRAMS:
        raise ScenarioRefused(stated, f"more than {MAX_GRAMS:,} g for one act of one person: check the unit", where)
    return int(grams.to_integral_value(ROUND_DOWN))
