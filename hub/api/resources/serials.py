"""The whole life of one serial number."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as UrlPath
from pydantic import BaseModel, Field

from hub.api.pages import as_of
from hub.api.problems import NO_SUCH
from hub.api.resources.retirements import (
    Cancellation,
    Retirement,
    describe_cancellations,
    describe_retirements,
)
from hub.api.resources.series import (
    Issuance,
    Series,
    UnitBlock,
    describe_blocks,
    describe_issuances,
    describe_series,
)
from hub.api.shapes import AsOf, Id12Path, Id32, MemberCode, Seen, Serials, Whole, answers, given
from hub.api.snapshots import At
from hub.index.queries import Row
from hub.index.queries_serials import life_of

router = APIRouter(tags=["credits"])


class SerialEvent(BaseModel):
    """Something that happened to a range that this serial is in. `reference` is the transfer, hold, ballot or request
    it happened under."""

    event: Annotated[str, Field(examples=["issued"])]
    serials: Serials
    member: Annotated[MemberCode, Field(description="the holder after it")]
    other: Annotated[MemberCode | None, Field(description="the other member of a transfer")]
    reference: Id32 | None
    seen: Seen

    @staticmethod
    def of(row: Row) -> SerialEvent:
        """From a row of `serial_events`."""
        return SerialEvent(
            event=row["event"],
            serials=Serials.of(row),
            member=row["member"],
            other=row["other"] or None,
            reference=given(row["reference"]),
            seen=Seen.of(row),
        )


class SerialLife(BaseModel):
    """One serial from issuance to now, or to its end."""

    serial: Whole
    series: Series
    issuance: Issuance
    block: Annotated[UnitBlock, Field(description="where it is now")]
    events: Annotated[list[SerialEvent], Field(description="in the order of the chain")]
    retirement: Retirement | None
    cancellation: Cancellation | None
    as_of: AsOf


@router.get("/serials/{series}/{serial}", responses=answers(SerialLife) | NO_SUCH)
def read_serial(at: At, series: Id12Path, serial: Annotated[int, UrlPath(ge=0, lt=2**63)]) -> SerialLife:
    """Where a serial came from, everything that happened to it, and where it is. Audience: public."""
    life = life_of(at.connection, series, serial)
    if life is None:
        raise at.missing("issued serial", f"{serial} of series {series}")
    retired = [] if life.retirement is None else describe_retirements(at, [life.retirement])
    cancelled = [] if life.cancellation is None else describe_cancellations(at, [life.cancellation])
    return SerialLife(
        serial=serial,
        series=describe_series(at, [life.series])[0],
        issuance=describe_issuances(at, [life.issuance])[0],
        block=describe_blocks(at, [life.block])[0],
        events=[SerialEvent.of(row) for row in life.events],
        retirement=retired[0] if retired else None,
        cancellation=cancelled[0] if cancelled else None,
        as_of=as_of(at.position),
    )
