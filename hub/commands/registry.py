"""`yrdhub registry`: filing a methodology, registering a project, for a city whose registry has no adapter.

Each takes a JSON file, since such a record has many fields; fields of your own become part of the shared document.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.table import Table
from sqlalchemy import select

from hub.by_hand import REGISTRY
from hub.chain.enums import MethodologyStatus, ProjectStatus, in_words
from hub.commands.acting import Key, Member, by_hand, reading, tell_carried
from hub.commands.sync_settings import asset_key
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.naming import title_of
from hub.terminal import Terminal
from mutual_recognition.identifiers import methodology_id, project_id
from mutual_recognition.periods import Period
from mutual_recognition.records import Asset, MethodologyFiling, MethodologyKey, ProjectRegistration

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Methodologies and projects: list them; file and register by hand."
)

File = Annotated[Path, typer.Argument(help="JSON file; see the command's own help", exists=True, dir_okay=False)]
RegistryCode = Annotated[str, typer.Option("--registry", help="Code of your registry: part of every id it makes")]
M = TypeVar("M", bound=BaseModel)


class _FiledMethodology(BaseModel):
    model_config = ConfigDict(extra="allow")

    record: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    valid_from: date
    valid_until: date | None = None
    supersedes: str | None = None
    lineage: str = ""
    definition: dict[str, Any]


class _OfMethodology(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str
    version: str
    member: int = 0
    registry: str = ""


class _RegisteredProject(BaseModel):
    model_config = ConfigDict(extra="allow")

    record: Annotated[str, Field(min_length=1, max_length=200)]
    methodology: _OfMethodology
    crediting_from: date
    crediting_until: date
    assets: list[str] = []
    asset_kind: str = "meter"
    other_mechanism: bool
    inside_ets: bool


@app.command("list")
def list_registry(
    context: typer.Context,
    member: Annotated[int | None, typer.Option("--of", help="Only those of this member")] = None,
) -> None:
    """List methodologies and projects of all members, with their status."""
    terminal = Terminal.of(context)
    m, p = t.methodologies.c, t.projects.c
    filed = select(t.methodologies).order_by(m.block_number, m.log_index)
    registered = select(t.projects).order_by(p.block_number, p.log_index)
    if member is not None:
        filed, registered = filed.where(m.member == member), registered.where(p.member == member)
    with reading(terminal) as (connection, _):
        told = [
            {
                "kind": "methodology",
                "id": row["methodology"],
                "called": title_of(connection, row["methodology"]),
                "member": row["member"],
                "status": in_words(MethodologyStatus, row["status"]),
                "holds": row["holds"],
            }
            for row in connection.execute(filed).mappings()
        ] + [
            {
                "kind": "project",
                "id": row["project"],
                "called": title_of(connection, row["project"]),
                "member": row["member"],
                "status": in_words(ProjectStatus, row["status"]),
                "holds": row["holds"],
            }
            for row in connection.execute(registered).mappings()
        ]
    table = Table("kind", "id", "called", "member", "status", box=None, pad_edge=False)
    for one in told:
        held = f", under {one['holds']} holds" if one["holds"] else ""
        table.add_row(one["kind"], one["id"], one["called"] or "not shared", str(one["member"]), one["status"] + held)
    terminal.answer(told, table if told else "nothing is filed yet")


@app.command("file-methodology")
def file_methodology(
    context: typer.Context,
    file: File,
    registry: RegistryCode = REGISTRY,
    member: Member = None,
    key: Key = None,
) -> None:
    """File a version of a methodology (方法学备案), for good: a change is a new version.

    The file: {"record": "FF-001", "code": "...", "version": "V1", "valid_from": "2026-01-01", "valid_until": null,
    "supersedes": "V0", "lineage": "AMS-I.F.", "definition": {...}, and whatever else describes it: title_zh, title_en,
    applicability, boundary, baseline, monitoring ...}. `definition` is the machine-readable computation.
    """
    terminal = Terminal.of(context)
    read = _read(_FiledMethodology, file)
    filing = MethodologyFiling(
        native_id=read.record,
        key=MethodologyKey(read.code, read.version),
        valid_from=read.valid_from,
        valid_until=read.valid_until,
        supersedes=None if read.supersedes is None else MethodologyKey(read.code, read.supersedes),
        lineage=read.lineage,
        definition=read.definition,
        content=read.model_extra or {},
    )
    with by_hand(terminal, member, key, registry=registry) as (desk, _, acting_for):
        carried = desk.carry_out(filing)
    identifier = "0x" + methodology_id(acting_for, registry, read.code, read.version).hex()
    tell_carried(terminal, carried, f"filed {read.code} {read.version} as {identifier}", id=identifier)


@app.command("register-project")
def register_project(
    context: typer.Context,
    file: File,
    registry: RegistryCode = REGISTRY,
    member: Member = None,
    key: Key = None,
) -> None:
    """Register a project (减排项目), or amend it where its document or crediting period has changed.

    The file: {"record": "XM-001", "methodology": {"code": "...", "version": "V1", "member": 310000, "registry":
    "..."}, "crediting_from": "2026-01-01", "crediting_until": "2035-12-31", "assets": ["METER-1"], "asset_kind":
    "meter", "other_mechanism": false, "inside_ets": false, and whatever else describes it: name_zh, name_en, site ...}.
    Leave member and registry of the methodology out where it is your own. Meters of households have no place in it.
    """
    terminal = Terminal.of(context)
    read = _read(_RegisteredProject, file)
    if read.other_mechanism:
        raise RecordRefused(
            "the project is declared to be under another mechanism: one at a time",
            code="other_mechanism",
            field="other_mechanism",
            value=True,
            where=str(file),
            remedy="register it after it has left the other one",
        )
    of = read.methodology
    registration = ProjectRegistration(
        native_id=read.record,
        methodology=MethodologyKey(of.code, of.version, of.member, of.registry),
        crediting=Period(read.crediting_from, read.crediting_until),
        assets=tuple(Asset(kind=read.asset_kind, identifier=asset) for asset in read.assets),
        declaration={"other_mechanism": "none", "inside_ets": read.inside_ets},
        inside_ets=read.inside_ets,
        content=read.model_extra or {},
    )
    assets = asset_key(terminal.settings)
    with by_hand(terminal, member, key, registry=registry, asset_key=assets) as (desk, _, acting_for):
        carried = desk.carry_out(registration)
    identifier = "0x" + project_id(acting_for, registry, read.record).hex()
    tell_carried(terminal, carried, f"registered {read.record} as {identifier}", id=identifier)


def _read(model: type[M], file: Path) -> M:
    try:
        return model.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise RecordRefused(
            f"the record cannot be used: {first['msg']}",
            code="record_invalid",
            field=field,
            value=None if first["type"] == "missing" else first["input"],
            where=str(file),
            remedy="correct the file; the command's --help shows its form",
        ) from invalid
    except (OSError, ValueError) as unreadable:
        raise RecordRefused(
            f"the file is no JSON in UTF-8: {unreadable}",
            code="record_unreadable",
            where=str(file),
            remedy="correct the file",
        ) from unreadable
