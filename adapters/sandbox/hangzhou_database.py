"""Hangzhou's published side: changes and holdings into its database, effects out of its write-back table."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from adapters.sandbox import hangzhou_schema as schema
from adapters.sandbox.effects import Effects
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.hangzhou_schema import DATABASE, OWNER, READER
from adapters.sandbox.hangzhou_tables import (
    COLUMNS,
    HOLDING_COLUMNS,
    KINDS,
    holding_row,
    local,
    read_effect,
    record_row,
)
from adapters.sandbox.postgres_server import LOOPBACK, PostgresServer, write_private
from adapters.sandbox.registry import Registry
from adapters.sandbox.storage import Change

BOOKED, REPEATED, REFUSED = 1, 2, 9


class HangzhouDatabase:
    """The registry's database on its own server. One thread at a time works on it (`working`)."""

    def __init__(self, registry: Registry, server: PostgresServer, home: Path) -> None:
        self.registry = registry
        self.storage = registry.storage
        self.effects = Effects(registry)
        self.server = server
        self.password_file = home / "hub_reader.password"
        self._owner_password_file = home / "registry.password"
        self.working = threading.RLock()
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._seen: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        """Where the hub's adapter finds it; the password is in `password_file`."""
        return f"postgresql://{READER}@{LOOPBACK}:{self.server.port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the database where there is none yet."""
        with self.server.connect() as super_connection:
            known = super_connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
            if known is None:
                for file in (self.password_file, self._owner_password_file):
                    write_private(file, secrets.token_urlsafe(24))
                schema.create(super_connection, _read(self.password_file), _read(self._owner_password_file))
            super_connection.execute("ALTER SYSTEM RESET synchronous_standby_names")  # a fault that a kill left on
            super_connection.execute("SELECT pg_reload_conf()")
        with self.connection.transaction():
            if self.connection.execute("SELECT to_regclass('登记.计数') IS NULL AS 空").fetchall()[0]["空"]:
                schema.fill(self.connection)
            self.connection.execute("DELETE FROM 登记.故障")
            schema.show(self.connection, {})

    @property
    def connection(self) -> psycopg.Connection[dict[str, Any]]:
        """The registry's own connection, opened again when it was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                host=LOOPBACK,
                port=self.server.port,
                user=OWNER,
                dbname=DATABASE,
                password=_read(self._owner_password_file),
                connect_timeout=5,
                autocommit=True,
                row_factory=dict_row,
            )
        return self._connection

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rotate_password(self) -> dict[str, str]:
        """Replace the hub's password; the old one stops working at once, open connections with it."""
        with self.server.connect() as super_connection:
            fresh = secrets.token_urlsafe(24)
            schema.set_password(super_connection, READER, fresh)
            write_private(self.password_file, fresh)
            super_connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [READER]
            )
        return {"password_file": str(self.password_file)}

    # --- out

    def work_once(self) -> dict[str, int]:
        """Book what stands in the write-back table, publish what changed, show that the registry is at work; returns
        the number of the last change."""
        with self.working:
            self._take_effects()
            self._publish()
            self.connection.execute(
                "UPDATE 登记.心跳 SET 时间 = %s WHERE 时间 <> %s", [now := local(self.registry.now()), now]
            )
            return {"latest_change": self._count("变更号")}

    def _publish(self) -> None:
        with self.storage.transaction() as core:
            seen = (core.total_changes, self.storage.latest_seq())
            if seen == self._seen:
                return
            with self.connection.transaction():
                published = self._count("源序号")
                self._insert_changes(self.storage.changes_after(published, 2**62))
                self.connection.execute("UPDATE 登记.计数 SET 值 = %s WHERE 名称 = '源序号'", [seen[1]])
                self._update_holdings()
        self._seen = seen

    def _count(self, name: str) -> int:
        (row,) = self.connection.execute("SELECT 值 FROM 登记.计数 WHERE 名称 = %s", [name]).fetchall()
        return int(row["值"])

    def _insert_changes(self, changes: Iterable[Change]) -> None:
        for change in changes:
            (row,) = self.connection.execute(
                "INSERT INTO 登记.变更 (类别, 单号, 版次, 变更时间) VALUES (%s, %s, %s, %s) RETURNING 变更号",
                [KINDS[change.kind], change.native_id, change.version, local(change.updated_at)],
            ).fetchall()
            values = [row["变更号"], change.version, *record_row(change.kind, change.record)]
            self._insert(KINDS[change.kind], values)

    def _insert(self, table: str, values: list[Any]) -> None:
        query = sql.SQL("INSERT INTO {} VALUES ({})").format(
            sql.Identifier("登记", table), sql.SQL(", ").join(sql.Placeholder() * len(values))
        )
        self.connection.execute(query, values)

    def _update_holdings(self) -> None:
        names = [name for name, _ in HOLDING_COLUMNS]
        published = {
            row["持仓号"]: [row[name] for name in names] for row in self.connection.execute("SELECT * FROM 登记.持仓")
        }
        current = {row.id: holding_row(row) for row in self.registry.units.rows()}
        gone = [number for number, row in published.items() if current.get(number) != row]
        self.connection.execute("DELETE FROM 登记.持仓 WHERE 持仓号 = ANY(%s)", [gone])
        fresh = [[number, *row] for number, row in current.items() if published.get(number) != row]
        with self.connection.cursor() as cursor, cursor.copy("COPY 登记.持仓 FROM STDIN") as copy:
            for line in fresh:
                copy.write_row(line)

    def republish(self) -> None:
        """The registry was restored from a backup: so is its database. What came after the backup is gone from it."""
        with self.working, self.connection.transaction():
            for kind in COLUMNS:
                self.connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("登记", KINDS[kind])))
            for table in ("变更", "持仓", "持仓变更"):
                self.connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("登记", table)))
            self.connection.execute("UPDATE 登记.计数 SET 值 = 0 WHERE 名称 IN ('变更号', '源序号', '持仓变更序')")
            self._seen = None
            for row in self.connection.execute("SELECT DISTINCT 业务键 FROM 互认.回写").fetchall():
                if self.effects.lookup(row["业务键"]) is None:
                    self.connection.execute("DELETE FROM 互认.回写 WHERE 业务键 = %s", [row["业务键"]])
                    self.connection.execute("DELETE FROM 登记.回写结果 WHERE 业务键 = %s", [row["业务键"]])
            self._publish()

    # --- in

    def effects_wait(self) -> bool:
        """Whether a row of the write-back table has no answer yet."""
        with self.working:
            return bool(self._waiting())

    def _waiting(self) -> list[dict[str, Any]]:
        return self.connection.execute(
            "SELECT * FROM 互认.回写 w WHERE NOT EXISTS"
            " (SELECT FROM 登记.回写结果 r WHERE r.业务键 = w.业务键 AND r.次数 = w.次数) ORDER BY 流水号"
        ).fetchall()

    def _take_effects(self) -> None:
        for row in self._waiting():
            # Booked first and answered then: after a crash in between it is booked again, which changes nothing.
            code, number, why = self._book(row)
            self.connection.execute(
                "INSERT INTO 登记.回写结果 VALUES (%s, %s, %s, %s, %s, %s)",
                [row["业务键"], row["次数"], code, number, local(self.registry.now()), why],
            )

    def _book(self, row: dict[str, Any]) -> tuple[int, int | None, str]:
        try:
            booking = self.effects.book(row["业务键"], read_effect(row))
        except RegistryRefusal as refusal:
            where = f" ({refusal.field}={refusal.value[:120]})" if refusal.field else ""
            return REFUSED, None, f"{refusal.code}: {refusal.message}{where}"
        return REPEATED if booking.repeated else BOOKED, booking.seq, ""

    # --- faults

    def pause(self, fault: str, seconds: float) -> None:
        """Let readings or writings that begin from now on wait in the server."""
        with self.working:
            self.connection.execute(
                "INSERT INTO 登记.故障 VALUES (%s, %s) ON CONFLICT (名称) DO UPDATE SET 秒 = excluded.秒",
                [fault, seconds],
            )

    def no_pause(self, fault: str) -> None:
        """Readings and writings go on at once again."""
        with self.working:
            self.connection.execute("DELETE FROM 登记.故障 WHERE 名称 = %s", [fault])

    def show(self, changed: schema.Changed) -> None:
        """Make the views anew, with other columns than their own."""
        with self.working:
            schema.show(self.connection, changed)

    def set_clock_offset(self, offset: timedelta) -> None:
        """How far the registry's clock is off, in its 系统状态."""
        with self.working:
            self.connection.execute(
                "UPDATE 登记.计数 SET 值 = %s WHERE 名称 = '时钟偏移秒'", [round(offset.total_seconds())]
            )


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()
