"""The committed contracts: ABI and bytecode of each, with functions, events and errors ready to look up.

`scripts/compile.py` writes `hub/chain/artifacts/<Contract>.json`; a test recompiles and compares. Nothing here needs a
compiler.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias

from hub.chain.abi_types import AbiType, Field, fields_of, tuple_of
from hub.errors import ConfigurationWrong
from mutual_recognition.keccak import keccak

RegisterName: TypeAlias = Literal["Consortium", "Methodologies", "Projects", "Recognition", "Holds", "CreditLedger"]
REGISTERS: tuple[RegisterName, ...] = (
    "Consortium",
    "Methodologies",
    "Projects",
    "Recognition",
    "Holds",
    "CreditLedger",
)
"""The contracts that hold state, each behind a proxy, in the order they are deployed."""

PROXY = "ERC1967Proxy"


@dataclass(frozen=True, slots=True)
class AbiFunction:
    """A function of a contract. `inputs` is the plan of all arguments taken as one tuple."""

    contract: str
    name: str
    signature: str
    selector: bytes
    fields: tuple[Field, ...]
    inputs: AbiType
    output_fields: tuple[Field, ...]
    outputs: AbiType
    is_view: bool


@dataclass(frozen=True, slots=True)
class AbiEvent:
    """An event; `topic` is the 0x-hex of its first topic."""

    contract: str
    name: str
    signature: str
    topic: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class AbiError:
    """A custom error."""

    contract: str
    name: str
    signature: str
    selector: bytes
    fields: tuple[Field, ...]
    inputs: AbiType


@dataclass(frozen=True, slots=True)
class Artifact:
    """One contract as compiled. `bytecode` and `deployed_bytecode` are empty for an interface or abstract contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str
    immutable_references: Mapping[str, list[dict[str, int]]]
    constructor: tuple[Field, ...]
    functions: Mapping[str, AbiFunction]
    """By name; an overloaded name stands here by its signature instead."""
    functions_by_selector: Mapping[bytes, AbiFunction]
    events: Mapping[str, AbiEvent]
    """By topic."""
    errors: Mapping[bytes, AbiError]
    """By selector."""

    def function(self, name: str) -> AbiFunction:
        """The function called `name` (or by its signature); LookupError names those there are."""
        try:
            return self.functions[name]
        except KeyError:
            known = ", ".join(sorted(self.functions))
            raise LookupError(f"{self.name} has no function {name}; it has {known}") from None

    def creation_code(self, values: Sequence[Any]) -> bytes:
        """What a transaction that creates this contract carries; `values` are the constructor's arguments."""
        return bytes.fromhex(self.bytecode[2:]) + tuple_of(self.constructor).encode(values)


@cache
def load(name: str) -> Artifact:
    """The artifact of the contract `name`, read once. Raises ConfigurationWrong when it was never generated."""
    stored = _read(name)
    abi: list[dict[str, Any]] = stored["abi"]
    documented = {function.selector: function for function in _interface_functions(name)}
    functions = [_function(name, entry) for entry in abi if entry["type"] == "function"]
    functions = [documented.get(function.selector, function) for function in functions]
    names = [function.name for function in functions]
    events = [_event(name, entry) for entry in abi if entry["type"] == "event"]
    errors = [_error(name, entry) for entry in abi if entry["type"] == "error"]
    constructors = [fields_of(entry["inputs"]) for entry in abi if entry["type"] == "constructor"]
    return Artifact(
        name=name,
        abi=abi,
        bytecode=stored.get("bytecode", "0x"),
        deployed_bytecode=stored.get("deployedBytecode", "0x"),
        immutable_references=stored.get("immutableReferences", {}),
        constructor=constructors[0] if constructors else (),
        functions={
            function.name if names.count(function.name) == 1 else function.signature: function for function in functions
        },
        functions_by_selector={function.selector: function for function in functions},
        events={event.topic: event for event in events},
        errors={error.selector: error for error in errors},
    )


@cache
def names() -> tuple[str, ...]:
    """Every committed artifact, interfaces included, sorted."""
    return tuple(sorted(path.name.removesuffix(".json") for path in _folder().iterdir() if _is_json(path.name)))


@cache
def digest() -> str:
    """SHA-256 over all committed artifacts, 0x-hex: which contracts this version of the hub deploys and reads."""
    summed = hashlib.sha256()
    for name in names():
        content = _folder().joinpath(f"{name}.json").read_bytes()
        summed.update(f"{name} {len(content)}\n".encode() + content)
    return "0x" + summed.hexdigest()


def _interface_functions(name: str) -> list[AbiFunction]:
    """The functions as the register's interface names their parameters: the interface is the manual, not the body."""
    if name not in REGISTERS:
        return []
    return [_function(name, entry) for entry in _read(f"I{name}")["abi"] if entry["type"] == "function"]


def _folder() -> Any:
    return files("hub.chain").joinpath("artifacts")


def _is_json(file_name: str) -> bool:
    return file_name.endswith(".json")


def _read(name: str) -> dict[str, Any]:
    file = _folder().joinpath(f"{name}.json")
    if not file.is_file():
        raise ConfigurationWrong(
            f"the compiled contract {name} is missing from this installation",
            where=f"hub/chain/artifacts/{name}.json",
            remedy="install the released wheel, or run `make artifacts` in a source tree",
            code="artifact_missing",
        )
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _signature(name: str, inputs: AbiType) -> str:
    return name + inputs.canonical


def _function(contract: str, entry: dict[str, Any]) -> AbiFunction:
    fields = fields_of(entry["inputs"])
    output_fields = fields_of(entry["outputs"])
    inputs = tuple_of(fields)
    signature = _signature(entry["name"], inputs)
    return AbiFunction(
        contract=contract,
        name=entry["name"],
        signature=signature,
        selector=keccak(signature.encode())[:4],
        fields=fields,
        inputs=inputs,
        output_fields=output_fields,
        outputs=tuple_of(output_fields),
        is_view=entry["stateMutability"] in {"view", "pure"},
    )


def _event(contract: str, entry: dict[str, Any]) -> AbiEvent:
    fields = fields_of(entry["inputs"])
    signature = _signature(entry["name"], tuple_of(fields))
    return AbiEvent(contract, entry["name"], signature, "0x" + keccak(signature.encode()).hex(), fields)


def _error(contract: str, entry: dict[str, Any]) -> AbiError:
    fields = fields_of(entry["inputs"])
    inputs = tuple_of(fields)
    signature = _signature(entry["name"], inputs)
    return AbiError(contract, entry["name"], signature, keccak(signature.encode())[:4], fields, inputs)
