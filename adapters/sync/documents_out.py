"""Documents on their way to the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update

from adapters.sync import tables as t
from adapters.sync.journal_store import JournalStore
from mutual_recognition.documents import Json

PARKED = -1
"""`delivered_at` of a document that the hub refused."""


class DocumentsOut(JournalStore):
    """What the chain only hashes, until the hub has it."""

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
            values = {"delivered_at": PARKED}
            connection.execute(update(t.documents).where(t.documents.c.digest == digest).values(values))

    def offer_parked(self) -> int:
        """An operator's retry: refused documents are offered again. Returns how many."""
        with self._engine.begin() as connection:
            parked = update(t.documents).where(t.documents.c.delivered_at == PARKED)
            return connection.execute(parked.values(delivered_at=0)).rowcount

    def delivered(self, digests: Sequence[bytes]) -> None:
        """The hub has these."""
        with self._engine.begin() as connection:
            connection.execute(
                update(t.documents).where(t.documents.c.digest.in_(digests)).values(delivered_at=self._clock())
            )
