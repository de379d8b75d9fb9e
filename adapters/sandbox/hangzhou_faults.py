"""Faults of a registry that is a database: most are the database's own doing, so an adapter meets the real thing."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from psycopg import sql

from adapters.sandbox import hangzhou_schema as schema
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.faults import Fault, Faults
from adapters.sandbox.hangzhou_database import HangzhouDatabase

SQL_FAULTS: dict[str, str] = {
    "connection_refused": "the server stops and is back later [seconds=3]",
    "timeout_before_write": "a row put into the write-back table waits [seconds=30] before it is there",
    "timeout_after_write": "a write is committed, then its answer waits [seconds=1] and the connection is cut",
    "answer_late": "rows put into the write-back table are not looked at for so long [seconds=5]",
    "timeout_on_read": "a reading of the changes waits [seconds=30]",
    "slow": "every reading of the changes takes longer [seconds=0.5]",
    "renamed_field": "a column of every view that has it is called otherwise [from, to]",
    "missing_column": "a column is gone [view, column]",
    "extra_column": "a column nobody announced [view, column=备用字段]",
    "clock_skew": "the registry's clock is off [seconds=86400]",
}
_PAUSES = {"timeout_before_write": 30.0, "timeout_on_read": 30.0, "slow": 0.5}
_COLUMNS = ("renamed_field", "missing_column", "extra_column")
_ABSENT_STANDBY = "absent_standby"


class DatabaseFaults(Faults):
    """Faults that take effect before they are confirmed. Changed columns, a stopped server and a clock that is off
    last until cleared (or for their seconds), whatever `times` says."""

    database: HangzhouDatabase | None = None

    def switch_on(self, name: str, times: int | None, parameters: dict[str, Any]) -> Fault:
        """See Faults."""
        fault = super().switch_on(name, times, parameters)
        try:
            self._take_effect(fault)
        except RegistryRefusal:
            super().clear(name)
            raise
        return fault

    def clear(self, name: str | None = None) -> None:
        """See Faults."""
        names = [name] if name else list(self.on)
        super().clear(name)
        database = self._at_work()
        for ended in names:
            if ended in _PAUSES:
                database.no_pause(ended)
            elif ended in _COLUMNS:
                database.show(self._changed_columns())
            elif ended == "clock_skew":
                database.set_clock_offset(timedelta())
            elif ended == "timeout_after_write":
                self._hold_commits(False)
            elif ended == "connection_refused":
                self._restart()

    def _take_effect(self, fault: Fault) -> None:
        database = self._at_work()
        match fault.name:
            case "slow" | "timeout_on_read" | "timeout_before_write":
                database.pause(fault.name, fault.number("seconds", _PAUSES[fault.name]))
                if fault.times is not None:
                    threading.Thread(target=self._count_pauses, args=(fault,), daemon=True).start()
            case "renamed_field" | "missing_column" | "extra_column":
                database.show(self._changed_columns())
            case "clock_skew":
                database.set_clock_offset(timedelta(seconds=fault.number("seconds", 86_400)))
            case "timeout_after_write":
                self._hold_commits(True)
                threading.Thread(target=self._cut_commits, args=(fault,), daemon=True).start()
            case "connection_refused":
                with database.working:
                    database.close()
                    database.server.stop()
                wait = threading.Timer(fault.number("seconds", 3), self.clear, args=("connection_refused",))
                wait.daemon = True
                wait.start()

    def _at_work(self) -> HangzhouDatabase:
        assert self.database is not None, "faults are switched on once the registry is up"
        return self.database

    def _restart(self) -> None:
        database = self._at_work()
        with database.working:
            database.server.start(database.server.port)

    def _changed_columns(self) -> schema.Changed:
        views: schema.Changed = {
            view: [(name, sql.Identifier(name)) for name in columns] for view, columns in schema.view_columns().items()
        }
        changed: schema.Changed = {}
        for fault in [self.on[name] for name in _COLUMNS if name in self.on]:
            match fault.name:
                case "renamed_field":
                    old, new = fault.text("from", ""), fault.text("to", "")
                    for view, columns in views.items():
                        if old in schema.view_columns()[view]:
                            changed[view] = [(new if name == old else name, source) for name, source in columns]
                case "missing_column":
                    view, gone = fault.text("view", ""), fault.text("column", "")
                    changed[view] = [column for column in _columns_of(views, view) if column[0] != gone]
                case _:
                    view, new = fault.text("view", ""), fault.text("column", "备用字段")
                    changed[view] = [*_columns_of(views, view), (new, sql.Literal(0))]
            views |= changed
        return changed

    def _count_pauses(self, fault: Fault) -> None:
        """Takes the fault for every statement that is seen waiting: the statement itself may be rolled back."""
        counted: set[tuple[Any, ...]] = set()
        with self._at_work().server.connect() as superuser:
            while self.on.get(fault.name) is fault:
                found = superuser.execute(
                    "SELECT pid, query_start FROM pg_stat_activity WHERE usename = %s AND wait_event = 'PgSleep'",
                    [schema.READER],
                ).fetchall()
                for statement in set(found) - counted:
                    counted.add(statement)
                    self.take(fault.name)
                time.sleep(0.02)
        if fault.name not in self.on:
            self._at_work().no_pause(fault.name)

    # A commit that waits for a standby is in effect already but nobody is told: cut there, its answer is lost for good.

    def _hold_commits(self, on: bool) -> None:
        with self._at_work().server.connect() as superuser:
            value = f"= '{_ABSENT_STANDBY}'" if on else "= ''"
            superuser.execute(f"ALTER SYSTEM SET synchronous_standby_names {value}")
            superuser.execute("SELECT pg_reload_conf()")
            while bool(superuser.execute("SHOW synchronous_standby_names").fetchone() == (_ABSENT_STANDBY,)) != on:
                time.sleep(0.02)

    def _cut_commits(self, fault: Fault) -> None:
        waiting: dict[int, float] = {}
        while self.on.get(fault.name) is fault:
            with self._at_work().server.connect() as superuser:
                found = superuser.execute(
                    "SELECT pid FROM pg_stat_activity WHERE usename = %s AND wait_event = 'SyncRep'", [schema.READER]
                ).fetchall()
                for (pid,) in found:
                    since = waiting.setdefault(pid, time.monotonic())
                    if time.monotonic() - since >= fault.number("seconds", 1):
                        last = fault.times == 1
                        self.take(fault.name)
                        if last:
                            self._hold_commits(False)
                        superuser.execute("SELECT pg_terminate_backend(%s)", [pid])
                        waiting.pop(pid)
            time.sleep(0.05)


def _columns_of(views: schema.Changed, view: str) -> list[tuple[str, sql.Composable]]:
    if view not in views:
        raise RegistryRefusal("BAD_PARAMETERS", f"views: {', '.join(views)}", field="view", value=view)
    return views[view]
