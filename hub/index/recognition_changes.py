"""What became of recognitions, as an adapter asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, or_, select, tuple_

from hub.db import tables as t
from mutual_recognition.books import Position, RecognitionChange

_ONCE = 500


def changes(connection: Connection, member: int, after: Position) -> Iterator[RecognitionChange]:
    """Recognitions that `member` gave, or that were given to what is its own, since `after`, in order."""
    e = t.recognition_events.c
    position = after
    while True:
        # the parts of a log that is among the happenings of serials are no concern here: a log is one or the other
        beyond = tuple_(e.block_number, e.log_index) > (position.block_number, position.log_index)
        query = (
            select(t.recognition_events, *_TERMS)
            .outerjoin(t.terms, t.terms.c.terms == e.terms)
            .where(beyond, or_(e.member == member, e.home == member))
            .order_by(e.block_number, e.log_index)
            .limit(_ONCE)
        )
        rows = connection.execute(query).all()
        for row in rows:
            position = Position(row.block_number, row.log_index, 0)
            yield _change(row, position, row.event, row.home, bytes.fromhex(row.cause[2:]), row.block_time)
        if len(rows) < _ONCE:
            return


def lapsed(connection: Connection, member: int, after: int, until: int) -> Sequence[RecognitionChange]:
    """Standing recognitions of `member`, or of what is its own, whose terms ended in (`after`, `until`]."""
    r, terms = t.recognitions.c, t.terms.c
    query = (
        select(r.subject, r.member, r.home, r.terms, *_TERMS)
        .join(t.terms, terms.terms == r.terms)
        .where(r.revoked == 0, or_(r.member == member, r.home == member))
        .where(terms.valid_until > after, terms.valid_until <= until)
        .order_by(terms.valid_until, r.terms)
    )
    nowhere = Position(0, 0, 0)
    return [_change(row, nowhere, "lapsed", row.home, bytes(32), row.valid_until) for row in connection.execute(query)]


_TERMS = (t.terms.c.factor_ppm, t.terms.c.uses, t.terms.c.valid_from, t.terms.c.valid_until)


def _change(row: Any, position: Position, event: str, home: int, cause: bytes, at: int) -> RecognitionChange:
    return RecognitionChange(
        position=position,
        event=event,
        subject=bytes.fromhex(row.subject[2:]),
        home=home,
        member=row.member,
        terms=row.terms,
        factor_ppm=row.factor_ppm or 0,
        uses=row.uses or 0,
        valid_from=row.valid_from or 0,
        valid_until=row.valid_until or 0,
        cause=cause,
        block_time=at,
    )
