"""Enums and the allow-list of ballots against the Solidity sources."""

from __future__ import annotations

import re
from pathlib import Path

from hub.chain.artifacts import REGISTERS, load
from hub.chain.constitution import ALLOWED_CALLS, allowed_calls
from hub.chain.enums import SOLIDITY_ENUMS, BlockStatus, Choice, Role, in_words

INTERFACES = Path(__file__).resolve().parents[2] / "contracts" / "interfaces"


def sources() -> str:
    return "".join(file.read_text(encoding="utf-8") for file in sorted(INTERFACES.glob("*.sol")))


def without_comments(solidity: str) -> str:
    return re.sub(r"//[^\n]*", "", solidity)


def screaming(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).upper()


def test_every_enum__same_names_and_numbers_as_in_solidity() -> None:
    found = dict(re.findall(r"enum (\w+) \{([^}]*)\}", without_comments(sources())))
    assert set(found) == set(SOLIDITY_ENUMS)
    for name, body in found.items():
        members = [screaming(member.strip()) for member in body.split(",") if member.strip()]
        numbered = {member: number for number, member in enumerate(members)}
        ours = {member.name: int(member) for member in SOLIDITY_ENUMS[name]}
        # those of the pure domain give 0 no name: no record of theirs is without a status
        assert ours in (numbered, {member: number for member, number in numbered.items() if number}), name


def test_roles__same_bits_as_in_solidity() -> None:
    found = dict(re.findall(r"uint8 constant ROLE_(\w+) = (\d+);", sources()))
    assert {name: int(bit) for name, bit in found.items()} == {str(role.name): int(role) for role in Role}


def test_every_enum_in_the_abi_has_a_name_here() -> None:
    internal = {
        field.internal.removeprefix("enum ")
        for register in REGISTERS
        for error in load(register).errors.values()
        for field in error.fields
        if field.internal.startswith("enum ")
    }
    assert internal <= set(SOLIDITY_ENUMS)


def test_in_words() -> None:
    assert in_words(BlockStatus, 2) == "in transit"
    assert in_words(BlockStatus, 0) == "none"
    assert in_words(Choice, 9) == "9"


def by_ballot(register: str) -> set[str]:
    """Functions that the interface marks "by ballot": in its section of that name, or by their first words."""
    text = (INTERFACES / f"I{register}.sol").read_text(encoding="utf-8")
    marked = set(re.findall(r"/// @notice By ballot\b[^\n]*\n(?:\s*///[^\n]*\n)*\s*function (\w+)", text))
    for section in re.findall(r"// -+ by ballot(?: only)?\n(.*?)(?=// -{4}|\Z)", text, re.DOTALL):
        marked |= set(re.findall(r"function (\w+)", section))
    return marked


def test_allow_list__every_function_the_interfaces_give_to_ballots_once() -> None:
    listed = [call for calls in ALLOWED_CALLS.values() for call in calls]
    assert len(listed) == len(set(listed))
    for register in REGISTERS:
        ours = {function for name, function in listed if name == register}
        assert ours == by_ballot(register) | {"upgradeToAndCall"}, register


def test_allow_list__selectors_of_the_artifacts() -> None:
    addresses = {name: "0x" + f"{place:02x}" * 20 for place, name in enumerate(REGISTERS)}
    calls = allowed_calls(addresses)
    assert len(calls) == sum(map(len, ALLOWED_CALLS.values()))
    for address, selector, _ in calls:
        register = next(name for name, there in addresses.items() if there == address)
        assert selector in load(register).functions_by_selector
