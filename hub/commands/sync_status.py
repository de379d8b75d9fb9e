"""`yrdhub sync status`: four separate facts of each registry, and how full its journal is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from adapters.protocol import Health
from adapters.registry import configured, open_adapter, read_configuration
from hub.commands.sync_journal import journal_file, now, open_journal
from hub.errors import YrdhubError
from hub.terminal import Terminal
from mutual_recognition.instants import ago, duration, in_china
from mutual_recognition.sync_facts import SyncFacts


def status(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of the registry [default: all, briefly]")] = None,
) -> None:
    """Four separate facts (reachable now, last attempt, last success, lag), and how full the journal is."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    if name is not None:
        told, facts = _of_one(home, name)
        terminal.answer(told, _sheet(told, facts))
        return
    found = [_of_one(home, one) for one in configured(home)]
    table = Table("registry", "reachable now", "last attempt", "last success", "lag", "waits for you", box=None)
    for told, facts in found:
        table.add_row(
            told["registry"],
            _reachable(told),
            _age(facts, "last_attempt_at"),
            _age(facts, "last_success_at"),
            _lag(facts),
            f"{facts.dead_letters + facts.todo:,}" if facts else "0",
        )
    none = f"none are configured: write {home / 'adapters'}/NAME.json"
    terminal.answer([told for told, _ in found], table if found else none)


def _of_one(home: Path, name: str) -> tuple[dict[str, Any], SyncFacts | None]:
    read_configuration(home, name)
    health, profile = Health(False, ""), None
    try:
        with closing(open_adapter(home, name)) as adapter:
            health, profile = adapter.health(), adapter.profile
    except YrdhubError as wrong:  # a configuration that cannot be used is a fact about reaching it, not the end of this
        health = Health(False, str(wrong))
    facts, counts = None, {}
    if profile is not None and journal_file(home, name).exists():
        with open_journal(home, name) as journal:
            facts, counts = journal.sync_facts(profile), journal.counts()
    told: dict[str, Any] = {
        "registry": name,
        "reachable_now": health.reachable,
        "says": health.detail or None,
        "facts": dict(health.facts),
        "last_attempt": _when(facts.last_attempt_at if facts else None),
        "last_success": _when(facts.last_success_at if facts else None),
        "last_trouble": (facts.trouble if facts else "") or None,
        "lag": {
            "seconds": facts.lag.seconds(now()) if facts else None,
            "records_on_their_way": facts.lag.records if facts else 0,
            "effects_to_tell": facts.lag.effects if facts else 0,
        },
        "cursor": (facts.cursor if facts else "") or None,
        "chain_position": facts.chain_block if facts else None,
        "held": facts.held if facts else {},
        "dead_letters": facts.dead_letters if facts else 0,
        "todo": facts.todo if facts else 0,
        "journal": counts,
    }
    return told, facts


def _sheet(told: dict[str, Any], facts: SyncFacts | None) -> Table:
    grid, counts, name = Table.grid(padding=(0, 2)), told["journal"], told["registry"]
    chain = told["chain_position"]
    held = ", ".join(f"{count:,} {code}" for code, count in sorted(told["held"].items()))
    for label, value in (
        ("reachable now", _reachable(told)),
        ("last attempt", _age(facts, "last_attempt_at")),
        ("last success", _age(facts, "last_success_at")),
        ("lag", _lag(facts)),
        ("last trouble", escape(told["last_trouble"] or "none")),
        ("read up to", escape(told["cursor"] or "nothing yet")),
        ("chain up to", f"block {chain:,}" if chain is not None else "nothing yet"),
        ("inbox", _counted(counts.get("inbox", {}))),
        ("held back", f"{held}: yrdhub sync held {name}" if held else "nothing"),
        ("outbox", _counted(counts.get("outbox", {}))),
        ("transactions", _counted(counts.get("submissions", {}))),
        ("effects", _counted(counts.get("effects", {}))),
        ("unreadable", f"{facts.unreadable if facts else 0:,}"),
        ("documents", _counted(counts.get("documents", {}))),
        ("dead letters", f"{told['dead_letters']:,}" + (f": yrdhub sync held {name}" if told["dead_letters"] else "")),
        ("by a person", f"{told['todo']:,}" + (f": yrdhub sync todo {name}" if told["todo"] else "")),
    ):
        grid.add_row(f"[dim]{label}[/dim]", value)
    return grid


def _reachable(told: dict[str, Any]) -> str:
    return "[green]yes[/green]" if told["reachable_now"] else f"[red]no[/red]: {escape(told['says'] or 'no answer')}"


def _age(facts: SyncFacts | None, fact: str) -> str:
    return ago(None if facts is None else getattr(facts, fact), now())


def _lag(facts: SyncFacts | None) -> str:
    if facts is None:
        return "not known: never synced"
    lag = facts.lag
    if not lag.records and not lag.effects:
        since = "ever asked for" if facts.last_success_at is None else f"read by {in_china(facts.last_success_at)}"
        return f"nothing on its way, of what was {since}"
    return f"{duration(lag.seconds(now()))}; {lag.records:,} records on their way, {lag.effects:,} effects to tell"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items())) or "empty"


def _when(seconds: int | None) -> str | None:
    return None if seconds is None else in_china(seconds)
