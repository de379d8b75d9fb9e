"""Consortium: founding, officers, leaving, the pause by two voters, what the registers ask; one test per refusal."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts import orders
from tests.contracts.chain import CHAIN_ID, NOBODY, Key, Register, Reverted
from tests.contracts.consortium_orders import (
    NEW_KEY,
    STRANGER,
    UNKNOWN,
    harmless,
    leave,
    officer_order,
    officers_with,
    pause,
    refused_ballot,
    set_officer,
    voter,
)
from tests.contracts.deployment import (
    CDM,
    DAY,
    FOREVER,
    GUANGDONG,
    HANGZHOU,
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


# -------------------------------------------------------------------- founding


def test_initialize__a_second_time__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="InvalidInitialization"):
        hub.consortium.initialize([], list(RULES.values()), PAUSE_RULE, [], [], sender=STRANGER)


def test_initialize__without_a_full_member__reverts() -> None:
    fresh, initialize = _uninitialised()
    with pytest.raises(Reverted, match="LastFullMember"):
        initialize([fresh.members[GUANGDONG].founding()])


def test_initialize__programme_with_city_code__reverts() -> None:
    fresh, initialize = _uninitialised()
    with pytest.raises(Reverted, match="MemberIdInvalid"):
        initialize([fresh.members[SHANGHAI].founding() | {"kind": int(Kind.PROGRAMME)}])


def test_initialize__257th_seat__reverts() -> None:
    """256 may found, and not one more: a seat in the bitmap is never shared."""
    _, initialize = _uninitialised()
    cities = [
        {
            "member": number,
            "kind": int(Kind.FULL),
            "parent": 0,
            "officers": officers_with(Key.named(f"voter of {number}")),
        }
        for number in range(1, 258)
    ]
    with pytest.raises(Reverted, match="SeatsTaken"):
        initialize(cities)
    initialize(cities[:256])


def _uninitialised() -> tuple[Deployment, Any]:
    """A Consortium behind a proxy that was not initialised in its creation, as nobody should deploy it."""
    fresh = deploy_all({"Consortium"})
    deployer = Key.named("second deployer")
    code = fresh.chain.deploy(deployer, "Consortium", ["address"], [fresh.consortium.address])
    proxy = Register(
        fresh.chain, "Consortium", fresh.chain.deploy(deployer, "ERC1967Proxy", ["address", "bytes"], [code, b""])
    )

    def initialize(founders: list[dict[str, Any]]) -> Any:
        return proxy.initialize(founders, list(RULES.values()), PAUSE_RULE, [], [], sender=deployer)

    return fresh, initialize


def test_domain__of_another_chain_or_contract__differs(hub: Deployment) -> None:
    assert hub.consortium.domainSeparator() == orders.domain_separator(CHAIN_ID, hub.consortium.address) == hub.domain
    assert hub.domain != orders.domain_separator(CHAIN_ID + 1, hub.consortium.address)
    assert hub.domain != orders.domain_separator(CHAIN_ID, STRANGER.address)


def test_founding__members_and_officers__are_as_given(hub: Deployment) -> None:
    assert hub.consortium.members() == (SHANGHAI, SUZHOU, HANGZHOU, HEFEI, GUANGDONG, CDM)
    assert [hub.consortium.getMember(member).seat for member in (SHANGHAI, SUZHOU, HANGZHOU, HEFEI, GUANGDONG)] == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert hub.consortium.isOfficer(SUZHOU, Role.VOTER, voter(hub, SUZHOU).address)
    assert not hub.consortium.isOfficer(SUZHOU, Role.REGISTRAR, voter(hub, SUZHOU).address)
    assert hub.consortium.kindOfCall(hub.consortium.address, keccak(text="endPause()")[:4]) == (True, BallotKind.PAUSE)
    assert hub.consortium.kindOfCall(hub.consortium.address, bytes(4)) == (False, 0)


# -------------------------------------------------------------------- officers


def test_set_officer__by_its_voter__adds_changes_and_removes(hub: Deployment) -> None:
    added = set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.REGISTRAR)).event("OfficerChanged")
    assert (added.member, added.account, added.roles, added.ballot) == (
        SUZHOU,
        NEW_KEY.address.lower(),
        Role.REGISTRAR,
        ZERO,
    )
    assert hub.consortium.authorise(SUZHOU, Role.REGISTRAR, NEW_KEY.address) == Kind.FULL
    set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.AUDITOR))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.consortium.authorise(SUZHOU, Role.REGISTRAR, NEW_KEY.address)
    set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, 0))
    assert NEW_KEY.address.lower() not in hub.consortium.officers(SUZHOU)
    assert hub.consortium.getOfficer(NEW_KEY.address) == (0, 0, 0)


def test_set_officer__order_replayed__reverts(hub: Deployment) -> None:
    order = officer_order(hub, SUZHOU, NEW_KEY, Role.REGISTRAR)
    set_officer(hub, order)
    set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, 0))
    with pytest.raises(Reverted, match="OrderRepeated") as refusal:
        set_officer(hub, order)
    assert refusal.value.values["order"] == orders.struct_hash("OfficerOrder", order)


def test_set_officer__after_its_deadline__reverts(hub: Deployment) -> None:
    order = officer_order(hub, SUZHOU, NEW_KEY, Role.REGISTRAR)
    hub.chain.pass_time(DAY + 1)
    with pytest.raises(Reverted, match="OrderExpired"):
        set_officer(hub, order)


def test_set_officer__by_a_voter_of_another_member__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.REGISTRAR), voter(hub, SHANGHAI))


def test_set_officer__by_its_registrar__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.VOTER), hub.members[SUZHOU].registrars[0])


@pytest.mark.parametrize("roles", [0, Role.REGISTRAR])
def test_set_officer__key_of_another_member__reverts(hub: Deployment, roles: int) -> None:
    with pytest.raises(Reverted, match="OfficerServesAnother"):
        set_officer(hub, officer_order(hub, SUZHOU, hub.members[HEFEI].registrars[0], roles))


@pytest.mark.parametrize(
    "change",
    [{"roles": 32}, {"account": NOBODY}, {"validUntil": 0}, {"roles": 0}],
    ids=["role", "nobody", "past", "remove-nobody"],
)
def test_set_officer__that_cannot_be_one__reverts(hub: Deployment, change: dict[str, Any]) -> None:
    with pytest.raises(Reverted, match="OfficerInvalid"):
        set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.REGISTRAR) | change)


@pytest.mark.parametrize("roles", [0, Role.REGISTRAR])
def test_set_officer__taking_the_last_voter__reverts(hub: Deployment, roles: int) -> None:
    set_officer(hub, officer_order(hub, SUZHOU, voter(hub, SUZHOU, 1), roles))
    with pytest.raises(Reverted, match="LastVoter"):
        set_officer(hub, officer_order(hub, SUZHOU, voter(hub, SUZHOU), roles))


def test_set_officer__the_33rd__reverts(hub: Deployment) -> None:
    room = 32 - len(hub.consortium.officers(SUZHOU))
    for index in range(room):
        set_officer(hub, officer_order(hub, SUZHOU, Key.named(f"auditor {index}"), Role.AUDITOR))
    with pytest.raises(Reverted, match="OfficersTooMany"):
        set_officer(hub, officer_order(hub, SUZHOU, NEW_KEY, Role.AUDITOR))
    set_officer(hub, officer_order(hub, SUZHOU, Key.named("auditor 0"), Role.REGISTRAR))


# -------------------------------------------------------------------- leaving


def test_leave__by_its_voter__keys_stop_and_are_free(hub: Deployment) -> None:
    key = hub.members[HEFEI].registrars[0]
    departed = leave(hub, HEFEI).event("MemberDeparted")
    assert (departed.member, departed.ballot) == (HEFEI, ZERO)
    assert hub.consortium.getMember(HEFEI).leftAt == hub.chain.now
    assert hub.consortium.tally(hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub)))[0] == 0b0111
    with pytest.raises(Reverted, match="MemberLeft"):
        hub.consortium.authorise(HEFEI, Role.REGISTRAR, key.address)
    with pytest.raises(Reverted, match="MemberLeft"):
        set_officer(hub, officer_order(hub, HEFEI, NEW_KEY, Role.VOTER))
    set_officer(hub, officer_order(hub, SUZHOU, key, Role.REGISTRAR))


def test_leave__by_another_member__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        leave(hub, HEFEI, voter(hub, SUZHOU))


def test_leave__after_its_deadline__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="OrderExpired"):
        leave(hub, HEFEI, deadline=hub.chain.now - 1)


def test_leave__last_full_member__reverts(hub: Deployment) -> None:
    for member in (SUZHOU, HANGZHOU, HEFEI, CDM, GUANGDONG):
        leave(hub, member)
    with pytest.raises(Reverted, match="LastFullMember"):
        leave(hub, SHANGHAI)


# -------------------------------------------------------------------- pause


def test_pause__by_voters_of_two_members__stops_the_registrars(hub: Deployment) -> None:
    registrar = hub.members[HEFEI].registrars[0].address
    until = hub.chain.now + 3 * DAY
    started = pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU), until=until).event("PauseStarted")
    assert (started.until, started.first, started.second, started.ballot) == (until, SHANGHAI, SUZHOU, ZERO)
    with pytest.raises(Reverted, match="Paused") as refusal:
        hub.consortium.authorise(HEFEI, Role.REGISTRAR, registrar)
    assert refusal.value.values["until"] == hub.consortium.pausedUntil() == until
    hub.chain.warp(until)
    assert hub.consortium.authorise(HEFEI, Role.REGISTRAR, registrar) == Kind.FULL
    assert hub.consortium.pausedUntil() == 0


def test_pause__two_voters_of_one_member__reverts(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="SameMember"):
        pause(hub, voter(hub, SHANGHAI), voter(hub, SHANGHAI, 1))
    with pytest.raises(Reverted, match="SameMember"):
        pause(hub, voter(hub, SHANGHAI), voter(hub, SHANGHAI))


@pytest.mark.parametrize("member", [GUANGDONG, CDM])
def test_pause__with_one_that_is_not_full__reverts(hub: Deployment, member: int) -> None:
    with pytest.raises(Reverted, match="KindNotPermitted"):
        pause(hub, voter(hub, SHANGHAI), voter(hub, member))


def test_pause__with_a_stranger_or_registrar__reverts(hub: Deployment) -> None:
    for key in (STRANGER, hub.members[SUZHOU].registrars[0]):
        with pytest.raises(Reverted, match="NotOfficer"):
            pause(hub, voter(hub, SHANGHAI), key)


@pytest.mark.parametrize("seconds", [0, 3 * DAY + 1])
def test_pause__without_end_or_too_long__reverts(hub: Deployment, seconds: int) -> None:
    with pytest.raises(Reverted, match="PauseInvalid") as refusal:
        pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU), until=hub.chain.now + seconds)
    assert refusal.value.values["latest"] == hub.chain.now + 3 * DAY


def test_pause__within_the_cooldown__reverts_though_a_ballot_ended_it_sooner(hub: Deployment) -> None:
    end = hub.chain.now + 3 * DAY
    pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU), until=end)
    hub.pass_ballot(BallotKind.PAUSE, [hub.consortium.action("endPause")])
    hub.chain.warp(end + 7 * DAY - 1)
    with pytest.raises(Reverted, match="PauseTooSoon") as refusal:
        pause(hub, voter(hub, HANGZHOU), voter(hub, HEFEI))
    assert refusal.value.values["notBefore"] == end + 7 * DAY
    hub.chain.pass_time(1)
    pause(hub, voter(hub, HANGZHOU), voter(hub, HEFEI))


def test_pause__order_replayed__reverts(hub: Deployment) -> None:
    fixed = {"request": hub.request(), "until": hub.chain.now + DAY, "deadline": FOREVER}
    pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU), **fixed)
    with pytest.raises(Reverted, match="OrderRepeated"):
        pause(hub, voter(hub, SUZHOU), voter(hub, SHANGHAI), **fixed)


def test_pause__during_a_longer_one_by_ballot__does_not_shorten_it(hub: Deployment) -> None:
    hub.pass_ballot(BallotKind.PAUSE, [hub.consortium.action("pauseByBallot", FOREVER, ZERO)])
    assert pause(hub, voter(hub, SHANGHAI), voter(hub, SUZHOU)).event("PauseStarted").until == FOREVER


def test_pause_by_ballot__into_the_past__reverts(hub: Deployment) -> None:
    action = hub.consortium.action("pauseByBallot", hub.chain.now, ZERO)
    assert refused_ballot(hub, BallotKind.PAUSE, action).error == "PauseInvalid"


# -------------------------------------------------------------------- for the registers


@pytest.mark.parametrize(
    ("member", "role", "error"),
    [
        (UNKNOWN, Role.REGISTRAR, "MemberUnknown"),
        (0, Role.REGISTRAR, "MemberUnknown"),
        (SHANGHAI, Role.REGISTRAR, "NotOfficer"),
        (SUZHOU, Role.VOTER, "NotOfficer"),
        (SUZHOU, 0, "NotOfficer"),
    ],
)
def test_authorise__wrong_member_or_role__reverts(hub: Deployment, member: int, role: int, error: str) -> None:
    with pytest.raises(Reverted, match=error):
        hub.consortium.authorise(member, role, hub.members[SUZHOU].registrars[0].address)


def test_spend_order__by_a_register__spends_it_once(hub: Deployment) -> None:
    order, signature = _institutions_order(hub)
    arguments = (
        SUZHOU,
        Role.FINANCIAL_INSTITUTION,
        orders.struct_hash("ReleaseOrder", order),
        order["deadline"],
        signature,
    )
    signed_by = hub.consortium.spendOrder(*arguments, sender=a_register(hub)).value
    assert signed_by == hub.members[SUZHOU].institutions[0].address.lower()
    with pytest.raises(Reverted, match="OrderRepeated"):
        hub.consortium.spendOrder(*arguments, sender=a_register(hub))


def test_spend_order__by_anybody_else__reverts(hub: Deployment) -> None:
    """Or an officer's signature could be spent before the register sees it."""
    order, signature = _institutions_order(hub)
    for sender in (STRANGER, hub.members[SUZHOU].registrars[0]):
        with pytest.raises(Reverted, match="NotRegister"):
            hub.consortium.spendOrder(
                SUZHOU,
                Role.FINANCIAL_INSTITUTION,
                orders.struct_hash("ReleaseOrder", order),
                order["deadline"],
                signature,
                sender=sender,
            )


@pytest.mark.parametrize(
    ("member", "role", "error"),
    [
        (SUZHOU, Role.VOTER, "NotOfficer"),
        (HEFEI, Role.FINANCIAL_INSTITUTION, "NotOfficer"),
        (UNKNOWN, Role.FINANCIAL_INSTITUTION, "MemberUnknown"),
    ],
)
def test_spend_order__signed_in_another_capacity__reverts(hub: Deployment, member: int, role: int, error: str) -> None:
    order, signature = _institutions_order(hub)
    hashed = orders.struct_hash("ReleaseOrder", order)
    with pytest.raises(Reverted, match=error):
        hub.consortium.spendOrder(member, role, hashed, order["deadline"], signature, sender=a_register(hub))
    with pytest.raises(Reverted, match=error):
        hub.consortium.requireSigned(member, role, hashed, signature)


def test_spend_order__after_its_deadline__reverts(hub: Deployment) -> None:
    order, signature = _institutions_order(hub)
    hub.chain.warp(order["deadline"] + 1)
    hashed = orders.struct_hash("ReleaseOrder", order)
    with pytest.raises(Reverted, match="OrderExpired"):
        hub.consortium.spendOrder(
            SUZHOU, Role.FINANCIAL_INSTITUTION, hashed, order["deadline"], signature, sender=a_register(hub)
        )


def test_require_signed__good_signature__names_the_signer_and_spends_nothing(hub: Deployment) -> None:
    order, signature = _institutions_order(hub)
    hashed = orders.struct_hash("ReleaseOrder", order)
    for _ in range(2):
        signed_by = hub.consortium.requireSigned(SUZHOU, Role.FINANCIAL_INSTITUTION, hashed, signature)
        assert signed_by == hub.members[SUZHOU].institutions[0].address.lower()


def test_require_ballot__outside_an_execution__reverts(hub: Deployment) -> None:
    for caller in (STRANGER.address, hub.consortium.address):
        with pytest.raises(Reverted, match="NotBallot"):
            hub.consortium.requireBallot(caller)


def test_batch__of_votes__one_fails_and_none_is_cast(hub: Deployment) -> None:
    ballot = hub.open_ballot(BallotKind.MEMBERSHIP, harmless(hub))
    calls = []
    for member, key in ((SUZHOU, voter(hub, SUZHOU)), (HEFEI, STRANGER)):
        order = {"ballot": ballot, "member": member, "choice": int(Choice.YES), "revision": 1}
        calls.append(hub.consortium.calldata("vote", order, hub.sign("VoteOrder", order, key)))
    with pytest.raises(Reverted, match="NotOfficer") as refusal:
        hub.consortium.batch(calls, sender=hub.anyone)
    assert refusal.value.path == (("BatchItemFailed", 1),)
    assert hub.consortium.tally(ballot)[2] == 0
    hub.consortium.batch(calls[:1], sender=hub.anyone)
    assert hub.consortium.consented(ballot, SUZHOU)


def a_register(hub: Deployment) -> str:
    """The address of a founding register (nothing stands there in these tests, so that the test speaks as it)."""
    address = Key.named("absent CreditLedger").address
    assert hub.consortium.isRegister(address)
    return address


def _institutions_order(hub: Deployment) -> tuple[dict[str, Any], bytes]:
    order = {
        "series": SUZHOU.to_bytes(3, "big") + bytes(9),
        "first": 1,
        "until": hub.chain.now + DAY,
        "request": hub.request(),
        "deadline": hub.chain.now + DAY,
    }
    return order, hub.sign("ReleaseOrder", order, hub.members[SUZHOU].institutions[0])
