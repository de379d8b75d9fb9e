"""Quantities are exact integer kilograms or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.quantities import (
    MAX_QUANTITY_KG,
    MassUnit,
    QuantityDisagrees,
    QuantityRefused,
    check_agrees,
    kg_from,
    kg_of_serials,
    parse_kg,
    serials_of_kg,
    tonnes,
    tonnes_text,
)


@pytest.mark.parametrize(
    ("written", "unit", "kg"),
    [
        ("434,716", MassUnit.TONNE, 434_716_000),
        ("196.14", MassUnit.TONNE, 196_140),
        ("0.001", MassUnit.TONNE, 1),
        ("１，２３４.5", MassUnit.TONNE, 1_234_500),
        ("1\u00a0234", MassUnit.KILOGRAM, 1234),
        ("5000", MassUnit.GRAM, 5),
    ],
)
def test_quantity__in_its_unit__is_exact_kg(written: str, unit: MassUnit, kg: int) -> None:
    assert parse_kg(written, unit) == kg


@pytest.mark.parametrize(
    ("written", "unit", "said"),
    [
        ("0.0005", MassUnit.TONNE, "whole number of kg"),
        ("1.5", MassUnit.KILOGRAM, "whole number of kg"),
        ("1500", MassUnit.GRAM, "whole number of kg"),
        ("0", MassUnit.TONNE, "above zero"),
        ("-1", MassUnit.TONNE, "negative"),
        ("2.4E+09", MassUnit.TONNE, "exponent"),
        ("10000000000001", MassUnit.TONNE, "above 10,000,000,000,000,000 kg"),
        ("9" * 40, MassUnit.GRAM, "above"),
    ],
)
def test_quantity__not_a_whole_plausible_number_of_kg__refused(written: str, unit: MassUnit, said: str) -> None:
    with pytest.raises(QuantityRefused, match=said) as refused:
        parse_kg(written, unit, "issuances.xlsx row 5 field Total")
    assert refused.value.where == "issuances.xlsx row 5 field Total"


def test_quantity__binary_float__is_a_type_error() -> None:
    unsafe: Any = 0.1
    with pytest.raises(TypeError, match="never float"):
        kg_from(unsafe, MassUnit.TONNE)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("Infinity")])
def test_quantity__not_finite__refused(amount: Decimal) -> None:
    with pytest.raises(QuantityRefused, match="finite"):
        kg_from(amount, MassUnit.TONNE)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("tCO2e", MassUnit.TONNE),
        ("t CO₂e", MassUnit.TONNE),
        ("吨", MassUnit.TONNE),
        ("kgCO2", MassUnit.KILOGRAM),
        ("千克", MassUnit.KILOGRAM),
        ("克", MassUnit.GRAM),
    ],
)
def test_unit__by_its_usual_names(name: str, unit: MassUnit) -> None:
    assert MassUnit.parse(name) is unit


@pytest.mark.parametrize("name", ["", "lb", "ton", "MWh"])
def test_unit__unknown_name__refused(name: str) -> None:
    with pytest.raises(QuantityRefused, match="unknown unit"):
        MassUnit.parse(name)


@given(st.integers(1, MAX_QUANTITY_KG))
def test_quantity__kg_to_tonnes_and_back__is_the_same(kg: int) -> None:
    assert kg_from(tonnes(kg), MassUnit.TONNE) == kg
    assert parse_kg(tonnes_text(kg), MassUnit.TONNE) == kg


@given(st.integers(1, 10**13), st.sampled_from([1, 1000]))
def test_serials__count_to_kg_and_back__is_the_same(count: int, kg_per_serial: int) -> None:
    assert serials_of_kg(kg_of_serials(count, kg_per_serial), kg_per_serial) == count


def test_serials__kg_that_fill_no_whole_serial__refused() -> None:
    with pytest.raises(QuantityRefused, match="serials of 1000 kg"):
        serials_of_kg(1500, 1000)
    with pytest.raises(QuantityRefused, match="1 kg or 1000 kg"):
        kg_of_serials(5, 10)


def test_quantity__disagrees_with_its_range__refused_with_both_figures() -> None:
    check_agrees(2_210_000, 2210, 1000)
    with pytest.raises(QuantityDisagrees, match=r"2210000 kg, its range of 2209 serials stands for 2209000 kg"):
        check_agrees(2_210_000, 2209, 1000)
