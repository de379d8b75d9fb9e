"""A file as it was at one moment: copied whole before reading, refused for now if it changed meanwhile.

Registries drop files by copy, FTP or a shared folder, without locks. Reading from a private copy means that
the rows used all belong to one version of the file, and that its SHA-256 names exactly what was read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.errors import RetryLater

from .tables import file_refused

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Bounds on what one file may cost.

    `unpacked_bytes` bounds an XLSX's parts together once unpacked, `worker_bytes` and `worker_cpu_seconds`
    the process that reads it, `silence_seconds` how long it may say nothing. `settle_seconds` is how old a
    file's last change must be before it is read at all, for folders that are filled slowly.
    """

    file_bytes: int = 64 * MEBIBYTE
    rows: int = 1_000_000
    columns: int = 256
    row_characters: int = MEBIBYTE
    unpacked_bytes: int = 512 * MEBIBYTE
    worker_bytes: int = 512 * MEBIBYTE
    worker_cpu_seconds: int = 120
    silence_seconds: float = 60.0
    settle_seconds: float = 0.0


DEFAULT_LIMITS: Final = FileLimits()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A private copy of `original`; `path` is where the copy is, `sha256` names its content."""

    original: Path
    path: Path
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name, as messages show it."""
        return self.original.name


@contextmanager
def snapshot(original: Path, limits: FileLimits = DEFAULT_LIMITS) -> Iterator[Snapshot]:
    """A copy of `original` that is gone when the context ends. Costs one read and one write of the file.

    Raises ConfigurationWrong when it is absent, not a regular file, empty or above `limits.file_bytes` (known
    from its size, before a byte is read), RetryLater (code `file_changing`) when it was changed or replaced
    while copied.
    """
    before = _look(original)
    if not stat.S_ISREG(before.st_mode):
        raise file_refused(
            "not a regular file", code="file_not_regular", file=str(original), remedy="deliver a plain file"
        )
    if before.st_size > limits.file_bytes:
        raise file_refused(
            f"the file is too large: {before.st_size:,} bytes, at most {limits.file_bytes:,}",
            code="file_too_large",
            file=str(original),
            remedy="split the export, or raise the limit in the adapter's configuration",
        )
    age = time.time() - before.st_mtime
    if 0 <= age < limits.settle_seconds:
        raise _changing(original, f"changed {age:.1f} s ago", limits.settle_seconds - age)
    with tempfile.TemporaryDirectory(prefix="yrdhub-snapshot-") as folder:
        copy = Path(folder) / original.name
        digest = hashlib.sha256()
        copied = 0
        with original.open("rb") as source, copy.open("xb") as target:
            opened = os.fstat(source.fileno())
            while chunk := source.read(MEBIBYTE):
                copied += len(chunk)
                if copied > limits.file_bytes:
                    raise _changing(original, "it grew while it was read")
                digest.update(chunk)
                target.write(chunk)
        after = _look(original)
        if not _identity(before) == _identity(opened) == _identity(after) or copied != after.st_size:
            raise _changing(original, "it was changed or replaced while it was read")
        if copied == 0:
            raise file_refused("the file is empty", code="file_empty", file=str(original), remedy="deliver it again")
        yield Snapshot(original, copy, copied, digest.hexdigest())


def write_whole(target: Path, content: bytes) -> None:
    """Writes `content` so that a reader of the folder sees the old file or the new one, never a part of it."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        else:
            temporary.chmod(0o644)
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def _look(original: Path) -> os.stat_result:
    try:
        return original.stat()
    except FileNotFoundError:
        raise file_refused(
            "no such file", code="file_missing", file=str(original), remedy="deliver it, or correct the folder"
        ) from None


def _identity(seen: os.stat_result) -> tuple[int, int, int, int]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _changing(original: Path, why: str, wait: float = 5.0) -> RetryLater:
    return RetryLater(
        f"the file is being written or replaced: {why}",
        code="file_changing",
        where=str(original),
        retry_after=wait,
        remedy="nothing: it is read again at the next run. Deliver under another name and rename when it is complete",
    )
