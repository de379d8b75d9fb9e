"""What every endpoint works with, put together once by the command that serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.documents.store import DocumentStore
from hub.errors import RetryLater, StopAndTell, YrdhubError
from hub.relay.outbox import Outbox

_HEAD_IS_FRESH_FOR = 2.0


def _wall_clock() -> int:
    return int(time.time())


@dataclass
class Hub:
    """The hub behind the API. `reading` never waits for a writer; `writing` is for documents, accesses and the outbox.

    `node` is asked for the head, and to simulate orders; without one the API reads on, and says so.
    """

    reading: Engine
    writing: Engine
    deployment: Deployment
    node: Node | None = None
    clock: Callable[[], int] = _wall_clock
    stale_after: int = 300
    """Seconds the index may lag behind a reachable chain's head before `/readyz` says no."""
    _head: tuple[float, int, int] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.documents = DocumentStore(self.writing, self.deployment, self.reading)
        self.outbox = Outbox(self.writing)

    def require_node(self) -> Node:
        """The node. Raises RetryLater while this API has none."""
        if self.node is None:
            raise RetryLater("no node of the chain is connected to this API", code="chain_unreachable", retry_after=30)
        return self.node

    def head(self) -> tuple[int, int]:
        """Number and block time of the chain's final head, asked at most every two seconds.

        Raises RetryLater while no node answers.
        """
        node = self.require_node()
        now = time.monotonic()
        if self._head is None or now - self._head[0] > _HEAD_IS_FRESH_FOR:
            head = node.final_head()
            self._head = (now, head.number, head.timestamp)
        return self._head[1], self._head[2]

    def head_or_trouble(self) -> tuple[tuple[int, int] | None, str]:
        """The head, or why there is none."""
        try:
            return self.head(), ""
        except (RetryLater, StopAndTell) as trouble:
            return None, _short(trouble)


def _short(error: YrdhubError) -> str:
    # only the sentence: where a node stands is the operator's business
    return f"{error.code}: {error.message}"


def hub_of(request: Request) -> Hub:
    """The hub that the application was made for."""
    return cast(Hub, request.app.state.hub)


TheHub = Annotated[Hub, Depends(hub_of)]
