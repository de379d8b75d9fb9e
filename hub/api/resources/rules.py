"""The rules in force: of ballots, pauses and transfers, what ballots may call, and which code runs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from hub.api.pages import as_of
from hub.api.shapes import Address, AsOf, Id32, Kg, Moment, Ppm, Seen, Word, answers, given, moment, shown, word
from hub.api.snapshots import At, Snapshot
from hub.chain.artifacts import load
from hub.chain.enums import BallotKind
from hub.db import tables as t
from hub.index.queries import Row, read_all

router = APIRouter(tags=["consortium"])

_NO_END = 2**40 - 1

Seconds = Annotated[int, Field(description="seconds", examples=[86400])]


class BallotRule(BaseModel):
    """How ballots of one kind are decided."""

    kind: Annotated[Word, shown(BallotKind.RECOGNITION)]
    quorum_ppm: Ppm
    approval_ppm: Ppm
    min_voting: Seconds
    max_voting: Seconds
    delay: Seconds
    execute_within: Seconds
    changed_by_ballot: Id32 | None


class PauseRule(BaseModel):
    """Bounds of the pause that two voters may order."""

    max_duration: Seconds
    cooldown: Seconds


class TransferRules(BaseModel):
    """Rules of transfers between members."""

    new_counterparty_wait: Seconds
    min_lifetime: Seconds
    max_lifetime: Seconds
    cosign_above_kg: Annotated[Kg, Field(description="above it a second registrar of the sender signs")]


class Pause(BaseModel):
    """The last pause. `standing`: registrars' writes are stopped at the answer's block time."""

    standing: Annotated[bool, Field(examples=[False])]
    started_at: Moment | None
    until: Annotated[Moment | None, Field(description="null: until a ballot ends it")]
    ended_at: Moment | None
    reason: Id32
    by: Annotated[list[int], Field(description="the members of the two voters; none where a ballot did it")]
    ballot: Id32 | None


class AllowedCall(BaseModel):
    """A function that ballots of one kind may call."""

    model_config = ConfigDict(populate_by_name=True)

    target: Address
    register_name: Annotated[str | None, Field(alias="register", examples=["Recognition"])]
    selector: Annotated[str, Field(examples=["0x7d8c2a11"])]
    function: Annotated[str | None, Field(examples=["recognise"])]
    kind: Annotated[Word, shown(BallotKind.RECOGNITION)]


class RegisterCode(BaseModel):
    """Which code stands behind a register's address."""

    model_config = ConfigDict(populate_by_name=True)

    register_name: Annotated[str, Field(alias="register", examples=["CreditLedger"])]
    address: Address | None
    implementation: Address
    since: Seen


class Rules(BaseModel):
    """Everything that only a ballot changes."""

    ballots: list[BallotRule]
    pause_rule: PauseRule | None
    transfers: TransferRules | None
    pause: Pause | None
    allowed_calls: list[AllowedCall]
    registers: list[RegisterCode]
    as_of: AsOf


@router.get("/rules", responses=answers(Rules))
def read_rules(at: At) -> Rules:
    """Rules and settings in force. Audience: public."""
    connection = at.connection
    settings: dict[str, Any] = {row["name"]: row["value"] for row in read_all(connection, select(t.settings))}
    c = t.allowed_calls.c
    calls = select(t.allowed_calls).where(c.allowed).order_by(c.kind, c.target, c.selector)
    pause_rule, transfers = settings.get("pause_rule"), settings.get("transfer_rules")
    return Rules(
        ballots=[_rule(row) for row in read_all(connection, select(t.ballot_rules).order_by(t.ballot_rules.c.kind))],
        pause_rule=None if pause_rule is None else PauseRule(**pause_rule),
        transfers=None if transfers is None else TransferRules(**transfers),
        pause=_pause(settings.get("pause"), at.position.time),
        allowed_calls=[_allowed(at, row) for row in read_all(connection, calls)],
        registers=[_register(at, row) for row in read_all(connection, select(t.register_code).order_by("register"))],
        as_of=as_of(at.position),
    )


def _rule(row: Row) -> BallotRule:
    return BallotRule(
        kind=word(BallotKind, row["kind"]),
        quorum_ppm=row["quorum_ppm"],
        approval_ppm=row["approval_ppm"],
        min_voting=row["min_voting"],
        max_voting=row["max_voting"],
        delay=row["delay"],
        execute_within=row["execute_within"],
        changed_by_ballot=given(row["changed_by_ballot"]),
    )


def _pause(value: Row | None, time: int) -> Pause | None:
    if value is None:
        return None
    return Pause(
        standing=not value["ended_at"] and time < value["until"],
        started_at=moment(value["from"]),
        until=moment(value["until"]) if value["until"] < _NO_END else None,
        ended_at=moment(value["ended_at"]),
        reason=value["reason"],
        by=value["by"],
        ballot=given(value["ballot"]),
    )


def _allowed(at: Snapshot, row: Row) -> AllowedCall:
    register = at.hub.deployment.register_at(row["target"])
    function = None
    if register is not None:
        known = load(register).functions_by_selector.get(bytes.fromhex(row["selector"][2:]))
        function = known.name if known else None
    return AllowedCall(
        target=row["target"],
        register_name=register,
        selector=row["selector"],
        function=function,
        kind=word(BallotKind, row["kind"]),
    )


def _register(at: Snapshot, row: Row) -> RegisterCode:
    addresses = {str(name): address for name, address in at.hub.deployment.addresses.items()}
    return RegisterCode(
        register_name=row["register"],
        address=addresses.get(row["register"]),
        implementation=row["implementation"],
        since=Seen.of(row),
    )
