"""Shanghai's mapping, record by record; what it is told; and a registry over REST that misbehaves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.protocol import Effect, EffectKind, NativeRecord
from adapters.sandbox.process import SandboxProcess
from adapters.shanghai.adapter import ShanghaiAdapter, create
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from mutual_recognition import records as canonical
from mutual_recognition.definitions import Definition, evaluate
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.adapters.city_registries import account_of, proposed, shanghai_adapter

FEED = Path(__file__).resolve().parents[2] / "adapters" / "shanghai" / "fixtures" / "feed.json"
HOME, AWAY = SeriesName(code="DEMO-SH-CER"), SeriesName(code="S-2024", member=320500, registry="suzhou-sandbox")


@pytest.fixture
def offline(tmp_path: Path) -> ShanghaiAdapter:
    """An adapter whose registry nobody can reach: what it translates, it translates without."""
    return create(
        {
            "name": "shanghai",
            "member": 310000,
            "registry": "shanghai-sandbox",
            "url": "http://127.0.0.1:9",
            "token_file": str(tmp_path / "token"),
            "secret_file": str(tmp_path / "secret"),
            "peers": {"320500": "suzhou-sandbox"},
        }
    )


def feed() -> dict[str, NativeRecord]:
    """The fixture's records by number and version."""
    lines = json.loads(FEED.read_text(encoding="utf-8"))
    return {
        f"{line['编号']} v{line['版本']}": NativeRecord(line["类别"], line["编号"], line["版本"], line, "feed.json")
        for line in lines
    }


def changed(record: NativeRecord, **fields: Any) -> NativeRecord:
    return replace(record, payload={**record.payload, "内容": {**record.payload["内容"], **fields}})


def only(adapter: ShanghaiAdapter, record: NativeRecord) -> Any:
    (found,) = adapter.translate(record)
    return found


def refusal(adapter: ShanghaiAdapter, record: NativeRecord) -> RecordRefused:
    with pytest.raises(RecordRefused) as caught:
        adapter.translate(record)
    assert caught.value.remedy
    assert caught.value.where
    return caught.value


# ------------------------------------------------------------------ mapping


def test_methodology__becomes_a_filing_with_its_definition(offline: ShanghaiAdapter) -> None:
    filing = only(offline, feed()["DEMO-SH-PV-01/V2 v1"])
    assert filing.key == canonical.MethodologyKey("DEMO-SH-PV-01", "V2")
    assert filing.supersedes == canonical.MethodologyKey("DEMO-SH-PV-01", "V1")
    assert (filing.valid_from, filing.valid_until) == (date(2025, 1, 1), date(2030, 12, 31))
    computed = evaluate(Definition.parse(filing.definition), {"activity_kwh": Decimal(467_000)}, date(2025, 3, 1))
    assert computed.kg == 196_140
    assert filing.content["title_zh"].endswith("（示例）")


def test_project__becomes_a_registration_that_claims_its_meters(offline: ShanghaiAdapter) -> None:
    project = only(offline, feed()["SH-DEMO-XM-00001 v1"])
    assert project.assets == (canonical.Asset(kind="meter", identifier="DEMO-SH-METER-0001A"),)
    assert project.crediting == Period(date(2023, 3, 1), date(2033, 2, 28))
    assert project.content["longitude"] == "121.3970"
    assert "DEMO-SH-METER-0001A" not in json.dumps(project.content)


def test_verification__counts_tonnes_as_kilograms(offline: ShanghaiAdapter) -> None:
    verified = only(offline, feed()["SH-DEMO-HZ-00002 v1"])
    assert (verified.verified_kg, verified.project) == (196_140, "SH-DEMO-XM-00001")
    assert verified.period == Period(date(2024, 1, 1), date(2024, 12, 31))


def test_issuance__brings_its_series(offline: ShanghaiAdapter) -> None:
    series, issuance = offline.translate(feed()["SH-DEMO-QF-00001 v1"])
    assert series == canonical.SeriesRegistration(code="DEMO-SH-CER", kg_per_serial=1)
    assert isinstance(issuance, canonical.Issuance)
    assert (issuance.serials, issuance.quantity_kg, issuance.vintage) == (SerialRange(1, 196_140), 196_140, 2024)
    assert "account" not in issuance.content


def test_issuance__that_replaces_another__names_its_first_serial(offline: ShanghaiAdapter) -> None:
    _, reissue = offline.translate(feed()["SH-DEMO-QF-00002 v1"])
    assert isinstance(reissue, canonical.Issuance)
    assert reissue.reissue_of == 1
    lost = feed()["SH-DEMO-QF-00002 v1"]
    lost = changed(lost, 重新签发自_起始号="")
    assert refusal(offline, lost).code == "reissue_of_unknown"


def test_transfer_out__of_two_ranges__becomes_two_transfers(offline: ShanghaiAdapter) -> None:
    first, second = offline.translate(feed()["SH-DEMO-ZC-00001 v1"])
    assert first == canonical.TransferOut(
        native_id="SH-DEMO-ZC-00001#1", series=HOME, serials=SerialRange(1, 1000), to=320500, quantity_kg=1000
    )
    assert second == canonical.TransferOut(
        native_id="SH-DEMO-ZC-00001#2", series=AWAY, serials=SerialRange(5, 6), to=320500, quantity_kg=2000
    )


def test_transfer_out__reviewed__is_cosigned_range_by_range(offline: ShanghaiAdapter) -> None:
    kinds = [type(record).__name__ for record in offline.translate(feed()["SH-DEMO-ZC-00001 v2"])]
    assert kinds == ["TransferOut", "TransferOut", "TransferCosign", "TransferCosign"]


def test_transfer_out__withdrawal_asked__withdraws_range_by_range(offline: ShanghaiAdapter) -> None:
    withdrawals = offline.translate(feed()["SH-DEMO-ZC-00001 v3"])
    assert [(type(w).__name__, getattr(w, "transfer_out", "")) for w in withdrawals] == [
        ("TransferWithdrawal", "SH-DEMO-ZC-00001#1"),
        ("TransferWithdrawal", "SH-DEMO-ZC-00001#2"),
    ]


@pytest.mark.parametrize("word", ["已受理", "已转出", "被拒绝", "已过期", "已撤回"])
def test_transfer_out__the_hubs_own_word_coming_back__asks_for_nothing(offline: ShanghaiAdapter, word: str) -> None:
    assert not offline.translate(changed(feed()["SH-DEMO-ZC-00001 v1"], 状态=word))


def test_transfer_out__corrected_here_in_transit__is_for_a_person(offline: ShanghaiAdapter) -> None:
    refused = refusal(offline, changed(feed()["SH-DEMO-ZC-00001 v1"], 状态="已更正"))
    assert (refused.code, refused.field) == ("status_needs_a_person", "状态")


@pytest.mark.parametrize(("word", "accept"), [("同意接收", True), ("拒绝接收", False)])
def test_transfer_in__decided__is_told_to_the_chain(offline: ShanghaiAdapter, word: str, accept: bool) -> None:
    record = feed()["0x" + "ab" * 32 + " v1"]
    assert not offline.translate(record)  # 未决定
    decision = only(offline, changed(record, 本市决定=word))
    assert (decision.transfer, decision.accept) == (record.native_id, accept)
    assert not offline.translate(changed(record, 本市决定=word, 状态="已入账"))


def test_retirement__commits_to_its_beneficiary_without_naming_it(offline: ShanghaiAdapter, tmp_path: Path) -> None:
    record = feed()["SH-DEMO-ZX-00001 v1"]
    retired = only(offline, record)
    assert (retired.purpose, retired.compliance_year, retired.quantity_kg) == (Purpose.ETS_COMPLIANCE, 2025, 2000)
    assert "示例受益人" not in repr(retired)
    salt = offline._city.salt(record.native_id)
    assert retired.beneficiary == beneficiary_commitment(salt, "示例受益人", "91310000MAXX000011")
    assert only(offline, changed(record, 受益人="", 受益人信用代码="")).beneficiary == b""
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0


def test_correction__of_a_later_version__says_the_same(offline: ShanghaiAdapter) -> None:
    assert only(offline, feed()["SH-DEMO-GZ-00001 v1"]) == only(offline, feed()["SH-DEMO-GZ-00001 v2"])
    assert only(offline, feed()["SH-DEMO-GZ-00001 v1"]).serials == SerialRange(1, 1000)


# ------------------------------------------------------------------ bad records


@pytest.mark.parametrize(
    ("name", "fields", "code", "field"),
    [
        ("SH-DEMO-QF-00001 v1", {"减排量_吨": "196.141"}, "quantity_disagrees_with_serials", "减排量_吨"),
        ("SH-DEMO-QF-00001 v1", {"减排量_吨": "196.1405"}, "quantity_refused", "减排量_吨"),
        ("SH-DEMO-QF-00001 v1", {"减排量_吨": "-3"}, "quantity_refused", "减排量_吨"),
        ("SH-DEMO-QF-00001 v1", {"减排量_吨": "1.9614E+2"}, "quantity_refused", "减排量_吨"),
        ("SH-DEMO-QF-00001 v1", {"终止号": "0"}, "serial_out_of_bounds", "终止号"),
        ("SH-DEMO-QF-00001 v1", {"起始号": "200000"}, "serials_inverted", "终止号"),
        ("SH-DEMO-QF-00001 v1", {"终止号": "99999999999999"}, "serials_huge", "终止号"),
        ("SH-DEMO-QF-00001 v1", {"起始号": ""}, "value_refused", "起始号"),
        ("SH-DEMO-QF-00001 v1", {"状态": "新状态"}, "status_unknown", "状态"),
        ("SH-DEMO-HZ-00002 v1", {"监测期止": "2023-01-01"}, "period_refused", "监测期止"),
        ("SH-DEMO-HZ-00002 v1", {"监测期起": "2024-02-30"}, "period_refused", "监测期起"),
        ("SH-DEMO-HZ-00002 v1", {"核证量_吨": "1961.400"}, "verified_beyond_activity", "核证量_吨"),
        ("SH-DEMO-HZ-00002 v1", {"状态": "已作废"}, "status_needs_a_person", "状态"),
        ("SH-DEMO-XM-00001 v1", {"其他机制申报": "CCER"}, "other_mechanism", "其他机制申报"),
        ("SH-DEMO-XM-00001 v1", {"方法学备案号": "DEMO"}, "methodology_number_unreadable", "方法学备案号"),
        ("SH-DEMO-ZC-00001 v1", {"数量_吨": "2.999"}, "quantity_disagrees_with_serials", "数量_吨"),
        ("SH-DEMO-ZC-00001 v1", {"接收方代码": "32050"}, "value_refused", "接收方代码"),
        ("SH-DEMO-ZX-00001 v1", {"注销用途代码": "99"}, "purpose_unknown", "注销用途代码"),
        ("DEMO-SH-PV-01/V2 v1", {"减排量计算": "activity_kwh * GWP"}, "definition_refused", "减排量计算"),
        ("DEMO-SH-PV-01/V2 v1", {"文件正文": "另一份文件"}, "document_digest_differs", "文件SHA256"),
    ],
)
def test_bad_record__is_refused_by_its_own_field(
    offline: ShanghaiAdapter, name: str, fields: dict[str, Any], code: str, field: str
) -> None:
    refused = refusal(offline, changed(feed()[name], **fields))
    assert (refused.code, refused.field) == (code, field)


def test_serials_of_a_city_that_is_not_configured__are_refused(offline: ShanghaiAdapter) -> None:
    record = feed()["SH-DEMO-ZC-00001 v1"]
    ranges = [{**units, "归属地": "340100"} for units in record.payload["内容"]["区段"]]
    refused = refusal(offline, changed(record, 区段=ranges))
    assert (refused.code, refused.value) == ("registry_of_member_unknown", 340100)


def test_full_width_digits_and_spaces__are_read(offline: ShanghaiAdapter) -> None:
    _, issuance = offline.translate(changed(feed()["SH-DEMO-QF-00001 v1"], 终止号="１９６\u00a0１４０"))
    assert isinstance(issuance, canonical.Issuance)
    assert issuance.serials.last == 196_140


# ------------------------------------------------------------------ a registry that misbehaves


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("shanghai", tmp_path_factory.mktemp("shanghai") / "registry") as process:
        yield process


@pytest.fixture
def adapter(city: SandboxProcess) -> Iterator[ShanghaiAdapter]:
    opened = shanghai_adapter(city)
    yield opened
    opened.close()
    city.clear_faults()


def numbers(adapter: ShanghaiAdapter, cursor: str = "") -> list[tuple[str, int]]:
    return [(record.native_id, record.version) for page in adapter.read(cursor) for record in page.records]


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("server_error", {}),
        ("rate_limited", {"retry_after": 1}),
        ("truncated_page", {"share": 0.5}),
        ("truncated_page", {"share": 0.3333}),
        ("timeout_on_read", {"seconds": 4}),
    ],
)
def test_read__passing_trouble__is_tried_again_and_nothing_is_lost(
    city: SandboxProcess, adapter: ShanghaiAdapter, fault: str, parameters: dict[str, Any]
) -> None:
    before = numbers(adapter)
    city.fault(fault, times=1, **parameters)
    assert numbers(adapter) == before


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("server_error", "server_error"),
        ("rate_limited", "rate_limited"),
        ("truncated_page", "answer_cut_short"),
        ("timeout_on_read", "timed_out"),
    ],
)
def test_read__lasting_trouble__ends_with_a_reason_and_goes_on_where_it_was(
    city: SandboxProcess, adapter: ShanghaiAdapter, fault: str, code: str
) -> None:
    whole = numbers(adapter)
    pages = adapter.read("")
    first = next(pages)
    city.fault(fault, times=None, **({"seconds": 30} if fault == "timeout_on_read" else {}))
    with pytest.raises(RetryLater) as caught:
        next(pages)
    assert caught.value.code == code
    assert "biangeng" in str(caught.value.where)
    city.clear_faults()
    read = [(record.native_id, record.version) for record in first.records]
    assert read + numbers(adapter, first.cursor) == whole


def test_read__a_page_served_again__is_not_taken_for_the_next(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    whole = numbers(adapter)
    pages = adapter.read("")
    read = [(record.native_id, record.version) for record in next(pages).records]
    city.fault("repeated_page", times=1)
    read += [(record.native_id, record.version) for page in pages for record in page.records]
    assert read == whole


def test_read__a_long_retry_after__is_not_sat_out(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    city.fault("rate_limited", times=None, retry_after=3600)
    started = time.monotonic()
    with pytest.raises(RetryLater) as caught:
        numbers(adapter)
    assert caught.value.retry_after == 3600
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("old", "new"), [("变更序号", "序号"), ("核证量_吨", "核证量"), ("下一游标", "游标"), ("内容", "正文")]
)
def test_read__a_renamed_field__stops_the_reading_and_names_both(
    city: SandboxProcess, adapter: ShanghaiAdapter, old: str, new: str
) -> None:
    city.fault("renamed_field", times=None, **{"from": old, "to": new})
    with pytest.raises(ConfigurationWrong) as caught:
        numbers(adapter)
    assert caught.value.code == "schema_changed"
    assert old in str(caught.value)
    assert new in str(caught.value)


def test_read__a_field_renamed_from_one_kind_on__gives_what_came_before(
    city: SandboxProcess, adapter: ShanghaiAdapter
) -> None:
    whole = numbers(adapter)
    city.fault("renamed_field", times=None, **{"from": "核证量_吨", "to": "核证量"})
    pages = adapter.read("")
    first = next(pages)
    given = [(record.native_id, record.version) for record in first.records]
    with pytest.raises(ConfigurationWrong):
        next(pages)
    assert given
    assert given == whole[: len(given)]
    city.clear_faults()
    assert given + numbers(adapter, first.cursor) == whole


def test_read__token_rotated__is_read_again(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    before = numbers(adapter)
    city.control("rotate-token")
    assert numbers(adapter) == before


def test_read__token_wrong_or_gone__says_which_file(city: SandboxProcess, tmp_path: Path) -> None:
    for content, code in (("wrong", "token_refused"), ("two words", "token_missing"), (None, "token_missing")):
        if content is not None:
            (tmp_path / "token").write_text(content)
        else:
            (tmp_path / "token").unlink()
        opened = shanghai_adapter(city, token_file=str(tmp_path / "token"))
        with pytest.raises(ConfigurationWrong) as caught:
            numbers(opened)
        assert caught.value.code == code
        assert str(tmp_path / "token") in str(caught.value)
        assert not opened.health().reachable


def test_read__registry_restored_from_a_backup__is_seen(adapter: ShanghaiAdapter) -> None:
    with pytest.raises(ConfigurationWrong) as caught:
        numbers(adapter, "999999")
    assert caught.value.code == "cursor_ahead"


def test_read__registry_restored_and_numbered_on__is_seen(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    project = city.records("project")[0]["native_id"]

    def edit(what: str) -> None:
        city.control("edit-project", native_id=project, changes={"co_benefits": what})

    city.control("backup", name="before")
    edit("示例：会丢失的一次变更")
    cursor = list(adapter.read(""))[-1].cursor
    assert numbers(adapter, cursor) == []
    city.control("restore", name="before")
    for number in range(5):
        edit(f"示例{number}")
    with pytest.raises(ConfigurationWrong) as caught:
        numbers(adapter, cursor)
    assert (caught.value.code, "yrdhub sync restored" in str(caught.value)) == ("cursor_ahead", True)


def test_read__answers_beyond_the_bound__are_not_swallowed(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    adapter._client._limits = replace(adapter._client._limits, most_bytes=1000)
    with pytest.raises(ConfigurationWrong) as caught:
        numbers(adapter)
    assert caught.value.code == "answer_too_large"


@pytest.mark.parametrize("fault", ["timeout_before_write", "timeout_after_write", "server_error", "rate_limited"])
def test_push__answer_lost__is_booked_once(city: SandboxProcess, adapter: ShanghaiAdapter, fault: str) -> None:
    effect = proposed(city, 320500)
    city.fault(fault, times=1, **({"seconds": 4} if fault.startswith("timeout") else {}))
    try:
        receipts = list(adapter.push([effect]))
    except RetryLater:
        assert effect.key not in adapter.lookup([effect.key])
        receipts = list(adapter.push([effect]))
    assert [(receipt.key, receipt.accepted) for receipt in receipts] == [(effect.key, True)]
    assert adapter.push([effect])[0].accepted
    transfer = next(t for t in city.records("transfer_out") if t["native_id"] in effect.detail["native_id"])
    assert len(transfer["references"]) == 1


def test_push__trouble_after_the_first__returns_what_was_answered(
    city: SandboxProcess, adapter: ShanghaiAdapter
) -> None:
    effects = [proposed(city, 320500), proposed(city, 320500)]
    assert adapter.push(effects[:1])[0].accepted
    city.fault("server_error", times=None, on="any")
    with pytest.raises(RetryLater):
        adapter.push(effects)
    city.clear_faults()
    assert [receipt.accepted for receipt in adapter.push(effects)] == [True, True]


# ------------------------------------------------------------------ the life of a transfer, told to the registry


def told(key: str, kind: EffectKind, serials: SerialRange, **detail: Any) -> Effect:
    series = SeriesName(code="DEMO-SH-CER", member=310000, registry="shanghai-sandbox")
    detail = {"kg_per_serial": 1, **detail}
    return Effect(f"{kind.value}:{key}", kind, series, serials, detail, 9, "2026-11-22T10:00:00+00:00")


def status_of(city: SandboxProcess, serial: int) -> tuple[str, str]:
    row = next(
        row
        for row in city.holdings()["holdings"]
        if row["series"] == "DEMO-SH-CER" and row["first"] <= serial <= row["last"]
    )
    return row["status"], row["member"]


def test_transfer__accepted_under_a_factor_then_retired_there__is_booked_here(
    city: SandboxProcess, adapter: ShanghaiAdapter
) -> None:
    transfer = city.control("request-transfer", account=account_of(city), quantity_kg=1000, to_member="320500")
    (units,) = transfer["ranges"]
    first, last = units["first"], units["last"]
    parties = {"transfer": "0x" + "11" * 32, "from": 310000, "to": 320500, "native_id": f"{transfer['native_id']}#1"}
    kept = SerialRange(first, first + 544)
    effects = [
        told("a1", EffectKind.TRANSFER_PROPOSED, SerialRange(first, last), **parties),
        told(
            "a2",
            EffectKind.TRANSFER_COMPLETED,
            kept,
            **parties,
            sent_first=first,
            sent_last=last,
            kept_last=kept.last,
            factor_ppm=545_000,
        ),
        told(
            "a3",
            EffectKind.RETIRED_ELSEWHERE,
            SerialRange(first, first + 99),
            holder=320500,
            purpose=3,
            compliance_year=0,
        ),
        told("a4", EffectKind.MOVED_ELSEWHERE, SerialRange(first + 100, first + 199), **parties | {"to": 340100}),
        told("a5", EffectKind.CANCELLED, SerialRange(first + 200, first + 299), holder=320500, ballot="0x01"),
    ]
    assert [(receipt.accepted, receipt.reason) for receipt in adapter.push(effects)] == [(True, "")] * len(effects)
    assert status_of(city, first) == ("retired_elsewhere", "320500")
    assert status_of(city, first + 100) == ("transferred_out", "340100")
    assert status_of(city, first + 200) == ("cancelled_elsewhere", "320500")
    assert status_of(city, first + 300) == ("transferred_out", "320500")
    assert status_of(city, last)[0] == "cut"
    assert city.state()["consistent"]
    books = {(h.serials.first, h.status, h.holder) for h in adapter.holdings()}
    assert {(first, "retired", 320500), (first + 100, "available", 340100), (first + 300, "available", 320500)} <= books
    current = list(adapter.read(""))[-1].records[-1]
    assert current.native_id == transfer["native_id"]
    assert not adapter.translate(current)


@pytest.mark.parametrize("outcome", ["rejected", "withdrawn", "expired"])
def test_transfer__ended__unlocks_its_serials(city: SandboxProcess, adapter: ShanghaiAdapter, outcome: str) -> None:
    effect = proposed(city, 320500)
    assert effect.serials is not None
    ended = replace(
        effect,
        key=f"transfer_ended:{outcome}-{effect.serials.first}",
        kind=EffectKind.TRANSFER_ENDED,
        detail={**effect.detail, "outcome": outcome, "reason": 0},
    )
    assert [receipt.reason for receipt in adapter.push([effect, ended])] == ["", ""]
    assert status_of(city, effect.serials.first)[0] == "available"


def test_transfer__refused_by_the_chain__unlocks_its_serials_with_the_reason(
    city: SandboxProcess, adapter: ShanghaiAdapter
) -> None:
    effect = proposed(city, 320500)
    assert effect.serials is not None
    native_id = str(effect.detail["native_id"]).removesuffix("#1")
    detail = {
        "record": native_id,
        "action": "propose",
        "error": "ProjectSuspended",
        "reason": "示例",
        "kg_per_serial": 1,
    }
    refused = replace(effect, key=f"refused:{native_id}", kind=EffectKind.REFUSED, detail=detail)
    assert adapter.push([refused])[0].reason == ""
    transfer = next(t for t in city.records("transfer_out") if t["native_id"] == native_id)
    assert (transfer["status"], transfer["reason"]) == ("rejected", "ProjectSuspended: 示例")
    assert status_of(city, effect.serials.first)[0] == "available"


def test_record__refused_by_the_chain__is_told_by_its_number(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    detail = {
        "record": "SH-DEMO-ZX-00077",
        "record_kind": "注销",
        "native_id": "SH-DEMO-ZX-00077#1",
        "action": "retire",
        "error": "BlockNotAvailable",
        "reason": "示例",
    }
    effect = Effect("refused:zx77", EffectKind.REFUSED, None, None, detail, 0, "2026-11-22T10:00:00+00:00")
    assert adapter.push([effect])[0].accepted
    (status,) = city.records("record_status")
    assert (status["record_id"], status["status"]) == ("SH-DEMO-ZX-00077", "refused")


def test_transfer__incoming__is_pending_decided_and_final(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    series = SeriesName(code="DEMO-SZ-TPH-2024", member=320500, registry="suzhou-sandbox")
    parties = {"transfer": "0x" + "22" * 32, "from": 320500, "to": 310000, "kg_per_serial": 1000}
    base = Effect("", EffectKind.TRANSFER_INCOMING, series, SerialRange(1, 10), {}, 9, "2026-11-22T10:00:00+00:00")
    pending = replace(base, key="incoming:22", detail=parties | {"deadline": 1_800_000_000})
    cursor = list(adapter.read(""))[-1].cursor
    assert adapter.push([pending])[0].reason == ""
    (record,) = [record for page in adapter.read(cursor) for record in page.records]
    decision = only(adapter, record)
    assert (decision.transfer, decision.accept) == (parties["transfer"], True)
    final = replace(
        base,
        key="completed:22",
        kind=EffectKind.TRANSFER_COMPLETED,
        serials=SerialRange(1, 7),
        detail=parties | {"sent_first": 1, "sent_last": 10, "kept_last": 7, "factor_ppm": 700_000},
    )
    assert adapter.push([final])[0].reason == ""
    kept = [h for h in adapter.holdings() if h.series.member == 320500]
    assert [(h.serials, h.status, h.holder) for h in kept] == [(SerialRange(1, 7), "available", 310000)]


def test_hold__placed_and_lifted__marks_the_serials(city: SandboxProcess, adapter: ShanghaiAdapter) -> None:
    serial = next(r["first"] for r in city.holdings()["holdings"] if r["status"] == "available")
    hold = {"hold": "0x" + "33" * 32, "placed_by": 330100, "reason": 2}
    placed = told("h1", EffectKind.HELD, SerialRange(serial, serial), **hold)
    lifted = told("h2", EffectKind.LIFTED, SerialRange(serial, serial), **hold)
    assert adapter.push([placed])[0].reason == ""
    assert any(r["held"] and r["first"] <= serial <= r["last"] for r in city.holdings()["holdings"])
    assert adapter.push([lifted])[0].reason == ""
    assert not any(r["held"] for r in city.holdings()["holdings"])
