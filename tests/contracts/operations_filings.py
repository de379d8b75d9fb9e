"""Generators for Methodologies and Projects."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import DAY, Kind
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.model_filings import FILED, FROZEN, REGISTERED, SUSPENDED
from tests.contracts.operations import BY_REGISTRAR, Call, World, operation

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
    return None if methodology is None else world.action("Methodologies", "suspend", methodology)


@operation("Methodologies.lift", "MethodologyUnknown", "MethodologyNotUsable", ballot=4)
def lift_methodology(world: World, flaw: str | None) -> Call | None:
    methodology = a_methodology(world, flaw, lambda row: row.status == SUSPENDED)
    return None if methodology is None else world.action("Methodologies", "lift", methodology)


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
    return None if project is None else world.action("Projects", "suspend", project)


@operation("Projects.lift", "ProjectUnknown", ballot=4)
def lift_project(world: World, flaw: str | None) -> Call | None:
    project = a_known_project(world, flaw, lambda row: row.status == 3)
    return None if project is None else world.action("Projects", "lift", project)
