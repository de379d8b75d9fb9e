"""The short way to canonical JSON gives the bytes of RFC 8785, for everything that a document may hold."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition.documents import Document, DocumentKind

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAME = st.text(st.characters(max_codepoint=0xD7FF), max_size=10)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
    max_leaves=12,
)


def document(content: dict[str, Any]) -> Document:
    return Document(kind=DocumentKind.EVIDENCE, member=310000, registry="甲", record='"1"\n', content=content)


@given(st.dictionaries(NAME, VALUE, max_size=6))
def test_canonical__any_content__is_rfc_8785_and_reads_back(content: dict[str, Any]) -> None:
    made = document(content)
    assert made.canonical() == rfc8785.dumps(made.model_dump(mode="json", by_alias=True))
    assert Document.parse(made.canonical()) == made


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), {"\U0001f600": 1}, {1: 2}, b"x"])
def test_content__what_the_short_way_could_get_wrong__is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="content"):
        document({"a": value})
