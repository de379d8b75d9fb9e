"""`yrdhub index`: the projections of this home's chain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from hub.bootstrap import OpenIndex, open_index
from hub.commands.open_node import open_deployment
from hub.index.digest import Digest
from hub.index.indexer import Progress
from hub.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="The projections of the chain: follow, rebuild, compare.")


@app.command()
def follow(context: typer.Context) -> None:
    """Project everything final on the chain, then end."""
    terminal = Terminal.of(context)
    with _opened(terminal) as index, terminal.progress() as progress:
        task = progress.add_task("blocks", total=None)

        def show(at: Progress) -> None:
            progress.update(task, completed=at.block, total=at.head)

        done = index.indexer.follow(show)
    terminal.answer(asdict(done), f"projected up to block {done.block:,} ({done.events:,} events in this run)")


@app.command()
def rebuild(
    context: typer.Context,
    from_chain: Annotated[
        bool, typer.Option("--from-chain", help="Read every block again instead of the stored raw logs")
    ] = False,
) -> None:
    """Delete the projections and make them again; the digest says whether they are the same."""
    terminal = Terminal.of(context)
    with _opened(terminal) as index:
        before = index.indexer.digest()
        after = index.indexer.rebuild(from_chain=from_chain)
    same = before.total == after.total and before.block == after.block
    verdict = "the same as before" if same else f"before it was {before.total} at block {before.block:,}"
    terminal.answer(
        {"before": asdict(before), "after": asdict(after), "same": same},
        f"rebuilt up to block {after.block:,}\ndigest {after.total}\n{verdict}",
    )


@app.command()
def digest(context: typer.Context) -> None:
    """The digest of the projections, to compare with another hub's or an auditor's."""
    terminal = Terminal.of(context)
    with _opened(terminal) as index:
        found = index.indexer.digest()
    terminal.answer(asdict(found), _table(found), f"digest at block {found.block:,}: {found.total}")


def _table(found: Digest) -> Table:
    table = Table("projection", "rows", "SHA-256", box=None, pad_edge=False)
    for name, value in found.tables.items():
        table.add_row(name, f"{found.rows[name]:,}", value)
    return table


@contextmanager
def _opened(terminal: Terminal) -> Iterator[OpenIndex]:
    node, deployment = open_deployment(terminal.settings)
    with node, open_index(node, deployment, terminal.settings.database_url) as index:
        yield index
