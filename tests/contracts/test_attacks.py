"""What one member, or a lost order, might try against the others, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.chain import Key, Reverted
from tests.contracts.consortium_orders import (
    STRANGER,
    YET_FREE,
    ballot_order,
    lapse_voters,
    officer_order,
    officers_with,
    open_ballot,
    set_officer,
    vote_all,
    voter,
)
from tests.contracts.credits import Credits, Status, found
from tests.contracts.deployment import (
    DAY,
    HANGZHOU,
    HEFEI,
    SHANGHAI,
    SUZHOU,
    BallotKind,
    Choice,
    Deployment,
    Kind,
    Role,
)
from tests.contracts.ids import ZERO
from tests.contracts.recognitions import Effect
from tests.contracts.test_ledger_pledge import bank, pledge

NEWCOMER = Key.named("Nanjing voter")


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    """1 to 100, available in Shanghai."""
    credits_ = found(hub)
    credits_.issue(1, 100)
    return credits_


def place(hub: Deployment, member: int, *subjects: bytes) -> bytes:
    """The member's hold for a day, on evidence of its own."""
    order = {
        "member": member,
        "subjects": list(subjects),
        "reason": 1,
        "evidence": keccak(hub.request()),
        "until": hub.chain.now + DAY,
        "request": hub.request(),
        "deadline": hub.chain.now,
    }
    return bytes(hub.holds.place(order, hub.sign("HoldOrder", order, voter(hub, member)), sender=hub.anyone).value)


def lift(hub: Deployment, hold: bytes, member: int) -> None:
    """Lifts the member's hold on its own records."""
    order = {"hold": hold, "request": hub.request(), "deadline": hub.chain.now}
    hub.holds.lift(order, hub.sign("LiftOrder", order, voter(hub, member)), [], sender=hub.anyone)


# ---------------------------------------------------------------- using up the holds


def test_hold__the_home_member_holds_its_own_block_first__anothers_still_lands_and_stays(shanghai: Credits) -> None:
    hub = shanghai.hub
    subject = ids.subject(ids.BLOCK, shanghai.series, 1)
    with pytest.raises(Reverted, match=r"HoldsTooMany\(member=310000"):
        place(hub, SHANGHAI, *[subject] * 15)
    own = place(hub, SHANGHAI, subject, subject)
    with pytest.raises(Reverted, match="HoldsTooMany"):
        place(hub, SHANGHAI, subject)
    place(hub, SUZHOU, subject)
    lift(hub, own, SHANGHAI)
    with pytest.raises(Reverted, match="BlockHeld"):
        shanghai.retire(1, 100)


@pytest.mark.parametrize("kind", [ids.METHODOLOGY, ids.PROJECT])
def test_hold__the_home_member_holds_its_own_records_first__anothers_still_lands(shanghai: Credits, kind: int) -> None:
    subject = ids.subject(kind, shanghai.methodology if kind == ids.METHODOLOGY else shanghai.project)
    place(shanghai.hub, SHANGHAI, subject)
    place(shanghai.hub, SHANGHAI, subject)
    with pytest.raises(Reverted, match="HoldsTooMany"):
        place(shanghai.hub, SHANGHAI, subject)
    place(shanghai.hub, SUZHOU, subject)


def test_hold__one_record_under_two_names__refused(shanghai: Credits) -> None:
    for subject in (
        ids.subject(ids.METHODOLOGY, shanghai.methodology),
        ids.subject(ids.PROJECT, shanghai.project),
        ids.subject(ids.BLOCK, shanghai.series, 1),
    ):
        with pytest.raises(Reverted, match="SubjectUnknown"):
            place(shanghai.hub, SHANGHAI, subject[:-1] + b"\x01")


def test_hold__marks_that_ended__free_again(shanghai: Credits) -> None:
    hub, subject = shanghai.hub, ids.subject(ids.PROJECT, shanghai.project)
    for _ in range(3):
        own = place(hub, SHANGHAI, subject, subject)
        lift(hub, own, SHANGHAI)
    assert hub.projects.getProject(shanghai.project).holds == 0


# ---------------------------------------------------------------- taking a newcomer's key


def admission(hub: Deployment) -> list[tuple[str, bytes]]:
    return [hub.consortium.action("admit", YET_FREE, int(Kind.FULL), 0, officers_with(NEWCOMER))]


def test_admit__a_member_registers_the_newcomers_key_first__it_resigns_and_the_ballot_carries(hub: Deployment) -> None:
    set_officer(hub, officer_order(hub, HEFEI, NEWCOMER, Role.AUDITOR))
    with pytest.raises(Reverted, match="OfficerServesAnother"):
        hub.pass_ballot(BallotKind.MEMBERSHIP, admission(hub))
    said = hub.consortium.resign(sender=NEWCOMER).event("OfficerChanged")
    assert (said.member, said.account, said.roles, said.ballot) == (HEFEI, NEWCOMER.address.lower(), 0, ZERO)
    assert NEWCOMER.address.lower() not in hub.consortium.officers(HEFEI)
    hub.pass_ballot(BallotKind.MEMBERSHIP, admission(hub))
    assert hub.consortium.getMember(YET_FREE).kind == Kind.FULL


def test_admit__the_key_is_registered_again_and_again__resigned_and_executed_in_one_batch(hub: Deployment) -> None:
    actions = admission(hub)
    ballot = open_ballot(hub, ballot_order(hub, BallotKind.MEMBERSHIP, actions), actions).value
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES, hangzhou=Choice.YES, hefei=Choice.NO)
    hub.chain.pass_time(hub.rules[BallotKind.MEMBERSHIP]["delay"])
    set_officer(hub, officer_order(hub, HEFEI, NEWCOMER, Role.AUDITOR))
    calls = [hub.consortium.calldata("resign"), hub.consortium.calldata("execute", ballot, actions)]
    hub.consortium.batch(calls, sender=NEWCOMER)
    assert hub.consortium.getMember(YET_FREE).kind == Kind.FULL


def test_restore_officers__the_new_key_serves_another__it_resigns_and_the_ballot_carries(hub: Deployment) -> None:
    lapse_voters(hub, SUZHOU, 60)
    hub.chain.pass_time(60)
    set_officer(hub, officer_order(hub, HEFEI, NEWCOMER, Role.AUDITOR))
    hub.consortium.resign(sender=NEWCOMER)
    actions = [hub.consortium.action("restoreOfficers", SUZHOU, officers_with(NEWCOMER))]
    ballot = open_ballot(hub, ballot_order(hub, BallotKind.OFFICERS, actions), actions).value
    vote_all(hub, ballot, shanghai=Choice.YES, hangzhou=Choice.YES, hefei=Choice.YES)
    hub.chain.pass_time(DAY + hub.rules[BallotKind.OFFICERS]["delay"])
    hub.consortium.execute(ballot, actions, sender=hub.anyone)
    assert hub.consortium.isOfficer(SUZHOU, Role.VOTER, NEWCOMER.address)


def test_resign__last_voter__refused_until_there_is_another(hub: Deployment) -> None:
    hub.consortium.resign(sender=voter(hub, SUZHOU, 1))
    with pytest.raises(Reverted, match=r"LastVoter\(member=320500"):
        hub.consortium.resign(sender=voter(hub, SUZHOU))
    set_officer(hub, officer_order(hub, SUZHOU, NEWCOMER, Role.VOTER))
    hub.consortium.resign(sender=voter(hub, SUZHOU))
    assert not hub.consortium.isOfficer(SUZHOU, Role.VOTER, voter(hub, SUZHOU).address)


def test_resign__no_voter_where_the_voters_lapsed__still_goes(hub: Deployment) -> None:
    set_officer(hub, officer_order(hub, SUZHOU, NEWCOMER, Role.AUDITOR))
    lapse_voters(hub, SUZHOU, 60)
    hub.chain.pass_time(60)
    hub.consortium.resign(sender=NEWCOMER)
    assert hub.consortium.getOfficer(NEWCOMER.address).member == 0


def test_resign__without_office__refused(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="OfficerInvalid"):
        hub.consortium.resign(sender=STRANGER)


# ---------------------------------------------------------------- revocations against each other


def ends(hub: Deployment, subject: bytes, member: int, effect: Effect) -> None:
    order = {
        "subject": subject,
        "member": member,
        "effect": int(effect),
        "request": hub.request(),
        "deadline": hub.chain.now,
    }
    signature = hub.sign("EndRecognitionOrder", order, voter(hub, member))
    hub.recognition.end(order, signature, sender=hub.anyone)


def test_revoke__one_of_two_members_ends_its_own_first__the_ballot_still_carries(shanghai: Credits) -> None:
    hub = shanghai.hub
    shanghai.recognise(SUZHOU)
    shanghai.recognise(HANGZHOU)
    subject = ids.subject(ids.METHODOLOGY, shanghai.methodology)
    actions = [
        hub.recognition.action("revoke", subject, member, int(Effect.RETURN_ONLY)) for member in (SUZHOU, HANGZHOU)
    ]
    ends(hub, subject, SUZHOU, Effect.RETURN_ONLY)
    hub.pass_ballot(BallotKind.STATUS, actions)
    for member in (SUZHOU, HANGZHOU):
        assert hub.recognition.getStanding(subject, member).revoked == Effect.RETURN_ONLY


@pytest.mark.parametrize("suzhou", [Choice.NO, Choice.ABSTAIN, Choice.YES])
def test_revoke__softer_than_the_member_said__needs_its_yes(shanghai: Credits, suzhou: Choice) -> None:
    hub = shanghai.hub
    shanghai.recognise(SUZHOU)
    shanghai.move(1, 100, SUZHOU)
    subject = ids.subject(ids.METHODOLOGY, shanghai.methodology)
    ends(hub, subject, SUZHOU, Effect.FROZEN)
    actions = [hub.recognition.action("revoke", subject, SUZHOU, int(Effect.USABLE))]
    ballot = open_ballot(hub, ballot_order(hub, BallotKind.STATUS, actions), actions).value
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=suzhou, hangzhou=Choice.YES, hefei=Choice.YES)
    hub.chain.pass_time(hub.rules[BallotKind.STATUS]["delay"])
    if suzhou == Choice.YES:
        hub.consortium.execute(ballot, actions, sender=hub.anyone)
        shanghai.retire(1, 100)
        return
    with pytest.raises(Reverted) as refused:
        hub.consortium.execute(ballot, actions, sender=hub.anyone)
    assert (refused.value.error, refused.value.values["effect"]) == ("RecognitionRevoked", Effect.FROZEN)
    with pytest.raises(Reverted, match="RecognitionRevoked"):
        shanghai.retire(1, 100)


# ---------------------------------------------------------------- an old release


def test_release__order_for_an_earlier_pledge__does_not_release_a_later_one(shanghai: Credits) -> None:
    hub = shanghai.hub
    pledge(shanghai, 1, 100)
    order = {
        "series": shanghai.series,
        "first": 1,
        "until": hub.ledger.getPledge(shanghai.series, 1).until,
        "request": hub.request(),
        "deadline": hub.chain.now + 100 * DAY,
    }
    signature = hub.sign("ReleaseOrder", order, bank(shanghai))  # relayed by nobody
    hub.chain.warp(order["until"])
    hub.ledger.lapse(shanghai.series, 1, sender=hub.anyone)
    pledge(shanghai, 1, 100)
    with pytest.raises(Reverted, match="NotPledged"):
        hub.ledger.release(order, signature, sender=hub.anyone)
    assert shanghai.block(1).status == Status.PLEDGED


# ---------------------------------------------------------------- records without a document


def test_document__absent__neither_verified_nor_issued_nor_corrected(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="VerificationEmpty"):
        shanghai.verify(document=ZERO)
    with pytest.raises(Reverted, match="DocumentMissing"):
        shanghai.issue(101, 200, predecessor=1, document=ZERO)
    asked: dict[str, Any] = {
        "request": shanghai.hub.request(),
        "series": shanghai.series,
        "blockFirst": 1,
        "first": 1,
        "last": 100,
        "document": ZERO,
    }
    with pytest.raises(Reverted, match="DocumentMissing"):
        shanghai.hub.ledger.correct(asked, sender=shanghai.registrar())
