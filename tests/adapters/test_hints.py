"""Webhook hints: they wake the next pass early, once each, and a forged, replayed or flooding one does no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from adapters.sandbox.hints import new_secret
from adapters.sandbox.process import SandboxProcess
from adapters.sync.hints import EARLIEST, HintCheck, Waking, listening, read_secret
from hub.errors import ConfigurationWrong

SECRET = new_secret(bytes(range(32)))
BODY = '{"最新变更序号": 7}'


def signed(name: str = "hint_1", *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, moment, BODY),
    }


@pytest.fixture
def waking() -> Waking:
    return Waking()


@pytest.fixture
def address(waking: Waking) -> Iterator[str]:
    with listening(0, SECRET, waking) as address:
        yield address


def waited(waking: Waking, seconds: float) -> float:
    began = time.monotonic()
    waking.wait(seconds)
    return time.monotonic() - began


def test_hint__signed_by_the_registry__wakes_early(address: str, waking: Waking) -> None:
    assert httpx.post(address, content=BODY.encode(), headers=signed()).status_code == 204
    assert waited(waking, 30) < EARLIEST + 1
    assert waking.early == 1


def test_hint__forged_altered_old_or_replayed__wakes_nobody(address: str, waking: Waking) -> None:
    hint = signed()
    assert httpx.post(address, content=BODY.encode(), headers=hint).status_code == 204
    waking.wait(0)
    wrong = {
        "replayed": (BODY, hint),
        "altered": (BODY.replace("7", "8"), signed("hint_2")),
        "another's secret": (BODY, signed("hint_3", secret=new_secret(b"another secret of 24 bytes"))),
        "old": (BODY, signed("hint_4", at=datetime.now(UTC) - timedelta(minutes=6))),
        "without a signature": (BODY, {}),
        "garbled": (BODY, signed("hint_5") | {"webhook-signature": "v1,%%%"}),
    }
    for _, (body, headers) in wrong.items():
        assert httpx.post(address, content=body.encode(), headers=headers).status_code == 401
    assert httpx.post(address, content=b"x" * 70_000, headers=signed("hint_6")).status_code == 400
    assert httpx.post(address.replace("/hints", "/other"), content=b"").status_code == 404
    before = waking.early
    waking.wait(0.1)
    assert waking.early == before


def test_flood_of_true_hints__passes_stay_a_second_apart(waking: Waking) -> None:
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            waking.wake()
            time.sleep(0.001)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        assert min(waited(waking, 30) for _ in range(2)) >= EARLIEST - 0.05
    finally:
        stop.set()
        thread.join()


def test_stop__ends_the_pause_at_once(waking: Waking) -> None:
    threading.Timer(0.05, waking.stop).start()
    assert waited(waking, 30) < 1
    assert waking.stopped


def test_secret__open_to_others_or_missing__is_said(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    with pytest.raises(ConfigurationWrong, match="cannot be read"):
        read_secret(file)
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(ConfigurationWrong, match="other users"):
        read_secret(file)
    file.chmod(0o600)
    assert HintCheck(read_secret(file)).accepts(BODY.encode(), signed())


def test_sandbox__a_change__is_hinted_with_a_signature_that_holds(tmp_path: Path, address: str, waking: Waking) -> None:
    with SandboxProcess("shanghai", tmp_path, samples=False) as registry:
        registry.control("send-hints", url=address, secret=SECRET)
        registry.control("load-samples")
        assert waited(waking, 10) < 5
        assert waking.early == 1
