"""Hefei's illustrative workbook, for tests that edit it as its people do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl

from adapters.hefei.adapter import HefeiAdapter, create
from adapters.protocol import Fault, NativeRecord
from mutual_recognition import records as canonical

FIXTURE = Path(__file__).resolve().parents[2] / "adapters" / "hefei" / "fixtures" / "台账示例.xlsx"
FIRST = "合碳示例〔签发〕0001号"
SECOND = "合碳示例〔签发〕0002号"


def opened(workbook: Path, **settings: Any) -> HefeiAdapter:
    return create(
        {
            "name": "hefei",
            "member": 340100,
            "registry": "hefei-sandbox",
            "workbook": str(workbook),
            "memory_file": str(workbook.with_suffix(".readings.sqlite")),
            "secret_file": str(workbook.parent / "secret"),
            "peers": {"320500": "suzhou-sandbox"},
            **settings,
        }
    )


def read(adapter: HefeiAdapter, cursor: str = "") -> tuple[list[NativeRecord], list[Fault], str]:
    records: list[NativeRecord] = []
    faults: list[Fault] = []
    for page in adapter.read(cursor):
        records += page.records
        faults += page.faults
        cursor = page.cursor
    return records, faults, cursor


def translated(workbook: Path) -> dict[str, list[canonical.Record]]:
    adapter = opened(workbook)
    return {record.native_id: list(adapter.translate(record)) for record in read(adapter)[0]}


@contextmanager
def editing(workbook: Path, sheet: str) -> Iterator[Any]:
    """Somebody opens the workbook, edits a sheet and saves it."""
    book = openpyxl.load_workbook(workbook)
    yield book[sheet]
    book.save(workbook)


def cell_of(sheet: Any, row_id: str, heading: str) -> Any:
    headings = next(row for row in sheet.iter_rows() if row[0].value and heading in [c.value for c in row])
    column = next(cell.column for cell in headings if cell.value == heading)
    row = next(row[0].row for row in sheet.iter_rows() if str(row[0].value).strip() == row_id)
    return sheet.cell(row, column)


def typed(workbook: Path, sheet: str, row_id: str, heading: str, value: Any) -> None:
    with editing(workbook, sheet) as page:
        cell_of(page, row_id, heading).value = value
