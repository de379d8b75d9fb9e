"""One pass at a time at a journal: two processes would both tell the registry what it is to be told once."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import RetryLater
from mutual_recognition.instants import in_china


@contextmanager
def alone(journal_file: Path) -> Iterator[None]:
    """Keeps other processes from a journal meanwhile. Raises RetryLater (`sync_running`): who has it since when."""
    file = journal_file.with_suffix(".lock")
    with file.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(journal_file, file) from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "since": int(time.time())}))
        lock.flush()
        yield  # the system frees the lock when the file is closed, whatever ends this process


def _taken(journal_file: Path, file: Path) -> RetryLater:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        pid, since = int(told["pid"]), in_china(int(told["since"]))
        who, end = f"process {pid}, in a pass since {since}", f", or end that process (`kill {pid}`) and start yours"
    except (OSError, ValueError, KeyError, TypeError):  # it has the lock and has not written who it is yet
        pid, who, end = None, "another process", ""
    return RetryLater(
        f"this registry is being synced by {who}",
        what=pid,
        where=str(journal_file),
        remedy=f"nothing: one process syncs a registry, and this one goes on when that pass is through{end}",
        code="sync_running",
    )
