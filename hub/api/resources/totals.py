"""Totals: where every serial and kilogram is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import RequestRefused
from hub.api.shapes import (
    Id12Query,
    Kg,
    MemberCode,
    MemberQuery,
    Named,
    Whole,
    Word,
    answers,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At
from hub.index.queries_names import names_of
from hub.index.queries_totals import GROUPS, balance, read_totals
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus

router = APIRouter(tags=["credits"])

Group = Literal["home", "holder", "status", "series", "issuance", "project", "vintage", "purpose"]


class Total(BaseModel):
    """One group; only the fields that were grouped by are there, the others are null."""

    home: MemberCode | None = None
    holder: MemberCode | None = None
    status: Annotated[Word | None, shown(BlockStatus.AVAILABLE)] = None
    series: Named | None = None
    issuance: Whole | None = None
    project: Named | None = None
    vintage: Annotated[int | None, Field(examples=[2025])] = None
    purpose: Annotated[Word | None, shown(Purpose.VOLUNTARY)] = None
    serials: Whole
    kg: Kg


class Balance(BaseModel):
    """Issued beside what all blocks hold, over the filters home, series, project and vintage."""

    issued_serials: Whole
    issued_kg: Kg
    held_serials: Whole
    held_kg: Kg
    adds_up: Annotated[bool, Field(description="false: the index is damaged; rebuild it", examples=[True])]


class Totals(Page[Total]):
    """Totals by group, and the balance that they add up to."""

    balance: Balance


@router.get("/totals", responses=answers(Totals))
def read_totals_by(
    at: At,
    pages: Pages,
    by: Annotated[list[Group], Query(description="what to group by, in this order; repeat the parameter")] = [  # noqa: B006
        "home",
        "status",
    ],
    home: MemberQuery = None,
    holder: MemberQuery = None,
    status: Annotated[str | None, one_of(BlockStatus)] = None,
    series: Id12Query = None,
    project: Id12Query = None,
    vintage: Annotated[int | None, Query(ge=0, lt=2**16)] = None,
) -> Totals:
    """Serials and kg by home, holder, status, series, issuance, project, vintage or purpose. Audience: public."""
    if len(set(by)) != len(by) or not by:
        raise RequestRefused("each group is named once", where="query parameter by", code="groups_repeated")
    if pages.newest_first:
        raise RequestRefused("totals have one order", where="query parameter order", code="order_not_offered")
    filters = {
        "home": home,
        "holder": holder,
        "status": number_of(BlockStatus, status, "status"),
        "series": series,
        "project": project,
        "vintage": vintage,
    }
    name = "totals by " + " ".join(by)
    after = pages.after(name, [GROUPS[group].type.python_type for group in by])
    rows, key = read_totals(at.connection, by, filters, after, pages.limit)
    names = names_of(
        at.connection,
        series=[row["series"] for row in rows if "series" in row],
        projects=[row["project"] for row in rows if "project" in row],
    )
    items: list[Total] = []
    for row in rows:
        told: dict[str, object] = dict(row)
        if "status" in row:
            told["status"] = word(BlockStatus, row["status"])
        if "purpose" in row:
            told["purpose"] = word(Purpose, row["purpose"]) if row["purpose"] else None
        for group in ("series", "project"):
            if group in row:
                told[group] = Named.of(row[group], names)
        items.append(Total.model_validate(told))
    page = pages.page(at.position, name, items, key)
    found = balance(at.connection, filters)
    return Totals(
        items=page.items,
        next=page.next,
        as_of=page.as_of,
        balance=Balance(
            issued_serials=found.issued_serials,
            issued_kg=found.issued_kg,
            held_serials=found.held_serials,
            held_kg=found.held_kg,
            adds_up=found.adds_up,
        ),
    )
