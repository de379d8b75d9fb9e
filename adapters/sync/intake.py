"""Steps 1 and 2: records into the inbox, and what was decided about them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, and_, select, update

from adapters.protocol import Fault, NativeRecord, Page
from adapters.sync import tables as t
from adapters.sync.documents_out import DOCUMENT
from adapters.sync.journal_store import JournalStore, mark
from adapters.sync.overdue import OVERDUE
from adapters.sync.plan import Write
from adapters.sync.rows import Decision, InboxRow
from mutual_recognition.books import CarriedOut

VERSIONS_APART = 10**9
"""Between the versions of a record before and after its registry was put back from a backup."""


class Intake(JournalStore):
    """The inbox: what the registry gave, and where each record stands."""

    def ingest(self, page: Page) -> tuple[int, int]:
        """Records of a page into the inbox, and the cursor, in one transaction; returns how many were new, and new
        faults.

        A record seen before, of the same version, is passed over: pages may repeat. The same version with other
        contents is
        a fault of the registry, and kept as one.
        """
        now = self._clock()
        counted_from = int(self.get("versions_from") or 0)
        rows = [
            {
                "kind": record.kind,
                "native_id": record.native_id,
                "version": counted_from + record.version,
                "payload": json.dumps(record.payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
                "source": record.source,
                "status": "new",
                "waits_for": "",
                "received_at": now,
            }
            for record in page.records
        ]
        with self._engine.begin() as connection:
            new = self._add(connection, t.inbox, rows)
            faults = list(page.faults)
            if new < len(rows):
                faults += self._changed_in_place(connection, rows)
            seen = {"seen_at": now, "read_from": self._state(connection, "read_cursor")}
            new_faults = self._add(connection, t.faults, [asdict(fault) | seen for fault in faults])
            self._set(connection, {"read_cursor": page.cursor})
        return new, new_faults

    def _changed_in_place(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Fault]:
        faults = []
        for row in rows:
            key = and_(*(t.inbox.c[name] == row[name] for name in ("kind", "native_id", "version")))
            stored = connection.execute(select(t.inbox.c.payload, t.inbox.c.source).where(key)).one()
            if stored.payload != row["payload"]:
                reason = f"was read before from {stored.source} under the same version, with other contents"
                faults.append(Fault(row["source"], row["kind"], row["native_id"], reason, "version_reused"))
        return faults

    def record(self, inbox_id: int) -> NativeRecord:
        """One record of the inbox. Raises LookupError."""
        for row in self._inbox(t.inbox.c.id == inbox_id, 1, 0):
            return row.record
        raise LookupError(inbox_id)

    # ---------------------------------------------------------------- 2 decide

    def undecided(self, limit: int, after: int = 0) -> list[InboxRow]:
        """New records, oldest first."""
        return self._inbox(t.inbox.c.status == "new", limit, after)

    def waiting(self, limit: int, after: int = 0) -> list[InboxRow]:
        """Held records that wait for something by name, oldest first."""
        return self._inbox(and_(t.inbox.c.status == "held", t.inbox.c.waits_for != ""), limit, after)

    def _inbox(self, where: Any, limit: int, after: int) -> list[InboxRow]:
        query = select(t.inbox).where(where, t.inbox.c.id > after).order_by(t.inbox.c.id).limit(limit)
        with self._reading.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            InboxRow(
                row["id"],
                NativeRecord(row["kind"], row["native_id"], row["version"], json.loads(row["payload"]), row["source"]),
                row["waits_for"],
            )
            for row in rows
        ]

    def decide(self, decisions: Sequence[Decision], done: Mapping[bytes, CarriedOut]) -> int:
        """Marks inbox rows and inserts their outbox rows, in one transaction; returns how many writes are new.

        A request that is in the outbox already is not planned again: what a record asks for is asked for once. One that
        is among `done` is on the chain.
        """
        now = self._clock()
        marks, writes, documents = [], [], []
        for decision in decisions:
            if decision.held is not None:
                held = decision.held
                marks.append(mark(decision.inbox_id, "held", now, held.code, held.reason(), held.waits_for))
            else:
                marks.append(mark(decision.inbox_id, "decided" if decision.writes else "settled", now))
            writes += [_outbox_row(decision.inbox_id, write, done.get(write.request)) for write in decision.writes]
            documents += [{"digest": d.digest(), "canonical": d.canonical()} for d in decision.documents]
        with self._engine.begin() as connection:
            self._mark.run_many(connection, marks)
            new = self._add(connection, t.outbox, writes)
            self._add(connection, t.documents, documents)
            if new < len(writes) or done:
                # a record whose writes are all on the chain, or were asked for by an earlier version, waits for none
                self._settle(connection, [decision.inbox_id for decision in decisions])
        return new

    def unplan(self) -> int:
        """Takes back everything planned and not yet signed, to be decided anew; returns how many records that is."""
        with self._engine.begin() as connection:
            planned = select(t.outbox.c.inbox_id).where(t.outbox.c.status == "planned")
            # held ones too: of a record in parts, the parts before the one at fault are planned
            count = connection.execute(
                update(t.inbox)
                .where(t.inbox.c.id.in_(planned), t.inbox.c.status.in_(("decided", "held")))
                .values(status="new", code="", reason=None, waits_for="")
            ).rowcount
            connection.execute(t.outbox.delete().where(t.outbox.c.status == "planned"))
        return count

    def release(self, inbox_ids: Iterable[int]) -> None:
        """Held records that may go on now become new again."""
        with self._engine.begin() as connection:
            values = {"status": "new", "code": "", "reason": None, "waits_for": ""}
            for inbox_id in inbox_ids:
                connection.execute(
                    update(t.inbox).where(t.inbox.c.id == inbox_id, t.inbox.c.status == "held").values(values)
                )

    def supersede(self) -> int:
        """Held records of which the registry gave a newer version are settled: the older must not come after the newer.
        Returns how many."""
        newer = t.inbox.alias("newer")
        same = and_(newer.c.kind == t.inbox.c.kind, newer.c.native_id == t.inbox.c.native_id)
        exists = select(newer.c.id).where(same, newer.c.version > t.inbox.c.version).exists()
        values = {"status": "settled", "code": "superseded", "waits_for": ""}
        with self._engine.begin() as connection:
            return connection.execute(update(t.inbox).where(t.inbox.c.status == "held", exists).values(values)).rowcount

    def retry(self, native_id: str | None = None) -> int:
        """An operator's retry: held records (all, or those under one native id) are decided anew. Returns how many.

        Not a transfer whose refusal the registry was told: it has unlocked the serials since, and asks with a new
        record.
        """
        self.supersede()
        detail = t.effects.c.body["detail"]
        given_back = select(detail["inbox_id"].as_integer()).where(
            t.effects.c.kind == "refused", detail["action"].as_string() == "propose"
        )
        where = and_(t.inbox.c.status == "held", t.inbox.c.id.not_in(given_back))
        if native_id is not None:
            where = and_(where, t.inbox.c.native_id == native_id)
        with self._engine.begin() as connection:
            return connection.execute(
                update(t.inbox).where(where).values(status="new", code="", reason=None, waits_for="")
            ).rowcount

    def note_overdue(self, records: Sequence[NativeRecord]) -> None:
        """Records that stand for what time has ended, once each; those that could not be ended before are looked at
        again: somebody else may have ended them."""
        now = self._clock()
        rows = [
            {
                "kind": record.kind,
                "native_id": record.native_id,
                "version": record.version,
                "payload": "{}",
                "source": record.source,
                "status": "new",
                "waits_for": "",
                "received_at": now,
            }
            for record in records
        ]
        again = {"status": "new", "code": "", "reason": None, "waits_for": ""}
        with self._engine.begin() as connection:
            held = and_(t.inbox.c.status == "held", t.inbox.c.kind == OVERDUE)
            connection.execute(update(t.inbox).where(held).values(again))
            self._add(connection, t.inbox, rows)

    def read_again(self, faults: Sequence[int] | None = None) -> int:
        """An operator's retry: what could not be read (all, or these by number) is read again, from the page where the
        earliest stood. Returns how many; what is still wrong is a fault again, what was read before is passed over.
        """
        f = t.faults.c
        unread = ~f.source.startswith(DOCUMENT + "0x")
        if faults is not None:
            unread = and_(unread, f.id.in_(faults))
        with self._engine.begin() as connection:
            earliest = connection.execute(select(f.read_from).where(unread).order_by(f.id).limit(1)).first()
            if earliest is None:
                return 0
            self._set(connection, {"read_cursor": earliest.read_from})
            return connection.execute(t.faults.delete().where(unread)).rowcount

    def restored(self, still_booked: Collection[str] = ()) -> int:
        """The registry was put back from a backup: it is read from the beginning, its versions count anew (above all
        that were read before it), and whatever it was told is looked up, and told again where it no longer knows it.
        Not what a person booked where that still stands (`still_booked`: keys). Returns how many effects that is.

        What the chain has, it has: a record decided before asks for nothing again.
        """
        e = t.effects.c
        told = and_(e.status == "booked", e.key.not_in(list(still_booked)))
        again = {"status": "queued", "attempts": e.attempts + 1, "unanswered": 0, "next_attempt_at": 0}
        with self._engine.begin() as connection:
            restores = int(self._state(connection, "versions_from") or 0) + VERSIONS_APART
            self._set(connection, {"read_cursor": "", "versions_from": str(restores)})
            return connection.execute(
                update(t.effects).where(told).values(again | {"settled_by": "", "settled_at": 0})
            ).rowcount

    def _settle(self, connection: Connection, inbox_ids: Sequence[int]) -> None:
        """Records whose writes are all done are settled."""
        if not inbox_ids:
            return
        open_ids = select(t.outbox.c.inbox_id).where(t.outbox.c.inbox_id.in_(inbox_ids), t.outbox.c.status != "done")
        connection.execute(
            update(t.inbox)
            .where(t.inbox.c.id.in_(inbox_ids), t.inbox.c.status == "decided", t.inbox.c.id.not_in(open_ids))
            .values(status="settled")
        )


def _outbox_row(inbox_id: int, write: Write, done: CarriedOut | None) -> dict[str, Any]:
    return {
        "inbox_id": inbox_id,
        "native_id": write.native_id,
        "request": write.request,
        "contract": write.contract,
        "function": write.function,
        "call": write.call,
        "status": "planned" if done is None else "done",
        "block_number": 0 if done is None else done.block_number,
    }
