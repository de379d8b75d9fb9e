"""A chain in this process (pyrevm, Paris rules) and the contracts on it, called by name through their ABI.

One `Chain` is one EVM with a clock of its own. `Register` is a deployed contract: every function of its ABI is a
method that takes the arguments in order (a struct as a dict by field, or as a tuple) and, for writes, `sender=`. A
write answers a `Receipt`; a view answers its value. Whatever reverts raises `Reverted` with the name and the values of
the innermost custom error.

pyrevm keeps one transaction open for ever, so storage stays warm: gas used here is a lower bound and no benchmark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import pyrevm
from coincurve import PrivateKey
from eth_abi.abi import default_codec
from eth_account import Account
from eth_utils.crypto import keccak

from tests.contracts.abi import Function, from_tuple, signature_of, type_of
from tests.contracts.artifacts import Abi, Artifact

CHAIN_ID = 31_337
GENESIS_TIME = 1_767_225_600
"""2026-01-01T00:00:00Z: tests choose their own times from here on."""
GAS_LIMIT = 30_000_000
NOBODY = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Key:
    """A test key, made from its label, so that every run has the same addresses."""

    label: str
    secret: bytes
    address: str

    @staticmethod
    def named(label: str) -> Key:
        secret = keccak(text=f"test key {label}")
        return Key(label, secret, str(Account.from_key(secret).address))

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v (27 or 28) over a 32-byte digest."""
        signature = _signer(self.secret).sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


@cache
def _signer(secret: bytes) -> PrivateKey:
    return PrivateKey(secret)


class Reverted(Exception):
    """A call reverted. `error` and `values` are the innermost custom error's, `path` the items around it."""

    def __init__(
        self, error: str, values: dict[str, Any], path: tuple[tuple[str, int], ...] = (), gas: int = 0
    ) -> None:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in values.items())
        around = "".join(f"{outer}[{index}]: " for outer, index in path)
        super().__init__(f"{around}{error}({shown})")
        self.error = error
        self.values = values
        self.path = path
        self.gas = gas


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log: the contract's name in the deployment, the event's, and its values by name."""

    register: str
    name: str
    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"{self.name} has no {name}; it has {', '.join(self.values)}") from None


@dataclass(frozen=True)
class Receipt:
    """What a write returned, what it emitted, and what it cost (warm, see the module)."""

    value: Any
    gas: int
    _logs: Sequence[Any]
    _chain: Chain = field(repr=False)

    @cached_property
    def events(self) -> list[Event]:
        return [self._chain.decode_log(log) for log in self._logs]

    def event(self, name: str) -> Event:
        """The only event of that name."""
        found = [event for event in self.events if event.name == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} {name} among {[event.name for event in self.events]}")
        return found[0]


# ---------------------------------------------------------------- errors and events


@dataclass(frozen=True, slots=True)
class ErrorShape:
    name: str
    names: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventShape:
    name: str
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]
    turns: tuple[Callable[[Any], Any], ...]
    order: tuple[str, ...]


class Vocabulary:
    """Every custom error and event of all ABIs, by selector and topic."""

    def __init__(self, artifacts: dict[str, Artifact]) -> None:
        self.errors: dict[bytes, ErrorShape] = {}
        self.events: dict[str, EventShape] = {}
        for artifact in artifacts.values():
            for entry in artifact["abi"]:
                if entry["type"] == "error":
                    types = tuple(type_of(item) for item in entry["inputs"])
                    names = tuple(item["name"] for item in entry["inputs"])
                    self.errors[keccak(text=signature_of(entry))[:4]] = ErrorShape(entry["name"], names, types)
                elif entry["type"] == "event":
                    self.events["0x" + keccak(text=signature_of(entry)).hex()] = _event_shape(entry)

    def read_error(self, data: bytes) -> Reverted:
        """The innermost error of revert data; batch and ballot items around it go into its path."""
        path: list[tuple[str, int]] = []
        while True:
            shape = self.errors.get(data[:4])
            if shape is None:
                return Reverted(_builtin_error(data), {"data": data}, tuple(path))
            values = dict(zip(shape.names, default_codec.decode(shape.types, data[4:]), strict=True))
            if "reason" not in values or shape.name not in ("BatchItemFailed", "BallotActionFailed"):
                return Reverted(shape.name, values, tuple(path))
            path.append((shape.name, values["index"]))
            data = values["reason"]


def _builtin_error(data: bytes) -> str:
    if data[:4] == keccak(text="Panic(uint256)")[:4]:
        return f"Panic(0x{int.from_bytes(data[4:36], 'big'):02x})"
    if data[:4] == keccak(text="Error(string)")[:4]:
        return f"Error({default_codec.decode(['string'], data[4:])[0]})"
    return "empty revert" if not data else f"unknown error 0x{data[:4].hex()}"


def _event_shape(entry: Abi) -> EventShape:
    indexed = tuple((item["name"], type_of(item)) for item in entry["inputs"] if item["indexed"])
    plain = [item for item in entry["inputs"] if not item["indexed"]]
    return EventShape(
        entry["name"],
        indexed,
        tuple((item["name"], type_of(item)) for item in plain),
        tuple(from_tuple(item) for item in plain),
        tuple(item["name"] for item in entry["inputs"]),
    )


# ---------------------------------------------------------------- chain

_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")


class Chain:
    """One EVM. Block time moves only by `warp` and `pass_time`; each write is a block of its own number."""

    def __init__(self, artifacts: dict[str, Artifact], start: int = GENESIS_TIME) -> None:
        self.artifacts = artifacts
        self.vocabulary = Vocabulary(artifacts)
        self.now = start
        self.names: dict[str, str] = {}
        self._block = 1
        self._evm = pyrevm.EVM(
            env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID)), gas_limit=GAS_LIMIT, spec_id="MERGE"
        )
        self._set_block()

    def _set_block(self) -> None:
        self._evm.set_block_env(pyrevm.BlockEnv(number=self._block, timestamp=self.now, gas_limit=GAS_LIMIT))

    def warp(self, time: int) -> None:
        """Set block time, seconds; it never goes back."""
        if time < self.now:
            raise ValueError(f"block time is {self.now}, cannot go back to {time}")
        self.now = time
        self._block += 1
        self._set_block()

    def pass_time(self, seconds: int) -> None:
        self.warp(self.now + seconds)

    def snapshot(self) -> Callable[[], None]:
        """Marks the state; calling the answer returns to it, time included. Once, and innermost first."""
        checkpoint, now, block = self._evm.snapshot(), self.now, self._block

        def return_to_it() -> None:
            self._evm.revert(checkpoint)
            self.now, self._block = now, block
            self._set_block()

        return return_to_it

    def call_raw(self, sender: str, to: str, data: bytes) -> bytes:
        """Runs calldata as a transaction of `sender`. Raises Reverted."""
        try:
            return bytes(self._evm.message_call(sender, to, calldata=data))
        except RuntimeError as failed:
            text = str(failed)
        output = _OUTPUT.search(text)
        if not text.startswith("Revert") or output is None:
            raise Reverted(text, {})
        error = self.vocabulary.read_error(bytes.fromhex(output[1]))
        error.gas = int(self._result().gas_used)
        raise error

    def _result(self) -> pyrevm.ExecutionResult:
        result = self._evm.result
        assert result is not None, "nothing has run yet"
        return result

    def transact(self, sender: Key | str, to: str, data: bytes, function: Function) -> Receipt:
        answer = self.call_raw(sender.address if isinstance(sender, Key) else sender, to, data)
        result = self._result()
        return Receipt(function.decode(answer), int(result.gas_used), result.logs, self)

    def deploy(self, deployer: Key, name: str, types: Sequence[str] = (), arguments: Sequence[Any] = ()) -> str:
        """Creates a contract from its artifact; answers its address, checksummed as given by the EVM (lower case)."""
        code = self.artifacts[name].linked(self._library)
        data = code + default_codec.encode(types, arguments)
        try:
            return str(self._evm.deploy(deployer.address, data))
        except RuntimeError as failed:
            output = _OUTPUT.search(str(failed))
            if output is None:
                raise
            raise self.vocabulary.read_error(bytes.fromhex(output[1])) from None

    def _library(self, name: str) -> str:
        if name not in self.names.values():
            address = self.deploy(Key.named("library deployer"), name)
            self.names[address.lower()] = name
        return next(address for address, known in self.names.items() if known == name)

    def storage(self, address: str, slot: int) -> int:
        return int(self._evm.storage(address, slot))

    def decode_log(self, log: Any) -> Event:
        """Raises KeyError on an event that no ABI knows."""
        topics, data = log.data
        shape = self.vocabulary.events["0x" + topics[0].hex()]
        values = {
            name: default_codec.decode([kind], topic)[0]
            for (name, kind), topic in zip(shape.indexed, topics[1:], strict=True)
        }
        decoded = default_codec.decode([kind for _, kind in shape.plain], data)
        for (name, _), turn, value in zip(shape.plain, shape.turns, decoded, strict=True):
            values[name] = turn(value)
        return Event(
            self.names.get(log.address.lower(), log.address), shape.name, {name: values[name] for name in shape.order}
        )


class Register:
    """A deployed contract. `register.issue(..., sender=key)` writes, `register.getBlock(...)` reads."""

    def __init__(self, chain: Chain, name: str, address: str, abi: Sequence[Abi] | None = None) -> None:
        self.chain = chain
        self.name = name
        self.address = address
        entries = chain.artifacts[name].abi if abi is None else abi
        self.functions = {entry["name"]: Function(entry) for entry in entries if entry["type"] == "function"}
        self.errors = sorted(entry["name"] for entry in entries if entry["type"] == "error")
        chain.names[address.lower()] = name

    def calldata(self, function: str, *arguments: Any) -> bytes:
        """An encoded call: for `batch`, for a ballot's action, or to look at."""
        return self.functions[function].encode(arguments)

    def action(self, function: str, *arguments: Any) -> tuple[str, bytes]:
        """A ballot's Action that calls this register."""
        return self.address, self.calldata(function, *arguments)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            function = self.__dict__["functions"][name]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('name')} has no function {name}") from None
        method = self._writer(function) if function.writes else self._reader(function)
        self.__dict__[name] = method
        return method

    def _writer(self, function: Function) -> Callable[..., Receipt]:
        def write(*arguments: Any, sender: Key | str) -> Receipt:
            return self.chain.transact(sender, self.address, function.encode(arguments), function)

        return write

    def _reader(self, function: Function) -> Callable[..., Any]:
        def read(*arguments: Any, sender: Key | str = NOBODY) -> Any:
            caller = sender.address if isinstance(sender, Key) else sender
            return function.decode(self.chain.call_raw(caller, self.address, function.encode(arguments)))

        return read
