"""The Hefei registry behind the adapter protocol: a workbook that people edit is read, and never written into.

The workbook has no change numbers, so each reading is compared with the one before (`transports/comparing.py`). It
offers no safe write and no look-up either: what the hub has to tell is put into the clerks' words (`instructions`),
and a person types it and confirms it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from adapters.city.books import holding
from adapters.city.canonical import translate
from adapters.city.columns import one_of, whole
from adapters.city.records import UnitRange
from adapters.city.settings import CitySettings, read_settings
from adapters.city.telling import NotTellable, told
from adapters.hefei import mapping, words
from adapters.protocol import Effect, Fault, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from adapters.transports.comparing import ChangeLog, Noticed, Position, Seen
from adapters.transports.snapshots import MEBIBYTE, FileLimits
from adapters.transports.tables import FieldRefused, Formula, Row
from adapters.transports.workbook import Workbook, cell_json, open_workbook, opened_by
from hub.errors import ConfigurationWrong, RecordRefused, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.numerals import fold
from mutual_recognition.records import Record
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

TOTALS: Final = frozenset({"合计", "小计", "总计"})
"""What stands where a number is expected in rows that people add up their sheets with."""
_status = one_of(words.STATUSES)


class HefeiSettings(CitySettings):
    """`workbook` is the file; `memory_file` is where its readings are remembered, beside the configuration file when it
    is not named. `patience`: seconds after its last change in which an unreadable file counts as being saved."""

    workbook: Path
    memory_file: Path | None = None
    patience: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    page_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    largest_file_mebibytes: Annotated[int, Field(ge=1, le=1024)] = 64

    def memory(self) -> Path:
        """The file of the change log. Raises ConfigurationWrong where none is named."""
        beside = self.configured_in.with_suffix(".readings.sqlite") if self.configured_in else None
        file = self.memory_file or beside
        if file is None:
            raise ConfigurationWrong(
                "no file is named in which the workbook's readings are remembered",
                code="adapter_setting_invalid",
                where=f"configuration of adapter {self.name}",
                remedy="set `memory_file`; it is made on first use",
            )
        return file


class HefeiAdapter:
    """One registry of Hefei's form."""

    def __init__(self, settings: HefeiSettings) -> None:
        self._settings = settings
        self._city = settings.city(words.PURPOSES, latest_only=True)
        self._profile = RegistryProfile(
            name=settings.name,
            member=settings.member,
            registry=settings.registry,
            title=settings.title or "合肥市碳普惠台账 / Hefei carbon-inclusive register",
            idempotent_push=False,
            lookup=False,
            reads_snapshots=True,
        )
        self._limits = FileLimits(file_bytes=settings.largest_file_mebibytes * MEBIBYTE)
        self._log = ChangeLog(settings.memory())

    @property
    def profile(self) -> RegistryProfile:
        """Who this is."""
        return self._profile

    def health(self) -> Health:
        """Whether the workbook is there, when it was last saved, and who has it open."""
        file = self._settings.workbook
        try:
            saved = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            readings = self._log.readings()
        except (OSError, YrdhubError) as trouble:
            return Health(False, f"the workbook cannot be reached: {trouble}")
        facts: dict[str, Json] = {"saved_at": saved.isoformat(timespec="seconds"), "readings": readings}
        editor = opened_by(file)
        if editor is not None:
            facts |= {"open_by": editor.name, "open_since": editor.since.isoformat(timespec="seconds")}
        return Health(True, "", facts)

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """Changes of the workbook since `cursor`, found by comparing it with the reading before.

        Raises RetryLater while it is away or being saved, ConfigurationWrong when a sheet or a heading is gone (nothing
        is taken from such a workbook).
        """
        position = self._log.begin(Position.parse(cursor))
        with self._open(unchanged=self._log.content()) as book:
            if book is not None:
                self._log.compare(book.snapshot.sha256, self._seen(book))
        total = self._log.records_after(position)
        while True:
            records, faults, following = self._log.after(position, self._settings.page_size)
            if following == position:
                return
            position = following
            yield Page(records, str(position), faults, total=None if cursor else total)

    def _open(self, unchanged: str = "") -> AbstractContextManager[Workbook | None]:
        return open_workbook(
            self._settings.workbook, self._limits, patience=self._settings.patience, unchanged=unchanged
        )

    def _seen(self, book: Workbook) -> Iterator[Seen | Noticed]:
        for kind in mapping.SHAPES:
            book.check(kind, mapping.TABLES[kind])
        after_correction: dict[str, int] = {}
        # corrections first: they say where a reissue comes in
        for kind in sorted(mapping.SHAPES, key=lambda name: name != mapping.CORRECTION):
            shape = mapping.SHAPES[kind]
            for row in book.rows(kind, mapping.TABLES[kind], id_column=shape.id_name):
                if not isinstance(row, Row):
                    yield Noticed(kind, Fault(str(row.source), kind, row.value, row.reason, row.code))
                    continue
                item = _seen_row(kind, shape.id_name, row)
                if isinstance(item, Seen) and kind == mapping.CORRECTION:
                    named = words.identifier_or_none(_text(item.payload[mapping.REISSUED_AS]))
                    if named:
                        after_correction.setdefault(named, item.place + 1)
                if isinstance(item, Seen) and kind == mapping.ISSUANCE and _text(item.payload[mapping.REISSUE_OF]):
                    place = after_correction.get(item.native_id, 2 * _LAST_ROW)
                    item = Seen(
                        kind, item.native_id, item.payload, item.source, mapping.RANKS[mapping.CORRECTION], place
                    )
                if item is not None:
                    yield item

    # ---------------------------------------------------------------- translate

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """See RegistryAdapter. Raises RecordRefused."""
        shape = mapping.SHAPES.get(record.kind)
        if shape is None:
            raise RecordRefused(
                "a kind of record that the mapping does not know",
                code="kind_unknown",
                field="kind",
                value=record.kind,
                where=record.source,
                remedy="extend the adapter's mapping; the record is kept until then",
            )
        where = f"{record.source}, {record.kind} {record.native_id} version {record.version}"
        read = shape.read(record.payload, where)
        try:
            return translate(read, self._city, where)
        except RecordRefused as refused:
            raise shape.in_native_words(refused) from refused

    # ---------------------------------------------------------------- a person's work

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Nothing: no program writes into a file that people edit."""
        return []

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """Nothing: what stands in the sheet was typed by somebody and proves nothing (`sightings`)."""
        return {}

    def instructions(self, effect: Effect) -> Mapping[str, Json]:
        """See WritesInstructions: the row to type into 互认登记. Raises RecordRefused."""
        try:
            known = told(effect, self._city)
        except NotTellable as unfit:
            raise RecordRefused(
                f"the clerks cannot be told of this: {unfit.reason}",
                code=unfit.code,
                value=unfit.value,
                where=effect.key,
                remedy="see the transfer or series on the hub; it is put into words once its document has come",
            ) from unfit
        item = item_number(effect.key)
        return {
            "key": effect.key,
            "item": item,
            "title": dict(mapping.booking_title(known)),
            "sheet": mapping.BOOKINGS,
            "row": dict(mapping.booking_row(item, known)),
        }

    def sightings(self, keys: Sequence[str]) -> Mapping[str, str]:
        """See SeesBookings: where in 互认登记 each of these stands now. Raises as `read` does."""
        wanted = {item_number(key): key for key in keys}
        found: dict[str, str] = {}
        with self._open() as book:
            assert book is not None
            for row in book.rows(mapping.BOOKINGS, mapping.BOOKING_TABLE, id_column=mapping.ITEM):
                if not isinstance(row, Row):
                    continue
                key = wanted.get(_item_as_typed(row))
                if key is None:
                    continue
                result = "，".join(
                    part for part in (_shown(row, mapping.RESULT), _shown(row, mapping.RESULT_NOTE)) if part
                )
                place = f"sheet {mapping.BOOKINGS} row {row.source.row}" + (f": {result}" if result else "")
                found[key] = f"{found[key]}; {place}" if key in found else place
        return found

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The sheet 持有, line by line. Raises ConfigurationWrong for a line that cannot be read."""
        with self._open() as book:
            assert book is not None
            table = mapping.table(*mapping.HOLDING_HEADINGS)
            for row in book.rows(mapping.HOLDINGS, table, id_column="系列"):
                if isinstance(row, Row) and not row.blank and _shown(row, "系列") not in TOTALS:
                    yield self._holding(row)

    def _holding(self, row: Row) -> Holding:
        where, field = str(row.source), ""
        values = {name: cell_json(cell) for name, cell in row.cells.items()}
        try:
            for field in mapping.HOLDING_HEADINGS:
                if not isinstance(values[field], str) or _text(values[field]).startswith("="):
                    raise Refusal(row.cell(field), "a formula or a damaged cell: the value itself is needed")
            field = "起号"
            first = whole(values[field])
            field = "止号"
            serials = SerialRange(first, whole(values[field]))
            field = "归属地"
            home = words.place(values[field])
            field = "每号千克"
            size = whole(values[field])
            field = "系列"
            series = words.identifier(values[field])
            field = "状态"
            status = _status(values[field])
            field = "现持有地"
            elsewhere = words.place(values[field]) if values[field] else 0
        except Refusal as refused:
            raise ConfigurationWrong(
                f"a holding's {field} cannot be read: {refused.reason}",
                code="holding_unreadable",
                what=refused.value,
                where=where,
                remedy="have the clerks correct the sheet, or change the mapping",
            ) from refused
        units = UnitRange(home=home, series=series, kg_per_serial=1 if size == 1 else 1000, serials=serials)
        return holding(units, status, elsewhere, self._city, where)

    def close(self) -> None:
        """Nothing is kept open."""


def create(settings: Mapping[str, Json]) -> HefeiAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return HefeiAdapter(read_settings(HefeiSettings, settings))


def item_number(key: str) -> str:
    """A work item's number as a clerk types it, `HR-1A2B-3C4D-5E6F-7A8B`: the same for the same effect for ever."""
    digits = hashlib.sha256(key.encode()).hexdigest()[:16].upper()
    return "HR-" + "-".join(digits[at : at + 4] for at in range(0, 16, 4))


_LAST_ROW: Final = 2**20


def _seen_row(kind: str, id_heading: str, row: Row) -> Seen | Noticed | None:
    """A row as a record; a fault where it has no number of its own; None for an empty row and for a row of totals."""
    if row.blank:
        return None
    source = str(row.source)
    try:
        native_id = row.text(id_heading)
    except FieldRefused as refused:
        return Noticed(kind, Fault(source, id_heading, str(refused.value)[:200], refused.reason, refused.code))
    if native_id in TOTALS:
        return None
    native_id = "".join(fold(native_id).split())
    if not native_id:
        shown = " ".join(str(cell) for cell in row.cells.values() if cell is not None)[:200]
        reason = "a row without its own number: nobody could say which record it is"
        return Noticed(kind, Fault(source, id_heading, shown, reason, "row_without_number"))
    if len(native_id) > 190:
        return Noticed(kind, Fault(source, id_heading, native_id[:200], "too long for a number", "row_number_too_long"))
    payload = {name: cell_json(cell) for name, cell in row.cells.items()}
    return Seen(kind, native_id, payload, source, mapping.RANKS[kind], 2 * row.source.row)


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _shown(row: Row, heading: str) -> str:
    cell = row.cell(heading)
    return "" if cell is None or isinstance(cell, Formula) else str(cell).strip()


def _item_as_typed(row: Row) -> str:
    return "".join(fold(_shown(row, mapping.ITEM)).split()).upper()
