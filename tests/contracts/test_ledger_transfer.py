"""CreditLedger, transfers: two phases, wait, second signature, terms and cut, the way home (L1, L2, L5)."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import default_codec
from eth_utils.crypto import keccak

from tests.contracts import filings, ids
from tests.contracts.chain import Reverted
from tests.contracts.credits import KG, Credits, Moved, Purpose, Status, found
from tests.contracts.deployment import (
    CDM,
    DAY,
    GUANGDONG,
    HANGZHOU,
    SHANGHAI,
    SUZHOU,
    TRANSFER_RULES,
    BallotKind,
    Deployment,
)
from tests.contracts.ids import ZERO

RETURN_ONLY, FROZEN, USABLE = 2, 3, 1


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    """100 serials of Shanghai; Suzhou takes them whole, Hangzhou at 0.9."""
    credits_ = found(hub)
    credits_.issue(1, 100)
    credits_.recognise(SUZHOU)
    credits_.recognise(HANGZHOU, factorPpm=900_000, annualCapKg=150 * KG)
    return credits_


def revoke(shanghai: Credits, member: int, effect: int) -> None:
    subject = ids.subject(ids.METHODOLOGY, shanghai.methodology)
    action = shanghai.hub.recognition.action("revoke", subject, member, effect)
    shanghai.hub.pass_ballot(BallotKind.STATUS, [action])


# ---------------------------------------------------------------- propose


def test_propose__whole_block__in_transit_at_the_sender(shanghai: Credits) -> None:
    asked = shanghai.proposal(1, 100)
    now = shanghai.hub.chain.now
    receipt = shanghai.hub.ledger.propose(asked, sender=shanghai.registrar())
    transfer = keccak(default_codec.encode(["uint24", "bytes32"], [SHANGHAI, asked["request"]]))
    assert receipt.value == transfer
    assert receipt.event("TransferProposed").values == asked | {
        "transfer": transfer, "from": SHANGHAI, "acceptFrom": now + DAY, "cosignPending": False,
    }  # fmt: skip
    assert shanghai.blocks() == [(1, 100, SHANGHAI, Status.IN_TRANSIT)]
    assert shanghai.hub.ledger.getTransfer(transfer) == (
        shanghai.series, 1, SUZHOU, now + DAY, asked["deadline"], Moved.PROPOSED, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "blocks"),
    [(1, 40, [(1, 40), (41, 100)]), (41, 100, [(1, 40), (41, 100)]), (40, 60, [(1, 39), (40, 60), (61, 100)])],
    ids=["head", "tail", "middle"],
)
def test_propose__part_of_a_block__the_rest_stays_available(
    shanghai: Credits, first: int, last: int, blocks: list[tuple[int, int]]
) -> None:
    shanghai.propose(first, last, 1)
    found_blocks = shanghai.blocks()
    assert [block[:2] for block in found_blocks] == blocks
    assert [block[3] for block in found_blocks] == [
        Status.IN_TRANSIT if block[0] == first else Status.AVAILABLE for block in blocks
    ]


@pytest.mark.parametrize(("first", "last"), [(0, 5), (50, 101), (60, 50), (101, 110)])
def test_propose__range_outside_the_block__refused(shanghai: Credits, first: int, last: int) -> None:
    with pytest.raises(Reverted, match="RangeOutsideBlock"):
        shanghai.propose(first, last, 1)


def test_propose__no_block_of_that_name__unknown(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="BlockUnknown"):
        shanghai.hub.ledger.propose(shanghai.proposal(2, 10), sender=shanghai.registrar())


def test_propose__in_transit_already__not_available(shanghai: Credits) -> None:
    shanghai.propose(1, 100)
    with pytest.raises(Reverted, match=r"BlockNotAvailable\(.*status=2\)"):
        shanghai.propose(1, 100)


def test_propose__held__refused(shanghai: Credits) -> None:
    shanghai.hold(1)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.propose(1, 10)


def test_propose__same_request__exists(shanghai: Credits) -> None:
    request = shanghai.hub.request()
    shanghai.propose(1, 10, request=request)
    with pytest.raises(Reverted, match="TransferExists"):
        shanghai.propose(11, 20, request=request)


@pytest.mark.parametrize(
    ("to", "error"), [(SHANGHAI, "TransferToItself"), (CDM, "KindMovesNothing"), (110000, "MemberUnknown")]
)
def test_propose__to_whom_nothing_can_go__refused(shanghai: Credits, to: int, error: str) -> None:
    with pytest.raises(Reverted, match=error):
        shanghai.propose(1, 10, to=to)


def test_propose__by_a_programme_member__moves_nothing(hub: Deployment) -> None:
    methodology = filings.file(hub, member=CDM)
    project = filings.register(hub, methodology, member=CDM).value
    series = hub.ledger.registerSeries(CDM, ZERO, KG, ZERO, sender=hub.members[CDM].registrars[0]).value
    programme = Credits(hub, methodology, project, series, b"", CDM)
    programme.verification = programme.verify(periodStart=0, periodEnd=0)
    programme.issue(1, 10)
    with pytest.raises(Reverted, match="KindMovesNothing"):
        programme.propose(1, 10)


def test_propose__to_a_member_that_left__refused(shanghai: Credits) -> None:
    action = shanghai.hub.consortium.action("expel", SUZHOU)
    shanghai.hub.pass_ballot(BallotKind.MEMBERSHIP, [action])
    with pytest.raises(Reverted, match="MemberLeft"):
        shanghai.propose(1, 10)


def test_propose__project_suspended__refused(shanghai: Credits) -> None:
    shanghai.hub.pass_ballot(BallotKind.STATUS, [shanghai.hub.projects.action("suspend", shanghai.project)])
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        shanghai.propose(1, 10)


def test_propose__by_the_destinations_key__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.propose(shanghai.proposal(1, 10), sender=shanghai.registrar(SUZHOU))


@pytest.mark.parametrize("after", [0, DAY, TRANSFER_RULES["maxLifetime"] + 1])
def test_propose__new_counterparty__deadline_lies_behind_the_wait(shanghai: Credits, after: int) -> None:
    now = shanghai.hub.chain.now
    with pytest.raises(Reverted) as refused:
        shanghai.propose(1, 10, deadline=now + after)
    assert refused.value.error == "DeadlineInvalid"
    assert refused.value.values == {
        "deadline": now + after, "earliest": now + DAY + 1, "latest": now + TRANSFER_RULES["maxLifetime"],
    }  # fmt: skip
    shanghai.propose(1, 10, deadline=now + DAY + 1)


def test_propose__known_counterparty__no_wait_but_the_least_lifetime(shanghai: Credits) -> None:
    assert not shanghai.hub.ledger.knows(SHANGHAI, SUZHOU)
    shanghai.move(1, 10, SUZHOU)
    assert shanghai.hub.ledger.knows(SHANGHAI, SUZHOU)
    assert not shanghai.hub.ledger.knows(SUZHOU, SHANGHAI)
    now = shanghai.hub.chain.now
    with pytest.raises(Reverted, match="DeadlineInvalid"):
        shanghai.propose(11, 20, deadline=now + TRANSFER_RULES["minLifetime"] - 1)
    shanghai.accept(shanghai.propose(11, 20, deadline=now + TRANSFER_RULES["minLifetime"]))


# ---------------------------------------------------------------- cosign


@pytest.fixture
def large(shanghai: Credits) -> bytes:
    """A transfer of one serial more than one registrar may sign for."""
    shanghai.issue(1_001, 1_900, 1)
    rules = TRANSFER_RULES | {"cosignAboveKg": 500 * KG}
    shanghai.hub.pass_ballot(BallotKind.RULES, [shanghai.hub.ledger.action("setTransferRules", rules)])
    return shanghai.propose(1_001, 1_501)


def test_cosign__by_a_second_registrar__can_be_accepted(shanghai: Credits, large: bytes) -> None:
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="CosignPending"):
        shanghai.accept(large)
    second = shanghai.registrar(number=1)
    receipt = shanghai.hub.ledger.cosign(large, ZERO, sender=second)
    assert receipt.event("TransferCosigned").registrar == second.address.lower()
    shanghai.accept(large)
    assert shanghai.block(1_001).holder == SUZHOU


def test_cosign__by_the_proposer__refused(shanghai: Credits, large: bytes) -> None:
    with pytest.raises(Reverted, match="CosignBySame"):
        shanghai.hub.ledger.cosign(large, ZERO, sender=shanghai.registrar())


def test_cosign__by_the_destination__not_officer(shanghai: Credits, large: bytes) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.cosign(large, ZERO, sender=shanghai.registrar(SUZHOU))


def test_cosign__at_the_limit_or_signed_already__not_needed(shanghai: Credits, large: bytes) -> None:
    at_the_limit = shanghai.propose(1_502, 1_900)
    for transfer in (large, at_the_limit):
        if transfer == large:
            shanghai.hub.ledger.cosign(large, ZERO, sender=shanghai.registrar(number=1))
        with pytest.raises(Reverted, match="CosignNotNeeded"):
            shanghai.hub.ledger.cosign(transfer, ZERO, sender=shanghai.registrar(number=2))


# ---------------------------------------------------------------- accept


def test_accept__recognised_whole__the_destinations(shanghai: Credits) -> None:
    transfer = shanghai.propose(41, 60, 1)
    shanghai.hub.chain.pass_time(DAY)
    event = shanghai.accept(transfer).event("TransferAccepted")
    assert (event.keptLast, event.factorPpm, event.arrivingKg) == (60, 1_000_000, 20 * KG)
    block = shanghai.block(41)
    assert (block.holder, block.status, block.entry) == (SUZHOU, Status.AVAILABLE, event.entry)
    assert event.entry > 0
    assert shanghai.hub.ledger.getTransfer(transfer).status == Moved.ACCEPTED
    assert [row[2] for row in shanghai.blocks()] == [SHANGHAI, SUZHOU, SHANGHAI]


def test_accept__under_a_factor__highest_serials_are_cut(shanghai: Credits) -> None:
    event = shanghai.move(1, 55, HANGZHOU).event("TransferAccepted")  # 0.9 * 55 = 49.5
    assert (event.keptLast, event.factorPpm, event.arrivingKg) == (49, 900_000, 55 * KG)
    assert shanghai.blocks() == [
        (1, 49, HANGZHOU, Status.AVAILABLE),
        (50, 55, SHANGHAI, Status.CANCELLED),
        (56, 100, SHANGHAI, Status.AVAILABLE),
    ]
    cut = shanghai.block(50)
    assert (cut.purpose, cut.factorPpm, cut.entry) == (Purpose.CONVERSION_CUT, 1_000_000, 0)
    assert shanghai.drawn_kg() == 100 * KG  # a cut frees nothing


def test_accept__second_cut__only_the_difference(shanghai: Credits) -> None:
    shanghai.recognise(SUZHOU, factorPpm=450_000)
    shanghai.move(1, 100, HANGZHOU)
    event = shanghai.move(1, 90, SUZHOU).event("TransferAccepted")
    assert (event.keptLast, event.factorPpm) == (45, 450_000)  # of the first hundred, 45 are 0.45


def test_accept__higher_factor_later__nothing_comes_back_and_nothing_is_cut(shanghai: Credits) -> None:
    shanghai.move(1, 100, HANGZHOU)
    event = shanghai.move(1, 90, SUZHOU).event("TransferAccepted")
    assert (event.keptLast, event.factorPpm) == (90, 900_000)


def test_accept__home_and_out_again__not_cut_twice(shanghai: Credits) -> None:
    shanghai.move(1, 100, HANGZHOU)
    home = shanghai.move(1, 90, SHANGHAI).event("TransferAccepted")
    assert (home.keptLast, home.factorPpm, home.entry) == (90, 900_000, 0)
    again = shanghai.propose(1, 50, to=HANGZHOU)
    assert shanghai.accept(again).event("TransferAccepted").keptLast == 50


def test_accept__nothing_would_be_kept__refused(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 1, to=HANGZHOU)
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted) as refused:
        shanghai.accept(transfer)
    assert refused.value.error == "NothingKept"
    assert (refused.value.values["fromPpm"], refused.value.values["toPpm"]) == (1_000_000, 900_000)


def test_accept__not_recognised__refused(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10, to=GUANGDONG)
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="NotRecognised"):
        shanghai.accept(transfer)


def test_accept__beyond_the_cap__refused_by_arriving_kg(shanghai: Credits) -> None:
    shanghai.move(1, 100, HANGZHOU)
    shanghai.issue(101, 200, 1)
    transfer = shanghai.propose(101, 151, to=HANGZHOU)
    with pytest.raises(Reverted) as refused:
        shanghai.accept(transfer)
    assert (refused.value.error, refused.value.values["arrived"]) == ("CapExceeded", 100 * KG)


def test_accept__before_the_wait_is_over__too_early(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10)
    shanghai.hub.chain.pass_time(DAY - 1)
    with pytest.raises(Reverted, match="TransferTooEarly"):
        shanghai.accept(transfer)
    shanghai.hub.chain.pass_time(1)
    shanghai.accept(transfer)


def test_accept__at_the_deadline__over(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10)
    shanghai.hub.chain.pass_time(10 * DAY)
    with pytest.raises(Reverted, match="TransferOver"):
        shanghai.accept(transfer)


def test_accept__held_meanwhile__only_ends(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10)
    shanghai.hold(1)
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.accept(transfer)
    shanghai.hub.ledger.withdraw(transfer, ZERO, sender=shanghai.registrar())
    assert (shanghai.block(1).status, shanghai.block(1).holds) == (Status.AVAILABLE, 1)


def test_accept__by_the_sender__not_officer(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10)
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.accept(transfer, ZERO, sender=shanghai.registrar())


def test_accept__twice__not_proposed(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 10)
    shanghai.hub.chain.pass_time(DAY)
    shanghai.accept(transfer)
    with pytest.raises(Reverted, match=r"TransferNotProposed\(.*status=2\)"):
        shanghai.accept(transfer)


def test_accept__unknown__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="TransferUnknown"):
        shanghai.hub.ledger.accept(ZERO, ZERO, sender=shanghai.registrar(SUZHOU))


# ---------------------------------------------------------------- onward and home


@pytest.mark.parametrize(
    ("effect", "onward", "homeward"), [(USABLE, True, True), (RETURN_ONLY, False, True), (FROZEN, False, False)]
)
def test_propose__after_a_revocation__as_its_effect_says(
    shanghai: Credits, effect: int, onward: bool, homeward: bool
) -> None:
    shanghai.move(1, 100, SUZHOU)
    revoke(shanghai, SUZHOU, effect)
    for to, allowed, first in ((HANGZHOU, onward, 1), (SHANGHAI, homeward, 51)):
        if allowed:
            shanghai.propose(first, first + 9, 1 if first == 1 or not onward else 11, to=to)
        else:
            with pytest.raises(Reverted, match="RecognitionRevoked"):
                shanghai.propose(first, first + 9, 1, to=to)


def test_accept__home_without_any_recognition__no_terms_needed(shanghai: Credits) -> None:
    shanghai.move(1, 100, SUZHOU)
    revoke(shanghai, SUZHOU, RETURN_ONLY)
    event = shanghai.move(1, 100, SHANGHAI).event("TransferAccepted")
    assert (event.entry, event.factorPpm) == (0, 1_000_000)
    assert shanghai.blocks() == [(1, 100, SHANGHAI, Status.AVAILABLE)]


# ---------------------------------------------------------------- reject, withdraw, expire


def ending(shanghai: Credits, verb: str, transfer: bytes) -> Any:
    ledger = shanghai.hub.ledger
    if verb == "reject":
        return ledger.reject(transfer, 7, ZERO, sender=shanghai.registrar(SUZHOU))
    if verb == "withdraw":
        return ledger.withdraw(transfer, ZERO, sender=shanghai.registrar())
    shanghai.hub.chain.warp(ledger.getTransfer(transfer).deadline)
    return ledger.expire(transfer, sender=shanghai.hub.anyone)


ENDINGS = {
    "reject": ("TransferRejected", Moved.REJECTED),
    "withdraw": ("TransferWithdrawn", Moved.WITHDRAWN),
    "expire": ("TransferExpired", Moved.EXPIRED),
}


@pytest.mark.parametrize("verb", ENDINGS)
@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_ending__proposed__back_with_the_sender(shanghai: Credits, verb: str, held: bool) -> None:
    event, status = ENDINGS[verb]
    transfer = shanghai.propose(1, 40)
    if held:
        shanghai.hold(1)
    assert ending(shanghai, verb, transfer).event(event).transfer == transfer
    assert shanghai.hub.ledger.getTransfer(transfer).status == status
    assert shanghai.blocks() == [(1, 40, SHANGHAI, Status.AVAILABLE), (41, 100, SHANGHAI, Status.AVAILABLE)]
    assert not shanghai.hub.ledger.knows(SHANGHAI, SUZHOU)
    with pytest.raises(Reverted, match="TransferNotProposed"):
        ending(shanghai, verb, transfer)


def test_reject__by_the_sender__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.reject(shanghai.propose(1, 40), 0, ZERO, sender=shanghai.registrar())


def test_withdraw__by_the_destination__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.withdraw(shanghai.propose(1, 40), ZERO, sender=shanghai.registrar(SUZHOU))


def test_expire__before_the_deadline__not_over(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 40)
    shanghai.hub.chain.pass_time(10 * DAY - 1)
    with pytest.raises(Reverted, match="TransferNotOver"):
        shanghai.hub.ledger.expire(transfer, sender=shanghai.hub.anyone)


def test_expire__destination_left_and_all_is_paused__still_ends(shanghai: Credits) -> None:
    transfer = shanghai.propose(1, 40, deadline=shanghai.hub.chain.now + 2 * DAY)
    actions = [shanghai.hub.consortium.action("pauseByBallot", 2**40 - 1, ZERO[:-1] + b"\x01")]
    shanghai.hub.pass_ballot(BallotKind.PAUSE, actions)
    shanghai.hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="Paused"):
        shanghai.hub.ledger.withdraw(transfer, ZERO, sender=shanghai.registrar())
    shanghai.hub.ledger.expire(transfer, sender=shanghai.hub.anyone)
    assert shanghai.block(1).status == Status.AVAILABLE
