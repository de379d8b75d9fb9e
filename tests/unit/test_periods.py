"""Periods are whole days, both ends included; days and years are those of UTC+8."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.periods import (
    MAX_DAY_NUMBER,
    DateLayout,
    Period,
    PeriodRefused,
    calendar_year_of_timestamp,
    calendar_year_utc8,
    day_from_number,
    day_number,
    day_utc8,
    find_overlapping,
    parse_day,
    parse_period,
)

DAYS = st.dates(date(1990, 1, 1), date(1990, 3, 1))
PERIODS = st.tuples(DAYS, DAYS).map(lambda pair: Period(min(pair), max(pair)))


def days_of(period: Period) -> set[date]:
    return {period.first + timedelta(days=n) for n in range(period.days)}


@given(PERIODS, PERIODS)
def test_period__overlap_and_containment__agree_with_sets_of_days(left: Period, right: Period) -> None:
    assert left.overlaps(right) == bool(days_of(left) & days_of(right))
    assert left.contains(right) == (days_of(left) >= days_of(right))
    assert left.days == len(days_of(left))


@given(st.lists(PERIODS, max_size=12))
def test_find_overlapping__finds_every_pair_once(periods: list[Period]) -> None:
    found = [frozenset(pair) for pair in find_overlapping(enumerate(periods))]
    wanted = {
        frozenset((i, j))
        for i, left in enumerate(periods)
        for j, right in enumerate(periods)
        if i < j and days_of(left) & days_of(right)
    }
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_period__one_shared_day__overlaps_and_adjacent_days_do_not() -> None:
    january = Period(date(2024, 1, 1), date(2024, 1, 31))
    assert january.overlaps(Period(date(2024, 1, 31), date(2024, 2, 29)))
    assert not january.overlaps(Period(date(2024, 2, 1), date(2024, 2, 29)))


def test_period__inverted__refused() -> None:
    with pytest.raises(PeriodRefused, match="inverted"):
        Period(date(2024, 2, 1), date(2024, 1, 1))
    with pytest.raises(PeriodRefused, match=r"row 3: '2024-02-01 to 2024-01-01': inverted"):
        parse_period("2024-02-01", "2024-01-01", DateLayout.YMD, "row 3")


def test_year__turns_at_midnight_of_utc_plus_8() -> None:
    last_second = datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert calendar_year_utc8(last_second) == 2025
    assert calendar_year_utc8(last_second + timedelta(seconds=1)) == 2026
    assert calendar_year_of_timestamp(int(last_second.timestamp()) + 1) == 2026
    assert day_utc8(last_second) == date(2025, 12, 31)


def test_day__of_a_naive_time__refused() -> None:
    with pytest.raises(PeriodRefused, match="without an offset"):
        day_utc8(datetime(2025, 12, 31))


@given(st.dates(date(1970, 1, 1)))
def test_day_number__and_back__is_the_same_and_fits_uint24(day: date) -> None:
    assert day_from_number(day_number(day)) == day
    assert 0 <= day_number(day) <= MAX_DAY_NUMBER


def test_day_number__outside_the_calendar__refused() -> None:
    with pytest.raises(PeriodRefused, match="before 1970"):
        day_number(date(1969, 12, 31))
    with pytest.raises(PeriodRefused, match="no calendar day"):
        day_from_number(MAX_DAY_NUMBER)


@pytest.mark.parametrize(
    ("written", "layout"),
    [
        ("2023-08-31", DateLayout.YMD),
        ("2023/8/31", DateLayout.YMD),
        ("２０２３－０８－３１", DateLayout.YMD),
        ("31/08/2023", DateLayout.DMY),
        ("31.8.2023", DateLayout.DMY),
        ("8/31/2023", DateLayout.MDY),
        ("20230831", DateLayout.COMPACT),
        ("2023年8月31日", DateLayout.CHINESE),
    ],
)
def test_date__in_the_configured_layout__is_read(written: str, layout: DateLayout) -> None:
    assert parse_day(written, layout) == date(2023, 8, 31)


@pytest.mark.parametrize(
    ("written", "layout", "said"),
    [
        ("31/08/2023", DateLayout.YMD, "layout YMD"),
        ("2023-08/31", DateLayout.YMD, "layout YMD"),
        ("2023-02-29", DateLayout.YMD, "no such day"),
        ("31/13/2023", DateLayout.DMY, "no such day"),
        ("45169", DateLayout.YMD, "layout YMD"),
    ],
)
def test_date__in_another_layout_or_no_day__refused(written: str, layout: DateLayout, said: str) -> None:
    with pytest.raises(PeriodRefused, match=said):
        parse_day(written, layout)
