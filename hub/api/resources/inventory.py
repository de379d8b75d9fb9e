"""Yearly home inventories: computed anew from the projections at each asking, so that nobody can have edited one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Path as UrlPath
from pydantic import BaseModel, Field

from hub.api.pages import as_of
from hub.api.problems import NO_SUCH
from hub.api.shapes import AsOf, Kg, MemberCode, Word, answers, shown, word
from hub.api.snapshots import At
from hub.db import tables as t
from hub.index.queries import find
from hub.inventory.flows import FIRST_YEAR, LAST_YEAR
from hub.inventory.statement import Account, Entry, Line
from hub.inventory.telling import LINES_OF, is_complete, read_inventory
from hub.inventory.words import LINES
from mutual_recognition.purposes import Purpose

router = APIRouter(tags=["credits"])


class InventoryLine(BaseModel):
    """kg of one line; fields that do not apply to it are null. A retirement without claimant: nobody stated one."""

    line: Annotated[Word, Field(examples=[{"code": "retired", "zh": "注销", "en": "retired"}])]
    home: MemberCode | None
    holder: MemberCode | None
    other: Annotated[MemberCode | None, Field(description="the other side of a movement or cut")]
    purpose: Annotated[Word | None, shown(Purpose.VOLUNTARY)]
    claimant: MemberCode | None
    kg: Kg

    @staticmethod
    def of(entry: Entry) -> InventoryLine:
        """From an entry of an account."""
        return InventoryLine(
            line=_line_word(entry.line),
            home=entry.home or None,
            holder=entry.holder or None,
            other=entry.other or None,
            purpose=word(Purpose, entry.purpose) if entry.purpose else None,
            claimant=entry.claimant or None,
            kg=entry.kg,
        )


class InventoryAccount(BaseModel):
    """One view: opening + issued + received - moved out - retired - cancelled - cut = closing, to the kg."""

    totals_kg: Annotated[dict[str, Kg], Field(examples=[{"opening": 0, "issued": 462000, "closing": 462000}])]
    lines: list[InventoryLine]

    @staticmethod
    def of(account: Account) -> InventoryAccount:
        """From a computed account, which closes or would not be."""
        totals = {line.value: account.total(line) for line in LINES_OF[account.view]}
        return InventoryAccount(totals_kg=totals, lines=[InventoryLine.of(entry) for entry in account.entries])


class Circulation(BaseModel):
    """Own credits that travelled in the year, in kg that arrived."""

    left_home: Kg
    came_home: Kg
    between_others: Kg


class Fate(BaseModel):
    """Everything issued up to the end of the year, and where it is: the last seven come to the first."""

    issued: Kg
    outstanding_at_home: Kg
    outstanding_elsewhere: Kg
    claimed_by_home: Kg
    claimed_by_others: Kg
    claimed_by_nobody: Kg
    cancelled: Kg
    cut: Kg


class InventoryAnswer(BaseModel):
    """The inventory of a member and calendar year (UTC+8), by block time."""

    member: MemberCode
    year: Annotated[int, Field(examples=[2025])]
    unit: Literal["kgCO2e"] = "kgCO2e"
    complete: Annotated[bool, Field(description="false: the year had not ended at the answer's block")]
    holder_view: Annotated[InventoryAccount, Field(description="what the member holds, wherever it was issued")]
    in_transit_kg: Annotated[Kg, Field(description="part of the holder view's closing")]
    home_view: Annotated[InventoryAccount, Field(description="what became of what the member issued")]
    circulation_kg: Circulation
    since_the_beginning_kg: Fate
    as_of: AsOf


@router.get("/members/{member}/inventory/{year}", responses=answers(InventoryAnswer) | NO_SUCH)
def read_yearly_inventory(
    at: At,
    member: Annotated[int, UrlPath(ge=1, lt=2**24, description="GB/T 2260 code, or a programme's number")],
    year: Annotated[int, UrlPath(ge=FIRST_YEAR, le=LAST_YEAR, description="calendar year in UTC+8")],
) -> InventoryAnswer:
    """Issued, moved, received, retired by purpose and claimant, cancelled, cut, held at the end. Audience: public."""
    if find(at.connection, t.members, member) is None:
        raise at.missing("member", member)
    found = read_inventory(at.connection, member, year)
    return InventoryAnswer(
        member=member,
        year=year,
        complete=is_complete(year, at.position),
        holder_view=InventoryAccount.of(found.holder),
        in_transit_kg=found.in_transit,
        home_view=InventoryAccount.of(found.home),
        circulation_kg=Circulation(**_fields(found.circulation)),
        since_the_beginning_kg=Fate(**_fields(found.fate)),
        as_of=as_of(at.position),
    )


def _fields(value: Any) -> dict[str, int]:
    return {name: getattr(value, name) for name in value.__slots__}


def _line_word(line: Line) -> Word:
    zh, en = LINES[line]
    return Word(code=line.value, zh=zh, en=en)
