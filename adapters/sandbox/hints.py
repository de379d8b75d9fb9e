"""The sending side of webhook hints (Standard Webhooks): after a change, the registry tells whoever asked to be told.

A hint says only up to which change sequence there is something to read. Hints may get lost: nobody sends one again, and
several changes in a row make one.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field
from standardwebhooks.webhooks import Webhook

log = structlog.get_logger(__name__)

_WAITS_AT_MOST = 2.0
_GATHERS = 0.05
"""Seconds in which changes in a row become one hint."""


class SendHints(BaseModel):
    """Where hints go from now on; an empty `url` ends them. `secret`: whsec_ and base64, as the listener has it."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern="^(http://127\\.0\\.0\\.1:[0-9]+/.*)?$")
    secret: str = ""


class HintSender:
    """Sends hints from a thread of its own, so that no change waits for whoever listens. `latest`: the last change."""

    def __init__(self, latest: Callable[[], int]) -> None:
        self._latest = latest
        self._to: SendHints | None = None
        self._changed = threading.Event()
        self._sent = 0
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def send_to(self, asked: SendHints) -> dict[str, int]:
        """From now on hints go there. Returns how many were sent before."""
        self._to = asked if asked.url else None
        return {"sent": self._sent}

    def changed(self) -> None:
        """Something changed."""
        self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            time.sleep(_GATHERS)
            self._changed.clear()
            to = self._to
            if to is not None:
                self._send(to)

    def _send(self, to: SendHints) -> None:
        name, now = f"hint_{uuid.uuid4().hex}", datetime.now(UTC)
        body = json.dumps({"最新变更序号": self._latest()}, ensure_ascii=False)
        headers = {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(to.secret).sign(name, now, body),
        }
        request = urllib.request.Request(to.url, body.encode(), headers, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_WAITS_AT_MOST):  # noqa: S310
                self._sent += 1
        except (OSError, urllib.error.URLError) as lost:
            log.info("hint_lost", url=to.url, trouble=str(lost))


def new_secret(random: bytes) -> str:
    """A secret as Standard Webhooks writes it, of 24 to 64 random bytes."""
    return "whsec_" + base64.b64encode(random).decode()


def read_hints_file(url: str, secret_file: Path | None) -> SendHints | None:
    """What the command line asks for."""
    if not url or secret_file is None:
        return None
    return SendHints(url=url, secret=secret_file.read_text(encoding="ascii").strip())
