"""What the books answer at every pass costs the same however long the chain and however many transfers have ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert

from hub.chain.enums import TransferStatus
from hub.db import tables as t
from hub.db.engine import open_engine, open_reading_engine
from hub.index.books import IndexBooks
from hub.index.indexer import Progress

MEMBER = 310000
NOW = 1_000_000


class Still:
    """A chain on which nothing happens."""

    def follow(self) -> Progress:
        return Progress(0, 0, 0)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hub.sqlite'}"


@pytest.fixture
def writer(file: str) -> Iterator[Engine]:
    engine = open_engine(file, durable=False)
    t.metadata.create_all(engine)
    yield engine
    engine.dispose()


def transfer(number: int, status: TransferStatus, deadline: int) -> dict[str, Any]:
    row = {column.name: 0 for column in t.transfers.columns}
    names = {"transfer": f"0x{number:064x}", "series": "0x" + "01" * 12, "request": f"0x{number:064x}"}
    own = {"from_member": MEMBER, "to_member": 320500, "status": status, "deadline": deadline}
    return row | names | own | {"cosign_pending": False, "block_number": number}


def grow(connection: Connection, begin: int, end: int) -> None:
    """Blocks, and in each a transfer that was accepted."""
    blocks = [
        {"number": n, "hash": f"0x{n:064x}", "parent_hash": "0x" + "00" * 32, "time": n} for n in range(begin, end)
    ]
    connection.execute(insert(t.blocks), blocks)
    ended = [transfer(n, TransferStatus.ACCEPTED, n) for n in range(begin, end)]
    connection.execute(insert(t.transfers), ended)


def steps_of_overdue(file: str) -> tuple[int, list[bytes]]:
    """Lots of ten instructions that SQLite needs to answer, and the answer."""
    reading = open_reading_engine(file)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_progress_handler(step, 10)

    event.listen(reading, "connect", watch)
    books = IndexBooks(reading, Still())
    try:
        books.overdue(MEMBER, NOW)  # the first answer reads the schema
        before = steps
        found = list(books.overdue(MEMBER, NOW))
        return steps - before, found
    finally:
        books.close()
        reading.dispose()


def test_overdue__open_ones_found_at_the_same_cost_after_thousands_have_ended(file: str, writer: Engine) -> None:
    with writer.begin() as connection:
        grow(connection, 0, 50)
        connection.execute(insert(t.transfers), [transfer(10**6, TransferStatus.PROPOSED, NOW - 1)])
        connection.execute(insert(t.transfers), [transfer(10**6 + 1, TransferStatus.PROPOSED, NOW + 10**6)])
    few, found = steps_of_overdue(file)
    with writer.begin() as connection:
        grow(connection, 50, 5_000)
    many, found_again = steps_of_overdue(file)
    assert found == found_again == [(10**6).to_bytes(32)]
    assert many <= few + 2
