"""Reconciliation of real registries over a real chain: what was put wrong in their books is found to the serial, held
alone, mended and confirmed, and everything is kept on both sides."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select

from adapters.sync.reconcile import Reconciler, Result
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.commands.reconcile_schedule import ReconcileEvery
from hub.commands.reconciling import open_reconciler
from hub.db import tables as t
from hub.demo.cities import SHANGHAI, SUZHOU, City, password_file
from hub.demo.samples import PURPOSE_OF_AN_EVENT
from hub.demo.story import tell
from hub.demo.world import World, open_world
from hub.documents.sealing import reading_authorization
from hub.errors import RetryLater
from hub.index.holdings import root_of
from hub.terminal import Terminal
from mutual_recognition.reconciliation import Status
from tests.integration.command_home import Commands, Home

pytestmark = pytest.mark.slow

Line = dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The demo's world after its cities have issued, moved, converted and retired: both registries at rest."""
    with open_world(tmp_path_factory.mktemp("reconcile")) as world:
        for step in tell(world):
            if step.name == "retirement":
                break
        world.sync_all()
        yield world


@pytest.fixture
def yrdhub(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(Home(world.home, world.chain, world.keys, world.deployment), capsys, monkeypatch)


def reconciler(world: World, city: City) -> Reconciler:
    one = world.registries[city.name]
    return open_reconciler(world.index, one.adapter, one.sync, one.journal, patience=0.6)


def reconcile(world: World, city: City) -> Result:
    result = reconciler(world, city).run()
    world.registries[city.name].sync.run_once()  # hands the result in
    return result


def line_of(world: World, city: City, status: str, *, home: City | None = None) -> Line:
    """A line of a registry's own books, the longest in that status."""
    lines: list[Line] = world.registries[city.name].process.holdings()["holdings"]
    wanted = f"{(home or city).member}"
    fitting = [one for one in lines if one["status"] == status and one["home_member"] == wanted]
    return max(fitting, key=lambda one: one["last"] - one["first"])


def part(line: Line, first: int, count: int) -> Line:
    """Serials of a line, from its first plus `first` on, as the operators name them."""
    fields = {name: line[name] for name in ("home_member", "series", "kg_per_serial")}
    return fields | {"first": line["first"] + first, "last": line["first"] + first + count - 1}


@contextmanager
def misbooked(world: World, city: City, ranges: list[Line], **change: Any) -> Iterator[None]:
    """The books put wrong meanwhile, and put back from a backup at the end."""
    registry = world.registries[city.name]
    registry.operate("backup", name="before")
    registry.operate("misbook", ranges=ranges, **change)
    try:
        yield
    finally:
        registry.operate("restore", name="before")
        for dispute in {one.reconciliation for one in registry.journal.open_disputes()}:
            registry.journal.settle_disputes(dispute)


def found(result: Result) -> list[tuple[int, int, str, str, str]]:
    """Serials, where each side has them, and the cause."""
    return [
        (
            one.difference.first,
            one.difference.last,
            one.difference.ours.status if one.difference.ours else "",
            one.difference.theirs.status if one.difference.theirs else "",
            one.cause.value,
        )
        for one in result.findings
    ]


@pytest.mark.parametrize("city", [SHANGHAI, SUZHOU], ids=str)
def test_reconcile__nothing_wrong__one_comparison_of_roots(world: World, city: City) -> None:
    """Issued, sent, received, cut, retired here and elsewhere: both sides compute the same root."""
    result = reconcile(world, city)
    assert result.status is Status.COMPLETED, result.record
    assert result.record["registry_root"] == result.record["chain_root"]
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 2, 5]
    assert result.record["totals"] == result.record["findings"] == result.record["disputed_blocks"] == []
    assert result.record["lines"] > 3


def test_reconcile__three_serials_retired_by_hand__found_to_the_serial(world: World) -> None:
    line = line_of(world, SHANGHAI, "available")
    wrong = part(line, 5, 3)
    with misbooked(world, SHANGHAI, [wrong], status="retired"):
        result = reconcile(world, SHANGHAI)
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 98, 4, 99]
    assert found(result) == [(wrong["first"], wrong["last"], "retired", "available", "changed_in_books")]
    assert result.record["differing_serials"] == 3
    (block,) = result.blocks
    assert block.first <= wrong["first"] <= wrong["last"] <= block.last
    assert result.findings[0].named is not None
    assert result.findings[0].named.code == line["series"]


def test_reconcile__swap_of_equal_quantities__totals_agree_and_the_serials_are_found(world: World) -> None:
    """Five available serials for five that were moved away: no total changes, which totals alone would pass."""
    here, away = line_of(world, SHANGHAI, "available"), line_of(world, SHANGHAI, "transferred_out")
    mine, theirs = part(here, 0, 5), part(away, 2, 5)
    registry = world.registries["shanghai"]
    with misbooked(world, SHANGHAI, [mine], status="transferred_out", member=away["member"]):
        registry.operate("misbook", ranges=[theirs], status="available", member="")
        result = reconcile(world, SHANGHAI)
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 4, 99]
    assert all(one["registry"] == one["chain"] for one in result.record["totals"])
    assert {(one[0], one[1]) for one in found(result)} == {
        (mine["first"], mine["last"]),
        (theirs["first"], theirs["last"]),
    }
    assert len(result.blocks) == 2


def test_reconcile__forgotten_serials_and_serials_in_two_lines__each_by_its_name(world: World) -> None:
    line = line_of(world, SUZHOU, "available")
    lost, twice = part(line, 1, 1), part(line, 4, 2)
    registry = world.registries["suzhou"]
    with misbooked(world, SUZHOU, [lost], forget=True):
        registry.operate("misbook", ranges=[twice], twice=True)
        result = reconcile(world, SUZHOU)
    assert found(result) == [
        (lost["first"], lost["last"], "", "available", "lost_in_books"),
        (twice["first"], twice["last"], "contradiction", "available", "booked_twice"),
    ]
    assert [one["status"] for one in result.record["stages"]] == [1, 0, 3, 4, 99]


def test_reconcile__a_city_that_received_serials__finds_its_own_mistake_about_them(world: World) -> None:
    """Shanghai's serials in Suzhou's books, put back to available after they were retired."""
    line = line_of(world, SUZHOU, "retired", home=SHANGHAI)
    wrong = part(line, 0, 2)
    with misbooked(world, SUZHOU, [wrong], status="available"):
        result = reconcile(world, SUZHOU)
    ((first, last, ours, theirs, cause),) = found(result)
    assert (first, last, ours, theirs) == (wrong["first"], wrong["last"], "available", "retired")
    assert cause == "misfiled", "its own published record says that it retired them"
    assert result.findings[0].registry, "the audit trail names that record"
    assert not result.blocks, "what has ended on the chain cannot be used there any more: nothing is held"


def test_reconcile__told_and_said_booked_but_not_in_the_books__misbooked(world: World) -> None:
    line = line_of(world, SHANGHAI, "retired_elsewhere")
    wrong = part(line, 0, 4)
    with misbooked(world, SHANGHAI, [wrong], status="transferred_out"):
        result = reconcile(world, SHANGHAI)
    ((first, last, ours, theirs, cause),) = found(result)
    assert (first, last, ours, theirs, cause) == (wrong["first"], wrong["last"], "available", "retired", "misbooked")


def test_reconcile__what_the_staff_just_did__is_in_flight_and_settles(world: World) -> None:
    """What is published but not on the chain yet is no difference: the pass before the look settles it."""
    line = line_of(world, SHANGHAI, "available")
    registry = world.registries["shanghai"]
    registry.operate("request-transfer", account=line["account"], quantity_kg=9, to_member=f"{SUZHOU.member}")
    registry.operate(
        "retire", ranges=[part(line, 40, 6)], purpose=PURPOSE_OF_AN_EVENT["shanghai"], beneficiary="示例活动"
    )
    result = reconcile(world, SHANGHAI)
    assert result.status is Status.COMPLETED
    assert not result.record["disputed_blocks"]
    world.sync_all()
    assert reconcile(world, SUZHOU).status is Status.COMPLETED


def test_reconcile__books_that_are_followed__cost_their_changes_and_a_difference_is_read_whole(
    world: World, yrdhub: Commands
) -> None:
    """By the command: first whole, then a change alone; what a clerk put wrong is disputed only after a whole reading,
    and what was never told to have changed is found by `--whole` and kept anew."""
    registry = world.registries["shanghai"]
    yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", "--whole", member=False)
    line = line_of(world, SHANGHAI, "available")
    purpose = PURPOSE_OF_AN_EVENT["shanghai"]
    registry.operate("retire", ranges=[part(line, 30, 2)], purpose=purpose, beneficiary="示例活动")
    _, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", member=False)
    assert (told["status"], told["books"]["whole_readings"]) == (5, 0)
    assert 0 < told["books"]["lines_read"] < told["lines"]
    assert told["registry_root"] == told["chain_root"]

    wrong = part(line, 5, 3)
    with misbooked(world, SHANGHAI, [wrong], status="retired"):
        code, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", member=False)
    assert (code, told["books"]["whole_readings"]) == (65, 1)
    assert [(one["first"], one["last"]) for one in told["findings"]] == [(wrong["first"], wrong["last"])]

    _, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", member=False)
    assert (told["status"], told["books"]["whole_readings"]) == (5, 1), "restored: the cursor was refused"
    with closing(sqlite3.connect(registry.process.home / "registry.sqlite", timeout=10)) as books, books:
        books.execute("DROP TRIGGER holding_changed")  # the registry no longer tells
    silent = part(line, 30, 2)
    registry.operate("misbook", ranges=[silent], status="available")
    _, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", member=False)
    assert told["status"] == 5, "what was not told is not seen"
    code, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", "--whole", member=False)
    assert (code, told["books"]["kept_wrong"]) == (65, 2)
    assert [(one["first"], one["last"]) for one in told["findings"]] == [(silent["first"], silent["last"])]
    registry.operate("restore", name="before")
    registry.journal.settle_disputes(told["reconciliation"])


def test_reconcile__registry_away__start_denied_and_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world.registries["shanghai"]

    def away() -> Any:
        raise RetryLater("the registry does not answer", where="shanghai")

    monkeypatch.setattr(one.adapter, "holdings", away)
    with pytest.raises(RetryLater) as denied:
        reconcile(world, SHANGHAI)
    assert denied.value.code == "reconciliation_denied"
    newest = one.journal.results(1)[0]
    assert newest.status == Status.START_DENIED


def test_commands__found_held_alone_others_go_on_mended_confirmed_and_kept(world: World, yrdhub: Commands) -> None:
    """The whole way as the city's people go it, with both sides' words kept in the journal, at the hub and its API."""
    registry = world.registries["shanghai"]
    line = line_of(world, SHANGHAI, "available")
    wrong = part(line, 10, 2)
    registry.operate("misbook", ranges=[wrong], status="retired")
    code, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", "--hold", member=False)
    assert (code, told["status"]) == (65, 99)
    assert [(one["first"], one["last"]) for one in told["findings"]] == [(wrong["first"], wrong["last"])]
    (placed,) = told["holds"]
    assert placed["blocks"] == 1
    evidence = world.home / "reconciliations" / f"{told['reconciliation']}.json"
    assert "0x" + hashlib.sha256(evidence.read_bytes()).hexdigest() == told["document"] == placed["evidence"]

    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        held = [row for row in connection.execute(select(t.unit_blocks)) if row.holds]
    assert [(row.first <= wrong["first"], wrong["last"] <= row.last) for row in held] == [(True, True)]

    registry.operate("misbook", ranges=[wrong], status="available")
    held_series, held_first, held_last = held[0].series, held[0].first, held[0].last
    code, told_again = yrdhub.attempt(SHANGHAI, "reconcile", "confirm", told["reconciliation"], member=False)
    assert code == 0, told_again
    assert told_again["holds"] == [{"hold": told_again["holds"][0]["hold"], "still_to_sign": [], "file": ""}]
    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        row = connection.execute(
            select(t.unit_blocks).where(t.unit_blocks.c.series == held_series, t.unit_blocks.c.first == held_first)
        ).one()
    assert (row.last, row.holds) == (held_last, 0)

    listed = yrdhub(None, "reconcile", "history", "shanghai")
    assert (listed[0]["reconciliation"], listed[0]["status"], listed[0]["version"]) == (told["reconciliation"], 6, 2)
    shown = yrdhub(None, "reconcile", "show", told["reconciliation"])
    assert [one["status"] for one in shown["stages"]] == [1, 0, 98, 4, 99, 6]
    kept = [
        row
        for row in yrdhub(None, "reconcile", "history", "--at-hub")
        if row["reconciliation"] == shown["reconciliation"]
    ]
    assert [(row["version"], row["status"]) for row in kept] == [(2, 6), (1, 99)]
    code, refused = yrdhub.attempt(SHANGHAI, "reconcile", "confirm", told["reconciliation"], member=False)
    assert (code, refused["error"]) == (65, "reconciliation_settled")


def test_confirm__serials_of_another_city__stay_held_until_its_voter_signed_too(world: World, yrdhub: Commands) -> None:
    """Suzhou finds a mistake about Shanghai's serials that it holds: its voter holds them, both cities' voters lift."""
    registry = world.registries["suzhou"]
    wrong = part(line_of(world, SUZHOU, "available", home=SHANGHAI), 3, 2)
    registry.operate("misbook", ranges=[wrong], status="retired")
    _, told = yrdhub.attempt(SUZHOU, "reconcile", "suzhou", "--hold", member=False)
    assert len(told["holds"]) == 1
    registry.operate("misbook", ranges=[wrong], status="available")
    (hold,) = yrdhub(SUZHOU, "reconcile", "confirm", told["reconciliation"], member=False)["holds"]
    assert hold["still_to_sign"] == [SHANGHAI.member]

    def marks() -> int:
        world.index.indexer.follow()
        with world.index.reader.connect() as connection:
            return sum(row.holds for row in connection.execute(select(t.unit_blocks)))

    assert marks() == 1
    yrdhub(SHANGHAI, "hold", "lift", "--add-to", hold["file"])
    assert marks() == 0


def test_confirm__still_wrong__refused_with_the_serials(world: World, yrdhub: Commands) -> None:
    line = line_of(world, SHANGHAI, "available")
    wrong = part(line, 20, 1)
    with misbooked(world, SHANGHAI, [wrong], status="retired"):
        _, told = yrdhub.attempt(SHANGHAI, "reconcile", "shanghai", member=False)
        assert told["to_hold"][0].startswith("yrdhub hold place --reason reconciliation --evidence ")
        code, refused = yrdhub.attempt(SHANGHAI, "reconcile", "confirm", told["reconciliation"], member=False)
    assert (code, refused["error"]) == (65, "still_in_dispute")
    assert f"{wrong['first']}-{wrong['last']}" in refused["message"]


def test_sync__lets_no_record_use_disputed_serials__others_go_on(world: World) -> None:
    """Two retirements after a dispute was found: the one of disputed serials waits for its end, the other goes on."""
    registry = world.registries["shanghai"]
    line = line_of(world, SHANGHAI, "available")
    wrong, other = part(line, 60, 4), part(line, 80, 5)
    purpose = PURPOSE_OF_AN_EVENT["shanghai"]
    registry.operate("misbook", ranges=[wrong], status="retired")
    result = reconcile(world, SHANGHAI)
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    registry.operate("misbook", ranges=[wrong], status="available")
    waits = registry.operate("retire", ranges=[wrong], purpose=purpose, beneficiary="示例活动")["native_id"]
    goes = registry.operate("retire", ranges=[other], purpose=purpose, beneficiary="示例活动")["native_id"]
    registry.sync.run_once()
    held = {row["native_id"]: row for row in registry.journal.held()}
    assert held[waits]["code"] == "serials_disputed"
    assert f"yrdhub reconcile confirm {result.id}" in held[waits]["reason"]["remedy"]
    assert goes not in held

    # the books follow the city's own record, which waits for the dispute alone: both sides can confirm
    one = reconciler(world, SHANGHAI)
    compared, still = one.recheck(registry.journal.open_disputes(result.id))
    assert compared.differences
    assert not still
    one.close_disputes(result.id, "the test", compared)
    registry.sync.run_once()
    assert waits not in {row["native_id"] for row in registry.journal.held()}
    assert reconcile(world, SHANGHAI).status is Status.COMPLETED


def test_schedule__reconciles_when_the_last_is_old_enough__and_says_what_is_wrong(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    one = world.registries["suzhou"]
    reconcile(world, SUZHOU)
    now = one.journal.results(1)[0].started_at
    terminal = Terminal(home=world.home)
    due = ReconcileEvery(terminal, world.index, "suzhou", 86_400, clock=lambda: now + 86_399)
    before = len(one.journal.results())
    due(one.sync, one.adapter, one.journal)
    assert len(one.journal.results()) == before
    with misbooked(world, SUZHOU, [part(line_of(world, SUZHOU, "available"), 2, 1)], status="retired"):
        ReconcileEvery(terminal, world.index, "suzhou", 86_400, clock=lambda: now + 86_400)(
            one.sync, one.adapter, one.journal
        )
    newest = one.journal.results(1)[0]
    assert (len(one.journal.results()), newest.status) == (before + 1, Status.MANUAL_INTERVENTION_REQUIRED)
    assert f"yrdhub reconcile show {newest.id}" in capsys.readouterr().err


def test_schedule__beside_the_watch_of_a_sync__as_the_city_runs_it(world: World) -> None:
    journal = world.registries["suzhou"].journal
    before = {one.id for one in journal.results()}
    words = ["sync", "run", "suzhou", "--watch", "--every", "0.5", "--reconcile-every", "1s"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDHUB_")}
    environment["YRDHUB_PASSWORD_FILE"] = str(password_file(world.home / "keys", SUZHOU))
    watching = subprocess.Popen(
        [sys.executable, "-c", "from hub.cli import main; main()", "--home", str(world.home), *words],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        give_up = time.monotonic() + 60
        while len(fresh := [one for one in journal.results() if one.id not in before]) < 2:
            assert time.monotonic() < give_up, "nothing was reconciled"
            assert watching.poll() is None, watching.communicate()[1]
            time.sleep(0.3)
    finally:
        watching.send_signal(signal.SIGINT)
        said = watching.communicate(timeout=30)[1]
    assert {one.status for one in fresh} == {Status.COMPLETED}
    assert f"reconciled: completed ({fresh[-1].id})" in said
    assert watching.returncode == 0


def test_index_of_an_earlier_version__makes_its_trees_at_the_next_start(world: World) -> None:
    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        before = root_of(connection, SHANGHAI.member)
    with world.index.writer.begin() as connection:
        connection.execute(delete(t.holding_nodes))
        connection.execute(delete(t.holding_roots))
    world.index.indexer.prepare()
    with world.index.reader.connect() as connection:
        assert root_of(connection, SHANGHAI.member) == before


# -------------------------------------------------------------------- the hub's side over HTTP


@pytest.fixture
def client(world: World) -> TestClient:
    return TestClient(create_app(Hub(world.index.reader, world.index.writer, world.deployment, world.node)))


def test_api__state_and_nodes__lead_to_the_root(world: World, client: TestClient) -> None:
    world.index.indexer.follow()
    state = client.get(f"/v1/registries/{SHANGHAI.member}/state", params={"totals": "true"}).json()
    packed = b"".join(bytes.fromhex(one["series"][2:] + one["hash"][2:]) for one in state["series"])
    root = hashlib.sha256(b"\x02" + SHANGHAI.member.to_bytes(3) + packed).hexdigest()
    assert state["root"] == "0x" + root
    for one in state["series"]:
        node = client.get(f"/v1/registries/{SHANGHAI.member}/state/nodes", params={"series": one["series"]}).json()
        text = "".join(f"{run['first']} {run['last']} {run['holder']} {run['status']}\n" for run in node["runs"])
        assert node["leaf"], "a world this small has one leaf a series"
        assert one["hash"] == "0x" + hashlib.sha256(b"\0" + text.encode()).hexdigest()
        counted = sum(run["last"] - run["first"] + 1 for run in node["runs"])
        assert counted == sum(total["serials"] for total in state["totals"] if total["series"] == one["series"])
    at = client.get(f"/v1/registries/{SHANGHAI.member}/state", params={"block": state["since_block"]})
    assert at.json()["root"] == state["root"]
    before = client.get(f"/v1/registries/{SHANGHAI.member}/state", params={"block": state["since_block"] - 1})
    assert before.json()["type"].endswith("state_not_at_hand")


def test_api__results__for_members_only(world: World, client: TestClient) -> None:
    result = reconcile(world, SUZHOU)
    assert client.get("/v1/reconciliations").json()["items"] == []
    assert client.get(f"/v1/reconciliations/{result.id}").status_code == 404
    expires = int(time.time()) + 300
    signer = world.key(SHANGHAI, "voter")
    header = {"Authorization": reading_authorization(signer, world.deployment.domain, expires)}
    listed = client.get("/v1/reconciliations", params={"member": SUZHOU.member}, headers=header).json()["items"]
    assert result.id in [one["reconciliation"] for one in listed]
    answer = client.get(f"/v1/reconciliations/{result.id}", headers=header).json()
    assert answer["entry"]["agree"]
    assert answer["result"] == json.loads(json.dumps(result.record))
