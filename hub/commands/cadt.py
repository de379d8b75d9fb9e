"""`yrdhub cadt`: CAD Trust. Export what the hub holds; check, convert and compare files; import what others listed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table
from sqlalchemy import Engine

from adapters.cad_trust.checking import Checked, Severity, check_file
from adapters.cad_trust.comparing import Comparison, compare_files
from adapters.cad_trust.converting import convert_file
from adapters.cad_trust.model import DATA_MODEL, PROJECTS, UNITS
from adapters.cad_trust.normal import NORMALISATIONS, normal
from adapters.cad_trust.observed import open_cad_trust
from adapters.cad_trust.picklists import BUILT_IN, read_picklists
from adapters.cad_trust.writing import write_records, write_rows
from hub.cad_trust.export import Part, export_records, require_member
from hub.cad_trust.identity import Links
from hub.cad_trust.listed import PROJECTS_SOURCE, UNITS_SOURCE, listed_columns, listed_rows
from hub.cad_trust.units import Tally
from hub.commands.acting import reading
from hub.commands.observe_words import describe
from hub.db.engine import check_reachable, open_engine
from hub.db.migrate import migrate
from hub.errors import RecordRefused
from hub.observed.store import LoadOptions, load_export
from hub.terminal import Terminal
from mutual_recognition.periods import UTC_PLUS_8, DateLayout, parse_day
from mutual_recognition.quantities import tonnes_text

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="CAD Trust: list a city's credits there; check, convert, compare and import its files.",
)

File = Annotated[Path, typer.Argument(help=".xlsx, .json or .jsonl of CAD Trust", exists=True, dir_okay=False)]
Pick = Annotated[
    Path | None,
    typer.Option(
        "--picklists", help="JSON of a node's pickList, or a workbook with the one column Country", exists=True
    ),
]


@app.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Write here: .xlsx, .json or .jsonl")],
    member: Annotated[
        int | None, typer.Option("--member", help="Only this member's projects and blocks (default: all)")
    ] = None,
    part: Annotated[str, typer.Option("--part", help="all, projects or units: the service takes them apart")] = "all",
    link: Annotated[str, typer.Option("--link", help="The hub's public address, for links; else they are URNs")] = "",
    whole_tonnes: Annotated[
        bool, typer.Option("--whole-tonnes", help="Of a block in kg list only its whole tonnes; say what is left out")
    ] = False,
) -> None:
    """Write projects, issuances, units and labels in the form of CAD Trust's data model. Only public facts go out."""
    terminal = Terminal.of(context)
    if part not in ("all", "projects", "units"):
        raise typer.BadParameter("all, projects or units", param_hint="--part")
    wanted: Part = part  # type: ignore[assignment]  # checked above
    tally, began = Tally(), time.perf_counter()
    with reading(terminal) as (connection, _):
        if member is not None:
            require_member(connection, member)
        records = export_records(
            connection, member, part=wanted, links=Links(link), whole_tonnes=whole_tonnes, tally=tally
        )
        rows = write_records(out, records)
    told = {
        "file": str(out),
        "data_model": DATA_MODEL,
        "member": member,
        "rows": rows,
        "projects": tally.projects,
        "units": tally.units,
        "kg": tally.kg,
        "fractional_units": tally.fractional_units,
        "left_out_kg": tally.left_out_kg,
        "seconds": round(time.perf_counter() - began, 3),
    }
    shown = [f"{out}: {tally.projects:,} projects, {tally.units:,} units for {tonnes_text(tally.kg)} t ({DATA_MODEL})"]
    if tally.fractional_units:
        shown.append(
            f"{tally.fractional_units:,} units are no whole tonnes: CAD Trust will refuse them; --whole-tonnes leaves "
            "the fractions out"
        )
    if tally.left_out_kg:
        shown.append(f"left out: {tally.left_out_kg:,} kg that make no whole tonne of their block")
    terminal.answer(told, *shown)


@app.command("import")
def import_file(
    context: typer.Context,
    file: File,
    dated: Annotated[
        str | None, typer.Option(help="The day it is of, YYYY-MM-DD [default: in its name, else today]")
    ] = None,
) -> None:
    """Take in what others listed: observed records, for screening, on no chain. The same again changes nothing."""
    terminal = Terminal.of(context)
    options = LoadOptions(None if dated is None else parse_day(dated, DateLayout.YMD, "--dated"))
    today = datetime.now(UTC).astimezone(UTC_PLUS_8).date()
    outcomes = []
    with _database(terminal) as engine, open_cad_trust(file) as exports:
        for one in exports:
            with terminal.progress() as progress:
                task = progress.add_task(f"{one.card.name}: {file.name}", total=None)
                outcomes.append(load_export(engine, one, today, options, partial(_advance, progress, task)))
    if not outcomes:
        raise RecordRefused(
            "the file holds neither projects nor units of CAD Trust",
            code="nothing_to_import",
            where=str(file),
            remedy="see what `yrdhub cadt check` says of it",
        )
    terminal.answer({"loads": [one.to_json() for one in outcomes]}, *(describe(one) for one in outcomes))


def _advance(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


@contextmanager
def _database(terminal: Terminal) -> Iterator[Engine]:
    engine = open_engine(terminal.settings.database_url)
    try:
        check_reachable(engine)
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


@app.command("export-imported")
def export_imported(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Write here: .xlsx, .json or .jsonl")],
) -> None:
    """Write what was imported again, under the columns that it came with."""
    terminal = Terminal.of(context)
    with _database(terminal) as engine, engine.connect() as connection:
        tables = [
            (table, columns, (normal(table, row) for row in listed_rows(connection, source)))
            for table, source in ((PROJECTS, PROJECTS_SOURCE), (UNITS, UNITS_SOURCE))
            if (columns := listed_columns(connection, source))
        ]
        rows = write_rows(out, tables)
    listed = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    terminal.answer({"file": str(out), "rows": rows}, f"{out}: {listed or 'nothing was imported yet'}")


@app.command("check")
def check(context: typer.Context, file: File, picklists: Pick = None) -> None:
    """Say what CAD Trust would refuse in a file, and what it would take and should not: sheet, row, field, value."""
    terminal = Terminal.of(context)
    checked = check_file(file, BUILT_IN if picklists is None else read_picklists(picklists))
    terminal.answer(checked.to_json(), *_shown(checked))
    if checked.errors:
        raise typer.Exit(1)


@app.command("convert")
def convert(
    context: typer.Context,
    file: File,
    out: Annotated[Path, typer.Argument(help="Write here: .xlsx, .json or .jsonl")],
) -> None:
    """Write a file of CAD Trust again in this hub's form; columns that the data model does not know are kept."""
    terminal = Terminal.of(context)
    rows = convert_file(file, out)
    listed = ", ".join(f"{count:,} {name}" for name, count in rows.items() if count)
    terminal.answer({"file": str(out), "rows": rows}, f"{out}: {listed or 'no rows'}")


@app.command("compare")
def compare(context: typer.Context, left: File, right: File) -> None:
    """Compare two files cell by cell: equal, explained by a named normalisation, or different (then exit code 1)."""
    terminal = Terminal.of(context)
    found = compare_files(left, right)
    terminal.answer(found.to_json(), *_compared(found))
    if not found.equal:
        raise typer.Exit(1)


def _shown(checked: Checked) -> list[str | Table]:
    counted = ", ".join(f"{count:,} {name}" for name, count in checked.records.items())
    shown: list[str | Table] = [f"{checked.file}: {counted or 'no records'} ({DATA_MODEL})"]
    if checked.findings:
        table = Table("", "what", "sheet", "field", "times", "first rows: values", box=None, pad_edge=False)
        for one in checked.findings:
            places = "; ".join(f"{place['row']}: {place['value']}" for place in one.places)
            mark = "[red]error[/red]" if one.severity is Severity.ERROR else "warning"
            table.add_row(mark, one.message, one.sheet, one.column, f"{one.count:,}", places)
        shown.append(table)
    shown.append(
        f"{checked.errors:,} errors, {checked.warnings:,} warnings, {checked.repeated_blocks:,} repeated blocks"
    )
    return shown


def _compared(found: Comparison) -> list[str | Table]:
    rows = ", ".join(f"{count:,} {name}" for name, count in found.rows.items())
    shown: list[str | Table] = [f"{rows or 'no rows'}: {found.identical:,} of {found.cells:,} cells are identical"]
    shown += [f"{count:,} by {name}: {NORMALISATIONS[name]}" for name, count in found.explained.items()]
    if found.differences:
        table = Table("where", "field", "left", "right", box=None, pad_edge=False)
        for one in found.differences:
            table.add_row(*(str(one[name]) for name in ("where", "field", "left", "right")))
        shown.append(table)
    shown.append("equal" if found.equal else f"{found.unexplained:,} differences that nothing explains")
    return shown
