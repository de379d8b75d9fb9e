"""Identifiers as contracts/types/Ids.sol builds them, for the tests (an independent second writing)."""

from __future__ import annotations

from eth_abi.abi import default_codec
from eth_utils.crypto import keccak

METHODOLOGY, PROJECT, ISSUANCE, BLOCK, SERIES, VERIFICATION = range(1, 7)
FIRST_PROGRAMME = 1_000_001
NO_ID = bytes(12)
ZERO = bytes(32)


def record_id(kind: int, member: int, native: bytes) -> bytes:
    """The twelve-byte id of a member's record."""
    return (
        member.to_bytes(3, "big")
        + keccak(default_codec.encode(["uint8", "uint24", "bytes32"], [kind, member, native]))[:9]
    )


def home_of(identifier: bytes) -> int:
    return int.from_bytes(identifier[:3], "big")


def subject(kind: int, identifier: bytes, first: int = 0) -> bytes:
    """The 32-byte Subject of a methodology, project, issuance or block."""
    return bytes([kind]) + identifier + first.to_bytes(8, "big") + bytes(11)


def take_apart(about: bytes) -> tuple[int, bytes, int]:
    """Kind, id and first serial of a Subject."""
    return about[0], about[1:13], int.from_bytes(about[13:21], "big")
