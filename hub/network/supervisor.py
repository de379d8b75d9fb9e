"""The process that keeps one embedded chain: starts anvil, saves its state, notes its head, restarts it when killed.

Run by `EmbeddedChain.start` as `python -m hub.network.supervisor FOLDER LAUNCH` (LAUNCH is JSON, see `Launch`); it
detaches at once. It imports little on purpose, it lives as long as the chain.

anvil writes its state in place, so that a kill while it writes would leave half a file. Hence the supervisor asks for
the state over RPC when the head has moved, and replaces the saved file whole. What anvil writes as it ends is taken
over only when it ended cleanly, or, when nobody was there to see, when it is whole.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import psutil

from hub.network.chain_files import ChainFiles, read_record, write_record

HARDFORK: Final = "paris"
BLOCK_GAS_LIMIT: Final = 30_000_000
FUNDS: Final = 10**27
"""Wei given to the funder; gas costs nothing here, so this is for rehearsing a chain where it does."""

_RESTARTS_ALLOWED = 3
_RESTARTS_COUNTED_OVER = 600.0
_LOADING_MAY_TAKE = 300.0
_ENDING_MAY_TAKE = 300.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """How to run the chain. `port` None: the supervisor chooses; `block_time` None: a block per transaction.

    `launch_id` tells this run's record from an older one. `save_interval` in seconds. `owner_pid`: end when that
    process is gone (tests). `keep_history`: keep the state of
    past blocks in memory, for `eth_call` on them and for reorganisations on demand.
    """

    launch_id: str
    anvil: str
    chain_id: int
    funder: str
    port: int | None
    preferred_port: int
    block_time: int | None
    save_interval: float
    keep_history: bool
    owner_pid: int | None


class ChainEnded(Exception):
    """anvil is not there; carries what it said last."""


class PortTaken(ChainEnded):
    """anvil could not listen."""


class Rpc:
    """JSON-RPC to anvil on this machine, a new connection a call: no state that a restart could spoil."""

    def __init__(self, port: int) -> None:
        self.port = port

    def post(self, method: str, parameters: list[Any], timeout: float = 30.0) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def call(self, method: str, *parameters: Any) -> Any:
        answer = json.loads(self.post(method, list(parameters)))
        if "error" in answer:
            raise OSError(f"{method}: {answer['error']}")
        return answer["result"]

    def block(self, number: int | str) -> dict[str, Any] | None:
        """Number and hash of a block, None when the chain has no such block."""
        shown = number if isinstance(number, str) else hex(number)
        found = self.call("eth_getBlockByNumber", shown, False)
        return None if found is None else {"number": int(found["number"], 16), "hash": found["hash"]}


class Supervisor:
    """One chain, from lock to lock."""

    def __init__(self, files: ChainFiles, launch: Launch) -> None:
        self.files = files
        self.launch = launch
        self.stopping = threading.Event()
        self.save_asked = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.saved_head: dict[str, Any] | None = None
        self.noted_head: dict[str, Any] | None = None
        self.next_save = 0.0
        self.record: dict[str, Any] = {}

    def log(self, event: str, **values: object) -> None:
        print(json.dumps({"at": _now(), "event": event, **values}), file=sys.stderr, flush=True)

    def note(self, **changes: object) -> None:
        self.record |= changes
        write_record(self.files.run, self.record)

    def run(self) -> int:
        """Supervise until told to stop. Exit code 0: stopped and saved; 1: failed, the reason is in run.json."""
        myself = psutil.Process()
        self.end_orphan()
        self.note(
            state="starting",
            launch_id=self.launch.launch_id,
            supervisor={"pid": myself.pid, "started": myself.create_time()},
            started_at=_now(),
            chain_id=self.launch.chain_id,
            block_time=self.launch.block_time,
            lost=None,
        )
        restarts: list[float] = []
        while True:
            try:
                self.begin()
                self.watch()
                self.end()
                self.note(state="stopped", stopped_at=_now(), anvil=None)
                self.log("stopped", head=self.noted_head)
                return 0
            except (ChainEnded, OSError, HTTPException) as ended:
                self.log("chain ended", reason=str(ended))
                self.kill()
                restarts = [at for at in restarts if at > time.monotonic() - _RESTARTS_COUNTED_OVER]
                first_start = self.record["state"] == "starting"
                if first_start or self.stopping.is_set() or len(restarts) >= _RESTARTS_ALLOWED:
                    code = "port_taken" if isinstance(ended, PortTaken) else "chain_ended"
                    self.note(state="failed", anvil=None, failure={"code": code, "message": str(ended)})
                    return 1
                restarts.append(time.monotonic())

    def end_orphan(self) -> None:
        """End an anvil whose supervisor was killed, and take over the state that it wrote while ending."""
        last = read_record(self.files.run) or {}
        if last.get("state") in {None, "stopped"}:
            return
        if orphan := running_process(last.get("anvil")):
            self.log("ending the chain of a supervisor that was killed", pid=orphan.pid)
            orphan.terminate()
            orphan.wait(_ENDING_MAY_TAKE)
        if self.files.state_on_exit.exists() and is_whole_json(self.files.state_on_exit):
            self.files.state_on_exit.replace(self.files.state)

    def begin(self) -> None:
        """Start anvil from the saved state, say which blocks are gone, fund the funder, note that it runs."""
        self.files.state_on_exit.unlink(missing_ok=True)
        if self.port:
            self.start_anvil(self.port)
        else:
            self.start_on_free_port()
        rpc = Rpc(self.port)
        lost = self.find_lost(rpc)
        if lost:
            self.log("blocks are gone", **lost)
        if int(rpc.call("eth_getBalance", self.launch.funder, "latest"), 16) < FUNDS // 2:
            rpc.call("anvil_setBalance", self.launch.funder, hex(FUNDS))
        self.saved_head = self.noted_head = None
        self.note_head(rpc)
        if self.files.state.exists():
            self.saved_head = self.noted_head
            self.next_save = time.monotonic() + self.launch.save_interval
        else:
            self.save(rpc)  # at once: a kill before the first interval then still finds this chain
        assert self.process is not None
        self.note(
            state="running",
            port=self.port,
            rpc_url=f"http://127.0.0.1:{self.port}",
            anvil={"pid": self.process.pid, "started": psutil.Process(self.process.pid).create_time()},
            lost=lost or self.record.get("lost"),
        )
        self.log("running", port=self.port, head=self.noted_head)

    def start_on_free_port(self) -> None:
        if self.launch.port is not None:
            return self.start_anvil(self.launch.port or free_port())
        for port in (self.launch.preferred_port, free_port(), free_port(), free_port()):
            if not is_free(port):
                continue
            try:
                return self.start_anvil(port)
            except PortTaken as taken:  # somebody was quicker between the look and the start
                self.log("port taken", port=port, reason=str(taken))
        raise PortTaken("no free port was found on 127.0.0.1")

    def start_anvil(self, port: int) -> None:
        self.port = port
        command = [self.launch.anvil, *self.arguments()]
        said = self.files.folder / "anvil.stderr"
        with said.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=self.files.folder,
                start_new_session=True,  # an interrupt at the terminal reaches the supervisor alone
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  one thread
            )
        rpc = Rpc(port)
        give_up = time.monotonic() + _LOADING_MAY_TAKE
        while time.monotonic() < give_up and not self.stopping.is_set():
            if self.process.poll() is not None:
                last = said.read_text(encoding="utf-8", errors="replace").strip()
                kind = PortTaken if "in use" in last else ChainEnded
                raise kind(f"anvil ended with {self.process.returncode} while starting on port {port}: {last}")
            try:
                found = int(rpc.call("eth_chainId"), 16)
            except (OSError, HTTPException):
                time.sleep(0.02)
                continue
            if found != self.launch.chain_id:
                raise PortTaken(f"another chain ({found}) answers on port {port}")
            return
        if self.stopping.is_set():
            raise ChainEnded("told to stop while starting")
        raise ChainEnded(f"anvil did not answer on port {port} within {_LOADING_MAY_TAKE:.0f} s")

    def arguments(self) -> list[str]:
        """anvil's options: no accounts of its own, gas for nothing, first come first served, every block final."""
        chosen = [
            *("--host", "127.0.0.1", "--port", str(self.port), "--chain-id", str(self.launch.chain_id)),
            *("--hardfork", HARDFORK, "--gas-limit", str(BLOCK_GAS_LIMIT), "--order", "fifo"),
            *("--accounts", "0", "--disable-default-create2-deployer"),
            *("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee"),
            # "finalized" and "safe" are the head: there is nobody to reorganise this chain
            *("--slots-in-an-epoch", "0"),
            *("--quiet", "--no-cors", "--no-request-size-limit"),
            *("--cache-path", str(self.files.cache), "--dump-state", str(self.files.state_on_exit)),
        ]
        if self.files.state.exists():
            chosen += ["--load-state", str(self.files.state)]
        if self.launch.block_time is not None:
            chosen += ["--block-time", str(self.launch.block_time)]
        if not self.launch.keep_history:
            chosen += ["--prune-history"]
        return chosen

    def find_lost(self, rpc: Rpc) -> dict[str, Any] | None:
        """Blocks that the last run had shown and this one does not have: its last ones, or all of another history."""
        before = read_record(self.files.head)
        if before is None:
            return None
        same = rpc.block(before["number"])
        if same == before:
            return None
        now = rpc.block("latest")
        assert now is not None
        first = now["number"] + 1 if same is None else 0
        return {"from_block": first, "to_block": before["number"], "head_now": now["number"], "noticed_at": _now()}

    def watch(self) -> None:
        """Note the head every second and save when it moved; returns when told to stop."""
        rpc = Rpc(self.port)
        while not self.stopping.wait(1.0):
            self.must_live()
            if self.launch.owner_pid is not None and not psutil.pid_exists(self.launch.owner_pid):
                self.log("owner is gone", pid=self.launch.owner_pid)
                return
            try:
                self.note_head(rpc)
                due = self.noted_head != self.saved_head and time.monotonic() >= self.next_save
                if self.save_asked.is_set() or due:
                    self.save_asked.clear()
                    self.save(rpc)
            except (OSError, HTTPException) as trouble:
                self.must_live()
                self.log("no answer", reason=str(trouble))  # busy with a full block; asked again in a second

    def must_live(self) -> None:
        if self.process is None or self.process.poll() is not None:
            code = None if self.process is None else self.process.returncode
            told = f"killed by signal {-code}" if code is not None and code < 0 else f"ended with {code}"
            raise ChainEnded(f"anvil was {told}")

    def note_head(self, rpc: Rpc) -> None:
        head = rpc.block("latest")
        if head is not None and head != self.noted_head:
            write_record(self.files.head, head)
            self.noted_head = head

    def save(self, rpc: Rpc) -> None:
        """Replace the saved state by the chain as it is. The longer that takes, the longer until the next time."""
        began = time.monotonic()
        saving = self.noted_head
        answer = rpc.post("anvil_dumpState", [], timeout=_ENDING_MAY_TAKE)
        unfinished = self.files.state.with_suffix(".new")
        write_dumped_state(answer, unfinished)
        unfinished.replace(self.files.state)
        self.saved_head = saving
        took = time.monotonic() - began
        self.next_save = time.monotonic() + max(self.launch.save_interval, 20 * took)
        self.note(saves=self.record.get("saves", 0) + 1, saved_head=saving)
        self.log("saved", head=saving, seconds=round(took, 3), bytes=self.files.state.stat().st_size)

    def end(self) -> None:
        """End anvil and keep the state that it writes while ending."""
        assert self.process is not None
        try:
            self.note_head(Rpc(self.port))
        except (OSError, HTTPException) as trouble:
            self.log("no answer", reason=str(trouble))
        self.process.terminate()
        code = self.process.wait(_ENDING_MAY_TAKE)
        if code == 0 and self.files.state_on_exit.exists():
            self.files.state_on_exit.replace(self.files.state)
        else:
            self.log("ended without saving; the last saved state stays", code=code)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def write_dumped_state(answer: bytes, file: Path) -> None:
    """Unpack the answer of `anvil_dumpState` (hex of gzipped JSON) into `file`, piece by piece."""
    start = answer.find(b'"0x')
    end = answer.rfind(b'"')
    if start < 0 or end <= start:
        raise OSError(f"anvil_dumpState: {answer[:200]!r}")
    unpack = zlib.decompressobj(wbits=31)
    with file.open("wb") as stream:
        for at in range(start + 3, end, 1 << 20):
            stream.write(unpack.decompress(bytes.fromhex(answer[at : min(at + (1 << 20), end)].decode())))
        stream.write(unpack.flush())
        stream.flush()
        os.fsync(stream.fileno())
    if not unpack.eof:
        raise OSError("anvil_dumpState: the answer ends too early")


def is_whole_json(file: Path) -> bool:
    """Whether `file` parses; in a process of its own, so that a large state leaves no memory behind here."""
    parse = "import json, sys; json.load(open(sys.argv[1], encoding='utf-8'))"
    return subprocess.run([sys.executable, "-c", parse, str(file)], capture_output=True, check=False).returncode == 0


def running_process(noted: dict[str, Any] | None) -> psutil.Process | None:
    """The process that was noted by pid and start time, or None; a later process under the same pid is not it."""
    if not noted:
        return None
    try:
        process = psutil.Process(noted["pid"])
        alive = process.status() != psutil.STATUS_ZOMBIE
        return process if alive and abs(process.create_time() - noted["started"]) < 1.0 else None
    except psutil.Error:
        return None


def is_free(port: int) -> bool:
    """Whether `port` can be listened on at 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on at 127.0.0.1 at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """In the child on Linux: get SIGTERM when the supervisor is gone, so that the chain saves itself and ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _detach(log: Path) -> None:
    """Leave the caller: a session of our own, no terminal, output to the log; the caller's process ends at once."""
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Supervise one embedded chain.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("launch", help="the launch as JSON")
    chosen = parser.parse_args()
    files = ChainFiles(chosen.folder)
    launch = Launch(**json.loads(chosen.launch))
    lock = os.open(files.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # before the fork: the caller learns at once; forks share it
    except BlockingIOError:
        return 3
    os.set_inheritable(lock, False)
    _detach(files.log)
    supervisor = Supervisor(files, launch)
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda *_: supervisor.stopping.set())
    signal.signal(signal.SIGUSR1, lambda *_: supervisor.save_asked.set())
    supervisor.log("starting", **asdict(launch))
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
