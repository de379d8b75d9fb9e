"""Fixtures of the contract tests: one deployment per session, its state put back after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.deployment import Deployment, deploy_all


@pytest.fixture(scope="session")
def founded() -> Deployment:
    """All six registers with the founding consortium. Do not write to it: ask for `hub`."""
    return deploy_all()


@pytest.fixture
def hub(founded: Deployment) -> Iterator[Deployment]:
    """The founding consortium, fresh: whatever the test does, time included, is undone after it."""
    undo = founded.chain.snapshot()
    yield founded
    undo()
