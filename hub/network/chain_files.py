"""What an embedded chain keeps in its folder, and how each file is written so that a kill at any moment is harmless."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ChainFiles:
    """The files of one embedded chain, all in `folder` (`YRDHUB_HOME/chain`)."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked (flock) by the supervisor for as long as it lives: the one proof that this chain runs."""
        return self.folder / "lock"

    @property
    def identity(self) -> Path:
        """What must not change between runs: chain id, hardfork; and the port last used."""
        return self.folder / "chain.json"

    @property
    def run(self) -> Path:
        """The present or last run: state, processes, address, blocks lost at its start, failure."""
        return self.folder / "run.json"

    @property
    def head(self) -> Path:
        """The last block that was seen, number and hash; compared with what a start finds."""
        return self.folder / "head.json"

    @property
    def state(self) -> Path:
        """The chain as last saved completely; what the next start loads."""
        return self.folder / "state.json"

    @property
    def state_on_exit(self) -> Path:
        """Where anvil writes the chain when it is told to end; taken over once known to be complete."""
        return self.folder / "state-on-exit.json"

    @property
    def log(self) -> Path:
        """The supervisor's log, one JSON object a line, and what anvil says on standard error."""
        return self.folder / "chain.log"

    @property
    def funder(self) -> Path:
        """Folder of the funder's keystore and password."""
        return self.folder / "funder"

    @property
    def cache(self) -> Path:
        """anvil's own cache, kept inside the folder."""
        return self.folder / "cache"


def read_record(file: Path) -> dict[str, Any] | None:
    """The JSON object in `file`, or None when there is none. A torn file cannot be: `write_record` replaces whole."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def write_record(file: Path, record: Mapping[str, object]) -> None:
    """Replace `file` by `record` in one step, readable by its owner only."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(record, stream, indent=1)
        stream.write("\n")
    unfinished.replace(file)
