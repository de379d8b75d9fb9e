"""`yrdhub observe`: records of public programmes, kept for screening. Nothing of it is written on the chain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Engine

from adapters.observed.export import open_export
from adapters.observed.source import ObservedSource
from adapters.observed.sources import SOURCES, source_named
from hub.commands.observe_words import columns_table, describe, loads_table, states_table
from hub.db.engine import check_reachable, open_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong, RecordRefused, YrdhubError
from hub.index.queries import read_page
from hub.observed import queries
from hub.observed.drift import accept_drift, accepted_of
from hub.observed.store import LoadOptions, Outcome, load_export
from hub.terminal import Terminal
from mutual_recognition.periods import UTC_PLUS_8, DateLayout, parse_day
from mutual_recognition.refusal import Refusal

app = typer.Typer(no_args_is_help=True, help="Records of public programmes, kept for screening; on no chain.")

SourceName = Annotated[str, typer.Argument(help="A source, as `yrdhub observe sources` names them")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Rows at most")]


@app.command()
def load(
    context: typer.Context,
    source: SourceName,
    files: Annotated[list[Path], typer.Argument(help="Exports as the programme publishes them, oldest first")],
    dated: Annotated[
        str | None, typer.Option(help="The day it is of, YYYY-MM-DD [default: in its name, else today]")
    ] = None,
    part: Annotated[bool, typer.Option("--part", help="Not the whole list: what it lacks has not gone")] = False,
    allow_shrunk: Annotated[
        bool, typer.Option("--allow-shrunk", help="The list is right to have lost half of its records")
    ] = False,
) -> None:
    """Take exports in: each file wholly or not at all. The same file again changes nothing."""
    terminal = Terminal.of(context)
    known = source_named(source)
    options = LoadOptions(_day(dated), part, allow_shrunk)
    outcomes: list[Outcome] = []
    with _database(terminal) as engine:
        for file in files:
            outcome = _load_one(terminal, engine, known, file, options)
            outcomes.append(outcome)
            terminal.note(describe(outcome))
    terminal.answer({"loads": [outcome.to_json() for outcome in outcomes]}, f"{len(outcomes)} file(s) of {source}")


@app.command("load-folder")
def load_folder(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Holds one folder a source, named as the source, with its exports")],
) -> None:
    """Take in every new export of every source. One that has changed its columns stops alone; the others go on."""
    terminal = Terminal.of(context)
    if not folder.is_dir():
        raise ConfigurationWrong("no such folder", code="folder_missing", where=str(folder), remedy="name one that is")
    told: list[dict[str, Any]] = []
    stopped = 0
    with _database(terminal) as engine:
        for inside in sorted(path for path in folder.iterdir() if path.is_dir()):
            known = source_named(inside.name)
            for file in sorted(path for path in inside.iterdir() if path.is_file() and not path.name.startswith(".")):
                try:
                    outcome = _load_one(terminal, engine, known, file, LoadOptions())
                except YrdhubError as error:
                    if error.code == "export_older":
                        terminal.note(f"{inside.name}: {file.name} is older than what is known: passed over")
                        continue
                    stopped += 1
                    told.append({"source": inside.name, "file": file.name, **error.to_json()})
                    terminal.note(error.to_panel())
                    break
                told.append(outcome.to_json())
                terminal.note(describe(outcome))
    terminal.answer(
        {"loads": told, "stopped": stopped}, f"{len(told) - stopped} file(s) seen, {stopped} source(s) stopped"
    )
    if stopped:
        raise typer.Exit(ConfigurationWrong.exit_code)


@app.command()
def sources(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="One of them, with its columns and what each is for")] = None,
) -> None:
    """The sources there are; with a name, its columns: which field each feeds, or why it feeds none."""
    terminal = Terminal.of(context)
    if source is not None:
        card = source_named(source).card
        with _database(terminal) as engine, engine.connect() as connection:
            accepted = accepted_of(connection, source)
        data = {
            "source": card.name,
            "title": card.title,
            "attribution": card.attribution,
            "form": card.form,
            "whole": card.whole,
            "columns": [
                {"heading": c.heading, "use": c.use, "mapped": c.mapped, "required": c.required} for c in card.columns
            ],
            "accepted": {
                "renamed": dict(accepted.renamed),
                "ignored": sorted(accepted.ignored),
                "absent": sorted(accepted.absent),
            },
        }
        terminal.answer(data, f"{card.title} ({card.form}). {card.attribution}", columns_table(card, accepted))
        return
    cards = [known.card for known in SOURCES.values()]
    table = Table("source", "what", "form", "columns", box=None, pad_edge=False)
    for card in cards:
        table.add_row(card.name, card.title, card.form, str(len(card.columns)))
    terminal.answer(
        [
            {"source": c.name, "programme": c.programme, "title": c.title, "form": c.form, "attribution": c.attribution}
            for c in cards
        ],
        table,
    )


@app.command()
def status(context: typer.Context) -> None:
    """How each source stands: its last load, its records, and what stops it."""
    terminal = Terminal.of(context)
    with _database(terminal) as engine, engine.connect() as connection:
        states = queries.source_states(connection)
    terminal.answer(states, states_table(states))


@app.command()
def loads(context: typer.Context, source: SourceName, limit: Limit = 20) -> None:
    """What was loaded of a source, newest first."""
    terminal = Terminal.of(context)
    source_named(source)
    with _database(terminal) as engine, engine.connect() as connection:
        rows, _ = read_page(connection, queries.LOADS, {"source": source}, None, limit, newest_first=True)
    terminal.answer(rows, loads_table(rows))


@app.command()
def refused(
    context: typer.Context,
    load: Annotated[int, typer.Argument(help="A load's number, as `yrdhub observe loads` shows it")],
    limit: Limit = 50,
) -> None:
    """The rows of a load that were kept aside: file, row, field, value, reason."""
    terminal = Terminal.of(context)
    with _database(terminal) as engine, engine.connect() as connection:
        rows, _ = read_page(connection, queries.REFUSALS, {"load": load}, None, limit)
    table = Table("row", "sheet", "field", "value", "code", "reason", box=None, pad_edge=False)
    for row in rows:
        table.add_row(str(row["row"]), row["sheet"], row["field"], row["value"][:60], row["code"], row["reason"])
    terminal.answer(rows, table)


@app.command()
def changes(
    context: typer.Context,
    source: SourceName,
    what: Annotated[str | None, typer.Option(help="changed, gone or returned")] = None,
    record: Annotated[str | None, typer.Option(help="Of this native id alone")] = None,
    status_only: Annotated[bool, typer.Option("--status", help="Only those in which the status changed")] = False,
    limit: Limit = 50,
) -> None:
    """What changed between exports, newest first: old and new value of each column, disappearances, returns."""
    terminal = Terminal.of(context)
    source_named(source)
    filters = {"source": source, "what": what, "native_id": record, "status_changed": True if status_only else None}
    with _database(terminal) as engine, engine.connect() as connection:
        rows, _ = read_page(connection, queries.CHANGES, filters, None, limit, newest_first=True)
    table = Table("on", "record", "what", "column", "old", "new", box=None, pad_edge=False)
    for row in rows:
        fields = row["fields"].items() or [("", (None, None))]
        for heading, (old, new) in fields:
            table.add_row(row["stated_on"], row["native_id"][:40], row["what"], heading, _short(old), _short(new))
    terminal.answer(rows, table)


@app.command()
def show(context: typer.Context, source: SourceName, native_id: Annotated[str, typer.Argument()]) -> None:
    """One record: what was read of it, its row as the registry wrote it, and its history."""
    terminal = Terminal.of(context)
    card = source_named(source).card
    with _database(terminal) as engine, engine.connect() as connection:
        found = queries.record(connection, source, native_id)
        past = queries.history(connection, source, native_id)
    if not found:
        raise RecordRefused("nothing is known under this id", code="record_unknown", value=native_id, where=source)
    table = Table("field", "value", box=None, pad_edge=False)
    for row in found:
        for name, value in row.items():
            if name != "raw" and value not in ("", None, []):
                table.add_row(name, str(value))
    history = [f"{row['stated_on']} {row['what']} {_pairs(row['fields'])}" for row in past]
    terminal.answer(
        {"attribution": card.attribution, "records": found, "history": past},
        table,
        *history,
        f"[dim]{card.attribution}",
    )


@app.command("accept-drift")
def accept_drift_command(
    context: typer.Context,
    source: SourceName,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW: the known column stands under a new name")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A new column that is not needed")] = None,
    absent: Annotated[list[str] | None, typer.Option(help="A known column that need not be there any more")] = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later")] = "",
) -> None:
    """Accept what changed in a source's columns. Kept for all loads to come; nothing is guessed."""
    terminal = Terminal.of(context)
    card = source_named(source).card
    renamed: dict[str, str] = {}
    for pair in rename or ():
        old, equals, new = pair.partition("=")
        if not equals or not old.strip() or not new.strip():
            raise RecordRefused(
                "a rename is written OLD=NEW", code="rename_unreadable", value=pair, where="--rename",
                remedy='write it as --rename "Country/Area=Country"',
            )  # fmt: skip
        renamed[old.strip()] = new.strip()
    with _database(terminal) as engine, engine.begin() as connection:
        left = accept_drift(
            connection, card, renamed=renamed, ignored=ignore or (), absent=absent or (), reason=reason,
            now=int(time.time()),
        )  # fmt: skip
    shown = "nothing else stops the source: load the file again" if not left else "still open: " + "; ".join(left)
    terminal.answer({"source": source, "still_open": left}, shown)


def _load_one(terminal: Terminal, engine: Engine, known: ObservedSource, file: Path, options: LoadOptions) -> Outcome:
    today = datetime.now(UTC).astimezone(UTC_PLUS_8).date()
    with open_export(known, file) as export, terminal.progress() as progress:
        task = progress.add_task(f"{known.name}: {file.name}", total=None)
        return load_export(engine, export, today, options, lambda done: progress.update(task, completed=done))


@contextmanager
def _database(terminal: Terminal) -> Iterator[Engine]:
    engine = open_engine(terminal.settings.database_url)
    try:
        check_reachable(engine)
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return parse_day(written, DateLayout.YMD)
    except Refusal as refused:
        raise RecordRefused(
            refused.reason, code=refused.code, value=written, where="--dated", remedy="write it as 2026-06-16"
        ) from refused


def _short(value: object) -> str:
    shown = "" if value is None else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _pairs(fields: Mapping[str, Any]) -> str:
    return "; ".join(f"{heading}: {_short(old)} -> {_short(new)}" for heading, (old, new) in fields.items())
