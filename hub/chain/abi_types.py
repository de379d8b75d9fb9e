"""Contract ABI values as bytes and back, by plans that are built once from the ABI's JSON and then only run.

Follows the Contract ABI Specification (Solidity documentation, "Formal Specification of the Encoding"). Written out
here because the general encoder of web3.py costs 0.3 ms a record, which is more than everything else the hub does to
it; the tests hold every plan against eth_abi.

How values look in Python: integers and enums as int, bool as bool, addresses and `bytesN` as 0x-hex in lower case (raw
bytes of the right length are taken too), `bytes` as bytes, `string` as str, arrays as list, structs as dict by
Solidity field name. On the way in a struct may also be a tuple, or an object whose attributes are the field names in
snake_case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

WORD = 32
_ZEROS = bytes(WORD)
_ELEMENTARY = re.compile(r"(uint|int|bytes)(\d+)\Z")
_ARRAY = re.compile(r"(.*)\[(\d*)\]\Z")

Encode: TypeAlias = Callable[[Any], bytes]
Decode: TypeAlias = Callable[[bytes, int], Any]


class Unencodable(ValueError):
    """A value does not fit its ABI type. `path` names the field, outermost first; `value` is what stood there."""

    def __init__(self, why: str, value: object, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(path)}: {why}" if path else why)
        self.why = why
        self.value = value
        self.path = path


class Undecodable(ValueError):
    """Bytes are not the ABI encoding of the type."""


@dataclass(frozen=True, slots=True)
class AbiType:
    """A plan: the canonical type, its size in bytes when static (None when dynamic), and how to encode and decode it.

    `decode(data, at)` reads the value whose encoding starts at byte `at`.
    """

    canonical: str
    size: int | None
    encode: Encode
    decode: Decode


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter, output or struct member."""

    name: str
    type: AbiType
    internal: str
    """Solidity's own name for the type (`enum BlockStatus`, `MemberId`, `struct Action[]`)."""
    indexed: bool = False


def fields_of(inputs: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The fields of an ABI JSON list; one without a name is called by its place, `0`, `1` and so on."""
    return tuple(
        Field(
            part["name"] or str(place),
            abi_type(part["type"], fields_of(part.get("components", ()))),
            part.get("internalType", part["type"]),
            part.get("indexed", False),
        )
        for place, part in enumerate(inputs)
    )


def abi_type(name: str, components: tuple[Field, ...] = ()) -> AbiType:
    """The plan of the type that ABI JSON calls `name`, with its tuple's components. ValueError for unknown ones."""
    if array := _ARRAY.match(name):
        item = abi_type(array[1], components)
        return _fixed_array(item, int(array[2])) if array[2] else _list_of(item)
    if name == "tuple":
        return tuple_of(components)
    return _elementary(name)


@cache
def _elementary(name: str) -> AbiType:
    if name == "bool":
        return AbiType(name, WORD, _encode_bool, _decode_bool)
    if name == "address":
        return _hex_bytes(name, 20, right=True)
    if name == "bytes":
        return AbiType(name, None, _encode_bytes, _decode_bytes)
    if name == "string":
        return AbiType(name, None, _encode_text, _decode_text)
    if match := _ELEMENTARY.match(name):
        width = int(match[2])
        if match[1] == "uint" and width in range(8, 257, 8):
            return _unsigned(name, width)
        if match[1] == "int" and width in range(8, 257, 8):
            return _signed(name, width)
        if match[1] == "bytes" and width in range(1, 33):
            return _hex_bytes(name, width, right=False)
    raise ValueError(f"no such ABI type: {name}")


def _unsigned(name: str, bits: int) -> AbiType:
    def encode(value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unencodable(f"{name} takes an int", value)
        if value < 0 or value >> bits:
            raise Unencodable(f"{name} holds 0 to 2**{bits} - 1", value)
        return value.to_bytes(WORD, "big")

    def decode(data: bytes, at: int) -> int:
        value = int.from_bytes(data[at : at + WORD], "big")
        if value >> bits:
            raise Undecodable(f"{value:#x} is no {name}")
        return value

    return AbiType(name, WORD, encode, decode)


def _signed(name: str, bits: int) -> AbiType:
    bound = 1 << (bits - 1)

    def encode(value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unencodable(f"{name} takes an int", value)
        if not -bound <= value < bound:
            raise Unencodable(f"{name} holds -2**{bits - 1} to 2**{bits - 1} - 1", value)
        return value.to_bytes(WORD, "big", signed=True)

    def decode(data: bytes, at: int) -> int:
        value = int.from_bytes(data[at : at + WORD], "big", signed=True)
        if not -bound <= value < bound:
            raise Undecodable(f"{value:#x} is no {name}")
        return value

    return AbiType(name, WORD, encode, decode)


def _hex_bytes(name: str, length: int, *, right: bool) -> AbiType:
    """`bytesN`, which stand at the left of their word, and addresses, which stand at its right."""
    padding = _ZEROS[length:]
    digits = 2 + 2 * length

    def encode(value: Any) -> bytes:
        if isinstance(value, str):
            if len(value) != digits or not value.startswith("0x"):
                raise Unencodable(f"{name} takes 0x and {2 * length} hexadecimal digits", value)
            try:
                value = bytes.fromhex(value[2:])
            except ValueError:
                raise Unencodable(f"{name} takes hexadecimal digits", value) from None
        elif not isinstance(value, bytes):
            raise Unencodable(f"{name} takes 0x-hex or bytes", value)
        if len(value) != length:
            raise Unencodable(f"{name} takes {length} bytes, not {len(value)}", value)
        raw: bytes = value
        return padding + raw if right else raw + padding

    start, end = (WORD - length, WORD) if right else (0, length)

    def decode(data: bytes, at: int) -> str:
        word = data[at : at + WORD]
        if (word[:start] if right else word[end:]) != padding:
            raise Undecodable(f"0x{word.hex()} is no {name}")
        return "0x" + word[start:end].hex()

    return AbiType(name, WORD, encode, decode)


def _encode_bool(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise Unencodable("bool takes True or False", value)
    return value.to_bytes(WORD, "big")


def _decode_bool(data: bytes, at: int) -> bool:
    value = int.from_bytes(data[at : at + WORD], "big")
    if value > 1:
        raise Undecodable(f"{value:#x} is no bool")
    return value == 1


def _encode_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            raise Unencodable("bytes takes bytes or 0x-hex", value) from None
    elif not isinstance(value, bytes):
        raise Unencodable("bytes takes bytes or 0x-hex", value)
    raw: bytes = value
    return len(raw).to_bytes(WORD, "big") + raw + _ZEROS[: -len(raw) % WORD]


def _decode_bytes(data: bytes, at: int) -> bytes:
    length = _read_count(data, at, 1)
    return data[at + WORD : at + WORD + length]


def _encode_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise Unencodable("string takes str", value)
    return _encode_bytes(value.encode())


def _decode_text(data: bytes, at: int) -> str:
    try:
        return _decode_bytes(data, at).decode()
    except UnicodeDecodeError as wrong:
        raise Undecodable(f"a string is not UTF-8: {wrong}") from None


def _read_count(data: bytes, at: int, least_bytes_each: int) -> int:
    """A length, which must be covered by data: a forged one must not make us allocate."""
    if at + WORD > len(data):
        raise Undecodable(f"a length is missing at byte {at}")
    count = int.from_bytes(data[at : at + WORD], "big")
    if count * least_bytes_each > len(data) - at - WORD:
        raise Undecodable(f"a length of {count} at byte {at} reaches beyond the data")
    return count


def _encode_sequence(parts: Sequence[tuple[AbiType, bytes]]) -> bytes:
    """Heads, then tails; `parts` are already encoded one by one."""
    head_size = sum(kind.size or WORD for kind, _ in parts)
    heads, tails = [], []
    for kind, encoded in parts:
        if kind.size is None:
            heads.append(head_size.to_bytes(WORD, "big"))
            tails.append(encoded)
            head_size += len(encoded)
        else:
            heads.append(encoded)
    return b"".join(heads + tails)


def _place_of(kind: AbiType, data: bytes, start: int, head: int) -> int:
    """Where the value stands whose head is at `head`: there, or where the offset from `start` says."""
    if kind.size is not None:
        return head
    offset = int.from_bytes(data[head : head + WORD], "big")
    if start + offset + WORD > len(data):
        raise Undecodable(f"an offset of {offset} at byte {head} reaches beyond the data")
    return start + offset


def _encode_items(item: AbiType, values: Any) -> list[tuple[AbiType, bytes]]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence):
        raise Unencodable(f"{item.canonical}[] takes a list", values)
    encoded = []
    for place, value in enumerate(values):
        try:
            encoded.append((item, item.encode(value)))
        except Unencodable as unfit:
            raise Unencodable(unfit.why, unfit.value, (f"[{place}]", *unfit.path)) from None
    return encoded


def _list_of(item: AbiType) -> AbiType:
    step = item.size or WORD

    def encode(values: Any) -> bytes:
        parts = _encode_items(item, values)
        return len(parts).to_bytes(WORD, "big") + _encode_sequence(parts)

    def decode(data: bytes, at: int) -> list[Any]:
        count = _read_count(data, at, step)
        start = at + WORD
        return [item.decode(data, _place_of(item, data, start, start + i * step)) for i in range(count)]

    return AbiType(f"{item.canonical}[]", None, encode, decode)


def _fixed_array(item: AbiType, count: int) -> AbiType:
    name = f"{item.canonical}[{count}]"
    step = item.size or WORD

    def encode(values: Any) -> bytes:
        parts = _encode_items(item, values)
        if len(parts) != count:
            raise Unencodable(f"{name} takes {count} items, not {len(parts)}", values)
        return _encode_sequence(parts)

    def decode(data: bytes, at: int) -> list[Any]:
        if at + count * step > len(data):
            raise Undecodable(f"{name} reaches beyond the data")
        return [item.decode(data, _place_of(item, data, at, at + i * step)) for i in range(count)]

    return AbiType(name, None if item.size is None else count * item.size, encode, decode)


def tuple_of(fields: Sequence[Field]) -> AbiType:
    """A struct, or the arguments of a function, event or error taken as one."""
    fields = tuple(fields)
    names = tuple(field.name for field in fields)
    kinds = tuple(field.type for field in fields)
    encoders = tuple(kind.encode for kind in kinds)
    canonical = f"({','.join(kind.canonical for kind in kinds)})"
    is_static = all(kind.size is not None for kind in kinds)
    size = sum(kind.size or 0 for kind in kinds) if is_static else None
    values_of = _reader(names)
    heads, at = [], 0
    for field in fields:
        heads.append((field.name, field.type, at))
        at += field.type.size or WORD
    head_size = at

    def encode(value: Any) -> bytes:
        values = values_of(value)
        try:
            if is_static:
                return b"".join([encoder(item) for encoder, item in zip(encoders, values, strict=True)])
            return _encode_sequence([(kind, kind.encode(item)) for kind, item in zip(kinds, values, strict=True)])
        except Unencodable as unfit:
            raise _name_field(fields, values, unfit) from None

    def decode(data: bytes, at: int) -> dict[str, Any]:
        if at + head_size > len(data):
            raise Undecodable(f"{len(data) - at} bytes are too few for {canonical}")
        if is_static:
            return {name: kind.decode(data, at + head) for name, kind, head in heads}
        return {name: kind.decode(data, _place_of(kind, data, at, at + head)) for name, kind, head in heads}

    return AbiType(canonical, size, encode, decode)


def _name_field(fields: Sequence[Field], values: Sequence[Any], first: Unencodable) -> Unencodable:
    """The error again, with the field's name: looked for only now, so that the usual way costs nothing."""
    for field, value in zip(fields, values, strict=True):
        try:
            field.type.encode(value)
        except Unencodable as unfit:
            return Unencodable(unfit.why, unfit.value, (field.name, *unfit.path))
    return first


def _reader(names: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    """How to take the fields out of a tuple, a mapping, or an object with attributes in snake_case."""
    wanted = frozenset(names)
    attributes = tuple(snake_case(name) for name in names)
    if len(names) > 1:
        from_mapping: Callable[[Any], Any] = itemgetter(*names)
        from_object: Callable[[Any], Any] = attrgetter(*attributes)
    else:

        def from_mapping(value: Any) -> Any:
            return tuple(value[name] for name in names)

        def from_object(value: Any) -> Any:
            return tuple(getattr(value, name) for name in attributes)

    def read(value: Any) -> Sequence[Any]:
        if isinstance(value, tuple | list):
            if len(value) != len(names):
                raise Unencodable(f"{len(value)} values for ({', '.join(names)})", value)
            return value
        if isinstance(value, Mapping):
            if value.keys() != wanted:
                missing, unknown = wanted - value.keys(), value.keys() - wanted
                raise Unencodable(f"fields missing: {sorted(missing)}, unknown: {sorted(unknown)}", value)
            return from_mapping(value)  # type: ignore[no-any-return]
        try:
            return from_object(value)  # type: ignore[no-any-return]
        except AttributeError as absent:
            raise Unencodable(f"an object with ({', '.join(attributes)}) is needed: {absent}", value) from None

    return read


def snake_case(name: str) -> str:
    """`blockFirst` to `block_first`: Solidity's field names as Python attributes."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
