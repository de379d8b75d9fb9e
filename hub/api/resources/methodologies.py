"""Methodology filings (方法学备案)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Id12,
    Id12Path,
    Id32,
    Id32Query,
    MemberCode,
    MemberQuery,
    Moment,
    Named,
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
from hub.api.snapshots import At, Snapshot
from hub.chain.enums import MethodologyStatus
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.index.queries_listings import METHODOLOGIES
from hub.index.queries_names import names_of

router = APIRouter(tags=["methodologies and projects"])


class Methodology(BaseModel):
    """A filing. `document` and `definition` are digests; the documents are at /v1/documents/{digest}."""

    methodology: Named
    member: MemberCode
    status: Annotated[Word, shown(MethodologyStatus.FILED)]
    held: Annotated[int, Field(description="holds on it now", examples=[0])]
    valid_from: Moment | None
    valid_until: Annotated[Moment | None, Field(description="null: without end")]
    supersedes: Id12 | None
    superseded_by: Id12 | None
    lineage: Annotated[Id32 | None, Field(description="hash of the source lineage, such as CDM")]
    document: Id32
    definition: Id32
    request: Id32
    filed: Seen


@router.get("/methodologies", responses=answers(Page[Methodology]))
def list_methodologies(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    status: Annotated[str | None, one_of(MethodologyStatus)] = None,
    lineage: Id32Query = None,
) -> Page[Methodology]:
    """Filings of all members. Audience: public."""
    filters = {"member": member, "status": number_of(MethodologyStatus, status, "status"), "lineage": lineage}

    def build(rows: Sequence[Row]) -> list[Methodology]:
        return _methodologies(at, rows)

    return pages.read(at, METHODOLOGIES, filters, build)


@router.get("/methodologies/{methodology}", responses=answers(Methodology) | NO_SUCH)
def read_methodology(at: At, methodology: Id12Path) -> Methodology:
    """One filing. Audience: public."""
    row = find(at.connection, t.methodologies, methodology)
    if row is None:
        raise at.missing("methodology", methodology)
    return _methodologies(at, [row])[0]


def _methodologies(at: Snapshot, rows: Sequence[Row]) -> list[Methodology]:
    names = names_of(at.connection, methodologies=[row["methodology"] for row in rows])
    return [
        Methodology(
            methodology=Named.of(row["methodology"], names),
            member=row["member"],
            status=word(MethodologyStatus, row["status"]),
            held=row["holds"],
            valid_from=moment(row["valid_from"]),
            valid_until=moment(row["valid_until"]),
            supersedes=given(row["supersedes"]),
            superseded_by=given(row["superseded_by"]),
            lineage=given(row["lineage"]),
            document=row["document"],
            definition=row["definition"],
            request=row["request"],
            filed=Seen.of(row),
        )
        for row in rows
    ]
