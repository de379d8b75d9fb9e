"""Orders that people sign: eth-account's digests, the interfaces' types, and only well-formed signatures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_abi.abi import encode as reference_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from hub.chain.artifacts import load
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import (
    ORDERS,
    RELAYED_THROUGH,
    Action,
    BallotOrder,
    Domain,
    EndRecognitionOrder,
    HoldOrder,
    LeaveOrder,
    LiftOrder,
    OfficerOrder,
    Order,
    PauseOrder,
    PledgeOrder,
    ReleaseOrder,
    VoteOrder,
    digest,
    hash_actions,
    order_from_message,
    order_id,
    recover,
    struct_hash,
    typed_data,
)
from hub.errors import RecordRefused

INTERFACES = Path(__file__).resolve().parents[2] / "contracts" / "interfaces"
DOMAIN = Domain(31_323_334, "0x" + "ab" * 20)
A, B, C = ("0x" + digits * 32 for digits in ("a1", "b2", "c3"))
SERIES = "0x" + "22" * 12
LATE = 1_900_000_000
SAMPLES: list[Order] = [
    BallotOrder(310000, 3, A, B, LATE, (440000, 110000), C),
    BallotOrder(310000, 3, A, B, LATE, (), C),
    VoteOrder(A, 320500, 2, 7),
    OfficerOrder(320500, "0x" + "cd" * 20, 3, LATE, A, LATE),
    LeaveOrder(330100, A, LATE),
    PauseOrder(A, LATE, B, LATE),
    HoldOrder(340100, (A, B), 1, C, LATE, A, LATE),
    LiftOrder(A, B, LATE),
    EndRecognitionOrder(A, 310000, 2, B, LATE),
    PledgeOrder(310000, SERIES, 1, 5, 2**64 - 1, LATE, A, LATE),
    ReleaseOrder(SERIES, 5, LATE - 1, A, LATE),
]


@pytest.mark.parametrize("order", SAMPLES, ids=lambda order: type(order).__name__)
def test_signed_by_a_wallet__recovered_here(order: Order) -> None:
    account = Account.create()
    signed = account.sign_message(encode_typed_data(full_message=typed_data(order, DOMAIN)))
    assert signed.message_hash == digest(order, DOMAIN)
    assert recover(order, DOMAIN, bytes(signed.signature)) == account.address.lower()


@pytest.mark.parametrize("order", SAMPLES, ids=lambda order: type(order).__name__)
def test_typed_data__read_back_is_the_same_order(order: Order) -> None:
    data = typed_data(order, DOMAIN)
    assert order_from_message(data["primaryType"], data["message"]) == order


def test_message_types__those_of_the_interfaces() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in sorted(INTERFACES.glob("*.sol")))
    stated = set(re.findall(r"EIP-712 `([^`]*)`", sources))
    assert stated == {kind.TYPE for kind in ORDERS.values()}


def test_every_order__relayed_through_a_function_that_takes_it_first() -> None:
    assert set(RELAYED_THROUGH) == set(ORDERS.values())
    for kind, (contract, function) in RELAYED_THROUGH.items():
        first = load(contract).function(function).fields[0]
        assert first.internal == f"struct {kind.__name__}"


def test_every_part_of_the_domain_and_order__changes_the_digest() -> None:
    order = VoteOrder(A, 320500, 2, 7)
    others = [
        digest(order, Domain(DOMAIN.chain_id + 1, DOMAIN.consortium)),
        digest(order, Domain(DOMAIN.chain_id, "0x" + "ac" * 20)),
        digest(VoteOrder(B, 320500, 2, 7), DOMAIN),
        digest(VoteOrder(A, 320501, 2, 7), DOMAIN),
        digest(VoteOrder(A, 320500, 1, 7), DOMAIN),
        digest(VoteOrder(A, 320500, 2, 8), DOMAIN),
    ]
    assert len({digest(order, DOMAIN), *others}) == 7


def test_order_id__hold_by_its_struct_hash_others_by_digest() -> None:
    hold = HoldOrder(340100, (A,), 1, C, LATE, A, LATE)
    vote = VoteOrder(A, 320500, 2, 7)
    assert order_id(hold, DOMAIN) == "0x" + struct_hash(hold).hex()
    assert order_id(vote, DOMAIN) == "0x" + digest(vote, DOMAIN).hex()


def test_actions__hashed_as_solidity_does() -> None:
    actions = [Action("0x" + "aa" * 20, b"hello"), Action("0x" + "bb" * 20, b"")]
    expected = keccak(reference_encode(["(address,bytes)[]"], [[(one.target, one.data) for one in actions]]))
    assert hash_actions(actions) == "0x" + expected.hex()


MESSAGE: dict[str, Any] = {"ballot": A, "member": "320500", "choice": 2, "revision": "7"}


@pytest.mark.parametrize(
    ("primary_type", "change", "field"),
    [
        ("Vote", {}, "primaryType"),
        ("VoteOrder", {"revision": None}, "revision"),
        ("VoteOrder", {"revision": "0x7"}, "revision"),
        ("VoteOrder", {"revision": True}, "revision"),
        ("VoteOrder", {"revision": 1.5}, "revision"),
        ("VoteOrder", {"revision": "-1"}, "revision"),
        ("VoteOrder", {"revision": "٧"}, "revision"),
        ("VoteOrder", {"revision": 2**32}, "revision"),
        ("VoteOrder", {"ballot": "0x12"}, "ballot"),
        ("VoteOrder", {"ballot": 5}, "ballot"),
        ("VoteOrder", {"comment": "hello"}, "comment"),
    ],
)
def test_malformed_message__refused_with_its_field(primary_type: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        order_from_message(primary_type, MESSAGE | change)
    assert refused.value.code == "order_malformed"
    assert refused.value.field == field


def test_message_without_a_field__refused() -> None:
    with pytest.raises(RecordRefused, match="choice is missing from VoteOrder"):
        order_from_message("VoteOrder", {name: value for name, value in MESSAGE.items() if name != "choice"})


def high_s(signature: bytes) -> bytes:
    """The other signature that the same key and message have (malleability)."""
    n = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = n - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize("kind", ["high s", "short", "long", "v of 0", "zeros"])
def test_malformed_signature__refused(kind: str) -> None:
    order = VoteOrder(A, 320500, 2, 7)
    good = sign_order(LocalSigner.random(), order, DOMAIN)
    bad = {
        "high s": high_s(good),
        "short": good[:64],
        "long": good + b"\0",
        "v of 0": good[:64] + b"\0",
        "zeros": bytes(64) + b"\x1b",
    }[kind]
    with pytest.raises(RecordRefused) as refused:
        recover(order, DOMAIN, bad)
    assert refused.value.code == "signature_malformed"


def test_signature_on_another_order__recovers_another_address() -> None:
    signer = LocalSigner.random()
    signature = sign_order(signer, VoteOrder(A, 320500, 2, 7), DOMAIN)
    assert recover(VoteOrder(A, 320500, 2, 7), DOMAIN, signature) == signer.address
    assert recover(VoteOrder(A, 320500, 1, 7), DOMAIN, signature) != signer.address


def test_signature__deterministic_and_low_s() -> None:
    key = PrivateKey(b"\x07" * 32)
    signer = LocalSigner(key.secret)
    first, again = (sign_order(signer, SAMPLES[2], DOMAIN) for _ in range(2))
    assert first == again
    assert high_s(high_s(first)) == first
    assert int.from_bytes(first[32:64], "big") < int.from_bytes(high_s(first)[32:64], "big")
