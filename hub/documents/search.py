"""Finding documents: by words in Chinese and English, by what stands now, and what arrived since. Each search keeps to
what its reader may see.

All that is particular to a database is here: trigrams (FTS5) on SQLite, plain LIKE elsewhere and for words of one or
two characters, which Chinese words mostly are and trigrams cannot find. On PostgreSQL an index by pg_trgm on
`document_texts.words` would serve the same LIKE.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)

from hub.db import tables as t
from hub.documents.audience import Reader, readable_by
from hub.index.queries import Listing, Row
from mutual_recognition.documents import Document
from mutual_recognition.refusal import Refusal
from mutual_recognition.sharing import SHAPES

LISTING = Listing(
    "documents",
    t.documents,
    order=(t.documents.c.arrived,),
    without=("canonical",),
    filters={
        name: t.documents.c[name]
        for name in (
            "member",
            "registry",
            "record",
            "version",
            "audience",
            "describes",
            "methodology",
            "withdraws",
            "seal",
        )
    },
)

LONGEST_SEARCH = 200
_MOST_TERMS = 10
_LONGEST_WORDS = 20_000
_TRIGRAM = 3


class SearchRefused(Refusal):
    """Words that cannot be searched for."""

    code = "search_refused"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a document still stands, as far as its reader may know: digests, or None."""

    superseded_by: str | None = None
    withdrawn_by: str | None = None

    @property
    def current(self) -> bool:
        return self.superseded_by is None and self.withdrawn_by is None


def conditions(
    connection: Connection,
    reader: Reader,
    *,
    words: str = "",
    kinds: Sequence[str] = (),
    since: int = 0,
    before: int = 0,
    current: bool = False,
) -> list[ColumnElement[bool]]:
    """What `reader` may see: of it, with every one of `words`, of one of `kinds`, arrived after `since` and `before`
    another arrival, and only what still stands.

    Raises SearchRefused.
    """
    c = t.documents.c
    found = [readable_by(reader)]
    if since:
        found.append(c.arrived > since)
    if before:
        found.append(c.arrived < before)
    if kinds:
        found.append(c.kind.in_(kinds))
    if words:
        found += [c.arrived.in_(matching) for matching in _matching(connection, words)]
    if current:
        found += [~_newer_exists(reader), ~_withdrawal_exists(), c.withdraws.is_(None)]
    return found


def standings(connection: Connection, rows: Sequence[Row], reader: Reader) -> dict[str, Standing]:
    """The standing of each of `rows` by digest, judged by what `reader` may see and by nothing else."""
    told: dict[str, Standing] = {}
    shared = [row for row in rows if row["kind"] in _SHARED]
    if not shared:
        return {row["digest"]: Standing() for row in rows}
    c = t.documents.c
    digests = [row["digest"] for row in shared]
    notices = dict(
        connection.execute(
            select(c.withdraws, c.digest)
            .where(c.withdraws.in_(digests), readable_by(reader))
            .order_by(c.arrived.desc())
        )
        .tuples()
        .all()
    )
    named = {_record_of(row) for row in shared}
    newest: dict[tuple[Any, ...], Row] = {}
    query = (
        select(c.member, c.kind, c.record, c.registry, c.version, c.arrived, c.digest)
        .where(tuple_(c.member, c.kind, c.record, c.registry).in_(sorted(named)), readable_by(reader))
        .order_by(c.version, c.arrived)
    )
    for found in connection.execute(query).mappings():
        newest[_record_of(found)] = dict(found)
    for row in rows:
        last = newest.get(_record_of(row))
        superseded = None if last is None or last["digest"] == row["digest"] else str(last["digest"])
        told[row["digest"]] = Standing(superseded, notices.get(row["digest"]))
    return told


def keep_words(connection: Connection, rows: Sequence[tuple[int, Document]]) -> None:
    """Makes documents findable: (arrival, document) each. In the transaction that keeps the documents."""
    texts = [{"arrived": arrived, "words": words_of(document)} for arrived, document in rows]
    connection.execute(insert(t.document_texts), texts)
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO document_words(rowid, words) VALUES (:arrived, :words)"), texts)


def words_of(document: Document) -> str:
    """The text that a document is found by: its names and every string in its content, folded; at most 20,000
    characters."""
    words = [document.registry, document.record, *_strings(document.content)]
    return _fold(" ".join(words))[:_LONGEST_WORDS]


_SHARED = frozenset(kind.value for kind in SHAPES)


def _record_of(row: Any) -> tuple[int, str, str, str]:
    return (row["member"], row["kind"], row["record"], row["registry"])


def _matching(connection: Connection, words: str) -> Iterator[Any]:
    """One subquery of arrivals for each word; every word has to be there."""
    terms = _fold(words).split()
    if not terms or len(terms) > _MOST_TERMS or len(words) > LONGEST_SEARCH:
        raise SearchRefused(words[:80], f"search for one to {_MOST_TERMS} words, {LONGEST_SEARCH} characters in all")
    for place, term in enumerate(terms):
        if len(term) >= _TRIGRAM and connection.dialect.name == "sqlite":
            phrase: Any = bindparam(f"phrase_{place}", '"' + term.replace('"', '""') + '"')
            yield (
                select(literal_column("rowid"))
                .select_from(text("document_words"))
                .where(literal_column("document_words").op("MATCH")(phrase))
            )
        else:
            yield select(t.document_texts.c.arrived).where(t.document_texts.c.words.contains(term, autoescape=True))


def _newer_exists(reader: Reader) -> ColumnElement[bool]:
    c, other = t.documents.c, t.documents.alias("newer")
    o = other.c
    return exists(
        select(literal_column("1"))
        .select_from(other)
        .where(
            o.member == c.member,
            o.kind == c.kind,
            o.record == c.record,
            o.registry == c.registry,
            or_(o.version > c.version, and_(o.version == c.version, o.arrived > c.arrived)),
            c.kind.in_(sorted(_SHARED)),
            readable_by(reader, o),
        )
        .correlate(t.documents)
    )


def _withdrawal_exists() -> ColumnElement[bool]:
    """A notice has the audience of what it withdraws (see `DocumentStore.put`): who sees one sees the other."""
    notice = t.documents.alias("notice")
    return exists(
        select(literal_column("1"))
        .select_from(notice)
        .where(notice.c.withdraws == t.documents.c.digest)
        .correlate(t.documents)
    )


def _fold(words: str) -> str:
    return unicodedata.normalize("NFKC", words).casefold()


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _strings(value)
    elif isinstance(content, list):
        for value in content:
            yield from _strings(value)
