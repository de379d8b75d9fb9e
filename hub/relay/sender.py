"""Sending what waits in the outbox, by a key that has no role: it can delay an order, and nothing else.

Exactly once in effect: the signed bytes are stored before they are broadcast, a retry sends the same bytes, and the
chain spends each order once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hub.chain.connection import Node, NonceTaken
from hub.chain.keys import Signer
from hub.chain.orders import VoteOrder
from hub.chain.sending import next_nonce, prepare, simulate, wait_receipt
from hub.errors import ChainRefused, ConfigurationWrong, RetryLater
from hub.index.queries import Row
from hub.relay.outbox import Outbox, RelayStatus

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Passed:
    """What one pass did."""

    carried_out: int = 0
    refused: int = 0
    waiting: int = 0


class Relayer:
    """One relayer: one key, one order at a time."""

    def __init__(
        self,
        outbox: Outbox,
        node: Node,
        signer: Signer,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
        patience: float = 60.0,
    ) -> None:
        self._outbox = outbox
        self._node = node
        self._signer = signer
        self._clock = clock
        self._patience = patience

    def run_once(self) -> Passed:
        """Sends everything that waits. Raises RetryLater when the node is away; what waits goes on waiting."""
        passed = Passed()
        for row in self._outbox.waiting():
            try:
                self._carry_out(row)
            except ChainRefused as refused:
                done = self._was_done(row, refused)
                if done is None:
                    passed.waiting += 1
                    continue
                if done:
                    self._outbox.mark_carried_out(row["order"], self._clock())
                    log.info("order_carried_out_by_another", order=row["order"])
                    passed.carried_out += 1
                    continue
                self._outbox.mark_refused(row["order"], refused.to_json(), self._clock())
                log.info("order_refused", order=row["order"], error=refused.error)
                passed.refused += 1
            except NonceTaken:
                self._outbox.queue_again(row["order"], self._clock())
                passed.waiting += 1
            else:
                self._outbox.mark_carried_out(row["order"], self._clock())
                log.info("order_carried_out", order=row["order"])
                passed.carried_out += 1
        return passed

    def _was_done(self, row: Row, refused: ChainRefused) -> bool | None:
        """Whether the chain refuses this order only because it has its effect already: anyone may send it, and somebody
        was first. None: not known until the index has the vote that stands."""
        if refused.error in ("OrderRepeated", "BallotExists"):  # both name the very order, by its hash
            return True
        if refused.error != "RevisionStale" or row["primary_type"] != VoteOrder.__name__:
            return False
        message = row["message"]
        if refused.arguments.get("recorded") != int(message["revision"]):
            return False  # a newer vote stands
        standing = self._outbox.vote_of(message["ballot"], int(message["member"]))
        if standing is None or standing[0] < int(message["revision"]):
            return None
        return standing == (int(message["revision"]), int(message["choice"]))

    def _carry_out(self, row: Row) -> None:
        raw, tx_hash = row["raw"], row["tx_hash"]
        if row["status"] != RelayStatus.SENT or raw is None:
            # refused now means refused without a transaction, and with the chain's own reason
            simulate(self._node, self._signer.address, row["target"], row["calldata"])
            signed = prepare(
                self._signer,
                row["target"],
                row["calldata"],
                nonce=next_nonce(self._node, self._signer.address),
                chain_id=self._node.chain_id,
                gas_price=self._node.gas_price,
            )
            raw, tx_hash = signed.raw, signed.hash
            self._outbox.mark_sent(row["order"], raw, tx_hash, self._clock())
        if self._node.receipt(tx_hash) is None:
            self._node.send_raw(raw)
        wait_receipt(self._node, tx_hash, self._patience)


def run(relayer: Relayer, *, every: float, stop: Callable[[], bool]) -> None:
    """Passes until `stop` says so, with `every` seconds between them.

    A node that is away is tried again, and so is what an operator may mend meanwhile (a node that refuses the key of
    its users, a database that is being moved): orders wait, and nothing is lost. Trouble is told when it changes.
    """
    told = ""
    while not stop():
        try:
            relayer.run_once()
            told = ""
        except (RetryLater, ConfigurationWrong) as trouble:
            if str(trouble) != told:
                log.warning("relay_waits", trouble=str(trouble), kind=trouble.kind)
            told = str(trouble)
        time.sleep(every)
