"""A registry's books as this side keeps them: its lines and their tree in a file that follows their changes.

Lines are kept by the registry's own numbers. When some change, the serials where they were and where they are now are
looked at again with every line that is there, and the tree is brought up to date on these alone; so changes may come
again, overlap and come in any cut, serials that stand in two lines are seen as such, and the result is the tree that a
reading of all lines would give. Lines, tree and cursor are one transaction a page: whatever ends the process, the next
one goes on where the last page was.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from adapters.protocol import ChangedLines, Holding
from adapters.sync.city_holdings import (
    CACHE_KIB,
    LINES_AT_ONCE,
    NODE_TABLE,
    HoldingsFile,
    Scope,
    SeenLine,
    trees_of_lines,
)
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.holdings import Line, runs_of
from mutual_recognition.holdings_tree import BITS, TOP, Run, apply
from mutual_recognition.records import SeriesName

_FORM = "1"
_TABLES = (
    """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE series (id BLOB PRIMARY KEY, member INTEGER, registry TEXT, code TEXT, top BLOB) WITHOUT ROWID;
CREATE TABLE line (number TEXT PRIMARY KEY, series BLOB, first INTEGER, last INTEGER, holder INTEGER, status TEXT,
    level INTEGER, prefix INTEGER);
"""
    + NODE_TABLE
)
_WITHIN = (
    "SELECT first, last, holder, status FROM line"
    " WHERE series = ? AND level = ? AND prefix BETWEEN ? AND ? AND first <= ? AND last >= ?"
)
_INDEX = "CREATE INDEX line_within ON line (series, level, prefix, first);"
_PRAGMAS = f"PRAGMA temp_store=FILE; PRAGMA cache_size=-{CACHE_KIB};"
Ranges = dict[bytes, list[tuple[int, int]]]
"""First and last serials by series (12 bytes): in order, apart, none empty."""


@dataclass(slots=True)
class Followed:
    """What a following took in: how many lines the registry gave, and the serials that they touch."""

    lines: int = 0
    touched: Ranges = field(default_factory=dict)


class KeptHoldings(HoldingsFile):
    """The kept books of one registry in `file`, of which there is one user at a time. A context manager.

    `cursor` is None as long as they have not been read: `begin` does. A file that is none of these, or another
    registry's, is as if it were not there.
    """

    def __init__(self, member: int, own_registry: str, file: Path) -> None:
        self._file = file
        self._who = f"{_FORM} {member} {own_registry}"
        super().__init__(Scope(member, own_registry), self._opened())
        self.cursor: str | None = None
        self.read_at = 0
        """When the books were last read whole and found to be these, seconds since 1970."""
        self._load()

    def _opened(self) -> sqlite3.Connection:
        self._file.touch(mode=0o600)
        db = sqlite3.connect(self._file, isolation_level=None, timeout=10)
        try:
            db.executescript(_PRAGMAS)
            db.execute("SELECT count(*) FROM sqlite_master")  # undoes what a killed process left half written
        except sqlite3.DatabaseError as unreadable:
            db.close()
            if isinstance(unreadable, sqlite3.OperationalError):
                raise
            for path in (self._file, _journal_of(self._file)):
                path.unlink(missing_ok=True)
            return self._opened()
        return db

    def _load(self) -> None:
        try:
            facts = dict(self._db.execute("SELECT name, value FROM fact"))
        except sqlite3.OperationalError:  # a new file
            return
        if facts.get("who") != self._who:
            return
        for identifier, member, registry, code, top in self._db.execute("SELECT * FROM series"):
            self._scope.names[identifier] = SeriesName(member=member, registry=registry, code=code)
            if top is not None:
                self._tops[identifier] = top
        self.cursor, self.lines, self.read_at = facts["cursor"], int(facts["lines"]), int(facts["read_at"])

    # ---------------------------------------------------------------- whole

    def begin(self, holdings: Iterable[Holding], cursor: str, at: int) -> None:
        """Keeps these books from now on; their changes begin at `cursor`, `at` is now (seconds since 1970).

        What was kept before is replaced at once, when everything is read and on the disk. Raises ConfigurationWrong for
        a line without a number.
        """
        fresh = self._file.with_suffix(".reading")
        for path in (fresh, _journal_of(fresh)):
            path.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        scope = Scope(self._scope.member, self._scope.registry)
        db = sqlite3.connect(fresh, isolation_level=None)
        try:
            db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _PRAGMAS + _TABLES)
            db.execute("BEGIN")
            for part in _parts(_rows(scope, holdings)):
                # a line that comes twice is the line as it came last
                db.executemany("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?)", part)
            count = db.execute("SELECT count(*) FROM line").fetchone()[0]
            tops = trees_of_lines(db, scope.member)
            db.executemany("INSERT INTO series VALUES (?, ?, ?, ?, ?)", _series_rows(scope.names, tops))
            facts = {"who": self._who, "cursor": cursor, "lines": str(count), "read_at": str(at)}
            db.executemany("INSERT INTO fact VALUES (?, ?)", facts.items())
            db.execute("COMMIT")
            db.execute(_INDEX)
        finally:
            db.close()
        _to_disk(fresh)
        self._db.close()
        fresh.replace(self._file)
        _to_disk(self._file.parent)
        self._scope, self._tops, self._db = scope, {}, self._opened()
        self._load()

    def confirm(self, at: int) -> None:
        """Notes that a whole reading at this time found the same."""
        self._db.execute("UPDATE fact SET value = ? WHERE name = 'read_at'", (str(at),))
        self.read_at = at

    # ---------------------------------------------------------------- changes

    def follow(self, changes: Callable[[str], Iterator[ChangedLines]]) -> Followed:
        """Takes in what has changed since the cursor; `changes` gives it from a cursor on. A page is one transaction.

        Raises what `changes` raises, after the pages before it; RetryLater when another process follows as well.
        """
        assert self.cursor is not None, "changes of books that were never read"
        found = Followed()
        for page in changes(self.cursor):
            touched = self._take(page)
            found.lines += len(page.lines)
            for series, ranges in touched.items():
                found.touched[series] = merged([*found.touched.get(series, ()), *ranges])
        return found

    def _take(self, page: ChangedLines) -> Ranges:
        """One page; the serials it touches."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            (at,) = self._db.execute("SELECT value FROM fact WHERE name = 'cursor'").fetchone()
            if at != self.cursor:
                raise RetryLater(
                    "another process follows the same books",
                    code="sync_running",
                    where=str(self._file),
                    remedy="reconcile again when it has ended",
                )
            balance, ranges = self._put(page.lines)
            touched = {series: merged(some) for series, some in ranges.items()}
            tops = {series: self._bring_up(series, some) for series, some in touched.items()}
            facts = {"cursor": page.cursor, "lines": str(self.lines + balance)}
            self._db.executemany("UPDATE fact SET value = ?2 WHERE name = ?1", facts.items())
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self.cursor, self.lines = page.cursor, self.lines + balance
        for series, top in tops.items():
            if top is None:
                self._tops.pop(series, None)
            else:
                self._tops[series] = top
        return touched

    def _put(self, lines: Mapping[str, Holding | None]) -> tuple[int, Ranges]:
        """Puts lines under their numbers: how many more there are, and where those were and are that are others now."""
        balance, touched = 0, defaultdict(list)
        for number, one in lines.items():
            query = "SELECT series, first, last, holder, status FROM line WHERE number = ?"
            row = self._db.execute(query, (number,)).fetchone()
            before = None if row is None else SeenLine(*row)
            after = None if one is None else self._scope.seen(one)
            if before == after:
                continue
            for line in (before, after):
                if line is not None:
                    touched[line.series].append((line.first, line.last))
            if after is None:
                self._db.execute("DELETE FROM line WHERE number = ?", (number,))
            else:
                self._db.execute("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(number, after))
            balance += (after is not None) - (before is not None)
        return balance, touched

    def _bring_up(self, series: bytes, ranges: Iterable[tuple[int, int]]) -> bytes | None:
        """The tree of a series made right on these serials; the hash of its top."""
        edits: list[Run] = []
        for first, last in ranges:
            edits += self._runs_within(series, first, last)
        top = apply(self.nodes(series), edits)
        found = None if top is None else top.hash()
        (row,) = _series_rows({series: self._scope.names[series]}, {} if found is None else {series: found})
        self._db.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)", row)
        return found

    def _runs_within(self, series: bytes, first: int, last: int) -> Iterator[Run]:
        """What every serial of a range is by the lines that are there now, gaps included."""
        lines = ((max(one[0], first), min(one[1], last), *one[2:]) for one in self.lines_at(series, first, last))
        at = first
        for run in runs_of(self._scope.member, sorted(lines)):
            if run.first > at:
                yield Run(at, run.first - 1, None)
            yield run
            at = run.last + 1
        if at <= last:
            yield Run(at, last, None)

    def lines_at(self, series: bytes, first: int, last: int, limit: int = -1) -> list[Line]:
        """See HoldingsFile. A line is found by the smallest node of the tree that it lies in, so that this costs as the
        lines there do."""
        nodes = ((level, first >> BITS * level, last >> BITS * level) for level in range(TOP + 1))
        found = [
            line
            for level, lowest, highest in nodes
            for line in self._db.execute(_WITHIN, (series, level, lowest, highest, last, first))
        ]
        return sorted(found)[: limit if limit >= 0 else None]


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same serials as ranges in order and apart."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _row(number: str, line: SeenLine) -> tuple[object, ...]:
    level = -(-(line.first ^ line.last).bit_length() // BITS)
    return number, *line, level, line.first >> BITS * level


def _rows(scope: Scope, holdings: Iterable[Holding]) -> Iterator[tuple[object, ...]]:
    for one in holdings:
        line = scope.seen(one)
        if line is None:
            continue
        if not one.line:
            raise ConfigurationWrong(
                "a line of the books has no number, by which its changes could be told",
                code="line_unnumbered",
                what=f"{one.series.code} {one.serials.first}-{one.serials.last}",
                remedy="have the adapter give `Holding.line`, or take `ChangedHoldings` away from it",
            )
        yield _row(one.line, line)


def _parts(rows: Iterator[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    while part := list(islice(rows, LINES_AT_ONCE)):
        yield part


def _series_rows(names: Mapping[bytes, SeriesName], tops: Mapping[bytes, bytes]) -> list[tuple[object, ...]]:
    return [(series, name.member, name.registry, name.code, tops.get(series)) for series, name in names.items()]


def _journal_of(file: Path) -> Path:
    return file.with_name(file.name + "-journal")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
