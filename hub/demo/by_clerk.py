"""Hefei's way: a workbook that no program writes. What the chain has to tell becomes a list that a clerk works off."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import select

from adapters.protocol import SeesBookings
from hub.chain.enums import TransferStatus
from hub.db import tables as t
from hub.demo.cities import HANGZHOU, HEFEI, SHANGHAI
from hub.demo.clerk import CLERK, Item, type_in, work_list
from hub.demo.filing import Filed
from hub.demo.moving import Move, arrival, arrival_in_words, ask_transfer
from hub.demo.steps import Sheet, Step, books_kg, difference_sheet, expect
from hub.demo.world import Registry, World

MOVES = (Move(HEFEI, SHANGHAI, 25_000), Move(HEFEI, HANGZHOU, 10_000), Move(HANGZHOU, HEFEI, 30_000))
OFFER = Move(SHANGHAI, HEFEI, 10_000)


def move_by_work_list(world: World, filed: Mapping[str, Filed]) -> Step:
    """Hefei sends and receives; everything it is told of is typed by a clerk and confirmed."""
    office = world.registries[HEFEI.name]
    before = {name: books_kg(registry) for name, registry in world.registries.items()}
    for move in MOVES:
        ask_transfer(world, move, filed)
    world.sync_all(clerks=False)
    items = work_list(office.adapter, office.journal)
    expect(len(items) >= len(MOVES), "a work list for Hefei's clerk", items)
    seen = _typed_is_not_confirmed(world, office, items[0])
    world.sync_all()
    left = work_list(office.adapter, office.journal)
    expect(not left, "nothing left on the list", left)
    arrived = {move.name: arrival(world, move) for move in MOVES}
    lines = (
        *(arrival_in_words(move, arrived[move.name]) for move in MOVES),
        f"Hefei's workbook is never written by a program: {len(items)} things stood on the clerk's list at first "
        f"(`yrdhub sync todo hefei`), such as {items[0].number}, {_what(items[0].title_zh)} ({_what(items[0].title)})",
        f"typed, it stands in the workbook ({seen}), and still nothing is confirmed: the hub never guesses",
        "said so by the clerk (`yrdhub sync done hefei`), each item is done once and for ever; the list is empty now",
    )
    row = Sheet(
        f"What the clerk types into sheet {items[0].sheet}",
        ("heading", "value"),
        tuple((name, str(value)) for name, value in items[0].row.items() if value),
    )
    changed = difference_sheet(before, list(world.registries.values()), "What changed in the registries' own books")
    data = {
        **arrived,
        "work_list": [{"item": one.number, "title": one.title, "sheet": one.sheet} for one in items],
        "seen": seen,
    }
    return Step("work_list", "By a clerk: Hefei's workbook and its work list", lines, (row, changed), data)


def _typed_is_not_confirmed(world: World, office: Registry, item: Item) -> str:
    """Types one row, has the sync look, and confirms it only then; where the sync saw it."""
    reference = type_in(office.process, item)
    office.sync.run_once()
    still = [one.key for one in work_list(office.adapter, office.journal)]
    expect(item.key in still, "what was only typed to stay on the list", still)
    assert isinstance(office.adapter, SeesBookings)
    seen = office.adapter.sightings([item.key])
    expect(item.key in seen, "the typed row to be seen in the workbook", seen)
    office.journal.settle_by_hand(item.key, by=CLERK, reference=reference)
    return seen[item.key]


def offer_hefei(world: World, filed: Mapping[str, Filed]) -> Step:
    """Shanghai offers what Hefei voted no to: the clerk's yes is refused by the chain, a no sends it home."""
    office = world.registries[HEFEI.name]
    before = {name: books_kg(registry) for name, registry in world.registries.items()}
    office.operate("incoming-policy", policy="manual")
    ask_transfer(world, OFFER, filed)
    world.sync_all()
    (offered,) = [one for one in office.process.records("transfer_in") if one["status"] == "pending"]
    number = str(offered["native_id"])
    office.operate("decide-transfer", native_id=number, decision="accept")
    world.sync_all()
    held = [row for row in office.journal.held() if row["native_id"] == number]
    reason = (held[0]["reason"] or {}) if held else {}
    expect(reason.get("chain_error") == "NotRecognised", "the chain to refuse with NotRecognised", held)
    office.operate("type-cell", sheet="转入", row=number, heading="接收意见", text="不同意")
    world.sync_all()
    office.operate("incoming-policy", policy="accept")
    x = t.transfers.c
    with world.index.reader.connect() as connection:
        query = select(x.status).where(x.from_member == SHANGHAI.member, x.to_member == HEFEI.member)
        states = list(connection.execute(query).scalars())
    expect(states == [TransferStatus.REJECTED.value], "the transfer rejected", states)
    after = {name: books_kg(registry) for name, registry in world.registries.items()}
    expect(before == after, "all books as before", after)
    lines = (
        f"Shanghai offers Hefei {OFFER.kg:,} kg of what Hefei voted no to; its clerk types 同意 (accept) all the same",
        f"  held back, {reason['chain_error']}: {reason['message']}",
        "the clerk types 不同意 (reject) instead; Shanghai is told and unlocks: all books are as before",
    )
    return Step("hefei", "Refused: the city that voted no takes nothing in", lines, data={"refusal": reason})


def _what(title: str) -> str:
    """A work item's title without what it is about."""
    return re.split("[:：]", title)[0]
