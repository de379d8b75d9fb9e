"""Methodology definitions compute the published figures, exactly, and refuse what cannot be computed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.definitions import Definition, DefinitionRefused, evaluate

PV: dict[str, Any] = {
    "inputs": {"generation": {"unit": "kWh"}},
    "parameters": {
        "factor": {
            "unit": "kg/kWh",
            "source": "沪环气候〔2024〕45号",
            "values": [
                {"from": "2024-04-01", "until": "2025-12-31", "value": "0.42"},
                {"from": "2026-01-01", "value": "0.40"},
            ],
        }
    },
    "formula": "generation * factor",
}
IN_2024 = date(2024, 12, 31)


@pytest.mark.parametrize(("kwh", "kg"), [("1100000", 462_000), ("467000", 196_140)])
def test_evaluate__published_check_values__same_kilograms(kwh: str, kg: int) -> None:
    assert evaluate(Definition.parse(PV), {"generation": Decimal(kwh)}, IN_2024).kg == kg


def test_evaluate__another_day__the_value_in_effect_then() -> None:
    result = evaluate(Definition.parse(PV), {"generation": Decimal(1000)}, date(2026, 1, 1))
    assert (result.kg, result.parameters) == (400, {"factor": Decimal("0.40")})


def test_evaluate__a_day_without_a_value__refused_not_guessed() -> None:
    with pytest.raises(DefinitionRefused, match=r"factor has no value.*day"):
        evaluate(Definition.parse(PV), {"generation": Decimal(1000)}, date(2024, 3, 31))


def test_evaluate__literals__are_decimals() -> None:
    tenth = PV | {"formula": "generation * 0.1 + generation * 0.2", "parameters": {}}
    assert evaluate(Definition.parse(tenth), {"generation": Decimal(3)}, IN_2024).exact_kg == Decimal("0.9")


@given(st.decimals(min_value=0, max_value=10**9, places=3))
def test_evaluate__any_generation__never_more_than_exact(kwh: Decimal) -> None:
    result = evaluate(Definition.parse(PV), {"generation": kwh}, IN_2024)
    assert 0 <= result.exact_kg - result.kg < 1
    assert result.exact_kg == kwh * Decimal("0.42")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"formula": "generation * other"}, "names other"),
        ({"formula": "generation ** 999999999"}, "Pow"),
        ({"formula": "generation.real"}, "Attribute"),
        ({"formula": "__import__('os')"}, "formula"),
        ({"formula": "generation *"}, "cannot be read"),
        ({"formula": "generation * True"}, "no number"),
        ({"parameters": {"generation": PV["parameters"]["factor"]}}, "both an input and a parameter"),
        ({"extra": 1}, "extra"),
    ],
)
def test_parse__malformed__refused_by_name(change: dict[str, Any], says: str) -> None:
    with pytest.raises(DefinitionRefused, match=says):
        Definition.parse(PV | change)


def test_parse__overlapping_values__refused() -> None:
    twice = {"unit": "kg/kWh", "values": [{"from": "2024-01-01", "value": "1"}, {"from": "2025-01-01", "value": "2"}]}
    with pytest.raises(DefinitionRefused, match="two values are in effect on 2025-01-01"):
        Definition.parse(PV | {"parameters": {"factor": twice}})


def test_parse__a_number_that_is_no_text__refused() -> None:
    binary = {"unit": "kg/kWh", "values": [{"from": "2024-01-01", "value": 0.42}]}
    with pytest.raises(DefinitionRefused, match="decimal string"):
        Definition.parse(PV | {"parameters": {"factor": binary}})


@pytest.mark.parametrize(
    ("activity", "says"),
    [
        ({}, "not given"),
        ({"generation": Decimal(1), "wind": Decimal(1)}, "no input"),
        ({"generation": Decimal("NaN")}, "finite"),
        ({"generation": Decimal(-1)}, "below zero"),
    ],
)
def test_evaluate__unfit_activity__refused(activity: dict[str, Decimal], says: str) -> None:
    with pytest.raises(DefinitionRefused, match=says):
        evaluate(Definition.parse(PV), activity, IN_2024)


def test_evaluate__division_by_zero__refused() -> None:
    divided = PV | {"formula": "generation / (factor - factor)"}
    with pytest.raises(DefinitionRefused, match="cannot be computed"):
        evaluate(Definition.parse(divided), {"generation": Decimal(1)}, IN_2024)
