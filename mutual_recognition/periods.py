"""Days, periods and calendar years: monitoring periods, crediting periods, validity, annual caps.

A period counts whole days, both ends included. Days and years are those of UTC+8 (Asia/Shanghai has had no
other offset since 1991); instants are aware and UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Final, TypeVar

from mutual_recognition.numerals import fold
from mutual_recognition.refusal import Refusal

UTC_PLUS_8: Final = timezone(timedelta(hours=8))
EPOCH: Final = date(1970, 1, 1)
MAX_DAY_NUMBER: Final = 2**24 - 1

Key = TypeVar("Key")


class PeriodRefused(Refusal):
    """A date or period that cannot be one: inverted, out of bounds, or written in another layout."""

    code = "period_refused"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Days `first` to `last`, both included. Raises `PeriodRefused` when inverted."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if isinstance(self.first, datetime) or isinstance(self.last, datetime):
            raise TypeError("a Period is of dates: take day_utc8(instant) first")
        if self.last < self.first:
            raise PeriodRefused(f"{self.first} to {self.last}", "inverted: it ends before it begins")

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.last - self.first).days + 1

    def overlaps(self, other: Period) -> bool:
        """Whether at least one day lies in both."""
        return self.first <= other.last and other.first <= self.last

    def contains(self, other: Period) -> bool:
        """Whether every day of `other` lies in this one."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


def find_overlapping(periods: Iterable[tuple[Key, Period]]) -> list[tuple[Key, Key]]:
    """Pairs of keys whose periods share a day; each later-starting period with every earlier one that still
    runs.

    Sort and sweep: O(n log n) plus, per period, the number of earlier ones still running.
    """
    running: list[tuple[date, Key]] = []
    pairs: list[tuple[Key, Key]] = []
    for key, period in sorted(periods, key=lambda item: item[1]):
        running = [(last, earlier) for last, earlier in running if last >= period.first]
        pairs.extend((earlier, key) for _, earlier in running)
        running.append((period.last, key))
    return pairs


def day_utc8(instant: datetime) -> date:
    """The calendar day of an aware `instant` in UTC+8. Raises `PeriodRefused` for a naive one."""
    if instant.tzinfo is None:
        raise PeriodRefused(instant, "a time without an offset: say which zone it is in")
    return instant.astimezone(UTC_PLUS_8).date()


def calendar_year_utc8(instant: datetime) -> int:
    """The calendar year of an aware `instant` in UTC+8, by which annual caps count."""
    return day_utc8(instant).year


def calendar_year_of_timestamp(seconds: int) -> int:
    """The calendar year in UTC+8 of a block time in seconds since the epoch."""
    return calendar_year_utc8(datetime.fromtimestamp(seconds, UTC))


def day_number(day: date, where: str = "") -> int:
    """Days since 1970-01-01 as a uint24, the form the contracts store. Raises `PeriodRefused` before 1970."""
    if isinstance(day, datetime):
        raise TypeError("day_number is of a date: take day_utc8(instant) first")
    number = (day - EPOCH).days
    if not 0 <= number <= MAX_DAY_NUMBER:
        raise PeriodRefused(day, "before 1970-01-01, which the ledger cannot hold", where)
    return number


def day_from_number(number: int) -> date:
    """The date of a uint24 day number. Raises `PeriodRefused` beyond the year 9999."""
    if not 0 <= number <= (date.max - EPOCH).days:
        raise PeriodRefused(number, "no calendar day has this number")
    return EPOCH + timedelta(days=number)


class DateLayout(Enum):
    """In which order a source writes year, month and day: said by configuration, never guessed."""

    YMD = re.compile(r"(?P<y>[0-9]{4})([-/.])(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})", re.ASCII)
    DMY = re.compile(r"(?P<d>[0-9]{1,2})([-/.])(?P<m>[0-9]{1,2})\2(?P<y>[0-9]{4})", re.ASCII)
    MDY = re.compile(r"(?P<m>[0-9]{1,2})([-/.])(?P<d>[0-9]{1,2})\2(?P<y>[0-9]{4})", re.ASCII)
    COMPACT = re.compile(r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})", re.ASCII)
    CHINESE = re.compile(r"(?P<y>[0-9]{4})年(?P<m>[0-9]{1,2})月(?P<d>[0-9]{1,2})日", re.ASCII)


def parse_day(text: str, layout: DateLayout, where: str = "") -> date:
    """The date that `text` writes in `layout` (full-width digits and stray spaces accepted). Raises
    `PeriodRefused`.
    """
    matched = layout.value.fullmatch(fold(text))
    if matched is None:
        raise PeriodRefused(text, f"not a date in the layout {layout.name}", where)
    try:
        return date(int(matched["y"]), int(matched["m"]), int(matched["d"]))
    except ValueError:
        raise PeriodRefused(text, "no such day in the calendar", where) from None


def parse_period(first: str, last: str, layout: DateLayout, where: str = "") -> Period:
    """The period from two dates as text. Raises `PeriodRefused`."""
    begins, ends = parse_day(first, layout, where), parse_day(last, layout, where)
    if ends < begins:
        raise PeriodRefused(f"{first} to {last}", "inverted: it ends before it begins", where)
    return Period(begins, ends)
