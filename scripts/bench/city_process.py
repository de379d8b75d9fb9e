"""One city with a chain, an index and a journal of its own, as a process: its memory and CPU time are its own.

The parent says when a day begins, so that the days of a large and of a small city can take turns on one machine.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import psutil

from adapters.suzhou.adapter import create
from adapters.sync.engine import SyncEngine
from adapters.sync.journal import Journal
from hub.bootstrap import open_index, open_sync
from hub.chain.connection import Node
from hub.chain.deployment import deploy_once
from hub.chain.keys import LocalSigner
from hub.network.embedded import EmbeddedChain
from scripts.bench.ground import key, three_cities
from scripts.bench.illustrative_city import MEMBER, IllustrativeCity
from scripts.bench.memory import PeakMemory, python_processes

_SAVE_INTERVAL = 3_600.0
"""Seconds between saves of the embedded chain. A save writes the whole state, so it costs as the city does: that is
the trial engine's way of keeping a chain, and not the sync's."""
_SAMPLE_EVERY = 2.0
"""Seconds between two samples of the memory: looking costs CPU, which would be counted as the sync's."""
_ASSET_KEY = b"illustrative benchmark asset key"


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a city did and took.

    `seconds` on the wall; `cpu` seconds of hub and adapter (this process and the index beside it), `chain_cpu` of the
    chain; `peak` bytes of hub and adapter.
    """

    records: int
    written: int
    held: int
    seconds: float
    cpu: float
    chain_cpu: float
    peak: int


class CityProcess:
    """A city of so many projects under `home`, in a process from entry to exit. Raises what went wrong there."""

    def __init__(self, home: Path, projects: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._theirs = theirs
        self._process = context.Process(target=_serve, args=(theirs, home, projects), name="yrdhub-bench-city")

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        self._process.join()

    def first_sync(self) -> Pass:
        """Everything that the registry ever exported."""
        return self._ask(None)

    def day(self, changes: int) -> Pass:
        """A day with so many changes; 0: a pass with nothing new."""
        return self._ask(changes)

    def _ask(self, changes: int | None) -> Pass:
        self._ours.send(changes)
        answer = self._ours.recv()
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Pass)
        return answer


def _serve(asked: Connection, home: Path, projects: int) -> None:
    try:
        city = IllustrativeCity(home / "exchange", projects)
        city.export_all()
        with _opened(home) as (sync, journal, chain_pid):
            while True:
                try:
                    changes = asked.recv()
                except EOFError:
                    return
                if changes:
                    city.export_day(changes)
                asked.send(_measured(sync, journal, chain_pid))
    except Exception as failed:  # the parent has to know, whatever it was
        asked.send(failed)


def _measured(sync: SyncEngine, journal: Journal, chain_pid: int) -> Pass:
    ours, chain = _cpu(python_processes), _cpu(lambda: [psutil.Process(chain_pid)])
    with PeakMemory(interval=_SAMPLE_EVERY) as memory:
        began = time.perf_counter()
        report = sync.run_once()
        seconds = time.perf_counter() - began
    counts = journal.counts()
    assert counts["outbox"].keys() <= {"done"}, counts
    return Pass(report.read, report.written, report.held, seconds, ours(), chain(), memory.peak)


def _cpu(processes: Callable[[], Any]) -> Callable[[], float]:
    """A function that says how many CPU seconds these processes took since now."""

    def taken() -> float:
        return float(sum(process.cpu_times().user + process.cpu_times().system for process in processes()))

    before = taken()
    return lambda: taken() - before


@contextmanager
def _opened(home: Path) -> Iterator[tuple[SyncEngine, Journal, int]]:
    """The sync of the illustrative city over a chain of its own, with the index in a process beside it."""
    registrar = key(f"{MEMBER} registrar")
    settings = {
        "name": "illustrative",
        "member": MEMBER,
        "registry": "illustrative",
        "folder": str(home / "exchange"),
        "secret_file": str(home / "illustrative.secret"),
        "configured_in": str(home / "illustrative.json"),
    }
    with ExitStack() as stack:
        chain = stack.enter_context(EmbeddedChain(home, port=0, save_interval=_SAVE_INTERVAL))
        node = stack.enter_context(Node(chain.rpc_url))
        deployment = deploy_once(home / "deployment.json", node, LocalSigner.random(), three_cities())
        database = f"sqlite:///{home / 'hub.sqlite'}"
        index = stack.enter_context(open_index(node, deployment, database, in_process_of_its_own=True))
        adapter = create(settings)
        stack.callback(adapter.close)
        sync, journal = stack.enter_context(
            open_sync(index, adapter, registrar, home / "journal.sqlite", asset_key=_ASSET_KEY)
        )
        pid = EmbeddedChain(home).status().pid
        assert pid is not None
        yield sync, journal, pid
