"""Shanghai's wire format: records and effects as JSON with Chinese field names (README.md is the manual).

Quantities are strings in tCO2e with three decimals (kg-exact), serials are strings, days are ISO dates, instants
ISO with +08:00.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from adapters.sandbox.effects import Effect
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.filing import SHANGHAI_TIME
from adapters.sandbox.records import Parameter, Record, UnitRange
from adapters.sandbox.storage import Change
from adapters.sandbox.units import Holding

KINDS = {
    "methodology": "方法学",
    "project": "项目",
    "verification": "核证",
    "issuance": "签发",
    "transfer_out": "转出",
    "transfer_in": "转入",
    "retirement": "注销",
    "correction": "更正",
}
PATHS = {
    "methodology": "fangfaxue",
    "project": "xiangmu",
    "verification": "hezheng",
    "issuance": "qianfa",
    "transfer_out": "zhuanchu",
    "transfer_in": "zhuanru",
    "retirement": "zhuxiao",
    "correction": "gengzheng",
}
STATUSES = {
    "filed": "已备案",
    "registered": "已登记",
    "suspended": "已暂停",
    "withdrawn": "已撤回",
    "closed": "已注销登记",
    "valid": "有效",
    "voided": "已作废",
    "issued": "已签发",
    "part_corrected": "部分更正",
    "corrected": "已更正",
    "locked": "已锁定",
    "withdrawal_requested": "申请撤回",
    "accepted": "已转出",
    "rejected": "被拒绝",
    "expired": "已过期",
    "pending": "待确认",
    "final": "已入账",
    "returned": "已退回",
    "undecided": "未决定",
    "accept": "同意接收",
    "reject": "拒绝接收",
    "available": "可用",
    "transferred_out": "已转出",
    "retired": "已注销",
    "cut": "折减",
    "retired_elsewhere": "异地注销",
    "cancelled_elsewhere": "异地作废",
    "cancelled": "裁定作废",
    "submitted": "已受理",
}


def tonnes(kg: int) -> str:
    """kg as tonnes with exactly three decimals."""
    return f"{Decimal(kg) / 1000:.3f}"


def _range(units: UnitRange) -> dict[str, str | int]:
    return {
        "归属地": units.home_member,
        "系列号": units.series,
        "每号千克": units.kg_per_serial,
        "起始号": str(units.first),
        "终止号": str(units.last),
        "数量_吨": tonnes(units.quantity_kg),
    }


def _parameter(parameter: Parameter) -> dict[str, str]:
    return {
        "参数名": parameter.name,
        "符号": parameter.symbol,
        "数值": str(parameter.value),
        "单位": parameter.unit,
        "生效日": parameter.valid_from.isoformat(),
        "失效日": parameter.valid_to.isoformat() if parameter.valid_to else "",
        "来源": parameter.source,
    }


def instant(value: datetime) -> str:
    """An instant as Shanghai writes it: +08:00, whole seconds."""
    return value.astimezone(SHANGHAI_TIME).isoformat(timespec="seconds")


def _same(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


def _ranges(values: list[UnitRange]) -> list[dict[str, str | int]]:
    return [_range(units) for units in values]


def _status(value: str) -> str:
    return STATUSES[value]


Encode = Callable[[Any], Any]
FIELDS: dict[str, tuple[tuple[str, str, Encode], ...]] = {
    "methodology": (
        ("备案号", "native_id", _same),
        ("方法学编码", "code", _same),
        ("版本", "version", _same),
        ("名称", "title_zh", _same),
        ("英文名称", "title_en", _same),
        ("发布机构", "issuer", _same),
        ("适用条件", "applicability", _same),
        ("核算边界", "boundary", _same),
        ("温室气体", "gases", _same),
        ("基准线情景及额外性", "baseline", _same),
        ("减排量计算", "formula", _same),
        ("监测要求", "monitoring", _same),
        ("参数表", "parameters", lambda values: [_parameter(p) for p in values]),
        ("计入期_年", "crediting_years", _same),
        ("方法学来源", "lineage", _same),
        ("替代版本", "supersedes", _same),
        ("备案日期", "filed_on", _same),
        ("生效日", "valid_from", _same),
        ("失效日", "valid_to", _same),
        ("文件正文", "document", _same),
        ("文件SHA256", "document_sha256", _same),
        ("状态", "status", _status),
    ),
    "project": (
        ("项目编号", "native_id", _same),
        ("项目名称", "name_zh", _same),
        ("英文名称", "name_en", _same),
        ("项目业主", "proponent", _same),
        ("统一社会信用代码", "uscc", _same),
        ("项目地址", "site", _same),
        ("经度", "longitude", _same),
        ("纬度", "latitude", _same),
        ("装机容量_千瓦", "capacity_kw", _same),
        ("方法学备案号", "methodology", _same),
        ("并网日期", "grid_date", _same),
        ("寿命_年", "life_years", _same),
        ("计入期起", "crediting_start", _same),
        ("计入期止", "crediting_end", _same),
        ("资产编号", "assets", _same),
        ("其他机制申报", "other_mechanism", _same),
        ("是否控排企业场址", "ets_site", lambda value: "是" if value else "否"),
        ("是否乡村振兴", "rural", lambda value: "是" if value else "否"),
        ("协同效益", "co_benefits", _same),
        ("登记日期", "registered_on", _same),
        ("状态", "status", _status),
    ),
    "verification": (
        ("核证编号", "native_id", _same),
        ("项目编号", "project", _same),
        ("监测期起", "period_start", _same),
        ("监测期止", "period_end", _same),
        ("活动数据_千瓦时", "activity_kwh", _same),
        ("排放因子_千克每千瓦时", "emission_factor", _same),
        ("核证量_吨", "verified_kg", tonnes),
        ("核查机构", "verifier", _same),
        ("核查报告SHA256", "report_sha256", _same),
        ("核证日期", "verified_on", _same),
        ("状态", "status", _status),
    ),
    "issuance": (
        ("签发编号", "native_id", _same),
        ("项目编号", "project", _same),
        ("核证编号", "verification", _same),
        ("减排年份", "vintage", _same),
        ("减排量_吨", "quantity_kg", tonnes),
        ("系列号", "series", _same),
        ("每号千克", "kg_per_serial", _same),
        ("起始号", "serial_first", str),
        ("终止号", "serial_last", str),
        ("持有账户", "account", _same),
        ("签发日期", "issued_on", _same),
        ("重新签发自", "reissue_of", _same),
        ("状态", "status", _status),
    ),
    "transfer_out": (
        ("转出编号", "native_id", _same),
        ("接收方代码", "to_member", _same),
        ("接收账户", "to_account", _same),
        ("转出账户", "account", _same),
        ("区段", "ranges", _ranges),
        ("数量_吨", "quantity_kg", tonnes),
        ("申请日期", "requested_on", _same),
        ("复核人", "reviewer", _same),
        ("互认编号", "references", _same),
        ("转出_吨", "accepted_kg", tonnes),
        ("折减_吨", "cut_kg", tonnes),
        ("退回_吨", "returned_kg", tonnes),
        ("更正_吨", "taken_kg", tonnes),
        ("原因", "reason", _same),
        ("状态", "status", _status),
    ),
    "transfer_in": (
        ("转入编号", "native_id", _same),
        ("转出方代码", "from_member", _same),
        ("入账账户", "account", _same),
        ("区段", "ranges", _ranges),
        ("数量_吨", "quantity_kg", tonnes),
        ("折算系数_百万分之", "factor_ppm", _same),
        ("截止时间", "deadline", _same),
        ("本市决定", "decision", _status),
        ("决定理由", "decision_reason", _same),
        ("实收区段", "kept", _ranges),
        ("实收_吨", "received_kg", tonnes),
        ("状态", "status", _status),
    ),
    "retirement": (
        ("注销编号", "native_id", _same),
        ("账户", "account", _same),
        ("区段", "ranges", _ranges),
        ("数量_吨", "quantity_kg", tonnes),
        ("注销用途代码", "purpose", _same),
        ("受益人", "beneficiary", _same),
        ("受益人信用代码", "beneficiary_uscc", _same),
        ("履约年度", "compliance_year", _same),
        ("注销原因", "reason", _same),
        ("注销日期", "retired_on", _same),
    ),
    "correction": (
        ("更正编号", "native_id", _same),
        ("签发编号", "issuance", _same),
        ("区段", "ranges", _ranges),
        ("数量_吨", "quantity_kg", tonnes),
        ("更正原因", "reason", _same),
        ("重新签发编号", "reissue", _same),
        ("更正日期", "corrected_on", _same),
    ),
}


def record_body(kind: str, record: Record) -> dict[str, Any]:
    """A record as Shanghai publishes it."""
    body = {name: encode(getattr(record, source)) for name, source, encode in FIELDS[kind]}
    return {**body, "数据说明": record.label}


def change_body(change: Change) -> dict[str, Any]:
    """A line of the change feed."""
    return {
        "变更序号": str(change.seq),
        "类别": KINDS[change.kind],
        "编号": change.native_id,
        "版本": change.version,
        "操作": "新增" if change.version == 1 else "变更",
        "更新时间": instant(change.updated_at),
        "内容": record_body(change.kind, change.record),
    }


def holding_body(row: Holding) -> dict[str, Any]:
    """A unit holding; 现持有方 is the member that holds units which have left."""
    return {
        "持仓编号": str(row.id),
        **_range(row.units),
        "账户": row.account,
        "状态": STATUSES[row.status],
        "是否冻结": "是" if row.held else "否",
        "签发编号": row.issuance,
        "关联编号": row.reference,
        "现持有方": row.member,
    }


EFFECT_KINDS = {
    "转出受理": "transfer_proposed",
    "转出完成": "transfer_accepted",
    "转出被拒": "transfer_rejected",
    "转出过期": "transfer_expired",
    "转出撤回": "transfer_withdrawn",
    "转入待确认": "incoming_pending",
    "转入完成": "incoming_final",
    "转入退回": "incoming_returned",
    "异地注销": "retired_elsewhere",
    "异地作废": "cancelled_elsewhere",
    "异地转移": "moved_elsewhere",
    "裁定作废": "cancelled",
    "冻结": "held",
    "解冻": "lifted",
    "互认变更": "recognition_changed",
    "登记结果": "record_status",
}
EFFECT_FIELDS = {
    "发生时间": "occurred_at",
    "链上凭证": "proof",
    "转移编号": "transfer",
    "互认编号": "reference",
    "对方代码": "member",
    "账户": "account",
    "折算系数_百万分之": "factor_ppm",
    "截止时间": "deadline",
    "用途": "purpose",
    "履约年度": "compliance_year",
    "对象类别": "subject_kind",
    "对象编号": "subject",
    "允许用途": "uses",
    "生效日": "valid_from",
    "失效日": "valid_to",
    "状态": "status",
    "原因": "reason",
    "证据SHA256": "evidence_sha256",
    "记录类别": "record_kind",
    "记录编号": "record_id",
}
RANGE_FIELDS = {"区段": "ranges", "保留区段": "kept", "折减区段": "cut"}
_UNIT_FIELDS = {
    "归属地": "home_member",
    "系列号": "series",
    "每号千克": "kg_per_serial",
    "起始号": "first",
    "终止号": "last",
}


def read_effect(body: dict[str, Any]) -> Effect:
    """An effect from Shanghai's JSON. Raises RegistryRefusal BAD_EFFECT with the native field at fault."""
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name == "事项":
            if value not in EFFECT_KINDS:
                raise RegistryRefusal(
                    "BAD_EFFECT", f"事项 is one of {', '.join(EFFECT_KINDS)}", field=name, value=value
                )
            values["kind"] = EFFECT_KINDS[value]
        elif name in RANGE_FIELDS:
            values[RANGE_FIELDS[name]] = (
                [_read_range(name, item) for item in value] if isinstance(value, list) else value
            )
        elif name in EFFECT_FIELDS:
            values[EFFECT_FIELDS[name]] = value
        else:
            raise RegistryRefusal("BAD_EFFECT", f"no such field {name}", field=name, value=value)
    return parse_effect(values, {**EFFECT_FIELDS, **RANGE_FIELDS, "事项": "kind"})


def parse_effect(values: dict[str, Any], names: dict[str, str]) -> Effect:
    """Validate an effect; errors name the native field. `names` is native name to field."""
    try:
        return Effect.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        native = {field: name for name, field in names.items()}
        where = ".".join(native.get(str(part), str(part)) for part in first["loc"])
        raise RegistryRefusal("BAD_EFFECT", first["msg"], field=where, value=first["input"]) from error


def _read_range(field: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or not set(_UNIT_FIELDS) <= set(item) <= {*_UNIT_FIELDS, "数量_吨"}:
        raise RegistryRefusal("BAD_EFFECT", f"a range has {', '.join(_UNIT_FIELDS)}", field=field, value=item)
    return {english: item[name] for name, english in _UNIT_FIELDS.items()}
