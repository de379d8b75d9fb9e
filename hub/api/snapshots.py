"""One moment for one answer: a single reading transaction, the block it is as of, and the ETag that follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from sqlalchemy import Connection

from hub.api.hub import Hub, TheHub
from hub.api.problems import NotFound, NotModified, RequestRefused
from hub.api.readers import Authorization, reader_of
from hub.documents.audience import Reader
from hub.documents.store import revision
from hub.index.queries_status import Position, position
from hub.observed.queries import revision as observed_revision


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database at one moment, and who looks at it."""

    hub: Hub
    connection: Connection
    position: Position
    reader: Reader

    def missing(self, what: str, value: object) -> NotFound:
        """The error to raise where `what` was asked for by `value` and there is none."""
        return NotFound(
            f"there is no {what} {value} as of block {self.position.block}",
            what=value,
            remedy="use the id as another answer gives it; what is younger than that block comes with the index",
        )


def take_snapshot(
    request: Request,
    response: Response,
    hub: TheHub,
    authorization: Authorization,
    if_none_match: Annotated[
        str | None, Header(description="The ETag of an earlier answer; 304 when it still holds", max_length=1000)
    ] = None,
) -> Iterator[Snapshot]:
    """Opens the snapshot of a request. Raises NotModified when the caller has this answer already."""
    refuse_unknown_parameters(request)
    with hub.reading.connect() as connection:
        at = position(connection)
        reader = reader_of(connection, hub, authorization)
        headers = {
            "etag": etag_of(at, f"{revision(connection, reader)} {observed_revision(connection)}", reader),
            "cache-control": "no-cache" if reader.is_public else "private, no-cache",
            "vary": "Authorization",
        }
        if if_none_match is not None and matches(if_none_match, headers["etag"]):
            raise NotModified(headers)
        request.state.reader = reader
        response.headers.update(headers)
        yield Snapshot(hub, connection, at, reader)


def refuse_unknown_parameters(request: Request) -> None:
    """A filter that is mistyped must not answer with everything. Raises RequestRefused (`parameter_unknown`)."""
    if not request.query_params:
        return
    known = _parameters_of(request.app).get(request.scope["endpoint"].__name__, frozenset())
    for name in request.query_params:
        if name not in known:
            raise RequestRefused(
                f"there is no parameter {name!r} here",
                what=name,
                where=f"query parameter {name}",
                remedy=f"this endpoint takes {', '.join(sorted(known)) or 'none'}",
                code="parameter_unknown",
            )


@cache
def _parameters_of(app: FastAPI) -> dict[str, frozenset[str]]:
    """Query parameters by operation, from what the application publishes about itself."""
    return {
        operation["operationId"]: frozenset(
            parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
        )
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
    }


def etag_of(at: Position, documents: str, reader: Reader) -> str:
    """Weak: the same block, the same documents and the same reader give the same content under one URL.

    `documents` is the revision of what the reader may see, and of what is observed of public programmes: what comes for
    others must not show in anybody's ETag.
    """
    seen = f"{at.chain_id} {at.block} {at.hash} {documents} {reader.member} {int(reader.roles)}"
    return f'W/"{at.block}-{hashlib.sha256(seen.encode()).hexdigest()[:20]}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison by RFC 9110, section 13.1.2."""
    if if_none_match.strip() == "*":
        return True
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return etag.removeprefix("W/") in given


At = Annotated[Snapshot, Depends(take_snapshot)]
