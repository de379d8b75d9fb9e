"""JSON-RPC 2.0 to a node over one kept-alive HTTP connection, single or in batches."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from hub.errors import ConfigurationWrong, RetryLater

TIMEOUT_SECONDS = 30.0
LARGEST_BATCH = 500
"""Requests in one HTTP body; nodes limit it (geth and Besu: about 1,000)."""


class NodeRefused(Exception):
    """The node answered a request with an error object. Internal: `Node` gives it its meaning."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error.get('message', '')} ({error.get('code')})")
        self.method = method
        self.message = str(error.get("message", ""))
        self.error_code = error.get("code")
        self.revert_data = _revert_data(error)


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a batch."""

    method: str
    params: Sequence[Any]


class Rpc:
    """A node's JSON-RPC endpoint. Usable from several threads; close it, or use it as a context manager.

    Raises RetryLater when the node cannot be reached, times out or answers no JSON-RPC, ConfigurationWrong when it
    refuses access, NodeRefused for an error object.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = url
        self.timeout = timeout
        self._ids = itertools.count(1)
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            headers={"content-type": "application/json"},
            # a proxy of the environment is for the outside world, not for the node beside us
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the object opens another when it is used again after `__init__` only."""
        self._client.close()

    @property
    def place(self) -> str:
        """The endpoint as it may be shown: without credentials or query."""
        url = httpx.URL(self.url)
        return str(url.copy_with(userinfo=b"", query=None))

    def call(self, method: str, *params: Any) -> Any:
        """One request, its result."""
        answer = self._post({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params})
        if not isinstance(answer, dict):
            raise self._no_rpc("one request was answered with a list")
        return self._result(method, answer)

    def call_many(self, requests: Sequence[Request]) -> list[Any]:
        """The results in order; the first error object is raised. In bodies of at most LARGEST_BATCH."""
        results = []
        for result in self.try_many(requests):
            if isinstance(result, NodeRefused):
                raise result
            results.append(result)
        return results

    def try_many(self, requests: Sequence[Request]) -> list[Any | NodeRefused]:
        """As `call_many`, with each error object in its place instead of raised."""
        results: list[Any | NodeRefused] = []
        for start in range(0, len(requests), LARGEST_BATCH):
            results += self._one_body(requests[start : start + LARGEST_BATCH])
        return results

    def _one_body(self, requests: Sequence[Request]) -> list[Any | NodeRefused]:
        numbered = [(next(self._ids), request) for request in requests]
        answers = self._post(
            [
                {"jsonrpc": "2.0", "id": number, "method": request.method, "params": request.params}
                for number, request in numbered
            ]
        )
        if not isinstance(answers, list):
            raise self._no_rpc(f"a batch was answered with {str(answers)[:200]}")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        results: list[Any | NodeRefused] = []
        for number, request in numbered:
            if number not in by_id:
                raise self._no_rpc(f"{request.method} in a batch was not answered")
            try:
                results.append(self._result(request.method, by_id[number]))
            except NodeRefused as refused:
                results.append(refused)
        return results

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        if answer.get("error") is not None:
            raise NodeRefused(method, answer["error"])
        if "result" not in answer:
            raise self._no_rpc(f"the answer to {method} has neither result nor error")
        return answer["result"]

    def _post(self, body: Any) -> Any:
        content = json.dumps(body, separators=(",", ":")).encode()
        for last_attempt in (False, True):
            try:
                response = self._client.post(self.url, content=content)
                break
            except httpx.TimeoutException as late:
                raise RetryLater(
                    f"the node did not answer within {self.timeout:g} s",
                    where=self.place,
                    remedy="see whether the node is overloaded or stopped",
                    code="node_timeout",
                ) from late
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as broken:
                # a node closes idle connections; every request may be repeated (a raw transaction is known by its hash)
                if last_attempt:
                    raise self._unreachable(broken) from broken
            except httpx.TransportError as unreachable:
                raise self._unreachable(unreachable) from unreachable
        if response.status_code in {401, 403}:
            raise ConfigurationWrong(
                f"the node refuses access (HTTP {response.status_code})",
                where=self.place,
                remedy="check the credentials in YRDHUB_RPC_URL",
                code="node_access_refused",
            )
        try:
            answer = json.loads(response.content)
        except ValueError:
            raise self._no_rpc(f"HTTP {response.status_code} without JSON") from None
        # an error object comes with 400 or 500 from some nodes; anything else with such a status is no answer
        if response.status_code != 200 and not (isinstance(answer, dict) and "error" in answer):
            raise self._no_rpc(f"HTTP {response.status_code}")
        return answer

    def _unreachable(self, trouble: Exception) -> RetryLater:
        return RetryLater(
            f"the node cannot be reached: {trouble}",
            where=self.place,
            remedy="start it (`yrdhub chain start`), or correct YRDHUB_RPC_URL",
            code="node_unreachable",
        )

    def _no_rpc(self, why: str) -> RetryLater:
        return RetryLater(
            f"the node's answer is no JSON-RPC: {why}",
            where=self.place,
            remedy="see whether YRDHUB_RPC_URL names a JSON-RPC endpoint",
            code="node_answer_unreadable",
        )


def _revert_data(error: dict[str, Any]) -> bytes | None:
    """The revert data of an error object, wherever the engine puts it; None when it is no revert."""
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return None
    # a revert without data: geth gives code 3 or -32000 and no data at all
    return b"" if "revert" in str(error.get("message", "")).lower() else None
