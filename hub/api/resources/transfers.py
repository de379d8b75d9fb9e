"""Transfers between members, in the terms of the ITL: proposed, then accepted, or rejected, withdrawn or expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Id12Query,
    Id32,
    Id32Path,
    Kg,
    MemberCode,
    MemberQuery,
    Moment,
    Named,
    Ppm,
    Seen,
    Serials,
    Whole,
    Word,
    answers,
    moment,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At, Snapshot
from hub.chain.enums import TransferStatus
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.index.queries_listings import TRANSFERS
from hub.index.queries_names import names_of

router = APIRouter(tags=["credits"])


class Transfer(BaseModel):
    """A transfer. Once accepted, serials up to `kept_last` arrived and those above it were cut by the terms."""

    transfer: Id32
    series: Named
    serials: Serials
    from_member: MemberCode
    to_member: Annotated[MemberCode, Field(examples=[320500])]
    status: Annotated[Word, shown(TransferStatus.ACCEPTED)]
    accept_from: Annotated[Moment | None, Field(description="a new counterparty waits until then")]
    deadline: Moment | None
    cosign_pending: Annotated[bool, Field(description="waits for a second registrar of the sender", examples=[False])]
    kept_last: Annotated[Whole | None, Field(examples=[1080])]
    factor_ppm: Annotated[Ppm | None, Field(description="the arrived block's factor")]
    entry: Annotated[int | None, Field(description="the terms it entered under; null on the way home", examples=[1])]
    arriving_kg: Annotated[Kg | None, Field(description="before the cut, as caps count it")]
    reason: Annotated[int | None, Field(description="of a rejection: a code of the DES response list", examples=[3])]
    ended_at: Moment | None
    request: Id32
    proposed: Seen


@router.get("/transfers", responses=answers(Page[Transfer]))
def list_transfers(
    at: At,
    pages: Pages,
    series: Id12Query = None,
    from_member: Annotated[int | None, Query(alias="from", ge=1, lt=2**24)] = None,
    to_member: Annotated[int | None, Query(alias="to", ge=1, lt=2**24)] = None,
    member: MemberQuery = None,
    status: Annotated[str | None, one_of(TransferStatus)] = None,
) -> Page[Transfer]:
    """Transfers; `member` finds those from it and those to it. Audience: public."""
    filters = {
        "series": series,
        "from_member": from_member,
        "to_member": to_member,
        "status": number_of(TransferStatus, status, "status"),
    }
    either = [] if member is None else [(t.transfers.c.from_member == member) | (t.transfers.c.to_member == member)]

    def build(rows: Sequence[Row]) -> list[Transfer]:
        return _transfers(at, rows)

    return pages.read(at, TRANSFERS, filters, build, also=either)


@router.get("/transfers/{transfer}", responses=answers(Transfer) | NO_SUCH)
def read_transfer(at: At, transfer: Id32Path) -> Transfer:
    """One transfer. Audience: public."""
    row = find(at.connection, t.transfers, transfer)
    if row is None:
        raise at.missing("transfer", transfer)
    return _transfers(at, [row])[0]


def _transfers(at: Snapshot, rows: Sequence[Row]) -> list[Transfer]:
    names = names_of(at.connection, series=[row["series"] for row in rows])
    return [
        Transfer(
            transfer=row["transfer"],
            series=Named.of(row["series"], names),
            serials=Serials.of(row),
            from_member=row["from_member"],
            to_member=row["to_member"],
            status=word(TransferStatus, row["status"]),
            accept_from=moment(row["accept_from"]),
            deadline=moment(row["deadline"]),
            cosign_pending=row["cosign_pending"],
            kept_last=row["kept_last"] or None,
            factor_ppm=row["factor_ppm"] or None,
            entry=row["entry"] or None,
            arriving_kg=row["arriving_kg"] or None,
            reason=row["reason"] or None,
            ended_at=moment(row["ended_at"]),
            request=row["request"],
            proposed=Seen.of(row),
        )
        for row in rows
    ]
