"""What others listed at CAD Trust, as it was imported: read back for writing it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from hub.db import tables as t

PROJECTS_SOURCE = "cad-trust-projects"
UNITS_SOURCE = "cad-trust-units"
PAGE = 1000


def listed_columns(connection: Connection, source: str) -> tuple[str, ...]:
    """The columns of the file that was imported last, in its order; none before the first."""
    loads = t.observed_loads
    query = select(loads.c.header).where(loads.c.source == source).order_by(loads.c.id.desc()).limit(1)
    return tuple(connection.execute(query).scalar() or ())


def listed_rows(connection: Connection, source: str) -> Iterator[dict[str, Any]]:
    """The rows as they were read, under the file's own column names, in the order of their ids; page by page."""
    if source == PROJECTS_SOURCE:
        yield from _rows(connection, t.observed_projects, source, "")
        return
    for kind in ("issuance", "retirement", "cancellation"):
        yield from _rows(connection, t.observed_units, source, kind)


def _rows(connection: Connection, table: Table, source: str, kind: str) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        query = select(table.c.native_id, table.c.raw).where(table.c.source == source, table.c.native_id > after)
        if kind:
            query = query.where(table.c.kind == kind)
        rows = connection.execute(query.order_by(table.c.native_id).limit(PAGE)).all()
        for row in rows:
            yield dict(row.raw)
        if len(rows) < PAGE:
            return
        after = rows[-1].native_id
