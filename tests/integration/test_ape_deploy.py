"""scripts/deploy.py under ape makes the same hub as `yrdhub deploy`, on a chain that ape did not start."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hub.chain.connection import Node
from hub.chain.deployment import Deployment, verify
from hub.chain.keys import LocalSigner
from hub.network.embedded import EmbeddedChain
from tests.integration.test_chain_client import SHANGHAI, founding

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / ".venv-tools" / "bin"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (TOOLS / "ape").exists(), reason="ape is not installed: make setup-tools"),
]


def run_ape(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    return subprocess.run(
        [TOOLS / "ape", "run", "deploy", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_ape_script__deploys_a_hub_that_verifies(tmp_path: Path) -> None:
    constitution, out = tmp_path / "constitution.json", tmp_path / "deployment.json"
    constitution.write_text(json.dumps(founding({SHANGHAI: LocalSigner.random()})), encoding="utf-8")
    with EmbeddedChain(tmp_path / "home", port=0) as chain:
        told = run_ape(*(str(constitution), "--out", str(out), "--network", chain.rpc_url), home=tmp_path)
        assert told.returncode == 0, told.stdout + told.stderr
        with Node(chain.rpc_url, chain.chain_id) as node:
            verify(node, Deployment.load(out))
    assert "CreditLedger" in told.stdout
