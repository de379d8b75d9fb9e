"""`yrdhub deploy`: create the registers on the chain, once, by a constitution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hub.chain.constitution import TRIAL_MEMBERS, Constitution
from hub.chain.deployment import Deployment, deploy_once, verify
from hub.chain.keys import (
    LocalSigner,
    Signer,
    checksum_address,
    find_keystore,
    list_keystores,
    open_keystore,
    parse_address,
)
from hub.commands.open_node import deployment_file, keys_folder, open_deployment, open_node
from hub.errors import ConfigurationWrong
from hub.network.embedded import EmbeddedChain
from hub.terminal import Terminal

app = typer.Typer(help="Create the registers on the chain, once, by a constitution.")


@app.command()
def deploy(
    context: typer.Context,
    constitution: Annotated[
        Path | None, typer.Argument(help="JSON file: founding members, officers, rules", dir_okay=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Address of the key that pays for gas [default: a new one, thrown away afterwards]"),
    ] = None,
    gas_price: Annotated[int, typer.Option(min=0, help="Wei per unit of gas")] = 0,
    example: Annotated[
        bool, typer.Option("--example", help="Deploy nothing: print an illustrative constitution to begin from")
    ] = False,
    trial: Annotated[
        bool,
        typer.Option(
            "--trial", help="With --example: one that works, with this home's first two keys and rules for an afternoon"
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Deploy nothing: compare what stands on the chain with this version")
    ] = False,
) -> None:
    """Create the registers on the chain of this home and keep their addresses. The deploying key gets no power."""
    terminal = Terminal.of(context)
    if trial and not example:
        raise typer.BadParameter("goes with --example", param_hint="--trial")
    if example:
        shown = _trial(terminal) if trial else Constitution.example()
        if not trial:
            terminal.note("illustrative: replace members, accounts and rules by your own")
        terminal.as_json = True
        terminal.answer(shown.model_dump(mode="json"))
        return
    if check:
        node, found = open_deployment(terminal.settings)
        with node:
            verify(node, found)
        terminal.note("every register on the chain is the code of this version")
        terminal.answer(found.to_json(), _table(found))
        return
    if constitution is None:
        raise ConfigurationWrong(
            "a deployment needs a constitution",
            remedy="yrdhub deploy --example > constitution.json, make it yours, yrdhub deploy constitution.json",
            code="constitution_missing",
        )
    founding = Constitution.load(constitution)
    signer = _signer(terminal, key, gas_price)
    terminal.note(f"constitution {founding.digest()}")
    with open_node(terminal.settings, gas_price=gas_price) as node, terminal.progress() as progress:
        task = progress.add_task("deploying", total=None)

        def show(step: str, done: int, total: int) -> None:
            progress.update(task, description=f"creating {step}", completed=done, total=total)

        deployment = deploy_once(deployment_file(terminal.settings), node, signer, founding, show)
    if terminal.settings.rpc_url is None:
        # a kill costs the embedded chain its last seconds; never those in which the hub was founded
        EmbeddedChain(terminal.settings.home).save()
    terminal.answer(deployment.to_json(), _table(deployment))


def _trial(terminal: Terminal) -> Constitution:
    """Two founding members with the first two keys of this home; the others stay free, for who is to be admitted."""
    found = [checksum_address(one.address) for one in list_keystores(keys_folder(terminal.settings))]
    if len(found) < len(TRIAL_MEMBERS):
        raise ConfigurationWrong(
            f"a trial is founded by {len(TRIAL_MEMBERS)} members with a key each, and this home has {len(found)}",
            where=str(keys_folder(terminal.settings)),
            remedy="yrdhub keys new --count 3: two for the founders, one for the city that you connect",
            code="key_missing",
        )
    for member, account in zip(TRIAL_MEMBERS, found, strict=False):
        terminal.note(f"{account}: voter and registrar of {member}")
    for account in found[len(TRIAL_MEMBERS) :]:
        terminal.note(f"{account}: nobody's yet; a ballot can admit a member with it")
    return Constitution.trial(found[: len(TRIAL_MEMBERS)])


def _signer(terminal: Terminal, key: str | None, gas_price: int) -> Signer:
    if key is not None:
        keystore = find_keystore(keys_folder(terminal.settings), parse_address(key, "--key"))
        return open_keystore(keystore.file, terminal.settings.read_password(whose=keystore.address))
    if gas_price:
        raise ConfigurationWrong(
            "where gas has a price, a key with money deploys", remedy="name it with --key", code="key_missing"
        )
    return LocalSigner.random()


def _table(deployment: Deployment) -> Table:
    table = Table("register", "address", box=None, pad_edge=False)
    for name, address in deployment.addresses.items():
        table.add_row(name, checksum_address(address))
    table.caption = f"chain {deployment.chain_id}, from block {deployment.first_block}"
    return table
