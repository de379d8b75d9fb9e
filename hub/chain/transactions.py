"""Legacy transactions (type 0, EIP-155): the one form that every engine of the hub takes, with or without a gas price.

Written out with RLP (Ethereum Yellow Paper, appendix B), since signing is in the hot path of a sync.
"""

from __future__ import annotations

from dataclasses import dataclass

from mutual_recognition.keccak import keccak


@dataclass(frozen=True, slots=True)
class LegacyTransaction:
    """An unsigned transaction. `to` is 0x-hex, or None to create a contract; gas price and value are in wei."""

    chain_id: int
    nonce: int
    to: str | None
    data: bytes
    gas: int
    gas_price: int = 0
    value: int = 0

    def signing_hash(self) -> bytes:
        """What is signed (EIP-155): the six fields, the chain id, and two empty ones."""
        return keccak(_rlp_list([*self._fields(), _rlp_int(self.chain_id), _EMPTY, _EMPTY]))

    def with_signature(self, signature: bytes) -> bytes:
        """The raw bytes to broadcast; `signature` is 65 bytes r, s, v with v 27 or 28."""
        v = self.chain_id * 2 + 35 + (signature[64] - 27)
        r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
        return _rlp_list([*self._fields(), _rlp_int(v), _rlp_int(r), _rlp_int(s)])

    def _fields(self) -> list[bytes]:
        return [
            _rlp_int(self.nonce),
            _rlp_int(self.gas_price),
            _rlp_int(self.gas),
            _rlp_bytes(bytes.fromhex(self.to[2:]) if self.to else b""),
            _rlp_int(self.value),
            _rlp_bytes(self.data),
        ]


def transaction_hash(raw: bytes) -> str:
    """The hash that names a signed transaction, 0x-hex."""
    return "0x" + keccak(raw).hex()


def created_address(sender: str, nonce: int) -> str:
    """The address of the contract that `sender`'s transaction `nonce` creates (Yellow Paper, section 7)."""
    return "0x" + keccak(_rlp_list([_rlp_bytes(bytes.fromhex(sender[2:])), _rlp_int(nonce)]))[12:].hex()


_EMPTY = b"\x80"


def _rlp_int(value: int) -> bytes:
    return _rlp_bytes(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rlp_bytes(content: bytes) -> bytes:
    if len(content) == 1 and content[0] < 0x80:
        return content
    return _rlp_head(0x80, len(content)) + content


def _rlp_list(items: list[bytes]) -> bytes:
    content = b"".join(items)
    return _rlp_head(0xC0, len(content)) + content


def _rlp_head(base: int, length: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size
