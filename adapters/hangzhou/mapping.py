"""Hangzhou's views and columns, and what its codes for effects are (README.md is the manual)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import Column, Shape
from adapters.city.feed import REISSUE_FIRST
from adapters.city.mapping import CityMapping, EffectForm, HoldingLine
from adapters.city.records import CityRecord
from adapters.city.shapes import Names, shapes
from adapters.city.sql_books import SqlBooksForm
from adapters.city.sql_feed import SqlForm
from adapters.hangzhou.values import (
    HABITS,
    PURPOSES,
    elsewhere,
    read_units,
    status,
    write_day,
    write_instant,
    write_units,
)
from adapters.transports.sql import Relation


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
    "持仓号",
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

MAPPING: Final = CityMapping(
    title="杭州市碳普惠登记簿 / Hangzhou carbon-inclusive registry",
    shapes=SHAPES,
    purposes=PURPOSES,
    holding=Shape(
        "持仓",
        HoldingLine,
        (Column("状态码", "status", status), Column("现持有地", "elsewhere", elsewhere)),
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
        write_day=write_day,
        write_instant=write_instant,
        write_units=write_units,
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
BOOKS: Final = SqlBooksForm(
    changes=Relation(_SCHEMA, "持仓变更", ("变更序", "变更时间", *_HOLDING)),
    number="变更序",
    at="变更时间",
    line="持仓号",
)
