"""`yrdhub keys`: the keystores of this home."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import typer
from rich.table import Table

from hub.chain.enums import Role
from hub.chain.keys import (
    Keystore,
    Strength,
    checksum_address,
    create_keystore,
    find_keystore,
    list_keystores,
    open_keystore,
    parse_address,
)
from hub.commands.open_node import deployment_file, keys_folder, open_deployment
from hub.commands.sync_settings import asset_key, asset_key_file, fingerprint, new_asset_key
from hub.terminal import Terminal

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of officers, kept as encrypted files. Their password comes from YRDHUB_PASSWORD_FILE.",
)

_SHANGHAI = timezone(timedelta(hours=8))


@app.command()
def new(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many")] = 1,
    light: Annotated[
        bool, typer.Option("--light", help="Weak and quick key derivation: for tests and sandboxes only")
    ] = False,
) -> None:
    """Make a new key. Have its address voted, or set by one of your voters, as an officer."""
    terminal = Terminal.of(context)
    password = terminal.settings.read_password(whose="the new key")
    strength = Strength.LIGHT if light else Strength.STANDARD
    made = [create_keystore(keys_folder(terminal.settings), password, strength) for _ in range(count)]
    terminal.answer([_told(keystore) for keystore in made], _table(made))
    terminal.note("back up the files and the password apart from each other: nobody can make either again")


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """List the keys of this home."""
    terminal = Terminal.of(context)
    found = list_keystores(keys_folder(terminal.settings))
    shown = _table(found) if found else f"no keys in {keys_folder(terminal.settings)}; make one: yrdhub keys new"
    terminal.answer([_told(keystore) for keystore in found], shown)


@app.command()
def show(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The key's address")],
    unlock: Annotated[bool, typer.Option("--unlock", help="Try whether the password opens it")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the chain whom it serves")] = False,
) -> None:
    """Show a key: its file, how it is protected, and on a deployed hub whom it serves. Never the private key."""
    terminal = Terminal.of(context)
    keystore = find_keystore(keys_folder(terminal.settings), parse_address(address))
    told = _told(keystore) | _protection(keystore)
    if unlock:
        open_keystore(keystore.file, terminal.settings.read_password(whose=keystore.address))
        told["password_opens_it"] = True
    if not offline and deployment_file(terminal.settings).exists():
        told["officer"] = _officer(terminal, keystore.address)
    table = Table.grid(padding=(0, 2))
    for label, value in told.items():
        table.add_row(f"[dim]{label.replace('_', ' ')}[/dim]", _shown(value))
    terminal.answer(told, table)


@app.command()
def asset(
    context: typer.Context,
    new: Annotated[bool, typer.Option("--new", help="Make one: where no member of the consortium has one yet")] = False,
) -> None:
    """Show whether this home has the consortium's asset key, and its fingerprint: equal at every member, or meters do
    not compare. The key itself is handed from member to member, and never shown."""
    terminal = Terminal.of(context)
    if new:
        new_asset_key(terminal.settings)
    file, key = asset_key_file(terminal.settings), asset_key(terminal.settings)
    told = {"file": str(file), "fingerprint": None if key is None else fingerprint(key)}
    if key is None:
        missing = f"no asset key: copy another member's to {file} (64 hex digits, chmod 600); "
        terminal.answer(told, f"{missing}the first member makes it with `yrdhub keys asset --new`")
        return
    terminal.answer(told, f"asset key {told['fingerprint']} in {file}")
    if new:
        terminal.note("hand the file to every other member by a safe way: all use the same one")


def _told(keystore: Keystore) -> dict[str, Any]:
    return {"address": checksum_address(keystore.address), "file": str(keystore.file)}


def _protection(keystore: Keystore) -> dict[str, Any]:
    crypto = json.loads(keystore.file.read_text(encoding="utf-8"))["crypto"]
    mode = stat.S_IMODE(keystore.file.stat().st_mode)
    return {
        "key_derivation": crypto.get("kdf"),
        "work_factor": crypto.get("kdfparams", {}).get("n") or crypto.get("kdfparams", {}).get("c"),
        "file_mode": oct(mode),
        "readable_by_others": bool(mode & (stat.S_IRGRP | stat.S_IROTH)),
    }


def _officer(terminal: Terminal, address: str) -> dict[str, Any] | None:
    node, deployment = open_deployment(terminal.settings)
    with node:
        found = deployment.read(node, "Consortium", "getOfficer", [address])
    if not found["member"]:
        return None
    return {
        "member": found["member"],
        "roles": [str(role.name).lower() for role in Role if role & found["roles"]],
        "valid_until": datetime.fromtimestamp(found["validUntil"], UTC).astimezone(_SHANGHAI).isoformat(),
    }


def _shown(value: Any) -> str:
    if value is None:
        return "nobody"
    if isinstance(value, dict):
        return f"member {value['member']} as {', '.join(value['roles'])} until {value['valid_until']}"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _table(keystores: list[Keystore]) -> Table:
    table = Table("address", "file", box=None, pad_edge=False)
    for keystore in keystores:
        table.add_row(checksum_address(keystore.address), str(keystore.file), style=None)
    return table
