"""Reports to the hub over HTTP, from a city on a machine of its own."""

from __future__ import annotations

import httpx

from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.errors import RecordRefused, RetryLater
from hub.sync_status.sealing import seal_report
from mutual_recognition.sync_facts import SyncFacts


class HubStatus:
    """A sync engine's sink for reports. `client` has the hub's API as its base URL; the caller closes it."""

    def __init__(self, client: httpx.Client, signer: Signer, domain: Domain) -> None:
        self._client = client
        self._signer = signer
        self._domain = domain

    def report(self, facts: SyncFacts) -> None:
        """Signs and hands in. Raises RetryLater while the hub is away or busy, RecordRefused where it refuses."""
        body = seal_report(self._signer, self._domain, facts).as_json()
        where = str(self._client.base_url)
        try:
            answer = self._client.post("/v1/sync", json=body)
        except httpx.HTTPError as away:
            raise RetryLater(f"the hub cannot be reached: {away}", where=where, code="hub_unreachable") from away
        if answer.is_success:
            return
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RetryLater("the hub takes no report just now", what=answer.status_code, where=where)
        raise RecordRefused(f"the hub refused the report: {answer.text[:300]}", code="sync_report_refused", where=where)
