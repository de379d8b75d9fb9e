"""Series of serial numbers, issuances (签发) and the unit blocks that tile them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH, RequestRefused
from hub.api.shapes import (
    Address,
    Id12,
    Id12Path,
    Id12Query,
    Id32,
    Kg,
    MemberCode,
    MemberQuery,
    Moment,
    Named,
    Ppm,
    Seen,
    SerialQuery,
    Serials,
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
from hub.api.snapshots import At, Snapshot
from hub.db import tables as t
from hub.index.queries import Row, find, read_all
from hub.index.queries_listings import ISSUANCES, SERIES, UNIT_BLOCKS
from hub.index.queries_names import names_of
from mutual_recognition.identifiers import series_id
from mutual_recognition.purposes import Purpose
from mutual_recognition.refusal import Refusal
from mutual_recognition.unit_blocks import BlockStatus

router = APIRouter(tags=["credits"])


class Series(BaseModel):
    """A series: its registry's own serial numbers, 1 or 1,000 kg each."""

    series: Named
    member: MemberCode
    kg_per_serial: Annotated[int, Field(examples=[1000])]
    request: Id32
    registered: Seen


class Issuance(BaseModel):
    """Serials issued on a verification. `origin` is the hash of the registry's own record."""

    series: Named
    serials: Serials
    kg: Kg
    member: MemberCode
    project: Named
    verification: Id12
    vintage: Annotated[int, Field(examples=[2025])]
    origin: Id32
    document: Id32
    reissue_of: Annotated[Whole | None, Field(description="first serial of the issuance that it corrects")]
    request: Id32
    issued: Seen


class UnitBlock(BaseModel):
    """A block: one holder, one status. `factor_ppm` is the lowest factor applied so far; only differences are cut."""

    series: Named
    serials: Serials
    kg: Kg
    issuance: Annotated[Whole, Field(description="first serial of its issuance")]
    home: MemberCode
    holder: Annotated[MemberCode, Field(examples=[320500])]
    status: Annotated[Word, shown(BlockStatus.RETIRED)]
    held: Annotated[int, Field(description="holds on it now", examples=[0])]
    factor_ppm: Ppm
    entry: Annotated[int | None, Field(description="the terms it entered its holder under", examples=[1])]
    purpose: Annotated[Word | None, shown(Purpose.EVENT_NEUTRALITY)]
    compliance_year: Annotated[int | None, Field(examples=[2025])]
    beneficiary: Annotated[Id32 | None, Field(description="salted commitment")]
    transfer: Annotated[Id32 | None, Field(description="while in transit")]
    pledged_to: Address | None
    pledged_until: Moment | None


@router.get("/series", responses=answers(Page[Series]))
def list_series(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    registry: Annotated[str | None, Query(max_length=100, description="with member and code: finds one series")] = None,
    code: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[Series]:
    """Series of all members; by member, registry and code together, the one that has that id. Audience: public."""
    also = []
    if registry is not None or code is not None:
        if not (member and registry and code):
            raise RequestRefused(
                "a series is found by member, registry and code together",
                where="query parameters member, registry, code",
                code="series_name_incomplete",
            )
        try:
            also = [t.series.c.series == "0x" + series_id(member, registry, code).hex()]
        except Refusal as refused:
            raise RequestRefused(str(refused), what=refused.value, code=refused.code) from refused

    def build(rows: Sequence[Row]) -> list[Series]:
        return describe_series(at, rows)

    filters = {"member": member}
    return pages.read(at, SERIES, filters, build, also=also)


@router.get("/series/{series}", responses=answers(Series) | NO_SUCH)
def read_series(at: At, series: Id12Path) -> Series:
    """One series. Audience: public."""
    row = find(at.connection, t.series, series)
    if row is None:
        raise at.missing("series", series)
    return describe_series(at, [row])[0]


@router.get("/issuances", responses=answers(Page[Issuance]))
def list_issuances(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    series: Id12Query = None,
    project: Id12Query = None,
    verification: Id12Query = None,
    vintage: Annotated[int | None, Query(ge=0, lt=2**16)] = None,
) -> Page[Issuance]:
    """Issuances of all members. Audience: public."""
    filters = {
        "member": member,
        "series": series,
        "project": project,
        "verification": verification,
        "vintage": vintage,
    }

    def build(rows: Sequence[Row]) -> list[Issuance]:
        return describe_issuances(at, rows)

    return pages.read(at, ISSUANCES, filters, build)


@router.get("/blocks", responses=answers(Page[UnitBlock]))
def list_blocks(
    at: At,
    pages: Pages,
    series: Id12Query = None,
    issuance: SerialQuery = None,
    holder: MemberQuery = None,
    status: Annotated[str | None, one_of(BlockStatus)] = None,
) -> Page[UnitBlock]:
    """Unit blocks in the order of series and serial: where every serial is now. Audience: public."""
    filters = {
        "series": series,
        "issuance": issuance,
        "holder": holder,
        "status": number_of(BlockStatus, status, "status"),
    }

    def build(rows: Sequence[Row]) -> list[UnitBlock]:
        return describe_blocks(at, rows)

    return pages.read(at, UNIT_BLOCKS, filters, build)


def describe_series(at: Snapshot, rows: Sequence[Row]) -> list[Series]:
    """Rows of `series` as answers."""
    names = names_of(at.connection, series=[row["series"] for row in rows])
    return [
        Series(
            series=Named.of(row["series"], names),
            member=row["member"],
            kg_per_serial=row["kg_per_serial"],
            request=row["request"],
            registered=Seen.of(row),
        )
        for row in rows
    ]


def describe_issuances(at: Snapshot, rows: Sequence[Row]) -> list[Issuance]:
    """Rows of `issuances` as answers."""
    names = names_of(at.connection, series=[row["series"] for row in rows], projects=[row["project"] for row in rows])
    return [
        Issuance(
            series=Named.of(row["series"], names),
            serials=Serials.of(row),
            kg=row["kg"],
            member=row["member"],
            project=Named.of(row["project"], names),
            verification=row["verification"],
            vintage=row["vintage"],
            origin=row["origin"],
            document=row["document"],
            reissue_of=row["reissue_of"] or None,
            request=row["request"],
            issued=Seen.of(row),
        )
        for row in rows
    ]


def describe_blocks(at: Snapshot, rows: Sequence[Row]) -> list[UnitBlock]:
    """Rows of `unit_blocks` as answers."""
    series = {row["series"] for row in rows}
    names = names_of(at.connection, series=series)
    c = t.series.c
    found = read_all(at.connection, select(c.series, c.member, c.kg_per_serial).where(c.series.in_(series)))
    of_series = {row["series"]: row for row in found}
    return [
        UnitBlock(
            series=Named.of(row["series"], names),
            serials=Serials.of(row),
            kg=(row["last"] - row["first"] + 1) * of_series[row["series"]]["kg_per_serial"],
            issuance=row["issuance"],
            home=of_series[row["series"]]["member"],
            holder=row["holder"],
            status=word(BlockStatus, row["status"]),
            held=row["holds"],
            factor_ppm=row["factor_ppm"],
            entry=row["entry"] or None,
            purpose=word(Purpose, row["purpose"]) if row["purpose"] else None,
            compliance_year=row["compliance_year"] or None,
            beneficiary=given(row["beneficiary"]),
            transfer=given(row["transfer"]),
            pledged_to=given(row["pledged_to"]),
            pledged_until=moment(row["pledged_until"]),
        )
        for row in rows
    ]
