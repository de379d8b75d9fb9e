"""Recognitions: the terms behind each, and the matrix of subjects by members."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, or_, select, union

from hub.db import tables as t
from hub.index.queries import Key, Listing, Row, read_all, read_ordered

_subjects = union(select(t.recognitions.c.subject), select(t.declined.c.subject)).subquery("subjects")

SUBJECTS = Listing("recognition_subjects", _subjects, (_subjects.c.subject,), {"subject": _subjects.c.subject})


def terms_of(connection: Connection, numbers: Iterable[int]) -> dict[int, Row]:
    """Terms by their number."""
    wanted = set(numbers)
    rows = read_all(connection, select(t.terms).where(t.terms.c.terms.in_(wanted))) if wanted else []
    return {row["terms"]: row for row in rows}


def cap_used(connection: Connection, numbers: Iterable[int], year: int) -> dict[int, int]:
    """kg that arrived under each terms in the calendar year `year` (UTC+8)."""
    c = t.cap_use.c
    query = select(c.terms, c.arrived_kg).where(c.terms.in_(set(numbers)), c.year == year)
    return {row.terms: row.arrived_kg for row in connection.execute(query)}


def read_subjects(
    connection: Connection,
    kind: int | None,
    home: int | None,
    after: Key | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> tuple[list[str], Key | None]:
    """A page of subjects that anybody recognised or declined, in the order of their ids (kind, then home first)."""
    query = SUBJECTS.select()
    column = _subjects.c.subject
    kinds = range(1, 4) if kind is None else [kind]
    if home is not None:
        query = query.where(or_(*(column.like(f"0x{one:02x}{home:06x}%") for one in kinds)))
    elif kind is not None:
        query = query.where(column.like(f"0x{kind:02x}%"))
    rows, following = read_ordered(connection, query, SUBJECTS, after, limit, newest_first=newest_first)
    return [row["subject"] for row in rows], following


def cells(connection: Connection, subjects: Iterable[str]) -> tuple[dict[Key, Row], dict[Key, Row]]:
    """Recognitions and refusals to join, each by (subject, member)."""
    wanted = list(subjects)
    recognised = read_all(connection, select(t.recognitions).where(t.recognitions.c.subject.in_(wanted)))
    declined = read_all(connection, select(t.declined).where(t.declined.c.subject.in_(wanted)))
    return (
        {(row["subject"], row["member"]): row for row in recognised},
        {(row["subject"], row["member"]): row for row in declined},
    )
