"""How far the index is, and how much is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from hub.db import tables as t
from hub.errors import RetryLater

COUNTED = (t.members, t.ballots, t.methodologies, t.projects, t.issuances, t.unit_blocks, t.transfers, t.retirements)
"""Whose sizes are told as figures."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last projected block: every answer is as of it. `time` is its block time in seconds."""

    chain_id: int
    block: int
    hash: str
    time: int


def position(connection: Connection) -> Position:
    """Where the index is. Raises RetryLater (`index_empty`) while it has no tables or follows no chain yet."""
    try:
        cursor = connection.execute(select(t.cursor)).first()
    except (OperationalError, ProgrammingError) as missing:
        raise _empty("the database has no tables yet") from missing
    if cursor is None:
        raise _empty("the index follows no chain yet")
    block = cursor.next_block - 1
    row = connection.execute(select(t.blocks).where(t.blocks.c.number == block)).first()
    return Position(cursor.chain_id, block, row.hash if row else cursor.genesis_hash, row.time if row else 0)


def counts(connection: Connection) -> dict[str, int]:
    """Rows of the projections that people ask about."""
    return {
        table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in COUNTED
    }


def schema_is_current(connection: Connection) -> bool:
    """Whether every migration of this version has been run."""
    return MigrationContext.configure(connection).get_current_revision() == _newest_revision()


@cache
def _newest_revision() -> str | None:
    return ScriptDirectory(str(files("hub.db") / "migrations")).get_current_head()


def _empty(why: str) -> RetryLater:
    return RetryLater(why, where="the index", remedy="run `yrdhub index follow`", retry_after=5, code="index_empty")
