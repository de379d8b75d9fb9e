"""How much memory a run takes, sampled while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import psutil

INTERVAL = 0.05
"""Seconds between samples. One looks through the machine's processes, some milliseconds of CPU."""


class PeakMemory:
    """Peak of the resident memory, bytes, of this process, its Python children and `others`, from entry to exit.

    Resident memory counts what processes share once for each, so the sum is an upper bound. A chain that this process
    started is no Python and is left out: it is neither hub nor adapter.
    """

    def __init__(self, others: Iterable[int] = (), *, interval: float = INTERVAL) -> None:
        self.peak = 0
        self._interval = interval
        self._others = tuple(others)
        self._ended = threading.Event()
        self._sampling = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._take()
        self._sampling.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._sampling.join()
        self._take()

    def _sample(self) -> None:
        while not self._ended.wait(self._interval):
            self._take()

    def _take(self) -> None:
        found = {process.pid: process for process in python_processes()}
        for pid in self._others:
            if pid not in found and psutil.pid_exists(pid):
                found[pid] = psutil.Process(pid)
        self.peak = max(self.peak, sum(_resident(process) for process in found.values()))


def python_processes() -> list[psutil.Process]:
    """This process and its Python children, theirs included."""
    me = psutil.Process()
    return [me, *(child for child in me.children(recursive=True) if _is_python(child))]


def _is_python(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("python")
    except psutil.NoSuchProcess:
        return False


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
