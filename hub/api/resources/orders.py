"""Signed orders: taken, checked, tried on the chain, and kept for the relay. The API itself sends nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.api.hub import TheHub
from hub.api.problems import NO_SUCH, NotFound
from hub.api.shapes import Address, Id32, Id32Path, Moment, Word, answers, example_of, moment
from hub.chain.orders import Action
from hub.db.tables import relays
from hub.errors import ChainRefused
from hub.index.queries import Row, find
from hub.relay.incoming import MOST_ACTIONS, MOST_SIGNATURES, parse_order, require_officers
from hub.relay.outbox import RelayStatus

router = APIRouter(tags=["orders"])

_NOBODY = "0x" + "00" * 19 + "01"
"""Orders are simulated as if an account without any role sent them: whoever relays needs none."""

_WORDS = {
    RelayStatus.QUEUED: ("已受理", "queued"),
    RelayStatus.SENT: ("已发送", "sent"),
    RelayStatus.CARRIED_OUT: ("已执行", "carried out"),
    RelayStatus.REFUSED: ("链上拒绝", "refused by the chain"),
}


class ActionSent(BaseModel):
    """A call that the ballot makes when it passes."""

    model_config = ConfigDict(extra="forbid")

    target: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=["0x" + "1b" * 20])]
    data: Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})*$", max_length=200_002, examples=["0x7d8c2a11"])]


class OrderSent(BaseModel):
    """An EIP-712 order as a wallet signed it: primary type, message, signatures in the order that the register's
    function takes them, and the actions of a ballot."""

    model_config = ConfigDict(extra="forbid")

    primary_type: Annotated[str, Field(max_length=40, examples=["VoteOrder"])]
    message: Annotated[
        dict[str, Any],
        Field(examples=[{"ballot": "0x" + "5a" * 32, "member": "310000", "choice": "1", "revision": "1"}]),
    ]
    signatures: Annotated[
        list[Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$")]],
        Field(min_length=1, max_length=MOST_SIGNATURES, examples=[["0x" + "11" * 65]]),
    ]
    actions: Annotated[list[ActionSent], Field(max_length=MOST_ACTIONS, examples=[[]])] = []


class Transaction(BaseModel):
    """What anyone may send to the same effect, from any account."""

    chain_id: Annotated[int, Field(examples=[31323334])]
    to: Address
    data: Annotated[str, Field(examples=["0x7d8c2a11"])]


class OrderAnswer(BaseModel):
    """An order in the outbox. `reason` is the chain's own, once it refused."""

    order: Annotated[Id32, Field(description="the EIP-712 digest; a ballot has it as its id")]
    primary_type: Annotated[str, Field(examples=["VoteOrder"])]
    message: Annotated[dict[str, Any], Field(examples=[{"ballot": "0x" + "5a" * 32}])]
    signers: list[Address]
    status: Annotated[Word, Field(examples=[{"code": "refused", "zh": "链上拒绝", "en": "refused by the chain"}])]
    reason: Annotated[dict[str, Any] | None, Field(examples=[{"error": "last_voter", "kind": "chain_refused"}])]
    tx_hash: Id32 | None
    transaction: Transaction
    received_at: Moment | None
    changed_at: Moment | None


@router.post(
    "/orders",
    status_code=202,
    responses={
        200: {
            "description": "It was handed in before; this is what became of it",
            "content": {"application/json": {"example": example_of(OrderAnswer)}},
        },
        202: {
            "description": "Kept for the relay",
            "content": {"application/json": {"example": example_of(OrderAnswer)}},
        },
    },
    response_model=OrderAnswer,
    openapi_extra={"requestBody": {"content": {"application/json": {"example": example_of(OrderSent)}}}},
)
def put_order(hub: TheHub, response: Response, sent: OrderSent) -> OrderAnswer:
    """Hands in a signed order. It is checked, and tried on the chain's present state; what the chain would refuse is
    refused here with its reason (409). Handing it in again has no second effect.

    Audience: anyone may carry it; the signature says whose it is.
    """
    deployment = hub.deployment
    signed = parse_order(
        deployment,
        sent.primary_type,
        sent.message,
        [bytes.fromhex(signature[2:]) for signature in sent.signatures],
        [Action(action.target.lower(), bytes.fromhex(action.data[2:])) for action in sent.actions],
    )
    with hub.reading.connect() as connection:
        known = find(connection, relays, signed.id)
        if known is None or known["status"] == RelayStatus.REFUSED:
            require_officers(connection, signed, hub.clock())
    if known is None or known["status"] == RelayStatus.REFUSED:
        try:
            hub.require_node().call(signed.target, signed.calldata, sender=_NOBODY)
        except ChainRefused as refused:
            refused.where = f"{signed.contract}, simulated"
            raise
        row, new = hub.outbox.accept(signed, deployment.domain, hub.clock())
    else:
        row, new = known, False
    response.status_code = 202 if new else 200
    response.headers["location"] = f"/v1/orders/{signed.id}"
    response.headers["cache-control"] = "no-store"
    return _order(row, deployment.chain_id)


@router.get("/orders/{order}", responses=answers(OrderAnswer, "As of now") | NO_SUCH)
def read_order(hub: TheHub, response: Response, order: Id32Path) -> OrderAnswer:
    """What became of an order that was handed in here. Audience: public; an order is public on the chain too."""
    with hub.reading.connect() as connection:
        row = find(connection, relays, order)
    if row is None:
        raise NotFound(
            "no such order was handed in here",
            what=order,
            remedy="others may have sent it: see the ballot, hold or officer that it is about",
        )
    response.headers["cache-control"] = "no-store"
    return _order(row, hub.deployment.chain_id)


def _order(row: Row, chain_id: int) -> OrderAnswer:
    status = RelayStatus(row["status"])
    zh, en = _WORDS[status]
    return OrderAnswer(
        order=row["order"],
        primary_type=row["primary_type"],
        message=row["message"],
        signers=row["signers"],
        status=Word(code=status.value, zh=zh, en=en),
        reason=row["reason"],
        tx_hash=row["tx_hash"],
        transaction=Transaction(chain_id=chain_id, to=row["target"], data="0x" + bytes(row["calldata"]).hex()),
        received_at=moment(row["received_at"]),
        changed_at=moment(row["changed_at"]),
    )
