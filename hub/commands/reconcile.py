"""`yrdhub reconcile`: a registry's books and the chain compared to the serial, what is disputed held, and settled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select
from typer.core import TyperGroup

from adapters.protocol import RegistryAdapter
from adapters.registry import configured, open_adapter
from adapters.sync.city_books import WHOLE_EVERY
from adapters.sync.engine import SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.reconcile import Reconciler, Result
from adapters.sync.reconciliations import KeptResult
from hub.bootstrap import OpenIndex, open_sync
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, checksum_address
from hub.commands.acting import Key, reading, seconds, signer_of, writing
from hub.commands.reconciling import (
    lift_by,
    open_reconciler,
    place_holds,
    running_holds,
    write_evidence,
)
from hub.commands.sync_journal import journal_file, open_journal
from hub.commands.sync_settings import asset_key
from hub.db import tables as t
from hub.documents.directory import HubDirectory
from hub.errors import ConfigurationWrong, RecordRefused
from hub.terminal import Terminal
from mutual_recognition.instants import in_china
from mutual_recognition.reconciliation import Status

_HUB_ANSWERS_WITHIN = 30.0


class _CityFirst(TyperGroup):
    """`yrdhub reconcile CITY` is `yrdhub reconcile run CITY`, also with options of `run` before the city."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "CITY [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="   or: ")

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    cls=_CityFirst,
    help="Compare a registry's books with the chain: yrdhub reconcile CITY. What differs is found to the serial.",
)

Name = Annotated[str, typer.Argument(help="Name of the registry: its configuration is HOME/adapters/NAME.json")]
Reconciliation = Annotated[str, typer.Argument(help="As `yrdhub reconcile history` lists it: RC-...")]
HubUrl = Annotated[
    str | None, typer.Option("--hub", help="The hub's address, where this home's index is your city's own")
]


@dataclass(frozen=True, slots=True)
class Desk:
    """A registry's reconciliation, open."""

    index: OpenIndex
    adapter: RegistryAdapter
    sync: SyncEngine
    journal: Journal
    reconciler: Reconciler
    registrar: LocalSigner


@contextmanager
def _desk(
    terminal: Terminal,
    name: str,
    hub: str | None,
    key: str | None,
    *,
    whole: bool = False,
    whole_every: int = WHOLE_EVERY,
) -> Iterator[Desk]:
    home = terminal.settings.home
    adapter = open_adapter(home, name)
    try:
        client = None if hub is None else httpx.Client(base_url=hub, timeout=_HUB_ANSWERS_WITHIN)
        with writing(terminal) as index:
            signer, _ = signer_of(terminal, index, Role.REGISTRAR, adapter.profile.member, key)
            file = journal_file(home, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            key_of_assets = asset_key(terminal.settings)
            with open_sync(index, adapter, signer, file, hub=client, asset_key=key_of_assets) as (sync, journal):
                directory = None if client is None else HubDirectory(client)
                reconciler = open_reconciler(
                    index,
                    adapter,
                    sync,
                    journal,
                    directory=directory,
                    folder=file.parent,
                    whole=whole,
                    whole_every=whole_every,
                )
                yield Desk(index, adapter, sync, journal, reconciler, signer)
    finally:
        adapter.close()


@app.command()
def run(
    context: typer.Context,
    name: Name,
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold the disputed blocks now, by the voter's key of this home")
    ] = False,
    last_for: Annotated[str, typer.Option("--for", help="How long a hold lasts, at most 30d")] = "14d",
    voter: Annotated[str | None, typer.Option("--voter", help="Address of the voter's key, with --hold")] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read the books whole, also of a registry that tells what changed in them")
    ] = False,
    whole_every: Annotated[
        str, typer.Option("--whole-every", help="Read them whole at the latest after this time, e.g. 7d")
    ] = "7d",
    key: Key = None,
    hub: HubUrl = None,
) -> None:
    """Compare a registry's books with the chain, after a pass of its sync. Exit code 65 when serials are in dispute.

    States and numbers are those of the ITL's Data Exchange Standards. What is in flight is told apart from what is
    wrong; of what is wrong, the sync lets no record use the serials until `yrdhub reconcile confirm`.
    """
    terminal = Terminal.of(context)
    lasts, longest = seconds(last_for, "--for"), seconds(whole_every, "--whole-every")
    with _desk(terminal, name, hub, key, whole=whole, whole_every=longest) as desk:
        result = desk.reconciler.run(lambda status, words: terminal.note(f"[dim]{status:>2}[/dim] {escape(words)}"))
        evidence = write_evidence(terminal.settings.home / "reconciliations", result)
        placed: list[dict[str, Any]] = []
        if hold and evidence:
            signer, member = signer_of(terminal, desk.index, Role.VOTER, desk.adapter.profile.member, voter)
            placed = place_holds(desk.index, signer, member, evidence, lasts)
        desk.sync.run_once()  # hands in the result, and tells the registry of the holds
    told = result.record | {
        "document": "0x" + result.document.digest().hex(),
        "holds": placed,
        "to_hold": [] if placed else [one.command() for one in evidence],
    }
    terminal.answer(told, *_shown(result), *_what_next(result, placed, told["to_hold"]))
    if result.status is Status.MANUAL_INTERVENTION_REQUIRED:
        raise typer.Exit(RecordRefused.exit_code)


@app.command()
def history(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this registry's")] = None,
    at_hub: Annotated[bool, typer.Option("--at-hub", help="Those that the hub of this home was given")] = False,
) -> None:
    """List reconciliations, newest first: the city's own record of them, or the hub's."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    if at_hub:
        rows = _at_hub(terminal)
    else:
        names = [name] if name else [one for one in configured(home) if journal_file(home, one).exists()]
        rows = []
        for one in names:
            with open_journal(home, one) as journal:
                rows += [_entry(one, kept) for kept in journal.results()]
        rows.sort(key=lambda row: row["started_at"], reverse=True)
    table = Table(
        "reconciliation", "registry", "block", "state", "serials in dispute", "when", box=None, pad_edge=False
    )
    for row in rows:
        state = f"{row['status']} {row['state']}"
        when = in_china(row["started_at"])
        cells = (row["reconciliation"], row["registry"], f"{row['block_number']:,}", state)
        table.add_row(*cells, str(row["differing_serials"]), when)
    terminal.answer(rows, table if rows else "nothing was reconciled yet: yrdhub reconcile NAME")


@app.command()
def show(context: typer.Context, reconciliation: Reconciliation) -> None:
    """Show one reconciliation: its stages, what differs, why, and what to do."""
    terminal = Terminal.of(context)
    name, versions = _find(terminal.settings.home, reconciliation)
    newest = versions[-1]
    told = dict(newest.result) | {"registry": name, "document": newest.document, "versions": len(versions)}
    terminal.answer(told, *_record_lines(dict(newest.result)))


@app.command()
def confirm(
    context: typer.Context,
    reconciliation: Reconciliation,
    key: Key = None,
    hub: HubUrl = None,
) -> None:
    """Settle a dispute: both sides are compared again, and where they agree the serials are free for the sync.

    Holds on them are lifted by the voters of the placing member and of the home members; of those whose keys are not
    here, the order is written to a file for them to add to.
    """
    terminal = Terminal.of(context)
    home = terminal.settings.home
    name, versions = _find(home, reconciliation)
    first = versions[0]
    with _desk(terminal, name, hub, key) as desk:
        disputed = desk.journal.open_disputes(reconciliation)
        if not disputed:
            raise RecordRefused(
                "nothing of this reconciliation is in dispute",
                code="reconciliation_settled",
                field="RECONCILIATION",
                value=reconciliation,
                remedy="see `yrdhub reconcile show`",
            )
        compared, still = desk.reconciler.recheck(disputed)
        if still:
            raise RecordRefused(
                f"{sum(one.last - one.first + 1 for _, one in still)} serials still differ: "
                + "; ".join(f"{one.first}-{one.last}" for _, one in still[:10]),
                code="still_in_dispute",
                field="RECONCILIATION",
                value=reconciliation,
                remedy="mend what `yrdhub reconcile show` names, on the side where it is wrong, and confirm again",
            )
        by = checksum_address(desk.registrar.address)
        document = desk.reconciler.close_disputes(reconciliation, by, compared)
        lifted = _lift(terminal, desk, reconciliation, first)
        desk.sync.run_once()
    told = {
        "reconciliation": reconciliation,
        "status": int(Status.COMPLETED_WITH_MANUAL_INTERVENTION),
        "state": Status.COMPLETED_WITH_MANUAL_INTERVENTION.in_words,
        "document": "0x" + document.digest().hex(),
        "holds": lifted,
    }
    lines = [f"{reconciliation}: both sides agree; {name}'s sync uses the serials again"]
    for one in lifted:
        if one["still_to_sign"]:
            others = ", ".join(map(str, one["still_to_sign"]))
            lines.append(f"[yellow]hold {one['hold']} stays until a voter of each of {others} has signed[/yellow]")
            lines.append(
                f"  yrdhub hold lift --add-to {one['file']}" if one["file"] else f"  yrdhub hold lift {one['hold']}"
            )
        else:
            lines.append(f"hold {one['hold']} is lifted")
    terminal.answer(told, *lines)


# -------------------------------------------------------------------- inside


def _lift(terminal: Terminal, desk: Desk, reconciliation: str, first: KeptResult) -> list[dict[str, Any]]:
    folder = terminal.settings.home / "reconciliations"
    digests = [first.document, *_digests_of_parts(folder, reconciliation)]
    found = []
    for hold in running_holds(desk.index, digests):
        signed, missing = lift_by(desk.index, hold, lambda member: _voter(terminal, desk.index, member))
        file = ""
        if missing and signed is not None:
            path = folder / f"{reconciliation}-lift-{hold['hold'][2:10]}.json"
            path.write_text(json.dumps(signed.to_json(desk.index.deployment), indent=1) + "\n", encoding="utf-8")
            file = str(path)
        found.append({"hold": hold["hold"], "still_to_sign": missing, "file": file})
    return found


def _digests_of_parts(folder: Path, reconciliation: str) -> list[str]:
    parts = sorted(folder.glob(f"{reconciliation}-[0-9]*.json"))
    return ["0x" + hashlib.sha256(part.read_bytes()).hexdigest() for part in parts]


def _voter(terminal: Terminal, index: OpenIndex, member: int) -> LocalSigner | None:
    try:
        return signer_of(terminal, index, Role.VOTER, member, None)[0]
    except ConfigurationWrong:
        return None


def _find(home: Path, reconciliation: str) -> tuple[str, list[KeptResult]]:
    for name in configured(home):
        if journal_file(home, name).exists():
            with open_journal(home, name) as journal:
                versions = journal.result(reconciliation)
            if versions:
                return name, versions
    raise RecordRefused(
        "no registry of this home has such a reconciliation",
        code="reconciliation_unknown",
        field="RECONCILIATION",
        value=reconciliation,
        remedy="see `yrdhub reconcile history`",
    )


def _at_hub(terminal: Terminal) -> list[dict[str, Any]]:
    r = t.reconciliations.c
    with reading(terminal) as (connection, _):
        query = select(t.reconciliations).order_by(r.started_at.desc(), r.version.desc())
        return [dict(row) | {"state": Status(row["status"]).in_words} for row in connection.execute(query).mappings()]


def _entry(name: str, kept: KeptResult) -> dict[str, Any]:
    return {
        "reconciliation": kept.id,
        "version": kept.version,
        "registry": name,
        "block_number": kept.block_number,
        "status": kept.status,
        "state": Status(kept.status).in_words,
        "started_at": kept.started_at,
        "differing_serials": kept.result["differing_serials"],
        "registry_root": kept.result["registry_root"],
        "chain_root": kept.result["chain_root"],
        "document": kept.document,
    }


def _shown(result: Result) -> list[Any]:
    return [f"\n[bold]{result.id}[/bold]", *_record_lines(result.record)]


def _record_lines(record: dict[str, Any]) -> list[Any]:
    lines: list[Any] = [
        f"state {record['status']} {record['in_words']}, at block {record['snapshot']['block_number']:,} "
        f"({record['snapshot']['at']})",
        f"root of the registry's books {record['registry_root']}",
        f"root of the chain's side     {record['chain_root']}",
        *_books_lines(record.get("books")),
    ]
    if record["findings"]:
        table = Table(
            "series", "serials", "in the books", "on the chain", "why, and what to do", box=None, pad_edge=False
        )
        for one in record["findings"]:
            why = f"{one['in_words']}. Do: {one['remedy']}"
            serials = f"{one['first']}-{one['last']}"
            places = (_place(one["in_the_books"]), _place(one["on_the_chain"]))
            table.add_row(escape(one["code"] or one["series"]), serials, *places, escape(why))
        lines.append(table)
    if record["differing_ranges"] > len(record["findings"]):
        lines.append(f"... and {record['differing_ranges'] - len(record['findings']):,} more ranges")
    return lines


def _books_lines(books: dict[str, Any] | None) -> list[str]:
    """How the books were read; nothing of a result that an earlier version made."""
    if books is None:
        return []
    how = "whole" if books["whole_readings"] else "by their changes since the last reconciliation"
    lines = [f"the books were read {how}: {books['lines_read']:,} lines"]
    if books["kept_wrong_in"]:
        ranges = ", ".join(f"{one['first']}-{one['last']}" for one in books["kept_wrong_in"])
        lines.append(
            f"[yellow]{books['kept_wrong']} serials had been kept wrong here since an earlier reading ({ranges}):"
            " the registry did not tell that they changed. They are kept anew; ask the registry why[/yellow]"
        )
    return lines


def _place(place: dict[str, Any] | None) -> str:
    return "not there" if place is None else f"{place['status'].replace('_', ' ')}, {place['holder']}"


def _what_next(result: Result, placed: list[dict[str, Any]], to_hold: list[str]) -> list[str]:
    if result.status is not Status.MANUAL_INTERVENTION_REQUIRED:
        return []
    lines = [
        f"[yellow]in dispute: the sync lets no record use these serials. {len(result.blocks)} unit blocks[/yellow]"
    ]
    if placed:
        lines.append(f"held on the chain: {sum(one['blocks'] for one in placed)} blocks, and no others")
    lines += [f"a voter holds them with: {escape(command)}" for command in to_hold]
    lines.append(f"when it is mended: yrdhub reconcile confirm {result.id}")
    return lines
