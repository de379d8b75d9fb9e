"""Hangzhou's columns: records and holdings as rows of its views, effects from rows of its write-back table.

Quantities are NUMERIC kgCO2e, days integers (20240305; 99991231: open), monitoring periods months (202403), instants
TIMESTAMP in local time, yes and no 1 and 0, statuses and purposes numbers; own serials begin with HZ, others with WB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.city import HANGZHOU
from adapters.sandbox.effects import Effect
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.filing import SHANGHAI_TIME
from adapters.sandbox.records import Parameter, Record, UnitRange
from adapters.sandbox.shanghai_wire import parse_effect
from adapters.sandbox.units import Holding

KINDS = {
    "methodology": "方法学",
    "project": "减排项目",
    "verification": "核查",
    "issuance": "签发",
    "transfer_out": "划出",
    "transfer_in": "划入",
    "retirement": "核销",
    "correction": "更正",
}
STATUSES = {
    "filed": 10,
    "registered": 11,
    "valid": 12,
    "issued": 13,
    "suspended": 20,
    "withdrawn": 21,
    "closed": 22,
    "voided": 23,
    "part_corrected": 24,
    "corrected": 25,
    "locked": 30,
    "submitted": 31,
    "withdrawal_requested": 32,
    "accepted": 33,
    "transferred_out": 33,
    "rejected": 34,
    "expired": 35,
    "pending": 40,
    "final": 41,
    "returned": 42,
    "undecided": 50,
    "accept": 51,
    "reject": 52,
    "available": 60,
    "retired": 61,
    "cut": 62,
    "retired_elsewhere": 63,
    "cancelled_elsewhere": 64,
    "cancelled": 65,
}
_OPEN = 99991231


def day(value: date | None) -> int:
    """A day as Hangzhou writes it: 20240305; 99991231 where it is left open."""
    return int(f"{value:%Y%m%d}") if value else _OPEN


def month(value: date) -> int:
    """The month of a day: 202403."""
    return value.year * 100 + value.month


def local(value: datetime | None) -> datetime | None:
    """An instant in local time without zone."""
    return value.astimezone(SHANGHAI_TIME).replace(tzinfo=None) if value else None


def serial(home_member: str, value: int) -> str:
    """A serial with its prefix: HZ for this registry's own, WB for others'."""
    return f"{'HZ' if home_member == HANGZHOU.member else 'WB'}{value:012d}"


def _same(value: Any) -> Any:
    return value


def _ranges(values: list[UnitRange]) -> str:
    return json.dumps([_range(units) for units in values], ensure_ascii=False)


def _range(units: UnitRange) -> dict[str, str | int]:
    return {
        "归属": units.home_member,
        "系列": units.series,
        "每号千克": units.kg_per_serial,
        "起号": serial(units.home_member, units.first),
        "止号": serial(units.home_member, units.last),
    }


def _parameters(values: list[Parameter]) -> str:
    return json.dumps([_parameter(value) for value in values], ensure_ascii=False)


def _parameter(parameter: Parameter) -> dict[str, str | int]:
    return {
        "名称": parameter.name,
        "符号": parameter.symbol,
        "数值": str(parameter.value),
        "单位": parameter.unit,
        "生效日": day(parameter.valid_from),
        "失效日": day(parameter.valid_to),
        "依据": parameter.source,
    }


Column = tuple[str, str, str, Callable[[Any], Any]]
"""Name, type in PostgreSQL, the record's attribute, and how its value is written."""

_TEXT, _KG, _NUMBER, _DAY, _CODE = "text", "numeric(20,3)", "numeric", "integer", "smallint"
_JSON, _LIST, _LOCAL = "jsonb", "text[]", "timestamp(0)"


def _texts(*names: tuple[str, str]) -> tuple[Column, ...]:
    return tuple((name, _TEXT, attribute, _same) for name, attribute in names)


def _status(name: str, attribute: str) -> Column:
    return name, _CODE, attribute, STATUSES.__getitem__


def _of(pg_type: str, encode: Callable[[Any], Any], *names: tuple[str, str]) -> tuple[Column, ...]:
    return tuple((name, pg_type, attribute, encode) for name, attribute in names)


COLUMNS: dict[str, tuple[Column, ...]] = {
    "methodology": (
        *_texts(("备案文号", "native_id"), ("方法代号", "code"), ("版号", "version"), ("方法名称", "title_zh")),
        *_texts(
            ("方法英文名", "title_en"), ("归口单位", "issuer"), ("适用情形", "applicability"), ("核算范围", "boundary")
        ),
        *_of(_LIST, _same, ("气体", "gases")),
        *_texts(("基准情景", "baseline"), ("计算式", "formula"), ("监测办法", "monitoring")),
        *_of(_JSON, _parameters, ("参数", "parameters")),
        *_of(_CODE, _same, ("计入年数", "crediting_years")),
        *_texts(("渊源", "lineage"), ("前一版文号", "supersedes")),
        *_of(_DAY, day, ("备案日", "filed_on"), ("生效日", "valid_from"), ("失效日", "valid_to")),
        *_texts(("全文", "document"), ("全文校验码", "document_sha256")),
        _status("状态码", "status"),
    ),
    "project": (
        *_texts(("项目号", "native_id"), ("项目名", "name_zh"), ("项目英文名", "name_en"), ("申报单位", "proponent")),
        *_texts(("单位信用代码", "uscc"), ("坐落", "site")),
        *_of(_NUMBER, _same, ("经度值", "longitude"), ("纬度值", "latitude"), ("容量_kw", "capacity_kw")),
        *_texts(("依据文号", "methodology")),
        *_of(_DAY, day, ("投运日", "grid_date")),
        *_of(_CODE, _same, ("设计年限", "life_years")),
        *_of(_DAY, day, ("计入首日", "crediting_start"), ("计入末日", "crediting_end")),
        *_of(_LIST, _same, ("计量表号", "assets")),
        *_texts(("其他机制", "other_mechanism")),
        *_of(_CODE, int, ("控排场址", "ets_site"), ("乡村振兴", "rural")),
        *_texts(("附加效益", "co_benefits")),
        *_of(_DAY, day, ("登记日", "registered_on")),
        _status("状态码", "status"),
    ),
    "verification": (
        *_texts(("核查号", "native_id"), ("项目号", "project")),
        *_of("integer", month, ("监测起月", "period_start"), ("监测止月", "period_end")),
        *_of(_NUMBER, _same, ("活动量_度", "activity_kwh"), ("排放因子", "emission_factor")),
        *_of(_KG, Decimal, ("核定量_千克", "verified_kg")),
        *_texts(("核查单位", "verifier"), ("报告校验码", "report_sha256")),
        *_of(_DAY, day, ("核定日", "verified_on")),
        _status("状态码", "status"),
    ),
    "issuance": (
        *_texts(("签发号", "native_id"), ("项目号", "project"), ("核查号", "verification")),
        *_of(_CODE, _same, ("减排年度", "vintage")),
        *_of(_KG, Decimal, ("签发量_千克", "quantity_kg")),
        *_texts(("系列", "series")),
        *_of(_CODE, _same, ("每号千克", "kg_per_serial")),
        *_of(
            _TEXT,
            lambda value: serial(HANGZHOU.member, value),
            *(("起号", "serial_first"), ("止号", "serial_last")),
        ),
        *_texts(("入户账号", "account")),
        *_of(_DAY, day, ("签发日", "issued_on")),
        *_texts(("替换签发号", "reissue_of")),
        _status("状态码", "status"),
    ),
    "transfer_out": (
        *_texts(
            ("划出号", "native_id"), ("去向代码", "to_member"), ("去向账号", "to_account"), ("划出账号", "account")
        ),
        *_of(_JSON, _ranges, ("号段", "ranges")),
        *_of(_KG, Decimal, ("划出量_千克", "quantity_kg")),
        *_of(_DAY, day, ("申请日", "requested_on")),
        *_texts(("复核员", "reviewer")),
        *_of(_LIST, _same, ("互认号", "references")),
        *_of(_KG, Decimal, ("成交_千克", "accepted_kg"), ("折减_千克", "cut_kg")),
        *_of(_KG, Decimal, ("退还_千克", "returned_kg"), ("扣更正_千克", "taken_kg")),
        *_texts(("事由", "reason")),
        _status("状态码", "status"),
    ),
    "transfer_in": (
        *_texts(("划入号", "native_id"), ("来向代码", "from_member"), ("收户账号", "account")),
        *_of(_JSON, _ranges, ("号段", "ranges")),
        *_of(_KG, Decimal, ("划入量_千克", "quantity_kg")),
        *_of("integer", _same, ("折算率_ppm", "factor_ppm")),
        *_of(_LOCAL, local, ("答复期限", "deadline")),
        _status("意见码", "decision"),
        *_texts(("意见", "decision_reason")),
        *_of(_JSON, _ranges, ("入账号段", "kept")),
        *_of(_KG, Decimal, ("入账_千克", "received_kg")),
        _status("状态码", "status"),
    ),
    "retirement": (
        *_texts(("核销号", "native_id"), ("核销账号", "account")),
        *_of(_JSON, _ranges, ("号段", "ranges")),
        *_of(_KG, Decimal, ("核销量_千克", "quantity_kg")),
        *_texts(("用途码", "purpose"), ("受益者", "beneficiary"), ("受益者信用代码", "beneficiary_uscc")),
        *_of(_CODE, _same, ("清缴年度", "compliance_year")),
        *_texts(("事由", "reason")),
        *_of(_DAY, day, ("核销日", "retired_on")),
    ),
    "correction": (
        *_texts(("更正号", "native_id"), ("签发号", "issuance")),
        *_of(_JSON, _ranges, ("号段", "ranges")),
        *_of(_KG, Decimal, ("更正量_千克", "quantity_kg")),
        *_texts(("事由", "reason"), ("补签号", "reissue")),
        *_of(_DAY, day, ("更正日", "corrected_on")),
    ),
}

HOLDING_COLUMNS: tuple[tuple[str, str], ...] = (
    *(("归属", "char(6)"), ("系列", _TEXT), ("每号千克", _CODE), ("起号", _TEXT), ("止号", _TEXT)),
    *(("数量_千克", _KG), ("账号", _TEXT), ("状态码", _CODE), ("冻结", _CODE), ("签发号", _TEXT), ("关联号", _TEXT)),
    ("现持有地", _TEXT),
)


def record_row(kind: str, record: Record) -> list[Any]:
    """A record's values in the order of its columns, 备注 (the label) last."""
    return [*(encode(getattr(record, attribute)) for _, _, attribute, encode in COLUMNS[kind]), record.label]


def holding_row(row: Holding) -> list[Any]:
    """A unit holding's values in the order of `HOLDING_COLUMNS`."""
    home = row.units.home_member
    return [
        *(home, row.units.series, row.units.kg_per_serial, serial(home, row.units.first), serial(home, row.units.last)),
        *(Decimal(row.quantity_kg), row.account, STATUSES[row.status], int(row.held), row.issuance, row.reference),
        row.member,
    ]


# ---------------------------------------------------------------- write-back

EFFECT_KINDS = {
    "ZC01": "transfer_proposed",
    "ZC02": "transfer_accepted",
    "ZC03": "transfer_rejected",
    "ZC04": "transfer_expired",
    "ZC05": "transfer_withdrawn",
    "ZR01": "incoming_pending",
    "ZR02": "incoming_final",
    "ZR03": "incoming_returned",
    "YD01": "retired_elsewhere",
    "YD02": "cancelled_elsewhere",
    "YD03": "moved_elsewhere",
    "CD01": "cancelled",
    "DJ01": "held",
    "DJ02": "lifted",
    "HR01": "recognition_changed",
    "DJ99": "record_status",
}
# Name, type, and the field of the effect that it fills.
EFFECT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("事项码", "text NOT NULL", "kind"),
    ("发生时间", "timestamp NOT NULL", "occurred_at"),
    ("凭证", "text NOT NULL", "proof"),
    ("划转号", _TEXT, "transfer"),
    ("互认号", _TEXT, "reference"),
    ("对方代码", _TEXT, "member"),
    ("账号", _TEXT, "account"),
    ("号段", _JSON, "ranges"),
    ("留存号段", _JSON, "kept"),
    ("折减号段", _JSON, "cut"),
    ("折算率_ppm", "integer", "factor_ppm"),
    ("答复期限", "timestamp", "deadline"),
    ("用途码", _TEXT, "purpose"),
    ("清缴年度", _CODE, "compliance_year"),
    ("对象类", _TEXT, "subject_kind"),
    ("对象号", _TEXT, "subject"),
    ("准用途", _JSON, "uses"),
    ("生效日", _DAY, "valid_from"),
    ("失效日", _DAY, "valid_to"),
    ("结论", _TEXT, "status"),
    ("事由", _TEXT, "reason"),
    ("证据校验码", _TEXT, "evidence_sha256"),
    ("记录类", _TEXT, "record_kind"),
    ("记录号", _TEXT, "record_id"),
)
_RANGES = frozenset({"ranges", "kept", "cut"})


def read_effect(row: Mapping[str, Any]) -> Effect:
    """An effect from a row of the write-back table. Raises RegistryRefusal BAD_EFFECT with the column at fault."""
    values: dict[str, Any] = {}
    for name, _, field in EFFECT_COLUMNS:
        value = row[name]
        if value is None:
            continue
        match field:
            case "kind":
                if value not in EFFECT_KINDS:
                    known = ", ".join(EFFECT_KINDS)
                    raise RegistryRefusal("BAD_EFFECT", f"事项码 is one of {known}", field=name, value=value)
                value = EFFECT_KINDS[value]
            case "occurred_at" | "deadline":
                value = value.replace(tzinfo=SHANGHAI_TIME)
            case "valid_from" | "valid_to":
                value = _read_day(name, value)
            case _ if field in _RANGES:
                value = [_read_range(name, item) for item in value] if isinstance(value, list) else value
        values[field] = value
    return parse_effect(values, {name: field for name, _, field in EFFECT_COLUMNS})


def _read_day(name: str, value: int) -> date:
    try:
        return date(value // 10_000, value // 100 % 100, value % 100)
    except ValueError:
        raise RegistryRefusal("BAD_EFFECT", "a day is written 20240305", field=name, value=value) from None


def _read_range(name: str, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != {"归属", "系列", "每号千克", "起号", "止号"}:
        raise RegistryRefusal("BAD_EFFECT", "a range has 归属, 系列, 每号千克, 起号, 止号", field=name, value=item)
    prefix = "HZ" if item["归属"] == HANGZHOU.member else "WB"
    ends = [str(item["起号"]), str(item["止号"])]
    if not all(end.startswith(prefix) and end[2:].isascii() and end[2:].isdigit() for end in ends):
        raise RegistryRefusal("BAD_EFFECT", f"serials of {item['归属']} begin with {prefix}", field=name, value=item)
    return {
        "home_member": item["归属"],
        "series": item["系列"],
        "kg_per_serial": item["每号千克"],
        "first": int(ends[0][2:]),
        "last": int(ends[1][2:]),
    }
