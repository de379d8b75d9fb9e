"""From a call to a final effect: simulate, sign, broadcast, wait.

Nothing is remembered here; the journal keeps the raw bytes before they are broadcast, so that a retry sends the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hub.chain.connection import BLOCK_GAS, Node, Receipt
from hub.chain.keys import Signer, sign_transaction
from hub.chain.refusals import decode_revert
from hub.chain.transactions import LegacyTransaction, transaction_hash
from hub.errors import ChainRefused, RetryLater


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """What is stored before it is broadcast."""

    raw: bytes
    hash: str
    nonce: int
    sender: str


def prepare(
    signer: Signer,
    to: str | None,
    data: bytes,
    *,
    nonce: int,
    chain_id: int,
    gas_price: int,
    gas: int = BLOCK_GAS,
) -> SignedTransaction:
    """Sign a call. No node is asked: nonce, chain id and gas price are the caller's to know."""
    raw = sign_transaction(signer, LegacyTransaction(chain_id, nonce, to, data, gas, gas_price))
    return SignedTransaction(raw, transaction_hash(raw), nonce, signer.address)


def simulate(node: Node, sender: str, to: str, data: bytes, gas: int = BLOCK_GAS) -> bytes:
    """What the call would return now. Raises ChainRefused, with the place in a batch, when it would revert."""
    return node.call(to, data, sender=sender, gas=gas)


def next_nonce(node: Node, address: str) -> int:
    """The nonce for the next transaction of `address`, after all that wait in the node's pool."""
    return node.nonce(address)


def wait_receipt(node: Node, tx_hash: str, timeout: float = 60.0, poll: float = 0.02) -> Receipt:
    """The receipt once a block has the transaction.

    Raises ChainRefused when it reverted there, RetryLater (`not_included`) after `timeout` seconds.
    """
    give_up = time.monotonic() + timeout
    while (receipt := node.receipt(tx_hash)) is None:
        if time.monotonic() >= give_up:
            raise RetryLater(
                f"no block has the transaction after {timeout:g} s",
                what=tx_hash,
                where=node.rpc.place,
                remedy="see whether the chain makes blocks; sending the same bytes again does no harm",
                code="not_included",
            )
        time.sleep(poll)
        poll = min(poll * 1.5, 1.0)
    if not receipt.succeeded:
        raise why_reverted(node, receipt)
    return receipt


def why_reverted(node: Node, receipt: Receipt) -> ChainRefused:
    """Why an included transaction reverted, found by calling it again on the state before its block, and where that
    would go through, on the newest: what a vote at the closing second met was its own block's time.

    Where neither says why, the error is `RevertedWithoutReason`; its remedy tells whether trying again helps.
    """
    transaction = node.rpc.call("eth_getTransactionByHash", receipt.tx_hash) or {}
    data = bytes.fromhex(transaction.get("input", "0x")[2:])
    gas = int(transaction.get("gas", hex(BLOCK_GAS)), 16)
    unknown = decode_revert(b"").as_error(f"transaction {receipt.tx_hash}")
    for block in (receipt.block_number - 1, None) if receipt.to is not None else ():
        try:
            node.call(receipt.to or "", data, sender=receipt.sender, block=block, gas=gas)
        except ChainRefused as refused:
            refused.where = unknown.where
            return refused
        except RetryLater:
            continue  # the node no longer has that state
        if block is None:
            unknown.message = f"the call was reverted in block {receipt.block_number}; now it would go through"
            unknown.remedy = "give the command again"
    return unknown


def send(signer: Signer, node: Node, to: str, data: bytes, *, timeout: float = 60.0) -> Receipt:
    """Simulate, sign with the next nonce, broadcast and wait: for commands and tests, where one call goes at a time.

    A sync uses the steps one by one. Raises ChainRefused before anything is sent when the call would revert.
    """
    simulate(node, signer.address, to, data)
    transaction = prepare(
        signer,
        to,
        data,
        nonce=next_nonce(node, signer.address),
        chain_id=node.chain_id,
        gas_price=node.gas_price,
    )
    node.send_raw(transaction.raw)
    return wait_receipt(node, transaction.hash, timeout)
