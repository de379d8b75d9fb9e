"""Generators for Consortium and Holds, for ballots, and for what no outsider may call."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids, orders
from tests.contracts.chain import Key
from tests.contracts.deployment import DAY, BallotKind, Kind, Role
from tests.contracts.ids import FIRST_PROGRAMME, NO_ID, ZERO
from tests.contracts.model import LONGEST_HOLD, MOST_HOLDS
from tests.contracts.model_consortium import DELAYED, EXECUTABLE, NO_ADDRESS, VOTING
from tests.contracts.operations import AIMS, BY_BALLOT, BY_ORDER, SUCCESS, Call, World, ballot_call, operation

GB_CODES = (110_000, 120_000, 130_000, 140_000, 210_000, 350_000, 360_000, 370_000, 410_000, 420_000, 430_000, 500_000)

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
        if action is not None:
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
    return Call("Consortium", "execute", (ballot, actions), world.anyone(), hashes=(orders_hash(actions),), items=items)


def orders_hash(actions: list[tuple[str, bytes]]) -> bytes:
    from tests.contracts.deployment import actions_hash

    return actions_hash(actions)


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
        call.hashes = (orders_hash(actions),)
    return call


# -------------------------------------------------------------------- officers and members


def an_officer(world: World, role: Role, valid_for: int) -> dict[str, Any]:
    return {"account": world.new_key().address, "roles": int(role), "validUntil": world.now + valid_for}


@operation("Consortium.setOfficer", "OfficerInvalid", "OfficerServesAnother", "OfficersTooMany", "LastVoter", *BY_ORDER)
def set_officer(world: World, flaw: str | None) -> Call | None:
    rng, model = world.rng, world.model
    if flaw == "OrderRepeated":
        return world.repeat("Consortium.setOfficer")
    member = world.home(flaw)
    if flaw == "MemberUnknown":
        member = 999_993
    if flaw == "OfficersTooMany":
        member = max(world.members(), key=lambda other: len(model.officers_of[other]))
    key = world.signer(member, Role.VOTER, flaw)
    account, roles = world.new_key().address, rng.choice((2, 2, 1, 3, 16, 4, 8, 31))
    valid_until = world.now + rng.choice((5, 60, 2_000)) * DAY
    held = sorted(model.officers_of[member])
    crowded = len(held) > (31 if flaw == "OfficersTooMany" else 12)
    if flaw == "OfficerInvalid":
        account, roles, valid_until = rng.choice(
            ((NO_ADDRESS, 2, valid_until), (account, 32, valid_until), (account, 2, world.now), (account, 0, 0))
        )
    elif flaw == "OfficerServesAnother":
        other = world.pick(a for a, row in model.officers.rows.items() if row.member not in (0, member))
        account, roles = other or account, rng.choice((0, 2))
    elif flaw == "LastVoter":
        voters = [a for a in held if model.serves(member, Role.VOTER, a)]
        if len(voters) != 1:
            others = [
                m for m in world.members() if sum(model.serves(m, Role.VOTER, a) for a in model.officers_of[m]) == 1
            ]
            if not others:
                return None
            member = rng.choice(others)
            voters = [a for a in sorted(model.officers_of[member]) if model.serves(member, Role.VOTER, a)]
            key = world.keys[voters[0]]
        account, roles = voters[0], rng.choice((0, 2))
    elif flaw is None and held and (crowded or rng.random() < 0.35):
        removable = [a for a in held if world.keys[a] is not key]
        account, roles = rng.choice(removable or held), rng.choice((0, 0, 2, 3))
    order = {
        "member": member,
        "account": account,
        "roles": roles,
        "validUntil": valid_until,
        "request": world.unique(),
        "deadline": world.soon(60, 2 * DAY),
    }
    return world.ordered("Consortium", "setOfficer", "OfficerOrder", order, key, flaw)


def newcomers(world: World) -> list[int]:
    """Members that may go again without emptying the world: not the founders."""
    found = [member for member in world.members() if member not in world.hub.founders]
    # Those whose voters will soon be gone wait for a ballot that restores them.
    return [
        member for member in found if world.model.has_voter(member, world.now + 15 * DAY) or world.rng.random() < 0.02
    ]


@operation("Consortium.leave", "LastFullMember", *BY_ORDER)
def leave(world: World, flaw: str | None) -> Call | None:
    if flaw == "OrderRepeated":
        return world.repeat("Consortium.leave")
    member = world.pick(newcomers(world))
    if flaw == "MemberLeft":
        member = world.pick(world.members(left=True))
    elif flaw == "MemberUnknown":
        member = 999_992
    elif flaw == "LastFullMember":
        full = world.members(Kind.FULL)
        member = full[0] if len(full) == 1 else None
    elif flaw is not None:
        member = world.home(None)
    if member is None:
        return None
    order = {"member": member, "request": world.unique(), "deadline": world.soon(60, 2 * DAY)}
    return world.ordered("Consortium", "leave", "LeaveOrder", order, world.signer(member, Role.VOTER, flaw), flaw)


@operation(
    "Consortium.pause",
    "SameMember",
    "PauseInvalid",
    "PauseTooSoon",
    "KindNotPermitted",
    "NotOfficer",
    "OrderExpired",
    "OrderRepeated",
    "SignatureInvalid",
)
def pause(world: World, flaw: str | None) -> Call | None:
    rng = world.rng
    if flaw == "OrderRepeated":
        return world.repeat("Consortium.pause")
    longest = world.model.pause_rule["now"][0]
    until = world.now + rng.randint(60, max(60, min(longest, 3 * 3_600)))
    if flaw == "PauseInvalid":
        until = rng.choice((world.now, world.now - 1, world.now + longest + 1))
    order = {
        "reason": world.unique(),
        "until": until,
        "request": world.unique(),
        "deadline": world.now + (-1 if flaw == "OrderExpired" else DAY),
    }
    full = world.members(Kind.FULL)
    if len(full) < 2 and flaw != "SameMember":
        return None
    pair = [full[0]] * 2 if flaw == "SameMember" else rng.sample(full, 2)
    if flaw == "KindNotPermitted":
        others = world.members(Kind.ASSOCIATE, Kind.PROGRAMME)
        if not others:
            return None
        pair[rng.randrange(2)] = rng.choice(others)
    wrong = rng.randrange(2)
    signatures, signers = [], []
    for index, member in enumerate(pair):
        mine = flaw if index == wrong else None
        signature, signer = world.signature("PauseOrder", order, world.signer(member, Role.VOTER, mine), mine)
        signatures.append(signature)
        signers.append(signer)
    hashed = orders.struct_hash("PauseOrder", order)
    return Call(
        "Consortium",
        "pause",
        (order, *signatures),
        world.anyone(),
        tuple(signers),
        hashes=(hashed, orders.digest(world.hub.domain, hashed)),
    )


# -------------------------------------------------------------------- by ballot


@operation(
    "Consortium.admit", "MemberExists", "MemberIdInvalid", "SeatsTaken", "LastVoter", "OfficerServesAnother",
    "OfficerInvalid", "OfficersTooMany", ballot=0,
)  # fmt: skip
def admit(world: World, flaw: str | None) -> Call | None:
    rng, model = world.rng, world.model
    kind = rng.choices((Kind.FULL, Kind.ASSOCIATE, Kind.PROGRAMME), (2, 5, 3))[0]
    if flaw == "SeatsTaken":
        kind = Kind.ASSOCIATE
    elif flaw is None and (not world.may_grow or len(world.members(Kind.FULL)) >= 6 or model.seats_given["now"] > 240):
        kind = Kind.PROGRAMME if model.seats_given["now"] > 240 else Kind.ASSOCIATE
    if kind == Kind.PROGRAMME:
        member = FIRST_PROGRAMME + rng.randint(1, 5_000)
    else:
        member = rng.choice(GB_CODES) + rng.randint(0, 90) * 100
    gone = [old for old in world.members(left=True) if (old >= FIRST_PROGRAMME) == (kind == Kind.PROGRAMME)]
    if gone and flaw is None and rng.random() < 0.3:
        member = rng.choice(gone)
    short = kind == Kind.ASSOCIATE and rng.random() < 0.45
    officers = [an_officer(world, Role.VOTER, rng.randint(3, 10) * DAY if short else 2_000 * DAY)]
    officers += [an_officer(world, role, 2_000 * DAY) for role in (Role.REGISTRAR, Role.REGISTRAR)]
    officers.append(an_officer(world, Role.FINANCIAL_INSTITUTION, 2_000 * DAY))
    parent = rng.choice((0, 330_000, 320_000))
    if flaw == "MemberExists":
        member = world.home(None)
        kind = Kind(model.members[member].kind)
    elif flaw == "MemberIdInvalid":
        member, kind, parent = rng.choice(
            (
                (0, Kind.FULL, 0),
                (1_000_000, Kind.PROGRAMME, 0),
                (FIRST_PROGRAMME + 9, Kind.FULL, 0),
                (member, Kind(2), member),
            )
        )
    elif flaw == "LastVoter":
        kind, member = Kind.ASSOCIATE, rng.choice(GB_CODES) + 7
        officers = officers[1:]
    elif flaw == "OfficerServesAnother":
        officers[1]["account"] = world.hub.members[next(iter(world.hub.founders))].voters[0].address
    elif flaw == "OfficerInvalid":
        officers[1] |= rng.choice(({"roles": 0}, {"roles": 32}, {"account": NO_ADDRESS}, {"validUntil": world.now}))
    elif flaw == "OfficersTooMany":
        officers += [an_officer(world, Role.AUDITOR, 2_000 * DAY) for _ in range(30)]
    return world.action("Consortium", "admit", member, int(kind), parent, officers)


@operation("Consortium.expel", "MemberUnknown", "MemberLeft", "LastFullMember", ballot=0)
def expel(world: World, flaw: str | None) -> Call | None:
    member = world.pick(newcomers(world))
    if flaw == "MemberUnknown":
        member = 999_991
    elif flaw == "MemberLeft":
        member = world.pick(world.members(left=True))
    elif flaw == "LastFullMember":
        full = world.members(Kind.FULL)
        member = full[0] if len(full) == 1 else None
    return None if member is None else world.action("Consortium", "expel", member)


@operation("Consortium.setParent", "MemberUnknown", "MemberIdInvalid", "MemberLeft", ballot=0)
def set_parent(world: World, flaw: str | None) -> Call | None:
    member = world.home(None)
    parent = world.rng.choice((0, 310_000, 320_000, 330_000, 340_000))
    if flaw == "MemberUnknown":
        member = 999_990
    elif flaw == "MemberLeft":
        member = world.home(flaw)
    elif flaw == "MemberIdInvalid":
        parent = world.rng.choice((member, 1_000_000, FIRST_PROGRAMME))
    return world.action("Consortium", "setParent", member, parent)


@operation("Consortium.restoreOfficers", "VotersRemain", "LastVoter", "OfficerInvalid", "MemberUnknown", ballot=1)
def restore_officers(world: World, flaw: str | None) -> Call | None:
    model = world.model
    mute = [member for member in world.members() if not model.has_voter(member, world.now)]
    member = world.pick(mute)
    if flaw == "VotersRemain":
        member = world.home(None, Kind.FULL)
    elif flaw == "MemberUnknown":
        member = 999_989
    if member is None:
        return None
    officers = [an_officer(world, Role.VOTER, world.rng.randint(5, 12) * DAY)]
    if flaw == "LastVoter":
        officers = [an_officer(world, Role.REGISTRAR, 90 * DAY)]
    elif flaw == "OfficerInvalid":
        officers[0]["roles"] = 64
    return world.action("Consortium", "restoreOfficers", member, officers)


@operation("Consortium.setRule", "RuleInvalid", ballot=2)
def set_rule(world: World, flaw: str | None) -> Call | None:
    rng = world.rng
    kind = rng.randrange(8)
    slow = kind in (1, 2, 7)
    rule = {
        "quorumPpm": rng.choice((1, 400_000, 500_000)),
        "approvalPpm": rng.choice((1, 333_333, 500_001, 600_000)),
        "minVoting": rng.choice((60, 3_600)),
        "maxVoting": rng.choice((2 * DAY, 30 * DAY)),
        "delay": rng.randint(1, 2) * 3_600 if slow else rng.choice((0, 0, 600)),
        "executeWithin": rng.choice((10 * DAY, 60 * DAY)),
    }
    if flaw == "RuleInvalid":
        wrong = [{"quorumPpm": 0}, {"quorumPpm": 1_000_001}, {"approvalPpm": 0}, {"approvalPpm": 1_000_001}]
        wrong += [{"minVoting": 0}, {"maxVoting": 59}, {"executeWithin": 0}]
        rule |= rng.choice(wrong)
        if slow and rng.random() < 0.3:
            rule["delay"] = 0
    return world.action("Consortium", "setRule", kind, rule)


@operation("Consortium.setPauseRule", "RuleInvalid", ballot=2)
def set_pause_rule(world: World, flaw: str | None) -> Call | None:
    longest = world.rng.randint(1, 8) * 3_600
    cooldown = longest - 1 if flaw == "RuleInvalid" else longest + world.rng.randint(0, 4) * 3_600
    return world.action("Consortium", "setPauseRule", {"maxDuration": longest, "cooldown": cooldown})


@operation("Consortium.setAllowedCall", "CallNotAllowed", ballot=7)
def set_allowed_call(world: World, flaw: str | None) -> Call | None:
    rng, hub = world.rng, world.hub
    # Calls that no generator makes, so that the world does not lose what it lives on.
    target = rng.choice(list(hub.registers.values()))
    name = rng.choice([name for name, function in target.functions.items() if not function.writes])
    selector, kind = target.functions[name].selector, rng.randrange(8)
    address = target.address
    if flaw == "CallNotAllowed":
        consortium = hub.consortium
        address, name, kind = rng.choice(
            (
                (NO_ADDRESS, "admit", kind),
                (target.address, "batch", kind),
                (target.address, "upgradeToAndCall", kind % 7),
                (consortium.address, "setAllowedCall", kind % 7),
                (consortium.address, "addRegister", kind % 7),
                (consortium.address, "setRule", 3),
                (consortium.address, "restoreOfficers", 3),
            )
        )
        selector = consortium.functions[name].selector
    allowed = {"target": address, "selector": selector, "kind": kind}
    return world.action("Consortium", "setAllowedCall", allowed, rng.random() < 0.6)


@operation("Consortium.addRegister", "NotRegister", ballot=7)
def add_register(world: World, flaw: str | None) -> Call | None:
    address = NO_ADDRESS if flaw == "NotRegister" else Key.named(f"register {world.rng.getrandbits(32)}").address
    return world.action("Consortium", "addRegister", address)


@operation("Consortium.pauseByBallot", "PauseInvalid", ballot=6)
def pause_by_ballot(world: World, flaw: str | None) -> Call | None:
    until = world.now - 5 if flaw == "PauseInvalid" else world.now + DAY + world.rng.randint(3_600, 8 * 3_600)
    return world.action("Consortium", "pauseByBallot", until, world.unique())


@operation("Consortium.endPause", ballot=6)
def end_pause(world: World, flaw: str | None) -> Call | None:
    return world.action("Consortium", "endPause")


def _upgrade(register: str) -> None:
    @operation(f"{register}.upgradeToAndCall", ballot=7)
    def upgrade(world: World, flaw: str | None) -> Call | None:
        return world.action(register, "upgradeToAndCall", world.hub.implementations[register], b"")


for _register in ("Consortium", "Holds", "Methodologies", "Projects", "Recognition", "CreditLedger"):
    _upgrade(_register)


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

# -------------------------------------------------------------------- holds

HOLD_ORDER_FLAWS = tuple(BY_ORDER)


def some_subjects(world: World, flaw: str | None) -> list[bytes] | None:
    rng, model = world.rng, world.model
    subjects = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choices((ids.METHODOLOGY, ids.PROJECT, ids.BLOCK), (1, 2, 7))[0]
        if kind == ids.BLOCK:
            key = world.sample(model.blocks, lambda _, row: row.status <= 3 and row.holds < MOST_HOLDS)
            if key is not None:
                subjects.append(ids.subject(kind, *key))
        else:
            table: Any = model.methodologies if kind == ids.METHODOLOGY else model.projects
            key = world.sample(table)
            used = world.sample(model.projects, lambda _, row: row.status == 1)
            if used is not None and rng.random() < 0.7:
                key = used if kind == ids.PROJECT else model.projects[used].methodology
            if key is not None:
                subjects.append(ids.subject(kind, key))
    if not subjects:
        return None
    if flaw == "HoldSubjectsInvalid":
        return [] if rng.random() < 0.5 else [subjects[0]] * 51
    if flaw == "SubjectUnknown":
        series = world.sample(model.series) or NO_ID
        wrong = [ids.subject(ids.BLOCK, series, 2**41), ids.subject(ids.PROJECT, ids.record_id(2, 1, world.unique()))]
        wrong += [ids.subject(ids.METHODOLOGY, ids.record_id(1, 1, world.unique()))]
        return [*subjects[1:], rng.choice(wrong)]
    if flaw == "SubjectNotHoldable":
        return [*subjects[1:], ids.subject(rng.choice((0, 3, 5, 6, 255)), subjects[0][1:13], 1)]
    if flaw == "BlockNotAvailable":
        key = world.sample(model.blocks, lambda _, row: row.status > 3)
        return None if key is None else [*subjects[1:], ids.subject(ids.BLOCK, *key)]
    if flaw == "HoldCountInvalid":
        if not model.blocks.rows:
            return None
        fullest = max(model.blocks.rows, key=lambda key: model.blocks[key].holds * (model.blocks[key].status <= 3))
        room = MOST_HOLDS - model.blocks[fullest].holds
        return [ids.subject(ids.BLOCK, *fullest)] * (room + 1)
    return subjects


@operation(
    "Holds.place",
    "HoldTooLong",
    "HoldSubjectsInvalid",
    "HoldReasonMissing",
    "EvidenceSpent",
    "SubjectNotHoldable",
    "SubjectUnknown",
    "HoldCountInvalid",
    "BlockNotAvailable",
    "KindNotPermitted",
    *HOLD_ORDER_FLAWS,
)
def place(world: World, flaw: str | None) -> Call | None:
    rng = world.rng
    if flaw == "OrderRepeated":
        return world.repeat("Holds.place")
    subjects = some_subjects(world, flaw)
    if subjects is None:
        return None
    member = world.home(flaw, Kind.FULL, Kind.ASSOCIATE)
    if flaw == "KindNotPermitted":
        programmes = world.members(Kind.PROGRAMME)
        if not programmes:
            return None
        member = rng.choice(programmes)
    elif flaw == "MemberUnknown":
        member = 999_988
    evidence, reason = world.unique(), rng.randint(1, 5)
    if flaw == "HoldReasonMissing":
        evidence, reason = rng.choice(((ZERO, reason), (evidence, 0)))
    elif flaw == "EvidenceSpent":
        spent = world.sample(world.model.evidence, lambda key, _: key[0] == member)
        if spent is None:
            return None
        evidence = spent[1]
    longest = rng.choices((3_600, 12 * 3_600, LONGEST_HOLD), (60, 38, 2))[0]
    until = world.now + rng.randint(longest // 2, longest)
    if flaw == "HoldTooLong":
        until = rng.choice((world.now, world.now - 1, world.now + LONGEST_HOLD + 1))
    order = {
        "member": member,
        "subjects": subjects,
        "reason": reason,
        "evidence": evidence,
        "until": until,
        "request": world.unique(),
        "deadline": world.soon(60, 2 * DAY),
    }
    return world.ordered("Holds", "place", "HoldOrder", order, world.signer(member, Role.VOTER, flaw), flaw)


def a_hold(world: World, flaw: str | None, fits: Any) -> bytes | None:
    if flaw == "HoldUnknown":
        return world.unique()
    found: bytes | None = world.sample(
        world.model.holds, lambda _, row: row.ended if flaw == "HoldEnded" else not row.ended and fits(row), 80
    )
    return found


@operation(
    "Holds.lift", "HoldUnknown", "HoldEnded", "NotBallot", *(flaw for flaw in BY_ORDER if flaw != "MemberUnknown")
)
def lift(world: World, flaw: str | None) -> Call | None:
    if flaw == "OrderRepeated":
        return world.repeat("Holds.lift")
    hold = a_hold(world, flaw, lambda row: bool(row.member) != (flaw == "NotBallot"))
    if hold is None:
        return None
    row = world.model.holds[hold]
    order = {"hold": hold, "request": world.unique(), "deadline": world.soon(60, 2 * DAY)}
    if flaw == "OrderExpired":
        order["deadline"] = world.now - 1
    homes = list(dict.fromkeys(ids.home_of(subject[1:13]) for subject in row.subjects))
    asked = [row.member, *(home for home in homes if home != row.member)]
    wrong = world.rng.randrange(len(asked))
    signatures, signers = [], []
    for index, member in enumerate(asked):
        mine = flaw if index == wrong else None
        signature, signer = world.signature("LiftOrder", order, world.signer(member, Role.VOTER, mine), mine)
        signatures.append(signature)
        signers.append(signer)
    if flaw == "SignatureInvalid" and len(signatures) > 1 and world.rng.random() < 0.4:
        signatures.pop()
        signers.pop()
    hashed = orders.struct_hash("LiftOrder", order)
    return Call(
        "Holds",
        "lift",
        (order, signatures[0], signatures[1:]),
        world.anyone(),
        tuple(signers),
        hashes=(hashed, orders.digest(world.hub.domain, hashed)),
    )


@operation("Holds.finish", "HoldUnknown", "HoldEnded", "HoldNotOver")
def finish(world: World, flaw: str | None) -> Call | None:
    hold = a_hold(world, flaw, lambda row: (world.now >= row.until) != (flaw == "HoldNotOver"))
    return None if hold is None else world.call("Holds", "finish", hold, sender=world.anyone())


@operation(
    "Holds.placeByBallot", "HoldTooLong", "HoldSubjectsInvalid", "HoldReasonMissing", "SubjectUnknown",
    "SubjectNotHoldable", ballot=5,
)  # fmt: skip
def place_by_ballot(world: World, flaw: str | None) -> Call | None:
    subjects = some_subjects(world, flaw)
    if subjects is None:
        return None
    until = world.now - 1 if flaw == "HoldTooLong" else world.soon(3 * DAY, 12 * DAY)
    reason = 0 if flaw == "HoldReasonMissing" else world.rng.randint(1, 5)
    return world.action("Holds", "placeByBallot", subjects, reason, world.unique(), until, world.unique())


@operation("Holds.liftByBallot", "HoldUnknown", "HoldEnded", ballot=5)
def lift_by_ballot(world: World, flaw: str | None) -> Call | None:
    hold = a_hold(world, flaw, lambda row: not row.member or row.until > world.now + DAY // 3)
    return None if hold is None else world.action("Holds", "liftByBallot", hold, world.unique())


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
