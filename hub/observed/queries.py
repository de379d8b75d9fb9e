"""Reading what is observed: listings in pages, how each source stands, one record with its history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from hub.db import tables as t
from hub.index.queries import Listing, Row

_KEPT_FOR_SCREENING = ("raw", "digest", "first_load", "last_load")


def _listing(name: str, table: Table, order: tuple[str, ...], *filters: str) -> Listing:
    columns: tuple[ColumnElement[Any], ...] = tuple(table.c[key] for key in order)
    return Listing(name, table, columns, {key: table.c[key] for key in filters}, without=_KEPT_FOR_SCREENING)


PROJECTS = _listing(
    "observed_projects", t.observed_projects, ("source", "native_id"), "source", "programme", "country", "status"
)
UNITS = _listing(
    "observed_units",
    t.observed_units,
    ("source", "kind", "native_id"),
    "source", "programme", "kind", "project", "vintage", "serial_programme", "serial_series", "serial_fault",
)  # fmt: skip
CHANGES = Listing(
    "observed_changes",
    t.observed_changes,
    (t.observed_changes.c.id,),
    {key: t.observed_changes.c[key] for key in ("source", "kind", "native_id", "what", "status_changed", "load")},
)
REFUSALS = Listing(
    "observed_refusals",
    t.observed_refusals,
    (t.observed_refusals.c.load, t.observed_refusals.c.number),
    {key: t.observed_refusals.c[key] for key in ("load", "code")},
)
LOADS = Listing(
    "observed_loads",
    t.observed_loads,
    (t.observed_loads.c.id,),
    {"source": t.observed_loads.c.source},
    without=("profiles", "header"),
)


def revision(connection: Connection) -> str:
    """Changes whenever what is observed does: with every load, and every drift found or settled."""
    loads = connection.execute(select(func.max(t.observed_loads.c.id))).scalar_one() or 0
    table = t.observed_drifts
    found, settled = connection.execute(select(func.count(), func.count(table.c.settled_at)).select_from(table)).one()
    return f"{loads}-{found}-{settled}"


def source_states(connection: Connection) -> list[Row]:
    """Each source that was ever loaded or stopped: its last load, its open drift, its live and gone records."""
    table = t.observed_loads
    newest = select(func.max(table.c.id)).group_by(table.c.source)
    columns = [column for column in table.c if column.key not in {"profiles", "header"}]
    loads = {
        row["source"]: dict(row)
        for row in connection.execute(select(*columns).where(table.c.id.in_(newest))).mappings()
    }
    drifts = {
        row["source"]: dict(row)
        for row in connection.execute(
            select(t.observed_drifts).where(t.observed_drifts.c.settled_at.is_(None))
        ).mappings()
    }
    records: dict[str, dict[str, int]] = {}
    for kept in (t.observed_projects, t.observed_units):
        query = select(kept.c.source, func.count(), func.count(kept.c.gone_since)).group_by(kept.c.source)
        for source, known, gone in connection.execute(query):
            counted = records.setdefault(source, {"known": 0, "gone": 0})
            counted["known"] += known
            counted["gone"] += gone
    return [
        {
            "source": source,
            "last_load": loads.get(source),
            "stopped_by": drifts.get(source),
            "records": records.get(source, {"known": 0, "gone": 0}),
        }
        for source in sorted(loads.keys() | drifts.keys())
    ]


def record(connection: Connection, source: str, native_id: str) -> list[Row]:
    """Every record of a source under one native id (a block may be issuance and retirement), raw rows included."""
    found: list[Row] = []
    for table in (t.observed_projects, t.observed_units):
        query = select(table).where(table.c.source == source, table.c.native_id == native_id)
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def history(connection: Connection, source: str, native_id: str) -> list[Row]:
    """What changed of it, oldest first."""
    table = t.observed_changes
    query = select(table).where(table.c.source == source, table.c.native_id == native_id).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]
