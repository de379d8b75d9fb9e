"""Recognition, what credits enter and are used under: terms together, caps by year, entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.chain import Receipt, Reverted
from tests.contracts.deployment import (
    DAY,
    HANGZHOU,
    HEFEI,
    SHANGHAI,
    SUZHOU,
    Deployment,
    deploy_all,
)
from tests.contracts.filings import file, register
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.recognitions import (
    ALL_USES,
    NEUTRALITY,
    NO_CAP,
    SERIES,
    VOLUNTARY,
    Effect,
    World,
    by_ballot,
    covering,
    recognise,
)

CST = timezone(timedelta(hours=8))


@pytest.fixture(scope="session")
def founded_without_ledger() -> Deployment:
    return deploy_all({"Consortium", "Methodologies", "Projects", "Recognition"})


@pytest.fixture
def world(founded_without_ledger: Deployment) -> Iterator[World]:
    hub = founded_without_ledger
    undo = hub.chain.snapshot()
    methodology = file(hub)
    yield World(hub, methodology, register(hub, methodology).value)
    undo()


# ---------------------------------------------------------------- enter: which terms apply


def test_enter__not_by_the_ledger__refused(world: World) -> None:
    covering(world)
    sender = world.hub.members[SUZHOU].registrars[0]
    with pytest.raises(Reverted) as refused:
        world.hub.recognition.enter(SUZHOU, world.methodology, world.project, SERIES, 1, 1, sender=sender)
    assert (refused.value.error, refused.value.values) == ("NotLedger", {"caller": sender.address.lower()})


def test_enter__methodology_not_recognised__refused(world: World) -> None:
    recognise(world.hub, world.by_project)
    with pytest.raises(Reverted) as refused:
        world.enter()
    assert (refused.value.error, refused.value.values["subject"]) == ("NotRecognised", world.by_methodology)


def test_enter__project_not_recognised_and_not_covered__refused(world: World) -> None:
    recognise(world.hub, world.by_methodology)
    with pytest.raises(Reverted) as refused:
        world.enter()
    assert (refused.value.error, refused.value.values["subject"]) == ("NotRecognised", world.by_project)


def test_enter__recognised_by_another_member_only__refused(world: World) -> None:
    covering(world, SUZHOU)
    with pytest.raises(Reverted) as refused:
        world.enter(HEFEI)
    assert refused.value.values == {"subject": world.by_methodology, "member": HEFEI}


def test_enter__covered__methodology_terms_alone(world: World) -> None:
    covering(world, factorPpm=763_636, uses=1 << VOLUNTARY)
    receipt = world.enter_receipt()
    assert receipt.value == (763_636, 1)
    assert receipt.event("EntryFormed").values == {
        "entry": 1, "member": SUZHOU, "methodology": world.methodology, "project": world.project,
        "series": NO_ID, "issuance": 0, "methodologyTerms": 1, "projectTerms": 0, "issuanceTerms": 0,
        "uses": 1 << VOLUNTARY,
    }  # fmt: skip


@pytest.mark.parametrize("covers", [False, True])
def test_enter__methodology_and_project_terms__lowest_factor_common_uses(world: World, covers: bool) -> None:
    recognise(world.hub, world.by_methodology, factorPpm=800_000, uses=0x4C, coversEveryProject=covers)
    recognise(world.hub, world.by_project, factorPpm=600_000, uses=0x54)
    receipt = world.enter_receipt()
    assert receipt.value == (600_000, 1)
    formed = receipt.event("EntryFormed")
    assert (formed.methodologyTerms, formed.projectTerms, formed.uses) == (1, 2, 0x44)


def test_enter__project_terms_lapsed_though_the_methodology_covers_it__refused(world: World) -> None:
    covering(world)
    recognise(world.hub, world.by_project, validUntil=world.hub.chain.now + 10 * DAY)
    world.enter()
    world.hub.chain.pass_time(10 * DAY)
    with pytest.raises(Reverted) as refused:
        world.enter()
    assert (refused.value.error, refused.value.values["subject"]) == ("TermsLapsed", world.by_project)


def test_enter__validity__from_its_first_second_to_before_its_last(world: World) -> None:
    start = world.hub.chain.now + 30 * DAY
    covering(world, validFrom=start, validUntil=start + DAY)
    recognition = world.hub.recognition
    entry = 0
    for time, stands in ((start - 1, False), (start, True), (start + DAY - 1, True), (start + DAY, False)):
        world.hub.chain.warp(time)
        assert recognition.recognisesMethodology(SUZHOU, world.methodology) is stands
        if stands:
            _, entry = world.enter()
            continue
        with pytest.raises(Reverted) as refused:
            world.enter()
        assert (refused.value.error, refused.value.values) == (
            "TermsLapsed",
            {"subject": world.by_methodology, "member": SUZHOU, "validFrom": start, "validUntil": start + DAY},
        )
    recognition.requireUse(entry, VOLUNTARY)
    recognition.requireMove(entry, False)


# ---------------------------------------------------------------- enter: entries


def test_enter__same_terms_again__same_entry_without_an_event(world: World) -> None:
    covering(world)
    _, entry = world.enter()
    again = world.enter_receipt(issuance=77)
    assert again.value == (1_000_000, entry)
    assert again.events == []


def test_enter__other_project_member_or_terms__other_entries(world: World) -> None:
    other = register(world.hub, world.methodology, "roof 2").value
    covering(world, SUZHOU)
    covering(world, HANGZHOU)
    entered = [world.enter()[1], world.enter(project=other)[1], world.enter(HANGZHOU)[1]]
    recognise(world.hub, world.by_project)
    entered.append(world.enter()[1])
    covering(world, SUZHOU)
    entered.append(world.enter()[1])
    assert entered == [1, 2, 3, 4, 5]


# ---------------------------------------------------------------- enter: caps


def test_enter__cap__drawn_to_the_last_kg_and_not_beyond(world: World) -> None:
    covering(world, annualCapKg=1_000)
    receipt = world.enter_receipt(kg=600)
    assert receipt.event("CapDrawn").values == {"terms": 1, "year": 2026, "arrivingKg": 600, "arrivedKg": 600}
    with pytest.raises(Reverted) as refused:
        world.enter(kg=401)
    assert (refused.value.error, refused.value.values) == (
        "CapExceeded",
        {
            "subject": world.by_methodology, "member": SUZHOU, "year": 2026,
            "arrived": 600, "arriving": 401, "capKg": 1_000,
        },
    )  # fmt: skip
    world.enter(kg=400)
    assert world.hub.recognition.arrivedKg(1, 2026) == 1_000


def test_enter__several_caps__each_drawn_and_the_tightest_refuses(world: World) -> None:
    recognise(world.hub, world.by_methodology, annualCapKg=1_000)
    recognise(world.hub, world.by_project, annualCapKg=500)
    world.enter(kg=500)
    assert [world.hub.recognition.arrivedKg(number, 2026) for number in (1, 2)] == [500, 500]
    with pytest.raises(Reverted) as refused:
        world.enter(kg=1)
    assert refused.value.values["subject"] == world.by_project
    assert [world.hub.recognition.arrivedKg(number, 2026) for number in (1, 2)] == [500, 500]


def test_enter__cap_near_the_end_of_its_type__no_overflow(world: World) -> None:
    covering(world, annualCapKg=NO_CAP - 1)
    world.enter(kg=NO_CAP - 1)
    with pytest.raises(Reverted, match="CapExceeded"):
        world.enter(kg=NO_CAP)


def test_enter__no_cap__nothing_counted(world: World) -> None:
    covering(world)
    world.enter(kg=NO_CAP)
    world.enter(kg=NO_CAP)
    assert world.hub.recognition.arrivedKg(1, 2026) == 0


def test_enter__cap__of_each_calendar_year_in_utc_plus_8(world: World) -> None:
    covering(world, annualCapKg=100, validUntil=2**40 - 1)
    midnight = int(datetime(2027, 1, 1, tzinfo=CST).timestamp())
    assert datetime.fromtimestamp(midnight, UTC).isoformat() == "2026-12-31T16:00:00+00:00"
    world.hub.chain.warp(midnight - 1)
    world.enter(kg=100)
    with pytest.raises(Reverted, match="CapExceeded"):
        world.enter(kg=1)
    world.hub.chain.warp(midnight)
    world.enter(kg=100)
    assert [world.hub.recognition.arrivedKg(1, year) for year in (2025, 2026, 2027, 2028)] == [0, 100, 100, 0]


def test_enter__year__as_the_standard_library_has_it_from_2000_to_2100() -> None:
    hub = deploy_all({"Consortium", "Methodologies", "Projects", "Recognition"}, start=FIRST_OF_2000)
    methodology = file(hub)
    world = World(hub, methodology, register(hub, methodology).value)
    covering(world, annualCapKg=NO_CAP - 1, validUntil=2**40 - 1)
    for year in range(2000, 2101):
        for moment in (
            datetime(year, 2, 28, 23, 59, 59, tzinfo=CST),
            datetime(year, 3, 1, tzinfo=CST),
            datetime(year, 7, 1, 12, tzinfo=CST),
            datetime(year, 12, 31, 23, 59, 59, tzinfo=CST),
            datetime(year + 1, 1, 1, tzinfo=CST),
        ):
            hub.chain.warp(int(moment.timestamp()))
            assert world.enter_receipt(kg=1).event("CapDrawn").year == moment.year, moment


FIRST_OF_2000 = int(datetime(2000, 1, 1, tzinfo=CST).timestamp())


# ---------------------------------------------------------------- use and move


def test_require_use__purpose_not_among_the_uses__not_permitted(world: World) -> None:
    covering(world, uses=1 << VOLUNTARY)
    _, entry = world.enter()
    world.hub.recognition.requireUse(entry, VOLUNTARY)
    for purpose in (0, NEUTRALITY, 9, 16, 255):
        with pytest.raises(Reverted) as refused:
            world.hub.recognition.requireUse(entry, purpose)
        assert (refused.value.error, refused.value.values) == (
            "UseNotPermitted", {"purpose": purpose, "uses": 1 << VOLUNTARY},
        )  # fmt: skip


def test_require_use__wider_terms_voted_later__the_entry_keeps_its_own(world: World) -> None:
    covering(world, uses=1 << VOLUNTARY)
    _, entry = world.enter()
    covering(world, uses=ALL_USES)
    with pytest.raises(Reverted, match="UseNotPermitted"):
        world.hub.recognition.requireUse(entry, NEUTRALITY)


def test_require_use__project_suspended_that_was_recognised_after_the_entry__suspended(world: World) -> None:
    covering(world)
    _, entry = world.enter()
    recognise(world.hub, world.by_project)
    by_ballot(world.hub, "suspend", world.by_project)
    with pytest.raises(Reverted, match="RecognitionSuspended"):
        world.hub.recognition.requireUse(entry, VOLUNTARY)


@pytest.mark.parametrize("entry", [0, 1, 2**32 - 1])
def test_require__entry_that_was_never_formed__not_recognised(world: World, entry: int) -> None:
    calls: tuple[Callable[[], Any], ...] = (
        lambda: world.hub.recognition.requireUse(entry, VOLUNTARY),
        lambda: world.hub.recognition.requireMove(entry, False),
        lambda: world.hub.recognition.requireMove(entry, True),
    )
    for call in calls:
        with pytest.raises(Reverted, match="NotRecognised"):
            call()


# ---------------------------------------------------------------- one issuance, with the real ledger


@dataclass
class Issued:
    """Ten tonnes of Shanghai as two issuances of five, each with its own block."""

    methodology: bytes
    project: bytes
    series: bytes
    issuances: tuple[bytes, bytes]


@pytest.fixture
def issued(hub: Deployment) -> Issued:
    registrar = hub.members[SHANGHAI].registrars[0]
    methodology = file(hub)
    project = register(hub, methodology).value
    native = keccak(text="series")
    series = hub.ledger.registerSeries(SHANGHAI, native, 1, hub.request(), sender=registrar).value
    verified = {
        "request": hub.request(), "native": keccak(text="verification"), "project": project,
        "periodStart": 20_454, "periodEnd": 20_483, "verifiedKg": 10_000, "document": keccak(text="report"),
        "predecessor": 0, "externalLock": ZERO,
    }  # fmt: skip
    verification = hub.ledger.verify(verified, sender=registrar).value
    for first, predecessor in ((1, 0), (5_001, 1)):
        asked = {
            "request": hub.request(), "series": series, "first": first, "last": first + 4_999,
            "predecessor": predecessor, "verification": verification, "vintage": 2026,
            "origin": keccak(text=f"origin {first}"), "document": keccak(text=f"issuance {first}"), "reissueOf": 0,
        }  # fmt: skip
        hub.ledger.issue(asked, sender=registrar)
    subjects = tuple(ids.subject(ids.ISSUANCE, series, first) for first in (1, 5_001))
    return Issued(methodology, project, series, (subjects[0], subjects[1]))


def move_to_suzhou(hub: Deployment, issued: Issued, first: int, last: int, block_first: int) -> Receipt:
    proposal = {
        "request": hub.request(), "series": issued.series, "blockFirst": block_first, "first": first, "last": last,
        "to": SUZHOU, "deadline": hub.chain.now + 10 * DAY,
    }  # fmt: skip
    transfer = hub.ledger.propose(proposal, sender=hub.members[SHANGHAI].registrars[0]).value
    hub.chain.pass_time(2 * DAY)
    receipt: Receipt = hub.ledger.accept(transfer, hub.request(), sender=hub.members[SUZHOU].registrars[0])
    return receipt


def test_recognise__issuance_unknown__not_recognisable(hub: Deployment, issued: Issued) -> None:
    for never in (ids.subject(ids.ISSUANCE, issued.series, 2), ids.subject(ids.ISSUANCE, NO_ID, 1)):
        with pytest.raises(Reverted, match="SubjectNotRecognisable"):
            recognise(hub, never)


def test_recognise__its_own_issuance__home_needs_none(hub: Deployment, issued: Issued) -> None:
    with pytest.raises(Reverted, match="HomeNeedsNone"):
        recognise(hub, issued.issuances[0], SHANGHAI)


def test_accept__issuance_with_terms_of_its_own__under_all_three(hub: Deployment, issued: Issued) -> None:
    recognise(hub, ids.subject(ids.METHODOLOGY, issued.methodology), factorPpm=900_000, uses=0x4E)
    recognise(hub, ids.subject(ids.PROJECT, issued.project), factorPpm=800_000, uses=0x5C)
    recognise(hub, issued.issuances[0], factorPpm=500_000, uses=0x6C, annualCapKg=1_000)
    receipt = move_to_suzhou(hub, issued, 1, 1_000, 1)
    formed = receipt.event("EntryFormed")
    assert (formed.series, formed.issuance, formed.uses) == (issued.series, 1, 0x4C)
    assert (formed.methodologyTerms, formed.projectTerms, formed.issuanceTerms) == (1, 2, 3)
    accepted = receipt.event("TransferAccepted")
    assert (accepted.factorPpm, accepted.keptLast, accepted.arrivingKg) == (500_000, 500, 1_000)
    with pytest.raises(Reverted) as refused:
        move_to_suzhou(hub, issued, 1_001, 1_001, 1_001)
    assert (refused.value.error, refused.value.values["subject"]) == ("CapExceeded", issued.issuances[0])
    other = move_to_suzhou(hub, issued, 5_001, 6_000, 5_001)
    assert other.event("TransferAccepted").factorPpm == 800_000
    assert other.event("EntryFormed").issuance == 0


def test_retire__issuance_revoked__refused_by_its_name(hub: Deployment, issued: Issued) -> None:
    recognise(hub, ids.subject(ids.METHODOLOGY, issued.methodology), coversEveryProject=True)
    recognise(hub, issued.issuances[0])
    entry = move_to_suzhou(hub, issued, 1, 1_000, 1).event("TransferAccepted").entry
    hub.recognition.requireUse(entry, VOLUNTARY)
    by_ballot(hub, "revoke", issued.issuances[0], Effect.FROZEN)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: hub.recognition.requireUse(entry, VOLUNTARY),
        lambda: hub.recognition.requireMove(entry, True),
    )
    for call in calls:
        with pytest.raises(Reverted) as refused:
            call()
        assert refused.value.values["subject"] == issued.issuances[0]
    retirement = {
        "request": hub.request(), "series": issued.series, "blockFirst": 1, "first": 1, "last": 10,
        "purpose": VOLUNTARY, "beneficiary": keccak(text="salted"), "complianceYear": 0,
    }  # fmt: skip
    with pytest.raises(Reverted, match="RecognitionRevoked"):
        hub.ledger.retire(retirement, sender=hub.members[SUZHOU].registrars[0])
