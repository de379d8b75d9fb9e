"""Rows: what the projectors read and write. A unit of work over the projection tables.

A projector asks for rows by primary key and puts changed ones back; nothing reaches the database before `flush`,
which
writes each table once, in bulk. Rows stay cached between ranges of blocks (bounded), since the next block mostly
touches
what the last one did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.db.engine import Prepared

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]

_CACHE_ROWS = 60_000
_CACHE_ROWS_OF = {"holding_nodes": 8_000, "serial_events": 0, "requests": 0, "retirements": 0}
"""Fewer of tables whose rows are large (a leaf of a tree is a kilobyte), none of those that no projector reads."""


class RowMissing(LookupError):
    """A projector asked for a row that its event presupposes: the projections do not belong to these logs."""


class Rows:
    """Reads through `connection`; writes on `flush`. Not thread-safe; one indexer owns it."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {table.name: table for table in tables}
        self._keys = {table.name: tuple(column.name for column in table.primary_key) for table in self._tables.values()}
        self._cache: dict[str, dict[Key, Row | None]] = {name: {} for name in self._tables}
        self._changed: dict[str, set[Key]] = {name: set() for name in self._tables}
        self._prepared: dict[str, Prepared] = {}
        self._connection: Connection | None = None

    def begin(self, connection: Connection) -> None:
        """From now on reads go through `connection`, until `flush` or `forget`."""
        self._connection = connection

    def find(self, table: Table, *key: Any) -> Row | None:
        """The row of `table` under `key` as it stands now, or None. Change it only through `put`."""
        cache = self._cache[table.name]
        if key in cache:
            return cache[key]
        row = self._read(table, key)
        cache[key] = row
        return row

    def get(self, table: Table, *key: Any) -> Row:
        """The row under `key`. Raises RowMissing."""
        row = self.find(table, *key)
        if row is None:
            raise RowMissing(f"{table.name} has no row {key}")
        return row

    def put(self, table: Table, row: Row) -> None:
        """Inserts `row`, or replaces the one under its key. A row has every column of its table."""
        key = tuple(row[name] for name in self._keys[table.name])
        self._cache[table.name][key] = row
        self._changed[table.name].add(key)

    def change(self, table: Table, *key: Any, **values: Any) -> Row:
        """The row under `key` with `values` replaced. Raises RowMissing."""
        row = self.get(table, *key) | values
        self.put(table, row)
        return row

    def changed(self, table: Table) -> list[Row]:
        """The rows put since the last flush, as they stand now."""
        cache = self._cache[table.name]
        return [row for key in self._changed[table.name] if (row := cache[key]) is not None]

    def remove(self, table: Table, *key: Any) -> None:
        """Deletes the row under `key`."""
        self._cache[table.name][key] = None
        self._changed[table.name].add(key)

    def flush(self) -> int:
        """Writes what changed; returns how many rows. The caller commits."""
        assert self._connection is not None
        written = 0
        for name, keys in self._changed.items():
            if not keys:
                continue
            table, cache = self._tables[name], self._cache[name]
            gone = [key for key in keys if cache[key] is None]
            kept = [row for key in keys if (row := cache[key]) is not None]
            if gone:
                columns = self._keys[name]
                statement = delete(table).where(*(table.c[column] == bindparam(f"k_{column}") for column in columns))
                parameters = [{f"k_{c}": v for c, v in zip(columns, key, strict=True)} for key in gone]
                self._connection.execute(statement, parameters)
            if kept:
                self._upsert(table).run_many(self._connection, kept)
            written += len(keys)
            keys.clear()
            if len(cache) > _CACHE_ROWS_OF.get(name, _CACHE_ROWS):
                cache.clear()
        self._connection = None
        return written

    def forget(self) -> None:
        """Drops everything unwritten and cached: after a failed transaction, or when the tables were changed
        elsewhere."""
        for cache in self._cache.values():
            cache.clear()
        for keys in self._changed.values():
            keys.clear()
        self._connection = None

    def _upsert(self, table: Table) -> Prepared:
        known = self._prepared.get(table.name)
        if known is None:
            assert self._connection is not None
            dialect = self._connection.dialect
            known = self._prepared[table.name] = Prepared(_upsert(dialect.name, table), dialect, table.columns.keys())
        return known

    def _read(self, table: Table, key: Key) -> Row | None:
        assert self._connection is not None
        where = (table.c[name] == value for name, value in zip(self._keys[table.name], key, strict=True))
        found = self._connection.execute(select(table).where(*where)).mappings().first()
        return None if found is None else dict(found)


def _upsert(dialect: str, table: Table) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table)
    names = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in names}
    return statement.on_conflict_do_update(index_elements=names, set_=others)
