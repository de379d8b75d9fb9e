"""What the commands of `yrdhub sync` share: where a registry's journal is, and how it is opened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapters.registry import read_configuration
from adapters.sync.journal import Journal
from hub.db.engine import open_engine
from hub.errors import ConfigurationWrong

Name = Annotated[str, typer.Argument(help="Name of the registry: its configuration is HOME/adapters/NAME.json")]


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def journal_file(home: Path, name: str) -> Path:
    """Where the journal of one registry is, whether it exists or not."""
    return home / "sync" / f"{name}.sqlite"


@contextmanager
def open_journal(home: Path, name: str) -> Iterator[Journal]:
    """The journal of a registry that was synced before. Raises ConfigurationWrong, naming what there is."""
    read_configuration(home, name)  # says which there are when there is none of this name
    file = journal_file(home, name)
    if not file.exists():
        raise ConfigurationWrong(
            f"{name} was never synced here",
            where=str(file),
            remedy=f"yrdhub sync run {name}",
            code="journal_missing",
        )
    engine = open_engine(f"sqlite:///{file}")
    try:
        journal = Journal(engine, now)
        journal.prepare()
        yield journal
    finally:
        engine.dispose()
