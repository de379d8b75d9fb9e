"""Documents: what the chain only hashes. Canonical JSON (RFC 8785), named by its SHA-256, shared by audience.

A record on the chain carries the digest of the document that describes it in words. The registrar seals the digest
(an
EIP-712 signature, `hub/chain/orders.py`), so that a reader can check both that this is the document the chain
means and
whose it is. Quantities in documents are decimal strings, dates ISO 8601, so that no reader's floats can change them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mutual_recognition.refusal import Refusal

SCHEMA = "yrdhub.document/1"
MAX_BYTES = 1_000_000

_AUDIENCE = re.compile(r"public|members|auditors|member:[1-9][0-9]{4,7}")

Json = Any
"""JSON values; integers and strings only where a number matters."""


class DocumentRefused(Refusal):
    """A document that is no canonical document of a known kind."""

    code = "document_refused"


class DocumentKind(StrEnum):
    """What a document describes."""

    METHODOLOGY = "methodology"
    DEFINITION = "definition"
    PROJECT = "project"
    DECLARATION = "declaration"
    VERIFICATION = "verification"
    ISSUANCE = "issuance"
    CORRECTION = "correction"
    SERIES = "series"
    BALLOT = "ballot"
    EVIDENCE = "evidence"
    PARAMETERS = "parameters"
    PROJECT_INFORMATION = "project_information"
    INVENTORY = "inventory"
    WITHDRAWAL = "withdrawal"
    RECONCILIATION = "reconciliation"


class Document(BaseModel):
    """One document. `audience`: public, members, auditors, or member:CODE; the home member always reads its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_name: Annotated[str, Field(alias="schema", pattern=f"^{SCHEMA}$")] = SCHEMA
    kind: DocumentKind
    member: Annotated[int, Field(gt=0, lt=2**24)]
    registry: Annotated[str, Field(min_length=1, max_length=100)]
    record: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[int, Field(ge=1)] = 1
    audience: str = "public"
    content: dict[str, Json]

    @field_validator("content")
    @classmethod
    def _exact(cls, content: dict[str, Json]) -> dict[str, Json]:
        _check_exact(content)
        return content

    @field_validator("audience")
    @classmethod
    def _known_audience(cls, audience: str) -> str:
        if not _AUDIENCE.fullmatch(audience):
            raise ValueError("an audience is public, members, auditors, or member:CODE")
        return audience

    def canonical(self) -> bytes:
        """The document's bytes by RFC 8785. Raises `DocumentRefused` for one that is too long."""
        return self._canonical

    @cached_property
    def _canonical(self) -> bytes:
        # Without binary floats and with keys below the surrogates, both of which `content` is held to, the standard
        # library's sorted and unspaced form is the form of RFC 8785; a property test compares the two.
        fields = {name: getattr(self, name) for name in _FIELDS} | {"schema": self.schema_name}
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
        try:
            data = text.encode()
        except UnicodeEncodeError as unpaired:
            raise DocumentRefused(self.record, f"has text that is no Unicode: {unpaired.reason}") from unpaired
        if len(data) > MAX_BYTES:
            raise DocumentRefused(self.record, f"is {len(data)} bytes; a document has at most {MAX_BYTES}")
        return data

    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes (32 bytes): what the chain carries."""
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self._canonical).digest()

    @classmethod
    def parse(cls, data: bytes, where: str = "") -> Self:
        """A document from bytes that arrived. Only the canonical form is accepted, so that one document has one
        digest."""
        if len(data) > MAX_BYTES:
            raise DocumentRefused(f"{len(data)} bytes", f"a document has at most {MAX_BYTES} bytes", where)
        try:
            document = cls.model_validate_json(data)
        except ValueError as invalid:
            raise DocumentRefused(data[:80].decode(errors="replace"), f"not a document: {invalid}", where) from invalid
        if document.canonical() != data:
            raise DocumentRefused(document.record, "not in canonical form (RFC 8785)", where)
        return document


_FIELDS = ("kind", "member", "registry", "record", "version", "audience", "content")
_LARGEST_EXACT = 2**53 - 1
_DEEPEST = 20


def _check_exact(value: Json, depth: int = 0) -> None:
    """Raises ValueError for what canonical JSON can't carry exactly, or our short way to it could get wrong."""
    if depth > _DEEPEST:
        raise ValueError(f"content is nested deeper than {_DEEPEST}")
    if isinstance(value, str | bool) or value is None:
        return
    if isinstance(value, int):
        if abs(value) > _LARGEST_EXACT:
            raise ValueError(f"the integer {value} is beyond 2**53 - 1; give it as text")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or (not key.isascii() and max(key) >= "\ud800"):
                raise ValueError(f"the name {key!r} is not text of the basic plane")
            _check_exact(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_exact(item, depth + 1)
    else:
        raise ValueError(
            f"{value!r} is a {type(value).__name__}; content is text, integers, booleans, lists and objects"
        )


def plain(values: Mapping[str, object]) -> dict[str, Json]:
    """`values` as document content: Decimals and dates as strings, None left out, nested mappings and lists alike.

    Raises `DocumentRefused` for a binary float: a quantity has no business being one.
    """
    return {name: _plain(name, value) for name, value in values.items() if value is not None}


def _plain(name: str, value: object) -> Json:
    match value:
        case float():
            raise DocumentRefused(value, f"{name} is a binary float; give a Decimal or text")
        case bool() | int() | str():
            return value
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case bytes():
            return "0x" + value.hex()
        case Mapping():
            return plain({str(key): item for key, item in value.items()})
        case list() | tuple():
            return [_plain(name, item) for item in value]
        case _:
            raise DocumentRefused(value, f"{name} is of no kind that a document carries")
