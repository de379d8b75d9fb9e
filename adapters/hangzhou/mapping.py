"""Hangzhou's views, columns and codes (README.md is the manual): rows of a database in, rows of a table out.

Quantities are NUMERIC kgCO2e with three decimals, days integers such as 20240305 (99991231: open), monitoring periods
whole months such as 202403, instants TIMESTAMP without zone in local time, yes and no 1 and 0, statuses and purposes
numbers. Own serials begin with HZ, those of other registries with WB.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import (
    Column,
    Shape,
    decimal,
    kilograms,
    kilograms_or_zero,
    member,
    needed,
    one_of,
    text,
    texts,
    whole,
)
from adapters.city.feed import REISSUE_FIRST
from adapters.city.mapping import CityMapping, EffectForm, HoldingLine
from adapters.city.records import CityRecord, Parameter, Status, UnitRange
from adapters.city.shapes import Habits, Names, shapes
from adapters.city.sql_feed import SqlForm
from adapters.transports.sql import Relation
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


def _names(**names: str) -> Names:
    return names


KINDS: Final[Mapping[type[CityRecord], tuple[str, Names]]] = {
    city.Methodology: (
        "方法学",
        _names(
            native_id="备案文号",
            code="方法代号",
            version="版号",
            title_zh="方法名称",
            title_en="方法英文名",
            issuer="归口单位",
            applicability="适用情形",
            boundary="核算范围",
            gases="气体",
            baseline="基准情景",
            formula="计算式",
            monitoring="监测办法",
            parameters="参数",
            crediting_years="计入年数",
            lineage="渊源",
            supersedes="前一版文号",
            filed_on="备案日",
            valid_from="生效日",
            valid_to="失效日",
            document="全文",
            document_sha256="全文校验码",
            status="状态码",
        ),
    ),
    city.Project: (
        "减排项目",
        _names(
            native_id="项目号",
            name_zh="项目名",
            name_en="项目英文名",
            proponent="申报单位",
            uscc="单位信用代码",
            site="坐落",
            longitude="经度值",
            latitude="纬度值",
            capacity_kw="容量_kw",
            methodology="依据文号",
            grid_date="投运日",
            life_years="设计年限",
            crediting_start="计入首日",
            crediting_end="计入末日",
            assets="计量表号",
            other_mechanism="其他机制",
            ets_site="控排场址",
            rural="乡村振兴",
            co_benefits="附加效益",
            registered_on="登记日",
            status="状态码",
        ),
    ),
    city.Verification: (
        "核查",
        _names(
            native_id="核查号",
            project="项目号",
            period_start="监测起月",
            period_end="监测止月",
            activity_kwh="活动量_度",
            emission_factor="排放因子",
            verified_kg="核定量_千克",
            verifier="核查单位",
            report_sha256="报告校验码",
            verified_on="核定日",
            status="状态码",
        ),
    ),
    city.Issuance: (
        "签发",
        _names(
            native_id="签发号",
            project="项目号",
            verification="核查号",
            vintage="减排年度",
            quantity_kg="签发量_千克",
            series="系列",
            kg_per_serial="每号千克",
            serial_first="起号",
            serial_last="止号",
            account="入户账号",
            issued_on="签发日",
            reissue_of="替换签发号",
            status="状态码",
        ),
    ),
    city.TransferOut: (
        "划出",
        _names(
            native_id="划出号",
            to_member="去向代码",
            to_account="去向账号",
            account="划出账号",
            ranges="号段",
            quantity_kg="划出量_千克",
            requested_on="申请日",
            reviewer="复核员",
            references="互认号",
            accepted_kg="成交_千克",
            cut_kg="折减_千克",
            returned_kg="退还_千克",
            taken_kg="扣更正_千克",
            reason="事由",
            status="状态码",
        ),
    ),
    city.TransferIn: (
        "划入",
        _names(
            native_id="划入号",
            from_member="来向代码",
            account="收户账号",
            ranges="号段",
            quantity_kg="划入量_千克",
            factor_ppm="折算率_ppm",
            deadline="答复期限",
            decision="意见码",
            decision_reason="意见",
            kept="入账号段",
            received_kg="入账_千克",
            status="状态码",
        ),
    ),
    city.Retirement: (
        "核销",
        _names(
            native_id="核销号",
            account="核销账号",
            ranges="号段",
            quantity_kg="核销量_千克",
            purpose="用途码",
            beneficiary="受益者",
            beneficiary_uscc="受益者信用代码",
            compliance_year="清缴年度",
            reason="事由",
            retired_on="核销日",
        ),
    ),
    city.Correction: (
        "更正",
        _names(
            native_id="更正号",
            issuance="签发号",
            ranges="号段",
            quantity_kg="更正量_千克",
            reason="事由",
            reissue="补签号",
            corrected_on="更正日",
        ),
    ),
}

SHAPES: Final[Mapping[str, Shape[Any]]] = shapes(HABITS, KINDS, label="备注", reissue_first=REISSUE_FIRST)

NUMBER: Final = "变更号"
LEADING: Final = (NUMBER, "版次")
"""What every row of a record begins with: the number of the change, and which version of the record it made."""
_HOLDING: Final = (
    *("归属", "系列", "每号千克", "起号", "止号", "数量_千克", "账号", "状态码", "冻结", "签发号", "关联号"),
    "现持有地",
)

_WHAT: Final[Mapping[str, str]] = {
    "transfer_proposed": "ZC01",
    "transfer_accepted": "ZC02",
    "transfer_rejected": "ZC03",
    "transfer_expired": "ZC04",
    "transfer_withdrawn": "ZC05",
    "incoming_pending": "ZR01",
    "incoming_final": "ZR02",
    "incoming_returned": "ZR03",
    "retired_elsewhere": "YD01",
    "cancelled_elsewhere": "YD02",
    "moved_elsewhere": "YD03",
    "cancelled": "CD01",
    "held": "DJ01",
    "lifted": "DJ02",
    "recognition_changed": "HR01",
    "record_status": "DJ99",
}
_FIELDS: Final[Mapping[str, str]] = {
    "transfer": "划转号",
    "reference": "互认号",
    "member": "对方代码",
    "account": "账号",
    "ranges": "号段",
    "kept": "留存号段",
    "cut": "折减号段",
    "factor_ppm": "折算率_ppm",
    "deadline": "答复期限",
    "purpose": "用途码",
    "compliance_year": "清缴年度",
    "subject_kind": "对象类",
    "subject": "对象号",
    "uses": "准用途",
    "valid_from": "生效日",
    "valid_to": "失效日",
    "status": "结论",
    "reason": "事由",
    "evidence_sha256": "证据校验码",
    "record_kind": "记录类",
    "record_id": "记录号",
}


def _local(instant: datetime) -> datetime:
    return instant.astimezone(UTC_PLUS_8).replace(tzinfo=None)


def _range(units: UnitRange) -> dict[str, Json]:
    prefix = _prefix(units.home)
    return {
        "归属": f"{units.home:06d}",
        "系列": units.series,
        "每号千克": units.kg_per_serial,
        "起号": f"{prefix}{units.serials.first:012d}",
        "止号": f"{prefix}{units.serials.last:012d}",
    }


def _elsewhere(value: Json) -> int:
    return member(value) if text(value) else 0


MAPPING: Final = CityMapping(
    title="杭州市碳普惠登记簿 / Hangzhou carbon-inclusive registry",
    shapes=SHAPES,
    purposes=PURPOSES,
    holding=Shape(
        "持仓",
        HoldingLine,
        (Column("状态码", "status", status), Column("现持有地", "elsewhere", _elsewhere)),
        derived={"units": read_units},
        ignored=frozenset(_HOLDING) - {"状态码", "现持有地"},
    ),
    effects=EffectForm(
        key="业务键",
        what="事项码",
        occurred_at="发生时间",
        proof="凭证",
        words=_WHAT,
        fields=_FIELDS,
        write_day=lambda value: int(f"{value:%Y%m%d}"),
        write_instant=_local,
        write_units=_range,
    ),
)

_SCHEMA: Final = "互认"
FORM: Final = SqlForm(
    changes=Relation(_SCHEMA, "变更目录", (NUMBER, "类别", "单号", "版次", "变更时间")),
    number=NUMBER,
    kind="类别",
    native_id="单号",
    version="版次",
    views={kind: Relation(_SCHEMA, kind, (*LEADING, *shape.names)) for kind, shape in SHAPES.items()},
    holdings=Relation(_SCHEMA, "持仓", _HOLDING),
    state=Relation(_SCHEMA, "系统状态", ("单位代码", "最新变更号", "系统时间", "心跳时间")),
    member="单位代码",
    latest="最新变更号",
    clock="系统时间",
    seen="心跳时间",
    write_back=Relation(
        _SCHEMA,
        "回写",
        ("流水号", "业务键", "次数", "事项码", "发生时间", "凭证", *_FIELDS.values(), "提交时间"),
    ),
    results=Relation(_SCHEMA, "回写结果", ("业务键", "次数", "结果码", NUMBER, "处理时间", "说明")),
    key="业务键",
    attempt="次数",
    outcome="结果码",
    booked=frozenset({1, 2}),  # 2: booked before under this key; 9: refused
    reference=NUMBER,
    reason="说明",
)
