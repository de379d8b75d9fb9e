"""Four sandbox registries, each a process of its own, on one chain: a world that is set on fire again and again.

Every pass of a sync runs in a process of its own, as `yrdhub sync run` does, and may be killed at any point. A clerk at
Hefei works the list off, since that registry is told by people.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from adapters.protocol import Holding, RegistryAdapter, SeesBookings, WritesInstructions
from adapters.sandbox.process import SandboxProcess
from adapters.sync.city_holdings import CityHoldings
from adapters.sync.effect_queue import Task
from adapters.sync.engine import PassReport, SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.reconcile import Result
from hub.bootstrap import OpenIndex, open_sync
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.keys import LocalSigner
from hub.commands.reconciling import open_reconciler
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.errors import RecordRefused, RetryLater
from hub.index.holdings import root_of
from hub.index.queries_totals import balance
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.adapters.city_registries import (
    HANGZHOU,
    HEFEI,
    REGISTRY,
    SHANGHAI,
    SUZHOU,
    hangzhou_adapter,
    hefei_adapter,
    shanghai_adapter,
    suzhou_adapter,
)
from tests.integration.consortium import ASSET_KEY, CDM, Hub, found_hub, opened
from tests.integration.interruptions import break_at, kill

MEMBERS: Final = {"shanghai": SHANGHAI, "suzhou": SUZHOU, "hangzhou": HANGZHOU, "hefei": HEFEI}
EVENT: Final = {"shanghai": "03", "suzhou": "ZH-HD", "hangzhou": "2102", "hefei": "大型活动碳中和"}
"""Each registry's own code for carbon neutrality of an event."""
_IMPATIENT: Final[Mapping[str, Mapping[str, Any]]] = {
    "shanghai": {"read_seconds": 1.0, "attempts": 2, "longest_wait": 1, "page_size": 20},
    "suzhou": {"patience": 1.0, "answer_seconds": 3.0, "page_size": 20},
    "hangzhou": {"statement_seconds": 1, "operation_seconds": 4, "answer_seconds": 2, "page_size": 20},
    "hefei": {"page_size": 20},
}
_OPEN: Final[Mapping[str, Callable[..., RegistryAdapter]]] = {
    "shanghai": shanghai_adapter,
    "suzhou": suzhou_adapter,
    "hangzhou": hangzhou_adapter,
    "hefei": hefei_adapter,
}
_HERE: Final = {
    "available": "available",
    "locked": "in_transit",
    "pending": "pending",
    "retired": "retired",
    "cut": "cancelled",
    "corrected": "cancelled",
    "cancelled": "cancelled",
}
_AWAY: Final = {"transferred_out": "available", "retired_elsewhere": "retired", "cancelled_elsewhere": "cancelled"}
_QUIET_ROUNDS_AT_MOST = 30
_A_WHILE = 0.5


@dataclass(frozen=True, slots=True)
class Breaking:
    """Where a pass is killed: `step`, `when`, `nth` as `interruptions.break_at` has them, or after some seconds."""

    step: str = ""
    when: str = "before"
    nth: int = 1
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class PassAsked:
    """What a process needs to make one pass of a city."""

    folder: str
    rpc_url: str
    city: str
    secret: str
    journal: str
    breaking: Breaking = field(default_factory=Breaking)


@dataclass(frozen=True, slots=True)
class PassMade:
    """What came of a pass: killed; not started, and why; or its report."""

    killed: bool = False
    refused: str = ""
    report: PassReport = field(default_factory=PassReport)


@dataclass
class CityOffice:
    """One city: its registry's process, its sync's journal, its key, and its clerk."""

    name: str
    world: CityWorld
    process: SandboxProcess
    signer: LocalSigner
    journal_file: Path
    verification: str = ""

    @property
    def member(self) -> int:
        return MEMBERS[self.name]

    @property
    def home(self) -> Path:
        return self.process.home

    def adapter(self) -> RegistryAdapter:
        """The city's adapter on its registry, opened anew."""
        return _adapter(self.name, self.process)

    def operate(self, operation: str, **fields: Any) -> dict[str, Any]:
        """What the city's own staff does. Raises RegistryRefusal."""
        answer: dict[str, Any] = self.process.control(operation, **fields)
        return answer

    def publish(self) -> None:
        """Whatever the registry does by and by, it does now."""
        if self.name != "shanghai":
            self.process.control("publish")

    def lines(self, status: str = "available", *, home: int = 0) -> list[dict[str, Any]]:
        """Lines of the registry's own books in a status, of serials of `home` (0: any)."""
        lines: list[dict[str, Any]] = self.process.holdings()["holdings"]
        return [one for one in lines if one["status"] == status and (not home or int(one["home_member"]) == home)]

    # ------------------------------------------------------------ its sync

    def sync(self) -> PassReport:
        """One pass in this process, everything opened anew, over what the registry has published by now."""
        self.publish()
        return self.sync_as_it_is()

    def sync_as_it_is(self) -> PassReport:
        """One pass in this process, whether the registry can publish or not."""
        with closing(self.adapter()) as adapter, self._open(adapter) as (engine, _):
            return engine.run_once()

    def pass_in_a_process(self, breaking: Breaking | None = None) -> PassMade:
        """One pass in a process of its own."""
        return next(iter(self.world.passes([(self, breaking or Breaking())])))

    @contextmanager
    def _open(self, adapter: RegistryAdapter) -> Iterator[tuple[SyncEngine, Journal]]:
        with open_sync(self.world.index, adapter, self.signer, self.journal_file, asset_key=ASSET_KEY) as parts:
            yield parts

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """Its journal, to look into."""
        engine = open_engine(f"sqlite:///{self.journal_file}")
        try:
            journal = Journal(engine, lambda: int(time.time()))
            journal.prepare()
            yield journal
        finally:
            engine.dispose()

    def held(self) -> dict[str, str]:
        """Why records are held: code by native id."""
        with self.journal() as journal:
            return {
                row["native_id"]: str((row["reason"] or {}).get("chain_error") or row["code"]) for row in journal.held()
            }

    def reconcile(self) -> Result:
        """As `yrdhub reconcile` does it."""
        self.publish()
        with closing(self.adapter()) as adapter, self._open(adapter) as (engine, journal):
            return open_reconciler(self.world.index, adapter, engine, journal, patience=0.3).run()

    def no_waits(self) -> None:
        """The clock moved on: whatever was to be offered again later is due now."""
        if not self.journal_file.exists():
            return
        with closing(sqlite3.connect(self.journal_file, timeout=30)) as database, database:
            database.execute("UPDATE effects SET next_attempt_at = 0")

    # ------------------------------------------------------------ its clerk

    def work_list_off(self) -> int:
        """The clerk types what is on the work list and says so; returns how many items that was."""
        if self.name != "hefei":
            return 0
        with closing(self.adapter()) as adapter, self.journal() as journal:
            assert isinstance(adapter, WritesInstructions)
            assert isinstance(adapter, SeesBookings)
            tasks = journal.todo()
            seen = adapter.sightings([task.effect.key for task in tasks])
            done = {key: place for key, place in seen.items() if "已办" in place}  # typed before, and taken up
            for key, place in done.items():
                journal.settle_by_hand(key, by="示例经办人", reference=place)
            return len(done) + sum(
                self._booked(journal, adapter, task) for task in tasks if task.effect.key not in done
            )

    def _booked(self, journal: Journal, adapter: WritesInstructions, task: Task) -> bool:
        try:
            told = adapter.instructions(task.effect)
        except RecordRefused:  # not to be put in words yet
            return False
        answer = self.process.control("type-booking", row=told["row"])
        if answer["result"] == "已办":
            journal.settle_by_hand(str(told["key"]), by="示例经办人", reference=answer["note"])
        else:
            journal.settle_by_hand(str(told["key"]), by="示例经办人", reason=answer["note"])
        return True


@dataclass
class CityWorld:
    """The chain, its index, and the offices of the cities that run."""

    folder: Path
    hub: Hub
    index: OpenIndex
    offices: dict[str, CityOffice] = field(default_factory=dict)

    def passes(self, asked: Sequence[tuple[CityOffice, Breaking]]) -> list[PassMade]:
        """Passes at once, each in a process of its own; killed where that was asked."""
        running = []
        for office, breaking in asked:
            office.publish()
            ours, theirs = _FORKS.Pipe(duplex=False)
            words = PassAsked(
                str(self.folder),
                self.hub.node.rpc.url,
                office.name,
                SECRETS[office.name],
                str(office.journal_file),
                breaking,
            )
            process = _FORKS.Process(target=_make_pass, args=(words, theirs), daemon=True)
            process.start()
            theirs.close()
            running.append((process, ours, breaking))
        made = []
        for process, ours, breaking in running:
            if breaking.after:
                process.join(breaking.after)
                if process.is_alive():
                    os.kill(process.pid or 0, signal.SIGKILL)
            made.append(_outcome(ours))
            process.join(60)
            assert not process.is_alive(), "a pass did not end"
            process.close()
        return made

    def until_quiet(self, offices: Sequence[CityOffice]) -> int:
        """Passes of each city in turn, and the clerk's work, until a round finds nothing to do; how many rounds."""
        for number in range(1, _QUIET_ROUNDS_AT_MOST + 1):
            quiet = True
            trouble: list[str] = []
            for office in offices:
                office.no_waits()
                report = office.sync()
                trouble += report.trouble
                booked = office.work_list_off()
                quiet = quiet and not (report.read or report.written or report.told or booked or report.trouble)
            if quiet:
                return number
            if trouble:
                time.sleep(_A_WHILE)
        raise AssertionError(f"not at rest after {_QUIET_ROUNDS_AT_MOST} rounds: {trouble}")

    # ------------------------------------------------------------ what must hold

    def assert_laws(self) -> None:
        """L1: the blocks hold what was issued. L2: per series, blocks tile the issuances: no overlap, no gap."""
        self.index.indexer.follow()
        with self.index.reader.connect() as connection:
            assert balance(connection, {}).adds_up
            b, i = t.unit_blocks.c, t.issuances.c
            blocks = connection.execute(select(b.series, b.first, b.last).order_by(b.series, b.first)).all()
            issued = connection.execute(select(i.series, i.first, i.last).order_by(i.series, i.first)).all()
        assert _tiles(blocks) == _tiles(issued)

    def assert_books_are_the_chains(self, office: CityOffice) -> None:
        """The registry's own books, as its operators see them (no adapter between), have the chain's root."""
        with self.index.reader.connect() as connection:
            on_chain = root_of(connection, office.member)[0]
        with CityHoldings(office.member, REGISTRY[office.member], self.folder) as books:
            books.take(_holdings_of_operators(office))
            assert books.root() == on_chain, f"{office.name}'s own books are not the chain's"
        assert office.process.state()["problems"] == []


SECRETS: Final = {name: ids.native_key("illustrative key", str(member)).hex() for name, member in MEMBERS.items()}
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.integration.four_cities"])


def _tiles(ranges: Sequence[Any]) -> list[tuple[str, int, int]]:
    joined: list[tuple[str, int, int]] = []
    for series, first, last in ranges:
        if joined and joined[-1][0] == series:
            assert joined[-1][2] < first, f"serials of {series} lie in two places: {joined[-1]} and {first}-{last}"
            if joined[-1][2] + 1 == first:
                joined[-1] = (series, joined[-1][1], last)
                continue
        joined.append((series, first, last))
    return joined


def _holdings_of_operators(office: CityOffice) -> Iterator[Holding]:
    for line in office.process.holdings()["holdings"]:
        home, status = int(line["home_member"]), line["status"]
        series = SeriesName(code=line["series"], member=home, registry=REGISTRY[home])
        serials = SerialRange(line["first"], line["last"])
        if status in _HERE:
            yield Holding(series, serials, office.member, _HERE[status])
        else:
            yield Holding(series, serials, int(line["member"]), _AWAY[status])


def _adapter(name: str, process: SandboxProcess) -> RegistryAdapter:
    peers = {f"{member}": REGISTRY[member] for member in REGISTRY if member != MEMBERS[name]}
    return _OPEN[name](process, peers=peers, **_IMPATIENT[name])


def _make_pass(asked: PassAsked, answer: Connection) -> None:
    """What the process of a pass does."""
    folder = Path(asked.folder)
    process = SandboxProcess(asked.city, folder / asked.city / "registry")  # type: ignore[arg-type]
    process.endpoints = json.loads((process.home / "endpoints.json").read_text())
    if asked.breaking.step:
        break_at(asked.breaking.step, asked.breaking.when, asked.breaking.nth, kill)
    signer = LocalSigner(bytes.fromhex(asked.secret))
    with Node(asked.rpc_url) as node:
        hub = Hub(node, Deployment.load(folder / "deployment.json"), {MEMBERS[asked.city]: signer})
        with (
            opened(hub, folder) as index,
            closing(_adapter(asked.city, process)) as adapter,
            open_sync(index, adapter, signer, Path(asked.journal), asset_key=ASSET_KEY) as (engine, _),
        ):
            try:
                made = PassMade(report=engine.run_once())
            except RetryLater as refused:
                made = PassMade(refused=refused.code)
    answer.send(made)


def _outcome(answer: Connection) -> PassMade:
    with answer:
        try:
            made: PassMade = answer.recv()
        except EOFError:
            return PassMade(killed=True)
    return made


@contextmanager
def open_city_world(folder: Path, cities: Sequence[str] = tuple(MEMBERS)) -> Iterator[CityWorld]:
    """A new world in `folder`: everybody recognises everybody's methodologies; much is verified, and not issued yet."""
    with ExitStack() as stack:
        chain = stack.enter_context(EmbeddedChain(folder / "chain", port=0, save_interval=600))
        node = stack.enter_context(Node(chain.rpc_url))
        hub = found_hub(node, (*MEMBERS.values(), CDM))
        hub.deployment.save(folder / "deployment.json")
        index = stack.enter_context(opened(hub, folder))
        world = CityWorld(folder, hub, index)
        for name in cities:
            process = stack.enter_context(SandboxProcess(name, folder / name / "registry"))  # type: ignore[arg-type]
            journal = folder / name / "journal.sqlite"
            world.offices[name] = CityOffice(name, world, process, hub.signers[MEMBERS[name]], journal)
        for office in world.offices.values():
            office.sync()
            _verify_much(office)
            _recognise_everywhere(world, office)
        world.until_quiet(list(world.offices.values()))
        yield world


def _verify_much(office: CityOffice) -> None:
    project = office.process.records("project")[0]["native_id"]
    period = {"period_start": "2025-01-01", "period_end": "2025-06-30"}
    office.verification = office.operate("verify", project=project, activity_kwh="400000000", **period)["native_id"]


def _recognise_everywhere(world: CityWorld, office: CityOffice) -> None:
    others = [member for member in MEMBERS.values() if member != office.member]
    for filing in office.process.records("methodology"):
        name = ids.methodology_id(office.member, REGISTRY[office.member], filing["code"], filing["version"])
        factor = 1_000_000 if office.name in ("shanghai", "hefei") else 900_000
        world.hub.recognise(ids.subject(ids.Kind.METHODOLOGY, name), others, factorPpm=factor)
