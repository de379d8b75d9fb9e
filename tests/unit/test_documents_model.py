"""Documents: one document, one canonical form, one digest; nothing that a reader's floats could change."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from mutual_recognition.documents import MAX_BYTES, Document, DocumentKind, DocumentRefused, plain


def document(**changed: Any) -> Document:
    words: dict[str, Any] = {
        "kind": DocumentKind.PROJECT,
        "member": 310000,
        "registry": "illustrative",
        "record": "P1",
        "content": {"name": "某光伏项目", "capacity_kw": "999.5"},
    }
    return Document(**(words | changed))


def test_canonical__sorted_without_spaces_in_utf8_and_its_digest() -> None:
    data = document().canonical()
    assert data.startswith(b'{"audience":"public","content":{"capacity_kw":"999.5","name":"')
    assert "某光伏项目".encode() in data
    assert document().digest() == hashlib.sha256(data).digest()


def test_order_of_fields__does_not_matter__contents_do() -> None:
    turned = document(content={"capacity_kw": "999.5", "name": "某光伏项目"})
    assert turned.digest() == document().digest()
    others = [document(content={"name": "x"}), document(record="P2"), document(audience="members"), document(version=2)]
    assert len({other.digest() for other in others} | {document().digest()}) == 5


def test_parse__there_and_back() -> None:
    data = document().canonical()
    assert Document.parse(data) == document()
    assert Document.parse(data).canonical() == data


@pytest.mark.parametrize(
    "change", [lambda d: d + b" ", lambda d: d.replace(b",", b", ", 1), lambda d: b"\xef\xbb\xbf" + d]
)
def test_parse__another_form_of_the_same__refused(change: Any) -> None:
    """Otherwise one document would have several digests."""
    with pytest.raises(DocumentRefused):
        Document.parse(change(document().canonical()), "request 1")


def test_parse__fields_repeated__refused() -> None:
    data = document().canonical().replace(b'"member":310000', b'"member":320500,"member":310000')
    with pytest.raises(DocumentRefused):
        Document.parse(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "poem"},
        {"member": 0},
        {"member": 2**24},
        {"audience": "everybody"},
        {"audience": "member:0"},
        {"audience": "member:310000 "},
        {"schema": "yrdhub.document/2"},
        {"extra": 1},
        {"record": ""},
        {"version": 0},
    ],
)
def test_parse__field_that_is_wrong__refused_with_its_name(wrong: dict[str, Any]) -> None:
    body = json.loads(document().canonical()) | wrong
    with pytest.raises(DocumentRefused) as refused:
        Document.parse(json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode())
    assert next(iter(wrong)) in str(refused.value)


def test_parse__no_json_or_too_large__refused() -> None:
    for data in (b"", b"\xff\xfe", b"[]", b"null", b"x" * (MAX_BYTES + 1)):
        with pytest.raises(DocumentRefused):
            Document.parse(data)


def test_canonical__too_large_or_a_number_that_json_cannot_carry__refused() -> None:
    with pytest.raises(DocumentRefused, match="at most"):
        document(content={"text": "x" * MAX_BYTES}).canonical()
    with pytest.raises(ValidationError, match="give it as text"):
        document(content={"serial": 2**63})
    assert document(content={"serial": str(2**63)}).canonical()


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        document().member = 320500  # type: ignore[misc]


def test_plain__decimals_dates_bytes_as_text__nothing_left_of_none() -> None:
    made = plain(
        {
            "kwh": Decimal("1100000.00"),
            "tiny": Decimal("1E-7"),
            "day": date(2026, 1, 31),
            "hash": b"\x01\xff",
            "none": None,
            "list": [Decimal("0.42"), {"a": date(2026, 1, 1), "b": None}],
            "flag": True,
        }
    )
    assert made == {
        "kwh": "1100000.00",
        "tiny": "0.0000001",
        "day": "2026-01-31",
        "hash": "0x01ff",
        "list": ["0.42", {"a": "2026-01-01"}],
        "flag": True,
    }


@pytest.mark.parametrize("value", [0.1, [1.5], {"deep": {"er": float("nan")}}, object()])
def test_plain__binary_float_or_unknown_kind__refused(value: object) -> None:
    with pytest.raises(DocumentRefused):
        plain({"quantity": value})
