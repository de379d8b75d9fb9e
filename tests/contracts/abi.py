"""One function of an ABI: its arguments into calldata, its answer into values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from eth_abi.abi import default_codec
from eth_abi.registry import registry
from eth_utils.crypto import keccak

from tests.contracts.artifacts import Abi


def type_of(component: Abi) -> str:
    """The canonical ABI type, tuples written out."""
    kind = str(component["type"])
    if kind.startswith("tuple"):
        return f"({','.join(type_of(part) for part in component['components'])}){kind[5:]}"
    return kind


def signature_of(entry: Abi) -> str:
    return f"{entry['name']}({','.join(type_of(item) for item in entry['inputs'])})"


def _into_tuple(component: Abi) -> Callable[[Any], Any] | None:
    """How to turn dicts into tuples within a value of this type; None where there is nothing to turn."""
    kind = str(component["type"])
    if not kind.startswith("tuple"):
        return None
    names = [part["name"] for part in component["components"]]
    inner = [(index, turn) for index, part in enumerate(component["components"]) if (turn := _into_tuple(part))]

    def one(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() != set(names):
                raise TypeError(f"{component['internalType']} has {names}, not {sorted(value)}")
            value = tuple(value[name] for name in names)
        if not inner:
            return value
        turned = list(value)
        for index, turn in inner:
            turned[index] = turn(turned[index])
        return tuple(turned)

    return one if kind == "tuple" else lambda values: [one(value) for value in values]


def from_tuple(component: Abi) -> Callable[[Any], Any]:
    """How to turn decoded tuples into named tuples."""
    kind = str(component["type"])
    if not kind.startswith("tuple"):
        return lambda value: value
    parts = [from_tuple(part) for part in component["components"]]
    name = str(component.get("internalType", "Struct")).split()[-1].split(".")[-1].split("[")[0]
    shape = namedtuple(name, [part["name"] for part in component["components"]])  # type: ignore[misc]

    def one(value: Any) -> Any:
        return shape(*(turn(item) for turn, item in zip(parts, value, strict=True)))

    return one if kind == "tuple" else lambda values: [one(value) for value in values]


def _word_reader(kind: str) -> Callable[[bytes], Any] | None:
    """How to read a value of this type from its 32-byte word; None for what takes more than a word."""
    if kind.startswith("uint") and not kind.endswith("]"):
        return lambda word: int.from_bytes(word, "big")
    if kind.startswith("bytes") and kind[5:].isdigit():
        size = int(kind[5:])
        return lambda word: word[:size]
    if kind == "bool":
        return lambda word: word[31] == 1
    if kind == "address":
        return lambda word: "0x" + word[12:].hex()
    return None


def _static_reader(components: Sequence[Abi]) -> Callable[[bytes, int], tuple[list[Any], int]] | None:
    """How to read values of one word each, and structs of such, from an offset on; answers them and the end.

    Millions of records are compared through views, and the general decoder takes most of that time.
    """
    steps: list[tuple[Callable[[bytes], Any] | None, Any]] = []
    for component in components:
        kind = str(component["type"])
        if kind == "tuple":
            inner = _static_reader(component["components"])
            if inner is None:
                return None
            steps.append((None, inner))
        elif (reader := _word_reader(kind)) is not None:
            steps.append((reader, None))
        else:
            return None

    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        for reader, inner in steps:
            if reader is not None:
                values.append(reader(data[at : at + 32]))
                at += 32
            else:
                parts, at = inner(data, at)
                values.append(tuple(parts))
        return values, at

    return read


class Function:
    """One function of an ABI: encodes its arguments, decodes its answer."""

    def __init__(self, entry: Abi) -> None:
        self.name = str(entry["name"])
        self.writes = entry["stateMutability"] not in ("view", "pure")
        self.signature = signature_of(entry)
        self.selector = keccak(text=self.signature)[:4]
        self.names = [item["name"] for item in entry["inputs"]]
        types = [type_of(item) for item in entry["inputs"]]
        self._encode = registry.get_encoder(f"({','.join(types)})") if types else lambda _: b""
        self._turns = [_into_tuple(item) for item in entry["inputs"]]
        self._plain = not any(self._turns)
        self._read = _static_reader(entry["outputs"])
        self._answer_types = [type_of(item) for item in entry["outputs"]]
        self._answer_turns = [from_tuple(item) for item in entry["outputs"]]

    def encode(self, arguments: Sequence[Any]) -> bytes:
        if len(arguments) != len(self._turns):
            raise TypeError(f"{self.signature} takes {self.names}, got {len(arguments)} arguments")
        if not self._plain:
            arguments = [turn(value) if turn else value for turn, value in zip(self._turns, arguments, strict=True)]
        return self.selector + bytes(self._encode(arguments))

    def decode(self, answer: bytes) -> Any:
        if not self._answer_types:
            return None
        values: Sequence[Any]
        if self._read is not None:
            values, end = self._read(answer, 0)
            if end != len(answer):
                raise ValueError(f"{self.signature} answered {len(answer)} bytes, not {end}")
        else:
            values = default_codec.decode(self._answer_types, answer)
        turned = [turn(value) for turn, value in zip(self._answer_turns, values, strict=True)]
        return turned[0] if len(turned) == 1 else tuple(turned)
