"""A registry's own books as the tree of `mutual_recognition.holdings_tree`, made from a stream of lines on disk.

The books are sorted by SQLite in a file that is deleted afterwards, so that memory does not grow with them.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

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

_LINES_AT_ONCE = 5_000
_CACHE_KIB = 16_384

_TABLES = """
CREATE TABLE line (series BLOB, first INTEGER, last INTEGER, holder INTEGER, status TEXT);
CREATE TABLE node (series BLOB, level INTEGER, prefix INTEGER, leaf INTEGER, body TEXT,
    PRIMARY KEY (series, level, prefix));
"""


class CityHoldings:
    """One reading of a registry's books. A context manager; its file goes with it.

    `own_registry`: code of the reporting registry, for lines that name a series without one.
    """

    def __init__(self, member: int, own_registry: str, folder: Path | None = None) -> None:
        self._member = member
        self._registry = own_registry
        descriptor, name = tempfile.mkstemp(prefix="books-", suffix=".sqlite", dir=folder)
        os.close(descriptor)
        self._db = sqlite3.connect(name, isolation_level=None)
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-{_CACHE_KIB};"
            + _TABLES
        )
        Path(name).unlink()  # open and without a name: whatever ends this process, nothing is left behind
        self._names: dict[bytes, SeriesName] = {}
        self._tops: dict[bytes, bytes] = {}
        self.lines = 0
        """Lines in the member's scope."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Frees the file."""
        self._db.close()

    def take(self, holdings: Iterable[Holding]) -> None:
        """Reads the books whole, once, and makes the tree of each series."""
        self._db.execute("BEGIN")
        batch: list[tuple[bytes, int, int, int, str]] = []
        for line in self._seen(holdings):
            batch.append(line)
            if len(batch) == _LINES_AT_ONCE:
                self._db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", batch)
                batch.clear()
        self._db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", batch)
        in_order = self._db.execute("SELECT series, first, last, holder, status FROM line ORDER BY series, first")
        for series, lines in groupby(in_order, key=itemgetter(0)):
            top = build(runs_of(self._member, (line[1:] for line in lines)), self.nodes(series))
            if top is not None:
                self._tops[series] = top.hash()
        self._db.execute("COMMIT")

    def _seen(self, holdings: Iterable[Holding]) -> Iterator[tuple[bytes, int, int, int, str]]:
        ids: dict[tuple[int, str, str], bytes] = {}
        for one in holdings:
            home = one.series.member or self._member
            key = (home, one.series.registry or self._registry, one.series.code)
            place = as_seen(self._member, home, one.holder, one.status)
            if place is None:
                continue
            if key not in ids:
                ids[key] = series_id(*key)
                self._names[ids[key]] = SeriesName(member=key[0], registry=key[1], code=key[2])
            self.lines += 1
            yield ids[key], one.serials.first, one.serials.last, place.holder, place.status

    def lines_at(self, series: bytes, first: int, last: int, limit: int) -> list[Line]:
        """The books' own lines that share a serial with the range, in order."""
        query = (
            "SELECT first, last, holder, status FROM line WHERE series = ? AND first <= ? AND last >= ?"
            " ORDER BY first LIMIT ?"
        )
        return list(self._db.execute(query, (series, last, first, limit)))

    def name_of(self, series: bytes) -> SeriesName | None:
        """What the books call a series; None where they do not have it."""
        return self._names.get(series)

    def root(self) -> bytes:
        """The member's root by these books, 32 bytes."""
        return member_root(self._member, self._tops)

    def series(self) -> Mapping[bytes, bytes]:
        """Series (12 bytes) with the hashes of their top nodes."""
        return dict(self._tops)

    def nodes(self, series: bytes) -> _FileNodes:
        """The nodes of one series."""
        return _FileNodes(self._db, series)


class _FileNodes:
    """`mutual_recognition.holdings_tree.Nodes` of one series in the file."""

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
