"""The demo's world in one folder: chain, deployment, keys of four cities, their registries and syncs, one index.

It touches nothing outside its folder. Made at the first call, found again later (`yrdhub up`); registries and chain are
child processes, each ended by its own id.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.protocol import RegistryAdapter
from adapters.sandbox.postgres_server import PostgresNotRunning, stop_left_over
from adapters.sandbox.process import SandboxNotRunning, SandboxProcess
from adapters.sync.engine import PassReport, SyncEngine
from adapters.sync.journal import Journal
from hub.bootstrap import OpenIndex, open_index, open_sync
from hub.chain.connection import Node
from hub.chain.deployment import Deployment, deploy_once
from hub.chain.keys import LocalSigner
from hub.demo.adapters import configure_adapter
from hub.demo.cities import CITIES, HANGZHOU, SHANGHAI, City, Keys, Role, constitution, open_keys, read_or_make_secret
from hub.demo.clerk import work_off
from hub.errors import ConfigurationWrong, StopAndTell
from hub.network.embedded import EmbeddedChain

MARK = "demo.json"
"""Its presence says that a folder is a demo's, and may be deleted with all that is in it."""

_PASSES_AT_MOST = 20
_SHOWN_OF_LOG = 400
_STARTS_WITHIN = 120.0
"""Seconds that a sandbox may take on a busy machine; PostgreSQL makes its data folder first."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Registry:
    """A city's registry in the demo: its process, and the sync between it and the chain."""

    city: City
    process: SandboxProcess
    adapter: RegistryAdapter
    sync: SyncEngine
    journal: Journal

    def operate(self, operation: str, **fields: Any) -> dict[str, Any]:
        """What the city's own staff does at their registry. Raises RegistryRefusal."""
        answer: dict[str, Any] = self.process.control(operation, **fields)
        return answer

    def publish(self) -> None:
        """Has the registry put out at once what it would put out by itself within a fraction of a second."""
        if self.city is not SHANGHAI:  # which is asked, and needs no putting out
            self.process.control("publish")


@dataclass(slots=True)
class World:
    """Everything that a story needs, open."""

    home: Path
    chain: EmbeddedChain
    index: OpenIndex
    keys: Keys
    registries: dict[str, Registry] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        return self.index.node

    @property
    def deployment(self) -> Deployment:
        return self.index.deployment

    def key(self, city: City, role: Role) -> LocalSigner:
        """A city's key."""
        return self.keys[city.name, role]

    def sync_all(self, *, clerks: bool = True) -> dict[str, PassReport]:
        """Passes of every registry's sync, in turn, until each has had one that found nothing to do and has seen the
        chain's last block. Sums by city.

        `clerks`: what a person has to book is booked by simulated clerks after each pass; otherwise it is left on the
        work lists. Raises StopAndTell when rounds find something to do for ever.
        """
        sums = {name: PassReport() for name in self.registries}
        at_rest: dict[str, int] = {}
        for _ in range(_PASSES_AT_MOST):
            due = [name for name in self.registries if at_rest.get(name) != self.node.head().number]
            if not due:
                return sums
            for name in due:
                registry, total = self.registries[name], sums[name]
                registry.publish()
                head = self.node.head().number
                report = registry.sync.run_once()
                for counted in ("read", "faults", "written", "told", "documents"):
                    setattr(total, counted, getattr(total, counted) + getattr(report, counted))
                total.held = report.held
                total.trouble += report.trouble
                booked = work_off(registry.process, registry.adapter, registry.journal) if clerks else []
                at_rest[name] = -1 if report.read or report.written or report.told or booked else head
        raise StopAndTell(
            f"the registries and the chain are not at rest after {_PASSES_AT_MOST} rounds",
            what=", ".join(f"{name}: {report}" for name, report in sums.items()),
            remedy="report this; nothing is lost, the journals have every record",
            code="demo_restless",
        )


def remove_world(home: Path) -> None:
    """Deletes an earlier demo in `home`, its chain stopped first. Raises ConfigurationWrong for anything else."""
    if not home.exists() or not any(home.iterdir()):
        return
    if not (home / MARK).exists():
        raise ConfigurationWrong(
            "this folder holds something that is no demo, and stays as it is",
            where=str(home),
            remedy="name another folder with --home, or move this one away",
            code="not_a_demo",
        )
    with _alone(home):
        EmbeddedChain(home).stop()
        _stop_left_over(home)
        shutil.rmtree(home)


def _stop_left_over(home: Path) -> None:
    """A PostgreSQL server of a demo that was killed ends within seconds by itself; this waits for it."""
    folder = home / "registries" / HANGZHOU.name / "postgres"
    if not (folder / "data" / "postmaster.pid").exists():
        return
    try:
        stop_left_over(folder)
    except PostgresNotRunning as lives:
        raise ConfigurationWrong(
            f"an earlier demo's database still runs: {lives}",
            where=str(home),
            remedy="end that process, then start again",
            code="demo_in_use",
        ) from lives


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keeps other commands from this world meanwhile. Raises ConfigurationWrong while one has it open."""
    with (home / "world.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationWrong(
                "this demo's world is open in another command",
                where=str(home),
                remedy="end the `yrdhub up` or `yrdhub demo` that runs, or name another home with --home",
                code="demo_in_use",
            ) from None
        yield  # the system frees the lock when the file is closed, whatever ends this process


def note_told(home: Path, agrees: bool) -> None:
    """Remembers that the story was told here to its end."""
    (home / MARK).write_text(json.dumps({"told": True, "agrees": agrees}) + "\n")


def is_told(home: Path) -> bool:
    """Whether the story was told here to its end, and added up."""
    try:
        mark = json.loads((home / MARK).read_text())
    except (OSError, ValueError):
        return False
    return bool(mark.get("told") and mark.get("agrees"))


@contextmanager
def open_world(
    home: Path,
    note: Note = lambda text: None,
    *,
    leave_chain: bool = False,
    cities: Sequence[City] = CITIES,
) -> Iterator[World]:
    """The world in `home`, all registries of `cities` started side by side. Chain and registries run inside the block;
    `leave_chain`: the chain goes on after it. Raises ConfigurationWrong for what does not start here."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (home / MARK).exists():
        (home / MARK).write_text(json.dumps({"told": False}) + "\n")
    with ExitStack() as stack:
        stack.enter_context(_alone(home))
        processes = {city: SandboxProcess(city.name, home / "registries" / city.name, samples=False) for city in cities}
        stack.callback(_stop_all, list(processes.values()))
        pool = stack.enter_context(ThreadPoolExecutor(len(processes)))
        starting = {city: pool.submit(process.start, _STARTS_WITHIN) for city, process in processes.items()}
        # past states are kept, so that a reverted transaction can be asked why it was
        chain = EmbeddedChain(home, keep_history=True)
        if leave_chain:
            chain.start()
        else:
            stack.enter_context(chain)
        keys = open_keys(home / "keys")
        node = stack.enter_context(Node(chain.rpc_url))
        deployment = _deployed(home, chain, node, keys, note)
        index = stack.enter_context(open_index(node, deployment, f"sqlite:///{home / 'hub.sqlite'}"))
        index.indexer.follow()
        world = World(home, chain, index, keys)
        asset_key = bytes.fromhex(read_or_make_secret(home / "asset.key", secrets.token_hex(32)))
        for city, process in processes.items():
            _await(starting[city], city, process)
            world.registries[city.name] = _open_registry(stack, world, city, process, asset_key)
        yield world


def _stop_all(processes: Sequence[SandboxProcess]) -> None:
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(SandboxProcess.stop, processes))


def _await(started: Future[SandboxProcess], city: City, process: SandboxProcess) -> None:
    try:
        started.result()
    except SandboxNotRunning as failed:
        said = " ".join(str(failed).split())
        raise ConfigurationWrong(
            f"{city.title}'s registry, {city.speaks}, does not start: ... {said[-_SHOWN_OF_LOG:]}",
            where=str(process.log),
            remedy="run `make setup`, which installs PostgreSQL with the rest; `yrdhub doctor` says what else may be "
            "missing"
            if city is HANGZHOU
            else "see the log; `yrdhub doctor` says what may be missing",
            code="sandbox_not_running",
        ) from failed


def _open_registry(stack: ExitStack, world: World, city: City, process: SandboxProcess, asset_key: bytes) -> Registry:
    adapter = configure_adapter(world.home, city, process)
    stack.callback(adapter.close)
    journal_file = world.home / "sync" / f"{city.name}.sqlite"
    journal_file.parent.mkdir(exist_ok=True)
    sync, journal = stack.enter_context(
        open_sync(world.index, adapter, world.key(city, "registrar"), journal_file, asset_key=asset_key)
    )
    return Registry(city, process, adapter, sync, journal)


def _deployed(home: Path, chain: EmbeddedChain, node: Node, keys: Keys, note: Note) -> Deployment:
    file = home / "deployment.json"
    if file.exists():
        deployment = Deployment.load(file)
        deployment.check(node)
        return deployment
    note("creating the registers on a chain of the demo's own")
    founding = constitution(keys)
    (home / "constitution.json").write_text(founding.model_dump_json(indent=1) + "\n", encoding="utf-8")
    deployment = deploy_once(file, node, LocalSigner.random(), founding)
    chain.save()
    return deployment
