"""The yearly inventory of each city (`yrdhub inventory`): opening and changes come to the closing, kilogram for
kilogram."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from hub.demo.cities import CITIES
from hub.demo.steps import Sheet, Step, expect
from hub.demo.world import World
from hub.index.queries_status import position
from hub.inventory.statement import SIGNS, Inventory, Line
from hub.inventory.telling import agrees_with_blocks, read_inventory, read_year_of_all
from mutual_recognition.periods import UTC_PLUS_8

_LINES = (
    Line.OPENING,
    Line.ISSUED,
    Line.RECEIVED,
    Line.MOVED_OUT,
    Line.RETIRED,
    Line.CANCELLED,
    Line.CLOSING,
)


def close_the_year(world: World) -> Step:
    """What each city holds by its inventory of this year, and all of them together."""
    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        at = position(connection)
        year = datetime.fromtimestamp(at.time, UTC).astimezone(UTC_PLUS_8).year
        found = {city: read_inventory(connection, city.member, year) for city in CITIES}
        agrees = {city.title: agrees_with_blocks(connection, one) for city, one in found.items()}
        together = read_year_of_all(connection, [city.member for city in CITIES], year)
    expect(all(agrees.values()), "each closing to be what the unit blocks hold", agrees)
    expect(together.closes, "the year of all to close", asdict(together))
    closes = {city.title: _comes_to(one) == one.holder.total(Line.CLOSING) for city, one in found.items()}
    expect(all(closes.values()), "each inventory to close", closes)
    claimed = sum(one.fate.claimed_by_home + one.fate.claimed_by_others for one in found.values())
    retired = sum(one.holder.total(Line.RETIRED) for one in found.values())
    expect(claimed == retired, "each retired kilogram claimed once", {"claimed": claimed, "retired": retired})
    lines = (
        "each closes: opening + issued + received - moved out - retired - cancelled = closing, which is what its unit "
        "blocks hold",
        f"over all: moved out = received + cut; {retired:,} kg retired, and as many claimed, once each, by who held it",
    )
    rows: list[tuple[str | int, ...]] = [
        (city.title, *(one.holder.total(line) for line in _LINES)) for city, one in found.items()
    ]
    columns = ("city", *(line.value.replace("_", " ") for line in _LINES))
    data = {
        "year": year,
        "closing_kg": {city.title: one.holder.total(Line.CLOSING) for city, one in found.items()},
        "retired_kg": retired,
        "claimed_kg": claimed,
        "closes": closes,
        "agrees_with_blocks": agrees,
    }
    sheet = Sheet(f"{year} so far, by holder (kg)", columns, tuple(rows))
    return Step("inventory", "Inventoried: each city's year closes", lines, (sheet,), data)


def _comes_to(inventory: Inventory) -> int:
    return sum(SIGNS[entry.line] * entry.kg for entry in inventory.holder.entries)
