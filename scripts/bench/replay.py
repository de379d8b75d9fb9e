"""A registry from its files to final and projected, timed, beside the ceiling that the chain itself sets.

Both run on chains that start from one saved state: the deployment. What the replay sent, as its journal kept it, is
sent again to the other chain, byte for byte.
"""

from __future__ import annotations

import shutil
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from adapters.cdm.adapter import CdmAdapter
from adapters.protocol import Effect, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from adapters.sync import tables as t
from hub.bootstrap import OpenIndex, open_sync
from hub.chain.keys import LocalSigner
from hub.db.engine import open_reading_engine
from hub.network.embedded import EmbeddedChain
from hub.replay import CDM_MEMBER, open_replay
from mutual_recognition.records import Record
from scripts.bench.bounds import Bound, Side
from scripts.bench.ceiling import measure_ceiling
from scripts.bench.memory import PeakMemory

EARLY = 5_000
"""Records after which the speed is compared with the speed over all."""

CADT_RECORDS_A_SECOND = 80
"""What Chia-Network/cadt, the nearest open registry of registries, was measured to do; for scale, not a bound."""

LEAST_OF_CEILING = 0.6
MOST_GROWTH = 1.25
"""Time per record over all, in units of the time per record over the first EARLY: linear, with room for noise."""
MOST_MEMORY = 1024.0
"""MiB."""

RECORDS = ("issuance", "voluntary_cancellation", "administrative_cancellation")
"""Kinds of rows that are counted. Parties, methodologies and projects come before them and only cost time."""

Watch = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of the replay: what was done once it was final, and when, here and at the ceiling (seconds)."""

    writes: int
    records: int
    replayed_at: float
    ceiling_at: float


@dataclass(frozen=True, slots=True)
class ReplayFigures:
    """One run. `source` says what was replayed; `foundations` are the rows before the records."""

    source: str
    illustrative: bool
    records: int
    foundations: int
    writes: int
    transactions: int
    held: int
    seconds: float
    ceiling_seconds: float
    peak_bytes: int
    growth: float | None
    growth_beside_ceiling: float | None

    @property
    def records_a_second(self) -> float:
        """Issuances and cancellations, from file to final and projected; reading the files included."""
        return self.records / self.seconds

    def bounds(self) -> list[Bound]:
        """What has to hold. Growth is left out where there were too few records to see any."""
        bounds = [Bound("replay / ceiling", self.ceiling_seconds / self.seconds, Side.AT_LEAST, LEAST_OF_CEILING)]
        for name, growth in (
            (f"time per record, all / first {EARLY:,}", self.growth),
            ("the same, in units of the ceiling's", self.growth_beside_ceiling),
        ):
            if growth is not None:
                bounds.append(Bound(name, growth, Side.AT_MOST, MOST_GROWTH, " x"))
        bounds.append(Bound("hub and adapter, peak memory", self.peak_bytes / 2**20, Side.AT_MOST, MOST_MEMORY, " MiB"))
        return bounds

    def to_json(self) -> dict[str, object]:
        """As --json prints it."""
        return {
            "source": self.source,
            "illustrative": self.illustrative,
            "records": self.records,
            "foundations": self.foundations,
            "writes": self.writes,
            "transactions": self.transactions,
            "held": self.held,
            "seconds": round(self.seconds, 2),
            "ceiling_seconds": round(self.ceiling_seconds, 2),
            "records_a_second": round(self.records_a_second, 1),
            "ceiling_records_a_second": round(self.records / self.ceiling_seconds, 1),
            "writes_a_second": round(self.writes / self.seconds, 1),
            "ceiling_writes_a_second": round(self.writes / self.ceiling_seconds, 1),
            "cadt_records_a_second": CADT_RECORDS_A_SECOND,
            "peak_mib": round(self.peak_bytes / 2**20, 1),
        }


class FirstRecords:
    """An adapter that gives no more than the first `most` records of another, and all that come before them."""

    def __init__(self, adapter: CdmAdapter, most: int) -> None:
        self._adapter = adapter
        self._left = most

    @property
    def profile(self) -> RegistryProfile:
        return self._adapter.profile

    def health(self) -> Health:
        return self._adapter.health()

    def read(self, cursor: str) -> Iterator[Page]:
        # a pass reads again and again until nothing comes: what was given counts from one reading to the next
        for page in self._adapter.read(cursor) if self._left else ():
            records = [record for record in page.records if record.kind in RECORDS]
            beyond = {id(record) for record in records[self._left :]}
            self._left -= len(records) - len(beyond)
            yield Page([record for record in page.records if id(record) not in beyond], page.cursor, page.faults)
            if not self._left:
                return

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        return self._adapter.translate(record)

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        return self._adapter.push(effects)

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        return self._adapter.lookup(keys)

    def holdings(self) -> Iterable[Holding]:
        return self._adapter.holdings()

    def close(self) -> None:
        self._adapter.close()


class _Timeline:
    """When how many writes were done."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._began = time.perf_counter()
        self._times: list[float] = []
        self._written: list[int] = []

    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage == "write":
            self._times.append(self.seconds())
            self._written.append(done)
        self._watch(stage, done, total)

    def when(self, writes: int, end: float) -> float:
        """Seconds until that many were done; the last ones are told of by the end alone."""
        at = bisect_left(self._written, writes)
        return self._times[at] if at < len(self._times) else end


def measure_replay(
    home: Path, folder: Path, most: int | None, *, illustrative: bool, watch: Watch = lambda stage, done, total: None
) -> ReplayFigures:
    """Replays the reports in `folder` (the first `most` records, or all) under `home`, then measures the ceiling.

    `home` is to be empty and is left full. Raises what a replay does.
    """
    replaying, sending = home / "replay", home / "ceiling"
    with open_replay(replaying):
        pass  # deployed, indexed, and saved as it stops
    shutil.copytree(replaying / "chain", sending / "chain")
    with open_replay(replaying) as (index, registrar):
        supervisor = EmbeddedChain(replaying).status().supervisor_pid
        with PeakMemory([supervisor] if supervisor else []) as memory:
            timeline, seconds = _replay(index, registrar, replaying / "journal.sqlite", folder, most, watch)
    journal = open_reading_engine(f"sqlite:///{replaying / 'journal.sqlite'}")
    try:
        sent = _transactions(journal)
        rows = _rows_by_kind(journal)
        ceiling = measure_ceiling(sending, [raw for raw, _, _ in sent])
    finally:
        journal.dispose()
    steps = [
        Step(writes, records, timeline.when(writes, seconds), at)
        for (_, writes, records), at in zip(sent, ceiling, strict=True)
    ]
    counted = sum(rows.get((kind, "settled"), 0) for kind in RECORDS)
    return ReplayFigures(
        source=folder.name,
        illustrative=illustrative,
        records=counted,
        foundations=sum(rows.values()) - sum(count for (kind, _), count in rows.items() if kind in RECORDS),
        writes=steps[-1].writes,
        transactions=len(steps),
        held=sum(count for (_, status), count in rows.items() if status != "settled"),
        seconds=seconds,
        ceiling_seconds=ceiling[-1],
        peak_bytes=memory.peak,
        growth=growth(steps, lambda step: step.replayed_at),
        growth_beside_ceiling=growth_beside_ceiling(steps),
    )


def _replay(
    index: OpenIndex, registrar: LocalSigner, journal_file: Path, folder: Path, most: int | None, watch: Watch
) -> tuple[_Timeline, float]:
    adapter = CdmAdapter(folder, member=CDM_MEMBER)
    bounded = adapter if most is None else FirstRecords(adapter, most)
    with open_sync(index, bounded, registrar, journal_file) as (sync, _):
        timeline = _Timeline(watch)
        sync.run_once(timeline)
        return timeline, timeline.seconds()


def _transactions(journal: Engine) -> list[tuple[bytes, int, int]]:
    """Raw bytes of every transaction that became final, in nonce order, with the writes and records done by then.

    A record is done with the last of its writes.
    """
    last = select(t.outbox.c.inbox_id, func.max(t.outbox.c.submission).label("submission")).group_by(
        t.outbox.c.inbox_id
    )
    done = last.subquery()
    finished = (
        select(done.c.submission, func.count())
        .join(t.inbox, t.inbox.c.id == done.c.inbox_id)
        .where(t.inbox.c.kind.in_(RECORDS))
        .group_by(done.c.submission)
    )
    carried = select(t.outbox.c.submission, func.count()).group_by(t.outbox.c.submission)
    final = select(t.submissions.c.id, t.submissions.c.raw).where(t.submissions.c.status == "final")
    with journal.connect() as connection:
        records = _pairs(connection.execute(finished))
        writes = _pairs(connection.execute(carried))
        found: list[tuple[bytes, int, int]] = []
        all_writes = all_records = 0
        for number, raw in connection.execute(final.order_by(t.submissions.c.nonce)):
            all_writes += writes[number]
            all_records += records.get(number, 0)
            found.append((raw, all_writes, all_records))
    return found


def _rows_by_kind(journal: Engine) -> dict[tuple[str, str], int]:
    """Rows of the inbox by kind and status."""
    query = select(t.inbox.c.kind, t.inbox.c.status, func.count()).group_by(t.inbox.c.kind, t.inbox.c.status)
    with journal.connect() as connection:
        return {(kind, status): count for kind, status, count in connection.execute(query)}


def _pairs(rows: Iterable[Any]) -> dict[int, int]:
    return {int(key): int(value) for key, value in rows}


def growth(steps: Sequence[Step], clock: Callable[[Step], float]) -> float | None:
    """Time per record over all records, in units of that over the first EARLY; None with fewer than 2 x EARLY.

    Counted from the transaction before the first record, so that reading the files and filing the projects, which cost
    the same however many records follow, do not hide what records cost.
    """
    if not steps or steps[-1].records < 2 * EARLY:
        return None
    begin = max((step for step in steps if step.records == 0), key=clock, default=Step(0, 0, 0.0, 0.0))
    early = next(step for step in steps if step.records >= EARLY)
    end = steps[-1]
    per_record = (clock(end) - clock(begin)) / end.records
    return per_record / ((clock(early) - clock(begin)) / early.records)


def growth_beside_ceiling(steps: Sequence[Step]) -> float | None:
    """The replay's growth in units of the ceiling's over the same transactions.

    Early records are mostly issuances and later ones mostly cancellations, which cost the chain less: this takes the
    mix, and whatever the chain itself slows down by, out of the comparison.
    """
    ours, chain = growth(steps, lambda step: step.replayed_at), growth(steps, lambda step: step.ceiling_at)
    return None if ours is None or chain is None else ours / chain
