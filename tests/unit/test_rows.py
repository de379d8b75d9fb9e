"""Rows: what projectors put is what the database has after the flush, and nothing before it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, select

from hub.db import tables
from hub.db.engine import open_engine
from hub.index import rows as rows_module
from hub.index.rows import RowMissing, Rows

metadata = MetaData()
PAIRS = Table(
    "pairs",
    metadata,
    Column("a", Integer, primary_key=True),
    Column("b", String(5), primary_key=True),
    Column("value", Integer, nullable=False),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'rows.sqlite'}", durable=False)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def stored(engine: Engine) -> dict[tuple[int, str], int]:
    with engine.connect() as connection:
        return {(row.a, row.b): row.value for row in connection.execute(select(PAIRS))}


def row(a: int, b: str, value: int) -> dict[str, Any]:
    return {"a": a, "b": b, "value": value}


def test_put__seen_at_once__written_on_flush(engine: Engine) -> None:
    rows = Rows([PAIRS])
    with engine.begin() as connection:
        rows.begin(connection)
        rows.put(PAIRS, row(1, "x", 5))
        assert rows.get(PAIRS, 1, "x")["value"] == 5
        assert connection.execute(select(PAIRS)).all() == []
        assert rows.change(PAIRS, 1, "x", value=6) == row(1, "x", 6)
        assert rows.flush() == 1
    assert stored(engine) == {(1, "x"): 6}


def test_missing__found_as_none__got_or_changed_as_an_error(engine: Engine) -> None:
    rows = Rows([PAIRS])
    with engine.begin() as connection:
        rows.begin(connection)
        assert rows.find(PAIRS, 9, "x") is None
        with pytest.raises(RowMissing, match=r"pairs has no row \(9, 'x'\)"):
            rows.get(PAIRS, 9, "x")
        with pytest.raises(RowMissing):
            rows.change(PAIRS, 9, "x", value=1)


def test_removed__and_put_again__there_once(engine: Engine) -> None:
    rows = Rows([PAIRS])
    for value in (1, 2):
        with engine.begin() as connection:
            rows.begin(connection)
            rows.put(PAIRS, row(1, "x", value))
            rows.remove(PAIRS, 1, "x")
            assert rows.find(PAIRS, 1, "x") is None
            if value == 2:
                rows.put(PAIRS, row(1, "x", 7))
            rows.flush()
        assert stored(engine) == ({} if value == 1 else {(1, "x"): 7})


def test_forgotten__nothing_of_it_is_written_later(engine: Engine) -> None:
    rows = Rows([PAIRS])
    with engine.begin() as connection:
        rows.begin(connection)
        rows.put(PAIRS, row(1, "x", 1))
        rows.forget()
        rows.begin(connection)
        assert rows.find(PAIRS, 1, "x") is None
        rows.flush()
    assert stored(engine) == {}


def test_random_history__the_database_is_a_plain_dict(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the cache is so small that it is dropped all the time."""
    monkeypatch.setattr(rows_module, "_CACHE_ROWS", 4)
    rows, rng, plain = Rows([PAIRS]), random.Random(5), dict[tuple[int, str], int]()
    for _ in range(120):
        with engine.begin() as connection:
            rows.begin(connection)
            for _ in range(rng.randint(0, 12)):
                key = (rng.randint(1, 6), rng.choice("xyz"))
                found = rows.find(PAIRS, *key)
                assert (found and found["value"]) == plain.get(key)
                if rng.random() < 0.3:
                    rows.remove(PAIRS, *key)
                    plain.pop(key, None)
                else:
                    plain[key] = rng.randint(1, 99)
                    rows.put(PAIRS, row(*key, plain[key]))
            rows.flush()
        assert stored(engine) == plain


def test_flushed__rows_that_nobody_reads__take_no_memory_afterwards(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept_after_flush() -> int:
        rows = Rows([PAIRS])
        with engine.begin() as connection:
            rows.begin(connection)
            for a in range(100):
                rows.put(PAIRS, row(a, "x", a))
            assert len(rows.changed(PAIRS)) == 100
            rows.flush()
        return len(rows._cache["pairs"])

    assert kept_after_flush() == 100
    monkeypatch.setitem(rows_module._CACHE_ROWS_OF, "pairs", 0)
    assert kept_after_flush() == 0
    assert len(stored(engine)) == 100


def test_rows_never_kept__are_of_tables_that_the_index_has() -> None:
    assert set(rows_module._CACHE_ROWS_OF) <= {table.name for table in tables.PROJECTIONS}
