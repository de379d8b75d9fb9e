"""Everything that ever changed who holds what, read from the projections and summed: the figures of an inventory.

Four tables say it all: issuances, accepted transfers, retirements, cancellations. Their block times put each row
before, within or after a calendar year in UTC+8; the database takes the sums, so memory does not grow with the
registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal_column, or_, select

from hub.chain.enums import TransferStatus
from hub.db import tables as t
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus

FIRST_YEAR, LAST_YEAR = 1970, 9998


class Change(StrEnum):
    """What changes a holding."""

    ISSUED = "issued"
    MOVED = "moved"
    RETIRED = "retired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Flow:
    """One sum of changes of one kind. `before` the year, or within it.

    `home` issued the credits; `holder` held them when it happened (the sender of what moved, the issuer of what was
    issued); `other` is where they arrived; `claimant` 0: nobody claims. Of what moved, `kg` arrived, and the conversion
    cut `cut_kg` on the way.
    """

    change: Change
    before: bool
    home: int
    holder: int
    kg: int
    other: int = 0
    purpose: int = 0
    claimant: int = 0
    cut_kg: int = 0


def year_bounds(year: int) -> tuple[int, int]:
    """First second of the calendar year in UTC+8 and first second after it, as Unix seconds."""
    starts = (datetime(one, 1, 1, tzinfo=UTC_PLUS_8) for one in (year, year + 1))
    first, after = (int(start.timestamp()) for start in starts)
    return first, after


def read_flows(connection: Connection, year: int, member: int | None = None) -> list[Flow]:
    """All changes up to the end of `year`, summed; with `member`, those that touch what it issued or held."""
    start, end = year_bounds(year)
    return [
        *_issued(connection, start, end, member),
        *_moved(connection, start, end, member),
        *_ended(connection, start, end, member, Change.RETIRED),
        *_ended(connection, start, end, member, Change.CANCELLED),
    ]


def in_transit_kg(connection: Connection, member: int, end: int) -> int:
    """kg that `member` had proposed and that nobody had accepted or sent back by `end` (Unix seconds, not included)."""
    c, s = t.transfers.c, t.series.c
    query = (
        select(func.sum((c.last - c.first + 1) * s.kg_per_serial))
        .join(t.series, s.series == c.series)
        .where(c.from_member == member, c.block_time < end, or_(c.ended_at == 0, c.ended_at >= end))
    )
    return int(connection.execute(query).scalar_one() or 0)


def live_kg(connection: Connection, member: int) -> int:
    """kg in unit blocks that `member` holds now, neither retired nor cancelled: what its inventory must come to."""
    b, s = t.unit_blocks.c, t.series.c
    query = (
        select(func.sum((b.last - b.first + 1) * s.kg_per_serial))
        .join(t.series, s.series == b.series)
        .where(b.holder == member, b.status.not_in(_FINAL))
    )
    return int(connection.execute(query).scalar_one() or 0)


def holdings(flows: Iterable[Flow]) -> dict[tuple[int, int], int]:
    """kg by (home, holder) that the changes in `flows` come to; what comes to nothing is left out."""
    held: dict[tuple[int, int], int] = {}

    def add(home: int, holder: int, kg: int) -> None:
        held[home, holder] = held.get((home, holder), 0) + kg

    for flow in flows:
        match flow.change:
            case Change.ISSUED:
                add(flow.home, flow.holder, flow.kg)
            case Change.MOVED:
                add(flow.home, flow.holder, -flow.kg - flow.cut_kg)
                add(flow.home, flow.other, flow.kg)
            case Change.RETIRED | Change.CANCELLED:
                add(flow.home, flow.holder, -flow.kg)
    return {key: kg for key, kg in sorted(held.items()) if kg}


_FINAL = (BlockStatus.RETIRED.value, BlockStatus.CANCELLED.value)


def _issued(connection: Connection, start: int, end: int, member: int | None) -> Iterator[Flow]:
    i = t.issuances.c
    before = _before(i.block_time, start)
    query = select(before, i.member, func.sum(i.kg).label("kg")).where(i.block_time < end).group_by(before, i.member)
    if member is not None:
        query = query.where(i.member == member)
    for row in connection.execute(query.order_by(before, i.member)):
        yield Flow(Change.ISSUED, bool(row.before), row.member, row.member, int(row.kg))


def _moved(connection: Connection, start: int, end: int, member: int | None) -> Iterator[Flow]:
    c = t.transfers.c
    before = _before(c.ended_at, start)
    keys = (before, c.series, c.from_member, c.to_member)
    query = (
        select(*keys, func.sum(c.kept_last - c.first + 1).label("arrived"), func.sum(c.last - c.kept_last).label("cut"))
        .where(c.status == TransferStatus.ACCEPTED.value, c.ended_at < end)
        .group_by(*keys)
        .order_by(*keys)
    )
    if member is not None:
        query = query.where(or_(c.series.in_(_issued_by(member)), c.from_member == member, c.to_member == member))
    rows = connection.execute(query).all()
    series = _series(connection)
    for row in rows:
        home, kg_per_serial = series[row.series]
        yield Flow(
            Change.MOVED,
            bool(row.before),
            home,
            row.from_member,
            int(row.arrived) * kg_per_serial,
            other=row.to_member,
            cut_kg=int(row.cut) * kg_per_serial,
        )


def _ended(connection: Connection, start: int, end: int, member: int | None, change: Change) -> Iterator[Flow]:
    """Retirements and cancellations, but for the cuts, which go with the transfers that made them."""
    c = (t.retirements if change is Change.RETIRED else t.cancellations).c
    before = _before(c.block_time, start)
    keys: list[Any] = [before, c.series, c.holder, c.purpose]
    if change is Change.RETIRED:
        keys.append(c.claimant)
    query = (
        select(*keys, func.sum(c.kg).label("kg"))
        .where(c.block_time < end, c.purpose != Purpose.CONVERSION_CUT.value)
        .group_by(*keys)
        .order_by(*keys)
    )
    if member is not None:
        query = query.where(or_(c.series.in_(_issued_by(member)), c.holder == member))
    rows = connection.execute(query).mappings().all()
    series = _series(connection)
    for row in rows:
        yield Flow(
            change,
            bool(row["before"]),
            series[row["series"]][0],
            row["holder"],
            int(row["kg"]),
            purpose=row["purpose"],
            claimant=row.get("claimant", 0),
        )


def _issued_by(member: int) -> Any:
    return select(t.series.c.series).where(t.series.c.member == member)


def _series(connection: Connection) -> dict[str, tuple[int, int]]:
    """Home and kg per serial of every series: joined here, once a sum and not once a row."""
    s = t.series.c
    rows = connection.execute(select(s.series, s.member, s.kg_per_serial))
    return {row.series: (row.member, row.kg_per_serial) for row in rows}


def _before(time: ColumnElement[int], start: int) -> ColumnElement[int]:
    # written out, not bound: PostgreSQL groups by it only where it is the same text
    return case((time < literal_column(str(start)), 1), else_=0).label("before")
