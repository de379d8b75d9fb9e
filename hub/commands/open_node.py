"""The node and the deployment that a command of this home works with."""

from __future__ import annotations

from pathlib import Path

from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.errors import ConfigurationWrong
from hub.network.embedded import EmbeddedChain
from hub.settings import Settings


def deployment_file(settings: Settings) -> Path:
    """Where this home keeps what was deployed."""
    return settings.home / "deployment.json"


def keys_folder(settings: Settings) -> Path:
    """Where this home keeps its keystores."""
    return settings.home / "keys"


def node_url(settings: Settings) -> str:
    """YRDHUB_RPC_URL, else the embedded chain's address. Raises ConfigurationWrong when that does not run."""
    url = settings.rpc_url or EmbeddedChain(settings.home).status().rpc_url
    if url is None:
        raise ConfigurationWrong(
            "no chain is running for this home",
            where=str(settings.home),
            remedy="yrdhub chain start, or set YRDHUB_RPC_URL to the endpoint of a node",
            code="chain_not_running",
        )
    return url


def open_node(settings: Settings, *, gas_price: int = 0) -> Node:
    """The node, whichever chain it serves. Close it, or use it as a context manager."""
    return Node(node_url(settings), gas_price=gas_price)


def open_deployment(settings: Settings, *, gas_price: int = 0) -> tuple[Node, Deployment]:
    """The node and this home's deployment, checked to belong together.

    Raises ConfigurationWrong when there is none, StopAndTell when the node serves another chain.
    """
    deployment = Deployment.load(deployment_file(settings))
    node = Node(node_url(settings), deployment.chain_id, gas_price=gas_price)
    try:
        deployment.check(node)
    except BaseException:
        node.close()
        raise
    return node, deployment
