"""Generators for Methodologies, Projects and Recognition."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import DAY, Kind, Role
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.model_filings import FILED, FROZEN, REGISTERED, SUSPENDED
from tests.contracts.model_recognition import NO_CAP
from tests.contracts.operations import BY_ORDER, BY_REGISTRAR, Call, World, operation

# -------------------------------------------------------------------- methodologies


@operation(
    "Methodologies.file",
    "FilingInvalid",
    "MethodologyExists",
    "MethodologyUnknown",
    "MethodologyNotUsable",
    "NotHomeMember",
    *BY_REGISTRAR,
)
def file(world: World, flaw: str | None) -> Call | None:
    rng, model = world.rng, world.model
    member = world.home(flaw)
    start = world.now - rng.randint(0, 30) * DAY
    supersedes = NO_ID
    if flaw == "MethodologyUnknown":
        supersedes = ids.record_id(ids.METHODOLOGY, member, world.unique())
    elif flaw == "MethodologyNotUsable":
        supersedes = world.sample(
            model.methodologies, lambda key, row: ids.home_of(key) == member and row.status != FILED
        )
    elif flaw == "NotHomeMember":
        supersedes = world.sample(
            model.methodologies, lambda key, row: ids.home_of(key) != member and row.status == FILED
        )
    elif rng.random() < 0.06:
        supersedes = world.sample(
            model.methodologies, lambda key, row: ids.home_of(key) == member and row.status == FILED
        )
    filing = {
        "request": world.unique(),
        "native": world.unique(),
        "document": world.unique(),
        "definition": world.unique(),
        "validFrom": start,
        "validUntil": world.now + (rng.randint(1, 10) if rng.random() < 0.2 else rng.randint(60, 900)) * DAY,
        "supersedes": supersedes or NO_ID,
        "lineage": rng.choice((ZERO, world.unique())),
    }
    if flaw == "FilingInvalid":
        wrong: list[dict[str, Any]] = [{"native": ZERO}, {"document": ZERO}, {"validUntil": start}]
        if model.members[member].kind != Kind.PROGRAMME:
            wrong.append({"definition": ZERO})
        filing |= rng.choice(wrong)
    if flaw == "MethodologyExists":
        known = world.pick(call for call in world.done if call.function == "file" and call.args[0] == member)
        if known is None:
            return None
        filing["native"] = known.args[1]["native"]
    return world.call("Methodologies", "file", member, filing, sender=world.registrar(member, flaw))


@operation("Methodologies.withdraw", "MethodologyUnknown", "MethodologyNotUsable", *BY_REGISTRAR)
def withdraw_methodology(world: World, flaw: str | None) -> Call | None:
    methodology = a_methodology(world, flaw, lambda row: row.status in (1, 2))
    if methodology is None:
        return None
    used = any(row.methodology == methodology for row in world.model.projects.rows.values())
    if flaw is None and used and world.rng.random() < 0.97:  # a world without methodologies stands still
        return None
    sender = world.registrar(ids.home_of(methodology), flaw)
    return world.call("Methodologies", "withdraw", methodology, world.unique(), sender=sender)


def a_methodology(world: World, flaw: str | None, fits: Any) -> bytes | None:
    if flaw == "MethodologyUnknown":
        return ids.record_id(ids.METHODOLOGY, world.home(None), world.unique())
    found: bytes | None = world.sample(
        world.model.methodologies, lambda _, row: bool(fits(row)) != (flaw == "MethodologyNotUsable")
    )
    return found


@operation("Methodologies.suspend", "MethodologyUnknown", "MethodologyNotUsable", ballot=4)
def suspend_methodology(world: World, flaw: str | None) -> Call | None:
    methodology = a_methodology(world, flaw, lambda row: row.status != SUSPENDED)
    return methodology and world.action("Methodologies", "suspend", methodology)  # type: ignore[return-value]


@operation("Methodologies.lift", "MethodologyUnknown", "MethodologyNotUsable", ballot=4)
def lift_methodology(world: World, flaw: str | None) -> Call | None:
    methodology = a_methodology(world, flaw, lambda row: row.status == SUSPENDED)
    return methodology and world.action("Methodologies", "lift", methodology)  # type: ignore[return-value]


# -------------------------------------------------------------------- projects


def some_assets(world: World, flaw: str | None, project: bytes | None) -> list[bytes] | None:
    assets = [world.unique() for _ in range(world.rng.randint(0 if flaw is None else 1, 3))]
    if flaw == "AssetInvalid":
        assets[world.rng.randrange(len(assets))] = ZERO
    elif flaw == "AssetClaimed":
        taken = world.sample(world.model.claimants, lambda _, by: by != NO_ID)
        if taken is None:
            return None
        assets[world.rng.randrange(len(assets))] = taken
        if world.rng.random() < 0.2:
            fresh = world.unique()
            assets = [fresh, fresh]
    return assets


@operation(
    "Projects.register",
    "RegistrationInvalid",
    "ProjectExists",
    "CreditingPeriodInvalid",
    "MethodologyUnknown",
    "MethodologyNotUsable",
    "MethodologyHeld",
    "MethodologyOutOfDate",
    "MethodologyNotRecognised",
    "AssetClaimed",
    "AssetInvalid",
    *BY_REGISTRAR,
)
def register(world: World, flaw: str | None) -> Call | None:
    rng, model = world.rng, world.model

    def fits(_: bytes, row: Any) -> bool:
        if flaw == "MethodologyNotUsable":
            return bool(row.status != FILED)
        if flaw == "MethodologyHeld":
            return bool(row.holds)
        if flaw == "MethodologyOutOfDate":
            return not row.valid_from <= world.now < row.valid_until
        return bool(row.status == FILED and not row.holds)

    methodology = world.sample(model.methodologies, fits)
    if methodology is None:
        return None
    member = ids.home_of(methodology)
    if flaw == "MethodologyNotRecognised" or (flaw is None and rng.random() < 0.4):
        member = world.home(None)
    if flaw == "MethodologyUnknown":
        methodology = ids.record_id(ids.METHODOLOGY, member, world.unique())
    start = 19_000 + rng.randint(0, 1_000)
    registration = {
        "request": world.unique(),
        "native": world.unique(),
        "methodology": methodology,
        "document": world.unique(),
        "creditingStart": start,
        "creditingEnd": start + rng.randint(200, 3_650),
        "declaration": world.unique(),
    }
    if flaw == "RegistrationInvalid":
        registration[rng.choice(("native", "document", "declaration"))] = ZERO
    if flaw == "CreditingPeriodInvalid":
        registration |= rng.choice(({"creditingEnd": start - 1}, {"creditingStart": 0, "creditingEnd": 0}))
    if flaw == "ProjectExists":
        known = world.pick(call for call in world.done if call.function == "register" and call.args[0] == member)
        if known is None:
            return None
        registration["native"] = known.args[1]["native"]
    assets = some_assets(world, flaw, None)
    if assets is None:
        return None
    return world.call("Projects", "register", member, registration, assets, sender=world.registrar(member, flaw))


def a_known_project(world: World, flaw: str | None, fits: Any = None) -> bytes | None:
    if flaw == "ProjectUnknown":
        return ids.record_id(ids.PROJECT, world.home(None), world.unique())

    def wanted(key: bytes, row: Any) -> bool:
        if flaw == "ProjectNotUsable":
            return bool(row.status != REGISTERED)
        if flaw == "MemberLeft":
            return bool(world.model.members[ids.home_of(key)].left_at)
        return bool(row.status == REGISTERED if fits is None else fits(row))

    found: bytes | None = world.sample(world.model.projects, wanted)
    return found


PROJECT_FLAWS = ("ProjectUnknown", "ProjectNotUsable", *BY_REGISTRAR)


@operation("Projects.amend", "RevisionStale", "DocumentMissing", "CreditingPeriodInvalid", *PROJECT_FLAWS)
def amend(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw)
    if project is None:
        return None
    row = world.model.projects[project]
    revision = row.revision + (world.rng.choice((0, 2, -1)) if flaw == "RevisionStale" else 1)
    start, end = max(row.start, 1), row.end + world.rng.randint(0, 100) or 1
    if flaw == "CreditingPeriodInvalid":
        start, end = world.rng.choice(((end + 1, end), (0, 0)))
    document = ZERO if flaw == "DocumentMissing" else world.unique()
    sender = world.registrar(ids.home_of(project), flaw)
    return world.call(
        "Projects", "amend", project, max(revision, 0), document, start, end, world.unique(), sender=sender
    )


@operation("Projects.withdraw", *PROJECT_FLAWS)
def withdraw_project(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw)
    if project is None:
        return None
    return world.call(
        "Projects", "withdraw", project, world.unique(), sender=world.registrar(ids.home_of(project), flaw)
    )


def a_request(world: World, flaw: str | None, member: int) -> bytes:
    if flaw == "RequestRepeated":
        spent = world.sample(world.model.requests, lambda key, _: key[0] == member)
        return spent[1] if spent else world.unique()
    return world.unique()


@operation("Projects.claimAssets", "AssetClaimed", "AssetInvalid", "RequestRepeated", *PROJECT_FLAWS)
def claim_assets(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw)
    assets = some_assets(world, flaw, project)
    if project is None or assets is None:
        return None
    member = ids.home_of(project)
    request = a_request(world, flaw, member)
    return world.call("Projects", "claimAssets", project, assets, request, sender=world.registrar(member, flaw))


@operation("Projects.releaseAssets", "AssetNotClaimed", "ProjectHeld", "RequestRepeated", *PROJECT_FLAWS)
def release_assets(world: World, flaw: str | None) -> Call | None:
    asset = world.sample(world.model.claimants, lambda _, by: by != NO_ID)
    if asset is None:
        return None
    project: bytes | None = world.model.claimants[asset]
    assets = [asset]
    if flaw == "AssetNotClaimed":
        assets = world.rng.choice(([world.unique()], [asset, asset]))
    elif flaw in ("ProjectNotUsable", "ProjectHeld", "ProjectUnknown", "MemberLeft"):
        held = (lambda row: row.holds) if flaw == "ProjectHeld" else None
        project = a_known_project(world, flaw, held)
        if project is None:
            return None
        assets = [key for key, by in world.model.claimants.rows.items() if by == project][:2]
    assert project is not None
    member = ids.home_of(project)
    request = a_request(world, flaw, member)
    return world.call("Projects", "releaseAssets", project, assets, request, sender=world.registrar(member, flaw))


@operation(
    "Projects.declareMechanism",
    "MechanismUnchanged",
    "ProjectElsewhere",
    "DocumentMissing",
    "RequestRepeated",
    "ProjectUnknown",
    *BY_REGISTRAR,
)
def declare_mechanism(world: World, flaw: str | None) -> Call | None:
    elsewhere = flaw == "ProjectElsewhere" or world.rng.random() < 0.6
    project = a_known_project(world, flaw, lambda row: bool(row.mechanism) == elsewhere)
    if project is None:
        return None
    row = world.model.projects[project]
    mechanism = 0 if row.mechanism else world.rng.randint(1, 6)
    if flaw == "MechanismUnchanged":
        mechanism = row.mechanism
    elif flaw == "ProjectElsewhere":
        mechanism = row.mechanism + 1
    evidence = ZERO if flaw == "DocumentMissing" else world.unique()
    member = ids.home_of(project)
    request = a_request(world, flaw, member)
    sender = world.registrar(member, flaw)
    return world.call("Projects", "declareMechanism", project, mechanism, evidence, request, sender=sender)


@operation("Projects.freezeExternal", "LockInvalid", "LockTaken", "DocumentMissing", *PROJECT_FLAWS)
def freeze_external(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw)
    if project is None:
        return None
    lock, mechanism = world.unique(), world.rng.randint(1, 9)
    named = [row.lock for row in world.model.verifications.rows.values() if row.project == project and row.lock != ZERO]
    named = [name for name in named if not world.model.locks[name].status]
    if named and world.rng.random() < 0.7:
        lock = world.rng.choice(named)
    if flaw == "LockInvalid":
        lock, mechanism = world.rng.choice(((ZERO, mechanism), (lock, 0)))
    elif flaw == "LockTaken":
        lock = world.sample(world.model.locks)
        if lock is None:
            return None
    evidence = ZERO if flaw == "DocumentMissing" else world.unique()
    sender = world.registrar(ids.home_of(project), flaw)
    return world.call("Projects", "freezeExternal", project, lock, mechanism, evidence, world.unique(), sender=sender)


def _end_external(world: World, flaw: str | None, function: str) -> Call | None:
    def fits(key: bytes, row: Any) -> bool:
        if flaw == "MemberLeft" and not world.model.members[ids.home_of(row.project)].left_at:
            return False
        return bool(row.status == FROZEN) != (flaw == "LockNotFrozen")

    lock = world.sample(world.model.locks, fits)
    if lock is None:
        return None
    evidence = ZERO if flaw == "DocumentMissing" else world.unique()
    sender = world.registrar(ids.home_of(world.model.locks[lock].project), flaw)
    return world.call("Projects", function, lock, evidence, world.unique(), sender=sender)


@operation("Projects.cancelExternal", "LockNotFrozen", "DocumentMissing", *BY_REGISTRAR)
def cancel_external(world: World, flaw: str | None) -> Call | None:
    return _end_external(world, flaw, "cancelExternal")


@operation("Projects.releaseExternal", "LockNotFrozen", "DocumentMissing", *BY_REGISTRAR)
def release_external(world: World, flaw: str | None) -> Call | None:
    return _end_external(world, flaw, "releaseExternal")


@operation("Projects.suspend", "ProjectUnknown", ballot=4)
def suspend_project(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw, lambda row: row.status != 3)
    return project and world.action("Projects", "suspend", project)  # type: ignore[return-value]


@operation("Projects.lift", "ProjectUnknown", ballot=4)
def lift_project(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw, lambda row: row.status == 3)
    return project and world.action("Projects", "lift", project)  # type: ignore[return-value]


# -------------------------------------------------------------------- recognition


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
        "factorPpm": rng.choice((1_000_000, 1_000_000, 763_636, 500_000, 900_000, 1, 40_000)),
        "uses": rng.choice((510, 510, few_uses, few_uses | 2)),
        "validFrom": start,
        "validUntil": world.now + rng.choice((4, 400, 400, 900, 900, 900)) * DAY,
        "annualCapKg": rng.choice((NO_CAP, NO_CAP, NO_CAP, 5_000_000, 100_000, 5_000)),
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
        return subject and (subject, 999_997)  # type: ignore[return-value]
    found: tuple[bytes, int] | None = world.sample(world.model.standings, lambda _, row: row.terms and fits(row))
    return found


@operation("Recognition.suspend", "NotRecognised", "RecognitionSuspended", ballot=4)
def suspend_recognition(world: World, flaw: str | None) -> Call | None:
    found = a_standing(world, flaw, lambda row: row.suspended == (flaw == "RecognitionSuspended"))
    return found and world.action("Recognition", "suspend", *found)  # type: ignore[return-value]


@operation("Recognition.lift", "NotRecognised", "RecognitionNotSuspended", ballot=4)
def lift_recognition(world: World, flaw: str | None) -> Call | None:
    found = a_standing(world, flaw, lambda row: row.suspended != (flaw == "RecognitionNotSuspended"))
    return found and world.action("Recognition", "lift", *found)  # type: ignore[return-value]


@operation("Recognition.revoke", "NotRecognised", "RecognitionRevoked", ballot=4)
def revoke(world: World, flaw: str | None) -> Call | None:
    found = a_standing(world, flaw, lambda row: bool(row.revoked) == (flaw == "RecognitionRevoked"))
    if found is None:
        return None
    effect = world.rng.randrange(4)
    if flaw == "RecognitionRevoked":
        effect = world.model.standings[found].revoked
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
