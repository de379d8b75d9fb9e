"""Hangzhou's mapping, record by record, and the adapter on a real database that misbehaves."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest

from adapters.city.sql_feed import SqlFeedAdapter
from adapters.hangzhou.adapter import create
from adapters.hangzhou.mapping import MAPPING
from adapters.protocol import Effect, EffectKind, NativeRecord, Receipt
from adapters.sandbox.hangzhou_schema import OWNER
from adapters.sandbox.process import SandboxProcess
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater, YrdhubError
from mutual_recognition import records as canonical
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.adapters.city_registries import SHANGHAI, hangzhou_adapter, live, proposed, references, until

ROWS = Path(__file__).resolve().parents[2] / "adapters" / "hangzhou" / "fixtures" / "rows.json"
SERIES_2023 = SeriesName(code="DEMO-HZ-PHX-2023")


@pytest.fixture
def offline(tmp_path: Path) -> SqlFeedAdapter:
    """An adapter whose registry nobody can reach: what it translates, it translates without."""
    return create(
        {
            "name": "hangzhou",
            "member": 330100,
            "registry": "hangzhou-sandbox",
            "url": "postgresql://hub_reader@127.0.0.1:9/hangzhou",
            "password_file": str(tmp_path / "password"),
            "secret_file": str(tmp_path / "secret"),
            "peers": {"310000": "shanghai-sandbox"},
        }
    )


def rows() -> dict[str, NativeRecord]:
    """The fixture's records by number and version."""
    lines = json.loads(ROWS.read_text(encoding="utf-8"))
    return {
        f"{line['单号']} v{line['版次']}": NativeRecord(
            line["类别"], line["单号"], line["版次"], line["内容"], "rows.json"
        )
        for line in lines
    }


def changed(record: NativeRecord, **fields: Any) -> NativeRecord:
    return replace(record, payload={**record.payload, **fields})


def only(adapter: SqlFeedAdapter, record: NativeRecord) -> Any:
    (found,) = adapter.translate(record)
    return found


def refusal(adapter: SqlFeedAdapter, record: NativeRecord) -> RecordRefused:
    with pytest.raises(RecordRefused) as caught:
        adapter.translate(record)
    assert caught.value.remedy
    assert caught.value.where
    return caught.value


# ------------------------------------------------------------------ mapping


def test_methodology__its_open_day_and_factor__are_read(offline: SqlFeedAdapter) -> None:
    record = rows()["DEMO-HZ-PV-01/V1 v1"]
    filing = only(offline, record)
    assert (filing.valid_from, filing.valid_until) == (date(2023, 1, 1), None)
    assert filing.definition["parameters"]["ef"]["values"] == [{"from": "2023-01-01", "value": "0.5500"}]
    assert only(offline, changed(record, 失效日=20301231)).valid_until == date(2030, 12, 31)


def test_project__days_are_integers_and_yes_is_one(offline: SqlFeedAdapter) -> None:
    project = only(offline, changed(rows()["HZ-DEMO-XM-00001 v1"], 乡村振兴=1))
    assert project.crediting == Period(date(2023, 2, 1), date(2033, 1, 31))
    assert (project.content["rural"], project.content["ets_site"]) == (True, False)
    assert [asset.identifier for asset in project.assets] == ["DEMO-HZ-METER-0001A", "DEMO-HZ-METER-0001B"]


def test_verification__months_are_whole_periods(offline: SqlFeedAdapter) -> None:
    record = rows()["HZ-DEMO-HZ-00001 v1"]
    verified = only(offline, record)
    assert verified.period == Period(date(2023, 2, 1), date(2023, 12, 31))
    assert verified.verified_kg == 441_650
    leap = only(offline, changed(record, 监测起月=202402, 监测止月=202402))
    assert leap.period == Period(date(2024, 2, 1), date(2024, 2, 29))


def test_issuance__its_serials_lose_their_prefix(offline: SqlFeedAdapter) -> None:
    series, issuance = offline.translate(rows()["HZ-DEMO-QF-00001 v1"])
    assert series == canonical.SeriesRegistration(code=SERIES_2023.code, kg_per_serial=1)
    assert isinstance(issuance, canonical.Issuance)
    assert (issuance.serials, issuance.quantity_kg, issuance.vintage) == (SerialRange(1, 441_650), 441_650, 2023)


def test_issuance__that_replaces_another__names_its_first_serial(offline: SqlFeedAdapter) -> None:
    record = rows()["HZ-DEMO-QF-00008 v1"]
    _, reissue = offline.translate(record)
    assert isinstance(reissue, canonical.Issuance)
    assert reissue.reissue_of == int(str(record.payload["reissue_first"])[2:])
    lost = replace(record, payload={k: v for k, v in record.payload.items() if k != "reissue_first"})
    assert refusal(offline, lost).code == "reissue_of_unknown"


def test_transfer_out__reviewed__is_cosigned(offline: SqlFeedAdapter) -> None:
    first, reviewed = rows()["HZ-DEMO-ZC-00001 v1"], rows()["HZ-DEMO-ZC-00001 v2"]
    proposal = canonical.TransferOut(
        native_id="HZ-DEMO-ZC-00001#1", series=SERIES_2023, serials=SerialRange(2001, 5000), to=SHANGHAI,
        quantity_kg=3000,
    )  # fmt: skip
    assert only(offline, first) == proposal
    assert [type(record).__name__ for record in offline.translate(reviewed)] == ["TransferOut", "TransferCosign"]


def test_transfer_in__of_anothers_serials__is_told_when_decided(offline: SqlFeedAdapter) -> None:
    record = rows()["0x" + "5a" * 32 + " v1"]
    decision = only(offline, record)
    assert (decision.transfer, decision.accept) == (record.native_id, True)
    assert not only(offline, changed(record, 意见码=52)).accept
    assert not offline.translate(changed(record, 意见码=50))
    assert not offline.translate(changed(record, 状态码=41))


def test_retirement__commits_to_its_beneficiary_without_naming_it(offline: SqlFeedAdapter) -> None:
    record = rows()["HZ-DEMO-ZX-00001 v1"]
    retired = only(offline, record)
    assert (retired.purpose, retired.quantity_kg) == (Purpose.ORGANISATION_NEUTRALITY, 2000)
    assert "示例受益人" not in repr(retired)
    salt = offline.city.salt(record.native_id)
    assert retired.beneficiary == beneficiary_commitment(salt, str(record.payload["受益者"]), "")


def test_correction__names_its_serials(offline: SqlFeedAdapter) -> None:
    correction = only(offline, rows()["HZ-DEMO-GZ-00001 v1"])
    assert correction.quantity_kg == correction.serials.count


@pytest.mark.parametrize(
    ("name", "fields", "code", "field"),
    [
        ("HZ-DEMO-QF-00001 v1", {"签发量_千克": "441651.000"}, "quantity_disagrees_with_serials", "签发量_千克"),
        ("HZ-DEMO-QF-00001 v1", {"签发量_千克": "441650.500"}, "quantity_refused", "签发量_千克"),
        ("HZ-DEMO-QF-00001 v1", {"签发量_千克": ""}, "value_refused", "签发量_千克"),
        ("HZ-DEMO-QF-00001 v1", {"起号": "WB000000000001"}, "value_refused", "起号"),
        ("HZ-DEMO-QF-00001 v1", {"止号": "441650"}, "value_refused", "止号"),
        ("HZ-DEMO-QF-00001 v1", {"状态码": 99}, "status_unknown", "状态码"),
        ("HZ-DEMO-QF-00001 v1", {"签发日": 20240230}, "value_refused", "签发日"),
        ("HZ-DEMO-QF-00001 v1", {"签发日": 99991231, "减排年度": "二〇二三"}, "value_refused", "减排年度"),
        ("HZ-DEMO-HZ-00001 v1", {"监测止月": 202300}, "value_refused", "监测止月"),
        ("HZ-DEMO-HZ-00001 v1", {"监测止月": 202301}, "period_refused", "监测止月"),
        ("HZ-DEMO-HZ-00001 v1", {"核定量_千克": "4416500.000"}, "verified_beyond_activity", "核定量_千克"),
        ("HZ-DEMO-HZ-00001 v1", {"状态码": 23}, "status_needs_a_person", "状态码"),
        ("HZ-DEMO-XM-00001 v1", {"控排场址": 2}, "value_refused", "控排场址"),
        ("HZ-DEMO-XM-00001 v1", {"计入首日": 202302}, "value_refused", "计入首日"),
        ("HZ-DEMO-ZX-00001 v1", {"用途码": "2105"}, "purpose_unknown", "用途码"),
        ("HZ-DEMO-ZC-00001 v1", {"号段": []}, "quantity_disagrees_with_serials", "划出量_千克"),
        ("DEMO-HZ-PV-01/V1 v1", {"参数": [{"符号": "EF"}]}, "value_refused", "参数"),
    ],
)
def test_bad_row__is_refused_by_its_own_column(
    offline: SqlFeedAdapter, name: str, fields: dict[str, Any], code: str, field: str
) -> None:
    refused = refusal(offline, changed(rows()[name], **fields))
    assert (refused.code, refused.field) == (code, field)


def test_range__of_another_member_with_our_prefix__is_refused(offline: SqlFeedAdapter) -> None:
    record = rows()["HZ-DEMO-ZC-00001 v1"]
    units = [{**item, "归属": "310000"} for item in record.payload["号段"]]
    assert refusal(offline, changed(record, 号段=units)).field == "号段"


# ------------------------------------------------------------------ settings


def test_address_with_a_password__is_refused_without_repeating_it(tmp_path: Path) -> None:
    settings = {"name": "h", "member": 330100, "registry": "r", "password_file": str(tmp_path / "p")}
    with pytest.raises(ConfigurationWrong) as caught:
        create({**settings, "url": "postgresql://hub_reader:geheim123@db.example/hangzhou"})
    assert caught.value.code == "address_invalid"
    assert "geheim123" not in f"{caught.value} {caught.value.to_json()} {caught.value.__cause__}"


def test_address_beyond_this_machine__asks_for_a_checked_certificate() -> None:
    from adapters.transports.sql import Address

    assert Address.parse("postgresql://u@db.example/d").options == {"sslmode": "verify-full"}
    assert Address.parse("postgresql://u@127.0.0.1:5/d").options == {}


# ------------------------------------------------------------------ a database that misbehaves


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("hangzhou", tmp_path_factory.mktemp("hangzhou") / "registry") as process:
        live(process, "2101", "310000")
        process.control("publish")
        yield process


@pytest.fixture
def adapter(city: SandboxProcess) -> Iterator[SqlFeedAdapter]:
    with closing(hangzhou_adapter(city)) as opened:
        yield opened
    city.clear_faults()


def numbers(adapter: SqlFeedAdapter, cursor: str = "") -> list[tuple[str, int]]:
    return [(record.native_id, record.version) for page in adapter.read(cursor) for record in page.records]


def trouble(adapter: SqlFeedAdapter) -> YrdhubError:
    with pytest.raises(YrdhubError) as caught:
        numbers(adapter)
    assert caught.value.remedy
    return caught.value


def edit_a_project(city: SandboxProcess, benefits: str) -> str:
    number = str(city.records("project")[0]["native_id"])
    city.control("edit-project", native_id=number, changes={"co_benefits": benefits})
    city.control("publish")
    return number


def as_owner(city: SandboxProcess) -> psycopg.Connection[tuple[Any, ...]]:
    """A second application of the registry's own, at work on the same tables."""
    url = str(city.endpoints["database"]).replace("hub_reader", OWNER)
    return psycopg.connect(url, password=(city.home / "registry.password").read_text().strip())


def file_edit(connection: psycopg.Connection[tuple[Any, ...]], number: str, version: int) -> None:
    """Edits a project as that application does, without ending the transaction."""
    connection.execute(
        "WITH 新 AS (INSERT INTO 登记.变更 (类别, 单号, 版次, 变更时间)"
        " VALUES ('减排项目', %(number)s, %(version)s, localtimestamp) RETURNING 变更号),"
        " 旧 AS (SELECT * FROM 登记.减排项目 WHERE 项目号 = %(number)s ORDER BY 变更号 DESC LIMIT 1)"
        " INSERT INTO 登记.减排项目 SELECT 新.变更号, %(version)s, 项目号, 项目名, 项目英文名, 申报单位, 单位信用代码,"
        " 坐落, 经度值, 纬度值, 容量_kw, 依据文号, 投运日, 设计年限, 计入首日, 计入末日, 计量表号, 其他机制, 控排场址,"
        " 乡村振兴, '二号应用', 登记日, 状态码, 备注 FROM 新, 旧",
        {"number": number, "version": version},
    )


@pytest.mark.parametrize("where", ["at the beginning", "half way"])
def test_read__a_statement_timeout__is_passing_trouble_and_reading_goes_on(
    city: SandboxProcess, adapter: SqlFeedAdapter, where: str
) -> None:
    whole = numbers(adapter)
    pages = adapter.read("")
    read, cursor = [], ""
    if where == "half way":
        page = next(pages)
        read, cursor = [(record.native_id, record.version) for record in page.records], page.cursor
    city.fault("timeout_on_read", times=1, seconds=30)
    with pytest.raises(RetryLater) as caught:
        next(pages)
    assert caught.value.code == "statement_timeout"
    assert read + numbers(adapter, cursor) == whole


def test_read__a_server_that_hangs__is_left_after_the_operations_time(city: SandboxProcess) -> None:
    adapter = hangzhou_adapter(city, statement_seconds=600, operation_seconds=1)
    city.fault("timeout_on_read", times=1, seconds=30)
    started = time.monotonic()
    late = trouble(adapter)
    assert (type(late), "within 1 s" in str(late)) == (RetryLater, True)
    assert time.monotonic() - started < 5
    city.clear_faults()


@pytest.mark.slow
def test_read__a_port_that_never_answers__is_passing_trouble(city: SandboxProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://hub_reader@127.0.0.1:{silent.getsockname()[1]}/hangzhou"
        adapter = hangzhou_adapter(city, url=url, connect_seconds=2)
        assert type(trouble(adapter)) is RetryLater
        assert not adapter.health().reachable


def test_read__edited_meanwhile__gives_every_version_once(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    before = numbers(adapter)
    pages = adapter.read("")
    read = [(record.native_id, record.version) for record in next(pages).records]
    number = edit_a_project(city, "示例：边读边改")
    read += [(record.native_id, record.version) for page in pages for record in page.records]
    assert read[: len(before)] == before
    assert [native for native, _ in read[len(before) :]] == [number]


def test_read__two_transactions_that_commit_the_other_way_round__neither_is_skipped(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    """The registry numbers changes so that the second writer waits for the first: numbers are in commit order."""
    number = edit_a_project(city, "示例")
    version = max(v for native, v in numbers(adapter) if native == number)
    *_, last = adapter.read("")
    seen: list[str] = []
    with as_owner(city) as first, as_owner(city) as second:
        file_edit(first, number, version + 1)

        def write_second() -> None:
            file_edit(second, number, version + 2)
            second.commit()
            seen.append("second committed")

        writer = threading.Thread(target=write_second)
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()  # it waits: its number would otherwise be committed before the first one's
        assert not numbers(adapter, last.cursor)
        first.commit()
        writer.join(10)
    assert seen == ["second committed"]
    assert numbers(adapter, last.cursor) == [(number, version + 1), (number, version + 2)]


def test_read__a_number_committed_before_a_lower_one__waits_for_the_lower_one(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    """Were the registry to number as a plain sequence does, in the order of asking, the adapter still skips none."""
    number = edit_a_project(city, "示例")
    version = max(v for native, v in numbers(adapter) if native == number)
    *_, last = adapter.read("")
    at = int(last.cursor.split(":")[0])
    with as_owner(city) as owner:
        owner.execute("ALTER TABLE 登记.变更 DISABLE TRIGGER 编号")
        owner.execute("ALTER TABLE 登记.变更 ALTER 变更号 SET DEFAULT 0")
    try:
        with as_owner(city) as slow, as_owner(city) as fast:
            slow.execute(f"ALTER TABLE 登记.变更 ALTER 变更号 SET DEFAULT {at + 1}")
            slow.commit()
            file_edit(slow, number, version + 1)  # takes the lower number and stays open
            insert_with_number(fast, at + 2, number, version + 2)
            fast.commit()
            with pytest.raises(RetryLater) as caught:
                numbers(adapter, last.cursor)
            assert (caught.value.code, caught.value.what) == ("change_awaited", at + 1)
            slow.commit()
        assert numbers(adapter, last.cursor) == [(number, version + 1), (number, version + 2)]
    finally:
        with as_owner(city) as owner:
            owner.execute("UPDATE 登记.计数 SET 值 = (SELECT max(变更号) FROM 登记.变更) WHERE 名称 = '变更号'")
            owner.execute("ALTER TABLE 登记.变更 ALTER 变更号 DROP DEFAULT")
            owner.execute("ALTER TABLE 登记.变更 ENABLE TRIGGER 编号")


def insert_with_number(connection: psycopg.Connection[tuple[Any, ...]], change: int, number: str, version: int) -> None:
    connection.execute(
        "INSERT INTO 登记.变更 VALUES (%s, '减排项目', %s, %s, localtimestamp)", [change, number, version]
    )
    connection.execute(
        "INSERT INTO 登记.减排项目 SELECT %s, %s, 项目号, 项目名, 项目英文名, 申报单位, 单位信用代码,"
        " 坐落, 经度值, 纬度值, 容量_kw, 依据文号, 投运日, 设计年限, 计入首日, 计入末日, 计量表号, 其他机制, 控排场址,"
        " 乡村振兴, '二号应用', 登记日, 状态码, 备注 FROM 登记.减排项目 WHERE 项目号 = %s ORDER BY 变更号 LIMIT 1",
        [change, version, number],
    )


@pytest.mark.parametrize(
    ("fault", "parameters", "named"),
    [
        ("renamed_field", {"from": "核定量_千克", "to": "核定量_吨"}, ["互认.核查", "核定量_千克", "核定量_吨"]),
        ("missing_column", {"view": "签发", "column": "止号"}, ["互认.签发", "止号"]),
        ("extra_column", {"view": "减排项目", "column": "网格号"}, ["互认.减排项目", "网格号"]),
        ("missing_column", {"view": "变更目录", "column": "版次"}, ["互认.变更目录", "版次"]),
    ],
)
def test_read__columns_that_changed__stop_the_reading_and_are_named(
    city: SandboxProcess, adapter: SqlFeedAdapter, fault: str, parameters: dict[str, str], named: list[str]
) -> None:
    whole = numbers(adapter)
    city.fault(fault, times=None, **parameters)
    read: list[tuple[str, int]] = []
    pages = adapter.read("")
    with pytest.raises(ConfigurationWrong) as caught:
        read.extend((record.native_id, record.version) for page in pages for record in page.records)
    assert caught.value.code == "schema_changed"
    assert all(name in str(caught.value) for name in named)
    assert read == whole[: len(read)]
    assert bool(read) == (parameters.get("view") != "变更目录")  # what came before the changed kind was given
    city.clear_faults()
    assert numbers(adapter) == whole


def test_read__a_view_that_is_gone__is_named(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    with as_owner(city) as owner:
        owner.execute("ALTER VIEW 互认.更正 RENAME TO 更正_旧")
    try:
        wrong = trouble(adapter)
        assert (wrong.code, wrong.what) == ("view_missing", "互认.更正")
    finally:
        with as_owner(city) as owner:
            owner.execute("ALTER VIEW 互认.更正_旧 RENAME TO 更正")


def test_read__restored_from_a_backup__is_told_even_when_its_numbers_have_come_again(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    city.control("backup", name="lastweek")
    edit_a_project(city, "示例：备份之后")
    *_, last = adapter.read("")
    city.control("restore", name="lastweek")
    behind = trouble_after(adapter, last.cursor)
    assert (behind.code, "not there" in str(behind)) == ("cursor_ahead", True)
    at = int(last.cursor.split(":")[0])
    while adapter.health().facts["latest_change"] <= at:
        edit_a_project(city, "示例：恢复之后")
    overtaken = trouble_after(adapter, last.cursor)
    assert (overtaken.code, "another one now" in str(overtaken)) == ("cursor_ahead", True)
    assert numbers(adapter)  # from the beginning it is read


def trouble_after(adapter: SqlFeedAdapter, cursor: str) -> YrdhubError:
    with pytest.raises(ConfigurationWrong) as caught:
        list(adapter.read(cursor))
    return caught.value


def test_cursor_of_another_adapter__is_refused(adapter: SqlFeedAdapter) -> None:
    assert trouble_after(adapter, "12").code == "cursor_invalid"


def test_password_rotated_between_two_pages__is_read_anew(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    whole = numbers(adapter)
    pages = adapter.read("")
    read = [(record.native_id, record.version) for record in next(pages).records]
    city.control("rotate-password")
    read += [(record.native_id, record.version) for page in pages for record in page.records]
    assert read == whole


@pytest.mark.parametrize(
    ("written", "code"), [("wrong-password-9", "login_refused"), ("", "password_unusable"), (None, "password_unusable")]
)
def test_password_that_does_not_fit__is_for_the_operator_and_shown_nowhere(
    city: SandboxProcess, tmp_path: Path, written: str | None, code: str
) -> None:
    file = tmp_path / "password"
    if written is not None:
        file.write_text(written)
    wrong = trouble(hangzhou_adapter(city, password_file=str(file)))
    assert (type(wrong), wrong.code) == (ConfigurationWrong, code)
    assert "wrong-password-9" not in f"{wrong} {wrong.to_json()} {wrong.__cause__!r}"


def test_database_that_is_not_there__is_for_the_operator(city: SandboxProcess) -> None:
    url = str(city.endpoints["database"]).removesuffix("hangzhou") + "hangzhou2"
    assert trouble(hangzhou_adapter(city, url=url)).code == "database_missing"


def test_health__tells_how_far_the_clock_is_off(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    assert abs(adapter.health().facts["clock_skew_seconds"]) <= 1
    city.fault("clock_skew", times=None, seconds=86_400)
    skewed = until(lambda: adapter.health().facts["clock_skew_seconds"])
    assert abs(skewed - 86_400) <= 2


def test_health__of_another_members_registry__says_so(city: SandboxProcess) -> None:
    health = hangzhou_adapter(city, member=330200).health()
    assert not health.reachable
    assert "330100" in health.detail


# ------------------------------------------------------------------ write-back


def test_push__a_timeout_before_the_write__leaves_nothing_and_may_be_sent_again(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    effect, before = proposed(city, SHANGHAI), references(city)
    city.fault("timeout_before_write", times=1, seconds=30)
    with pytest.raises(RetryLater) as caught:
        adapter.push([effect])
    assert caught.value.code == "statement_timeout"
    assert not adapter.lookup([effect.key])
    (receipt,) = adapter.push([effect])
    assert receipt.accepted
    assert references(city) == before + 1


def test_push__the_commits_answer_lost__is_looked_up_and_booked_once(
    city: SandboxProcess, adapter: SqlFeedAdapter, caplog: pytest.LogCaptureFixture
) -> None:
    effect, before = proposed(city, SHANGHAI), references(city)
    adapter = hangzhou_adapter(city, statement_seconds=60)
    city.fault("timeout_after_write", times=1, seconds=0.5)
    (receipt,) = adapter.push([effect])
    assert receipt.accepted
    assert set(adapter.lookup([effect.key])) == {effect.key}
    (again,) = adapter.push([effect])
    assert again == receipt
    assert references(city) == before + 1


@pytest.mark.slow
def test_push__the_commits_answer_lost_and_the_server_gone__is_found_by_lookup_later(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    effect, before = proposed(city, SHANGHAI), references(city)
    city.fault("timeout_after_write", times=1, seconds=1)

    def push() -> None:
        with pytest.raises(RetryLater):
            hangzhou_adapter(city, statement_seconds=60, answer_seconds=1).push([effect])

    pushing = threading.Thread(target=push)
    pushing.start()
    time.sleep(0.5)
    city.fault("connection_refused", seconds=2)
    pushing.join(20)
    assert not pushing.is_alive()
    receipt = until(lambda: known(adapter, effect.key))
    assert receipt.accepted
    (again,) = adapter.push([effect])
    assert again.accepted
    assert references(city) == before + 1


def known(adapter: SqlFeedAdapter, key: str) -> Any:
    try:
        return adapter.lookup([key]).get(key)
    except RetryLater:
        return None


def test_push__an_answer_that_comes_late__is_waited_for_no_longer_and_found_later(
    city: SandboxProcess, adapter: SqlFeedAdapter
) -> None:
    effect, before = proposed(city, SHANGHAI), references(city)
    city.fault("answer_late", times=1, seconds=2)
    impatient = hangzhou_adapter(city, answer_seconds=0.5)
    with pytest.raises(RetryLater) as caught:
        impatient.push([effect])
    assert caught.value.code == "answer_awaited"
    (receipt,) = adapter.push([effect])  # the same row is waited for, none is added
    assert receipt.accepted
    assert references(city) == before + 1
    with as_owner(city) as owner:
        assert owner.execute(
            "SELECT count(*), max(次数) FROM 互认.回写 WHERE 业务键 = %s", [native(effect)]
        ).fetchone() == (
            1,
            1,
        )


def native(effect: Effect) -> str:
    return effect.key.replace(":", "-")


def test_push__two_adapters_at_once__book_once(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    effects = [proposed(city, SHANGHAI) for _ in range(3)]
    before = references(city)
    receipts: list[Receipt] = []
    pushing = [threading.Thread(target=lambda: receipts.extend(hangzhou_adapter(city).push(effects))) for _ in range(4)]
    for thread in pushing:
        thread.start()
    for thread in pushing:
        thread.join(20)
    assert [receipt.accepted for receipt in receipts] == [True] * 12
    assert references(city) == before + 3


def test_push__refused_once__is_put_again_as_its_next_attempt(city: SandboxProcess, adapter: SqlFeedAdapter) -> None:
    effect = proposed(city, SHANGHAI)
    final = replace(
        effect,
        key="transfer_completed:" + "c" * 40,
        kind=EffectKind.TRANSFER_COMPLETED,
        detail={**effect.detail, "to": 330200, "sent_last": effect.serials.last, "kept_last": effect.serials.last},  # type: ignore[union-attr]
    )
    (refused,) = adapter.push([final])
    assert not refused.accepted
    assert refused.reason.startswith("OTHER_DESTINATION")
    assert not adapter.lookup([final.key])
    (accepted,) = adapter.push([replace(final, detail={**final.detail, "to": SHANGHAI})])
    assert accepted.accepted
    with as_owner(city) as owner:
        found = owner.execute(
            "SELECT 次数, 结果码 FROM 互认.回写结果 WHERE 业务键 = %s ORDER BY 1", [native(final)]
        ).fetchall()
    assert found == [(1, 9), (2, 1)]


def test_every_thing_that_is_told__has_a_code_and_every_field_a_column() -> None:
    from adapters.sandbox.effects import EffectKind as Told
    from adapters.sandbox.hangzhou_tables import EFFECT_COLUMNS, EFFECT_KINDS

    assert MAPPING.effects is not None
    assert {what: EFFECT_KINDS[code] for what, code in MAPPING.effects.words.items()} == {k: k for k in get_args(Told)}
    assert {name: field for name, _, field in EFFECT_COLUMNS if field in MAPPING.effects.fields} == {
        name: field for field, name in MAPPING.effects.fields.items()
    }
