"""The wheel carries what it needs at run time, asks for nothing of the tools, and runs outside a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from hub.chain.artifacts import PROXY, REGISTERS

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard", "hub", "adapters", "mutual_recognition", "*.toml", "*.md"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()  # -z: names in Chinese come as they are, not quoted
    for name in listed.split("\0"):  # built from a copy: setuptools leaves its build folder where it builds
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-q", "-w", str(folder), "."],
        cwd=source,
        capture_output=True,
        check=True,
    )
    return next(folder.glob("yrdhub-*.whl"))


def test_wheel__carries_every_module_artifact_and_data_file(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"hub/chain/artifacts/{name}.json" for name in (*REGISTERS, PROXY)}
    for package in ("hub", "adapters", "mutual_recognition"):
        files = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        files = (path for path in files if path.name != ".gitattributes")  # speaks to git alone
        wanted |= {path.relative_to(ROOT).as_posix() for path in files}
    assert wanted - inside == set()
    assert not [name for name in inside if name.startswith(("tests/", "scripts/", "contracts/"))]


def test_wheel__needs_neither_ape_nor_slither(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    needed = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    always = [line for line in needed if "extra ==" not in line]
    assert always
    assert not [line for line in always if line.startswith(("eth-ape", "ape-", "slither"))]


def test_wheel__outside_a_checkout__runs_and_has_its_contracts(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import hub, hub.cli\n"
        "assert hub.__file__.startswith(sys.path[0]), hub.__file__\n"
        "sys.exit(hub.cli.run(['doctor', '--json']))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(installed)],
        cwd=tmp_path,
        env=os.environ | {"YRDHUB_HOME": str(tmp_path / "home"), "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = {found["subject"]: found for found in json.loads(told.stdout)["findings"]}
    assert findings["contracts"]["verdict"] == "ok", told.stderr
    assert findings["anvil"]["verdict"] == "missing"
    assert "npm install" in findings["anvil"]["remedy"]
    assert told.returncode == 1
