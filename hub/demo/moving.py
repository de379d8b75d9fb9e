"""Credits on their way: between cities under each destination's terms, retired, and each registry told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hub.ballot_actions import factor_in_words
from hub.chain.enums import TransferStatus
from hub.db import tables as t
from hub.demo.cities import HANGZHOU, HEFEI, SHANGHAI, SUZHOU, City
from hub.demo.filing import Filed
from hub.demo.samples import PURPOSE_OF_AN_EVENT
from hub.demo.steps import Step, books_kg, difference_sheet, expect
from hub.demo.world import World

RETIRED_IN_SUZHOU_KG = 30_000
RETIRED_IN_HANGZHOU_KG = 5_000


@dataclass(frozen=True, slots=True)
class Move:
    """kg that one city sends another; credits of `home`, where these are not the sender's own."""

    sender: City
    to: City
    kg: int
    home: City | None = None

    @property
    def name(self) -> str:
        return f"{self.sender.name}_to_{self.to.name}"


CROSSINGS = (
    Move(SHANGHAI, SUZHOU, 100_000),
    Move(SUZHOU, SHANGHAI, 100_000),
    Move(SHANGHAI, HANGZHOU, 20_000),
    Move(HANGZHOU, SHANGHAI, 40_000),
)
ONWARD = Move(HANGZHOU, SUZHOU, 5_000, home=SHANGHAI)


def cross(world: World, filed: Mapping[str, Filed]) -> Step:
    """Between the cities whose registries are told by programs; one lot goes on to a third city."""
    before = _books(world)
    for move in CROSSINGS:
        ask_transfer(world, move, filed)
    world.sync_all()
    ask_transfer(world, ONWARD, filed)
    world.sync_all()
    moves = (*CROSSINGS, ONWARD)
    arrived = {move.name: arrival(world, move) for move in moves}
    lines = [arrival_in_words(move, arrived[move.name]) for move in moves]
    lines.append("Shanghai's registry was told where its 5,000 kg went on to: terms follow the origin, not the route")
    sheet = difference_sheet(before, list(world.registries.values()), "What changed in the registries' own books")
    return Step(
        "crossing", "Crossed: credits both ways, under each destination's terms", tuple(lines), (sheet,), arrived
    )


def ask_transfer(world: World, move: Move, filed: Mapping[str, Filed]) -> str:
    """The sender's own staff locks units for another member; the transfer's native id."""
    registry = world.registries[move.sender.name]
    to = {"quantity_kg": move.kg, "to_member": f"{move.to.member}"}
    if move.home is None:
        first = filed[move.sender.name].issuances[0]
        asked = registry.operate("request-transfer", account=first["account"], issuance=first["native_id"], **to)
    else:
        received = _available(world, move.sender, move.home)
        home = f"{move.home.member}"
        asked = registry.operate("request-transfer", account=received["account"], home_member=home, **to)
    return str(asked["native_id"])


def arrival(world: World, move: Move) -> dict[str, int]:
    """What came of a move, by the chain: kg sent, arrived and cut, and the factor. Raises StoryBroken: not accepted."""
    x, s = t.transfers.c, t.series.c
    query = select(t.transfers, s.kg_per_serial).join(t.series, s.series == x.series)
    query = query.where(x.from_member == move.sender.member, x.to_member == move.to.member)
    with world.index.reader.connect() as connection:
        rows = connection.execute(query.order_by(x.first)).mappings().all()
    expect(bool(rows) and all(row["status"] == TransferStatus.ACCEPTED for row in rows), f"{move} to be accepted", rows)
    sent = sum((row["last"] - row["first"] + 1) * row["kg_per_serial"] for row in rows)
    kept = sum((row["kept_last"] - row["first"] + 1) * row["kg_per_serial"] for row in rows)
    expect(sent == move.kg, f"{move.kg} kg on their way", sent)
    (factor,) = {row["factor_ppm"] for row in rows}
    return {"sent_kg": sent, "arrived_kg": kept, "cut_kg": sent - kept, "factor_ppm": factor}


def arrival_in_words(move: Move, came: Mapping[str, int]) -> str:
    """A line of the story."""
    whose = f" of {move.home.title}'s" if move.home else ""
    cut = f"{came['cut_kg']:,} kg cut" if came["cut_kg"] else "nothing cut"
    return (
        f"{move.sender.title} to {move.to.title}: {came['sent_kg']:,} kg{whose} sent, "
        f"factor {factor_in_words(came['factor_ppm'])}, {came['arrived_kg']:,} kg arrived, {cut}"
    )


def retire(world: World) -> tuple[str, Step]:
    """Suzhou uses credits of Shanghai, Hangzhou some of Hefei; both homes are told. Suzhou's record, and the step."""
    before = _books(world)
    suzhou = _retire(world, SUZHOU, SHANGHAI, RETIRED_IN_SUZHOU_KG)
    hangzhou = _retire(world, HANGZHOU, HEFEI, RETIRED_IN_HANGZHOU_KG)
    world.sync_all()
    told = {home.name: _told_retired(world, home, before) for home in (SHANGHAI, HEFEI)}
    due = {"shanghai": RETIRED_IN_SUZHOU_KG, "hefei": RETIRED_IN_HANGZHOU_KG}
    expect(told == due, "the home registries' books to show what was retired elsewhere", told)
    lines = (
        f"Suzhou retires {RETIRED_IN_SUZHOU_KG:,} kg of Shanghai's credits for an event ({suzhou}), Hangzhou "
        f"{RETIRED_IN_HANGZHOU_KG:,} kg of Hefei's ({hangzhou}); on the chain the beneficiary is a salted commitment",
        "both homes are told and book it: Shanghai's system by itself, Hefei's clerk from the work list",
    )
    sheet = difference_sheet(before, list(world.registries.values()), "What changed in the registries' own books")
    data = {"record": suzhou, "retired_kg": due["shanghai"], "home_told_kg": told["shanghai"]}
    data |= {"retired_in_hangzhou_kg": due["hefei"], "hefei_told_kg": told["hefei"]}
    return suzhou, Step("retirement", "Retired elsewhere, told to the homes 注销", lines, (sheet,), data)


def _retire(world: World, city: City, home: City, kg: int) -> str:
    received = _available(world, city, home)
    record = world.registries[city.name].operate(
        "retire",
        account=received["account"],
        home_member=f"{home.member}",
        quantity_kg=kg,
        purpose=PURPOSE_OF_AN_EVENT[city.name],
        beneficiary="示例会展有限公司",
    )
    return str(record["native_id"])


def _told_retired(world: World, home: City, before: Mapping[str, Mapping[tuple[int, str], int]]) -> int:
    place = (home.member, "retired_elsewhere")
    return books_kg(world.registries[home.name]).get(place, 0) - before[home.name].get(place, 0)


def _available(world: World, city: City, home: City) -> dict[str, Any]:
    """A line of a registry's books: credits of `home` that it may use."""
    lines: list[dict[str, Any]] = world.registries[city.name].process.holdings()["holdings"]
    return next(one for one in lines if int(one["home_member"]) == home.member and one["status"] == "available")


def _books(world: World) -> dict[str, dict[tuple[int, str], int]]:
    return {name: books_kg(registry) for name, registry in world.registries.items()}
