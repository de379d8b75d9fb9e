"""The gateway's signatures: HMAC-SHA1 over sorted parameters for a request, over the answer's own text for an answer.

As the platform's published SDK does it (alipay/antchain-openapi-util-sdk): parameters of query and form together,
sorted by name, each name and value percent-encoded (only A-Z a-z 0-9 - _ . ~ stay), joined by & and =; base64 of the
digest. Its own test vector is ours. HMAC-SHA1 is what the gateway takes; it is not weakened by SHA-1's collisions.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

SIGN_TYPE: Final = "HmacSHA1"


class AnswerUnreadable(ValueError):
    """An answer that is not `{"response": {...}, "sign": "..."}`."""


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """The signature of a request. `sign` itself is never among the parameters."""
    pairs = (f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))
    return _digest("&".join(pairs), secret)


def answer_signature(signed_text: str, secret: str) -> str:
    """The signature of an answer: over the text of its `response` object, character by character as it was sent."""
    return _digest(signed_text, secret)


def matches(given: str, expected: str) -> bool:
    """Whether two signatures are the same, in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def signed_part(answer: str) -> tuple[str, str]:
    """The text of the `response` object as it was sent, and the signature ("" where there is none).

    The object is found by reading JSON, not by searching for braces, so that neither a nested object nor a text that
    holds a brace moves its end. Raises AnswerUnreadable; a name that is there twice is one reason.
    """
    decoder = json.JSONDecoder()
    found: dict[str, tuple[str, object]] = {}
    at = _after(answer, 0, "{")
    while True:
        try:
            name, at = decoder.raw_decode(answer, _space(answer, at))
            at = _after(answer, at, ":")
            start = _space(answer, at)
            value, at = decoder.raw_decode(answer, start)
        except (ValueError, RecursionError) as broken:
            raise AnswerUnreadable(f"not JSON: {broken}") from None
        if not isinstance(name, str) or name in found:
            raise AnswerUnreadable(f"the name {name!r} is there twice, or is none")
        found[name] = answer[start:at], value
        at = _space(answer, at)
        if answer[at : at + 1] != ",":
            break
        at += 1
    if answer[_after(answer, at, "}") :].strip():
        raise AnswerUnreadable("there is more behind the answer")
    text, response = found.get("response", ("", None))
    if not isinstance(response, dict):
        raise AnswerUnreadable("there is no object `response`")
    _, given = found.get("sign", ("", ""))
    return text, given if isinstance(given, str) else ""


def _digest(text: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1)).decode()


def _space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _after(text: str, at: int, mark: str) -> int:
    at = _space(text, at)
    if text[at : at + 1] != mark:
        raise AnswerUnreadable(f"{mark!r} is expected at character {at}: the answer is cut short or no JSON object")
    return at + 1
