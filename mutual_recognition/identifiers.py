"""Identifiers: what the chain calls a record, computed from what its own registry calls it.

An identifier is the record's meaning, hashed, under the member whose record it is, so that every city, auditor and
contract computes the same one from the same record and nobody can take a name in another member's space. The layouts
are those of `contracts/types/Ids.sol`; `tests/contracts` compares the two.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from enum import IntEnum
from functools import lru_cache
from typing import Final

from mutual_recognition.keccak import keccak
from mutual_recognition.refusal import Refusal

FIRST_PROGRAMME: Final = 1_000_001
"""Member ids from here on are programme members; below, GB/T 2260 codes."""

_SEPARATOR: Final = "\x1f"
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―－−"), "-")


class Kind(IntEnum):
    """Kinds of records, as numbered in `Ids.sol`."""

    METHODOLOGY = 1
    PROJECT = 2
    ISSUANCE = 3
    BLOCK = 4
    SERIES = 5
    VERIFICATION = 6


class IdentifierRefused(Refusal):
    """An identifier that is empty, too long, or holds characters that no registry's identifier has."""

    code = "identifier_refused"


def normalise(identifier: str, where: str = "") -> str:
    """A registry's identifier as it is hashed: NFKC, every dash a hyphen, white space trimmed and runs of it made
    one.

    Full-width digits and letters become ASCII; case is kept, since registries use it. Raises `IdentifierRefused`.
    """
    if identifier.isascii() and identifier.isprintable() and 0 < len(identifier) <= 200:
        text = identifier if identifier.isalnum() else " ".join(identifier.split())
        if text:
            return text
    text = unicodedata.normalize("NFKC", identifier).translate(_DASHES)
    text = " ".join(text.split())
    if not text or len(text) > 200:
        raise IdentifierRefused(identifier, "an identifier has 1 to 200 characters", where)
    if any(unicodedata.category(character).startswith("C") for character in text):
        raise IdentifierRefused(identifier, "an identifier has no control characters", where)
    return text


def native_key(*parts: str) -> bytes:
    """keccak-256 of a registry's identifier, its normalised parts joined by U+001F: the `native` of the contracts
    (32 bytes)."""
    return keccak(_SEPARATOR.join(normalise(part) for part in parts).encode())


def check_member(member: int) -> int:
    """`member`, if it is an id that a member can have (1 to 2**24 - 1). Raises `IdentifierRefused`."""
    if not 0 < member < 2**24:
        raise IdentifierRefused(str(member), "a member id is between 1 and 16777215")
    return member


def is_programme(member: int) -> bool:
    """Whether `member` is in the id space of programme members."""
    return member >= FIRST_PROGRAMME


def record_id(kind: Kind, member: int, native: bytes) -> bytes:
    """The twelve-byte id: 3 bytes member, 9 bytes of keccak-256(abi.encode(uint8 kind, uint24 member, bytes32
    native))."""
    check_member(member)
    digest = keccak(int(kind).to_bytes(32) + member.to_bytes(32) + native)
    return member.to_bytes(3) + digest[:9]


def methodology_id(member: int, registry: str, code: str, version: str) -> bytes:
    """Id of a methodology filing: its registry, code and version."""
    return record_id(Kind.METHODOLOGY, member, native_key(registry, code, version))


def project_id(member: int, registry: str, native_id: str) -> bytes:
    """Id of a project registration."""
    return record_id(Kind.PROJECT, member, native_key(registry, native_id))


def series_id(member: int, registry: str, code: str) -> bytes:
    """Id of a series of serial numbers."""
    return _series_id(member, registry, code)


@lru_cache(maxsize=4096)
def _series_id(member: int, registry: str, code: str) -> bytes:
    return record_id(Kind.SERIES, member, native_key(registry, code))


def verification_id(member: int, registry: str, native_id: str) -> bytes:
    """Id of a verification."""
    return record_id(Kind.VERIFICATION, member, native_key(registry, native_id))


def member_of(identifier: bytes) -> int:
    """The member in whose space a twelve-byte id stands: its home."""
    return int.from_bytes(identifier[:3])


def subject(kind: Kind, identifier: bytes, first_serial: int = 0) -> bytes:
    """What a hold, suspension or recognition speaks of (32 bytes): kind, id, first serial (issuance and block
    only)."""
    return int(kind).to_bytes(1) + identifier + first_serial.to_bytes(8) + bytes(11)


def parse_subject(value: bytes) -> tuple[Kind, bytes, int]:
    """Kind, twelve-byte id and first serial of a 32-byte subject. Raises `IdentifierRefused` when it is none."""
    try:
        kind = Kind(value[0])
    except (ValueError, IndexError):
        raise IdentifierRefused(value.hex(), "not a subject: its first byte is no kind") from None
    if len(value) != 32 or any(value[21:]):
        raise IdentifierRefused(value.hex(), "not a subject: 32 bytes, the last 11 zero")
    return kind, value[1:13], int.from_bytes(value[13:21])


def request_id(member: int, registry: str, native_record: str, action: str, version: int) -> bytes:
    """Id of one write (32 bytes): the same record, action and version always ask for the same thing, once."""
    parts = (str(check_member(member)), normalise(registry), normalise(native_record), action, str(version))
    return keccak(_SEPARATOR.join(parts).encode())


def transfer_id(sender: int, request: bytes) -> bytes:
    """Id of a transfer (32 bytes): keccak-256(abi.encode(uint24 sender, bytes32 request)), as CreditLedger
    computes it."""
    return keccak(sender.to_bytes(32) + request)


def asset_key(consortium_key: bytes, kind: str, identifier: str) -> bytes:
    """Keyed hash of an asset (meter, plant, pile, vehicle): HMAC-SHA-256 under the consortium's key of this epoch
    (32 bytes).

    Keyed, since meter numbers are few enough to be guessed from a plain hash. Case, spaces and dashes inside an
    asset's
    identifier carry no meaning and are dropped: the same meter, written another way, is the same meter.
    """
    if len(consortium_key) < 32:
        raise IdentifierRefused("(key)", "the consortium's asset key has at least 32 bytes")
    folded = "".join(c for c in normalise(identifier).casefold() if c.isalnum())
    if not folded:
        raise IdentifierRefused(identifier, "an asset identifier has at least one letter or digit")
    return hmac.digest(consortium_key, f"{normalise(kind)}{_SEPARATOR}{folded}".encode(), hashlib.sha256)


def beneficiary_commitment(salt: bytes, name: str, identifier: str) -> bytes:
    """Salted commitment to a retirement's beneficiary (32 bytes, SHA-256); the salt stays with the certificate.

    Deleting the salt is how the name is erased. Raises `IdentifierRefused` for a salt under 16 bytes.
    """
    if len(salt) < 16:
        raise IdentifierRefused("(salt)", "a salt has at least 16 bytes")
    text = _SEPARATOR.join(
        (unicodedata.normalize("NFKC", name).strip(), unicodedata.normalize("NFKC", identifier).strip())
    )
    return hashlib.sha256(salt + text.encode()).digest()
