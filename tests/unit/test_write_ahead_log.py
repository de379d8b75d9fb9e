"""SQLite's write-ahead log beside a long load: it is begun anew though there is always a reader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hub.db import engine as database
from hub.db.engine import open_engine, open_reading_engine, shorten_log

LONGEST = 256 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.sqlite"


@pytest.fixture
def writer(file: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{file}", durable=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY, words TEXT)"))
    yield engine
    engine.dispose()


@pytest.fixture
def reader(file: Path, writer: Engine) -> Iterator[Engine]:
    engine = open_reading_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


def write(writer: Engine, rows: int) -> None:
    with writer.begin() as connection:
        insert = text("INSERT INTO numbers (words) VALUES (:words)")
        connection.execute(insert, [{"words": "x" * 1_000} for _ in range(rows)])


def length(file: Path) -> int:
    return Path(f"{file}-wal").stat().st_size


def test_log__readers_that_take_turns_without_a_gap__grows_by_itself_and_is_shortened(
    file: Path, writer: Engine, reader: Engine
) -> None:
    def load(*, shortened: bool) -> int:
        longest, before = 0, reader.connect()
        for _ in range(20):
            before.execute(text("SELECT count(*) FROM numbers"))
            write(writer, 100)
            after = reader.connect()
            after.execute(text("SELECT count(*) FROM numbers"))
            before.close()
            before = after
            if shortened:
                before.close()  # as `advance` does: the next moment begins after the last
                shorten_log(writer, LONGEST)
                before = reader.connect()
            longest = max(longest, length(file))
        before.close()
        return longest

    assert load(shortened=False) > 2 * 2**20
    assert shorten_log(writer, LONGEST)
    assert load(shortened=True) < 2 * LONGEST


def test_log__reader_that_stays_in_an_older_moment__is_not_waited_for_long(
    file: Path, writer: Engine, reader: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_WAIT_FOR_READERS_MS", 50)
    with reader.connect() as staying:
        staying.execute(text("SELECT count(*) FROM numbers"))
        write(writer, 1_000)
        began = time.monotonic()
        assert not shorten_log(writer, LONGEST)
        assert time.monotonic() - began < 5
        assert staying.execute(text("SELECT count(*) FROM numbers")).scalar_one() == 0
    assert shorten_log(writer, LONGEST)
    assert length(file) == 0
    with reader.connect() as later:
        assert later.execute(text("SELECT count(*) FROM numbers")).scalar_one() == 1_000


def test_log__short__is_left_alone(file: Path, writer: Engine) -> None:
    write(writer, 10)
    before = length(file)
    assert not shorten_log(writer, LONGEST)
    assert length(file) == before > 0
