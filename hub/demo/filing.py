"""What the cities file at their own registries, and their syncs write to the chain: methodologies to credits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.chain.keys import checksum_address
from hub.demo.cities import CITIES, SUZHOU, City
from hub.demo.samples import GENERATION_KWH, methodology, projects, verification
from hub.demo.steps import Step, books_sheet, expect
from hub.demo.world import World


@dataclass(slots=True)
class Filed:
    """What a city's registry filed in the story: native ids, and issuances as the registry has them."""

    projects: list[str] = field(default_factory=list)
    verifications: list[str] = field(default_factory=list)
    issuances: list[dict[str, Any]] = field(default_factory=list)


def found(world: World) -> Step:
    """Who is there, and how each registry is reached."""
    deployment = world.deployment
    consortium = checksum_address(deployment.address("Consortium"))
    lines = (
        f"chain {deployment.chain_id} at {world.chain.rpc_url}; the Consortium stands at {consortium}",
        "full members: " + ", ".join(f"{city} ({city.member})" for city in CITIES),
        "rules (illustrative): quorum three of four, two thirds of yes and no, no delay for recognitions",
        "each has a registry of its own: " + "; ".join(f"{city.title}, {city.speaks}" for city in CITIES),
    )
    sheet = books_sheet(list(world.registries.values()), "The registries' own books at the beginning")
    data = {"chain_id": deployment.chain_id, "members": {city.title: city.member for city in CITIES}}
    return Step("founding", "Founded: four cities, one chain", lines, (sheet,), data)


def file_methodologies(world: World) -> Step:
    """One photovoltaic methodology a city."""
    for city in CITIES:
        world.registries[city.name].operate("file-methodology", **methodology(city))
    reports = world.sync_all()
    lines = tuple(
        f"{city.title}: {methodology(city)['code']} V1, {methodology(city)['parameters'][0]['value']} kgCO2 a kWh, "
        f"filed by its own registrar's key ({reports[city.name].documents} documents shared)"
        for city in CITIES
    )
    filed = {city.title: reports[city.name].written for city in CITIES}
    expect(all(filed.values()), "each city's methodology on the chain", filed)
    return Step("methodologies", "Filed: one methodology a city 方法学备案", lines, data={"filed": filed})


def issue_credits(world: World) -> tuple[Mapping[str, Filed], Step]:
    """Two projects a city with their verified year and its issuances; what was filed, by city name."""
    filed: dict[str, Filed] = {city.name: Filed() for city in CITIES}
    for city in CITIES:
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
    for city in CITIES:
        mine = filed[city.name]
        kg = sum(issued["quantity_kg"] for issued in mine.issuances)
        lines.append(
            f"{city.title}: {len(mine.projects)} projects, {len(mine.verifications)} verifications, "
            f"{len(mine.issuances)} issuances of {kg:,} kg in all ({reports[city.name].written} writes, "
            f"{reports[city.name].held} held)"
        )
    held = {city.title: reports[city.name].held for city in CITIES}
    expect(not any(held.values()), "every sample record on the chain", held)
    sheet = books_sheet(list(world.registries.values()), "The registries' own books now")
    data = {city.title: [issued["native_id"] for issued in filed[city.name].issuances] for city in CITIES}
    return filed, Step(
        "credits", "Synced: projects, verifications, issuances 项目 核证 签发", tuple(lines), (sheet,), data
    )


def _issued_quantities(city: City, verified_kg: int, *, first: bool) -> list[int]:
    """A first project is issued in two blocks, and a tenth of it not yet: room for the mistakes that follow."""
    size = 1000 if city is SUZHOU else 1
    whole = verified_kg // size * size
    if not first:
        return [whole]
    second = whole // 20 // size * size
    return [whole * 17 // 20 // size * size, second]
