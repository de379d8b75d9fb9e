"""What people did to Hefei's workbook since it was read: what is told of it, and what is not taken."""

from __future__ import annotations

import shutil
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from adapters.protocol import NativeRecord
from adapters.sandbox.process import SandboxProcess
from hub.errors import ConfigurationWrong, RetryLater
from tests.adapters.city_registries import account_of, hefei_adapter
from tests.adapters.hefei_workbook import FIRST, FIXTURE, cell_of, editing, opened, read, typed


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """The fixture, to be edited."""
    return Path(shutil.copy(FIXTURE, tmp_path / "台账.xlsx"))


# -------------------------------------------------------------------- people at work


def test_unchanged__nothing_is_read_again(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    assert read(adapter, cursor) == ([], [], cursor)
    workbook.write_bytes(workbook.read_bytes())
    assert read(opened(workbook), cursor) == ([], [], cursor)


def test_saved_by_another_program__nothing_has_changed(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    before = workbook.read_bytes()
    with editing(workbook, "签发"):
        pass
    assert workbook.read_bytes() != before
    assert read(adapter, cursor)[:2] == ([], [])


def test_row_inserted_in_the_middle__is_the_only_record(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    with editing(workbook, "核证") as sheet:
        for merged in list(sheet.merged_cells.ranges):
            if merged.min_row > 3:
                sheet.unmerge_cells(str(merged))
        sheet["B5"], sheet["B7"] = sheet["B4"].value, sheet["B6"].value
        sheet.insert_rows(6)
        for column, cell in enumerate(sheet[5], 1):
            sheet.cell(6, column).value = cell.value
        sheet["A6"] = "合碳示例〔核证〕0099号"
    records, faults, _ = read(adapter, cursor)
    assert ([(r.native_id, r.version) for r in records], faults) == ([("合碳示例〔核证〕0099号", 1)], [])
    assert records[0].source.endswith("sheet 核证 row 6")


def test_row_deleted__reported_by_sheet_and_number__back_it_is_no_new_record(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    whole = workbook.read_bytes()
    second = "合碳示例〔项目〕0002号"
    with editing(workbook, "项目") as sheet:
        sheet.delete_rows(cell_of(sheet, second, "登记日").row)
    records, (fault,), cursor = read(adapter, cursor)
    assert records == []
    assert (fault.code, fault.field, fault.value) == ("row_vanished", "项目", second)
    assert "sheet 项目 row 5" in fault.source
    assert read(opened(workbook), cursor)[:2] == ([], [])
    workbook.write_bytes(whole)
    records, (back,), _ = read(adapter, cursor)
    assert (records, back.code, back.value) == ([], "row_back", second)


def test_older_copy_put_back__every_row_that_went_is_reported_and_what_reads_otherwise_is_a_version(
    workbook: Path,
) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    older = workbook.read_bytes()
    typed(workbook, "项目", "合碳示例〔项目〕0002号", "协同效益", "示例：教育")
    with editing(workbook, "注销") as sheet:
        new = [cell.value for cell in sheet[4]]
        for column, value in enumerate(new, 1):
            sheet.cell(5, column).value = value
        sheet["A5"] = "合碳示例〔注销〕0002号"
    records, faults, cursor = read(adapter, cursor)
    assert ([(r.native_id, r.version) for r in records], faults) == (
        [("合碳示例〔项目〕0002号", 2), ("合碳示例〔注销〕0002号", 1)],
        [],
    )
    workbook.write_bytes(older)
    records, faults, _ = read(adapter, cursor)
    assert [(r.native_id, r.version) for r in records] == [("合碳示例〔项目〕0002号", 3)]
    assert [(f.code, f.value) for f in faults] == [("row_vanished", "合碳示例〔注销〕0002号")]


def test_row_pasted_twice__with_another_content__is_not_guessed(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    with editing(workbook, "项目") as sheet:
        for column, cell in enumerate(sheet[4], 1):
            sheet.cell(8, column).value = cell.value
        sheet["B8"] = "示例另一名称"
    records, (fault,), _ = read(adapter, cursor)
    assert records == []
    assert fault.code == "row_repeated_differently"
    assert "row 4" in fault.reason
    assert "row 8" in fault.reason


def test_totals_banners_and_empty_rows__are_no_records(workbook: Path) -> None:
    """The fixture has a heading between rows and a sum with a formula below them."""
    sheet = openpyxl.load_workbook(FIXTURE)["签发"]
    words = [row[0].value for row in sheet.iter_rows(min_row=4)]
    assert "合计" in words
    assert "以下为示例庐阳学校" in words
    records, faults, _ = read(opened(workbook))
    assert faults == []
    assert {r.native_id for r in records if r.kind == "签发"} == {f"合碳示例〔签发〕000{n}号" for n in range(1, 8)}


@pytest.mark.parametrize(("number", "code"), [(None, "row_without_number"), ("=A4", "formula_in_cell")])
def test_row_without_its_number__is_a_fault_and_the_others_go_on(workbook: Path, number: Any, code: str) -> None:
    with editing(workbook, "注销") as sheet:
        for column, cell in enumerate(sheet[4], 1):
            sheet.cell(5, column).value = cell.value
        sheet["A5"] = number
    records, faults, _ = read(opened(workbook))
    assert [(f.code, f.field) for f in faults] == [(code, "注销编号")]
    assert "合碳示例〔注销〕0001号" in {r.native_id for r in records}


def test_heading_renamed__nothing_is_taken_and_both_names_are_said(workbook: Path) -> None:
    adapter = opened(workbook)
    _, _, cursor = read(adapter)
    with editing(workbook, "签发") as sheet:
        next(cell for cell in sheet[3] if cell.value == "签发量(吨)").value = "签发量(公斤)"
        sheet["A4"] = "合碳示例〔签发〕9999号"
    with pytest.raises(ConfigurationWrong) as changed:
        read(adapter, cursor)
    assert "签发量(吨)" in str(changed.value)
    assert "签发量(公斤)" in str(changed.value)
    with editing(workbook, "签发") as sheet:
        next(cell for cell in sheet[3] if cell.value == "签发量(公斤)").value = "签发量(吨)"
    assert [r.native_id for r in read(adapter, cursor)[0]] == ["合碳示例〔签发〕9999号"]


def test_memory_lost__all_comes_again_as_later_versions(workbook: Path) -> None:
    adapter = opened(workbook)
    first, _, cursor = read(adapter)
    typed(workbook, "签发", FIRST, "签发日", "2024年4月3日")
    workbook.with_suffix(".readings.sqlite").unlink()
    again, _, cursor = read(adapter, cursor)
    assert {(r.native_id, r.version) for r in again} == {(r.native_id, 2) for r in first}
    assert read(adapter, cursor)[:2] == ([], [])


def test_health__says_who_has_it_open__and_that_it_is_away(workbook: Path) -> None:
    adapter = opened(workbook)
    assert "open_by" not in adapter.health().facts
    lock = workbook.with_name(f"~${workbook.name}")
    name = "示例经办人"
    lock.write_bytes(b"\x00" * 55 + bytes([len(name), 0]) + name.encode("utf-16-le"))
    assert adapter.health().facts["open_by"] == name
    assert len(read(adapter)[0]) > 20, "what was saved is read while somebody has it open"
    lock.unlink()
    workbook.rename(workbook.with_suffix(".away"))
    assert not adapter.health().reachable
    with pytest.raises(RetryLater):
        read(adapter)


@pytest.mark.slow
def test_large_workbook__memory_is_flat(workbook: Path) -> None:
    """Eight times the rows cost this process no more memory: they stream from the reader's process into the log."""
    peaks = []
    for rows in (400, 3_200):
        large = Path(shutil.copy(FIXTURE, workbook.with_name(f"{rows}.xlsx")))
        with editing(large, "注销") as sheet:
            like = [cell.value for cell in sheet[4]]
            sheet.delete_rows(5, sheet.max_row)
            for number in range(rows):
                sheet.append([f"合碳示例〔注销〕{number + 100}号", *like[1:]])
        adapter = opened(large, page_size=100)
        tracemalloc.start()
        count = sum(len(page.records) for page in adapter.read(""))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count > rows
    assert peaks[1] < 1.3 * peaks[0] + 500_000


# -------------------------------------------------------------------- on the running registry


def test_two_adapters_at_once__each_gives_everything_once(workbook: Path) -> None:
    found: dict[int, list[tuple[str, int]]] = {}

    def one(number: int) -> None:
        found[number] = [(r.native_id, r.version) for r in read(opened(workbook, page_size=3))[0]]

    readers = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == len(found[0]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["saved_in_place", "saved_often"])
def test_saved_while_it_is_read__later_or_whole__nothing_lost_nothing_twice(tmp_path: Path, fault: str) -> None:
    with SandboxProcess("hefei", tmp_path / "registry") as process:
        adapter = hefei_adapter(process)
        known, _, cursor = read(adapter)
        parameters: dict[str, Any] = {"seconds": 0.8} if fault == "saved_in_place" else {"saves": 60, "seconds": 0.01}
        process.fault(fault, **parameters)
        transfer = process.control("request-transfer", account=account_of(process), quantity_kg=7, to_member="310000")
        new: list[NativeRecord] = []
        codes = set()
        deadline = time.monotonic() + 15
        while not new:
            assert time.monotonic() < deadline
            try:
                more, faults, cursor = read(adapter, cursor)
            except RetryLater as later:
                codes.add(later.code)
                continue
            assert faults == []
            new += more
        assert codes <= {"file_changing"}
        assert [(r.native_id, r.version) for r in new] == [(transfer["native_id"], 1)]
        assert {r.version for r in known} == {1}
        process.control("save-workbook")
        assert read(adapter, cursor)[:2] == ([], [])
