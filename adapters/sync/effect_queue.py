"""Step 5: what the registry is to be told, what it answered, and what a person books because it cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, or_, select, update

from adapters.protocol import Effect, EffectKind, Receipt
from adapters.sync import tables as t
from adapters.sync.journal_store import JournalStore, effect_row
from hub.errors import RecordRefused
from mutual_recognition.books import Position

MOST_UNANSWERED = 12
"""Offers without an answer, of a registry that was there, after which an effect waits for the operator (two hours)."""

_AT_ONCE = 2
_FIRST_WAIT = 10
_LONGEST_WAIT = 3_600

SET_ASIDE = "needless"
"""Status of an effect that is not told: what it would undo was never booked."""

BY_HAND = ("person", "refused", "unanswered")
"""Statuses of effects that a person may book."""


@dataclass(frozen=True, slots=True)
class Task:
    """An effect that a person has to book. `why`: what the registry said, or "" where it cannot be told at all."""

    effect: Effect
    status: str
    why: str
    since: int


class EffectQueue(JournalStore):
    """Effects on their way to the registry. What concerns one transfer or hold is told in the order it happened."""

    def queue(self, effects: Sequence[Effect], position: Position, **facts: str) -> int:
        """Effects to tell, and the position in the chain they were read up to, in one transaction."""
        with self._engine.begin() as connection:
            rows = [effect_row(effect, self._clock()) for effect in effects]
            new = self._add(connection, t.effects, rows)
            self._set(connection, {"push_position": str(position)} | facts)
        return new

    def queued(self, limit: int) -> list[tuple[Effect, int]]:
        """Effects to offer now, oldest first, with how often each was offered before.

        What the registry left unanswered comes alone, after everything else, so that one effect that it chokes on
        keeps no other waiting; what follows it on the same transfer or hold waits for it.
        """
        e, now = t.effects.c, self._clock()
        earlier = t.effects.alias("earlier")
        stuck = or_(earlier.c.status == "unanswered", and_(earlier.c.status == "queued", earlier.c.unanswered > 0))
        behind = select(earlier.c.id).where(e.about != "", earlier.c.about == e.about, earlier.c.id < e.id, stuck)
        due = select(t.effects).where(e.status == "queued", e.next_attempt_at <= now, ~behind.exists())
        with self._reading.connect() as connection:
            rows = connection.execute(due.where(e.unanswered == 0).order_by(e.id).limit(limit)).mappings().all()
            if not rows:
                alone = due.where(e.unanswered > 0).order_by(e.unanswered, e.id).limit(1)
                rows = connection.execute(alone).mappings().all()
        return [(Effect.from_json(row["body"]), row["attempts"]) for row in rows]

    def awaiting_answer(self, limit: int) -> list[str]:
        """Keys of effects that were offered and are not offered again yet: a look-up may find them booked by now."""
        e = t.effects.c
        waiting = and_(e.status == "queued", e.attempts > 0, e.next_attempt_at > self._clock())
        with self._reading.connect() as connection:
            return list(connection.execute(select(e.key).where(waiting).order_by(e.id).limit(limit)).scalars())

    def offered(self, keys: Sequence[str]) -> None:
        """Notes an attempt before it's made, so that a crash in the middle leads to a look-up first."""
        with self._engine.begin() as connection:
            connection.execute(
                update(t.effects).where(t.effects.c.key.in_(keys)).values(attempts=t.effects.c.attempts + 1)
            )

    def unanswered(self, keys: Sequence[str], why: str) -> None:
        """The registry was there and gave these no answer: they are offered again later, each time after longer, and
        after `MOST_UNANSWERED` times wait for the operator."""
        e, now = t.effects.c, self._clock()
        with self._engine.begin() as connection:
            query = select(e.id, e.unanswered).where(e.key.in_(keys), e.status == "queued")
            marks = []
            for row in connection.execute(query):
                times = row.unanswered + 1
                status = "unanswered" if times >= MOST_UNANSWERED else "queued"
                marks.append({"row": row.id, "times": times, "at": now + wait_after(times), "now": status, "why": why})
            if marks:
                connection.execute(_UNANSWERED, marks)

    def set_aside(self) -> int:
        """The end of a transfer that the registry, or a person, refused to be told of concerns nobody there: it is not
        offered, and where it was refused too, it is no second thing to settle. Returns how many.

        Where the announcement is told again (`offer_again`), its end comes after it.
        """
        e = t.effects.c
        announced = t.effects.alias("announced")
        refused = select(announced.c.id).where(
            announced.c.about == e.about,
            announced.c.kind == EffectKind.TRANSFER_INCOMING.value,
            announced.c.status == "refused",
            announced.c.id < e.id,
        )
        ended = and_(e.kind == EffectKind.TRANSFER_ENDED.value, e.about != "", refused.exists())
        waiting = or_(e.status == "queued", and_(e.status == "refused", e.settled_at == 0))
        values = {"status": SET_ASIDE, "reason": "the transfer was refused when it was announced, and has ended"}
        with self._engine.begin() as connection:
            return connection.execute(update(t.effects).where(ended, waiting).values(values)).rowcount

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

    # ---------------------------------------------------------------- by a person

    def to_person(self, keys: Sequence[str]) -> None:
        """Effects that a person has to book, since the registry offers neither an idempotent write nor a look-up."""
        with self._engine.begin() as connection:
            connection.execute(update(t.effects).where(t.effects.c.key.in_(keys)).values(status="person"))

    def complete(self, effects: Iterable[Effect]) -> None:
        """Keeps effects with the names that were not known when they were queued: a person reads them here."""
        with self._engine.begin() as connection:
            for effect in effects:
                connection.execute(update(t.effects).where(t.effects.c.key == effect.key).values(body=effect.to_json()))

    def todo(self) -> list[Task]:
        """What a person has to book, oldest first: what the registry can't be told, refused, or left unanswered."""
        e = t.effects.c
        query = select(t.effects).where(e.status.in_(BY_HAND), e.settled_at == 0).order_by(e.id)
        with self._reading.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Task(Effect.from_json(row["body"]), row["status"], row["reason"], row["queued_at"]) for row in rows]

    def refused_effects(self) -> Iterator[Mapping[str, Any]]:
        """Effects that the registry, or a person, refused, or that stayed unanswered; oldest first."""
        e = t.effects.c
        query = select(t.effects).where(e.status.in_(("refused", "unanswered"))).order_by(e.id)
        with self._reading.connect() as connection:
            yield from (dict(row) for row in connection.execute(query).mappings().all())

    def booked(self) -> list[str]:
        """Keys of everything that the registry, or a person, said is booked; oldest first."""
        e = t.effects.c
        with self._reading.connect() as connection:
            return list(connection.execute(select(e.key).where(e.status == "booked").order_by(e.id)).scalars())

    def task(self, key: str) -> Task:
        """One of them. Raises RecordRefused: `effect_unknown`, or `effect_settled` for one that was dealt with."""
        with self._reading.connect() as connection:
            row = connection.execute(select(t.effects).where(t.effects.c.key == key)).mappings().first()
        return _task(key, row)

    def settle_by_hand(self, key: str, *, by: str, reference: str = "", reason: str = "") -> None:
        """A person booked an effect (`reference`: what the registry calls the booking), or refuses it (`reason`).

        Once: raises what `task` does for an effect that somebody dealt with.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            row = connection.execute(select(t.effects).where(t.effects.c.key == key)).mappings().first()
            _task(key, row)
            values: dict[str, Any] = {"settled_by": by, "settled_at": now, "reason": reason, "reference": reference}
            values["status"] = "refused" if reason else "booked"
            connection.execute(update(t.effects).where(t.effects.c.key == key).values(values))

    def offer_again(self, keys: Sequence[str] | None = None) -> int:
        """An operator's retry: effects that were refused or left unanswered (all, or these) are told anew, from the
        first attempt on. Returns how many."""
        e = t.effects.c
        where: ColumnElement[bool] = e.status.in_(("refused", "unanswered"))
        if keys is not None:
            where = and_(where, e.key.in_(keys))
        values = {"status": "queued", "unanswered": 0, "next_attempt_at": 0, "settled_by": "", "settled_at": 0}
        with self._engine.begin() as connection:
            abouts = select(e.about).where(where, e.kind == EffectKind.TRANSFER_INCOMING.value)
            again = list(connection.execute(abouts).scalars())
            ends = update(t.effects).where(e.status == SET_ASIDE, e.about.in_(again))
            connection.execute(ends.values(status="queued", reason=""))
            return connection.execute(update(t.effects).where(where).values(values)).rowcount


_UNANSWERED = (
    update(t.effects)
    .where(t.effects.c.id == bindparam("row"))
    .values(
        unanswered=bindparam("times"),
        next_attempt_at=bindparam("at"),
        status=bindparam("now"),
        reason=bindparam("why"),
    )
)


def wait_after(times: int) -> int:
    """Seconds until an effect that stayed unanswered so often is offered again: none, none, 10, 20, 40 ... an hour."""
    return 0 if times <= _AT_ONCE else min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (times - _AT_ONCE - 1))


def _task(key: str, row: RowMapping | None) -> Task:
    if row is not None and row["status"] in BY_HAND and not row["settled_at"]:
        return Task(Effect.from_json(row["body"]), row["status"], row["reason"], row["queued_at"])
    if row is None:
        raise RecordRefused(
            "no effect has this key",
            code="effect_unknown",
            field="KEY",
            value=key,
            remedy="take a key from `yrdhub sync todo`",
        )
    if not row["settled_at"]:
        told = "the registry has it" if row["status"] == "booked" else "it is being told by itself"
        raise RecordRefused(f"nothing is to be done by hand: {told}", code="effect_settled", field="KEY", value=key)
    word = "booked" if row["status"] == "booked" else "refused"
    raise RecordRefused(
        f"{row['settled_by']} {word} this before",
        code="effect_settled",
        field="KEY",
        value=key,
        remedy="nothing, where that was right; a refusal is taken back with `yrdhub sync retry NAME KEY`",
    )
