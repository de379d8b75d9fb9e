"""Inventories over a real chain: random transfers, retirements and corrections across New Year, against each serial's
own life; the API's answer; and a New Year that falls at midnight in UTC+8."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select

from hub.chain.connection import Node
from hub.db import tables as t
from hub.inventory.flows import year_bounds
from hub.inventory.statement import Line
from hub.inventory.telling import agrees_with_blocks, read_inventory, read_year_of_all
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from mutual_recognition.periods import UTC_PLUS_8, calendar_year_of_timestamp
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus
from tests.integration.api_world import DAY, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, World, build_world

MEMBERS = [SHANGHAI, SUZHOU, HANGZHOU, HEFEI]
KG = 1_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("inventory")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield build_world(node, folder)


@pytest.fixture
def kept(world: World) -> Iterator[World]:
    """The world as it was founded; what a test does to the chain is undone, in the index too."""
    snapshot = world.node.rpc.call("evm_snapshot")
    yield world
    assert world.node.rpc.call("evm_revert", snapshot)
    world.indexer.follow()


def some_serials(world: World, chance: random.Random, holder: int) -> tuple[int, int, int] | None:
    """Part of an available block of `holder` that nobody holds: its first, and the part."""
    b = t.unit_blocks.c
    available = select(b.first, b.last).where(
        b.holder == holder, b.status == BlockStatus.AVAILABLE.value, b.holds == 0, b.series == world.series
    )
    with world.hub.reading.connect() as connection:
        blocks = connection.execute(available.order_by(b.first)).all()
    if not blocks:
        return None
    block = chance.choice(blocks)
    first = chance.randint(block.first, block.last)
    return block.first, first, chance.randint(first, min(block.last, first + 9))


def propose(world: World, sender: int, to: int, part: tuple[int, int, int]) -> bytes:
    request = world.request(sender)
    proposal = {
        "request": request,
        "series": world.series,
        "to": to,
        "deadline": world.now() + 20 * DAY,
        "blockFirst": part[0],
        "first": part[1],
        "last": part[2],
    }
    world.send(sender, "CreditLedger", "propose", [proposal])
    return ids.transfer_id(sender, request)


def retire(world: World, holder: int, part: tuple[int, int, int], purpose: Purpose) -> None:
    retirement = {
        "request": world.request(holder),
        "series": world.series,
        "blockFirst": part[0],
        "first": part[1],
        "last": part[2],
        "purpose": int(purpose),
        "beneficiary": b"b" * 32,
        "complianceYear": 0,
    }
    world.send(holder, "CreditLedger", "retire", [retirement])


def correct(world: World, part: tuple[int, int, int]) -> None:
    correction = {
        "request": world.request(),
        "series": world.series,
        "blockFirst": part[0],
        "first": part[1],
        "last": part[2],
        "document": "0x" + "c0" * 32,
    }
    world.send(SHANGHAI, "CreditLedger", "correct", [correction])


def do_something(world: World, chance: random.Random) -> str:
    holder = chance.choice([SHANGHAI, SUZHOU])
    part = some_serials(world, chance, holder)
    what = chance.choice(["move", "move", "retire", "correct", "send back"])
    if part is None or (what == "correct" and holder != SHANGHAI):
        return "nothing"
    if what == "retire":
        retire(world, holder, part, chance.choice([Purpose.VOLUNTARY, Purpose.PRODUCT_NEUTRALITY]))
    elif what == "correct":
        correct(world, part)
    else:
        # a part that the conversion would leave nothing of is refused by the ledger
        if part[1] == part[2]:
            return "nothing"
        other = SUZHOU if holder == SHANGHAI else SHANGHAI
        transfer = propose(world, holder, other, part)
        end = "accept" if what == "move" else "withdraw"
        who = other if what == "move" else holder
        world.send(who, "CreditLedger", end, [transfer, world.request(who)])
    return what


def serials_at(connection: Connection, end: int) -> dict[tuple[str, int], int]:
    """Who holds each live serial at `end`, told from each serial's own events and from nothing else."""
    e = t.serial_events.c
    events = select(t.serial_events).where(e.block_time < end).order_by(e.block_number, e.log_index, e.part)
    held: dict[tuple[str, int], int] = {}
    for event in connection.execute(events).mappings():
        for serial in range(event["first"], event["last"] + 1):
            key = (event["series"], serial)
            if event["event"] in {"issued", "transfer_accepted"}:
                held[key] = event["member"]
            elif event["event"] in {"retired", "cut", "corrected", "cancelled"}:
                del held[key]
    return held


def expected_by_holder(connection: Connection, end: int) -> dict[int, int]:
    counted = Counter(serials_at(connection, end).values())
    return {holder: count * KG for holder, count in counted.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 23])
def test_random_run_over_new_year__closes_against_every_serials_own_life(kept: World, seed: int) -> None:
    world, chance = kept, random.Random(seed)
    first_year = calendar_year_of_timestamp(world.now())
    left = year_bounds(first_year)[1] - world.now()
    done: Counter[str] = Counter()
    for step in range(28):
        if step == 14:
            world.node.rpc.call("evm_increaseTime", left)
        done[do_something(world, chance)] += 1
        world.node.rpc.call("evm_increaseTime", 3_600)
        world.indexer.follow()
    assert done["move"] > 3
    assert done["retire"] > 1
    with world.hub.reading.connect() as connection:
        totals: dict[int, int] = defaultdict(int)
        for year in (first_year, first_year + 1):
            held = expected_by_holder(connection, year_bounds(year)[1])
            for member in MEMBERS:
                found = read_inventory(connection, member, year)
                assert found.holder.total(Line.CLOSING) == held.get(member, 0)
                totals[year] += found.home.total(Line.CLOSING)
                assert found.fate.closes
            assert totals[year] == sum(held.values())
            together = read_year_of_all(connection, MEMBERS, year)
            assert together.closes
            assert together.moved_out > 0
        assert all(
            agrees_with_blocks(connection, read_inventory(connection, member, first_year + 1)) for member in MEMBERS
        )
        home = read_inventory(connection, SHANGHAI, first_year + 1).home
        claims = {entry.claimant for entry in home.entries if entry.line is Line.RETIRED}
        assert claims <= {SHANGHAI, SUZHOU}


def test_new_year__falls_at_midnight_in_utc_plus_8__and_transit_stays_with_the_sender(kept: World) -> None:
    world, chance = kept, random.Random(5)
    year = calendar_year_of_timestamp(world.now())
    midnight = year_bounds(year)[1]
    assert datetime.fromtimestamp(midnight, UTC).astimezone(UTC_PLUS_8).hour == 0
    part = some_serials(world, chance, SHANGHAI)
    assert part is not None
    before, after = (part[0], part[1], part[1]), some_serials(world, random.Random(9), SUZHOU)
    assert after is not None
    world.node.rpc.call("evm_setNextBlockTimestamp", midnight - 1)
    retire(world, SHANGHAI, before, Purpose.VOLUNTARY)
    world.node.rpc.call("evm_setNextBlockTimestamp", midnight)
    retire(world, SUZHOU, (after[0], after[1], after[1]), Purpose.EVENT_NEUTRALITY)
    world.indexer.follow()

    def retired(member: int, of: int) -> int:
        with world.hub.reading.connect() as connection:
            return read_inventory(connection, member, of).holder.total(Line.RETIRED)

    assert (retired(SHANGHAI, year), retired(SHANGHAI, year + 1)) == (KG, 0)
    assert (retired(SUZHOU, year), retired(SUZHOU, year + 1)) == (5 * KG, KG)

    waiting = some_serials(world, chance, SHANGHAI)
    assert waiting is not None
    transfer = propose(world, SHANGHAI, SUZHOU, (waiting[0], waiting[0], waiting[0] + 4))
    next_midnight = year_bounds(year + 1)[1]
    world.indexer.follow()
    with world.hub.reading.connect() as connection:
        found = read_inventory(connection, SHANGHAI, year + 1)
        assert found.in_transit == 5 * KG
        assert found.holder.total(Line.CLOSING) == expected_by_holder(connection, next_midnight)[SHANGHAI]
        # at the end of the year before, it was not under way yet
        assert read_inventory(connection, SHANGHAI, year).in_transit == 0
    world.send(SUZHOU, "CreditLedger", "accept", [transfer, world.request(SUZHOU)])
    world.indexer.follow()
    with world.hub.reading.connect() as connection:
        sender, receiver = (read_inventory(connection, member, year + 1) for member in (SHANGHAI, SUZHOU))
    assert sender.in_transit == 0
    [received] = [entry for entry in receiver.holder.entries if entry.line is Line.RECEIVED]
    assert (received.kg, received.other, received.home) == (4 * KG, SHANGHAI, SHANGHAI)
    assert sender.home.total(Line.CUT) == KG


def test_api__both_views_with_words__as_of_its_block(world: World) -> None:
    year = calendar_year_of_timestamp(world.now())

    def get(path: str) -> Any:
        answer = world.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    told = get(f"/v1/members/{SHANGHAI}/inventory/{year}")
    holder, home = told["holder_view"], told["home_view"]
    assert holder["totals_kg"] == {
        "opening": 0, "issued": 100_000, "received": 0, "moved_out": 20_000, "retired": 0, "cancelled": 0,
        "closing": 80_000,
    }  # fmt: skip
    assert home["totals_kg"] == {
        "opening": 0, "issued": 100_000, "retired": 5_000, "cancelled": 0, "cut": 4_000, "closing": 91_000,
    }  # fmt: skip
    [retired] = [line for line in home["lines"] if line["line"]["code"] == "retired"]
    assert (retired["claimant"], retired["holder"], retired["kg"]) == (SUZHOU, SUZHOU, 5_000)
    assert retired["purpose"]["zh"] == "活动碳中和"
    assert retired["line"] == {"code": "retired", "zh": "注销", "en": "retired"}
    assert told["circulation_kg"] == {"left_home": 16_000, "came_home": 0, "between_others": 0}
    fate = told["since_the_beginning_kg"]
    assert (fate["claimed_by_home"], fate["claimed_by_others"], fate["outstanding_elsewhere"]) == (0, 5_000, 11_000)
    assert told["complete"] is False
    suzhou = get(f"/v1/members/{SUZHOU}/inventory/{year}")
    assert suzhou["holder_view"]["totals_kg"]["received"] == 16_000
    assert suzhou["home_view"]["lines"] == []
    assert get(f"/v1/members/{SHANGHAI}/inventory/{year - 1}")["holder_view"]["lines"] == []
    assert world.client.get(f"/v1/members/999999/inventory/{year}").status_code == 404
    assert world.client.get(f"/v1/members/{SHANGHAI}/inventory/99999").status_code == 422
