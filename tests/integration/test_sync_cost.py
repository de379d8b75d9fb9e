"""What a pass costs: as what is new, and not as all that ever was. Counted in steps of the database, not in seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from adapters.sync import engine as sync_engine
from adapters.sync.planned import PlannedBooks
from mutual_recognition.books import Position
from tests.integration.consortium import SHANGHAI, City, events
from tests.integration.test_sync import blocks

_EVERY = 20
"""Instructions of SQLite's virtual machine between two counts."""


class Steps:
    """Instructions that SQLite carried out."""

    def __init__(self) -> None:
        self.count = 0

    def take(self) -> int:
        """One more lot; 0 lets SQLite go on."""
        self.count += _EVERY
        return 0


@contextmanager
def counted_steps(city: City) -> Iterator[Steps]:
    """Steps on every connection that is opened meanwhile; the index opens its own anew."""
    steps = Steps()

    def watch(connection: object, _record: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(steps.take, _EVERY)

    event.listen(Engine, "connect", watch)
    for engine in (city.index.reader, city.index.writer):
        engine.dispose()
    try:
        yield steps
    finally:
        event.remove(Engine, "connect", watch)
        for engine in (city.index.reader, city.index.writer):
            engine.dispose()


def retire(city: City, first: int, count: int) -> None:
    """So many retirements of two serials each, three apart."""
    for number in range(count):
        at = first + 3 * number
        city.registry.write("retirement", f"R{at}", {"serials": [at, at + 1]})


def idle_pass(city: City) -> int:
    """Steps of a pass with nothing new."""
    with counted_steps(city) as steps:
        report = city.sync()
    assert (report.read, report.written, report.told) == (0, 0, 0)
    return steps.count


@pytest.mark.slow
def test_pass_with_nothing_new__history_ten_times_as_long__costs_the_same(shanghai: City) -> None:
    shanghai.begin()
    retire(shanghai, 1, 20)
    shanghai.sync()
    short = idle_pass(shanghai)
    retire(shanghai, 101, 250)
    assert shanghai.sync().written == 250
    long = idle_pass(shanghai)
    assert short > 1_000  # else nothing was counted
    assert long < short * 1.2


def test_pass__what_concerned_nobody_here__is_not_looked_through_again(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    with shanghai.journal() as journal:
        followed = int(journal.get("chain_position"))
        assert journal.get("push_position") == str(Position.after_block(followed))
        # what comes in the next block is beyond it, what was in this one is not
        assert (
            Position(followed, 10**6, 9) < Position.parse(journal.get("push_position")) < Position(followed + 1, 0, 0)
        )


def test_long_load__planned_books_forgotten_on_the_way__everything_once(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    class Watched(PlannedBooks):
        def drop(self) -> None:
            nonlocal most
            most = max(most, getattr(self, "size", 0))
            super().drop()

    monkeypatch.setattr(sync_engine, "PlannedBooks", Watched)
    monkeypatch.setattr(sync_engine, "_MOST_PLANNED", 12)
    monkeypatch.setattr(sync_engine, "_DECIDE", 5)
    shanghai.begin()
    retire(shanghai, 1, 60)
    report = shanghai.sync()
    assert (report.written, report.held, report.trouble) == (65, 0, [])
    assert 12 <= most <= 12 + 5
    assert events(shanghai.index)["Retired"] == 60
    assert sum(block[3] != 1 for block in blocks(shanghai)) == 60
    assert blocks(shanghai)[0][2] == SHANGHAI
