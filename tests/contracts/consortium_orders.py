"""What members' officers say to the Consortium in its tests: signed orders, and ballots to say them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.chain import Key, Reverted
from tests.contracts.deployment import (
    DAY,
    FOREVER,
    GUANGDONG,
    HANGZHOU,
    HEFEI,
    SHANGHAI,
    SUZHOU,
    BallotKind,
    Choice,
    Deployment,
    Role,
    actions_hash,
)

UNKNOWN, YET_FREE, SCENARIOS = 320200, 320100, 1_000_002
"""A city that is no member, one that may join, and a programme that may."""
VOTING, FAILED, DELAYED, EXECUTABLE, EXPIRED, EXECUTED = range(1, 7)
"""Outcome."""
STRANGER = Key.named("stranger")
NEW_KEY = Key.named("new key")


def voter(hub: Deployment, member: int, index: int = 0) -> Key:
    return hub.members[member].voters[index]


def harmless(hub: Deployment, parent: int = 320000) -> list[tuple[str, bytes]]:
    """A Membership action whose effect can be read: Suzhou names a parent."""
    return [hub.consortium.action("setParent", SUZHOU, parent)]


def ballot_order(
    hub: Deployment, kind: BallotKind, actions: Sequence[tuple[str, bytes]], **changes: Any
) -> dict[str, Any]:
    return {
        "proposer": SHANGHAI,
        "kind": int(kind),
        "actionsHash": actions_hash(actions),
        "document": keccak(text="document"),
        "closesAt": hub.chain.now + DAY,
        "invited": [],
        "request": hub.request(),
    } | changes


def open_ballot(
    hub: Deployment, order: dict[str, Any], actions: Sequence[tuple[str, bytes]], key: Key | None = None
) -> Any:
    key = key or hub.members[SHANGHAI].voters[0]
    return hub.consortium.openBallot(order, list(actions), hub.sign("BallotOrder", order, key), sender=hub.anyone)


def vote_all(hub: Deployment, ballot: bytes, **votes: Choice) -> None:
    cities = {"shanghai": SHANGHAI, "suzhou": SUZHOU, "hangzhou": HANGZHOU, "hefei": HEFEI, "guangdong": GUANGDONG}
    for city, choice in votes.items():
        hub.vote(ballot, cities[city], choice)


def outcome(hub: Deployment, ballot: bytes) -> int:
    return int(hub.consortium.outcome(ballot))


def refused_ballot(hub: Deployment, kind: BallotKind, action: tuple[str, bytes]) -> Reverted:
    """What the action of a passed ballot reverts with."""
    with pytest.raises(Reverted) as refusal:
        hub.pass_ballot(kind, [action])
    assert refusal.value.path == (("BallotActionFailed", 0),)
    return refusal.value


def allow_recognition(hub: Deployment) -> list[tuple[str, bytes]]:
    """Lets recognition ballots call something, and answers an action that calls it."""
    call = {
        "target": hub.consortium.address,
        "selector": bytes.fromhex("12345678"),
        "kind": int(BallotKind.RECOGNITION),
    }
    hub.pass_ballot(BallotKind.UPGRADE, [hub.consortium.action("setAllowedCall", call, True)])
    return [(hub.consortium.address, bytes.fromhex("12345678"))]


def officers_with(account: Key, roles: int = Role.VOTER, valid_until: int = FOREVER) -> list[dict[str, Any]]:
    return [{"account": account.address, "roles": int(roles), "validUntil": valid_until}]


def officer_order(hub: Deployment, member: int, account: Key | str, roles: int, **changes: Any) -> dict[str, Any]:
    return {
        "member": member,
        "account": account.address if isinstance(account, Key) else account,
        "roles": roles,
        "validUntil": FOREVER,
        "request": hub.request(),
        "deadline": hub.chain.now + DAY,
    } | changes


def set_officer(hub: Deployment, order: dict[str, Any], key: Key | None = None) -> Any:
    key = key or hub.members[order["member"]].voters[0]
    return hub.consortium.setOfficer(order, hub.sign("OfficerOrder", order, key), sender=hub.anyone)


def lapse_voters(hub: Deployment, member: int, after: int) -> None:
    """Leaves the member one voter, whose term ends `after` seconds from now."""
    set_officer(hub, officer_order(hub, member, voter(hub, member, 1), 0))
    set_officer(hub, officer_order(hub, member, voter(hub, member), Role.VOTER, validUntil=hub.chain.now + after))


def leave(hub: Deployment, member: int, key: Key | None = None, **changes: Any) -> Any:
    order = {"member": member, "request": hub.request(), "deadline": hub.chain.now + DAY} | changes
    signature = hub.sign("LeaveOrder", order, key or hub.members[member].voters[0])
    return hub.consortium.leave(order, signature, sender=hub.anyone)


def pause(hub: Deployment, first: Key, second: Key, **changes: Any) -> Any:
    order = {
        "reason": keccak(text="reason"),
        "until": hub.chain.now + DAY,
        "request": hub.request(),
        "deadline": hub.chain.now + DAY,
    } | changes
    return hub.consortium.pause(
        order, hub.sign("PauseOrder", order, first), hub.sign("PauseOrder", order, second), sender=hub.anyone
    )
