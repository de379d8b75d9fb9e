"""Holds: what a voter, or a ballot, has stopped, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Id12,
    Id32,
    Id32Path,
    MemberCode,
    MemberQuery,
    Moment,
    Seen,
    Whole,
    Word,
    answers,
    given,
    moment,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At
from hub.chain.enums import HoldReason
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.index.queries_listings import HOLDS
from mutual_recognition.identifiers import Kind, parse_subject

router = APIRouter(tags=["recognition"])


class Held(BaseModel):
    """What a hold is on."""

    subject: Id32
    kind: Annotated[Word, shown(Kind.BLOCK)]
    id: Id12
    first_serial: Annotated[Whole | None, Field(description="of a unit block")]


class Hold(BaseModel):
    """A hold. It stands until it ends, be it lifted, or finished after `until` by anyone."""

    hold: Id32
    member: Annotated[MemberCode | None, Field(description="who placed it; null: a ballot")]
    reason: Annotated[Word, shown(HoldReason.SUSPECTED_DUPLICATE)]
    evidence: Annotated[Id32, Field(description="digest of the evidence")]
    until: Moment | None
    subjects: list[Held]
    ballot: Id32 | None
    ended_at: Moment | None
    ended_by_ballot: Id32 | None
    request: Id32 | None
    placed: Seen

    @staticmethod
    def of(row: Row) -> Hold:
        """From a row of `holds`."""
        return Hold(
            hold=row["hold"],
            member=row["member"] or None,
            reason=word(HoldReason, row["reason"]),
            evidence=row["evidence"],
            until=moment(row["until"]),
            subjects=[_held(subject) for subject in row["subjects"]],
            ballot=given(row["ballot"]),
            ended_at=moment(row["ended_at"]),
            ended_by_ballot=given(row["ended_by"]),
            request=given(row["request"]),
            placed=Seen.of(row),
        )


@router.get("/holds", responses=answers(Page[Hold]))
def list_holds(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    reason: Annotated[str | None, one_of(HoldReason)] = None,
    standing: Annotated[bool | None, Query(description="true: not ended yet")] = None,
) -> Page[Hold]:
    """Holds, ended ones included. Audience: public."""
    ended = t.holds.c.ended_at
    also = [] if standing is None else [ended == 0 if standing else ended != 0]
    filters = {"member": member, "reason": number_of(HoldReason, reason, "reason")}

    def build(rows: Sequence[Row]) -> list[Hold]:
        return [Hold.of(row) for row in rows]

    return pages.read(at, HOLDS, filters, build, also=also)


@router.get("/holds/{hold}", responses=answers(Hold) | NO_SUCH)
def read_hold(at: At, hold: Id32Path) -> Hold:
    """One hold. Audience: public."""
    row = find(at.connection, t.holds, hold)
    if row is None:
        raise at.missing("hold", hold)
    return Hold.of(row)


def _held(subject: str) -> Held:
    kind, identifier, first = parse_subject(bytes.fromhex(subject[2:]))
    return Held(
        subject=subject,
        kind=word(Kind, kind),
        id="0x" + identifier.hex(),
        first_serial=first if kind in {Kind.BLOCK, Kind.ISSUANCE} else None,
    )
