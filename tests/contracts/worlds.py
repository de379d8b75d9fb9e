"""The worlds that random operations run in: an ordinary one, a lone full member, no seat left."""

from __future__ import annotations

from collections.abc import Sequence

from tests.contracts import ids
from tests.contracts.deployment import DAY, BallotKind, Deployment, Kind, deploy_all
from tests.contracts.model import Call
from tests.contracts.operations import ballot_call
from tests.contracts.operations_ballots import execution
from tests.contracts.operations_recognition import some_terms
from tests.contracts.run_of_operations import Run

RULES = {
    kind: {
        "quorumPpm": 500_000,
        "approvalPpm": 500_001,
        "minVoting": 3_600,
        "maxVoting": 30 * DAY,
        "delay": {BallotKind.OFFICERS: 7_200, BallotKind.RULES: 7_200, BallotKind.UPGRADE: DAY}.get(kind, 0),
        "executeWithin": 60 * DAY,
    }
    for kind in BallotKind
}
PAUSE_RULE = {"maxDuration": 6 * 3_600, "cooldown": 6 * 3_600}
TRANSFER_RULES = {
    "newCounterpartyWait": 6 * 3_600,
    "minLifetime": 3_600,
    "maxLifetime": 10 * DAY,
    "cosignAboveKg": 20_000,
}


def standard_world(seed: int) -> Deployment:
    """Four full members, an associate, a programme; it begins shortly before some year ends."""
    start = 1_767_225_600 + (seed % 5) * 365 * DAY - 40 * DAY
    return deploy_all(start=start, rules=RULES, pause_rule=PAUSE_RULE, transfer_rules=TRANSFER_RULES)


def make_it_a_market(run: Run) -> None:
    """Credits change hands again and again; little is refused, little is voted on."""
    run.succeed, run.decide = 0.8, 0.15


def lone_world() -> Deployment:
    """One full member, three associates, a programme."""
    founders = {310000: Kind.FULL, 440000: Kind.ASSOCIATE, 460000: Kind.ASSOCIATE, 450000: Kind.ASSOCIATE}
    founders[1_000_001] = Kind.PROGRAMME
    return deploy_all(founders=founders, rules=RULES, pause_rule=PAUSE_RULE, transfer_rules=TRANSFER_RULES)


def settle(run: Run) -> None:
    """What registries have before anything moves: series, recognised methodologies, projects, issuances."""
    world = run.world
    founders = list(world.hub.founders)
    for member in founders:
        registrar = world.registrar(member)
        for kg in (1, 1000):
            series = world.call(
                "CreditLedger", "registerSeries", member, world.unique(), kg, world.unique(), sender=registrar
            )
            run.do(series)
    for name, rounds in (("Methodologies.file", 6), ("Projects.register", 18), ("CreditLedger.verify", 25)):
        for _ in range(rounds):
            run.try_to(name)
    for methodology in list(world.model.methodologies.rows):
        subject = ids.subject(ids.METHODOLOGY, methodology)
        entries = [{"member": member, "terms": some_terms(world, subject, None)} for member in founders]
        full = {member for member in founders if world.hub.founders[member] == Kind.FULL}
        entries = [entry for entry in entries if entry["member"] in full]
        pass_at_once(run, BallotKind.RECOGNITION, [world.action("Recognition", "recognise", subject, entries)])
    for _ in range(30):
        run.try_to("CreditLedger.issue")


def take_every_seat(run: Run) -> None:
    """Admits associates by ballots of 32 until all 256 seats are given, and expels them again."""
    world = run.world
    while (given := world.model.seats_given["now"]) < 256:
        newcomers = [600_000 + given + index for index in range(min(32, 256 - given))]
        admissions = []
        for member in newcomers:
            officer = {"account": world.new_key().address, "roles": 1, "validUntil": world.now + 900 * DAY}
            admissions.append(world.action("Consortium", "admit", member, int(Kind.ASSOCIATE), 0, [officer]))
        pass_at_once(run, BallotKind.MEMBERSHIP, admissions)
        expulsions = [world.action("Consortium", "expel", member) for member in newcomers]
        pass_at_once(run, BallotKind.MEMBERSHIP, expulsions)


def pass_at_once(run: Run, kind: BallotKind, actions: Sequence[Call]) -> None:
    """A ballot that every full member votes for; it closes early and is executed."""
    world = run.world
    full = world.members(Kind.FULL)
    opened = ballot_call(world, full[0], int(kind), actions, [], None)
    assert run.do(opened), "the ballot does not open"
    ballot = opened.hashes[1]
    for member in full:
        order = {"ballot": ballot, "member": member, "choice": 1, "revision": 1}
        key = world.hub.members[member].voters[0]
        run.do(world.ordered("Consortium", "vote", "VoteOrder", order, key))
    assert run.do(execution(world, ballot)), "the ballot is not executed"
