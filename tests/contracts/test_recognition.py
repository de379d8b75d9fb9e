"""Recognition, who decides: one test per verb and refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts import ids
from tests.contracts.chain import Reverted
from tests.contracts.deployment import (
    CDM,
    DAY,
    GUANGDONG,
    HANGZHOU,
    HEFEI,
    SHANGHAI,
    SUZHOU,
    BallotKind,
    Deployment,
    deploy_all,
)
from tests.contracts.filings import file, register
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.recognitions import (
    LEDGER,
    SERIES,
    VOLUNTARY,
    Effect,
    World,
    by_ballot,
    covering,
    end,
    recognise,
    terms,
)


@pytest.fixture(scope="session")
def founded_without_ledger() -> Deployment:
    return deploy_all({"Consortium", "Methodologies", "Projects", "Recognition"})


@pytest.fixture
def world(founded_without_ledger: Deployment) -> Iterator[World]:
    hub = founded_without_ledger
    undo = hub.chain.snapshot()
    methodology = file(hub)
    yield World(hub, methodology, register(hub, methodology).value)
    undo()


# ---------------------------------------------------------------- recognise


def test_recognise__by_ballot__terms_in_force_and_all_said(world: World) -> None:
    said_terms = terms(factorPpm=763_636, uses=0x42, annualCapKg=5_000, coversEveryProject=True)
    ballot, receipt = recognise(world.hub, world.by_methodology, **said_terms)
    said = receipt.event("Recognised").values
    assert said == {"subject": world.by_methodology, "member": SUZHOU, "terms": 1, "ballot": ballot} | said_terms
    assert world.hub.recognition.getStanding(world.by_methodology, SUZHOU) == (1, False, Effect.NONE)
    recorded, made_by = world.hub.recognition.getTerms(1)
    assert (recorded._asdict(), made_by) == (said_terms, ballot)
    assert world.hub.recognition.recognisesMethodology(SUZHOU, world.methodology)
    assert not world.hub.recognition.recognisesMethodology(HEFEI, world.methodology)


def test_recognise__member_that_voted_no__not_bound(world: World) -> None:
    entries = [{"member": member, "terms": terms()} for member in (SUZHOU, HEFEI)]
    action = world.hub.recognition.action("recognise", world.by_methodology, entries)
    ballot, receipt = world.hub.pass_ballot(BallotKind.RECOGNITION, [action], no=[HEFEI])
    assert receipt.event("Recognised").member == SUZHOU
    assert receipt.event("RecognitionNotConsented").values == {
        "subject": world.by_methodology, "member": HEFEI, "ballot": ballot,
    }  # fmt: skip
    assert world.hub.recognition.getStanding(world.by_methodology, HEFEI).terms == 0


@pytest.mark.parametrize("member", [CDM, 0, 999_999])
def test_recognise__programme_or_unknown_member__not_bound(world: World, member: int) -> None:
    _, receipt = recognise(world.hub, world.by_methodology, member)
    assert receipt.event("RecognitionNotConsented").member == member


def test_recognise__associate_member_that_was_invited__bound(world: World) -> None:
    _, receipt = recognise(world.hub, world.by_methodology, GUANGDONG)
    assert receipt.event("Recognised").member == GUANGDONG


def test_recognise__without_a_ballot__not_ballot(world: World) -> None:
    entries = [{"member": SUZHOU, "terms": terms()}]
    for sender in (world.hub.members[SUZHOU].voters[0], world.hub.members[SUZHOU].registrars[0], LEDGER):
        with pytest.raises(Reverted, match="NotBallot"):
            world.hub.recognition.recognise(world.by_methodology, entries, sender=sender)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factorPpm": 0},
        {"factorPpm": 1_000_001},
        {"uses": 0},
        {"uses": 1},
        {"uses": 0x200},
        {"validFrom": 2, "validUntil": 1},
        {"validFrom": 1, "validUntil": 1},
        {"annualCapKg": 0},
    ],
)
def test_recognise__terms_out_of_bounds__invalid(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(Reverted) as refused:
        recognise(world.hub, world.by_methodology, **wrong)
    assert refused.value.error == "TermsInvalid"
    assert refused.value.values == {"subject": world.by_methodology, "member": SUZHOU}


def test_recognise__project_terms_that_cover_every_project__invalid(world: World) -> None:
    with pytest.raises(Reverted, match="TermsInvalid"):
        recognise(world.hub, world.by_project, coversEveryProject=True)


def test_recognise__same_member_twice_in_one_ballot__invalid(world: World) -> None:
    entries = [{"member": SUZHOU, "terms": terms(factorPpm=factor)} for factor in (1, 1_000_000)]
    twice = world.hub.recognition.action("recognise", world.by_methodology, entries)
    once = [world.hub.recognition.action("recognise", world.by_methodology, [entry]) for entry in entries]
    for actions in ([twice], once):
        with pytest.raises(Reverted, match="TermsInvalid"):
            world.hub.pass_ballot(BallotKind.RECOGNITION, actions)


def test_recognise__unknown_or_written_otherwise__not_recognisable(world: World) -> None:
    for subject in (
        ZERO,
        ids.subject(ids.METHODOLOGY, NO_ID),
        ids.subject(ids.METHODOLOGY, world.project),
        ids.subject(ids.METHODOLOGY, world.methodology, first=1),
        ids.subject(ids.PROJECT, NO_ID),
        ids.subject(ids.PROJECT, world.methodology),
        world.by_project[:31] + b"\x01",
        ids.subject(ids.BLOCK, SERIES, 1),
        ids.subject(ids.SERIES, SERIES),
    ):
        with pytest.raises(Reverted) as refused:
            recognise(world.hub, subject)
        assert (refused.value.error, refused.value.values) == ("SubjectNotRecognisable", {"subject": subject})


def test_recognise__its_own_project__home_needs_none(world: World) -> None:
    with pytest.raises(Reverted) as refused:
        recognise(world.hub, world.by_project, SHANGHAI)
    assert (refused.value.error, refused.value.values) == (
        "HomeNeedsNone", {"subject": world.by_project, "member": SHANGHAI},
    )  # fmt: skip


def test_recognise__its_own_methodology__others_projects_under_it_enter(world: World) -> None:
    covering(world, SUZHOU)
    theirs = register(world.hub, world.methodology, "roof of Suzhou", SUZHOU).value
    with pytest.raises(Reverted, match="NotRecognised"):
        world.enter(SHANGHAI, project=theirs)
    covering(world, SHANGHAI)
    assert world.enter(SHANGHAI, project=theirs) == (1_000_000, 1)


def test_recognise__anew__new_terms_and_a_cap_of_their_own(world: World) -> None:
    covering(world, factorPpm=500_000, annualCapKg=1_000)
    assert world.enter(kg=1_000) == (500_000, 1)
    covering(world, factorPpm=700_000, annualCapKg=2_000)
    assert world.enter(kg=2_000) == (700_000, 2)
    assert world.hub.recognition.getStanding(world.by_methodology, SUZHOU).terms == 2
    world.hub.recognition.requireUse(1, VOLUNTARY)


def test_recognise__after_a_revocation__clears_it(world: World) -> None:
    covering(world)
    by_ballot(world.hub, "revoke", world.by_methodology, Effect.FROZEN)
    covering(world)
    assert world.hub.recognition.getStanding(world.by_methodology, SUZHOU) == (2, False, Effect.NONE)
    world.enter()


def test_recognise__while_suspended__stays_suspended(world: World) -> None:
    covering(world)
    by_ballot(world.hub, "suspend", world.by_methodology)
    covering(world)
    with pytest.raises(Reverted, match="RecognitionSuspended"):
        world.enter()


# ---------------------------------------------------------------- suspend, lift, revoke


def test_suspend__by_ballot__nothing_enters_or_is_used_and_only_home_is_open_until_lifted(world: World) -> None:
    covering(world)
    _, entry = world.enter()
    ballot, receipt = by_ballot(world.hub, "suspend", world.by_methodology)
    assert receipt.event("RecognitionSuspensionChanged").values == {
        "subject": world.by_methodology, "member": SUZHOU, "suspended": True, "ballot": ballot,
    }  # fmt: skip
    register_ = world.hub.recognition
    for refused_call in (
        world.enter,
        lambda: register_.requireUse(entry, VOLUNTARY),
        lambda: register_.requireMove(entry, False),
    ):
        with pytest.raises(Reverted) as refused:
            refused_call()
        assert refused.value.error == "RecognitionSuspended"
        assert refused.value.values == {"subject": world.by_methodology, "member": SUZHOU}
    register_.requireMove(entry, True)
    assert not register_.recognisesMethodology(SUZHOU, world.methodology)
    _, receipt = by_ballot(world.hub, "lift", world.by_methodology)
    assert receipt.event("RecognitionSuspensionChanged").suspended is False
    register_.requireUse(entry, VOLUNTARY)
    register_.requireMove(entry, False)
    world.enter()


@pytest.mark.parametrize(("function", "more"), [("suspend", ()), ("lift", ()), ("revoke", (1,))])
def test_status__never_recognised__not_recognised(world: World, function: str, more: tuple[int, ...]) -> None:
    with pytest.raises(Reverted) as refused:
        by_ballot(world.hub, function, world.by_methodology, *more)
    assert (refused.value.error, refused.value.values) == (
        "NotRecognised", {"subject": world.by_methodology, "member": SUZHOU},
    )  # fmt: skip


@pytest.mark.parametrize(("function", "more"), [("suspend", ()), ("lift", ()), ("revoke", (1,))])
def test_status__without_a_ballot__not_ballot(world: World, function: str, more: tuple[int, ...]) -> None:
    covering(world)
    call = getattr(world.hub.recognition, function)
    with pytest.raises(Reverted, match="NotBallot"):
        call(world.by_methodology, SUZHOU, *more, sender=world.hub.members[SUZHOU].voters[0])


def test_suspend__suspended_already__refused(world: World) -> None:
    covering(world)
    by_ballot(world.hub, "suspend", world.by_methodology)
    with pytest.raises(Reverted, match="RecognitionSuspended"):
        by_ballot(world.hub, "suspend", world.by_methodology)


def test_lift__not_suspended__refused(world: World) -> None:
    covering(world)
    with pytest.raises(Reverted, match="RecognitionNotSuspended"):
        by_ballot(world.hub, "lift", world.by_methodology)


@pytest.mark.parametrize(
    ("effect", "means", "used", "moved", "returned"),
    [
        (Effect.NONE, Effect.RETURN_ONLY, False, False, True),
        (Effect.USABLE, Effect.USABLE, True, True, True),
        (Effect.RETURN_ONLY, Effect.RETURN_ONLY, False, False, True),
        (Effect.FROZEN, Effect.FROZEN, False, False, False),
    ],
)
def test_revoke__each_effect__says_what_credits_there_may_do(
    world: World, effect: Effect, means: Effect, used: bool, moved: bool, returned: bool
) -> None:
    covering(world)
    _, entry = world.enter()
    ballot, receipt = by_ballot(world.hub, "revoke", world.by_methodology, effect)
    assert receipt.event("RecognitionEnded").values == {
        "subject": world.by_methodology, "member": SUZHOU, "effect": means, "ballot": ballot, "request": ZERO,
    }  # fmt: skip
    recognition = world.hub.recognition
    for allowed, asked in (
        (False, world.enter),
        (used, lambda: recognition.requireUse(entry, VOLUNTARY)),
        (moved, lambda: recognition.requireMove(entry, False)),
        (returned, lambda: recognition.requireMove(entry, True)),
    ):
        if allowed:
            asked()
            continue
        with pytest.raises(Reverted) as refused:
            asked()
        assert (refused.value.error, refused.value.values["effect"]) == ("RecognitionRevoked", means)


def test_revoke__again_with_another_effect__replaced_and_the_same_changes_nothing(world: World) -> None:
    covering(world)
    by_ballot(world.hub, "revoke", world.by_methodology, Effect.USABLE)
    by_ballot(world.hub, "revoke", world.by_methodology, Effect.FROZEN)
    assert world.hub.recognition.getStanding(world.by_methodology, SUZHOU).revoked == Effect.FROZEN
    _, again = by_ballot(world.hub, "revoke", world.by_methodology, Effect.FROZEN)
    assert "RecognitionEnded" not in [event.name for event in again.events]
    assert world.hub.recognition.getStanding(world.by_methodology, SUZHOU).revoked == Effect.FROZEN


def test_revoke__project_of_an_entry__stops_use_though_the_methodology_stands(world: World) -> None:
    recognise(world.hub, world.by_methodology)
    recognise(world.hub, world.by_project)
    _, entry = world.enter()
    by_ballot(world.hub, "revoke", world.by_project, Effect.RETURN_ONLY)
    with pytest.raises(Reverted) as refused:
        world.hub.recognition.requireUse(entry, VOLUNTARY)
    assert refused.value.values["subject"] == world.by_project
    with pytest.raises(Reverted, match="RecognitionRevoked"):
        world.hub.recognition.requireMove(entry, False)
    world.hub.recognition.requireMove(entry, True)


# ---------------------------------------------------------------- end


def test_end__by_a_voters_signature__revoked_as_the_member_says(world: World) -> None:
    covering(world)
    said = end(world.hub, world.by_methodology, Effect.USABLE).event("RecognitionEnded")
    assert (said.subject, said.member, said.effect, said.ballot) == (
        world.by_methodology, SUZHOU, Effect.USABLE, ZERO,
    )  # fmt: skip
    assert said.request != ZERO
    with pytest.raises(Reverted, match="RecognitionRevoked"):
        world.enter()


def test_end__no_effect_said__return_only(world: World) -> None:
    covering(world)
    assert end(world.hub, world.by_methodology).event("RecognitionEnded").effect == Effect.RETURN_ONLY


def test_end__revoked_already__cannot_be_softened(world: World) -> None:
    covering(world)
    by_ballot(world.hub, "revoke", world.by_methodology, Effect.FROZEN)
    with pytest.raises(Reverted) as refused:
        end(world.hub, world.by_methodology, Effect.USABLE)
    assert (refused.value.error, refused.value.values["effect"]) == ("RecognitionRevoked", Effect.FROZEN)


def test_end__never_recognised__not_recognised(world: World) -> None:
    with pytest.raises(Reverted, match="NotRecognised"):
        end(world.hub, world.by_methodology)


def test_end__signed_by_another_member_or_a_registrar__refused(world: World) -> None:
    covering(world)
    for key in (world.hub.members[HANGZHOU].voters[0], world.hub.members[SUZHOU].registrars[0]):
        with pytest.raises(Reverted, match="NotOfficer"):
            end(world.hub, world.by_methodology, key=key)


def test_end__order_altered_or_replayed__refused(world: World) -> None:
    hub = world.hub
    covering(world)
    order = {
        "subject": world.by_methodology, "member": SUZHOU, "effect": 1, "request": hub.request(),
        "deadline": hub.chain.now + 30 * DAY,
    }  # fmt: skip
    signature = hub.sign("EndRecognitionOrder", order, hub.members[SUZHOU].voters[0])
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.recognition.end(order | {"effect": 3}, signature, sender=hub.anyone)
    hub.recognition.end(order, signature, sender=hub.anyone)
    covering(world)
    with pytest.raises(Reverted, match="OrderRepeated"):
        hub.recognition.end(order, signature, sender=hub.anyone)
