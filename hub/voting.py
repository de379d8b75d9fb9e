"""Ballots as their people handle them: opened with a document that says in words what they do, voted, carried out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hub.ballot_actions import Name, in_plain_words, kind_of
from hub.chain.codec import encode_call
from hub.chain.connection import Node, Receipt
from hub.chain.deployment import Deployment
from hub.chain.enums import Choice
from hub.chain.keys import Signer
from hub.chain.orders import Action, BallotOrder, VoteOrder, hash_actions
from hub.chain.sending import send
from mutual_recognition.documents import Document, DocumentKind

REGISTRY = "consortium"
"""Registry code of documents that are about the consortium's own affairs."""


@dataclass(frozen=True, slots=True)
class DraftBallot:
    """A ballot before anybody signed it: the order, its actions, and the document that its hash names."""

    order: BallotOrder
    actions: tuple[Action, ...]
    document: Document


def draft_ballot(
    node: Node,
    deployment: Deployment,
    proposer: int,
    actions: Sequence[Action],
    *,
    title: str,
    reasons: str = "",
    voting_seconds: int,
    invited: Sequence[int] = (),
    name: Name = lambda _: "",
) -> DraftBallot:
    """A ballot of `proposer` on `actions`, open for `voting_seconds` from now (block time)."""
    request = "0x" + secrets.token_hex(32)
    document = Document(
        kind=DocumentKind.BALLOT,
        member=proposer,
        registry=REGISTRY,
        record=request,
        content={"title": title, "reasons": reasons, "actions": in_plain_words(deployment, actions, name)},
    )
    order = BallotOrder(
        proposer=proposer,
        kind=int(kind_of(deployment, actions)),
        actions_hash=hash_actions(list(actions)),
        document="0x" + document.digest().hex(),
        # a chain that makes a block per transaction may run ahead of the clock on the wall
        closes_at=max(node.head().timestamp, int(time.time())) + voting_seconds,
        invited=tuple(invited),
        request=request,
    )
    return DraftBallot(order, tuple(actions), document)


def next_vote(node: Node, deployment: Deployment, ballot: str, member: int, choice: Choice) -> VoteOrder:
    """The vote that replaces whatever `member` said before on `ballot`."""
    recorded = deployment.read(node, "Consortium", "revisionOf", [ballot, member])
    return VoteOrder(ballot, member, int(choice), recorded + 1)


def execute(node: Node, deployment: Deployment, sender: Signer, ballot: str, actions: Sequence[Action]) -> Receipt:
    """Carries a passed ballot out, by any key. Raises ChainRefused that names the action at fault."""
    data = encode_call("Consortium", "execute", [ballot, list(actions)])
    return send(sender, node, deployment.address("Consortium"), data)
