"""The work list of a city that edits a workbook, at a terminal: in the clerks' words, confirmed by its number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.protocol import Effect, EffectKind
from adapters.sandbox.process import SandboxProcess
from adapters.sync.journal import Journal
from hub.cli import run
from hub.db.engine import open_engine
from mutual_recognition.books import Position
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with Hefei's adapter configured, and one effect on its work list."""
    with SandboxProcess("hefei", tmp_path / "registry") as registry:
        folder = tmp_path / "home" / "adapters"
        folder.mkdir(parents=True)
        settings = {"adapter": "hefei", "member": 340100, "registry": "hefei-sandbox"}
        settings |= {name: str(tmp_path / name) for name in ("secret_file", "memory_file")}
        (folder / "hefei.json").write_text(json.dumps(settings | registry.configuration()))
        engine = open_engine(f"sqlite:///{tmp_path / 'home' / 'sync' / 'hefei.sqlite'}")
        journal = Journal(engine, lambda: 1_767_225_600)
        journal.prepare()
        detail = {"holder": 310000, "purpose": 6, "compliance_year": 0, "kg_per_serial": 1000, "kg": 10_000}
        series = SeriesName(code="DEMO-HF-2024", member=340100, registry="hefei-sandbox")
        effect = Effect(
            "retired_elsewhere:" + "ab" * 20,
            EffectKind.RETIRED_ELSEWHERE,
            series,
            SerialRange(1, 10),
            detail,
            7,
            "2026-01-01T00:00:00+00:00",
        )
        journal.queue([effect], Position(7, 0, 0))
        journal.to_person([effect.key])
        engine.dispose()
        yield tmp_path / "home"


def test_todo__says_what_to_type_where__done_by_the_items_number(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(home), "sync", "todo", "hefei"]) == 0
    shown = capsys.readouterr().out
    assert run(["--home", str(home), "--json", "sync", "todo", "hefei"]) == 0
    (task,) = json.loads(capsys.readouterr().out)
    book = task["book"]
    assert book["sheet"] in shown
    assert all(str(heading) in shown for heading in book["row"])
    assert f"yrdhub sync done hefei {task['key']}" in shown
    said = ("--reference", "行 12", "--by", "王芳（示例）", "--yes")
    assert run(["--home", str(home), "--json", "sync", "done", "hefei", book["item"], *said]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == task["key"]
    assert run(["--home", str(home), "sync", "todo", "hefei"]) == 0
    assert "nothing waits for a person" in capsys.readouterr().out
    assert run(["--home", str(home), "sync", "status", "hefei"]) == 0
    assert "1 booked" in capsys.readouterr().out
