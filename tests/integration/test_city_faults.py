"""What befalls a whole city, end to end on its real transport: nothing lost, nothing twice, the operator sees why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapters.protocol import SeesBookings
from adapters.sync.dead_letters import all_held, put_back, retry
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import OfficerOrder
from hub.db import tables as t
from mutual_recognition import identifiers as ids
from mutual_recognition.reconciliation import Status
from tests.integration.consortium import CDM, DAY
from tests.integration.four_cities import MEMBERS, Breaking, CityOffice, CityWorld, open_city_world

pytestmark = pytest.mark.slow

EVERY_CITY = pytest.mark.parametrize("name", MEMBERS)
OTHER = {"shanghai": "suzhou", "suzhou": "hangzhou", "hangzhou": "hefei", "hefei": "shanghai"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CityWorld]:
    """Four registries on one chain; every test leaves them at rest and equal."""
    with open_city_world(tmp_path_factory.mktemp("cities")) as world:
        yield world


@pytest.fixture
def pair(world: CityWorld, name: str) -> tuple[CityOffice, CityOffice]:
    """The city of the test and the one that it trades with, with something issued."""
    city, other = world.offices[name], world.offices[OTHER[name]]
    for office in (city, other):
        office.operate("issue", verification=office.verification, quantity_kg=100 * size_of(office))
    world.until_quiet([city, other])
    return city, other


def size_of(office: CityOffice) -> int:
    """kg a serial."""
    return 1000 if office.name == "suzhou" else 1


def newest(office: CityOffice, count: int, *, skip: int = 0) -> dict[str, Any]:
    """Serials of the registry's newest issuance, as its staff names them."""
    issued = office.process.records("issuance")[-1]
    first = issued["serial_first"] + skip
    fields = {"home_member": f"{office.member}", "series": issued["series"], "kg_per_serial": size_of(office)}
    return fields | {"first": first, "last": first + count - 1}


def send(office: CityOffice, other: CityOffice, count: int, *, skip: int = 0) -> str:
    """A transfer out that the registry's staff asks for; its number."""
    ranges = [newest(office, count, skip=skip)]
    return str(office.operate("request-transfer", ranges=ranges, to_member=str(other.member))["native_id"])


def on_chain(world: CityWorld) -> Counter[str]:
    """How often each event that carries a request was seen."""
    world.index.indexer.follow()
    with world.index.reader.connect() as connection:
        return Counter(connection.execute(select(t.requests.c.event)).scalars())


def assert_equal(world: CityWorld, *offices: CityOffice) -> None:
    """Laws, roots over the adapter, and the operators' own books."""
    for office in offices:
        result = office.reconcile()
        assert result.status is Status.COMPLETED, result.record["findings"]
        assert result.record["registry_root"] == result.record["chain_root"]
    world.assert_laws()
    for office in offices:
        world.assert_books_are_the_chains(office)


def transfer_of(office: CityOffice, native_id: str) -> dict[str, Any]:
    return next(one for one in office.process.records("transfer_out") if one["native_id"] == native_id)


# -------------------------------------------------------------------- restored from last week's backup


@EVERY_CITY
def test_restored_from_last_weeks_backup__seen__told_anew__nothing_twice(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice]
) -> None:
    city, other = pair
    sent, received = send(city, other, 10), send(other, city, 20)
    city.publish()
    city.operate("backup", name="last_week")
    world.until_quiet([city, other])
    issued = city.operate("issue", verification=city.verification, quantity_kg=7 * size_of(city))
    world.until_quiet([city, other])
    assert_equal(world, city, other)
    before = on_chain(world)

    city.operate("restore", name="last_week")
    city.publish()
    report = city.sync()
    if name == "hefei":  # a workbook has no cursor: the rows that went are named one by one
        with city.journal() as journal:
            gone = {row["value"] for row in journal.faults() if row["code"] == "row_vanished"}
        assert issued["native_id"] in gone
    else:
        assert any("restored from a backup" in trouble for trouble in report.trouble)
        assert any("yrdhub sync restored" in trouble for trouble in report.trouble)
    assert on_chain(world) == before

    with city.journal() as journal, closing(city.adapter()) as adapter:
        told = put_back(journal, adapter if isinstance(adapter, SeesBookings) else None)
    assert told >= 3, "proposal and completion of the one sent, arrival and completion of the one received, lost"
    world.until_quiet([city, other])
    assert on_chain(world) == before, "nothing goes to the chain twice"
    assert transfer_of(city, sent)["status"] == "accepted"
    assert transfer_of(other, received)["status"] == "accepted"

    # what was issued after the backup is on the chain and no longer in the books: told to the serial
    result = city.reconcile()
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    ((first, last, cause),) = [(one.difference.first, one.difference.last, one.cause.value) for one in result.findings]
    assert (first, last, cause) == (issued["serial_first"], issued["serial_last"], "lost_in_books")
    again = city.operate("issue", verification=city.verification, quantity_kg=7 * size_of(city))
    assert again["serial_first"] == issued["serial_first"]
    with city.journal() as journal:
        journal.settle_disputes(result.id)
    world.until_quiet([city, other])
    assert on_chain(world) == before
    assert_equal(world, city, other)


# -------------------------------------------------------------------- reversed at home while in transit


@EVERY_CITY
def test_reversed_at_home_while_in_transit__held_with_the_reason__the_transfer_ends__then_it_goes(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice]
) -> None:
    city, other = pair
    other.operate("incoming-policy", policy="manual")
    sent = send(city, other, 10)
    world.until_quiet([city, other])
    issuance = city.process.records("issuance")[-1]["native_id"]
    wrong = newest(city, 4, skip=3)
    reversal = city.operate("correct", issuance=issuance, ranges=[wrong], reason="示例更正", force=True)["native_id"]
    world.until_quiet([city, other])

    # the chain does not rewrite what is in transit: it says so, to the operator and to the registry
    (held,) = [one for one in _held(city) if one.key.startswith(reversal)]
    assert held.code
    assert held.todo
    result = city.reconcile()
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    assert [(one.difference.first, one.difference.last) for one in result.findings] == [(wrong["first"], wrong["last"])]
    world.assert_laws()
    with city.journal() as journal:
        journal.settle_disputes(result.id)

    city.operate("withdraw-transfer", native_id=sent)
    world.until_quiet([city, other])
    assert transfer_of(city, sent)["status"] in ("withdrawn", "corrected")
    with city.journal() as journal:
        retry(journal, [held.key])
    world.until_quiet([city, other])
    other.operate("incoming-policy", policy="accept")
    assert city.held() == {}
    assert_equal(world, city, other)


def _held(office: CityOffice) -> list[Any]:
    with office.journal() as journal:
        return list(all_held(journal, office.name))


# -------------------------------------------------------------------- keys, second machines, clocks


def give_office(world: CityWorld, city: CityOffice, roles: dict[LocalSigner, Role]) -> None:
    """The member changes its own officers, by an order that its voter signs."""
    hub, voter = world.hub, world.hub.signers[city.member]
    for signer, role in roles.items():
        request = "0x" + ids.native_key("office", signer.address, str(hub.node.head().number)).hex()
        order = OfficerOrder(city.member, signer.address, int(role), hub.now() + 900 * DAY, request, hub.now() + 600)
        hub.send(CDM, "Consortium", "setOfficer", [order, sign_order(voter, order, hub.deployment.domain)])


@EVERY_CITY
def test_key_rotated_in_mid_run__everything_waits_and_says_so__the_new_key_goes_on(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice]
) -> None:
    city, other = pair
    send(city, other, 5)
    old, new = city.signer, LocalSigner.random()
    give_office(world, city, {new: Role.REGISTRAR, old: Role.VOTER})
    try:
        before = on_chain(world)["TransferProposed"]
        report = city.sync()
        assert any("NotOfficer" in trouble and "keys folder" in trouble for trouble in report.trouble)
        assert set(city.held().values()) == {"NotOfficer"}
        assert on_chain(world)["TransferProposed"] == before
        city.signer = new
        world.until_quiet([city, other])
        assert city.held() == {}
        assert on_chain(world)["TransferProposed"] == before + 1
        assert_equal(world, city, other)
    finally:  # for the tests that follow
        give_office(world, city, {old: Role.VOTER | Role.REGISTRAR})
        city.signer = old


@EVERY_CITY
def test_second_machine_with_a_journal_of_its_own__at_the_same_time__each_record_and_effect_once(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice], tmp_path: Path
) -> None:
    city, other = pair
    second = replace(city, journal_file=tmp_path / "second.sqlite")
    world.until_quiet([second])
    before = on_chain(world)
    sent = send(city, other, 6)
    world.passes([(city, Breaking()), (second, Breaking())])
    world.until_quiet([city, second, other])
    world.until_quiet([city, second, other])
    assert on_chain(world)["TransferProposed"] == before["TransferProposed"] + 1
    assert on_chain(world)["Issued"] == before["Issued"]
    transfer = transfer_of(city, sent)
    assert (transfer["status"], len(transfer["references"])) == ("accepted", 1)
    assert city.held() == {}
    assert_equal(world, city, other)


@EVERY_CITY
@pytest.mark.parametrize("days", [1, -1])
def test_clock_a_day_off__told_apart_in_the_health__and_nothing_else_changes(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice], days: int
) -> None:
    city, other = pair
    city.process.fault("clock_skew", times=None, seconds=days * DAY)
    sent = send(city, other, 5)
    city.operate("issue", verification=city.verification, quantity_kg=3 * size_of(city))
    world.until_quiet([city, other])
    with closing(city.adapter()) as adapter:
        health = adapter.health()
    assert health.reachable
    if name != "hefei":  # a workbook has no clock, its rows have the days that people typed
        assert abs(int(health.facts["clock_skew_seconds"]) - days * DAY) < 60
    assert transfer_of(city, sent)["status"] == "accepted"
    city.process.clear_faults()
    assert city.held() == {}
    assert_equal(world, city, other)


# -------------------------------------------------------------------- away for an hour


@EVERY_CITY
def test_away_for_an_hour__said__the_chain_side_goes_on__then_everything_comes_once(
    world: CityWorld, name: str, pair: tuple[CityOffice, CityOffice]
) -> None:
    city, other = pair
    incoming = send(other, city, 5)
    sent = send(city, other, 5)
    with city.journal() as journal:
        succeeded = journal.get("registry_success_at")
    hidden = _goes_away(city)
    other.sync()
    for _ in range(3):
        report = city.sync_as_it_is()
        assert report.trouble
    with city.journal() as journal:
        assert journal.get("registry_reachable") == "no"
        assert journal.get("registry_success_at") == succeeded
    _comes_back(city, hidden)
    world.until_quiet([city, other])  # an hour later: what waited is due
    assert transfer_of(city, sent)["status"] == "accepted"
    assert transfer_of(other, incoming)["status"] == "accepted"
    assert city.held() == {}
    assert_equal(world, city, other)


def _goes_away(office: CityOffice) -> Path | None:
    match office.name:
        case "shanghai":
            office.process.fault("server_error", times=None)
        case "hangzhou":
            office.process.fault("connection_refused", seconds=3600)
        case _:
            place = office.process.folder if office.name == "suzhou" else office.process.workbook.parent
            return place.rename(place.with_name(f"away-{place.name}"))
    return None


def _comes_back(office: CityOffice, hidden: Path | None) -> None:
    if hidden is None:
        office.process.clear_faults()
        return
    hidden.rename(hidden.with_name(hidden.name.removeprefix("away-")))


# -------------------------------------------------------------------- edited while it is read


@pytest.mark.parametrize("name", ["shanghai", "suzhou", "hangzhou"])
def test_edited_while_it_is_read__every_version_once(world: CityWorld, name: str) -> None:
    city = world.offices[name]
    project = city.process.records("project")[0]["native_id"]
    seen: Counter[tuple[str, str, int]] = Counter()
    with closing(city.adapter()) as adapter:
        cursor = ""
        for number, page in enumerate(adapter.read(cursor)):
            seen.update((record.kind, record.native_id, record.version) for record in page.records)
            cursor = page.cursor
            if number < 2:
                city.operate("edit-project", native_id=project, changes={"co_benefits": f"示例 {name} {number}"})
                city.publish()
        for page in adapter.read(cursor):
            seen.update((record.kind, record.native_id, record.version) for record in page.records)
        again = Counter((r.kind, r.native_id, r.version) for page in adapter.read("") for r in page.records)
    assert set(seen.values()) == {1}
    assert seen == again
    world.until_quiet([city])
    assert_equal(world, city)


# -------------------------------------------------------------------- what no retry settles


def test_reversed_at_home_and_accepted_all_the_same__nothing_counted_twice__both_see_the_difference(
    world: CityWorld,
) -> None:
    """The other city was faster: what left is a case of late invalidation, which nobody books away."""
    city, other = world.offices["shanghai"], world.offices["suzhou"]
    city.operate("issue", verification=city.verification, quantity_kg=100)
    other.operate("incoming-policy", policy="manual")
    world.until_quiet([city, other])
    city.operate("backup", name="before_the_case")
    sent = send(city, other, 10)
    world.until_quiet([city, other])
    issuance = city.process.records("issuance")[-1]["native_id"]
    wrong = newest(city, 4, skip=3)
    city.operate("correct", issuance=issuance, ranges=[wrong], reason="示例更正", force=True)
    waiting = [one for one in other.process.records("transfer_in") if one["status"] == "pending"]
    (incoming,) = waiting
    other.operate("decide-transfer", native_id=incoming["native_id"], decision="accept")
    world.until_quiet([city, other])

    world.assert_laws()
    assert_equal(world, other)
    kinds = {one.family.value: one for one in _held(city)}
    assert kinds["effect"].code == "refused_by_registry"
    assert "transfer completed" in kinds["effect"].what
    assert kinds["record"].code
    assert transfer_of(city, sent)["status"] == "submitted"
    result = city.reconcile()
    assert result.status is Status.MANUAL_INTERVENTION_REQUIRED
    differing = sum(one.difference.last - one.difference.first + 1 for one in result.findings)
    assert differing == 10, "the ten serials, and only these"

    # the city puts its books back to before its mistake, and is told what happened since
    city.operate("restore", name="before_the_case")
    send(city, other, 10)
    with city.journal() as journal:
        journal.settle_disputes(result.id)
        put_back(journal)
        retry(journal, [kinds["effect"].key])
    other.operate("incoming-policy", policy="accept")
    world.until_quiet([city, other])
    assert_equal(world, city, other)
