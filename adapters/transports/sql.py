"""A registry's PostgreSQL database: views read in pages by a rising number, rows put into a write-back table.

Every reading is one snapshot (REPEATABLE READ, READ ONLY), so that what is edited meanwhile belongs to the next one.
Statements are bounded by the server (`statement_timeout`), the whole of an operation by this side, since a server
that hangs keeps no timeout of its own. What is passing trouble (no connection, a timeout, a server that restarts, too
many connections, a deadlock) is RetryLater; what somebody has to change first (a refused password, a view or column
that is gone, a right that was taken away) is ConfigurationWrong. The password is read from its file for every
connection and stands in no address, message or log.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb, set_json_loads

from adapters.transports.sql_errors import is_lost, told, words_of
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json

Line: TypeAlias = dict[str, Json]
Connection: TypeAlias = "psycopg.Connection[dict[str, Any]]"


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """Bounds in seconds: of connecting, of a statement (kept by the server), of an operation (kept by this side)."""

    connect_seconds: int = 5
    statement_seconds: float = 20.0
    operation_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Relation:
    """A view or table and the columns that it must have, no more and no fewer."""

    schema: str
    name: str
    columns: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"

    def identifier(self) -> sql.Identifier:
        """The name as SQL."""
        return sql.Identifier(self.schema, self.name)

    def listed(self) -> sql.Composed:
        """The columns as SQL."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, without its password."""

    host: str
    port: int
    user: str
    database: str
    options: Mapping[str, Any]

    @classmethod
    def parse(cls, url: str) -> Address:
        """From `postgresql://user@host:port/database?sslmode=...`. Raises ConfigurationWrong, which repeats
        no password.

        Beyond this machine the server's certificate is checked (`sslmode=verify-full`) unless the address says else.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 5432
        except ValueError:
            raise _no_address("the address cannot be read") from None
        if parts.scheme not in ("postgresql", "postgres"):
            raise _no_address("the address begins with postgresql://")
        if parts.password is not None:
            raise _no_address("the address holds a password: put that into the password file alone")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        strange = set(options) - {"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"}
        if strange:
            raise _no_address(f"the address has options that are not taken: {', '.join(sorted(strange))}")
        database = unquote(parts.path.removeprefix("/"))
        if not parts.hostname or not parts.username or not database:
            raise _no_address("the address names user, host and database: postgresql://user@host:5432/database")
        if not _is_this_machine(parts.hostname):
            options.setdefault("sslmode", "verify-full")
        return cls(parts.hostname, port, unquote(parts.username), database, options)

    def __str__(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


def _no_address(why: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"not an address of a database: {why}",
        code="address_invalid",
        where="url",
        remedy="write it as postgresql://user@host:5432/database",
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SqlDatabase:
    """One database, as one role. Safe to use again after any error; a connection lasts one operation."""

    def __init__(
        self, address: Address, password_file: Path, limits: SqlLimits | None = None, *, application: str = "yrdhub"
    ) -> None:
        self.address = address
        self._password_file = password_file
        self._limits = limits or SqlLimits()
        self._application = application

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One consistent reading. Raises RetryLater or ConfigurationWrong, inside as well."""
        with self._connected("read") as (connection, deadline):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                yield Snapshot(connection, str(self.address), deadline)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writing]:
        """One transaction that puts rows into tables; committed at the end. Raises RetryLater `commit_unknown` when the
        answer to the commit was lost: then the rows may be there or not, and only a reading tells.
        """
        with self._connected("write") as (connection, deadline):
            writing = Writing(connection, str(self.address), deadline)
            try:
                with connection.transaction():
                    yield writing
                    writing.committing = True
            except psycopg.OperationalError as lost:
                if writing.committing and is_lost(lost):
                    raise RetryLater(
                        f"the database's answer to the commit was lost ({words_of(lost)})",
                        code="commit_unknown",
                        where=str(self.address),
                        remedy="nothing: it is looked up before anything is written again",
                    ) from lost
                raise

    @contextlib.contextmanager
    def _connected(self, what: str) -> Iterator[tuple[Connection, _Deadline]]:
        deadline = _Deadline(self._limits.operation_seconds)
        connection: Connection | None = None
        try:
            connection = self._connect()
            deadline.watch(connection)
            yield connection, deadline
        except psycopg.Error as trouble:
            late = self._limits.operation_seconds if deadline.passed else 0.0
            raise told(trouble, what, str(self.address), late) from trouble
        finally:
            deadline.pause()
            if connection is not None:
                connection.close()

    def _connect(self) -> Connection:
        milliseconds = int(self._limits.statement_seconds * 1000)
        settings = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=Asia/Shanghai"
        connection: Connection = psycopg.connect(
            host=self.address.host,
            port=self.address.port,
            user=self.address.user,
            dbname=self.address.database,
            password=self._password(),
            connect_timeout=max(2, self._limits.connect_seconds),
            application_name=self._application,
            options=settings,
            row_factory=dict_row,
            **self.address.options,
        )
        set_json_loads(_exactly, connection)
        return connection

    def _password(self) -> str:
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
        except OSError as unreadable:
            raise ConfigurationWrong(
                f"the database's password cannot be read: {unreadable.strerror}",
                code="password_unusable",
                where=str(self._password_file),
                remedy="put the role's password into that file, readable by its owner alone",
            ) from unreadable
        if not password:
            raise ConfigurationWrong(
                "the file with the database's password is empty",
                code="password_unusable",
                where=str(self._password_file),
                remedy="put the role's password into that file, readable by its owner alone",
            )
        return password


class _Deadline:
    """Cuts a connection that takes too long: the server's own timeouts do not help when the server itself hangs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._connection: Connection | None = None
        self._timer: threading.Timer | None = None
        self.passed = False

    def watch(self, connection: Connection) -> None:
        """From now on for `seconds`."""
        self._connection = connection
        self.resume()

    def pause(self) -> None:
        """The time that is not the server's does not count."""
        if self._timer is not None:
            self._timer.cancel()

    def resume(self) -> None:
        """The time begins anew."""
        self._timer = threading.Timer(self._seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self.passed = True
        connection = self._connection
        if connection is None or connection.closed:
            return
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)


# ---------------------------------------------------------------- reading and writing


class Snapshot:
    """Readings in one transaction: all see the database as it was at its beginning."""

    def __init__(self, connection: Connection, where: str, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self.where = where

    def columns(self, relations: Iterable[Relation]) -> dict[str, list[str]]:
        """The columns that each relation has now, in its own order, by its full name; empty where it is not there."""
        wanted = {relation.full_name: relation for relation in relations}
        found: dict[str, list[str]] = {name: [] for name in wanted}
        rows = self._connection.execute(
            "SELECT n.nspname || '.' || c.relname AS relation, a.attname AS name"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname || '.' || c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY c.oid, a.attnum",
            [list(wanted)],
        )
        for row in rows:
            found[row["relation"]].append(row["name"])
        return found

    def check(self, relation: Relation, found: Sequence[str]) -> None:
        """Raises ConfigurationWrong that names the view, the columns gone and the columns new."""
        if not found:
            raise ConfigurationWrong(
                f"the database has no view {relation.full_name}",
                code="view_missing",
                what=relation.full_name,
                where=self.where,
                remedy="have the registry restore it, or the right to use its schema",
            )
        gone = [name for name in relation.columns if name not in found]
        new = [name for name in found if name not in relation.columns]
        if gone or new:
            raise ConfigurationWrong(
                f"the columns of {relation.full_name} have changed"
                f" (gone: {', '.join(gone) or 'none'}; new: {', '.join(new) or 'none'})",
                code="schema_changed",
                what=", ".join(found)[:300],
                where=self.where,
                remedy="change the adapter's mapping, or have the registry undo the change; nothing was skipped",
            )

    def from_on(self, relation: Relation, number: str, first: int, limit: int) -> list[Line]:
        """Rows whose column `number` is `first` or more, in its order, at most `limit`."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} >= %s ORDER BY {} LIMIT %s").format(
            relation.listed(), relation.identifier(), sql.Identifier(number), sql.Identifier(number)
        )
        return self._lines(query, [first, limit])

    def last(self, relation: Relation, number: str) -> Line | None:
        """The row whose column `number` is the highest; None where there is none."""
        query = sql.SQL("SELECT {} FROM {} ORDER BY {} DESC LIMIT 1").format(
            relation.listed(), relation.identifier(), sql.Identifier(number)
        )
        return next(iter(self._lines(query, [])), None)

    def between(self, relation: Relation, number: str, first: int, last: int) -> list[Line]:
        """Rows whose column `number` lies between both, ends included, in its order."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} BETWEEN %s AND %s ORDER BY {}").format(
            relation.listed(), relation.identifier(), sql.Identifier(number), sql.Identifier(number)
        )
        return self._lines(query, [first, last])

    def where_in(self, relation: Relation, column: str, values: Sequence[str]) -> list[Line]:
        """Rows whose `column` is one of `values`."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s)").format(
            relation.listed(), relation.identifier(), sql.Identifier(column)
        )
        return self._lines(query, [list(values)])

    def all(self, relation: Relation, chunk: int = 2000) -> Iterator[Line]:
        """Every row, fetched in chunks, so that memory does not grow with the view."""
        query = sql.SQL("SELECT {} FROM {}").format(relation.listed(), relation.identifier())
        with self._connection.cursor(name="every_row") as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(chunk):
                self._deadline.pause()
                for row in rows:
                    yield {name: plain(value) for name, value in row.items()}
                self._deadline.resume()

    def _lines(self, query: sql.Composed, values: Sequence[Any]) -> list[Line]:
        rows = self._connection.execute(query, values).fetchall()
        return [{name: plain(value) for name, value in row.items()} for row in rows]


class Writing(Snapshot):
    """A transaction that puts rows into tables. `committing`: everything was put, the commit comes."""

    committing = False

    def insert(self, relation: Relation, rows: Sequence[Mapping[str, Any]]) -> None:
        """Puts rows; one whose unique key is there already is passed over. Lists and objects are written as JSON."""
        for row in rows:
            query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                relation.identifier(),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.Placeholder() * len(row)),
            )
            values = [Jsonb(value) if isinstance(value, list | dict) else value for value in row.values()]
            self._connection.execute(query, values)


def plain(value: Any) -> Json:
    """A column's value as JSON that loses nothing: numbers as text in full, days and instants in ISO, NULL as ""."""
    match value:
        case None:
            return ""
        case bool() | int() | str():
            return value
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case _:
            return str(value)


def _exactly(content: str | bytes) -> Any:
    return json.loads(content, parse_float=Decimal)
