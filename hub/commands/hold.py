"""`yrdhub hold`: stopping a record that may count something twice, for a bounded time, and letting it go."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from hub.ballot_actions import moment, subject_in_words
from hub.bootstrap import OpenIndex
from hub.chain.codec import encode_call
from hub.chain.enums import HoldReason, Role, in_words
from hub.chain.keys import LocalSigner
from hub.chain.orders import HoldOrder, LiftOrder
from hub.chain.sending import send
from hub.commands.acting import (
    Hub,
    Key,
    Member,
    Out,
    Show,
    deliver,
    order_by_voter,
    reading,
    seconds,
    signer_of,
    tell_delivered,
    writing,
)
from hub.commands.words import hash32, word
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import find
from hub.naming import resolve, subject_of, title_of
from hub.signing import OrderOnFile, read_order, sign
from hub.terminal import Terminal
from mutual_recognition.identifiers import Kind, member_of, parse_subject, subject

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Stop another's records for a while, with a reason and evidence."
)


@app.command("list")
def list_holds(context: typer.Context) -> None:
    """List holds that have not ended."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        query = select(t.holds).where(t.holds.c.ended_at == 0).order_by(t.holds.c.block_number)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        words = {
            row["hold"]: [subject_in_words(one, lambda i: title_of(connection, i)) for one in row["subjects"]]
            for row in rows
        }
    told = [
        {
            "hold": row["hold"],
            "placed_by": row["member"] or "a ballot",
            "reason": in_words(HoldReason, row["reason"]),
            "until": moment(row["until"]),
            "over": row["until"] <= time.time(),
            "evidence": row["evidence"],
            "subjects": words[row["hold"]],
        }
        for row in rows
    ]
    table = Table("hold", "by", "reason", "until", "on", box=None, pad_edge=False)
    for one in told:
        until = one["until"] + (" (over: anyone may finish it)" if one["over"] else "")
        table.add_row(one["hold"], str(one["placed_by"]), one["reason"], until, escape("; ".join(one["subjects"])))
    terminal.answer(told, table if told else "nothing is held")


@app.command()
def place(
    context: typer.Context,
    evidence: Annotated[
        Path,
        typer.Option(
            "--evidence",
            help="The document that shows why: only its hash goes on the chain",
            exists=True,
            dir_okay=False,
        ),
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="suspected_duplicate, reconciliation, irregularity, legal_order, other")
    ],
    methodology: Annotated[
        list[str] | None, typer.Option("--methodology", help="Number or id; may be repeated")
    ] = None,
    project: Annotated[list[str] | None, typer.Option("--project", help="Number or id; may be repeated")] = None,
    block: Annotated[
        list[str] | None, typer.Option("--block", help="SERIES:FIRST of a unit block; may be repeated")
    ] = None,
    last_for: Annotated[str, typer.Option("--for", help="At most 30d")] = "14d",
    good_for: Annotated[str, typer.Option("--good-for", help="How long the order may be carried out")] = "1d",
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Place a hold by a voter's key: what it marks is not moved, used or issued from until it is lifted or over."""
    terminal = Terminal.of(context)
    digest = "0x" + hashlib.sha256(evidence.read_bytes()).hexdigest()
    meaning = word(HoldReason, reason, "--reason")
    with reading(terminal) as (connection, _):
        subjects = [subject_of("methodology", resolve(connection, "methodology", one)) for one in methodology or ()]
        subjects += [subject_of("project", resolve(connection, "project", one)) for one in project or ()]
        for one in block or ():
            series, _, first = one.rpartition(":")
            if not first.isdigit():
                raise RecordRefused("a unit block is SERIES:FIRST", code="block_invalid", field="--block", value=one)
            subjects.append(subject(Kind.BLOCK, resolve(connection, "series", series).raw, int(first)))
    marked = tuple("0x" + one.hex() for one in subjects)

    def order(_: OpenIndex, acting_for: int) -> HoldOrder:
        now = int(time.time())
        until = now + seconds(last_for, "--for")
        deadline = now + seconds(good_for, "--good-for")
        return HoldOrder(acting_for, marked, int(meaning), digest, until, "0x" + secrets.token_hex(32), deadline)

    done = f"held for {last_for}: {len(marked)} subjects, evidence {digest}"
    order_by_voter(terminal, order, member=member, key=key, out=out, hub=hub, show=show, done=done)


@app.command()
def lift(
    context: typer.Context,
    hold: Annotated[str | None, typer.Argument(help="The hold's id; left out with --add-to")] = None,
    add_to: Annotated[
        Path | None, typer.Option("--add-to", help="A lift that others signed before you", exists=True, dir_okay=False)
    ] = None,
    good_for: Annotated[str, typer.Option("--good-for", help="How long the order may be carried out")] = "7d",
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
) -> None:
    """Lift a hold: a voter of the placing member signs first (--out), then one of each home member (--add-to)."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        signer, acting_for = signer_of(terminal, index, Role.VOTER, member, key)
        if add_to is not None:
            before = read_order(add_to, index.deployment)
            mine = sign(signer, before.order, index.deployment).signatures[0]
            signed = before.with_signature(mine)
        else:
            deadline = int(time.time()) + seconds(good_for, "--good-for")
            order = LiftOrder(hash32(hold or "", "HOLD"), "0x" + secrets.token_hex(32), deadline)
            signed = sign(signer, order, index.deployment)
        told = deliver(terminal, index, signed, signer, out=out, hub=hub) | {
            "still_to_sign": _missing(index, signed, acting_for)
        }
    tell_delivered(terminal, told, "lifted")
    if "file" in told and told["still_to_sign"]:
        others = ", ".join(map(str, told["still_to_sign"]))
        terminal.note(f"then a voter of each of {others}: yrdhub hold lift --add-to {told['file']} --out ...")


@app.command()
def finish(context: typer.Context, hold: Annotated[str, typer.Argument(help="The hold's id")]) -> None:
    """Take the marks of a hold off whose time is over. Anyone may."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        data = encode_call("Holds", "finish", [hash32(hold, "HOLD")])
        receipt = send(LocalSigner.random(), index.node, index.deployment.address("Holds"), data)
        index.indexer.follow()
    told = {"hold": hold, "transaction": receipt.tx_hash, "block": receipt.block_number}
    terminal.answer(told, f"ended in block {receipt.block_number:,}")


def _missing(index: OpenIndex, signed: OrderOnFile, acting_for: int) -> list[int]:
    """Home members whose voters still have to sign, in the chain's order; the placing member signed first."""
    assert isinstance(signed.order, LiftOrder)
    with index.reader.connect() as connection:
        row: dict[str, Any] | None = find(connection, t.holds, signed.order.hold)
    if row is None:
        return []
    homes = dict.fromkeys(member_of(parse_subject(bytes.fromhex(one[2:]))[1]) for one in row["subjects"])
    homes.pop(row["member"], None)
    return list(homes)[len(signed.signatures) - 1 :]
