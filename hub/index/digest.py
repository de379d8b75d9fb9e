"""A digest of the projections: two hubs on one chain have the same, and so has one hub before and after a rebuild
(L8)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, Table, select

from hub.db.tables import PROJECTIONS


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 over all projection tables at `block`, and the tables' own ones, so that a difference can be located."""

    block: int
    total: str
    tables: dict[str, str]
    rows: dict[str, int]


def digest_of(connection: Connection, block: int) -> Digest:
    """The digest of everything projected up to and including `block`, read in one transaction.

    Per table: SHA-256 over its rows in key order, each a line of JSON [column values in table order]. In total: SHA-256
    over "name digest\\n" of every table in the order of `hub.db.tables.PROJECTIONS`.
    """
    tables, rows = {}, {}
    for table in PROJECTIONS:
        tables[table.name], rows[table.name] = _table_digest(connection, table)
    total = hashlib.sha256("".join(f"{name} {value}\n" for name, value in tables.items()).encode())
    return Digest(block, total.hexdigest(), tables, rows)


def _table_digest(connection: Connection, table: Table) -> tuple[str, int]:
    running, count = hashlib.sha256(), 0
    encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=5_000)
    for row in connection.execute(query):
        running.update(encode(list(row)).encode() + b"\n")
        count += 1
    return running.hexdigest(), count
