"""Documents: sealed batches come in, and each reader gets what its audience allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.api.hub import TheHub
from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH, NotFound, NotIdentified, RequestRefused
from hub.api.readers import Authorization, reader_of
from hub.api.shapes import (
    Address,
    Id12,
    Id12Query,
    Id32,
    Id32Path,
    Id32Query,
    MemberCode,
    MemberQuery,
    Moment,
    answers,
    example_of,
    moment,
)
from hub.api.snapshots import At, refuse_unknown_parameters
from hub.documents.messages import DocumentSeal
from hub.documents.seals import MOST_DOCUMENTS, SealedBatch
from hub.documents.search import LISTING, LONGEST_SEARCH, SearchRefused, Standing, conditions, standings
from hub.documents.store import get, get_seal
from hub.index.queries import Row
from mutual_recognition.documents import DocumentKind

router = APIRouter(tags=["documents"])

_DIGEST = "0x" + "5a" * 32
_HEX65 = "^0x[0-9a-fA-F]{130}$"


class DocumentEntry(BaseModel):
    """A document in a list: what it is, without its contents."""

    digest: Id32
    kind: Annotated[str, Field(examples=["methodology"])]
    member: MemberCode
    registry: Annotated[str, Field(examples=["illustrative-registry"])]
    record: Annotated[str, Field(examples=["PV-2025-001"])]
    version: Annotated[int, Field(examples=[1])]
    audience: Annotated[str, Field(examples=["public"])]
    describes: Annotated[Id12 | None, Field(description="id of the record that it speaks of")]
    code: Annotated[str | None, Field(examples=["SHCER02010022024II 1"])]
    title_zh: Annotated[str | None, Field(examples=["居民低碳用电（示例）"])]
    title_en: Annotated[str | None, Field(examples=["Residential low-carbon electricity (illustrative)"])]
    methodology: Annotated[Id12 | None, Field(description="id of the methodology that it is, or is about")]
    withdraws: Annotated[Id32 | None, Field(description="of a notice: the document that stands no longer")]
    superseded_by: Annotated[Id32 | None, Field(description="the newest version, as far as the reader may know")]
    withdrawn_by: Annotated[Id32 | None, Field(description="the notice that withdrew it")]
    seal: Annotated[Id32, Field(description="manifest; see /v1/seals/{manifest}")]
    received_at: Moment | None
    arrived: Annotated[
        int, Field(description="place in the order of arrival: what `since` takes", examples=[1767225600000000])
    ]

    @staticmethod
    def of(row: Row, standing: Standing) -> DocumentEntry:
        """From a row of `documents`."""
        apart = {"received_at", "superseded_by", "withdrawn_by"}
        told = {name: row[name] for name in DocumentEntry.model_fields if name not in apart}
        return DocumentEntry(
            **told,
            superseded_by=standing.superseded_by,
            withdrawn_by=standing.withdrawn_by,
            received_at=moment(row["received_at"]),
        )


class SealGiven(BaseModel):
    """Who stood for the document, and when by its own clock."""

    member: MemberCode
    manifest: Id32
    signer: Address
    sealed_at: Moment | None
    sealed_at_seconds: Annotated[int, Field(description="as it was signed", examples=[1767225600])]
    signature: Annotated[str, Field(examples=["0x" + "11" * 65])]


class DocumentAnswer(BaseModel):
    """A document with its contents and its seal. Its digest is SHA-256 of /v1/documents/{digest}/canonical."""

    entry: DocumentEntry
    document: Annotated[
        dict[str, Any],
        Field(
            examples=[
                {
                    "schema": "yrdhub.document/1",
                    "kind": "methodology",
                    "member": 310000,
                    "registry": "illustrative-registry",
                    "record": "PV-2025-001",
                    "version": 1,
                    "audience": "public",
                    "content": {"code": "SHCER02010022024II", "version": "1"},
                }
            ]
        ),
    ]
    seal: SealGiven


class SealAnswer(SealGiven):
    """A seal with the digests of its whole batch: SHA-256 over them, sorted, is the manifest."""

    digests: list[Id32]


class SealSent(BaseModel):
    """EIP-712 `DocumentSeal(uint24 member,bytes32 manifest,uint40 sealedAt)` in the Consortium's domain, signed."""

    model_config = ConfigDict(extra="forbid")

    member: Annotated[int, Field(gt=0, lt=2**24, examples=[310000])]
    manifest: Annotated[str, Field(pattern="^0x[0-9a-f]{64}$", examples=[_DIGEST])]
    sealed_at: Annotated[int, Field(gt=0, lt=2**40, description="Unix seconds", examples=[1767225600])]
    signature: Annotated[str, Field(pattern=_HEX65, examples=["0x" + "11" * 65])]


class BatchSent(BaseModel):
    """Documents as the text of their canonical JSON (RFC 8785), byte for byte as they were sealed."""

    model_config = ConfigDict(extra="forbid")

    documents: Annotated[
        list[str],
        Field(
            min_length=1, max_length=MOST_DOCUMENTS, examples=[['{"audience":"public","content":{},"kind":"series"}']]
        ),
    ]
    seal: SealSent


class BatchStored(BaseModel):
    """What is kept now; `new` of them were not before."""

    manifest: Id32
    digests: list[Id32]
    new: Annotated[int, Field(examples=[1])]


@router.post(
    "/documents",
    responses=answers(BatchStored, "All are kept"),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": example_of(BatchSent)}}}},
)
def put_documents(hub: TheHub, batch: BatchSent) -> BatchStored:
    """Hands in a batch of documents of one member, sealed by its registrar. All or nothing; repeating changes nothing.

    Audience: anyone may carry it; the seal says whose it is.
    """
    sealed = SealedBatch(
        tuple(text.encode(errors="surrogatepass") for text in batch.documents),
        DocumentSeal(batch.seal.member, batch.seal.manifest, batch.seal.sealed_at),
        bytes.fromhex(batch.seal.signature[2:]),
    )
    stored = hub.documents.put(sealed, hub.clock())
    return BatchStored(manifest=stored.manifest, digests=list(stored.digests), new=stored.new)


@router.get("/documents", responses=answers(Page[DocumentEntry]))
def list_documents(
    at: At,
    pages: Pages,
    kind: Annotated[list[DocumentKind] | None, Query(max_length=20, description="one or several")] = None,
    member: MemberQuery = None,
    registry: Annotated[str | None, Query(max_length=100)] = None,
    record: Annotated[str | None, Query(max_length=200)] = None,
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    audience: Annotated[str | None, Query(max_length=20)] = None,
    describes: Id12Query = None,
    methodology: Id12Query = None,
    withdraws: Id32Query = None,
    seal: Id32Query = None,
    text: Annotated[
        str,
        Query(max_length=LONGEST_SEARCH, description="words in Chinese or English, each of which is to be there"),
    ] = "",
    since: Annotated[int, Query(ge=0, lt=2**63, description="only what arrived after this `arrived`")] = 0,
    before: Annotated[int, Query(ge=0, lt=2**63, description="only what arrived before this `arrived`")] = 0,
    current: Annotated[bool, Query(description="only what is neither superseded nor withdrawn")] = False,
) -> Page[DocumentEntry]:
    """Documents: search by text, filter, or follow what arrives with `since`. Audience: each reader sees what the
    documents' own audiences allow; what is for others leaves no trace in lists, counts, pages and ETags."""
    filters = {
        "member": member,
        "registry": registry,
        "record": record,
        "version": version,
        "audience": audience,
        "describes": describes,
        "methodology": methodology,
        "withdraws": withdraws,
        "seal": seal,
    }
    kinds = [one.value for one in kind or ()]
    try:
        also = conditions(
            at.connection, at.reader, words=text, kinds=kinds, since=since, before=before, current=current
        )
    except SearchRefused as refused:
        raise RequestRefused(
            refused.reason, what=refused.value, where="query parameter text", code=refused.code
        ) from refused

    def build(rows: Sequence[Row]) -> list[DocumentEntry]:
        at.hub.documents.note_access(at.reader, rows, "list", at.hub.clock())
        standing = standings(at.connection, rows, at.reader)
        return [DocumentEntry.of(row, standing[row["digest"]]) for row in rows]

    return pages.read(at, LISTING, filters, build, also=also)


@router.get("/documents/{digest}", responses=answers(DocumentAnswer) | NO_SUCH)
def read_document(at: At, digest: Id32Path) -> DocumentAnswer:
    """A document by its digest. Audience: the document's own; to others it is not there (404)."""
    row = get(at.connection, digest, at.reader)
    if row is None:
        raise at.missing("document", digest)
    at.hub.documents.note_access(at.reader, [row], "read", at.hub.clock())
    return DocumentAnswer(
        entry=DocumentEntry.of(row, standings(at.connection, [row], at.reader)[digest]),
        document=json.loads(row["canonical"]),
        seal=SealGiven(**_seal(row | {"manifest": row["seal"], "member": row["sealed_by"]})),
    )


@router.get(
    "/documents/{digest}/canonical",
    response_class=Response,
    responses=NO_SUCH
    | {
        200: {
            "description": "The canonical bytes, whose SHA-256 is the digest",
            "content": {"application/json": {"example": {"schema": "yrdhub.document/1", "kind": "series"}}},
        }
    },
)
def read_canonical(at: At, digest: Id32Path) -> Response:
    """The bytes that were hashed and sealed. Audience: the document's own; to others it is not there (404)."""
    row = get(at.connection, digest, at.reader)
    if row is None:
        raise at.missing("document", digest)
    at.hub.documents.note_access(at.reader, [row], "read", at.hub.clock())
    return Response(bytes(row["canonical"]), media_type="application/json")


class ImportNoted(BaseModel):
    """An import, recorded: kept for three years."""

    digest: Id32
    member: MemberCode
    reader: Address
    at: Moment | None


@router.post("/documents/{digest}/imports", responses=answers(ImportNoted, "Recorded") | NO_SUCH)
def note_import(request: Request, hub: TheHub, digest: Id32Path, authorization: Authorization) -> ImportNoted:
    """Says that the reader's member takes this document into its own work; recorded, and seen by who published it.

    Audience: officers of members, of documents that they may read; to others those are not there (404).
    """
    refuse_unknown_parameters(request)
    with hub.reading.connect() as connection:
        reader = reader_of(connection, hub, authorization)
        if reader.is_public:
            raise NotIdentified(
                "an import is recorded under the name of a member",
                where="header Authorization",
                remedy="send a reading order of one of your officers",
                code="reader_needed",
            )
        row = get(connection, digest, reader)
    if row is None:
        raise NotFound(f"there is no document {digest}", what=digest)
    now = hub.clock()
    hub.documents.note_access(reader, [row], "import", now)
    return ImportNoted(digest=digest, member=reader.member, reader=reader.address, at=moment(now))


@router.get("/seals/{manifest}", responses=answers(SealAnswer) | NO_SUCH)
def read_seal(at: At, manifest: Id32Path) -> SealAnswer:
    """A seal and the digests it is over. Audience: whoever may read one of its documents; to others it is not there."""
    row = get_seal(at.connection, manifest, at.reader)
    if row is None:
        raise at.missing("seal", manifest)
    packed = bytes(row["digests"])
    digests = ["0x" + packed[place : place + 32].hex() for place in range(0, len(packed), 32)]
    return SealAnswer(**_seal(row), digests=digests)


def _seal(row: Row) -> dict[str, Any]:
    return {
        "member": row["member"],
        "manifest": row["manifest"],
        "signer": row["signer"],
        "sealed_at": moment(row["sealed_at"]),
        "sealed_at_seconds": row["sealed_at"],
        "signature": "0x" + bytes(row["signature"]).hex(),
    }
