"""CreditLedger, pledges: by the holder's registrar and an institution's signature, released by it or by time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.chain import Key, Receipt, Reverted
from tests.contracts.credits import Credits, Status, found
from tests.contracts.deployment import DAY, SHANGHAI, SUZHOU, Deployment
from tests.contracts.ids import ZERO

NO_PLEDGE = ("0x" + "00" * 20, 0)


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    credits_ = found(hub)
    credits_.issue(1, 100)
    return credits_


def bank(shanghai: Credits, number: int = 0) -> Key:
    return shanghai.hub.members[SHANGHAI].institutions[number]


def pledge_order(shanghai: Credits, first: int, last: int, block: int | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "member": SHANGHAI,
        "series": shanghai.series,
        "blockFirst": first if block is None else block,
        "first": first,
        "last": last,
        "until": shanghai.hub.chain.now + 10 * DAY,
        "request": shanghai.hub.request(),
        "deadline": shanghai.hub.chain.now + 100,
    } | changed


def pledge(
    shanghai: Credits, first: int, last: int, block: int | None = None, *, key: Key | None = None, **changed: Any
) -> Receipt:
    order = pledge_order(shanghai, first, last, block, **changed)
    signature = shanghai.hub.sign("PledgeOrder", order, key or bank(shanghai))
    receipt: Receipt = shanghai.hub.ledger.pledge(order, signature, sender=shanghai.registrar(order["member"]))
    return receipt


def release(shanghai: Credits, first: int, key: Key | None = None) -> Receipt:
    hub = shanghai.hub
    order = {
        "series": shanghai.series,
        "first": first,
        "until": hub.ledger.getPledge(shanghai.series, first).until,
        "request": hub.request(),
        "deadline": hub.chain.now + 100,
    }
    signature = hub.sign("ReleaseOrder", order, key or bank(shanghai))
    receipt: Receipt = hub.ledger.release(order, signature, sender=hub.anyone)
    return receipt


# ---------------------------------------------------------------- pledge


def test_pledge__part__pledged_to_the_signer(shanghai: Credits) -> None:
    until = shanghai.hub.chain.now + 10 * DAY
    event = pledge(shanghai, 41, 60, 1).event("PledgeTaken")
    assert (event.institution, event.until, event.member) == (bank(shanghai).address.lower(), until, SHANGHAI)
    assert shanghai.blocks()[1] == (41, 60, SHANGHAI, Status.PLEDGED)
    assert shanghai.hub.ledger.getPledge(shanghai.series, 41) == (bank(shanghai).address.lower(), until)


@pytest.mark.parametrize("verb", ["propose", "retire", "correct"])
def test_pledged__any_use__not_available(shanghai: Credits, verb: str) -> None:
    pledge(shanghai, 1, 100)
    with pytest.raises(Reverted, match=r"BlockNotAvailable\(.*status=3\)"):
        getattr(shanghai, verb)(1, 100)


def test_pledge__signed_by_a_registrar__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        pledge(shanghai, 1, 100, key=shanghai.registrar())


def test_pledge__order_altered_after_signing__not_officer(shanghai: Credits) -> None:
    order = pledge_order(shanghai, 1, 10)
    signature = shanghai.hub.sign("PledgeOrder", order, bank(shanghai))
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.pledge(order | {"last": 100}, signature, sender=shanghai.registrar())


def test_pledge__not_sent_by_the_holders_registrar__not_officer(shanghai: Credits) -> None:
    order = pledge_order(shanghai, 1, 10)
    signature = shanghai.hub.sign("PledgeOrder", order, bank(shanghai))
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.pledge(order, signature, sender=shanghai.hub.anyone)


def test_pledge__of_a_block_that_another_holds__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted) as refused:
        pledge(shanghai, 1, 10, member=SUZHOU)
    assert refused.value.error == "BlockNotHeldBy"
    assert (refused.value.values["holder"], refused.value.values["member"]) == (SHANGHAI, SUZHOU)


def test_pledge__until_now__invalid(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="PledgeUntilInvalid"):
        pledge(shanghai, 1, 10, until=shanghai.hub.chain.now)


def test_pledge__order_out_of_date__expired(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="OrderExpired"):
        pledge(shanghai, 1, 10, deadline=shanghai.hub.chain.now - 1)


def test_pledge__replayed_after_release__order_repeated(shanghai: Credits) -> None:
    order = pledge_order(shanghai, 1, 100)
    signature = shanghai.hub.sign("PledgeOrder", order, bank(shanghai))
    shanghai.hub.ledger.pledge(order, signature, sender=shanghai.registrar())
    release(shanghai, 1)
    with pytest.raises(Reverted, match="OrderRepeated"):
        shanghai.hub.ledger.pledge(order, signature, sender=shanghai.registrar())


@pytest.mark.parametrize(("first", "block", "error"), [(2, 2, "BlockUnknown"), (95, 1, "RangeOutsideBlock")])
def test_pledge__no_such_block_or_range__refused(shanghai: Credits, first: int, block: int, error: str) -> None:
    with pytest.raises(Reverted, match=error):
        pledge(shanghai, first, first + 9, block)


def test_pledge__held__refused(shanghai: Credits) -> None:
    shanghai.hold(1)
    with pytest.raises(Reverted, match="BlockHeld"):
        pledge(shanghai, 1, 10)


# ---------------------------------------------------------------- release and lapse


def test_release__by_the_institution__available_again(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    assert release(shanghai, 1).event("PledgeReleased").first == 1
    assert shanghai.blocks() == [(1, 100, SHANGHAI, Status.AVAILABLE)]
    assert shanghai.hub.ledger.getPledge(shanghai.series, 1) == NO_PLEDGE


def test_release__by_another_institution__not_pledgee(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    with pytest.raises(Reverted) as refused:
        release(shanghai, 1, bank(shanghai, 1))
    assert refused.value.error == "NotPledgee"
    assert refused.value.values["signer"] == bank(shanghai, 1).address.lower()


def test_release__not_pledged__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotPledged"):
        release(shanghai, 1)


def test_lapse__time_is_over__available_again_by_anyone(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    shanghai.hold(1)
    shanghai.hub.chain.pass_time(10 * DAY)
    receipt = shanghai.hub.ledger.lapse(shanghai.series, 1, sender=shanghai.hub.anyone)
    assert receipt.event("PledgeReleased").request == ZERO
    assert (shanghai.block(1).status, shanghai.block(1).holds) == (Status.AVAILABLE, 1)


def test_lapse__before__not_over(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    shanghai.hub.chain.pass_time(10 * DAY - 1)
    with pytest.raises(Reverted, match="PledgeNotOver"):
        shanghai.hub.ledger.lapse(shanghai.series, 1, sender=shanghai.hub.anyone)


def test_lapse__not_pledged__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotPledged"):
        shanghai.hub.ledger.lapse(shanghai.series, 1, sender=shanghai.hub.anyone)


# ---------------------------------------------------------------- cancelByBallot of a pledged block


def test_cancel_by_ballot__pledged_whole__cancelled_and_the_pledge_gone(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    shanghai.cancel_by_ballot(1, 100)
    assert shanghai.blocks() == [(1, 100, SHANGHAI, Status.CANCELLED)]
    assert shanghai.hub.ledger.getPledge(shanghai.series, 1) == NO_PLEDGE


def test_cancel_by_ballot__pledged_in_part__refused(shanghai: Credits) -> None:
    pledge(shanghai, 1, 100)
    with pytest.raises(Reverted, match=r"BlockNotAvailable\(.*status=3\)"):
        shanghai.cancel_by_ballot(1, 50)
