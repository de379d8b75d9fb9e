"""A person's order, signed: what it says, the digest a second device can compare, and the call that carries it.

An order is signed once and may then be sent by any key, handed to a hub to relay, or kept in a file. Nothing here needs
trust: the chain checks the signature.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hub.chain.connection import Node, Receipt
from hub.chain.deployment import Deployment
from hub.chain.keys import Signer, sign_order
from hub.chain.orders import Action, Order, digest, order_from_message, typed_data
from hub.chain.sending import send
from hub.errors import ConfigurationWrong, JsonValue, RecordRefused, RetryLater
from hub.relay.incoming import SignedOrder, parse_order

FORMAT = "yrdhub.order/1"
_LARGEST_FILE = 2_000_000


@dataclass(frozen=True, slots=True)
class OrderOnFile:
    """An order with its signatures (65 bytes each) and, for a ballot, its actions: what travels between people."""

    order: Order
    signatures: tuple[bytes, ...]
    actions: tuple[Action, ...] = ()

    def with_signature(self, signature: bytes) -> OrderOnFile:
        """The same order with one more signature."""
        return OrderOnFile(self.order, (*self.signatures, signature), self.actions)

    def to_json(self, deployment: Deployment) -> dict[str, Any]:
        """The file's content. `typed_data` is what a wallet signs; `digest` is what both devices must show."""
        return {
            "format": FORMAT,
            "digest": "0x" + digest(self.order, deployment.domain).hex(),
            "typed_data": typed_data(self.order, deployment.domain),
            "signatures": ["0x" + signature.hex() for signature in self.signatures],
            "actions": [{"target": action.target, "data": "0x" + action.data.hex()} for action in self.actions],
        }

    def call(self, deployment: Deployment) -> SignedOrder:
        """The call that anyone may send. Raises RecordRefused where signatures or actions do not fit the order."""
        message = typed_data(self.order, deployment.domain)["message"]
        return parse_order(deployment, type(self.order).__name__, message, self.signatures, self.actions)


def sign(signer: Signer, order: Order, deployment: Deployment, actions: Sequence[Action] = ()) -> OrderOnFile:
    """`order` with `signer`'s signature."""
    return OrderOnFile(order, (sign_order(signer, order, deployment.domain),), tuple(actions))


def carry_out(signed: OrderOnFile, node: Node, deployment: Deployment, sender: Signer) -> Receipt:
    """Sends the order with `sender`'s key, which needs no role. Raises ChainRefused, before anything is sent."""
    call = signed.call(deployment)
    return send(sender, node, call.target, call.calldata)


def read_order(file: Path, deployment: Deployment) -> OrderOnFile:
    """An order from a file that `to_json` made. Raises RecordRefused or ConfigurationWrong (another hub's)."""
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"it is larger than {_LARGEST_FILE} bytes")
        told = json.loads(file.read_text(encoding="utf-8"))
        data = told["typed_data"]
        order = order_from_message(data["primaryType"], data["message"])
        signatures = tuple(bytes.fromhex(text.removeprefix("0x")) for text in told["signatures"])
        actions = tuple(
            Action(one["target"].lower(), bytes.fromhex(one["data"].removeprefix("0x"))) for one in told["actions"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as unreadable:
        raise RecordRefused(
            f"this is no signed order: {unreadable}",
            code="order_malformed",
            field=type(unreadable).__name__,
            where=str(file),
            remedy="take a file that --out of this version wrote",
        ) from unreadable
    here = typed_data(order, deployment.domain)["domain"]
    if data.get("domain") != here:
        raise ConfigurationWrong(
            "the order was signed for another hub or chain",
            what=data.get("domain"),
            where=str(file),
            remedy=f"sign it for this one: {here}",
            code="order_of_another_hub",
        )
    return OrderOnFile(order, signatures, actions)


def relay(hub_url: str, signed: OrderOnFile, deployment: Deployment) -> dict[str, JsonValue]:
    """Hands the order to a hub's API, which relays it; the hub's answer. Raises RetryLater or RecordRefused."""
    body = signed.to_json(deployment)
    asked = {
        "primary_type": body["typed_data"]["primaryType"],
        "message": body["typed_data"]["message"],
        "signatures": body["signatures"],
        "actions": body["actions"],
    }
    where = f"POST {hub_url.rstrip('/')}/v1/orders"
    try:
        answer = httpx.post(f"{hub_url.rstrip('/')}/v1/orders", json=asked, timeout=30)
    except httpx.TransportError as trouble:
        raise RetryLater(f"the hub does not answer: {trouble}", where=where, code="hub_unreachable") from trouble
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if answer.is_success and isinstance(told, dict):
        return told
    detail = str(told.get("detail", answer.text[:200])) if isinstance(told, dict) else answer.text[:200]
    if answer.status_code >= 500 or answer.status_code == 429:
        raise RetryLater(f"the hub cannot take the order just now: {detail}", where=where, code="hub_unavailable")
    raise RecordRefused(
        f"the hub does not take the order: {detail}",
        code="order_refused",
        value=told.get("what") if isinstance(told, dict) else None,
        where=where,
        remedy=told.get("remedy") if isinstance(told, dict) else None,
    )
