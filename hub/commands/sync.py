"""`yrdhub sync`: a city's registry and the chain, kept the same; how that stands; what is held back, and why."""

from __future__ import annotations

import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from adapters.protocol import Receipt
from adapters.registry import configured, open_adapter, read_configuration
from adapters.sync import tables as journal_tables
from adapters.sync.engine import PassReport
from adapters.sync.journal import Journal
from hub.bootstrap import open_sync
from hub.chain.enums import Role
from hub.commands.acting import Key, signer_of, writing
from hub.commands.watching import watching
from hub.db.engine import open_engine
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from hub.settings import Settings
from hub.terminal import Terminal
from mutual_recognition.periods import UTC_PLUS_8

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A city's registry and the chain, kept the same.")

_HUB_ANSWERS_WITHIN = 30.0
"""Seconds."""

Name = Annotated[str, typer.Argument(help="Name of the registry: its configuration is HOME/adapters/NAME.json")]


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
) -> None:
    """One pass in both directions: the registry's records to the chain, what happened there back to the registry.

    A pass may be interrupted anywhere; the next goes on from the journal. Exit code 75 when registry or chain was away.
    """
    terminal = Terminal.of(context)
    home = terminal.settings.home
    stop = threading.Event()
    adapter = open_adapter(home, name)
    try:
        with ExitStack() as stack:
            index = stack.enter_context(writing(terminal))
            client = (
                None if hub is None else stack.enter_context(httpx.Client(base_url=hub, timeout=_HUB_ANSWERS_WITHIN))
            )
            signer, _ = signer_of(terminal, index, Role.REGISTRAR, adapter.profile.member, key)
            journal_file = _journal_file(home, name)
            journal_file.parent.mkdir(parents=True, exist_ok=True)
            sync, _ = stack.enter_context(
                open_sync(index, adapter, signer, journal_file, hub=client, asset_key=asset_key(terminal.settings))
            )
            if not watch:
                with watching(terminal) as bars:
                    report = sync.run_once(bars)
                terminal.answer(_report(report), *_report_lines(name, report))
                if report.trouble:
                    raise typer.Exit(RetryLater.exit_code)
                return
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            terminal.note(f"syncing {name} every {every:g} s; interrupt to end")
            while not stop.is_set():
                try:
                    report = sync.run_once()
                except RetryLater as trouble:
                    terminal.note(f"[yellow]{escape(str(trouble))}[/yellow]")
                else:
                    if report.read or report.written or report.told or report.trouble:
                        terminal.note(*_report_lines(name, report))
                stop.wait(every)
    finally:
        adapter.close()


@app.command()
def status(context: typer.Context, name: Name) -> None:
    """Four separate facts (reachable now, last attempt, last success, lag), and how full the journal is."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    with _journal(home, name) as journal:
        counts = journal.counts()
        attempt, success = journal.get("registry_attempt_at"), journal.get("registry_success_at")
        trouble, cursor = journal.get("registry_trouble"), journal.get("read_cursor")
        chain_position = journal.get("chain_position")
    adapter = open_adapter(home, name)
    try:
        health = adapter.health()
    finally:
        adapter.close()
    waiting = counts["inbox"].get("new", 0) + counts["inbox"].get("decided", 0)
    untold = counts["effects"].get("queued", 0)
    told: dict[str, Any] = {
        "registry": name,
        "reachable_now": health.reachable,
        "says": health.detail or None,
        "facts": dict(health.facts),
        "last_attempt": _when(attempt),
        "last_success": _when(success),
        "last_trouble": trouble or None,
        "lag": {
            "seconds_since_success": int(time.time()) - int(success) if success else None,
            "records_on_their_way": waiting,
            "effects_to_tell": untold,
        },
        "cursor": cursor or None,
        "chain_position": int(chain_position) if chain_position else None,
        "journal": counts,
    }
    reachable = "[green]yes[/green]" if health.reachable else f"[red]no[/red]: {escape(health.detail)}"
    behind = told["lag"]["seconds_since_success"]
    grid = Table.grid(padding=(0, 2))
    for label, value in (
        ("reachable now", reachable),
        ("last attempt", told["last_attempt"] or "never"),
        ("last success", told["last_success"] or "never"),
        ("lag", f"{behind if behind is not None else '?'} s; {waiting} records on their way, {untold} effects to tell"),
        ("last trouble", escape(trouble) or "none"),
        ("read up to", escape(cursor) or "nothing yet"),
        ("chain up to", f"block {chain_position}" if chain_position else "nothing yet"),
        ("inbox", _counted(counts["inbox"])),
        ("outbox", _counted(counts["outbox"])),
        ("transactions", _counted(counts["submissions"])),
        ("effects", _counted(counts["effects"])),
        ("faults", f"{counts['faults']['all']}"),
        ("documents", _counted(counts["documents"])),
    ):
        grid.add_row(f"[dim]{label}[/dim]", value)
    terminal.answer(told, grid)


@app.command()
def held(context: typer.Context, name: Name) -> None:
    """List records that are held back, each with its reason and what to do."""
    terminal = Terminal.of(context)
    with _journal(terminal.settings.home, name) as journal:
        rows = [dict(row) for row in journal.held()]
    table = Table("record", "kind", "version", "reason", "in words", box=None, pad_edge=False)
    for row in rows:
        reason = row["reason"] or {}
        words = str(reason.get("message", ""))
        if reason.get("remedy"):
            words += f" Do: {reason['remedy']}"
        if row["waits_for"]:
            words += " (tried again by itself)"
        error = str(reason.get("chain_error") or row["code"])
        table.add_row(escape(row["native_id"]), escape(row["kind"]), str(row["version"]), error, escape(words))
    terminal.answer(rows, table if rows else "nothing is held back")


@app.command()
def faults(context: typer.Context, name: Name) -> None:
    """List what could not even be read: file, row and field, the value, and what is wrong with it."""
    terminal = Terminal.of(context)
    with _journal(terminal.settings.home, name) as journal:
        rows = [dict(row) for row in journal.faults()]
    table = Table("where", "field", "value", "what is wrong", "seen", box=None, pad_edge=False)
    for row in rows:
        cells = (escape(str(row[field])[:200]) for field in ("source", "field", "value", "reason"))
        table.add_row(*cells, _when(row["seen_at"]) or "")
    terminal.answer(rows, table if rows else "everything could be read")


@app.command()
def retry(
    context: typer.Context,
    name: Name,
    record: Annotated[str | None, typer.Option("--record", help="Only the record with this native id")] = None,
) -> None:
    """Have held records decided anew at the next pass: all, or one."""
    terminal = Terminal.of(context)
    with _journal(terminal.settings.home, name) as journal:
        count = journal.retry(record)
    if record is not None and not count:
        raise RecordRefused(
            f"no record {record!r} is held back",
            code="record_not_held",
            field="--record",
            value=record,
            remedy=f"see `yrdhub sync held {name}`",
        )
    terminal.answer({"released": count}, f"{count} records are decided anew at the next pass: yrdhub sync run {name}")


@app.command()
def worklist(
    context: typer.Context,
    name: Name,
    confirm: Annotated[str | None, typer.Option("--confirm", help="Key of an effect that you booked")] = None,
    reference: Annotated[str, typer.Option("--reference", help="What your registry calls the booking")] = "",
) -> None:
    """What a person has to book at the registry, because the registry cannot be told or refused it; and to confirm."""
    terminal = Terminal.of(context)
    e = journal_tables.effects.c
    with _journal_engine(terminal.settings.home, name) as engine:
        query = select(journal_tables.effects).where(e.status.in_(["person", "refused"])).order_by(e.id)
        with engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        if confirm is not None:
            if confirm not in {row["key"] for row in rows}:
                raise RecordRefused(
                    "no such effect waits for a person",
                    code="effect_unknown",
                    field="--confirm",
                    value=confirm,
                    remedy=f"see `yrdhub sync worklist {name}`",
                )
            Journal(engine, lambda: int(time.time())).book([Receipt(confirm, True, reference)])
            terminal.answer({"confirmed": confirm, "reference": reference}, f"booked: {confirm}")
            return
    table = Table("key", "what", "serials", "why by hand", box=None, pad_edge=False)
    for row in rows:
        body = row["body"]
        series, serials = body.get("series"), body.get("serials")
        named = f"{series[2]} {serials[0]}-{serials[1]}" if series and serials else ""
        why = row["reason"] or "the registry offers no safe way to be told"
        table.add_row(row["key"], row["kind"].replace("_", " "), escape(named), escape(why))
    terminal.answer(rows, table if rows else "nothing waits for a person")


def _configured(home: Path, name: str) -> dict[str, Any]:
    settings = read_configuration(home, name)
    return {
        "name": name,
        "adapter": settings["adapter"],
        "member": settings.get("member"),
        "registry": str(settings.get("registry", "")),
        "configured_in": settings["configured_in"],
        "journal": _journal_file(home, name).exists(),
    }


def _journal_file(home: Path, name: str) -> Path:
    return home / "sync" / f"{name}.sqlite"


@contextmanager
def _journal_engine(home: Path, name: str) -> Iterator[Any]:
    read_configuration(home, name)  # says which there are when there is none of this name
    file = _journal_file(home, name)
    if not file.exists():
        raise ConfigurationWrong(
            f"{name} was never synced here",
            where=str(file),
            remedy=f"yrdhub sync run {name}",
            code="journal_missing",
        )
    engine = open_engine(f"sqlite:///{file}")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _journal(home: Path, name: str) -> Iterator[Journal]:
    with _journal_engine(home, name) as engine:
        journal = Journal(engine, lambda: int(time.time()))
        journal.prepare()
        yield journal


def asset_key(settings: Settings) -> bytes | None:
    """The consortium's key for assets' ids in HOME/asset.key, hex; None where this city has none yet."""
    file = settings.home / "asset.key"
    if not file.exists():
        return None
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError("other users can read it")
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
        if len(key) < 32:
            raise ValueError("it has fewer than 32 bytes")
    except (OSError, ValueError) as unusable:
        raise ConfigurationWrong(
            f"the consortium's asset key cannot be used: {unusable}",
            where=str(file),
            remedy="write the key that the consortium gave you as hex, and chmod 600 the file",
            code="asset_key_unusable",
        ) from unusable
    return key


def _report(report: PassReport) -> dict[str, Any]:
    fields = ("read", "faults", "written", "held", "told", "documents", "trouble")
    return {field: getattr(report, field) for field in fields}


def _report_lines(name: str, report: PassReport) -> list[str]:
    lines = [
        f"{name}: {report.read:,} records read, {report.written:,} writes final, {report.told:,} effects told, "
        f"{report.documents:,} documents shared"
    ]
    if report.held:
        lines.append(f"[yellow]{report.held:,} held back: yrdhub sync held {name}[/yellow]")
    if report.faults:
        lines.append(f"[yellow]{report.faults:,} could not be read: yrdhub sync faults {name}[/yellow]")
    return lines + [f"[yellow]{escape(trouble)}[/yellow]" for trouble in report.trouble]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items())) or "empty"


def _when(seconds: Any) -> str | None:
    return datetime.fromtimestamp(int(seconds), UTC_PLUS_8).isoformat(timespec="seconds") if seconds else None
