"""`yrdhub sync run --watch` as a process: its figures, a hint that wakes it, a key that is replaced."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.hints import new_secret
from hub.chain.codec import encode_call
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, Strength, create_keystore, sign_order
from hub.chain.orders import OfficerOrder
from hub.chain.sending import send
from hub.demo.cities import SHANGHAI, SUZHOU, password_file
from hub.demo.samples import methodology, projects
from hub.demo.world import World, open_world
from tests.integration.command_home import Commands, Home

pytestmark = pytest.mark.slow

YRDHUB = [sys.executable, "-c", "from hub.cli import main; main()"]
QUIET = 600
"""Seconds between passes that no test waits for: what comes sooner was called by a hint."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("watched"), cities=(SHANGHAI, SUZHOU)) as world:
        yield world


@pytest.fixture
def yrdhub(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(Home(world.home, world.chain, world.keys, world.deployment), capsys, monkeypatch)


class Watching:
    """A running `sync run --watch` and what it said."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        self.process = process
        self._said = said

    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def address(self, after: str) -> str:
        found = until(lambda: re.search(rf"{after} (http://\S+)", self.said()))
        return str(found[1])


def until(found: Callable[[], Any], seconds: float = 40) -> Any:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not come")


@contextmanager
def watching(world: World, folder: Path, *options: str) -> Iterator[Watching]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDHUB_")}
    environment["YRDHUB_PASSWORD_FILE"] = str(password_file(world.home / "keys", SHANGHAI))
    said = folder / "said.txt"
    command = [*YRDHUB, "--home", str(world.home), "sync", "run", "shanghai", "--watch", *options]
    with said.open("w") as stream, subprocess.Popen(command, env=environment, stderr=stream, text=True) as process:
        try:
            yield Watching(process, said)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert process.returncode == 0, said.read_text()


def officer(world: World, account: str, roles: Role) -> None:
    """Shanghai changes one of its officers."""
    node, deployment = world.node, world.deployment
    voter = world.keys[SHANGHAI.name, "voter"]
    now = node.head().timestamp
    order = OfficerOrder(SHANGHAI.member, account, int(roles), now + 10**8, "0x" + secrets.token_hex(32), now + 600)
    call = encode_call("Consortium", "setOfficer", [order, sign_order(voter, order, deployment.domain)])
    send(LocalSigner.random(), node, deployment.address("Consortium"), call)


def test_watched__figures_of_its_own__a_hint_calls_the_next_pass(
    world: World, yrdhub: Commands, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(new_secret(secrets.token_bytes(32)))
    secret.chmod(0o600)
    registry = world.registries["shanghai"]
    ports = ("--metrics-port", "0", "--hints-port", "0", "--hint-secret", str(secret), "--every", str(QUIET))
    with watching(world, tmp_path, *ports) as watched:
        face = watched.address("figures at").removesuffix("/metrics")
        until(lambda: httpx.get(f"{face}/readyz").status_code == 200)
        assert httpx.get(f"{face}/healthz").json() == {"status": "alive"}
        figures = httpx.get(f"{face}/metrics").text
        assert re.search(r"yrdhub_sync_reachable\{.*\} 1\.0", figures)
        registry.operate("send-hints", url=watched.address("hints are taken at"), secret=secret.read_text())
        registry.operate("file-methodology", **methodology(SHANGHAI))
        until(lambda: "1 records read, 1 writes final" in watched.said())
        code, refused = yrdhub.attempt(SHANGHAI, "sync", "run", "shanghai", "--metrics-port", "0", member=False)
        assert code == 2
        assert refused is None
    registry.operate("send-hints", url="")
    status = {one["registry"]: one for one in yrdhub(None, "sync", "status")}
    assert status["shanghai"]["last_success"]
    assert (status["suzhou"]["last_attempt"], status["suzhou"]["last_success"]) == (None, None)


def test_key_replaced_while_it_watches__waits_and_says_why__goes_on_with_the_new_key(
    world: World, yrdhub: Commands, tmp_path: Path
) -> None:
    registry = world.registries["shanghai"]
    folder = world.home / "keys" / SHANGHAI.name
    old = world.keys[SHANGHAI.name, "registrar"].address
    store = create_keystore(tmp_path, (folder / "password").read_text().strip(), Strength.LIGHT)
    with watching(world, tmp_path, "--every", "0.5") as watched:
        until(lambda: "syncing shanghai" in watched.said())
        officer(world, store.address, Role.REGISTRAR)
        officer(world, old, Role(0))
        registry.operate("register-project", **projects(SHANGHAI)[0])
        until(lambda: "no key of this home could sign" in watched.said().replace("\n", " "))
        until(lambda: "no key of this home" in str(yrdhub(None, "sync", "status", "shanghai")["last_trouble"]))
        shutil.copy(store.file, folder / "registrar" / store.file.name)
        until(lambda: "that has gone" in watched.said())
        until(lambda: yrdhub(None, "registry", "list"))
    assert world.node.nonce(store.address, pending=False) >= 1
    assert yrdhub(None, "sync", "status", "shanghai")["last_trouble"] is None


def test_resign__gives_up_an_office__not_the_last_voters(world: World, yrdhub: Commands) -> None:
    folder = world.home / "keys" / SHANGHAI.name
    store = create_keystore(folder / "auditor", (folder / "password").read_text().strip(), Strength.LIGHT)
    officer(world, store.address, Role.AUDITOR)
    told = yrdhub(SHANGHAI, "member", "resign", store.address, member=False)
    assert (told["member"], told["gave_up"]) == (SHANGHAI.member, ["auditor"])
    code, refused = yrdhub.attempt(SHANGHAI, "member", "resign", store.address, member=False)
    assert (code, refused["chain_error"]) == (65, "OfficerInvalid")
    voter = world.keys[SHANGHAI.name, "voter"].address
    code, refused = yrdhub.attempt(SHANGHAI, "member", "resign", voter, member=False)
    assert (code, refused["chain_error"]) == (65, "LastVoter")
