"""What commands that read or write the hub share: the home's index, the key that signs, how an order is delivered."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from hub.bootstrap import OpenIndex, open_index
from hub.by_hand import ByHand, Carried
from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, checksum_address, parse_address
from hub.chain.orders import Order, digest
from hub.commands.open_node import deployment_file, keys_folder, open_deployment
from hub.db.engine import open_reading_engine
from hub.errors import ConfigurationWrong, RecordRefused
from hub.index.queries_status import position
from hub.keys_at_hand import choose_officer, unlock
from hub.signing import OrderOnFile, carry_out, relay, sign
from hub.terminal import Terminal

Key = Annotated[str | None, typer.Option("--key", help="Address of the key that signs (default: the one that fits)")]
Member = Annotated[int | None, typer.Option("--member", help="GB/T 2260 code of the member you act for")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the signed order to this file; send nothing")]
Hub = Annotated[str | None, typer.Option("--hub", help="Hand the signed order to the hub at this URL to relay")]
Show = Annotated[bool, typer.Option("--show", help="Show what would be signed, and its digest; sign nothing")]

_DURATION = re.compile(r"([1-9][0-9]{0,5})\s*(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(text: str, field: str) -> int:
    """A duration such as 90s, 30m, 12h or 7d, in seconds. Raises RecordRefused."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise RecordRefused(
            "a duration is a whole number and s, m, h or d",
            code="duration_invalid",
            field=field,
            value=text,
            remedy="write for example 90s, 30m, 12h or 7d",
        )
    return int(found[1]) * _SECONDS[found[2]]


@contextmanager
def writing(terminal: Terminal) -> Iterator[OpenIndex]:
    """This home's index on its running chain, followed up to now."""
    node, deployment = open_deployment(terminal.settings)
    with node, open_index(node, deployment, terminal.settings.database_url) as index:
        index.indexer.follow()
        yield index


@contextmanager
def reading(terminal: Terminal) -> Iterator[tuple[Connection, Deployment]]:
    """The projections, up to now where the chain runs; else as they were left, which is said."""
    settings = terminal.settings
    deployment = Deployment.load(deployment_file(settings))
    try:
        with writing(terminal):
            pass
    except ConfigurationWrong as away:
        if away.code != "chain_not_running":
            raise
        file = settings.database_url.removeprefix("sqlite:///")
        if file != settings.database_url and not Path(file).exists():
            raise
        terminal.note("[dim]the chain does not run: this is as of the last block that was projected[/dim]")
    engine = open_reading_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            position(connection)
            yield connection, deployment
    finally:
        engine.dispose()


def signer_of(
    terminal: Terminal, index: OpenIndex, role: Role, member: int | None, key: str | None
) -> tuple[LocalSigner, int]:
    """The signer with `role`, and the member it speaks for. Raises ConfigurationWrong naming the keys there are."""
    wanted = None if key is None else parse_address(key, "--key")
    officer = choose_officer(
        keys_folder(terminal.settings), index.node, index.deployment, role, member=member, key=wanted
    )
    return unlock(terminal.settings, officer), officer.member


def member_of_order(terminal: Terminal, index: OpenIndex, role: Role, member: int | None, key: str | None) -> int:
    """The member that the fitting key speaks for, without unlocking it."""
    wanted = None if key is None else parse_address(key, "--key")
    folder = keys_folder(terminal.settings)
    return choose_officer(folder, index.node, index.deployment, role, member=member, key=wanted).member


def deliver(
    terminal: Terminal,
    index: OpenIndex,
    signed: OrderOnFile,
    signer: LocalSigner,
    *,
    out: Path | None,
    hub: str | None,
) -> dict[str, Any]:
    """Writes the order to `out`, hands it to `hub`, or sends it; what became of it, as data, is also told."""
    told: dict[str, Any] = {
        "order": type(signed.order).__name__,
        "digest": "0x" + digest(signed.order, index.deployment.domain).hex(),
        "signer": checksum_address(signer.address),
    }
    if out is not None:
        out.write_text(json.dumps(signed.to_json(index.deployment), indent=1) + "\n", encoding="utf-8")
        return told | {"file": str(out)}
    if hub is not None:
        return told | {"relayed_by": hub, "hub_says": relay(hub, signed, index.deployment)}
    receipt = carry_out(signed, index.node, index.deployment, signer)
    index.indexer.follow()
    return told | {"transaction": receipt.tx_hash, "block": receipt.block_number}


def tell_delivered(terminal: Terminal, told: dict[str, Any], done: str) -> None:
    """Answers with what became of an order; the digest always, so that a second device can compare it."""
    lines = [done if "block" in told else "signed", f"digest (compare it with your second device) {told['digest']}"]
    if "file" in told:
        lines.append(f"written to {told['file']}; anyone may send it: yrdhub ballot send {told['file']}")
    elif "relayed_by" in told:
        lines.append(f"handed to {told['relayed_by']}, which relays it")
    else:
        lines.append(f"in block {told['block']:,}, transaction {told['transaction']}")
    terminal.answer(told, *(escape(line) for line in lines))


def show_order(terminal: Terminal, index: OpenIndex, order: Order, words: list[str]) -> None:
    """Shows an order that nobody signed yet: what it does, its typed data, its digest."""
    unsigned = OrderOnFile(order, ()).to_json(index.deployment)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in unsigned["typed_data"]["message"].items():
        table.add_row(f"[dim]{name}[/dim]", escape(str(value)))
    terminal.answer(
        unsigned | {"in_words": words},
        *(escape(line) for line in words),
        table,
        f"digest {unsigned['digest']}",
        "nothing was signed",
    )


def order_by_voter(
    terminal: Terminal,
    order_for: Callable[[OpenIndex, int], Order],
    *,
    member: int | None,
    key: str | None,
    out: Path | None,
    hub: str | None,
    show: bool,
    done: str,
) -> None:
    """One order of one voter: built for the member its key speaks for, then shown, or signed and delivered."""
    with writing(terminal) as index:
        if show:
            acting_for = member_of_order(terminal, index, Role.VOTER, member, key)
            show_order(terminal, index, order_for(index, acting_for), [done])
            return
        signer, acting_for = signer_of(terminal, index, Role.VOTER, member, key)
        signed = sign(signer, order_for(index, acting_for), index.deployment)
        told = deliver(terminal, index, signed, signer, out=out, hub=hub)
    tell_delivered(terminal, told, done)


@contextmanager
def by_hand(
    terminal: Terminal, member: int | None, key: str | None, **options: Any
) -> Iterator[tuple[ByHand, OpenIndex, int]]:
    """The desk of a city without an adapter, with its registrar's key."""
    with writing(terminal) as index:
        signer, acting_for = signer_of(terminal, index, Role.REGISTRAR, member, key)
        yield ByHand(index, signer, acting_for, **options), index, acting_for


def tell_carried(terminal: Terminal, carried: Carried, done: str, **more: Any) -> None:
    """Answers with what became of a record written by hand."""
    told = {
        "written": carried.written,
        "carried_out_before": carried.before,
        "transactions": carried.transactions,
        "documents": carried.documents,
        "block": carried.block,
    } | more
    if carried.written:
        writes, transactions = len(carried.written), len(carried.transactions)
        said = f"{done}: {writes} writes in {transactions} transactions, block {carried.block:,}"
    elif carried.before:
        said = "nothing to do: this record was carried out before"
    else:
        said = "nothing to do: the chain says so already"
    terminal.answer(told, said)


def with_options_of(shared: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the command takes its own options and then those of `shared`, which is called with both.

    `shared` gets the command's own function as its first argument, a dict of its own options as its second.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = inspect.signature(command, eval_str=True)
        theirs = inspect.signature(shared, eval_str=True)
        extra = list(theirs.parameters.values())[2:]

        def run(**given: Any) -> Any:
            mine = {name: given.pop(name) for name in own.parameters}
            return shared(command, mine, **given)

        parameters = [*own.parameters.values(), *extra]
        ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
        run.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in ordered}
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        return run

    return decorate
