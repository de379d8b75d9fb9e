"""`yrdhub ballot`: opening, voting on, carrying out and reading the consortium's ballots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, select

from hub.ballot_actions import in_plain_words, moment
from hub.chain.constitution import ALLOWED_CALLS
from hub.chain.deployment import Deployment
from hub.chain.enums import BallotKind, Choice, Outcome, in_words
from hub.chain.keys import LocalSigner
from hub.chain.orders import Action, VoteOrder
from hub.commands import ballot_open
from hub.commands.acting import (
    Hub,
    Key,
    Member,
    Out,
    Show,
    order_by_voter,
    reading,
    writing,
)
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import Row, find
from hub.index.queries_ballots import Standing, standings
from hub.index.queries_status import position
from hub.naming import title_of
from hub.signing import carry_out, read_order
from hub.terminal import Terminal
from hub.voting import execute, next_vote

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Ballots: open, vote, carry out, read. One member, one vote."
)
app.add_typer(ballot_open.app, name="open")

BallotId = Annotated[str, typer.Argument(help="The ballot's id (its EIP-712 digest), or enough of its beginning")]


@app.command("list")
def list_ballots(
    context: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only those on which votes are taken now")] = False,
) -> None:
    """List ballots, newest first, with their outcome as of the last block."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, deployment):
        b = t.ballots.c
        rows = [dict(row) for row in connection.execute(select(t.ballots).order_by(b.block_number.desc())).mappings()]
        stand = standings(connection, rows, position(connection).time)
        told = [_told(connection, deployment, row, stand[row["ballot"]]) for row in rows]
    told = [one for one in told if not open_only or one["outcome"] == "voting"]
    table = Table("ballot", "kind", "by", "yes", "no", "abstain", "outcome", "what it does", box=None, pad_edge=False)
    for one in told:
        tally = one["tally"]
        counts = (str(tally[name]) for name in ("yes", "no", "abstain"))
        # a list shows what a ballot is about; its terms are for `show`
        more = f" (and {len(one['does']) - 1} more)" if len(one["does"]) > 1 else ""
        what = one["does"][0].partition(": ")[0] + more
        table.add_row(one["ballot"][:14], one["kind"], str(one["proposer"]), *counts, one["outcome"], escape(what))
    terminal.answer(told, table if told else "no ballots" + (" are open" if open_only else " yet"))


@app.command()
def show(context: typer.Context, ballot: BallotId) -> None:
    """Show a ballot: what it does in words read from its own actions, who voted how, and what follows from it."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, deployment):
        row = _find(connection, ballot)
        now = position(connection).time
        told = _told(connection, deployment, row, standings(connection, [row], now)[row["ballot"]])
    grid = Table.grid(padding=(0, 2))
    for name in ("ballot", "kind", "proposer", "outcome", "closes", "executable", "electorate", "invited", "document"):
        value = told[name]
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        grid.add_row(f"[dim]{name}[/dim]", escape(shown or "none"))
    grid.add_row(
        "[dim]rule[/dim]", f"quorum {row['quorum_ppm'] / 10_000:g} %, approval {row['approval_ppm'] / 10_000:g} %"
    )
    votes = Table("member", "vote", "revision", "signed by", box=None, pad_edge=False)
    for vote in told["votes"]:
        votes.add_row(str(vote["member"]), vote["choice"], str(vote["revision"]), vote["voter"])
    does = [f"{number}. {escape(text)}" for number, text in enumerate(told["does"], start=1)]
    terminal.answer(told, grid, "[dim]what it does, read from its actions:[/dim]", *does, votes)


@app.command()
def vote(
    context: typer.Context,
    ballot: BallotId,
    choice: Annotated[str, typer.Argument(help="yes, no or abstain")],
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Vote, or replace your member's earlier vote. What the ballot does is shown first, read from its own actions."""
    terminal = Terminal.of(context)
    chosen = {"yes": Choice.YES, "no": Choice.NO, "abstain": Choice.ABSTAIN}.get(choice.lower())
    if chosen is None:
        raise RecordRefused(
            "a vote is yes, no or abstain",
            code="choice_invalid",
            field="CHOICE",
            value=choice,
            remedy="say one of them",
        )
    with reading(terminal) as (connection, deployment):
        row = _find(connection, ballot)
        for line in in_plain_words(deployment, _actions(row), lambda one: title_of(connection, one)):
            terminal.note(f"[dim]this ballot does:[/dim] {escape(line)}")
    identifier = str(row["ballot"])

    def order(index: Any, acting_for: int) -> VoteOrder:
        return next_vote(index.node, index.deployment, identifier, acting_for, chosen)

    done = f"voted {choice.lower()} on {identifier}"
    order_by_voter(terminal, order, member=member, key=key, out=out, hub=hub, show=show, done=done)


@app.command("execute")
def carry_out_ballot(context: typer.Context, ballot: BallotId) -> None:
    """Carry out a passed ballot: everything it says, or nothing. Anyone may."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        row = _find(connection, ballot)
    with writing(terminal) as index:
        receipt = execute(index.node, index.deployment, LocalSigner.random(), row["ballot"], _actions(row))
        index.indexer.follow()
    told = {"ballot": row["ballot"], "transaction": receipt.tx_hash, "block": receipt.block_number}
    terminal.answer(told, f"carried out in block {receipt.block_number:,}, transaction {receipt.tx_hash}")


@app.command()
def send(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A signed order that --out wrote", exists=True, dir_okay=False)],
) -> None:
    """Send a signed order from a file, whatever it orders. Anyone may: the signature says whose it is."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        signed = read_order(file, index.deployment)
        receipt = carry_out(signed, index.node, index.deployment, LocalSigner.random())
        index.indexer.follow()
    told = {"order": type(signed.order).__name__, "transaction": receipt.tx_hash, "block": receipt.block_number}
    terminal.answer(told, f"{told['order']} carried out in block {receipt.block_number:,}")


@app.command()
def kinds(context: typer.Context) -> None:
    """What ballots can do, by kind, and the rule each kind is decided by."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        rules = {row["kind"]: dict(row) for row in connection.execute(select(t.ballot_rules)).mappings()}
    told = [
        {"kind": kind.name.lower(), "calls": [f"{c}.{f}" for c, f in calls], "rule": rules.get(int(kind))}
        for kind, calls in ALLOWED_CALLS.items()
    ]
    table = Table("kind", "quorum", "approval", "votes taken", "delay", "calls", box=None, pad_edge=False)
    for kind, calls in ALLOWED_CALLS.items():
        rule = rules[int(kind)]
        table.add_row(
            kind.name.lower(),
            f"{rule['quorum_ppm'] / 10_000:g} %",
            f"{rule['approval_ppm'] / 10_000:g} %",
            f"{rule['min_voting']} to {rule['max_voting']} s",
            f"{rule['delay']} s",
            ", ".join(f"{contract}.{function}" for contract, function in calls),
        )
    terminal.answer(told, table)


def _find(connection: Connection, ballot: str) -> Row:
    wanted = ballot.strip().lower()
    whole = find(connection, t.ballots, wanted)
    if whole is not None:
        return whole
    b = t.ballots.c
    query = select(t.ballots).where(b.ballot.startswith(wanted, autoescape=True)).limit(2)
    rows = [dict(row) for row in connection.execute(query).mappings()] if len(wanted) > 3 else []
    if len(rows) != 1:
        raise RecordRefused(
            f"{'several ballots begin' if rows else 'no ballot begins'} with {ballot}",
            code="ballot_ambiguous" if rows else "ballot_unknown",
            field="BALLOT",
            value=ballot,
            remedy="see `yrdhub ballot list`",
        )
    return rows[0]


def _actions(row: Row) -> list[Action]:
    return [Action(one["target"], bytes.fromhex(one["data"].removeprefix("0x"))) for one in row["actions"]]


def _told(connection: Connection, deployment: Deployment, row: Row, standing: Standing) -> dict[str, Any]:
    """A ballot as data; `ballot` is the EIP-712 digest that its proposer signed."""
    executable = row["closes_at"] + row["delay"]
    return {
        "ballot": row["ballot"],
        "kind": in_words(BallotKind, row["kind"]),
        "proposer": row["proposer"],
        "outcome": in_words(Outcome, standing.outcome),
        "closes": moment(row["closes_at"]),
        "executable": f"{moment(executable)} to {moment(executable + row['execute_within'])}",
        "electorate": standing.electorate,
        "invited": standing.invited,
        "document": row["document"],
        "tally": {
            "electorate": standing.tally.electorate,
            "yes": standing.tally.yes,
            "no": standing.tally.no,
            "abstain": standing.tally.abstain,
        },
        "votes": [
            {
                "member": one["member"],
                "choice": in_words(Choice, one["choice"]),
                "revision": one["revision"],
                "voter": one["voter"],
            }
            for one in standing.votes
        ],
        "does": in_plain_words(deployment, _actions(row), lambda one: title_of(connection, one)),
    }
