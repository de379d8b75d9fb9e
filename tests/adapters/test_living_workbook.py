"""A workbook that people keep: merged cells, titles, scribbles, half saves, replacements, and who has it open."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from adapters.transports import workbook as living
from adapters.transports.tables import Cell, CellError, Column, Fault, Formula, Row, TableShape
from adapters.transports.workbook import cell_json, open_workbook, opened_by
from hub.errors import ConfigurationWrong, RetryLater

SHAPE = TableShape((Column.named("编号"), Column.named("项目"), Column.named("数量")), allow_unknown=True, title_rows=3)


def written(path: Path, rows: Sequence[Sequence[Any]], merged: Sequence[str] = (), title: str = "签发") -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    for area in merged:
        sheet.merge_cells(area)
    book.save(path)
    return path


def read(path: Path, title: str = "签发", patience: float = 0) -> tuple[list[dict[str, Cell]], list[Fault]]:
    with open_workbook(path, patience=patience) as book:
        assert book is not None
        items = list(book.rows(title, SHAPE, id_column="编号"))
    return [dict(i.cells) for i in items if isinstance(i, Row)], [i for i in items if isinstance(i, Fault)]


TITLES: list[list[Any]] = [["合肥市台账（示例）"], ["填表：示例"], ["编号", "项目", "数量"]]


def test_merged_cells__count_for_each_of_their_rows(tmp_path: Path) -> None:
    rows = [*TITLES, ["1", "P1", 1], ["2", "P1", 2], ["3", "P1", 3], ["4", "P2", 4]]
    found, faults = read(written(tmp_path / "a.xlsx", rows, ["A1:C1", "B4:B6"]))
    assert faults == []
    assert [(row["编号"], row["项目"], row["数量"]) for row in found] == [
        ("1", "P1", 1),
        ("2", "P1", 2),
        ("3", "P1", 3),
        ("4", "P2", 4),
    ]


def test_empty_cell_outside_the_merged_ones__stays_empty(tmp_path: Path) -> None:
    found, _ = read(written(tmp_path / "a.xlsx", [*TITLES, ["1", "P1", 1], ["2", None, 2], ["3", None, 3]], ["B4:B5"]))
    assert [row["项目"] for row in found] == ["P1", "P1", None]


def test_heading_between_rows__is_passed_over(tmp_path: Path) -> None:
    found, faults = read(written(tmp_path / "a.xlsx", [*TITLES, ["以下为2024年"], ["1", "P1", 1]], ["A4:C4"]))
    assert ([row["编号"] for row in found], faults) == (["1"], [])


def test_scribble_beside_the_table__is_a_fault_and_the_row_is_read(tmp_path: Path) -> None:
    found, (fault,) = read(written(tmp_path / "a.xlsx", [*TITLES, ["1", "P1", 1, None, "待核对？"]]))
    assert found[0]["编号"] == "1"
    assert (fault.code, fault.value, fault.source.row) == ("beside_the_table", "待核对？", 4)


def test_column_that_people_added__is_theirs(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["编号", "备注", "项目", "数量"], ["1", "x", "P1", 1]]
    found, faults = read(written(tmp_path / "a.xlsx", rows))
    assert (found, faults) == ([{"编号": "1", "项目": "P1", "数量": 1}], [])


def test_heading_renamed__both_names_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong) as changed:
        read(written(tmp_path / "a.xlsx", [["编号", "项目", "吨数"], ["1", "P1", 1]]))
    assert changed.value.code == "columns_changed"
    assert "数量" in str(changed.value)
    assert "吨数" in str(changed.value)


def test_sheet_renamed__the_one_missed_and_those_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong) as gone:
        read(written(tmp_path / "a.xlsx", TITLES, title="签发2024"))
    assert gone.value.code == "sheet_missing"
    assert "签发2024" in str(gone.value)


def test_several_sheets__from_one_copy_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    for number, title in enumerate("甲乙丙"):
        sheet = book.worksheets[0] if not number else book.create_sheet()
        sheet.title = title
        sheet.append(["编号", "项目", "数量"])
        for row in range(700):
            sheet.append([f"{title}{row}", "P", row])
    book.save(path)
    with open_workbook(path) as opened:
        assert opened is not None
        for title in "丙甲乙":
            rows = list(opened.rows(title, SHAPE, id_column="编号"))
            assert len(rows) == 700
            assert {str(row.cell("编号"))[0] for row in rows if isinstance(row, Row)} == {title}


def test_unchanged__is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.xlsx", TITLES)
    with open_workbook(path) as book:
        assert book is not None
        digest = book.snapshot.sha256
    monkeypatch.setattr(living, "Worker", None)
    with open_workbook(path, unchanged=digest) as book:
        assert book is None


def test_away__is_retried_later(tmp_path: Path) -> None:
    with pytest.raises(RetryLater) as away, open_workbook(tmp_path / "a.xlsx"):
        pass
    assert away.value.code == "workbook_away"
    assert away.value.remedy


@pytest.mark.parametrize("part", [0, 1, 2])
def test_half_saved__is_being_saved_for_a_while__then_broken(tmp_path: Path, part: int) -> None:
    path = written(tmp_path / "a.xlsx", [*TITLES, *([["1", "P1", 1]] * 50)])
    content = path.read_bytes()
    path.write_bytes(content[: part * len(content) // 3])
    with pytest.raises(RetryLater) as saving, open_workbook(path, patience=60):
        pass
    assert saving.value.code == "file_changing"
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    with pytest.raises(ConfigurationWrong) as broken, open_workbook(path, patience=60):
        pass
    assert broken.value.code in ("workbook_broken", "file_empty")


def test_spoilt_inside__found_while_reading__is_being_saved_for_a_while(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [*TITLES, *([["1", "P1", 1]] * 500)])
    parts = {}
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[: len(content) // 2] if name == sheet else content)
    with pytest.raises(RetryLater) as saving:
        read(path, patience=60)
    assert saving.value.code == "file_changing"


def test_replaced_again_and_again__one_whole_version_or_a_retry(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [*TITLES, ["1", "P1", 1]])
    versions = [written(tmp_path / f"{n}.xlsx", [*TITLES, *([[str(n), "P1", n]] * 40)]).read_bytes() for n in (1, 2)]
    stop = threading.Event()

    def replace() -> None:
        turn = 0
        while not stop.wait(0.003):
            turn += 1
            temporary = tmp_path / ".tmp"
            temporary.write_bytes(versions[turn % 2])
            temporary.replace(path)

    writer = threading.Thread(target=replace)
    writer.start()
    outcomes: list[str] = []
    try:
        time.sleep(0.05)
        for _ in range(6):
            try:
                found, faults = read(path)
            except RetryLater as later:
                outcomes.append(later.code)
                continue
            assert len({row["编号"] for row in found}) == 1
            assert (len(found), faults) == (40, [])
            outcomes.append("whole")
    finally:
        stop.set()
        writer.join()
    assert set(outcomes) <= {"whole", "file_changing"}
    assert len(read(path)[0]) == 40


def test_opened_by__excel_and_libreoffice__and_nobody(tmp_path: Path) -> None:
    path = tmp_path / "台账.xlsx"
    assert opened_by(path) is None
    name = "张三".encode("utf-16-le")
    local = "张三".encode("gb18030")
    lock = tmp_path / "~$台账.xlsx"
    lock.write_bytes(bytes([len(local)]) + local.ljust(54) + bytes([2, 0]) + name.ljust(108, b"\0"))
    found = opened_by(path)
    assert found is not None
    assert found.name == "张三"
    lock.write_bytes(bytes([len(local)]) + local)
    assert (opened_by(path) or found).name == "张三"
    lock.unlink()
    (tmp_path / ".~lock.台账.xlsx#").write_text(",李四,pc,22.11.2026 10:00,file:///x;", encoding="utf-8")
    found = opened_by(path)
    assert found is not None
    assert found.name == "李四"


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        (None, ""),
        (" ２０２４\u00a0", " ２０２４\u00a0"),
        (12, "12"),
        (Decimal("196.140"), "196.140"),
        (Decimal("1E+3"), "1000"),
        (datetime(2024, 3, 5), "2024-03-05"),
        (datetime(2024, 3, 5, 14, 3, 7), "2024-03-05T14:03:07"),
        (Formula("=SUM(A1)"), "=SUM(A1)"),
        (Formula("SUM(A1)"), "=SUM(A1)"),
        (2**53 + 2, {"unusable": "number_damaged", "shown": "9007199254740994"}),
        (CellError("#REF!"), {"unusable": "error_in_cell", "shown": "#REF!"}),
        (True, {"unusable": "truth_value_in_cell", "shown": "TRUE"}),
    ],
)
def test_cell__as_the_payload_keeps_it(cell: Cell, kept: object) -> None:
    assert cell_json(cell) == kept


@pytest.mark.parametrize("chunk", [64, 100, 1000, 1 << 18])
def test_merged_cells__found_wherever_the_file_is_cut(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = loaded_worker()
    monkeypatch.setattr(worker, "_CHUNK", chunk)
    areas = [f"B{row}:B{row + 1}" for row in range(10, 400, 3)]
    path = written(tmp_path / "a.xlsx", TITLES, areas)
    found = worker.merged_ranges(str(path), "xl/worksheets/sheet1.xml")
    assert sorted(found) == [(row, 2, row + 1, 2) for row in range(10, 400, 3)]


def test_merged_cells__beyond_all_measure__refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = loaded_worker()
    monkeypatch.setattr(worker, "MOST_MERGED", 20)
    path = written(tmp_path / "a.xlsx", TITLES, [f"B{row}:B{row + 1}" for row in range(10, 100, 3)])
    with pytest.raises(worker.Refused, match="20 merged cells"):
        worker.merged_ranges(str(path), "xl/worksheets/sheet1.xml")


def loaded_worker() -> Any:
    """The reader's own code, which otherwise runs as a process of its own."""
    file = Path(living.__file__).with_name("spreadsheet_worker.py")
    spec = importlib.util.spec_from_file_location("spreadsheet_worker_under_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
