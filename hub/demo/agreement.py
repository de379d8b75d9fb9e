"""Reconciliation: each registry's books and the chain agree by one root; books that are wrong are found to the serial.

One city's books are then made wrong on purpose, behind its own registry's back and with every total as before: what no
comparison of totals finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from adapters.sync.reconcile import Reconciler, Result
from hub.chain.keys import checksum_address
from hub.commands.reconciling import lift_by, must_sign, open_reconciler, place_holds, running_holds, write_evidence
from hub.db import tables as t
from hub.demo.cities import CITIES, HANGZHOU, SHANGHAI, City, city_of, title_of
from hub.demo.filing import Filed
from hub.demo.refusals import retirement_of
from hub.demo.reverted import Reverted, send_to_be_refused
from hub.demo.samples import PURPOSE_OF_AN_EVENT
from hub.demo.steps import Sheet, Step, expect
from hub.demo.world import World
from mutual_recognition.reconciliation import Status

SWAPPED = 5
"""Serials that are put wrong in each direction."""
MEANWHILE_KG = 2_000
_HOLD_SECONDS = 14 * 86_400


def reconcile_all(world: World) -> Step:
    """All four registries, each by one comparison of roots (`yrdhub reconcile CITY`)."""
    world.sync_all()
    results = {city: _reconcile(world, city) for city in CITIES}
    for city, result in results.items():
        expect(result.status is Status.COMPLETED, f"{city.title}'s books and the chain to agree", result.record)
    rows = tuple(
        (
            city.title,
            str(one.record["lines"]),
            str(one.record["registry_root"]),
            str(one.record["chain_root"]),
            _word(one),
        )
        for city, one in results.items()
    )
    lines = (
        "each registry's books, and the chain's side, come to a Merkle root over every serial's holder and status",
        "where the two are the same, one comparison has shown that both agree; states and numbers are the ITL's",
    )
    columns = ("registry", "lines in its books", "root of its books", "root by the chain", "state")
    data = {
        city.title: {
            "status": int(one.status),
            "registry_root": one.record["registry_root"],
            "chain_root": one.record["chain_root"],
        }
        for city, one in results.items()
    }
    title = "Reconciled: four registries and the chain agree 对账"
    return Step("reconciled", title, lines, (Sheet("Roots", columns, rows),), data)


def dispute(world: World, filed: Mapping[str, Filed]) -> Step:
    """Hangzhou's books, put wrong on purpose: found, held alone, mended, confirmed by both sides, lifted."""
    registry = world.registries[HANGZHOU.name]
    lines_of_books: list[dict[str, Any]] = registry.process.holdings()["holdings"]
    here = _longest(lines_of_books, "available", "")
    away = _longest(lines_of_books, "transferred_out", f"{SHANGHAI.member}")
    mine, theirs = _some(here), _some(away)
    registry.operate("misbook", ranges=[mine], status="transferred_out", member=away["member"])
    registry.operate("misbook", ranges=[theirs], status="available", member="")
    registry.publish()

    result = _reconcile(world, HANGZHOU)
    expect(result.status is Status.MANUAL_INTERVENTION_REQUIRED, "the swap to be found", result.record)
    found = {(one.difference.first, one.difference.last) for one in result.findings}
    put_wrong = {(one["first"], one["last"]) for one in (mine, theirs)}
    expect(found == put_wrong, f"exactly the serials {sorted(put_wrong)}", sorted(found))
    totals: Any = result.record["totals"]
    expect(all(one["registry"] == one["chain"] for one in totals), "all totals to be the same", totals)

    placed = place_holds(
        world.index,
        world.key(HANGZHOU, "voter"),
        HANGZHOU.member,
        write_evidence(world.home / "reconciliations", result),
        _HOLD_SECONDS,
    )
    held, others = _held_blocks(world)
    disputed = {("0x" + block.series.hex(), block.first) for block in result.blocks}
    expect(held == disputed, "the disputed blocks to be held, and no others", {"held": held, "disputed": disputed})
    refused = _refuse_use(world)
    meanwhile = _goes_on(world, filed)

    registry.operate("misbook", ranges=[mine], status="available", member="")
    registry.operate("misbook", ranges=[theirs], status="transferred_out", member=away["member"])
    registry.publish()
    signers = _confirm(world, result, [one["evidence"] for one in placed])
    still, _ = _held_blocks(world)
    expect(not still, "no block held any more", still)
    again = _reconcile(world, HANGZHOU)
    expect(again.status is Status.COMPLETED, "both sides to agree again", again.record)

    lines = (
        f"somebody swaps serials {_span(mine)} and {_span(theirs)} in Hangzhou's database, past its own registry: "
        "every total stays as it was",
        f"reconciled: {' -> '.join(str(one['status']) for one in _stages(result))} ({_word(result)}): totals agree, "
        f"serials do not; exactly these {2 * SWAPPED} serials are named",
        f"the {len(held)} unit blocks they lie in are held by Hangzhou's voter, and none of the other {others}: their "
        f"holders' own keys cannot use them ({refused[0].refusal.error}, reverted), while {MEANWHILE_KG:,} kg "
        f"of another block are retired as ever ({meanwhile})",
        f"mended in the database, compared again, confirmed (state {int(Status.COMPLETED_WITH_MANUAL_INTERVENTION)}), "
        f"and lifted by voters of {' and '.join(signers)}: nothing is held, and the roots are the same again",
    )
    sheet = Sheet(
        f"What {result.id} found",
        ("series", "serials", "in Hangzhou's books", "on the chain", "blocks held"),
        tuple(
            (
                one.named.code if one.named else "0x" + one.series.hex(),
                f"{one.difference.first}-{one.difference.last}",
                _place(one.difference.ours),
                _place(one.difference.theirs),
                "; ".join(f"{b.first}-{b.last}" for b in result.blocks if b.first <= one.difference.first <= b.last),
            )
            for one in result.findings
        ),
    )
    data = {
        "reconciliation": result.id,
        "stages": [one["status"] for one in _stages(result)],
        "found": [list(one) for one in sorted(found)],
        "put_wrong": [list(one) for one in sorted(put_wrong)],
        "held_blocks": len(held),
        "other_blocks": others,
        "refused": [one.to_json() for one in refused],
        "meanwhile_retired_kg": MEANWHILE_KG,
        "holds": [one["transaction"] for one in placed],
        "lifted_by": signers,
        "after": int(again.status),
        "registry_root": again.record["registry_root"],
        "chain_root": again.record["chain_root"],
    }
    return Step("dispute", "In dispute: books put wrong, found to the serial, held, mended", lines, (sheet,), data)


def _reconcile(world: World, city: City) -> Result:
    result = _reconciler(world, city).run()
    world.registries[city.name].sync.run_once()  # hands the result in
    return result


def _reconciler(world: World, city: City) -> Reconciler:
    one = world.registries[city.name]
    return open_reconciler(world.index, one.adapter, one.sync, one.journal, folder=world.home / "sync", patience=0.3)


def _held_blocks(world: World) -> tuple[set[tuple[str, int]], int]:
    """Unit blocks that are held, by series and first serial, and how many others there are."""
    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        blocks = connection.execute(select(t.unit_blocks)).all()
    held = {(row.series, row.first) for row in blocks if row.holds}
    return held, len(blocks) - len(held)


def _refuse_use(world: World) -> list[Reverted]:
    """Each held block's holder tries to retire it, past its own registry and with its own key."""
    with world.index.reader.connect() as connection:
        blocks = [row for row in connection.execute(select(t.unit_blocks)).mappings() if row["holds"]]
    return [
        send_to_be_refused(
            world.node,
            world.deployment,
            world.key(city_of(block["holder"]), "registrar"),
            world.deployment.address("CreditLedger"),
            retirement_of(block),
            error="BlockHeld",
            what=f"{title_of(block['holder'])} uses the held block from {block['first']}",
        )
        for block in blocks
    ]


def _goes_on(world: World, filed: Mapping[str, Filed]) -> str:
    """Hangzhou retires credits of another block while some are in dispute; the record's number."""
    other = filed[HANGZHOU.name].issuances[-1]
    retired = world.registries[HANGZHOU.name].operate(
        "retire",
        account=other["account"],
        issuance=other["native_id"],
        quantity_kg=MEANWHILE_KG,
        purpose=PURPOSE_OF_AN_EVENT[HANGZHOU.name],
        beneficiary="示例马拉松赛事",
    )
    number = str(retired["native_id"])
    world.sync_all()
    held = [row["native_id"] for row in world.registries[HANGZHOU.name].journal.held()]
    expect(number not in held, f"{number} to go on", held)
    return number


def _confirm(world: World, result: Result, evidence: list[str]) -> list[str]:
    """Both sides are compared again, the dispute is closed, and the holds are lifted; the cities whose voters did."""
    registry = world.registries[HANGZHOU.name]
    reconciler = _reconciler(world, HANGZHOU)
    compared, still = reconciler.recheck(registry.journal.open_disputes(result.id))
    expect(not still, "no difference left on the disputed serials", still)
    by = checksum_address(world.key(HANGZHOU, "registrar").address)
    reconciler.close_disputes(result.id, by, compared)
    members: list[int] = []
    for hold in running_holds(world.index, evidence):
        members += must_sign(hold)
        _, missing = lift_by(world.index, hold, lambda member: world.key(city_of(member), "voter"))
        expect(not missing, "every voter that must sign to have signed", missing)
    world.sync_all()
    return [title_of(member) for member in dict.fromkeys(members)]


def _longest(books: list[dict[str, Any]], status: str, member: str) -> dict[str, Any]:
    own = [one for one in books if one["home_member"] == f"{HANGZHOU.member}" and one["status"] == status]
    return max((one for one in own if one["member"] == member), key=lambda one: int(one["last"] - one["first"]))


def _some(line: Mapping[str, Any]) -> dict[str, Any]:
    """Some serials from the middle of a line of the books, as its operators name them."""
    fields = {name: line[name] for name in ("home_member", "series", "kg_per_serial")}
    first = (line["first"] + line["last"]) // 2
    return fields | {"first": first, "last": first + SWAPPED - 1}


def _span(units: Mapping[str, Any]) -> str:
    return f"{units['first']}-{units['last']}"


def _stages(result: Result) -> list[dict[str, Any]]:
    stages: Any = result.record["stages"]
    return list(stages)


def _word(result: Result) -> str:
    return f"{int(result.status)} {result.status.in_words}"


def _place(place: Any) -> str:
    return "not there" if place is None else f"{place.status.replace('_', ' ')}, {title_of(place.holder)}"
