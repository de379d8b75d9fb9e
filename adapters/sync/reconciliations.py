"""What the journal keeps of reconciliations: every result, and the serials that are in dispute until it is settled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    and_,
    func,
    or_,
    select,
    update,
)

from adapters.protocol import Effect, NativeRecord
from adapters.sync import tables as t
from adapters.sync.journal_store import JournalStore
from mutual_recognition.documents import Document, Json

reconciliations = Table(
    "reconciliations",
    t.metadata,
    Column("id", String(60), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("started_at", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("result", JSON, nullable=False),
    Column("document", LargeBinary(32), nullable=False),
)
"""Results, every version of each; `document` is the digest of what the hub was given."""

disputes = Table(
    "disputes",
    t.metadata,
    Column("id", Integer, primary_key=True),
    Column("reconciliation", String(60), nullable=False),
    Column("series", LargeBinary(12), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("settled_at", BigInteger, nullable=False, default=0),
    Index("ix_disputes_settled_at", "settled_at"),
    Index("ix_disputes_reconciliation", "reconciliation"),
)
"""Serials in dispute; settled_at 0: the sync lets no record use them."""

_INFLIGHT_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Dispute:
    """Serials of a series (12 bytes) that are in dispute since a reconciliation."""

    reconciliation: str
    series: bytes
    first: int
    last: int

    def touches(self, series: bytes, first: int, last: int) -> bool:
        """Whether a range has serials of it."""
        return self.series == series and self.first <= last and first <= self.last


@dataclass(frozen=True, slots=True)
class KeptResult:
    """A result as it was kept, and the digest of its document (0x-hex)."""

    id: str
    version: int
    status: int
    started_at: int
    block_number: int
    result: Mapping[str, Json]
    document: str


class Reconciliations(JournalStore):
    """Results and disputes of one registry."""

    def keep_result(
        self,
        version: int,
        result: Mapping[str, Any],
        document: Document,
        found: Sequence[Dispute],
        *,
        evidence: Sequence[Document] = (),
    ) -> None:
        """A result, its documents for the hub, and the serials it found in dispute, in one transaction."""
        row = {
            "id": result["reconciliation"],
            "version": version,
            "started_at": result["started_at"],
            "status": result["status"],
            "block_number": result["snapshot"]["block_number"],
            "result": dict(result),
            "document": document.digest(),
        }
        marks = [
            {"reconciliation": one.reconciliation, "series": one.series, "first": one.first, "last": one.last}
            for one in found
        ]
        with self._engine.begin() as connection:
            self._add(connection, reconciliations, [row])
            if marks:
                connection.execute(disputes.insert(), [mark | {"settled_at": 0} for mark in marks])
            documents = [{"digest": one.digest(), "canonical": one.canonical()} for one in (document, *evidence)]
            self._add(connection, t.documents, documents)

    def settle_disputes(self, reconciliation: str) -> int:
        """Both sides agree again on what one reconciliation found: the sync uses it again. Returns how many ranges."""
        d = disputes.c
        mine = update(disputes).where(d.reconciliation == reconciliation, d.settled_at == 0)
        with self._engine.begin() as connection:
            return connection.execute(mine.values(settled_at=max(1, self._clock()))).rowcount

    def open_disputes(self, reconciliation: str | None = None) -> list[Dispute]:
        """What is in dispute now, since one reconciliation or any."""
        d = disputes.c
        query = select(disputes).where(d.settled_at == 0).order_by(d.id)
        if reconciliation is not None:
            query = query.where(d.reconciliation == reconciliation)
        with self._reading.connect() as connection:
            return [Dispute(row.reconciliation, row.series, row.first, row.last) for row in connection.execute(query)]

    def results(self, limit: int = 100) -> list[KeptResult]:
        """The newest version of each result, newest first."""
        r, newer = reconciliations.c, reconciliations.alias()
        last = select(func.max(newer.c.version)).where(newer.c.id == r.id).scalar_subquery()
        query = select(reconciliations).where(r.version == last).order_by(r.started_at.desc(), r.id.desc()).limit(limit)
        with self._reading.connect() as connection:
            return [_kept(row) for row in connection.execute(query)]

    def result(self, reconciliation: str) -> list[KeptResult]:
        """Every version of one result, oldest first."""
        r = reconciliations.c
        query = select(reconciliations).where(r.id == reconciliation).order_by(r.version)
        with self._reading.connect() as connection:
            return [_kept(row) for row in connection.execute(query)]

    # ---------------------------------------------------------------- the registry's side of an audit trail

    def effects_on(self, registry: str, code: str, member: int, first: int, last: int) -> list[tuple[Effect, str, str]]:
        """What the registry was or is to be told of these serials, oldest first: effect, status, reason."""
        body = t.effects.c.body
        query = (
            select(t.effects.c.body, t.effects.c.status, t.effects.c.reason)
            .where(
                body["series"][0].as_integer() == member,
                or_(body["series"][2].as_string() == code, body["series"][2].as_string() == registry),
                body["serials"][0].as_integer() <= last,
                body["serials"][1].as_integer() >= first,
            )
            .order_by(t.effects.c.id)
            .limit(_INFLIGHT_ROWS)
        )
        with self._reading.connect() as connection:
            return [(Effect.from_json(row.body), row.status, row.reason) for row in connection.execute(query)]

    def unsettled_records(self) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Inbox rows that the chain does not have yet, and why a held one is held."""
        i = t.inbox.c
        query = (
            select(t.inbox)
            .where(or_(i.status.in_(("new", "decided")), and_(i.status == "held", i.code != "superseded")))
            .order_by(i.id.desc())
            .limit(_INFLIGHT_ROWS)
        )
        with self._reading.connect() as connection:
            for row in connection.execute(query).mappings():
                yield dict(row), str(row["code"])

    @staticmethod
    def native_of(row: Mapping[str, Any]) -> NativeRecord:
        """An inbox row as the adapter gave it."""
        return NativeRecord(row["kind"], row["native_id"], row["version"], json.loads(row["payload"]), row["source"])

    def records_behind(self, requests: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """The registry's own records that asked for what the chain carried out under these requests."""
        if not requests:
            return []
        i, o = t.inbox.c, t.outbox.c
        query = (
            select(i.kind, i.native_id, i.version, i.source, o.request, o.function)
            .join(t.outbox, t.outbox.c.inbox_id == t.inbox.c.id)
            .where(t.outbox.c.request.in_(list(requests)))
            .order_by(t.inbox.c.id)
        )
        with self._reading.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _kept(row: Any) -> KeptResult:
    return KeptResult(
        row.id, row.version, row.status, row.started_at, row.block_number, row.result, "0x" + row.document.hex()
    )
