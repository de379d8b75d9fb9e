"""`yrdhub chain`: the embedded chain of this home."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.network.embedded import DEFAULT_CHAIN_ID, ChainStatus, EmbeddedChain
from hub.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="The embedded chain: anvil on this machine, for a trial and for tests.")

STOPPED_EXIT_CODE = 3
"""What `chain status` returns when nothing runs, as service managers do (LSB: 3, program is not running)."""


@app.command()
def start(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Listen here or fail [default: the last one, or a free one]")
    ] = None,
    chain_id: Annotated[
        int | None, typer.Option(min=1, help=f"Chain id of a new chain [default: {DEFAULT_CHAIN_ID}]")
    ] = None,
    block_time: Annotated[
        int | None, typer.Option(min=1, help="Seconds between blocks [default: a block per transaction, at once]")
    ] = None,
    save_every: Annotated[float, typer.Option(min=1, help="Seconds between saves while blocks arrive")] = 20.0,
    history: Annotated[bool, typer.Option(help="Keep past states in memory (takes much memory)")] = False,
) -> None:
    """Start the chain and leave it running; says so when blocks of an earlier run are gone."""
    terminal = Terminal.of(context)
    chain = EmbeddedChain(
        terminal.settings.home,
        chain_id=chain_id,
        port=port,
        block_time=block_time,
        save_interval=save_every,
        keep_history=history,
        anvil=terminal.settings.anvil,
    )
    handle = chain.start()
    for note in handle.notes:
        terminal.note(escape(note))
    if handle.lost is not None:
        terminal.note(f"[yellow]{handle.lost}[/yellow]")
    terminal.answer(asdict(handle), f"chain {handle.chain_id} answers at {handle.rpc_url} (anvil, pid {handle.pid})")


@app.command()
def stop(context: typer.Context) -> None:
    """Save the chain and end it."""
    terminal = Terminal.of(context)
    was_running = EmbeddedChain(terminal.settings.home).stop()
    terminal.answer({"was_running": was_running}, "saved and stopped" if was_running else "it was not running")


@app.command()
def save(context: typer.Context) -> None:
    """Save the chain now, so that a kill loses nothing up to here."""
    terminal = Terminal.of(context)
    chain = EmbeddedChain(terminal.settings.home)
    chain.save()
    terminal.answer({"saved_head": chain.status().saved_head}, "saved")


@app.command()
def status(context: typer.Context) -> None:
    """Say whether it runs, where, and how far it is saved; exit code 3 when nothing runs."""
    terminal = Terminal.of(context)
    found = EmbeddedChain(terminal.settings.home).status()
    terminal.answer(asdict(found), _shown(found))
    if found.state != "running":
        raise typer.Exit(STOPPED_EXIT_CODE)


@app.command()
def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines")] = 50,
) -> None:
    """Print the last lines of the chain's log."""
    terminal = Terminal.of(context)
    found = EmbeddedChain(terminal.settings.home).log_lines(lines)
    terminal.answer(found, *(escape(line) for line in found))


def _shown(found: ChainStatus) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    rows: list[tuple[str, Any]] = [
        ("state", found.state if found.failure is None else f"{found.state}: {found.failure}"),
        ("address", found.rpc_url),
        ("chain id", found.chain_id),
        ("process", None if found.pid is None else f"anvil {found.pid}, supervisor {found.supervisor_pid}"),
        ("last block seen", _block(found.head)),
        ("saved up to", _block(found.saved_head)),
        ("lost", found.lost),
        ("folder", found.folder),
    ]
    for label, value in rows:
        if value is not None:
            table.add_row(f"[dim]{label}[/dim]", escape(str(value)))
    if found.state in {"stopped", "killed", "failed", "never started"}:
        table.add_row("[dim]start it[/dim]", "yrdhub chain start")
    return table


def _block(block: dict[str, Any] | None) -> str | None:
    return None if block is None else f"{block['number']} {block['hash']}"
