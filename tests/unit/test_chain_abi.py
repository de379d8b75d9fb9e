"""Contract values as bytes: every plan against eth_abi, and what does not fit is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode as reference_decode
from eth_abi.abi import encode as reference_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.chain.abi_types import AbiType, Undecodable, Unencodable, abi_type, fields_of, snake_case, tuple_of
from hub.chain.artifacts import REGISTERS, load

UNSIGNED = st.sampled_from([8, 16, 24, 32, 40, 48, 64, 96, 128, 256])
FIXED = st.sampled_from([1, 3, 4, 12, 20, 31, 32])


def hex_of(length: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=length, max_size=length).map(lambda raw: "0x" + raw.hex())


def elementary() -> st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]]:
    """(ABI type, strategy of its values in our forms)."""
    return st.one_of(
        UNSIGNED.map(lambda bits: (f"uint{bits}", st.integers(0, 2**bits - 1))),
        UNSIGNED.map(lambda bits: (f"int{bits}", st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))),
        FIXED.map(lambda length: (f"bytes{length}", hex_of(length))),
        st.just(("address", hex_of(20))),
        st.just(("bool", st.booleans())),
        st.just(("bytes", st.binary(max_size=100))),
        st.just(("string", st.text(max_size=50))),
    )


def describe(inner: dict[str, Any], suffix: str) -> dict[str, Any]:
    return inner | {"type": inner["type"] + suffix}


@st.composite
def component(draw: st.DrawFn, depth: int = 2) -> tuple[dict[str, Any], Any]:
    """(ABI JSON of a parameter without its name, a value for it)."""
    shape = draw(st.sampled_from(["plain", "plain", "list", "array", "tuple"] if depth else ["plain"]))
    if shape == "plain":
        kind, values = draw(elementary())
        return {"type": kind}, draw(values)
    if shape == "tuple":
        parts = draw(st.lists(component(depth - 1), min_size=1, max_size=4))
        names = [f"field{place}" for place in range(len(parts))]
        described = [part | {"name": name} for (part, _), name in zip(parts, names, strict=True)]
        return {"type": "tuple", "components": described}, {
            name: value for name, (_, value) in zip(names, parts, strict=True)
        }
    inner, value = draw(component(depth - 1))
    count = draw(st.integers(0 if shape == "list" else 1, 3))
    return describe(inner, "[]" if shape == "list" else f"[{count}]"), [value] * count


def as_reference(part: dict[str, Any], value: Any) -> Any:
    """A value of ours as eth_abi takes it: raw bytes, tuples."""
    kind: str = part["type"]
    if kind.endswith("]"):
        return [as_reference(part | {"type": kind[: kind.rindex("[")]}, item) for item in value]
    if kind == "tuple":
        return tuple(as_reference(inner, value[inner["name"]]) for inner in part["components"])
    if kind.startswith("bytes") and kind != "bytes":
        return bytes.fromhex(value[2:])
    return value


@settings(max_examples=300, deadline=None)
@given(st.lists(component(), min_size=1, max_size=5))
def test_any_arguments__same_bytes_as_eth_abi_and_back(parts: list[tuple[dict[str, Any], Any]]) -> None:
    described = [part | {"name": f"argument{place}"} for place, (part, _) in enumerate(parts)]
    plan = tuple_of(fields_of(described))
    values = [value for _, value in parts]

    encoded = plan.encode(values)

    types = [field.type.canonical for field in fields_of(described)]
    expected = reference_encode(
        types, [as_reference(part, value) for part, value in zip(described, values, strict=True)]
    )
    assert encoded == expected
    assert list(plan.decode(encoded, 0).values()) == values
    assert len(reference_decode(types, encoded)) == len(values)


@settings(max_examples=300, deadline=None)
@given(st.lists(component(), min_size=1, max_size=3), st.binary(max_size=400), st.data())
def test_forged_bytes__refused_or_read__never_another_error(
    parts: list[tuple[dict[str, Any], Any]], noise: bytes, data: st.DataObject
) -> None:
    described = [part | {"name": f"argument{place}"} for place, (part, _) in enumerate(parts)]
    plan = tuple_of(fields_of(described))
    good = plan.encode([value for _, value in parts])
    cut = data.draw(st.integers(0, len(good)))
    for forged in (noise, good[:cut], good[:cut] + noise):
        try:
            plan.decode(forged, 0)
        except Undecodable:
            continue


def test_every_function_event_and_error_of_the_registers_has_a_plan() -> None:
    for name in REGISTERS:
        artifact = load(name)
        assert artifact.functions
        for function in artifact.functions.values():
            assert isinstance(function.inputs, AbiType)
            assert isinstance(function.outputs, AbiType)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint24", 2**24),
        ("uint24", -1),
        ("uint24", True),
        ("uint24", "7"),
        ("uint64", 1.0),
        ("int8", 128),
        ("int8", -129),
        ("bool", 1),
        ("address", "0x12"),
        ("address", b"\0" * 19),
        ("bytes12", "0x" + "00" * 11),
        ("bytes12", "0x" + "zz" * 12),
        ("bytes12", 12),
        ("bytes32", b"\0" * 33),
        ("bytes", "0x1"),
        ("bytes", 5),
        ("string", b"raw"),
        ("uint8[]", "not a list"),
        ("uint8[2]", [1]),
        ("uint8[]", [1, 256]),
    ],
)
def test_value_that_does_not_fit__refused(kind: str, value: object) -> None:
    with pytest.raises(Unencodable) as refused:
        abi_type(kind).encode(value)
    assert kind.partition("[")[0] in str(refused.value)


def test_nested_field_that_does_not_fit__named_by_its_path() -> None:
    plan = tuple_of(
        fields_of(
            [
                {
                    "name": "calls",
                    "type": "tuple[]",
                    "components": [{"name": "target", "type": "address"}, {"name": "kind", "type": "uint8"}],
                }
            ]
        )
    )
    with pytest.raises(Unencodable) as refused:
        plan.encode([[{"target": "0x" + "00" * 20, "kind": 3}, {"target": "0x" + "00" * 20, "kind": 300}]])
    assert refused.value.path == ("calls", "[1]", "kind")
    assert refused.value.value == 300


def test_struct_with_a_missing_and_an_unknown_field__both_named() -> None:
    plan = tuple_of(fields_of([{"name": "first", "type": "uint8"}, {"name": "last", "type": "uint8"}]))
    with pytest.raises(Unencodable, match=r"missing: \['last'\], unknown: \['lst'\]"):
        plan.encode({"first": 1, "lst": 2})


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("bool", 2),
        ("uint24", 2**24),
        ("address", 1 << 160),
        ("bytes12", 1),
        ("int8", 200),
    ],
)
def test_word_with_dirty_bits__refused(kind: str, word: int) -> None:
    with pytest.raises(Undecodable):
        abi_type(kind).decode(word.to_bytes(32, "big"), 0)


@pytest.mark.parametrize("kind", ["uint7", "uint264", "bytes33", "bytes0", "fixed128x18", "function", ""])
def test_type_that_solidity_abi_does_not_have__refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no such ABI type"):
        abi_type(kind)


@pytest.mark.parametrize(
    ("solidity", "python"), [("blockFirst", "block_first"), ("annualCapKg", "annual_cap_kg"), ("to", "to")]
)
def test_snake_case(solidity: str, python: str) -> None:
    assert snake_case(solidity) == python
