"""An adapter process's own face for those who run it: Prometheus figures, alive, ready. On loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from hub.errors import ConfigurationWrong
from hub.sync_status.figures import figures
from mutual_recognition.sync_facts import SyncFacts

LOOPBACK = "127.0.0.1"

Facts = Callable[[], SyncFacts | None]
"""The facts of now; None before the first pass began."""


@contextmanager
def serving(port: int, facts: Facts) -> Iterator[str]:
    """Serves /metrics, /healthz and /readyz on loopback (`port` 0: a free one), and yields the address.

    Raises ConfigurationWrong for a port that is taken.
    """
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), _handler(facts))
    except OSError as taken:
        raise ConfigurationWrong(
            f"the port for metrics cannot be used: {taken}", what=port, remedy="name another", code="port_taken"
        ) from taken
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def readiness(facts: SyncFacts | None) -> dict[str, bool]:
    """Each condition of being ready for itself: a registry that answers, a pass that succeeded, and none since that
    went wrong."""
    return {
        "registry_reachable": facts is not None and facts.reachable is True,
        "ever_succeeded": facts is not None and facts.last_success_at is not None,
        "no_trouble_since": facts is not None and not facts.trouble,
    }


class _Figures(Collector):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts()
        yield from figures([] if facts is None else [facts], int(time.time()))


def _handler(facts: Facts) -> type[BaseHTTPRequestHandler]:
    registry = CollectorRegistry()
    registry.register(_Figures(facts))

    class Face(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers one of the three."""
            match self.path:
                case "/metrics":
                    self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    self._answer(HTTPStatus.OK, b'{"status": "alive"}', "application/json")
                case "/readyz":
                    found = readiness(facts())
                    ready = all(found.values())
                    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, json.dumps({"ready": ready} | found).encode(), "application/json")
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

        def _answer(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a scrape is no news."""

    return Face
