"""A registry's own books as the tree of `mutual_recognition.holdings_tree`, in a file of SQLite.

`CityHoldings` is one reading of the books, sorted in a file that is deleted afterwards; `kept_holdings.py` has a file
that stays and follows their changes. Neither grows in memory with the books.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from adapters.protocol import Holding
from mutual_recognition.holdings import Line, as_seen, runs_of
from mutual_recognition.holdings_tree import (
    Node,
    Place,
    build,
    children_as_text,
    children_from_text,
    member_root,
    runs_as_text,
    runs_from_text,
)
from mutual_recognition.identifiers import series_id
from mutual_recognition.records import SeriesName

LINES_AT_ONCE = 5_000
CACHE_KIB = 16_384

NODE_TABLE = """
CREATE TABLE node (series BLOB, level INTEGER, prefix INTEGER, leaf INTEGER, body TEXT,
    PRIMARY KEY (series, level, prefix));
"""
_TABLES = "CREATE TABLE line (series BLOB, first INTEGER, last INTEGER, holder INTEGER, status TEXT);" + NODE_TABLE


class SeenLine(NamedTuple):
    """A line of the books as reconciliation sees it; `series` is the id, 12 bytes."""

    series: bytes
    first: int
    last: int
    holder: int
    status: str


class Scope:
    """What of a registry's books is `member`'s concern. `registry`: its code, for lines that name a series without
    one."""

    def __init__(self, member: int, registry: str) -> None:
        self.member = member
        self.registry = registry
        self._ids: dict[tuple[int, str, str], bytes] = {}
        self.names: dict[bytes, SeriesName] = {}
        """Every series that was seen, by its id."""

    def seen(self, one: Holding) -> SeenLine | None:
        """A line as reconciliation sees it; None where it is not the member's concern."""
        home = one.series.member or self.member
        place = as_seen(self.member, home, one.holder, one.status)
        if place is None:
            return None
        key = (home, one.series.registry or self.registry, one.series.code)
        series = self._ids.get(key)
        if series is None:
            series = self._ids[key] = series_id(*key)
            self.names[series] = SeriesName(member=key[0], registry=key[1], code=key[2])
        return SeenLine(series, one.serials.first, one.serials.last, *place)


class HoldingsFile:
    """Books in a file: the root, the trees, the lines. A context manager that closes the file."""

    def __init__(self, scope: Scope, db: sqlite3.Connection) -> None:
        self._scope = scope
        self._db = db
        self._tops: dict[bytes, bytes] = {}
        self.lines = 0
        """Lines in the member's scope."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def lines_at(self, series: bytes, first: int, last: int, limit: int) -> list[Line]:
        """The books' own lines that share a serial with the range, in order."""
        query = (
            "SELECT first, last, holder, status FROM line WHERE series = ? AND first <= ? AND last >= ?"
            " ORDER BY first LIMIT ?"
        )
        return list(self._db.execute(query, (series, last, first, limit)))

    def name_of(self, series: bytes) -> SeriesName | None:
        """What the books call a series; None where they do not have it."""
        return self._scope.names.get(series)

    def root(self) -> bytes:
        """The member's root by these books, 32 bytes."""
        return member_root(self._scope.member, self._tops)

    def series(self) -> Mapping[bytes, bytes]:
        """Series (12 bytes) with the hashes of their top nodes."""
        return dict(self._tops)

    def nodes(self, series: bytes) -> FileNodes:
        """The nodes of one series."""
        return FileNodes(self._db, series)


class CityHoldings(HoldingsFile):
    """One reading of a registry's books; its file goes with it.

    `own_registry`: code of the reporting registry, for lines that name a series without one.
    """

    def __init__(self, member: int, own_registry: str, folder: Path | None = None) -> None:
        descriptor, name = tempfile.mkstemp(prefix="books-", suffix=".sqlite", dir=folder)
        os.close(descriptor)
        db = sqlite3.connect(name, isolation_level=None)
        db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-{CACHE_KIB};"
            + _TABLES
        )
        Path(name).unlink()  # open and without a name: whatever ends this process, nothing is left behind
        super().__init__(Scope(member, own_registry), db)

    def take(self, holdings: Iterable[Holding]) -> None:
        """Reads the books whole, once, and makes the tree of each series."""
        self._db.execute("BEGIN")
        batch: list[SeenLine] = []
        for one in holdings:
            line = self._scope.seen(one)
            if line is None:
                continue
            batch.append(line)
            if len(batch) == LINES_AT_ONCE:
                self._add(batch)
        self._add(batch)
        self._tops = trees_of_lines(self._db, self._scope.member)
        self._db.execute("COMMIT")

    def _add(self, batch: list[SeenLine]) -> None:
        self._db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", batch)
        self.lines += len(batch)
        batch.clear()


def trees_of_lines(db: sqlite3.Connection, member: int) -> dict[bytes, bytes]:
    """Makes the trees of all lines in `line`, into `node`, which is empty; answers the hash of each top."""
    tops = {}
    in_order = db.execute("SELECT series, first, last, holder, status FROM line ORDER BY series, first")
    for series, lines in groupby(in_order, key=itemgetter(0)):
        top = build(runs_of(member, (line[1:] for line in lines)), FileNodes(db, series))
        if top is not None:
            tops[series] = top.hash()
    return tops


class FileNodes:
    """`mutual_recognition.holdings_tree.Nodes` of one series in a file."""

    def __init__(self, db: sqlite3.Connection, series: bytes) -> None:
        self._db = db
        self._series = series

    def get(self, level: int, prefix: int) -> Node | None:
        query = "SELECT leaf, body FROM node WHERE series = ? AND level = ? AND prefix = ?"
        row = self._db.execute(query, (self._series, level, prefix)).fetchone()
        if row is None:
            return None
        if row[0]:
            return Node(level, prefix, runs=runs_from_text(row[1]))
        return Node(level, prefix, children=children_from_text(row[1]))

    def put(self, node: Node) -> None:
        body = runs_as_text(node.runs) if node.is_leaf else children_as_text(node.children)
        row = (self._series, node.level, node.prefix, node.is_leaf, body)
        self._db.execute("INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?)", row)

    def drop(self, level: int, prefix: int) -> None:
        key = (self._series, level, prefix)
        self._db.execute("DELETE FROM node WHERE series = ? AND level = ? AND prefix = ?", key)


def counted(runs: Iterable[tuple[int, int, Place | None]]) -> dict[Place, int]:
    """Serials by place."""
    found: defaultdict[Place, int] = defaultdict(int)
    for first, last, place in runs:
        if place is not None:
            found[place] += last - first + 1
    return dict(found)
