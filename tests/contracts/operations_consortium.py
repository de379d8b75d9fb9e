"""Generators for Consortium: members, officers, rules, pauses."""

from __future__ import annotations

from typing import Any

from tests.contracts import orders
from tests.contracts.chain import Key
from tests.contracts.deployment import DAY, Kind, Role
from tests.contracts.ids import FIRST_PROGRAMME
from tests.contracts.model_ballots import NO_ADDRESS
from tests.contracts.operations import BY_ORDER, Call, World, operation

GB_CODES = (110_000, 120_000, 130_000, 140_000, 210_000, 350_000, 360_000, 370_000, 410_000, 420_000, 430_000, 500_000)
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


@operation("Consortium.resign", "OfficerInvalid", "LastVoter")
def resign(world: World, flaw: str | None) -> Call | None:
    model = world.model

    def alone(account: str, member: int) -> bool:
        """Whether a role would be without a key."""
        others = [held for held in model.officers_of[member] if held != account]
        roles = [role for role in Role if model.serves(member, role, account)]
        return not all(any(model.serves(member, role, held) for held in others) for role in roles)

    if flaw == "OfficerInvalid":
        return world.call("Consortium", "resign", sender=world.new_key())
    if flaw == "LastVoter":
        accounts = [
            voters[0]
            for member in world.members()
            if len(voters := [a for a in sorted(model.officers_of[member]) if model.serves(member, Role.VOTER, a)]) == 1
        ]
    else:
        accounts = [
            account
            for member in world.members()
            for account in sorted(model.officers_of[member])
            if account in world.keys and not alone(account, member)
        ]
    account = world.pick(accounts)
    return None if account is None else world.call("Consortium", "resign", sender=world.keys[account])


def newcomers(world: World) -> list[int]:
    """Members that may go again without emptying the world: not the founders."""
    found = [member for member in world.members() if member not in world.hub.founders]
    # Those whose voters will soon be gone wait for a ballot that restores them.
    return [
        member for member in found if world.model.has_voter(member, world.now + 10 * DAY) or world.rng.random() < 0.02
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
    short = kind == Kind.ASSOCIATE and rng.random() < 0.65
    officers = [an_officer(world, Role.VOTER, rng.randint(1, 2) * DAY if short else 2_000 * DAY)]
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
    officers = [an_officer(world, Role.VOTER, world.rng.randint(6, 8) * DAY)]
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
