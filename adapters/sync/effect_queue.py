"""Step 5: what the registry is to be told, what it answered, and what a person books because it cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update

from adapters.protocol import Effect, Receipt
from adapters.sync import tables as t
from adapters.sync.journal_store import JournalStore, effect_row
from mutual_recognition.books import Position


class EffectQueue(JournalStore):
    """Effects on their way to the registry."""

    def queue(self, effects: Sequence[Effect], position: Position) -> int:
        """Effects to tell, and the position in the chain they were read up to, in one transaction."""
        with self._engine.begin() as connection:
            rows = [effect_row(effect, self._clock()) for effect in effects]
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
