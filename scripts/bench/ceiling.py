"""The ceiling: how long the same chain takes for the same transactions when nobody reads, decides, journals or indexes.

They were signed beforehand. One thread sends them raw over one kept-alive connection, in nonce order, as fast as the
node answers, and asks for the receipt of one sent IN_FLIGHT before; the node is never idle and its pool never grows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hub.chain.connection import Node
from hub.chain.sending import wait_receipt
from hub.chain.transactions import transaction_hash
from hub.network.embedded import EmbeddedChain
from hub.replay import SAVE_INTERVAL

IN_FLIGHT = 8
_INCLUDED_WITHIN = 120.0


def measure_ceiling(home: Path, raws: Sequence[bytes]) -> list[float]:
    """Seconds from the first broadcast until each transaction was in a block, on the chain that stands under `home`.

    Raises ChainRefused when one reverts: then the chain was not in the state that they were signed for.
    """
    alone = EmbeddedChain(home, port=0, save_interval=SAVE_INTERVAL)
    with alone as chain, Node(chain.rpc_url, timeout=_INCLUDED_WITHIN) as node:
        hashes = [transaction_hash(raw) for raw in raws]
        node.head()
        included: list[float] = []
        began = time.perf_counter()

        def await_next() -> None:
            wait_receipt(node, hashes[len(included)], _INCLUDED_WITHIN, poll=0.001)
            included.append(time.perf_counter() - began)

        for at, raw in enumerate(raws):
            node.send_raw(raw)
            if at >= IN_FLIGHT:
                await_next()
        while len(included) < len(raws):
            await_next()
    return included
