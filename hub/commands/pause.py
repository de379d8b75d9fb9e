"""`yrdhub pause`: two voters of different full members stop all registrars' writes, for a bounded time."""

from __future__ import annotations

import hashlib
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from hub.ballot_actions import moment
from hub.chain.enums import Role
from hub.chain.orders import PauseOrder
from hub.commands.acting import Hub, Key, Member, Out, deliver, seconds, signer_of, tell_delivered, writing
from hub.errors import RecordRefused
from hub.signing import read_order, sign
from hub.terminal import Terminal

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Stop all registrars' writes: two voters of different full members.",
)


@app.command()
def status(context: typer.Context) -> None:
    """Say whether writes are stopped, until when, and for how long two voters may stop them."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        until = index.deployment.read(index.node, "Consortium", "pausedUntil")
        rule = index.deployment.read(index.node, "Consortium", "getPauseRule")
    paused = until > time.time()
    said = f"writes are stopped until {moment(until)}" if paused else "nothing is stopped"
    told = {
        "paused": paused,
        "until": until,
        "longest_seconds": rule["maxDuration"],
        "cooldown_seconds": rule["cooldown"],
    }
    terminal.answer(
        told,
        said,
        f"two voters may stop writes for at most {rule['maxDuration']:,} s, then not for {rule['cooldown']:,} s",
    )


@app.command()
def begin(
    context: typer.Context,
    reason: Annotated[
        Path,
        typer.Option(
            "--reason", help="The document that says why; its hash goes on the chain", exists=True, dir_okay=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the order with the first signature")],
    last_for: Annotated[str, typer.Option("--for", help="How long: 30m, 12h, 1d")] = "12h",
    member: Member = None,
    key: Key = None,
) -> None:
    """The first of two voters signs, into a file for a voter of another full member."""
    terminal = Terminal.of(context)
    digest = "0x" + hashlib.sha256(reason.read_bytes()).hexdigest()
    now = int(time.time())
    until = now + seconds(last_for, "--for")
    order = PauseOrder(digest, until, "0x" + secrets.token_hex(32), until)
    with writing(terminal) as index:
        signer, _ = signer_of(terminal, index, Role.VOTER, member, key)
        told = deliver(terminal, index, sign(signer, order, index.deployment), signer, out=out, hub=None)
    told["until"] = moment(until)
    terminal.answer(
        told,
        f"signed, until {told['until']}; digest {told['digest']}",
        f"now a second voter: yrdhub pause second {out}",
    )


@app.command()
def second(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What the first voter wrote", exists=True, dir_okay=False)],
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
) -> None:
    """The second voter signs, and writes stop at once (unless --out)."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        first = read_order(file, index.deployment)
        if not isinstance(first.order, PauseOrder):
            raise RecordRefused(
                "this file holds another kind of order",
                code="order_of_another_kind",
                field="FILE",
                value=type(first.order).__name__,
                where=str(file),
                remedy="name the file that `yrdhub pause begin` wrote",
            )
        signer, _ = signer_of(terminal, index, Role.VOTER, member, key)
        signature = sign(signer, first.order, index.deployment).signatures[0]
        told = deliver(terminal, index, first.with_signature(signature), signer, out=out, hub=hub)
    tell_delivered(terminal, told, f"all registrars' writes are stopped until {moment(first.order.until)}")
