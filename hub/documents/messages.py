"""EIP-712 messages that no contract ever sees: a registrar's seal on documents, and a reader's word who they are.

Same domain as the orders (`hub/chain/orders.py`), so that a wallet shows the same hub; other types, so that neither can
pass for an order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from hub.chain.orders import DOMAIN_NAME, DOMAIN_VERSION, Domain
from mutual_recognition.keccak import keccak


@dataclass(frozen=True, slots=True)
class DocumentSeal:
    """`member`'s registrar stands for the documents of `manifest` (0x-hex); `sealed_at` Unix seconds, the signer's
    clock."""

    TYPE: ClassVar[str] = "DocumentSeal(uint24 member,bytes32 manifest,uint40 sealedAt)"
    member: int
    manifest: str
    sealed_at: int

    def words(self) -> tuple[bytes, bytes, bytes]:
        """The fields as EIP-712 encodes them."""
        return self.member.to_bytes(32), bytes.fromhex(self.manifest[2:]), self.sealed_at.to_bytes(32)

    def message(self) -> dict[str, str]:
        """The fields as a wallet takes them."""
        return {"member": str(self.member), "manifest": self.manifest, "sealedAt": str(self.sealed_at)}


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """Whoever holds `reader`'s key asks to read, until `expires` (Unix seconds)."""

    TYPE: ClassVar[str] = "ReadOrder(address reader,uint40 expires)"
    reader: str
    expires: int

    def words(self) -> tuple[bytes, bytes]:
        """The fields as EIP-712 encodes them."""
        return bytes.fromhex(self.reader[2:]).rjust(32, b"\0"), self.expires.to_bytes(32)

    def message(self) -> dict[str, str]:
        """The fields as a wallet takes them."""
        return {"reader": self.reader, "expires": str(self.expires)}


@dataclass(frozen=True, slots=True)
class StatusSeal:
    """`member`'s registrar says how one of its registries' sync stands: SHA-256 of the report (0x-hex), and when it was
    made (Unix seconds, the signer's clock)."""

    TYPE: ClassVar[str] = "StatusSeal(uint24 member,bytes32 report,uint40 reportedAt)"
    member: int
    report: str
    reported_at: int

    def words(self) -> tuple[bytes, bytes, bytes]:
        """The fields as EIP-712 encodes them."""
        return self.member.to_bytes(32), bytes.fromhex(self.report[2:]), self.reported_at.to_bytes(32)

    def message(self) -> dict[str, str]:
        """The fields as a wallet takes them."""
        return {"member": str(self.member), "report": self.report, "reportedAt": str(self.reported_at)}


Message: TypeAlias = DocumentSeal | ReadOrder | StatusSeal


def digest(message: Message, domain: Domain) -> bytes:
    """The 32 bytes that are signed."""
    struct = keccak(b"".join((keccak(message.TYPE.encode()), *message.words())))
    return keccak(b"\x19\x01" + domain.separator() + struct)


def typed_data(message: Message, domain: Domain) -> dict[str, Any]:
    """The JSON that `eth_signTypedData_v4` takes; integers as decimal text."""
    name, _, inside = message.TYPE[:-1].partition("(")
    fields = [part.split(" ") for part in inside.split(",")]
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            name: [{"name": field, "type": kind} for kind, field in fields],
        },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.consortium,
        },
        "message": message.message(),
    }
