"""Reconciled: every registry's books and the chain by one root each; then a clerk's swap that no total shows, found."""

from __future__ import annotations

from typing import Any

from adapters.sync.reconcile import Reconciler, Result
from hub.commands.reconciling import lift_by, open_reconciler, place_holds, running_holds, write_evidence
from hub.demo.cities import SHANGHAI, city_of
from hub.demo.steps import Step, expect
from hub.demo.world import Registry, World
from mutual_recognition.reconciliation import Status

_SWAPPED = 3
"""Serials a side that the clerk swaps."""
_HELD_FOR = 86_400


def reconcile_cities(world: World) -> Step:
    """All registries, then Shanghai's with six serials in the wrong lines: found, held alone, mended, confirmed."""
    agreed = {name: _reconciler(world, one).run() for name, one in world.registries.items()}
    for result in agreed.values():
        expect(result.status is Status.COMPLETED, "every registry's root to be the chain's", result.record)
    lines = [f"{name.title()}: one comparison, {result.record['chain_root']}" for name, result in agreed.items()]
    registry = world.registries[SHANGHAI.name]
    here, away = _line(registry, "available"), _line(registry, "transferred_out")
    registry.operate("misbook", ranges=[here["part"]], status="transferred_out", member=away["member"])
    registry.operate("misbook", ranges=[away["part"]], status="available", member="")
    found = _reconciler(world, registry).run()
    expect(found.status is Status.MANUAL_INTERVENTION_REQUIRED, "the swap to be found", found.record)
    exact = {(one.difference.first, one.difference.last) for one in found.findings}
    swapped = {(part["first"], part["last"]) for part in (here["part"], away["part"])}
    expect(exact == swapped, f"exactly the serials {swapped}", exact)
    evidence = write_evidence(world.home / "reconciliations", found)
    place_holds(world.index, world.key(SHANGHAI, "voter"), SHANGHAI.member, evidence, _HELD_FOR)
    registry.operate("misbook", ranges=[here["part"]], status="available", member="")
    registry.operate("misbook", ranges=[away["part"]], status="transferred_out", member=away["member"])
    _confirm(world, registry, found)
    world.sync_all()
    states = ", ".join(f"{stage['status']} {stage['state']}" for stage in found.record["stages"])
    lines += [
        f"a clerk in Shanghai swaps {_SWAPPED} serials for {_SWAPPED} that have left: every total stays the same",
        f"  found to the serial ({states}); {len(found.blocks)} unit blocks held by Shanghai's voter, no others",
        "  the books are put right; compared once more, confirmed by the registrar, and the hold is lifted",
    ]
    data = {
        "roots": {name: result.record["chain_root"] for name, result in agreed.items()},
        "reconciliation": found.id,
        "found": sorted(exact),
        "held_blocks": len(found.blocks),
    }
    return Step("reconciled", "Reconciled: one root a registry 对账", tuple(lines), data=data)


def _reconciler(world: World, registry: Registry) -> Reconciler:
    return open_reconciler(world.index, registry.adapter, registry.sync, registry.journal)


def _line(registry: Registry, status: str) -> dict[str, Any]:
    """The longest line of the registry's own series in that status, and the serials of it that the clerk takes."""
    lines = registry.process.holdings()["holdings"]
    mine = [one for one in lines if one["status"] == status and one["home_member"] == f"{registry.city.member}"]
    line: dict[str, Any] = max(mine, key=lambda one: int(one["last"]) - int(one["first"]))
    part = {name: line[name] for name in ("home_member", "series", "kg_per_serial", "first")}
    return line | {"part": part | {"last": line["first"] + _SWAPPED - 1}}


def _confirm(world: World, registry: Registry, found: Result) -> None:
    reconciler = _reconciler(world, registry)
    compared, still = reconciler.recheck(registry.journal.open_disputes(found.id))
    expect(not still, "both sides to agree on what was disputed", still)
    reconciler.close_disputes(found.id, world.key(SHANGHAI, "registrar").address, compared)
    digests = ["0x" + document.digest().hex() for document, _ in found.evidence]
    for hold in running_holds(world.index, digests):
        _, missing = lift_by(world.index, hold, lambda member: world.key(city_of(member), "voter"))
        expect(not missing, "the hold to be lifted", missing)
