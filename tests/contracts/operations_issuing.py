"""Generators for CreditLedger: series, verifications, issuances."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import Kind
from tests.contracts.ids import ZERO
from tests.contracts.model_filings import CANCELLED_LOCK, REGISTERED
from tests.contracts.model_issuing import true_predecessor
from tests.contracts.operations import BY_REGISTRAR, Call, World, operation

LEDGER = "CreditLedger"


def unknown_id(world: World, kind: int, member: int) -> bytes:
    return ids.record_id(kind, member, world.unique())


@operation("CreditLedger.registerSeries", "SeriesInvalid", "SeriesExists", "MemberUnknown", *BY_REGISTRAR)
def register_series(world: World, flaw: str | None) -> Call | None:
    member = world.home(flaw)
    native = world.unique()
    if flaw == "SeriesExists":
        known = world.pick(call for call in world.done if call.function == "registerSeries")
        if known is None:
            return None
        member, native = known.args[0], known.args[1]
    if flaw == "MemberUnknown":
        return world.call(LEDGER, "registerSeries", 999_999, native, 1, world.unique(), sender=world.stranger)
    kg = world.rng.choice((0, 2, 999, 65_535)) if flaw == "SeriesInvalid" else world.rng.choice((1, 1000))
    sender = world.registrar(member, flaw)
    return world.call(LEDGER, "registerSeries", member, native, kg, world.unique(), sender=sender)


# -------------------------------------------------------------------- verifications


def a_period(world: World, project: bytes, flaw: str | None) -> tuple[int, int, int]:
    """First day, last day and predecessor of a new monitoring period."""
    row = world.model.projects[project]
    periods = world.model.periods[project]
    length = world.rng.randint(0, 60)
    start = world.rng.randint(row.start, max(row.start, row.end - length))
    if flaw == "PeriodOverlaps" and periods:
        other = world.rng.choice(periods)
        start, end = world.rng.choice(
            (other, (other[0] + 1, other[1]), (other[0] - 3, other[0]), (other[1], other[1] + 9))
        )
        return start, end, true_predecessor(tuple(first for first, _ in periods), start)
    if flaw == "PeriodOutsideCrediting":
        start = world.rng.choice((max(row.start - 5, 1), row.end - length + 1 if length else row.end + 1))
    end = start + length
    if flaw == "PeriodInvalid":
        start, end = world.rng.choice(((start, start - 1), (0, end), (0, 0)))
    predecessor = true_predecessor(tuple(first for first, _ in periods), start)
    if flaw == "PeriodPredecessorWrong":
        predecessor = world.rng.choice([0, start + 1, max(start - 1, 0), *(first for first, _ in periods)])
    return start, end, predecessor


@operation(
    "CreditLedger.verify",
    "VerificationEmpty",
    "VerificationExists",
    "PeriodInvalid",
    "PeriodOutsideCrediting",
    "PeriodOverlaps",
    "PeriodPredecessorWrong",
    "ProjectUnknown",
    "ProjectNotUsable",
    "ProjectHeld",
    "ProjectElsewhere",
    "MethodologyNotUsable",
    "MethodologyHeld",
    *BY_REGISTRAR,
)
def verify(world: World, flaw: str | None) -> Call | None:
    project = a_project(world, flaw)
    if project is None:
        return None
    member = ids.home_of(project)
    start, end, predecessor = (100, 200, 0)
    if world.model.projects[project].status:
        start, end, predecessor = a_period(world, project, flaw)
    if world.model.members[member].kind == Kind.PROGRAMME and flaw is None and world.rng.random() < 0.7:
        start, end, predecessor = 0, 0, 0
    native = world.unique()
    if flaw == "VerificationExists":
        known = world.pick(
            call for call in world.done if call.function == "verify" and ids.home_of(call.args[0]["project"]) == member
        )
        if known is None:
            return None
        native = known.args[0]["native"]
    lock = ZERO
    if world.rng.random() < 0.3:
        lock = world.sample(world.model.locks, lambda _, row: row.project == project) or world.unique()
    request = {
        "request": world.unique(),
        "native": native,
        "project": project,
        "periodStart": start,
        "periodEnd": end,
        "verifiedKg": world.rng.randint(1, 6) * world.rng.choice((1000, 500_000)),
        "document": world.unique(),
        "predecessor": predecessor,
        "externalLock": lock,
    }
    if flaw == "VerificationEmpty":
        request |= world.rng.choice(({"verifiedKg": 0}, {"document": ZERO}))
    return world.call(LEDGER, "verify", request, sender=world.registrar(member, flaw))


def a_project(world: World, flaw: str | None) -> bytes | None:
    """A project to credit, or one that the flaw is about."""
    model = world.model
    if flaw == "ProjectUnknown":
        return unknown_id(world, ids.PROJECT, world.home(None))
    fits: Any = lambda _, row: row.status == REGISTERED and not row.mechanism and not row.holds  # noqa: E731
    if flaw == "ProjectNotUsable":
        fits = lambda _, row: row.status > REGISTERED  # noqa: E731
    elif flaw == "ProjectHeld":
        fits = lambda _, row: row.holds  # noqa: E731
    elif flaw == "ProjectElsewhere":
        fits = lambda _, row: row.mechanism  # noqa: E731
    elif flaw == "MethodologyNotUsable":
        fits = lambda _, row: model.methodologies[row.methodology].status > 2  # noqa: E731
    elif flaw == "MethodologyHeld":
        fits = lambda _, row: model.methodologies[row.methodology].holds  # noqa: E731
    elif flaw == "MemberLeft":
        fits = lambda key, _: model.members[ids.home_of(key)].left_at  # noqa: E731
    found: bytes | None = world.sample(model.projects, fits)
    return found


@operation(
    "CreditLedger.voidVerification",
    "VerificationUnknown",
    "VerificationVoided",
    "VerificationInUse",
    "PeriodPredecessorWrong",
    *BY_REGISTRAR,
)
def void_verification(world: World, flaw: str | None) -> Call | None:
    model = world.model
    if flaw == "VerificationUnknown":
        verification: bytes | None = unknown_id(world, ids.VERIFICATION, world.home(None))
    elif flaw == "VerificationVoided":
        verification = world.sample(model.verifications, lambda _, row: row.voided)
    elif flaw == "VerificationInUse":
        verification = world.sample(model.verifications, lambda _, row: row.drawn_kg and not row.voided)
    elif flaw == "PeriodPredecessorWrong":
        verification = world.sample(
            model.verifications, lambda _, row: not row.drawn_kg and not row.voided and row.start
        )
    else:
        verification = world.sample(model.verifications, lambda _, row: not row.drawn_kg and not row.voided)
    if verification is None:
        return None
    row = model.verifications[verification]
    predecessor = (
        true_predecessor(tuple(first for first, _ in model.periods[row.project]), row.start) if row.start else 0
    )
    if flaw == "PeriodPredecessorWrong":
        predecessor = world.rng.choice((row.start, predecessor + 1, max(predecessor - 1, 0)))
    sender = world.registrar(ids.home_of(verification), flaw)
    return world.call(LEDGER, "voidVerification", verification, predecessor, world.unique(), sender=sender)


# -------------------------------------------------------------------- issuing


def a_range(world: World, series: bytes, count: int, flaw: str | None) -> tuple[int, int, int]:
    """First, last and predecessor of a new issuance of the series."""
    model, rng = world.model, world.rng
    firsts = model.series[series].firsts
    if flaw == "RangeOverlaps" and firsts:
        other = rng.choice(firsts)
        end = model.issuances[series, other].last
        first = rng.choice((other, min(other + 1, end), end, max(other - count + 1, 1)))
        return first, first + count - 1, true_predecessor(firsts, first)
    end = model.issuances[series, firsts[-1]].last if firsts else rng.choice((0, 0, 10_000, 2**40))
    gap = rng.choice((1, 1, 1, 20, 5_000))
    first = end + gap
    if firsts and rng.random() < 0.4:  # out of serial order, in some gap
        before = rng.choice((0, *firsts))
        first = (model.issuances[series, before].last if before else 0) + rng.randint(1, 3)
    last = first + count - 1
    if flaw == "RangeInvalid":
        first, last = rng.choice(
            ((first, first - 1), (0, last), (2**63 - 1, 2**63), (first, first + 2**48), (2**64 - 1, 2**64 - 1))
        )
    predecessor = true_predecessor(firsts, first)
    if flaw == "PredecessorWrong":
        predecessor = rng.choice([0, first, first + 1, max(first - 1, 0), *firsts])
    return first, last, predecessor


@operation(
    "CreditLedger.issue",
    "SeriesUnknown",
    "RangeInvalid",
    "RangeOverlaps",
    "PredecessorWrong",
    "VerificationUnknown",
    "VerificationVoided",
    "VerificationExceeded",
    "ProjectOfAnother",
    "OriginSpent",
    "DocumentMissing",
    "ExternalLockPending",
    "IssuanceUnknown",
    "IssuanceNotCorrected",
    "ProjectNotUsable",
    "ProjectHeld",
    "ProjectElsewhere",
    "MethodologyNotUsable",
    "MethodologyHeld",
    *BY_REGISTRAR,
)
def issue(world: World, flaw: str | None) -> Call | None:
    model, rng = world.model, world.rng

    def drawable(_: bytes, row: Any) -> bool:
        lock = model.locks[row.lock]
        locked = row.lock != ZERO and not (lock.status == CANCELLED_LOCK and lock.project == row.project)
        if flaw == "ExternalLockPending":
            return locked and not row.voided
        if flaw == "VerificationVoided":
            return bool(row.voided)
        if flaw in ("ProjectNotUsable", "ProjectHeld", "ProjectElsewhere", "MethodologyNotUsable", "MethodologyHeld"):
            bad = model.projects[row.project]
            methodology = model.methodologies[bad.methodology]
            odd = bad.status > REGISTERED or bad.holds or bad.mechanism or methodology.holds or methodology.status > 2
            return bool(odd) and row.drawn_kg < row.verified_kg
        if flaw == "MemberLeft":
            return bool(model.members[ids.home_of(row.project)].left_at)
        return not row.voided and not locked and row.drawn_kg < row.verified_kg

    verification = world.sample(model.verifications, drawable)
    if verification is None:
        return None
    row = model.verifications[verification]
    member = ids.home_of(row.project)
    series_member = member
    if flaw == "ProjectOfAnother":
        series_member = world.home(None)
    series = world.sample(model.series, lambda key, _: ids.home_of(key) == series_member)
    if flaw == "SeriesUnknown":
        series = unknown_id(world, ids.SERIES, member)
    if series is None:
        return None
    kg_per_serial = model.series[series].kg_per_serial or 1
    room = (row.verified_kg - row.drawn_kg) // kg_per_serial
    if flaw == "VerificationExceeded":
        count = room + rng.randint(1, 5)
    elif room < 1:
        return None
    else:
        count = rng.choice((room, rng.randint(1, room), rng.randint(1, min(room, 50))))
    first, last, predecessor = a_range(world, series, count, flaw)
    origin = world.unique()
    if flaw == "OriginSpent":
        spent = world.sample(model.origins, lambda key, _: key[0] == member)
        if spent is None:
            return None
        origin = spent[1]
    reissue_of = 0
    if flaw == "IssuanceUnknown":
        reissue_of = rng.choice((first, last + 7))
    elif flaw == "IssuanceNotCorrected":
        wrong = world.sample(model.issuances, lambda key, _: key[0] == series)
        reissue_of = wrong[1] if wrong else 0
    elif rng.random() < 0.2:
        wrong = world.sample(model.issuances, lambda key, issuance: key[0] == series and issuance.corrected)
        reissue_of = wrong[1] if wrong else 0
    request = {
        "request": world.unique(),
        "series": series,
        "first": first,
        "last": last,
        "predecessor": predecessor,
        "verification": unknown_id(world, ids.VERIFICATION, member) if flaw == "VerificationUnknown" else verification,
        "vintage": rng.randint(2015, 2026),
        "origin": origin,
        "document": ZERO if flaw == "DocumentMissing" else world.unique(),
        "reissueOf": reissue_of,
    }
    return world.call(LEDGER, "issue", request, sender=world.registrar(series_member, flaw))
