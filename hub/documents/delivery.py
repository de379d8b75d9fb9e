"""Documents on their way from a city to its hub: sealed by the registrar's key there, handed in over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.documents.sealing import as_json, by_audience, seal_documents
from hub.documents.seals import MOST_BYTES, MOST_DOCUMENTS
from hub.errors import RecordRefused, RetryLater


class HubDocuments:
    """A sync engine's sink for documents. `client` has the hub's API as its base URL; the caller closes it.

    Repeating a delivery changes nothing there.
    """

    def __init__(
        self,
        client: httpx.Client,
        signer: Signer,
        domain: Domain,
        member: int,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._client = client
        self._signer = signer
        self._domain = domain
        self._member = member
        self._clock = clock

    def deliver(self, documents: Sequence[tuple[bytes, bytes]]) -> None:
        """Seals and hands in (digest, canonical bytes), in batches of one audience, as large as the hub takes.

        Raises RetryLater while the hub is away or busy, RecordRefused with the hub's own code when it refuses a batch.
        """
        for group in by_audience([data for _, data in documents]):
            for batch in _in_batches(group):
                self._hand_in(as_json(seal_documents(self._signer, self._domain, self._member, batch, self._clock())))

    def _hand_in(self, body: dict[str, object]) -> None:
        try:
            answer = self._client.post("/v1/documents", json=body)
        except httpx.HTTPError as away:
            raise RetryLater(
                f"the hub cannot be reached: {away}", where=str(self._client.base_url), code="hub_unreachable"
            ) from away
        if answer.is_success:
            return
        told = _problem(answer)
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RetryLater(
                f"the hub does not take documents just now: {told.get('detail', answer.status_code)}",
                where=str(self._client.base_url),
                code="hub_unavailable",
            )
        raise RecordRefused(
            f"the hub refused documents: {told.get('detail', answer.status_code)}",
            code=str(told.get("type", "documents_refused")).rpartition(":")[2],
            field=told.get("field"),
            value=told.get("what"),
            where=str(self._client.base_url),
            remedy=told.get("remedy"),
        )


def _in_batches(documents: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for document in documents:
        if batch and (len(batch) >= MOST_DOCUMENTS or size + len(document) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document)
    if batch:
        yield batch


def _problem(answer: httpx.Response) -> dict[str, str]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
