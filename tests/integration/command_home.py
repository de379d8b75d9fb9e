"""A home with a running chain, four founded cities and their keys: what tests of the writing commands work in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.bootstrap import OpenIndex, open_index
from hub.by_hand import ByHand
from hub.chain.connection import Node
from hub.chain.deployment import Deployment, deploy_once
from hub.chain.keys import LocalSigner
from hub.cli import run
from hub.demo.cities import City, Keys, constitution, open_keys, password_file
from hub.network.embedded import EmbeddedChain


@dataclass
class Home:
    """The home of all four cities at once; each command is given one city's password."""

    folder: Path
    chain: EmbeddedChain
    keys: Keys
    deployment: Deployment

    @contextmanager
    def index(self) -> Iterator[OpenIndex]:
        with (
            Node(self.chain.rpc_url, self.chain.chain_id) as node,
            open_index(node, self.deployment, f"sqlite:///{self.folder / 'hub.sqlite'}") as index,
        ):
            index.indexer.follow()
            yield index

    @contextmanager
    def desk(self, city: City, registry: str) -> Iterator[ByHand]:
        with self.index() as index:
            yield ByHand(index, self.keys[city.name, "registrar"], city.member, registry=registry, asset_key=b"k" * 32)


@contextmanager
def founded(folder: Path) -> Iterator[Home]:
    with EmbeddedChain(folder, port=0, save_interval=600) as chain:
        keys = open_keys(folder / "keys")
        with Node(chain.rpc_url, chain.chain_id) as node:
            deployment = deploy_once(folder / "deployment.json", node, LocalSigner.random(), constitution(keys))
        yield Home(folder, chain, keys, deployment)


class Commands:
    """Runs commands as one city or another, and reads their JSON."""

    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.delenv("YRDHUB_PASSWORD", raising=False)
        monkeypatch.delenv("YRDHUB_RPC_URL", raising=False)

    def __call__(self, city: City | None, *arguments: object, member: bool = True) -> Any:
        code, told = self.attempt(city, *arguments, member=member)
        assert code == 0, told
        return told

    def attempt(self, city: City | None, *arguments: object, member: bool = True) -> tuple[int, Any]:
        words = ["--home", str(self.home.folder), "--json", *map(str, arguments)]
        if city is not None:
            file = password_file(self.home.folder / "keys", city)
            self._monkeypatch.setenv("YRDHUB_PASSWORD_FILE", str(file))
            words += ["--member", str(city.member)] if member else []
        self._capsys.readouterr()
        code = run(words)
        said = self._capsys.readouterr().out
        return code, json.loads(said) if said else None
