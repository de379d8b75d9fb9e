"""Logs into events, and the logs that stop the index."""

from __future__ import annotations

import timeit
from dataclasses import replace

import pytest
from eth_abi.abi import decode as reference_decode
from eth_abi.abi import encode as reference_encode

from hub.chain.artifacts import REGISTERS
from hub.chain.events import RawLog, UndecodableLog, decode, decode_of, topics_of

LEDGER = "0x" + "aa" * 20
SERIES = "0x" + "22" * 12
REQUEST = "0x" + "11" * 32
DATA = ("uint64", "bytes12", "uint16", "bytes32", "bytes32", "uint64")


class OneRegister:
    def register_at(self, address: str) -> str | None:
        return "CreditLedger" if address == LEDGER else None


def topic_of(contract: str, name: str) -> str:
    return next(topic for topic, event in topics_of(contract).items() if event.name == name)


def issued() -> RawLog:
    return RawLog(
        block_number=7,
        block_hash="0x" + "b0" * 32,
        tx_hash="0x" + "c0" * 32,
        tx_index=0,
        log_index=3,
        address=LEDGER,
        topics=(
            topic_of("CreditLedger", "Issued"),
            SERIES + "00" * 20,
            "0x" + (5).to_bytes(32, "big").hex(),
            REQUEST,
        ),
        data=reference_encode(
            DATA,
            [9, b"\x33" * 12, 2020, b"\x44" * 32, b"\x55" * 32, 0],
        ),
    )


def test_issued__every_argument_by_name_in_the_order_of_the_interface() -> None:
    event = decode(issued(), OneRegister())
    assert (event.contract, event.name) == ("CreditLedger", "Issued")
    assert list(event.args.items()) == [
        ("series", SERIES),
        ("first", 5),
        ("last", 9),
        ("verification", "0x" + "33" * 12),
        ("vintage", 2020),
        ("origin", "0x" + "44" * 32),
        ("document", "0x" + "55" * 32),
        ("reissueOf", 0),
        ("request", REQUEST),
    ]


def test_ballot_opened__actions_are_read_whole() -> None:
    data = reference_encode(
        [
            *("uint8", "bytes32", "uint40", "uint24", "uint24", "uint32", "uint32", "uint256", "uint256"),
            "(address,bytes)[]",
            "bytes32",
        ],
        [3, b"\x01" * 32, 1, 2, 3, 4, 5, 15, 0, [(LEDGER, b"call"), (LEDGER, b"")], b"\x02" * 32],
    )
    topics = (topic_of("Consortium", "BallotOpened"), "0x" + "dd" * 32, "0x" + (310000).to_bytes(32, "big").hex())
    event = decode_of("Consortium", replace(issued(), topics=topics, data=data))
    assert event.args["proposer"] == 310000
    assert event.args["actions"] == [{"target": LEDGER, "data": b"call"}, {"target": LEDGER, "data": b""}]


def test_log_object_of_a_node__hashes_and_address_in_lower_case() -> None:
    raw = issued()
    answer = {
        "blockNumber": "0x7",
        "blockHash": raw.block_hash.upper().replace("0X", "0x"),
        "transactionHash": raw.tx_hash,
        "transactionIndex": "0x0",
        "logIndex": "0x3",
        "address": "0x" + "AA" * 20,
        "topics": list(raw.topics),
        "data": "0x" + raw.data.hex(),
    }
    assert RawLog.from_rpc(answer) == raw


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"address": "0x" + "ab" * 20}, "no register"),
        ({"topics": ()}, "no event with this topic"),
        ({"topics": ("0x" + "00" * 32,)}, "no event with this topic"),
        ({"topics": (topic_of("CreditLedger", "Issued"), REQUEST)}, "3 indexed parameters"),
        ({"data": b""}, "0 bytes of data"),
        ({"data": issued().data + b"\0" * 32}, "224 bytes of data"),
        ({"data": b"\xff" * 192}, "is no uint64"),
    ],
)
def test_log_that_cannot_be_read__stops_and_says_where(change: dict[str, object], why: str) -> None:
    with pytest.raises(UndecodableLog, match=why) as stopped:
        decode(replace(issued(), **change), OneRegister())  # type: ignore[arg-type]
    assert stopped.value.code == "log_undecodable"
    assert "block 7, log 3" in str(stopped.value)


@pytest.mark.parametrize("register", REGISTERS)
def test_every_register__its_own_events_and_those_of_its_proxy(register: str) -> None:
    named = {event.name for event in topics_of(register).values()}
    assert {"Upgraded", "Initialized"} < named
    for event in topics_of(register).values():
        indexed = [field for field in event.fields if field.indexed]
        # of anything longer only a hash would be in the topic, which no projection could read
        assert all(field.type.size == 32 for field in indexed), event.signature


def test_events__decoded_faster_than_by_the_general_decoder() -> None:
    """Topics included, beside eth_abi over the data alone; the best of several short runs of each, taken in turn."""
    raw, logs = issued(), 300
    ours, general = [], []
    for _ in range(7):
        ours.append(timeit.timeit(lambda: decode_of("CreditLedger", raw), number=logs))
        general.append(timeit.timeit(lambda: reference_decode(DATA, raw.data), number=logs))
    assert min(ours) < min(general)
