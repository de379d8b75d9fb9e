"""The index as the chain's side of a reconciliation: one reading transaction, one block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from hub.db import tables as t
from hub.index.holdings import SeriesNodes, root_of, series_tops
from hub.index.queries_status import position
from mutual_recognition.reconciliation import Snapshot
from mutual_recognition.unit_blocks import BlockStatus, UnitBlock

_MOST_EVENTS = 200

_b, _before = t.unit_blocks.c, t.unit_blocks.alias("before").c
_SERIES: BindParameter[str] = bindparam("series")
_FIRST: BindParameter[int] = bindparam("first")
_LAST: BindParameter[int] = bindparam("last")
_START = select(func.max(_before.first)).where(_before.series == _SERIES, _before.first <= _FIRST).scalar_subquery()
_BLOCKS = (
    select(t.unit_blocks)
    .where(_b.series == _SERIES, _b.first >= func.coalesce(_START, _FIRST), _b.first <= _LAST, _b.last >= _FIRST)
    .order_by(_b.first)
)
"""Built once: asked for every range that differs."""


class IndexHoldings:
    """`mutual_recognition.reconciliation.ChainHoldings` over a reading connection, in one transaction of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        at = position(connection)
        self._snapshot = Snapshot(at.block, at.hash, at.time)

    def snapshot(self) -> Snapshot:
        """See ChainHoldings."""
        return self._snapshot

    def root(self, member: int) -> bytes:
        """See ChainHoldings."""
        return root_of(self._connection, member)[0]

    def series(self, member: int) -> Mapping[bytes, bytes]:
        """See ChainHoldings."""
        return series_tops(self._connection, member)

    def nodes(self, member: int, series: bytes) -> SeriesNodes:
        """See ChainHoldings."""
        return SeriesNodes(self._connection, member, series)

    def blocks(self, series: bytes, first: int, last: int) -> Sequence[UnitBlock]:
        """See ChainHoldings."""
        asked = {"series": "0x" + series.hex(), "first": first, "last": last}
        return [_block(row) for row in self._connection.execute(_BLOCKS, asked)]

    def story(self, series: bytes, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        """See ChainHoldings; the newest events, where there are very many."""
        e, r = t.serial_events.c, t.requests.c
        issuances = {block.issuance for block in self.blocks(series, first, last)}
        if not issuances:
            return []
        query = (
            select(t.serial_events, r.tx_hash)
            .outerjoin(t.requests, (r.request == e.reference) & (r.block_number == e.block_number))
            .where(
                e.series == "0x" + series.hex(),
                e.issuance >= min(issuances),
                e.issuance <= max(issuances),
                e.first <= last,
                e.last >= first,
            )
            .order_by(e.block_number.desc(), e.log_index.desc(), e.part.desc())
            .limit(_MOST_EVENTS)
        )
        told = [
            {
                "block_number": row.block_number,
                "block_time": row.block_time,
                "event": row.event,
                "first": row.first,
                "last": row.last,
                "member": row.member,
                "other": row.other,
                "reference": row.reference,
                "transaction": row.tx_hash or "",
            }
            for row in self._connection.execute(query)
        ]
        return told[::-1]


def _block(row: Any) -> UnitBlock:
    return UnitBlock(
        row.first,
        row.last,
        row.issuance,
        row.holder,
        BlockStatus(row.status),
        row.holds,
        row.factor_ppm,
        row.entry,
        row.purpose,
        row.compliance_year,
    )
