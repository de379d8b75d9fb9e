"""One serial number's whole life, and what carries out a request."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from hub.db import tables as t
from hub.index.queries import Row, find, read_all


@dataclass(frozen=True, slots=True)
class SerialLife:
    """Everything the chain says of one serial: `retirement` or `cancellation` where it has ended."""

    series: Row
    issuance: Row
    block: Row
    events: list[Row]
    retirement: Row | None
    cancellation: Row | None


def life_of(connection: Connection, series: str, serial: int) -> SerialLife | None:
    """The life of `serial` of `series`, or None when it was never issued."""
    registered = find(connection, t.series, series)
    issuance = _holding(connection, t.issuances, series, serial)
    block = _holding(connection, t.unit_blocks, series, serial)
    if registered is None or issuance is None or block is None:
        return None
    e = t.serial_events.c
    events = (
        select(t.serial_events)
        .where(e.series == series, e.issuance == issuance["first"], e.first <= serial, e.last >= serial)
        .order_by(e.block_number, e.log_index, e.part)
    )
    return SerialLife(
        registered,
        issuance,
        block,
        read_all(connection, events),
        _holding(connection, t.retirements, series, serial),
        _holding(connection, t.cancellations, series, serial),
    )


def requests_of(connection: Connection, request: str) -> list[Row]:
    """What was carried out under `request`, by each member that used the id: they are the members' own."""
    r = t.requests.c
    return read_all(connection, select(t.requests).where(r.request == request).order_by(r.block_number, r.log_index))


def _holding(connection: Connection, table: Table, series: str, serial: int) -> Row | None:
    """The row of `table` whose range holds `serial`. Ranges of a table never overlap (law L2)."""
    query = (
        select(table).where(table.c.series == series, table.c.first <= serial).order_by(table.c.first.desc()).limit(1)
    )
    row = connection.execute(query).mappings().first()
    return dict(row) if row is not None and row["last"] >= serial else None
