"""Generators for Recognition."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import DAY, Kind, Role
from tests.contracts.ids import NO_ID
from tests.contracts.model_filings import FILED, REGISTERED
from tests.contracts.model_recognition import NO_CAP
from tests.contracts.operations import BY_ORDER, Call, World, operation


def a_subject(world: World, flaw: str | None) -> bytes | None:
    rng, model = world.rng, world.model
    kind = rng.choice((ids.METHODOLOGY, ids.METHODOLOGY, ids.METHODOLOGY, ids.PROJECT, ids.PROJECT, ids.ISSUANCE))
    if flaw == "HomeNeedsNone":
        kind = rng.choice((ids.PROJECT, ids.ISSUANCE))
    if kind == ids.METHODOLOGY:
        key = world.sample(model.methodologies, lambda _, row: row.status == FILED)
        lying = world.sample(model.blocks, lambda _, row: row.status == 1)
        if lying is not None and rng.random() < 0.8:
            key = model.projects[model.project_of(lying[0], model.blocks[lying].issuance)].methodology
    elif kind == ids.PROJECT:
        key = world.sample(model.projects, lambda _, row: row.status == REGISTERED)
    else:
        key = world.sample(model.issuances)
    if key is None:
        return None
    subject = ids.subject(kind, *key) if kind == ids.ISSUANCE else ids.subject(kind, key)
    if flaw == "SubjectNotRecognisable":
        return rng.choice(
            (
                ids.subject(ids.METHODOLOGY, ids.record_id(1, world.home(None), world.unique())),
                ids.subject(ids.BLOCK, subject[1:13], 1),
                ids.subject(ids.ISSUANCE, subject[1:13], 2**40 + 1),
                subject[:31] + b"\x01",
                ids.subject(ids.PROJECT, subject[1:13], 5),
            )
        )
    return subject


def some_terms(world: World, subject: bytes, flaw: str | None) -> dict[str, Any]:
    rng = world.rng
    start = world.now - rng.randint(0, 5) * DAY
    few_uses = sum(1 << purpose for purpose in rng.sample(range(1, 9), 3))
    terms = {
        "factorPpm": rng.choices((1_000_000, 763_636, 500_000, 900_000, 40_000, 1), (30, 20, 20, 22, 4, 4))[0],
        "uses": rng.choice((510, 510, few_uses, few_uses | 2)),
        "validFrom": start,
        "validUntil": world.now + rng.choice((4, 400, 400, 900, 900, 900)) * DAY,
        "annualCapKg": rng.choice((NO_CAP, NO_CAP, 2_000_000, 300_000, 20_000, 6_000)),
        "coversEveryProject": subject[0] == ids.METHODOLOGY and rng.random() < 0.75,
    }
    if flaw == "TermsInvalid":
        terms |= rng.choice(
            (
                {"factorPpm": 0},
                {"factorPpm": 1_000_001},
                {"uses": 0},
                {"uses": 1},
                {"uses": 1 << 9},
                {"validUntil": start},
                {"annualCapKg": 0},
                {"coversEveryProject": True} if subject[0] != ids.METHODOLOGY else {"uses": 0},
            )
        )
    return terms


@operation("Recognition.recognise", "TermsInvalid", "SubjectNotRecognisable", "HomeNeedsNone", ballot=3)
def recognise(world: World, flaw: str | None) -> Call | None:
    subject = a_subject(world, flaw)
    if subject is None:
        return None
    home = ids.home_of(subject[1:13])
    members = world.members(Kind.FULL, Kind.ASSOCIATE)
    chosen = world.rng.sample(members, min(len(members), world.rng.randint(2, 6)))
    if flaw == "HomeNeedsNone":
        chosen = [home, *chosen]
    elif subject[0] != ids.METHODOLOGY:
        chosen = [member for member in chosen if member != home]
    entries = [{"member": member, "terms": some_terms(world, subject, flaw)} for member in dict.fromkeys(chosen)]
    return world.action("Recognition", "recognise", subject, entries)


def a_standing(world: World, flaw: str | None, fits: Any) -> tuple[bytes, int] | None:
    if flaw == "NotRecognised":
        subject = a_subject(world, None)
        return None if subject is None else (subject, 999_997)
    lying = world.sample(world.model.blocks, lambda _, row: row.entry and row.status <= 3)
    if lying is not None and world.rng.random() < 0.8:  # where it matters to somebody
        entry = world.model.entries[world.model.blocks[lying].entry]
        key = (entry.methodology, entry.member)
        if world.model.standings[key].terms and fits(world.model.standings[key]):
            return key
    found: tuple[bytes, int] | None = world.sample(world.model.standings, lambda _, row: row.terms and fits(row))
    return found


@operation("Recognition.suspend", "NotRecognised", "RecognitionSuspended", ballot=4)
def suspend_recognition(world: World, flaw: str | None) -> Call | None:
    found = a_standing(world, flaw, lambda row: row.suspended == (flaw == "RecognitionSuspended"))
    return None if found is None else world.action("Recognition", "suspend", *found)


@operation("Recognition.lift", "NotRecognised", "RecognitionNotSuspended", ballot=4)
def lift_recognition(world: World, flaw: str | None) -> Call | None:
    found = a_standing(world, flaw, lambda row: row.suspended != (flaw == "RecognitionNotSuspended"))
    return None if found is None else world.action("Recognition", "lift", *found)


@operation("Recognition.revoke", "NotRecognised", "RecognitionRevoked", ballot=4)
def revoke(world: World, flaw: str | None) -> Call | None:
    # Softened without the member's yes it is refused; said again it is accepted.
    hard = flaw == "RecognitionRevoked" or (flaw is None and world.rng.random() < 0.2)
    found = a_standing(world, flaw, lambda row: row.revoked > 1 if hard else not row.revoked)
    if found is None:
        return None
    effect = world.rng.randrange(4)
    if hard:
        effect = 1 if flaw else world.model.standings[found].revoked
    return world.action("Recognition", "revoke", *found, effect)


@operation("Recognition.end", "NotRecognised", "RecognitionRevoked", *BY_ORDER)
def end(world: World, flaw: str | None) -> Call | None:
    if flaw == "OrderRepeated":
        return world.repeat("Recognition.end")

    def fits(_: Any, row: Any) -> bool:
        if flaw is None and world.model.in_force(row.terms) and not row.suspended and world.rng.random() < 0.97:
            return False  # most that end had come to nothing: otherwise nothing could be transferred for long
        return bool(row.terms) and bool(row.revoked) == (flaw == "RecognitionRevoked")

    found = world.sample(world.model.standings, fits)
    if found is None:
        return None
    subject, member = found
    if flaw == "NotRecognised":
        subject = a_subject(world, None) or subject
    elif flaw == "MemberUnknown":
        member = 999_996
    elif flaw == "MemberLeft" and (gone := world.members(left=True)):
        member = world.rng.choice(gone)
    order = {
        "subject": subject,
        "member": member,
        "effect": world.rng.randrange(4),
        "request": world.unique(),
        "deadline": world.soon(60, 2 * DAY),
    }
    return world.ordered(
        "Recognition", "end", "EndRecognitionOrder", order, world.signer(member, Role.VOTER, flaw), flaw
    )


@operation("Recognition.enter", "NotLedger")
def enter(world: World, flaw: str | None) -> Call | None:
    member = world.home(None)
    return world.call("Recognition", "enter", member, NO_ID, NO_ID, NO_ID, 1, 1, sender=world.registrar(member))
