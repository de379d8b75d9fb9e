"""Keyed digests in place of what names a person or a person's act (PIPL Art. 4, 51 and 73; law L7).

A bare hash of an account is still that person's data, since anyone can hash a guess. These digests need the city's
secret file, and each account's also a salt of its own: with the salt deleted nobody, the city included, can tell any
more whose records they were.
"""

from __future__ import annotations

import hashlib
import hmac

SALT_BYTES = 32


class Pseudonyms:
    """Digests under one secret (at least 32 bytes) for one source."""

    def __init__(self, secret: bytes, source: str) -> None:
        self._secret, self._source = secret, source

    def item(self, number: str) -> bytes:
        """Names an act for ever, so that it is taken once."""
        return self._digest("item", number)

    def lookup(self, account: str) -> bytes:
        """Finds an account's salt."""
        return self._digest("lookup", account)

    def account(self, account: str, salt: bytes) -> bytes:
        """The pseudonym under which an account's records are kept."""
        return self._digest("account", account, salt)

    def content(self, content: str) -> bytes:
        """Tells one content of an act from another."""
        return self._digest("content", content)

    def _digest(self, what: str, value: str, salt: bytes = b"") -> bytes:
        parts = (what.encode(), self._source.encode(), salt, value.encode())
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._secret, framed, hashlib.sha256)
