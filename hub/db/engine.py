"""One way to open a database, for the hub and for an adapter at its city: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, LargeBinary, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from hub.errors import ConfigurationWrong

_BUSY_TIMEOUT_MS = 30_000
_READING = "yrdhub_reading"
_WAIT_FOR_READERS_MS = 1_000
LONGEST_LOG = 128 * 2**20
"""Bytes that SQLite's write-ahead log may grow to before it is begun anew."""


def open_engine(url: str, *, durable: bool = True) -> Engine:
    """An engine on `url` (SQLAlchemy form). The folder of a SQLite file is made; nothing else is created here.

    `durable`: a commit survives a power cut (a journal needs that; projections, which the chain rebuilds, do not).

    Every transaction on SQLite is BEGIN IMMEDIATE: a reader that turns writer half-way cannot be told to start again.
    Raises ConfigurationWrong for a URL that cannot be used.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as wrong:
        raise ConfigurationWrong(
            "the database URL cannot be read",
            where="YRDHUB_DATABASE_URL",
            remedy="give it as sqlite:////absolute/path.sqlite or postgresql+psycopg://user@host/database",
            code="database_url_invalid",
        ) from wrong
    if parsed.get_backend_name() == "sqlite":
        if parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_durable_sqlite if durable else _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(parsed, pool_pre_ping=True)


def open_reading_engine(url: str) -> Engine:
    """An engine for those who only read: on SQLite its transactions are deferred, so that readers never wait for a
    writer."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        # every question of a transaction is answered as of its first one, as SQLite does it
        return create_engine(
            parsed,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_reading_sqlite)
    event.listen(engine, "begin", _begin_deferred)
    return engine


def check_reachable(engine: Engine) -> None:
    """Raises ConfigurationWrong, naming the database without its password, when it cannot be opened."""
    try:
        with engine.connect():
            pass
    except OperationalError as unreachable:
        raise ConfigurationWrong(
            f"the database cannot be opened: {unreachable.orig}",
            where=engine.url.render_as_string(hide_password=True),
            remedy="check that the server runs and the path can be written, or set YRDHUB_DATABASE_URL",
            code="database_unreachable",
        ) from unreachable


def shorten_log(engine: Engine, longest: int = LONGEST_LOG) -> bool:
    """Begins SQLite's write-ahead log anew where it is longer than `longest` bytes; returns whether it did.

    SQLite does that by itself in a moment without readers only. Beside a long load there is none: the log would grow as
    the load does, and every read looks through all of it. Readers of older moments are waited for, a second at most.
    """
    database = engine.url.database
    if engine.dialect.name != "sqlite" or database in (None, "", ":memory:"):
        return False
    log = Path(f"{database}-wal")
    if not log.exists() or log.stat().st_size <= longest:
        return False
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_WAIT_FOR_READERS_MS}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        told = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        return told is not None and not told[0]
    finally:
        connection.close()


class Prepared:
    """A statement compiled once and run on the driver's own cursor, for what runs some hundred thousand times.

    It takes part in the transaction that is open on the connection. Rows come as plain tuples of what the driver gives:
    select columns of texts, integers and bytes only. `names`: the columns that an insert gets (None for other
    statements); columns beside them take their scalar defaults.
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect, names: Iterable[str] | None = None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=None if names is None else list(names))
        assert isinstance(compiled, SQLCompiler)
        self._sql = str(compiled)
        self._positions = compiled.positiontup
        self._fixed: dict[str, Any] = {key: bind.value for key, bind in compiled.binds.items() if not bind.required}
        for column in compiled.insert_prefetch:
            assert column.default is not None
            assert column.default.is_scalar
            self._fixed[column.key] = column.default.arg  # type: ignore[attr-defined]
        self._converters: dict[str, Callable[[Any], Any]] = {}
        for key, bind in compiled.binds.items():
            converter = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if converter is not None and not isinstance(bind.type, LargeBinary):  # drivers take bytes as they are
                self._converters[key] = converter

    def first(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row, or None."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, self._parameters(values))
            return cursor.fetchone()
        finally:
            cursor.close()

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Every row."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, self._parameters(values))
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> int:
        """Runs it for each of `rows`; returns how many rows of the table that touched."""
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(self._sql, [self._parameters(row) for row in rows])
            return cursor.rowcount
        finally:
            cursor.close()

    def _parameters(self, values: Mapping[str, Any]) -> Any:
        if self._fixed:
            values = self._fixed | values  # type: ignore[operator]
        if self._converters:
            converted = {key: convert(values[key]) for key, convert in self._converters.items()}
            values = dict(values) | converted
        return values if self._positions is None else [values[name] for name in self._positions]


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are ours to begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _prepare_durable_sqlite(connection: Any, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=FULL")


def _prepare_reading_sqlite(connection: Any, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA query_only=ON")


def reading(engine: Engine) -> Engine:
    """`engine` for transactions that only read: on SQLite they wait for no writer, and no writer waits for them."""
    return engine.execution_options(**{_READING: True})


def _begin_immediate(connection: Any) -> None:
    only_reads = connection.get_execution_options().get(_READING)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _begin_deferred(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
