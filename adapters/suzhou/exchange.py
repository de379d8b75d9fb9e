"""Suzhou's exchange folder: numbered batches with manifests, snapshots on request, effect files and their receipts.

A file counts only when it is what its manifest says, by SHA-256. One that is not may still be on its way, so it is
given `patience` seconds; after that the registry is asked for a full snapshot, since it never delivers a batch again,
and what the damaged file should have held is taken from there: the records whose change sequence lies in the file's
range. A record that has changed since comes with a later batch.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from adapters.protocol import Fault, NativeRecord
from adapters.suzhou.mapping import (
    BOOKED,
    EFFECT_COLUMNS,
    HEARTBEAT,
    HOLDINGS,
    LEADING,
    MANIFEST,
    RECEIPT,
    SHAPES,
    read_instant,
)
from adapters.transports.delimited import DEFAULT_FORMAT, read_delimited, read_snapshot
from adapters.transports.snapshots import FileLimits, snapshot, write_whole
from adapters.transports.tables import Column, FieldRefused, Row, TableShape
from adapters.transports.tables import Fault as RowFault
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json
from mutual_recognition.numerals import parse_whole

ENCODING: Final = "gb18030"
_SNAPSHOT_TRIES: Final = 3


def _table(*names: str) -> TableShape:
    return TableShape(tuple(Column.named(name) for name in names))


_RECORDS: Final = {kind: _table(*LEADING, *shape.names) for kind, shape in SHAPES.items()}
_MANIFEST: Final = _table(*MANIFEST)
_RECEIPT: Final = _table(*RECEIPT)
_HEARTBEAT: Final = _table(*HEARTBEAT)
_HOLDINGS: Final = _table(*HOLDINGS)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as its manifest describes it."""

    name: str
    kind: str
    first: int
    last: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Change sequences that could not be read from a batch; `kind` "" stands for every kind."""

    kind: str
    first: int
    last: int


@dataclass(slots=True)
class Batch:
    """Records with their change sequences, in commit order, and what could not be read."""

    records: list[tuple[int, NativeRecord]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, other: Batch) -> None:
        """Takes in what another file gave."""
        self.records += other.records
        self.faults += other.faults


@dataclass(frozen=True, slots=True)
class Booking:
    """The registry's word on one effect."""

    accepted: bool
    reference: str
    reason: str


class _Damaged(Exception):
    """A file that is not what its manifest says."""


class Exchange:
    """The folder of one registry. Nothing of it is deleted or changed by us; we only add files to `in/`."""

    def __init__(self, folder: Path, *, patience: float, limits: FileLimits) -> None:
        self._out, self._in, self._receipts = folder / "out", folder / "in", folder / "receipts"
        self._patience = patience
        self._limits = limits
        self._seen_receipts: set[str] = set()
        self._bookings: dict[str, Booking] = {}

    # ---------------------------------------------------------------- batches

    def heartbeat(self) -> tuple[datetime, float, int, int]:
        """The registry's own time, seconds since it was written, last change exported, last batch.

        Raises RetryLater or ConfigurationWrong.
        """
        path = self._out / "心跳.csv"
        rows = [row for row in read_delimited(path, _HEARTBEAT, limits=self._limits) if isinstance(row, Row)]
        if not rows:
            raise RetryLater("the heartbeat file is being written", code="file_changing", where=str(path))
        age = time.time() - path.stat().st_mtime
        row = rows[-1]
        try:
            at = row.read("系统时间", read_instant)
            return at, age, row.read("最新变更序号", parse_whole), row.read("最新批次", parse_whole)
        except FieldRefused as refused:
            raise ConfigurationWrong(
                f"the heartbeat's {refused.field} cannot be read: {refused.reason}",
                code="schema_changed",
                what=refused.value,
                where=str(path),
                remedy="change the adapter's mapping",
            ) from refused

    def check_there(self) -> None:
        """Raises RetryLater while the folder is not there (a share that is not mounted looks like that)."""
        if not self._out.is_dir():
            raise RetryLater(
                "the exchange folder is not there",
                code="folder_unreachable",
                where=str(self._out),
                remedy="mount it, or correct `folder` in the adapter's configuration",
            )

    def has(self, number: int) -> bool:
        """Whether this batch's manifest has come."""
        return self._manifest_path(number).exists()

    def mark_of(self, number: int) -> str:
        """What tells a batch from another one of its number: 16 hex digits of its manifest's digest, "" without one."""
        try:
            return hashlib.sha256(self._manifest_path(number).read_bytes()).hexdigest()[:16]
        except FileNotFoundError:
            return ""

    def later_than(self, number: int) -> int | None:
        """The lowest batch above `number` whose manifest has come."""
        found = (parse_whole(path.stem.rpartition("_")[2]) for path in self._out.glob("清单_*.csv"))
        return min((batch for batch in found if batch > number), default=None)

    def batch(self, number: int) -> Batch:
        """A batch, whole. Raises RetryLater while a part of it may still be coming, ConfigurationWrong when its columns
        have changed."""
        if not self.has(number):
            return self._missing_batch(number)
        path = self._manifest_path(number)
        together, gaps, trouble = Batch(), [], []
        for entry in self._manifest(path):
            try:
                together.add(self._file(entry))
            except _Damaged as damaged:
                gaps.append(Gap(entry.kind, entry.first, entry.last))
                trouble.append(Fault(entry.name, "SHA256", entry.sha256, str(damaged), "file_damaged"))
        if gaps:
            self._be_patient(path, "; ".join(f"{fault.source} {fault.reason}" for fault in trouble))
            together.add(self._from_snapshot(f"batch-{number:06d}", gaps))
            together.faults += trouble
        together.records.sort(key=lambda item: item[0])
        return together

    def _missing_batch(self, number: int) -> Batch:
        later = self.later_than(number)
        assert later is not None, "only a batch with a later one beside it is missing"
        following = self._manifest_path(later)
        self._be_patient(following, f"batch {number} has not come, batch {later} has")
        before = self._manifest_path(number - 1)
        first = 1 + max((entry.last for entry in self._manifest(before)), default=0) if before.exists() else 1
        last = min((entry.first for entry in self._manifest(following)), default=first) - 1
        batch = self._from_snapshot(f"batch-{number:06d}", [Gap("", first, last)])
        batch.faults.append(Fault(self._manifest_path(number).name, "", "", "never came", "file_missing"))
        batch.records.sort(key=lambda item: item[0])
        return batch

    def _manifest_path(self, number: int) -> Path:
        return self._out / f"清单_{number:06d}.csv"

    def _manifest(self, path: Path) -> list[Entry]:
        entries = []
        for row in read_delimited(path, _MANIFEST, limits=self._limits):
            if isinstance(row, RowFault):
                raise _unreadable_manifest(path, str(row))
            try:
                name = row.needed_text("文件名")
                entry = Entry(
                    name,
                    name.removeprefix("全量_").partition("_")[0],
                    row.read("起始变更序号", parse_whole),
                    row.read("截止变更序号", parse_whole),
                    row.needed_text("SHA256").lower(),
                )
            except FieldRefused as refused:
                raise _unreadable_manifest(path, f"{refused.field}: {refused}") from refused
            if Path(name).name != name or name.startswith("."):
                raise _unreadable_manifest(path, f"{name!r} is no file name")
            entries.append(entry)
        return entries

    def _file(self, entry: Entry) -> Batch:
        """The records of one file. Raises _Damaged when it is not what its manifest says."""
        shape = SHAPES.get(entry.kind)
        if shape is None:
            raise ConfigurationWrong(
                f"a file of a kind that the mapping does not know ({entry.kind})",
                code="schema_changed",
                what=entry.name,
                where=str(self._out),
                remedy=f"extend the adapter's mapping; known are {', '.join(SHAPES)}",
            )
        batch = Batch()
        for row in self._sound_rows(entry, _RECORDS[entry.kind]):
            if isinstance(row, RowFault):
                batch.faults.append(Fault(str(row.source), row.field, row.value, row.reason, row.code))
                continue
            try:
                batch.records.append(_record(row, entry.kind, shape.id_name))
            except FieldRefused as refused:
                source = str(row.source)
                batch.faults.append(Fault(source, refused.field, refused.value, refused.reason, refused.code))
        return batch

    def _sound_rows(self, entry: Entry, table: TableShape) -> Iterator[Row | RowFault]:
        path = self._out / entry.name
        try:
            with snapshot(path, self._limits) as copy:
                if copy.sha256 != entry.sha256:
                    why = "is not what its manifest says: it was damaged or cut short on its way"
                    try:
                        next(read_snapshot(copy, table, DEFAULT_FORMAT, self._limits), None)
                    except ConfigurationWrong as different:
                        why += f" ({different.message})"
                    raise _Damaged(why)
                yield from read_snapshot(copy, table, DEFAULT_FORMAT, self._limits)
        except ConfigurationWrong as wrong:
            if wrong.code in ("file_missing", "file_empty"):
                raise _Damaged("has not come" if wrong.code == "file_missing" else "is empty") from wrong
            raise

    def _be_patient(self, since: Path, what: str) -> None:
        """Raises RetryLater until the file `since` is older than `patience`."""
        wait = self._patience - (time.time() - since.stat().st_mtime)
        if wait > 0:
            raise RetryLater(
                f"a part of a batch has not come whole yet: {what}",
                code="batch_incomplete",
                where=str(self._out),
                retry_after=round(wait, 1),
                remedy=f"nothing: if it stays so for {self._patience:g} s, a full snapshot is asked for",
            )

    # ---------------------------------------------------------------- snapshots

    def _from_snapshot(self, name: str, gaps: Sequence[Gap]) -> Batch:
        """What is missing, from a snapshot asked for under `name`; asks for it when nobody has. Raises RetryLater
        until it is there."""
        damaged = ""
        for attempt in range(1, _SNAPSHOT_TRIES + 1):
            number = self.ask_for_snapshot(f"{name}-{attempt}")
            if number is None:
                raise RetryLater(
                    "a batch is damaged; the registry has been asked for a full snapshot",
                    code="snapshot_awaited",
                    what=f"{name}-{attempt}",
                    where=str(self._in),
                    remedy="nothing: reading goes on once it is there. If it lasts, ask the registry's operators",
                )
            try:
                return self._taken_from(number, gaps)
            except _Damaged as again:
                damaged = str(again)
        raise ConfigurationWrong(
            f"{_SNAPSHOT_TRIES} snapshots in a row are damaged: {damaged}",
            code="snapshots_damaged",
            what=name,
            where=str(self._out),
            remedy="check the connection over which the files come, then delete the receipts of these requests",
        )

    def _taken_from(self, number: int, gaps: Sequence[Gap]) -> Batch:
        batch = Batch()
        for entry in self.snapshot_entries(number):
            wanted = [gap for gap in gaps if entry.kind in SHAPES and gap.kind in ("", entry.kind)]
            if not wanted:
                continue
            found = self._file(entry)
            batch.faults += found.faults
            batch.records += [
                (sequence, record)
                for sequence, record in found.records
                if any(gap.first <= sequence <= gap.last for gap in wanted)
            ]
        return batch

    def ask_for_snapshot(self, name: str) -> int | None:
        """The number of the snapshot given under `name`; None while there is none, asking for it if nobody has."""
        for path in sorted(self._receipts.glob(f"回执_申请全量_{name}.csv")):
            for row in read_delimited(path, _RECEIPT, limits=self._limits):
                if isinstance(row, Row) and row.text("幂等键") == name:
                    return row.read("原因", parse_whole)
        asked = self._in / f"申请全量_{name}.csv"
        if not asked.exists():
            self._put(asked, b"")
        return None

    def snapshot_entries(self, number: int) -> list[Entry]:
        """The files of a snapshot."""
        return self._manifest(self._out / f"全量_清单_{number:06d}.csv")

    def holdings(self, number: int) -> list[Row]:
        """The unit holdings of a snapshot. Raises RetryLater for a damaged file."""
        entries = [entry for entry in self.snapshot_entries(number) if entry.kind == "持有"]
        try:
            rows = [row for entry in entries for row in self._sound_rows(entry, _HOLDINGS)]
        except _Damaged as damaged:
            raise RetryLater(
                f"the snapshot's file of holdings {damaged}", code="snapshot_damaged", where=str(self._out)
            ) from damaged
        faults = [row for row in rows if isinstance(row, RowFault)]
        if faults:
            raise ConfigurationWrong(
                f"a holding cannot be read: {faults[0]}",
                code="holding_unreadable",
                where=str(self._out),
                remedy="have the registry correct its export, or change the mapping",
            )
        return [row for row in rows if isinstance(row, Row)]

    def first_serial_of(self, issuance: str) -> str:
        """The first serial of an issuance as published in any batch or snapshot; "" where none names it."""
        shape = SHAPES["签发"]
        for path in sorted([*self._out.glob("签发_*.csv"), *self._out.glob("全量_签发_*.csv")]):
            with suppress(ConfigurationWrong, RetryLater):  # a damaged file is told of where its batch is read
                for row in read_delimited(path, _RECORDS["签发"], limits=self._limits):
                    if isinstance(row, Row) and str(row.cell(shape.id_name) or "").strip() == issuance:
                        return str(row.cell("起号") or "")
        return ""

    # ---------------------------------------------------------------- effects

    def drop(self, name: str, rows: Sequence[list[str]]) -> None:
        """Puts an effect file under `name` unless it is waiting there already. Raises RetryLater when it cannot."""
        target = self._in / f"推送_{name}.csv"
        if not target.exists():
            content = io.StringIO(newline="")
            csv.writer(content, lineterminator="\r\n").writerows([EFFECT_COLUMNS, *rows])
            self._put(target, content.getvalue().encode(ENCODING))

    def _put(self, target: Path, content: bytes) -> None:
        try:
            write_whole(target, content)
        except OSError as trouble:
            raise RetryLater(
                f"a file cannot be put into the exchange folder: {trouble}",
                code="folder_unreachable",
                where=str(target),
                remedy="check that the folder is mounted and writable",
            ) from trouble

    def receipts_of(self, name: str) -> list[Path]:
        """Receipts there are for the effect file of this name."""
        return sorted(self._receipts.glob(f"回执_推送_{name}*.csv"))

    def read_receipt(self, path: Path) -> dict[str, Booking]:
        """What one receipt says, by native key. Raises ConfigurationWrong when the registry refused the file as a
        whole."""
        found: dict[str, Booking] = {}
        for row in read_delimited(path, _RECEIPT, limits=self._limits):
            if isinstance(row, RowFault):
                raise RetryLater(f"a receipt cannot be read: {row}", code="file_changing", where=str(path))
            key, result, reason = row.text("幂等键"), row.text("结果"), row.text("原因")
            if not key:
                raise ConfigurationWrong(
                    f"the registry refuses effect files: {reason}",
                    code="effect_file_refused",
                    where=str(path),
                    remedy="change the adapter's mapping to what the registry expects",
                )
            place = f" ({row.text('字段')})" if row.text("字段") else ""
            found[key] = Booking(result in BOOKED, row.text("变更序号"), "" if result in BOOKED else f"{reason}{place}")
        return found

    def bookings(self) -> dict[str, Booking]:
        """Every effect booked so far, by native key. Receipts are never replaced, so each is read once."""
        for path in sorted(self._receipts.glob("回执_推送_*.csv")):
            if path.name in self._seen_receipts:
                continue
            try:
                said = self.read_receipt(path)
            except ConfigurationWrong as refused:
                if refused.code != "effect_file_refused":
                    raise
                said = {}  # it booked nothing
            self._bookings |= {key: booking for key, booking in said.items() if booking.accepted}
            self._seen_receipts.add(path.name)
        return self._bookings


def _record(row: Row, kind: str, id_name: str) -> tuple[int, NativeRecord]:
    payload: dict[str, Json] = {name: "" if cell is None else str(cell) for name, cell in row.cells.items()}
    sequence = row.read("变更序号", parse_whole)
    version = row.read("版本号", parse_whole)
    return sequence, NativeRecord(kind, row.needed_text(id_name), version, payload, str(row.source))


def _unreadable_manifest(path: Path, why: str) -> RetryLater:
    return RetryLater(
        f"a manifest cannot be read: {why}",
        code="manifest_unreadable",
        where=str(path),
        remedy="nothing at first: it may be half written. If it lasts, have the registry write it again",
    )
