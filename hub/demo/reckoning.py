"""The reckoning: where every kilogram is, whether it adds up, and whether each registry's own books say the same.

The registries are asked over their operators' interface, not through the adapters: an adapter's mistake would show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection, select

from hub.db import tables as t
from hub.demo.cities import CITIES, title_of
from hub.demo.steps import Sheet, Step, books_sheet
from hub.demo.world import Registry, World
from hub.whereabouts import whereabouts
from mutual_recognition.identifiers import series_id
from mutual_recognition.unit_blocks import BlockStatus

Place: TypeAlias = "tuple[str, int, str]"
"""A series (id), who holds it, and in which state."""
Runs: TypeAlias = "dict[Place, list[tuple[int, int]]]"

_LIVE_ELSEWHERE = "live elsewhere"
"""What a home registry knows of credits that left and have not ended: with whom they are."""

_HERE = {
    "available": BlockStatus.AVAILABLE.name,
    "locked": BlockStatus.IN_TRANSIT.name,
    "retired": BlockStatus.RETIRED.name,
    "cut": BlockStatus.CANCELLED.name,
    "corrected": BlockStatus.CANCELLED.name,
    "cancelled": BlockStatus.CANCELLED.name,
}
_ELSEWHERE = {
    "transferred_out": _LIVE_ELSEWHERE,
    "retired_elsewhere": BlockStatus.RETIRED.name,
    "cancelled_elsewhere": BlockStatus.CANCELLED.name,
}


def reckon(world: World) -> Iterator[Step]:
    """Two steps: the whereabouts beside the registries' books, and the digest of the projections before and after."""
    world.index.indexer.follow()
    yield _whereabouts(world)
    yield _digest(world)


def _whereabouts(world: World) -> Step:
    with world.index.reader.connect() as connection:
        found = whereabouts(connection)
        on_chain = _runs_on_chain(connection)
    rows: list[tuple[str | int, ...]] = []
    for one in found.holdings:
        cells = tuple(one.kg.get(status, 0) for status in BlockStatus)
        rows.append((f"{title_of(one.home)} {one.code}", title_of(one.holder), *cells, one.total_kg))
    issued = sum(found.issued_kg.values())
    rows.append(("all", "", *(found.total_kg(status) for status in BlockStatus), found.total_kg()))
    columns = ("series", "with", "available", "in transit", "pledged", "retired", "cancelled", "sum")
    registries = list(world.registries.values())
    agreements = {registry.city.title: compare(registry, on_chain) for registry in registries}
    differing = {name: list(lines) for name, lines in agreements.items() if lines}
    problems = {registry.city.title: registry.process.state()["problems"] for registry in registries}
    agrees = found.adds_up and found.total_kg() == issued and not differing and not any(problems.values())
    lines = [
        f"issued {issued:,} kg = {' + '.join(f'{found.total_kg(s):,}' for s in BlockStatus)} "
        f"(available, in transit, pledged, retired, cancelled): {'adds up' if found.adds_up else 'DOES NOT ADD UP'}"
    ]
    for name, differences in agreements.items():
        lines.append(
            f"{name}'s own books say the same, to the serial"
            if not differences
            else f"{name}'s own books DIFFER: " + "; ".join(differences)
        )
    lines += [
        f"{name}'s books are not consistent: {found_problems}"
        for name, found_problems in problems.items()
        if found_problems
    ]
    sheets = (
        Sheet("Where every kilogram is, by the chain (kg)", columns, tuple(rows)),
        books_sheet(registries, "The registries' own books at the end"),
    )
    data = {
        "issued_kg": issued,
        "by_status_kg": {status.name.lower(): found.total_kg(status) for status in BlockStatus},
        "adds_up": found.adds_up,
        "registries_agree": not differing,
        "differences": differing,
    }
    return Step("whereabouts", "Where every kilogram is", tuple(lines), sheets, data, agrees)


def _digest(world: World) -> Step:
    before = world.index.indexer.digest()
    after = world.index.indexer.rebuild()
    again = world.index.indexer.rebuild(from_chain=True)
    same = before.total == after.total == again.total
    lines = (
        f"digest of the projections at block {before.block:,}: {before.total}",
        "deleted and rebuilt from the stored logs, and once more from the chain itself: "
        + ("the same" if same else f"DIFFERENT ({after.total}, {again.total})"),
    )
    data: dict[str, Any] = {
        "block": before.block,
        "digest": before.total,
        "rebuilt": after.total,
        "reread": again.total,
    }
    return Step("digest", "Rebuilt: the same projections", lines, data=data, agrees=same)


def compare(registry: Registry, on_chain: Mapping[Place, list[tuple[int, int]]]) -> list[str]:
    """Where a registry's own books and the chain differ, in words; empty when they say the same to the serial."""
    me = registry.city.member
    in_books = _runs_in_books(registry)
    home = {series for series, _, _ in on_chain if _home(series) == me}
    concerns = _merged_for(on_chain, home, me)
    differences = []
    for place in sorted(concerns.keys() | in_books.keys()):
        chain, books = concerns.get(place, []), in_books.get(place, [])
        if chain != books:
            series, holder, state = place
            differences.append(f"{series} with {title_of(holder)}, {state.lower()}: chain {chain}, books {books}")
    return differences


def _merged_for(on_chain: Mapping[Place, list[tuple[int, int]]], home: set[str], me: int) -> Runs:
    """What concerns one registry: all of its own series, and what it holds of others'."""
    found: defaultdict[Place, list[tuple[int, int]]] = defaultdict(list)
    for (series, holder, state), runs in on_chain.items():
        if series in home:
            found[series, holder, _as_home_sees(state, holder, me)] += runs
        elif holder == me:
            found[series, holder, state] += runs
    return {place: merge(runs) for place, runs in found.items()}


def _as_home_sees(state: str, holder: int, me: int) -> str:
    ended = {BlockStatus.RETIRED.name, BlockStatus.CANCELLED.name}
    return state if holder == me or state in ended else _LIVE_ELSEWHERE


def _runs_on_chain(connection: Connection) -> Runs:
    b = t.unit_blocks.c
    found: defaultdict[Place, list[tuple[int, int]]] = defaultdict(list)
    for row in connection.execute(select(b.series, b.holder, b.status, b.first, b.last)):
        found[row.series, row.holder, BlockStatus(row.status).name].append((row.first, row.last))
    return {place: merge(runs) for place, runs in found.items()}


def _runs_in_books(registry: Registry) -> Runs:
    me = registry.city.member
    registry_of = {city.member: city.registry for city in CITIES}
    found: defaultdict[Place, list[tuple[int, int]]] = defaultdict(list)
    for row in registry.process.holdings()["holdings"]:
        home = int(row["home_member"])
        series = "0x" + series_id(home, registry_of[home], row["series"]).hex()
        status = row["status"]
        if status in _HERE:
            found[series, me, _HERE[status]].append((row["first"], row["last"]))
        elif home == me and status in _ELSEWHERE:
            found[series, int(row["member"]), _ELSEWHERE[status]].append((row["first"], row["last"]))
    return {place: merge(runs) for place, runs in found.items()}


def merge(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, neighbours joined."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _home(series: str) -> int:
    return int(series[2:8], 16)
