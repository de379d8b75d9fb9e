"""How far the index is, and the digest by which two hubs on one chain compare what they made of it."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import as_of
from hub.api.shapes import AsOf, Moment, Whole, answers, moment
from hub.api.snapshots import At, Snapshot
from hub.index.digest import Digest, digest_of
from hub.index.queries_status import counts

router = APIRouter(tags=["index"])


class ProjectionsDigest(BaseModel):
    """SHA-256 over the projections, in total and a table: equal on every hub at the same block (law L8)."""

    total: Annotated[str, Field(examples=["c0ffee" * 10 + "c0ff"])]
    tables: Annotated[dict[str, str], Field(examples=[{"members": "ab" * 32}])]
    rows: Annotated[dict[str, int], Field(examples=[{"members": 4}])]


class Head(BaseModel):
    """The chain's own last final block, and how far behind it the index is."""

    number: Whole
    time: Moment | None
    lag_blocks: Annotated[int, Field(examples=[0])]
    lag_seconds: Annotated[int, Field(description="block time of the head less the index's", examples=[0])]


class IndexStatus(BaseModel):
    """The index. `head` is null while the chain does not answer; `trouble` then says why."""

    as_of: AsOf
    head: Head | None
    trouble: Annotated[str | None, Field(examples=["unavailable: the node does not answer"])]
    rows: Annotated[dict[str, int], Field(examples=[{"members": 4, "issuances": 12}])]
    digest: ProjectionsDigest | None


class _LastDigest:
    """The digest of the block it was last asked for: it is the same for everyone, and takes seconds on a full index."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[str, int, str] | None = None
        self._digest: Digest | None = None

    def at(self, snapshot: Snapshot) -> Digest:
        asked = (str(snapshot.hub.reading.url), snapshot.position.block, snapshot.position.hash)
        with self._lock:
            if self._digest is None or self._of != asked:
                self._digest = digest_of(snapshot.connection, snapshot.position.block)
                self._of = asked
            return self._digest


_last_digest = _LastDigest()


@router.get("/index", responses=answers(IndexStatus))
def read_index(
    at: At,
    digest: Annotated[
        bool, Query(description="with the digest of the projections; takes seconds on a full index")
    ] = False,
) -> IndexStatus:
    """Where the index is and where the chain is. Audience: public."""
    head, trouble = at.hub.head_or_trouble()
    found = _last_digest.at(at) if digest else None
    return IndexStatus(
        as_of=as_of(at.position),
        head=None
        if head is None
        else Head(
            number=head[0],
            time=moment(head[1]),
            lag_blocks=max(0, head[0] - at.position.block),
            lag_seconds=max(0, head[1] - at.position.time),
        ),
        trouble=trouble or None,
        rows=counts(at.connection),
        digest=None if found is None else ProjectionsDigest(total=found.total, tables=found.tables, rows=found.rows),
    )
