"""Pages: a cursor that says where to go on, and nothing else. Rows that arrive meanwhile shift no page.

A cursor belongs to one listing with its filters; used elsewhere, or changed, it is refused. It grants nothing: what a
reader may see is decided anew for each page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement

from hub.api.problems import RequestRefused
from hub.api.shapes import AsOf, Block, moment
from hub.api.snapshots import Snapshot
from hub.index.queries import Key, Listing, Row, read_page
from hub.index.queries_status import Position

Item = TypeVar("Item")

MOST = 200


class Page(BaseModel, Generic[Item]):
    """Some rows, as of one block. `next` is the path of the following page, null at the end."""

    items: list[Item]
    next: Annotated[str | None, Field(examples=["/v1/transfers?limit=50&cursor=WyJ0cmFuc2ZlcnMi"])]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Paging:
    """What the caller asked of a page."""

    request: Request
    response: Response
    limit: int
    cursor: str | None
    newest_first: bool

    def read(
        self,
        at: Snapshot,
        listing: Listing,
        filters: Mapping[str, Any],
        build: Callable[[Sequence[Row]], list[Item]],
        *,
        also: Sequence[ColumnElement[bool]] = (),
    ) -> Page[Item]:
        """A page of `listing`, its rows made into items by `build`."""
        types = [column.type.python_type for column in listing.order]
        after = self.after(listing.name, types)
        rows, key = read_page(
            at.connection, listing, filters, after, self.limit, also=also, newest_first=self.newest_first
        )
        return self.page(at.position, listing.name, build(rows), key)

    def after(self, name: str, types: Sequence[type]) -> Key | None:
        """The key in the cursor, checked; None without one. Raises RequestRefused (`cursor_invalid`)."""
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            stamp, *key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError, TypeError) as unreadable:
            raise _invalid("it cannot be read") from unreadable
        if stamp != self._stamp(name):
            raise _invalid("it belongs to another listing, order or filter")
        fits = len(key) == len(types) and all(
            type(value) is kind and (not isinstance(value, int) or abs(value) < 2**63)
            for value, kind in zip(key, types, strict=True)
        )
        if not fits:
            raise _invalid("its key does not fit this listing")
        return tuple(key)

    def page(self, at: Position, name: str, items: list[Item], key: Key | None) -> Page[Item]:
        """The page, with the path of the next one in it and in the Link header (RFC 8288)."""
        following = None
        if key is not None:
            packed = json.dumps([self._stamp(name), *key], separators=(",", ":")).encode()
            cursor = base64.urlsafe_b64encode(packed).decode().rstrip("=")
            url = self.request.url.include_query_params(cursor=cursor)
            following = f"{url.path}?{url.query}"
            self.response.headers["link"] = f'<{following}>; rel="next"'
        return Page[Any](items=items, next=following, as_of=as_of(at))

    def _stamp(self, name: str) -> str:
        """Names the listing with everything asked of it but where to begin and how many rows."""
        asked = sorted(item for item in self.request.query_params.multi_items() if item[0] not in {"cursor", "limit"})
        return hashlib.sha256(json.dumps([name, asked]).encode()).hexdigest()[:12]


def paging_of(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Rows of a page at most")] = 50,
    cursor: Annotated[str | None, Query(max_length=600, description="From `next` of the page before; opaque")] = None,
    order: Annotated[
        Literal["oldest", "newest"],
        Query(description="In the order of the chain (or of ids, where there is none), or against it"),
    ] = "oldest",
) -> Paging:
    """The page that a request asks for."""
    return Paging(request, response, limit, cursor, order == "newest")


Pages = Annotated[Paging, Depends(paging_of)]


def as_of(at: Position) -> AsOf:
    """The block that an answer is as of."""
    return AsOf(block=Block(number=at.block, time=moment(at.time)), hash=at.hash, chain_id=at.chain_id)


def _invalid(why: str) -> RequestRefused:
    return RequestRefused(
        f"the cursor is of no use: {why}",
        where="query parameter cursor",
        remedy="take `next` of the page before as it is, or begin without a cursor",
        code="cursor_invalid",
    )
