"""Totals: where every serial and every kilogram is, grouped as asked. They add up, since blocks tile issuances (L2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from hub.db import tables as t
from hub.index.queries import Key, Row

_b, _s, _i = t.unit_blocks.c, t.series.c, t.issuances.c

GROUPS: dict[str, Any] = {
    "home": _s.member,
    "holder": _b.holder,
    "status": _b.status,
    "series": _b.series,
    "issuance": _b.issuance,
    "project": _i.project,
    "vintage": _i.vintage,
    "purpose": _b.purpose,
}
"""What totals can be grouped by."""

FILTERS: dict[str, Any] = {name: GROUPS[name] for name in ("home", "holder", "status", "series", "project", "vintage")}

_SERIALS = func.sum(_b.last - _b.first + 1)


@dataclass(frozen=True, slots=True)
class Balance:
    """Issued beside what blocks hold, in serials and kg: equal, or the index is damaged."""

    issued_serials: int
    issued_kg: int
    held_serials: int
    held_kg: int

    @property
    def adds_up(self) -> bool:
        return (self.issued_serials, self.issued_kg) == (self.held_serials, self.held_kg)


def read_totals(
    connection: Connection, by: Sequence[str], filters: Mapping[str, Any], after: Key | None, limit: int
) -> tuple[list[Row], Key | None]:
    """Rows of {group columns, serials, kg}, in the order of the group columns, and the key to go on from.

    kg is summed in exact integers per kg-per-serial, so a group may mix series of 1 and of 1000 kg.
    """
    groups = [GROUPS[name].label(name) for name in by]
    query = _joined(select(*groups, func.sum((_b.last - _b.first + 1) * _s.kg_per_serial).label("kg"))).add_columns(
        _SERIALS.label("serials")
    )
    query = _filtered(query, filters).group_by(*(GROUPS[name] for name in by)).order_by(*(GROUPS[n] for n in by))
    if after is not None:
        query = query.where(_beyond(by, after))
    rows = [
        dict(row) | {"kg": int(row["kg"]), "serials": int(row["serials"])}
        for row in connection.execute(query.limit(limit + 1)).mappings()
    ]
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], tuple(rows[limit - 1][name] for name in by)


def balance(connection: Connection, filters: Mapping[str, Any]) -> Balance:
    """Issued and held, whoever holds them now and in whatever status: of `filters`, those on the issuance apply."""
    of_issuance = {"home": _i.member, "series": _i.series, "project": _i.project, "vintage": _i.vintage}
    wanted = {name: value for name, value in filters.items() if name in of_issuance and value is not None}
    sums = select(_SERIALS, func.sum((_b.last - _b.first + 1) * _s.kg_per_serial))
    held = connection.execute(_filtered(_joined(sums), wanted)).one()
    query = select(func.sum(_i.last - _i.first + 1), func.sum(_i.kg))
    for name, value in wanted.items():
        query = query.where(of_issuance[name] == value)
    issued = connection.execute(query).one()
    return Balance(*(int(value or 0) for value in (*issued, *held)))


def _joined(query: Select[Any]) -> Select[Any]:
    of_issuance = and_(_i.series == _b.series, _i.first == _b.issuance)
    return query.select_from(t.unit_blocks.join(t.series, _s.series == _b.series).join(t.issuances, of_issuance))


def _filtered(query: Select[Any], filters: Mapping[str, Any]) -> Select[Any]:
    for name, value in filters.items():
        if value is not None:
            query = query.where(FILTERS[name] == value)
    return query


def _beyond(by: Sequence[str], after: Key) -> Any:
    """Lexicographic comparison, written out: row values do not mix with grouped columns everywhere."""
    beyond: Any = None
    for place in reversed(range(len(by))):
        column = GROUPS[by[place]]
        greater = column > after[place]
        beyond = greater if beyond is None else greater | and_(column == after[place], beyond)
    return beyond
