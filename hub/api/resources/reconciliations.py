"""Reconciliation: the chain's side of a registry's state as a Merkle tree, and what came of comparing it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages, as_of
from hub.api.problems import NO_SUCH, RequestRefused
from hub.api.shapes import (
    AsOf,
    Id12,
    Id32,
    Kg,
    MemberCode,
    MemberQuery,
    Moment,
    Whole,
    answers,
    moment,
)
from hub.api.snapshots import At
from hub.documents.audience import readable_by
from hub.documents.reconciliations import LISTING
from hub.index.holdings import SeriesNodes, root_of, series_tops, totals_seen
from hub.index.queries import Row, read_page
from mutual_recognition.holdings_tree import TOP
from mutual_recognition.reconciliation import Status

router = APIRouter(tags=["reconciliation"])

_ROOT = "0x" + "5a" * 32
MemberPath = Annotated[int, Path(ge=1, lt=2**24, description="GB/T 2260 code, or a programme's number")]


class SeriesTop(BaseModel):
    """A series in the member's scope, and the hash of its top node."""

    series: Id12
    hash: Id32


class StateTotal(BaseModel):
    """Serials of a series with one holder in one status, as the member's registry can know it."""

    series: Id12
    holder: MemberCode
    status: Annotated[str, Field(examples=["available"])]
    serials: Whole
    kg: Kg


class RegistryState(BaseModel):
    """The chain's side of what a member's registry should have in its books."""

    member: MemberCode
    root: Annotated[Id32, Field(description="SHA-256; how it is made: mutual_recognition/holdings_tree.py")]
    since_block: Annotated[
        int, Field(description="nothing in the member's scope has happened since; 0: never", examples=[1020])
    ]
    since: Moment | None
    series: list[SeriesTop]
    totals: Annotated[list[StateTotal] | None, Field(description="with `totals=true`")]
    as_of: AsOf


class RunShown(BaseModel):
    """Serials in one place."""

    first: Whole
    last: Whole
    holder: MemberCode
    status: Annotated[str, Field(examples=["available"])]


class ChildShown(BaseModel):
    """A child that is not empty; its prefix is the parent's times 16 and its number."""

    number: Annotated[int, Field(examples=[3])]
    hash: Id32
    runs: Annotated[int, Field(examples=[120])]


class NodeShown(BaseModel):
    """A node: a leaf with its runs, or one with children. Its serials are prefix * 16^level and up."""

    level: Annotated[int, Field(examples=[16])]
    prefix: Whole
    hash: Id32
    leaf: bool
    runs: list[RunShown]
    children: list[ChildShown]
    as_of: AsOf


class ReconciliationEntry(BaseModel):
    """A result in a list."""

    reconciliation: Annotated[str, Field(examples=["RC-310000-20260301T020000Z"])]
    version: Annotated[int, Field(examples=[1])]
    member: MemberCode
    registry: Annotated[str, Field(examples=["illustrative-registry"])]
    status: Annotated[int, Field(description="number of the DES", examples=[5])]
    state: Annotated[str, Field(examples=["completed"])]
    block_number: Annotated[int, Field(examples=[1024])]
    block_time: Moment | None
    registry_root: Id32
    chain_root: Id32
    agree: bool
    differing_serials: Whole
    disputed_blocks: Annotated[int, Field(examples=[0])]
    started_at: Moment | None
    document: Id32
    received_at: Moment | None

    @staticmethod
    def of(row: Row) -> ReconciliationEntry:
        """From a row of `reconciliations`."""
        told = {name: row[name] for name in ReconciliationEntry.model_fields if name in row}
        times = {name: moment(row[name]) for name in ("block_time", "started_at", "received_at")}
        agree = row["registry_root"] == row["chain_root"]
        return ReconciliationEntry(**(told | times), agree=agree, state=Status(row["status"]).in_words)


class ReconciliationAnswer(BaseModel):
    """A result in full: its newest version, and the versions before it."""

    entry: ReconciliationEntry
    result: Annotated[dict[str, Any], Field(examples=[{"reconciliation": "RC-310000-20260301T020000Z", "status": 5}])]
    versions: list[ReconciliationEntry]


@router.get("/registries/{member}/state", responses=answers(RegistryState) | NO_SUCH)
def read_state(
    at: At,
    member: MemberPath,
    block: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="the state as of the end of this block")] = None,
    totals: Annotated[bool, Query(description="also totals per series, holder and status: counted when asked")] = False,
) -> RegistryState:
    """The root over all that concerns a member's registry. Audience: public.

    Whoever knows the registry's books computes the same root, and has compared everything by comparing it. `block` may
    lie in the past as long as nothing in the member's scope happened since.
    """
    root, since, since_time = root_of(at.connection, member)
    if block is not None and not since <= block <= at.position.block:
        raise RequestRefused(
            f"the state as of block {block} is not at hand: it changed in block {since}, the index is at "
            f"{at.position.block}",
            what=block,
            where="query parameter block",
            remedy=f"ask for block {since} to {at.position.block}, or replay an index of your own to block {block}",
            code="state_not_at_hand",
        )
    tops = series_tops(at.connection, member)
    counted = [StateTotal(**row) for row in totals_seen(at.connection, member, sorted(tops))] if totals else None
    return RegistryState(
        member=member,
        root="0x" + root.hex(),
        since_block=since,
        since=moment(since_time),
        series=[SeriesTop(series="0x" + one.hex(), hash="0x" + tops[one].hex()) for one in sorted(tops)],
        totals=counted,
        as_of=as_of(at.position),
    )


@router.get("/registries/{member}/state/nodes", responses=answers(NodeShown) | NO_SUCH)
def read_node(
    at: At,
    member: MemberPath,
    series: Annotated[str, Query(pattern="^0x[0-9a-f]{24}$", description="0x-hex in lower case, 12 bytes")],
    level: Annotated[int, Query(ge=0, le=TOP, description="16 is the top of a series")] = TOP,
    prefix: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> NodeShown:
    """One node of a series' tree: descend where a child's hash is not yours, and nowhere else. Audience: public."""
    node = SeriesNodes(at.connection, member, bytes.fromhex(series[2:])).get(level, prefix)
    if node is None:
        raise at.missing("node", f"{series} {level} {prefix}")
    return NodeShown(
        level=level,
        prefix=prefix,
        hash="0x" + node.hash().hex(),
        leaf=node.is_leaf,
        runs=[
            RunShown(first=run.first, last=run.last, holder=run.place.holder, status=run.place.status)
            for run in node.runs
            if run.place is not None
        ],
        children=[
            ChildShown(number=child.number, hash="0x" + child.hash.hex(), runs=child.runs) for child in node.children
        ],
        as_of=as_of(at.position),
    )


@router.get("/reconciliations", responses=answers(Page[ReconciliationEntry]))
def list_reconciliations(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    registry: Annotated[str | None, Query(max_length=100)] = None,
    status: Annotated[
        Literal[0, 1, 2, 3, 4, 5, 6, 7, 98, 99] | None, Query(description="number of the DES", examples=[99])
    ] = None,
) -> Page[ReconciliationEntry]:
    """Results as the registries' registrars sealed them. Audience: members, unless a result says otherwise."""

    def build(rows: Sequence[Row]) -> list[ReconciliationEntry]:
        _note(at, rows, "list")
        return [ReconciliationEntry.of(row) for row in rows]

    filters = {"member": member, "registry": registry, "status": status}
    return pages.read(at, LISTING, filters, build, also=[readable_by(at.reader, LISTING.source.c)])


@router.get("/reconciliations/{reconciliation}", responses=answers(ReconciliationAnswer) | NO_SUCH)
def read_reconciliation(at: At, reconciliation: Annotated[str, Path(max_length=200)]) -> ReconciliationAnswer:
    """One result: stages, totals, serials that differ with what each side says, probable cause and remedy.

    Audience: members, unless the result says otherwise; to others it is not there (404).
    """
    readable = [readable_by(at.reader, LISTING.source.c)]
    rows, _ = read_page(at.connection, LISTING, {"reconciliation": reconciliation}, None, 100, also=readable)
    if not rows:
        raise at.missing("reconciliation", reconciliation)
    _note(at, rows[-1:], "read")
    source = LISTING.source.c
    canonical = at.connection.execute(LISTING.source.select().where(source.document == rows[-1]["document"])).mappings()
    content = json.loads(bytes(canonical.one()["canonical"]))["content"]
    entries = [ReconciliationEntry.of(row) for row in rows]
    return ReconciliationAnswer(entry=entries[-1], result=content, versions=entries)


def _note(at: At, rows: Sequence[Row], how: str) -> None:
    documents = [row | {"digest": row["document"]} for row in rows]
    at.hub.documents.note_access(at.reader, documents, how, at.hub.clock())
