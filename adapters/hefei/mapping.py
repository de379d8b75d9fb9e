"""Hefei's sheets, heading by heading: what each means, how its cells are read; and 互认登记, where clerks book."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import (
    Column,
    Shape,
    decimal,
    degrees,
    kilograms,
    kilograms_or_zero,
    needed,
    one_of,
    text,
    verbatim,
    whole,
    whole_or_zero,
)
from adapters.city.telling import Told, Value
from adapters.hefei import words
from adapters.hefei.words import day, day_or_none, identifier, identifier_or_none, place, ranges, ticked
from adapters.transports import tables
from mutual_recognition.quantities import MassUnit

_status = one_of(words.STATUSES)
_tonnes = kilograms(MassUnit.TONNE)
_tonnes_or_zero = kilograms_or_zero(MassUnit.TONNE)
TITLE_ROWS: Final = 6
"""How many rows (a title, who keeps the sheet, as of when) may stand above a header."""


def _columns(*columns: tuple[str, str, Any]) -> tuple[Column, ...]:
    return (*(Column(*column) for column in columns), Column("数据说明", "label", text))


SHAPES: Final[Mapping[str, Shape[Any]]] = {
    shape.kind: shape
    for shape in (
        Shape(
            "方法学",
            city.Methodology,
            _columns(
                ("备案号", "native_id", identifier),
                ("代码", "code", identifier),
                ("版次", "version", identifier),
                ("名称", "title_zh", needed),
                ("英文名称", "title_en", text),
                ("发布单位", "issuer", text),
                ("适用条件", "applicability", text),
                ("核算边界", "boundary", text),
                ("气体", "gases", words.listed),
                ("基准线及额外性", "baseline", text),
                ("算式", "formula", needed),
                ("监测要求", "monitoring", text),
                ("参数表", "parameters", words.parameters),
                ("计入期(年)", "crediting_years", whole),
                ("渊源", "lineage", text),
                ("替代版次", "supersedes", identifier_or_none),
                ("备案日", "filed_on", day),
                ("生效日", "valid_from", day),
                ("失效日", "valid_to", day_or_none),
                ("全文", "document", verbatim),
                ("全文SHA256", "document_sha256", identifier),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "项目",
            city.Project,
            _columns(
                ("项目编号", "native_id", identifier),
                ("项目名称", "name_zh", needed),
                ("英文名", "name_en", text),
                ("业主", "proponent", needed),
                ("统一社会信用代码", "uscc", identifier),
                ("所在地", "site", text),
                ("经度", "longitude", degrees),
                ("纬度", "latitude", degrees),
                ("装机容量(千瓦)", "capacity_kw", decimal),
                ("方法学备案号", "methodology", identifier),
                ("并网日", "grid_date", day),
                ("使用年限(年)", "life_years", whole),
                ("计入期起", "crediting_start", day),
                ("计入期止", "crediting_end", day),
                ("计量表号", "assets", words.meters),
                ("其他机制", "other_mechanism", text),
                ("控排场址", "ets_site", ticked),
                ("乡村振兴", "rural", ticked),
                ("协同效益", "co_benefits", text),
                ("登记日", "registered_on", day),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "核证",
            city.Verification,
            _columns(
                ("核证编号", "native_id", identifier),
                ("项目编号", "project", identifier),
                ("监测期起", "period_start", day),
                ("监测期止", "period_end", day),
                ("电量(兆瓦时)", "activity_kwh", words.megawatt_hours),
                ("排放因子(吨/兆瓦时)", "emission_factor", decimal),
                ("核证量(吨)", "verified_kg", _tonnes),
                ("核证机构", "verifier", text),
                ("报告SHA256", "report_sha256", identifier),
                ("核证日", "verified_on", day),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "签发",
            city.Issuance,
            _columns(
                ("签发编号", "native_id", identifier),
                ("项目编号", "project", identifier),
                ("核证编号", "verification", identifier),
                ("年份", "vintage", whole),
                ("签发量(吨)", "quantity_kg", _tonnes),
                ("系列", "series", identifier),
                ("每号千克", "kg_per_serial", whole),
                ("起号", "serial_first", whole),
                ("止号", "serial_last", whole),
                ("账户", "account", text),
                ("签发日", "issued_on", day),
                ("原签发编号", "reissue_of", identifier_or_none),
                ("原起号", "reissue_first", whole_or_zero),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "转出",
            city.TransferOut,
            _columns(
                ("转出编号", "native_id", identifier),
                ("接收地", "to_member", place),
                ("接收账户", "to_account", text),
                ("账户", "account", text),
                ("号段", "ranges", ranges),
                ("数量(吨)", "quantity_kg", _tonnes),
                ("申请日", "requested_on", day),
                ("复核人", "reviewer", text),
                ("互认编号", "references", words.lines),
                ("已转出(吨)", "accepted_kg", _tonnes_or_zero),
                ("折减(吨)", "cut_kg", _tonnes_or_zero),
                ("退回(吨)", "returned_kg", _tonnes_or_zero),
                ("更正(吨)", "taken_kg", _tonnes_or_zero),
                ("说明", "reason", text),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "转入",
            city.TransferIn,
            _columns(
                ("转入编号", "native_id", identifier),
                ("来源地", "from_member", place),
                ("账户", "account", text),
                ("号段", "ranges", ranges),
                ("数量(吨)", "quantity_kg", _tonnes),
                ("折算系数", "factor_ppm", words.share_in_ppm),
                ("截止时间", "deadline", text),
                ("接收意见", "decision", _status),
                ("意见说明", "decision_reason", text),
                ("实收号段", "kept", ranges),
                ("实收(吨)", "received_kg", _tonnes_or_zero),
                ("现状", "status", _status),
            ),
        ),
        Shape(
            "注销",
            city.Retirement,
            _columns(
                ("注销编号", "native_id", identifier),
                ("账户", "account", text),
                ("号段", "ranges", ranges),
                ("数量(吨)", "quantity_kg", _tonnes),
                ("用途", "purpose", needed),
                ("受益人", "beneficiary", text),
                ("受益人信用代码", "beneficiary_uscc", identifier_or_none),
                ("履约年度", "compliance_year", whole_or_zero),
                ("说明", "reason", text),
                ("注销日", "retired_on", day),
            ),
        ),
        Shape(
            "更正",
            city.Correction,
            _columns(
                ("更正编号", "native_id", identifier),
                ("签发编号", "issuance", identifier),
                ("号段", "ranges", ranges),
                ("数量(吨)", "quantity_kg", _tonnes),
                ("更正原因", "reason", text),
                ("重签编号", "reissue", identifier_or_none),
                ("更正日", "corrected_on", day),
            ),
        ),
    )
}

REISSUE_OF, REISSUED_AS, ISSUANCE, CORRECTION = "原签发编号", "重签编号", "签发", "更正"
RANKS: Final[Mapping[str, int]] = {
    "方法学": 0,
    "项目": 1,
    "核证": 2,
    "签发": 3,
    "更正": 4,  # a reissue comes right after the correction that names it
    "转出": 5,
    "转入": 6,
    "注销": 7,
}
"""In which order new rows of one reading go: what is built on before what builds on it."""

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


def table(*headings: str) -> tables.TableShape:
    """A sheet with these headings, below some title rows; columns that people add are theirs."""
    columns = tuple(tables.Column.named(heading) for heading in headings)
    return tables.TableShape(columns, allow_unknown=True, title_rows=TITLE_ROWS)


TABLES: Final = {kind: table(*shape.names) for kind, shape in SHAPES.items()}

_WHAT: Final[Mapping[str, tuple[str, str]]] = {
    "transfer_proposed": ("转出已报", "transfer proposed"),
    "transfer_accepted": ("转出办结", "transfer accepted"),
    "transfer_rejected": ("转出被退", "transfer rejected"),
    "transfer_expired": ("转出逾期", "transfer expired"),
    "transfer_withdrawn": ("转出撤回", "transfer withdrawn"),
    "incoming_pending": ("转入待入账", "incoming transfer, book as pending"),
    "incoming_final": ("转入入账", "incoming transfer final"),
    "incoming_returned": ("转入退还", "incoming transfer returned"),
    "retired_elsewhere": ("外地注销", "retired elsewhere"),
    "cancelled_elsewhere": ("外地作废", "cancelled elsewhere"),
    "moved_elsewhere": ("外地转手", "moved elsewhere"),
    "cancelled": ("裁定作废", "cancelled by ballot"),
    "held": ("冻结", "held"),
    "lifted": ("解冻", "hold lifted"),
    "recognition_changed": ("互认变更", "recognition changed"),
    "record_status": ("报送结果", "result of a record"),
}

_FIELDS: Final[Mapping[str, str]] = {
    "transfer": "转移编号",
    "reference": "互认编号",
    "member": "对方",
    "account": "账户",
    "ranges": "号段",
    "kept": "实收号段",
    "cut": "折减号段",
    "factor_ppm": "折算系数",
    "deadline": "截止时间",
    "purpose": "用途",
    "compliance_year": "履约年度",
    "subject_kind": "对象类别",
    "subject": "对象编号",
    "uses": "许可用途",
    "valid_from": "生效日",
    "valid_to": "失效日",
    "status": "状态",
    "reason": "原因",
    "record_kind": "记录类别",
    "record_id": "记录编号",
}

BOOKING_HEADINGS: Final = (ITEM, "事项", "发生时间", "凭证", *_FIELDS.values(), "经办人", RESULT, RESULT_NOTE)
BOOKING_TABLE: Final = table(*BOOKING_HEADINGS)


def booking_row(item: str, told: Told) -> dict[str, str]:
    """What a clerk types into 互认登记: heading to value, in the sheet's order, nothing that stays empty."""
    row = {
        ITEM: item,
        "事项": _WHAT[told.what][0],
        "发生时间": words.write_instant(told.occurred_at),
        "凭证": told.proof,
    }
    return row | {_FIELDS[name]: _written(name, told.fields[name]) for name in _FIELDS if name in told.fields}


def booking_title(told: Told) -> dict[str, str]:
    """A booking's short title in both languages: what it is, and which record or serials it is about."""
    zh, en = _WHAT[told.what]
    named = ("transfer", "record_id", "ranges", "subject")
    about = next((_written(name, told.fields[name]) for name in named if name in told.fields), "")
    return {"zh": f"{zh}：{about}", "en": f"{en}: {about}"}


def _written(name: str, value: Value) -> str:
    match value:
        case datetime():
            return words.write_instant(value)
        case date():
            return words.write_day(value)
        case tuple():
            units = [words.write_units(item) for item in value if isinstance(item, city.UnitRange)]
            return "\n".join(units) if units else "、".join(str(item) for item in value)
        case int() if name == "factor_ppm":
            return f"{Decimal(value) / 1_000_000:f}"
        case _:
            return words.write_place(str(value)) if name == "member" else str(value)
