"""The outbox of relayed orders: what was accepted, what became of it. One order, one row, one effect."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from hub.chain.orders import Domain, typed_data
from hub.db import tables as t
from hub.errors import JsonValue
from hub.index.queries import Row, find, read_all
from hub.relay.incoming import SignedOrder


class RelayStatus(StrEnum):
    """Where an order stands. REFUSED and CARRIED_OUT are final, but a refused order may be handed in again."""

    QUEUED = "queued"
    SENT = "sent"
    CARRIED_OUT = "carried_out"
    REFUSED = "refused"


class Outbox:
    """Rows of `relays`. The API puts orders in, `hub.relay.sender` takes them out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accept(self, signed: SignedOrder, domain: Domain, now: int) -> tuple[Row, bool]:
        """Queues an order, once: its row, and whether it was new (or refused before, and queued again)."""
        with self._engine.begin() as connection:
            known = find(connection, t.relays, signed.id)
            if known is not None and known["status"] != RelayStatus.REFUSED:
                return known, False
            if known is not None:
                # other signatures may stand under the same order now: the ones that were checked last count
                fresh = _call(signed) | {"status": RelayStatus.QUEUED.value, "raw": None, "tx_hash": None}
                _change(connection, signed.id, now, **fresh, reason=None)
            else:
                number = connection.execute(select(func.coalesce(func.max(t.relays.c.number), 0) + 1)).scalar_one()
                row = _call(signed) | {
                    "order": signed.id,
                    "number": number,
                    "primary_type": signed.primary_type,
                    "message": typed_data(signed.order, domain)["message"],
                    "status": RelayStatus.QUEUED.value,
                    "received_at": now,
                    "changed_at": now,
                }
                connection.execute(insert(t.relays).values(row))
            stored = find(connection, t.relays, signed.id)
            assert stored is not None
            return stored, True

    def waiting(self) -> list[Row]:
        """Orders that are not final, in the order of arrival."""
        c = t.relays.c
        open_ones = c.status.in_([RelayStatus.QUEUED.value, RelayStatus.SENT.value])
        with self._engine.connect() as connection:
            return read_all(connection, select(t.relays).where(open_ones).order_by(c.number))

    def vote_of(self, ballot: str, member: int) -> tuple[int, int] | None:
        """Revision and choice of the vote of a member that stands, by the index; None where it knows of none."""
        v = t.votes.c
        query = select(v.revision, v.choice).where(v.ballot == ballot, v.member == member)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.revision, row.choice)

    def mark_sent(self, order: str, raw: bytes, tx_hash: str, now: int) -> None:
        """Keeps the signed bytes, before they are broadcast."""
        with self._engine.begin() as connection:
            _change(connection, order, now, status=RelayStatus.SENT.value, raw=raw, tx_hash=tx_hash)

    def mark_carried_out(self, order: str, now: int) -> None:
        """A block has the transaction, and it succeeded."""
        with self._engine.begin() as connection:
            _change(connection, order, now, status=RelayStatus.CARRIED_OUT.value)

    def mark_refused(self, order: str, reason: dict[str, JsonValue], now: int) -> None:
        """The chain said no: `reason` is its error in the form of `YrdhubError.to_json`."""
        with self._engine.begin() as connection:
            _change(connection, order, now, status=RelayStatus.REFUSED.value, reason=reason)

    def queue_again(self, order: str, now: int) -> None:
        """The signed bytes can never be included (another transaction took the nonce): sign anew."""
        with self._engine.begin() as connection:
            _change(connection, order, now, status=RelayStatus.QUEUED.value, raw=None, tx_hash=None)


def find_order(connection: Connection, order: str) -> Row | None:
    """The row of an order, by its EIP-712 digest."""
    return find(connection, t.relays, order)


def count_by_status(connection: Connection) -> dict[str, int]:
    """How many orders stand in each status."""
    counted = {status.value: 0 for status in RelayStatus}
    for row in connection.execute(select(t.relays.c.status, func.count().label("n")).group_by(t.relays.c.status)):
        counted[row.status] = row.n
    return counted


def _call(signed: SignedOrder) -> Row:
    return {
        "signers": list(signed.signers),
        "contract": signed.contract,
        "target": signed.target,
        "calldata": signed.calldata,
        "deadline": signed.deadline,
    }


def _change(connection: Connection, order: str, now: int, **values: Any) -> None:
    connection.execute(update(t.relays).where(t.relays.c.order == order).values(**values, changed_at=now))
