"""Hefei's workbook cell by cell, as clerks type it; its books; and what the clerks are asked to type."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.hefei.adapter import item_number
from adapters.protocol import Effect, EffectKind, SeesBookings, WritesInstructions
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition import records as canonical
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.adapters.hefei_workbook import FIRST, FIXTURE, SECOND, editing, opened, read, translated, typed


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """The fixture, to be edited."""
    return Path(shutil.copy(FIXTURE, tmp_path / "台账.xlsx"))


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[canonical.Record]]:
    """The fixture's records, translated once."""
    return translated(Path(shutil.copy(FIXTURE, tmp_path_factory.mktemp("as_it_is") / "台账.xlsx")))


# -------------------------------------------------------------------- the mapping


def test_methodology__text_parameters_and_definition(as_it_is: dict[str, list[canonical.Record]]) -> None:
    (filing,) = as_it_is["DEMO-HF-PV-01/V1"]
    assert isinstance(filing, canonical.MethodologyFiling)
    assert filing.key == canonical.MethodologyKey("DEMO-HF-PV-01", "V1")
    assert filing.valid_from == date(2023, 1, 1)
    assert filing.definition is not None
    assert filing.definition["parameters"]["ef"]["values"] == [{"from": "2023-01-01", "value": "0.6782"}]


def test_project__ticks_places_and_days(as_it_is: dict[str, list[canonical.Record]]) -> None:
    (project,) = as_it_is["合碳示例〔项目〕0001号"]
    assert isinstance(project, canonical.ProjectRegistration)
    assert project.crediting == Period(date(2023, 1, 1), date(2032, 12, 31))
    assert project.declaration["ets_site"] is False
    assert project.content["rural"] is True
    assert [asset.identifier for asset in project.assets] == ["DEMO-HF-METER-0001A", "DEMO-HF-METER-0001B"]


def test_verification__merged_project_and_megawatt_hours(as_it_is: dict[str, list[canonical.Record]]) -> None:
    found = as_it_is
    one, other = (found[f"合碳示例〔核证〕000{n}号"][0] for n in (1, 2))
    assert isinstance(one, canonical.Verification)
    assert isinstance(other, canonical.Verification)
    assert one.project == other.project == "合碳示例〔项目〕0001号"
    assert (other.verified_kg, other.content["activity_kwh"]) == (707_702, "1043500.5")


def test_issuance__text_date_full_width_and_non_breaking_space(as_it_is: dict[str, list[canonical.Record]]) -> None:
    found = as_it_is
    series, issuance = found[SECOND]
    assert series == canonical.SeriesRegistration(code="DEMO-HF-TH-2024", kg_per_serial=1)
    assert isinstance(issuance, canonical.Issuance)
    assert (issuance.serials, issuance.quantity_kg) == (SerialRange(1, 707_702), 707_702)
    assert issuance.verification == "合碳示例〔核证〕0002号"
    dated = found[FIRST][1]
    assert isinstance(dated, canonical.Issuance)
    assert dated.content["issued_on"] == "2024-04-02"


def test_reissue__follows_its_correction_and_names_the_first_serial(workbook: Path) -> None:
    records, _, _ = read(opened(workbook))
    names = [record.native_id for record in records]
    correction, reissue = "合碳示例〔更正〕0001号", "合碳示例〔签发〕0007号"
    assert names.index(reissue) == names.index(correction) + 1
    issuance = opened(workbook).translate(records[names.index(reissue)])[1]
    assert isinstance(issuance, canonical.Issuance)
    assert issuance.reissue_of == 1_415_607


def test_transfers_and_retirement__places_factors_and_purposes_in_words(
    as_it_is: dict[str, list[canonical.Record]],
) -> None:
    found = as_it_is
    (out,) = found["合碳示例〔转出〕0001号"]
    assert out == canonical.TransferOut(
        native_id="合碳示例〔转出〕0001号#1",
        series=SeriesName(code="DEMO-HF-TH-2023"),
        serials=SerialRange(2501, 33000),
        to=310000,
        quantity_kg=30_500,
    )
    (decision,) = found["0x" + "5a" * 32]
    assert isinstance(decision, canonical.TransferDecision)
    assert decision.accept
    (retirement,) = found["合碳示例〔注销〕0001号"]
    assert isinstance(retirement, canonical.Retirement)
    assert (retirement.purpose, retirement.compliance_year) == (Purpose.ORGANISATION_NEUTRALITY, 2025)
    assert len(retirement.beneficiary) == 32


@pytest.mark.parametrize(
    ("heading", "value"),
    [
        ("签发日", "2024年4月2日"),
        ("签发日", "２０２４年４月２日 "),
        ("签发日", "2024.4.2"),
        ("签发日", "2024/4/2"),
        ("签发日", "2024-04-02\u00a0"),
        ("签发日", datetime(2024, 4, 2)),
        ("签发量(吨)", 686.338),
        ("签发量(吨)", "686.338"),
        ("签发量(吨)", " ６８６.３３８\u00a0"),
        ("起号", "1"),
        ("起号", "００００１"),
        ("起号", 1),
        ("止号", "686,338"),
        ("项目编号", " 合碳示例〔项目〕０００１号\u3000"),
        ("年份", "２０２３"),
    ],
)
def test_typed_otherwise__means_the_same(
    workbook: Path, as_it_is: dict[str, list[canonical.Record]], heading: str, value: Any
) -> None:
    typed(workbook, "签发", FIRST, heading, value)
    assert translated(workbook)[FIRST] == as_it_is[FIRST]


@pytest.mark.parametrize(
    ("sheet", "row_id", "heading", "value", "code"),
    [
        ("签发", FIRST, "签发量(吨)", "=E5*1", "formula_in_cell"),
        ("签发", FIRST, "签发量(吨)", "686,33.8", "quantity_refused"),
        ("签发", FIRST, "签发量(吨)", "686.3385", "quantity_refused"),
        ("签发", FIRST, "签发量(吨)", 686.339, "quantity_disagrees_with_serials"),
        ("签发", FIRST, "止号", 12345678901234567890, "number_damaged"),
        ("签发", FIRST, "签发日", "2024年2月30日", "period_refused"),
        ("签发", FIRST, "签发日", 45384, "period_refused"),
        ("项目", "合碳示例〔项目〕0001号", "控排场址", True, "truth_value_in_cell"),
        ("项目", "合碳示例〔项目〕0001号", "控排场址", "是", "value_refused"),
        ("项目", "合碳示例〔项目〕0001号", "其他机制", "CCER", "other_mechanism"),
        ("转出", "合碳示例〔转出〕0001号", "接收地", "上海", "value_refused"),
        ("转出", "合碳示例〔转出〕0001号", "号段", "DEMO-HF-TH-2023：2501至33000", "value_refused"),
        ("注销", "合碳示例〔注销〕0001号", "用途", "自愿", "purpose_unknown"),
    ],
)
def test_typed_wrongly__that_record_alone_is_refused_and_says_what_to_do(
    workbook: Path, sheet: str, row_id: str, heading: str, value: Any, code: str
) -> None:
    typed(workbook, sheet, row_id, heading, value)
    adapter = opened(workbook)
    refused = {}
    for record in read(adapter)[0]:
        try:
            adapter.translate(record)
        except RecordRefused as error:
            refused[record.native_id] = error
    assert list(refused) == [row_id]
    refusal = refused[row_id]
    assert (refusal.code, refusal.field) == (code, heading)
    assert f"sheet {sheet} row" in str(refusal)
    assert refusal.remedy


# -------------------------------------------------------------------- books


def test_holdings__as_the_sheet_has_them(workbook: Path) -> None:
    holdings = list(opened(workbook).holdings())
    assert {holding.status for holding in holdings} == {"available", "in_transit", "pending", "retired", "cancelled"}
    pending = next(holding for holding in holdings if holding.status == "pending")
    assert pending.series == SeriesName(code="DEMO-SZ-TPH-2024", member=320500, registry="suzhou-sandbox")
    assert pending.serials == SerialRange(1, 10)


@pytest.mark.parametrize(("heading", "value"), [("起号", "=1+1"), ("状态", "不详"), ("止号", "12-3")])
def test_holding_unreadable__named_by_heading_and_row(workbook: Path, heading: str, value: str) -> None:
    typed(workbook, "持有", "DEMO-HF-TH-2023", heading, value)
    with pytest.raises(ConfigurationWrong) as refused:
        list(opened(workbook).holdings())
    assert refused.value.code == "holding_unreadable"
    assert heading in str(refused.value)
    assert "row 5" in str(refused.value)


# -------------------------------------------------------------------- what a clerk is asked to type


EFFECT = Effect(
    key="transfer_completed:" + "ab" * 20,
    kind=EffectKind.TRANSFER_COMPLETED,
    series=SeriesName(code="DEMO-HF-TH-2023", member=340100, registry="hefei-sandbox"),
    serials=SerialRange(2501, 29950),
    detail={
        "transfer": "0x" + "cd" * 32,
        "from": 340100,
        "to": 310000,
        "native_id": "合碳示例〔转出〕0001号#1",
        "kept_last": 29950,
        "sent_last": 33000,
        "kg_per_serial": 1,
        "kg": 27450,
    },
    block_number=42,
    occurred_at="2026-11-22T10:00:00+00:00",
)


def test_instructions__the_row_in_the_clerks_words(workbook: Path) -> None:
    adapter = opened(workbook)
    assert isinstance(adapter, WritesInstructions)
    assert isinstance(adapter, SeesBookings)
    told = adapter.instructions(EFFECT)
    item = item_number(EFFECT.key)
    assert told == {
        "key": EFFECT.key,
        "item": item,
        "title": {"zh": "转出办结：合碳示例〔转出〕0001号", "en": "transfer accepted: 合碳示例〔转出〕0001号"},
        "sheet": "互认登记",
        "row": {
            "事项编号": item,
            "事项": "转出办结",
            "发生时间": "2026年11月22日 18:00:00",
            "凭证": f"block 42; {EFFECT.key}",
            "转移编号": "合碳示例〔转出〕0001号",
            "对方": "上海市",
            "实收号段": "DEMO-HF-TH-2023（340100，每号1千克）：00002501至00029950",
            "折减号段": "DEMO-HF-TH-2023（340100，每号1千克）：00029951至00033000",
        },
    }
    assert json.loads(json.dumps(told, ensure_ascii=False)) == told


def test_item_number__short_enough_to_type_and_one_to_one() -> None:
    numbers = {item_number(f"held:{number:040d}") for number in range(2_000)}
    assert len(numbers) == 2_000
    assert all(len(number) == len("HR-1A2B-3C4D-5E6F-7A8B") for number in numbers)


def test_instructions__transfer_that_no_record_here_asked_for__refused_with_advice(workbook: Path) -> None:
    nameless = replace(EFFECT, detail={k: v for k, v in EFFECT.detail.items() if k != "native_id"})
    with pytest.raises(RecordRefused) as refused:
        opened(workbook).instructions(nameless)
    assert refused.value.code == "effect_not_tellable"
    assert refused.value.remedy


@pytest.mark.parametrize("write", [str, str.lower, lambda item: f" {item}\u00a0", lambda item: item.replace("-", "－")])
def test_sightings__however_the_number_was_typed__and_they_confirm_nothing(
    workbook: Path, write: Callable[[str], str]
) -> None:
    adapter = opened(workbook)
    assert adapter.sightings([EFFECT.key]) == {}
    with editing(workbook, "互认登记") as sheet:
        sheet["A6"] = write(item_number(EFFECT.key))
        sheet["B6"] = "转出办结"
    assert adapter.sightings([EFFECT.key, "held:other"]) == {EFFECT.key: "sheet 互认登记 row 6"}
    assert adapter.lookup([EFFECT.key]) == {}
    assert adapter.push([EFFECT]) == []


def test_nothing_is_ever_written_into_the_workbook(workbook: Path) -> None:
    before, changed = workbook.read_bytes(), workbook.stat().st_mtime_ns
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    adapter.push([EFFECT])
    adapter.instructions(EFFECT)
    adapter.sightings([EFFECT.key])
    list(adapter.holdings())
    read(adapter, cursor)
    assert (workbook.read_bytes(), workbook.stat().st_mtime_ns) == (before, changed)
    assert sorted(path.name for path in workbook.parent.iterdir()) == ["secret", "台账.readings.sqlite", "台账.xlsx"]
