"""Files from outside: each way in which a CSV file or a workbook can be wrong is named, with its place."""

from __future__ import annotations

import os
import subprocess
import time
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from adapters.transports import snapshots, spreadsheets
from adapters.transports.delimited import DelimitedFormat, read_delimited
from adapters.transports.snapshots import DEFAULT_LIMITS, snapshot, write_whole
from adapters.transports.spreadsheets import read_spreadsheet
from adapters.transports.tables import Column, Fault, FieldRefused, Formula, Row, TableShape
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.serials import parse_range

SHAPE = TableShape(
    columns=(
        Column.named("id", "编号", "ID"),
        Column.named("serials", "序列号", "Serial range"),
        Column.named("quantity", "数量", "Quantity"),
        Column.named("note", "备注", required=False),
    )
)
TITLED = replace(SHAPE, title_rows=5)
HEADER = "编号,序列号,数量\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_and_faults(items: Iterable[Row | Fault]) -> tuple[list[Row], list[Fault]]:
    found = list(items)
    return [i for i in found if isinstance(i, Row)], [i for i in found if isinstance(i, Fault)]


def workbook(path: Path, rows: Iterable[Sequence[Any]], *more_sheets: Iterable[Sequence[Any]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "one"
    for number, content in enumerate((rows, *more_sheets)):
        if number:
            sheet = book.create_sheet(f"sheet {number + 1}")
        for row in content:
            sheet.append(list(row))
    book.save(path)
    return path


# --- CSV: encodings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_csv__in_each_encoding_that_needs_no_configuration__reads_the_same(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path / "a.csv", (HEADER + "沪-1,1 - 10,10\n").encode(encoding))
    rows, faults = rows_and_faults(read_delimited(file, SHAPE))
    assert not faults
    assert [row.text("id") for row in rows] == ["沪-1"]
    assert rows[0].source.row == 2


def test_csv__short_gbk_text__is_not_taken_for_big5(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "编号,序列号,数量\n六安,1 - 2,2\n".encode("gbk"))
    rows, _ = rows_and_faults(read_delimited(file, SHAPE))
    assert rows[0].text("id") == "六安"


def test_csv__in_no_known_encoding__refused_with_the_byte_of_each_attempt(tmp_path: Path) -> None:
    content = "ID,Serial range,Quantity\nn\u00e9 \u2013 x,1 - 2,2\n".encode("cp1252")
    file = write(tmp_path / "a.csv", content)
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_delimited(file, SHAPE))
    assert refused.value.code == "encoding_unknown"
    assert f"not utf-8: byte {content.index(0xE9)} (0xe9)" in refused.value.message
    assert f"not gb18030: byte {content.index(0xE9)} (0xe9)" in refused.value.message
    rows, _ = rows_and_faults(read_delimited(file, SHAPE, DelimitedFormat(encoding="cp1252")))
    assert rows[0].text("id") == "n\u00e9 \u2013 x"


def test_csv__undecodable_byte_beyond_the_first_mebibyte__offset_is_exact(tmp_path: Path) -> None:
    content = HEADER.encode() + "甲,1 - 2,2\n".encode() * 100_000 + b"\xff\xff\n"
    file = write(tmp_path / "a.csv", content)
    with pytest.raises(ConfigurationWrong, match=f"not utf-8: byte {len(content) - 3} "):
        list(read_delimited(file, SHAPE))


# --- CSV: schema ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("编号,序列号段,数量", "missing: 序列号; not known: 序列号段"),
        ("编号,序列号", "missing: 数量"),
        ("编号,序列号,数量,新列", "not known: 新列"),
        ("编号,序列号,数量,数量", "repeated: 数量"),
        ("编号,序列号,数量,Quantity,ID", None),
    ],
)
def test_csv__changed_columns__refused_with_old_and_new_names(tmp_path: Path, header: str, said: str | None) -> None:
    file = write(tmp_path / "a.csv", header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    if said is None:
        assert rows_and_faults(read_delimited(file, SHAPE))[0]
        return
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_delimited(file, SHAPE))
    assert refused.value.code == "columns_changed"
    assert said in refused.value.message
    assert "expected: 编号, 序列号, 数量, 备注?" in (refused.value.remedy or "")


def test_csv__header_under_title_rows_and_reordered__is_found(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "Report of August\n\nQuantity,id,Serial\u00a0range\n5,a,1 - 5\n")
    rows, faults = rows_and_faults(read_delimited(file, TITLED))
    assert not faults
    assert (rows[0].text("id"), rows[0].whole("quantity"), rows[0].source.row) == ("a", 5, 4)
    with pytest.raises(ConfigurationWrong, match="missing"):
        list(read_delimited(file, SHAPE))


def test_csv__unknown_column_where_allowed__is_dropped(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "编号,序列号,数量,新列\na,1 - 2,2,x\n")
    rows, _ = rows_and_faults(read_delimited(file, replace(SHAPE, allow_unknown=True)))
    assert set(rows[0].cells) == {"id", "serials", "quantity"}


# --- CSV: broken records stop nothing else --------------------------------------------------------------------


def test_csv__cut_off_inside_the_last_line__that_row_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "a,1 - 10,10\nb,11 - 20,1")
    rows, faults = rows_and_faults(read_delimited(file, SHAPE))
    assert [row.text("id") for row in rows] == ["a"]
    assert [(fault.source.row, fault.code) for fault in faults] == [(3, "record_cut_short")]
    assert len(rows_and_faults(read_delimited(file, SHAPE, DelimitedFormat(final_newline=False)))[0]) == 2


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("b,11 - 20", "wrong_number_of_fields"),
        ("b,11 - 20,10,x", "wrong_number_of_fields"),
        ("b,2,416,896", "wrong_number_of_fields"),
        ('b,"11" - 20,10', "record_broken"),
        ("b,11\0- 20,10", "nul_in_record"),
        ('"b,11 - 20,10', "record_cut_short"),
        ('"b\nb",11 - 20', "wrong_number_of_fields"),
    ],
)
def test_csv__one_bad_record__is_a_fault_at_its_line_and_the_others_are_read(
    tmp_path: Path, bad: str, code: str
) -> None:
    file = write(tmp_path / "a.csv", f"{HEADER}a,1 - 10,10\n{bad}\nc,21 - 30,10\nd,31 - 40,10\n")
    rows, faults = rows_and_faults(read_delimited(file, SHAPE))
    assert [row.text("id") for row in rows] == ["a", "c", "d"]
    assert (faults[0].source.row, faults[0].code) == (3, code)
    assert str(faults[0].source) == "a.csv row 3"


def test_csv__lost_quotation_mark_in_a_long_file__costs_one_row(tmp_path: Path) -> None:
    lines = [f"r{n},{n} - {n},1" for n in range(1, 1001)]
    lines[400] = '"' + lines[400]
    file = write(tmp_path / "a.csv", HEADER + "\n".join(lines) + "\n")
    rows, faults = rows_and_faults(read_delimited(file, SHAPE))
    assert len(rows) == 999
    assert [(fault.source.row, "not closed" in fault.reason) for fault in faults] == [(402, True)]
    assert [row.source.row for row in rows] == [n + 2 for n in range(1000) if n != 400]


def test_csv__quoted_line_breaks_and_commas__are_one_record(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + '"x,\r\ny ""z""",1 - 2,"2,416,896"\nb,3 - 4,2\n')
    rows, faults = rows_and_faults(read_delimited(file, SHAPE))
    assert not faults
    assert rows[0].text("id") == 'x,\r\ny "z"'
    assert rows[0].whole("quantity") == 2_416_896
    assert rows[1].source.row == 4


# --- Limits ---------------------------------------------------------------------------------------------------


def test_file__of_200_mb__refused_by_its_size_without_being_read(tmp_path: Path) -> None:
    file = tmp_path / "big.csv"
    with file.open("wb") as stream:
        stream.truncate(200 * 1024 * 1024)
    began = time.perf_counter()
    for read in (read_delimited, read_spreadsheet):
        with pytest.raises(ConfigurationWrong, match=r"209,715,200 bytes, at most 67,108,864") as refused:
            list(read(file, SHAPE))
        assert refused.value.code == "file_too_large"
    assert time.perf_counter() - began < 1


def test_csv__more_rows_or_longer_lines_than_allowed__refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "a,1 - 2,2\n" * 11)
    with pytest.raises(ConfigurationWrong, match="more than 10 rows"):
        list(read_delimited(file, SHAPE, limits=replace(DEFAULT_LIMITS, rows=10)))
    file = write(tmp_path / "b.csv", HEADER + "a" * 5000 + ",1 - 2,2\n")
    with pytest.raises(ConfigurationWrong, match="line 2 is longer than 1,000 characters"):
        list(read_delimited(file, SHAPE, limits=replace(DEFAULT_LIMITS, row_characters=1000)))


def test_csv__a_large_file__streams_in_little_memory(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER.encode() + ("甲" * 50 + ",1 - 2,2\n").encode() * 60_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_delimited(file, SHAPE)) == 60_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < file.stat().st_size, f"{peak:,} bytes"


@pytest.mark.parametrize(("content", "code"), [(b"", "file_empty"), (None, "file_missing")])
def test_file__empty_or_absent__refused(tmp_path: Path, content: bytes | None, code: str) -> None:
    file = tmp_path / "a.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_delimited(file, SHAPE))
    assert refused.value.code == code


# --- A file that changes while it is read ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["appended", "replaced", "rewritten"])
def test_file__changed_while_it_is_copied__is_to_be_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = write(tmp_path / "a.csv", HEADER + "a,1 - 2,2\n")
    os.utime(file, ns=(1, 1))

    def interfere() -> None:
        if how == "appended":
            with file.open("ab") as stream:
                stream.write(b"b,3 - 4,2\n")
        elif how == "replaced":
            write(tmp_path / "new", HEADER + "a,1 - 2,2\n").replace(file)
        else:
            file.write_text(HEADER + "b,1 - 2,2\n", encoding="utf-8")

    opened = Path.open

    def open_then_interfere(path: Path, *arguments: Any, **named: Any) -> Any:
        stream = opened(path, *arguments, **named)
        if path == file and arguments == ("rb",):
            monkeypatch.undo()
            interfere()
        return stream

    monkeypatch.setattr(Path, "open", open_then_interfere)
    with pytest.raises(RetryLater) as refused:
        list(read_delimited(file, SHAPE))
    assert refused.value.code == "file_changing"
    assert rows_and_faults(read_delimited(file, SHAPE))[0]


def test_file__replaced_after_the_snapshot__rows_are_still_of_the_old_one(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "a,1 - 2,2\n" * 1000)
    reading = read_delimited(file, SHAPE)
    next(reading)
    write_whole(file, (HEADER + "z,1 - 2,2\n").encode())
    rest, _ = rows_and_faults(reading)
    assert {row.text("id") for row in rest} == {"a"}
    assert len(rest) == 999


def test_file__younger_than_the_settling_time__is_to_be_retried(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER)
    limits = replace(DEFAULT_LIMITS, settle_seconds=60)
    with pytest.raises(RetryLater, match="changed") as refused, snapshot(file, limits):
        pass
    assert 0 < (refused.value.retry_after or 0) <= 60
    os.utime(file, (time.time() - 100,) * 2)
    with snapshot(file, limits) as copy:
        assert copy.size == len(HEADER.encode())
    assert not copy.path.exists()


def test_write_whole__leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "out.csv", b"one")
    write_whole(tmp_path / "out.csv", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_bytes() == b"two"


# --- Cells ----------------------------------------------------------------------------------------------------


def test_cells__of_a_workbook__keep_what_they_are(tmp_path: Path) -> None:
    file = workbook(
        tmp_path / "a.xlsx",
        [
            ["Report", None, None],
            [],
            ["ID", "Serial range", "Quantity", "备注"],
            ["a", "1\u00a0- 10", 10, "=1+1"],
            [17, "11 - 20", "1,0", datetime(2023, 8, 31, 9, 42, 4)],
            ["c", 12345678901234567890, 1.5, "#REF!"],
        ],
    )
    rows, faults = rows_and_faults(read_spreadsheet(file, TITLED))
    assert not faults
    assert [row.source.row for row in rows] == [4, 5, 6]
    assert rows[0].read("serials", parse_range).count == 10
    assert rows[0].cell("note") == Formula("=1+1")
    assert rows[1].text("id") == "17"
    assert rows[1].moment("note") == datetime(2023, 8, 31, 9, 42, 4)
    assert rows[2].cell("quantity") == Decimal("1.5")
    for row, field, code, read in (
        (rows[0], "note", "formula_in_cell", Row.text),
        (rows[1], "quantity", "value_refused", Row.whole),
        (rows[1], "note", "wrong_kind_of_cell", Row.text),
        (rows[2], "serials", "number_damaged", Row.text),
        (rows[2], "quantity", "wrong_kind_of_cell", Row.whole),
        (rows[2], "note", "error_in_cell", Row.text),
        (rows[0], "note", "formula_in_cell", Row.moment),
    ):
        with pytest.raises(FieldRefused) as refused:
            read(row, field)
        assert (refused.value.field, refused.value.code) == (field, code)


def test_cells__formula_in_a_csv__is_a_formula(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + '"=HYPERLINK(""http://x"")",1 - 2,=1+1\n')
    rows, _ = rows_and_faults(read_delimited(file, SHAPE))
    with pytest.raises(FieldRefused, match="a formula"):
        rows[0].text("id")
    with pytest.raises(FieldRefused, match="a formula"):
        rows[0].whole("quantity")


def test_fault__of_a_field__names_file_row_and_field_and_becomes_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER + "a,20 - 10,10\n")
    rows, _ = rows_and_faults(read_delimited(file, SHAPE))
    with pytest.raises(FieldRefused) as refused:
        rows[0].read("serials", parse_range)
    fault = Fault.of(rows[0].source, refused.value)
    assert str(fault).startswith("a.csv row 2 field serials: '20 - 10': inverted")
    error = fault.to_error()
    assert (error.code, error.field, error.value, error.where) == (
        "serials_inverted",
        "serials",
        "20 - 10",
        "a.csv row 2",
    )


# --- Workbooks ------------------------------------------------------------------------------------------------

XLSX_HEADER = ["ID", "Serial range", "Quantity"]


def test_workbook__cell_beyond_the_header__that_row_is_a_fault(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [XLSX_HEADER, ["a", "1 - 2", 2, None, "x"], ["b", "3 - 4", 2]])
    rows, faults = rows_and_faults(read_spreadsheet(file, SHAPE))
    assert [row.text("id") for row in rows] == ["b"]
    assert [(f.source.row, f.source.sheet, f.code) for f in faults] == [(2, "one", "wrong_number_of_fields")]


def test_workbook__sheet_is_found_by_its_header__and_two_are_ambiguous(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["About this file"]], [XLSX_HEADER, ["a", "1 - 2", 2]])
    rows, _ = rows_and_faults(read_spreadsheet(file, SHAPE))
    assert [row.source.sheet for row in rows] == ["sheet 2"]
    file = workbook(tmp_path / "b.xlsx", [XLSX_HEADER], [XLSX_HEADER, ["a", "1 - 2", 2]])
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_spreadsheet(file, SHAPE))
    assert refused.value.code == "sheet_ambiguous"
    assert len(list(read_spreadsheet(file, SHAPE, sheet="sheet 2"))) == 1
    with pytest.raises(ConfigurationWrong, match="no such visible sheet"):
        list(read_spreadsheet(file, SHAPE, sheet="sheet 3"))


def test_workbook__changed_columns__refused_with_the_nearest_header(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["Report"], ["ID", "Serials", "Quantity"], ["a", "1 - 2", 2]])
    with pytest.raises(ConfigurationWrong, match="missing: 序列号; not known: Serials") as refused:
        list(read_spreadsheet(file, TITLED))
    assert refused.value.where == "a.xlsx sheet one row 2"


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.99])
def test_workbook__cut_short__refused(tmp_path: Path, cut: float) -> None:
    whole = workbook(tmp_path / "a.xlsx", [XLSX_HEADER, ["a", "1 - 2", 2]]).read_bytes()
    file = write(tmp_path / "b.xlsx", whole[: int(len(whole) * cut)])
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_spreadsheet(file, SHAPE))
    assert refused.value.code == "workbook_broken"


def test_workbook__flipped_byte_in_its_sheet__refused_and_never_half_believed(tmp_path: Path) -> None:
    content = bytearray(workbook(tmp_path / "a.xlsx", [XLSX_HEADER, *([["a", "1 - 2", 2]] * 500)]).read_bytes())
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
    content[part.header_offset + 100 + part.compress_size // 2] ^= 0xFF
    file = write(tmp_path / "b.xlsx", bytes(content))
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_spreadsheet(file, SHAPE))
    assert refused.value.code == "workbook_broken"


def _bombed(tmp_path: Path, part: str, content: Iterator[bytes]) -> Path:
    source = workbook(tmp_path / "a.xlsx", [XLSX_HEADER, ["a", "1 - 2", 2]])
    target = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename != part:
                new.writestr(info.filename, old.read(info.filename))
        with new.open(part, "w") as stream:
            for chunk in content:
                stream.write(chunk)
    return target


def test_workbook__that_unpacks_to_too_much__refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = _bombed(tmp_path, "xl/sharedStrings.xml", (b" " * 2**20 for _ in range(40)))
    assert file.stat().st_size < 100_000
    limits = replace(DEFAULT_LIMITS, unpacked_bytes=32 * 2**20)
    with pytest.raises(ConfigurationWrong, match="it unpacks to") as refused:
        list(read_spreadsheet(file, SHAPE, limits))
    assert refused.value.code == "workbook_too_large"


SHEET_HEAD = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>ID</t></is></c>'
    b'<c r="B1" t="inlineStr"><is><t>Serial range</t></is></c>'
    b'<c r="C1" t="inlineStr"><is><t>Quantity</t></is></c></row>'
)
SHEET_TAIL = b"</sheetData></worksheet>"


def test_workbook__whose_parser_needs_too_much_memory__is_stopped(tmp_path: Path) -> None:
    one_row = [SHEET_HEAD, b'<row r="2">', *([b"<c><v>1</v></c>" * 10_000] * 80), b"</row>", SHEET_TAIL]
    file = _bombed(tmp_path, "xl/worksheets/sheet1.xml", iter(one_row))
    assert file.stat().st_size < 200_000
    with pytest.raises(ConfigurationWrong, match="bytes of memory") as refused:
        list(read_spreadsheet(file, SHAPE, replace(DEFAULT_LIMITS, worker_bytes=120 * 2**20)))
    assert refused.value.code == "workbook_too_large"


def test_workbook__whose_parser_needs_too_much_time__is_stopped(tmp_path: Path) -> None:
    rows = [SHEET_HEAD, *([b"<row><c><v>1</v></c></row>" * 10_000] * 100), SHEET_TAIL]
    file = _bombed(tmp_path, "xl/worksheets/sheet1.xml", iter(rows))
    with pytest.raises(ConfigurationWrong, match="1 s of CPU time") as refused:
        list(read_spreadsheet(file, SHAPE, replace(DEFAULT_LIMITS, worker_cpu_seconds=1, rows=10**7)))
    assert refused.value.code == "workbook_too_large"


def test_workbook__row_number_in_the_trillions__ends_at_the_row_limit(tmp_path: Path) -> None:
    far = b'<row r="999999999999"><c r="A999999999999"><v>1</v></c></row>'
    sheet = SHEET_HEAD + far + SHEET_TAIL
    file = _bombed(tmp_path, "xl/worksheets/sheet1.xml", iter([sheet]))
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_spreadsheet(file, SHAPE, replace(DEFAULT_LIMITS, rows=1000)))
    assert refused.value.code == "too_many_rows"


def test_workbook__its_reader_is_gone_when_reading_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "a.xlsx", [XLSX_HEADER, *([["a", "1 - 2", 2]] * 5000)])
    started = []
    start = subprocess.Popen

    def remember(*arguments: Any, **named: Any) -> Any:
        started.append(start(*arguments, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    reading = read_spreadsheet(file, SHAPE)
    next(reading)
    assert started[0].poll() is None
    reading.close()  # type: ignore[attr-defined]
    assert started[0].poll() is not None


def test_workbook__reader_gone_midway__is_to_be_retried_and_never_taken_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workbook(tmp_path / "a.xlsx", [XLSX_HEADER, *([["a", "1 - 2", 2]] * 3)])
    source = spreadsheets._WORKER.read_text(encoding="utf-8")
    ending = source.replace('say("end", count)', 'sys.stdout.flush(); __import__("os")._exit(3)')
    assert ending != source
    monkeypatch.setattr(spreadsheets, "_WORKER", write(tmp_path / "worker.py", ending))
    reading = read_spreadsheet(file, SHAPE)
    assert sum(1 for _, _ in zip(range(3), reading, strict=False)) == 3
    with pytest.raises(RetryLater) as refused:
        next(reading)
    assert refused.value.code == "workbook_reader_ended"


def test_workbook__silent_reader__ends_after_the_allowed_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workbook(tmp_path / "a.xlsx", [XLSX_HEADER])
    monkeypatch.setattr(spreadsheets, "_WORKER", write(tmp_path / "worker.py", "import time; time.sleep(60)"))
    began = time.perf_counter()
    with pytest.raises(ConfigurationWrong, match=r"no row for 0.5 s"):
        list(read_spreadsheet(file, SHAPE, replace(DEFAULT_LIMITS, silence_seconds=0.5)))
    assert time.perf_counter() - began < 10


def test_snapshot__copies_are_private(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER)
    with snapshots.snapshot(file) as copy:
        assert copy.path.parent.stat().st_mode & 0o077 == 0
