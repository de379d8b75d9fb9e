"""Words on a command line, read: terms, factors, days, hashes, roles. Each refusal names the option and the value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from hub.ballot_actions import NO_CAP, TermsFor
from hub.chain.enums import BallotKind, Role
from hub.chain.keys import parse_address
from hub.errors import RecordRefused
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import ALL_USES, parse_purpose, uses_mask


def read_terms(file: Path) -> list[dict[str, Any]]:
    """A JSON list of terms that differ by member. Raises RecordRefused."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as unreadable:
        raise RecordRefused(
            f"the terms cannot be read: {unreadable}", code="terms_invalid", where=str(file)
        ) from unreadable
    if not isinstance(told, list) or not all(isinstance(one, dict) and "member" in one for one in told):
        raise RecordRefused(
            "the terms are a JSON list of objects that each name a member", code="terms_invalid", where=str(file)
        )
    return told


_TERMS_FIELDS = {"member", "factor", "uses", "from", "until", "cap_kg", "every_project"}


def terms_of(entry: dict[str, Any], where: str) -> TermsFor:
    """Terms as a person writes them. Raises RecordRefused that names the field."""
    if unknown := sorted(entry.keys() - _TERMS_FIELDS):
        raise RecordRefused(
            f"terms have no field {unknown[0]!r}",
            code="terms_invalid",
            field=unknown[0],
            where=where,
            remedy=f"use {', '.join(sorted(_TERMS_FIELDS))}",
        )
    uses = entry["uses"]
    names = uses if isinstance(uses, list) else [part for part in str(uses).split(",") if part.strip()]
    mask = ALL_USES if names == ["all"] else uses_mask(parse_purpose(str(name), where) for name in names)
    since = day(entry["from"], "from") if entry["from"] else int(datetime.now(UTC).timestamp()) - 60
    return TermsFor(
        member=_whole(entry["member"], "member", where),
        factor_ppm=ppm(str(entry["factor"]), where),
        valid_from=since,
        valid_until=day(entry["until"], "until"),
        uses=mask,
        annual_cap_kg=NO_CAP if entry["cap_kg"] is None else _whole(entry["cap_kg"], "cap_kg", where),
        covers_every_project=bool(entry["every_project"]),
    )


def _whole(value: Any, field: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise RecordRefused(
            f"{field} is a whole number above 0", code="terms_invalid", field=field, value=value, where=where
        )
    return value


def ppm(text: str, where: str) -> int:
    """A factor such as 0.545454 in parts per million."""
    try:
        parts = Decimal(text) * 1_000_000
    except InvalidOperation:
        parts = Decimal(0)
    if not parts.is_finite() or parts != int(parts) or not 0 < parts <= 1_000_000:
        raise RecordRefused(
            "a factor is above 0, at most 1, with at most six decimals",
            code="factor_invalid",
            field="factor",
            value=text,
            where=where,
        )
    return int(parts)


def day(text: Any, field: str) -> int:
    """The first second of a day in UTC+8, as Unix seconds."""
    try:
        return int(datetime.combine(date.fromisoformat(str(text)), time.min, UTC_PLUS_8).timestamp())
    except ValueError as wrong:
        raise RecordRefused("a day is written YYYY-MM-DD", code="day_invalid", field=field, value=text) from wrong


def hash32(text: str, field: str) -> str:
    """A SHA-256 or an id of 32 bytes, as 0x-hex in lower case."""
    digits = text.lower().removeprefix("0x")
    if len(digits) != 64 or any(digit not in "0123456789abcdef" for digit in digits):
        raise RecordRefused("a hash is 0x and 64 hexadecimal digits", code="hash_invalid", field=field, value=text)
    return "0x" + digits


def word(kind: Any, text: str, field: str) -> Any:
    """The member of an enumeration that a person named."""
    for one in kind:
        if one.name.lower() == text.lower().replace("-", "_") and (int(one) or kind is BallotKind):
            return one
    raise RecordRefused(
        f"{text!r} is none of {', '.join(one.name.lower() for one in kind if int(one) or kind is BallotKind)}",
        code="word_unknown",
        field=field,
        value=text,
    )


def founding_officer(text: str) -> tuple[str, int, int]:
    """ADDRESS=ROLE+ROLE@YYYY-MM-DD as `IConsortium.FoundingOfficer`."""
    address, equals, rest = text.partition("=")
    roles, at, until = rest.partition("@")
    if not equals or not at:
        raise RecordRefused(
            "an officer is ADDRESS=ROLE+ROLE@YYYY-MM-DD", code="officer_invalid", field="--officer", value=text
        )
    bits = Role(0)
    for role in roles.split("+"):
        bits |= word(Role, role, "--officer")
    return parse_address(address, "--officer"), int(bits), day(until, "--officer")
