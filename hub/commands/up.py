"""`yrdhub up`: the demo's world, running: chain, registries, syncs, relay and API, until interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
from rich.markup import escape

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.chain.connection import Node
from hub.chain.keys import LocalSigner
from hub.commands.demo import demo_home, explore_on, quiet_logs, told
from hub.db.engine import open_engine, open_reading_engine
from hub.demo.world import Registry, World, is_told, open_world, remove_world
from hub.errors import ConfigurationWrong, RetryLater
from hub.network.supervisor import is_free
from hub.relay.outbox import Outbox
from hub.relay.sender import Relayer
from hub.terminal import Terminal

app = typer.Typer(add_completion=False, help="The demo's world, running, with the API, until interrupted.")

_API_STARTS_WITHIN = 20.0


@app.command()
def up(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the API (default: YRDHUB_API_PORT, 8700)")
    ] = None,
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between looks at the registries")] = 2.0,
) -> None:
    """Run the demo's world until Ctrl-C; where there is none yet, tell its story first."""
    terminal = Terminal.of(context)
    quiet_logs(terminal)
    home = demo_home(terminal)
    host, port = terminal.settings.api_host, port or terminal.settings.api_port
    if not is_free(port):
        raise ConfigurationWrong(
            f"port {port} is taken",
            what=port,
            remedy="name another with --port, or end what listens there",
            code="port_taken",
        )
    fresh = not is_told(home)
    if fresh:
        remove_world(home)
    stop = threading.Event()
    with open_world(home, terminal.note) as world:
        steps = told(terminal, world) if fresh else []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with _serving(world, host, port):
            address = f"http://{host}:{port}"
            answer = {
                "api": f"{address}/v1/",
                "openapi": f"{address}/v1/openapi.json",
                "chain": world.chain.rpc_url,
                "registries": {name: one.process.control_url for name, one in world.registries.items()},
                "reached_at": {name: one.process.configuration() for name, one in world.registries.items()},
                "home": str(home),
                "agrees": all(step["agrees"] for step in steps),
            }
            terminal.answer(
                answer,
                f"\n[bold]running[/bold]: API {address}/v1/ (OpenAPI {address}/v1/openapi.json)",
                f"  chain {world.chain.rpc_url}",
                *(line for one in world.registries.values() for line in _registry_lines(one)),
                *(escape(line) for line in explore_on(home)[:-2]),
                "Ctrl-C ends it all, saved",
            )
            _watch(terminal, world, every, stop)
    terminal.note("stopped, and saved")


def _registry_lines(registry: Registry) -> list[str]:
    reached = next(iter(registry.process.configuration().values()))
    return [
        f"  {registry.city.title}'s registry, {registry.city.speaks}: {escape(reached)}",
        f"    for its own staff: {registry.process.control_url}/control/...",
    ]


@contextmanager
def _serving(world: World, host: str, port: int) -> Iterator[None]:
    """The API in a thread of this process: it reads the index's database and signs nothing."""
    url = f"sqlite:///{world.home / 'hub.sqlite'}"
    reading, writing = open_reading_engine(url), open_engine(url)
    node = Node(world.chain.rpc_url, world.deployment.chain_id, timeout=5.0)
    hub = Hub(reading, writing, world.deployment, node)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(hub), host=host, port=port, log_level="warning", access_log=False, server_header=False
        )
    )
    thread = threading.Thread(target=server.run, name="api", daemon=True)
    thread.start()
    try:
        give_up = time.monotonic() + _API_STARTS_WITHIN
        while not server.started:
            if not thread.is_alive() or time.monotonic() > give_up:
                raise RetryLater("the API did not start", where=f"http://{host}:{port}", code="api_not_started")
            time.sleep(0.05)
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        node.close()
        reading.dispose()
        writing.dispose()


def _watch(terminal: Terminal, world: World, every: float, stop: threading.Event) -> None:
    """Follows the chain, relays orders and syncs the registries, until told to stop."""
    writing = open_engine(f"sqlite:///{world.home / 'hub.sqlite'}")
    # signs nothing but the envelope: whoever relays needs no role
    relayer = Relayer(Outbox(writing), world.node, LocalSigner.random())
    waiting: dict[str, int] = {}
    try:
        while not stop.wait(every):
            try:
                passed = relayer.run_once()
                if passed.carried_out or passed.refused:
                    terminal.note(f"relayed: {passed.carried_out} carried out, {passed.refused} refused")
                world.index.indexer.follow()
            except RetryLater as trouble:
                terminal.note(f"[yellow]{escape(str(trouble))}[/yellow]")
                continue
            for name, registry in world.registries.items():
                try:
                    report = registry.sync.run_once()
                except (RetryLater, ConfigurationWrong) as trouble:
                    terminal.note(f"[yellow]{name}: {escape(str(trouble))}[/yellow]")
                    continue
                if report.read or report.written or report.told:
                    terminal.note(f"{name}: {report.read} read, {report.written} written, {report.told} told")
                listed = len(registry.journal.todo())
                if listed != waiting.get(name, 0):
                    terminal.note(f"{name}: {listed} things wait for a clerk (yrdhub sync todo {name})")
                waiting[name] = listed
    finally:
        writing.dispose()
