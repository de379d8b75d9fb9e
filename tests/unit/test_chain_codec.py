"""Calls, batches and results of the registers."""

from __future__ import annotations

import timeit
from dataclasses import dataclass
from itertools import pairwise

import pytest
from eth_abi.abi import encode as reference_encode

from hub.chain.artifacts import REGISTERS, load
from hub.chain.codec import (
    LARGEST_BATCH_BYTES,
    calls_in_batch,
    decode_call,
    decode_result,
    encode_batch,
    encode_call,
    split_batches,
)
from hub.errors import RecordRefused, StopAndTell

ISSUE = {
    "request": "0x" + "11" * 32,
    "series": "0x" + "22" * 12,
    "first": 1,
    "last": 100,
    "predecessor": 0,
    "verification": "0x" + "33" * 12,
    "vintage": 2020,
    "origin": "0x" + "44" * 32,
    "document": "0x" + "55" * 32,
    "reissueOf": 0,
}
ISSUE_TYPE = "(bytes32,bytes12,uint64,uint64,uint64,bytes12,uint16,bytes32,bytes32,uint64)"


@dataclass(frozen=True)
class Issue:
    request: bytes
    series: bytes
    first: int
    last: int
    predecessor: int
    verification: bytes
    vintage: int
    origin: bytes
    document: bytes
    reissue_of: int


def test_issue__same_bytes_as_eth_abi() -> None:
    raw = [bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in ISSUE.values()]
    assert encode_call("CreditLedger", "issue", [ISSUE])[4:] == reference_encode([ISSUE_TYPE], [tuple(raw)])


def test_struct_as_dict_tuple_or_object__same_bytes() -> None:
    raw = [bytes.fromhex(value[2:]) if isinstance(value, str) else value for value in ISSUE.values()]
    by_name = encode_call("CreditLedger", "issue", {"request": ISSUE})
    assert by_name == encode_call("CreditLedger", "issue", [tuple(raw)])
    assert by_name == encode_call("CreditLedger", "issue", [Issue(*raw)])  # type: ignore[arg-type]


def test_argument_names__those_of_the_interface_not_of_the_body() -> None:
    for register in REGISTERS:
        for name, function in load(f"I{register}").functions.items():
            assert [field.name for field in load(register).function(name).fields] == [
                field.name for field in function.fields
            ]


def test_value_out_of_range__refused_with_field_and_value() -> None:
    with pytest.raises(RecordRefused) as refused:
        encode_call("CreditLedger", "issue", [ISSUE | {"vintage": 70_000}])
    assert refused.value.code == "not_encodable"
    assert refused.value.field == "request.vintage"
    assert refused.value.value == 70_000
    assert refused.value.where == "CreditLedger.issue"


def test_unknown_function__names_those_there_are() -> None:
    with pytest.raises(LookupError, match=r"CreditLedger has no function issued; it has .*issue"):
        encode_call("CreditLedger", "issued", [])


def test_call__taken_apart_again() -> None:
    call = decode_call("CreditLedger", encode_call("CreditLedger", "issue", [ISSUE]))
    assert (call.contract, call.function, call.arguments) == ("CreditLedger", "issue", {"request": ISSUE})


@pytest.mark.parametrize("data", [b"", b"\x01\x02\x03\x04", encode_call("CreditLedger", "issue", [ISSUE])[:-1]])
def test_data_that_is_no_call__refused(data: bytes) -> None:
    with pytest.raises(RecordRefused) as refused:
        decode_call("CreditLedger", data)
    assert refused.value.code == "call_unknown"


def test_batch__same_bytes_as_eth_abi_and_back() -> None:
    calls = [encode_call("CreditLedger", "issue", [ISSUE | {"first": first}]) for first in (1, 7, 9)]
    batch = encode_batch(calls)
    assert batch[4:] == reference_encode(["bytes[]"], [calls])
    assert calls_in_batch(batch) == calls
    assert calls_in_batch(calls[0]) is None


def test_split__order_kept_size_and_count_bounded() -> None:
    calls = [bytes([place % 256]) * (1_000 + place * 7) for place in range(300)]
    batches = list(split_batches(calls, most_calls=60))
    assert [call for batch in batches for call in batch] == calls
    assert all(len(batch) <= 60 for batch in batches)
    assert all(len(encode_batch(batch)) <= LARGEST_BATCH_BYTES for batch in batches)
    # no batch could have taken the first call of the next
    for batch, following in pairwise(batches):
        assert len(batch) == 60 or len(encode_batch([*batch, following[0]])) > LARGEST_BATCH_BYTES


def test_split__oversized_call_comes_alone() -> None:
    huge = b"x" * (LARGEST_BATCH_BYTES + 1)
    assert list(split_batches([b"a", huge, b"b"], 100)) == [[b"a"], [huge], [b"b"]]
    assert list(split_batches([], 100)) == []


def test_result__one_value_itself_several_by_name() -> None:
    series = reference_encode(["(uint16,uint64)"], [(1000, 5)])
    assert decode_result("CreditLedger", "getSeries", series) == {"kgPerSerial": 1000, "head": 5}
    origin = reference_encode(["bytes12", "uint64"], [b"\x01" * 12, 9])
    assert decode_result("CreditLedger", "originOf", origin) == {"series": "0x" + "01" * 12, "first": 9}


def test_result_of_something_else__stops() -> None:
    with pytest.raises(StopAndTell) as stopped:
        decode_result("CreditLedger", "getSeries", b"")
    assert stopped.value.code == "result_undecodable"


def test_hot_calls__encoded_faster_than_a_sync_can_need() -> None:
    """At least 30,000 issues a second, the best of several short runs so that a busy machine does not decide."""
    args = [ISSUE]
    calls = 1_000
    seconds = min(timeit.repeat(lambda: encode_call("CreditLedger", "issue", args), number=calls, repeat=7))
    assert calls / seconds > 30_000
