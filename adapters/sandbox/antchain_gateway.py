"""The gateway's own side of its signatures and limits, written apart from the adapter's: a mistake in one is seen by
the other. What they follow is the platform's published SDK (`adapters/antchain/README.md`).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Final

SIGN_TYPE: Final = "HmacSHA1"
METHOD: Final = "antchain.carbon.ecar.offsetdatum.list"
VERSION: Final = "1.0"
SMALLEST_PAGE: Final = 10
LARGEST_PAGE: Final = 100

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def escaped(text: str) -> str:
    """RFC 3986, section 2.1: every byte that is not unreserved as % and two capital hexadecimal digits."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def is_signed(parameters: Mapping[str, str], given: str, secret: str) -> bool:
    """Whether `given` signs the parameters of query and form together, `sign` left out."""
    pairs = sorted(parameters.items())
    return hmac.compare_digest(given.encode(), signed("&".join(f"{escaped(n)}={escaped(v)}" for n, v in pairs), secret))


def signed(text: str, secret: str) -> bytes:
    """The signature of `text`: base64 of HMAC-SHA1."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest())
