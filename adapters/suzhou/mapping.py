"""Suzhou's columns, words and codes (README.md is the manual): cells of CSV files in, rows of CSV files out.

Quantities are whole kgCO2e with thousands commas, electricity in 万千瓦时 (10,000 kWh), days 2024/3/5, instants
2024/3/5 14:03:07 (Asia/Shanghai), serials padded to eight digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import (
    Column,
    Shape,
    day,
    day_or_none,
    decimal,
    degrees,
    joined,
    kilograms,
    kilograms_or_zero,
    member,
    needed,
    one_of,
    text,
    verbatim,
    whole,
    whole_or_zero,
    yes_no,
)
from adapters.city.records import Parameter, Status, UnitRange
from adapters.city.telling import Told, Value
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import MassUnit
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

PURPOSES: Final[Mapping[str, Purpose]] = {
    "LY": Purpose.ETS_COMPLIANCE,
    "ZH-ZZ": Purpose.ORGANISATION_NEUTRALITY,
    "ZH-HD": Purpose.EVENT_NEUTRALITY,
    "ZH-CP": Purpose.PRODUCT_NEUTRALITY,
    "ZH-JZ": Purpose.BUILDING_NEUTRALITY,
    "GY": Purpose.VOLUNTARY,
    "SH": Purpose.ECOLOGICAL_COMPENSATION,
    "JF": Purpose.POINTS_AND_REWARDS,
}

STATUSES: Final[Mapping[str, Status]] = {
    "已备案": Status.FILED,
    "已登记": Status.REGISTERED,
    "已暂停": Status.SUSPENDED,
    "已撤回": Status.WITHDRAWN,
    "已注销登记": Status.CLOSED,
    "有效": Status.VALID,
    "已作废": Status.VOIDED,
    "已签发": Status.ISSUED,
    "部分更正": Status.PART_CORRECTED,
    "已更正": Status.CORRECTED,
    "已锁定": Status.LOCKED,
    "已受理": Status.SUBMITTED,
    "申请撤回": Status.WITHDRAWAL_REQUESTED,
    "已转出": Status.TRANSFERRED,
    "被拒绝": Status.REJECTED,
    "已过期": Status.EXPIRED,
    "待确认": Status.PENDING,
    "已入账": Status.FINAL,
    "已退回": Status.RETURNED,
    "未决定": Status.UNDECIDED,
    "同意接收": Status.ACCEPT,
    "拒绝接收": Status.REJECT,
    "可用": Status.AVAILABLE,
    "已注销": Status.RETIRED,
    "折减": Status.CUT,
    "异地注销": Status.RETIRED_ELSEWHERE,
    "异地作废": Status.CANCELLED_ELSEWHERE,
    "裁定作废": Status.CANCELLED,
}
_status = one_of(STATUSES)
_kg = kilograms(MassUnit.KILOGRAM)
_kg_or_zero = kilograms_or_zero(MassUnit.KILOGRAM)

_RANGE = re.compile(r"([0-9]{6})/([^:;*]+):([0-9]{1,19})-([0-9]{1,19})\*(1|1000)", re.ASCII)


def read_units(value: str) -> UnitRange:
    """One 号段, `home/series:first-last*kg`. Raises Refusal."""
    matched = _RANGE.fullmatch(fold(value))
    if matched is None:
        raise Refusal(value, "not a range: home/series:first-last*kg, for example 320500/S-2024:00000001-00000100*1000")
    home, series, first, last, size = matched.groups()
    return UnitRange(
        home=int(home),
        series=series.strip(),
        kg_per_serial=1 if size == "1" else 1000,
        serials=SerialRange(int(first), int(last)),
    )


def read_ranges(value: Json) -> tuple[UnitRange, ...]:
    """The ranges of one cell, joined by semicolons."""
    return tuple(read_units(part) for part in joined(";")(value))


def _ten_thousand_kwh(value: Json) -> Decimal:
    return decimal(value) * 10_000


def _parameters(value: Json) -> tuple[Parameter, ...]:
    return tuple(_parameter(part) for part in joined(";")(value))


def _parameter(written: str) -> Parameter:
    parts = written.split("|")
    if len(parts) != 7:
        raise Refusal(written, "a parameter is name|symbol|value|unit|from|to|source")
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


LEADING: Final = ("变更序号", "版本号", "更新时间")
"""What every row of a record begins with."""
REISSUE_FIRST: Final = "原签发起号"
"""Added by the adapter beside the registry's own columns: the first serial of the issuance that is replaced."""


def _columns(*columns: tuple[str, str, Any]) -> tuple[Column, ...]:
    return (*(Column(*column) for column in columns), Column("数据说明", "label", text))


SHAPES: Final[Mapping[str, Shape[Any]]] = {
    shape.kind: shape
    for shape in (
        Shape(
            "方法学",
            city.Methodology,
            _columns(
                ("备案编号", "native_id", needed),
                ("方法学代码", "code", needed),
                ("版本", "version", needed),
                ("方法学名称", "title_zh", needed),
                ("英文名", "title_en", text),
                ("备案单位", "issuer", text),
                ("适用范围", "applicability", text),
                ("边界", "boundary", text),
                ("气体种类", "gases", joined("、")),
                ("基准线与额外性", "baseline", text),
                ("计算公式", "formula", needed),
                ("监测方法", "monitoring", text),
                ("参数", "parameters", _parameters),
                ("计入年限", "crediting_years", whole),
                ("来源", "lineage", text),
                ("被替代版本", "supersedes", text),
                ("备案时间", "filed_on", day),
                ("启用日期", "valid_from", day),
                ("停用日期", "valid_to", day_or_none),
                ("正文", "document", verbatim),
                ("正文摘要SHA256", "document_sha256", needed),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "项目",
            city.Project,
            _columns(
                ("项目代码", "native_id", needed),
                ("项目名称", "name_zh", needed),
                ("项目英文名", "name_en", text),
                ("业主单位", "proponent", needed),
                ("社会信用代码", "uscc", needed),
                ("地址", "site", text),
                ("东经", "longitude", degrees),
                ("北纬", "latitude", degrees),
                ("装机(kW)", "capacity_kw", decimal),
                ("方法学备案编号", "methodology", needed),
                ("并网时间", "grid_date", day),
                ("寿命年限", "life_years", whole),
                ("计入期开始", "crediting_start", day),
                ("计入期结束", "crediting_end", day),
                ("表计编号", "assets", joined("、")),
                ("参与其他机制", "other_mechanism", text),
                ("控排企业场址", "ets_site", yes_no),
                ("乡村振兴", "rural", yes_no),
                ("协同效益", "co_benefits", text),
                ("登记时间", "registered_on", day),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "核证",
            city.Verification,
            _columns(
                ("核证单号", "native_id", needed),
                ("项目代码", "project", needed),
                ("监测开始", "period_start", day),
                ("监测结束", "period_end", day),
                ("电量(万千瓦时)", "activity_kwh", _ten_thousand_kwh),
                ("因子(kgCO2/kWh)", "emission_factor", decimal),
                ("核证减排量(kg)", "verified_kg", _kg),
                ("核证机构", "verifier", text),
                ("报告摘要SHA256", "report_sha256", needed),
                ("核证时间", "verified_on", day),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "签发",
            city.Issuance,
            _columns(
                ("签发单号", "native_id", needed),
                ("项目代码", "project", needed),
                ("核证单号", "verification", needed),
                ("年份", "vintage", whole),
                ("签发量(kg)", "quantity_kg", _kg),
                ("系列", "series", needed),
                ("每号重量(kg)", "kg_per_serial", whole),
                ("起号", "serial_first", whole),
                ("止号", "serial_last", whole),
                ("账户", "account", text),
                ("签发时间", "issued_on", day),
                ("原签发单号", "reissue_of", text),
                ("状态", "status", _status),
            ),
            beside=(Column(REISSUE_FIRST, "reissue_first", whole_or_zero),),
        ),
        Shape(
            "转出",
            city.TransferOut,
            _columns(
                ("转出单号", "native_id", needed),
                ("接收地区划代码", "to_member", member),
                ("接收账户", "to_account", text),
                ("账户", "account", text),
                ("号段", "ranges", read_ranges),
                ("数量(kg)", "quantity_kg", _kg),
                ("申请时间", "requested_on", day),
                ("复核人", "reviewer", text),
                ("互认编号", "references", joined(";")),
                ("转出量(kg)", "accepted_kg", _kg_or_zero),
                ("折减量(kg)", "cut_kg", _kg_or_zero),
                ("退回量(kg)", "returned_kg", _kg_or_zero),
                ("更正量(kg)", "taken_kg", _kg_or_zero),
                ("说明", "reason", text),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "转入",
            city.TransferIn,
            _columns(
                ("转入单号", "native_id", needed),
                ("来源地区划代码", "from_member", member),
                ("账户", "account", text),
                ("号段", "ranges", read_ranges),
                ("数量(kg)", "quantity_kg", _kg),
                ("折算系数(ppm)", "factor_ppm", whole),
                ("截止时间", "deadline", text),
                ("接收意见", "decision", _status),
                ("意见说明", "decision_reason", text),
                ("实收号段", "kept", read_ranges),
                ("实收量(kg)", "received_kg", _kg_or_zero),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "注销",
            city.Retirement,
            _columns(
                ("注销单号", "native_id", needed),
                ("账户", "account", text),
                ("号段", "ranges", read_ranges),
                ("数量(kg)", "quantity_kg", _kg),
                ("用途代码", "purpose", needed),
                ("受益方", "beneficiary", text),
                ("受益方信用代码", "beneficiary_uscc", text),
                ("履约年", "compliance_year", whole_or_zero),
                ("说明", "reason", text),
                ("注销时间", "retired_on", day),
            ),
        ),
        Shape(
            "更正",
            city.Correction,
            _columns(
                ("更正单号", "native_id", needed),
                ("签发单号", "issuance", needed),
                ("号段", "ranges", read_ranges),
                ("数量(kg)", "quantity_kg", _kg),
                ("更正原因", "reason", text),
                ("重签单号", "reissue", text),
                ("更正时间", "corrected_on", day),
            ),
        ),
    )
}

HOLDINGS: Final = ("号段", "数量(kg)", "账户", "状态", "冻结", "签发单号", "关联单号", "现持有地")
MANIFEST: Final = ("批次", "文件名", "行数", "起始变更序号", "截止变更序号", "SHA256")
RECEIPT: Final = ("幂等键", "行号", "结果", "变更序号", "处理时间", "字段", "原因")
HEARTBEAT: Final = ("系统时间", "最新变更序号", "最新批次")
BOOKED: Final = frozenset({"已入账", "重复"})

_WHAT: Final[Mapping[str, str]] = {
    "transfer_proposed": "转出受理",
    "transfer_accepted": "转出成交",
    "transfer_rejected": "转出拒收",
    "transfer_expired": "转出超时",
    "transfer_withdrawn": "转出撤销",
    "incoming_pending": "转入预登",
    "incoming_final": "转入生效",
    "incoming_returned": "转入退回",
    "retired_elsewhere": "他地核销",
    "cancelled_elsewhere": "他地废止",
    "moved_elsewhere": "他地流转",
    "cancelled": "裁定废止",
    "held": "锁定",
    "lifted": "解锁",
    "recognition_changed": "互认变动",
    "record_status": "上链结果",
}

_FIELDS: Final[Mapping[str, str]] = {
    "transfer": "转移单号",
    "reference": "互认编号",
    "member": "对方区划代码",
    "account": "账户",
    "ranges": "号段",
    "kept": "保留号段",
    "cut": "折减号段",
    "factor_ppm": "折算系数(ppm)",
    "deadline": "截止时间",
    "purpose": "用途",
    "compliance_year": "履约年",
    "subject_kind": "对象类别",
    "subject": "对象编号",
    "uses": "允许用途",
    "valid_from": "启用日期",
    "valid_to": "停用日期",
    "status": "状态",
    "reason": "原因",
    "evidence_sha256": "证据摘要SHA256",
    "record_kind": "记录类别",
    "record_id": "记录编号",
}

EFFECT_COLUMNS: Final = ("幂等键", "事项", "发生时间", "凭证", *_FIELDS.values())


def write_told(key: str, told: Told) -> list[str]:
    """An effect as a row under EFFECT_COLUMNS."""
    cells = {"幂等键": key, "事项": _WHAT[told.what], "发生时间": _instant(told.occurred_at), "凭证": told.proof}
    cells |= {_FIELDS[name]: _written(value) for name, value in told.fields.items()}
    return [cells.get(column, "") for column in EFFECT_COLUMNS]


def read_instant(value: str) -> datetime:
    """An instant as Suzhou writes it, aware. Raises Refusal."""
    try:
        return datetime.strptime(fold(value), "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC_PLUS_8)
    except ValueError:
        raise Refusal(value, "not an instant such as 2024/3/5 14:03:07") from None


def _day(value: date) -> str:
    return f"{value.year}/{value.month}/{value.day}"


def _instant(value: datetime) -> str:
    local = value.astimezone(UTC_PLUS_8)
    return f"{_day(local.date())} {local:%H:%M:%S}"


def _written(value: Value) -> str:
    match value:
        case datetime():
            return _instant(value)
        case date():
            return _day(value)
        case tuple():
            ranges = [_range(item) for item in value if isinstance(item, UnitRange)]
            return ";".join(ranges) if ranges else "、".join(str(item) for item in value)
        case _:
            return str(value)


def _range(units: UnitRange) -> str:
    first, last = units.serials.first, units.serials.last
    return f"{units.home:06d}/{units.series}:{first:08d}-{last:08d}*{units.kg_per_serial}"
