"""Generators for Holds."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids, orders
from tests.contracts.deployment import DAY, Kind, Role
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.model import LONGEST_HOLD
from tests.contracts.operations import BY_ORDER, Call, World, operation

# -------------------------------------------------------------------- holds

HOLD_ORDER_FLAWS = tuple(BY_ORDER)


def some_subjects(world: World, flaw: str | None) -> list[bytes] | None:
    rng, model = world.rng, world.model
    subjects = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choices((ids.METHODOLOGY, ids.PROJECT, ids.BLOCK), (1, 2, 7))[0]
        if kind == ids.BLOCK:
            statuses = (2,) if rng.random() < 0.4 else (1, 2, 3)
            key = world.sample(model.blocks, lambda _, row: row.status in statuses and row.holds < 15)  # noqa: B023
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
        wrong += [subjects[0][:-1] + b"\x01"]
        return [*subjects[1:], rng.choice(wrong)]
    if flaw == "SubjectNotHoldable":
        return [*subjects[1:], ids.subject(rng.choice((0, 3, 5, 6, 255)), subjects[0][1:13], 1)]
    if flaw == "BlockNotAvailable":
        key = world.sample(model.blocks, lambda _, row: row.status > 3)
        return None if key is None else [*subjects[1:], ids.subject(ids.BLOCK, *key)]
    if flaw == "HoldsTooMany":
        return [*subjects, subjects[0], subjects[0]]
    return subjects


HELD = ("BlockHeld", "ProjectHeld", "MethodologyHeld")


def hold_what_waits(world: World, flaw: str) -> Call | None:
    """A short hold on what a proposed transfer moves, so that its acceptance meets the error."""
    model = world.model
    transfer = world.sample(
        model.transfers, lambda _, row: row.status == 1 and row.accept_from <= world.now < row.deadline - 3_600
    )
    if transfer is None:
        return None
    row = model.transfers[transfer]
    project = model.project_of(row.series, model.blocks[row.series, row.first].issuance)
    subject = ids.subject(ids.BLOCK, row.series, row.first)
    if flaw == "ProjectHeld":
        subject = ids.subject(ids.PROJECT, project)
    elif flaw == "MethodologyHeld":
        subject = ids.subject(ids.METHODOLOGY, model.projects[project].methodology)
    member = world.home(None, Kind.FULL, Kind.ASSOCIATE)
    order = {
        "member": member,
        "subjects": [subject],
        "reason": 1,
        "evidence": world.unique(),
        "until": world.now + 3_600,
        "request": world.unique(),
        "deadline": world.now + 60,
    }
    return world.ordered("Holds", "place", "HoldOrder", order, world.signer(member, Role.VOTER, None))


@operation(
    "Holds.place",
    "HoldTooLong",
    "HoldSubjectsInvalid",
    "HoldReasonMissing",
    "EvidenceSpent",
    "SubjectNotHoldable",
    "SubjectUnknown",
    "HoldsTooMany",
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
    if flaw == "HoldsTooMany" and rng.random() < 0.5:
        running = world.sample(world.model.holds, lambda _, row: row.member and not row.ended)
        if running is not None:  # a mark of this member runs; two more are too many
            member, subjects = world.model.holds[running].member, [world.model.holds[running].subjects[0]] * 2
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
    "SubjectNotHoldable", "HoldsTooMany", ballot=5,
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
