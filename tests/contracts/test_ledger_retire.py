"""CreditLedger, use: retirement, cancellation by ballot, and the marks of holds (L4)."""

from __future__ import annotations

import pytest

from tests.contracts import filings, ids
from tests.contracts.chain import Key, Reverted
from tests.contracts.credits import KG, Credits, Purpose, Status, found
from tests.contracts.deployment import CDM, DAY, FOREVER, SHANGHAI, SUZHOU, BallotKind, Deployment, deploy_all
from tests.contracts.ids import ZERO

MOST_MARKS = 2


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    credits_ = found(hub)
    credits_.issue(1, 100)
    return credits_


# ---------------------------------------------------------------- retire


def test_retire__part_at_home__final_with_purpose_and_beneficiary(shanghai: Credits) -> None:
    asked = shanghai.retirement(41, 60, 1, purpose=Purpose.EVENT_NEUTRALITY)
    event = shanghai.hub.ledger.retire(asked, sender=shanghai.registrar()).event("Retired")
    assert event.values == asked | {"holder": SHANGHAI, "claimant": SHANGHAI}
    assert shanghai.blocks() == [
        (1, 40, SHANGHAI, Status.AVAILABLE),
        (41, 60, SHANGHAI, Status.RETIRED),
        (61, 100, SHANGHAI, Status.AVAILABLE),
    ]
    assert shanghai.block(41).purpose == Purpose.EVENT_NEUTRALITY
    assert shanghai.hub.ledger.beneficiaryOf(shanghai.series, 41) == asked["beneficiary"]


def test_retire__for_compliance__carries_the_year(shanghai: Credits) -> None:
    shanghai.retire(1, 100, purpose=Purpose.ETS_COMPLIANCE, complianceYear=2025)
    assert shanghai.block(1).complianceYear == 2025


@pytest.mark.parametrize(("purpose", "year"), [(Purpose.ETS_COMPLIANCE, 0), (Purpose.VOLUNTARY, 2025)])
def test_retire__compliance_year_does_not_fit_the_purpose__invalid(shanghai: Credits, purpose: int, year: int) -> None:
    with pytest.raises(Reverted, match=rf"ComplianceYearInvalid\(year={year}, purpose={purpose}\)"):
        shanghai.retire(1, 100, purpose=purpose, complianceYear=year)


@pytest.mark.parametrize(
    "purpose", [Purpose.NONE, Purpose.CONVERSION_CUT, Purpose.WRONG_ISSUANCE, Purpose.ORDERED_BY_BALLOT]
)
def test_retire__no_purpose_of_a_retirement__invalid(shanghai: Credits, purpose: int) -> None:
    with pytest.raises(Reverted, match=rf"PurposeInvalid\(purpose={purpose}\)"):
        shanghai.retire(1, 100, purpose=purpose)


def test_retire__without_beneficiary__missing(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="BeneficiaryMissing"):
        shanghai.retire(1, 100, beneficiary=ZERO)


def test_retire__again__not_available(shanghai: Credits) -> None:
    shanghai.retire(1, 100)
    with pytest.raises(Reverted) as refused:
        shanghai.retire(1, 100)
    assert refused.value.error == "BlockNotAvailable"
    assert refused.value.values == {"series": shanghai.series, "first": 1, "status": Status.RETIRED}


@pytest.mark.parametrize("verb", ["propose", "correct", "cancel_by_ballot"])
def test_retired__any_other_verb__refused(shanghai: Credits, verb: str) -> None:
    shanghai.retire(1, 100)
    before = shanghai.block(1)
    with pytest.raises(Reverted, match="BlockNotAvailable"):
        getattr(shanghai, verb)(1, 100)
    assert shanghai.block(1) == before


def test_retire__serials_of_two_blocks__outside(shanghai: Credits) -> None:
    shanghai.issue(101, 200, 1)
    with pytest.raises(Reverted, match=r"RangeOutsideBlock\(.*blockLast=100.*\)"):
        shanghai.retire(90, 110, 1)


def test_retire__by_a_voter__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.retire(shanghai.retirement(1, 100), sender=shanghai.hub.members[SHANGHAI].voters[0])


def test_retire__held__refused(shanghai: Credits) -> None:
    hold = shanghai.hold(1)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.retire(1, 10)
    shanghai.lift(hold)
    shanghai.retire(1, 10)


def test_retire__methodology_held__refused_though_no_block_is_marked(shanghai: Credits) -> None:
    action = shanghai.hub.holds.action(
        "placeByBallot", [ids.subject(ids.METHODOLOGY, shanghai.methodology)], 1, ZERO[:-1] + b"\x01", FOREVER, ZERO
    )
    shanghai.hub.pass_ballot(BallotKind.HOLD, [action])
    with pytest.raises(Reverted, match="MethodologyHeld"):
        shanghai.retire(1, 10)


def test_retire__by_a_programme_member__claimed_by_nobody(hub: Deployment) -> None:
    methodology = filings.file(hub, member=CDM)
    project = filings.register(hub, methodology, member=CDM).value
    series = hub.ledger.registerSeries(CDM, ZERO, KG, ZERO, sender=hub.members[CDM].registrars[0]).value
    programme = Credits(hub, methodology, project, series, b"", CDM)
    programme.verification = programme.verify(periodStart=0, periodEnd=0)
    programme.issue(1, 10)
    event = programme.retire(1, 10, beneficiary=ZERO).event("Retired")
    assert (event.holder, event.claimant, event.beneficiary) == (CDM, 0, ZERO)


# ---------------------------------------------------------------- retire abroad


@pytest.fixture
def abroad(shanghai: Credits) -> Credits:
    """The hundred serials with Suzhou, which permits voluntary use alone."""
    shanghai.recognise(SUZHOU, uses=1 << Purpose.VOLUNTARY)
    shanghai.move(1, 100, SUZHOU)
    return shanghai


def test_retire__abroad__claimed_by_the_holder(abroad: Credits) -> None:
    event = abroad.retire(1, 100).event("Retired")
    assert (event.holder, event.claimant) == (SUZHOU, SUZHOU)


def test_retire__abroad_by_the_home_registrar__not_officer(abroad: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        abroad.hub.ledger.retire(abroad.retirement(1, 100), sender=abroad.registrar(SHANGHAI))


def test_retire__use_not_in_the_terms__refused(abroad: Credits) -> None:
    with pytest.raises(Reverted, match="UseNotPermitted"):
        abroad.retire(1, 100, purpose=Purpose.POINTS_AND_REWARDS)


def test_retire__recognition_suspended__refused_until_lifted(abroad: Credits) -> None:
    subject = ids.subject(ids.METHODOLOGY, abroad.methodology)
    recognition = abroad.hub.recognition
    abroad.hub.pass_ballot(BallotKind.STATUS, [recognition.action("suspend", subject, SUZHOU)])
    with pytest.raises(Reverted, match="RecognitionSuspended"):
        abroad.retire(1, 100)
    abroad.hub.pass_ballot(BallotKind.STATUS, [recognition.action("lift", subject, SUZHOU)])
    abroad.retire(1, 100)


# ---------------------------------------------------------------- cancelByBallot


def test_cancel_by_ballot__part__cancelled_under_the_ballot(shanghai: Credits) -> None:
    ballot, receipt = shanghai.cancel_by_ballot(11, 20, 1)
    event = receipt.event("CancelledByBallot")
    assert (event.ballot, event.blockFirst, event.first, event.last) == (ballot, 1, 11, 20)
    assert shanghai.blocks()[1] == (11, 20, SHANGHAI, Status.CANCELLED)
    assert shanghai.block(11).purpose == Purpose.ORDERED_BY_BALLOT
    assert shanghai.drawn_kg() == 100 * KG  # not a correction: nothing is freed


def test_cancel_by_ballot__held_whole__cancelled_and_the_hold_ends_in_peace(shanghai: Credits) -> None:
    hold = shanghai.hold(1)
    shanghai.cancel_by_ballot(1, 100)
    before = shanghai.block(1)
    assert (before.status, before.holds) == (Status.CANCELLED, 0)
    shanghai.hub.chain.pass_time(DAY)
    shanghai.hub.holds.finish(hold, sender=shanghai.hub.anyone)
    assert shanghai.block(1) == before


def test_cancel_by_ballot__held_in_part__refused(shanghai: Credits) -> None:
    shanghai.hold(1)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.cancel_by_ballot(1, 50)


def test_cancel_by_ballot__in_transit__returns_first(shanghai: Credits) -> None:
    shanghai.propose(1, 100)
    with pytest.raises(Reverted, match=r"BlockNotAvailable\(.*status=2\)"):
        shanghai.cancel_by_ballot(1, 100)


def test_cancel_by_ballot__unknown_or_outside__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="BlockUnknown"):
        shanghai.cancel_by_ballot(2, 10)
    with pytest.raises(Reverted, match="RangeOutsideBlock"):
        shanghai.cancel_by_ballot(1, 101)


def test_cancel_by_ballot__by_its_own_registrar__not_ballot(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotBallot"):
        shanghai.hub.ledger.cancelByBallot(shanghai.series, 1, 1, 100, ZERO, sender=shanghai.registrar())


# ---------------------------------------------------------------- mark


def test_mark__by_another_than_holds__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotHolds"):
        shanghai.hub.ledger.mark(ids.subject(ids.BLOCK, shanghai.series, 1), 1, sender=shanghai.registrar())


def test_mark__no_such_block__subject_unknown(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="SubjectUnknown"):
        shanghai.hold(2)


def test_mark__in_transit__counts_and_changes_nothing_else(shanghai: Credits) -> None:
    shanghai.propose(1, 100)
    before = shanghai.block(1)
    shanghai.hold(1)
    shanghai.hold(1)
    assert shanghai.block(1) == before._replace(holds=2)


def test_mark__retired__not_available(shanghai: Credits) -> None:
    shanghai.retire(1, 100)
    with pytest.raises(Reverted, match=r"BlockNotAvailable\(.*status=4\)"):
        shanghai.hold(1)


def test_mark__third_of_one_member__too_many_until_one_is_lifted(shanghai: Credits) -> None:
    holds = [shanghai.hold(1) for _ in range(MOST_MARKS)]
    with pytest.raises(Reverted, match="HoldsTooMany"):
        shanghai.hold(1)
    shanghai.lift(holds.pop())
    holds.append(shanghai.hold(1))
    for hold in holds:
        shanghai.lift(hold)
    assert shanghai.block(1).holds == 0


def test_mark__more_than_a_byte_of_them__counted_and_nothing_else_of_the_block_changed() -> None:
    hub = deploy_all({"Consortium", "Methodologies", "Projects", "Recognition", "CreditLedger"})
    credits_ = found(hub)
    credits_.issue(1, 100)
    before = credits_.block(1)
    for by, count in ((1, 300), (-1, 0)):
        for _ in range(300):
            hub.ledger.mark(ids.subject(ids.BLOCK, credits_.series, 1), by, sender=Key.named("absent Holds"))
        assert credits_.block(1) == before._replace(holds=count)


def test_mark__block_written_otherwise__subject_unknown() -> None:
    hub = deploy_all({"Consortium", "Methodologies", "Projects", "Recognition", "CreditLedger"})
    credits_ = found(hub)
    credits_.issue(1, 100)
    alias = ids.subject(ids.BLOCK, credits_.series, 1)[:-1] + b"\x01"
    with pytest.raises(Reverted, match="SubjectUnknown"):
        hub.ledger.mark(alias, 1, sender=Key.named("absent Holds"))


def test_hold__ran_out__stops_the_block_until_someone_says_so(shanghai: Credits) -> None:
    hold = shanghai.hold(1)
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.retire(1, 100)
    shanghai.hub.holds.finish(hold, sender=shanghai.hub.anyone)
    shanghai.retire(1, 100)
