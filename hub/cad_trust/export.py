"""Everything the hub holds, or what one member lists, as records of CAD Trust: projects, then units, in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from sqlalchemy import Connection, select, tuple_

from hub.cad_trust.identity import Links
from hub.cad_trust.projects import list_projects
from hub.cad_trust.units import Tally, UnitListing
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import Key, read_all

Part = Literal["all", "projects", "units"]
PAGE: Final = 500


def require_member(connection: Connection, member: int) -> None:
    """Raises RecordRefused (`member_unknown`) unless the consortium has, or had, this member."""
    known = list(connection.execute(select(t.members.c.member).order_by(t.members.c.member)).scalars())
    if member not in known:
        raise RecordRefused(
            f"{member} is no member",
            code="member_unknown",
            field="member",
            value=member,
            remedy=f"name one of {', '.join(map(str, known)) or 'none: the consortium has no members yet'}",
        )


def export_records(
    connection: Connection,
    member: int | None = None,
    *,
    part: Part = "all",
    links: Links | None = None,
    whole_tonnes: bool = False,
    tally: Tally | None = None,
) -> Iterator[dict[str, Any]]:
    """Projects with what hangs on them, then units, as CAD Trust's API has them; always in the same order.

    `member`: its own projects, and every block that it issued or holds; None: all members', each block once, as its
    holder has it. Only what is public is in it. `tally` is counted up on the way.
    """
    tally = tally if tally is not None else Tally()
    links = links or Links()
    if part != "units":
        yield from _projects(connection, member, links, tally)
    if part != "projects":
        yield from UnitListing(connection, member, links, whole_tonnes, tally)


def _projects(connection: Connection, member: int | None, links: Links, tally: Tally) -> Iterator[dict[str, Any]]:
    p = t.projects.c
    after: Key | None = None
    while True:
        query = select(t.projects).order_by(p.block_number, p.log_index).limit(PAGE)
        if member is not None:
            query = query.where(p.member == member)
        if after is not None:
            query = query.where(tuple_(p.block_number, p.log_index) > tuple_(*after))
        rows = read_all(connection, query)
        for listed in list_projects(connection, rows, links).values():
            tally.projects += 1
            yield listed.record
        if len(rows) < PAGE:
            return
        after = rows[-1]["block_number"], rows[-1]["log_index"]
