"""`yrdhub relay`: sends the signed orders that the API took, by a key that needs no role."""

from __future__ import annotations

import signal
from threading import Event
from typing import Annotated

import typer

from hub.chain.keys import LocalSigner, Signer, find_keystore, open_keystore, parse_address
from hub.commands.open_node import keys_folder, open_deployment
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong
from hub.relay.outbox import Outbox
from hub.relay.sender import Relayer, run
from hub.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="Sends signed orders that the API took.")


@app.callback()
def _group() -> None:
    """Keeps `run` a command of its own."""


@app.command("run")
def run_relay(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Option(help="Address of the key that sends and pays [default: a new one, where gas is free]")
    ] = None,
    gas_price: Annotated[int, typer.Option(min=0, help="Wei per unit of gas")] = 0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks at the outbox")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One pass, then end")] = False,
) -> None:
    """Send what waits, until interrupted. The key can delay an order and nothing else."""
    terminal = Terminal.of(context)
    settings = terminal.settings
    engine = open_engine(settings.database_url)
    migrate(engine)
    node, _ = open_deployment(settings, gas_price=gas_price)
    with node:
        relayer = Relayer(Outbox(engine), node, _signer(terminal, key, gas_price))
        if once:
            passed = relayer.run_once()
            terminal.answer(
                {"carried_out": passed.carried_out, "refused": passed.refused, "waiting": passed.waiting},
                f"carried out {passed.carried_out}, refused {passed.refused}, waiting {passed.waiting}",
            )
            return
        asked_to_stop = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked_to_stop.set())
        terminal.note("relaying; interrupt to end")
        run(relayer, every=every, stop=asked_to_stop.is_set)


def _signer(terminal: Terminal, key: str | None, gas_price: int) -> Signer:
    if key is not None:
        keystore = find_keystore(keys_folder(terminal.settings), parse_address(key, "--key"))
        return open_keystore(keystore.file, terminal.settings.read_password(whose=keystore.address))
    if gas_price:
        raise ConfigurationWrong(
            "where gas has a price, a key with money relays", remedy="name it with --key", code="key_missing"
        )
    return LocalSigner.random()
