"""Keccak-256 as Ethereum has it (not SHA3-256 of FIPS 202, whose padding differs), in C: millions of ids are hashed."""

from __future__ import annotations

from sha3 import keccak_256


def keccak(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256 over `data`."""
    digest: bytes = keccak_256(data).digest()
    return digest
