"""The guide's afternoon on a chain of one's own: its commands as they stand there, one after the other."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from adapters.skeleton.copying import write_skeleton
from hub.cli import run
from hub.network.embedded import EmbeddedChain

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).resolve().parents[2] / "adapters" / "GUIDE.md"
_EXPORTED = re.compile(r'([A-Z_]+)="\$PWD/([a-z.]+)"')


def lines_of_the_trial() -> list[str]:
    """The command lines of section 8a, in their order."""
    section = GUIDE.read_text(encoding="utf-8").partition("\n## 8a ")[2].partition("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


class Afternoon:
    """Types the lines in `folder`, and puts in for BALLOT, TRANSFER and 0xADDRESS what was printed before."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self._known: dict[str, str] = {}
        self.told: dict[str, Any] = {}

    def type(self, line: str) -> None:
        if line.startswith("export "):
            for name, file in _EXPORTED.findall(line):
                self._monkeypatch.setenv(name, str(self.folder / file))
        elif line.startswith("yrdhub "):
            self._yrdhub(line)
        else:
            subprocess.run(["bash", "-ec", line], cwd=self.folder, env=os.environ.copy(), check=True)

    def _yrdhub(self, line: str) -> None:
        for placeholder, value in self._known.items():
            line = line.replace(placeholder, value)
        command, _, into = line.removeprefix("yrdhub ").partition(" > ")
        self._capsys.readouterr()
        code = run([*shlex.split(command), "--json"])
        said = self._capsys.readouterr().out
        assert code == 0, f"{line}: {said}"
        if into:
            (self.folder / into).write_text(said, encoding="utf-8")
        told = json.loads(said)
        self.told[" ".join(command.split()[:3])] = told
        if command.startswith("keys new"):
            self._known["0xADDRESS"] = sorted((one["address"] for one in told), key=str.lower)[2]
        elif command.startswith("ballot open"):
            self._known["BALLOT"] = told["ballot"]
        elif command.startswith("transfer list"):
            self._known["TRANSFER"] = told[0]["transfer"]


def test_afternoon__as_the_guide_says__ends_with_a_transfer_to_book(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_skeleton("ningbo", "files", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YRDHUB_RPC_URL", raising=False)
    monkeypatch.delenv("YRDHUB_PASSWORD", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "ningbo"))  # what `pip install -e ningbo` does
    importlib.invalidate_caches()
    point = EntryPoint("ningbo", "yrdhub_ningbo.adapter:create", registry.GROUP)
    monkeypatch.setattr(registry, "installed", lambda: {"ningbo": point})
    afternoon = Afternoon(tmp_path, capsys, monkeypatch)
    lines = lines_of_the_trial()
    assert len(lines) > 25
    try:
        for line in lines:
            afternoon.type(line)
    finally:
        EmbeddedChain(tmp_path / "trial").stop()
        sys.modules.pop("yrdhub_ningbo", None)
    told = afternoon.told
    assert (told["adapter check ningbo"]["failed"], told["sync run ningbo"]["trouble"]) == (0, [])
    assert [one["code"] for one in told["sync held ningbo"]] == ["transfer_unknown"]
    assert {task["kind"] for task in told["sync todo ningbo"]} >= {"transfer_completed"}
    assert told["credits totals"]["by_status_kg"]["in_transit"] == 0
    assert told["chain stop"] == {"was_running": True}
