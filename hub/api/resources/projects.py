"""Projects (减排项目), what they claim, and the verifications of their monitoring periods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import (
    Day,
    Id12,
    Id12Path,
    Id12Query,
    Id32,
    Kg,
    MemberCode,
    MemberQuery,
    Named,
    Seen,
    Word,
    answers,
    day,
    given,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At, Snapshot
from hub.chain.enums import LockStatus, ProjectStatus
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.index.queries_listings import ASSETS, EXTERNAL_LOCKS, PROJECTS, VERIFICATIONS
from hub.index.queries_names import names_of

router = APIRouter(tags=["methodologies and projects"])


class Project(BaseModel):
    """A registration. `mechanism`: which other mechanism it is declared to be under, 0: none (`mechanisms.py`)."""

    project: Named
    member: MemberCode
    methodology: Named
    status: Annotated[Word, shown(ProjectStatus.REGISTERED)]
    held: Annotated[int, Field(description="holds on it now", examples=[0])]
    revision: Annotated[int, Field(examples=[1])]
    crediting_start: Day | None
    crediting_end: Day | None
    mechanism: Annotated[int, Field(examples=[0])]
    document: Id32
    declaration: Id32 | None
    request: Id32
    registered: Seen


class Asset(BaseModel):
    """An exclusive claim: the keyed hash of a meter, plant, pile or vehicle, never its number."""

    asset: Id32
    project: Id12
    claimed: Seen


class ExternalLock(BaseModel):
    """Certificates of another mechanism: frozen on registration, cancelled on issuance."""

    lock: Id32
    project: Id12
    mechanism: Annotated[int, Field(examples=[3])]
    status: Annotated[Word, shown(LockStatus.FROZEN)]
    evidence: Id32 | None
    changed: Seen


class Verification(BaseModel):
    """A verified quantity; issuances draw on it. The period is null where the source states none (programmes)."""

    verification: Id12
    project: Named
    period_stated: Annotated[bool, Field(examples=[True])]
    period_start: Day | None
    period_end: Day | None
    verified_kg: Kg
    drawn_kg: Annotated[Kg, Field(description="issued on it, less what was corrected")]
    voided: Annotated[bool, Field(examples=[False])]
    external_lock: Id32 | None
    document: Id32
    request: Id32
    recorded: Seen


@router.get("/projects", responses=answers(Page[Project]))
def list_projects(
    at: At,
    pages: Pages,
    member: MemberQuery = None,
    methodology: Id12Query = None,
    status: Annotated[str | None, one_of(ProjectStatus)] = None,
    mechanism: Annotated[int | None, Query(ge=0, lt=2**16)] = None,
) -> Page[Project]:
    """Projects of all members. Audience: public."""
    filters = {
        "member": member,
        "methodology": methodology,
        "status": number_of(ProjectStatus, status, "status"),
        "mechanism": mechanism,
    }

    def build(rows: Sequence[Row]) -> list[Project]:
        return _projects(at, rows)

    return pages.read(at, PROJECTS, filters, build)


@router.get("/projects/{project}", responses=answers(Project) | NO_SUCH)
def read_project(at: At, project: Id12Path) -> Project:
    """One project. Audience: public."""
    row = find(at.connection, t.projects, project)
    if row is None:
        raise at.missing("project", project)
    return _projects(at, [row])[0]


@router.get("/assets", responses=answers(Page[Asset]))
def list_assets(at: At, pages: Pages, project: Id12Query = None) -> Page[Asset]:
    """Asset claims in force, as keyed hashes. Audience: public."""

    def build(rows: Sequence[Row]) -> list[Asset]:
        return [Asset(asset=row["asset"], project=row["project"], claimed=Seen.of(row)) for row in rows]

    return pages.read(at, ASSETS, {"project": project}, build)


@router.get("/external-locks", responses=answers(Page[ExternalLock]))
def list_external_locks(
    at: At, pages: Pages, project: Id12Query = None, status: Annotated[str | None, one_of(LockStatus)] = None
) -> Page[ExternalLock]:
    """Locks on certificates of other mechanisms. Audience: public."""

    def build(rows: Sequence[Row]) -> list[ExternalLock]:
        return [
            ExternalLock(
                lock=row["lock"],
                project=row["project"],
                mechanism=row["mechanism"],
                status=word(LockStatus, row["status"]),
                evidence=given(row["evidence"]),
                changed=Seen.of(row),
            )
            for row in rows
        ]

    filters = {"project": project, "status": number_of(LockStatus, status, "status")}
    return pages.read(at, EXTERNAL_LOCKS, filters, build)


@router.get("/verifications", responses=answers(Page[Verification]))
def list_verifications(
    at: At,
    pages: Pages,
    project: Id12Query = None,
    voided: Annotated[bool | None, Query()] = None,
) -> Page[Verification]:
    """Verifications of monitoring periods. Audience: public."""

    def build(rows: Sequence[Row]) -> list[Verification]:
        return _verifications(at, rows)

    return pages.read(at, VERIFICATIONS, {"project": project, "voided": voided}, build)


@router.get("/verifications/{verification}", responses=answers(Verification) | NO_SUCH)
def read_verification(at: At, verification: Id12Path) -> Verification:
    """One verification. Audience: public."""
    row = find(at.connection, t.verifications, verification)
    if row is None:
        raise at.missing("verification", verification)
    return _verifications(at, [row])[0]


def _projects(at: Snapshot, rows: Sequence[Row]) -> list[Project]:
    names = names_of(
        at.connection,
        projects=[row["project"] for row in rows],
        methodologies=[row["methodology"] for row in rows],
    )
    return [
        Project(
            project=Named.of(row["project"], names),
            member=row["member"],
            methodology=Named.of(row["methodology"], names),
            status=word(ProjectStatus, row["status"]),
            held=row["holds"],
            revision=row["revision"],
            crediting_start=day(row["crediting_start"]),
            crediting_end=day(row["crediting_end"]),
            mechanism=row["mechanism"],
            document=row["document"],
            declaration=given(row["declaration"]),
            request=row["request"],
            registered=Seen.of(row),
        )
        for row in rows
    ]


def _verifications(at: Snapshot, rows: Sequence[Row]) -> list[Verification]:
    names = names_of(at.connection, projects=[row["project"] for row in rows])
    return [
        Verification(
            verification=row["verification"],
            project=Named.of(row["project"], names),
            period_stated=row["period_stated"],
            period_start=day(row["period_start"]),
            period_end=day(row["period_end"]),
            verified_kg=row["verified_kg"],
            drawn_kg=row["drawn_kg"],
            voided=row["voided"],
            external_lock=given(row["external_lock"]),
            document=row["document"],
            request=row["request"],
            recorded=Seen.of(row),
        )
        for row in rows
    ]
