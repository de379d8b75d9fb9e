"""How Hangzhou writes values: days, months, serials, ranges, codes; each read, and written as its table takes it.

Quantities are NUMERIC kgCO2e with three decimals, days integers such as 20240305 (99991231: open), monitoring periods
whole months such as 202403, instants TIMESTAMP without zone in local time, yes and no 1 and 0, statuses and purposes
numbers. Own serials begin with HZ, those of other registries with WB.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from adapters.city.columns import decimal, kilograms, kilograms_or_zero, member, needed, one_of, text, texts, whole
from adapters.city.records import Parameter, Status, UnitRange
from adapters.city.shapes import Habits
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import MassUnit
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

HOME: Final = 330100

PURPOSES: Final[Mapping[str, Purpose]] = {
    "1101": Purpose.ETS_COMPLIANCE,
    "2101": Purpose.ORGANISATION_NEUTRALITY,
    "2102": Purpose.EVENT_NEUTRALITY,
    "2103": Purpose.PRODUCT_NEUTRALITY,
    "2104": Purpose.BUILDING_NEUTRALITY,
    "3101": Purpose.VOLUNTARY,
    "3102": Purpose.ECOLOGICAL_COMPENSATION,
    "4101": Purpose.POINTS_AND_REWARDS,
}

STATUSES: Final[Mapping[str, Status]] = {
    "10": Status.FILED,
    "11": Status.REGISTERED,
    "12": Status.VALID,
    "13": Status.ISSUED,
    "20": Status.SUSPENDED,
    "21": Status.WITHDRAWN,
    "22": Status.CLOSED,
    "23": Status.VOIDED,
    "24": Status.PART_CORRECTED,
    "25": Status.CORRECTED,
    "30": Status.LOCKED,
    "31": Status.SUBMITTED,
    "32": Status.WITHDRAWAL_REQUESTED,
    "33": Status.TRANSFERRED,
    "34": Status.REJECTED,
    "35": Status.EXPIRED,
    "40": Status.PENDING,
    "41": Status.FINAL,
    "42": Status.RETURNED,
    "50": Status.UNDECIDED,
    "51": Status.ACCEPT,
    "52": Status.REJECT,
    "60": Status.AVAILABLE,
    "61": Status.RETIRED,
    "62": Status.CUT,
    "63": Status.RETIRED_ELSEWHERE,
    "64": Status.CANCELLED_ELSEWHERE,
    "65": Status.CANCELLED,
}
status = one_of(STATUSES)

_SERIAL = re.compile(r"(HZ|WB)([0-9]{1,19})", re.ASCII)
_RANGE = frozenset({"归属", "系列", "每号千克", "起号", "止号"})
_PARAMETER = frozenset({"名称", "符号", "数值", "单位", "生效日", "失效日", "依据"})


def day(value: Json) -> date:
    """A day written as one integer, 20240305."""
    written = fold(needed(value))
    if not re.fullmatch(r"[0-9]{8}", written, re.ASCII):
        raise Refusal(value, "not a day such as 20240305")
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:]))
    except ValueError:
        raise Refusal(value, "no such day") from None


def open_day(value: Json) -> date | None:
    """As `day`; 99991231 leaves it open."""
    found = day(value)
    return None if found == date(9999, 12, 31) else found


def _month(value: Json) -> tuple[int, int]:
    written = fold(needed(value))
    if not re.fullmatch(r"[0-9]{4}(0[1-9]|1[0-2])", written, re.ASCII) or written.startswith("0000"):
        raise Refusal(value, "not a month such as 202403")
    return int(written[:4]), int(written[4:])


def first_day(value: Json) -> date:
    """The first day of a month written 202403."""
    year, month = _month(value)
    return date(year, month, 1)


def last_day(value: Json) -> date:
    """The last day of a month written 202403."""
    year, month = _month(value)
    return date(year, month, calendar.monthrange(year, month)[1])


def yes_no(value: Json) -> bool:
    """1 or 0."""
    match fold(text(value)):
        case "1":
            return True
        case "0":
            return False
        case other:
            raise Refusal(other, "neither 1 nor 0")


def serial(value: Json) -> int:
    """An own serial with its prefix, HZ000000000001. Raises Refusal."""
    prefix, number = _serial(value)
    if prefix != _prefix(HOME):
        raise Refusal(value, f"a serial issued here begins with {_prefix(HOME)}")
    return number


def _serial(value: Json) -> tuple[str, int]:
    matched = _SERIAL.fullmatch(fold(needed(value)))
    if matched is None:
        raise Refusal(value, "not a serial such as HZ000000000001 (WB before those of other registries)")
    return matched[1], int(matched[2])


def read_units(value: Json) -> UnitRange:
    """One range of serials. Raises Refusal."""
    if not isinstance(value, Mapping) or not set(value) >= _RANGE:
        raise Refusal(value, f"a range has the fields {', '.join(sorted(_RANGE))}")
    size = whole(value["每号千克"])
    if size not in (1, 1000):
        raise Refusal(size, "每号千克 is 1 or 1000")
    home = member(value["归属"])
    first, last = _serial(value["起号"]), _serial(value["止号"])
    if {first[0], last[0]} != {_prefix(home)}:
        raise Refusal(value["起号"], f"serials of member {home} begin with {_prefix(home)}")
    return UnitRange(
        home=home,
        series=needed(value["系列"]),
        kg_per_serial=1 if size == 1 else 1000,
        serials=SerialRange(first[1], last[1]),
    )


def _prefix(home: int) -> str:
    return "HZ" if home == HOME else "WB"


def _ranges(value: Json) -> tuple[UnitRange, ...]:
    if not isinstance(value, list):
        raise Refusal(value, "not a list of ranges")
    return tuple(read_units(item) for item in value)


def _parameters(value: Json) -> tuple[Parameter, ...]:
    if not isinstance(value, list):
        raise Refusal(value, "not a list of parameters")
    return tuple(_parameter(item) for item in value)


def _parameter(item: Json) -> Parameter:
    if not isinstance(item, Mapping) or set(item) != _PARAMETER:
        raise Refusal(item, f"a parameter has the fields {', '.join(sorted(_PARAMETER))}")
    return Parameter(
        name=needed(item["名称"]),
        symbol=needed(item["符号"]),
        value=decimal(item["数值"]),
        unit=text(item["单位"]),
        valid_from=day(item["生效日"]),
        valid_to=open_day(item["失效日"]),
        source=text(item["依据"]),
    )


HABITS: Final = Habits(
    status=status,
    day=day,
    open_day=open_day,
    first_day=first_day,
    last_day=last_day,
    kg=kilograms(MassUnit.KILOGRAM),
    kg_or_zero=kilograms_or_zero(MassUnit.KILOGRAM),
    yes_no=yes_no,
    texts=texts,
    parameters=_parameters,
    ranges=_ranges,
    serial=serial,
)


def elsewhere(value: Json) -> int:
    """The member that holds units which have left; 0 where they are here."""
    return member(value) if text(value) else 0


def write_day(value: date) -> Json:
    """A day as one integer."""
    return int(f"{value:%Y%m%d}")


def write_instant(instant: datetime) -> Json:
    """An instant in local time without zone."""
    return instant.astimezone(UTC_PLUS_8).replace(tzinfo=None)


def write_units(units: UnitRange) -> Json:
    """A range as an object, its serials with their prefix."""
    prefix = _prefix(units.home)
    return {
        "归属": f"{units.home:06d}",
        "系列": units.series,
        "每号千克": units.kg_per_serial,
        "起号": f"{prefix}{units.serials.first:012d}",
        "止号": f"{prefix}{units.serials.last:012d}",
    }
