"""Who reads what. A document's audience: public, members, auditors, or member:CODE; its home member always."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from hub.chain.enums import Role
from hub.chain.orders import Domain, recover_digest
from hub.db import tables as t
from hub.documents.messages import ReadOrder, digest
from hub.errors import RecordRefused

NO_ROLE = Role(0)
LONGEST_READING = 600
"""Seconds that a reading order may reach ahead."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever asks: an officer of `member` with `roles`, or the public (`member` 0)."""

    address: str = ""
    member: int = 0
    roles: Role = NO_ROLE

    @property
    def is_public(self) -> bool:
        return self.member == 0


PUBLIC = Reader()


def identify(connection: Connection, domain: Domain, order: ReadOrder, signature: bytes, now: int) -> Reader:
    """The officer who signed `order`, by the index.

    Raises RecordRefused: `reading_expired`, `reading_too_long`, `reader_differs` (another key signed), `reader_unknown`
    (no officer now), or what `recover_digest` raises.
    """
    if order.expires <= now:
        raise _refused("the reading order has expired", "reading_expired", order.expires)
    if order.expires > now + LONGEST_READING:
        raise _refused(f"a reading order is good for {LONGEST_READING} seconds", "reading_too_long", order.expires)
    if recover_digest(digest(order, domain), signature) != order.reader:
        raise _refused("another key signed the reading order", "reader_differs", order.reader)
    officer = connection.execute(select(t.officers).where(t.officers.c.account == order.reader)).first()
    if officer is None or officer.valid_until <= now:
        raise _refused("the reader is no officer of a member", "reader_unknown", order.reader)
    return Reader(order.reader, officer.member, Role(officer.roles))


def readable_by(reader: Reader, columns: Any = None) -> ColumnElement[bool]:
    """The condition that leaves what `reader` may read: on the documents table, or on other `columns` that have
    `audience` and the home `member`."""
    c = t.documents.c if columns is None else columns
    if reader.is_public:
        return c.audience == "public"
    allowed = [c.audience.in_(["public", "members", f"member:{reader.member}"]), c.member == reader.member]
    if reader.roles & Role.AUDITOR:
        allowed.append(c.audience == "auditors")
    return or_(*allowed)


def _refused(message: str, code: str, value: object) -> RecordRefused:
    return RecordRefused(message, code=code, field="Authorization", value=value, remedy="sign a new ReadOrder")
