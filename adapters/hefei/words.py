"""How Hefei's clerks write: dates, ticks and crosses, places, serial ranges, tonnes; read as leniently as is safe.

The other way round the same forms are used for what a clerk is asked to type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from adapters.city.columns import decimal, needed, text
from adapters.city.records import Parameter, Status, UnitRange
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold, parse_whole
from mutual_recognition.periods import UTC_PLUS_8, DateLayout, parse_day
from mutual_recognition.purposes import Purpose
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

PLACES: Final[Mapping[str, int]] = {
    "上海市": 310000,
    "南京市": 320100,
    "无锡市": 320200,
    "苏州市": 320500,
    "杭州市": 330100,
    "宁波市": 330200,
    "嘉兴市": 330400,
    "合肥市": 340100,
}
"""Members by the names that stand in the workbook; any other is written with its six digits (GB/T 2260)."""

PURPOSES: Final[Mapping[str, Purpose]] = {
    "企业清缴配额": Purpose.ETS_COMPLIANCE,
    "本单位碳中和": Purpose.ORGANISATION_NEUTRALITY,
    "大型活动碳中和": Purpose.EVENT_NEUTRALITY,
    "产品碳中和": Purpose.PRODUCT_NEUTRALITY,
    "楼宇碳中和": Purpose.BUILDING_NEUTRALITY,
    "公益自愿": Purpose.VOLUNTARY,
    "生态损害赔偿": Purpose.ECOLOGICAL_COMPENSATION,
    "市民积分兑换": Purpose.POINTS_AND_REWARDS,
}

STATUSES: Final[Mapping[str, Status]] = {
    "已备案": Status.FILED,
    "已登记": Status.REGISTERED,
    "暂停": Status.SUSPENDED,
    "撤回": Status.WITHDRAWN,
    "销户": Status.CLOSED,
    "有效": Status.VALID,
    "作废": Status.VOIDED,
    "已签发": Status.ISSUED,
    "部分更正": Status.PART_CORRECTED,
    "已更正": Status.CORRECTED,
    "锁定待转": Status.LOCKED,
    "互认办理中": Status.SUBMITTED,
    "申请撤回": Status.WITHDRAWAL_REQUESTED,
    "已转出": Status.TRANSFERRED,
    "对方不收": Status.REJECTED,
    "逾期未收": Status.EXPIRED,
    "待入账": Status.PENDING,
    "已入账": Status.FINAL,
    "已退还": Status.RETURNED,
    "未答复": Status.UNDECIDED,
    "同意": Status.ACCEPT,
    "不同意": Status.REJECT,
    "可用": Status.AVAILABLE,
    "已注销": Status.RETIRED,
    "折减": Status.CUT,
    "外地注销": Status.RETIRED_ELSEWHERE,
    "外地作废": Status.CANCELLED_ELSEWHERE,
    "裁定作废": Status.CANCELLED,
}

_YES: Final = frozenset("√✓✔")
_NO: Final = frozenset("×✗✘xX")
_MARKS: Final = str.maketrans({"（": "(", "）": ")", "：": ":", "；": ";"})
_RANGE: Final = re.compile(
    r"([^():]+)\(([1-9][0-9]{5}),每号(1|1000)千克\):([0-9]{1,19})(?:至|到|-|~)([0-9]{1,19})", re.ASCII
)


def identifier(value: Json) -> str:
    """A number or code as it is meant: no spaces of any kind, digits and dashes in ASCII. Must not be empty."""
    return "".join(fold(needed(value)).split())


def identifier_or_none(value: Json) -> str:
    """As `identifier`; empty is ""."""
    return identifier(value) if text(value) else ""


def day(value: Json) -> date:
    """A day: a date cell, or text such as 2024年3月5日, 2024.3.5, 2024/3/5."""
    written = "".join(fold(needed(value)).split())
    return parse_day(written, DateLayout.CHINESE if "年" in written else DateLayout.YMD)


def day_or_none(value: Json) -> date | None:
    """As `day`; None where it is left empty."""
    return day(value) if text(value) else None


def ticked(value: Json) -> bool:
    """√ is yes, × is no."""
    written = text(value)
    if written in _YES or written in _NO:
        return written in _YES
    raise Refusal(value, "neither √ nor ×")


def place(value: Json) -> int:
    """A member by its name in the workbook, or by its six digits."""
    written = identifier(value)
    if written in PLACES:
        return PLACES[written]
    if re.fullmatch(r"[1-9][0-9]{5}", written, re.ASCII):
        return int(written)
    raise Refusal(value, f"neither a member's code of six digits (GB/T 2260) nor one of {'、'.join(PLACES)}")


def megawatt_hours(value: Json) -> Decimal:
    """Electricity in MWh, as kWh, without zeros at its end: however it is typed, documents say the same."""
    kwh = decimal(value) * 1000
    return kwh.quantize(Decimal(1)) if kwh == kwh.to_integral_value() else kwh.normalize()


def share_in_ppm(value: Json) -> int:
    """A factor such as 0.9 in parts per million. Refused with more than six decimals."""
    ppm = decimal(value) * 1_000_000
    if ppm != int(ppm):
        raise Refusal(value, "a factor has at most six decimals")
    return int(ppm)


def lines(value: Json) -> tuple[str, ...]:
    """What stands in one cell, a line or a semicolon apart."""
    parts = re.split(r"[\n;]", text(value).translate(_MARKS))
    return tuple(part.strip() for part in parts if part.strip())


def listed(value: Json) -> tuple[str, ...]:
    """Texts in one cell with 、 between them."""
    return tuple(part for part in (item.strip() for item in text(value).split("、")) if part)


def meters(value: Json) -> tuple[str, ...]:
    """As `listed`, each an identifier."""
    return tuple(identifier(part) for part in listed(value))


def units(written: str) -> UnitRange:
    """One range, `DEMO-HF-TH-2024（340100，每号1千克）：00000001至00000100`. Raises Refusal."""
    matched = _RANGE.fullmatch("".join(fold(written.translate(_MARKS)).split()))
    if matched is None:
        raise Refusal(written, "not a range: 系列（归属地代码，每号1千克）：起号至止号")
    series, home, size, first, last = matched.groups()
    return UnitRange(
        home=int(home),
        series=series,
        kg_per_serial=1 if size == "1" else 1000,
        serials=SerialRange(parse_whole(first), parse_whole(last)),
    )


def ranges(value: Json) -> tuple[UnitRange, ...]:
    """The ranges of one cell, a line each."""
    return tuple(units(line) for line in lines(value))


def parameters(value: Json) -> tuple[Parameter, ...]:
    """The parameters of a methodology, a line each: 名称|符号|数值|单位|起|止|依据."""
    return tuple(_parameter(line) for line in text(value).splitlines() if line.strip())


def _parameter(line: str) -> Parameter:
    parts = line.split("|")
    if len(parts) != 7:
        raise Refusal(line, "a parameter is 名称|符号|数值|单位|起|止|依据")
    name, symbol, number, unit, valid_from, valid_to, source = parts
    return Parameter(
        name=needed(name),
        symbol=needed(symbol),
        value=decimal(number),
        unit=text(unit),
        valid_from=day(valid_from),
        valid_to=day_or_none(valid_to),
        source=text(source),
    )


# ------------------------------------------------------------------ as a clerk is asked to type it


def write_place(member: str) -> str:
    """A member's six digits as the name that stands in the workbook."""
    return next((name for name, code in PLACES.items() if code == int(member)), member)


def write_day(value: date) -> str:
    """2024年3月5日."""
    return f"{value.year}年{value.month}月{value.day}日"


def write_instant(value: datetime) -> str:
    """2024年3月5日 14:03:07, Asia/Shanghai."""
    local = value.astimezone(UTC_PLUS_8)
    return f"{write_day(local.date())} {local:%H:%M:%S}"


def write_units(value: UnitRange) -> str:
    """One range as `units` reads it."""
    first, last = value.serials.first, value.serials.last
    return f"{value.series}（{value.home:06d}，每号{value.kg_per_serial}千克）：{first:08d}至{last:08d}"
