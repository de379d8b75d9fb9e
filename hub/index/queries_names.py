"""What records are called. The chain has hashes; the words are in documents, and those that are public are joined here.

A methodology's or project's document is the one whose digest the chain carries now; a series has none on the chain, but
its id is a hash of the words, so that no document can call it anything else.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping, select

from hub.db import tables as t
from hub.index.queries import Row

_WORDS = tuple(t.documents.c[name] for name in ("registry", "record", "code", "title_zh", "title_en"))


def names_of(
    connection: Connection,
    *,
    methodologies: Iterable[str] = (),
    projects: Iterable[str] = (),
    series: Iterable[str] = (),
) -> dict[str, Row]:
    """Registry, record, code and titles by id, for those with a public document."""
    found: dict[str, Row] = {}
    public = t.documents.c.audience == "public"
    for table, identifiers in ((t.methodologies, methodologies), (t.projects, projects)):
        key = table.primary_key.columns[0]
        if wanted := set(identifiers):
            query = select(key.label("id"), *_WORDS).join(t.documents, t.documents.c.digest == table.c.document)
            found |= _by_id(connection.execute(query.where(key.in_(wanted), public)).mappings())
    if wanted := set(series):
        described = t.documents.c.describes
        query = select(described.label("id"), *_WORDS).where(described.in_(wanted), public)
        # the newest words stand, should a registrar have sealed several
        found |= _by_id(connection.execute(query.order_by(t.documents.c.received_at)).mappings())
    return found


def _by_id(rows: Iterable[RowMapping]) -> dict[str, Row]:
    return {str(row["id"]): dict(row) for row in rows}
