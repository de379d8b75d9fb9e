"""Members of the consortium and the officers who speak for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as UrlPath
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Address,
    Id32,
    MemberCode,
    MemberQuery,
    Moment,
    Seen,
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
from hub.api.words import MEMBER_NAMES
from hub.chain.enums import MemberKind, Role
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.index.queries_listings import MEMBERS, OFFICERS

router = APIRouter(tags=["consortium"])


class Officer(BaseModel):
    """A key that speaks for its member until `valid_until`."""

    account: Address
    member: MemberCode
    roles: Annotated[list[Word], shown(Role.REGISTRAR, several=True)]
    valid_until: Moment | None
    valid: Annotated[bool, Field(description="still valid at the answer's block time")]
    changed_by_ballot: Id32 | None
    changed: Seen

    @staticmethod
    def of(row: Row, time: int) -> Officer:
        """From a row of `officers`."""
        return Officer(
            account=row["account"],
            member=row["member"],
            roles=[word(Role, role) for role in Role if row["roles"] & role],
            valid_until=moment(row["valid_until"]),
            valid=row["valid_until"] > time,
            changed_by_ballot=given(row["changed_by_ballot"]),
            changed=Seen.of(row),
        )


class Member(BaseModel):
    """A member; `left_at` is null while it is one."""

    member: MemberCode
    name_zh: Annotated[str | None, Field(examples=["上海市"])]
    name_en: Annotated[str | None, Field(examples=["Shanghai"])]
    kind: Annotated[Word, shown(MemberKind.FULL)]
    parent: MemberCode | None
    seat: Annotated[int, Field(description="its bit in a ballot's electorate", examples=[0])]
    joined_at: Moment | None
    left_at: Moment | None
    left_by_ballot: Id32 | None
    officers: Annotated[int, Field(description="how many keys speak for it", examples=[3])]

    @staticmethod
    def of(row: Row) -> Member:
        """From a row of `members`."""
        zh, en = MEMBER_NAMES.get(row["member"], (None, None))
        return Member(
            member=row["member"],
            name_zh=zh,
            name_en=en,
            kind=word(MemberKind, row["kind"]),
            parent=row["parent"] or None,
            seat=row["seat"],
            joined_at=moment(row["joined_at"]),
            left_at=moment(row["left_at"]),
            left_by_ballot=given(row["left_by_ballot"]),
            officers=len(row["accounts"]),
        )


@router.get("/members", responses=answers(Page[Member]))
def list_members(at: At, pages: Pages, kind: Annotated[str | None, one_of(MemberKind)] = None) -> Page[Member]:
    """Members of all kinds, those that left included. Audience: public."""
    filters = {"kind": number_of(MemberKind, kind, "kind")}
    return pages.read(at, MEMBERS, filters, lambda rows: [Member.of(row) for row in rows])


@router.get("/members/{member}", responses=answers(Member) | NO_SUCH)
def read_member(at: At, member: Annotated[int, UrlPath(ge=1, lt=2**24)]) -> Member:
    """One member. Audience: public."""
    row = find(at.connection, t.members, member)
    if row is None:
        raise at.missing("member", member)
    return Member.of(row)


@router.get("/officers", responses=answers(Page[Officer]))
def list_officers(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    account: Annotated[str | None, Query(pattern="^0x[0-9a-f]{40}$")] = None,
) -> Page[Officer]:
    """Keys and their roles, as the chain has them; no persons' names. Audience: public."""

    def build(rows: Sequence[Row]) -> list[Officer]:
        return [Officer.of(row, at.position.time) for row in rows]

    also = [] if account is None else [t.officers.c.account == account]
    return pages.read(at, OFFICERS, {"member": member}, build, also=also)
