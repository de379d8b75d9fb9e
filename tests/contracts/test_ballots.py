"""Consortium: ballots opened, voted and decided; one test per refusal."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.contracts import orders
from tests.contracts.chain import CHAIN_ID, Reverted
from tests.contracts.consortium_orders import (
    DELAYED,
    EXECUTABLE,
    EXPIRED,
    FAILED,
    NEW_KEY,
    STRANGER,
    UNKNOWN,
    VOTING,
    YET_FREE,
    allow_recognition,
    ballot_order,
    harmless,
    leave,
    officer_order,
    officers_with,
    open_ballot,
    outcome,
    pause,
    set_officer,
    vote_all,
    voter,
)
from tests.contracts.deployment import (
    CDM,
    DAY,
    GUANGDONG,
    HEFEI,
    RULES,
    SHANGHAI,
    SUZHOU,
    ZERO,
    BallotKind,
    Choice,
    Deployment,
    Kind,
    Role,
    deploy_all,
)

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def founded() -> Deployment:
    """The founding consortium without the other registers."""
    return deploy_all({"Consortium"})


# -------------------------------------------------------------------- opening


def test_open_ballot__signed_order__fixes_electorate_and_rule(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    receipt = open_ballot(hub, order, harmless(hub))
    opened = receipt.event("BallotOpened")
    assert receipt.value == opened.ballot == hub.digest("BallotOrder", order)
    assert (opened.electorate, opened.invited) == (0b1111, 0)
    assert (opened.quorumPpm, opened.approvalPpm, opened.delay, opened.executeWithin) == (500_000, 666_667, 0, 14 * DAY)
    assert (opened.request, len(opened.actions)) == (order["request"], 1)
    assert outcome(hub, receipt.value) == VOTING


def test_open_ballot__same_order_relayed_again__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    open_ballot(hub, order, harmless(hub))
    with pytest.raises(Reverted, match="BallotExists"):
        open_ballot(hub, order, harmless(hub))


def test_open_ballot__front_run_with_other_actions__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="ActionsMismatch"):
        open_ballot(hub, order, harmless(hub, parent=330000))


def test_open_ballot__altered_after_signing__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    signature = hub.sign("BallotOrder", order, voter(hub, SHANGHAI))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.consortium.openBallot(order | {"document": ZERO}, harmless(hub), signature, sender=hub.anyone)


def test_open_ballot__signed_for_another_chain__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    elsewhere = orders.domain_separator(CHAIN_ID + 1, hub.consortium.address)
    signature = orders.sign(elsewhere, "BallotOrder", order, voter(hub, SHANGHAI))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.consortium.openBallot(order, harmless(hub), signature, sender=hub.anyone)


@pytest.mark.parametrize("proposer", [SHANGHAI, GUANGDONG, CDM])
def test_open_ballot__by_a_registrar__reverts(hub: Deployment, proposer: int) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), proposer=proposer)
    with pytest.raises(Reverted, match="NotOfficer"):
        open_ballot(hub, order, harmless(hub), hub.members[proposer].registrars[0])


def test_open_ballot__by_voter_of_another_member__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), proposer=HEFEI)
    with pytest.raises(Reverted, match="NotOfficer"):
        open_ballot(hub, order, harmless(hub), voter(hub, SHANGHAI))


@pytest.mark.parametrize("proposer", [GUANGDONG, CDM])
def test_open_ballot__membership_by_one_that_is_not_full__reverts(hub: Deployment, proposer: int) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), proposer=proposer)
    with pytest.raises(Reverted, match="KindNotPermitted"):
        open_ballot(hub, order, harmless(hub), voter(hub, proposer))


def test_open_ballot__recognition_by_an_associate__opens(hub: Deployment) -> None:
    actions = allow_recognition(hub)
    order = ballot_order(hub, BallotKind.RECOGNITION, actions, proposer=GUANGDONG, invited=[GUANGDONG])
    opened = open_ballot(hub, order, actions, voter(hub, GUANGDONG)).event("BallotOpened")
    assert (opened.electorate, opened.invited) == (0b1111, 0b10000)


@pytest.mark.parametrize(("member", "error"), [(UNKNOWN, "MemberUnknown"), (0, "MemberUnknown"), (HEFEI, "MemberLeft")])
def test_open_ballot__by_no_member__reverts(hub: Deployment, member: int, error: str) -> None:
    leave(hub, HEFEI)
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), proposer=member)
    with pytest.raises(Reverted, match=error):
        open_ballot(hub, order, harmless(hub), voter(hub, HEFEI))


@pytest.mark.parametrize("count", [0, 33])
def test_open_ballot__no_or_too_many_actions__reverts(hub: Deployment, count: int) -> None:
    actions = harmless(hub) * count
    with pytest.raises(Reverted, match="ActionsInvalid"):
        open_ballot(hub, ballot_order(hub, BallotKind.MEMBERSHIP, actions), actions)


@pytest.mark.parametrize("data", [b"", bytes.fromhex("000000"), keccak(text="endPause()")[:4]])
def test_open_ballot__call_not_allowed_to_its_kind__reverts(hub: Deployment, data: bytes) -> None:
    actions = [(hub.consortium.address, data)]
    with pytest.raises(Reverted, match="CallNotAllowed"):
        open_ballot(hub, ballot_order(hub, BallotKind.MEMBERSHIP, actions), actions)


def test_open_ballot__selector_completed_by_padding__reverts(hub: Deployment) -> None:
    """An allowed selector that ends in a zero byte is not reached by its first three bytes."""
    selector = bytes.fromhex("aabbcc00")
    call = {"target": STRANGER.address, "selector": selector, "kind": int(BallotKind.STATUS)}
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, True)])
    whole, short = [(STRANGER.address, selector)], [(STRANGER.address, selector[:3])]
    open_ballot(hub, ballot_order(hub, BallotKind.STATUS, whole), whole)
    with pytest.raises(Reverted, match="CallNotAllowed"):
        open_ballot(hub, ballot_order(hub, BallotKind.STATUS, short), short)


@pytest.mark.parametrize("voting", [0, 3_599, 30 * DAY + 1])
def test_open_ballot__closing_too_soon_or_too_late__reverts(hub: Deployment, voting: int) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), closesAt=hub.chain.now + voting)
    with pytest.raises(Reverted, match="BallotPeriodInvalid") as refusal:
        open_ballot(hub, order, harmless(hub))
    assert refusal.value.values["earliest"] == hub.chain.now + 3_600


@pytest.mark.parametrize(
    ("member", "error"), [(SUZHOU, "KindNotPermitted"), (CDM, "KindNotPermitted"), (UNKNOWN, "MemberUnknown")]
)
def test_open_ballot__inviting_what_is_no_associate__reverts(hub: Deployment, member: int, error: str) -> None:
    actions = allow_recognition(hub)
    with pytest.raises(Reverted, match=error):
        open_ballot(hub, ballot_order(hub, BallotKind.RECOGNITION, actions, invited=[member]), actions)


def test_open_ballot__inviting_to_another_kind__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="KindNotPermitted"):
        open_ballot(hub, ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub), invited=[GUANGDONG]), harmless(hub))


# -------------------------------------------------------------------- signatures


@pytest.mark.parametrize("cut", [0, 64, 66])
def test_signature__of_wrong_length__reverts(hub: Deployment, cut: int) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    signature = (hub.sign("BallotOrder", order, voter(hub, SHANGHAI)) + b"\0")[:cut]
    with pytest.raises(Reverted, match="SignatureInvalid") as refusal:
        hub.consortium.openBallot(order, harmless(hub), signature, sender=hub.anyone)
    assert refusal.value.values["digest"] == hub.digest("BallotOrder", order)


def test_signature__its_mirror_with_a_high_s__reverts(hub: Deployment) -> None:
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    signature = hub.sign("BallotOrder", order, voter(hub, SHANGHAI))
    high = SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    mirrored = signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(Reverted, match="SignatureInvalid"):
        hub.consortium.openBallot(order, harmless(hub), mirrored, sender=hub.anyone)


def test_signature__of_nobody__reverts(hub: Deployment) -> None:
    """Zeros recover the zero address, which must not pass for the officer that nobody is."""
    order = ballot_order(hub, BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="SignatureInvalid"):
        hub.consortium.openBallot(order, harmless(hub), bytes(65), sender=hub.anyone)


# -------------------------------------------------------------------- voting


def test_vote__yes__is_counted_once_per_member(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    cast = hub.vote(ballot, SUZHOU).event("VoteCast")
    assert (cast.member, cast.choice, cast.revision, cast.voter) == (
        SUZHOU,
        Choice.YES,
        1,
        voter(hub, SUZHOU).address.lower(),
    )
    hub.vote(ballot, SUZHOU, revision=2, key=voter(hub, SUZHOU, 1))
    assert hub.consortium.tally(ballot) == (0b1111, 0, 0b10, 0, 0)
    assert hub.consortium.consented(ballot, SUZHOU)
    assert not hub.consortium.consented(ballot, SHANGHAI)


def test_vote__higher_revision__replaces_the_choice(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    for revision, choice in ((1, Choice.YES), (5, Choice.NO), (6, Choice.ABSTAIN)):
        hub.vote(ballot, SUZHOU, choice, revision)
    assert hub.consortium.tally(ballot) == (0b1111, 0, 0, 0, 0b10)
    assert hub.consortium.revisionOf(ballot, SUZHOU) == 6


@pytest.mark.parametrize("revision", [0, 1, 2])
def test_vote__older_or_same_revision_replayed__reverts(hub: Deployment, revision: int) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.vote(ballot, SUZHOU, Choice.NO, 2)
    with pytest.raises(Reverted, match="RevisionStale") as refusal:
        hub.vote(ballot, SUZHOU, Choice.YES, revision)
    assert refusal.value.values["recorded"] == 2


def test_vote__at_the_close__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.chain.pass_time(DAY - 1)
    hub.vote(ballot, SUZHOU)
    hub.chain.pass_time(1)
    with pytest.raises(Reverted, match="BallotClosed"):
        hub.vote(ballot, HEFEI)


def test_vote__everybody_has_voted__closes_the_ballot(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES, hangzhou=Choice.ABSTAIN)
    assert outcome(hub, ballot) == VOTING
    completed = hub.vote(ballot, HEFEI, Choice.YES).event("BallotCompleted")
    assert completed.closedAt == hub.chain.now
    assert outcome(hub, ballot) == EXECUTABLE
    with pytest.raises(Reverted, match="BallotClosed"):
        hub.vote(ballot, HEFEI, Choice.NO, 2)


def test_vote__invited_has_not_voted__keeps_the_ballot_open(hub: Deployment) -> None:
    actions = allow_recognition(hub)
    ballot = hub.open_ballot(BallotKind.RECOGNITION, actions, invited=[GUANGDONG])
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES, hangzhou=Choice.YES, hefei=Choice.YES)
    assert outcome(hub, ballot) == VOTING
    assert hub.vote(ballot, GUANGDONG, Choice.NO).event("BallotCompleted")
    assert not hub.consortium.consented(ballot, GUANGDONG)


def test_vote__on_nothing__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="BallotUnknown"):
        hub.vote(keccak(text="no ballot"), SUZHOU)


def test_vote__no_choice__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    order = {"ballot": ballot, "member": SUZHOU, "choice": 0, "revision": 1}
    with pytest.raises(Reverted, match="ChoiceInvalid"):
        hub.consortium.vote(order, hub.sign("VoteOrder", order, voter(hub, SUZHOU)), sender=hub.anyone)


@pytest.mark.parametrize("member", [GUANGDONG, CDM])
def test_vote__by_one_that_was_not_asked__reverts(hub: Deployment, member: int) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="NotInElectorate"):
        hub.vote(ballot, member)


def test_vote__member_admitted_after_opening__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub), voting=10 * DAY)
    admit = hub.consortium.action("admit", YET_FREE, int(Kind.FULL), 0, officers_with(NEW_KEY))
    hub.pass_ballot(BallotKind.MEMBERSHIP, [admit])
    with pytest.raises(Reverted, match="NotInElectorate"):
        hub.vote(ballot, YET_FREE, key=NEW_KEY)


def test_vote__by_a_registrar__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.vote(ballot, SUZHOU, key=hub.members[SUZHOU].registrars[0])


def test_vote__by_voter_of_another_member__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.vote(ballot, SUZHOU, key=voter(hub, SHANGHAI))


def test_vote__key_removed_since_signing__reverts_but_cast_votes_stay(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.vote(ballot, SUZHOU, key=voter(hub, SUZHOU, 1))
    set_officer(hub, officer_order(hub, SUZHOU, voter(hub, SUZHOU, 1), 0))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.vote(ballot, SUZHOU, Choice.NO, 2, key=voter(hub, SUZHOU, 1))
    assert hub.consortium.consented(ballot, SUZHOU)


def test_vote__key_at_the_end_of_its_term__reverts(hub: Deployment) -> None:
    set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.VOTER, validUntil=hub.chain.now + 3_600))
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.chain.pass_time(3_600)
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.vote(ballot, SUZHOU, key=NEW_KEY)


def test_vote__replayed_for_another_member_or_ballot__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    other = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    order = {"ballot": ballot, "member": SUZHOU, "choice": int(Choice.YES), "revision": 1}
    signature = hub.sign("VoteOrder", order, voter(hub, SUZHOU))
    for altered in ({"ballot": other}, {"member": HEFEI}, {"choice": int(Choice.NO)}, {"revision": 9}):
        with pytest.raises(Reverted, match="NotOfficer"):
            hub.consortium.vote(order | altered, signature, sender=hub.anyone)


def test_vote__member_left_while_the_ballot_runs__its_vote_counts_and_it_casts_no_more(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, ballot, suzhou=Choice.YES)
    leave(hub, SUZHOU)
    with pytest.raises(Reverted, match="MemberLeft"):
        hub.vote(ballot, SUZHOU, Choice.NO, 2)
    assert hub.consortium.tally(ballot)[2] == 0b10
    assert not hub.consortium.consented(ballot, SUZHOU)
    hub.chain.pass_time(DAY)
    assert outcome(hub, ballot) == FAILED


def test_vote__while_paused__is_counted(hub: Deployment) -> None:
    pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU))
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.vote(ballot, SUZHOU)
    assert hub.consortium.consented(ballot, SUZHOU)


def test_consented__of_no_member_or_programme__is_false(hub: Deployment) -> None:
    """Both have seat 0 in storage, which is Shanghai's."""
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    hub.vote(ballot, SHANGHAI)
    assert hub.consortium.consented(ballot, SHANGHAI)
    assert not hub.consortium.consented(ballot, CDM)
    assert not hub.consortium.consented(ballot, UNKNOWN)
    assert not hub.consortium.consented(ballot, 0)


# -------------------------------------------------------------------- outcome


@pytest.mark.parametrize(
    ("votes", "passes"),
    [
        ({}, False),
        ({"shanghai": Choice.YES}, False),
        ({"shanghai": Choice.YES, "suzhou": Choice.ABSTAIN}, True),
        ({"shanghai": Choice.ABSTAIN, "suzhou": Choice.ABSTAIN}, False),
        ({"shanghai": Choice.YES, "suzhou": Choice.NO}, False),
        ({"shanghai": Choice.YES, "suzhou": Choice.YES, "hefei": Choice.NO}, False),
        ({"shanghai": Choice.YES, "suzhou": Choice.YES, "hangzhou": Choice.YES, "hefei": Choice.NO}, True),
    ],
)
def test_outcome__by_quorum_and_approval__follows_the_rule(
    hub: Deployment, votes: dict[str, Choice], passes: bool
) -> None:
    """Quorum 50 %; approval 666,667 ppm, which two of three votes do not reach and three of four do."""
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, ballot, **votes)
    hub.chain.pass_time(DAY)
    assert outcome(hub, ballot) == (EXECUTABLE if passes else FAILED)


def test_outcome__votes_of_the_invited__count_in_neither_quorum_nor_approval(hub: Deployment) -> None:
    actions = allow_recognition(hub)
    ballot = hub.open_ballot(BallotKind.RECOGNITION, actions, invited=[GUANGDONG])
    vote_all(hub, ballot, shanghai=Choice.YES, guangdong=Choice.YES)
    hub.chain.pass_time(DAY)
    assert outcome(hub, ballot) == FAILED


def test_outcome__rule_changed_while_the_ballot_runs__keeps_the_old(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub), voting=20 * DAY)
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES)
    strict = RULES[BallotKind.MEMBERSHIP] | {"quorumPpm": 1_000_000, "delay": DAY}
    hub.pass_ballot(BallotKind.RULES, [hub.consortium.action("setRule", int(BallotKind.MEMBERSHIP), strict)])
    hub.chain.pass_time(20 * DAY)
    assert outcome(hub, ballot) == EXECUTABLE


def test_outcome__delay_then_window__passes_through_every_stage(hub: Deployment) -> None:
    rule = RULES[BallotKind.UPGRADE]
    actions = [hub.consortium.action("addRegister", STRANGER.address)]
    ballot = hub.open_ballot(BallotKind.UPGRADE, actions)
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES)
    stages = []
    for wait in (DAY - 1, 1, rule["delay"] - 1, 1, rule["executeWithin"] - 1, 1):
        hub.chain.pass_time(wait)
        stages.append(outcome(hub, ballot))
    assert stages == [VOTING, DELAYED, DELAYED, EXECUTABLE, EXECUTABLE, EXPIRED]
    assert outcome(hub, keccak(text="no ballot")) == 0
