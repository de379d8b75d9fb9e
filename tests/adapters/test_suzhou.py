"""Suzhou's mapping, cell by cell; what it is told; and a folder whose files are late, cut short, damaged or changed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.protocol import Effect, EffectKind, NativeRecord, Page
from adapters.sandbox.process import SandboxProcess
from adapters.suzhou.adapter import SuzhouAdapter, create
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from mutual_recognition import records as canonical
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.adapters.city_registries import account_of, proposed, suzhou_adapter, until, wait_for_exports

FIXTURES = Path(__file__).resolve().parents[2] / "adapters" / "suzhou" / "fixtures"
ISSUANCES = "签发_000001.csv"
MANIFEST = "清单_000001.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fixture's folder, to be spoilt."""
    copied = tmp_path / "exchange"
    shutil.copytree(FIXTURES, copied, copy_function=shutil.copyfile)  # new files, as if just delivered
    for name in ("in", "receipts"):
        (copied / name).mkdir()
    return copied


def opened(folder: Path, **settings: Any) -> SuzhouAdapter:
    return create(
        {
            "name": "suzhou",
            "member": 320500,
            "registry": "suzhou-sandbox",
            "folder": str(folder),
            "secret_file": str(folder.parent / "secret"),
            "peers": {"310000": "shanghai-sandbox"},
            "patience": 0,
            "answer_seconds": 0.3,
            **settings,
        }
    )


def pages(adapter: SuzhouAdapter, cursor: str = "") -> list[Page]:
    return list(adapter.read(cursor))


def records(adapter: SuzhouAdapter, cursor: str = "") -> dict[str, NativeRecord]:
    return {record.native_id: record for page in pages(adapter, cursor) for record in page.records}


def numbers(adapter: SuzhouAdapter, cursor: str = "") -> list[tuple[str, int]]:
    return [(record.native_id, record.version) for page in pages(adapter, cursor) for record in page.records]


def table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("gb18030"), newline="")))


def encoded(rows: list[list[str]], encoding: str = "gb18030") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def deliver(folder: Path, name: str, content: bytes) -> None:
    """The registry itself delivers this content: its manifest agrees."""
    (folder / "out" / name).write_bytes(content)
    manifest = table(folder / "out" / MANIFEST)
    for row in manifest[1:]:
        if row[1] == name:
            row[5] = hashlib.sha256(content).hexdigest()
    (folder / "out" / MANIFEST).write_bytes(encoded(manifest))


def with_cell(folder: Path, column: str, value: str, name: str = ISSUANCES) -> None:
    rows = table(folder / "out" / name)
    rows[1][rows[0].index(column)] = value
    deliver(folder, name, encoded(rows))


# ------------------------------------------------------------------ mapping


def test_read__gives_the_rows_of_all_files_in_commit_order(folder: Path) -> None:
    kinds = [record.kind for page in pages(opened(folder)) for record in page.records]
    assert kinds == ["方法学", "项目", "核证", "签发", "转出", "转入", "注销", "更正", "签发"]


def test_rows__become_canonical_records(folder: Path) -> None:
    adapter = opened(folder)
    found = {native: list(adapter.translate(record)) for native, record in records(adapter).items()}
    (filing,) = found["DEMO-SZ-PV-01/V1"]
    assert isinstance(filing, canonical.MethodologyFiling)
    assert filing.definition["parameters"]["ef"]["values"][0]["value"] == "0.77"
    assert filing.valid_until is None
    (project,) = found["SZ-DEMO-XM-00001"]
    assert isinstance(project, canonical.ProjectRegistration)
    assert [asset.identifier for asset in project.assets] == ["DEMO-SZ-METER-0001A", "DEMO-SZ-METER-0001B"]
    assert project.content["capacity_kw"] == "1250.5"
    (verified,) = found["SZ-DEMO-HZ-00001"]
    assert isinstance(verified, canonical.Verification)
    assert verified.period == Period(date(2024, 1, 1), date(2024, 12, 31))
    assert (verified.verified_kg, Decimal(verified.content["activity_kwh"])) == (1_001_000, Decimal(1_300_000))
    series, issuance = found["SZ-DEMO-QF-00001"]
    assert series == canonical.SeriesRegistration(code="DEMO-SZ-TPH-2024", kg_per_serial=1000)
    assert isinstance(issuance, canonical.Issuance)
    assert (issuance.serials, issuance.quantity_kg) == (SerialRange(1, 1000), 1_000_000)
    one, two = found["SZ-DEMO-ZC-00001"]
    own, foreign = (
        SeriesName(code="DEMO-SZ-TPH-2024"),
        SeriesName(code="DEMO-SH-CER", member=310000, registry="shanghai-sandbox"),
    )
    assert one == canonical.TransferOut(
        native_id="SZ-DEMO-ZC-00001#1", series=own, serials=SerialRange(1, 10), to=310000, quantity_kg=10_000
    )
    assert two == canonical.TransferOut(
        native_id="SZ-DEMO-ZC-00001#2", series=foreign, serials=SerialRange(1, 500), to=310000, quantity_kg=500
    )
    (decision,) = found["0x" + "cd" * 32]
    assert isinstance(decision, canonical.TransferDecision)
    assert decision.accept
    (retired,) = found["SZ-DEMO-ZX-00001"]
    assert isinstance(retired, canonical.Retirement)
    assert (retired.purpose, len(retired.beneficiary)) == (Purpose.EVENT_NEUTRALITY, 32)
    assert "示例受益人" not in repr(retired)
    (corrected,) = found["SZ-DEMO-GZ-00001"]
    assert isinstance(corrected, canonical.Correction)
    assert corrected.serials == SerialRange(991, 1000)
    _, reissue = found["SZ-DEMO-QF-00002"]
    assert isinstance(reissue, canonical.Issuance)
    assert reissue.reissue_of == 1


@pytest.mark.parametrize(
    "written", ["1,000,000", "1000000", "１,０００,０００", "1\u00a0000\u00a0000", " 1,000,000\u3000"]
)
def test_quantity__as_people_write_it__is_read(folder: Path, written: str) -> None:
    with_cell(folder, "签发量(kg)", written)
    adapter = opened(folder)
    _, issuance = adapter.translate(records(adapter)["SZ-DEMO-QF-00001"])
    assert isinstance(issuance, canonical.Issuance)
    assert issuance.quantity_kg == 1_000_000


# ------------------------------------------------------------------ bad cells: the record is refused, the others go on


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("签发量(kg)", "=A1*1000", "formula_in_cell"),
        ("签发量(kg)", "10,00,000", "quantity_refused"),
        ("签发量(kg)", "1E+6", "quantity_refused"),
        ("签发量(kg)", "1000000.5", "quantity_refused"),
        ("签发量(kg)", "999,000", "quantity_disagrees_with_serials"),
        ("签发量(kg)", "", "value_refused"),
        ("起号", "00001001", "serials_inverted"),
        ("止号", "99999999999999999", "serials_huge"),
        ("年份", "二〇二四", "value_refused"),
        ("签发时间", "2025/2/30", "period_refused"),
        ("状态", "签发了", "status_unknown"),
    ],
)
def test_bad_cell__holds_its_record_alone(folder: Path, column: str, value: str, code: str) -> None:
    with_cell(folder, column, value)
    adapter = opened(folder)
    read = records(adapter)
    assert len(read) == 9
    with pytest.raises(RecordRefused) as caught:
        adapter.translate(read["SZ-DEMO-QF-00001"])
    assert caught.value.code == code
    assert caught.value.remedy
    assert f"{ISSUANCES} row 2" in str(caught.value.where)
    if code not in ("serials_inverted",):
        assert caught.value.field == column
    for native, record in read.items():
        if native != "SZ-DEMO-QF-00001":
            assert adapter.translate(record)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("320500/DEMO-SZ-TPH-2024:11-12", "not a range"),
        ("320500/DEMO-SZ-TPH-2024:00000012-00000011*1000", "inverted"),
        ("320500/DEMO-SZ-TPH-2024:00000011-00000012*10", "not a range"),
        ("340100/S:00000011-00000012*1000", "not configured"),
        ("320500/DEMO-SZ-TPH-2024:00000011-00000013*1000", "2000 kg stated"),
    ],
)
def test_bad_range__is_refused_by_its_cell(folder: Path, cell: str, reason: str) -> None:
    with_cell(folder, "号段", cell, "注销_000001.csv")
    adapter = opened(folder)
    with pytest.raises(RecordRefused, match=reason):
        adapter.translate(records(adapter)["SZ-DEMO-ZX-00001"])


def test_row__with_a_cell_too_many_or_no_number__is_a_fault_and_the_rest_goes_on(folder: Path) -> None:
    rows = table(folder / "out" / ISSUANCES)
    rows.insert(1, [*rows[1], "more"])
    rows.insert(2, ["", *rows[2][1:]])
    deliver(folder, ISSUANCES, encoded(rows))
    (page,) = pages(opened(folder))
    assert [(fault.code, fault.source) for fault in page.faults] == [
        ("wrong_number_of_fields", f"{ISSUANCES} row 2"),
        ("field_empty", f"{ISSUANCES} row 3"),
    ]
    assert len(page.records) == 9


# ------------------------------------------------------------------ a changed export stops the reading


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda header: [*header, "备用字段"], "备用字段"),
        (lambda header: ["签发量(吨)" if name == "签发量(kg)" else name for name in header], "签发量(吨)"),
        (lambda header: [name for name in header if name != "账户"], "账户"),
    ],
)
def test_changed_columns__stop_the_reading_and_are_named(
    folder: Path, change: Callable[[list[str]], list[str]], named: str
) -> None:
    rows = table(folder / "out" / ISSUANCES)
    header = change(rows[0])
    body = [[*row, "0"][: len(header)] for row in rows[1:]]
    deliver(folder, ISSUANCES, encoded([header, *body]))
    with pytest.raises(ConfigurationWrong) as caught:
        pages(opened(folder))
    assert caught.value.code == "columns_changed"
    assert named in caught.value.message
    assert ISSUANCES in str(caught.value.where)


def test_utf8_export__is_read_as_well(folder: Path) -> None:
    before = records(opened(folder))
    deliver(folder, ISSUANCES, encoded(table(folder / "out" / ISSUANCES), "utf-8-sig"))
    assert records(opened(folder)) == before


def test_unknown_encoding__is_refused_with_the_byte(folder: Path) -> None:
    deliver(folder, ISSUANCES, encoded(table(folder / "out" / ISSUANCES), "utf-16-be"))
    with pytest.raises(ConfigurationWrong) as caught:
        pages(opened(folder))
    assert caught.value.code in ("encoding_unknown", "columns_changed")
    assert ISSUANCES in str(caught.value.where)


def test_large_file__is_refused_before_it_is_read(folder: Path) -> None:
    path = folder / "out" / ISSUANCES
    with path.open("r+b") as stream:
        stream.truncate(200 * 1024 * 1024)  # sparse: takes no room
    with pytest.raises(ConfigurationWrong) as caught:
        pages(opened(folder))
    assert caught.value.code == "file_too_large"


# ------------------------------------------------------------------ damaged and missing files


def snapshot_for(folder: Path, request: str, number: int) -> None:
    """The registry answers a request with a snapshot: every file anew, whole."""
    rows = [table(FIXTURES / "out" / MANIFEST)[0]]
    for row in table(FIXTURES / "out" / MANIFEST)[1:]:
        name = f"全量_{row[1].split('_')[0]}_{number:06d}.csv"
        content = (FIXTURES / "out" / row[1]).read_bytes()
        (folder / "out" / name).write_bytes(content)
        rows.append([str(number), name, row[2], "1", "9", hashlib.sha256(content).hexdigest()])
    (folder / "out" / f"全量_清单_{number:06d}.csv").write_bytes(encoded(rows))
    receipt = [request, "0", "已出具", "9", "2026/3/5 14:03:07", "全量批次", str(number)]
    header = ["幂等键", "行号", "结果", "变更序号", "处理时间", "字段", "原因"]
    (folder / "receipts" / f"回执_申请全量_{request}.csv").write_bytes(encoded([header, receipt]))


def cut(folder: Path) -> None:
    path = folder / "out" / ISSUANCES
    path.write_bytes(path.read_bytes()[:-30])


def scramble(folder: Path) -> None:
    (folder / "out" / ISSUANCES).write_bytes(encoded(table(folder / "out" / ISSUANCES), "utf-16"))


def add_column(folder: Path) -> None:
    path = folder / "out" / ISSUANCES
    path.write_bytes(encoded([[*row, "x"] for row in table(path)]))


def remove(folder: Path) -> None:
    (folder / "out" / ISSUANCES).unlink()


def empty(folder: Path) -> None:
    (folder / "out" / ISSUANCES).write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, scramble, add_column, remove, empty])
def test_damaged_file__is_waited_for_then_made_good_from_a_snapshot(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    whole = records(opened(folder))
    damage(folder)
    with pytest.raises(RetryLater) as caught:
        pages(opened(folder, patience=3600))
    assert caught.value.code == "batch_incomplete"
    assert ISSUANCES in str(caught.value)
    assert not list((folder / "in").iterdir())
    for _ in range(2):  # asked for once, however often the pass is repeated
        with pytest.raises(RetryLater) as caught:
            pages(opened(folder))
        assert caught.value.code == "snapshot_awaited"
    assert [path.name for path in (folder / "in").iterdir()] == ["申请全量_batch-000001-1.csv"]
    snapshot_for(folder, "batch-000001-1", 1)
    (page,) = pages(opened(folder))
    assert [record.native_id for record in page.records] == list(whole)
    assert {r.native_id: r.payload for r in page.records} == {n: r.payload for n, r in whole.items()}
    assert [(fault.code, fault.source) for fault in page.faults] == [("file_damaged", ISSUANCES)]


def test_damaged_snapshot__is_asked_for_again(folder: Path) -> None:
    cut(folder)
    snapshot_for(folder, "batch-000001-1", 1)
    (folder / "out" / "全量_签发_000001.csv").write_bytes(b"half")
    with pytest.raises(RetryLater):
        pages(opened(folder))
    assert [path.name for path in (folder / "in").iterdir()] == ["申请全量_batch-000001-2.csv"]
    snapshot_for(folder, "batch-000001-2", 2)
    assert len(records(opened(folder))) == 9


def test_missing_batch__holds_the_later_ones_back_then_is_made_good(folder: Path) -> None:
    whole = list(records(opened(folder)))
    for path in list((folder / "out").iterdir()):
        path.rename(path.with_name(path.name.replace("000001", "000002")))
    manifest = folder / "out" / "清单_000002.csv"
    rows = [[cell.replace("_000001", "_000002") for cell in row] for row in table(manifest)]
    # the first three changes were in the batch that is lost
    rows = [rows[0], *(row for row in rows[1:] if int(row[3]) > 3)]
    manifest.write_bytes(encoded(rows))
    with pytest.raises(RetryLater) as caught:
        pages(opened(folder, patience=3600))
    assert "batch 1 has not come, batch 2 has" in str(caught.value)
    snapshot_for(folder, "batch-000001-1", 1)
    assert list(records(opened(folder))) == whole


def test_manifest__that_leaves_the_folder__is_not_followed(folder: Path) -> None:
    rows = table(folder / "out" / MANIFEST)
    rows[1][1] = "../secret"
    (folder / "out" / MANIFEST).write_bytes(encoded(rows))
    with pytest.raises(RetryLater, match="no file name"):
        pages(opened(folder))


def test_cursor__of_another_or_restored_registry__is_refused(folder: Path) -> None:
    beat = [["系统时间", "最新变更序号", "最新批次"], ["2026/3/5 14:03:07", "9", "1"]]
    (folder / "out" / "心跳.csv").write_bytes(encoded(beat))
    adapter = opened(folder)
    assert not pages(adapter, "2:0")
    other = "1:1:0123456789abcdef"  # read up to change 1 of a batch 1 that was another one
    for cursor, code in (("9:0", "cursor_ahead"), (other, "cursor_ahead"), ("1;2", "cursor_invalid")):
        with pytest.raises(ConfigurationWrong) as caught:
            pages(adapter, cursor)
        assert caught.value.code == code


def test_health__tells_a_silent_registry_and_a_folder_that_is_gone(folder: Path) -> None:
    assert not opened(folder).health().reachable
    beat = folder / "out" / "心跳.csv"
    beat.write_bytes(encoded([["系统时间", "最新变更序号", "最新批次"], ["2026/3/5 14:03:07", "9", "1"]]))
    assert opened(folder).health().reachable
    os.utime(beat, (time.time() - 60, time.time() - 60))
    assert "no heartbeat" in opened(folder).health().detail
    assert not opened(folder / "nowhere").health().reachable
    with pytest.raises(RetryLater):
        pages(opened(folder / "nowhere"))


# ------------------------------------------------------------------ the running registry


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("suzhou", tmp_path_factory.mktemp("suzhou") / "registry") as process:
        wait_for_exports(process)
        yield process


@pytest.fixture
def adapter(city: SandboxProcess) -> Iterator[SuzhouAdapter]:
    yield suzhou_adapter(city)
    city.clear_faults()


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("truncated_csv", {}),
        ("wrong_encoding", {}),
        ("extra_column", {}),
        ("missing_column", {}),
        ("renamed_field", {"from": "数量(kg)", "to": "数量(t)"}),
        ("late_file", {"seconds": 1.5}),
        ("half_written_file", {"seconds": 1.5}),
        ("out_of_order", {}),
        ("file_delivered_twice", {}),
    ],
)
def test_read__a_file_that_came_wrong__loses_nothing(
    city: SandboxProcess, adapter: SuzhouAdapter, fault: str, parameters: dict[str, Any]
) -> None:
    wait_for_exports(city, settled=0.6)
    cursor = pages(adapter)[-1].cursor
    city.fault(fault, times=1, **parameters)
    account = account_of(city)
    wanted = []
    for _ in range(2):
        transfer = city.control("request-transfer", account=account, quantity_kg=1000, to_member="310000")
        wanted.append((transfer["native_id"], 1))
        wait_for_exports(city, settled=0.6)

    def read() -> list[tuple[str, int]]:
        try:
            return numbers(suzhou_adapter(city), cursor)
        except RetryLater:
            return []

    assert until(lambda: read() == wanted)


@pytest.mark.parametrize("fault", ["timeout_before_write", "timeout_after_write"])
def test_push__receipt_late__is_looked_up_and_booked_once(city: SandboxProcess, fault: str) -> None:
    adapter = suzhou_adapter(city, answer_seconds=0.5)
    effect = proposed(city, 310000)
    city.fault(fault, times=1 if fault == "timeout_after_write" else 5, **({"seconds": 2} if "after" in fault else {}))
    with pytest.raises(RetryLater) as caught:
        adapter.push([effect])
    assert caught.value.code == "receipt_awaited"
    assert not adapter.lookup([effect.key])
    city.clear_faults()
    receipt = until(lambda: adapter.lookup([effect.key]).get(effect.key))
    assert receipt.accepted
    assert suzhou_adapter(city).push([effect])[0].accepted
    number = str(effect.detail["native_id"]).removesuffix("#1")
    transfer = next(t for t in city.records("transfer_out") if t["native_id"] == number)
    assert len(transfer["references"]) == 1


def test_transfer__accepted_under_a_factor__keeps_and_cuts(city: SandboxProcess, adapter: SuzhouAdapter) -> None:
    transfer = city.control("request-transfer", account=account_of(city), quantity_kg=10_000, to_member="310000")
    (units,) = transfer["ranges"]
    series = SeriesName(code=units["series"], member=320500, registry="suzhou-sandbox")
    first, last = units["first"], units["last"]
    detail = {
        "transfer": "0x" + "44" * 32,
        "from": 320500,
        "to": 310000,
        "native_id": f"{transfer['native_id']}#1",
        "sent_first": first,
        "sent_last": last,
        "kept_last": first + 4,
        "kg_per_serial": 1000,
    }
    at = "2026-11-22T10:00:00+00:00"
    effects = [
        Effect("completed:44", EffectKind.TRANSFER_COMPLETED, series, SerialRange(first, first + 4), detail, 9, at),
        Effect(
            "retired:44",
            EffectKind.RETIRED_ELSEWHERE,
            series,
            SerialRange(first, first),
            {"holder": 310000, "purpose": 6, "compliance_year": 0, "kg_per_serial": 1000},
            10,
            at,
        ),
    ]
    assert {receipt.key: receipt.reason for receipt in adapter.push(effects)} == {"completed:44": "", "retired:44": ""}
    books = {(h.serials, h.status, h.holder) for h in adapter.holdings() if h.series.code == units["series"]}
    assert {
        (SerialRange(first, first), "retired", 310000),
        (SerialRange(first + 1, first + 4), "available", 310000),
        (SerialRange(first + 5, last), "cancelled", 320500),
    } <= books
    assert city.state()["consistent"]


def test_transfer__incoming_and_returned__leaves_no_trace_in_the_books(
    city: SandboxProcess, adapter: SuzhouAdapter
) -> None:
    series = SeriesName(code="DEMO-SH-CER", member=310000, registry="shanghai-sandbox")
    detail = {"transfer": "0x" + "55" * 32, "from": 310000, "to": 320500, "kg_per_serial": 1, "deadline": 1_800_000_000}
    pending = Effect(
        "incoming:55", EffectKind.TRANSFER_INCOMING, series, SerialRange(1, 10), detail, 9, "2026-11-22T10:00:00+00:00"
    )
    assert adapter.push([pending])[0].reason == ""
    assert [h.status for h in adapter.holdings() if h.series.member == 310000] == ["pending"]
    ended = replace(pending, key="ended:55", kind=EffectKind.TRANSFER_ENDED, detail={**detail, "outcome": "expired"})
    assert adapter.push([ended])[0].reason == ""
    assert not [h for h in adapter.holdings() if h.series.member == 310000]


def test_payload__goes_through_the_journal_unchanged(folder: Path) -> None:
    for record in records(opened(folder)).values():
        assert json.loads(json.dumps(record.payload, ensure_ascii=False)) == record.payload
