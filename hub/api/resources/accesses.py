"""Who read what was shared: told to the member that shared it, and to auditors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from hub.api.hub import TheHub
from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH, NotIdentified
from hub.api.readers import Authorization, reader_of
from hub.api.shapes import Address, Id32, Id32Path, Id32Query, MemberCode, MemberQuery, Moment, answers, moment
from hub.api.snapshots import At, Snapshot, refuse_unknown_parameters
from hub.documents.accesses import LISTING, public_reads, visible_to
from hub.documents.store import get
from hub.index.queries import Row
from hub.index.queries_status import position
from mutual_recognition.documents import DocumentKind

router = APIRouter(tags=["documents"])


class Access(BaseModel):
    """One reading: `reader`, an officer's address, for `member`, at `at`; `how` it was read."""

    id: Annotated[int, Field(examples=[42])]
    at: Moment | None
    reader: Address
    member: MemberCode
    how: Annotated[str, Field(description="list, read or import", examples=["read"])]
    digest: Id32
    home: Annotated[MemberCode, Field(description="who shared the document")]
    kind: Annotated[str, Field(examples=["parameters"])]
    registry: Annotated[str, Field(examples=["illustrative-registry"])]
    record: Annotated[str, Field(examples=["EF-2026"])]
    version: Annotated[int, Field(examples=[1])]
    audience: Annotated[str, Field(examples=["members"])]

    @staticmethod
    def of(row: Row) -> Access:
        """From a row of the listing."""
        return Access(**(row | {"at": moment(row["at"])}))


class PublicReads(BaseModel):
    """How often a public document was read; nobody's name is kept."""

    digest: Id32
    reads: Annotated[int, Field(examples=[7])]


def take_look(request: Request, response: Response, hub: TheHub, authorization: Authorization) -> Iterator[Snapshot]:
    """The database at one moment, for an officer; without an ETag, since reading itself adds rows here."""
    refuse_unknown_parameters(request)
    with hub.reading.connect() as connection:
        at = position(connection)
        reader = reader_of(connection, hub, authorization)
        if reader.is_public:
            raise NotIdentified(
                "who read what is told to members and auditors",
                where="header Authorization",
                remedy="send a reading order of one of your officers",
                code="reader_needed",
            )
        response.headers.update({"cache-control": "private, no-store", "vary": "Authorization"})
        yield Snapshot(hub, connection, at, reader)


@router.get("/accesses", responses=answers(Page[Access]))
def list_accesses(
    at: Annotated[Snapshot, Depends(take_look)],
    pages: Pages,
    digest: Id32Query = None,
    member: MemberQuery = None,
    home: MemberQuery = None,
    kind: Annotated[DocumentKind | None, Query()] = None,
    how: Annotated[Literal["list", "read", "import"] | None, Query()] = None,
    since: Annotated[int, Query(ge=0, lt=2**63, description="only those whose id is above this")] = 0,
) -> Page[Access]:
    """Readings of documents that are not public, and all imports, of the last three years.

    Audience: officers see those of their own member's documents, auditors all.
    """
    filters = {
        "digest": digest,
        "member": member,
        "home": home,
        "how": how,
        "kind": None if kind is None else kind.value,
    }

    def build(rows: Sequence[Row]) -> list[Access]:
        return [Access.of(row) for row in rows]

    return pages.read(at, LISTING, filters, build, also=[visible_to(at.reader), LISTING.order[0] > since])


@router.get("/documents/{digest}/reads", responses=answers(PublicReads) | NO_SUCH)
def count_reads(at: At, digest: Id32Path) -> PublicReads:
    """How often a public document was read, up to ten seconds ago; 0 for others, whose readings are recorded one by
    one. Audience: the document's own."""
    if get(at.connection, digest, at.reader) is None:
        raise at.missing("document", digest)
    return PublicReads(digest=digest, reads=public_reads(at.connection, [digest]).get(digest, 0))
