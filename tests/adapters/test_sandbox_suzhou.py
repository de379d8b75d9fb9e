"""The Suzhou sandbox as a running process: batches, manifests, effect files, receipts, and each fault."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.process import SandboxProcess
from adapters.sandbox.records import UnitRange
from adapters.sandbox.suzhou_files import EFFECT_HEADER, encode_csv, range_text


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("suzhou", tmp_path_factory.mktemp("suzhou")) as process:
        until((process.folder / "out" / "清单_000001.csv").exists)
        yield process


@pytest.fixture(autouse=True)
def _without_faults(city: SandboxProcess) -> Iterator[None]:
    yield
    city.clear_faults()


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("gb18030"), newline="")))


def manifests(city: SandboxProcess) -> list[Path]:
    return sorted((city.folder / "out").glob("清单_*.csv"))


def lock_some(city: SandboxProcess, kg: int = 1000) -> dict[str, Any]:
    account = next(row["account"] for row in city.holdings()["holdings"] if row["status"] == "available")
    return dict(city.control("request-transfer", account=account, quantity_kg=kg, to_member="310000"))


def next_file(city: SandboxProcess, act: Callable[[], Any] | None = None) -> Path:
    """The data file of the batch that the next change brings, as it stands once its manifest is there."""
    known = set(manifests(city))
    (act or (lambda: lock_some(city)))()
    (manifest,) = until(lambda: set(manifests(city)) - known)
    return city.folder / "out" / read(manifest)[0]["文件名"]


def accepted(transfer: dict[str, Any], key: str, **changes: str) -> list[str]:
    cells = {
        "幂等键": key,
        "事项": "转出成交",
        "发生时间": "2026/3/5 14:00:00",
        "凭证": "0x01",
        "转移单号": transfer["native_id"],
        "对方区划代码": "310000",
        "保留号段": ";".join(range_text(UnitRange(**units)) for units in transfer["ranges"]),
        **changes,
    }
    return [cells.get(column, "") for column in EFFECT_HEADER]


def drop(city: SandboxProcess, stem: str, content: bytes) -> None:
    temporary = city.folder / "in" / f".{stem}.tmp"
    temporary.write_bytes(content)
    temporary.rename(city.folder / "in" / f"{stem}.csv")


def push(city: SandboxProcess, stem: str, *rows: list[str]) -> list[dict[str, str]]:
    known = set((city.folder / "receipts").iterdir())
    drop(city, stem, encode_csv([EFFECT_HEADER, *rows]))
    (receipt,) = until(lambda: set((city.folder / "receipts").glob("回执_*.csv")) - known)
    return read(receipt)


def test_batch__first__holds_every_sample_and_matches_its_manifest(city: SandboxProcess) -> None:
    first = read(manifests(city)[0])
    assert {row["文件名"][:2] for row in first} == {"方法", "项目", "核证", "签发"}
    for row in first:
        path = city.folder / "out" / row["文件名"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["SHA256"]
        records = read(path)
        assert (len(records), records[0]["变更序号"], records[-1]["变更序号"]) == (
            int(row["行数"]),
            row["起始变更序号"],
            row["截止变更序号"],
        )
    issued = read(city.folder / "out" / "签发_000001.csv")
    total = sum(int(row["签发量(kg)"].replace(",", "")) for row in issued)
    assert total == sum(row["quantity_kg"] for row in city.holdings()["holdings"])
    assert "1,001,000" in {row["签发量(kg)"] for row in issued}
    assert issued[0]["签发时间"] == "2024/4/2"
    assert all("示例" in row["数据说明"] for row in issued)


def test_batch__after_a_change__carries_that_change_alone(city: SandboxProcess) -> None:
    path = next_file(city)
    (row,) = read(path)
    assert path.name.startswith("转出_")
    assert (row["版本号"], row["数量(kg)"], row["接收地区划代码"]) == ("1", "1,000", "310000")


def test_snapshot__on_demand__is_the_whole_registry(city: SandboxProcess) -> None:
    done = city.control("snapshot")
    out = city.folder / "out"
    assert all((out / name).exists() for name in done["files"])
    holding_file = next(out / name for name in done["files"] if "持有" in name)
    total = sum(int(row["数量(kg)"].replace(",", "")) for row in read(holding_file))
    assert total == sum(row["quantity_kg"] for row in city.holdings()["holdings"])
    projects = next(out / name for name in done["files"] if "项目" in name)
    assert {row["项目代码"] for row in read(projects)} == {p["native_id"] for p in city.records("project")}
    assert city.control("snapshot")["number"] == done["number"] + 1


def test_snapshot__asked_for_by_a_file__is_receipted_with_its_number(city: SandboxProcess) -> None:
    drop(city, "申请全量_q-0001", b"")
    receipt = city.folder / "receipts" / "回执_申请全量_q-0001.csv"
    until(receipt.exists)
    (row,) = read(receipt)
    assert (row["幂等键"], row["结果"], row["字段"]) == ("q-0001", "已出具", "全量批次")
    manifest = read(city.folder / "out" / f"全量_清单_{int(row['原因']):06d}.csv")
    assert {line["截止变更序号"] for line in manifest} == {row["变更序号"]}
    assert len(manifest) == 9


def test_heartbeat__says_how_far_the_exports_go(city: SandboxProcess) -> None:
    path = next_file(city)
    (row,) = read(path)
    (beat,) = until(
        lambda: [b for b in read(path.parent / "心跳.csv") if int(b["最新变更序号"]) >= int(row["变更序号"])]
    )
    assert int(beat["最新批次"]) == int(path.stem[-6:])


def test_effect__same_key_twice__one_effect(city: SandboxProcess) -> None:
    transfer = lock_some(city)
    row = accepted(transfer, "file-twice-1")
    (first,) = push(city, "推送_file-twice-1", row)
    after = city.holdings()
    (again,) = push(city, "推送_file-twice-1", row)
    assert (first["结果"], again["结果"]) == ("已入账", "重复")
    assert again["变更序号"] == first["变更序号"]
    assert city.holdings() == after
    gone = [r for r in after["holdings"] if r["reference"] == transfer["native_id"]]
    assert {(r["status"], r["member"]) for r in gone} == {("transferred_out", "310000")}
    # The first receipt is still there: a later one never replaces it.
    assert len(list((city.folder / "receipts").glob("回执_推送_file-twice-1*.csv"))) == 2


def test_effect__same_key_other_content__refused(city: SandboxProcess) -> None:
    push(city, "推送_other-1", accepted(lock_some(city), "other-content"))
    (second,) = push(city, "推送_other-2", accepted(lock_some(city), "other-content"))
    assert second["结果"] == "拒收"
    assert second["原因"].startswith("KEY_REUSED")


def test_effect__cut_by_a_factor__books_kept_and_cut(city: SandboxProcess) -> None:
    transfer = lock_some(city, 10_000)
    units = UnitRange(**transfer["ranges"][0])
    kept = units.model_copy(update={"last": units.first + 4})
    cut = units.model_copy(update={"first": units.first + 5})
    row = accepted(transfer, "with-a-cut-1", 保留号段=range_text(kept), 折减号段=range_text(cut))
    (receipt,) = push(city, "推送_with-a-cut", row)
    assert receipt["结果"] == "已入账"
    booked = {
        r["status"]: r["quantity_kg"] for r in city.holdings()["holdings"] if r["reference"] == transfer["native_id"]
    }
    assert booked == {"transferred_out": 5_000, "cut": 5_000}
    assert city.state()["consistent"]


def test_effects__one_bad_row__the_others_are_booked(city: SandboxProcess) -> None:
    good, bad = accepted(lock_some(city), "row-good-01"), accepted(lock_some(city), "row-bad-001", 发生时间="昨天")
    receipt = push(city, "推送_mixed", bad, good)
    assert [(row["幂等键"], row["行号"], row["结果"]) for row in receipt] == [
        ("row-bad-001", "2", "拒收"),
        ("row-good-01", "3", "已入账"),
    ]
    assert receipt[0]["字段"] == "发生时间"
    assert "昨天" in receipt[0]["原因"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("encoding", encode_csv([EFFECT_HEADER], "utf-16"), "BAD_FILE"),
        ("column", encode_csv([EFFECT_HEADER[:-1]]), "BAD_FILE: header differs: 记录编号"),
        (
            "truncated",
            encode_csv([EFFECT_HEADER, ["row-trunc-1"] * len(EFFECT_HEADER)])[:-20],
            "BAD_FILE: the last line",
        ),
    ],
)
def test_effects__bad_file__rejected_with_a_reason(
    city: SandboxProcess, name: str, content: bytes, reason: str
) -> None:
    drop(city, f"推送_bad-{name}", content)
    path = city.folder / "receipts" / f"回执_推送_bad-{name}.csv"
    until(path.exists)
    (row,) = read(path)
    assert (row["行号"], row["结果"]) == ("0", "拒收")
    assert row["原因"].startswith(reason)
    assert not (city.folder / "in" / f"推送_bad-{name}.csv").exists()


def test_fault__timeout_before_write__effect_waits(city: SandboxProcess) -> None:
    city.fault("timeout_before_write", times=5)
    started = time.monotonic()
    push(city, "推送_before", accepted(lock_some(city), "before-0001"))
    assert time.monotonic() - started >= 0.9


def test_fault__timeout_after_write__booked_but_receipt_late(city: SandboxProcess) -> None:
    transfer = lock_some(city)
    city.fault("timeout_after_write", seconds=1.5)
    drop(city, "推送_after", encode_csv([EFFECT_HEADER, accepted(transfer, "after-00001")]))
    until(lambda: not (city.folder / "in" / "推送_after.csv").exists())
    receipt = city.folder / "receipts" / "回执_推送_after.csv"
    statuses = {r["status"] for r in city.holdings()["holdings"] if r["reference"] == transfer["native_id"]}
    assert statuses == {"transferred_out"}
    assert not receipt.exists()
    until(receipt.exists)


def test_fault__truncated_csv__ends_in_mid_row(city: SandboxProcess) -> None:
    city.fault("truncated_csv")
    assert not next_file(city).read_bytes().endswith(b"\r\n")
    assert next_file(city).read_bytes().endswith(b"\r\n")


def test_fault__wrong_encoding__is_not_gb18030(city: SandboxProcess) -> None:
    city.fault("wrong_encoding")
    content = next_file(city).read_bytes()
    assert content.decode("utf-16").startswith("变更序号")
    with pytest.raises(UnicodeDecodeError):
        content.decode("gb18030")


@pytest.mark.parametrize(
    ("fault", "parameters", "appears", "disappears"),
    [
        ("extra_column", {}, {"备用字段"}, set()),
        ("missing_column", {"column": "数量(kg)"}, set(), {"数量(kg)"}),
        ("renamed_field", {"from": "数量(kg)", "to": "重量(kg)"}, {"重量(kg)"}, {"数量(kg)"}),
    ],
)
def test_fault__columns__differ(
    city: SandboxProcess, fault: str, parameters: dict[str, Any], appears: set[str], disappears: set[str]
) -> None:
    usual = set(read(next_file(city))[0])
    city.fault(fault, **parameters)
    spoiled = set(read(next_file(city))[0])
    assert (spoiled - usual, usual - spoiled) == (appears, disappears)


def test_fault__file_delivered_twice__has_a_copy(city: SandboxProcess) -> None:
    city.fault("file_delivered_twice")
    path = next_file(city)
    copy = until(lambda: next(iter(path.parent.glob(f"{path.stem}(1).csv")), None))
    assert copy.read_bytes() == path.read_bytes()


def test_fault__late_file__manifest_comes_first(city: SandboxProcess) -> None:
    city.fault("late_file", seconds=1)
    path = next_file(city)
    assert not path.exists()
    until(path.exists)


def test_fault__half_written_file__is_completed_later(city: SandboxProcess) -> None:
    city.fault("half_written_file", seconds=1)
    path = next_file(city)
    half = path.read_bytes()
    whole = until(lambda: path.read_bytes() if path.read_bytes() != half else None)
    assert whole.startswith(half)
    assert whole.endswith(b"\r\n")


def test_fault__out_of_order__later_batch_comes_first(city: SandboxProcess) -> None:
    last = int(manifests(city)[-1].stem[-6:])
    city.fault("out_of_order")
    lock_some(city)
    until((city.home / "staging" / f"清单_{last + 1:06d}.csv").exists)
    assert int(manifests(city)[-1].stem[-6:]) == last
    lock_some(city)
    until(lambda: int(manifests(city)[-1].stem[-6:]) == last + 2)
    until((city.folder / "out" / f"清单_{last + 1:06d}.csv").exists)
    earlier = (city.folder / "out" / f"清单_{last + 1:06d}.csv").stat().st_mtime_ns
    assert earlier > (city.folder / "out" / f"清单_{last + 2:06d}.csv").stat().st_mtime_ns


def test_process__killed_with_files_waiting__delivers_them_after_the_restart(tmp_path: Path) -> None:
    process = SandboxProcess("suzhou", tmp_path).start()
    try:
        until(lambda: manifests(process))
        process.fault("late_file", seconds=600)
        path = next_file(process, lambda: lock_some(process))
        assert not path.exists()
        before = process.holdings()
        process.kill()
        process.start()
        until(path.exists)
        assert process.holdings() == before
        lock_some(process)
        until(lambda: len(manifests(process)) == 3)
    finally:
        process.stop()
    assert process.log.read_text() == ""


def test_books__after_all_of_this__add_up(city: SandboxProcess) -> None:
    assert city.state()["problems"] == []
    assert city.log.read_text() == ""
