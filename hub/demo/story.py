"""The story: methodologies filed and voted, projects synced, a credit each way, refusals, a retirement, the books.

Every step does what it says on the running chain and registries, and tells what came of it; nothing is scripted.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, select

from adapters.protocol import EffectKind
from hub.ballot_actions import factor_in_words
from hub.chain.enums import TransferStatus
from hub.chain.keys import checksum_address
from hub.db import tables as t
from hub.demo.cities import CITIES, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, WITH_REGISTRY, City
from hub.demo.reckoning import reckon
from hub.demo.recognition import recognise_methodologies, recognise_project
from hub.demo.refusals import refuse_keys, refuse_records
from hub.demo.samples import GENERATION_KWH, PURPOSE_OF_AN_EVENT, methodology, projects, verification
from hub.demo.steps import Step, books_kg, books_sheet, difference_sheet, expect
from hub.demo.world import Registry, World
from hub.errors import ChainRefused
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import Retirement, SeriesName, TransferDecision
from mutual_recognition.serials import SerialRange

TO_SUZHOU_KG = 100_000
TO_SHANGHAI_KG = 100_000
TO_HANGZHOU_KG = 20_000
TO_HEFEI_KG = 10_000
RETIRED_IN_SUZHOU_KG = 30_000
RETIRED_IN_HANGZHOU_KG = 5_000


@dataclass(slots=True)
class Filed:
    """What a city's registry filed in the story: native ids."""

    projects: list[str] = field(default_factory=list)
    verifications: list[str] = field(default_factory=list)
    issuances: list[dict[str, Any]] = field(default_factory=list)


def tell(world: World) -> Iterator[Step]:
    """The whole story, step by step, on a world where nothing has happened yet.

    Raises StoryBroken where something else happens than must; the last step says whether everything adds up.
    """
    registries = list(world.registries.values())
    yield _founding(world)
    yield _methodologies(world)
    yield recognise_methodologies(world)
    filed = {city.name: Filed() for city in WITH_REGISTRY}
    yield _credits(world, filed)
    yield recognise_project(world, filed["suzhou"].projects[0])
    yield _cross(world, filed, registries)
    yield _offer_hefei(world, filed, registries)
    yield _by_hand(world, filed, registries)
    retirement, step = _retire(world, registries)
    yield step
    yield refuse_records(world, filed, retirement)
    yield refuse_keys(world)
    yield from reckon(world)


def _founding(world: World) -> Step:
    deployment = world.deployment
    consortium = checksum_address(deployment.address("Consortium"))
    lines = (
        f"chain {deployment.chain_id} at {world.chain.rpc_url}; the Consortium stands at {consortium}",
        "full members: " + ", ".join(f"{city} ({city.member})" for city in CITIES),
        "rules (illustrative): quorum three of four, two thirds of yes and no, no delay for recognitions",
        "Shanghai and Suzhou have registries of their own: one speaks REST, one a folder of CSV files; Hangzhou and "
        "Hefei have none and work by hand",
    )
    sheet = books_sheet(list(world.registries.values()), "The registries' own books at the beginning")
    data = {"chain_id": deployment.chain_id, "members": {city.title: city.member for city in CITIES}}
    return Step("founding", "Founded: four cities, one chain", lines, (sheet,), data)


def _methodologies(world: World) -> Step:
    for city in WITH_REGISTRY:
        world.registries[city.name].operate("file-methodology", **methodology(city))
    reports = world.sync_all()
    lines = tuple(
        f"{city.title}: {methodology(city)['code']} V1, {methodology(city)['parameters'][0]['value']} kgCO2 a kWh, "
        f"filed by its own registrar's key ({reports[city.name].documents} documents shared)"
        for city in WITH_REGISTRY
    )
    filed = {city.title: reports[city.name].written for city in WITH_REGISTRY}
    expect(all(filed.values()), "each city's methodology on the chain", filed)
    return Step("methodologies", "Filed: one methodology a city 方法学备案", lines, data={"filed": filed})


def _credits(world: World, filed: dict[str, Filed]) -> Step:
    for city in WITH_REGISTRY:
        registry, mine = world.registries[city.name], filed[city.name]
        for project, kwh in zip(projects(city), GENERATION_KWH[city.name], strict=True):
            native = registry.operate("register-project", **project)["native_id"]
            verified = registry.operate("verify", **verification(native, kwh))
            mine.projects.append(native)
            mine.verifications.append(verified["native_id"])
            for quantity in _issued_quantities(city, verified["verified_kg"], first=len(mine.projects) == 1):
                issued = registry.operate("issue", verification=verified["native_id"], quantity_kg=quantity)
                mine.issuances.append(issued)
    reports = world.sync_all()
    lines = []
    for city in WITH_REGISTRY:
        mine = filed[city.name]
        kg = sum(issued["quantity_kg"] for issued in mine.issuances)
        lines.append(
            f"{city.title}: {len(mine.projects)} projects, {len(mine.verifications)} verifications, "
            f"{len(mine.issuances)} issuances of {kg:,} kg in all ({reports[city.name].written} writes, "
            f"{reports[city.name].held} held)"
        )
    held = {city.title: reports[city.name].held for city in WITH_REGISTRY}
    expect(not any(held.values()), "every sample record on the chain", held)
    sheet = books_sheet(list(world.registries.values()), "The registries' own books now")
    data = {city.title: [issued["native_id"] for issued in filed[city.name].issuances] for city in WITH_REGISTRY}
    return Step("credits", "Synced: projects, verifications, issuances 项目 核证 签发", tuple(lines), (sheet,), data)


def _issued_quantities(city: City, verified_kg: int, *, first: bool) -> list[int]:
    """A first project is issued in two blocks, and a tenth of it not yet: room for the mistakes that follow."""
    size = 1000 if city is SUZHOU else 1
    whole = verified_kg // size * size
    if not first:
        return [whole]
    second = whole // 20 // size * size
    return [whole * 17 // 20 // size * size, second]


def _cross(world: World, filed: dict[str, Filed], registries: list[Registry]) -> Step:
    before = {registry.city.name: books_kg(registry) for registry in registries}
    _ask_transfer(world, SHANGHAI, SUZHOU, filed, TO_SUZHOU_KG)
    _ask_transfer(world, SUZHOU, SHANGHAI, filed, TO_SHANGHAI_KG)
    world.sync_all()
    lines, data = [], {}
    with world.index.reader.connect() as connection:
        rows = (
            connection.execute(
                select(t.transfers, t.series.c.kg_per_serial).join(t.series, t.series.c.series == t.transfers.c.series)
            )
            .mappings()
            .all()
        )
    for row in rows:
        sender, to = (
            next(city for city in CITIES if city.member == row[name]) for name in ("from_member", "to_member")
        )
        expect(row["status"] == TransferStatus.ACCEPTED, "both transfers accepted", dict(row))
        sent = (row["last"] - row["first"] + 1) * row["kg_per_serial"]
        kept = (row["kept_last"] - row["first"] + 1) * row["kg_per_serial"]
        lines.append(
            f"{sender.title} to {to.title}: {sent:,} kg sent, factor {factor_in_words(row['factor_ppm'])}, "
            f"{kept:,} kg arrived, {sent - kept:,} kg cut (serials {row['kept_last'] + 1}-{row['last']})"
            if kept < sent
            else f"{sender.title} to {to.title}: {sent:,} kg sent, factor {factor_in_words(row['factor_ppm'])}, "
            f"{kept:,} kg arrived, nothing cut"
        )
        data[f"{sender.name}_to_{to.name}"] = {
            "sent_kg": sent,
            "arrived_kg": kept,
            "cut_kg": sent - kept,
            "factor_ppm": row["factor_ppm"],
        }
    sheet = difference_sheet(before, registries, "What changed in the registries' own books")
    return Step(
        "crossing", "Crossed: one credit each way, under each destination's terms", tuple(lines), (sheet,), data
    )


def _ask_transfer(world: World, sender: City, to: City, filed: dict[str, Filed], kg: int) -> str:
    """The sender's own staff locks units of its first issuance for another member; the transfer's native id."""
    first = filed[sender.name].issuances[0]
    asked = world.registries[sender.name].operate(
        "request-transfer",
        account=first["account"],
        issuance=first["native_id"],
        quantity_kg=kg,
        to_member=f"{to.member}",
    )
    return str(asked["native_id"])


def _transfers_to(world: World, to: City) -> list[RowMapping]:
    """The open transfers to a city: one for each unit block that the units asked for lie in."""
    x = t.transfers.c
    open_ones = select(t.transfers).where(x.to_member == to.member, x.status == TransferStatus.PROPOSED)
    with world.index.reader.connect() as connection:
        found = list(connection.execute(open_ones.order_by(x.first)).mappings())
    expect(bool(found), f"an open transfer to {to.title}", found)
    return found


def _offer_hefei(world: World, filed: dict[str, Filed], registries: list[Registry]) -> Step:
    before = {registry.city.name: books_kg(registry) for registry in registries}
    _ask_transfer(world, SHANGHAI, HEFEI, filed, TO_HEFEI_KG)
    world.sync_all()
    (offered,) = _transfers_to(world, HEFEI)
    transfer = str(offered["transfer"])
    desk = world.by_hand(HEFEI)
    refused: ChainRefused | None = None
    try:
        desk.carry_out(TransferDecision(native_id="HF-0001", transfer=transfer, accept=True))
    except ChainRefused as error:
        refused = error
    expect(refused is not None and refused.error == "NotRecognised", "the chain to refuse with NotRecognised", refused)
    assert refused is not None
    desk.carry_out(TransferDecision(native_id="HF-0002", transfer=transfer, accept=False))
    world.sync_all()
    after = {registry.city.name: books_kg(registry) for registry in registries}
    expect(before == after, "Shanghai's units unlocked again", after)
    lines = (
        f"Shanghai offers Hefei {TO_HEFEI_KG:,} kg; Hefei's own registrar tries to accept",
        f"  {refused.error}: {refused.message}",
        "Hefei rejects the transfer instead; Shanghai's registry is told and unlocks: its books are as before",
    )
    return Step("hefei", "Refused: the city that voted no takes nothing in", lines, data={"refusal": refused.to_json()})


def _by_hand(world: World, filed: dict[str, Filed], registries: list[Registry]) -> Step:
    before = {registry.city.name: books_kg(registry) for registry in registries}
    _ask_transfer(world, SHANGHAI, HANGZHOU, filed, TO_HANGZHOU_KG)
    world.sync_all()
    offered = _transfers_to(world, HANGZHOU)
    desk = world.by_hand(HANGZHOU)
    decisions = [
        TransferDecision(native_id=f"HZ-{number:04d}", transfer=row["transfer"], accept=True)
        for number, row in enumerate(offered, start=1)
    ]
    for decision in decisions:
        desk.carry_out(decision)
    again = [desk.carry_out(decision) for decision in decisions]
    once = all(not carried.written and carried.before for carried in again)
    expect(once, "the same records to be carried out once", again)
    serials = SerialRange(offered[0]["first"], offered[0]["first"] + RETIRED_IN_HANGZHOU_KG - 1)
    series = SeriesName(
        code=filed["shanghai"].issuances[0]["series"], member=SHANGHAI.member, registry=SHANGHAI.registry
    )
    desk.carry_out(
        Retirement(
            native_id=f"HZ-{len(decisions) + 1:04d}",
            series=series,
            serials=serials,
            quantity_kg=RETIRED_IN_HANGZHOU_KG,
            purpose=Purpose.VOLUNTARY,
            beneficiary=beneficiary_commitment(secrets.token_bytes(32), "示例公益组织", ""),
        )
    )
    world.sync_all()
    lines = (
        f"Hangzhou, by what `yrdhub transfer` and `yrdhub credits` run: accepts {TO_HANGZHOU_KG:,} kg of Shanghai in "
        f"{len(decisions)} transfers (one a unit block), retires {RETIRED_IN_HANGZHOU_KG:,} kg of it",
        "the same records typed again do nothing: they are known as carried out",
    )
    sheet = difference_sheet(before, registries, "What Shanghai's registry was told")
    data = {
        "transfers": [row["transfer"] for row in offered],
        "accepted_kg": TO_HANGZHOU_KG,
        "retired_kg": RETIRED_IN_HANGZHOU_KG,
    }
    return Step("by_hand", "By hand: a city without an adapter receives and retires", lines, (sheet,), data)


def _retire(world: World, registries: list[Registry]) -> tuple[str, Step]:
    before = {registry.city.name: books_kg(registry) for registry in registries}
    suzhou = world.registries["suzhou"]
    holdings = suzhou.process.holdings()["holdings"]
    received = next(h for h in holdings if int(h["home_member"]) == SHANGHAI.member and h["status"] == "available")
    retired = suzhou.operate(
        "retire",
        account=received["account"],
        home_member=f"{SHANGHAI.member}",
        quantity_kg=RETIRED_IN_SUZHOU_KG,
        purpose=PURPOSE_OF_AN_EVENT["suzhou"],
        beneficiary="示例会展有限公司",
    )
    world.sync_all()
    shanghai = world.registries["shanghai"]
    told = books_kg(shanghai).get((SHANGHAI.member, "retired_elsewhere"), 0) - before["shanghai"].get(
        (SHANGHAI.member, "retired_elsewhere"), 0
    )
    expect(told == RETIRED_IN_SUZHOU_KG, f"Shanghai's books to show {RETIRED_IN_SUZHOU_KG} kg retired elsewhere", told)
    lines = (
        f"Suzhou retires {RETIRED_IN_SUZHOU_KG:,} kg of Shanghai's credits for an event ({retired['native_id']}); "
        "on the chain the beneficiary is a salted commitment",
        f"Shanghai's registry is told ({EffectKind.RETIRED_ELSEWHERE.value}) and books it",
    )
    sheet = difference_sheet(before, registries, "What changed in the registries' own books")
    data = {"record": retired["native_id"], "retired_kg": RETIRED_IN_SUZHOU_KG, "home_told_kg": told}
    step = Step("retirement", "Retired in Suzhou, told to Shanghai 注销", lines, (sheet,), data)
    return str(retired["native_id"]), step
