"""A file's records on disk before any of them is taken in: in a database of its own that is gone afterwards.

Reading is the slow part; it happens without holding the hub's database, and memory stays flat however long the file is.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from mutual_recognition.documents import Json
from mutual_recognition.observed import Observed, ObservedProject, ObservedStatus, ObservedUnits, RecordKind, as_json
from mutual_recognition.observed_exports import ReadRow, RefusedRow
from mutual_recognition.schema_drift import ColumnProfile

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Staged:
    """One record as it will be stored."""

    kind: RecordKind
    native_id: str
    digest: str
    content: dict[str, Any]
    raw: dict[str, Json]


@dataclass
class Staging:
    """What a file holds. `refused` counts rows by code, `serials` records by what became of their serials."""

    connection: sqlite3.Connection
    rows: int = 0
    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    serials: Counter[str] = field(default_factory=Counter)
    unknown_statuses: Counter[str] = field(default_factory=Counter)
    profiles: dict[str, ColumnProfile] = field(default_factory=dict)
    unidentified: int = 0
    """Refused rows of which not even the record is known: with any, no disappearance can be judged."""

    def take(self, row: ReadRow | RefusedRow) -> None:
        """One row. A record that the file has already is kept aside: the first one counts."""
        self.rows += 1
        if isinstance(row, RefusedRow):
            self._refuse(row)
            return
        for heading, cell in row.raw.items():
            self.profiles.setdefault(heading, ColumnProfile()).add("" if cell is None else str(cell))
        raw = json.dumps(row.raw, ensure_ascii=False)
        for record in row.records:
            if (long := _too_long(record)) is not None:
                reason = f"{len(long[1]):,} characters where an id has at most {long[2]}"
                self._refuse(RefusedRow(row.row, row.sheet, long[0], long[1], "id_too_long", reason))
                continue
            content = json.dumps(as_json(record), ensure_ascii=False, sort_keys=True)
            digest = hashlib.sha256(f"{content}\n{raw}".encode()).hexdigest()
            if self._insert(record.kind, record.native_id, digest, content, raw, row.row):
                self._count(record)
            else:
                self._refuse_duplicate(row, record, digest)

    def _insert(self, kind: RecordKind, native_id: str, digest: str, content: str, raw: str, row: int) -> bool:
        cursor = self.connection.execute(
            "INSERT OR IGNORE INTO staged VALUES (?, ?, ?, ?, ?, ?)", (kind.value, native_id, digest, content, raw, row)
        )
        return cursor.rowcount == 1

    def _count(self, record: Observed) -> None:
        self.records += 1
        if isinstance(record, ObservedProject):
            if record.status is ObservedStatus.NOT_CLASSIFIED:
                self.unknown_statuses[record.status_raw] += 1
        else:
            self.serials[serial_outcome(record)] += 1

    def _refuse_duplicate(self, row: ReadRow, record: Observed, digest: str) -> None:
        first, known, raw = self.connection.execute(
            "SELECT row, digest, raw FROM staged WHERE kind = ? AND native_id = ?",
            (record.kind.value, record.native_id),
        ).fetchone()
        same = known == digest
        before = json.loads(raw)
        differing = [
            f"{name}: {before.get(name)!r}, here {cell!r}" for name, cell in row.raw.items() if before.get(name) != cell
        ]
        reason = f"the same record as row {first}" if same else f"row {first} has this id with {'; '.join(differing)}"
        code = "duplicate_in_file" if same else "duplicate_differs"
        self._refuse(RefusedRow(row.row, row.sheet, "", record.native_id, code, reason, ((record.kind, ""),)))

    def _refuse(self, row: RefusedRow) -> None:
        self.refused[row.code] += 1
        if not row.records:
            self.unidentified += 1
        self.connection.execute(
            "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?)",
            (row.row, row.sheet, row.field, row.value[:1000], row.code, row.reason),
        )
        self.connection.executemany(
            "INSERT OR IGNORE INTO mentioned VALUES (?, ?)",
            [(kind.value, native_id) for kind, native_id in row.records if native_id],
        )

    def batches(self) -> Iterator[tuple[RecordKind, list[Staged]]]:
        """Every record, in batches of one kind."""
        cursor = self.connection.execute(
            "SELECT kind, native_id, digest, content, raw FROM staged ORDER BY kind, native_id"
        )
        for kind, rows in groupby(cursor, key=lambda row: row[0]):
            batch: list[Staged] = []
            for _, native_id, digest, content, raw in rows:
                batch.append(Staged(RecordKind(kind), native_id, digest, json.loads(content), json.loads(raw)))
                if len(batch) == _BATCH:
                    yield RecordKind(kind), batch
                    batch = []
            if batch:
                yield RecordKind(kind), batch

    def mentioned(self) -> Iterator[tuple[RecordKind, str]]:
        """Records that a refused row is about: still there, though nothing of the row was taken."""
        for kind, native_id in self.connection.execute(
            "SELECT kind, native_id FROM mentioned ORDER BY kind, native_id"
        ):
            yield RecordKind(kind), native_id

    def refusals(self) -> Iterator[dict[str, Any]]:
        """Every refused row, in order."""
        cursor = self.connection.execute("SELECT row, sheet, field, value, code, reason FROM refused ORDER BY rowid")
        for number, row in enumerate(cursor, 1):
            yield {
                "number": number,
                **dict(zip(("row", "sheet", "field", "value", "code", "reason"), row, strict=True)),
            }


def _too_long(record: Observed) -> tuple[str, str, int] | None:
    """Field, value and bound of an id that no registry ever wrote: a cell that swallowed its neighbours."""
    bounded = [("native_id", record.native_id, 400)]
    if isinstance(record, ObservedUnits):
        bounded += [("project", record.project, 200), ("serial_series", record.serials.series, 200)]
        bounded += [("serial_project", record.serials.project, 40)]
    else:
        bounded += [("latitude", record.latitude, 40), ("longitude", record.longitude, 40)]
    return next(((name, value, most) for name, value, most in bounded if len(value) > most), None)


def serial_outcome(record: ObservedUnits) -> str:
    """ "parsed", "none" where the row has none, or the code of the fault."""
    if record.serials.fault:
        return record.serials.fault.value
    return "parsed" if record.serials.first is not None else "none"


@contextmanager
def stage(rows: Iterable[ReadRow | RefusedRow], watch: Callable[[int], None] = lambda done: None) -> Iterator[Staging]:
    """All of `rows`, staged. `watch` is told how many were read."""
    with tempfile.TemporaryDirectory(prefix="yrdhub-observed-") as folder:
        connection = sqlite3.connect(Path(folder) / "staged.sqlite", isolation_level=None)
        try:
            connection.executescript(
                """
                PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
                CREATE TABLE staged (kind TEXT, native_id TEXT, digest TEXT, content TEXT, raw TEXT, row INTEGER,
                                     PRIMARY KEY (kind, native_id)) WITHOUT ROWID;
                CREATE TABLE refused (row INTEGER, sheet TEXT, field TEXT, value TEXT, code TEXT, reason TEXT);
                CREATE TABLE mentioned (kind TEXT, native_id TEXT, PRIMARY KEY (kind, native_id));
                """
            )
            staging = Staging(connection)
            connection.execute("BEGIN")
            for row in rows:
                staging.take(row)
                if staging.rows % _BATCH == 0:
                    watch(staging.rows)
            connection.execute("COMMIT")
            watch(staging.rows)
            yield staging
        finally:
            connection.close()
