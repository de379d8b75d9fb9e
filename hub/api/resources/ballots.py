"""Ballots: what is asked, who voted how, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Address,
    Id32,
    Id32Path,
    MemberCode,
    MemberQuery,
    Moment,
    Ppm,
    Seen,
    Word,
    answers,
    moment,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At, Snapshot
from hub.chain.codec import decode_call
from hub.chain.enums import BallotKind, Choice, Outcome
from hub.db import tables as t
from hub.errors import RecordRefused, json_value
from hub.index.queries import Row, find
from hub.index.queries_ballots import Standing, standings
from hub.index.queries_listings import BALLOTS

router = APIRouter(tags=["consortium"])


class Vote(BaseModel):
    """A member's vote in force; a higher revision replaced lower ones."""

    member: MemberCode
    choice: Annotated[Word, shown(Choice.YES)]
    revision: Annotated[int, Field(examples=[1])]
    voter: Address
    cast: Seen


class Tally(BaseModel):
    """Members of the electorate, and how many voted how; those invited consent for themselves and are not counted."""

    electorate: Annotated[int, Field(examples=[4])]
    yes: Annotated[int, Field(examples=[3])]
    no: Annotated[int, Field(examples=[1])]
    abstain: Annotated[int, Field(examples=[0])]


class Action(BaseModel):
    """What is called when the ballot passes."""

    model_config = ConfigDict(populate_by_name=True)

    target: Address
    register_name: Annotated[str | None, Field(alias="register", examples=["Recognition"])]
    function: Annotated[str | None, Field(examples=["recognise"])]
    arguments: Annotated[dict[str, Any] | None, Field(examples=[{"subject": "0x" + "01" * 32}])]
    data: Annotated[str, Field(examples=["0x7d8c2a11"])]


class Ballot(BaseModel):
    """A ballot as of the answer's block. `outcome` follows from the votes and that block's time."""

    ballot: Id32
    kind: Annotated[Word, shown(BallotKind.RECOGNITION)]
    outcome: Annotated[Word, shown(Outcome.EXECUTED)]
    proposer: MemberCode
    document: Annotated[Id32, Field(description="digest of what it says in words; see /v1/documents")]
    closes_at: Moment | None
    executable_from: Moment | None
    executable_until: Moment | None
    executed_at: Moment | None
    quorum_ppm: Ppm
    approval_ppm: Ppm
    tally: Tally
    votes: list[Vote]
    electorate: list[MemberCode]
    invited: list[MemberCode]
    actions: list[Action]
    request: Id32
    opened: Seen


@router.get("/ballots", responses=answers(Page[Ballot]))
def list_ballots(
    at: At, pages: Pages, kind: Annotated[str | None, one_of(BallotKind)] = None, proposer: MemberQuery = None
) -> Page[Ballot]:
    """Ballots with votes, tally and outcome. Audience: public."""
    filters = {"kind": number_of(BallotKind, kind, "kind"), "proposer": proposer}

    def build(rows: Sequence[Row]) -> list[Ballot]:
        return _ballots(at, rows)

    return pages.read(at, BALLOTS, filters, build)


@router.get("/ballots/{ballot}", responses=answers(Ballot) | NO_SUCH)
def read_ballot(at: At, ballot: Id32Path) -> Ballot:
    """One ballot. Audience: public."""
    row = find(at.connection, t.ballots, ballot)
    if row is None:
        raise at.missing("ballot", ballot)
    return _ballots(at, [row])[0]


def _ballots(at: Snapshot, rows: Sequence[Row]) -> list[Ballot]:
    found = standings(at.connection, rows, at.position.time)
    return [_ballot(at, row, found[row["ballot"]]) for row in rows]


def _ballot(at: Snapshot, row: Row, standing: Standing) -> Ballot:
    executable_from = row["closes_at"] + row["delay"]
    tally = standing.tally
    return Ballot(
        ballot=row["ballot"],
        kind=word(BallotKind, row["kind"]),
        outcome=word(Outcome, standing.outcome),
        proposer=row["proposer"],
        document=row["document"],
        closes_at=moment(row["closes_at"]),
        executable_from=moment(executable_from),
        executable_until=moment(executable_from + row["execute_within"]),
        executed_at=moment(row["executed_at"]),
        quorum_ppm=row["quorum_ppm"],
        approval_ppm=row["approval_ppm"],
        tally=Tally(electorate=tally.electorate, yes=tally.yes, no=tally.no, abstain=tally.abstain),
        votes=[_vote(vote) for vote in standing.votes],
        electorate=standing.electorate,
        invited=standing.invited,
        actions=[_action(at, action) for action in row["actions"]],
        request=row["request"],
        opened=Seen.of(row),
    )


def _vote(row: Row) -> Vote:
    return Vote(
        member=row["member"],
        choice=word(Choice, row["choice"]),
        revision=row["revision"],
        voter=row["voter"],
        cast=Seen.of(row),
    )


def _action(at: Snapshot, action: Row) -> Action:
    """The call in words, where it is one that this version's registers have."""
    register = at.hub.deployment.register_at(action["target"])
    function, arguments = None, None
    if register is not None:
        try:
            call = decode_call(register, bytes.fromhex(action["data"].removeprefix("0x")))
            function, arguments = call.function, {name: json_value(value) for name, value in call.arguments.items()}
        except RecordRefused:
            pass  # a later version's function: its bytes stand for themselves
    return Action(
        target=action["target"],
        register_name=register,
        function=function,
        arguments=arguments,
        data=action["data"],
    )
