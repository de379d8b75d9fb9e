"""Holds: one test per verb and refusal, on records of Shanghai and one project of Suzhou (illustrative)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.contracts import filings, ids, orders
from tests.contracts.chain import Key, Receipt, Reverted
from tests.contracts.deployment import (
    CDM,
    DAY,
    FOREVER,
    GUANGDONG,
    HANGZHOU,
    HEFEI,
    SHANGHAI,
    SUZHOU,
    ZERO,
    BallotKind,
    Deployment,
)

DUPLICATE = 1
EVIDENCE = keccak(text="evidence")
UNKNOWN_PROJECT = ids.record_id(ids.PROJECT, SUZHOU, keccak(text="never registered"))


@dataclass(frozen=True)
class Records:
    """Subjects that stand: what a hold can name."""

    methodology: bytes
    project: bytes
    block: bytes
    issuance: bytes
    elsewhere: bytes

    @property
    def series(self) -> bytes:
        return self.block[1:13]


@pytest.fixture
def records(hub: Deployment) -> Records:
    methodology = filings.file(hub)
    project = filings.register(hub, methodology).value
    elsewhere = filings.register(hub, filings.file(hub, member=SUZHOU), member=SUZHOU).value
    registrar = hub.members[SHANGHAI].registrars[0]
    series = hub.ledger.registerSeries(SHANGHAI, keccak(text="series"), 1000, hub.request(), sender=registrar).value
    verified = {
        "request": hub.request(),
        "native": keccak(text="first period"),
        "project": project,
        "periodStart": filings.CREDITING_START,
        "periodEnd": filings.CREDITING_START + 364,
        "verifiedKg": 100_000,
        "document": keccak(text="verification report"),
        "predecessor": 0,
        "externalLock": ZERO,
    }
    verification = hub.ledger.verify(verified, sender=registrar).value
    issued = {
        "request": hub.request(),
        "series": series,
        "first": 1,
        "last": 100,
        "predecessor": 0,
        "verification": verification,
        "vintage": 2026,
        "origin": keccak(text="issuance record"),
        "document": keccak(text="issuance document"),
        "reissueOf": 0,
    }
    hub.ledger.issue(issued, sender=registrar)
    return Records(
        methodology=ids.subject(ids.METHODOLOGY, methodology),
        project=ids.subject(ids.PROJECT, project),
        block=ids.subject(ids.BLOCK, series, 1),
        issuance=ids.subject(ids.ISSUANCE, series, 1),
        elsewhere=ids.subject(ids.PROJECT, elsewhere),
    )


def voter(hub: Deployment, member: int) -> Key:
    return hub.members[member].voters[0]


def hold_order(hub: Deployment, *subjects: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "member": HEFEI,
        "subjects": list(subjects),
        "reason": DUPLICATE,
        "evidence": EVIDENCE,
        "until": hub.chain.now + 10 * DAY,
        "request": hub.request(),
        "deadline": hub.chain.now + DAY,
    } | changes


def place(hub: Deployment, order: dict[str, Any], key: Key | None = None) -> Receipt:
    signature = hub.sign("HoldOrder", order, key or voter(hub, order["member"]))
    receipt: Receipt = hub.holds.place(order, signature, sender=hub.anyone)
    return receipt


def lift(hub: Deployment, hold: bytes, placing: Key, *homes: Key) -> Receipt:
    order = {"hold": hold, "request": hub.request(), "deadline": hub.chain.now + DAY}
    signatures = [hub.sign("LiftOrder", order, home) for home in homes]
    receipt: Receipt = hub.holds.lift(order, hub.sign("LiftOrder", order, placing), signatures, sender=hub.anyone)
    return receipt


def place_by_ballot(hub: Deployment, *subjects: bytes, until: int = FOREVER) -> tuple[bytes, bytes]:
    """Answers the ballot and the hold."""
    action = hub.holds.action("placeByBallot", list(subjects), DUPLICATE, EVIDENCE, until, hub.request())
    ballot, receipt = hub.pass_ballot(BallotKind.HOLD, [action])
    return ballot, receipt.event("HoldPlaced").hold


def marks(hub: Deployment, records: Records) -> tuple[int, int, int, int]:
    """Marks on the methodology, the project, the block and Suzhou's project."""
    return (
        hub.methodologies.getMethodology(records.methodology[1:13]).holds,
        hub.projects.getProject(records.project[1:13]).holds,
        hub.ledger.getBlock(records.series, 1).holds,
        hub.projects.getProject(records.elsewhere[1:13]).holds,
    )


# -------------------------------------------------------------------- placing


def test_place__by_a_voter_of_any_member__marks_every_subject(hub: Deployment, records: Records) -> None:
    order = hold_order(hub, records.methodology, records.project, records.block, records.elsewhere)
    receipt = place(hub, order)
    placed = receipt.event("HoldPlaced")
    assert receipt.value == placed.hold == orders.struct_hash("HoldOrder", order)
    assert (placed.member, placed.reason, placed.evidence, placed.ballot) == (HEFEI, DUPLICATE, EVIDENCE, ZERO)
    assert (placed.until, placed.request) == (order["until"], order["request"])
    assert marks(hub, records) == (1, 1, 1, 1)
    hold = hub.holds.getHold(receipt.value)
    assert (hold.member, hold.placedAt, hold.ended) == (HEFEI, hub.chain.now, False)
    assert list(hold.subjects) == order["subjects"]


def test_place__held_block__cannot_be_retired(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.block))
    retirement = {
        "request": hub.request(),
        "series": records.series,
        "blockFirst": 1,
        "first": 1,
        "last": 100,
        "purpose": 6,
        "beneficiary": keccak(text="commitment"),
        "complianceYear": 0,
    }
    with pytest.raises(Reverted, match="BlockHeld"):
        hub.ledger.retire(retirement, sender=hub.members[SHANGHAI].registrars[0])


def test_place__by_an_associate__marks(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.project, member=GUANGDONG))
    assert marks(hub, records) == (0, 1, 0, 0)


def test_place__by_a_programme__reverts(hub: Deployment, records: Records) -> None:
    with pytest.raises(Reverted, match="KindNotPermitted"):
        place(hub, hold_order(hub, records.project, member=CDM))


def test_place__while_paused__marks(hub: Deployment, records: Records) -> None:
    hub.pass_ballot(BallotKind.PAUSE, [hub.consortium.action("pauseByBallot", FOREVER, ZERO)])
    place(hub, hold_order(hub, records.project))
    assert marks(hub, records) == (0, 1, 0, 0)


def test_place__by_a_registrar_or_another_member__reverts(hub: Deployment, records: Records) -> None:
    for key in (hub.members[HEFEI].registrars[0], voter(hub, SUZHOU)):
        with pytest.raises(Reverted, match="NotOfficer"):
            place(hub, hold_order(hub, records.project), key)


@pytest.mark.parametrize(("member", "error"), [(0, "MemberUnknown"), (320200, "MemberUnknown")])
def test_place__for_no_member__reverts(hub: Deployment, records: Records, member: int, error: str) -> None:
    with pytest.raises(Reverted, match=error):
        place(hub, hold_order(hub, records.project, member=member), voter(hub, HEFEI))


def test_place__altered_after_signing__reverts(hub: Deployment, records: Records) -> None:
    order = hold_order(hub, records.project)
    signature = hub.sign("HoldOrder", order, voter(hub, HEFEI))
    for altered in ({"subjects": [records.block]}, {"subjects": [records.project] * 2}, {"until": order["until"] + 1}):
        with pytest.raises(Reverted, match="NotOfficer"):
            hub.holds.place(order | altered, signature, sender=hub.anyone)


def test_place__order_replayed_after_the_hold_ended__reverts(hub: Deployment, records: Records) -> None:
    order = hold_order(hub, records.project, deadline=FOREVER)
    lift(hub, place(hub, order).value, voter(hub, HEFEI), voter(hub, SHANGHAI))
    with pytest.raises(Reverted, match="OrderRepeated"):
        place(hub, order)


def test_place__same_evidence_again__reverts(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.project))
    with pytest.raises(Reverted, match="EvidenceSpent") as refusal:
        place(hub, hold_order(hub, records.block))
    assert refusal.value.values == {"member": HEFEI, "evidence": EVIDENCE}


def test_place__same_evidence_by_another_member__holds_beside_it(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.project))
    place(hub, hold_order(hub, records.project, member=SUZHOU))
    assert marks(hub, records) == (0, 2, 0, 0)


def test_place__after_the_orders_deadline__reverts(hub: Deployment, records: Records) -> None:
    order = hold_order(hub, records.project)
    hub.chain.pass_time(DAY + 1)
    with pytest.raises(Reverted, match="OrderExpired"):
        place(hub, order)


@pytest.mark.parametrize("seconds", [0, 30 * DAY + 1])
def test_place__over_already_or_longer_than_30_days__reverts(hub: Deployment, records: Records, seconds: int) -> None:
    with pytest.raises(Reverted, match="HoldTooLong") as refusal:
        place(hub, hold_order(hub, records.project, until=hub.chain.now + seconds))
    assert refusal.value.values["latest"] == hub.chain.now + 30 * DAY


def test_place__30_days__holds(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.project, until=hub.chain.now + 30 * DAY))
    assert marks(hub, records) == (0, 1, 0, 0)


@pytest.mark.parametrize("change", [{"reason": 0}, {"evidence": ZERO}], ids=["reason", "evidence"])
def test_place__without_reason_or_evidence__reverts(hub: Deployment, records: Records, change: dict[str, Any]) -> None:
    with pytest.raises(Reverted, match="HoldReasonMissing"):
        place(hub, hold_order(hub, records.project, **change))


@pytest.mark.parametrize("count", [0, 51])
def test_place__no_or_too_many_subjects__reverts(hub: Deployment, records: Records, count: int) -> None:
    with pytest.raises(Reverted, match="HoldSubjectsInvalid") as refusal:
        place(hub, hold_order(hub, *[records.project] * count))
    assert refusal.value.values["count"] == count


def test_place__subject_of_another_kind__reverts(hub: Deployment, records: Records) -> None:
    for subject in (records.issuance, ZERO, b"\xff" * 32):
        with pytest.raises(Reverted, match="SubjectNotHoldable"):
            place(hub, hold_order(hub, records.project, subject))
    assert marks(hub, records) == (0, 0, 0, 0)


def test_place__record_that_does_not_exist__reverts_and_spends_nothing(hub: Deployment, records: Records) -> None:
    absent = ids.subject(ids.PROJECT, UNKNOWN_PROJECT)
    with pytest.raises(Reverted, match="SubjectUnknown"):
        place(hub, hold_order(hub, records.project, absent))
    place(hub, hold_order(hub, records.project))


def test_mark__by_anybody_but_holds__reverts(hub: Deployment, records: Records) -> None:
    for register, subject in (
        (hub.methodologies, records.methodology),
        (hub.projects, records.project),
        (hub.ledger, records.block),
    ):
        with pytest.raises(Reverted, match="NotHolds"):
            register.mark(subject, -1, sender=hub.members[SHANGHAI].registrars[0])


# -------------------------------------------------------------------- lifting


def test_lift__placing_and_home_agree__unmarks(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.methodology, records.project, records.block)).value
    lifted = lift(hub, hold, voter(hub, HEFEI), voter(hub, SHANGHAI)).event("HoldLifted")
    assert (lifted.hold, lifted.ballot) == (hold, ZERO)
    assert marks(hub, records) == (0, 0, 0, 0)
    assert hub.holds.getHold(hold).ended


def test_lift__subjects_of_two_homes__needs_both_in_order(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block, records.elsewhere, records.project)).value
    for homes in ([SHANGHAI, SHANGHAI], [SUZHOU, SHANGHAI], [SHANGHAI, HEFEI]):
        with pytest.raises(Reverted, match="NotOfficer"):
            lift(hub, hold, voter(hub, HEFEI), *(voter(hub, home) for home in homes))
    lift(hub, hold, voter(hub, HEFEI), voter(hub, SHANGHAI), voter(hub, SUZHOU))
    assert marks(hub, records) == (0, 0, 0, 0)


def test_lift__home_has_not_signed__reverts(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block, records.elsewhere)).value
    for homes in ([], [SHANGHAI]):
        with pytest.raises(Reverted, match="SignatureInvalid"):
            lift(hub, hold, voter(hub, HEFEI), *(voter(hub, home) for home in homes))


def test_lift__placed_by_the_home_itself__needs_no_other(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block, member=SHANGHAI)).value
    lift(hub, hold, voter(hub, SHANGHAI))
    assert marks(hub, records) == (0, 0, 0, 0)


def test_lift__by_the_home_alone__reverts(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block)).value
    with pytest.raises(Reverted, match="NotOfficer"):
        lift(hub, hold, voter(hub, SHANGHAI), voter(hub, SHANGHAI))


def test_lift__signed_for_another_hold__reverts(hub: Deployment, records: Records) -> None:
    first = place(hub, hold_order(hub, records.block)).value
    second = place(hub, hold_order(hub, records.project, evidence=keccak(text="more"))).value
    order = {"hold": first, "request": hub.request(), "deadline": hub.chain.now + DAY}
    placing = hub.sign("LiftOrder", order, voter(hub, HEFEI))
    homes = [hub.sign("LiftOrder", order, voter(hub, SHANGHAI))]
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.holds.lift(order | {"hold": second}, placing, homes, sender=hub.anyone)


def test_lift__twice__reverts(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block)).value
    lift(hub, hold, voter(hub, HEFEI), voter(hub, SHANGHAI))
    with pytest.raises(Reverted, match="HoldEnded"):
        lift(hub, hold, voter(hub, HEFEI), voter(hub, SHANGHAI))


def test_lift__unknown_hold__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="HoldUnknown"):
        lift(hub, keccak(text="no hold"), voter(hub, HEFEI))


def test_lift__one_of_two_holds__leaves_the_other(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block)).value
    place(hub, hold_order(hub, records.block, member=SUZHOU))
    lift(hub, hold, voter(hub, HEFEI), voter(hub, SHANGHAI))
    assert marks(hub, records) == (0, 0, 1, 0)


# -------------------------------------------------------------------- finishing


def test_finish__at_its_end__by_anyone(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.methodology, records.project, records.block)).value
    until = hub.holds.getHold(hold).until
    hub.chain.warp(until - 1)
    with pytest.raises(Reverted, match="HoldNotOver") as refusal:
        hub.holds.finish(hold, sender=hub.anyone)
    assert refusal.value.values == {"hold": hold, "until": until}
    hub.chain.warp(until)
    assert marks(hub, records) == (1, 1, 1, 0)
    assert hub.holds.finish(hold, sender=hub.anyone).event("HoldFinished").hold == hold
    assert marks(hub, records) == (0, 0, 0, 0)


def test_finish__twice__reverts(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.project)).value
    hub.chain.pass_time(10 * DAY)
    hub.holds.finish(hold, sender=hub.anyone)
    with pytest.raises(Reverted, match="HoldEnded"):
        hub.holds.finish(hold, sender=hub.anyone)


def test_finish__unknown_hold__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="HoldUnknown"):
        hub.holds.finish(ZERO, sender=hub.anyone)


def test_finish__block_cancelled_meanwhile__ends_the_hold_on_the_rest(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block, records.project)).value
    cancel = hub.ledger.action("cancelByBallot", records.series, 1, 1, 100, keccak(text="order"))
    hub.pass_ballot(BallotKind.STATUS, [cancel])
    hub.chain.pass_time(10 * DAY)
    hub.holds.finish(hold, sender=hub.anyone)
    assert marks(hub, records)[1] == 0


# -------------------------------------------------------------------- by ballot


def test_place_by_ballot__longer_on_evidence_used_before__marks(hub: Deployment, records: Records) -> None:
    place(hub, hold_order(hub, records.block))
    ballot, hold = place_by_ballot(hub, records.block)
    assert hold == keccak(encode(["bytes32", "bytes32"], [ballot, EVIDENCE]))
    assert marks(hub, records) == (0, 0, 2, 0)
    assert (hub.holds.getHold(hold).member, hub.holds.getHold(hold).until) == (0, FOREVER)


def test_place_by_ballot__twice_on_one_evidence__reverts(hub: Deployment, records: Records) -> None:
    action = hub.holds.action("placeByBallot", [records.block], DUPLICATE, EVIDENCE, FOREVER, hub.request())
    with pytest.raises(Reverted, match="EvidenceSpent") as refusal:
        hub.pass_ballot(BallotKind.HOLD, [action, action])
    assert refusal.value.values["member"] == 0
    assert marks(hub, records) == (0, 0, 0, 0)


def test_place_by_ballot__over_already__reverts(hub: Deployment, records: Records) -> None:
    with pytest.raises(Reverted, match="HoldTooLong"):
        place_by_ballot(hub, records.block, until=hub.chain.now)


def test_lift__of_a_ballots_hold_by_signatures__reverts(hub: Deployment, records: Records) -> None:
    _, hold = place_by_ballot(hub, records.block)
    with pytest.raises(Reverted, match="NotBallot"):
        lift(hub, hold, voter(hub, HANGZHOU), voter(hub, SHANGHAI))


def test_lift_by_ballot__hold_of_a_ballot_or_member__unmarks(hub: Deployment, records: Records) -> None:
    _, by_ballot = place_by_ballot(hub, records.block)
    by_member = place(hub, hold_order(hub, records.project)).value
    actions = [hub.holds.action("liftByBallot", hold, hub.request()) for hold in (by_ballot, by_member)]
    ballot, receipt = hub.pass_ballot(BallotKind.HOLD, actions)
    lifted = [event for event in receipt.events if event.name == "HoldLifted"]
    assert [(event.hold, event.ballot) for event in lifted] == [(by_ballot, ballot), (by_member, ballot)]
    assert marks(hub, records) == (0, 0, 0, 0)


def test_by_ballot_only__called_by_anybody__reverts(hub: Deployment, records: Records) -> None:
    hold = place(hub, hold_order(hub, records.block)).value
    calls: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("placeByBallot", ([records.block], DUPLICATE, EVIDENCE, FOREVER, ZERO)),
        ("liftByBallot", (hold, ZERO)),
        ("upgradeToAndCall", (hub.anyone.address, b"")),
    )
    for function, arguments in calls:
        with pytest.raises(Reverted, match="NotBallot"):
            getattr(hub.holds, function)(*arguments, sender=voter(hub, HEFEI))
