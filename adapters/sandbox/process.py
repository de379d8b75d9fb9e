"""Runs a sandbox registry as a child process, for the demo and for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx

from adapters.sandbox.errors import RegistryRefusal


class SandboxNotRunning(RuntimeError):
    """The sandbox process did not come up, or is gone; the message carries the end of its log."""


class SandboxProcess:
    """One sandbox registry: a process with its own database under `home`, ended by its own process id.

    Started with a pipe to its standard input, so that it ends when this process does, even by a kill.
    """

    def __init__(
        self,
        city: Literal["shanghai", "suzhou", "hangzhou", "hefei"],
        home: Path,
        *,
        folder: Path | None = None,
        samples: bool = True,
        port: int = 0,
        control_port: int = 0,
        options: tuple[str, ...] = (),
    ) -> None:
        self.city = city
        self.home = home
        self.folder = folder or home / "exchange"
        self.samples = samples
        self.port = port
        self.control_port = control_port
        self.options = options
        self.child: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        self.endpoints: dict[str, Any] = {}

    @property
    def log(self) -> Path:
        """Where the process writes what it has to say."""
        return self.home / "sandbox.log"

    @property
    def url(self) -> str:
        """Address of the REST face (Shanghai)."""
        return str(self.endpoints["face"])

    @property
    def token_file(self) -> Path:
        """File with the REST face's bearer token (Shanghai)."""
        return Path(self.endpoints["token_file"])

    @property
    def workbook(self) -> Path:
        """The file that people edit (Hefei)."""
        return Path(self.endpoints["workbook"])

    def configuration(self) -> dict[str, str]:
        """How an adapter reaches this registry: the settings of its configuration file that depend on the place."""
        match self.city:
            case "shanghai":
                return {"url": self.url, "token_file": str(self.token_file)}
            case "hangzhou":
                return {"url": str(self.endpoints["database"]), "password_file": str(self.endpoints["password_file"])}
            case "hefei":
                return {"workbook": str(self.workbook)}
            case _:
                return {"folder": str(self.folder)}

    @property
    def control_url(self) -> str:
        """Address of the operators' interface."""
        return str(self.endpoints["control"])

    def start(self, timeout: float = 30) -> SandboxProcess:
        """Start and wait until healthy. Raises SandboxNotRunning."""
        self.home.mkdir(parents=True, exist_ok=True)
        where = self.home / "endpoints.json"
        where.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            f"adapters.sandbox.{self.city}",
            "--home",
            str(self.home),
            "--with-parent",
        ]
        command += ["--control-port", str(self.control_port)]
        serves_a_port = self.city in ("shanghai", "hangzhou")
        command += ["--port", str(self.port)] if serves_a_port else ["--folder", str(self.folder)]
        command += ["--samples"] if self.samples else []
        # The project's root is on the path of `-m` only when it is the working folder.
        root = Path(__file__).resolve().parents[2]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*command, *self.options],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                break
            if where.exists():
                self.endpoints = json.loads(where.read_text())
                if self._request("GET", "health").status_code == 200:
                    return self
            time.sleep(0.05)
        self.stop()
        raise SandboxNotRunning(f"sandbox {self.city} did not start: {self._log_end()}")

    def stop(self, timeout: float = 10) -> None:
        """Stop the child by its own id; does nothing when it is not running."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        child, self.child = self.child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdin:
            child.stdin.close()

    def kill(self) -> None:
        """End the child at once, as a power cut would."""
        if self.child is not None:
            self.child.kill()
        self.stop()

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- the operators' interface

    def control(self, operation: str, **fields: Any) -> Any:
        """Perform an operation. Raises RegistryRefusal as the registry refused it."""
        return self._answer(self._request("POST", operation, json=fields))

    def state(self) -> dict[str, Any]:
        """Counts, balances, and whether the books add up."""
        return dict(self._answer(self._request("GET", "state")))

    def holdings(self) -> dict[str, Any]:
        """Who holds what: balances and every serial range."""
        return dict(self._answer(self._request("GET", "holdings")))

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Current records of a kind, in order of last change."""
        return list(self._answer(self._request("GET", f"records/{kind}")))

    def fault(self, name: str, times: int | None = 1, **parameters: Any) -> None:
        """Switch a fault on, for a number of times or (None) until cleared."""
        self._answer(self._request("POST", "faults", json={"fault": name, "times": times, "parameters": parameters}))

    def clear_faults(self) -> None:
        """Switch every fault off."""
        self._answer(self._request("DELETE", "faults"))

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        if self._client is None:
            self._client = httpx.Client(timeout=30, trust_env=False)
        try:
            return self._client.request(method, f"{self.control_url}/control/{path}", **options)
        except httpx.TransportError as error:
            raise SandboxNotRunning(f"sandbox {self.city} does not answer ({error}): {self._log_end()}") from error

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_success:
            return response.json()
        body = response.json()
        raise RegistryRefusal(
            body.get("code", "REFUSED"),
            body.get("message", response.text),
            field=body.get("field", ""),
            value=body.get("value", ""),
            status=response.status_code,
        )

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "no log"
