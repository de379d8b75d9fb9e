"""Where a city gives and gets documents: a hub over HTTP, or the hub's own database where both are one machine.

Both keep to the reader's audience and record every access; neither is believed: what is got is checked by whoever got
it (`hub.sharing.checking`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from sqlalchemy import Engine

from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.documents import accesses
from hub.documents.audience import Reader
from hub.documents.delivery import HubDocuments
from hub.documents.messages import DocumentSeal
from hub.documents.sealing import by_audience, reading_authorization, seal_documents
from hub.documents.search import LISTING, conditions, standings
from hub.documents.store import DocumentStore, get, get_seal
from hub.errors import JsonValue, RecordRefused, RetryLater
from hub.index.queries import Row, read_page
from mutual_recognition.documents import Document

READING_GOOD_FOR = 300
"""Seconds that a reading order reaches ahead."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for. 0, "" and empty: whatever. `before` turns the order round: newest first."""

    kinds: tuple[str, ...] = ()
    member: int = 0
    registry: str = ""
    record: str = ""
    methodology: str = ""
    words: str = ""
    since: int = 0
    before: int = 0
    current: bool = False
    newest_first: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Answered:
    """Entries as the API tells them, and whether there are more."""

    entries: list[dict[str, Any]]
    more: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as it was got, unchecked: its bytes, the seal it came under, and the digests of the seal's batch."""

    digest: str
    canonical: bytes
    seal: DocumentSeal
    signature: bytes
    batch: tuple[str, ...]


class Exchange(Protocol):
    """What a city needs of a hub to share."""

    where: str

    def find(self, question: Question) -> Answered:
        """Documents that the reader may see."""
        ...

    def fetch(self, digest: str) -> Fetched:
        """One document with its seal. Raises RecordRefused (`document_unknown`) where the reader has none such."""
        ...

    def note_import(self, digest: str) -> None:
        """Tells the hub that the document is taken into the city's own work. Raises as `fetch`."""
        ...

    def deliver(self, signer: Signer, member: int, documents: Sequence[Document]) -> None:
        """Seals documents of `member` and hands them in. Raises RecordRefused with the hub's code."""
        ...

    def accesses(self, asked: Mapping[str, Any], after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Who read what the reader's member shared (an auditor: all), and the id to go on after."""
        ...


class HubExchange:
    """A hub's HTTP interface. `client` has the hub as its base URL; without `signer` only what is public is read."""

    def __init__(
        self,
        client: httpx.Client,
        domain: Domain,
        signer: Signer | None,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._client = client
        self._domain = domain
        self._signer = signer
        self._clock = clock
        self.where = str(client.base_url)

    def find(self, question: Question) -> Answered:
        """See Exchange. Raises RetryLater while the hub does not answer."""
        asked: dict[str, Any] = {
            "kind": list(question.kinds),
            "member": question.member,
            "registry": question.registry,
            "record": question.record,
            "methodology": question.methodology,
            "text": question.words,
            "since": question.since,
            "before": question.before,
            "limit": question.limit,
        }
        asked = {name: value for name, value in asked.items() if value}
        asked["order"] = "newest" if question.newest_first else "oldest"
        if question.current:
            asked["current"] = "true"
        page = self._get("/v1/documents", asked)
        return Answered(page["items"], page["next"] is not None)

    def fetch(self, digest: str) -> Fetched:
        """See Exchange. Raises RetryLater while the hub does not answer."""
        told = self._get(f"/v1/documents/{digest}")
        seal = self._get(f"/v1/seals/{told['seal']['manifest']}")
        document = json.dumps(told["document"])
        try:
            canonical = Document.model_validate_json(document).canonical()
            sealed = DocumentSeal(int(seal["member"]), str(seal["manifest"]), int(seal["sealed_at_seconds"]))
            return Fetched(digest, canonical, sealed, bytes.fromhex(seal["signature"][2:]), tuple(seal["digests"]))
        except (ValueError, KeyError, TypeError) as unreadable:
            raise RecordRefused(
                f"the hub's answer is no document: {unreadable}",
                code="document_refused",
                value=digest,
                where=self.where,
            ) from unreadable

    def note_import(self, digest: str) -> None:
        """See Exchange. Raises RetryLater while the hub does not answer: nothing is imported unrecorded."""
        self._ask("POST", f"/v1/documents/{digest}/imports")

    def deliver(self, signer: Signer, member: int, documents: Sequence[Document]) -> None:
        """See Exchange. Raises RetryLater while the hub does not answer."""
        sink = HubDocuments(self._client, signer, self._domain, member, clock=self._clock)
        sink.deliver([(one.digest(), one.canonical()) for one in documents])

    def accesses(self, asked: Mapping[str, Any], after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """See Exchange. Raises RetryLater while the hub does not answer."""
        page = self._get("/v1/accesses", {**asked, "since": after, "limit": limit})
        items: list[dict[str, Any]] = page["items"]
        return items, items[-1]["id"] if page["next"] is not None else None

    def _get(self, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._ask("GET", path, asked)

    def _ask(self, method: str, path: str, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {}
        if self._signer is not None:
            expires = self._clock() + READING_GOOD_FOR
            headers["Authorization"] = reading_authorization(self._signer, self._domain, expires)
        try:
            answer = self._client.request(method, path, params=dict(asked or {}), headers=headers)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as away:
            raise RetryLater(f"the hub cannot be reached: {away}", where=self.where, code="hub_unreachable") from away
        if answer.is_success and isinstance(told, dict):
            return told
        detail = told.get("detail", answer.status_code) if isinstance(told, dict) else answer.status_code
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RetryLater(f"the hub does not answer just now: {detail}", where=self.where, code="hub_unavailable")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise _unknown(path.split("/")[3], self.where)
        problem: dict[str, JsonValue] = told if isinstance(told, dict) else {}
        raise RecordRefused(
            f"the hub refused: {detail}",
            code=str(problem.get("type", "hub_refused")).rpartition(":")[2],
            value=problem.get("what"),
            where=f"{method} {self.where}{path}",
            remedy=str(problem["remedy"]) if problem.get("remedy") else None,
        )


class LocalExchange:
    """The hub's database on this machine, for a `reader` whose key is at hand. `store` writes."""

    def __init__(
        self,
        reading: Engine,
        store: DocumentStore,
        domain: Domain,
        reader: Reader,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._reading = reading
        self._store = store
        self._domain = domain
        self._reader = reader
        self._clock = clock
        self.where = "this machine's hub"

    def find(self, question: Question) -> Answered:
        """See Exchange."""
        filters = {
            "member": question.member or None,
            "registry": question.registry or None,
            "record": question.record or None,
            "methodology": question.methodology or None,
        }
        with self._reading.connect() as connection:
            also = conditions(
                connection,
                self._reader,
                words=question.words,
                kinds=question.kinds,
                since=question.since,
                before=question.before,
                current=question.current,
            )
            rows, key = read_page(
                connection,
                LISTING,
                filters,
                None,
                question.limit,
                also=also,
                newest_first=question.newest_first,
            )
            standing = standings(connection, rows, self._reader)
        self._store.note_access(self._reader, rows, "list", self._clock())
        told = [
            row
            | {
                "superseded_by": standing[row["digest"]].superseded_by,
                "withdrawn_by": standing[row["digest"]].withdrawn_by,
            }
            for row in rows
        ]
        return Answered(told, key is not None)

    def fetch(self, digest: str) -> Fetched:
        """See Exchange."""
        row = self._row(digest)
        self._store.note_access(self._reader, [row], "read", self._clock())
        with self._reading.connect() as connection:
            seal = get_seal(connection, row["seal"], self._reader)
        assert seal is not None  # who reads a document may see its seal
        packed = bytes(seal["digests"])
        return Fetched(
            digest,
            bytes(row["canonical"]),
            DocumentSeal(seal["member"], seal["manifest"], seal["sealed_at"]),
            bytes(seal["signature"]),
            tuple("0x" + packed[place : place + 32].hex() for place in range(0, len(packed), 32)),
        )

    def note_import(self, digest: str) -> None:
        """See Exchange."""
        self._store.note_access(self._reader, [self._row(digest)], "import", self._clock())

    def deliver(self, signer: Signer, member: int, documents: Sequence[Document]) -> None:
        """See Exchange."""
        now = self._clock()
        for group in by_audience([one.canonical() for one in documents]):
            self._store.put(seal_documents(signer, self._domain, member, group, now), now)

    def accesses(self, asked: Mapping[str, Any], after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """See Exchange."""
        if self._reader.is_public:
            raise RecordRefused(
                "who read what is told to members and auditors", code="reader_needed", remedy="name your key: --key"
            )
        with self._reading.connect() as connection:
            rows, key = read_page(
                connection,
                accesses.LISTING,
                asked,
                (after,),
                limit,
                also=[accesses.visible_to(self._reader)],
            )
        return rows, None if key is None else key[0]

    def _row(self, digest: str) -> Row:
        with self._reading.connect() as connection:
            row = get(connection, digest, self._reader)
        if row is None:
            raise _unknown(digest, self.where)
        return row


def _unknown(digest: str, where: str) -> RecordRefused:
    return RecordRefused(
        "there is no such document, or none for you",
        code="document_unknown",
        value=digest,
        where=where,
        remedy="find its digest: yrdhub share search",
    )
