"""The Hefei sandbox registry: one workbook that its people edit, and a registry behind it that keeps the books.

Run as `python -m adapters.sandbox.hefei --home DIR --folder DIR --control-port N`; README.md describes the workbook.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel, ConfigDict, Field

from adapters.sandbox.city import HEFEI
from adapters.sandbox.control import Control, NoFields, Operation, control_app
from adapters.sandbox.effects import Effects
from adapters.sandbox.errors import RegistryRefusal, conflict
from adapters.sandbox.faults import WORKBOOK_FAULTS, Faults
from adapters.sandbox.hefei_book import Book, BookSheet, Manner, SheetRow, copy_file
from adapters.sandbox.hefei_sheets import (
    BOOKINGS,
    DONE,
    HEADINGS,
    HOLDINGS,
    ITEM,
    KINDS,
    NOT_DONE,
    RESULT,
    RESULT_NOTE,
    Cell,
    Formula,
    holding_cells,
    read_booking,
    record_cells,
)
from adapters.sandbox.records import Issuance
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples
from adapters.sandbox.server import listen, serve, url_of
from adapters.sandbox.storage import Change, Storage

NAME: Final = "合肥市碳普惠台账.xlsx"
POLL_SECONDS: Final = 0.1
_MANY: Final = 2**31


class Row(BaseModel):
    """A row of a sheet, by its own number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sheet: str
    row: str


class TypeCell(Row):
    """Somebody types into a cell: a text as it is, a number, a day as a date cell, or a formula. Nothing empties it."""

    heading: str
    text: str = ""
    number: Decimal | None = None
    day: date | None = None
    formula: str = Field(default="", pattern=r"^(=.*)?$")


class InsertRow(Row):
    """Somebody copies a row and pastes it right below, with some cells typed over; `banner`: a text across the table
    instead."""

    changes: dict[str, str] = {}
    banner: str = ""


class OpenBook(BaseModel):
    """Somebody opens the workbook, and has it open until it is closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str = "示例经办人"


class CopyName(BaseModel):
    """A copy of the workbook that somebody keeps, by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]{1,40}$")


class TypeBooking(BaseModel):
    """A clerk types a row into 互认登记: heading to text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: dict[str, str]
    by: str = "示例经办人"


class WorkbookFace:
    """Keeps the workbook: writes the rows that the registry changed, takes up what people typed, books what they ask
    for."""

    def __init__(self, registry: Registry, faults: Faults, file: Path, home: Path) -> None:
        self.registry = registry
        self.storage = registry.storage
        self.effects = Effects(registry)
        self.faults = faults
        self.book = Book(file)
        self.copies = home / "copies"
        self.copies.mkdir(parents=True, exist_ok=True)
        self.lock_file = file.with_name(f"~${file.name}")
        self._written = int(self.storage.setting("written_seq", "0"))
        self._working = threading.Lock()

    # --- the registry's side

    def work_forever(self, stop: threading.Event) -> None:
        """Poll until told to stop. A failure is reported in the log and the next pass tries again."""
        while not stop.wait(POLL_SECONDS):
            try:
                self.work_once()
            except Exception:
                traceback.print_exc()

    def work_once(self) -> None:
        """One pass: what people saved, what they want booked, what the registry changed."""
        with self._working:
            self._work()

    def _work(self) -> None:
        if slow := self.faults.take("slow"):
            time.sleep(slow.number("seconds", 0.5))
        self.book.take_up()
        booked = self._book_typed()
        if int(self.storage.setting("written_seq", "0")) != self._written:
            self._forget_lost_bookings()  # the registry was put back from a backup, and its workbook with it
            self._rewrite()
        elif self._write_changes() or booked or not self.book.file.exists():
            self._save()

    def _write_changes(self) -> bool:
        latest = self.storage.latest_seq()
        if latest == self._written:
            return False
        changes = {(c.kind, c.native_id): c for c in self.storage.changes_after(self._written, _MANY)}
        for change in sorted(changes.values(), key=lambda c: c.seq):
            self.book.sheet(KINDS[change.kind]).upsert(self._cells(change))
        self._write_holdings()
        self._note_written(latest)
        return True

    def _rewrite(self) -> None:
        """Every sheet as the registry's own books have it; what people did is gone, but for what they booked."""
        for kind, title in KINDS.items():
            sheet = self.book.sheets[title] = BookSheet(title, list(HEADINGS[title]))
            for change in self.storage.current_after(kind, 0, _MANY):
                sheet.upsert(self._cells(change))
        self._write_holdings()
        self._note_written(self.storage.latest_seq())
        self._save()

    def _forget_lost_bookings(self) -> None:
        sheet = self.book.sheet(BOOKINGS)
        sheet.rows[:] = [row for row in sheet.rows if row.banner or not self._is_lost(row)]

    def _is_lost(self, row: SheetRow) -> bool:
        """Whether a row says that it was booked, and the books know nothing of it."""
        number = str(row.cells.get(RESULT_NOTE) or "").removeprefix("登记").removesuffix("号")
        booked = row.cells.get(RESULT) == DONE and number.isdigit()
        return booked and self.effects.lookup(f"HF-BOOKING-{number}") is None

    def _note_written(self, seq: int) -> None:
        self.storage.set_setting("written_seq", str(seq))
        self._written = seq

    def _write_holdings(self) -> None:
        rows = [SheetRow(holding_cells(row)) for row in self.registry.units.rows()]
        self.book.sheets[HOLDINGS] = BookSheet(HOLDINGS, list(HEADINGS[HOLDINGS]), rows)

    def _cells(self, change: Change) -> dict[str, Cell]:
        record = change.record
        original = None
        if isinstance(record, Issuance) and record.reissue_of:
            original = self.storage.get(Issuance, record.reissue_of)
        return record_cells(change.kind, record, original)

    def _book_typed(self) -> bool:
        """Books each row of 互认登记 that has no result yet, as the city's own system takes it up. It knows rows, not
        items: the same item typed twice is booked twice, where the books allow that."""
        typed = [row for row in self.book.sheet(BOOKINGS).rows if not row.cells.get(RESULT) and not row.banner]
        if not typed or self.faults.take("timeout_before_write"):
            return False
        for row in typed:
            with self.storage.transaction():
                number = self.storage.next_number("booking")
            try:
                effect = read_booking({name: str(cell) for name, cell in row.cells.items() if cell is not None})
                self.effects.book(f"HF-BOOKING-{number:06d}", effect)
            except RegistryRefusal as refusal:
                row.cells |= {
                    RESULT: NOT_DONE,
                    RESULT_NOTE: f"{refusal.code}: {refusal.message} ({refusal.value[:80]})",
                }
            else:
                row.cells |= {RESULT: DONE, RESULT_NOTE: f"登记{number:06d}号"}
        return True

    def _save(self) -> None:
        manner = Manner()
        if slowly := self.faults.take("saved_in_place"):
            manner.in_place = slowly.number("seconds", 2)
        if often := self.faults.take("saved_often"):
            manner.repeats, manner.between = int(often.number("saves", 20)), often.number("seconds", 0.02)
        if renamed := self.faults.take("renamed_field"):
            manner.renamed = renamed.text("from", ""), renamed.text("to", "")
        if missing := self.faults.take("missing_column"):
            manner.missing = missing.text("column", "现状")
        if extra := self.faults.take("extra_column"):
            manner.extra = extra.text("column", "备注")
        self.book.save(manner)

    # --- the people's side

    def operations(self) -> dict[str, Operation]:
        """What people do with the workbook, each saved at once."""
        return {
            "type-cell": (TypeCell, self._edit(self._type_cell)),
            "insert-row": (InsertRow, self._edit(self._insert_row)),
            "delete-row": (Row, self._edit(self._delete_row)),
            "restore-row": (Row, self._edit(self._restore_row)),
            "type-booking": (TypeBooking, self._edit(self._type_booking)),
            "open-workbook": (OpenBook, self._open_book),
            "close-workbook": (NoFields, self._close_book),
            "keep-copy": (CopyName, self._keep_copy),
            "put-back-copy": (CopyName, self._put_back_copy),
            "save-workbook": (NoFields, self._edit(lambda _: {})),
            "rewrite-workbook": (NoFields, self._rewrite_now),
            "publish": (NoFields, lambda _: self.work_once()),
        }

    def _edit(self, change: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        def edit(request: Any) -> dict[str, Any]:
            with self._working:
                self._work()
                done = change(request)
                self._save()
            return done

        return edit

    def _type_cell(self, request: TypeCell) -> dict[str, Any]:
        sheet = self.book.sheet(request.sheet)
        if request.heading not in sheet.headings:
            raise RegistryRefusal("NO_HEADING", f"headings: {'、'.join(sheet.headings)}", field="heading")
        cell: Cell = request.text or None
        if request.formula:
            cell = Formula(request.formula)
        elif request.day or request.number is not None:
            cell = request.day or request.number
        place = sheet.find(request.row)
        before = sheet.rows[place].cells.get(request.heading)
        sheet.rows[place].cells[request.heading] = cell
        return {"before": str(before or ""), "row": place}

    def _insert_row(self, request: InsertRow) -> dict[str, Any]:
        sheet = self.book.sheet(request.sheet)
        place = sheet.find(request.row) + 1
        cells: dict[str, Cell] = {**sheet.rows[place - 1].cells, **request.changes}
        if request.banner:
            cells = {sheet.id_heading: request.banner}
        sheet.rows.insert(place, SheetRow(cells, banner=bool(request.banner)))
        return {"row": place}

    def _delete_row(self, request: Row) -> dict[str, Any]:
        sheet = self.book.sheet(request.sheet)
        del sheet.rows[sheet.find(request.row)]
        return {"rows": len(sheet.rows)}

    def _restore_row(self, request: Row) -> dict[str, Any]:
        sheet = self.book.sheet(request.sheet)
        kind = next((kind for kind, title in KINDS.items() if title == request.sheet), "")
        change = self.storage.current(kind, request.row)
        if change is None:
            raise RegistryRefusal("NO_RECORD", f"no {request.row} in {request.sheet}", field="row", value=request.row)
        sheet.upsert(self._cells(change))
        return {"rows": len(sheet.rows)}

    def _type_booking(self, request: TypeBooking) -> dict[str, Any]:
        sheet = self.book.sheet(BOOKINGS)
        strange = [heading for heading in request.row if heading not in sheet.headings]
        if strange or not request.row.get(ITEM):
            raise RegistryRefusal("BAD_ROW", f"no such heading: {'、'.join(strange) or ITEM}", field="row")
        sheet.rows.append(SheetRow({**request.row, "经办人": request.by}))
        self._book_typed()
        self._write_changes()
        result = sheet.rows[-1].cells
        return {"result": str(result.get(RESULT) or ""), "note": str(result.get(RESULT_NOTE) or "")}

    def _open_book(self, request: OpenBook) -> dict[str, Any]:
        if self.lock_file.exists():
            raise conflict("OPEN_ALREADY", "somebody has it open", field="by", value=request.by)
        # as spreadsheet programs write it: the name in the local code page, and in UTF-16 from byte 55 on
        local, wide = request.by.encode("gb18030")[:53], request.by.encode("utf-16-le")[:104]
        content = bytes([len(local)]) + local.ljust(54) + bytes([len(wide) // 2, 0]) + wide.ljust(108, b"\x00")
        self.lock_file.write_bytes(content)
        return {"lock": self.lock_file.name}

    def _close_book(self, _: NoFields) -> dict[str, Any]:
        self.lock_file.unlink(missing_ok=True)
        return {}

    def _keep_copy(self, request: CopyName) -> dict[str, Any]:
        with self._working:
            self._work()
            copy_file(self.book.file, self.copies / f"{request.name}.xlsx")
        return {"name": request.name}

    def _put_back_copy(self, request: CopyName) -> dict[str, Any]:
        source = self.copies / f"{request.name}.xlsx"
        if not source.is_file():
            raise RegistryRefusal("NO_COPY", f"no copy {request.name!r}", field="name", value=request.name, status=404)
        with self._working:
            self._work()
            copy_file(source, self.book.file)
            self.book.take_up()
        return {"name": request.name}

    def _rewrite_now(self, _: NoFields) -> dict[str, Any]:
        with self._working:
            self.book.take_up()
            self._rewrite()
        return {}


def main(
    home: Annotated[Path, typer.Option(help="folder of the registry's own database")],
    folder: Annotated[Path, typer.Option(help="the folder that holds the workbook")],
    control_port: Annotated[int, typer.Option(help="port of the operators' interface; 0: a free one")] = 0,
    samples: Annotated[bool, typer.Option(help="load the illustrative sample data into an empty registry")] = False,
    with_parent: Annotated[bool, typer.Option(help="stop when standard input closes")] = False,
) -> None:
    """Run the Hefei sandbox registry; home/endpoints.json tells where its workbook is."""
    home.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    faults = Faults(WORKBOOK_FAULTS)
    registry = Registry(HEFEI, Storage(home / "registry.sqlite", clock=faults.now))
    if samples and registry.storage.latest_seq() == 0:
        load_samples(registry)
    face = WorkbookFace(registry, faults, folder / NAME, home)
    face.work_once()
    control = Control(registry, faults, home, face.operations())
    stop = threading.Event()
    worker = threading.Thread(target=face.work_forever, args=(stop,), name="workbook")
    listener = listen(control_port)
    workbook = str((folder / NAME).absolute())
    worker.start()
    try:
        serve(
            [(control_app(control), listener)],
            endpoints=home / "endpoints.json",
            describe={"control": url_of(listener), "folder": str(folder.absolute()), "workbook": workbook},
            with_parent=with_parent,
        )
    finally:
        stop.set()
        worker.join()
        registry.storage.close()


if __name__ == "__main__":
    typer.run(main)
