"""Runs the stand-in platform as a child process, and makes acts for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.sandbox.process import SandboxNotRunning


@dataclass(slots=True)
class AntchainProcess:
    """The running platform: its endpoints, and what its operators can do."""

    endpoints: dict[str, Any]

    def settings(self, **more: Any) -> dict[str, Any]:
        """The configuration of a source on it."""
        return {
            "source": "antchain",
            "url": self.endpoints["face"],
            "access_key": self.endpoints["access_key"],
            "access_secret_file": self.endpoints["secret_file"],
            "offset_unit": "g",
            "scenarios": {
                "DEMO-METRO": {"title": "示例：轨道交通", "activity": {"DISTANCE": "km"}},
                "DEMO-BIKE": {"title": "示例：共享单车", "activity": {"DISTANCE": "km", "DURATION": "min"}},
            },
            "page_size": 10,
            "read_seconds": 2,
            "attempts": 3,
            "longest_wait": 0.2,
            **more,
        }

    def put(self, acts: Sequence[dict[str, Any]]) -> None:
        """Adds acts, or tells them differently."""
        self._ask("POST", "acts", list(acts))

    def fault(self, name: str, times: int | None = 1, **parameters: Any) -> None:
        """Switches a fault on."""
        self._ask("POST", "faults", {"fault": name, "times": times, "parameters": parameters})

    def clear_faults(self) -> None:
        """Switches every fault off."""
        self._ask("DELETE", "faults")

    def rotate_secret(self) -> None:
        """Replaces the access secret; the old one stops working at once."""
        self._ask("POST", "rotate")

    def _ask(self, method: str, path: str, body: Any = None) -> None:
        url = f"{self.endpoints['control']}/control/{path}"
        httpx.request(method, url, json=body, timeout=30, trust_env=False).raise_for_status()


@contextmanager
def running(home: Path, timeout: float = 30) -> Iterator[AntchainProcess]:
    """The platform as a process of its own while the context lasts. Raises SandboxNotRunning."""
    home.mkdir(parents=True, exist_ok=True)
    where, log = home / "endpoints.json", home / "sandbox.log"
    where.unlink(missing_ok=True)
    with log.open("ab") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "adapters.sandbox.antchain", "--home", str(home), "--with-parent"],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + timeout
        while not where.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise SandboxNotRunning(f"the platform did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield AntchainProcess(json.loads(where.read_text()))
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin:
            child.stdin.close()


def sample_act(number: int, time_of_act: str, *, scenario: str = "DEMO-METRO", **changes: Any) -> dict[str, Any]:
    """An invented act (示例) in the platform's wire."""
    return {
        "acquisition_item_no": f"DEMO-ITEM-{number:06d}",
        "project_no": "DEMO-PROJECT",
        "account_did": f"did:demo:person-{number % 7}",
        "occurrent_time": time_of_act,
        "scenario_code": scenario,
        "scenario_name": "示例场景",
        "platform_no": "Self",
        "active_datum": [
            {"item_code": "DISTANCE", "item_amount": "12.500000"},
            {"item_code": "START_STATION", "item_amount": "31.2304"},
        ],
        "offset_volume": "421.75",
        "carbon_energy": 42,
        **changes,
    }
