"""What public programmes publish, as observed by this hub: facts with their source named. On no chain.

Rows as the registries wrote them, and what they say of beneficiaries, are kept for screening and not served: a
registry's terms cover its own texts, and a beneficiary may be a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String, cast

from hub.api.pages import Page, Pages
from hub.api.problems import NO_SUCH
from hub.api.shapes import Kg, Whole, answers
from hub.api.snapshots import At
from hub.db import tables as t
from hub.index.queries import Row, find
from hub.observed import queries
from mutual_recognition.observed import ObservedStatus, Programme, RecordKind, SerialFault

router = APIRouter(tags=["observed programmes"])

Published = Annotated[date, Field(description="calendar day as published", examples=["2026-06-16"])]
SourceQuery = Annotated[str | None, Query(max_length=60, examples=["verra-projects"])]
ProgrammeQuery = Annotated[Programme | None, Query(description="whose records")]
SourcePath = Annotated[str, Path(max_length=60, examples=["verra-projects"])]
NativePath = Annotated[str, Path(max_length=400, description="as the programme writes it", examples=["1340"])]


class History(BaseModel):
    """When exports had it. Days are those that the exports state."""

    first_seen: Published
    last_seen: Published
    gone_since: Published | None


class ObservedProject(BaseModel):
    """A project as one source lists it. `status` is ours over all programmes, `status_raw` the programme's word."""

    source: Annotated[str, Field(examples=["verra-projects"])]
    programme: Annotated[Programme, Field(examples=["verra"])]
    native_id: Annotated[str, Field(examples=["1340"])]
    name: Annotated[str, Field(examples=["Illustrative wind farm"])]
    proponent: Annotated[str, Field(examples=["Illustrative Energy Ltd."])]
    country: Annotated[str, Field(description="as published: a name or a code", examples=["China"])]
    province: Annotated[str, Field(examples=["Anhui"])]
    place: Annotated[str, Field(examples=["Maanshan"])]
    latitude: Annotated[str | None, Field(description="decimal degrees", examples=["31.67"])]
    longitude: Annotated[str | None, Field(description="decimal degrees", examples=["118.51"])]
    project_type: Annotated[str, Field(examples=["Wind"])]
    methodology: Annotated[str, Field(examples=["ACM0002"])]
    methodology_codes: Annotated[list[str], Field(examples=[["ACM0002"]])]
    status: Annotated[ObservedStatus, Field(examples=["registered"])]
    status_raw: Annotated[str, Field(examples=["Registered"])]
    listed_on: Published | None
    registered_on: Published | None
    crediting_first: Published | None
    crediting_last: Published | None
    estimated_annual_kg: Kg | None
    issued_kg: Kg | None
    retired_kg: Kg | None
    capacity_w: Annotated[Whole | None, Field(description="watts, where the name states one", examples=[49500000])]
    parent: Annotated[str, Field(description="programme of activities it belongs to", examples=["10789"])]
    references: Annotated[list[str], Field(description="ids that others know it by", examples=[["CAFR5270"]])]
    seen: History


class ObservedSerials(BaseModel):
    """A serial text as read. `fault` is empty when the range can be relied on."""

    text: Annotated[str, Field(examples=["CN-5-971181543-2-2-0-2898 - CN-5-971190304-2-2-0-2898"])]
    programme: Annotated[Programme | None, Field(description="whose serials they are", examples=["cdm"])]
    series: Annotated[str, Field(examples=["CN"])]
    first: Whole | None
    last: Whole | None
    project: Annotated[str, Field(description="that the text itself names", examples=["2898"])]
    fault: Annotated[SerialFault, Field(examples=[""])]
    mended: Annotated[str, Field(description="what was put right to read it", examples=["spaces inside a serial"])]


class ObservedUnits(BaseModel):
    """A block of units issued, retired or cancelled, as one row states it."""

    source: Annotated[str, Field(examples=["gold-standard-issuances-2021"])]
    programme: Annotated[Programme, Field(examples=["gold-standard"])]
    kind: Annotated[RecordKind, Field(examples=["issuance"])]
    native_id: Annotated[str, Field(examples=["GS1-1-CN-GS1011-4-2012-4574-1-2311"])]
    project: Annotated[str, Field(examples=["1011"])]
    project_name: Annotated[str, Field(examples=["Illustrative biogas tanks"])]
    country: Annotated[str, Field(examples=["China"])]
    unit_type: Annotated[str, Field(examples=["VER"])]
    methodology: Annotated[str, Field(examples=["AMS-I.E"])]
    quantity_kg: Kg
    vintage: Annotated[int | None, Field(examples=[2012])]
    period_first: Published | None
    period_last: Published | None
    issued_on: Published | None
    ended_on: Published | None
    serials: ObservedSerials
    seen: History


class ObservedChange(BaseModel):
    """What differed between two exports: the columns whose values changed, by the registry's own headings."""

    id: Annotated[int, Field(examples=[12])]
    source: Annotated[str, Field(examples=["verra-projects"])]
    kind: Annotated[RecordKind, Field(examples=["project"])]
    native_id: Annotated[str, Field(examples=["5029"])]
    what: Annotated[str, Field(description="changed, gone or returned", examples=["changed"])]
    stated_on: Published
    columns: Annotated[list[str], Field(examples=[["Status"]])]
    status_changed: Annotated[bool, Field(examples=[True])]


class ObservedSource(BaseModel):
    """How a source stands. `stopped`: its columns have changed and nobody has accepted that yet."""

    source: Annotated[str, Field(examples=["verra-projects"])]
    stated_on: Published | None
    known: Annotated[int, Field(examples=[4994])]
    gone: Annotated[int, Field(examples=[2])]
    stopped: Annotated[bool, Field(examples=[False])]
    attribution: Annotated[str, Field(examples=["Verra Registry (registry.verra.org)"])]


@router.get("/observed/sources", responses=answers(list[ObservedSource]))
def list_observed_sources(at: At) -> list[ObservedSource]:
    """Every source that was ever loaded, with whom to name where its facts are shown. Audience: public."""
    return [
        ObservedSource(
            source=state["source"],
            stated_on=_day(state["last_load"] and state["last_load"]["stated_on"]),
            known=state["records"]["known"],
            gone=state["records"]["gone"],
            stopped=state["stopped_by"] is not None,
            attribution=str((state["last_load"] or {}).get("attribution", "")),
        )
        for state in queries.source_states(at.connection)
    ]


@router.get("/observed/projects", responses=answers(Page[ObservedProject]))
def list_observed_projects(
    at: At,
    pages: Pages,
    source: SourceQuery = None,
    programme: ProgrammeQuery = None,
    country: Annotated[str | None, Query(max_length=100, description="as published")] = None,
    status: Annotated[ObservedStatus | None, Query()] = None,
    methodology: Annotated[str | None, Query(max_length=30, pattern=r"^[A-Z0-9.\-]+$", description="its code")] = None,
    gone: Annotated[bool | None, Query(description="only those that are in no export any more, or not")] = None,
) -> Page[ObservedProject]:
    """Projects of public programmes. Audience: public, with attribution (`/observed/sources`)."""
    table = t.observed_projects
    also: list[ColumnElement[bool]] = []
    if gone is not None:
        also.append(table.c.gone_since.is_not(None) if gone else table.c.gone_since.is_(None))
    if methodology is not None:
        also.append(cast(table.c.methodology_codes, String).contains(f'"{methodology}"', autoescape=True))
    filters = {"source": source, "programme": programme, "country": country, "status": status}
    return pages.read(at, queries.PROJECTS, filters, _projects, also=also)


@router.get("/observed/projects/{source}/{native_id}", responses=answers(ObservedProject) | NO_SUCH)
def read_observed_project(at: At, source: SourcePath, native_id: NativePath) -> ObservedProject:
    """One project of one source. Audience: public, with attribution."""
    row = find(at.connection, t.observed_projects, source, native_id)
    if row is None:
        raise at.missing("observed project", f"{source} {native_id}")
    return _projects([row])[0]


@router.get("/observed/issuances", responses=answers(Page[ObservedUnits]))
def list_observed_issuances(
    at: At,
    pages: Pages,
    source: SourceQuery = None,
    programme: ProgrammeQuery = None,
    project: Annotated[str | None, Query(max_length=200, description="as the programme writes it")] = None,
    vintage: Annotated[int | None, Query(ge=1990, le=2100)] = None,
    serial_programme: Annotated[Programme | None, Query(description="whose serials")] = None,
    serial_series: Annotated[str | None, Query(max_length=200)] = None,
    serial: Annotated[int | None, Query(ge=0, lt=2**63, description="blocks whose range holds this number")] = None,
    serial_fault: Annotated[SerialFault | None, Query()] = None,
) -> Page[ObservedUnits]:
    """Blocks issued by public programmes. Audience: public, with attribution."""
    return _units_page(
        at, pages, RecordKind.ISSUANCE, source, programme, project, vintage, serial_programme, serial_series, serial,
        serial_fault,
    )  # fmt: skip


@router.get("/observed/retirements", responses=answers(Page[ObservedUnits]))
def list_observed_retirements(
    at: At,
    pages: Pages,
    source: SourceQuery = None,
    programme: ProgrammeQuery = None,
    project: Annotated[str | None, Query(max_length=200, description="as the programme writes it")] = None,
    vintage: Annotated[int | None, Query(ge=1990, le=2100)] = None,
    serial_programme: Annotated[Programme | None, Query(description="whose serials")] = None,
    serial_series: Annotated[str | None, Query(max_length=200)] = None,
    serial: Annotated[int | None, Query(ge=0, lt=2**63, description="blocks whose range holds this number")] = None,
) -> Page[ObservedUnits]:
    """Blocks retired in public programmes; for whom is not served. Audience: public, with attribution."""
    return _units_page(
        at, pages, RecordKind.RETIREMENT, source, programme, project, vintage, serial_programme, serial_series, serial,
        None,
    )  # fmt: skip


@router.get("/observed/cancellations", responses=answers(Page[ObservedUnits]))
def list_observed_cancellations(
    at: At,
    pages: Pages,
    source: SourceQuery = None,
    programme: ProgrammeQuery = None,
    project: Annotated[str | None, Query(max_length=200, description="as the programme writes it")] = None,
) -> Page[ObservedUnits]:
    """Blocks cancelled in public programmes. Audience: public, with attribution."""
    return _units_page(at, pages, RecordKind.CANCELLATION, source, programme, project, None, None, None, None, None)


@router.get("/observed/changes", responses=answers(Page[ObservedChange]))
def list_observed_changes(
    at: At,
    pages: Pages,
    source: SourceQuery = None,
    kind: Annotated[RecordKind | None, Query()] = None,
    native_id: Annotated[str | None, Query(max_length=400)] = None,
    what: Annotated[str | None, Query(pattern="^(changed|gone|returned)$")] = None,
    status_changed: Annotated[bool | None, Query()] = None,
) -> Page[ObservedChange]:
    """What changed between exports. Audience: public."""
    filters = {
        "source": source,
        "kind": kind,
        "native_id": native_id,
        "what": what,
        "status_changed": status_changed,
    }
    return pages.read(at, queries.CHANGES, filters, _changes)


def _units_page(
    at: At,
    pages: Pages,
    kind: RecordKind,
    source: str | None,
    programme: Programme | None,
    project: str | None,
    vintage: int | None,
    serial_programme: Programme | None,
    serial_series: str | None,
    serial: int | None,
    serial_fault: SerialFault | None,
) -> Page[ObservedUnits]:
    table = t.observed_units
    also = [] if serial is None else [table.c.serial_first <= serial, table.c.serial_last >= serial]
    filters = {
        "kind": kind,
        "source": source,
        "programme": programme,
        "project": project,
        "vintage": vintage,
        "serial_programme": serial_programme,
        "serial_series": serial_series,
        "serial_fault": serial_fault,
    }
    return pages.read(at, queries.UNITS, filters, _units, also=also)


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None


def _history(row: Row) -> History:
    return History(
        first_seen=date.fromisoformat(row["first_seen"]),
        last_seen=date.fromisoformat(row["last_seen"]),
        gone_since=_day(row["gone_since"]),
    )


_PROJECT_DAYS = ("listed_on", "registered_on", "crediting_first", "crediting_last")
_PROJECT_AS_IS = (
    "source", "programme", "native_id", "name", "proponent", "country", "province", "place", "project_type",
    "methodology", "methodology_codes", "status", "status_raw", "estimated_annual_kg", "issued_kg", "retired_kg",
    "capacity_w", "parent", "references",
)  # fmt: skip
_UNIT_DAYS = ("period_first", "period_last", "issued_on", "ended_on")
_UNIT_AS_IS = (
    "source", "programme", "kind", "native_id", "project", "project_name", "country", "unit_type", "methodology",
    "quantity_kg", "vintage",
)  # fmt: skip
_SERIALS = ("text", "programme", "series", "first", "last", "project", "fault", "mended")


def _projects(rows: Sequence[Row]) -> list[ObservedProject]:
    return [
        ObservedProject(
            **{name: row[name] for name in _PROJECT_AS_IS},
            **{name: _day(row[name]) for name in _PROJECT_DAYS},
            latitude=row["latitude"] or None,
            longitude=row["longitude"] or None,
            seen=_history(row),
        )
        for row in rows
    ]


def _units(rows: Sequence[Row]) -> list[ObservedUnits]:
    return [
        ObservedUnits(
            **{name: row[name] for name in _UNIT_AS_IS},
            **{name: _day(row[name]) for name in _UNIT_DAYS},
            serials=ObservedSerials(**{name: row[f"serial_{name}"] for name in _SERIALS}),
            seen=_history(row),
        )
        for row in rows
    ]


def _changes(rows: Sequence[Row]) -> list[ObservedChange]:
    kept: Any = ("id", "source", "kind", "native_id", "what", "status_changed")
    return [
        ObservedChange(
            **{name: row[name] for name in kept},
            stated_on=date.fromisoformat(row["stated_on"]),
            columns=list(row["fields"]),
        )
        for row in rows
    ]
