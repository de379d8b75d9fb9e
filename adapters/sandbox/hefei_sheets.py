"""Hefei's sheets: a record as a row of cells, and a row that a clerk typed into 互认登记 as an effect.

Quantities are numbers in tonnes (three decimals are kg), electricity is in MWh, days are date cells shown as
2024年3月5日, serials are text of eight digits, yes and no are √ and ×, members stand by their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from adapters.sandbox.effects import Effect
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.filing import SHANGHAI_TIME
from adapters.sandbox.records import Issuance, Parameter, Record, UnitRange
from adapters.sandbox.shanghai_wire import parse_effect
from adapters.sandbox.units import Holding


@dataclass(frozen=True, slots=True)
class Formula:
    """A cell that computes; `text` begins with "="."""

    text: str


Cell: TypeAlias = "str | int | Decimal | date | Formula | None"

KINDS: Final = {
    "methodology": "方法学",
    "project": "项目",
    "verification": "核证",
    "issuance": "签发",
    "transfer_out": "转出",
    "transfer_in": "转入",
    "retirement": "注销",
    "correction": "更正",
}
PLACES: Final = {
    "310000": "上海市",
    "320100": "南京市",
    "320200": "无锡市",
    "320500": "苏州市",
    "330100": "杭州市",
    "330200": "宁波市",
    "330400": "嘉兴市",
    "340100": "合肥市",
}
STATUSES: Final = {
    "filed": "已备案",
    "registered": "已登记",
    "suspended": "暂停",
    "withdrawn": "撤回",
    "closed": "销户",
    "valid": "有效",
    "voided": "作废",
    "issued": "已签发",
    "part_corrected": "部分更正",
    "corrected": "已更正",
    "locked": "锁定待转",
    "submitted": "互认办理中",
    "withdrawal_requested": "申请撤回",
    "accepted": "已转出",
    "rejected": "对方不收",
    "expired": "逾期未收",
    "pending": "待入账",
    "final": "已入账",
    "returned": "已退还",
    "undecided": "未答复",
    "accept": "同意",
    "reject": "不同意",
    "available": "可用",
    "transferred_out": "已转出",
    "retired": "已注销",
    "cut": "折减",
    "retired_elsewhere": "外地注销",
    "cancelled_elsewhere": "外地作废",
    "cancelled": "裁定作废",
}


def chinese_day(value: date) -> str:
    """2024年3月5日."""
    return f"{value.year}年{value.month}月{value.day}日"


def _tonnes(kg: int) -> Decimal:
    return Decimal(kg).scaleb(-3)


def _tick(value: bool) -> str:
    return "√" if value else "×"


def _serial(value: int) -> str:
    return f"{value:08d}"


def _place(member: str) -> str:
    return PLACES.get(member, member)


def _range(units: UnitRange) -> str:
    first, last = _serial(units.first), _serial(units.last)
    return f"{units.series}（{units.home_member}，每号{units.kg_per_serial}千克）：{first}至{last}"


def _ranges(ranges: Iterable[UnitRange]) -> str:
    return "\n".join(_range(units) for units in ranges)


def _parameters(parameters: list[Parameter]) -> str:
    return "\n".join(
        f"{p.name}|{p.symbol}|{p.value}|{p.unit}|{chinese_day(p.valid_from)}|"
        f"{chinese_day(p.valid_to) if p.valid_to else ''}|{p.source}"
        for p in parameters
    )


def _instant(value: datetime | None) -> str:
    if value is None:
        return ""
    local = value.astimezone(SHANGHAI_TIME)
    return f"{chinese_day(local.date())} {local:%H:%M:%S}"


def _same(value: Any) -> Any:
    return value


Encode = Callable[[Any], Cell]
COLUMNS: Final[Mapping[str, tuple[tuple[str, str, Encode], ...]]] = {
    "methodology": (
        ("备案号", "native_id", str),
        ("代码", "code", str),
        ("版次", "version", str),
        ("名称", "title_zh", str),
        ("英文名称", "title_en", str),
        ("发布单位", "issuer", str),
        ("适用条件", "applicability", str),
        ("核算边界", "boundary", str),
        ("气体", "gases", "、".join),
        ("基准线及额外性", "baseline", str),
        ("算式", "formula", str),
        ("监测要求", "monitoring", str),
        ("参数表", "parameters", _parameters),
        ("计入期(年)", "crediting_years", _same),
        ("渊源", "lineage", str),
        ("替代版次", "supersedes", str),
        ("备案日", "filed_on", _same),
        ("生效日", "valid_from", _same),
        ("失效日", "valid_to", _same),
        ("全文", "document", str),
        ("全文SHA256", "document_sha256", str),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "project": (
        ("项目编号", "native_id", str),
        ("项目名称", "name_zh", str),
        ("英文名", "name_en", str),
        ("业主", "proponent", str),
        ("统一社会信用代码", "uscc", str),
        ("所在地", "site", str),
        ("经度", "longitude", _same),
        ("纬度", "latitude", _same),
        ("装机容量(千瓦)", "capacity_kw", _same),
        ("方法学备案号", "methodology", str),
        ("并网日", "grid_date", _same),
        ("使用年限(年)", "life_years", _same),
        ("计入期起", "crediting_start", _same),
        ("计入期止", "crediting_end", _same),
        ("计量表号", "assets", "、".join),
        ("其他机制", "other_mechanism", str),
        ("控排场址", "ets_site", _tick),
        ("乡村振兴", "rural", _tick),
        ("协同效益", "co_benefits", str),
        ("登记日", "registered_on", _same),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "verification": (
        ("核证编号", "native_id", str),
        ("项目编号", "project", str),
        ("监测期起", "period_start", _same),
        ("监测期止", "period_end", _same),
        ("电量(兆瓦时)", "activity_kwh", lambda kwh: kwh / 1000),
        ("排放因子(吨/兆瓦时)", "emission_factor", _same),
        ("核证量(吨)", "verified_kg", _tonnes),
        ("核证机构", "verifier", str),
        ("报告SHA256", "report_sha256", str),
        ("核证日", "verified_on", _same),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "issuance": (
        ("签发编号", "native_id", str),
        ("项目编号", "project", str),
        ("核证编号", "verification", str),
        ("年份", "vintage", _same),
        ("签发量(吨)", "quantity_kg", _tonnes),
        ("系列", "series", str),
        ("每号千克", "kg_per_serial", _same),
        ("起号", "serial_first", _serial),
        ("止号", "serial_last", _serial),
        ("账户", "account", str),
        ("签发日", "issued_on", _same),
        ("原签发编号", "reissue_of", str),
        ("原起号", "", str),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "transfer_out": (
        ("转出编号", "native_id", str),
        ("接收地", "to_member", _place),
        ("接收账户", "to_account", str),
        ("账户", "account", str),
        ("号段", "ranges", _ranges),
        ("数量(吨)", "quantity_kg", _tonnes),
        ("申请日", "requested_on", _same),
        ("复核人", "reviewer", str),
        ("互认编号", "references", "\n".join),
        ("已转出(吨)", "accepted_kg", _tonnes),
        ("折减(吨)", "cut_kg", _tonnes),
        ("退回(吨)", "returned_kg", _tonnes),
        ("更正(吨)", "taken_kg", _tonnes),
        ("说明", "reason", str),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "transfer_in": (
        ("转入编号", "native_id", str),
        ("来源地", "from_member", _place),
        ("账户", "account", str),
        ("号段", "ranges", _ranges),
        ("数量(吨)", "quantity_kg", _tonnes),
        ("折算系数", "factor_ppm", lambda ppm: Decimal(ppm).scaleb(-6)),
        ("截止时间", "deadline", _instant),
        ("接收意见", "decision", STATUSES.__getitem__),
        ("意见说明", "decision_reason", str),
        ("实收号段", "kept", _ranges),
        ("实收(吨)", "received_kg", _tonnes),
        ("现状", "status", STATUSES.__getitem__),
    ),
    "retirement": (
        ("注销编号", "native_id", str),
        ("账户", "account", str),
        ("号段", "ranges", _ranges),
        ("数量(吨)", "quantity_kg", _tonnes),
        ("用途", "purpose", str),
        ("受益人", "beneficiary", str),
        ("受益人信用代码", "beneficiary_uscc", str),
        ("履约年度", "compliance_year", _same),
        ("说明", "reason", str),
        ("注销日", "retired_on", _same),
    ),
    "correction": (
        ("更正编号", "native_id", str),
        ("签发编号", "issuance", str),
        ("号段", "ranges", _ranges),
        ("数量(吨)", "quantity_kg", _tonnes),
        ("更正原因", "reason", str),
        ("重签编号", "reissue", str),
        ("更正日", "corrected_on", _same),
    ),
}
HOLDINGS: Final = "持有"
HOLDING_HEADINGS: Final = (
    "系列",
    "归属地",
    "起号",
    "止号",
    "每号千克",
    "数量(吨)",
    "账户",
    "状态",
    "冻结",
    "签发编号",
    "关联编号",
    "现持有地",
)
BOOKINGS: Final = "互认登记"
ITEM, RESULT, RESULT_NOTE = "事项编号", "处理结果", "处理说明"
DONE, NOT_DONE = "已办", "未办"
EFFECT_KINDS: Final = {
    "转出已报": "transfer_proposed",
    "转出办结": "transfer_accepted",
    "转出被退": "transfer_rejected",
    "转出逾期": "transfer_expired",
    "转出撤回": "transfer_withdrawn",
    "转入待入账": "incoming_pending",
    "转入入账": "incoming_final",
    "转入退还": "incoming_returned",
    "外地注销": "retired_elsewhere",
    "外地作废": "cancelled_elsewhere",
    "外地转手": "moved_elsewhere",
    "裁定作废": "cancelled",
    "冻结": "held",
    "解冻": "lifted",
    "互认变更": "recognition_changed",
    "报送结果": "record_status",
}
EFFECT_HEADINGS: Final = {
    "发生时间": "occurred_at",
    "凭证": "proof",
    "转移编号": "transfer",
    "互认编号": "reference",
    "对方": "member",
    "账户": "account",
    "号段": "ranges",
    "实收号段": "kept",
    "折减号段": "cut",
    "折算系数": "factor_ppm",
    "截止时间": "deadline",
    "用途": "purpose",
    "履约年度": "compliance_year",
    "对象类别": "subject_kind",
    "对象编号": "subject",
    "许可用途": "uses",
    "生效日": "valid_from",
    "失效日": "valid_to",
    "状态": "status",
    "原因": "reason",
    "记录类别": "record_kind",
    "记录编号": "record_id",
}
HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    **{KINDS[kind]: (*(name for name, _, _ in columns), "数据说明") for kind, columns in COLUMNS.items()},
    HOLDINGS: HOLDING_HEADINGS,
    BOOKINGS: (ITEM, "事项", *EFFECT_HEADINGS, "经办人", RESULT, RESULT_NOTE),
}
"""Every sheet with its headings; the first heading is that of the row's own number."""


def record_cells(kind: str, record: Record, original: Issuance | None = None) -> dict[str, Cell]:
    """A record as a row. `original`: the issuance that a reissue replaces."""
    cells: dict[str, Cell] = {name: encode(getattr(record, source)) for name, source, encode in COLUMNS[kind] if source}
    if kind == "issuance":
        cells["原起号"] = _serial(original.serial_first) if original else None
    return cells | {"数据说明": record.label}


def holding_cells(row: Holding) -> dict[str, Cell]:
    """One unit holding as a row of 持有."""
    values: tuple[Cell, ...] = (
        row.units.series,
        _place(row.units.home_member),
        _serial(row.units.first),
        _serial(row.units.last),
        row.units.kg_per_serial,
        _tonnes(row.quantity_kg),
        row.account,
        STATUSES[row.status],
        _tick(row.held),
        row.issuance,
        row.reference,
        _place(row.member),
    )
    return dict(zip(HOLDING_HEADINGS, values, strict=True))


_RANGE = re.compile(r"([^（）：]+)（(\d{6})，每号(1|1000)千克）：(\d+)至(\d+)")
_INSTANT = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日 (\d{1,2}):(\d{2}):(\d{2})")
_DAY = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")


def read_booking(cells: Mapping[str, str]) -> Effect:
    """The effect that a clerk typed. Raises RegistryRefusal BAD_EFFECT naming the heading."""
    kind = cells.get("事项", "").strip()
    if kind not in EFFECT_KINDS:
        raise RegistryRefusal("BAD_EFFECT", f"事项 is one of {'、'.join(EFFECT_KINDS)}", field="事项", value=kind)
    values: dict[str, Any] = {"kind": EFFECT_KINDS[kind]}
    for heading, name in EFFECT_HEADINGS.items():
        written = cells.get(heading, "").strip()
        if written:
            values[name] = _read(heading, name, written)
    return parse_effect(values, {**EFFECT_HEADINGS, "事项": "kind"})


def _read(heading: str, name: str, written: str) -> Any:
    try:
        match name:
            case "ranges" | "kept" | "cut":
                return [_read_range(line) for line in written.splitlines() if line.strip()]
            case "occurred_at" | "deadline":
                year, month, day, hour, minute, second = _numbers(_INSTANT, written)
                return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI_TIME)
            case "valid_from" | "valid_to":
                return date(*_numbers(_DAY, written))
            case "uses":
                return written.split("、")
            case "factor_ppm":
                return int(Decimal(written) * 1_000_000)
            case "member":
                return next((code for code, place in PLACES.items() if place == written), written)
            case _:
                return written
    except (ValueError, InvalidOperation) as wrong:
        raise RegistryRefusal("BAD_EFFECT", str(wrong), field=heading, value=written) from wrong


def _read_range(line: str) -> dict[str, Any]:
    matched = _RANGE.fullmatch(line.strip())
    if matched is None:
        raise ValueError("a range is 系列（归属地代码，每号1千克）：起号至止号")
    series, home, size, first, last = matched.groups()
    return {
        "home_member": home,
        "series": series,
        "kg_per_serial": int(size),
        "first": int(first),
        "last": int(last),
    }


def _numbers(form: re.Pattern[str], written: str) -> list[int]:
    matched = form.fullmatch(written)
    if matched is None:
        raise ValueError("written otherwise than 2024年3月5日 (14:03:07)")
    return [int(part) for part in matched.groups()]
