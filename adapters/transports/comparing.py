"""A feed of changes for a source that has none: what was seen is compared with what was seen before.

Each reading of the source is one transaction. What is new or different becomes a change with the record's next version;
what is gone, or cannot be told apart, becomes a notice, once. The changes form a log that is read on from any cursor;
reading from the beginning tells the whole history again, as a registry's own event journal would.

The log is a SQLite file at the city, readable by its owner alone. It can be lost: a cursor carries the highest version
it has seen, and a new log numbers on from there, so that an edit made meanwhile is never taken for something known.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.protocol import Fault, NativeRecord
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json

_CURSOR: Final = re.compile(r"([0-9a-f]{16}):([0-9]{1,18}):([0-9]{1,18})", re.ASCII)
_WAIT_SECONDS: Final = 60.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, fault INTEGER NOT NULL,
    kind TEXT NOT NULL, native_id TEXT NOT NULL, version INTEGER NOT NULL,
    source TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS known (
    kind TEXT NOT NULL, native_id TEXT NOT NULL, version INTEGER NOT NULL, digest BLOB NOT NULL,
    source TEXT NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY (kind, native_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS standing (
    code TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (code, kind, field, value)) WITHOUT ROWID;
"""
# what one reading saw; written to disk when it grows, so that memory stays flat
_SEEN: Final = """
CREATE TEMP TABLE seen (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, native_id TEXT NOT NULL, digest BLOB NOT NULL,
    rank INTEGER NOT NULL, place INTEGER NOT NULL, source TEXT NOT NULL, body TEXT);
CREATE INDEX temp.seen_by_number ON seen (kind, native_id);
CREATE TEMP TABLE noticed (
    code TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (code, kind, field, value)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as the source has it now. Changes of one reading come by `rank`, then `place`."""

    kind: str
    native_id: str
    payload: Mapping[str, Json]
    source: str
    rank: int
    place: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that is wrong with the source now; told once for as long as it stands, wherever it moves meanwhile."""

    kind: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Position:
    """A cursor: which log, up to which change, and the highest version that any log gave so far."""

    log: str
    seq: int
    highest: int

    def __str__(self) -> str:
        return f"{self.log}:{self.seq}:{self.highest}"

    @classmethod
    def parse(cls, cursor: str) -> Position | None:
        """None for "", the beginning. Raises ConfigurationWrong."""
        if not cursor:
            return None
        matched = _CURSOR.fullmatch(cursor)
        if matched is None:
            raise ConfigurationWrong(
                "not a cursor of a log of changes",
                code="cursor_invalid",
                what=cursor,
                remedy="begin again without one: records already known are passed over",
            )
        return cls(matched[1], int(matched[2]), int(matched[3]))


class ChangeLog:
    """The log in `file`, made when it is not there. Several processes may use it: one reading at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def begin(self, cursor: Position | None) -> Position:
        """Where to read on. A cursor of another log, or from beyond this one's end (it was put back from a backup),
        makes this one begin anew, numbering on from the cursor's highest version."""
        with self._database() as db:
            log, latest = self._identity(db), self._latest(db)
            if cursor is None:
                return Position(log, 0, 0)
            if cursor.log == log and cursor.seq <= latest:
                return cursor
            log = self._begin_anew(db, floor=cursor.highest)
            return Position(log, 0, cursor.highest)

    def content(self) -> str:
        """What the last reading called the content that it read (`compare`); "" before the first."""
        with self._database() as db:
            return _meta(db, "content")

    def readings(self) -> int:
        """How many readings there were."""
        with self._database() as db:
            return int(_meta(db, "readings") or 0)

    def compare(self, content: str, items: Iterable[Seen | Noticed]) -> int:
        """One reading: everything that the source holds now, in any order. Returns how many changes it made.

        A record in two places that differ is not taken from either; one that is gone is noticed, and noticed again
        when it is back. Nothing is kept of a reading that `items` breaks off by raising.
        """
        with self._database() as db:
            self._identity(db)
            before = self._latest(db)
            reading = int(_meta(db, "readings") or 0) + 1
            db.executescript("DROP TABLE IF EXISTS temp.seen; DROP TABLE IF EXISTS temp.noticed;" + _SEEN)
            db.execute("BEGIN IMMEDIATE")
            for item in items:
                if isinstance(item, Seen):
                    _see(db, item)
                else:
                    _notice(db, item.kind, item.fault)
            _notice_differing(db)
            _notice_gone(db, reading)
            _notice_back(db, reading)
            _note_places(db)
            _log_notices(db)
            _log_changes(db, int(_meta(db, "floor") or 0))
            _set_meta(db, content=content, readings=str(reading))
            made = self._latest(db) - before
            db.execute("COMMIT")
        return made

    def after(self, position: Position, limit: int) -> tuple[list[NativeRecord], list[Fault], Position]:
        """At most `limit` changes after `position`: records, notices, and the position behind them (the same one when
        there is none)."""
        records: list[NativeRecord] = []
        faults: list[Fault] = []
        seq, highest = position.seq, position.highest
        with self._database() as db:
            query = "SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT ?"
            for row in db.execute(query, (seq, limit)):
                seq, highest = row["seq"], max(highest, row["version"])
                body = json.loads(row["body"])
                if row["fault"]:
                    faults.append(Fault(row["source"], body["field"], body["value"], body["reason"], body["code"]))
                else:
                    records.append(
                        NativeRecord(row["kind"], row["native_id"], row["version"], body, row["source"]),
                    )
        return records, faults, Position(position.log, seq, highest)

    def records_after(self, position: Position) -> int:
        """How many records come after `position`."""
        with self._database() as db:
            query = "SELECT count(*) FROM change WHERE seq > ? AND NOT fault"
            return int(db.execute(query, (position.seq,)).fetchone()[0])

    # ---------------------------------------------------------------- inside

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._file.exists():
                self._file.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))  # records name beneficiaries
            with closing(sqlite3.connect(self._file, timeout=_WAIT_SECONDS, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.executescript(_SCHEMA)
                try:
                    yield db
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
        except sqlite3.OperationalError as busy:
            raise RetryLater(
                f"the log of changes cannot be used now: {busy}",
                code="change_log_busy",
                where=str(self._file),
                remedy="see whether another sync of this registry runs, and whether the disk is full",
            ) from busy
        except sqlite3.DatabaseError as broken:
            raise ConfigurationWrong(
                f"the log of changes is damaged: {broken}",
                code="change_log_damaged",
                where=str(self._file),
                remedy="delete it: it is made anew from the source, and nothing that is known is done twice",
            ) from broken

    @staticmethod
    def _identity(db: sqlite3.Connection) -> str:
        if not _meta(db, "log"):
            db.execute("INSERT OR IGNORE INTO meta VALUES ('log', ?)", (secrets.token_hex(8),))
        return _meta(db, "log")

    @staticmethod
    def _latest(db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()[0])

    @staticmethod
    def _begin_anew(db: sqlite3.Connection, floor: int) -> str:
        log = secrets.token_hex(8)
        db.execute("BEGIN IMMEDIATE")
        for table in ("change", "known", "standing", "meta"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
        _set_meta(db, log=log, floor=str(floor))
        db.execute("COMMIT")
        return log


def _meta(db: sqlite3.Connection, name: str) -> str:
    found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return "" if found is None else str(found[0])


def _set_meta(db: sqlite3.Connection, **values: str) -> None:
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


def _see(db: sqlite3.Connection, item: Seen) -> None:
    body = json.dumps(item.payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(body.encode()).digest()
    known = db.execute(
        "SELECT digest FROM known WHERE kind = ? AND native_id = ?", (item.kind, item.native_id)
    ).fetchone()
    kept = None if known is not None and known[0] == digest else body  # what has not changed need not be kept twice
    db.execute(
        "INSERT INTO seen (kind, native_id, digest, rank, place, source, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (item.kind, item.native_id, digest, item.rank, item.place, item.source, kept),
    )


def _notice(db: sqlite3.Connection, kind: str, fault: Fault) -> None:
    db.execute(
        "INSERT OR IGNORE INTO noticed VALUES (?, ?, ?, ?, ?, ?)",
        (fault.code, kind, fault.field, fault.value, fault.source, fault.reason),
    )


def _notice_differing(db: sqlite3.Connection) -> None:
    """A number in several places: where they agree one of them counts; where they differ none does."""
    query = (
        "SELECT kind, native_id, group_concat(source, '; ') AS places, count(DISTINCT digest) AS contents"
        " FROM seen GROUP BY kind, native_id HAVING count(*) > 1"
    )
    for row in db.execute(query).fetchall():
        differ = row["contents"] > 1
        reason = (
            f"the same number stands in several rows that differ ({row['places']}): none of them is taken"
            if differ
            else f"the same row stands there more than once ({row['places']}): it is taken once"
        )
        code = "row_repeated_differently" if differ else "row_repeated"
        _notice(db, row["kind"], Fault(row["places"][:500], row["kind"], row["native_id"], reason, code))


def _notice_gone(db: sqlite3.Connection, reading: int) -> None:
    missing = "NOT EXISTS (SELECT 1 FROM seen WHERE seen.kind = known.kind AND seen.native_id = known.native_id)"
    for row in db.execute(f"SELECT * FROM known WHERE {missing}").fetchall():  # noqa: S608
        source = f"{row['source']} (no longer there at reading {row['gone'] or reading})"
        reason = "the row is gone; what it recorded stays as it is until a record of the registry says otherwise"
        _notice(db, row["kind"], Fault(source[:500], row["kind"], row["native_id"], reason, "row_vanished"))
    db.execute(f"UPDATE known SET gone = ? WHERE gone = 0 AND {missing}", (reading,))  # noqa: S608


def _notice_back(db: sqlite3.Connection, reading: int) -> None:
    back = "gone > 0 AND EXISTS (SELECT 1 FROM seen WHERE seen.kind = known.kind AND seen.native_id = known.native_id)"
    query = (
        "SELECT known.kind, known.native_id, min(seen.source) AS source, gone FROM known"
        " JOIN seen USING (kind, native_id) WHERE gone > 0 GROUP BY known.kind, known.native_id"
    )
    for row in db.execute(query).fetchall():
        source = f"{row['source']} (at reading {reading})"
        reason = f"the row that was gone since reading {row['gone']} is back: it is no new record"
        _log_notice(db, row["kind"], Fault(source[:500], row["kind"], row["native_id"], reason, "row_back"))
    db.execute(f"UPDATE known SET gone = 0 WHERE {back}")  # noqa: S608


def _note_places(db: sqlite3.Connection) -> None:
    """Where each record stands now, so that one that vanishes is missed at the right place."""
    db.execute(
        "UPDATE known SET source = seen.source FROM seen WHERE seen.kind = known.kind"
        " AND seen.native_id = known.native_id AND seen.source <> known.source"
    )


def _log_notices(db: sqlite3.Connection) -> None:
    new = (
        "SELECT * FROM noticed AS n WHERE NOT EXISTS (SELECT 1 FROM standing AS s WHERE s.code = n.code"
        " AND s.kind = n.kind AND s.field = n.field AND s.value = n.value) ORDER BY kind, source, code"
    )
    for row in db.execute(new).fetchall():
        _log_notice(db, row["kind"], Fault(row["source"], row["field"], row["value"], row["reason"], row["code"]))
    db.execute("DELETE FROM standing")
    db.execute("INSERT INTO standing SELECT code, kind, field, value FROM noticed")


def _log_notice(db: sqlite3.Connection, kind: str, fault: Fault) -> None:
    body = {"field": fault.field, "value": fault.value, "reason": fault.reason, "code": fault.code}
    db.execute(
        "INSERT INTO change (fault, kind, native_id, version, source, body) VALUES (1, ?, '', 0, ?, ?)",
        (kind, fault.source, json.dumps(body, ensure_ascii=False)),
    )


def _log_changes(db: sqlite3.Connection, floor: int) -> None:
    db.execute(
        "CREATE TEMP TABLE due AS SELECT s.kind, s.native_id, coalesce(k.version, ?) + 1 AS version, s.source, s.body,"
        " s.digest, s.rank, s.place FROM"
        " (SELECT min(number) AS number FROM seen GROUP BY kind, native_id"
        "  HAVING count(DISTINCT digest) = 1 AND max(body IS NOT NULL)) AS agreed JOIN seen AS s USING (number)"
        " LEFT JOIN known AS k ON k.kind = s.kind AND k.native_id = s.native_id",
        (floor,),
    )
    db.execute(
        "INSERT INTO change (fault, kind, native_id, version, source, body)"
        " SELECT 0, kind, native_id, version, source, body FROM due ORDER BY rank, place"
    )
    db.execute(
        "INSERT OR REPLACE INTO known SELECT kind, native_id, version, digest, source, 0 FROM due",
    )
    db.execute("DROP TABLE due")
