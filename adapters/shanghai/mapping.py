"""Shanghai's field names, words and codes (README.md is the manual): JSON in, JSON out.

Quantities are strings in tCO2e with three decimals, serials strings, days ISO dates, instants ISO with +08:00.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import (
    Column,
    Shape,
    day,
    day_or_none,
    decimal,
    degrees,
    kilograms,
    kilograms_or_zero,
    member,
    needed,
    one_of,
    text,
    texts,
    verbatim,
    whole,
    whole_or_zero,
    yes_no,
)
from adapters.city.records import Parameter, Status, UnitRange
from adapters.city.telling import Told, Value
from mutual_recognition.documents import Json
from mutual_recognition.numerals import parse_whole
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import MassUnit, tonnes
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

PURPOSES: Final[Mapping[str, Purpose]] = {f"{purpose:02d}": purpose for purpose in Purpose if purpose.retires}
"""Shanghai numbers its purposes as the hub does."""

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
_kg = kilograms(MassUnit.TONNE)
_kg_or_zero = kilograms_or_zero(MassUnit.TONNE)

_RANGE = ("归属地", "系列号", "每号千克", "起始号", "终止号", "数量_吨")
_PARAMETER = ("参数名", "符号", "数值", "单位", "生效日", "失效日", "来源")


def read_units(value: Json) -> UnitRange:
    """One 区段. Its own quantity must agree with its serials. Raises Refusal."""
    if not isinstance(value, Mapping):
        raise Refusal(value, "not a range")
    if not set(_RANGE) <= set(value):
        raise Refusal(value, f"a range has the fields {', '.join(_RANGE)}")
    size = whole(value["每号千克"])
    if size not in (1, 1000):
        raise Refusal(size, "每号千克 is 1 or 1000")
    serials = SerialRange(parse_whole(needed(value["起始号"])), parse_whole(needed(value["终止号"])))
    units = UnitRange(
        home=member(value["归属地"]),
        series=needed(value["系列号"]),
        kg_per_serial=1 if size == 1 else 1000,
        serials=serials,
    )
    stated = _kg(value["数量_吨"])
    if stated != units.kg:
        raise Refusal(
            value["数量_吨"], f"{serials} stands for {tonnes(units.kg)} t: correct the quantity or the serials"
        )
    return units


def _ranges(value: Json) -> tuple[UnitRange, ...]:
    if not isinstance(value, list):
        raise Refusal(value, "not a list of ranges")
    return tuple(read_units(item) for item in value)


def _parameters(value: Json) -> tuple[Parameter, ...]:
    if not isinstance(value, list):
        raise Refusal(value, "not a list of parameters")
    return tuple(_parameter(item) for item in value)


def _parameter(item: Json) -> Parameter:
    if not isinstance(item, Mapping) or set(item) != set(_PARAMETER):
        raise Refusal(item, f"a parameter has the fields {', '.join(_PARAMETER)}")
    return Parameter(
        name=needed(item["参数名"]),
        symbol=needed(item["符号"]),
        value=decimal(item["数值"]),
        unit=text(item["单位"]),
        valid_from=day(item["生效日"]),
        valid_to=day_or_none(item["失效日"]),
        source=text(item["来源"]),
    )


def _columns(*columns: tuple[str, str, Any]) -> tuple[Column, ...]:
    return (*(Column(*column) for column in columns), Column("数据说明", "label", text))


REISSUE_FIRST: Final = "重新签发自_起始号"
"""Added by the adapter beside the registry's own fields: the first serial of the issuance that is replaced."""

SHAPES: Final[Mapping[str, Shape[Any]]] = {
    shape.kind: shape
    for shape in (
        Shape(
            "方法学",
            city.Methodology,
            _columns(
                ("备案号", "native_id", needed),
                ("方法学编码", "code", needed),
                ("版本", "version", needed),
                ("名称", "title_zh", needed),
                ("英文名称", "title_en", text),
                ("发布机构", "issuer", text),
                ("适用条件", "applicability", text),
                ("核算边界", "boundary", text),
                ("温室气体", "gases", texts),
                ("基准线情景及额外性", "baseline", text),
                ("减排量计算", "formula", needed),
                ("监测要求", "monitoring", text),
                ("参数表", "parameters", _parameters),
                ("计入期_年", "crediting_years", whole),
                ("方法学来源", "lineage", text),
                ("替代版本", "supersedes", text),
                ("备案日期", "filed_on", day),
                ("生效日", "valid_from", day),
                ("失效日", "valid_to", day_or_none),
                ("文件正文", "document", verbatim),
                ("文件SHA256", "document_sha256", needed),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "项目",
            city.Project,
            _columns(
                ("项目编号", "native_id", needed),
                ("项目名称", "name_zh", needed),
                ("英文名称", "name_en", text),
                ("项目业主", "proponent", needed),
                ("统一社会信用代码", "uscc", needed),
                ("项目地址", "site", text),
                ("经度", "longitude", degrees),
                ("纬度", "latitude", degrees),
                ("装机容量_千瓦", "capacity_kw", decimal),
                ("方法学备案号", "methodology", needed),
                ("并网日期", "grid_date", day),
                ("寿命_年", "life_years", whole),
                ("计入期起", "crediting_start", day),
                ("计入期止", "crediting_end", day),
                ("资产编号", "assets", texts),
                ("其他机制申报", "other_mechanism", text),
                ("是否控排企业场址", "ets_site", yes_no),
                ("是否乡村振兴", "rural", yes_no),
                ("协同效益", "co_benefits", text),
                ("登记日期", "registered_on", day),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "核证",
            city.Verification,
            _columns(
                ("核证编号", "native_id", needed),
                ("项目编号", "project", needed),
                ("监测期起", "period_start", day),
                ("监测期止", "period_end", day),
                ("活动数据_千瓦时", "activity_kwh", decimal),
                ("排放因子_千克每千瓦时", "emission_factor", decimal),
                ("核证量_吨", "verified_kg", _kg),
                ("核查机构", "verifier", text),
                ("核查报告SHA256", "report_sha256", needed),
                ("核证日期", "verified_on", day),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "签发",
            city.Issuance,
            _columns(
                ("签发编号", "native_id", needed),
                ("项目编号", "project", needed),
                ("核证编号", "verification", needed),
                ("减排年份", "vintage", whole),
                ("减排量_吨", "quantity_kg", _kg),
                ("系列号", "series", needed),
                ("每号千克", "kg_per_serial", whole),
                ("起始号", "serial_first", whole),
                ("终止号", "serial_last", whole),
                ("持有账户", "account", text),
                ("签发日期", "issued_on", day),
                ("重新签发自", "reissue_of", text),
                ("状态", "status", _status),
            ),
            beside=(Column(REISSUE_FIRST, "reissue_first", whole_or_zero),),
        ),
        Shape(
            "转出",
            city.TransferOut,
            _columns(
                ("转出编号", "native_id", needed),
                ("接收方代码", "to_member", member),
                ("接收账户", "to_account", text),
                ("转出账户", "account", text),
                ("区段", "ranges", _ranges),
                ("数量_吨", "quantity_kg", _kg),
                ("申请日期", "requested_on", day),
                ("复核人", "reviewer", text),
                ("互认编号", "references", texts),
                ("转出_吨", "accepted_kg", _kg_or_zero),
                ("折减_吨", "cut_kg", _kg_or_zero),
                ("退回_吨", "returned_kg", _kg_or_zero),
                ("更正_吨", "taken_kg", _kg_or_zero),
                ("原因", "reason", text),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "转入",
            city.TransferIn,
            _columns(
                ("转入编号", "native_id", needed),
                ("转出方代码", "from_member", member),
                ("入账账户", "account", text),
                ("区段", "ranges", _ranges),
                ("数量_吨", "quantity_kg", _kg),
                ("折算系数_百万分之", "factor_ppm", whole),
                ("截止时间", "deadline", text),
                ("本市决定", "decision", _status),
                ("决定理由", "decision_reason", text),
                ("实收区段", "kept", _ranges),
                ("实收_吨", "received_kg", _kg_or_zero),
                ("状态", "status", _status),
            ),
        ),
        Shape(
            "注销",
            city.Retirement,
            _columns(
                ("注销编号", "native_id", needed),
                ("账户", "account", text),
                ("区段", "ranges", _ranges),
                ("数量_吨", "quantity_kg", _kg),
                ("注销用途代码", "purpose", needed),
                ("受益人", "beneficiary", text),
                ("受益人信用代码", "beneficiary_uscc", text),
                ("履约年度", "compliance_year", whole_or_zero),
                ("注销原因", "reason", text),
                ("注销日期", "retired_on", day),
            ),
        ),
        Shape(
            "更正",
            city.Correction,
            _columns(
                ("更正编号", "native_id", needed),
                ("签发编号", "issuance", needed),
                ("区段", "ranges", _ranges),
                ("数量_吨", "quantity_kg", _kg),
                ("更正原因", "reason", text),
                ("重新签发编号", "reissue", text),
                ("更正日期", "corrected_on", day),
            ),
        ),
    )
}

_WHAT: Final[Mapping[str, str]] = {
    "transfer_proposed": "转出受理",
    "transfer_accepted": "转出完成",
    "transfer_rejected": "转出被拒",
    "transfer_expired": "转出过期",
    "transfer_withdrawn": "转出撤回",
    "incoming_pending": "转入待确认",
    "incoming_final": "转入完成",
    "incoming_returned": "转入退回",
    "retired_elsewhere": "异地注销",
    "cancelled_elsewhere": "异地作废",
    "moved_elsewhere": "异地转移",
    "cancelled": "裁定作废",
    "held": "冻结",
    "lifted": "解冻",
    "recognition_changed": "互认变更",
    "record_status": "登记结果",
}
_FIELDS: Final[Mapping[str, str]] = {
    "transfer": "转移编号",
    "reference": "互认编号",
    "member": "对方代码",
    "account": "账户",
    "ranges": "区段",
    "kept": "保留区段",
    "cut": "折减区段",
    "factor_ppm": "折算系数_百万分之",
    "deadline": "截止时间",
    "purpose": "用途",
    "compliance_year": "履约年度",
    "subject_kind": "对象类别",
    "subject": "对象编号",
    "uses": "允许用途",
    "valid_from": "生效日",
    "valid_to": "失效日",
    "status": "状态",
    "reason": "原因",
    "evidence_sha256": "证据SHA256",
    "record_kind": "记录类别",
    "record_id": "记录编号",
}


def write_told(told: Told) -> dict[str, Json]:
    """An effect as Shanghai takes it."""
    body: dict[str, Json] = {
        "事项": _WHAT[told.what],
        "发生时间": _instant(told.occurred_at),
        "链上凭证": told.proof,
    }
    return body | {_FIELDS[name]: _written(value) for name, value in told.fields.items()}


def _instant(value: datetime) -> str:
    return value.astimezone(UTC_PLUS_8).isoformat(timespec="seconds")


def _written(value: Value) -> Json:
    match value:
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case tuple():
            return [_range(item) if isinstance(item, UnitRange) else item for item in value]
        case _:
            return value


def _range(units: UnitRange) -> dict[str, Json]:
    return {
        "归属地": f"{units.home:06d}",
        "系列号": units.series,
        "每号千克": units.kg_per_serial,
        "起始号": str(units.serials.first),
        "终止号": str(units.serials.last),
        "数量_吨": f"{tonnes(units.kg):.3f}",
    }
