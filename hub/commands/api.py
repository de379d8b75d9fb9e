"""`yrdhub api`: the HTTP interface of this home."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.commands.open_node import deployment_file, node_url
from hub.db.engine import check_reachable, open_engine, open_reading_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong
from hub.settings import Settings
from hub.terminal import Terminal

app = typer.Typer(no_args_is_help=True, help="The HTTP interface: reads, documents, orders to relay.")


@app.callback()
def _group() -> None:
    """Keeps `serve` a command of its own."""


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Listen here [default: YRDHUB_API_HOST, 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="[default: YRDHUB_API_PORT, 8700]")] = None,
) -> None:
    """Serve the API until interrupted. It reads the index's database and signs nothing."""
    import uvicorn

    terminal = Terminal.of(context)
    settings = terminal.settings
    hub = open_hub(settings)
    address = f"http://{host or settings.api_host}:{port or settings.api_port}"
    terminal.note(f"the API answers at {address}/v1/ (OpenAPI at {address}/v1/openapi.json)")
    uvicorn.run(
        create_app(hub),
        host=host or settings.api_host,
        port=port or settings.api_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        limit_concurrency=200,
    )


def open_hub(settings: Settings) -> Hub:
    """The hub of a home: its database, migrated; its deployment; and its node, if it runs now.

    Raises ConfigurationWrong when there is no deployment or the database cannot be opened.
    """
    deployment = Deployment.load(deployment_file(settings))
    writing = open_engine(settings.database_url)
    check_reachable(writing)
    migrate(writing)
    return Hub(open_reading_engine(settings.database_url), writing, deployment, _node(settings, deployment))


def _node(settings: Settings, deployment: Deployment) -> Node | None:
    try:
        # a page waits for the node at most this long before it says that it is away
        return Node(node_url(settings), deployment.chain_id, timeout=5.0)
    except ConfigurationWrong:
        return None
