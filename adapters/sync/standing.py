"""What an operator reads of the journal: how full it is, what is held back and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select

from adapters.sync import tables as t
from adapters.sync.documents_out import PARKED
from adapters.sync.journal_store import JournalStore


class Standing(JournalStore):
    """Reads the journal, and changes nothing."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by status of inbox, outbox, submissions and effects; faults and undelivered documents."""
        found: dict[str, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for table in (t.inbox, t.outbox, t.submissions, t.effects):
                by_status: Counter[str] = Counter()
                for status, count in connection.execute(select(table.c.status, func.count()).group_by(table.c.status)):
                    by_status[status] = count
                found[table.name] = dict(by_status)
            found["faults"] = {"all": self._count(connection, t.faults)}
            undelivered = select(func.count()).where(t.documents.c.delivered_at == 0)
            parked = select(func.count()).where(t.documents.c.delivered_at == PARKED)
            found["documents"] = {
                "undelivered": int(connection.execute(undelivered).scalar_one()),
                "refused": int(connection.execute(parked).scalar_one()),
            }
        return found

    def held(self) -> Iterator[Mapping[str, Any]]:
        """Held records with their reasons, oldest first."""
        columns = [
            t.inbox.c[name] for name in ("id", "kind", "native_id", "version", "source", "code", "reason", "waits_for")
        ]
        query = select(*columns).where(t.inbox.c.status == "held").order_by(t.inbox.c.id)
        with self._engine.connect() as connection:
            yield from (dict(row) for row in connection.execute(query).mappings().all())

    def faults(self) -> Iterator[Mapping[str, Any]]:
        """What could not be read, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.faults).order_by(t.faults.c.id)).mappings().all()
        yield from (dict(row) for row in rows)
