"""The Hefei sandbox as a running process: the workbook it keeps, what its people do to it, and each fault."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.hefei_sheets import EFFECT_KINDS, HEADINGS
from adapters.sandbox.process import SandboxProcess
from tests.adapters.city_registries import account_of, until

FIRST = "合碳示例〔签发〕0001号"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("hefei", tmp_path_factory.mktemp("hefei") / "hefei") as process:
        yield process


@pytest.fixture(autouse=True)
def _without_faults(city: SandboxProcess) -> Iterator[None]:
    yield
    city.clear_faults()


def sheet(city: SandboxProcess, title: str) -> Any:
    return openpyxl.load_workbook(city.workbook)[title]


def rows(city: SandboxProcess, title: str) -> dict[str, dict[str, Any]]:
    """Rows below the header by their number, as the file holds them."""
    found = list(sheet(city, title).iter_rows(values_only=True))
    at = next(n for n, row in enumerate(found) if row[0] == HEADINGS[title][0])
    return {str(row[0]): dict(zip(found[at], row, strict=True)) for row in found[at + 1 :] if row[0]}


def numbers(city: SandboxProcess, title: str) -> list[str]:
    return [number for number in rows(city, title) if number != "合计"]


def edit(city: SandboxProcess, title: str, change: Callable[[Any], None]) -> None:
    """Somebody opens the file itself, edits it and saves it."""
    book = openpyxl.load_workbook(city.workbook)
    change(book[title])
    book.save(city.workbook)


def lock_some(city: SandboxProcess, kg: int = 1000) -> dict[str, Any]:
    return dict(city.control("request-transfer", account=account_of(city), quantity_kg=kg, to_member="310000"))


def proposed(number: str, item: str = "HR-0000-0000-0000-0001") -> dict[str, str]:
    return {
        "事项编号": item,
        "事项": "转出已报",
        "发生时间": "2026年11月22日 18:00:00",
        "凭证": "示例",
        "转移编号": number,
        "互认编号": "0x" + "ab" * 32,
    }


def test_workbook__sheets_titles_headings_and_cells_as_people_make_them(city: SandboxProcess) -> None:
    book = openpyxl.load_workbook(city.workbook)
    assert book.sheetnames == list(HEADINGS)
    for title in book.sheetnames:
        assert [cell.value for cell in book[title][3]] == list(HEADINGS[title])
        assert "示例" in str(book[title]["A2"].value)
    issued = rows(city, "签发")[FIRST]
    assert issued["起号"] == "00000001"
    assert issued["签发量(吨)"] == 686.338
    assert issued["签发日"] == datetime(2024, 4, 2)
    assert rows(city, "项目")["合碳示例〔项目〕0001号"]["乡村振兴"] == "√"
    assert str(rows(city, "签发")["合计"]["签发量(吨)"]).startswith("=SUM(")
    assert {str(area) for area in book["核证"].merged_cells.ranges} >= {"B4:B5", "B6:B7"}


def test_text_that_looks_like_a_formula__stays_text(city: SandboxProcess) -> None:
    project = city.records("project")[0]
    for nasty in ("=1+1", "+86 551", "-示例", "@示例"):
        city.control("edit-project", native_id=project["native_id"], changes={"co_benefits": nasty})
        city.control("save-workbook")
        book = openpyxl.load_workbook(city.workbook)
        heading = next(cell.column for cell in book["项目"][3] if cell.value == "协同效益")
        cell: Any = next(row[heading - 1] for row in book["项目"].iter_rows() if row[0].value == project["native_id"])
        assert (cell.value, cell.data_type, bool(cell.quotePrefix)) == (nasty, "s", True)


def test_new_issuance__its_row_is_inserted_in_the_middle(city: SandboxProcess) -> None:
    before = numbers(city, "签发")
    wrong = next(issuance for issuance in city.records("issuance") if issuance["native_id"] == FIRST)
    city.control("correct", issuance=wrong["native_id"], reason="示例更正", reissue_kg=500)
    until(lambda: len(numbers(city, "签发")) == len(before) + 1)
    new = (set(numbers(city, "签发")) - set(before)).pop()
    assert 0 < numbers(city, "签发").index(new) < len(before)
    assert rows(city, "签发")[new]["原签发编号"] == wrong["native_id"]
    assert rows(city, "签发")[new]["原起号"] == f"{wrong['serial_first']:08d}"
    assert city.state()["consistent"]


def test_what_people_typed__stays_when_the_registry_writes_other_rows(city: SandboxProcess) -> None:
    city.control("type-cell", sheet="签发", row=FIRST, heading="签发日", text="2024.4．2 ")

    def scribble(page: Any) -> None:
        page["V4"] = "示例：教育"

    edit(city, "项目", scribble)
    transfer = lock_some(city)
    until(lambda: transfer["native_id"] in rows(city, "转出"))
    assert rows(city, "签发")[FIRST]["签发日"] == "2024.4．2 "
    assert "示例：教育" in rows(city, "项目")["合碳示例〔项目〕0001号"].values()


def test_rows_deleted_pasted_and_typed_again(city: SandboxProcess) -> None:
    before = numbers(city, "签发")
    city.control("delete-row", sheet="签发", row=FIRST)
    assert numbers(city, "签发") == before[1:]
    city.control("restore-row", sheet="签发", row=FIRST)
    assert set(numbers(city, "签发")) == set(before)
    city.control("insert-row", sheet="签发", row=FIRST, changes={"签发编号": "合碳示例〔签发〕9999号"})
    assert numbers(city, "签发").index("合碳示例〔签发〕9999号") == numbers(city, "签发").index(FIRST) + 1
    with pytest.raises(RegistryRefusal) as unknown:
        city.control("delete-row", sheet="签发", row="没有")
    assert unknown.value.status == 404


def test_older_copy__put_back(city: SandboxProcess) -> None:
    city.control("keep-copy", name="monday")
    transfer = lock_some(city)
    until(lambda: transfer["native_id"] in rows(city, "转出"))
    city.control("put-back-copy", name="monday")
    assert transfer["native_id"] not in rows(city, "转出")
    time.sleep(0.4)
    assert transfer["native_id"] not in rows(city, "转出"), "nobody types it again by himself"
    city.control("rewrite-workbook")
    assert transfer["native_id"] in rows(city, "转出")


def test_registry_put_back_from_its_backup__the_workbook_says_the_same(city: SandboxProcess) -> None:
    city.control("backup", name="week")
    transfer = lock_some(city)
    until(lambda: transfer["native_id"] in rows(city, "转出"))
    city.control("restore", name="week")
    until(lambda: transfer["native_id"] not in rows(city, "转出"))


def test_killed_and_started_again__goes_on_where_it_was(city: SandboxProcess) -> None:
    city.control("type-cell", sheet="签发", row=FIRST, heading="签发日", text="2024年4月2日")
    city.kill()
    city.start()
    transfer = lock_some(city)
    until(lambda: transfer["native_id"] in rows(city, "转出"))
    assert rows(city, "签发")[FIRST]["签发日"] == "2024年4月2日"


def test_lock_file__while_somebody_has_it_open(city: SandboxProcess) -> None:
    city.control("open-workbook", by="示例李四")
    lock = city.workbook.with_name(f"~${city.workbook.name}")
    assert "示例李四".encode("utf-16-le") in lock.read_bytes()
    with pytest.raises(RegistryRefusal):
        city.control("open-workbook")
    city.control("close-workbook")
    assert not lock.exists()


# -------------------------------------------------------------------- bookings


def test_booking_typed__taken_up_and_answered_in_the_sheet(city: SandboxProcess) -> None:
    transfer = lock_some(city)
    answer = city.control("type-booking", row=proposed(transfer["native_id"]))
    assert answer["result"] == "已办"
    assert rows(city, "互认登记")["HR-0000-0000-0000-0001"]["处理结果"] == "已办"
    assert city.records("transfer_out")[-1]["references"] == ["0x" + "ab" * 32]
    assert rows(city, "转出")[transfer["native_id"]]["现状"] == "互认办理中"


def test_booking_typed_into_the_file_by_hand__taken_up(city: SandboxProcess) -> None:
    transfer = lock_some(city)
    city.control("save-workbook")
    row = proposed(transfer["native_id"], "HR-0000-0000-0000-0002")

    def type_it(page: Any) -> None:
        page.append([row.get(heading) for heading in HEADINGS["互认登记"]])

    edit(city, "互认登记", type_it)
    until(lambda: rows(city, "互认登记").get("HR-0000-0000-0000-0002", {}).get("处理结果") == "已办")
    assert city.records("transfer_out")[-1]["references"]


def test_booking_typed_twice__is_booked_twice_where_the_books_allow__which_is_why_no_program_types(
    city: SandboxProcess,
) -> None:
    transfer = lock_some(city)
    for _ in range(2):
        assert city.control("type-booking", row=proposed(transfer["native_id"]))["result"] == "已办"
    assert len(city.records("transfer_out")[-1]["references"]) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"事项": "办了"}, "事项"),
        ({"发生时间": "昨天"}, "BAD_EFFECT"),
        ({"转移编号": "没有"}, "没有"),
        ({"事项": "外地注销", "转移编号": "", "互认编号": "", "号段": "1-2"}, "BAD_EFFECT"),
    ],
)
def test_booking_that_cannot_be__says_why_in_the_sheet(city: SandboxProcess, changes: dict[str, str], why: str) -> None:
    transfer = lock_some(city)
    row = {heading: text for heading, text in (proposed(transfer["native_id"]) | changes).items() if text}
    answer = city.control("type-booking", row=row)
    assert answer["result"] == "未办"
    assert why in answer["note"]
    assert not city.records("transfer_out")[-1]["references"]


def test_words_of_bookings__cover_every_effect() -> None:
    assert len(set(EFFECT_KINDS.values())) == 16


# -------------------------------------------------------------------- faults


def test_saved_in_place__half_of_it_stands_there_for_a_while(city: SandboxProcess) -> None:
    city.fault("saved_in_place", seconds=1)
    lock_some(city)
    until(lambda: not zipfile.is_zipfile(city.workbook), 5)
    until(lambda: zipfile.is_zipfile(city.workbook), 5)
    assert FIRST in rows(city, "签发")


def test_saved_often__always_whole(city: SandboxProcess) -> None:
    city.fault("saved_often", saves=60, seconds=0.01)
    inode = city.workbook.stat().st_ino
    lock_some(city)
    seen: set[int] = set()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and len(seen) < 5:
        assert zipfile.is_zipfile(city.workbook)
        seen.add(city.workbook.stat().st_ino)
    assert seen - {inode}


@pytest.mark.parametrize(
    ("fault", "parameters", "gone", "new"),
    [
        ("renamed_field", {"from": "签发量(吨)", "to": "签发量(公斤)"}, "签发量(吨)", "签发量(公斤)"),
        ("missing_column", {"column": "年份"}, "年份", None),
        ("extra_column", {}, None, "备注"),
    ],
)
def test_headings__changed_at_one_save_and_put_right_at_the_next(
    city: SandboxProcess, fault: str, parameters: dict[str, Any], gone: str | None, new: str | None
) -> None:
    city.fault(fault, **parameters)
    city.control("save-workbook")
    headings = [cell.value for cell in sheet(city, "签发")[3]]
    assert gone is None or gone not in headings
    assert new is None or new in headings
    city.control("save-workbook")
    assert [cell.value for cell in sheet(city, "签发")[3]] == list(HEADINGS["签发"])


def test_bookings_not_looked_at__then_taken_up(city: SandboxProcess) -> None:
    city.fault("timeout_before_write", times=3)
    transfer = lock_some(city)
    answer = city.control("type-booking", row=proposed(transfer["native_id"]))
    assert answer["result"] == ""
    until(lambda: rows(city, "互认登记")["HR-0000-0000-0000-0001"]["处理结果"] == "已办")
