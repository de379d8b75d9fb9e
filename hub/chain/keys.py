"""Keys: kept as encrypted keystore files (Web3 Secret Storage, version 3), used through `Signer`.

A private key never appears in a log, an exception or a repr, and is never written unencrypted. Passwords come from a
file or the environment (`Settings.read_password`), never from a command line.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from coincurve import PrivateKey
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from hub.chain.orders import Domain, Order, digest
from hub.chain.transactions import LegacyTransaction
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.keccak import keccak

SHORTEST_PASSWORD = 8
_LARGEST_KEYSTORE = 16 * 1024
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Strength(IntEnum):
    """Work factor N of scrypt for a new keystore: how long a guess at the password takes."""

    STANDARD = 2**18
    """About a second and 256 MiB: what geth writes."""
    LIGHT = 2**12
    """Milliseconds. For tests and sandboxes only."""


class Signer(Protocol):
    """Something that signs with one key: a keystore here, a hardware module or a remote service elsewhere."""

    @property
    def address(self) -> str:
        """0x-hex, lower case."""

    def sign_digest(self, message: bytes) -> bytes:
        """65 bytes r, s, v over a 32-byte digest; v is 27 or 28, s is low (EIP-2)."""


class LocalSigner:
    """A private key in this process's memory."""

    __slots__ = ("_address", "_key")

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self._address = address_of(self._key.public_key.format(compressed=False))

    @staticmethod
    def random() -> LocalSigner:
        """A new key that is kept nowhere: gone with this process."""
        return LocalSigner(_random_secret())

    @property
    def address(self) -> str:
        return self._address

    def sign_digest(self, message: bytes) -> bytes:
        signature = self._key.sign_recoverable(message, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer is not pickled: its key stays in this process")


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore file and the address it says it is for."""

    address: str
    file: Path


def sign_order(signer: Signer, order: Order, domain: Domain) -> bytes:
    """`signer`'s signature on a person's order: 65 bytes, to be relayed by anyone."""
    return signer.sign_digest(digest(order, domain))


def sign_transaction(signer: Signer, transaction: LegacyTransaction) -> bytes:
    """The raw signed bytes of `transaction` (EIP-155)."""
    return transaction.with_signature(signer.sign_digest(transaction.signing_hash()))


def address_of(public_key: bytes) -> str:
    """The address of an uncompressed public key (65 bytes, the first 0x04)."""
    return "0x" + keccak(public_key[1:])[12:].hex()


def create_keystore(folder: Path, password: str, strength: Strength = Strength.STANDARD) -> Keystore:
    """Make a new random key and keep it in `folder` as `<address>.json`, readable by its owner only.

    Raises ConfigurationWrong for a password under SHORTEST_PASSWORD characters, or a folder that cannot be written.
    """
    return import_key(folder, _random_secret(), password, strength)


def import_key(folder: Path, secret: bytes, password: str, strength: Strength = Strength.STANDARD) -> Keystore:
    """Keep an existing 32-byte private key as a keystore. Raises as `create_keystore`, and when it is there already."""
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationWrong(
            f"a keystore's password has at least {SHORTEST_PASSWORD} characters",
            where=str(folder),
            remedy="choose a longer one",
            code="password_too_short",
        )
    address = LocalSigner(secret).address
    content = create_keyfile_json(secret, password, kdf="scrypt", iterations=int(strength))
    file = folder / f"{address}.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationWrong(
            f"there is a keystore for {address} already",
            where=str(file),
            remedy="use it, or move it away first",
            code="keystore_exists",
        ) from None
    except OSError as refused:
        raise ConfigurationWrong(
            f"the keystore cannot be written: {refused.strerror}",
            where=str(file),
            remedy="choose a folder that you can write to",
            code="keystore_not_writable",
        ) from refused
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    return Keystore(address, file)


def list_keystores(folder: Path) -> list[Keystore]:
    """The keystores in `folder` and the folders in it (a home may keep one a member), by address; other files are
    passed over, a missing folder has none."""
    found = []
    for file in sorted(folder.rglob("*.json")) if folder.is_dir() else ():
        content = _read_json(file)
        if content is not None and isinstance(content.get("address"), str) and "crypto" in content:
            found.append(Keystore("0x" + content["address"].removeprefix("0x").lower(), file))
    return sorted(found, key=lambda keystore: keystore.address)


def find_keystore(folder: Path, address: str) -> Keystore:
    """The keystore of `address` in `folder`. Raises ConfigurationWrong that names those there are."""
    keystores = list_keystores(folder)
    for keystore in keystores:
        if keystore.address == address.lower():
            return keystore
    there = ", ".join(keystore.address for keystore in keystores) or "none"
    raise ConfigurationWrong(
        f"there is no keystore for {address}; there are: {there}",
        where=str(folder),
        remedy="yrdhub keys new, or copy the keystore file there",
        code="keystore_missing",
    )


def open_keystore(file: Path, password: str) -> LocalSigner:
    """The signer whose key `file` holds. Raises ConfigurationWrong: no keystore, or not its password."""
    content = _read_json(file)
    if content is None:
        raise ConfigurationWrong(
            "this is no keystore file",
            where=str(file),
            remedy="name a keystore (JSON, version 3)",
            code="keystore_invalid",
        )
    try:
        secret = decode_keyfile_json(content, password)
    except ValueError:
        # raised anew without its cause: what it says is about the key, not about the file
        raise ConfigurationWrong(
            "the password does not open this keystore",
            where=str(file),
            remedy="set YRDHUB_PASSWORD_FILE to the file with its password",
            code="password_wrong",
        ) from None
    except (KeyError, TypeError, NotImplementedError, AttributeError):
        raise ConfigurationWrong(
            "this keystore cannot be read: fields are missing, or it is of another version",
            where=str(file),
            remedy="name a keystore (JSON, version 3)",
            code="keystore_invalid",
        ) from None
    signer = LocalSigner(secret)
    said = str(content.get("address", signer.address)).removeprefix("0x").lower()
    if said != signer.address[2:]:
        raise ConfigurationWrong(
            f"the keystore says it is for 0x{said} but holds the key of {signer.address}",
            where=str(file),
            remedy="take the file from its backup",
            code="keystore_invalid",
        )
    return signer


def parse_address(text: str, field: str = "address") -> str:
    """An address as 0x-hex in lower case; mixed case must carry the right EIP-55 checksum.

    Raises RecordRefused (`address_invalid`).
    """
    digits = text.strip().removeprefix("0x")
    if len(digits) != 40 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise RecordRefused(
            "an address is 0x and 40 hexadecimal digits", code="address_invalid", field=field, value=text
        )
    lower = digits.lower()
    if digits not in {lower, digits.upper()} and digits != checksum_address("0x" + lower)[2:]:
        raise RecordRefused(
            "the address is mistyped: its capital letters do not check (EIP-55)",
            code="address_invalid",
            field=field,
            value=text,
        )
    return "0x" + lower


def checksum_address(address: str) -> str:
    """`address` with the capital letters of EIP-55, for people to compare."""
    lower = address[2:].lower()
    nibbles = keccak(lower.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in zip(lower, nibbles, strict=False)
    )


def _random_secret() -> bytes:
    while True:
        secret = secrets.token_bytes(32)
        if 0 < int.from_bytes(secret, "big") < _CURVE_ORDER:
            return secret


def _read_json(file: Path) -> dict[str, Any] | None:
    try:
        if file.stat().st_size > _LARGEST_KEYSTORE:
            return None
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
