"""Who read what is shared: kept for three years (Shanghai Data Regulation; domain.md, "Data law"), then forgotten.

Every reading of a document that is not public is a row: who, of which member, when, how. So is every import, public or
not, since whoever imports is known. Reads of public documents are counted by the day and leave no name: whoever reads
what is for everyone owes nobody an account.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from hub.chain.enums import Role
from hub.db import tables as t
from hub.documents.audience import Reader
from hub.errors import YrdhubError
from hub.index.queries import Listing, Row
from hub.index.queries_status import position
from mutual_recognition.periods import day_number, day_utc8

log = structlog.get_logger(__name__)

KEEP_ACCESSES = 3 * 366 * 86_400
"""Seconds that an access is kept: never less than three years, whatever leap years lie in them."""

HOW = ("list", "read", "import")
"""Seen in a list or search, read whole, imported into a city's own work."""

COUNTS_WAIT = 10.0
"""Seconds that counts of public reads may wait in memory; a power cut loses as much."""

_a, _d = t.document_accesses.c, t.documents.c

_source = (
    select(
        _a.id,
        _a.at,
        _a.digest,
        _a.reader,
        _a.member,
        _a.how,
        _d.member.label("home"),
        _d.kind,
        _d.registry,
        _d.record,
        _d.version,
        _d.audience,
    )
    .join_from(t.document_accesses, t.documents, _d.digest == _a.digest)
    .subquery("accesses")
)
_columns = _source.c
LISTING = Listing(
    "accesses",
    _source,
    order=(_columns.id,),
    filters={name: _columns[name] for name in ("digest", "member", "home", "how", "kind")},
)


def visible_to(reader: Reader) -> ColumnElement[bool]:
    """The accesses that `reader` may see: to the documents of its own member; an auditor, to all."""
    if reader.roles & Role.AUDITOR:
        return true()
    return _columns.home == reader.member


class Accesses:
    """Writes accesses and counts. One for a process; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, int]] = Counter()
        self._flushed = time.monotonic()

    def note(self, reader: Reader, rows: Iterable[Row], how: str, now: int) -> None:
        """Records that `reader` was shown these documents, before they are sent, not after.

        Public ones are counted where they are read, and recorded only where they are imported.
        """
        named, counted = [], []
        for row in rows:
            if row["audience"] != "public" or how == "import":
                named.append(row["digest"])
            elif how == "read":
                counted.append(row["digest"])
        if named:
            same = {"at": now, "reader": reader.address, "member": reader.member, "how": how}
            with self._engine.begin() as connection:
                connection.execute(insert(t.document_accesses), [same | {"digest": digest} for digest in named])
        if counted:
            self._count(counted, now)

    def flush(self) -> None:
        """Writes the counts that wait."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            self._flushed = time.monotonic()
        if not counted:
            return
        with self._engine.begin() as connection:
            kind = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            for (digest, day), reads in sorted(counted.items()):
                row = kind(t.document_reads).values(digest=digest, day=day, reads=reads)
                connection.execute(
                    row.on_conflict_do_update(
                        index_elements=["digest", "day"],
                        set_={"reads": t.document_reads.c.reads + row.excluded.reads},
                    )
                )

    def forget_old(self, now: int) -> int:
        """Deletes accesses that were kept for three years at `now` (Unix seconds); returns how many rows."""
        with self._engine.begin() as connection:
            return connection.execute(delete(t.document_accesses).where(_a.at < now - KEEP_ACCESSES)).rowcount

    def prune(self, clock: int) -> int:
        """`forget_old` as of `clock` or the last projected block, whichever is earlier.

        A hub's clock that runs ahead must not shorten three years: the chain's time has to agree. Nothing is deleted
        while there is no index.
        """
        with self._engine.connect() as connection:
            chain_time = position(connection).time
        return self.forget_old(min(clock, chain_time))

    def _count(self, digests: list[str], now: int) -> None:
        day = day_number(day_utc8(datetime.fromtimestamp(now, UTC)))
        with self._lock:
            self._counted.update((digest, day) for digest in digests)
            due = time.monotonic() - self._flushed >= COUNTS_WAIT
        if due:
            self.flush()


class Retention(threading.Thread):
    """Prunes once a day while the API serves, and writes the counts that wait. `stop` ends it and writes the last."""

    def __init__(self, accesses: Accesses, clock: Callable[[], int], *, every: float = 86_400.0) -> None:
        super().__init__(name="retention", daemon=True)
        self._accesses = accesses
        self._clock = clock
        self._every = every
        self._stop_asked = threading.Event()

    def run(self) -> None:
        pruned_at = float("-inf")
        while not self._stop_asked.is_set():
            try:
                if time.monotonic() - pruned_at >= self._every:
                    self.prune()
                    pruned_at = time.monotonic()
                self._accesses.flush()
            except (YrdhubError, SQLAlchemyError) as trouble:
                log.warning("retention_waits", trouble=str(trouble))
            self._stop_asked.wait(min(self._every, COUNTS_WAIT))

    def prune(self) -> int:
        """One pass; how many records went."""
        gone = self._accesses.prune(self._clock())
        if gone:
            log.info("accesses_forgotten", rows=gone)
        return gone

    def stop(self) -> None:
        """Ends the thread, and writes what it still had to write."""
        self._stop_asked.set()
        if self.is_alive():
            self.join(timeout=30)
        self._accesses.flush()


def public_reads(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    """How often each public document was read, as far as written."""
    r = t.document_reads.c
    query = select(r.digest, func.sum(r.reads)).where(r.digest.in_(list(digests))).group_by(r.digest)
    return {digest: int(reads) for digest, reads in connection.execute(query).tuples()}
