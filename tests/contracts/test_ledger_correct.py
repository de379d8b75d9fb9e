"""CreditLedger, correction of a wrong issuance and its reissue (L3)."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.contracts import filings
from tests.contracts.chain import Reverted
from tests.contracts.credits import KG, Credits, Purpose, Status, found
from tests.contracts.deployment import SHANGHAI, SUZHOU, BallotKind, Deployment
from tests.contracts.filings import CREDITING_START
from tests.contracts.ids import ZERO


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    """Everything that was verified is issued: serials 1 to 1,000."""
    credits_ = found(hub)
    credits_.issue(1, 1_000)
    return credits_


def test_correct__part__cancelled_and_freed(shanghai: Credits) -> None:
    event = shanghai.correct(901, 1_000, 1).event("Corrected")
    assert (event.blockFirst, event.first, event.last, event.freedKg) == (1, 901, 1_000, 100 * KG)
    assert shanghai.blocks() == [(1, 900, SHANGHAI, Status.AVAILABLE), (901, 1_000, SHANGHAI, Status.CANCELLED)]
    assert shanghai.block(901).purpose == Purpose.WRONG_ISSUANCE
    assert shanghai.drawn_kg() == 900 * KG
    issuance, _ = shanghai.hub.ledger.getIssuance(shanghai.series, 1)
    assert issuance.corrected


def test_correct__all_of_it__verification_can_be_voided(shanghai: Credits) -> None:
    shanghai.correct(1, 1_000)
    shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())
    with pytest.raises(Reverted, match="VerificationVoided"):
        shanghai.issue(1_001, 1_010, 1)


def test_correct__then_reissue__linked_and_never_beyond_what_was_freed(shanghai: Credits) -> None:
    shanghai.correct(901, 1_000, 1)
    with pytest.raises(Reverted, match="VerificationExceeded"):
        shanghai.issue(1_001, 1_101, 1, reissueOf=1)
    event = shanghai.issue(1_001, 1_100, 1, reissueOf=1).event("Issued")
    assert event.reissueOf == 1
    assert shanghai.hub.ledger.reissueOf(shanghai.series, 1_001) == 1


def test_correct__corrected_serials__cannot_be_issued_again(shanghai: Credits) -> None:
    shanghai.correct(901, 1_000, 1)
    with pytest.raises(Reverted, match="RangeOverlaps"):
        shanghai.issue(901, 1_000, 1, reissueOf=1)


def test_reissue__of_what_was_not_corrected__refused(shanghai: Credits) -> None:
    shanghai.cancel_by_ballot(1, 100)  # cancelled, but not as wrong
    verification = shanghai.verify()
    with pytest.raises(Reverted) as refused:
        shanghai.issue(1_001, 1_100, 1, verification=verification, reissueOf=1)
    assert (refused.value.error, refused.value.values["first"]) == ("IssuanceNotCorrected", 1)


def test_reissue__under_another_project__refused(shanghai: Credits) -> None:
    shanghai.correct(1, 100)
    other = filings.register(shanghai.hub, shanghai.methodology, "roof 2").value
    verification = shanghai.verify(project=other, predecessor=0)
    with pytest.raises(Reverted, match="IssuanceNotCorrected"):
        shanghai.issue(1_001, 1_100, 1, verification=verification, reissueOf=1)


def test_reissue__under_a_later_verification_of_the_project__allowed(shanghai: Credits) -> None:
    shanghai.correct(1, 1_000)
    shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())
    again = shanghai.verify(native=keccak(text="first year, verified anew"), periodStart=CREDITING_START,
                            periodEnd=CREDITING_START + 364, predecessor=0)  # fmt: skip
    shanghai.issue(2_001, 2_500, 1, verification=again, reissueOf=1)


@pytest.mark.parametrize("named", [2, 901, 1_001])
def test_reissue__of_no_issuance__unknown(shanghai: Credits, named: int) -> None:
    shanghai.correct(901, 1_000, 1)
    with pytest.raises(Reverted, match="IssuanceUnknown"):
        shanghai.issue(1_001, 1_100, 1, reissueOf=named)


def test_correct__abroad__not_at_home(shanghai: Credits) -> None:
    shanghai.recognise(SUZHOU)
    shanghai.move(1, 100, SUZHOU)
    with pytest.raises(Reverted) as refused:
        shanghai.correct(1, 100)
    assert (refused.value.error, refused.value.values["holder"]) == ("BlockNotAtHome", SUZHOU)


def test_correct__away_and_home_again__allowed(shanghai: Credits) -> None:
    shanghai.recognise(SUZHOU)
    shanghai.move(1, 100, SUZHOU)
    shanghai.move(1, 100, SHANGHAI)
    shanghai.correct(1, 100)
    assert shanghai.drawn_kg() == 900 * KG


def test_correct__in_transit_or_retired__not_available(shanghai: Credits) -> None:
    shanghai.propose(1, 10)
    shanghai.retire(11, 20)
    for first, status in ((1, Status.IN_TRANSIT), (11, Status.RETIRED)):
        with pytest.raises(Reverted, match=rf"BlockNotAvailable\(.*status={status}\)"):
            shanghai.correct(first, first + 9)


def test_correct__held__refused(shanghai: Credits) -> None:
    shanghai.hold(1)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.correct(1, 100)


def test_correct__outside_or_unknown__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="RangeOutsideBlock"):
        shanghai.correct(1, 1_001)
    with pytest.raises(Reverted, match="BlockUnknown"):
        shanghai.correct(2, 10)


def test_correct__by_another_member__not_officer(shanghai: Credits) -> None:
    asked = {"request": ZERO, "series": shanghai.series, "blockFirst": 1, "first": 1, "last": 10, "document": ZERO}
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.correct(asked, sender=shanghai.registrar(SUZHOU))


def test_correct__project_suspended__still_allowed(shanghai: Credits) -> None:
    shanghai.hub.pass_ballot(BallotKind.STATUS, [shanghai.hub.projects.action("suspend", shanghai.project)])
    shanghai.correct(1, 1_000)
    assert shanghai.drawn_kg() == 0
