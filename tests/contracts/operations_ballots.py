"""Generators for ballots: opening, votes, execution, and calls of outsiders that only ballots or registers may make."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import BallotKind, Kind, Role, actions_hash
from tests.contracts.ids import NO_ID
from tests.contracts.model_ballots import DELAYED, EXECUTABLE, VOTING
from tests.contracts.operations import AIMS, BY_BALLOT, SUCCESS, Call, World, ballot_call, operation

# -------------------------------------------------------------------- ballots


def plan_action(world: World, name: str, flaw: str | None) -> Call | None:
    """An action of this operation, by any of its generators."""
    generator = world.rng.choice(SUCCESS[name])
    return generator(world, flaw)


@operation(
    "Consortium.openBallot",
    "BallotExists",
    "BallotPeriodInvalid",
    "ActionsMismatch",
    "ActionsInvalid",
    "CallNotAllowed",
    "KindNotPermitted",
    "NotOfficer",
    "SignatureInvalid",
    "MemberUnknown",
    "MemberLeft",
)
def open_ballot(world: World, flaw: str | None) -> Call | None:
    rng = world.rng
    if flaw == "BallotExists":
        return world.pick(call for call in world.done if call.function == "openBallot")
    items: list[Call] = []
    kind = None
    if flaw is None and world.plans:
        planned_flaws = [plan for plan in world.plans if plan[1].note]
        sound = [plan for plan in world.plans if not plan[1].note]
        chosen = planned_flaws[0] if planned_flaws and (not sound or rng.random() < 0.25) else sound[0]
        world.plans.remove(chosen)
        kind, planned = chosen
        items.append(planned)
        if planned.note:
            return ballot_call(world, world.home(None, Kind.FULL), kind, items, invitations(world, kind, items), None)
    tries = 0
    # What changes no record can't come to fail before it is executed.
    further = 0.88 if kind in (BallotKind.RULES, BallotKind.UPGRADE, BallotKind.PAUSE) else 0.7
    while not items or (rng.random() < further and len(items) < 8):
        tries += 1
        if tries > 12:
            break
        names = [name for name, due in BY_BALLOT.items() if kind is None or due == kind]
        name = rng.choice(names)
        action = plan_action(world, name, None)
        # Twice the same on one record would make the whole ballot fail.
        same = [item for item in items if action and item.operation == name and item.args[:1] == action.args[:1]]
        if action is not None and not same:
            kind = BY_BALLOT[name]
            items.append(action)
    if not items or kind is None:
        return None
    if flaw == "ActionsInvalid":
        items = [] if rng.random() < 0.5 else [items[0]] * 33
    if flaw == "CallNotAllowed":
        other = rng.randrange(8)
        kind = (kind + 1) % 8 if other == kind else other
    proposers = world.members(Kind.FULL)
    if kind == BallotKind.RECOGNITION:
        proposers = world.members(Kind.FULL, Kind.ASSOCIATE)
    if flaw == "KindNotPermitted" and rng.random() < 0.5:
        proposers = world.members(Kind.PROGRAMME)
    if flaw == "MemberLeft":
        proposers = world.members(left=True)
    proposer = 999_995 if flaw == "MemberUnknown" else world.pick(proposers)
    if proposer is None:
        return None
    invited = invitations(world, kind, items)
    if flaw == "KindNotPermitted" and not invited:
        wrong = world.members(Kind.FULL, Kind.PROGRAMME)
        invited = [rng.choice(wrong)]
    return ballot_call(world, proposer, kind, items, invited, flaw)


def invitations(world: World, kind: int, items: list[Call]) -> list[int]:
    """Most of the associate members that a recognition speaks of."""
    if kind != BallotKind.RECOGNITION:
        return []
    asked = {entry["member"] for item in items if item.function == "recognise" for entry in item.args[1]}
    return [member for member in world.members(Kind.ASSOCIATE) if member in asked and world.rng.random() < 0.8]


def open_ballots(world: World, outcome: int) -> list[bytes]:
    """Ballots with this outcome, among those that may still come to something."""
    found, live = [], []
    for ballot in world.live:
        reached = world.model.outcome(ballot)
        if reached in (VOTING, DELAYED, EXECUTABLE):
            live.append(ballot)
        if reached == outcome:
            found.append(ballot)
    if len(live) < len(world.live):
        world.live = live[-80:]
        world.flawed = {ballot: flaw for ballot, flaw in world.flawed.items() if ballot in world.live}
    return found


@operation(
    "Consortium.vote",
    "BallotUnknown",
    "BallotClosed",
    "ChoiceInvalid",
    "NotInElectorate",
    "RevisionStale",
    "NotOfficer",
    "SignatureInvalid",
    "MemberUnknown",
    "MemberLeft",
)
def vote(world: World, flaw: str | None) -> Call | None:
    rng, model = world.rng, world.model
    if flaw == "BallotClosed":
        recent = list(model.ballots.rows)[-15:]
        ballot = world.pick(known for known in recent if model.outcome(known) > VOTING)
    elif flaw == "BallotUnknown":
        ballot = world.unique()
    else:
        ballots = open_ballots(world, VOTING)
        ballot = world.pick(ballots)
        if ballot and rng.random() < 0.7:
            ballot = min(ballots, key=lambda known: model.ballots[known].closes_at)
    if ballot is None:
        return None
    row = model.ballots[ballot]
    asked = row.electorate | row.invited if row else frozenset()
    by_seat = {
        model.members[member].seat: member
        for member in world.members(*((Kind.FULL, Kind.ASSOCIATE)), left=flaw == "MemberLeft")
    }
    waiting = [by_seat[seat] for seat in sorted(asked) if seat in by_seat and not model.votes[ballot, seat][0]]
    voted = [by_seat[seat] for seat in sorted(asked) if seat in by_seat and model.votes[ballot, seat][0]]
    member = world.pick(waiting if waiting and rng.random() < 0.93 else voted or waiting)
    if flaw == "RevisionStale":
        member = world.pick(voted)
    elif flaw == "NotInElectorate":
        outside = [other for other in world.members() if other not in waiting and other not in voted]
        member = world.pick(outside)
    elif flaw == "BallotUnknown":
        member = world.home(None, Kind.FULL)
    elif flaw == "MemberUnknown":
        member = 999_994
    elif flaw == "MemberLeft":
        member = world.pick(world.members(left=True))
    if member is None:
        return None
    revision = model.votes[ballot, model.members[member].seat][1] + rng.choice((1, 1, 1, 5))
    if flaw == "RevisionStale":
        revision = rng.randint(0, model.votes[ballot, model.members[member].seat][1])
    choice = 0 if flaw == "ChoiceInvalid" else rng.choices((1, 2, 3), (94, 4, 2))[0]
    order = {"ballot": ballot, "member": member, "choice": choice, "revision": revision}
    return world.ordered("Consortium", "vote", "VoteOrder", order, world.signer(member, Role.VOTER, flaw), flaw)


def execution(world: World, ballot: bytes) -> Call:
    items = world.model.actions[ballot]
    actions = world.as_actions(items)
    return Call(
        "Consortium", "execute", (ballot, actions), world.anyone(), hashes=(actions_hash(actions),), items=items
    )


@operation("Consortium.execute", "BallotUnknown", "ActionsMismatch", "BallotNotExecutable")
def execute(world: World, flaw: str | None) -> Call | None:
    model = world.model
    if flaw == "BallotNotExecutable":
        recent = list(model.ballots.rows)[-15:]
        ballot = world.pick(known for known in recent if model.outcome(known) != EXECUTABLE)
    else:
        ballot = world.pick(open_ballots(world, EXECUTABLE))
    if ballot is None:
        return None
    call = execution(world, ballot)
    if flaw == "BallotUnknown":
        call.args = (world.unique(), call.args[1])
    elif flaw == "ActionsMismatch":
        actions = [*call.args[1], call.args[1][0]]
        call.args = (ballot, actions)
        call.hashes = (actions_hash(actions),)
    return call


def without_ballot(world: World, flaw: str | None) -> Call | None:
    """Somebody calls what only a ballot may."""
    name = world.rng.choice(list(BY_BALLOT))
    call = plan_action(world, name, None)
    if call is None:
        return None
    member = world.home(None)
    call.sender = world.rng.choice((world.stranger, world.registrar(member), world.signer(member, Role.VOTER, None)))
    return call


AIMS.setdefault("NotBallot", []).append(("by ballot only", without_ballot))


# -------------------------------------------------------------------- for the registers alone


@operation("Consortium.spendOrder", "NotRegister")
def spend_order(world: World, flaw: str | None) -> Call | None:
    member = world.home(None)
    key = world.signer(member, Role.VOTER, None)
    digest = world.unique()
    return world.call(
        "Consortium", "spendOrder", member, 1, digest, world.now + 60, key.sign(digest), sender=world.registrar(member)
    )


def _mark(register: str) -> None:
    @operation(f"{register}.mark", "NotHolds")
    def mark(world: World, flaw: str | None) -> Call | None:
        subject = ids.subject(ids.PROJECT, world.sample(world.model.projects) or NO_ID)
        return world.call(
            register, "mark", subject, world.rng.choice((1, -1)), sender=world.registrar(world.home(None))
        )


for _register in ("Methodologies", "Projects", "CreditLedger"):
    _mark(_register)


def _initialize(register: str, arguments: Any) -> None:
    @operation(f"{register}.initialize", "InvalidInitialization")
    def initialize(world: World, flaw: str | None) -> Call | None:
        return world.call(register, "initialize", *arguments(world), sender=world.stranger)


_initialize("CreditLedger", lambda world: [world.hub.transfer_rules])
_initialize(
    "Consortium",
    lambda world: [[], [dict(rule) for rule in world.hub.rules.values()], dict(world.hub.pause_rule), [], []],
)
