"""Progress of a sync: bars where somebody watches, else a plain line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, TaskID

from adapters.sync.telling import Watch
from hub.terminal import Terminal
from mutual_recognition.instants import duration

_STAGES = {"read": "records read", "write": "writes final on the chain", "tell": "effects told to the registry"}
_LINE_EVERY = 10.0
"""Seconds between two lines of one stage."""


@contextmanager
def watching(terminal: Terminal) -> Iterator[Watch]:
    """A `Watch` on standard error: a bar a stage at a terminal, a line a stage every ten seconds into a file or pipe;
    silent with `--json`."""
    if terminal.as_json or terminal.err.is_terminal:
        with terminal.progress() as progress:
            yield _bars(progress)
    else:
        yield _lines(terminal)


def _bars(progress: Progress) -> Watch:
    tasks: dict[str, TaskID] = {}

    def watch(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(_STAGES[stage], total=total)
        progress.update(tasks[stage], completed=done, total=total)

    return watch


def _lines(terminal: Terminal) -> Watch:
    began = time.monotonic()
    last: dict[str, float] = {}

    def watch(stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - last.get(stage, began) < _LINE_EVERY:
            return
        last[stage] = now
        of = "" if total is None else f" of {total:,}"
        terminal.note(f"{done:,}{of} {_STAGES[stage]}, after {duration(int(now - began))}")

    return watch
