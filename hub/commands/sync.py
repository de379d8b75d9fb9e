"""`yrdhub sync`: a city's registry and the chain, kept the same; how that stands; what is held back, and why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from adapters.registry import configured, read_configuration
from adapters.sync.engine import PassReport
from adapters.sync.hints import Waking, listening, read_secret
from adapters.sync.telling import Watch
from hub.commands import sync_held, sync_restored, sync_status
from hub.commands.acting import Key, seconds, writing
from hub.commands.reconcile_schedule import ReconcileEvery
from hub.commands.sync_journal import Name, journal_file
from hub.commands.sync_watch import metrics_of, opened_desk, stop_by_signal, watch_passes
from hub.commands.watching import watching
from hub.errors import ConfigurationWrong, RetryLater
from hub.terminal import Terminal

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A city's registry and the chain, kept the same.")
app.command("status")(sync_status.status)
app.command("held")(sync_held.held)
app.command("faults")(sync_held.faults)
app.command("retry")(sync_held.retry_held)
app.command("todo")(sync_held.todo)
app.command("done")(sync_held.done)
app.command("refuse")(sync_held.refuse)
app.command("restored")(sync_restored.restored)

_FAMILIES = {"record": "records", "unreadable": "unreadable rows", "effect": "effects", "document": "documents"}

_HUB_ANSWERS_WITHIN = 30.0
"""Seconds."""


@app.command("list")
def list_registries(context: typer.Context) -> None:
    """List the registries that are configured in this home."""
    terminal = Terminal.of(context)
    names = configured(terminal.settings.home)
    told = [_configured(terminal.settings.home, name) for name in names]
    table = Table("name", "adapter", "member", "registry", "synced before", box=None, pad_edge=False)
    for one in told:
        table.add_row(
            one["name"], one["adapter"], str(one["member"]), one["registry"], "yes" if one["journal"] else "no"
        )
    none = f"none are configured: write {terminal.settings.home / 'adapters'}/NAME.json"
    terminal.answer(told, table if told else none)


@app.command()
def run(
    context: typer.Context,
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between passes, with --watch")] = 5.0,
    hub: Annotated[
        str | None, typer.Option("--hub", help="The hub's address, where this home's index is your city's own")
    ] = None,
    key: Key = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="With --watch: serve /metrics, /healthz, /readyz here, on loopback"),
    ] = None,
    hints_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="With --watch: take the registry's webhook hints here, on loopback"),
    ] = None,
    hint_secret: Annotated[
        Path | None, typer.Option(help="File with the secret that the registry signs hints with")
    ] = None,
    reconcile_every: Annotated[
        str | None,
        typer.Option(help="With --watch: also compare the registry's books with the chain so often, for example 24h"),
    ] = None,
) -> None:
    """One pass in both directions: the registry's records to the chain, what happened there back to the registry.

    A pass may be interrupted anywhere; the next goes on from the journal. Exit code 75 when registry or chain was away
    and a later pass may succeed; 78 when somebody has to change something first (a field renamed, a key, a setting).
    """
    terminal = Terminal.of(context)
    for option, value in (
        ("--metrics-port", metrics_port),
        ("--hints-port", hints_port),
        ("--reconcile-every", reconcile_every),
    ):
        if value is not None and not watch:
            raise typer.BadParameter("goes with --watch", param_hint=option)
    if hints_port is not None and hint_secret is None:
        raise typer.BadParameter("name the file of the secret that hints are signed with", param_hint="--hint-secret")
    with ExitStack() as stack:
        index = stack.enter_context(writing(terminal))
        client = None if hub is None else stack.enter_context(httpx.Client(base_url=hub, timeout=_HUB_ANSWERS_WITHIN))
        desk = stack.enter_context(opened_desk(terminal, index, name, client, key))
        bars: Callable[[], AbstractContextManager[Watch]] = lambda: watching(terminal)  # noqa: E731
        if not watch:
            with bars() as shown:
                report = desk.run_once(shown)
            terminal.answer(_report(report), *_report_lines(name, report))
            if report.trouble:
                raise typer.Exit((ConfigurationWrong if report.for_operator else RetryLater).exit_code)
            return
        waking = Waking()
        stop_by_signal(waking)
        terminal.note(f"syncing {name} every {every:g} s; interrupt to end")
        if reconcile_every is not None:
            desk.after_pass = ReconcileEvery(terminal, index, name, seconds(reconcile_every, "--reconcile-every"))
        if metrics_port is not None:
            terminal.note(f"figures at {stack.enter_context(metrics_of(desk, metrics_port))}/metrics")
        if hints_port is not None and hint_secret is not None:
            address = stack.enter_context(listening(hints_port, read_secret(hint_secret), waking))
            terminal.note(f"hints are taken at {address}")
        watch_passes(desk, waking, every, bars, _report_lines)


def _configured(home: Path, name: str) -> dict[str, Any]:
    settings = read_configuration(home, name)
    return {
        "name": name,
        "adapter": settings["adapter"],
        "member": settings.get("member"),
        "registry": str(settings.get("registry", "")),
        "configured_in": settings["configured_in"],
        "journal": journal_file(home, name).exists(),
    }


def _report(report: PassReport) -> dict[str, Any]:
    fields = ("read", "faults", "written", "held", "kept", "told", "refused", "documents", "trouble")
    return {field: getattr(report, field) for field in fields}


def _report_lines(name: str, report: PassReport) -> list[str]:
    refused = f" ({report.refused:,} of them refused there)" if report.refused else ""
    lines = [
        f"{name}: {report.read:,} records read, {report.written:,} writes final, "
        f"{report.told:,} effects told{refused}, {report.documents:,} documents shared"
    ]
    if kept := sum(report.kept.values()):
        by_family = ", ".join(f"{_FAMILIES[family]} {count:,}" for family, count in report.kept.items() if count)
        lines.append(f"[yellow]{kept:,} held back ({by_family}): yrdhub sync held {name}[/yellow]")
    if report.faults:
        lines.append(f"[yellow]{report.faults:,} could not be read: yrdhub sync faults {name}[/yellow]")
    return lines + [f"[yellow]{escape(trouble)}[/yellow]" for trouble in report.trouble]
