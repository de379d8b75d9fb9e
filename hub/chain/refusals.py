"""Why the chain said no: revert data decoded into the custom error, its arguments and a sentence."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any

from hub.chain.abi_types import Field, Undecodable, fields_of, tuple_of
from hub.chain.artifacts import PROXY, REGISTERS, AbiError, load
from hub.chain.enums import SOLIDITY_ENUMS, Role, in_words
from hub.chain.refusal_words import WORDS, Words
from hub.errors import ChainRefused
from mutual_recognition.keccak import keccak

_WRAPPERS = frozenset({"BatchItemFailed", "BallotActionFailed"})
_DEEPEST = 8
_SHANGHAI = timezone(timedelta(hours=8))
_SUBJECT_KINDS = {1: "methodology", 2: "project", 3: "issuance", 4: "unit block"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decoded revert. `contract` is one that declares the error ("" for Solidity's own).

    `index` is the item of a batch or the action of a ballot that failed; then `inner` says why, and `error` is
    `BatchItemFailed` or `BallotActionFailed`.
    """

    contract: str
    error: str
    args: dict[str, Any]
    index: int | None = None
    inner: Refusal | None = None
    sentence: str = ""
    remedy: str = ""

    @property
    def root(self) -> Refusal:
        """The error at the bottom: what was really wrong."""
        return self.inner.root if self.inner else self

    @property
    def told(self) -> str:
        """The root's sentence, with the ballot's action before it: a batch's place is told apart (`record_index`)."""
        if self.inner is None:
            return self.sentence
        if self.error == "BallotActionFailed":
            return f"Action {self.index} of the ballot was refused: {self.inner.told}"
        return self.inner.told

    @property
    def batch_index(self) -> int | None:
        """The place in the batch that was sent, counted from 0; None when it was none."""
        return self.index if self.error == "BatchItemFailed" else None

    def as_error(self, where: str | None = None) -> ChainRefused:
        """The error to raise: named after the root, with the place in the batch beside it."""
        root = self.root
        return ChainRefused(
            root.error,
            root.args,
            record_index=self.batch_index,
            message=self.told,
            where=where or root.contract or None,
            remedy=root.remedy or None,
        )


def decode_revert(data: bytes) -> Refusal:
    """The refusal that revert data says. Never raises: what cannot be read is `UnknownError` with its selector."""
    return _decode(data, _DEEPEST)


def known_errors() -> Mapping[bytes, AbiError]:
    """Every custom error of our contracts and Solidity's own two, by selector."""
    return _errors()


def words_for(error: AbiError) -> Words:
    """The error's words: by signature, else by name. KeyError when the table lacks it."""
    return WORDS[error.signature] if error.signature in WORDS else WORDS[error.name]


def _decode(data: bytes, depth: int) -> Refusal:
    if not data:
        return _plain("RevertedWithoutReason", {})
    error = _errors().get(data[:4])
    if error is None:
        return _plain("UnknownError", {"selector": "0x" + data[:4].hex(), "data": "0x" + data.hex()})
    try:
        args: dict[str, Any] = error.inputs.decode(data[4:], 0)
    except Undecodable:
        return _plain("UnknownError", {"selector": "0x" + data[:4].hex(), "data": "0x" + data.hex()})
    words = words_for(error)
    inner = None
    if error.name in _WRAPPERS and depth:
        inner = _decode(args["reason"], depth - 1)
    return Refusal(
        contract=error.contract,
        error=error.name,
        args=args,
        index=args["index"] if error.name in _WRAPPERS else None,
        inner=inner,
        sentence=_fill(words.sentence, error.fields, args),
        remedy=words.remedy,
    )


def _plain(name: str, args: dict[str, Any]) -> Refusal:
    words = WORDS[name]
    return Refusal("", name, args, sentence=words.sentence.format(**args), remedy=words.remedy)


@cache
def _errors() -> dict[bytes, AbiError]:
    found = {error.selector: error for error in (_solidity_error("Error", "message", "string"),)}
    panic = _solidity_error("Panic", "code", "uint256")
    found[panic.selector] = panic
    for name in (PROXY, *REGISTERS):
        for selector, error in load(name).errors.items():
            found.setdefault(selector, error)
    return found


def _solidity_error(name: str, parameter: str, kind: str) -> AbiError:
    fields = fields_of([{"name": parameter, "type": kind}])
    inputs = tuple_of(fields)
    signature = name + inputs.canonical
    return AbiError("", name, signature, keccak(signature.encode())[:4], fields, inputs)


class _Formatter(string.Formatter):
    """Fills a sentence: `{name}` by the parameter's own type, `{name:time}` and the like as the table asks."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._internal = {field.name: field.internal for field in fields}

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return str(key), kwargs[str(key)]

    def format_field(self, value: Any, format_spec: str) -> str:
        name, raw = value
        return _SHOWN[format_spec](raw) if format_spec else _show(self._internal[name], raw)


def _fill(sentence: str, fields: Sequence[Field], args: Mapping[str, Any]) -> str:
    return _Formatter(fields).vformat(sentence, (), args)


def _show(internal: str, value: Any) -> str:
    if internal.startswith("enum "):
        kind = SOLIDITY_ENUMS.get(internal.removeprefix("enum ").rpartition(".")[2])
        return in_words(kind, value) if kind else str(value)
    if internal == "Subject":
        return _subject(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)


def _subject(value: str) -> str:
    raw = bytes.fromhex(value[2:])
    kind = _SUBJECT_KINDS.get(raw[0])
    if kind is None:
        return f"subject {value}"
    first = int.from_bytes(raw[13:21], "big")
    return f"{kind} 0x{raw[1:13].hex()}" + (f" from serial {first}" if first else "")


def _time(seconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC).astimezone(_SHANGHAI)
    except (OverflowError, ValueError, OSError):
        return "further notice"  # type(uint40).max: without a limit
    return moment.strftime("%Y-%m-%d %H:%M:%S (UTC+8)")


def _day(number: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).date().isoformat()
    except OverflowError:
        return f"day {number}"


def _roles(bits: int) -> str:
    named = [role for role in Role if bits & role]
    return " + ".join((role.name or "").lower().replace("_", " ") for role in named) or str(bits)


def _bits(number: int) -> str:
    return ", ".join(str(bit) for bit in range(16) if number >> bit & 1) or "none"


def _ppm(share: int) -> str:
    return f"{share / 10_000:g} %"


_SHOWN: dict[str, Callable[[int], str]] = {
    "time": _time,
    "day": _day,
    "role": _roles,
    "bits": _bits,
    "ppm": _ppm,
}
