"""Hints from a registry that something changed: they wake the next pass early, and do nothing else.

A hint is a webhook by the Standard Webhooks specification (id, timestamp and an HMAC-SHA256 signature over both and the
body). What it says is not read: the pass reads the registry itself. So a forged, replayed or flooding hint costs at
most one early pass in `EARLIEST` seconds, and a lost one costs nothing but the wait until the ordinary pass.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import structlog
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hub.errors import ConfigurationWrong

log = structlog.get_logger(__name__)

EARLIEST = 1.0
"""Seconds that lie at least between two passes, however many hints come."""

PATH = "/hints"
LOOPBACK = "127.0.0.1"
_MOST_BYTES = 65_536
_REMEMBERED = 1_000
_SLOWEST = 5.0


class Waking:
    """The pause between two passes, which a hint or the end of the process cuts short."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._called = threading.Event()
        self._stopped = threading.Event()
        self.early = 0
        """Passes that a hint called early."""

    def wake(self) -> None:
        """Something changed: the next pass comes as soon as it may."""
        self._called.set()

    def stop(self) -> None:
        """No further pass."""
        self._stopped.set()
        self._called.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def wait(self, seconds: float) -> None:
        """Waits `seconds`, or after a hint until `EARLIEST` seconds have gone."""
        began = self._clock()
        if self._called.wait(seconds) and not self.stopped:
            self._stopped.wait(max(0.0, min(seconds, EARLIEST) - (self._clock() - began)))
            self.early += 1
        self._called.clear()


class HintCheck:
    """Whether a hint is the registry's own and new. `secret`: as Standard Webhooks writes it (`whsec_` and base64)."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def accepts(self, body: bytes, headers: dict[str, str]) -> bool:
        """True once for a hint that the registry signed within the last five minutes."""
        try:
            self._webhook.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        name = {key.lower(): value for key, value in headers.items()}["webhook-id"]
        with self._lock:
            if name in self._seen:
                return False
            self._seen[name] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return True


@contextmanager
def listening(port: int, secret: str, waking: Waking) -> Iterator[str]:
    """Listens for hints on loopback (`port` 0: a free one), and yields the address to post them to.

    Raises ConfigurationWrong for a port that is taken or a secret that is none.
    """
    try:
        check = HintCheck(secret)
    except Exception as unusable:  # the library raises several of its own and of base64's
        raise ConfigurationWrong(
            f"the hints' secret cannot be used: {unusable}",
            remedy="write it as whsec_ and base64 of 24 to 64 random bytes, the same at the registry",
            code="hint_secret_unusable",
        ) from unusable
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), _handler(check, waking))
    except OSError as taken:
        raise ConfigurationWrong(
            f"the port for hints cannot be used: {taken}", what=port, remedy="name another", code="port_taken"
        ) from taken
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="hints", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(check: HintCheck, waking: Waking) -> type[BaseHTTPRequestHandler]:
    class Hints(BaseHTTPRequestHandler):
        timeout = _SLOWEST

        def do_POST(self) -> None:
            """Takes a hint."""
            try:
                length = int(self.headers.get("content-length") or 0)
            except ValueError:
                length = -1
            if self.path != PATH or not 0 <= length <= _MOST_BYTES:
                return self._answer(HTTPStatus.NOT_FOUND if self.path != PATH else HTTPStatus.BAD_REQUEST)
            body = self.rfile.read(length)
            if not check.accepts(body, dict(self.headers.items())):
                log.warning("hint_refused", bytes=length)
                return self._answer(HTTPStatus.UNAUTHORIZED)
            waking.wake()
            return self._answer(HTTPStatus.NO_CONTENT)

        def _answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what matters is logged above."""

    return Hints


def read_secret(file: Path) -> str:
    """The secret in `file`, which only its owner reads. Raises ConfigurationWrong."""
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigurationWrong(
                "other users can read the hints' secret",
                where=str(file),
                remedy=f"chmod 600 {file}",
                code="hint_secret_open",
            )
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as unreadable:
        raise ConfigurationWrong(
            f"the hints' secret cannot be read: {unreadable}",
            where=str(file),
            remedy="write the secret that the registry signs with there, and chmod 600 the file",
            code="hint_secret_missing",
        ) from unreadable
