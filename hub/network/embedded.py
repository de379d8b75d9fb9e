"""The embedded chain: anvil on this machine, for a trial and for tests.

What it is: one process that mines each transaction at once, in the order of arrival; hardfork paris, blocks of 30
million gas, every block final. Gas is free: the base fee is zero and stays zero, and a gas price of zero is accepted,
so that nobody can be stopped by an empty account. The funder (`funder`) still holds money, to rehearse a chain
where gas has a price.

What it is not: a chain to rely on. Its state is saved at intervals and on stop; after a kill the blocks since the last
save are gone. The next start says so (`ChainHandle.lost`), the index rolls back and the journals send again. And
whoever can reach its port can rewrite it, so it listens on 127.0.0.1 only.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from hub.chain.keys import LocalSigner
from hub.errors import ConfigurationWrong, RetryLater, StopAndTell
from hub.network.anvil_binary import find_anvil
from hub.network.chain_files import ChainFiles, read_record, write_record
from hub.network.funder import open_funder
from hub.network.supervisor import HARDFORK, Launch, free_port, is_free, running_process

DEFAULT_CHAIN_ID = 31_323_334
"""Made of the province codes of Shanghai 31, Jiangsu 32, Zhejiang 33 and Anhui 34; no public chain uses it."""

DEFAULT_PORT = 8645
SAVE_INTERVAL = 20.0
"""Seconds between saves while blocks arrive; a save that takes long is followed by a longer pause."""

_STARTING_MAY_TAKE = 320.0
_STOPPING_MAY_TAKE = 320.0
_LOCK_IS_HELD = 3


@dataclass(frozen=True, slots=True)
class LostBlocks:
    """Blocks that an earlier run had and the chain no longer has, both ends included.

    `from_block` 0 means that the whole history is another one.
    """

    from_block: int
    to_block: int
    noticed_at: str

    def __str__(self) -> str:
        return (
            f"the chain was killed before it was saved: blocks {self.from_block} to {self.to_block} are gone. "
            "The index rolls back and the journals send again what was in them."
        )


@dataclass(frozen=True, slots=True)
class ChainHandle:
    """A running chain. `pid` is anvil's; `lost` what the last kill cost; `notes` are for the person who started it."""

    rpc_url: str
    chain_id: int
    pid: int
    port: int
    lost: LostBlocks | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """What is known about the chain of a home, running or not. `head` is the last block seen."""

    state: str
    folder: Path
    rpc_url: str | None
    chain_id: int | None
    pid: int | None
    supervisor_pid: int | None
    head: dict[str, Any] | None
    saved_head: dict[str, Any] | None
    lost: LostBlocks | None
    failure: str | None


class EmbeddedChain:
    """The embedded chain of one home.

    As a context manager it runs for the block and ends with it, or with this process: `with EmbeddedChain(tmp_path,
    port=0) as chain: chain.rpc_url`. Otherwise `start` leaves it running until `stop`, from whatever process.
    `port` None takes the last one or a free one, 0 any free one, another number that one or none.
    """

    def __init__(
        self,
        home: Path,
        *,
        chain_id: int | None = None,
        port: int | None = None,
        block_time: int | None = None,
        save_interval: float = SAVE_INTERVAL,
        keep_history: bool = False,
        anvil: Path | None = None,
    ) -> None:
        self.home = home.absolute()
        self.files = ChainFiles(self.home / "chain")
        self.asked_chain_id = chain_id
        self.asked_port = port
        self.block_time = block_time
        self.save_interval = save_interval
        self.keep_history = keep_history
        self.anvil = anvil
        self._owner_pid: int | None = None
        self._handle: ChainHandle | None = None

    def __enter__(self) -> Self:
        self._owner_pid = os.getpid()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def rpc_url(self) -> str:
        """Where the chain answers, once started."""
        return self._started.rpc_url

    @property
    def chain_id(self) -> int:
        """The chain's id, once started."""
        return self._started.chain_id

    @property
    def _started(self) -> ChainHandle:
        if self._handle is None:
            raise ConfigurationWrong(
                "the embedded chain is not running", where=str(self.files.folder), remedy="yrdhub chain start"
            )
        return self._handle

    def start(self) -> ChainHandle:
        """Start the chain, or find it running. Returns when it answers.

        Raises ConfigurationWrong (no anvil; the port is taken; the home holds another chain id; anvil fails).
        """
        self._make_folder()
        identity = self._identity()
        if self.asked_port and not self._is_locked() and not is_free(self.asked_port):
            raise _port_clash(self.asked_port)
        launch = Launch(
            launch_id=secrets.token_hex(8),
            anvil=str(find_anvil(self.anvil)),
            chain_id=identity["chain_id"],
            funder=self.funder.address,
            port=self.asked_port,
            preferred_port=identity["port"],
            block_time=self.block_time,
            save_interval=self.save_interval,
            keep_history=self.keep_history,
            owner_pid=self._owner_pid,
        )
        notes: list[str] = []
        if self.asked_port is None and not self._is_locked() and not is_free(launch.preferred_port):
            notes.append(f"port {launch.preferred_port} is taken by {port_holder(launch.preferred_port)}")
        if self._spawn(launch):
            run = self._wait_until_running(launch)
        else:
            run = self._wait_until_running(None)
            notes.append("the chain was running already")
        if notes and run["port"] != launch.preferred_port:
            notes.append(f"the chain listens on {run['port']} instead")
        if self.asked_port is None:
            write_record(self.files.identity, identity | {"port": run["port"]})
        self._handle = ChainHandle(
            rpc_url=run["rpc_url"],
            chain_id=run["chain_id"],
            pid=run["anvil"]["pid"],
            port=run["port"],
            lost=_lost_blocks(run),
            notes=tuple(notes),
        )
        return self._handle

    def stop(self) -> bool:
        """Save the chain and end it; False when it was not running. Returns when it is saved.

        Raises RetryLater when saving takes longer than five minutes; the chain is then still being saved.
        """
        self._handle = None
        if not self._is_locked():
            return False
        give_up = time.monotonic() + _STOPPING_MAY_TAKE
        told = None
        while self._is_locked():
            supervisor = running_process((read_record(self.files.run) or {}).get("supervisor"))
            if supervisor is not None and supervisor.pid != told:
                supervisor.send_signal(signal.SIGTERM)
                told = supervisor.pid
            if time.monotonic() > give_up:
                raise RetryLater(
                    "the chain is still being saved",
                    where=str(self.files.folder),
                    remedy="wait, then `yrdhub chain status`; ending the process now would lose its last blocks",
                    code="chain_stopping",
                )
            time.sleep(0.02)
        return True

    def save(self) -> None:
        """Save the chain now, so that a kill costs nothing up to here. Raises RetryLater after five minutes."""
        run = read_record(self.files.run) or {}
        supervisor = running_process(run.get("supervisor"))
        if supervisor is None or run.get("state") != "running":
            raise ConfigurationWrong(
                "the embedded chain is not running", where=str(self.files.folder), remedy="yrdhub chain start"
            )
        supervisor.send_signal(signal.SIGUSR1)
        give_up = time.monotonic() + _STOPPING_MAY_TAKE
        while (read_record(self.files.run) or {}).get("saves", 0) <= run.get("saves", 0):
            if time.monotonic() > give_up or not self._is_locked():
                raise RetryLater("the chain was not saved", where=str(self.files.log), code="chain_not_saved")
            time.sleep(0.05)

    def status(self) -> ChainStatus:
        """What runs, where, and how far it is saved; works when nothing runs."""
        run = read_record(self.files.run) or {}
        identity = read_record(self.files.identity) or {}
        state = run.get("state", "never started")
        locked = self._is_locked()
        if not locked and state in {"starting", "running"}:
            state = "killed"
        elif locked and state in {"stopped", "failed"}:
            state = "starting"
        running = locked and state == "running"
        return ChainStatus(
            state=state,
            folder=self.files.folder,
            rpc_url=run.get("rpc_url") if running else None,
            chain_id=identity.get("chain_id"),
            pid=run["anvil"]["pid"] if running and run.get("anvil") else None,
            supervisor_pid=run["supervisor"]["pid"] if locked and run.get("supervisor") else None,
            head=read_record(self.files.head),
            saved_head=run.get("saved_head"),
            lost=_lost_blocks(run),
            failure=(run.get("failure") or {}).get("message") if state == "failed" else None,
        )

    def log_lines(self, count: int = 50) -> list[str]:
        """The last lines of the chain's log; empty when it never ran."""
        try:
            return self.files.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    @cached_property
    def funder(self) -> LocalSigner:
        """The signer of the account that holds money here: it deploys, and funds others where gas has a price."""
        return open_funder(self.files.funder)

    def _make_folder(self) -> None:
        try:
            self.files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as refused:
            raise ConfigurationWrong(
                f"the chain's folder cannot be made: {refused.strerror}",
                where=str(self.files.folder),
                remedy="set YRDHUB_HOME (or --home) to a folder that you can write to",
                code="home_not_writable",
            ) from refused

    def _identity(self) -> dict[str, Any]:
        """The chain's fixed properties; written at the first start, compared ever after."""
        known = read_record(self.files.identity)
        if known is None:
            preferred = self.asked_port or DEFAULT_PORT
            known = {"chain_id": self.asked_chain_id or DEFAULT_CHAIN_ID, "hardfork": HARDFORK, "port": preferred}
            write_record(self.files.identity, known)
        if self.asked_chain_id not in {None, known["chain_id"]}:
            raise ConfigurationWrong(
                f"this home holds a chain with id {known['chain_id']}, not {self.asked_chain_id}",
                what=self.asked_chain_id,
                where=str(self.files.identity),
                remedy="leave the chain id out, or use another home",
                code="chain_id_differs",
            )
        if known["hardfork"] != HARDFORK:
            raise StopAndTell(
                f"this chain was made with hardfork {known['hardfork']}, this version runs {HARDFORK}",
                where=str(self.files.identity),
                remedy="use the version that made it, or another home",
                code="hardfork_differs",
            )
        return known

    def _is_locked(self) -> bool:
        """Whether a supervisor lives: it holds the lock for as long, and the system frees it whatever ends it."""
        try:
            lock = os.open(self.files.lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _spawn(self, launch: Launch) -> bool:
        """Start a supervisor; False when one holds the lock already."""
        spawned = subprocess.run(
            [sys.executable, "-m", "hub.network.supervisor", str(self.files.folder), json.dumps(asdict(launch))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        )
        if spawned.returncode == _LOCK_IS_HELD:
            return False
        if spawned.returncode != 0:
            raise ConfigurationWrong(
                "the chain's supervisor did not start",
                what=spawned.stderr.decode(errors="replace")[-300:],
                where=str(self.files.folder),
                remedy="yrdhub doctor",
                code="chain_failed",
            )
        return True

    def _wait_until_running(self, launch: Launch | None) -> dict[str, Any]:
        """The run record once the chain answers; of `launch`, or of whichever launch holds the lock."""
        give_up = time.monotonic() + _STARTING_MAY_TAKE
        while time.monotonic() < give_up:
            locked = self._is_locked()
            run = read_record(self.files.run) or {}
            if launch is None or run.get("launch_id") == launch.launch_id:
                if run.get("state") == "running" and locked:
                    return run
                if run.get("state") == "failed" and not locked:
                    raise self._failure(run)
            if not locked:
                break
            time.sleep(0.02)
        run = read_record(self.files.run) or {}
        raise self._failure(run)

    def _failure(self, run: dict[str, Any]) -> ConfigurationWrong:
        failure = run.get("failure") or {"code": "chain_failed", "message": "it ended while starting"}
        if failure["code"] == "port_taken" and self.asked_port:
            return _port_clash(self.asked_port)
        return ConfigurationWrong(
            f"the embedded chain did not start: {failure['message']}",
            where=str(self.files.log),
            remedy="yrdhub chain logs",
            code="chain_failed",
        )


def port_holder(port: int) -> str:
    """Who listens on `port` of this machine, as far as this user may know: `python3 (pid 4711)`."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                if connection.pid is None:
                    break
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return "a process of another user"
    return "a process of another user"


def _port_clash(port: int) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"port {port} is taken by {port_holder(port)}",
        what=port,
        where="127.0.0.1",
        remedy=f"stop that process, choose another port (port {free_port()} is free), or leave --port out",
        code="port_taken",
    )


def _lost_blocks(run: dict[str, Any]) -> LostBlocks | None:
    lost = run.get("lost")
    return None if not lost else LostBlocks(lost["from_block"], lost["to_block"], lost["noticed_at"])
