"""Logs of the registers, read into events by name. A log of ours that cannot be read stops who follows the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from hub.chain.abi_types import AbiType, Undecodable, tuple_of
from hub.chain.artifacts import PROXY, AbiEvent, load
from hub.errors import StopAndTell


class UndecodableLog(StopAndTell):
    """A log from an address of ours that no event of the deployed contract explains.

    Going on would leave the projections without its effect, so nothing does.
    """

    default_code = "log_undecodable"


class KnowsRegisters(Protocol):
    """What decoding needs of a deployment."""

    def register_at(self, address: str) -> str | None:
        """The name of the register at `address` (0x-hex, lower case), or None."""


@dataclass(frozen=True, slots=True)
class RawLog:
    """A log as the node gave it. Hashes, topics and the address are 0x-hex in lower case; `data` is bytes."""

    block_number: int
    block_hash: str
    tx_hash: str
    tx_index: int
    log_index: int
    address: str
    topics: tuple[str, ...]
    data: bytes

    @staticmethod
    def from_rpc(answer: Mapping[str, Any]) -> RawLog:
        """From a log object of `eth_getLogs` or a receipt."""
        return RawLog(
            int(answer["blockNumber"], 16),
            answer["blockHash"].lower(),
            answer["transactionHash"].lower(),
            int(answer["transactionIndex"], 16),
            int(answer["logIndex"], 16),
            answer["address"].lower(),
            tuple([topic.lower() for topic in answer["topics"]]),
            bytes.fromhex(answer["data"][2:]),
        )


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """An event of a register: `args` by Solidity parameter name, in the value forms of `hub.chain.abi_types`."""

    contract: str
    name: str
    args: dict[str, Any]
    raw: RawLog


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read one event. Indexed parameters come from topics, the others from data; `order` restores the ABI's."""

    name: str
    indexed: tuple[tuple[str, Callable[[str], Any]], ...]
    data: AbiType
    order: tuple[str, ...]


def decode(raw: RawLog, deployment: KnowsRegisters) -> ChainEvent:
    """The event that `raw` is. Raises UndecodableLog for an unknown address, topic or malformed contents."""
    contract = deployment.register_at(raw.address)
    if contract is None:
        raise _undecodable(raw, "its address is no register of this deployment")
    return decode_of(contract, raw)


def decode_of(contract: str, raw: RawLog) -> ChainEvent:
    """`decode` where the contract is known. Raises UndecodableLog."""
    plan = _plans(contract).get(raw.topics[0]) if raw.topics else None
    if plan is None:
        raise _undecodable(raw, f"{contract} has no event with this topic")
    if len(raw.topics) != len(plan.indexed) + 1:
        raise _undecodable(raw, f"{contract}.{plan.name} has {len(plan.indexed)} indexed parameters")
    size = plan.data.size
    try:
        if size is not None and size != len(raw.data):
            raise Undecodable(f"{len(raw.data)} bytes of data, not {size}")
        values: dict[str, Any] = plan.data.decode(raw.data, 0)
        for (name, read), topic in zip(plan.indexed, raw.topics[1:], strict=True):
            values[name] = read(topic)
    except (Undecodable, ValueError) as unfit:
        raise _undecodable(raw, f"it is no {contract}.{plan.name}: {unfit}") from unfit
    return ChainEvent(contract, plan.name, {name: values[name] for name in plan.order}, raw)


def topics_of(contract: str) -> Mapping[str, AbiEvent]:
    """Every event that `contract` may emit through its proxy, by topic."""
    return {**load(PROXY).events, **load(contract).events}


@cache
def _plans(contract: str) -> dict[str, _Plan]:
    return {topic: _plan(event) for topic, event in topics_of(contract).items()}


def _plan(event: AbiEvent) -> _Plan:
    indexed = []
    for field in event.fields:
        if field.indexed:
            if field.type.size != 32:
                raise ValueError(f"{event.contract}.{event.name}.{field.name}: only its hash would be in the topic")
            indexed.append((field.name, _topic_reader(field.type)))
    return _Plan(
        event.name,
        tuple(indexed),
        tuple_of([field for field in event.fields if not field.indexed]),
        tuple(field.name for field in event.fields),
    )


def _topic_reader(kind: AbiType) -> Callable[[str], Any]:
    def read(topic: str) -> Any:
        word = bytes.fromhex(topic[2:])
        if len(word) != 32:
            raise Undecodable(f"a topic of {len(word)} bytes")
        return kind.decode(word, 0)

    return read


def _undecodable(raw: RawLog, why: str) -> UndecodableLog:
    return UndecodableLog(
        f"a log cannot be read: {why}",
        what={"address": raw.address, "topics": raw.topics, "data": raw.data},
        where=f"block {raw.block_number}, log {raw.log_index}, transaction {raw.tx_hash}",
        remedy="upgrade to a hub that knows the deployed contracts, then run `yrdhub index rebuild`",
    )
