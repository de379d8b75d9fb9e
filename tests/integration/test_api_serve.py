"""`yrdhub api serve` and `yrdhub relay run` as an operator starts them: real processes, a real port, one home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import OfficerOrder, typed_data
from hub.network.embedded import EmbeddedChain
from hub.network.supervisor import free_port
from tests.integration.api_world import DAY, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, constitution

YRDHUB = [sys.executable, "-c", "from hub.cli import main; main()"]


def yrdhub(home: Path, *arguments: str) -> Any:
    """One command with --json; what it answers."""
    command = [*YRDHUB, "--json", "--home", str(home), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent)}


@pytest.fixture
def officers() -> dict[int, LocalSigner]:
    return {member: LocalSigner.random() for member in (SHANGHAI, SUZHOU, HANGZHOU, HEFEI)}


@pytest.fixture
def home(tmp_path: Path, officers: dict[int, LocalSigner]) -> Iterator[Path]:
    """A home with a running chain, a deployment and an index."""
    with EmbeddedChain(tmp_path, port=0):
        file = tmp_path / "constitution.json"
        file.write_text(constitution(officers, LocalSigner.random()).model_dump_json())
        yrdhub(tmp_path, "deploy", str(file))
        yrdhub(tmp_path, "index", "follow")
        yield tmp_path


@pytest.fixture
def api(home: Path) -> Iterator[str]:
    """The API of that home as a process; ended by its own number, and it has to end."""
    port = free_port()
    command = [*YRDHUB, "--home", str(home), "api", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            give_up = time.monotonic() + 60
            while time.monotonic() < give_up and process.poll() is None:
                try:
                    httpx.get(f"{url}/healthz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def test_served__reads_relays_and_is_ready(api: str, home: Path, officers: dict[int, LocalSigner]) -> None:
    with httpx.Client(base_url=api, trust_env=False) as client:
        ready = client.get("/readyz")
        assert ready.status_code == 200, ready.text
        members = client.get("/v1/members").json()
        assert [member["member"] for member in members["items"]] == sorted(officers)
        assert client.get("/v1/members").headers.get("server") is None

        deployment = Deployment.load(home / "deployment.json")
        with Node(EmbeddedChain(home).status().rpc_url or "") as node:
            now = node.head().timestamp
        newcomer = LocalSigner.random().address
        order = OfficerOrder(HEFEI, newcomer, int(Role.AUDITOR), now + DAY, "0x" + "42" * 32, now + DAY)
        typed = typed_data(order, deployment.domain)
        signature = "0x" + sign_order(officers[HEFEI], order, deployment.domain).hex()
        sent = {"primary_type": typed["primaryType"], "message": typed["message"], "signatures": [signature]}
        place = client.post("/v1/orders", json=sent).headers["location"]
        assert yrdhub(home, "relay", "run", "--once") == {"carried_out": 1, "refused": 0, "waiting": 0}
        assert client.get(place).json()["status"]["code"] == "carried_out"
        etag = client.get("/v1/officers").headers["etag"]
        yrdhub(home, "index", "follow")
        answer = client.get("/v1/officers", params={"account": newcomer}, headers={"if-none-match": etag})
        assert answer.json()["items"][0]["member"] == HEFEI
