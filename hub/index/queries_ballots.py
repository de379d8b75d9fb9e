"""Ballots as they stand: who voted how, the tally, and the outcome that follows from it and the block time.

The outcome is computed as `Consortium.outcome` does, since no event says that a ballot has passed, failed or lapsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from hub.chain.enums import Choice, MemberKind, Outcome
from hub.db import tables as t
from hub.index.queries import Row

_WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes of the electorate; those invited consent for themselves alone and count in none of these."""

    electorate: int
    yes: int
    no: int
    abstain: int

    def passes(self, quorum_ppm: int, approval_ppm: int) -> bool:
        """Whether quorum and approval are reached; if everybody abstains, nothing passes."""
        voted = self.yes + self.no + self.abstain
        return (
            self.yes > 0
            and voted * _WHOLE >= self.electorate * quorum_ppm
            and self.yes * _WHOLE >= (self.yes + self.no) * approval_ppm
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A ballot's votes and what follows from them at a block time."""

    votes: list[Row]
    tally: Tally
    outcome: Outcome
    electorate: list[int]
    invited: list[int]


def standings(connection: Connection, ballots: Iterable[Row], time: int) -> dict[str, Standing]:
    """The standing of each ballot at block time `time` (seconds), by its id."""
    rows = list(ballots)
    v = t.votes.c
    query = select(t.votes).where(v.ballot.in_([row["ballot"] for row in rows])).order_by(v.ballot, v.member)
    votes: dict[str, list[Row]] = {row["ballot"]: [] for row in rows}
    for vote in connection.execute(query).mappings():
        votes[vote["ballot"]].append(dict(vote))
    seated = connection.execute(select(t.members).where(t.members.c.kind != MemberKind.PROGRAMME)).mappings()
    members = {row["member"]: dict(row) for row in seated}
    return {row["ballot"]: _standing(row, votes[row["ballot"]], members, time) for row in rows}


def _standing(ballot: Row, votes: list[Row], members: Mapping[int, Row], time: int) -> Standing:
    electorate, invited = int(ballot["electorate"], 16), int(ballot["invited"], 16)
    counted = [vote["choice"] for vote in votes if _counts(members[vote["member"]], electorate, invited)]
    tally = Tally(
        electorate.bit_count(), *(counted.count(choice) for choice in (Choice.YES, Choice.NO, Choice.ABSTAIN))
    )
    return Standing(
        votes, tally, outcome_of(ballot, tally, time), _seats(electorate, members), _seats(invited, members)
    )


def _counts(member: Row, electorate: int, invited: int) -> bool:
    """Whether a member's vote counts in the tally. One that left and came back has a new seat; full members are the
    electorate, so that its kind says where its vote stood."""
    if electorate >> member["seat"] & 1:
        return True
    return not invited >> member["seat"] & 1 and member["kind"] == MemberKind.FULL


def _seats(bitmap: int, members: Mapping[int, Row]) -> list[int]:
    return sorted(number for number, member in members.items() if bitmap >> member["seat"] & 1)


def outcome_of(ballot: Row, tally: Tally, time: int) -> Outcome:
    """The outcome at block time `time`, from a row of `ballots` and its tally."""
    if ballot["executed_at"]:
        return Outcome.EXECUTED
    if time < ballot["closes_at"]:
        return Outcome.VOTING
    if not tally.passes(ballot["quorum_ppm"], ballot["approval_ppm"]):
        return Outcome.FAILED
    executable_from = ballot["closes_at"] + ballot["delay"]
    if time < executable_from:
        return Outcome.DELAYED
    return Outcome.EXECUTABLE if time < executable_from + ballot["execute_within"] else Outcome.EXPIRED
