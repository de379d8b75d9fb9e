"""What every part of the journal stands on: its engine, its clock, its tables, and the cursors and facts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, func, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateColumn

from adapters.protocol import Effect
from adapters.sync import tables as t
from adapters.sync.tallies import prepare_tallies
from hub.db.engine import Prepared, reading
from mutual_recognition.documents import Json


class JournalStore:
    """One registry's journal on `engine`; `clock` gives seconds since 1970."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._clock = clock
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._mark = Prepared(MARK, engine.dialect)
        self._adding: dict[tuple[str, tuple[str, ...]], Prepared] = {}

    def prepare(self) -> None:
        """Creates the journal's tables where they are missing, and columns that an earlier version did not have."""
        t.metadata.create_all(self._engine)
        with self._engine.begin() as connection:
            there = inspect(connection)
            for table in t.metadata.sorted_tables:
                known = {column["name"] for column in there.get_columns(table.name)}
                missing = [column for column in table.columns if column.name not in known]
                for column in missing:
                    form = CreateColumn(column).compile(dialect=connection.dialect)
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {form}")
                for index in table.indexes if missing else ():
                    index.create(connection, checkfirst=True)
            prepare_tallies(connection)

    def is_prepared(self) -> bool:
        """Whether the tables are there: before a first pass has begun they are not."""
        with self._reading.connect() as connection:
            return inspect(connection).has_table(t.effects.name)

    def get(self, name: str) -> str:
        """A cursor or fact; "" when never set."""
        with self._reading.connect() as connection:
            return self._state(connection, name)

    def set(self, **values: str) -> None:
        """Sets cursors or facts."""
        with self._engine.begin() as connection:
            self._set(connection, values)

    def _set(self, connection: Connection, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            statement = self._insert(t.state).values(name=name, value=value)
            statement = statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
            connection.execute(statement)

    @staticmethod
    def _state(connection: Connection, name: str) -> str:
        return connection.execute(select(t.state.c.value).where(t.state.c.name == name)).scalar() or ""

    def _add(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Inserts what is not there yet; returns how many rows that was."""
        if not rows:
            return 0
        names = tuple(rows[0])
        adding = self._adding.get((table.name, names))
        if adding is None:
            statement = self._insert(table).on_conflict_do_nothing()
            adding = self._adding[table.name, names] = Prepared(statement, self._engine.dialect, names)
        return adding.run_many(connection, rows)

    @staticmethod
    def _count(connection: Connection, table: Table) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


MARK = (
    update(t.inbox)
    .where(t.inbox.c.id == bindparam("inbox_id"))
    .values({name: bindparam(name) for name in ("status", "code", "reason", "waits_for", "decided_at")})
)
"""For rows that `mark` made."""


def mark(
    inbox_id: int,
    status: str,
    now: int,
    code: str = "",
    reason: Mapping[str, Json] | None = None,
    waits_for: str = "",
) -> dict[str, Any]:
    """What `MARK` sets of one inbox row."""
    return {
        "inbox_id": inbox_id,
        "status": status,
        "code": code,
        "reason": reason,
        "waits_for": waits_for,
        "decided_at": now,
    }


def effect_row(effect: Effect, now: int) -> dict[str, Any]:
    """An effect as a row of `effects`, to be told."""
    return {
        "key": effect.key,
        "kind": effect.kind.value,
        "body": effect.to_json(),
        "status": "queued",
        "queued_at": now,
        "about": _about(effect),
    }


def _about(effect: Effect) -> str:
    detail = effect.detail
    for name in ("transfer", "hold"):
        if detail.get(name):
            return f"{name}:{detail[name]}"
    return f"{detail['subject']}:{detail['member']}" if detail.get("subject") else ""
