"""Fixtures of the tests that sync real registries over a real chain: one anvil a session, put back after every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.bootstrap import OpenIndex
from hub.chain.connection import Node
from hub.network.embedded import EmbeddedChain
from tests.integration.consortium import SHANGHAI, SUZHOU, City, Hub, found_hub, opened


@pytest.fixture(scope="session")
def shared_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChain]:
    """One anvil for the session. Tests that kill theirs start one of their own."""
    with EmbeddedChain(tmp_path_factory.mktemp("shared-chain"), port=0, keep_history=True, save_interval=600) as chain:
        yield chain


@pytest.fixture(scope="session")
def shared_hub(shared_chain: EmbeddedChain) -> Iterator[Hub]:
    """The registers, deployed once. Ask for `city_hub`, which is put back after the test."""
    with Node(shared_chain.rpc_url, shared_chain.chain_id) as node:
        yield found_hub(node)


@pytest.fixture
def city_hub(shared_hub: Hub) -> Iterator[Hub]:
    """The consortium as it was founded: whatever the test writes is undone after it."""
    snapshot = shared_hub.node.rpc.call("evm_snapshot")
    yield shared_hub
    assert shared_hub.node.rpc.call("evm_revert", snapshot)


@pytest.fixture
def index(city_hub: Hub, tmp_path: Path) -> Iterator[OpenIndex]:
    """An index of its own for the test."""
    with opened(city_hub, tmp_path) as index:
        yield index


@pytest.fixture
def city(city_hub: Hub, index: OpenIndex, tmp_path: Path) -> Callable[[int], City]:
    """Makes the sync of a member's registry."""
    return lambda member: City(city_hub, index, tmp_path / str(member), member)


@pytest.fixture
def shanghai(city: Callable[[int], City]) -> City:
    return city(SHANGHAI)


@pytest.fixture
def suzhou(city: Callable[[int], City]) -> City:
    return city(SUZHOU)
