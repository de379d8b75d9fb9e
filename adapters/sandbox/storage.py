"""A sandbox registry's database: current records, the change journal, and unit holdings by serial range."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from adapters.sandbox.errors import unknown
from adapters.sandbox.records import KIND_OF, PUBLISHED_KINDS, RECORD_TYPES, Record

R = TypeVar("R", bound=Record)

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, native_id TEXT NOT NULL, version INTEGER NOT NULL,
    operation TEXT NOT NULL, updated_at TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS change_by_record ON change (kind, native_id, seq);
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, native_id TEXT NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL,
    parent TEXT NOT NULL, misfiled INTEGER NOT NULL, updated_at TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, native_id));
CREATE INDEX IF NOT EXISTS record_by_seq ON record (kind, seq);
CREATE INDEX IF NOT EXISTS record_by_parent ON record (kind, parent);
CREATE TABLE IF NOT EXISTS asset (asset TEXT PRIMARY KEY, project TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS holding (
    id INTEGER PRIMARY KEY,
    home_member TEXT NOT NULL, series TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    kg_per_serial INTEGER NOT NULL, issuance TEXT NOT NULL, account TEXT NOT NULL, status TEXT NOT NULL,
    held INTEGER NOT NULL, reference TEXT NOT NULL, member TEXT NOT NULL, prior TEXT NOT NULL,
    CHECK (first >= 1 AND last >= first));
CREATE UNIQUE INDEX IF NOT EXISTS holding_by_serial ON holding (home_member, series, first);
CREATE INDEX IF NOT EXISTS holding_by_account ON holding (account, status);
CREATE INDEX IF NOT EXISTS holding_by_reference ON holding (reference);
CREATE TRIGGER IF NOT EXISTS holding_never_overlaps BEFORE INSERT ON holding
WHEN (SELECT last FROM holding WHERE home_member = NEW.home_member AND series = NEW.series
      AND first <= NEW.last ORDER BY first DESC LIMIT 1) >= NEW.first
BEGIN SELECT RAISE(ABORT, 'serial ranges overlap'); END;
CREATE TABLE IF NOT EXISTS holding_change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, holding INTEGER NOT NULL,
    mark TEXT NOT NULL DEFAULT (lower(hex(randomblob(8)))));
CREATE TRIGGER IF NOT EXISTS holding_came AFTER INSERT ON holding
BEGIN INSERT INTO holding_change (holding) VALUES (NEW.id); END;
CREATE TRIGGER IF NOT EXISTS holding_went AFTER DELETE ON holding
BEGIN INSERT INTO holding_change (holding) VALUES (OLD.id); END;
CREATE TRIGGER IF NOT EXISTS holding_changed AFTER UPDATE ON holding
WHEN NEW.first <> OLD.first OR NEW.last <> OLD.last OR NEW.status <> OLD.status OR NEW.member <> OLD.member
BEGIN INSERT INTO holding_change (holding) VALUES (NEW.id); END;
CREATE TABLE IF NOT EXISTS effect (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, body_sha256 TEXT NOT NULL, body TEXT NOT NULL,
    booked_at TEXT NOT NULL, seq INTEGER NOT NULL);
"""

# The record an indexed look-up goes by: a verification's project, an issuance's verification, ...
_PARENT_FIELD = {"verification": "project", "issuance": "verification", "correction": "issuance"}


@dataclass(frozen=True, slots=True)
class Change:
    """One journal line: the record as it stood right after change `seq`. `updated_at` is aware UTC."""

    seq: int
    kind: str
    native_id: str
    version: int
    operation: str
    updated_at: datetime
    record: Record


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class Storage:
    """One SQLite file with one writer. Every operation runs in `transaction()`, all or nothing."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self.clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._changed = False
        self.on_change: Callable[[], None] = lambda: None
        """Called after a transaction that changed a record."""
        self._open()

    def _open(self) -> None:
        self.connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database file."""
        with self._lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One atomic operation; an inner `transaction()` joins the outer one."""
        with self._lock:
            if self._depth == 0:
                self.connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self.connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._changed = False
                    self.connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self.connection.execute("COMMIT")
                if self._changed:
                    self._changed = False
                    self.on_change()

    def backup_to(self, target: Path) -> None:
        """Write a consistent copy of the database to `target`."""
        with self._lock, sqlite3.connect(target) as copy:
            self.connection.backup(copy)
        copy.close()

    def restore_from(self, source: Path) -> None:
        """Replace the whole content by a backup: everything since is forgotten, as after a real restore."""
        with self._lock:
            backup = sqlite3.connect(source)
            try:
                backup.backup(self.connection)
            finally:
                backup.close()

    # --- records and the journal

    def put(self, record: Record, operation: str, *, misfiled: bool = False) -> int:
        """Write the record as its next version and journal it; returns the change sequence."""
        kind = KIND_OF[type(record)]
        body = record.model_dump_json()
        parent = getattr(record, _PARENT_FIELD[kind]) if kind in _PARENT_FIELD else ""
        now = self.clock().isoformat()
        with self.transaction() as db:
            self._changed = True
            row = db.execute(
                "SELECT version FROM record WHERE kind = ? AND native_id = ?", (kind, record.native_id)
            ).fetchone()
            version = row["version"] + 1 if row else 1
            cursor = db.execute(
                "INSERT INTO change (kind, native_id, version, operation, updated_at, body) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, record.native_id, version, operation, now, body),
            )
            seq = int(cursor.lastrowid or 0)
            db.execute(
                "INSERT INTO record (kind, native_id, version, seq, parent, misfiled, updated_at, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, native_id) DO UPDATE"
                " SET version = excluded.version, seq = excluded.seq, parent = excluded.parent,"
                " updated_at = excluded.updated_at, body = excluded.body",
                (kind, record.native_id, version, seq, parent, int(misfiled), now, body),
            )
            return seq

    def find(self, record_type: type[R], native_id: str) -> R | None:
        """The current version of a record, or None."""
        with self._lock:
            row = self.connection.execute(
                "SELECT body FROM record WHERE kind = ? AND native_id = ?", (KIND_OF[record_type], native_id)
            ).fetchone()
        return record_type.model_validate_json(row["body"]) if row else None

    def get(self, record_type: type[R], native_id: str) -> R:
        """The current version of a record. Raises RegistryRefusal UNKNOWN_RECORD."""
        record = self.find(record_type, native_id)
        if record is None:
            raise unknown(KIND_OF[record_type], native_id)
        return record

    def all_of(self, record_type: type[R], *, parent: str | None = None, misfiled: bool | None = False) -> list[R]:
        """Current records of a kind in order of last change; `misfiled` None takes the clerks' errors too."""
        query, values = "SELECT body FROM record WHERE kind = ?", [KIND_OF[record_type]]
        if parent is not None:
            query, values = query + " AND parent = ?", [*values, parent]
        if misfiled is not None:
            query += f" AND misfiled = {int(misfiled)}"
        with self._lock:
            rows = self.connection.execute(query + " ORDER BY seq", values).fetchall()
        return [record_type.model_validate_json(row["body"]) for row in rows]

    def counts(self) -> dict[str, int]:
        """Number of current records per kind."""
        with self._lock:
            rows = self.connection.execute("SELECT kind, COUNT(*) AS n FROM record GROUP BY kind").fetchall()
        return dict.fromkeys(RECORD_TYPES, 0) | {row["kind"]: row["n"] for row in rows}

    def latest_seq(self) -> int:
        """The sequence of the last change, 0 when there is none."""
        with self._lock:
            return int(self.connection.execute("SELECT COALESCE(MAX(seq), 0) FROM change").fetchone()[0])

    def changes_after(self, seq: int, limit: int, kinds: tuple[str, ...] = PUBLISHED_KINDS) -> list[Change]:
        """Journal lines after `seq` in commit order."""
        return self._changes("change", seq, limit, kinds)

    def current_after(self, kind: str, seq: int, limit: int) -> list[Change]:
        """Current records of a kind whose last change came after `seq`, in order of last change."""
        return self._changes("record", seq, limit, (kind,))

    def current(self, kind: str, native_id: str) -> Change | None:
        """One current record with its version and sequence, or None."""
        with self._lock:
            row = self.connection.execute(
                "SELECT seq, kind, native_id, version, '' AS operation, updated_at, body FROM record"
                " WHERE kind = ? AND native_id = ?",
                (kind, native_id),
            ).fetchone()
        return _change(row) if row else None

    def _changes(self, table: str, seq: int, limit: int, kinds: tuple[str, ...]) -> list[Change]:
        operation = "operation" if table == "change" else "'' AS operation"
        marks = ", ".join("?" * len(kinds))
        with self._lock:
            rows = self.connection.execute(
                f"SELECT seq, kind, native_id, version, {operation}, updated_at, body FROM {table}"  # noqa: S608
                f" WHERE seq > ? AND kind IN ({marks}) ORDER BY seq LIMIT ?",
                (seq, *kinds, limit),
            ).fetchall()
        return [_change(row) for row in rows]

    # --- small settings and numbering

    def setting(self, key: str, default: str = "") -> str:
        """A setting kept with the data."""
        with self._lock:
            row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row["value"]) if row else default

    def set_setting(self, key: str, value: str) -> None:
        """Keep a setting with the data."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def next_number(self, counter: str, count: int = 1) -> int:
        """Take `count` consecutive numbers of a counter that starts at 1; returns the first."""
        first = int(self.setting(f"counter:{counter}", "1"))
        self.set_setting(f"counter:{counter}", str(first + count))
        return first


def _change(row: sqlite3.Row) -> Change:
    return Change(
        seq=row["seq"],
        kind=row["kind"],
        native_id=row["native_id"],
        version=row["version"],
        operation=row["operation"],
        updated_at=datetime.fromisoformat(row["updated_at"]),
        record=RECORD_TYPES[row["kind"]].model_validate_json(row["body"]),
    )
