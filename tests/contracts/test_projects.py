"""Projects: one test per verb and refusal."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import pytest
from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.chain import Key, Receipt, Reverted
from tests.contracts.deployment import FOREVER, SHANGHAI, SUZHOU, BallotKind, Deployment, deploy_all
from tests.contracts.filings import (
    CREDITING_END,
    CREDITING_START,
    assets_named,
    file,
    project_of,
    register,
    registration,
    write_project,
)
from tests.contracts.ids import NO_ID, ZERO

EVIDENCE = keccak(text="evidence")
NEVER = SHANGHAI.to_bytes(3, "big") + b"\x01" * 9


class Status(IntEnum):
    """ProjectStatus."""

    NONE = 0
    REGISTERED = 1
    WITHDRAWN = 2
    SUSPENDED = 3


def by_ballot(hub: Deployment, register_name: str, function: str, *arguments: object) -> tuple[bytes, Receipt]:
    action = hub.registers[register_name].action(function, *arguments)
    return hub.pass_ballot(BallotKind.STATUS, [action])


def recognised_methodology(hub: Deployment, home: int, member: int) -> bytes:
    """A methodology of `home` that `member` recognises."""
    methodology = file(hub, "recognised", home)
    terms = {
        "factorPpm": 1_000_000, "uses": 0x1FE, "validFrom": 0, "validUntil": FOREVER,
        "annualCapKg": 2**64 - 1, "coversEveryProject": True,
    }  # fmt: skip
    subject = ids.subject(ids.METHODOLOGY, methodology)
    hub.pass_ballot(
        BallotKind.RECOGNITION, [hub.recognition.action("recognise", subject, [{"member": member, "terms": terms}])]
    )
    return methodology


# ---------------------------------------------------------------- register


def test_register__by_a_registrar__registered_with_its_assets(hub: Deployment) -> None:
    methodology, meters = file(hub), assets_named("meter 1", "meter 2")
    asked = registration(hub, methodology)
    receipt = hub.projects.register(SHANGHAI, asked, meters, sender=hub.members[SHANGHAI].registrars[0])
    project = ids.record_id(ids.PROJECT, SHANGHAI, asked["native"])
    assert receipt.value == project
    said = receipt.event("ProjectRegistered").values
    assert said | {"assets": list(said["assets"])} == {"project": project, "member": SHANGHAI, "assets": meters} | asked
    assert hub.projects.getProject(project) == (
        methodology, Status.REGISTERED, Status.NONE, 0, 0, CREDITING_START, CREDITING_END, 1,
    )  # fmt: skip
    assert [hub.projects.claimant(meter) for meter in meters] == [project, project]
    assert hub.projects.requireCreditable(project) == (CREDITING_START, CREDITING_END)
    assert hub.projects.requireUsable(project) == methodology


def test_register__repeated__exists(hub: Deployment) -> None:
    methodology = file(hub)
    project = register(hub, methodology).value
    with pytest.raises(Reverted) as refused:
        register(hub, methodology)
    assert (refused.value.error, refused.value.values) == ("ProjectExists", {"project": project})


def test_register__for_another_member__not_officer(hub: Deployment) -> None:
    asked = registration(hub, file(hub))
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.projects.register(SHANGHAI, asked, [], sender=hub.members[SUZHOU].registrars[0])


@pytest.mark.parametrize("field", ["native", "document", "declaration"])
def test_register__zero_hash__invalid(hub: Deployment, field: str) -> None:
    asked = registration(hub, file(hub)) | {field: ZERO}
    with pytest.raises(Reverted, match="RegistrationInvalid"):
        hub.projects.register(SHANGHAI, asked, [], sender=hub.members[SHANGHAI].registrars[0])


@pytest.mark.parametrize(("start", "end"), [(2, 1), (0, 0)])
def test_register__inverted_or_unset_crediting_period__invalid(hub: Deployment, start: int, end: int) -> None:
    with pytest.raises(Reverted) as refused:
        register(hub, file(hub), creditingStart=start, creditingEnd=end)
    assert (refused.value.error, refused.value.values) == ("CreditingPeriodInvalid", {"start": start, "end": end})


def test_register__unknown_methodology__unknown(hub: Deployment) -> None:
    for never in (NO_ID, NEVER):
        with pytest.raises(Reverted, match="MethodologyUnknown"):
            register(hub, never)


def test_register__superseded_methodology__not_usable(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    file(hub, "PV/2", supersedes=earlier)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        register(hub, earlier)


def test_register__methodology_out_of_date__refused(hub: Deployment) -> None:
    methodology = file(hub, validFrom=1, validUntil=2)
    with pytest.raises(Reverted, match="MethodologyOutOfDate"):
        register(hub, methodology)


def test_register__anothers_methodology_not_recognised__refused(hub: Deployment) -> None:
    methodology = file(hub, member=SUZHOU)
    with pytest.raises(Reverted) as refused:
        register(hub, methodology, member=SHANGHAI)
    assert refused.value.error == "MethodologyNotRecognised"
    assert refused.value.values == {"methodology": methodology, "member": SHANGHAI}


def test_register__anothers_methodology_recognised__registered(hub: Deployment) -> None:
    methodology = recognised_methodology(hub, SUZHOU, SHANGHAI)
    assert hub.projects.getProject(register(hub, methodology).value).methodology == methodology


@pytest.mark.parametrize(("function", "more"), [("suspend", ()), ("revoke", (1,))])
def test_register__anothers_methodology_recognised_no_longer__refused(
    hub: Deployment, function: str, more: tuple[int, ...]
) -> None:
    methodology = recognised_methodology(hub, SUZHOU, SHANGHAI)
    subject = ids.subject(ids.METHODOLOGY, methodology)
    by_ballot(hub, "Recognition", function, subject, SHANGHAI, *more)
    with pytest.raises(Reverted, match="MethodologyNotRecognised"):
        register(hub, methodology)


# ---------------------------------------------------------------- amend


def amend(hub: Deployment, project: bytes, revision: int, member: int = SHANGHAI, **changed: object) -> Receipt:
    asked = {"document": EVIDENCE, "start": 20_500, "end": 20_600} | changed
    return write_project(
        hub, "amend", project, revision, asked["document"], asked["start"], asked["end"], member=member
    )


def test_amend__next_revision__recorded(hub: Deployment) -> None:
    project = project_of(hub)
    said = amend(hub, project, 2).event("ProjectAmended")
    assert (said.project, said.revision, said.document, said.creditingEnd) == (project, 2, EVIDENCE, 20_600)
    recorded = hub.projects.getProject(project)
    assert (recorded.revision, recorded.creditingStart, recorded.creditingEnd) == (2, 20_500, 20_600)


@pytest.mark.parametrize("revision", [0, 1, 3, 2**32 - 1])
def test_amend__another_revision__stale(hub: Deployment, revision: int) -> None:
    project = project_of(hub)
    with pytest.raises(Reverted) as refused:
        amend(hub, project, revision)
    assert refused.value.error == "RevisionStale"
    assert refused.value.values == {"project": project, "revision": revision, "recorded": 1}


def test_amend__no_document__missing(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="DocumentMissing"):
        amend(hub, project_of(hub), 2, document=ZERO)


def test_amend__inverted_period__invalid(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="CreditingPeriodInvalid"):
        amend(hub, project_of(hub), 2, start=20_601)


def test_amend__another_members__not_officer(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        amend(hub, project_of(hub), 2, member=SUZHOU)


def test_amend__withdrawn__not_usable(hub: Deployment) -> None:
    project = project_of(hub)
    write_project(hub, "withdraw", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        amend(hub, project, 2)


# ---------------------------------------------------------------- withdraw


def test_withdraw__registered__credits_go_on_and_nothing_new(hub: Deployment) -> None:
    project, request = project_of(hub), hub.request()
    receipt = write_project(hub, "withdraw", project, request=request)
    assert receipt.event("ProjectStatusChanged").values == {
        "project": project, "status": Status.WITHDRAWN, "ballot": ZERO, "request": request,
    }  # fmt: skip
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        hub.projects.requireCreditable(project)
    hub.projects.requireUsable(project)


def test_withdraw__repeated__not_usable(hub: Deployment) -> None:
    project = project_of(hub)
    write_project(hub, "withdraw", project)
    with pytest.raises(Reverted) as refused:
        write_project(hub, "withdraw", project)
    assert refused.value.values == {"project": project, "status": Status.WITHDRAWN}


def test_withdraw__suspended__not_usable_so_that_its_credits_stay_stopped(hub: Deployment) -> None:
    project = project_of(hub)
    by_ballot(hub, "Projects", "suspend", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        write_project(hub, "withdraw", project)


def test_withdraw__another_members__not_officer(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        write_project(hub, "withdraw", project_of(hub), member=SUZHOU)


@pytest.mark.parametrize("never", [NO_ID, NEVER])
def test_withdraw__unknown__unknown(hub: Deployment, never: bytes) -> None:
    with pytest.raises(Reverted, match="ProjectUnknown"):
        write_project(hub, "withdraw", never)


# ---------------------------------------------------------------- suspend and lift


@pytest.mark.parametrize("before", [Status.REGISTERED, Status.WITHDRAWN])
def test_suspend__by_ballot__stops_credits_until_lifted_to_what_it_was(hub: Deployment, before: Status) -> None:
    project = project_of(hub)
    if before is Status.WITHDRAWN:
        write_project(hub, "withdraw", project)
    ballot, receipt = by_ballot(hub, "Projects", "suspend", project)
    assert receipt.event("ProjectStatusChanged").values == {
        "project": project, "status": Status.SUSPENDED, "ballot": ballot, "request": ZERO,
    }  # fmt: skip
    for refuses in (hub.projects.requireCreditable, hub.projects.requireUsable):
        with pytest.raises(Reverted) as refused:
            refuses(project)
        assert refused.value.values == {"project": project, "status": Status.SUSPENDED}
    by_ballot(hub, "Projects", "lift", project)
    assert hub.projects.getProject(project)[1:3] == (before, Status.NONE)
    hub.projects.requireUsable(project)


@pytest.mark.parametrize("function", ["suspend", "lift"])
def test_suspend_and_lift__without_a_ballot__not_ballot(hub: Deployment, function: str) -> None:
    project = project_of(hub)
    with pytest.raises(Reverted, match="NotBallot"):
        getattr(hub.projects, function)(project, sender=hub.members[SHANGHAI].registrars[0])


def test_suspend__suspended_already__ballot_fails(hub: Deployment) -> None:
    project = project_of(hub)
    by_ballot(hub, "Projects", "suspend", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        by_ballot(hub, "Projects", "suspend", project)


def test_lift__not_suspended__ballot_fails(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        by_ballot(hub, "Projects", "lift", project_of(hub))


@pytest.mark.parametrize("function", ["suspend", "lift"])
def test_suspend_and_lift__unknown__unknown(hub: Deployment, function: str) -> None:
    with pytest.raises(Reverted, match="ProjectUnknown"):
        by_ballot(hub, "Projects", function, NO_ID)


# ---------------------------------------------------------------- what the methodology's status means


def test_require__methodology_suspended_or_withdrawn__nothing_new_but_credits_go_on(hub: Deployment) -> None:
    methodology = file(hub)
    project = register(hub, methodology).value
    by_ballot(hub, "Methodologies", "suspend", methodology)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        hub.projects.requireCreditable(project)
    assert hub.projects.requireUsable(project) == methodology
    by_ballot(hub, "Methodologies", "lift", methodology)
    hub.projects.requireCreditable(project)
    hub.methodologies.withdraw(methodology, hub.request(), sender=hub.members[SHANGHAI].registrars[0])
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        hub.projects.requireCreditable(project)
    assert hub.projects.requireUsable(project) == methodology


@pytest.mark.parametrize("function", ["requireCreditable", "requireUsable"])
def test_require__unknown__unknown(hub: Deployment, function: str) -> None:
    with pytest.raises(Reverted, match="ProjectUnknown"):
        getattr(hub.projects, function)(NO_ID)


# ---------------------------------------------------------------- mark


@pytest.fixture(scope="session")
def founded_without_holds() -> Deployment:
    """Holds is a key here, so that its calls can be made by hand; test_holds.py goes through the real one."""
    return deploy_all({"Consortium", "Methodologies", "Projects", "Recognition"})


@pytest.fixture
def unheld(founded_without_holds: Deployment) -> Iterator[Deployment]:
    undo = founded_without_holds.chain.snapshot()
    yield founded_without_holds
    undo()


HOLDS = Key.named("absent Holds")


def test_mark__project__held_until_unmarked(unheld: Deployment) -> None:
    meters = assets_named("meter")
    project = project_of(unheld, "roof 1", meters)
    unheld.projects.mark(ids.subject(ids.PROJECT, project), 1, sender=HOLDS)
    for function in ("requireCreditable", "requireUsable"):
        with pytest.raises(Reverted) as refused:
            getattr(unheld.projects, function)(project)
        assert (refused.value.error, refused.value.values) == ("ProjectHeld", {"project": project})
    with pytest.raises(Reverted, match="ProjectHeld"):
        write_project(unheld, "releaseAssets", project, meters)
    write_project(unheld, "withdraw", project)
    with pytest.raises(Reverted, match="ProjectHeld"):
        write_project(unheld, "releaseAssets", project, meters)
    unheld.projects.mark(ids.subject(ids.PROJECT, project), -1, sender=HOLDS)
    write_project(unheld, "releaseAssets", project, meters)


def test_mark__its_methodology__nothing_of_it_usable(unheld: Deployment) -> None:
    methodology = file(unheld)
    project = register(unheld, methodology).value
    unheld.methodologies.mark(ids.subject(ids.METHODOLOGY, methodology), 1, sender=HOLDS)
    for function in ("requireCreditable", "requireUsable"):
        with pytest.raises(Reverted, match="MethodologyHeld"):
            getattr(unheld.projects, function)(project)


def test_mark__not_by_holds__refused(hub: Deployment) -> None:
    subject = ids.subject(ids.PROJECT, project_of(hub))
    with pytest.raises(Reverted, match="NotHolds"):
        hub.projects.mark(subject, 1, sender=hub.members[SHANGHAI].voters[0])


def test_mark__unknown_or_written_otherwise__subject_unknown(unheld: Deployment) -> None:
    project = project_of(unheld)
    for subject in (
        ids.subject(ids.PROJECT, NO_ID),
        ids.subject(ids.METHODOLOGY, project),
        ids.subject(ids.PROJECT, project, first=1),
        ids.subject(ids.PROJECT, project)[:31] + b"\x01",
    ):
        with pytest.raises(Reverted, match="SubjectUnknown"):
            unheld.projects.mark(subject, 1, sender=HOLDS)
