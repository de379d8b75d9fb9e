"""`yrdhub replay`: a published registry, whole, through adapter, chain and index, and reconciled."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hub.commands.watching import watching
from hub.replay import ReplayResult, open_replay, replay_cdm
from hub.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="A published registry, whole, on a chain of its own, reconciled.")

_LISTED = 20


@app.callback()
def replay() -> None:
    """Replay a published registry on a chain of its own and reconcile it with its files."""


@app.command()
def cdm(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Folder of the CDM registry's published reports", exists=True, file_okay=False)
    ],
) -> None:
    """Replay the CDM registry. Run again, it writes nothing; with a later report, only what is new.

    Exit code 0 when the chain is what the files say, party by party; 1 when it differs anywhere.
    """
    terminal = Terminal.of(context)
    home = terminal.settings.home / "replays" / "cdm"
    with open_replay(home, terminal.note) as (index, registrar), watching(terminal) as watch:
        result = replay_cdm(index, registrar, home, folder, watch, time.monotonic)
    terminal.answer(result.to_json(), *_shown(result))
    if not result.agrees:
        raise typer.Exit(1)


def _shown(result: ReplayResult) -> list[Table | str]:
    table = Table(title="CDM registry: by the files | on the chain, tonnes", title_justify="left")
    table.add_column("party")
    for name in ("issuances", "issued", "voluntarily cancelled", "administratively cancelled", "remaining"):
        table.add_column(name, justify="right")
    table.add_column("agrees")
    names = ("issuances", "issued_t", "voluntarily_cancelled_t", "administratively_cancelled_t", "remaining_t")
    for party in result.parties:
        cells = [_both(getattr(party, f"expected_{name}"), getattr(party, name)) for name in names]
        table.add_row(party.party, *cells, "yes" if party.agrees else "[red]NO[/red]")
    table.add_section()
    sums = [
        _both(
            sum(getattr(p, f"expected_{name}") for p in result.parties), sum(getattr(p, name) for p in result.parties)
        )
        for name in names
    ]
    table.add_row(f"{len(result.parties)} parties", *sums, "yes" if result.agrees else "[red]NO[/red]")
    written = result.report.written
    rate = f", {written / result.seconds:,.0f} a second" if written and result.seconds else ""
    shown: list[Table | str] = [
        table,
        f"this run: {result.report.read:,} records read, {written:,} written in {result.seconds:,.1f} s{rate}; "
        f"chain at block {result.block:,}",
    ]
    if result.unplaced:
        shown.append(f"[yellow]{len(result.unplaced)} rows are not on the chain[/yellow]")
        shown += [
            escape(f"  {row.source}: {row.record}: {row.code}: {row.reason}") for row in result.unplaced[:_LISTED]
        ]
        if len(result.unplaced) > _LISTED:
            shown.append(f"  and {len(result.unplaced) - _LISTED} more: --json lists all")
    shown += [f"[yellow]not read for the comparison: {escape(row)}[/yellow]" for row in result.unread[:_LISTED]]
    return shown


def _both(files: int, chain: int) -> str:
    return f"{chain:,}" if files == chain else f"[red]{files:,} | {chain:,}[/red]"
