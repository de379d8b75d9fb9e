"""The journal: every step of a record's way, each in one transaction, so that a restart goes on where the last
commit was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.protocol import Effect, Fault, NativeRecord, Page, Receipt
from adapters.sync import tables as t
from adapters.sync.plan import HeldBack, Write
from adapters.sync.refusals import refusal_effects
from hub.chain.sending import SignedTransaction
from mutual_recognition.books import CarriedOut, Position
from mutual_recognition.documents import Document, Json

_PARKED = -1
"""`delivered_at` of a document that the hub refused."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A record read and not yet decided (or held, and looked at again)."""

    id: int
    record: NativeRecord
    waits_for: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A write that was planned."""

    id: int
    inbox_id: int
    request: bytes
    contract: str
    function: str
    call: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed transaction, as it will be sent again until its fate is known."""

    id: int
    contract: str
    nonce: int
    tx_hash: str
    raw: bytes


@dataclass(slots=True)
class Decision:
    """What was decided about an inbox row: writes, their documents, and why the rest of it is held, if it is."""

    inbox_id: int
    writes: list[Write] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    held: HeldBack | None = None


class Journal:
    """One registry's journal on `engine`; `clock` gives seconds since 1970."""

    def __init__(self, engine: Engine, clock: Any) -> None:
        self._engine = engine
        self._clock = clock
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def prepare(self) -> None:
        """Creates the journal's tables where they are missing."""
        t.metadata.create_all(self._engine)

    # ---------------------------------------------------------------- state

    def get(self, name: str) -> str:
        """A cursor or fact; "" when never set."""
        with self._engine.connect() as connection:
            return self._state(connection, name)

    def set(self, **values: str) -> None:
        """Sets cursors or facts."""
        with self._engine.begin() as connection:
            self._set(connection, values)

    # ---------------------------------------------------------------- 1 ingest

    def ingest(self, page: Page) -> tuple[int, int]:
        """Records of a page into the inbox, and the cursor, in one transaction; returns how many were new, and new
        faults.

        A record seen before, of the same version, is passed over: pages may repeat. The same version with other
        contents is
        a fault of the registry, and kept as one.
        """
        now = self._clock()
        rows = [
            {
                "kind": record.kind,
                "native_id": record.native_id,
                "version": record.version,
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
            new_faults = self._add(connection, t.faults, [asdict(fault) | {"seen_at": now} for fault in faults])
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

    # ---------------------------------------------------------------- 2 decide

    def undecided(self, limit: int, after: int = 0) -> list[InboxRow]:
        """New records, oldest first."""
        return self._inbox(t.inbox.c.status == "new", limit, after)

    def waiting(self, limit: int, after: int = 0) -> list[InboxRow]:
        """Held records that wait for something by name, oldest first."""
        return self._inbox(and_(t.inbox.c.status == "held", t.inbox.c.waits_for != ""), limit, after)

    def _inbox(self, where: Any, limit: int, after: int) -> list[InboxRow]:
        query = select(t.inbox).where(where, t.inbox.c.id > after).order_by(t.inbox.c.id).limit(limit)
        with self._engine.connect() as connection:
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
                marks.append(_mark(decision.inbox_id, "held", now, held.code, held.reason(), held.waits_for))
            else:
                marks.append(_mark(decision.inbox_id, "decided" if decision.writes else "settled", now))
            writes += [_outbox_row(decision.inbox_id, write, done.get(write.request)) for write in decision.writes]
            documents += [{"digest": d.digest(), "canonical": d.canonical()} for d in decision.documents]
        with self._engine.begin() as connection:
            connection.execute(_MARK, marks)
            new = self._add(connection, t.outbox, writes)
            self._add(connection, t.documents, documents)
            if new < len(writes) or done:
                # a record whose writes are all on the chain, or were asked for by an earlier version, waits for none
                self._settle(connection, [decision.inbox_id for decision in decisions])
        return new

    def planned(self, limit: int) -> list[OutboxRow]:
        """Writes not yet in a transaction: registers in the order of their dependence, then as planned."""
        order = {"Methodologies": 0, "Projects": 1, "CreditLedger": 2}
        with self._engine.connect() as connection:
            for contract in sorted(order, key=lambda name: order[name]):
                query = (
                    select(t.outbox)
                    .where(t.outbox.c.status == "planned", t.outbox.c.contract == contract)
                    .order_by(t.outbox.c.id)
                    .limit(limit)
                )
                rows = connection.execute(query).mappings().all()
                if rows:
                    return [OutboxRow(**{name: row[name] for name in OutboxRow.__slots__}) for row in rows]
        return []

    def hold(
        self, row: OutboxRow, code: str, reason: Mapping[str, Json], waits_for: str = "", *, final: bool = False
    ) -> None:
        """The chain refused a planned write: all that its record planned leaves the outbox, and it's held with the
        reason. `final`: no waiting helps, so the registry is told, once, in the same transaction."""
        with self._engine.begin() as connection:
            mine = and_(t.outbox.c.inbox_id == row.inbox_id, t.outbox.c.status == "planned")
            if final:
                self._tell_refusal(connection, row, mine, reason)
            connection.execute(t.outbox.delete().where(mine))
            connection.execute(_MARK, [_mark(row.inbox_id, "held", self._clock(), code, dict(reason), waits_for)])

    def _tell_refusal(self, connection: Connection, row: OutboxRow, mine: Any, reason: Mapping[str, Json]) -> None:
        planned = connection.execute(select(t.outbox).where(mine).order_by(t.outbox.c.id)).mappings().all()
        record = connection.execute(
            select(t.inbox.c.kind, t.inbox.c.native_id).where(t.inbox.c.id == row.inbox_id)
        ).one()
        now = self._clock()
        effects = refusal_effects(
            [(o["request"], o["contract"], o["function"], o["call"], o["native_id"]) for o in planned],
            refused=row.request,
            record=(record.kind, record.native_id),
            inbox_id=row.inbox_id,
            reason=reason,
            at=now,
        )
        self._add(connection, t.effects, [_effect_row(effect, now) for effect in effects])

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

    # ---------------------------------------------------------------- 3 submit

    def sign(self, contract: str, sender: str, signed: SignedTransaction, rows: Sequence[OutboxRow]) -> Submission:
        """Stores the raw bytes and ties the writes to them, before anything is broadcast."""
        values = {
            "contract": contract,
            "sender": sender,
            "nonce": signed.nonce,
            "tx_hash": signed.hash,
            "raw": signed.raw,
            "status": "signed",
            "signed_at": self._clock(),
        }
        with self._engine.begin() as connection:
            key = connection.execute(insert(t.submissions).values(values)).inserted_primary_key
            assert key is not None
            number = int(key[0])
            connection.execute(
                update(t.outbox)
                .where(t.outbox.c.id.in_([row.id for row in rows]), t.outbox.c.status == "planned")
                .values(status="sent", submission=number)
            )
        return Submission(number, contract, signed.nonce, signed.hash, signed.raw)

    def outstanding(self) -> list[Submission]:
        """Signed transactions whose fate is not known, in nonce order."""
        query = select(t.submissions).where(t.submissions.c.status == "signed").order_by(t.submissions.c.nonce)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Submission(row["id"], row["contract"], row["nonce"], row["tx_hash"], row["raw"]) for row in rows]

    def highest_nonce(self, sender: str) -> int | None:
        """The highest nonce of a transaction of `sender` whose fate isn't known."""
        return self._nonce(func.max(t.submissions.c.nonce), sender)

    def lowest_nonce(self, sender: str) -> int | None:
        """The lowest of these."""
        return self._nonce(func.min(t.submissions.c.nonce), sender)

    def _nonce(self, wanted: Any, sender: str) -> int | None:
        query = select(wanted).where(t.submissions.c.status == "signed", t.submissions.c.sender == sender)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    # ---------------------------------------------------------------- 4 confirm

    def requests_of(self, submission: int) -> list[bytes]:
        """The requests that a transaction carries."""
        query = select(t.outbox.c.request).where(t.outbox.c.submission == submission, t.outbox.c.status == "sent")
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def confirm(self, submission: int, seen: Mapping[bytes, CarriedOut], fate: str) -> int:
        """Writes seen in a final block are done. `fate` of the transaction: final, failed or replaced.

        What it carried and the chain does not have goes back to be decided anew. Returns how many writes are done.
        """
        blocks = {request: carried.block_number for request, carried in seen.items()}
        with self._engine.begin() as connection:
            mine = and_(t.outbox.c.submission == submission, t.outbox.c.status == "sent")
            rows = connection.execute(select(t.outbox.c.id, t.outbox.c.inbox_id, t.outbox.c.request).where(mine)).all()
            done = [row for row in rows if row.request in blocks]
            if done:
                marks = [{"row": row.id, "block": blocks[row.request]} for row in done]
                connection.execute(_DONE, marks)
            missing = [row for row in rows if row.request not in blocks]
            if missing:
                connection.execute(t.outbox.delete().where(t.outbox.c.id.in_([row.id for row in missing])))
                connection.execute(
                    update(t.inbox).where(t.inbox.c.id.in_([row.inbox_id for row in missing])).values(status="new")
                )
            block = max(blocks.values(), default=0)
            connection.execute(
                update(t.submissions).where(t.submissions.c.id == submission).values(status=fate, block_number=block)
            )
            self._settle(connection, [row.inbox_id for row in done])
        return len(done)

    def final_submissions(self) -> Iterator[tuple[int, list[bytes]]]:
        """Transactions that were final, newest block first, each with the requests that were seen there."""
        query = select(t.submissions.c.id).where(t.submissions.c.status == "final")
        with self._engine.connect() as connection:
            numbers = connection.execute(query.order_by(t.submissions.c.block_number.desc())).scalars().all()
        for number in numbers:
            done = select(t.outbox.c.request).where(t.outbox.c.submission == number, t.outbox.c.status == "done")
            with self._engine.connect() as connection:
                requests = list(connection.execute(done).scalars())
            yield number, requests

    def reopen(self, submissions: Sequence[int]) -> None:
        """The chain lost the blocks of these: they're to be sent again, byte for byte. What it told since is told anew
        where it has not been told yet."""
        with self._engine.begin() as connection:
            for number in submissions:
                mine = t.outbox.c.submission == number
                touched = select(t.outbox.c.inbox_id).where(mine)
                connection.execute(
                    update(t.inbox)
                    .where(t.inbox.c.id.in_(touched), t.inbox.c.status == "settled")
                    .values(status="decided")
                )
                connection.execute(update(t.outbox).where(mine).values(status="sent", block_number=0))
                fate = update(t.submissions).where(t.submissions.c.id == number)
                connection.execute(fate.values(status="signed", block_number=0))
            self._set(connection, {"push_position": ""})

    def transfers_asked(self, native_id: str) -> list[bytes]:
        """Requests of the transfers that one of the registry's own records asked for."""
        query = select(t.outbox.c.request).where(t.outbox.c.native_id == native_id, t.outbox.c.function == "propose")
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(t.outbox.c.id)).scalars())

    def all_transfers_asked(self) -> list[tuple[bytes, str]]:
        """Every transfer that the registry's own records asked for: request and the record's native id."""
        query = select(t.outbox.c.request, t.outbox.c.native_id).where(t.outbox.c.function == "propose")
        with self._engine.connect() as connection:
            return [(row.request, row.native_id) for row in connection.execute(query)]

    # ---------------------------------------------------------------- 5 push back

    def queue(self, effects: Sequence[Effect], position: Position) -> int:
        """Effects to tell, and the position in the chain they were read up to, in one transaction."""
        with self._engine.begin() as connection:
            rows = [_effect_row(effect, self._clock()) for effect in effects]
            new = self._add(connection, t.effects, rows)
            self._set(connection, {"push_position": str(position)})
        return new

    def queued(self, limit: int) -> list[tuple[Effect, int]]:
        """Effects not yet booked, oldest first, with how often each was offered."""
        query = select(t.effects).where(t.effects.c.status == "queued").order_by(t.effects.c.id).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [(Effect.from_json(row["body"]), row["attempts"]) for row in rows]

    def offered(self, keys: Sequence[str]) -> None:
        """Notes an attempt before it's made, so that a crash in the middle leads to a look-up first."""
        with self._engine.begin() as connection:
            connection.execute(
                update(t.effects).where(t.effects.c.key.in_(keys)).values(attempts=t.effects.c.attempts + 1)
            )

    def book(self, receipts: Iterable[Receipt]) -> None:
        """What the registry answered."""
        with self._engine.begin() as connection:
            for receipt in receipts:
                connection.execute(
                    update(t.effects)
                    .where(t.effects.c.key == receipt.key)
                    .values(
                        status="booked" if receipt.accepted else "refused",
                        reference=receipt.reference,
                        reason=receipt.reason,
                    )
                )

    def to_person(self, keys: Sequence[str]) -> None:
        """Effects that a person has to book, since the registry offers neither an idempotent write nor a look-up."""
        with self._engine.begin() as connection:
            connection.execute(update(t.effects).where(t.effects.c.key.in_(keys)).values(status="person"))

    # ---------------------------------------------------------------- documents

    def undelivered(self, limit: int) -> list[tuple[bytes, bytes]]:
        """Documents the hub does not have yet: digest and canonical bytes."""
        query = (
            select(t.documents.c.digest, t.documents.c.canonical).where(t.documents.c.delivered_at == 0).limit(limit)
        )
        with self._engine.connect() as connection:
            return [(row.digest, row.canonical) for row in connection.execute(query)]

    def park(self, digest: bytes, reason: Mapping[str, Json]) -> None:
        """The hub refuses this document: it's kept with the reason, and not offered again until `offer_parked`."""
        with self._engine.begin() as connection:
            row = connection.execute(select(t.documents.c.canonical).where(t.documents.c.digest == digest)).one()
            content = json.loads(row.canonical)
            fault = {
                "source": f"document 0x{digest.hex()}",
                "field": str(content.get("kind", "")),
                "value": str(content.get("record", "")),
                "reason": str(reason.get("message", "")),
                "code": str(reason.get("error", "")),
                "seen_at": self._clock(),
            }
            self._add(connection, t.faults, [fault])
            values = {"delivered_at": _PARKED}
            connection.execute(update(t.documents).where(t.documents.c.digest == digest).values(values))

    def offer_parked(self) -> int:
        """An operator's retry: refused documents are offered again. Returns how many."""
        with self._engine.begin() as connection:
            parked = update(t.documents).where(t.documents.c.delivered_at == _PARKED)
            return connection.execute(parked.values(delivered_at=0)).rowcount

    def delivered(self, digests: Sequence[bytes]) -> None:
        """The hub has these."""
        with self._engine.begin() as connection:
            connection.execute(
                update(t.documents).where(t.documents.c.digest.in_(digests)).values(delivered_at=self._clock())
            )

    # ---------------------------------------------------------------- what an operator reads

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
            parked = select(func.count()).where(t.documents.c.delivered_at == _PARKED)
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

    # ---------------------------------------------------------------- inside

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
        statement = self._insert(table).on_conflict_do_nothing()
        return connection.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount

    @staticmethod
    def _count(connection: Connection, table: Table) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


_MARK = (
    update(t.inbox)
    .where(t.inbox.c.id == bindparam("inbox_id"))
    .values({name: bindparam(name) for name in ("status", "code", "reason", "waits_for", "decided_at")})
)

_DONE = update(t.outbox).where(t.outbox.c.id == bindparam("row")).values(status="done", block_number=bindparam("block"))


def _effect_row(effect: Effect, now: int) -> dict[str, Any]:
    return {
        "key": effect.key,
        "kind": effect.kind.value,
        "body": effect.to_json(),
        "status": "queued",
        "queued_at": now,
    }


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


def _mark(
    inbox_id: int,
    status: str,
    now: int,
    code: str = "",
    reason: Mapping[str, Json] | None = None,
    waits_for: str = "",
) -> dict[str, Any]:
    return {
        "inbox_id": inbox_id,
        "status": status,
        "code": code,
        "reason": reason,
        "waits_for": waits_for,
        "decided_at": now,
    }
