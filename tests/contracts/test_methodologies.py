"""Methodologies: one test per verb and refusal."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

import pytest

from tests.contracts import ids
from tests.contracts.chain import Key, Reverted
from tests.contracts.deployment import CDM, DAY, SHANGHAI, SUZHOU, BallotKind, Deployment, deploy_all
from tests.contracts.filings import file, filing
from tests.contracts.ids import NO_ID, ZERO


class Status(IntEnum):
    """MethodologyStatus."""

    NONE = 0
    FILED = 1
    SUPERSEDED = 2
    WITHDRAWN = 3
    SUSPENDED = 4


def status_of(hub: Deployment, methodology: bytes) -> Status:
    return Status(hub.methodologies.getMethodology(methodology).status)


def withdraw(hub: Deployment, methodology: bytes, member: int = SHANGHAI) -> None:
    hub.methodologies.withdraw(methodology, hub.request(), sender=hub.members[member].registrars[0])


def by_ballot(hub: Deployment, function: str, methodology: bytes) -> bytes:
    ballot, _ = hub.pass_ballot(BallotKind.STATUS, [hub.methodologies.action(function, methodology)])
    return ballot


# ---------------------------------------------------------------- file


def test_file__by_a_registrar__filed_under_the_id_anyone_can_compute(hub: Deployment) -> None:
    asked = filing(hub, lineage=b"\x07" * 32)
    receipt = hub.methodologies.file(SHANGHAI, asked, sender=hub.members[SHANGHAI].registrars[1])
    methodology = ids.record_id(ids.METHODOLOGY, SHANGHAI, asked["native"])
    assert receipt.value == methodology
    assert receipt.event("MethodologyFiled").values == {"methodology": methodology, "member": SHANGHAI} | asked
    assert hub.methodologies.getMethodology(methodology) == (
        Status.FILED, Status.NONE, 0, hub.chain.now, asked["validFrom"], asked["validUntil"], NO_ID,
    )  # fmt: skip


def test_file__same_native_of_two_members__two_ids(hub: Deployment) -> None:
    assert file(hub, member=SHANGHAI) != file(hub, member=SUZHOU)


def test_file__repeated__exists(hub: Deployment) -> None:
    methodology = file(hub)
    with pytest.raises(Reverted) as refused:
        file(hub)
    assert (refused.value.error, refused.value.values) == ("MethodologyExists", {"methodology": methodology})


@pytest.mark.parametrize("role", ["voters", "institutions"])
def test_file__not_a_registrar__not_officer(hub: Deployment, role: str) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.methodologies.file(SHANGHAI, filing(hub), sender=getattr(hub.members[SHANGHAI], role)[0])


def test_file__for_another_member__not_officer(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.methodologies.file(SHANGHAI, filing(hub), sender=hub.members[SUZHOU].registrars[0])


def test_file__for_nobody__refused(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="MemberUnknown"):
        hub.methodologies.file(0, filing(hub), sender=hub.members[SHANGHAI].registrars[0])


@pytest.mark.parametrize("field", ["native", "document", "definition"])
def test_file__zero_hash__invalid(hub: Deployment, field: str) -> None:
    with pytest.raises(Reverted, match="FilingInvalid"):
        hub.methodologies.file(SHANGHAI, filing(hub) | {field: ZERO}, sender=hub.members[SHANGHAI].registrars[0])


@pytest.mark.parametrize(("start", "end"), [(2, 1), (1, 1), (0, 0)])
def test_file__inverted_or_empty_validity__invalid(hub: Deployment, start: int, end: int) -> None:
    with pytest.raises(Reverted, match="FilingInvalid"):
        file(hub, validFrom=start, validUntil=end)


def test_file__programme_member_without_definition__filed(hub: Deployment) -> None:
    assert status_of(hub, file(hub, "AMS-I.D./18", CDM, definition=ZERO)) is Status.FILED


def test_file__in_a_batch_with_one_refused__nothing_filed_and_the_item_named(hub: Deployment) -> None:
    good, bad = filing(hub, "A/1"), filing(hub, "B/1", document=ZERO)
    calls = [hub.methodologies.calldata("file", SHANGHAI, each) for each in (good, bad)]
    with pytest.raises(Reverted) as refused:
        hub.methodologies.batch(calls, sender=hub.members[SHANGHAI].registrars[0])
    assert refused.value.error == "FilingInvalid"
    assert refused.value.path == (("BatchItemFailed", 1),)
    assert status_of(hub, ids.record_id(ids.METHODOLOGY, SHANGHAI, good["native"])) is Status.NONE


# ---------------------------------------------------------------- supersede


def test_file__superseding_its_own__the_earlier_stays_usable_but_not_open(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    asked = filing(hub, "PV/2", supersedes=earlier)
    receipt = hub.methodologies.file(SHANGHAI, asked, sender=hub.members[SHANGHAI].registrars[0])
    assert receipt.event("MethodologyStatusChanged").values == {
        "methodology": earlier, "status": Status.SUPERSEDED, "ballot": ZERO, "request": asked["request"],
    }  # fmt: skip
    assert hub.methodologies.getMethodology(receipt.value).supersedes == earlier
    hub.methodologies.requireUsable(earlier)
    hub.methodologies.requireOpen(receipt.value)
    with pytest.raises(Reverted) as refused:
        hub.methodologies.requireOpen(earlier)
    assert refused.value.values == {"methodology": earlier, "status": Status.SUPERSEDED}


def test_file__superseding_twice__not_usable(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    file(hub, "PV/2", supersedes=earlier)
    with pytest.raises(Reverted) as refused:
        file(hub, "PV/3", supersedes=earlier)
    assert refused.value.error == "MethodologyNotUsable"
    assert refused.value.values == {"methodology": earlier, "status": Status.SUPERSEDED}


def test_file__superseding_what_is_withdrawn__not_usable(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    withdraw(hub, earlier)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        file(hub, "PV/2", supersedes=earlier)


def test_file__superseding_what_is_suspended__not_usable(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    by_ballot(hub, "suspend", earlier)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        file(hub, "PV/2", supersedes=earlier)


def test_file__superseding_another_members__not_home_member(hub: Deployment) -> None:
    earlier = file(hub, "PV/1", SUZHOU)
    with pytest.raises(Reverted) as refused:
        file(hub, "PV/2", SHANGHAI, supersedes=earlier)
    assert (refused.value.error, refused.value.values) == ("NotHomeMember", {"home": SUZHOU, "member": SHANGHAI})
    assert status_of(hub, earlier) is Status.FILED


def test_file__superseding_the_unknown_or_itself__unknown(hub: Deployment) -> None:
    itself = ids.record_id(ids.METHODOLOGY, SHANGHAI, filing(hub, "PV/2")["native"])
    for never in (itself, bytes(11) + b"\x01"):
        with pytest.raises(Reverted, match="MethodologyUnknown"):
            file(hub, "PV/2", supersedes=never)


# ---------------------------------------------------------------- withdraw


def test_withdraw__filed__neither_open_nor_usable_but_credits_go_on(hub: Deployment) -> None:
    methodology = file(hub)
    request = hub.request()
    receipt = hub.methodologies.withdraw(methodology, request, sender=hub.members[SHANGHAI].registrars[0])
    assert receipt.event("MethodologyStatusChanged").values == {
        "methodology": methodology, "status": Status.WITHDRAWN, "ballot": ZERO, "request": request,
    }  # fmt: skip
    for refuses in (hub.methodologies.requireOpen, hub.methodologies.requireUsable):
        with pytest.raises(Reverted, match="MethodologyNotUsable"):
            refuses(methodology)
    hub.methodologies.requireNotHeld(methodology)


def test_withdraw__superseded__withdrawn(hub: Deployment) -> None:
    earlier = file(hub, "PV/1")
    file(hub, "PV/2", supersedes=earlier)
    withdraw(hub, earlier)
    assert status_of(hub, earlier) is Status.WITHDRAWN


def test_withdraw__repeated__not_usable(hub: Deployment) -> None:
    methodology = file(hub)
    withdraw(hub, methodology)
    with pytest.raises(Reverted) as refused:
        withdraw(hub, methodology)
    assert refused.value.values == {"methodology": methodology, "status": Status.WITHDRAWN}


def test_withdraw__suspended__not_usable(hub: Deployment) -> None:
    methodology = file(hub)
    by_ballot(hub, "suspend", methodology)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        withdraw(hub, methodology)


def test_withdraw__another_members__not_officer(hub: Deployment) -> None:
    methodology = file(hub)
    with pytest.raises(Reverted, match="NotOfficer"):
        withdraw(hub, methodology, SUZHOU)


@pytest.mark.parametrize("never", [NO_ID, SHANGHAI.to_bytes(3, "big") + b"\x01" * 9])
def test_withdraw__unknown__unknown(hub: Deployment, never: bytes) -> None:
    with pytest.raises(Reverted, match="MethodologyUnknown"):
        withdraw(hub, never)


# ---------------------------------------------------------------- suspend and lift


@pytest.fixture(params=[Status.FILED, Status.SUPERSEDED, Status.WITHDRAWN])
def before(hub: Deployment, request: pytest.FixtureRequest) -> tuple[bytes, Status]:
    """A methodology in each status that a ballot may suspend."""
    methodology = file(hub, "PV/1")
    if request.param is Status.SUPERSEDED:
        file(hub, "PV/2", supersedes=methodology)
    elif request.param is Status.WITHDRAWN:
        withdraw(hub, methodology)
    return methodology, request.param


def test_suspend__by_ballot__stops_it_until_lifted_to_what_it_was(
    hub: Deployment, before: tuple[bytes, Status]
) -> None:
    methodology, status = before
    action = hub.methodologies.action("suspend", methodology)
    ballot, receipt = hub.pass_ballot(BallotKind.STATUS, [action])
    assert receipt.event("MethodologyStatusChanged").values == {
        "methodology": methodology, "status": Status.SUSPENDED, "ballot": ballot, "request": ZERO,
    }  # fmt: skip
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        hub.methodologies.requireUsable(methodology)
    by_ballot(hub, "lift", methodology)
    assert hub.methodologies.getMethodology(methodology)[:2] == (status, Status.NONE)


@pytest.mark.parametrize("function", ["suspend", "lift"])
def test_suspend_and_lift__without_a_ballot__not_ballot(hub: Deployment, function: str) -> None:
    methodology = file(hub)
    for sender in (hub.members[SHANGHAI].registrars[0], hub.members[SHANGHAI].voters[0]):
        with pytest.raises(Reverted, match="NotBallot"):
            getattr(hub.methodologies, function)(methodology, sender=sender)


def test_suspend__suspended_already__ballot_fails(hub: Deployment) -> None:
    methodology = file(hub)
    by_ballot(hub, "suspend", methodology)
    with pytest.raises(Reverted) as refused:
        by_ballot(hub, "suspend", methodology)
    assert refused.value.values == {"methodology": methodology, "status": Status.SUSPENDED}
    assert refused.value.path == (("BallotActionFailed", 0),)


def test_lift__not_suspended__ballot_fails(hub: Deployment) -> None:
    methodology = file(hub)
    with pytest.raises(Reverted, match="MethodologyNotUsable"):
        by_ballot(hub, "lift", methodology)


@pytest.mark.parametrize("function", ["suspend", "lift"])
def test_suspend_and_lift__unknown__unknown(hub: Deployment, function: str) -> None:
    with pytest.raises(Reverted, match="MethodologyUnknown"):
        by_ballot(hub, function, NO_ID)


# ---------------------------------------------------------------- validity


def test_require_open__validity__from_its_first_second_to_before_its_last(hub: Deployment) -> None:
    start, end = hub.chain.now + DAY, hub.chain.now + 2 * DAY
    methodology = file(hub, validFrom=start, validUntil=end)
    for time, is_open in ((start - 1, False), (start, True), (end - 1, True), (end, False)):
        hub.chain.warp(time)
        if is_open:
            hub.methodologies.requireOpen(methodology)
        else:
            with pytest.raises(Reverted) as refused:
                hub.methodologies.requireOpen(methodology)
            assert refused.value.error == "MethodologyOutOfDate"
            assert refused.value.values == {"methodology": methodology, "validFrom": start, "validUntil": end}
        hub.methodologies.requireUsable(methodology)


@pytest.mark.parametrize("function", ["requireOpen", "requireUsable", "requireNotHeld"])
def test_require__unknown__unknown(hub: Deployment, function: str) -> None:
    with pytest.raises(Reverted, match="MethodologyUnknown"):
        getattr(hub.methodologies, function)(NO_ID)


# ---------------------------------------------------------------- mark


@pytest.fixture(scope="session")
def founded_without_holds() -> Deployment:
    """Holds is a key here, so that its calls can be made by hand; test_holds.py goes through the real one."""
    return deploy_all({"Consortium", "Methodologies"})


@pytest.fixture
def unheld(founded_without_holds: Deployment) -> Iterator[Deployment]:
    undo = founded_without_holds.chain.snapshot()
    yield founded_without_holds
    undo()


def mark(hub: Deployment, subject: bytes, by: int) -> None:
    hub.methodologies.mark(subject, by, sender=Key.named("absent Holds"))


def test_mark__two_holds__held_until_both_are_gone(unheld: Deployment) -> None:
    methodology = file(unheld)
    subject = ids.subject(ids.METHODOLOGY, methodology)
    mark(unheld, subject, 1)
    mark(unheld, subject, 1)
    mark(unheld, subject, -1)
    for function in ("requireOpen", "requireUsable", "requireNotHeld"):
        with pytest.raises(Reverted, match="MethodologyHeld"):
            getattr(unheld.methodologies, function)(methodology)
    mark(unheld, subject, -1)
    unheld.methodologies.requireOpen(methodology)


def test_mark__not_by_holds__refused(hub: Deployment) -> None:
    subject = ids.subject(ids.METHODOLOGY, file(hub))
    sender = hub.members[SHANGHAI].voters[0]
    with pytest.raises(Reverted) as refused:
        hub.methodologies.mark(subject, 1, sender=sender)
    assert (refused.value.error, refused.value.values) == ("NotHolds", {"caller": sender.address.lower()})


def test_mark__unknown_or_written_otherwise__subject_unknown(unheld: Deployment) -> None:
    methodology = file(unheld)
    for subject in (
        ids.subject(ids.METHODOLOGY, NO_ID),
        ids.subject(ids.PROJECT, methodology),
        ids.subject(ids.METHODOLOGY, methodology, first=1),
        ids.subject(ids.METHODOLOGY, methodology)[:31] + b"\x01",
    ):
        with pytest.raises(Reverted, match="SubjectUnknown"):
            mark(unheld, subject, 1)
