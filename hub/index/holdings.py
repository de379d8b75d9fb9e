"""Each member's holdings as a Merkle tree, kept up to date once a range of blocks, and read by whoever reconciles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from hub.db import tables as t
from hub.index.projectors.registry import home
from hub.index.rows import Row, Rows
from mutual_recognition.holdings import of_block
from mutual_recognition.holdings_tree import (
    TOP,
    Node,
    Place,
    Run,
    apply,
    children_as_text,
    children_from_text,
    joined,
    member_root,
    runs_as_text,
    runs_below,
    runs_from_text,
)
from mutual_recognition.unit_blocks import BlockStatus


def update_holdings(rows: Rows, connection: Connection) -> None:
    """Brings the trees up to the unit blocks that changed since the last flush. Call it once a range, before that.

    Blocks are only ever split, so that the changed ones cover every serial that changed; out of a member's scope a
    serial goes only with a transfer, whose row says between whom.
    """
    tops: defaultdict[int, dict[str, bytes | None]] = defaultdict(dict)
    changed: defaultdict[str, list[Row]] = defaultdict(list)
    for block in rows.changed(t.unit_blocks):
        changed[block["series"]].append(block)
    concerned: defaultdict[str, set[int]] = defaultdict(set)
    for transfer in rows.changed(t.transfers):
        concerned[transfer["series"]] |= {transfer["from_member"], transfer["to_member"]}
    for series, blocks in changed.items():
        blocks.sort(key=lambda block: int(block["first"]))
        of = home(series)
        places = [
            (block["first"], block["last"], block["holder"], block["status"], _to(rows, block)) for block in blocks
        ]
        members = concerned[series] | {of} | {place[2] for place in places} | {place[4] for place in places} - {0}
        for member in sorted(members):
            edits = joined(
                Run(first, last, of_block(member, of, holder, status, to)) for first, last, holder, status, to in places
            )
            top = apply(_SeriesRows(rows, member, series), list(edits))
            tops[member][series] = None if top is None else top.hash()
    _put_roots(rows, connection, tops)


def lacks_holdings(connection: Connection) -> bool:
    """Whether these projections were written by a version that kept no trees: they are to be made again."""
    issued = connection.execute(select(t.issuances.c.first).limit(1)).first()
    return issued is not None and connection.execute(select(t.holding_roots.c.member).limit(1)).first() is None


def _to(rows: Rows, block: Row) -> int:
    if block["status"] != BlockStatus.IN_TRANSIT.value:
        return 0
    return int(rows.get(t.transfers, block["transfer"])["to_member"])


def _put_roots(rows: Rows, connection: Connection, tops: Mapping[int, Mapping[str, bytes | None]]) -> None:
    touched: dict[int, Row] = {}
    for event in rows.changed(t.serial_events):
        for member in {home(event["series"]), event["member"], event["other"]} - {0}:
            if member not in touched or event["block_number"] > touched[member]["block_number"]:
                touched[member] = event
    for member in sorted(touched):
        before = rows.find(t.holding_roots, member)
        row = {"member": member, "block_number": touched[member]["block_number"]}
        row["block_time"] = touched[member]["block_time"]
        if before is not None and not tops.get(member):
            rows.put(t.holding_roots, before | row)
            continue
        series = series_tops(connection, member)
        for name, digest in tops.get(member, {}).items():
            identifier = bytes.fromhex(name[2:])
            if digest is None:
                series.pop(identifier, None)
            else:
                series[identifier] = digest
        row |= {"root": "0x" + member_root(member, series).hex(), "series": len(series)}
        rows.put(t.holding_roots, row)


class _SeriesRows:
    """`mutual_recognition.holdings_tree.Nodes` of one series in the unit of work."""

    def __init__(self, rows: Rows, member: int, series: str) -> None:
        self._rows = rows
        self._member = member
        self._series = series

    def get(self, level: int, prefix: int) -> Node | None:
        row = self._rows.find(t.holding_nodes, self._member, level, self._series, prefix)
        return None if row is None else _node(row)

    def put(self, node: Node) -> None:
        row = {
            "member": self._member,
            "series": self._series,
            "level": node.level,
            "prefix": node.prefix,
            "hash": "0x" + node.hash().hex(),
            "leaf": node.is_leaf,
            "body": runs_as_text(node.runs) if node.is_leaf else children_as_text(node.children),
        }
        self._rows.put(t.holding_nodes, row)

    def drop(self, level: int, prefix: int) -> None:
        self._rows.remove(t.holding_nodes, self._member, level, self._series, prefix)


# -------------------------------------------------------------------- reading


class SeriesNodes:
    """`mutual_recognition.holdings_tree.Nodes` of one series as the index has them, to read."""

    def __init__(self, connection: Connection, member: int, series: bytes) -> None:
        self._connection = connection
        self._member = member
        self._series = "0x" + series.hex()

    def get(self, level: int, prefix: int) -> Node | None:
        """See Nodes."""
        n = t.holding_nodes.c
        query = select(t.holding_nodes).where(
            n.member == self._member, n.series == self._series, n.level == level, n.prefix == prefix
        )
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _node(dict(row))

    def put(self, node: Node) -> None:
        """Never: the indexer alone writes."""
        raise TypeError("the index is written by the indexer alone")

    def drop(self, level: int, prefix: int) -> None:
        """Never: the indexer alone writes."""
        raise TypeError("the index is written by the indexer alone")


def series_tops(connection: Connection, member: int) -> dict[bytes, bytes]:
    """Series in a member's scope (ids of 12 bytes), each with the hash of its top node."""
    n = t.holding_nodes.c
    query = select(n.series, n.hash).where(n.member == member, n.level == TOP)
    return {bytes.fromhex(row.series[2:]): bytes.fromhex(row.hash[2:]) for row in connection.execute(query)}


def root_of(connection: Connection, member: int) -> tuple[bytes, int, int]:
    """A member's root (32 bytes), and number and time of the last block that did anything in its scope (0: none)."""
    row = connection.execute(select(t.holding_roots).where(t.holding_roots.c.member == member)).first()
    if row is None:
        return member_root(member, {}), 0, 0
    return bytes.fromhex(row.root[2:]), row.block_number, row.block_time


def totals_seen(connection: Connection, member: int, series: Iterable[bytes]) -> list[dict[str, Any]]:
    """Totals of some series in a member's scope, per holder and status, in serials and kg: counted over the leaves."""
    found = []
    for identifier in series:
        nodes = SeriesNodes(connection, member, identifier)
        name = "0x" + identifier.hex()
        kg = int(connection.execute(select(t.series.c.kg_per_serial).where(t.series.c.series == name)).scalar_one())
        counted: defaultdict[Place, int] = defaultdict(int)
        for run in runs_below(nodes, nodes.get(TOP, 0)):
            if run.place is not None:
                counted[run.place] += run.last - run.first + 1
        for place in sorted(counted):
            serials = counted[place]
            row = {"series": name, "holder": place.holder, "status": place.status}
            found.append(row | {"serials": serials, "kg": serials * kg})
    return found


def _node(row: Mapping[str, Any]) -> Node:
    if row["leaf"]:
        return Node(row["level"], row["prefix"], runs=runs_from_text(row["body"]))
    return Node(row["level"], row["prefix"], children=children_from_text(row["body"]))
