"""A node of the chain: blocks, logs, calls and transactions, over plain JSON-RPC that every engine has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from hub.chain.codec import decode_result, encode_call
from hub.chain.events import RawLog
from hub.chain.refusals import decode_revert
from hub.chain.rpc import TIMEOUT_SECONDS, NodeRefused, Request, Rpc
from hub.chain.transactions import transaction_hash
from hub.errors import ConfigurationWrong, RetryLater, StopAndTell

BLOCK_GAS = 30_000_000
_ZERO_ADDRESS = "0x" + "00" * 20
_OUT_OF_GAS = ("out of gas", "outofgas", "gas required exceeds", "intrinsic gas", "gas limit")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What following needs of a block. Hashes are 0x-hex in lower case, `timestamp` Unix seconds."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int

    @staticmethod
    def from_rpc(answer: Mapping[str, Any]) -> BlockHeader:
        return BlockHeader(
            int(answer["number"], 16),
            answer["hash"].lower(),
            answer["parentHash"].lower(),
            int(answer["timestamp"], 16),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction that is in a block."""

    tx_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    gas_used: int
    sender: str
    to: str | None
    contract_address: str | None
    logs: tuple[RawLog, ...]

    @staticmethod
    def from_rpc(answer: Mapping[str, Any]) -> Receipt:
        return Receipt(
            tx_hash=answer["transactionHash"].lower(),
            block_number=int(answer["blockNumber"], 16),
            block_hash=answer["blockHash"].lower(),
            succeeded=int(answer["status"], 16) == 1,
            gas_used=int(answer["gasUsed"], 16),
            sender=answer["from"].lower(),
            to=answer["to"].lower() if answer.get("to") else None,
            contract_address=answer["contractAddress"].lower() if answer.get("contractAddress") else None,
            logs=tuple(RawLog.from_rpc(log) for log in answer["logs"]),
        )


class NonceTaken(RetryLater):
    """Another transaction of the same key has this nonce: these bytes are never included. Sign with the next one."""

    default_code = "nonce_taken"


class TooManyLogs(RetryLater):
    """The node gives no answer that large: ask for fewer blocks at once."""

    default_code = "too_many_logs"


FinalityRule = Callable[["Node"], BlockHeader]
"""The newest block that cannot be reorganised away, by the engine's rule."""

_LATEST_MOVED = "blockoutofrange"
"""anvil, without past states: the latest block became another one between its number and its state being looked up."""
_BLOCK_JUST_CHANGED = (0.1, 0.05, 0.02, 0.01, 0.005)
"""Seconds between tries then, from the last."""


def instant_finality(node: Node) -> BlockHeader:
    """Every block is final (anvil; Besu QBFT)."""
    return node.head()


class Node:
    """One node, asked and told. Checks at the first use that it serves `chain_id` (None: whichever it serves).

    `gas_price` in wei is what transactions through this node pay; `finality` the engine's rule. Methods raise
    RetryLater when the node cannot be reached or is not ready.
    """

    def __init__(
        self,
        rpc_url: str,
        chain_id: int | None = None,
        *,
        gas_price: int = 0,
        finality: FinalityRule = instant_finality,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.rpc = Rpc(rpc_url, timeout)
        self.gas_price = gas_price
        self._finality = finality
        self._expected_chain_id = chain_id
        self._chain_id: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.rpc.close()

    @property
    def chain_id(self) -> int:
        """The chain's id. Raises StopAndTell when the node serves another chain than expected."""
        if self._chain_id is None:
            served = int(self.rpc.call("eth_chainId"), 16)
            if self._expected_chain_id not in {None, served}:
                raise StopAndTell(
                    f"this node serves chain {served}, not {self._expected_chain_id}",
                    what=served,
                    where=self.rpc.place,
                    remedy="correct YRDHUB_RPC_URL, or use the home that belongs to that chain",
                    code="chain_id_differs",
                )
            self._chain_id = served
        return self._chain_id

    # ---------------------------------------------------------------- blocks and logs

    def head(self) -> BlockHeader:
        """The newest block."""
        return self._header(self._ask("eth_getBlockByNumber", "latest", False), "latest")

    def final_head(self) -> BlockHeader:
        """The newest block that is final by the engine's rule."""
        return self._finality(self)

    def block(self, number: int) -> BlockHeader:
        """The block `number`. Raises RetryLater (`block_missing`) when the node has none."""
        return self._header(self._ask("eth_getBlockByNumber", hex(number), False), number)

    def blocks(self, numbers: Iterable[int]) -> list[BlockHeader]:
        """Several blocks in few requests, in the order asked."""
        asked = list(numbers)
        answers = self._ask_many([Request("eth_getBlockByNumber", [hex(number), False]) for number in asked])
        return [self._header(answer, number) for number, answer in zip(asked, answers, strict=True)]

    def logs(self, first: int, last: int, addresses: Sequence[str]) -> list[RawLog]:
        """All logs of `addresses` in the blocks `first` to `last`, both included, in the chain's order.

        Raises TooManyLogs when the node refuses for size.
        """
        asked = {"fromBlock": hex(first), "toBlock": hex(last), "address": list(addresses)}
        try:
            answers = self._ask("eth_getLogs", asked)
        except NodeRefused as refused:
            told = refused.message.lower()
            if any(sign in told for sign in ("limit", "too many", "more than", "exceed", "too large", "range")):
                raise TooManyLogs(
                    f"the node does not give the logs of {last - first + 1} blocks at once: {refused.message}",
                    where=self.rpc.place,
                ) from refused
            raise self._not_ready(refused) from refused
        return sorted(
            (RawLog.from_rpc(answer) for answer in answers), key=lambda log: (log.block_number, log.log_index)
        )

    # ---------------------------------------------------------------- state

    def call(
        self,
        to: str,
        data: bytes,
        *,
        sender: str | None = None,
        block: int | None = None,
        gas: int | None = None,
    ) -> bytes:
        """What a call returns, without a transaction. Raises ChainRefused, decoded, when it reverts."""
        asked = {"to": to, "data": "0x" + data.hex(), "from": sender or _ZERO_ADDRESS}
        if gas is not None:
            asked["gas"] = hex(gas)
        pauses = list(_BLOCK_JUST_CHANGED) if block is None else []
        while True:
            try:
                answer = self._ask("eth_call", asked, "latest" if block is None else hex(block))
            except NodeRefused as refused:
                if refused.revert_data is not None:
                    raise decode_revert(refused.revert_data).as_error() from None
                if any(sign in refused.message.lower() for sign in _OUT_OF_GAS):
                    raise decode_revert(b"").as_error(f"gas {gas}: {refused.message}") from None
                if not pauses or _LATEST_MOVED not in refused.message.lower():
                    raise self._not_ready(refused) from refused
                time.sleep(pauses.pop())
            else:
                return bytes.fromhex(answer[2:])

    def read(self, contract: str, address: str, function: str, args: Any = (), *, block: int | None = None) -> Any:
        """The decoded result of a view of the register `contract` at `address`."""
        return decode_result(contract, function, self.call(address, encode_call(contract, function, args), block=block))

    def estimate_gas(self, sender: str, to: str | None, data: bytes) -> int:
        """The gas a transaction would take now. Raises ChainRefused when it would revert."""
        asked = {"from": sender, "data": "0x" + data.hex(), **({"to": to} if to else {})}
        try:
            return int(self._ask("eth_estimateGas", asked), 16)
        except NodeRefused as refused:
            if refused.revert_data is not None:
                raise decode_revert(refused.revert_data).as_error() from None
            raise self._not_ready(refused) from refused

    def simulate_creation(self, creation_code: bytes) -> bytes:
        """The code that a creation would leave on the chain, without a transaction. Raises ChainRefused."""
        asked = {"from": _ZERO_ADDRESS, "data": "0x" + creation_code.hex()}
        try:
            return bytes.fromhex(self._ask("eth_call", asked, "latest")[2:])
        except NodeRefused as refused:
            if refused.revert_data is not None:
                raise decode_revert(refused.revert_data).as_error() from None
            raise self._not_ready(refused) from refused

    def code(self, address: str) -> bytes:
        """The code at `address`, empty where there is none."""
        return bytes.fromhex(self._get("eth_getCode", address, "latest")[2:])

    def storage_at(self, address: str, slot: int) -> bytes:
        """The 32 bytes at storage `slot` of `address`."""
        return bytes.fromhex(self._get("eth_getStorageAt", address, hex(slot), "latest")[2:].rjust(64, "0"))

    def balance(self, address: str) -> int:
        """In wei."""
        return int(self._get("eth_getBalance", address, "latest"), 16)

    # ---------------------------------------------------------------- transactions

    def nonce(self, address: str, *, pending: bool = True) -> int:
        """The next nonce of `address`, counting what waits in the node's pool unless `pending` is False."""
        return int(self._get("eth_getTransactionCount", address, "pending" if pending else "latest"), 16)

    def send_raw(self, raw: bytes) -> str:
        """Broadcast signed bytes; their hash. Sending the same bytes again does no harm and gives the same hash.

        Raises NonceTaken when these bytes can never be included, ConfigurationWrong when the node will not take them
        from this key (money, gas price, size).
        """
        return self.send_many([raw])[0]

    def send_many(self, raws: Sequence[bytes]) -> list[str]:
        """Broadcast in order, in few requests. The first that fails raises; those after it may have been taken too."""
        self.chain_id  # noqa: B018 - checked before anything is told to the node
        answers = self.rpc.try_many([Request("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws])
        hashes = []
        for raw, answer in zip(raws, answers, strict=True):
            named = transaction_hash(raw)
            if isinstance(answer, NodeRefused):
                self._judge_broadcast(named, answer)
            hashes.append(named)
        return hashes

    def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of a transaction, None while no block has it."""
        answer = self._get("eth_getTransactionReceipt", tx_hash)
        return None if answer is None else Receipt.from_rpc(answer)

    def receipts(self, tx_hashes: Sequence[str]) -> list[Receipt | None]:
        """Several receipts in few requests, in the order asked."""
        answers = self._ask_many([Request("eth_getTransactionReceipt", [tx_hash]) for tx_hash in tx_hashes])
        return [None if answer is None else Receipt.from_rpc(answer) for answer in answers]

    def is_known(self, tx_hash: str) -> bool:
        """Whether the node has the transaction, waiting or in a block."""
        return self._get("eth_getTransactionByHash", tx_hash) is not None

    # ---------------------------------------------------------------- inside

    def _ask(self, method: str, *params: Any) -> Any:
        self.chain_id  # noqa: B018 - never an answer of another chain
        return self.rpc.call(method, *params)

    def _get(self, method: str, *params: Any) -> Any:
        try:
            return self._ask(method, *params)
        except NodeRefused as refused:
            raise self._not_ready(refused) from refused

    def _ask_many(self, requests: Sequence[Request]) -> list[Any]:
        self.chain_id  # noqa: B018
        try:
            return self.rpc.call_many(requests)
        except NodeRefused as refused:
            raise self._not_ready(refused) from refused

    def _header(self, answer: Any, asked: object) -> BlockHeader:
        if answer is None:
            raise RetryLater(
                f"the node has no block {asked}",
                what=asked,
                where=self.rpc.place,
                remedy="wait until it has caught up, or follow the chain anew after a rollback",
                code="block_missing",
            )
        return BlockHeader.from_rpc(answer)

    def _judge_broadcast(self, tx_hash: str, refused: NodeRefused) -> None:
        """Give a refused broadcast its meaning; returns when the transaction is there anyway.

        Engines differ in words (geth, Besu and anvil were read), so that the node's own knowledge decides first.
        """
        told = refused.message.lower()
        if "already known" in told or "already imported" in told or "known transaction" in told:
            return
        if self.is_known(tx_hash):
            return
        if ("nonce" in told and "low" in told) or "replacement" in told:
            raise NonceTaken(
                f"another transaction of this key took the nonce: {refused.message}",
                what=tx_hash,
                where=self.rpc.place,
                remedy="sign the record anew with the next nonce",
            )
        if "insufficient funds" in told or "upfront cost" in told:
            raise ConfigurationWrong(
                "the key has no money for gas on this chain",
                what=tx_hash,
                where=self.rpc.place,
                remedy="have the treasury fund it",
                code="gas_money_missing",
            )
        if "underpriced" in told or "gas price" in told or "fee" in told:
            raise ConfigurationWrong(
                f"the node does not take this gas price: {refused.message}",
                what=self.gas_price,
                where=self.rpc.place,
                remedy="set the gas price of the network's profile",
                code="gas_price_refused",
            )
        if "gas limit" in told or "intrinsic gas" in told or "oversized" in told or "invalid sender" in told:
            raise ConfigurationWrong(
                f"the node does not take this transaction: {refused.message}",
                what=tx_hash,
                where=self.rpc.place,
                code="transaction_refused",
            )
        raise self._not_ready(refused)

    def _not_ready(self, refused: NodeRefused) -> RetryLater:
        return RetryLater(
            f"the node could not answer {refused.method}: {refused.message}", where=self.rpc.place, code="node_refused"
        )
