"""Retirements (注销) and cancellations: both final."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.shapes import (
    Id12Query,
    Id32,
    Id32Query,
    Kg,
    MemberCode,
    MemberQuery,
    Named,
    Seen,
    SerialQuery,
    Serials,
    Whole,
    Word,
    answers,
    given,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At, Snapshot
from hub.index.queries import Row
from hub.index.queries_listings import CANCELLATIONS, RETIREMENTS
from hub.index.queries_names import names_of
from mutual_recognition.purposes import Purpose

router = APIRouter(tags=["credits"])


class Retirement(BaseModel):
    """Serials used, once and for good. `claimant` is null for programmes: not stated."""

    series: Named
    serials: Serials
    kg: Kg
    issuance: Annotated[Whole, Field(description="first serial of its issuance")]
    holder: MemberCode
    claimant: MemberCode | None
    purpose: Annotated[Word, shown(Purpose.EVENT_NEUTRALITY)]
    beneficiary: Annotated[Id32 | None, Field(description="salted commitment; the name is with the certificate")]
    compliance_year: Annotated[int | None, Field(examples=[2025])]
    request: Id32
    retired: Seen


class Cancellation(BaseModel):
    """Serials that count no more: cut on conversion, corrected as issued wrongly, or cancelled by ballot."""

    series: Named
    serials: Serials
    kg: Kg
    issuance: Annotated[Whole, Field(description="first serial of its issuance")]
    holder: MemberCode
    purpose: Annotated[Word, shown(Purpose.CONVERSION_CUT)]
    document: Id32 | None
    ballot: Id32 | None
    request: Id32 | None
    cancelled: Seen


@router.get("/retirements", responses=answers(Page[Retirement]))
def list_retirements(
    at: At,
    pages: Pages,
    series: Id12Query = None,
    issuance: SerialQuery = None,
    holder: MemberQuery = None,
    claimant: MemberQuery = None,
    purpose: Annotated[str | None, one_of(Purpose)] = None,
    compliance_year: Annotated[int | None, Query(ge=0, lt=2**16)] = None,
    beneficiary: Id32Query = None,
) -> Page[Retirement]:
    """Retirements of all members. Audience: public."""
    filters = {
        "series": series,
        "issuance": issuance,
        "holder": holder,
        "claimant": claimant,
        "purpose": number_of(Purpose, purpose, "purpose"),
        "compliance_year": compliance_year,
        "beneficiary": beneficiary,
    }

    def build(rows: Sequence[Row]) -> list[Retirement]:
        return describe_retirements(at, rows)

    return pages.read(at, RETIREMENTS, filters, build)


@router.get("/cancellations", responses=answers(Page[Cancellation]))
def list_cancellations(
    at: At,
    pages: Pages,
    series: Id12Query = None,
    issuance: SerialQuery = None,
    holder: MemberQuery = None,
    purpose: Annotated[str | None, one_of(Purpose)] = None,
    ballot: Id32Query = None,
) -> Page[Cancellation]:
    """Cancellations of all causes. Audience: public."""
    filters = {
        "series": series,
        "issuance": issuance,
        "holder": holder,
        "purpose": number_of(Purpose, purpose, "purpose"),
        "ballot": ballot,
    }

    def build(rows: Sequence[Row]) -> list[Cancellation]:
        return describe_cancellations(at, rows)

    return pages.read(at, CANCELLATIONS, filters, build)


def describe_retirements(at: Snapshot, rows: Sequence[Row]) -> list[Retirement]:
    """Rows of `retirements` as answers."""
    names = names_of(at.connection, series=[row["series"] for row in rows])
    return [
        Retirement(
            series=Named.of(row["series"], names),
            serials=Serials.of(row),
            kg=row["kg"],
            issuance=row["issuance"],
            holder=row["holder"],
            claimant=row["claimant"] or None,
            purpose=word(Purpose, row["purpose"]),
            beneficiary=given(row["beneficiary"]),
            compliance_year=row["compliance_year"] or None,
            request=row["request"],
            retired=Seen.of(row),
        )
        for row in rows
    ]


def describe_cancellations(at: Snapshot, rows: Sequence[Row]) -> list[Cancellation]:
    """Rows of `cancellations` as answers."""
    names = names_of(at.connection, series=[row["series"] for row in rows])
    return [
        Cancellation(
            series=Named.of(row["series"], names),
            serials=Serials.of(row),
            kg=row["kg"],
            issuance=row["issuance"],
            holder=row["holder"],
            purpose=word(Purpose, row["purpose"]),
            document=given(row["document"]),
            ballot=given(row["ballot"]),
            request=given(row["request"]),
            cancelled=Seen.of(row),
        )
        for row in rows
    ]
