"""Suzhou's file formats: records out, effects in, receipts, all CSV in GB18030 (README.md is the manual).

Quantities are whole kgCO2e with thousands commas, electricity is in 万千瓦时 (10,000 kWh), days are 2024/3/5 and
instants 2024/3/5 14:03:07, both Asia/Shanghai. Serials are padded to eight digits.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adapters.sandbox.effects import Effect
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.filing import SHANGHAI_TIME
from adapters.sandbox.records import Parameter, UnitRange
from adapters.sandbox.shanghai_wire import STATUSES, parse_effect
from adapters.sandbox.storage import Change
from adapters.sandbox.units import Holding

ENCODING = "gb18030"
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


def day(value: date | None) -> str:
    """A day as Suzhou writes it: 2024/3/5."""
    return f"{value.year}/{value.month}/{value.day}" if value else ""


def instant(value: datetime | None) -> str:
    """An instant as Suzhou writes it: 2024/3/5 14:03:07, Asia/Shanghai."""
    if value is None:
        return ""
    local = value.astimezone(SHANGHAI_TIME)
    return f"{day(local.date())} {local:%H:%M:%S}"


def _kg(value: int) -> str:
    return f"{value:,}"


def _ten_thousand_kwh(value: Decimal) -> str:
    return f"{value / 10_000:,.6f}"


def _yes(value: bool) -> str:
    return "是" if value else "否"


def serial(value: int) -> str:
    """A serial as Suzhou writes it: eight digits at least."""
    return f"{value:08d}"


def range_text(units: UnitRange) -> str:
    """A serial range in one cell: home/series:first-last*kg-per-serial."""
    return f"{units.home_member}/{units.series}:{serial(units.first)}-{serial(units.last)}*{units.kg_per_serial}"


def ranges_text(ranges: Iterable[UnitRange]) -> str:
    """Several serial ranges in one cell, joined by semicolons."""
    return ";".join(range_text(units) for units in ranges)


def _parameters(parameters: list[Parameter]) -> str:
    return ";".join(
        f"{p.name}|{p.symbol}|{p.value}|{p.unit}|{day(p.valid_from)}|{day(p.valid_to)}|{p.source}" for p in parameters
    )


def _year(value: int | None) -> str:
    return "" if value is None else str(value)


Encode = Callable[[Any], str]
COLUMNS: dict[str, tuple[tuple[str, str, Encode], ...]] = {
    "methodology": (
        ("备案编号", "native_id", str),
        ("方法学代码", "code", str),
        ("版本", "version", str),
        ("方法学名称", "title_zh", str),
        ("英文名", "title_en", str),
        ("备案单位", "issuer", str),
        ("适用范围", "applicability", str),
        ("边界", "boundary", str),
        ("气体种类", "gases", "、".join),
        ("基准线与额外性", "baseline", str),
        ("计算公式", "formula", str),
        ("监测方法", "monitoring", str),
        ("参数", "parameters", _parameters),
        ("计入年限", "crediting_years", str),
        ("来源", "lineage", str),
        ("被替代版本", "supersedes", str),
        ("备案时间", "filed_on", day),
        ("启用日期", "valid_from", day),
        ("停用日期", "valid_to", day),
        ("正文", "document", str),
        ("正文摘要SHA256", "document_sha256", str),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "project": (
        ("项目代码", "native_id", str),
        ("项目名称", "name_zh", str),
        ("项目英文名", "name_en", str),
        ("业主单位", "proponent", str),
        ("社会信用代码", "uscc", str),
        ("地址", "site", str),
        ("东经", "longitude", str),
        ("北纬", "latitude", str),
        ("装机(kW)", "capacity_kw", lambda value: f"{value:,}"),
        ("方法学备案编号", "methodology", str),
        ("并网时间", "grid_date", day),
        ("寿命年限", "life_years", str),
        ("计入期开始", "crediting_start", day),
        ("计入期结束", "crediting_end", day),
        ("表计编号", "assets", "、".join),
        ("参与其他机制", "other_mechanism", str),
        ("控排企业场址", "ets_site", _yes),
        ("乡村振兴", "rural", _yes),
        ("协同效益", "co_benefits", str),
        ("登记时间", "registered_on", day),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "verification": (
        ("核证单号", "native_id", str),
        ("项目代码", "project", str),
        ("监测开始", "period_start", day),
        ("监测结束", "period_end", day),
        ("电量(万千瓦时)", "activity_kwh", _ten_thousand_kwh),
        ("因子(kgCO2/kWh)", "emission_factor", str),
        ("核证减排量(kg)", "verified_kg", _kg),
        ("核证机构", "verifier", str),
        ("报告摘要SHA256", "report_sha256", str),
        ("核证时间", "verified_on", day),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "issuance": (
        ("签发单号", "native_id", str),
        ("项目代码", "project", str),
        ("核证单号", "verification", str),
        ("年份", "vintage", str),
        ("签发量(kg)", "quantity_kg", _kg),
        ("系列", "series", str),
        ("每号重量(kg)", "kg_per_serial", _kg),
        ("起号", "serial_first", serial),
        ("止号", "serial_last", serial),
        ("账户", "account", str),
        ("签发时间", "issued_on", day),
        ("原签发单号", "reissue_of", str),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "transfer_out": (
        ("转出单号", "native_id", str),
        ("接收地区划代码", "to_member", str),
        ("接收账户", "to_account", str),
        ("账户", "account", str),
        ("号段", "ranges", ranges_text),
        ("数量(kg)", "quantity_kg", _kg),
        ("申请时间", "requested_on", day),
        ("复核人", "reviewer", str),
        ("互认编号", "references", ";".join),
        ("转出量(kg)", "accepted_kg", _kg),
        ("折减量(kg)", "cut_kg", _kg),
        ("退回量(kg)", "returned_kg", _kg),
        ("更正量(kg)", "taken_kg", _kg),
        ("说明", "reason", str),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "transfer_in": (
        ("转入单号", "native_id", str),
        ("来源地区划代码", "from_member", str),
        ("账户", "account", str),
        ("号段", "ranges", ranges_text),
        ("数量(kg)", "quantity_kg", _kg),
        ("折算系数(ppm)", "factor_ppm", _kg),
        ("截止时间", "deadline", instant),
        ("接收意见", "decision", STATUSES.__getitem__),
        ("意见说明", "decision_reason", str),
        ("实收号段", "kept", ranges_text),
        ("实收量(kg)", "received_kg", _kg),
        ("状态", "status", STATUSES.__getitem__),
    ),
    "retirement": (
        ("注销单号", "native_id", str),
        ("账户", "account", str),
        ("号段", "ranges", ranges_text),
        ("数量(kg)", "quantity_kg", _kg),
        ("用途代码", "purpose", str),
        ("受益方", "beneficiary", str),
        ("受益方信用代码", "beneficiary_uscc", str),
        ("履约年", "compliance_year", _year),
        ("说明", "reason", str),
        ("注销时间", "retired_on", day),
    ),
    "correction": (
        ("更正单号", "native_id", str),
        ("签发单号", "issuance", str),
        ("号段", "ranges", ranges_text),
        ("数量(kg)", "quantity_kg", _kg),
        ("更正原因", "reason", str),
        ("重签单号", "reissue", str),
        ("更正时间", "corrected_on", day),
    ),
}
HOLDING_HEADER = ["号段", "数量(kg)", "账户", "状态", "冻结", "签发单号", "关联单号", "现持有地"]
MANIFEST_HEADER = ["批次", "文件名", "行数", "起始变更序号", "截止变更序号", "SHA256"]
HEARTBEAT_HEADER = ["系统时间", "最新变更序号", "最新批次"]
RECEIPT_HEADER = ["幂等键", "行号", "结果", "变更序号", "处理时间", "字段", "原因"]

Table = list[list[str]]


def record_header(kind: str) -> list[str]:
    """The column names of a kind's files."""
    return ["变更序号", "版本号", "更新时间", *(name for name, _, _ in COLUMNS[kind]), "数据说明"]


def record_row(change: Change) -> list[str]:
    """One record as a row under `record_header`."""
    cells = [encode(getattr(change.record, source)) for _, source, encode in COLUMNS[change.kind]]
    return [str(change.seq), str(change.version), instant(change.updated_at), *cells, change.record.label]


def holding_row(row: Holding) -> list[str]:
    """One unit holding as a row under HOLDING_HEADER."""
    return [
        range_text(row.units),
        _kg(row.quantity_kg),
        row.account,
        STATUSES[row.status],
        _yes(row.held),
        row.issuance,
        row.reference,
        row.member,
    ]


def encode_csv(table: Table, encoding: str = ENCODING) -> bytes:
    """A table as CSV with CRLF line ends, as the city's export writes it."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue().encode(encoding)


def digest(content: bytes) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(content).hexdigest()


EFFECT_KINDS = {
    "转出受理": "transfer_proposed",
    "转出成交": "transfer_accepted",
    "转出拒收": "transfer_rejected",
    "转出超时": "transfer_expired",
    "转出撤销": "transfer_withdrawn",
    "转入预登": "incoming_pending",
    "转入生效": "incoming_final",
    "转入退回": "incoming_returned",
    "他地核销": "retired_elsewhere",
    "他地废止": "cancelled_elsewhere",
    "他地流转": "moved_elsewhere",
    "裁定废止": "cancelled",
    "锁定": "held",
    "解锁": "lifted",
    "互认变动": "recognition_changed",
    "上链结果": "record_status",
}
EFFECT_COLUMNS = {
    "发生时间": "occurred_at",
    "凭证": "proof",
    "转移单号": "transfer",
    "互认编号": "reference",
    "对方区划代码": "member",
    "账户": "account",
    "号段": "ranges",
    "保留号段": "kept",
    "折减号段": "cut",
    "折算系数(ppm)": "factor_ppm",
    "截止时间": "deadline",
    "用途": "purpose",
    "履约年": "compliance_year",
    "对象类别": "subject_kind",
    "对象编号": "subject",
    "允许用途": "uses",
    "启用日期": "valid_from",
    "停用日期": "valid_to",
    "状态": "status",
    "原因": "reason",
    "证据摘要SHA256": "evidence_sha256",
    "记录类别": "record_kind",
    "记录编号": "record_id",
}
EFFECT_HEADER = ["幂等键", "事项", *EFFECT_COLUMNS]

_RANGE = re.compile(r"(\d{6})/([^:;*]+):(\d+)-(\d+)\*(1|1000)")


def _read_ranges(column: str, text: str) -> list[dict[str, Any]]:
    found = []
    for part in text.split(";"):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise RegistryRefusal("BAD_EFFECT", "号段 is home/series:first-last*kg", field=column, value=part)
        home, series, first, last, size = match.groups()
        found.append(
            {
                "home_member": home,
                "series": series,
                "first": int(first),
                "last": int(last),
                "kg_per_serial": int(size),
            }
        )
    return found


def _read_time(column: str, text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form).replace(tzinfo=SHANGHAI_TIME)
    except ValueError as error:
        example = "2024/3/5 14:03:07" if "H" in form else "2024/3/5"
        raise RegistryRefusal("BAD_EFFECT", f"a time is written {example}", field=column, value=text) from error


def read_effect_table(content: bytes) -> Table:
    """The rows of an effect file, header checked. Raises RegistryRefusal BAD_FILE for the file as a whole."""
    try:
        text = content.decode(ENCODING)
    except UnicodeDecodeError as error:
        raise RegistryRefusal("BAD_FILE", f"not GB18030 at byte {error.start}", field="encoding") from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows or rows[0] != EFFECT_HEADER:
        header = rows[0] if rows else []
        differs = sorted(set(header) ^ set(EFFECT_HEADER)) or ["order"]
        raise RegistryRefusal("BAD_FILE", f"header differs: {', '.join(differs)[:200]}", field="header")
    if not text.endswith("\n"):
        raise RegistryRefusal("BAD_FILE", "the last line is not ended: a truncated file", field="file")
    return rows[1:]


def read_effect_row(row: list[str]) -> tuple[str, Effect]:
    """Key and effect of one row. Raises RegistryRefusal BAD_EFFECT naming the column."""
    if len(row) != len(EFFECT_HEADER):
        raise RegistryRefusal("BAD_EFFECT", f"{len(row)} cells, {len(EFFECT_HEADER)} columns", field="row")
    cells = dict(zip(EFFECT_HEADER, row, strict=True))
    key, kind = cells.pop("幂等键"), cells.pop("事项")
    if kind not in EFFECT_KINDS:
        raise RegistryRefusal("BAD_EFFECT", f"事项 is one of {', '.join(EFFECT_KINDS)}", field="事项", value=kind)
    values: dict[str, Any] = {"kind": EFFECT_KINDS[kind]}
    for column, text in cells.items():
        name = EFFECT_COLUMNS[column]
        if not text:
            continue
        if name in ("ranges", "kept", "cut"):
            values[name] = _read_ranges(column, text)
        elif name in ("occurred_at", "deadline"):
            values[name] = _read_time(column, text, "%Y/%m/%d %H:%M:%S")
        elif name in ("valid_from", "valid_to"):
            values[name] = _read_time(column, text, "%Y/%m/%d").date()
        elif name == "uses":
            values[name] = text.split("、")
        elif name == "factor_ppm":
            values[name] = text.replace(",", "")
        else:
            values[name] = text
    return key, parse_effect(values, {**EFFECT_COLUMNS, "事项": "kind"})
