"""Progress bars of a sync: read, written, told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import TaskID

from adapters.sync.engine import Watch
from hub.terminal import Terminal

_STAGES = {"read": "records read", "write": "writes final on the chain", "tell": "effects told to the registry"}


@contextmanager
def watching(terminal: Terminal) -> Iterator[Watch]:
    """A `Watch` that shows each stage as a bar, on standard error; silent with `--json`."""
    with terminal.progress() as progress:
        tasks: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(_STAGES[stage], total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield watch
