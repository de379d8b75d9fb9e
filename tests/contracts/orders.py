"""EIP-712 orders: the types as the interfaces' NatSpec states them, and their signatures.

A digest is computed here from the type string in a few hashes; `typed_data` gives the same order in the form that
wallets and eth-account take, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from eth_abi.abi import default_codec
from eth_utils.crypto import keccak

from tests.contracts.chain import Key

DOMAIN_NAME = "YRD Carbon Inclusion Hub"
DOMAIN_VERSION = "1"

ORDERS = {
    "BallotOrder": "uint24 proposer,uint8 kind,bytes32 actionsHash,bytes32 document,uint40 closesAt,uint24[] invited,"
    "bytes32 request",
    "VoteOrder": "bytes32 ballot,uint24 member,uint8 choice,uint32 revision",
    "OfficerOrder": "uint24 member,address account,uint8 roles,uint40 validUntil,bytes32 request,uint40 deadline",
    "LeaveOrder": "uint24 member,bytes32 request,uint40 deadline",
    "PauseOrder": "bytes32 reason,uint40 until,bytes32 request,uint40 deadline",
    "HoldOrder": "uint24 member,bytes32[] subjects,uint8 reason,bytes32 evidence,uint40 until,bytes32 request,"
    "uint40 deadline",
    "LiftOrder": "bytes32 hold,bytes32 request,uint40 deadline",
    "EndRecognitionOrder": "bytes32 subject,uint24 member,uint8 effect,bytes32 request,uint40 deadline",
    "PledgeOrder": "uint24 member,bytes12 series,uint64 blockFirst,uint64 first,uint64 last,uint40 until,"
    "bytes32 request,uint40 deadline",
    "ReleaseOrder": "bytes12 series,uint64 first,uint40 until,bytes32 request,uint40 deadline",
}
"""Fields of every order, by its EIP-712 type name."""


@cache
def fields_of(order_type: str) -> tuple[tuple[str, str], ...]:
    """(type, name) of each field, in order."""
    return tuple((kind, name) for kind, name in (item.split(" ") for item in ORDERS[order_type].split(",")))


@cache
def _type_hash(order_type: str) -> bytes:
    return keccak(text=f"{order_type}({ORDERS[order_type]})")


@cache
def _word_types(order_type: str) -> tuple[str, ...]:
    return ("bytes32", *("bytes32" if kind.endswith("[]") else kind for kind, _ in fields_of(order_type)))


def struct_hash(order_type: str, order: Mapping[str, Any]) -> bytes:
    """hashStruct of EIP-712."""
    words: list[Any] = [_type_hash(order_type)]
    for kind, name in fields_of(order_type):
        value = order[name]
        if kind.endswith("[]"):
            value = keccak(b"".join(default_codec.encode([kind[:-2]], [item]) for item in value))
        words.append(value)
    return keccak(default_codec.encode(_word_types(order_type), words))


def domain_separator(chain_id: int, consortium: str) -> bytes:
    """Of the one domain that every order of the hub belongs to."""
    type_hash = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    return keccak(
        default_codec.encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [type_hash, keccak(text=DOMAIN_NAME), keccak(text=DOMAIN_VERSION), chain_id, consortium],
        )
    )


def digest(domain: bytes, hashed: bytes) -> bytes:
    """What is signed: the EIP-712 digest of a struct hash in a domain."""
    return keccak(b"\x19\x01" + domain + hashed)


def sign(domain: bytes, order_type: str, order: Mapping[str, Any], key: Key) -> bytes:
    return key.sign(digest(domain, struct_hash(order_type, order)))


def typed_data(chain_id: int, consortium: str, order_type: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """The order as eth_signTypedData_v4 takes it."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            order_type: [{"name": name, "type": kind} for kind, name in fields_of(order_type)],
        },
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": consortium,
        },
        "primaryType": order_type,
        "message": dict(order),
    }
