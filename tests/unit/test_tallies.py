"""How full the journal is: kept by the database as rows come, change and go, and never counted anew."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.sqlite import insert

from adapters.protocol import NativeRecord, Page
from adapters.sync import tables as t
from adapters.sync.journal import Journal
from adapters.sync.tallies import rows_by_status, tallies
from hub.db.engine import open_engine

STATUSES = ("new", "decided", "settled", "held")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def journal(engine: Engine) -> Journal:
    journal = Journal(engine, lambda: 1_000)
    journal.prepare()
    return journal


def counted_anew(connection: Connection) -> dict[str, int]:
    query = select(t.inbox.c.status, func.count()).group_by(t.inbox.c.status)
    return dict(connection.execute(query).tuples().all())


def page(first: int, count: int) -> Page:
    return Page([NativeRecord("issuance", f"I{first + n}", 1, {}, "file") for n in range(count)], str(first))


def test_tallies__rows_added_repeated_changed_deleted__are_what_counting_finds(
    journal: Journal, engine: Engine
) -> None:
    rng = random.Random(15)
    seen: Counter[str] = Counter()
    for step in range(200):
        with engine.begin() as connection:
            row = t.inbox.c.id == rng.randrange(1, 60)
            match rng.choice(("add", "add", "change", "change", "delete")):
                case "add":
                    values = {"kind": "k", "native_id": f"N{rng.randrange(80)}", "version": 1, "payload": "{}"}
                    new = {"source": "file", "status": rng.choice(STATUSES), "received_at": step}
                    connection.execute(insert(t.inbox).values(values | new).on_conflict_do_nothing())
                case "change":
                    connection.execute(t.inbox.update().where(row).values(status=rng.choice(STATUSES)))
                case "delete":
                    connection.execute(t.inbox.delete().where(row))
            kept, anew = rows_by_status(connection)["inbox"], counted_anew(connection)
            assert kept == anew
            seen |= Counter(anew)
    assert set(seen) == set(STATUSES)


def test_tallies__transaction_rolled_back__count_nothing_of_it(journal: Journal, engine: Engine) -> None:
    journal.ingest(page(0, 3))
    with engine.connect() as connection:
        connection.execute(t.inbox.update().values(status="held"))
        connection.rollback()
    assert journal.counts()["inbox"] == {"new": 3}


def test_prepare__journal_that_kept_no_tallies__counts_once_and_keeps_them_from_then_on(
    journal: Journal, engine: Engine
) -> None:
    journal.ingest(page(0, 3))
    with engine.begin() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in connection.exec_driver_sql(query).scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        tallies.drop(connection)
    assert journal.counts()["inbox"] == {"new": 3}  # before it is prepared: an operator may look first
    journal.prepare()
    journal.ingest(page(10, 2))
    assert journal.counts()["inbox"] == {"new": 5}


def test_counts__reads_no_record(journal: Journal, engine: Engine) -> None:
    journal.ingest(page(0, 500))
    read: set[str] = set()

    def note(action: int, table: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ and table:
            read.add(table)
        return sqlite3.SQLITE_OK

    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_authorizer(note)
        try:
            assert rows_by_status(connection)["inbox"] == {"new": 500}
        finally:
            raw.set_authorizer(None)
    assert "tallies" in read
    assert not read & {"inbox", "outbox", "submissions", "effects"}
