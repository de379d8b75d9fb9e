"""Numbers as registries write them are read exactly or refused with the value and the reason."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.numerals import fold, parse_decimal, parse_whole
from mutual_recognition.refusal import Refusal


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("434716", 434716),
        ("2,416,896,868", 2_416_896_868),
        ("2，416，896", 2_416_896),
        ("\u00a0434\u202f716\u00a0", 434716),
        ("４３４７１６", 434716),
        ("\ufeff00012", 12),
    ],
)
def test_whole_number__as_registries_write_it__is_read(written: str, number: int) -> None:
    assert parse_whole(written) == number


@pytest.mark.parametrize(
    "written", ["", "1,23", "12,3456", "1.5", "-1", "+1", "10²", "①", "٣", "1e3", "9" * 41, "1 23"]
)
def test_whole_number__anything_else__refused_with_value_and_place(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_whole(written, "a.csv row 7 field quantity")
    assert refused.value.value == written[:200]
    assert "a.csv row 7 field quantity" in str(refused.value)


@given(st.integers(0, 10**29))
def test_whole_number__grouped_by_any_separator__reads_back(number: int) -> None:
    for separator in (",", " ", "\u00a0", "，"):
        assert parse_whole(f"{number:,}".replace(",", separator)) == number


@given(st.decimals(min_value=0, max_value=10**15, places=6, allow_nan=False))
def test_decimal__written_plainly__reads_back_exactly(number: Decimal) -> None:
    assert parse_decimal(f"{number:,f}") == number


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1.2E+09", "exponent"),
        ("-3", "negative"),
        ("", "empty"),
        ("1,5", "not a number"),
        ("NaN", "not a number"),
    ],
)
def test_decimal__refusal__says_which_rule(written: str, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        parse_decimal(written)


def test_fold__does_not_turn_superscripts_into_digits() -> None:
    assert fold("１0²") == "10²"
