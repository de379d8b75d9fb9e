"""Records of CAD Trust as JSON: what the API streams and what files hold, with exact numbers. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

NestedRecord: TypeAlias = Mapping[str, Any]
"""A project or a unit as CAD Trust's API has it, with what hangs on it inside."""

UNIT_KEY = "warehouseUnitId"
OURS_ALONE = "issuanceListed"
"""In a unit: whether its issuance stands under a listed project. It guides the writing of sheets and is not written."""


def is_unit(record: NestedRecord) -> bool:
    """Whether the record is a unit (else it is a project)."""
    return UNIT_KEY in record or "unitBlockStart" in record


def json_text(record: NestedRecord) -> bytes:
    """One record in UTF-8 on one line: fractions as exact decimal text, days in ISO 8601."""
    bare = {name: value for name, value in record.items() if name != OURS_ALONE}
    return json.dumps(bare, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")


def json_pieces(records: Iterable[NestedRecord]) -> Iterator[bytes]:
    """One JSON document, `{"projects": [...], "units": [...]}`, in pieces as the records come (projects first)."""
    yield b'{"projects":['
    in_units, first = False, True
    for record in records:
        if is_unit(record) and not in_units:
            yield b'\n],"units":['
            in_units, first = True, True
        yield (b"\n" if first else b",\n") + json_text(record)
        first = False
    yield b"\n]}\n" if in_units else b'\n],"units":[]}\n'
