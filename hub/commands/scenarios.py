"""`yrdhub scenarios`: personal scenario records pulled into the city's own store. Only counts and totals are shown."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from adapters.scenarios.pull import pull
from adapters.scenarios.registry import configured, open_source, open_store
from adapters.scenarios.store import Taken
from hub.errors import ConfigurationWrong
from hub.terminal import Terminal
from mutual_recognition.periods import UTC_PLUS_8

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Personal scenario records in the city's own store; never on chain, never at the hub.",
)

Name = Annotated[str, typer.Argument(help="Name of the source: its configuration is HOME/scenarios/NAME.json")]


@app.command("list")
def list_sources(context: typer.Context) -> None:
    """List the sources that are configured in this home."""
    terminal = Terminal.of(context)
    names = configured(terminal.settings.home)
    terminal.answer(names, "\n".join(names) or f"none: write {terminal.settings.home / 'scenarios'}/NAME.json")


@app.command("pull")
def pull_records(
    context: typer.Context,
    name: Name,
    since: Annotated[str | None, typer.Option("--since", help="Read again from this day on (YYYY-MM-DD)")] = None,
) -> None:
    """Take what the platform has beyond the cursor, each act once. Exit code 75 when the platform was away."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    try:
        first = date.fromisoformat(since) if since else None
    except ValueError:
        raise ConfigurationWrong(
            "not a day", code="day_invalid", what=since, where="--since", remedy="write it as 2026-03-01"
        ) from None
    with open_store(home, name) as store, closing(open_source(home, name)) as source, terminal.progress() as bar:
        task = bar.add_task(f"pulling {name}", total=None)

        def watch(taken: Taken) -> None:
            bar.update(task, completed=taken.new + taken.known)

        taken = pull(source, store, since=first, watch=watch)
        cursor = store.fact("cursor")
    told = {"new": taken.new, "known": taken.known, "changed": taken.changed, "refused": taken.refused}
    lines = [f"{name}: {taken.new:,} new, {taken.known:,} known already; days read whole up to {cursor or 'none yet'}"]
    if taken.changed:
        lines.append(
            f"[yellow]{taken.changed:,} told differently than before: yrdhub scenarios changes {name}[/yellow]"
        )
    if taken.refused:
        lines.append(f"[yellow]{taken.refused:,} could not be taken: yrdhub scenarios refused {name}[/yellow]")
    terminal.answer(told | {"cursor": cursor or None}, *lines)


@app.command()
def status(context: typer.Context, name: Name) -> None:
    """Four separate facts: reachable now, last attempt, last success, days read whole."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    with closing(open_source(home, name)) as source:
        health = source.health()
    with open_store(home, name) as store:
        facts = {fact: store.fact(fact) for fact in ("attempt_at", "success_at", "trouble", "cursor")}
    told: dict[str, Any] = {
        "source": name,
        "reachable_now": health.reachable,
        "says": health.detail or None,
        "last_attempt": _when(facts["attempt_at"]),
        "last_success": _when(facts["success_at"]),
        "last_trouble": facts["trouble"] or None,
        "whole_up_to": facts["cursor"] or None,
    }
    grid = Table.grid(padding=(0, 2))
    for label, value in told.items():
        grid.add_row(f"[dim]{label.replace('_', ' ')}[/dim]", escape(str(value if value is not None else "none")))
    terminal.answer(told, grid)


@app.command()
def summary(context: typer.Context, name: Name) -> None:
    """Counts and totals per scenario and month. Reductions (g) and points are different things and stay apart."""
    terminal = Terminal.of(context)
    with open_store(terminal.settings.home, name) as store:
        rows = store.summary()
    table = Table("scenario", "month", box=None, pad_edge=False)
    for column in ("records", "reduction (g)", "points"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (f"{row[column]:,}" for column in ("records", "reduction_g", "points"))
        table.add_row(escape(row["scenario"]), row["month"], *numbers)
    terminal.answer(rows, table if rows else "nothing was pulled yet")


@app.command()
def changes(context: typer.Context, name: Name) -> None:
    """List acts that the platform told differently later: which fields. What came first stays in force."""
    terminal = Terminal.of(context)
    with open_store(terminal.settings.home, name) as store:
        rows = store.changed()
    table = Table("act (digest)", "fields", "seen", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["item"], row["fields"], _when(row["seen_at"]) or "")
    terminal.answer(rows, table if rows else "no act was told differently")


@app.command()
def refused(context: typer.Context, name: Name) -> None:
    """List why acts could not be taken, and how many. They are taken once they can be: pull again with --since."""
    terminal = Terminal.of(context)
    with open_store(terminal.settings.home, name) as store:
        rows = store.refusals()
    table = Table("reason", "field", "in words", "acts", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["code"], escape(row["field"]), escape(row["reason"]), str(row["records"]))
    terminal.answer(rows, table if rows else "every act could be taken")


@app.command()
def forget(
    context: typer.Context,
    name: Name,
    account_file: Annotated[str, typer.Option("--account-file", help="File with the account (- for standard input)")],
) -> None:
    """Erase whose a person's records are, for ever (PIPL Art. 47). Counts and totals stay; nothing brings it back."""
    terminal = Terminal.of(context)
    try:
        account = (sys.stdin.read() if account_file == "-" else Path(account_file).read_text(encoding="utf-8")).strip()
    except OSError as unreadable:
        raise ConfigurationWrong(
            f"the file with the account cannot be read: {unreadable.strerror}",
            code="account_unreadable",
            where="--account-file",
            remedy="write the account's identifier into a file; it is not given on the command line, which others see",
        ) from unreadable
    with open_store(terminal.settings.home, name) as store:
        count = store.forget(account)
    terminal.answer({"erased": count}, f"{count:,} records are nobody's any more" if count else "no such account")


def _when(seconds: Any) -> str | None:
    return datetime.fromtimestamp(int(seconds), UTC_PLUS_8).isoformat(timespec="seconds") if seconds else None
