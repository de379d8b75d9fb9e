"""What may be shared: the shapes of content, and personal data that is recognised wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.personal_data import PersonalData, personal_data_in
from mutual_recognition.sharing import (
    ALWAYS_TYPED,
    NUMBERS,
    SHAPES,
    MethodologyName,
    SharedRefused,
    require_shape,
    shared_content,
)

RESIDENT = "11010519491231002X"
"""The example of GB 11643: a number with a right check digit, of nobody."""


def parameter(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "EF",
        "value": "0.42",
        "unit": "kgCO2e/kWh",
        "effective_from": "2024-04-01",
        "source": "illustrative",
        "status": "illustrative",
    } | changes


def parameters(*several: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title_zh": "排放因子（示例）", "parameters": list(several or [parameter()]), **more}


def information(**changes: Any) -> dict[str, Any]:
    return {
        "name_zh": "屋顶光伏（示例）",
        "methodology": {"member": 310000, "registry": "illustrative", "code": "EXAMPLE", "version": "V1"},
        "crediting_from": "2024-01-01",
        "crediting_until": "2033-12-31",
        "other_mechanism": "none",
        "ets_site": False,
        **changes,
    }


# -------------------------------------------------------------------- personal data


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("请致电13800138000。", "a mobile telephone number"),
        ("+86 138-0013-8000", "a mobile telephone number"),
        ("１３８００１３８０００", "a mobile telephone number"),
        (f"身份证 {RESIDENT}", "an identity card number"),
        (RESIDENT.lower(), "an identity card number"),
        ("someone@example.org", "an e-mail address"),
        ("沪A12345", "a number plate"),
        ("苏ED12345", "a number plate"),
        ("户号：3101234567", "a household number"),
        ("household no. 88123456", "a household number"),
    ],
)
def test_personal_data__recognised_by_its_form(text: str, kind: str) -> None:
    [found] = personal_data_in({"site": [{"words": text}]})
    assert (found.path, found.kind) == ("site[0].words", kind)
    assert len(found.shown) < len(text)
    assert RESIDENT not in found.shown


@pytest.mark.parametrize(
    "name",
    ["户号", "用电户号", "手机号", "身份证号", "户主姓名", "household_id", "idCard", "Phone", "mobile", "account_did"],
)
def test_personal_data__recognised_by_the_name_of_its_field(name: str) -> None:
    [found] = personal_data_in({name: "x"})
    assert found.path == name
    assert list(personal_data_in({name: ""})) == []


@pytest.mark.parametrize(
    "text",
    [
        "SHCER02010022024II",
        "91310000MA1FL2345X",
        "沪环气候〔2024〕45号",
        "1,100,000 kWh gives 462 t",
        "0x" + "138001380001" * 5,
        "330100202611220001",
        "110105194912310021",
        "mobile combustion of automobiles",
        "每户每月 50 kWh",
    ],
)
def test_personal_data__not_seen_in_what_is_none(text: str) -> None:
    assert list(personal_data_in({"notes": text, "mobile_combustion_factor": text})) == []


def test_personal_data__quantities_are_quantities_whatever_their_digits() -> None:
    content = {"value": "13800138000", "notes": "13800138000"}
    assert [found.path for found in personal_data_in(content, NUMBERS)] == ["notes"]
    assert [found.path for found in personal_data_in({"value": "call 13800138000"}, NUMBERS)] == ["value"]
    assert [found.path for found in personal_data_in({"count": 13800138000}, NUMBERS)] == ["count"]


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape__refuses_personal_data_before_anything_else(kind: DocumentKind) -> None:
    with pytest.raises(PersonalData) as told:
        shared_content(kind, {"notes": "13800138000"}, "file.json")
    assert "13800138000" not in str(told.value)
    assert "notes" in told.value.reason


# -------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (parameters(parameter(value=0.42)), "parameters.0.value"),
        (parameters(parameter(value="1e3")), "parameters.0.value"),
        (parameters(parameter(value="NaN")), "parameters.0.value"),
        (parameters(parameter(status="final")), "parameters.0.status"),
        (parameters(parameter(effective_until="2023-01-01")), "before effective_from"),
        (parameters(parameter(), parameter(effective_from="2025-01-01")), "two values in effect on 2025-01-01"),
        (parameters(parameter(uncertainty={"lower": "0.5", "upper": "0.6"})), "outside its uncertainty"),
        (parameters(parameter(uncertainty={"lower": "0.6", "upper": "0.5"})), "above upper"),
        ({"parameters": [parameter()]}, "title_zh or title_en"),
        (parameters(parameter()) | {"parameters": []}, "parameters"),
        (parameters(colour="green"), "colour"),
    ],
)
def test_parameters__what_does_not_fit_is_named(content: dict[str, Any], says: str) -> None:
    with pytest.raises(SharedRefused) as told:
        shared_content(DocumentKind.PARAMETERS, content)
    assert says in told.value.reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (information(proponent={"name_zh": "某公司", "credit_code": "91310000MA1FL2345X"}), "GB 32100"),
        (information(assets=[{"kind": "meter", "of_households": True, "identifier": "M-1"}]), "only counted"),
        (information(longitude="181"), "beyond 180"),
        (information(crediting_until="2023-01-01"), "before crediting_from"),
        ({**information(), "ets_site": None}, "ets_site"),
        ({name: value for name, value in information().items() if name != "name_zh"}, "name_zh or name_en"),
    ],
)
def test_project_information__what_does_not_fit_is_named(content: dict[str, Any], says: str) -> None:
    with pytest.raises(SharedRefused) as told:
        shared_content(DocumentKind.PROJECT_INFORMATION, content)
    assert says in told.value.reason


def test_project_information__in_full() -> None:
    content = information(
        proponent={"name_zh": "示例公司", "credit_code": "91110000600037341L"},
        capacity={"amount": "0.8", "unit": "MW"},
        longitude="121.47",
        latitude="31.23",
        assets=[{"kind": "plant", "identifier": "P-1", "of_households": False}],
        statuses=[{"status": "registered", "since": "2024-02-01"}],
        co_benefits=["空气质量"],
        rural_revitalisation=True,
    )
    told = shared_content(DocumentKind.PROJECT_INFORMATION, content)
    assert told["proponent"]["credit_code"] == "91110000600037341L"
    assert MethodologyName.model_validate(told["methodology"]).identifier().startswith("0x04baf0")


def test_methodology__definition_has_to_compute() -> None:
    content = {"title_en": "PV", "code": "EXAMPLE", "version": "V1"}
    broken = {"inputs": {"generation": {"unit": "kWh"}}, "formula": "generation * factor"}
    with pytest.raises(SharedRefused) as told:
        shared_content(DocumentKind.METHODOLOGY, content | {"definition": broken})
    assert "factor" in told.value.reason


def test_inventory__that_does_not_close__refused() -> None:
    view = {"zh": "口径", "en": "view", "totals_kg": {"opening": "5", "issued": "5", "closing": "9"}, "lines": []}
    content = {
        "year": 2025, "unit": "kgCO2e", "complete": True, "as_of": {"block": 1}, "holder_view": view, "home_view": view,
    }  # fmt: skip
    with pytest.raises(SharedRefused) as told:
        shared_content(DocumentKind.INVENTORY, content)
    assert "does not close" in told.value.reason
    closing = {**view, "totals_kg": {"opening": "5", "issued": "5", "closing": "10"}}
    assert shared_content(DocumentKind.INVENTORY, content | {"holder_view": closing, "home_view": closing})


def test_content__one_meaning_one_digest() -> None:
    given = parameters(parameter(effective_until=None), notes=None)
    assert shared_content(DocumentKind.PARAMETERS, given) == shared_content(DocumentKind.PARAMETERS, parameters())
    content = shared_content(DocumentKind.PARAMETERS, given)
    require_shape(DocumentKind.PARAMETERS, content)
    with pytest.raises(SharedRefused):
        require_shape(DocumentKind.PARAMETERS, content | {"notes": None})
    one = Document(kind=DocumentKind.PARAMETERS, member=310000, registry="r", record="EF", content=content)
    assert Document.parse(one.canonical()) == one


def test_filings__stay_in_their_registries_own_words() -> None:
    require_shape(DocumentKind.METHODOLOGY, {"whatever": "a registry says"})
    assert {DocumentKind.METHODOLOGY, DocumentKind.PROJECT}.isdisjoint(ALWAYS_TYPED)


def test_kind_without_a_shape__says_which_there_are() -> None:
    with pytest.raises(SharedRefused) as told:
        shared_content(DocumentKind.SERIES, {"code": "PV"})
    assert "parameters" in told.value.reason
