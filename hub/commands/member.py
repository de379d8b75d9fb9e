"""`yrdhub member`: who the members are, whose keys speak for them, and a member's own changes to that."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import select

from hub.ballot_actions import moment
from hub.bootstrap import OpenIndex
from hub.chain.codec import encode_call
from hub.chain.enums import MemberKind, Role, in_words
from hub.chain.keys import checksum_address, find_keystore, open_keystore, parse_address
from hub.chain.orders import LeaveOrder, OfficerOrder
from hub.chain.sending import send
from hub.commands.acting import Hub, Key, Member, Out, Show, order_by_voter, reading, seconds, writing
from hub.commands.open_node import keys_folder
from hub.commands.words import day, word
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import Row, find
from hub.terminal import Terminal

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Members and their officers.")
officers = typer.Typer(add_completion=False, no_args_is_help=True, help="The keys that speak for a member.")
app.add_typer(officers, name="officers")

Lifetime = Annotated[str, typer.Option("--good-for", help="How long the order may be carried out: 90s, 12h, 7d")]


@app.command("list")
def list_members(context: typer.Context) -> None:
    """List all members, those that left included."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        rows = [dict(row) for row in connection.execute(select(t.members).order_by(t.members.c.member)).mappings()]
        keys = [dict(row) for row in connection.execute(select(t.officers)).mappings()]
    table = Table("member", "kind", "parent", "joined", "left", "voters", "registrars", box=None, pad_edge=False)
    told = []
    for row in rows:
        mine = [one for one in keys if one["member"] == row["member"] and one["valid_until"] > time.time()]
        counts = {role: sum(1 for one in mine if one["roles"] & role) for role in (Role.VOTER, Role.REGISTRAR)}
        told.append(_told(row) | {"voters": counts[Role.VOTER], "registrars": counts[Role.REGISTRAR]})
        left = moment(row["left_at"]) if row["left_at"] else ""
        table.add_row(
            str(row["member"]),
            in_words(MemberKind, row["kind"]),
            str(row["parent"] or ""),
            moment(row["joined_at"]),
            left,
            *(str(count) for count in counts.values()),
        )
    terminal.answer(told, table)


@app.command()
def show(
    context: typer.Context, code: Annotated[int, typer.Argument(help="GB/T 2260 code or programme number")]
) -> None:
    """Show a member and its officers."""
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        row = find(connection, t.members, code)
        if row is None:
            raise RecordRefused(
                f"nobody is a member under {code}",
                code="member_unknown",
                field="CODE",
                value=code,
                remedy="see `yrdhub member list`",
            )
        query = select(t.officers).where(t.officers.c.member == code).order_by(t.officers.c.account)
        keys = [dict(one) for one in connection.execute(query).mappings()]
    told = _told(row) | {
        "officers": [
            {
                "address": checksum_address(one["account"]),
                "roles": _roles(one["roles"]),
                "until": moment(one["valid_until"]),
            }
            for one in keys
        ]
    }
    table = Table("officer", "roles", "until", box=None, pad_edge=False)
    for one in told["officers"]:
        table.add_row(one["address"], ", ".join(one["roles"]), one["until"])
    left = f", left {told['left']}" if told["left"] else ""
    terminal.answer(told, f"member {code}, {told['kind']}, joined {told['joined']}{left}", table)


@officers.command("set")
def set_officer(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The key's address")],
    role: Annotated[
        list[str],
        typer.Option("--role", help="voter, registrar, ets_authority, auditor, financial_institution; repeat"),
    ],
    until: Annotated[str, typer.Option("--until", help="Day (UTC+8) at which the key stops")],
    member: Member = None,
    key: Key = None,
    good_for: Lifetime = "1d",
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Make a key an officer of your member, or change what it may do, by one of your voters."""
    roles = Role(0)
    for one in role:
        roles |= word(Role, one, "--role")
    account, valid_until = parse_address(address), day(until, "--until")
    _order_officer(context, account, roles, valid_until, good_for, member, key, out, hub, show)


@officers.command("remove")
def remove_officer(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The key's address")],
    member: Member = None,
    key: Key = None,
    good_for: Lifetime = "1d",
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Take a key's roles away. Your member's last voter stays."""
    _order_officer(context, parse_address(address), Role(0), 0, good_for, member, key, out, hub, show)


@app.command()
def resign(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Address of your own key, typed out: its office ends at once")],
) -> None:
    """Give up your own key's office, which a member may have given it unasked. A member's last voter stays."""
    terminal = Terminal.of(context)
    account = parse_address(address)
    with writing(terminal) as index:
        keystore = find_keystore(keys_folder(terminal.settings), account)
        office = index.deployment.read(index.node, "Consortium", "getOfficer", [account])
        signer = open_keystore(keystore.file, terminal.settings.read_password(whose=checksum_address(account)))
        data = encode_call("Consortium", "resign", [])
        receipt = send(signer, index.node, index.deployment.address("Consortium"), data)
        index.indexer.follow()
    told = {
        "officer": checksum_address(account),
        "member": office["member"],
        "gave_up": _roles(office["roles"]),
        "transaction": receipt.tx_hash,
        "block": receipt.block_number,
    }
    gave_up = " and ".join(told["gave_up"])
    terminal.answer(told, f"{told['officer']} is no longer {gave_up} of member {office['member']}")


@app.command()
def leave(
    context: typer.Context,
    code: Annotated[
        int, typer.Argument(help="Your member's code, typed out: leaving is final until a ballot admits you")
    ],
    key: Key = None,
    good_for: Lifetime = "1d",
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Leave the consortium: your keys stop, your credits elsewhere keep their terms, nothing new enters."""

    def order(_: OpenIndex, acting_for: int) -> LeaveOrder:
        return LeaveOrder(acting_for, _fresh(), _deadline(good_for))

    order_by_voter(
        Terminal.of(context), order, member=code, key=key, out=out, hub=hub, show=show, done=f"member {code} has left"
    )


def _order_officer(
    context: typer.Context,
    account: str,
    roles: Role,
    valid_until: int,
    good_for: str,
    member: Any,
    key: Any,
    out: Any,
    hub: Any,
    show: bool,
) -> None:
    def order(_: OpenIndex, acting_for: int) -> OfficerOrder:
        return OfficerOrder(acting_for, account, int(roles), valid_until, _fresh(), _deadline(good_for))

    what = f"{checksum_address(account)} is {' and '.join(_roles(int(roles))) or 'no officer any more'}"
    order_by_voter(Terminal.of(context), order, member=member, key=key, out=out, hub=hub, show=show, done=what)


def _told(row: Row) -> dict[str, Any]:
    return {
        "member": row["member"],
        "kind": in_words(MemberKind, row["kind"]),
        "parent": row["parent"] or None,
        "joined": moment(row["joined_at"]),
        "left": moment(row["left_at"]) if row["left_at"] else None,
    }


def _roles(bits: int) -> list[str]:
    return [(role.name or "").lower() for role in Role if role & bits]


def _fresh() -> str:
    return "0x" + secrets.token_hex(32)


def _deadline(good_for: str) -> int:
    return int(time.time()) + seconds(good_for, "--good-for")
