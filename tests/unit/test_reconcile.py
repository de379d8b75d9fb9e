"""Reconciliation without a chain: a registry's books against an index's tables and a journal as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from adapters.protocol import Effect, EffectKind, Holding, NativeRecord, Page, Receipt
from adapters.sync.city_holdings import CityHoldings
from adapters.sync.engine import PassReport
from adapters.sync.journal import Decision, Journal
from adapters.sync.plan import HeldBack
from adapters.sync.reconcile import Reconciler, Result
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.index.chain_holdings import IndexHoldings
from hub.index.holdings import update_holdings
from hub.index.rows import Rows
from mutual_recognition.books import Position
from mutual_recognition.documents import MAX_BYTES
from mutual_recognition.holdings import CONTRADICTION
from mutual_recognition.holdings_tree import Place, Run, Tree, build, joined, member_root
from mutual_recognition.identifiers import series_id
from mutual_recognition.reconciliation import Cause, Status, Total, stage_of
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from mutual_recognition.unit_blocks import BlockStatus
from tests.integration.folder_registry import REGISTRY, FolderRegistry

MEMBER, OTHER = 310000, 320500
NAME = SeriesName(member=MEMBER, registry=REGISTRY, code="S")
SERIES = series_id(MEMBER, REGISTRY, "S")
HEX = "0x" + SERIES.hex()


class Books(FolderRegistry):
    """The folder registry with books of serials: each reading gives the next of `readings`, the last for ever."""

    readings: list[list[Holding]]

    def holdings(self) -> Iterable[Holding]:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


class Names:
    """A directory that knows nothing: the books name their series themselves."""

    def series_name(self, series: bytes) -> tuple[str, str] | None:
        return None

    def subject_name(self, subject: bytes) -> Any:
        return None


def line(first: int, last: int, status: str = "available", holder: int = MEMBER) -> Holding:
    return Holding(NAME, SerialRange(first, last), holder, status)


@dataclass
class World:
    """Serials 1 to 100 in ten blocks on the chain, all available at home; books and journal to be put wrong."""

    hub: Engine
    journal: Journal
    registry: Books
    folder: Path
    passes: list[PassReport] = field(default_factory=list)

    def put(self, blocks: list[tuple[int, int, BlockStatus]]) -> None:
        rows = Rows(t.PROJECTIONS)
        with self.hub.begin() as connection:
            rows.begin(connection)
            for first, last, status in blocks:
                rows.put(t.unit_blocks, block_row(first, last, status))
                rows.put(t.serial_events, event_row(first, last))
            update_holdings(rows, connection)
            rows.flush()

    def run(self, *readings: list[Holding]) -> Result:
        self.registry.readings = list(readings)
        return self.reconciler().run()

    def reconciler(self) -> Reconciler:
        @contextmanager
        def chain() -> Iterator[IndexHoldings]:
            with self.hub.connect() as connection:
                yield IndexHoldings(connection)

        def settle() -> PassReport:
            return self.passes.pop(0) if self.passes else PassReport()

        return Reconciler(
            self.registry,
            self.journal,
            Names(),
            settle,
            chain,
            folder=self.folder,
            clock=lambda: 1_700_000_000,
            patience=0,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    hub = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}", durable=False)
    t.metadata.create_all(hub)
    with hub.begin() as connection:
        zero = "0x" + "00" * 32
        ours = {"id": 1, "chain_id": 1, "genesis_hash": zero, "deployment_digest": zero, "next_block": 8}
        connection.execute(insert(t.cursor).values(ours))
        connection.execute(insert(t.blocks).values(number=7, hash=zero, parent_hash=zero, time=1_699_999_999))
    engine = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    journal = Journal(engine, lambda: 1_700_000_000)
    journal.prepare()
    found = World(hub, journal, Books(tmp_path / "registry", MEMBER), tmp_path)
    found.put([(first, first + 9, BlockStatus.AVAILABLE) for first in range(1, 100, 10)])
    yield found
    engine.dispose()
    hub.dispose()


def block_row(first: int, last: int, status: BlockStatus) -> dict[str, Any]:
    zero = "0x" + "00" * 32
    return {
        "series": HEX,
        "first": first,
        "last": last,
        "issuance": first,
        "holder": MEMBER,
        "status": status.value,
        "holds": 0,
        "factor_ppm": 1_000_000,
        "entry": 0,
        "purpose": 0,
        "compliance_year": 0,
        "beneficiary": zero,
        "transfer": zero,
        "pledged_to": "0x" + "00" * 20,
        "pledged_until": 0,
    }


def event_row(first: int, last: int) -> dict[str, Any]:
    where = {"block_number": 3, "log_index": first, "part": 0, "block_time": 5}
    what = {"series": HEX, "issuance": first, "first": first, "last": last, "event": "issued"}
    return where | what | {"member": MEMBER, "other": 0, "reference": "0x" + "11" * 32}


def tell(journal: Journal, first: int, last: int) -> str:
    """An effect on these serials, queued; its key."""
    detail: dict[str, Any] = {"holder": OTHER}
    effect = Effect(
        f"retired_elsewhere:{first}",
        EffectKind.RETIRED_ELSEWHERE,
        NAME,
        SerialRange(first, last),
        detail,
        6,
        "2026-01-01",
    )
    journal.queue([effect], Position(6, first, 0))
    return effect.key


def publish(journal: Journal, first: int, last: int) -> None:
    """A retirement of these serials, read and not yet decided."""
    payload = {"series": "S", "serials": [first, last], "purpose": "voluntary"}
    journal.ingest(Page([NativeRecord("retirement", f"R{first}", 1, payload, "records.jsonl at 1")], "1"))


def causes(result: Result) -> list[tuple[int, int, Cause]]:
    return [(one.difference.first, one.difference.last, one.cause) for one in result.findings]


ALL = [line(1, 100)]


def test_run__equal__one_comparison_and_the_result_is_kept(world: World) -> None:
    result = world.run([line(51, 100), line(1, 50)])
    assert result.status is Status.COMPLETED
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 2, 5]
    (kept,) = world.journal.results()
    assert (kept.id, kept.status, kept.block_number) == (result.id, 5, 7)
    assert [digest for digest, _ in world.journal.undelivered(9)] == [result.document.digest()]
    assert result.evidence == []


def test_run__the_difference_goes_with_the_next_look__nothing_is_wrong(world: World) -> None:
    """The registry changed while its books were read: the second look says the same as the chain."""
    assert world.run([line(1, 99)], ALL).status is Status.COMPLETED
    assert world.journal.open_disputes() == []


def test_run__while_passes_still_move_things__it_looks_again(world: World) -> None:
    world.passes = [PassReport(), PassReport(written=1), PassReport(told=1), PassReport()]
    assert world.run([line(1, 99)], [line(1, 99)], [line(1, 99)], ALL).status is Status.COMPLETED


def test_run__told_and_not_booked_yet__in_flight_and_not_in_dispute(world: World) -> None:
    tell(world.journal, 11, 14)
    world.put([(11, 14, BlockStatus.RETIRED), (15, 20, BlockStatus.AVAILABLE)])
    result = world.run(ALL)
    assert causes(result) == [(11, 14, Cause.TELLING)]
    assert (result.status, result.blocks, world.journal.open_disputes()) == (Status.COMPLETED, [], [])
    assert result.record["findings"][0]["in_flight"]


@pytest.mark.parametrize(
    ("settled", "cause"),
    [
        (lambda journal, key: journal.to_person([key]), Cause.NEVER_TOLD),
        (lambda journal, key: journal.book([Receipt(key, False, reason="账户不存在")]), Cause.REFUSED_BY_REGISTRY),
        (lambda journal, key: journal.book([Receipt(key, True, "B-1")]), Cause.MISBOOKED),
    ],
)
def test_run__what_the_registry_was_told__tells_the_causes_apart(
    world: World, settled: Callable[[Journal, str], None], cause: Cause
) -> None:
    key = tell(world.journal, 11, 14)
    settled(world.journal, key)
    world.put([(11, 14, BlockStatus.RETIRED), (15, 20, BlockStatus.AVAILABLE)])
    result = world.run(ALL)
    assert causes(result) == [(11, 14, cause)]
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    if cause is Cause.REFUSED_BY_REGISTRY:
        assert "账户不存在" in result.record["findings"][0]["in_words"]


def test_run__read_and_not_on_the_chain_yet__in_flight__held_back__in_dispute(world: World) -> None:
    publish(world.journal, 31, 33)
    books = [line(1, 30), line(31, 33, "retired"), line(34, 100)]
    assert causes(world.run(books)) == [(31, 33, Cause.REPORTING)]
    (row,) = world.journal.undecided(9)
    world.journal.decide([Decision(row.id, held=HeldBack("uses_not_permitted", "the terms do not permit it"))], {})
    result = world.run(books)
    assert causes(result) == [(31, 33, Cause.HELD_BACK)]
    assert "uses_not_permitted" in result.record["findings"][0]["in_words"]
    assert [(one.first, one.last) for one in world.journal.open_disputes(result.id)] == [(31, 33)]


def test_run__serials_that_were_never_issued__found_and_nothing_held_for_them(world: World) -> None:
    result = world.run([line(1, 110)])
    assert causes(result) == [(101, 110, Cause.NEVER_ISSUED)]
    assert result.blocks == []
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 3, 4, 99]


def test_run__only_the_blocks_with_disputed_serials__are_to_be_held(world: World) -> None:
    world.put([(41, 50, BlockStatus.RETIRED)])
    books = [line(1, 18), line(19, 22, "retired"), line(23, 40), line(41, 45, "retired"), line(46, 100)]
    result = world.run(books)
    assert [(block.first, block.last) for block in result.blocks] == [(11, 20), (21, 30)], "what has ended is not held"
    assert result.record["differing_serials"] == 9


def test_evidence__of_more_blocks_than_a_hold_takes__is_in_parts_that_cover_each_once(world: World) -> None:
    world.put([(first, first, BlockStatus.AVAILABLE) for first in range(1001, 1121)])
    result = world.run(ALL)
    parts = result.evidence
    assert [len(blocks) for _, blocks in parts] == [50, 50, 20]
    assert len({document.digest() for document, _ in parts}) == 3
    assert {digest for digest, _ in world.journal.undelivered(9)} == {
        result.document.digest(),
        *(document.digest() for document, _ in parts),
    }
    assert [block for _, blocks in parts for block in blocks] == result.blocks


def test_run__hundreds_of_ranges_differ__the_document_fits_and_counts_them_all(world: World) -> None:
    world.put([(first, first, BlockStatus.AVAILABLE) for first in range(2_001, 3_200, 2)])
    result = world.run(ALL)
    assert len(result.document.canonical()) <= MAX_BYTES
    assert result.record["differing_ranges"] == result.record["disputed_block_count"] == 600
    assert 0 < len(result.record["findings"]) <= 200
    named = [block for document, _ in result.evidence for block in document.content["blocks"]]
    assert len(set(named)) == 600


def test_close_disputes__next_version__and_the_serials_are_free(world: World) -> None:
    result = world.run([line(1, 99)])
    assert [(one.first, one.last) for one in world.journal.open_disputes()] == [(100, 100)]
    one = world.reconciler()
    world.registry.readings = [ALL]
    compared, still = one.recheck(world.journal.open_disputes(result.id))
    assert still == []
    one.close_disputes(result.id, "0xabc", compared)
    assert world.journal.open_disputes() == []
    first, second = world.journal.result(result.id)
    assert (first.status, second.status, second.version) == (99, 6, 2)
    assert second.result["confirmed"]["by"] == "0xabc"
    assert second.document != first.document


def test_two_reconciliations_in_one_second__have_names_of_their_own(world: World) -> None:
    assert world.run(ALL).id != world.run(ALL).id


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ([Total(SERIES, MEMBER, "available", 9, 10)], Status.TOTALS_INCONSISTENT),
        (
            [Total(SERIES, MEMBER, "available", 9, 10), Total(SERIES, MEMBER, "retired", 1, 0)],
            Status.TOTALS_BY_ACCOUNT_TYPE_INCONSISTENT,
        ),
        ([Total(SERIES, MEMBER, "available", 10, 10)], Status.UNIT_BLOCKS_INCONSISTENT),
        (
            # one series has one too many, another one too few: over all, the same number
            [Total(SERIES, MEMBER, "available", 9, 10), Total(bytes(12), MEMBER, "available", 11, 10)],
            Status.TOTALS_INCONSISTENT,
        ),
    ],
)
def test_stage_of(totals: list[Total], expected: Status) -> None:
    assert stage_of(totals) is expected


# -------------------------------------------------------------------- the registry's side of the tree

LINES = st.lists(
    st.tuples(
        st.integers(1, 300),
        st.integers(0, 30),
        st.sampled_from(["available", "retired", "pledged", "in_transit"]),
        st.sampled_from([MEMBER, OTHER]),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(LINES)
def test_city_holdings__any_lines_in_any_order__the_root_of_what_each_serial_is(
    drawn: list[tuple[int, int, str, int]],
) -> None:
    lines = [line(first, first + more, status, holder) for first, more, status, holder in drawn]
    seen: dict[int, list[Place]] = {}
    for one in lines:
        status = one.status if one.holder == MEMBER and one.status != "pledged" else "available"
        status = "retired" if one.status == "retired" else status
        for serial in range(one.serials.first, one.serials.last + 1):
            seen.setdefault(serial, []).append(Place(one.holder, status))
    world = {s: p[0] if len(p) == 1 else Place(MEMBER, CONTRADICTION) for s, p in seen.items()}
    top = build(joined(Run(serial, serial, world[serial]) for serial in sorted(world)), Tree())
    with CityHoldings(MEMBER, REGISTRY) as books:
        books.take(lines)
        assert books.root() == member_root(MEMBER, {} if top is None else {SERIES: top.hash()})
