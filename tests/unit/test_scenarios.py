"""Grams of one act: exactly as stated but for a fraction, which is cut off; never a guess at what was meant."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.quantities import MassUnit
from mutual_recognition.scenarios import MAX_GRAMS, ScenarioRecord, ScenarioRefused, grams_from


@pytest.mark.parametrize(
    ("stated", "unit", "grams"),
    [
        ("421.75", MassUnit.GRAM, 421),
        ("0.999999", MassUnit.GRAM, 0),
        ("0.421750", MassUnit.KILOGRAM, 421),
        ("12", MassUnit.KILOGRAM, 12_000),
        ("0.000001", MassUnit.TONNE, 1),
        (" 0 ", MassUnit.GRAM, 0),
    ],
)
def test_grams__a_fraction_is_cut_off(stated: str, unit: MassUnit, grams: int) -> None:
    assert grams_from(stated, unit) == grams


@pytest.mark.parametrize("stated", ["", "-1", "+1", "1e3", "1,000", ".5", "1.", "NaN", "１２", "1 2", "9" * 41])
def test_grams__of_what_is_no_plain_number__is_refused(stated: str) -> None:
    with pytest.raises(ScenarioRefused):
        grams_from(stated, MassUnit.GRAM)


def test_grams__above_what_one_act_can_save__is_refused() -> None:
    assert grams_from(str(MAX_GRAMS), MassUnit.GRAM) == MAX_GRAMS
    with pytest.raises(ScenarioRefused):
        grams_from(str(MAX_GRAMS + 1), MassUnit.GRAM)


@given(st.integers(0, MAX_GRAMS - 1), st.integers(0, 999_999))
def test_grams__never_exceed_what_was_stated(whole: int, millionths: int) -> None:
    assert grams_from(f"{whole}.{millionths:06d}", MassUnit.GRAM) == whole


def test_month__is_that_of_the_day() -> None:
    record = ScenarioRecord(
        item=b"i" * 32,
        account=b"",
        scenario="DEMO",
        day=date(2026, 3, 31),
        activity=(),
        reduction_g=1,
        stated="1 g",
        points=0,
        project="",
        platform="Self",
    )
    assert record.month == "2026-03"
