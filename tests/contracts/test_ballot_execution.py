"""Consortium: passed ballots carried out, on it and on code written here byte by byte; what only a ballot may do."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.chain import NOBODY, Reverted
from tests.contracts.consortium_orders import (
    DELAYED,
    EXECUTABLE,
    EXECUTED,
    EXPIRED,
    FAILED,
    NEW_KEY,
    SCENARIOS,
    STRANGER,
    UNKNOWN,
    VOTING,
    YET_FREE,
    harmless,
    lapse_voters,
    leave,
    officers_with,
    outcome,
    refused_ballot,
    vote_all,
    voter,
)
from tests.contracts.deployment import (
    CDM,
    DAY,
    FOREVER,
    HEFEI,
    PAUSE_RULE,
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


@pytest.fixture(scope="module")
def founded() -> Deployment:
    """The founding consortium without the other registers."""
    return deploy_all({"Consortium"})


# -------------------------------------------------------------------- execution


def test_execute__passed_ballot__does_what_it_says(hub: Deployment) -> None:
    ballot, receipt = hub.pass_ballot(BallotKind.MEMBERSHIP, harmless(hub), no=[HEFEI])
    assert hub.consortium.getMember(SUZHOU).parent == 320000
    executed, changed = receipt.event("BallotExecuted"), receipt.event("MemberParentChanged")
    assert (executed.yes, executed.no, executed.abstain) == (0b0111, 0b1000, 0)
    assert changed.ballot == ballot
    assert outcome(hub, ballot) == EXECUTED


def test_execute__a_second_time__reverts(hub: Deployment) -> None:
    ballot, _ = hub.pass_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    with pytest.raises(Reverted, match="BallotNotExecutable") as refusal:
        hub.consortium.execute(ballot, harmless(hub), sender=hub.anyone)
    assert refusal.value.values["outcome"] == EXECUTED


def test_execute__other_actions_than_voted__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES)
    hub.chain.pass_time(DAY)
    for given in ([], harmless(hub, 330000), harmless(hub) * 2):
        with pytest.raises(Reverted, match="ActionsMismatch"):
            hub.consortium.execute(ballot, given, sender=hub.anyone)


def test_execute__unknown_ballot__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="BallotUnknown"):
        hub.consortium.execute(keccak(text="no ballot"), [], sender=hub.anyone)


@pytest.mark.parametrize(("wait", "reached"), [(0, VOTING), (DAY, DELAYED), (DAY + 21 * DAY, EXPIRED)])
def test_execute__before_or_after_its_time__reverts(hub: Deployment, wait: int, reached: int) -> None:
    actions = [hub.consortium.action("addRegister", STRANGER.address)]
    ballot = hub.open_ballot(BallotKind.UPGRADE, actions)
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES)
    hub.chain.pass_time(wait)
    with pytest.raises(Reverted, match="BallotNotExecutable") as refusal:
        hub.consortium.execute(ballot, actions, sender=hub.anyone)
    assert refusal.value.values["outcome"] == reached


def test_execute__one_action_fails__nothing_is_done(hub: Deployment) -> None:
    actions = [*harmless(hub), hub.consortium.action("expel", UNKNOWN)]
    with pytest.raises(Reverted, match="MemberUnknown") as refusal:
        hub.pass_ballot(BallotKind.MEMBERSHIP, actions)
    assert refusal.value.path == (("BallotActionFailed", 1),)
    assert hub.consortium.getMember(SUZHOU).parent == 0


def test_execute__call_forbidden_since_opening__reverts(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub), voting=20 * DAY)
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES)
    selector = harmless(hub)[0][1][:4]
    call = {"target": hub.consortium.address, "selector": selector, "kind": int(BallotKind.MEMBERSHIP)}
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, False)])
    hub.chain.pass_time(20 * DAY)
    with pytest.raises(Reverted, match="CallNotAllowed"):
        hub.consortium.execute(ballot, harmless(hub), sender=hub.anyone)


def test_execute__target_without_code__reverts(hub: Deployment) -> None:
    call = {"target": STRANGER.address, "selector": bytes(4), "kind": int(BallotKind.STATUS)}
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, True)])
    with pytest.raises(Reverted) as refusal:
        hub.pass_ballot(BallotKind.STATUS, [(STRANGER.address, bytes(4))])
    assert refusal.value.path == (("BallotActionFailed", 0),)


def test_execute__inside_another_ballot__reverts(hub: Deployment) -> None:
    """A target that turns on the Consortium: it calls it back with whatever follows the selector."""
    forwarder = deploy_forwarder(hub, hub.consortium.address)
    call = {"target": forwarder, "selector": bytes.fromhex("f0f0f0f0"), "kind": int(BallotKind.STATUS)}
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, True)])
    inner = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, inner, shanghai=Choice.YES, suzhou=Choice.YES)
    outer = (forwarder, bytes.fromhex("f0f0f0f0") + hub.consortium.calldata("execute", inner, harmless(hub)))
    with pytest.raises(Reverted, match="BallotNotExecutable") as refusal:
        hub.pass_ballot(BallotKind.STATUS, [outer])
    assert refusal.value.values == {"ballot": inner, "outcome": EXECUTABLE}
    hub.consortium.execute(inner, harmless(hub), sender=hub.anyone)


def test_execute__target_borrows_the_ballot__reverts(hub: Deployment) -> None:
    """While a ballot is executed, only calls that come from the Consortium itself are the ballot's."""
    forwarder = deploy_forwarder(hub, hub.consortium.address)
    call = {"target": forwarder, "selector": bytes.fromhex("f0f0f0f0"), "kind": int(BallotKind.STATUS)}
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, True)])
    borrowed = (forwarder, bytes.fromhex("f0f0f0f0") + hub.consortium.calldata("expel", HEFEI))
    assert refused_ballot(hub, BallotKind.STATUS, borrowed).error == "NotBallot"


def deploy_forwarder(hub: Deployment, to: str) -> str:
    """A contract that calls `to` with its calldata after the selector, and hands back what it answered."""
    runtime = bytes.fromhex(
        "6004360380600460003760006000826000600073" + to[2:] + "5af13d600060003e6037573d6000fd5b3d6000f3"
    )
    creation = bytes([0x60, len(runtime)]) + bytes.fromhex("80600b6000396000f3") + runtime
    return str(hub.chain._evm.deploy(STRANGER.address, creation))


def test_execute__while_paused__ends_the_pause(hub: Deployment) -> None:
    hub.pass_ballot(BallotKind.PAUSE, [hub.consortium.action("pauseByBallot", 2**40 - 1, keccak(text="reason"))])
    assert hub.consortium.pausedUntil() == 2**40 - 1
    _, receipt = hub.pass_ballot(BallotKind.PAUSE, [hub.consortium.action("endPause")])
    assert receipt.event("PauseEnded")
    assert hub.consortium.pausedUntil() == 0


# -------------------------------------------------------------------- by ballot only


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("admit", (YET_FREE, 1, 0, [])),
        ("expel", (HEFEI,)),
        ("setParent", (SUZHOU, 320000)),
        ("restoreOfficers", (SUZHOU, [])),
        ("setRule", (0, RULES[BallotKind.MEMBERSHIP])),
        ("setPauseRule", (PAUSE_RULE,)),
        ("setAllowedCall", ({"target": NOBODY, "selector": bytes(4), "kind": 0}, True)),
        ("addRegister", (NOBODY,)),
        ("pauseByBallot", (FOREVER, ZERO)),
        ("endPause", ()),
        ("upgradeToAndCall", (NOBODY, b"")),
    ],
)
def test_by_ballot_only__called_by_anybody__reverts(hub: Deployment, function: str, arguments: tuple[Any, ...]) -> None:
    for sender in (STRANGER, voter(hub, SHANGHAI)):
        with pytest.raises(Reverted, match="NotBallot"):
            getattr(hub.consortium, function)(*arguments, sender=sender)


def test_admit__new_city__joins_with_the_next_seat(hub: Deployment) -> None:
    admit = hub.consortium.action("admit", YET_FREE, int(Kind.FULL), 320000, officers_with(NEW_KEY))
    _, receipt = hub.pass_ballot(BallotKind.MEMBERSHIP, [admit])
    joined = receipt.event("MemberJoined")
    assert (joined.member, joined.kind, joined.parent, joined.seat) == (YET_FREE, Kind.FULL, 320000, 5)
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    assert hub.consortium.tally(ballot)[0] == 0b101111
    hub.vote(ballot, YET_FREE, key=NEW_KEY)


@pytest.mark.parametrize(
    ("member", "kind", "parent", "error"),
    [
        (0, Kind.FULL, 0, "MemberIdInvalid"),
        (YET_FREE, 0, 0, "MemberIdInvalid"),
        (YET_FREE, Kind.PROGRAMME, 0, "MemberIdInvalid"),
        (1_000_000, Kind.FULL, 0, "MemberIdInvalid"),
        (1_000_000, Kind.PROGRAMME, 0, "MemberIdInvalid"),
        (SCENARIOS, Kind.FULL, 0, "MemberIdInvalid"),
        (SCENARIOS, Kind.ASSOCIATE, 0, "MemberIdInvalid"),
        (YET_FREE, Kind.FULL, YET_FREE, "MemberIdInvalid"),
        (YET_FREE, Kind.FULL, CDM, "MemberIdInvalid"),
        (SUZHOU, Kind.FULL, 0, "MemberExists"),
    ],
)
def test_admit__id_kind_or_parent_that_cannot_be__reverts(
    hub: Deployment, member: int, kind: int, parent: int, error: str
) -> None:
    action = hub.consortium.action("admit", member, int(kind), parent, officers_with(NEW_KEY))
    assert refused_ballot(hub, BallotKind.MEMBERSHIP, action).error == error


@pytest.mark.parametrize(("kind", "error"), [(Kind.FULL, "LastVoter"), (Kind.ASSOCIATE, "LastVoter")])
def test_admit__city_without_a_voter__reverts(hub: Deployment, kind: Kind, error: str) -> None:
    action = hub.consortium.action("admit", YET_FREE, int(kind), 0, officers_with(NEW_KEY, Role.REGISTRAR))
    assert refused_ballot(hub, BallotKind.MEMBERSHIP, action).error == error


def test_admit__programme_with_a_registrar_alone__joins(hub: Deployment) -> None:
    action = hub.consortium.action("admit", SCENARIOS, int(Kind.PROGRAMME), 0, officers_with(NEW_KEY, Role.REGISTRAR))
    hub.pass_ballot(BallotKind.MEMBERSHIP, [action])
    assert hub.consortium.authorise(SCENARIOS, Role.REGISTRAR, NEW_KEY.address) == Kind.PROGRAMME


def test_admit__officer_of_another_member__reverts(hub: Deployment) -> None:
    action = hub.consortium.action("admit", YET_FREE, int(Kind.FULL), 0, officers_with(voter(hub, SUZHOU)))
    refusal = refused_ballot(hub, BallotKind.MEMBERSHIP, action)
    assert (refusal.error, refusal.values["member"]) == ("OfficerServesAnother", SUZHOU)


def test_admit__member_that_had_left__gets_a_new_seat_and_none_of_its_old_votes(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub), voting=20 * DAY)
    vote_all(hub, ballot, hefei=Choice.YES)
    leave(hub, HEFEI)
    action = hub.consortium.action("admit", HEFEI, int(Kind.ASSOCIATE), 0, officers_with(NEW_KEY))
    _, receipt = hub.pass_ballot(BallotKind.MEMBERSHIP, [action])
    assert receipt.event("MemberJoined").seat == 5
    assert not hub.consortium.consented(ballot, HEFEI)
    assert hub.consortium.revisionOf(ballot, HEFEI) == 0
    with pytest.raises(Reverted, match="NotInElectorate"):
        hub.vote(ballot, HEFEI, Choice.NO, 2, key=NEW_KEY)
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.consortium.authorise(HEFEI, Role.REGISTRAR, hub.members[HEFEI].registrars[0].address)
    assert hub.consortium.members().count(HEFEI) == 1


def test_expel__member__its_keys_stop(hub: Deployment) -> None:
    ballot, receipt = hub.pass_ballot(BallotKind.MEMBERSHIP, [hub.consortium.action("expel", HEFEI)])
    departed = receipt.event("MemberDeparted")
    assert (departed.member, departed.ballot) == (HEFEI, ballot)
    assert hub.consortium.officers(HEFEI) == ()
    with pytest.raises(Reverted, match="MemberLeft"):
        hub.consortium.authorise(HEFEI, Role.REGISTRAR, hub.members[HEFEI].registrars[0].address)


@pytest.mark.parametrize(("member", "error"), [(UNKNOWN, "MemberUnknown"), (HEFEI, "MemberLeft")])
def test_expel__what_is_no_member__reverts(hub: Deployment, member: int, error: str) -> None:
    leave(hub, HEFEI)
    assert refused_ballot(hub, BallotKind.MEMBERSHIP, hub.consortium.action("expel", member)).error == error


@pytest.mark.parametrize("parent", [SUZHOU, CDM, 1_000_000])
def test_set_parent__itself_or_a_programme__reverts(hub: Deployment, parent: int) -> None:
    action = hub.consortium.action("setParent", SUZHOU, parent)
    assert refused_ballot(hub, BallotKind.MEMBERSHIP, action).error == "MemberIdInvalid"


def test_restore_officers__voters_lapsed__member_speaks_again(hub: Deployment) -> None:
    lapse_voters(hub, SUZHOU, DAY)
    hub.chain.pass_time(DAY)
    action = hub.consortium.action("restoreOfficers", SUZHOU, officers_with(NEW_KEY))
    ballot = hub.open_ballot(BallotKind.OFFICERS, [action])
    vote_all(hub, ballot, shanghai=Choice.YES, hefei=Choice.YES, hangzhou=Choice.YES)
    hub.chain.pass_time(DAY)
    with pytest.raises(Reverted, match="BallotNotExecutable") as refusal:
        hub.consortium.execute(ballot, [action], sender=hub.anyone)
    assert refusal.value.values["outcome"] == DELAYED
    hub.chain.pass_time(RULES[BallotKind.OFFICERS]["delay"])
    changes = [
        event
        for event in hub.consortium.execute(ballot, [action], sender=hub.anyone).events
        if event.name == "OfficerChanged"
    ]
    assert [(event.account, event.roles) for event in changes] == [
        (voter(hub, SUZHOU).address.lower(), 0),
        (NEW_KEY.address.lower(), 1),
    ]
    assert hub.consortium.isOfficer(SUZHOU, Role.REGISTRAR, hub.members[SUZHOU].registrars[0].address)
    hub.vote(hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub)), SUZHOU, key=NEW_KEY)


def test_restore_officers__member_has_a_voter__reverts(hub: Deployment) -> None:
    action = hub.consortium.action("restoreOfficers", SUZHOU, officers_with(NEW_KEY))
    assert refused_ballot(hub, BallotKind.OFFICERS, action).error == "VotersRemain"


def test_restore_officers__ballot_opened_before_the_voters_lapsed__reverts(hub: Deployment) -> None:
    lapse_voters(hub, SUZHOU, DAY)
    action = hub.consortium.action("restoreOfficers", SUZHOU, officers_with(NEW_KEY))
    ballot = hub.open_ballot(BallotKind.OFFICERS, [action])
    vote_all(hub, ballot, shanghai=Choice.YES, hefei=Choice.YES, hangzhou=Choice.YES)
    hub.chain.pass_time(4 * DAY)
    with pytest.raises(Reverted, match="VotersRemain"):
        hub.consortium.execute(ballot, [action], sender=hub.anyone)


def test_restore_officers__no_voter_among_them__reverts(hub: Deployment) -> None:
    lapse_voters(hub, SUZHOU, DAY)
    hub.chain.pass_time(DAY)
    action = hub.consortium.action("restoreOfficers", SUZHOU, officers_with(NEW_KEY, Role.REGISTRAR))
    ballot = hub.open_ballot(BallotKind.OFFICERS, [action])
    vote_all(hub, ballot, shanghai=Choice.YES, hefei=Choice.YES)
    hub.chain.pass_time(4 * DAY)
    with pytest.raises(Reverted, match="LastVoter"):
        hub.consortium.execute(ballot, [action], sender=hub.anyone)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (BallotKind.STATUS, {"quorumPpm": 0}),
        (BallotKind.STATUS, {"quorumPpm": 1_000_001}),
        (BallotKind.STATUS, {"approvalPpm": 0}),
        (BallotKind.STATUS, {"approvalPpm": 1_000_001}),
        (BallotKind.STATUS, {"minVoting": 0}),
        (BallotKind.STATUS, {"minVoting": 2 * DAY, "maxVoting": DAY}),
        (BallotKind.STATUS, {"executeWithin": 0}),
        (BallotKind.OFFICERS, {"delay": 0}),
        (BallotKind.RULES, {"delay": 0}),
        (BallotKind.UPGRADE, {"delay": 0}),
    ],
)
def test_set_rule__that_makes_no_sense__reverts(hub: Deployment, kind: BallotKind, change: dict[str, int]) -> None:
    action = hub.consortium.action("setRule", int(kind), RULES[kind] | change)
    refusal = refused_ballot(hub, BallotKind.RULES, action)
    assert (refusal.error, refusal.values["kind"]) == ("RuleInvalid", kind)


def test_set_rule__sensible__holds_for_the_next_ballot(hub: Deployment) -> None:
    rule = RULES[BallotKind.MEMBERSHIP] | {"quorumPpm": 1_000_000}
    _, receipt = hub.pass_ballot(BallotKind.RULES, [hub.consortium.action("setRule", int(BallotKind.MEMBERSHIP), rule)])
    assert receipt.event("RuleChanged").quorumPpm == 1_000_000
    assert hub.consortium.getRule(int(BallotKind.MEMBERSHIP)).quorumPpm == 1_000_000
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    vote_all(hub, ballot, shanghai=Choice.YES, suzhou=Choice.YES, hefei=Choice.YES)
    hub.chain.pass_time(DAY)
    assert outcome(hub, ballot) == FAILED


def test_set_pause_rule__cooldown_shorter_than_the_pause__reverts(hub: Deployment) -> None:
    action = hub.consortium.action("setPauseRule", {"maxDuration": 2 * DAY, "cooldown": DAY})
    assert refused_ballot(hub, BallotKind.RULES, action).error == "RuleInvalid"


@pytest.mark.parametrize(
    ("signature", "kind"),
    [
        ("batch(bytes[])", BallotKind.UPGRADE),
        ("upgradeToAndCall(address,bytes)", BallotKind.STATUS),
        ("setAllowedCall((address,bytes4,uint8),bool)", BallotKind.RULES),
        ("addRegister(address)", BallotKind.MEMBERSHIP),
        ("setRule(uint8,(uint24,uint24,uint32,uint32,uint32,uint32))", BallotKind.PAUSE),
        ("restoreOfficers(uint24,(address,uint8,uint40)[])", BallotKind.MEMBERSHIP),
    ],
)
def test_set_allowed_call__lending_power_to_a_weaker_kind__reverts(
    hub: Deployment, signature: str, kind: BallotKind
) -> None:
    call = {"target": hub.consortium.address, "selector": keccak(text=signature)[:4], "kind": int(kind)}
    refusal = refused_ballot(hub, BallotKind.UPGRADE, hub.consortium.action("setAllowedCall", call, True))
    assert (refusal.error, refusal.values["selector"]) == ("CallNotAllowed", keccak(text=signature)[:4])


def test_add_register__nobody__reverts(hub: Deployment) -> None:
    assert refused_ballot(hub, BallotKind.UPGRADE, hub.consortium.action("addRegister", NOBODY)).error == "NotRegister"


def test_upgrade__by_ballot_after_its_delay__runs_the_new_code(hub: Deployment) -> None:
    code = hub.chain.deploy(STRANGER, "Consortium", ["address"], [hub.consortium.address])
    _, receipt = hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("upgradeToAndCall", code, b"")])
    assert receipt.event("Upgraded").implementation == code.lower()
    hub.pass_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    assert hub.consortium.getMember(SUZHOU).parent == 320000
