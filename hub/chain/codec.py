"""Calls to the registers as bytes, and their results back.

encode_call("CreditLedger", "issue", [{"request": ..., "series": ..., ...}])
encode_call("CreditLedger", "cosign", {"transfer": ..., "request": ...})
encode_batch([call, call])                      # the data of one batch(bytes[])
decode_result("CreditLedger", "getBlock", data)  # {"last": ..., "issuance": ..., ...}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.chain.abi_types import Undecodable, Unencodable
from hub.chain.artifacts import load
from hub.errors import RecordRefused, StopAndTell

LARGEST_BATCH_BYTES = 100 * 1024
"""What a node takes in one transaction without special settings is 128 KiB; the registers promise 100."""

LARGEST_BATCH_GAS = 30_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call taken apart again: what a transaction's data or a ballot's action says."""

    contract: str
    function: str
    arguments: dict[str, Any]


def encode_call(contract: str, function: str, args: Sequence[Any] | Mapping[str, Any] = ()) -> bytes:
    """The data of a call: selector and arguments, in order or by name. For value forms see `hub.chain.abi_types`.

    Raises RecordRefused (`not_encodable`) that names the field and the value that does not fit, and LookupError for a
    function that the contract does not have.
    """
    described = load(contract).function(function)
    try:
        return described.selector + described.inputs.encode(args)
    except Unencodable as unfit:
        raise RecordRefused(
            f"{contract}.{function} cannot carry this value: {unfit.why}",
            code="not_encodable",
            field=".".join(unfit.path) or None,
            value=unfit.value,
            where=f"{contract}.{function}",
        ) from unfit


def encode_batch(calls: Sequence[bytes]) -> bytes:
    """The data of `batch(bytes[])` that makes `calls` in order, all or nothing."""
    batch = load("IBatch").function("batch")
    return batch.selector + batch.inputs.encode((calls,))


def split_batches(calls: Iterable[bytes], most_calls: int) -> Iterable[list[bytes]]:
    """`calls` in order, in lists whose batch stays within LARGEST_BATCH_BYTES and `most_calls`.

    A single call that is too large comes alone; the node will refuse it.
    """
    overhead = 4 + 2 * 32
    batch: list[bytes] = []
    size = overhead
    for call in calls:
        # offset word, length word, data padded to words
        needed = 64 + (len(call) + 31) // 32 * 32
        if batch and (size + needed > LARGEST_BATCH_BYTES or len(batch) == most_calls):
            yield batch
            batch, size = [], overhead
        batch.append(call)
        size += needed
    if batch:
        yield batch


def decode_result(contract: str, function: str, data: bytes) -> Any:
    """What a view returned: the value itself, or a dict by name when it returns several.

    Raises StopAndTell when the bytes are not what the function returns: then another contract stands there.
    """
    described = load(contract).function(function)
    try:
        values = described.outputs.decode(data, 0)
    except Undecodable as unfit:
        raise StopAndTell(
            f"{contract}.{function} answered something that is not its result: {unfit}",
            what=data,
            where=f"{contract}.{function}",
            remedy="check that the deployment file belongs to this chain",
            code="result_undecodable",
        ) from unfit
    return next(iter(values.values())) if len(values) == 1 else values


def decode_call(contract: str, data: bytes) -> Call:
    """What a call to `contract` says. Raises RecordRefused (`call_unknown`) for a function it does not have."""
    described = load(contract).functions_by_selector.get(data[:4])
    if described is None:
        raise RecordRefused(
            f"{contract} has no function with this selector",
            code="call_unknown",
            field="data",
            value=data[:4],
            where=contract,
        )
    try:
        arguments = described.inputs.decode(data[4:], 0)
    except Undecodable as unfit:
        raise RecordRefused(
            f"the arguments of {contract}.{described.name} cannot be read: {unfit}",
            code="call_unknown",
            field="data",
            value=data,
            where=contract,
        ) from unfit
    return Call(contract, described.name, arguments)


def calls_in_batch(data: bytes) -> list[bytes] | None:
    """The calls of a `batch(bytes[])`, or None when `data` is another call."""
    batch = load("IBatch").function("batch")
    if data[:4] != batch.selector:
        return None
    calls: list[bytes] = batch.inputs.decode(data[4:], 0)["calls"]
    return calls
