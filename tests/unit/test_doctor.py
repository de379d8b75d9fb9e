"""`yrdhub doctor` finds what is missing and says how to get it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from hub.cli import run
from hub.doctor import Finding, Verdict, examine
from hub.settings import load_settings


def finding(subject: str) -> Finding:
    return next(found for found in examine(load_settings()) if found.subject == subject)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("YRDHUB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_doctor__after_make_setup__misses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [found for found in told["findings"] if found["verdict"] == "missing"] == []
    assert told["ready"] is True
    assert code == 0


def test_doctor__anvil_set_to_what_is_no_program__is_missing_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("YRDHUB_ANVIL", str(tmp_path / "nothing"))
    assert finding("anvil").verdict is Verdict.MISSING
    assert "YRDHUB_ANVIL" in finding("anvil").found
    assert run(["doctor"]) == 1
    assert "missing: anvil" in capsys.readouterr().out


def test_doctor__home_that_is_a_file__is_missing(home: Path) -> None:
    home.write_text("")
    assert finding("home").verdict is Verdict.MISSING
    assert "YRDHUB_HOME" in (finding("home").remedy or "")


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/hub.sqlite", "nonsense", "oracle://nowhere/db"])
def test_doctor__database_that_cannot_be_reached__is_missing(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("YRDHUB_DATABASE_URL", url)
    assert finding("database").verdict is Verdict.MISSING


def test_doctor__password_in_a_database_url__is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YRDHUB_DATABASE_URL", "oracle://hub:correct-horse@nowhere/db")
    run(["doctor"])
    assert "correct-horse" not in capsys.readouterr().out


def test_doctor__node_that_does_not_answer__is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("YRDHUB_RPC_URL", f"http://127.0.0.1:{probe.getsockname()[1]}")
        assert finding("chain").verdict is Verdict.MISSING


def test_doctor__api_port_taken__says_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("YRDHUB_API_PORT", str(holder.getsockname()[1]))
        found = finding("API port")
    assert found.verdict is Verdict.OPTIONAL
    assert f"pid {os.getpid()}" in found.found


def test_doctor__no_postgresql_server__is_a_note_that_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("PostgreSQL").verdict is Verdict.OK
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("pathlib.Path.glob", lambda self, pattern: iter(()))
    found = finding("PostgreSQL")
    assert found.verdict is Verdict.OPTIONAL
    assert "make setup" in (found.remedy or "")
