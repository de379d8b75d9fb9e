"""Names for people: which methodology, project or series somebody means, and what an id is called.

The chain knows hashes; the words are in the documents that registries share. An id (0x, 24 digits) always does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, or_, select

from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries_names import names_of
from mutual_recognition.documents import DocumentKind
from mutual_recognition.identifiers import Kind, subject

Named = Literal["methodology", "project", "series"]

_TABLES = {"methodology": t.methodologies, "project": t.projects, "series": t.series}
_DOCUMENTS = {
    "methodology": DocumentKind.METHODOLOGY,
    "project": DocumentKind.PROJECT,
    "series": DocumentKind.SERIES,
}
_ID = re.compile(r"0x[0-9a-f]{24}")
_SLASH = re.compile(r"\s*/\s*")
"""A filing is written CODE/VERSION or CODE VERSION."""
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Found:
    """One record that a name led to."""

    id: str
    called: str

    @property
    def raw(self) -> bytes:
        """The twelve bytes of the id."""
        return bytes.fromhex(self.id[2:])


def resolve(connection: Connection, kind: Named, text: str, *, home: int | None = None) -> Found:
    """The methodology, project or series that `text` names: by id, or by number, code or title in a public document.

    Raises RecordRefused: unknown (it lists what there is), or the name of several (it lists them).
    """
    table = _TABLES[kind]
    key = table.primary_key.columns[0]
    if _ID.fullmatch(text.lower()):
        if connection.execute(select(key).where(key == text.lower())).first() is None:
            raise _unknown(connection, kind, text)
        return Found(text.lower(), title_of(connection, text.lower()))
    d = t.documents.c
    wanted, said = text.strip(), (d.record, d.title_zh, d.title_en)
    query = (
        select(d.describes, d.member, d.record)
        .join(table, key == d.describes)
        .where(d.kind == _DOCUMENTS[kind].value, d.audience == "public")
        .where(or_(d.code.in_([wanted, _SLASH.sub(" ", wanted)]), *(one == wanted for one in said)))
        .distinct()
    )
    if home is not None:
        query = query.where(d.member == home)
    rows = connection.execute(query).all()
    found = {row.describes: row for row in rows}
    if not found:
        raise _unknown(connection, kind, text)
    if len(found) > 1:
        several = "; ".join(f"{row.record} of member {row.member}: {row.describes}" for row in found.values())
        raise RecordRefused(
            f"several are called {text!r}: {several}",
            code=f"{kind}_ambiguous",
            field=kind,
            value=text,
            remedy="give the id",
        )
    identifier, row = found.popitem()
    return Found(identifier, str(row.record))


def subject_of(kind: Named, found: Found) -> bytes:
    """A methodology or project as the subject of a recognition, suspension or hold (32 bytes)."""
    return subject(Kind.METHODOLOGY if kind == "methodology" else Kind.PROJECT, found.raw)


def title_of(connection: Connection, identifier: str) -> str:
    """What an id is called in a public document; "" where nobody said."""
    names = names_of(connection, methodologies=[identifier], projects=[identifier], series=[identifier])
    row = names.get(identifier)
    return "" if row is None else str(row["record"] or row["code"] or "")


def _unknown(connection: Connection, kind: Named, text: str) -> RecordRefused:
    key = _TABLES[kind].primary_key.columns[0]
    known = [str(row[0]) for row in connection.execute(select(key).limit(_LISTED))]
    called = ", ".join(f"{title_of(connection, one) or 'unnamed'} ({one})" for one in known)
    return RecordRefused(
        f"no {kind} is called {text!r}",
        code=f"{kind}_unknown",
        field=kind,
        value=text,
        remedy=f"name one of: {called}" if known else f"no {kind} is on the chain yet",
    )
