"""Planned books: the final chain with what is planned counted in. The final side is a real index database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, insert

from adapters.sync.planned import PlannedBooks
from hub.db import tables as t
from hub.db.engine import open_engine, open_reading_engine
from hub.index.books import IndexBooks
from hub.index.indexer import Indexer
from hub.index.projectors.registry import NO_ADDRESS, ZERO32
from mutual_recognition.books import IssuedRange, ProjectState
from mutual_recognition.serials import RangeNotHeld
from mutual_recognition.unit_blocks import BlockStatus, UnitBlock

SERIES, OTHER, MEMBER = b"\x04\xba\xf0" + bytes(9), b"\x04\xba\xf0" + bytes(8) + b"\1", 310000
RETIRED, AVAILABLE = BlockStatus.RETIRED, BlockStatus.AVAILABLE


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    t.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def planned(engine: Engine) -> Iterator[PlannedBooks]:
    """Over an index in which serials 1-100 and 201-300 of SERIES are issued."""
    for first in (1, 201):
        add(engine, t.issuances, series=hexed(SERIES), first=first, last=first + 99, origin="0x" + "aa" * 32)
        add(engine, t.unit_blocks, series=hexed(SERIES), first=first, last=first + 99, issuance=first)
    add(
        engine,
        t.verifications,
        verification="0x" + "11" * 12,
        project="0x" + "22" * 12,
        verified_kg=500,
        period_start=100,
    )
    reader = open_reading_engine(str(engine.url))
    books = IndexBooks(reader, cast(Indexer, None))  # only `advance` asks the indexer
    yield PlannedBooks(books)
    books.close()
    reader.dispose()


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


def add(engine: Engine, table: Table, **values: Any) -> None:
    """A row with what matters; zero of its kind in every other column."""
    row: dict[str, Any] = {}
    for column in table.c:
        kind = column.type.python_type
        row[column.name] = ZERO32 if kind is str else kind()
    row |= {"holder": MEMBER, "status": 1, "factor_ppm": 1_000_000, "pledged_to": NO_ADDRESS} | {"period_stated": True}
    with engine.begin() as connection:
        connection.execute(
            insert(table).values({name: value for name, value in (row | values).items() if name in table.c})
        )


def block_at(books: PlannedBooks, serial: int) -> UnitBlock:
    found = books.block_at(SERIES, serial)
    assert found is not None
    return found


def test_nothing_planned__the_final_chain(planned: PlannedBooks) -> None:
    assert block_at(planned, 50) == UnitBlock(1, 100, 1, MEMBER)
    assert block_at(planned, 150).last == 100, "nearest below; it ends before"
    assert planned.block_at(OTHER, 5) is None
    assert planned.issuance_before(SERIES, 201) == 1
    assert planned.issuance(SERIES, 1) == IssuedRange(1, 100, b"\xaa" * 32)
    assert (planned.verified_kg(b"\x11" * 12), planned.verified_kg(b"\x12" * 12)) == (500, None)
    assert planned.period_before(b"\x22" * 12, 101) == 100
    assert planned.period_before(b"\x22" * 12, 100) == 0


def test_planned_issuance__counted_in_between_final_ones__gone_when_dropped(planned: PlannedBooks) -> None:
    issued = IssuedRange(120, 150, b"\xbb" * 32)
    planned.plan_issuance(SERIES, issued, MEMBER)
    assert planned.issuance(SERIES, 120) == planned.planned_under(b"\xbb" * 32) == issued
    assert [planned.issuance_before(SERIES, first) for first in (120, 121, 201, 202)] == [1, 120, 120, 201]
    assert block_at(planned, 130) == UnitBlock(120, 150, 120, MEMBER)
    assert block_at(planned, 110).last == 100
    assert block_at(planned, 250).first == 201
    planned.drop()
    assert planned.issuance(SERIES, 120) is None
    assert planned.planned_under(b"\xbb" * 32) is None
    assert block_at(planned, 130).last == 100


def test_planned_split_of_a_final_block__three_blocks(planned: PlannedBooks) -> None:
    planned.plan_part(SERIES, block_at(planned, 40), 40, 49, RETIRED)
    seen = [block_at(planned, serial) for serial in (39, 40, 49, 50)]
    assert [(b.first, b.last, b.status) for b in seen] == [
        (1, 39, AVAILABLE),
        (40, 49, RETIRED),
        (40, 49, RETIRED),
        (50, 100, AVAILABLE),
    ]
    with pytest.raises(RangeNotHeld):
        planned.plan_part(SERIES, block_at(planned, 39), 39, 40, RETIRED)


def test_everything_else_planned__answers_until_dropped(planned: PlannedBooks) -> None:
    planned.plan_methodology(b"m" * 12, b"d" * 32)
    planned.plan_project(b"p" * 12, ProjectState(2, b"e" * 32))
    planned.plan_series(OTHER, 1000)
    planned.plan_verification(b"v" * 12, 77, b"\x22" * 12, 110)
    planned.plan_transfer(b"t" * 32)

    def answers() -> list[object]:
        return [
            planned.methodology_document(b"m" * 12),
            planned.project(b"p" * 12),
            planned.kg_per_serial(OTHER),
            planned.verified_kg(b"v" * 12),
            planned.period_before(b"\x22" * 12, 111),
            planned.has_transfer(b"t" * 32),
        ]

    assert answers() == [b"d" * 32, ProjectState(2, b"e" * 32), 1000, 77, 110, True]
    planned.drop()
    assert answers() == [None, None, None, None, 100, False]


@given(st.randoms(use_true_random=False))
def test_random_plans__every_serial_where_a_plain_map_has_it(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    """Parts of final and planned blocks, in any order, beside one status for each serial."""
    books = PlannedBooks(cast(Any, Nothing()))
    plain: dict[int, BlockStatus] = {}
    for first in rng.sample(range(1, 200, 20), 5):
        last = first + rng.randint(0, 19)
        books.plan_issuance(SERIES, IssuedRange(first, last, bytes([first]) * 32), MEMBER)
        plain |= dict.fromkeys(range(first, last + 1), AVAILABLE)
    for _ in range(30):
        serial = rng.choice(sorted(plain))
        block = block_at(books, serial)
        if block.status is AVAILABLE:
            last = rng.randint(serial, block.last)
            status = rng.choice((RETIRED, BlockStatus.IN_TRANSIT, BlockStatus.CANCELLED))
            books.plan_part(SERIES, block, serial, last, status)
            plain |= dict.fromkeys(range(serial, last + 1), status)
    for serial in range(1, 221):
        found = books.block_at(SERIES, serial)
        held = found is not None and found.last >= serial
        assert held == (serial in plain)
        if held and found is not None:
            assert found.status == plain[serial]
            assert all(plain[at] == found.status for at in range(found.first, found.last + 1))


class Nothing:
    """A chain on which nothing is yet."""

    def block_at(self, series: bytes, serial: int) -> None:
        return None
