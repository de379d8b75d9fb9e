"""`yrdhub inventory`: what a member issued, moved, received, retired and holds, by calendar year; closed to the kg."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from hub.commands.acting import Key, reading
from hub.commands.cities import called, member_named
from hub.commands.sharing_desk import audience_named, sealing_desk
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import find
from hub.index.queries_status import position
from hub.inventory.flows import FIRST_YEAR, LAST_YEAR
from hub.inventory.statement import Account, Entry, Inventory, Line, YearOfAll
from hub.inventory.telling import (
    agrees_with_blocks,
    as_content,
    as_csv,
    as_data,
    is_complete,
    read_inventory,
    read_year_of_all,
)
from hub.inventory.words import (
    BETWEEN_OTHERS,
    CAME_HOME,
    FATE,
    IN_TRANSIT,
    LEFT_HOME,
    LINES,
    NOT_STATED,
    VIEWS,
)
from hub.sharing.publishing import Item, publish
from hub.terminal import Terminal
from mutual_recognition.documents import DocumentKind
from mutual_recognition.purposes import NAMES, Purpose

app = typer.Typer(add_completion=False, help="A member's yearly inventory, closed to the kilogram.")

REGISTRY = "inventory"
"""Under which inventories are shared: they are the member's, of whichever registries."""


@app.command()
def inventory(
    context: typer.Context,
    city: Annotated[str, typer.Argument(help="GB/T 2260 code or name; `all` for all members together")],
    year: Annotated[int, typer.Argument(min=FIRST_YEAR, max=LAST_YEAR, help="Calendar year in UTC+8")],
    as_csv_file: Annotated[bool, typer.Option("--csv", help="Every line, as CSV")] = False,
    publish_it: Annotated[
        bool, typer.Option("--publish", help="Share it as a document, sealed by the registrar")
    ] = False,
    audience: Annotated[str, typer.Option("--audience", help="With --publish: who may read it")] = "public",
    hub: Annotated[str | None, typer.Option("--hub", help="With --publish: the hub to hand it to")] = None,
    key: Key = None,
) -> None:
    """Show what a member issued, moved, received, retired by purpose and claimant, and holds; both views close.

    Holder view: what the member holds, wherever issued. Home view: what became of everything it issued; each reduction
    that was used is claimed once, by the member that held it.
    """
    terminal = Terminal.of(context)
    if city == "all":
        _tell_all(terminal, year)
        return
    member = member_named(city)
    if publish_it:
        _publish(terminal, member, year, audience, hub, key)
        return
    with reading(terminal) as (connection, _):
        if find(connection, t.members, member) is None:
            raise RecordRefused(f"{member} is no member", code="member_unknown", field="CITY", value=city)
        at = position(connection)
        found = read_inventory(connection, member, year)
        complete = is_complete(year, at)
        # the index is at a moment within the year: what the blocks hold now is what the year has come to
        agrees = None if complete else agrees_with_blocks(connection, found)
    if as_csv_file:
        sys.stdout.write(as_csv(found))
        return
    title = f"{called(member)}, {year}" + ("" if complete else f" (so far: block {at.block:,})")
    told = as_data(found, at) | {"agrees_with_blocks": agrees}
    shown: list[Any] = [f"[bold]{escape(title)}[/bold], kgCO2e"]
    shown += [_table(found.holder, found), _table(found.home, found), _fate(found)]
    if agrees is not None:
        shown.append(
            "the closing is what the unit blocks hold" if agrees else "[red]the unit blocks hold otherwise[/red]"
        )
    terminal.answer(told, *shown)


def _publish(terminal: Terminal, member: int, year: int, audience: str, hub: str | None, key: str | None) -> None:
    with sealing_desk(terminal, hub, member, key) as desk:
        with desk.index.reader.connect() as connection:
            at = position(connection)
            content = as_content(read_inventory(connection, member, year), at)
        item = Item(f"inventory {year}", content, f"inventory of {member}, {year}")
        (done,) = publish(
            desk.exchange,
            desk.require_signer(),
            member,
            REGISTRY,
            DocumentKind.INVENTORY,
            audience_named(desk, audience),
            [item],
        )
    told = {"record": done.record, "version": done.version, "digest": done.digest, "new": done.new}
    terminal.answer(told, f"shared as version {done.version} of {done.record} with {audience}: {done.digest}")


def _tell_all(terminal: Terminal, year: int) -> None:
    with reading(terminal) as (connection, _):
        at = position(connection)
        members = list(connection.execute(select(t.members.c.member).order_by(t.members.c.member)).scalars())
        found: YearOfAll = read_year_of_all(connection, members, year)
    told = asdict(found) | {"members": members, "closes": found.closes, "complete": is_complete(year, at)}
    table = Table(box=None, pad_edge=False, show_header=False)
    for line in Line:
        table.add_row(*LINES[line], f"{getattr(found, line.value):,}")
    end = "moved out = received + cut, and the year closes" if found.closes else "[red]the year does not close[/red]"
    terminal.answer(told, f"[bold]all {len(members)} members, {year}[/bold], kgCO2e", table, end)


def _table(account: Account, inventory: Inventory) -> Table:
    table = Table(title=" / ".join(VIEWS[account.view]), title_justify="left", box=None, pad_edge=False)
    for name in ("", "", "", "kg"):
        table.add_column(name, justify="right" if name == "kg" else "left")
    for entry in account.entries:
        table.add_row(*LINES[entry.line], escape(_words(entry)), f"{entry.kg:,}")
    if inventory.in_transit and account is inventory.holder:
        table.add_row(*IN_TRANSIT, "", f"{inventory.in_transit:,}")
    if account is inventory.home:
        moved = inventory.circulation
        for words, kg in (
            (LEFT_HOME, moved.left_home),
            (CAME_HOME, moved.came_home),
            (BETWEEN_OTHERS, moved.between_others),
        ):
            if kg:
                table.add_row(*words, "", f"{kg:,}", style="dim")
    return table


def _words(entry: Entry) -> str:
    parts = []
    if entry.line in {Line.OPENING, Line.CLOSING, Line.CUT, Line.CANCELLED, Line.RETIRED}:
        parts.append(f"issued by {called(entry.home)}")
        if entry.holder != entry.home:
            parts.append(f"held by {called(entry.holder)}")
    if entry.other:
        parts.append(("from " if entry.line is Line.RECEIVED else "to ") + called(entry.other))
    if entry.purpose:
        parts.append(" ".join(NAMES[Purpose(entry.purpose)]))
    if entry.line is Line.RETIRED:
        parts.append("claimant " + (called(entry.claimant) if entry.claimant else " ".join(NOT_STATED)))
    return ", ".join(parts)


def _fate(inventory: Inventory) -> Table:
    table = Table(
        title="签发以来 / since the beginning", title_justify="left", box=None, pad_edge=False, show_header=False
    )
    for name, (zh, en) in FATE.items():
        table.add_row(zh, en, f"{getattr(inventory.fate, name):,}")
    return table
