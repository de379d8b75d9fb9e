"""A consortium of three cities on a chain of its own, whose every byte is the same on every machine and in every run.

Keys are hashes of labels, block times are set, requests are counted: gas measured here is a property of the contracts
and the compiler alone. Everything is illustrative.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from hub.chain.codec import encode_batch, encode_call
from hub.chain.connection import Node, Receipt
from hub.chain.constitution import Constitution
from hub.chain.deployment import Deployment, deploy
from hub.chain.enums import BallotKind, Choice
from hub.chain.events import ChainEvent, decode
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Action, BallotOrder, VoteOrder, hash_actions, order_id
from hub.chain.sending import prepare, wait_receipt
from hub.network.embedded import EmbeddedChain

SHANGHAI, SUZHOU, HANGZHOU = 310000, 320500, 330100
START = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp())
"""Block time of the first measured transaction: later than any clock that will run this, so that it can be set."""
FOREVER = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
_VOTING = 3_600
_INCLUDED_WITHIN = 60.0


def key(label: str) -> LocalSigner:
    """The key of that name, the same everywhere. It guards nothing: the chain lives for one measurement."""
    return LocalSigner(keccak(text=f"illustrative benchmark key {label}"))


class Ground:
    """The registers, and a way to write to them that says what it cost."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self.deployment = deployment
        self.now = START
        self._requests = 0
        self._nonces: dict[str, int] = {}

    def request(self) -> bytes:
        """A request id that was not used before."""
        self._requests += 1
        return keccak(text=f"benchmark request {self._requests}")

    def pass_time(self, seconds: int) -> None:
        """The next block is this much later."""
        self.now += seconds

    def transact(self, signer: LocalSigner, to: str | None, data: bytes) -> Receipt:
        """One transaction in a block of its own, a second after the one before. Raises ChainRefused when it reverts."""
        self.now += 1
        self._node.rpc.call("evm_setNextBlockTimestamp", self.now)
        nonce = self._nonces.get(signer.address, self._node.nonce(signer.address))
        signed = prepare(signer, to, data, nonce=nonce, chain_id=self.deployment.chain_id, gas_price=0)
        self._node.send_raw(signed.raw)
        receipt = wait_receipt(self._node, signed.hash, _INCLUDED_WITHIN, poll=0.002)
        self._nonces[signer.address] = nonce + 1
        return receipt

    def write(self, member: int, register: str, calls: Sequence[bytes]) -> Receipt:
        """Calls of one register in one transaction, by the member's registrar: one as it is, several as a batch."""
        data = calls[0] if len(calls) == 1 else encode_batch(calls)
        return self.transact(key(f"{member} registrar"), self.deployment.address(register), data)

    def events(self, receipt: Receipt, name: str) -> list[ChainEvent]:
        """The events of that name, in order."""
        found = (decode(log, self.deployment) for log in receipt.logs)
        return [event for event in found if event.name == name]

    def pass_recognition(self, subject: bytes, terms: Mapping[int, Mapping[str, Any]]) -> None:
        """A ballot on the terms of each member, in which every city says yes, carried out."""
        entries = [{"member": member, "terms": dict(voted)} for member, voted in terms.items()]
        actions = [
            Action(self.deployment.address("Recognition"), encode_call("Recognition", "recognise", [subject, entries]))
        ]
        ballot = BallotOrder(
            proposer=SHANGHAI,
            kind=int(BallotKind.RECOGNITION),
            actions_hash=hash_actions(actions),
            document="0x" + keccak(text="illustrative document").hex(),
            closes_at=self.now + _VOTING + 100,
            invited=(),
            request="0x" + self.request().hex(),
        )
        self._relay("openBallot", ballot, SHANGHAI, actions)
        named = order_id(ballot, self.deployment.domain)
        for member in (SHANGHAI, SUZHOU, HANGZHOU):
            self._relay("vote", VoteOrder(named, member, int(Choice.YES), 1), member)
        self.pass_time(_VOTING)
        self._consortium(encode_call("Consortium", "execute", [named, actions]))

    def _relay(self, function: str, order: BallotOrder | VoteOrder, member: int, *between: object) -> None:
        signature = sign_order(key(f"{member} voter"), order, self.deployment.domain)
        self._consortium(encode_call("Consortium", function, [order, *between, signature]))

    def _consortium(self, data: bytes) -> None:
        self.transact(key("relay"), self.deployment.address("Consortium"), data)


@contextmanager
def open_ground(home: Path) -> Iterator[Ground]:
    """A fresh chain under `home` with the registers as they are shipped, behind their proxies; it ends with the
    block."""
    with EmbeddedChain(home, port=0) as chain, Node(chain.rpc_url) as node:
        yield Ground(node, deploy(node, key("deployer"), three_cities()))


def three_cities() -> Constitution:
    """Three full members, each with a voter and a registrar (`key`)."""
    until = datetime.fromtimestamp(FOREVER, UTC).isoformat()
    rule = {
        "quorum_ppm": 500_000,
        "approval_ppm": 500_001,
        "min_voting": _VOTING,
        "max_voting": 30 * DAY,
        "delay": 60,
        "execute_within": 14 * DAY,
    }
    words = {
        "members": [
            {
                "member": member,
                "kind": "full",
                "officers": [
                    {"account": key(f"{member} {role}").address, "roles": [role], "valid_until": until}
                    for role in ("voter", "registrar")
                ],
            }
            for member in (SHANGHAI, SUZHOU, HANGZHOU)
        ],
        "rules": {kind.name.lower(): rule for kind in BallotKind},
        "pause": {"max_duration": 3 * DAY, "cooldown": 7 * DAY},
        "transfers": {
            "new_counterparty_wait": DAY,
            "min_lifetime": 3_600,
            "max_lifetime": 30 * DAY,
            "cosign_above_kg": 10**12,
        },
    }
    return Constitution.model_validate_json(json.dumps(words))
