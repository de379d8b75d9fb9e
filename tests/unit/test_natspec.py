"""The interfaces are the manual: each function, event and error says what it is, right above itself (NatSpec)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACES = ROOT / "contracts" / "interfaces"
ARTIFACTS = ROOT / "hub" / "chain" / "artifacts"
DECLARATION = re.compile(r"\s*(function|event|error)\s+(\w+)")
TAG = re.compile(r"\s*///\s*@(notice|dev|param|return)\s+\S")
WORDS_LEFT_UNSAID = re.compile(r"\b(TODO|FIXME|XXX|TBD)\b")


def declarations(solidity: str) -> Iterator[tuple[str, str, list[str]]]:
    """Every declaration as (kind, name, the lines of NatSpec directly above it).

    A blank line or an ordinary comment between comment and declaration parts them, so that a heading over a run of
    errors is nobody's documentation.
    """
    above: list[str] = []
    for line in solidity.splitlines():
        if line.lstrip().startswith("///"):
            above.append(line)
            continue
        if declared := DECLARATION.match(line):
            yield declared[1], declared[2], above
        above = []


def undocumented(solidity: str) -> list[str]:
    """Declarations without a NatSpec tag that is followed by words, as "error NotHolds"."""
    return [
        f"{kind} {name}"
        for kind, name, above in declarations(solidity)
        if not (above and TAG.match(above[0])) or WORDS_LEFT_UNSAID.search("\n".join(above))
    ]


@pytest.mark.parametrize("interface", sorted(path.name for path in INTERFACES.glob("*.sol")))
def test_interface__every_function_event_and_error__carries_natspec(interface: str) -> None:
    solidity = (INTERFACES / interface).read_text(encoding="utf-8")
    missing = undocumented(solidity)
    assert not missing, f"contracts/interfaces/{interface}: no NatSpec directly above {', '.join(missing)}"


def test_declarations__are_all_that_the_compiled_interfaces_have() -> None:
    """So that a way of writing one that the reading above overlooks does not pass unseen."""
    read = sorted(
        (kind, name)
        for path in INTERFACES.glob("*.sol")
        for kind, name, _ in declarations(path.read_text(encoding="utf-8"))
    )
    compiled = sorted(
        (entry["type"], entry["name"])
        for artifact in (json.loads(path.read_text(encoding="utf-8")) for path in ARTIFACTS.glob("*.json"))
        if artifact["source"].startswith("contracts/interfaces/")
        for entry in artifact["abi"]
    )
    assert read == compiled


@pytest.mark.parametrize(
    "solidity",
    [
        "error Full();",
        "/// @notice\nerror Full();",
        "/// just words\nerror Full();",
        "// @notice It is full.\nerror Full();",
        "/// @notice It is full.\n\nerror Full();",
        "/// @notice It is full.\n// ---- errors\nerror Full();",
        "/// @notice TODO\nerror Full();",
        "/// @notice It is full.\nerror Other();\nerror Full();",
    ],
)
def test_undocumented__names_what_has_no_comment_of_its_own(solidity: str) -> None:
    assert undocumented(solidity) == ["error Full"]


def test_undocumented__passes_a_comment_of_several_lines() -> None:
    assert undocumented("    /// @notice It is full,\n    /// to the brim.\n    error Full();") == []
