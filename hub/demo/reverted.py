"""Transactions that the chain takes into a block and reverts, as a thief with a key would send them: unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.chain.connection import Node, Receipt
from hub.chain.deployment import Deployment
from hub.chain.keys import Signer
from hub.chain.sending import next_nonce, prepare, wait_receipt
from hub.demo.steps import expect
from hub.errors import ChainRefused

_GAS = 2_000_000
"""Given outright: an estimate would fail, and keep the transaction from being sent."""


@dataclass(frozen=True, slots=True)
class Reverted:
    """What became of it: the block that has it, and the error by which its contract refused it."""

    transaction: str
    block: int
    refusal: ChainRefused

    def to_json(self) -> dict[str, Any]:
        """The refusal's fields with where it stands on the chain; `status` is the receipt's."""
        return self.refusal.to_json() | {"transaction": self.transaction, "block": self.block, "status": 0}


def send_to_be_refused(
    node: Node, deployment: Deployment, signer: Signer, to: str, data: bytes, *, error: str, what: str
) -> Reverted:
    """Signs, sends and waits. Raises StoryBroken unless it is mined, reverted with `error`, and changed nothing.

    The error is found by making the same call on the state before its block; that nothing changed, by the storage root
    of every register before and after.
    """
    before = _storage_roots(node, deployment)
    transaction = prepare(
        signer,
        to,
        data,
        nonce=next_nonce(node, signer.address),
        chain_id=node.chain_id,
        gas_price=node.gas_price,
        gas=_GAS,
    )
    node.send_raw(transaction.raw)
    refusal: ChainRefused | None = None
    try:
        wait_receipt(node, transaction.hash)
    except ChainRefused as refused:
        refusal = refused
    receipt: Receipt | None = node.receipt(transaction.hash)
    expect(receipt is not None and not receipt.succeeded and not receipt.logs, f"the chain to revert: {what}", receipt)
    expect(refusal is not None and refusal.error == error, f"{error} for {what}", refusal)
    after = _storage_roots(node, deployment)
    expect(before == after, f"nothing to be changed by: {what}", {"before": before, "after": after})
    assert receipt is not None
    assert refusal is not None
    return Reverted(transaction.hash, receipt.block_number, refusal)


def _storage_roots(node: Node, deployment: Deployment) -> Mapping[str, str]:
    """The Merkle root over all that each register stores (EIP-1186)."""
    return {
        name: node.rpc.call("eth_getProof", address, [], "latest")["storageHash"]
        for name, address in deployment.addresses.items()
    }
