"""What does not go on by itself (`held`, `faults`, `retry`), and what a person books (`todo`, `done`, `refuse`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from adapters.protocol import Effect, RegistryAdapter, SeesBookings, WritesInstructions
from adapters.registry import open_adapter
from adapters.sync.dead_letters import all_held, in_words, retry
from adapters.sync.effect_queue import Task
from adapters.sync.journal import Journal
from hub.commands.sync_journal import Name, open_journal
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from hub.terminal import Terminal
from mutual_recognition.instants import in_china

EffectKey = Annotated[
    str, typer.Argument(metavar="KEY", help="Key of the effect, or the work item's number, from `yrdhub sync todo`")
]
By = Annotated[str, typer.Option("--by", help="Who says so: name and office; kept with the effect")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask again")]


def held(context: typer.Context, name: Name) -> None:
    """List everything that does not go on by itself: records, unreadable rows, effects, documents; why; what to do."""
    terminal = Terminal.of(context)
    with open_journal(terminal.settings.home, name) as journal:
        items = list(all_held(journal, name))
    table = Table("code", "what", "why", "what to do", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for item in items:
        table.add_row(item.code, escape(item.what[:200]), escape(item.why[:300]), escape(item.todo))
    terminal.answer([item.to_json() for item in items], table if items else "nothing is held back")


def faults(context: typer.Context, name: Name) -> None:
    """List what could not even be read: file, row and field, the value, and what is wrong with it."""
    terminal = Terminal.of(context)
    with open_journal(terminal.settings.home, name) as journal:
        rows = [dict(row) for row in journal.faults()]
    table = Table("where", "field", "value", "what is wrong", "seen", box=None, pad_edge=False)
    for row in rows:
        cells = (escape(str(row[field])[:200]) for field in ("source", "field", "value", "reason"))
        table.add_row(*cells, in_china(row["seen_at"]))
    terminal.answer(rows, table if rows else "everything could be read")


def retry_held(
    context: typer.Context,
    name: Name,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys from `yrdhub sync held` [default: everything]")
    ] = None,
    record: Annotated[str | None, typer.Option("--record", help="Only the record with this native id")] = None,
) -> None:
    """Have what is held tried anew at the next pass: records decided, rows read, effects told, documents handed in."""
    terminal = Terminal.of(context)
    with open_journal(terminal.settings.home, name) as journal:
        released = _retry(journal, name, keys or [], record)
    total = sum(released.values())
    words = ", ".join(f"{count:,} {family}s" for family, count in released.items() if count) or "nothing"
    told = {"released": total} | released
    terminal.answer(told, f"tried anew at the next pass: {words.replace('unreadables', 'unreadable rows')}")


def _retry(journal: Journal, name: str, keys: list[str], record: str | None) -> dict[str, int]:
    released = {family.value: count for family, count in retry(journal, keys).items()} if keys or not record else {}
    if record is not None:
        count = journal.retry(record)
        if not count:
            raise RecordRefused(
                f"no record {record!r} is held back",
                code="record_not_held",
                field="--record",
                value=record,
                remedy=f"see `yrdhub sync held {name}`",
            )
        released["record"] = released.get("record", 0) + count
    return released


# -------------------------------------------------------------------- by a person


def todo(context: typer.Context, name: Name) -> None:
    """List what a person has to book at the registry, in its own words, because it cannot be told or refused it."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    with open_journal(home, name) as journal:
        tasks = journal.todo()
    told = _described(terminal, name, tasks)
    shown: list[Any] = []
    for one in told:
        book = one["book"]
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 3))
        for column, value in (book or {}).get("row", {}).items():
            table.add_row(f"[dim]{escape(str(column))}[/dim]", escape(str(value)))
        title = " / ".join(book["title"].values()) if book else one["what"]
        place = f", {book['sheet']}" if book else ""
        shown += [f"[bold]{escape(title)}[/bold]{escape(place)}", table, f"   [dim]why[/dim] {escape(one['why'])}"]
        if one["seen"]:
            shown.append(f"   [dim]seen[/dim] {escape(one['seen'])}; if that is it, say so:")
        shown.append(f"   [dim]then[/dim] yrdhub sync done {name} {one['key']} --reference R --by WHO")
    terminal.answer(told, *(shown if told else ["nothing waits for a person"]))


def _described(terminal: Terminal, name: str, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """The tasks with what the adapter says of each: what to type where, and where it seems to stand already."""
    if not tasks:
        return []
    with closing(open_adapter(terminal.settings.home, name)) as adapter:
        seen: Mapping[str, str] = {}
        if isinstance(adapter, SeesBookings):
            try:
                seen = adapter.sightings([task.effect.key for task in tasks])
            except RetryLater as away:
                terminal.note(f"[yellow]whether some stand there already cannot be seen: {escape(str(away))}[/yellow]")
        return [_task(task, adapter, seen.get(task.effect.key, "")) for task in tasks]


def done(
    context: typer.Context,
    name: Name,
    key: EffectKey,
    reference: Annotated[str, typer.Option("--reference", help="What your registry calls the booking")],
    by: By,
    yes: Yes = False,
) -> None:
    """Say that you booked an effect at the registry. The hub never guesses: nothing else books it. Once, for ever."""
    _settle(context, name, key, by=by, reference=reference, reason="", yes=yes)


def refuse(
    context: typer.Context,
    name: Name,
    key: EffectKey,
    reason: Annotated[str, typer.Option("--reason", help="Why the registry will not book it")],
    by: By,
    yes: Yes = False,
) -> None:
    """Say that the registry will not book an effect, and why. It stays among what is held."""
    _settle(context, name, key, by=by, reference="", reason=reason, yes=yes)


def _settle(context: typer.Context, name: str, key: str, *, by: str, reference: str, reason: str, yes: bool) -> None:
    terminal = Terminal.of(context)
    for option, value in (("--by", by), ("--reason", reason) if reason else ("--reference", reference)):
        if not value.strip():
            raise RecordRefused(f"{option} is empty", code="word_missing", field=option, value=value)
    with open_journal(terminal.settings.home, name) as journal:
        key = _key_of(terminal, name, journal, key)
        task = journal.task(key)
        word = f"refused ({reason})" if reason else f"booked as {reference}"
        confirm(terminal, f"{in_words(task.effect)}: {word}, says {by}. This cannot be done twice", yes)
        journal.settle_by_hand(key, by=by.strip(), reference=reference.strip(), reason=reason.strip())
    told = {"key": key, "status": "refused" if reason else "booked", "by": by, "reference": reference, "reason": reason}
    terminal.answer(told, f"{word}: {key}")


def _key_of(terminal: Terminal, name: str, journal: Journal, given: str) -> str:
    """The key itself, also where a person typed the number that the work item has at the registry."""
    tasks = journal.todo()
    if ":" in given or not tasks:
        return given
    described = _described(terminal, name, tasks)
    return next((one["key"] for one in described if one["book"] and one["book"].get("item") == given), given)


def confirm(terminal: Terminal, what: str, yes: bool) -> None:
    """Asks whether `what` is meant. A program has to say --yes. Raises ConfigurationWrong, or ends the command."""
    if yes:
        return
    if terminal.as_json:
        raise ConfigurationWrong(
            "a program has to say --yes", what=what, remedy="add --yes", code="confirmation_missing"
        )
    if not typer.confirm(f"{what}. Is it so?", err=True):
        raise typer.Exit(1)


def _task(task: Task, adapter: RegistryAdapter, seen: str) -> dict[str, Any]:
    why = task.why or "the registry offers no safe way to be told"
    return {
        "key": task.effect.key,
        "kind": task.effect.kind.value,
        "what": in_words(task.effect),
        "why": f"left unanswered: {why}" if task.status == "unanswered" else why,
        "since": in_china(task.since),
        "book": _instructions(adapter, task.effect),
        "seen": seen,
        "effect": task.effect.to_json(),
    }


def _instructions(adapter: RegistryAdapter, effect: Effect) -> dict[str, Any] | None:
    """What to type where, by an adapter that can say it; None where it cannot, or not of this effect."""
    if not isinstance(adapter, WritesInstructions):
        return None
    try:
        return dict(adapter.instructions(effect))
    except RecordRefused:
        return None
