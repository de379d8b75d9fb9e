"""scripts/compile.py on a small project of its own: what it writes, when it compiles, what it refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from scripts import compile as artifact_compiler

pytestmark = pytest.mark.slow  # each case runs the compiler

SHAPES = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;
interface IMeter { error TooMuch(uint256 kwh); event Read(uint256 kwh); }
library Sum { error Negative(int256 by); function plus(uint256 a, uint256 b) internal pure returns (uint256) {
    if (b > a) revert Negative(-1); return a + b; } }
"""
METER = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;
import {IMeter, Sum} from "./Shapes.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
contract Meter is IMeter, Initializable {
    struct Reading { uint64 at; uint128 kwh; }
    mapping(address => Reading) public readings;
    function read(uint256 kwh) external { if (kwh > %d) revert TooMuch(kwh); emit Read(Sum.plus(kwh, 1)); }
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "Shapes.sol").write_text(SHAPES)
    (tmp_path / "contracts" / "Meter.sol").write_text(METER % 5)
    return tmp_path


def compile_in(project: Path, *arguments: str) -> int:
    return artifact_compiler.main(["--root", str(project), *arguments])


def artifact(project: Path, name: str) -> dict[str, object]:
    text = (project / "hub" / "chain" / "artifacts" / f"{name}.json").read_text()
    return dict(json.loads(text))


def test_artifacts__one_per_contract_and_the_proxy__with_code_where_it_can_be_deployed(project: Path) -> None:
    assert compile_in(project) == 0
    names = {path.stem for path in (project / "hub" / "chain" / "artifacts").glob("*.json")}
    assert names == {"ERC1967Proxy", "IMeter", "Meter", "Sum"}
    meter = artifact(project, "Meter")
    assert str(meter["bytecode"]).startswith("0x60")
    assert {entry["name"] for entry in meter["abi"] if entry["type"] == "error"} >= {"TooMuch", "Negative"}  # type: ignore[attr-defined]
    assert meter["compiler"] == {
        "version": "0.8.28",
        "evmVersion": "paris",
        "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
        "optimizer": {
            "enabled": True,
            "runs": artifact_compiler.read_compiler(artifact_compiler.ROOT).settings["optimizer"]["runs"],
        },
        "viaIR": artifact_compiler.read_compiler(artifact_compiler.ROOT).settings["viaIR"],
    }
    assert "bytecode" not in artifact(project, "IMeter")
    assert "bytecode" not in artifact(project, "Sum")
    layout = meter["storageLayout"]
    assert layout["storage"][0]["label"] == "readings"  # type: ignore[index]


def test_check__after_a_change_of_a_contract__names_what_differs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_in(project) == 0
    assert compile_in(project, "--check") == 0
    assert compile_in(project, "--check-sources") == 0
    (project / "contracts" / "Meter.sol").write_text(METER % 6)
    for check in ("--check", "--check-sources"):
        assert compile_in(project, check) == 1
        told = capsys.readouterr().err
        assert "Meter.json" in told
        assert "Sum.json" not in told


def test_check__artifact_edited_or_left_over__is_seen(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_in(project) == 0
    folder = project / "hub" / "chain" / "artifacts"
    (folder / "Gone.json").write_text("{}")
    (folder / "Meter.json").write_text((folder / "Meter.json").read_text().replace("0x60", "0x61", 1))
    assert compile_in(project, "--check") == 1
    told = capsys.readouterr().err
    assert "Gone.json" in told
    assert "Meter.json" in told


def test_storage_layout__unrelated_code_added__stays_the_same(project: Path) -> None:
    assert compile_in(project) == 0
    before = artifact(project, "Meter")["storageLayout"]
    (project / "contracts" / "Shapes.sol").write_text(SHAPES + "contract Another { uint256 public x; }\n")
    assert compile_in(project) == 0
    assert artifact(project, "Meter")["storageLayout"] == before


def test_contract__over_the_limit_of_eip_170__is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob = "".join(hashlib.sha256(index.to_bytes(2, "big")).hexdigest() for index in range(800))
    source = f"""// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;
contract Large {{ function f() external pure returns (bytes memory) {{ return hex"{blob}"; }} }}
"""
    (project / "contracts" / "Large.sol").write_text(source)
    assert compile_in(project) == 1
    assert "Large: deployedBytecode is" in capsys.readouterr().err


def test_source__that_does_not_compile_or_import__is_told_with_its_place(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "contracts" / "Meter.sol").write_text(METER.replace("%d", "true"))
    assert compile_in(project) == 1
    assert "contracts/Meter.sol:" in capsys.readouterr().err
    (project / "contracts" / "Meter.sol").write_text(METER.replace("./Shapes.sol", "./Missing.sol") % 5)
    assert compile_in(project) == 1
    assert "contracts/Missing.sol: imported" in capsys.readouterr().err
