"""Reading the projections in pages: filters, a stable order, and the key after which the next page starts.

Keyset pages (no OFFSET): rows that arrive between two pages shift nothing, since every listing is ordered by what never
changes of a row: its place on the chain, or its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, FromClause, Select, select, tuple_

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Listing:
    """One kind of row that is read in pages. `order` is unique per row and never changes; `filters` compare for
    equality."""

    name: str
    source: FromClause
    order: tuple[ColumnElement[Any], ...]
    filters: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Columns too large to be read in a list."""

    def select(self) -> Select[Any]:
        """The columns of the source, but for those left out."""
        return select(*(column for column in self.source.c if column.key not in self.without))

    def key(self, row: Mapping[str, Any]) -> Key:
        """Where `row` stands in the order."""
        return tuple(row[column.key] for column in self.order)  # type: ignore[index]


def read_page(
    connection: Connection,
    listing: Listing,
    filters: Mapping[str, Any],
    after: Key | None,
    limit: int,
    *,
    also: Sequence[ColumnElement[bool]] = (),
    newest_first: bool = False,
) -> tuple[list[Row], Key | None]:
    """Up to `limit` rows after the key `after` (None: from the beginning), and the key to go on from, None at the end.

    Filters whose value is None are left out; `also` are further conditions.
    """
    query = listing.select()
    for name, value in filters.items():
        if value is not None:
            query = query.where(listing.filters[name] == value)
    for condition in also:
        query = query.where(condition)
    return read_ordered(connection, query, listing, after, limit, newest_first=newest_first)


def read_ordered(
    connection: Connection,
    query: Select[Any],
    listing: Listing,
    after: Key | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> tuple[list[Row], Key | None]:
    """`read_page` for a query that the caller has filtered."""
    order = tuple_(*listing.order)
    if after is not None:
        query = query.where(order < tuple_(*after) if newest_first else order > tuple_(*after))
    ordered = [column.desc() if newest_first else column for column in listing.order]
    rows = [dict(row) for row in connection.execute(query.order_by(*ordered).limit(limit + 1)).mappings()]
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], listing.key(rows[limit - 1])


def find(connection: Connection, table: Any, *key: Any) -> Row | None:
    """The row of `table` under its primary key, or None."""
    where = [column == value for column, value in zip(table.primary_key, key, strict=True)]
    row = connection.execute(select(table).where(*where)).mappings().first()
    return None if row is None else dict(row)


def read_all(connection: Connection, query: Select[Any]) -> list[Row]:
    """Every row of a query whose answer is small by nature."""
    return [dict(row) for row in connection.execute(query).mappings()]
