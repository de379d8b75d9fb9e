"""Steps 3 and 4: planned writes, the signed transactions that carry them, and what the chain made of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, func, insert, select, update

from adapters.sync import tables as t
from adapters.sync.intake import Intake
from adapters.sync.journal_store import effect_row, mark
from adapters.sync.refusals import refusal_effects
from adapters.sync.rows import OutboxRow, Submission
from hub.chain.sending import SignedTransaction
from hub.db.engine import Prepared
from mutual_recognition.books import CarriedOut
from mutual_recognition.documents import Json


class Outbox(Intake):
    """Writes on their way to the chain."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        super().__init__(engine, clock)
        self._done = Prepared(_DONE, engine.dialect)
        self._settled = Prepared(_SETTLED, engine.dialect)

    def planned(self, limit: int) -> list[OutboxRow]:
        """Writes not yet in a transaction: registers in the order of their dependence, then as planned."""
        order = {"Methodologies": 0, "Projects": 1, "CreditLedger": 2}
        with self._reading.connect() as connection:
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
            self._mark.run_many(connection, [mark(row.inbox_id, "held", self._clock(), code, dict(reason), waits_for)])

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
        self._add(connection, t.effects, [effect_row(effect, now) for effect in effects])

    def needless(self, row: OutboxRow) -> None:
        """The chain says that a planned write has its effect without being carried out: it is done, in no block, and
        never planned again."""
        with self._engine.begin() as connection:
            mine = and_(t.outbox.c.id == row.id, t.outbox.c.status == "planned")
            connection.execute(update(t.outbox).where(mine).values(status="done"))
            self._settle(connection, [row.inbox_id])

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
        with self._reading.connect() as connection:
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
        with self._reading.connect() as connection:
            return connection.execute(query).scalar()

    def requests_of(self, submission: int) -> list[bytes]:
        """The requests that a transaction carries."""
        query = select(t.outbox.c.request).where(t.outbox.c.submission == submission, t.outbox.c.status == "sent")
        with self._reading.connect() as connection:
            return list(connection.execute(query).scalars())

    def confirm(self, submission: int, seen: Mapping[bytes, CarriedOut], fate: str) -> int:
        """Writes seen in a final block are done. `fate` of the transaction: final, failed or replaced.

        What it carried and the chain does not have goes back to be decided anew. Returns how many writes are done.
        """
        blocks = {request: carried.block_number for request, carried in seen.items()}
        block = max(blocks.values(), default=0)
        with self._engine.begin() as connection:
            mine = and_(t.outbox.c.submission == submission, t.outbox.c.status == "sent")
            rows = connection.execute(select(t.outbox.c.id, t.outbox.c.inbox_id, t.outbox.c.request).where(mine)).all()
            done = [row for row in rows if row.request in blocks]
            marks = [{"row": row.id, "block": blocks[row.request]} for row in done]
            self._done.run_many(connection, marks)
            missing = [row for row in rows if row.request not in blocks]
            if missing:
                connection.execute(t.outbox.delete().where(t.outbox.c.id.in_([row.id for row in missing])))
                connection.execute(
                    update(t.inbox).where(t.inbox.c.id.in_([row.inbox_id for row in missing])).values(status="new")
                )
            connection.execute(
                update(t.submissions).where(t.submissions.c.id == submission).values(status=fate, block_number=block)
            )
            self._settled.run_many(connection, [{"number": submission}])
        return len(done)

    def final_submissions(self) -> Iterator[tuple[int, list[bytes]]]:
        """Transactions that were final, newest block first, each with the requests that were seen there."""
        query = select(t.submissions.c.id).where(t.submissions.c.status == "final")
        with self._reading.connect() as connection:
            numbers = connection.execute(query.order_by(t.submissions.c.block_number.desc())).scalars().all()
        for number in numbers:
            done = select(t.outbox.c.request).where(t.outbox.c.submission == number, t.outbox.c.status == "done")
            with self._reading.connect() as connection:
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

    def found_done(self) -> list[tuple[int, bytes]]:
        """Writes that were found on the chain and that no transaction of this journal carries (the journal that sent
        them was lost), newest block first: row and request."""
        query = select(t.outbox.c.id, t.outbox.c.request).where(t.outbox.c.status == "done", t.outbox.c.submission == 0)
        with self._reading.connect() as connection:
            rows = connection.execute(query.order_by(t.outbox.c.block_number.desc(), t.outbox.c.id.desc())).all()
        return [(row.id, row.request) for row in rows]

    def decide_again(self, rows: Sequence[int], waits_for: str) -> None:
        """Writes that were found done and that the chain lost: their records are held until `waits_for` has come, and
        are decided anew then."""
        reason = {"message": "the chain lost the block that carried this out; it is decided anew"}
        with self._engine.begin() as connection:
            for row in rows:
                mine = t.outbox.c.id == row
                record = select(t.outbox.c.inbox_id).where(mine).scalar_subquery()
                values = mark(0, "held", self._clock(), "chain_went_back", reason, waits_for)
                del values["inbox_id"]
                connection.execute(update(t.inbox).where(t.inbox.c.id == record).values(values))
                connection.execute(t.outbox.delete().where(mine))

    def transfers_asked(self, native_id: str) -> list[bytes]:
        """Requests of the transfers that one of the registry's own records asked for."""
        query = select(t.outbox.c.request).where(t.outbox.c.native_id == native_id, t.outbox.c.function == "propose")
        with self._reading.connect() as connection:
            return list(connection.execute(query.order_by(t.outbox.c.id)).scalars())

    def registered(self) -> Iterator[str]:
        """The registry's own numbers of the projects that it registered, or is about to; newest first."""
        o = t.outbox.c
        query = select(o.native_id).where(o.contract == "Projects", o.function == "register").order_by(o.id.desc())
        with self._reading.connect() as connection:
            yield from connection.execution_options(yield_per=1_000).execute(query).scalars()

    def native_of_request(self, request: bytes) -> str | None:
        """The registry's own record that asked for a write; None where none did."""
        query = select(t.outbox.c.native_id).where(t.outbox.c.request == request)
        with self._reading.connect() as connection:
            return connection.execute(query).scalar()


_OPEN = t.outbox.alias("open")
_SETTLED = (
    update(t.inbox)
    .where(
        t.inbox.c.id.in_(select(t.outbox.c.inbox_id).where(t.outbox.c.submission == bindparam("number"))),
        t.inbox.c.status == "decided",
        ~select(_OPEN.c.id).where(_OPEN.c.inbox_id == t.inbox.c.id, _OPEN.c.status != "done").exists(),
    )
    .values(status="settled")
)
"""Records that a transaction carried writes of, and that wait for no other."""

_DONE = update(t.outbox).where(t.outbox.c.id == bindparam("row")).values(status="done", block_number=bindparam("block"))
