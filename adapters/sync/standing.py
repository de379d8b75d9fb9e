"""What an operator reads of the journal: how full it is, what is held back and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import and_, func, or_, select

from adapters.protocol import RegistryProfile
from adapters.sync import tables as t
from adapters.sync.documents_out import DOCUMENT, PARKED
from adapters.sync.journal_store import JournalStore
from adapters.sync.tallies import rows_by_status
from mutual_recognition.sync_facts import Lag, SyncFacts

_LONGEST_WORDS = 2_000


class Standing(JournalStore):
    """Reads the journal, and changes nothing."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by status of inbox, outbox, submissions and effects; faults and undelivered documents."""
        with self._reading.connect() as connection:
            found = rows_by_status(connection)
            found["faults"] = {"all": self._count(connection, t.faults)}
            undelivered = select(func.count()).where(t.documents.c.delivered_at == 0)
            parked = select(func.count()).where(t.documents.c.delivered_at == PARKED)
            found["documents"] = {
                "undelivered": int(connection.execute(undelivered).scalar_one()),
                "refused": int(connection.execute(parked).scalar_one()),
            }
        return found

    def sync_facts(self, profile: RegistryProfile) -> SyncFacts:
        """The four facts and the counts of now, as everybody is told them."""
        counts = self.counts()
        attempt, success = self.get("registry_attempt_at"), self.get("registry_success_at")
        chain, reachable = self.get("chain_position"), self.get("registry_reachable")
        with self._reading.connect() as connection:
            by_code = select(t.inbox.c.code, func.count()).where(t.inbox.c.status == "held").group_by(t.inbox.c.code)
            held = dict(connection.execute(by_code).tuples().all())
            waiting = or_(
                t.inbox.c.status.in_(("new", "decided")), and_(t.inbox.c.status == "held", t.inbox.c.waits_for != "")
            )
            records = connection.execute(
                select(func.count().label("n"), func.min(t.inbox.c.received_at).label("since")).where(waiting)
            ).one()
            untold = t.effects.c.status.in_(("queued", "person", "unanswered"))
            effects = connection.execute(
                select(func.count().label("n"), func.min(t.effects.c.queued_at).label("since")).where(untold)
            ).one()
            for_good = and_(t.inbox.c.status == "held", t.inbox.c.waits_for == "")
            kept = connection.execute(select(func.count()).where(for_good)).scalar_one()
            unread = connection.execute(
                select(func.count()).where(~t.faults.c.source.startswith(DOCUMENT + "0x"))
            ).scalar_one()
        refused = counts["effects"].get("refused", 0) + counts["effects"].get("unanswered", 0)
        return SyncFacts(
            member=profile.member,
            registry=profile.registry,
            at=self._clock(),
            reachable={"yes": True, "no": False}.get(reachable),
            last_attempt_at=int(attempt) if attempt else None,
            last_success_at=int(success) if success else None,
            lag=Lag(
                oldest_record_at=records.since,
                records=records.n,
                oldest_effect_at=effects.since,
                effects=effects.n,
            ),
            chain_block=int(chain) if chain else None,
            inbox=counts["inbox"],
            outbox=counts["outbox"],
            effects=counts["effects"],
            documents=counts["documents"],
            unreadable=unread,
            held=held,
            dead_letters=kept + unread + refused + counts["documents"]["refused"],
            todo=counts["effects"].get("person", 0),
            trouble=self.get("registry_trouble")[:_LONGEST_WORDS],
            cursor=self.get("read_cursor")[:_LONGEST_WORDS],
        )

    def kept_back(self) -> dict[str, int]:
        """How many things `all_held` lists, by family: held records, what could not be read, effects that were refused
        or left unanswered, documents that the hub refused."""
        counts = self.counts()
        effects, documents = counts["effects"], counts["documents"]["refused"]
        return {
            "record": counts["inbox"].get("held", 0),
            "unreadable": counts["faults"]["all"] - documents,
            "effect": effects.get("refused", 0) + effects.get("unanswered", 0),
            "document": documents,
        }

    def held_as(self, code: str, waits_for: str) -> int:
        """How many records are held under a code and wait for this."""
        same = and_(t.inbox.c.status == "held", t.inbox.c.code == code, t.inbox.c.waits_for == waits_for)
        with self._reading.connect() as connection:
            return int(connection.execute(select(func.count()).where(same)).scalar_one())

    def untold(self) -> int:
        """How many effects wait to be offered."""
        with self._reading.connect() as connection:
            return int(connection.execute(select(func.count()).where(t.effects.c.status == "queued")).scalar_one())

    def held(self) -> Iterator[Mapping[str, Any]]:
        """Held records with their reasons, oldest first."""
        columns = [
            t.inbox.c[name] for name in ("id", "kind", "native_id", "version", "source", "code", "reason", "waits_for")
        ]
        query = select(*columns).where(t.inbox.c.status == "held").order_by(t.inbox.c.id)
        with self._reading.connect() as connection:
            yield from (dict(row) for row in connection.execute(query).mappings().all())

    def faults(self) -> Iterator[Mapping[str, Any]]:
        """What could not be read, oldest first."""
        with self._reading.connect() as connection:
            rows = connection.execute(select(t.faults).order_by(t.faults.c.id)).mappings().all()
        yield from (dict(row) for row in rows)
