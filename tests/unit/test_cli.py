"""The command line itself: global options in any place, lazy commands, errors in both forms."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hub import __version__
from hub.cli import COMMANDS, global_options_first, run


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["chain", "status", "--json"], ["--json", "chain", "status"]),
        (["chain", "status", "--home", "here", "--verbose"], ["--home", "here", "--verbose", "chain", "status"]),
        (["chain", "status", "--home=here"], ["--home=here", "chain", "status"]),
        (["chain", "start", "--port", "1"], ["chain", "start", "--port", "1"]),
        (["file", "--", "--json"], ["file", "--", "--json"]),
        (["chain", "--home"], ["--home", "chain"]),
    ],
)
def test_global_options__may_stand_after_the_command(given: list[str], ordered: list[str]) -> None:
    assert global_options_first(given) == ordered


@pytest.mark.parametrize("name", COMMANDS)
def test_command__of_the_table__exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, help_line = COMMANDS[name]
    assert hasattr(import_module(module), "app")
    assert help_line
    assert run([name, "--help"]) == 0
    assert name in capsys.readouterr().out


def test_help__lists_every_command_without_importing_one() -> None:
    code = (
        "import sys\nfrom hub.cli import run\nrun(['--help'])\n"
        "heavy = {'web3', 'sqlalchemy', 'fastapi', 'openpyxl', 'eth_account'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert not [name for name in sys.modules if name.startswith('hub.commands.')]\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    for name in COMMANDS:
        assert name in told.stdout


def test_error__without_json__is_one_block_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YRDHUB_API_PORT", "none")
    assert run(["chain", "status"]) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert "YRDHUB_API_PORT" in told.err
    assert "what to do" in told.err


def test_error__with_json__is_one_document_on_standard_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["chain", "save", "--home", str(tmp_path), "--json"]) == 78
    told = capsys.readouterr()
    assert json.loads(told.out)["kind"] == "configuration_wrong"
    assert told.err == ""


def test_command__unknown__is_answered_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chian"]) == 2
    assert "chain" in capsys.readouterr().err


def test_version__is_the_package_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_completion__of_a_command_inside_a_lazy_group__is_offered() -> None:
    environment = {"_YRDHUB_COMPLETE": "complete_bash", "COMP_WORDS": "yrdhub chain sta", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['yrdhub']; from hub.cli import main; main()"
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    assert set(told.stdout.split()) == {"start", "status"}
