"""Quantities of greenhouse-gas reductions: integer kilograms of CO2 equivalent, never binary floats.

A quantity enters as text or Decimal with its unit and is made an integer number of kg exactly or refused;
nothing is rounded here. A registry's serial stands for 1 kg or for 1,000 kg (one tonne), fixed per series.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from typing import Final

from mutual_recognition.numerals import fold, parse_decimal
from mutual_recognition.refusal import Refusal

MAX_QUANTITY_KG: Final = 10**16
"""Ten thousand gigatonnes: far above any registry, below 2**63, so that a damaged number is seen for what it
is.
"""

KG_PER_SERIAL_ALLOWED: Final = (1, 1000)

_EXACT: Final = Context(prec=80, traps=[Inexact, InvalidOperation])


class QuantityRefused(Refusal):
    """A quantity that is not a whole, positive, plausible number of kilograms."""

    code = "quantity_refused"


class QuantityDisagrees(Refusal):
    """A stated quantity that is not the number of serials times the kilograms each stands for."""

    code = "quantity_disagrees_with_serials"


class MassUnit(Enum):
    """Units that registries report in; the value is how many grams one is."""

    GRAM = 1
    KILOGRAM = 1_000
    TONNE = 1_000_000

    @classmethod
    def parse(cls, text: str, where: str = "") -> MassUnit:
        """The unit named by `text` ("t", "tCO2e", "kg", "吨", ...). Raises `QuantityRefused` for an unknown
        one.
        """
        name = fold(text).replace(" ", "").replace("\u2082", "2").casefold()
        for ending in ("co2eq", "co2e", "co2"):
            name = name.removesuffix(ending)
        unit = _UNIT_NAMES.get(name)
        if unit is None:
            raise QuantityRefused(text, "unknown unit of mass: use t, kg or g (吨, 千克, 克)", where)
        return unit


_UNIT_NAMES: Final = {
    "t": MassUnit.TONNE,
    "tonne": MassUnit.TONNE,
    "tonnes": MassUnit.TONNE,
    "吨": MassUnit.TONNE,
    "公吨": MassUnit.TONNE,
    "kg": MassUnit.KILOGRAM,
    "千克": MassUnit.KILOGRAM,
    "公斤": MassUnit.KILOGRAM,
    "g": MassUnit.GRAM,
    "克": MassUnit.GRAM,
}


def kg_from(amount: Decimal | int, unit: MassUnit, where: str = "") -> int:
    """`amount` of `unit` as integer kg, exactly.

    Raises `QuantityRefused` when it is not finite, not positive, above MAX_QUANTITY_KG, or has a fraction of
    a kg.
    """
    if not isinstance(amount, (Decimal, int)):
        raise TypeError(f"a quantity is a Decimal or an int, never {type(amount).__name__}: {amount!r}")
    exact = Decimal(amount)
    if not exact.is_finite():
        raise QuantityRefused(amount, "not a finite number", where)
    if exact <= 0:
        raise QuantityRefused(amount, "a quantity must be above zero", where)
    if exact > MAX_QUANTITY_KG * 1000:
        raise QuantityRefused(amount, f"above {MAX_QUANTITY_KG:,} kg", where)
    try:
        grams = _EXACT.multiply(exact, Decimal(unit.value))
    except Inexact:
        raise QuantityRefused(amount, "more digits than any quantity has", where) from None
    kg, rest = divmod(grams, 1000)
    if rest:
        raise QuantityRefused(amount, f"not a whole number of kg when read in {unit.name.lower()}s", where)
    if kg > MAX_QUANTITY_KG:
        raise QuantityRefused(amount, f"above {MAX_QUANTITY_KG:,} kg", where)
    return int(kg)


def parse_kg(text: str, unit: MassUnit, where: str = "") -> int:
    """Integer kg from `text` as a registry wrote it ("1,234.5", "１２３４", "1 234"), read in `unit`.

    Raises `QuantityRefused` with the value, the reason and `where`.
    """
    try:
        amount = parse_decimal(text, where)
    except Refusal as refused:
        raise QuantityRefused(text, refused.reason, where) from None
    return kg_from(amount, unit, where)


def tonnes(kg: int) -> Decimal:
    """`kg` in tonnes, exactly."""
    return Decimal(kg).scaleb(-3, _EXACT)


def tonnes_text(kg: int) -> str:
    """`kg` in tonnes for people: thousands grouped, no trailing zeros ("2,416,896,868", "0.48")."""
    whole, rest = divmod(abs(kg), 1000)
    sign = "-" if kg < 0 else ""
    return f"{sign}{whole:,}" + (f".{rest:03d}".rstrip("0") if rest else "")


def check_kg_per_serial(kg_per_serial: int, where: str = "") -> int:
    """`kg_per_serial` back when a series may have it (1 or 1000); raises `QuantityRefused` otherwise."""
    if kg_per_serial not in KG_PER_SERIAL_ALLOWED:
        raise QuantityRefused(kg_per_serial, "a serial stands for 1 kg or 1000 kg", where)
    return kg_per_serial


def kg_of_serials(count: int, kg_per_serial: int, where: str = "") -> int:
    """The kg that `count` serials stand for. Raises `QuantityRefused` for none or too many of them."""
    return kg_from(count * check_kg_per_serial(kg_per_serial, where), MassUnit.KILOGRAM, where)


def serials_of_kg(kg: int, kg_per_serial: int, where: str = "") -> int:
    """How many serials `kg` fills exactly; raises `QuantityRefused` if a rest stays or it is not positive."""
    if kg <= 0:
        raise QuantityRefused(kg, "a quantity must be above zero", where)
    count, rest = divmod(kg, check_kg_per_serial(kg_per_serial, where))
    if rest:
        raise QuantityRefused(kg, f"not a whole number of serials of {kg_per_serial} kg", where)
    return count


def check_agrees(stated_kg: int, count: int, kg_per_serial: int, where: str = "") -> None:
    """Raises `QuantityDisagrees` unless `stated_kg` is exactly what `count` serials stand for."""
    by_range = kg_of_serials(count, kg_per_serial, where)
    if stated_kg != by_range:
        reason = (
            f"the stated quantity is {stated_kg} kg, its range of {count} serials stands for {by_range} kg: "
            "correct the quantity or the range at the registry"
        )
        raise QuantityDisagrees(stated_kg, reason, where)
