"""`make test` fails for a skip that nobody accounted for (tests/conftest.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run_with(tmp_path: Path, body: str, *, allowed: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_it.py").write_text(f"import pytest\n{body}\ndef test_runs():\n    assert True\n")
    (tmp_path / "allowed").write_text(f"# why it may be absent\n{allowed}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "--rootdir", str(tmp_path)]
    return subprocess.run(
        [*command, "-c", "/dev/null", "--allowed-skips", str(tmp_path / "allowed"), str(tmp_path / "test_it.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


SKIP_IN_TEST = "def test_skips():\n    pytest.skip('the data is not here: /somewhere')"
SKIP_BY_MARK = "@pytest.mark.skip(reason='flaky')\ndef test_skips():\n    assert False"
SKIP_OF_MODULE = "pytest.importorskip('no_such_module_anywhere')"


@pytest.mark.parametrize("body", [SKIP_IN_TEST, SKIP_BY_MARK, SKIP_OF_MODULE])
def test_skip__for_no_listed_reason__fails_the_run_and_is_named(tmp_path: Path, body: str) -> None:
    told = run_with(tmp_path, body, allowed="another reason")
    assert told.returncode != 0
    assert "skipped for a reason that is not listed" in told.stdout


def test_skip__for_a_listed_reason__passes(tmp_path: Path) -> None:
    told = run_with(tmp_path, SKIP_IN_TEST, allowed="the data is not here")
    assert told.returncode == 0, told.stdout
    assert "not listed" not in told.stdout
