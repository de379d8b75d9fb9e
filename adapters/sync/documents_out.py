"""Documents on their way to the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, select, update

from adapters.sync import tables as t
from adapters.sync.journal_store import JournalStore
from mutual_recognition.documents import Json

PARKED = -1
"""`delivered_at` of a document that the hub refused."""


DOCUMENT = "document "


def document_source(digest: bytes) -> str:
    """How `faults` names the document that the hub refused."""
    return f"{DOCUMENT}0x{digest.hex()}"


class DocumentsOut(JournalStore):
    """What the chain only hashes, until the hub has it."""

    def undelivered(self, limit: int) -> list[tuple[bytes, bytes]]:
        """Documents the hub does not have yet: digest and canonical bytes."""
        query = (
            select(t.documents.c.digest, t.documents.c.canonical).where(t.documents.c.delivered_at == 0).limit(limit)
        )
        with self._reading.connect() as connection:
            return [(row.digest, row.canonical) for row in connection.execute(query)]

    def park(self, digest: bytes, reason: Mapping[str, Json]) -> None:
        """The hub refuses this document: it's kept with the reason, and not offered again until `offer_parked`."""
        with self._engine.begin() as connection:
            row = connection.execute(select(t.documents.c.canonical).where(t.documents.c.digest == digest)).one()
            content = json.loads(row.canonical)
            fault = {
                "source": document_source(digest),
                "field": str(content.get("kind", "")),
                "value": str(content.get("record", "")),
                "reason": str(reason.get("message", "")),
                "code": str(reason.get("error", "")),
                "seen_at": self._clock(),
            }
            self._add(connection, t.faults, [fault])
            values = {"delivered_at": PARKED}
            connection.execute(update(t.documents).where(t.documents.c.digest == digest).values(values))

    def offer_parked(self, digests: Sequence[bytes] | None = None) -> int:
        """An operator's retry: refused documents (all, or these) are offered again. Returns how many."""
        d, source = t.documents.c, t.faults.c.source
        parked, told = d.delivered_at == PARKED, source.startswith(DOCUMENT + "0x")
        if digests is not None:
            parked = and_(parked, d.digest.in_(digests))
            told = source.in_([document_source(digest) for digest in digests])
        with self._engine.begin() as connection:
            count = connection.execute(update(t.documents).where(parked).values(delivered_at=0)).rowcount
            connection.execute(t.faults.delete().where(told))
        return count

    def delivered(self, digests: Sequence[bytes]) -> None:
        """The hub has these."""
        with self._engine.begin() as connection:
            connection.execute(
                update(t.documents).where(t.documents.c.digest.in_(digests)).values(delivered_at=self._clock())
            )
