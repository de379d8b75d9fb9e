"""A signed order that arrived: parsed, its signers recognised by the index, and written as the call that carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from hub.chain.codec import encode_call
from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.orders import (
    RELAYED_THROUGH,
    Action,
    BallotOrder,
    EndRecognitionOrder,
    HoldOrder,
    LeaveOrder,
    LiftOrder,
    OfficerOrder,
    Order,
    PauseOrder,
    PledgeOrder,
    ReleaseOrder,
    VoteOrder,
    digest,
    hash_actions,
    order_from_message,
    recover,
)
from hub.db import tables as t
from hub.errors import RecordRefused

MOST_SIGNATURES = 51
"""A lift is signed by the placing member and by each home of at most 50 subjects."""

MOST_ACTIONS = 32

_MEMBER_FIELD: dict[type[Order], str] = {
    BallotOrder: "proposer",
    VoteOrder: "member",
    OfficerOrder: "member",
    LeaveOrder: "member",
    HoldOrder: "member",
    EndRecognitionOrder: "member",
}
"""The member that a voter of signs; pause, lift and release name none."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order with its signatures, as the call of a register that anyone may send. The chain takes it until
    `deadline` (Unix seconds; 0: no limit of its own)."""

    id: str
    order: Order
    signers: tuple[str, ...]
    contract: str
    target: str
    calldata: bytes
    deadline: int

    @property
    def primary_type(self) -> str:
        """The EIP-712 type's name."""
        return type(self.order).__name__


def parse_order(
    deployment: Deployment,
    primary_type: str,
    message: Mapping[str, Any],
    signatures: Sequence[bytes],
    actions: Sequence[Action],
) -> SignedOrder:
    """The order with its call. Raises RecordRefused naming the field at fault; nothing is looked up."""
    order = order_from_message(primary_type, message)
    if isinstance(order, PledgeOrder):
        raise RecordRefused(
            "a pledge is sent by the holder's registrar, not relayed",
            code="order_not_relayed",
            field="primary_type",
            value=primary_type,
            remedy="hand the institution's signature to the registrar's adapter",
        )
    _check_actions(order, actions)
    contract, function = RELAYED_THROUGH[type(order)]
    calldata = encode_call(contract, function, [order, *_arguments(order, signatures, actions)])
    signers = tuple(recover(order, deployment.domain, signature) for signature in signatures)
    return SignedOrder(
        id="0x" + digest(order, deployment.domain).hex(),
        order=order,
        signers=signers,
        contract=contract,
        target=deployment.address(contract),
        calldata=calldata,
        deadline=order.closes_at if isinstance(order, BallotOrder) else getattr(order, "deadline", 0),
    )


def require_officers(connection: Connection, signed: SignedOrder, now: int) -> None:
    """That every signer is, by the index, an officer who may sign this order, and that its time has not passed.

    The chain decides; this keeps what it would refuse anyway out of the outbox. Raises RecordRefused
    (`signer_no_officer`, `order_expired`).
    """
    if signed.deadline and signed.deadline <= now:
        raise RecordRefused(
            "the order's time has passed", code="order_expired", field="message.deadline", value=signed.deadline
        )
    role = Role.FINANCIAL_INSTITUTION if isinstance(signed.order, ReleaseOrder) else Role.VOTER
    field = _MEMBER_FIELD.get(type(signed.order))
    member = getattr(signed.order, field) if field else None
    rows = connection.execute(select(t.officers).where(t.officers.c.account.in_(signed.signers)))
    officers = {row.account: row for row in rows}
    for place, signer in enumerate(signed.signers):
        found = officers.get(signer)
        if found is None or not found.roles & role or found.valid_until <= now or member not in {None, found.member}:
            of = f" of member {member}" if member else ""
            raise RecordRefused(
                f"{signer} is no {(role.name or '').lower().replace('_', ' ')}{of}",
                code="signer_no_officer",
                field=f"signatures[{place}]",
                value=signer,
                remedy="check that the order was signed unchanged, for this chain and this deployment",
            )


def _check_actions(order: Order, actions: Sequence[Action]) -> None:
    if not isinstance(order, BallotOrder):
        if actions:
            raise RecordRefused(
                "only a ballot has actions", code="order_malformed", field="actions", value=len(actions)
            )
        return
    if not 0 < len(actions) <= MOST_ACTIONS:
        raise RecordRefused(
            f"a ballot has 1 to {MOST_ACTIONS} actions", code="order_malformed", field="actions", value=len(actions)
        )
    computed = hash_actions(list(actions))
    if computed != order.actions_hash:
        raise RecordRefused(
            f"the ballot was signed for other actions: theirs hash to {order.actions_hash}, these to {computed}",
            code="actions_differ",
            field="message.actionsHash",
            value=order.actions_hash,
        )


def _arguments(order: Order, signatures: Sequence[bytes], actions: Sequence[Action]) -> list[Any]:
    """What follows the order among the call's arguments."""
    wanted = 2 if isinstance(order, PauseOrder) else 1
    enough = 1 <= len(signatures) <= MOST_SIGNATURES if isinstance(order, LiftOrder) else len(signatures) == wanted
    if not enough:
        raise RecordRefused(
            f"{type(order).__name__} takes {'1 or more' if isinstance(order, LiftOrder) else wanted} signatures",
            code="order_malformed",
            field="signatures",
            value=len(signatures),
        )
    if isinstance(order, BallotOrder):
        return [list(actions), signatures[0]]
    if isinstance(order, LiftOrder):
        return [signatures[0], list(signatures[1:])]
    return list(signatures)
