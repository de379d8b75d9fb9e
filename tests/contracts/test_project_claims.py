"""Projects, what they claim and where else they stand: assets, mechanisms, external locks."""

from __future__ import annotations

from enum import IntEnum

import pytest
from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.chain import Receipt, Reverted
from tests.contracts.deployment import SHANGHAI, SUZHOU, BallotKind, Deployment
from tests.contracts.filings import (
    assets_named,
    file,
    project_of,
    register,
    write_project,
)
from tests.contracts.ids import NO_ID, ZERO

GREEN_CERTIFICATE, CCER, VCS = 1, 2, 3
"""Any codes but 0 serve here; mutual_recognition/mechanisms.py says what each means."""

EVIDENCE = keccak(text="evidence")
LOT = keccak(text="lot of green certificates")


class Lock(IntEnum):
    """LockStatus."""

    NONE = 0
    FROZEN = 1
    CANCELLED = 2
    RELEASED = 3


def by_ballot(hub: Deployment, register_name: str, function: str, *arguments: object) -> tuple[bytes, Receipt]:
    action = hub.registers[register_name].action(function, *arguments)
    return hub.pass_ballot(BallotKind.STATUS, [action])


# ---------------------------------------------------------------- assets


def test_register__asset_of_another_project__claimed(hub: Deployment) -> None:
    (meter,) = assets_named("meter")
    first = project_of(hub, "roof 1", [meter])
    theirs = file(hub, member=SUZHOU)
    with pytest.raises(Reverted) as refused:
        register(hub, theirs, "roof 2", SUZHOU, assets=[*assets_named("other"), meter])
    assert (refused.value.error, refused.value.values) == ("AssetClaimed", {"asset": meter, "by": first})
    assert hub.projects.claimant(assets_named("other")[0]) == NO_ID


def test_register__asset_listed_twice__claimed_by_itself(hub: Deployment) -> None:
    (meter,) = assets_named("meter")
    with pytest.raises(Reverted) as refused:
        project_of(hub, "roof 1", [meter, meter])
    assert refused.value.values["by"] == ids.record_id(ids.PROJECT, SHANGHAI, keccak(text="roof 1"))


def test_register__zero_asset__invalid_and_its_place_named(hub: Deployment) -> None:
    with pytest.raises(Reverted) as refused:
        project_of(hub, "roof 1", [*assets_named("meter"), ZERO])
    assert (refused.value.error, refused.value.values) == ("AssetInvalid", {"index": 1})


def test_claim_assets__free__claimed(hub: Deployment) -> None:
    project, meters = project_of(hub), assets_named("meter 1", "meter 2")
    said = write_project(hub, "claimAssets", project, meters).event("AssetsClaimed")
    assert (said.project, list(said.assets)) == (project, meters)
    assert [hub.projects.claimant(meter) for meter in meters] == [project, project]


def test_claim_assets__its_own_already__claimed(hub: Deployment) -> None:
    meters = assets_named("meter")
    project = project_of(hub, "roof 1", meters)
    with pytest.raises(Reverted, match="AssetClaimed"):
        write_project(hub, "claimAssets", project, meters)


def test_claim_assets__withdrawn__not_usable(hub: Deployment) -> None:
    project = project_of(hub)
    write_project(hub, "withdraw", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        write_project(hub, "claimAssets", project, assets_named("meter"))


def test_claim_assets__request_repeated_after_a_release__refused(hub: Deployment) -> None:
    project, meters, request = project_of(hub), assets_named("meter"), hub.request()
    write_project(hub, "claimAssets", project, meters, request=request)
    write_project(hub, "releaseAssets", project, meters)
    with pytest.raises(Reverted) as refused:
        write_project(hub, "claimAssets", project, meters, request=request)
    assert (refused.value.error, refused.value.values) == ("RequestRepeated", {"request": request})


def test_claim_assets__same_request_of_two_members__both_claim(hub: Deployment) -> None:
    ours, request = project_of(hub), hub.request()
    theirs = register(hub, file(hub, member=SUZHOU), "roof 2", SUZHOU).value
    write_project(hub, "claimAssets", ours, assets_named("meter 1"), request=request)
    write_project(hub, "claimAssets", theirs, assets_named("meter 2"), request=request, member=SUZHOU)
    assert hub.projects.claimant(assets_named("meter 2")[0]) == theirs


def test_release_assets__of_a_withdrawn_project__free_for_another(hub: Deployment) -> None:
    meters = assets_named("meter 1", "meter 2")
    first = project_of(hub, "roof 1", meters)
    write_project(hub, "withdraw", first)
    said = write_project(hub, "releaseAssets", first, meters).event("AssetsReleased")
    assert (said.project, list(said.assets)) == (first, meters)
    second = project_of(hub, "roof 2", meters)
    assert hub.projects.claimant(meters[0]) == second


def test_release_assets__of_another_project__not_claimed(hub: Deployment) -> None:
    meters = assets_named("meter")
    project_of(hub, "roof 1", meters)
    second = project_of(hub, "roof 2")
    with pytest.raises(Reverted) as refused:
        write_project(hub, "releaseAssets", second, meters)
    assert (refused.value.error, refused.value.values) == ("AssetNotClaimed", {"asset": meters[0], "project": second})


def test_release_assets__by_another_member__not_officer(hub: Deployment) -> None:
    meters = assets_named("meter")
    project = project_of(hub, "roof 1", meters)
    with pytest.raises(Reverted, match="NotOfficer"):
        write_project(hub, "releaseAssets", project, meters, member=SUZHOU)


def test_release_assets__listed_twice_or_free__not_claimed(hub: Deployment) -> None:
    meters = assets_named("meter")
    project = project_of(hub, "roof 1", meters)
    for listed in (meters * 2, assets_named("free"), [ZERO]):
        with pytest.raises(Reverted, match="AssetNotClaimed"):
            write_project(hub, "releaseAssets", project, listed)


def test_release_assets__suspended__not_usable(hub: Deployment) -> None:
    meters = assets_named("meter")
    project = project_of(hub, "roof 1", meters)
    by_ballot(hub, "Projects", "suspend", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        write_project(hub, "releaseAssets", project, meters)


# ---------------------------------------------------------------- other mechanisms


def test_declare_mechanism__entered_and_left__not_creditable_meanwhile(hub: Deployment) -> None:
    project = project_of(hub)
    said = write_project(hub, "declareMechanism", project, CCER, EVIDENCE).event("MechanismDeclared")
    assert (said.project, said.mechanism, said.evidence) == (project, CCER, EVIDENCE)
    with pytest.raises(Reverted) as refused:
        hub.projects.requireCreditable(project)
    assert (refused.value.error, refused.value.values) == ("ProjectElsewhere", {"project": project, "mechanism": CCER})
    hub.projects.requireUsable(project)
    write_project(hub, "declareMechanism", project, 0, EVIDENCE)
    hub.projects.requireCreditable(project)


@pytest.mark.parametrize("before", [0, CCER])
def test_declare_mechanism__as_it_is__unchanged(hub: Deployment, before: int) -> None:
    project = project_of(hub)
    if before:
        write_project(hub, "declareMechanism", project, before, EVIDENCE)
    with pytest.raises(Reverted, match="MechanismUnchanged"):
        write_project(hub, "declareMechanism", project, before, EVIDENCE)


def test_declare_mechanism__a_third_without_leaving_the_second__elsewhere(hub: Deployment) -> None:
    project = project_of(hub)
    write_project(hub, "declareMechanism", project, CCER, EVIDENCE)
    with pytest.raises(Reverted) as refused:
        write_project(hub, "declareMechanism", project, VCS, EVIDENCE)
    assert (refused.value.error, refused.value.values["mechanism"]) == ("ProjectElsewhere", CCER)


def test_declare_mechanism__no_evidence__document_missing(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="DocumentMissing"):
        write_project(hub, "declareMechanism", project_of(hub), CCER, ZERO)


def test_declare_mechanism__request_repeated__refused(hub: Deployment) -> None:
    project, request = project_of(hub), hub.request()
    write_project(hub, "declareMechanism", project, CCER, EVIDENCE, request=request)
    write_project(hub, "declareMechanism", project, 0, EVIDENCE)
    with pytest.raises(Reverted, match="RequestRepeated"):
        write_project(hub, "declareMechanism", project, CCER, EVIDENCE, request=request)


def test_declare_mechanism__another_members__not_officer(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        write_project(hub, "declareMechanism", project_of(hub), CCER, EVIDENCE, member=SUZHOU)


# ---------------------------------------------------------------- external locks


def test_freeze_then_cancel_external__cancelled_for_good(hub: Deployment) -> None:
    project = project_of(hub)
    said = write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, EVIDENCE).event("ExternalLockChanged")
    assert (said.lock, said.project, said.mechanism, said.status) == (LOT, project, GREEN_CERTIFICATE, Lock.FROZEN)
    assert hub.projects.getLock(LOT) == (project, Lock.FROZEN, GREEN_CERTIFICATE)
    said = write_project(hub, "cancelExternal", LOT, EVIDENCE).event("ExternalLockChanged")
    assert (said.project, said.mechanism, said.status) == (project, GREEN_CERTIFICATE, Lock.CANCELLED)
    for function in ("cancelExternal", "releaseExternal"):
        with pytest.raises(Reverted) as refused:
            write_project(hub, function, LOT, EVIDENCE)
        assert (refused.value.error, refused.value.values) == ("LockNotFrozen", {"lock": LOT, "status": Lock.CANCELLED})


@pytest.mark.parametrize("after", [Lock.FROZEN, Lock.CANCELLED, Lock.RELEASED])
def test_freeze_external__lot_that_served__taken(hub: Deployment, after: Lock) -> None:
    first, second = project_of(hub, "roof 1"), project_of(hub, "roof 2")
    write_project(hub, "freezeExternal", first, LOT, GREEN_CERTIFICATE, EVIDENCE)
    if after is not Lock.FROZEN:
        write_project(hub, "cancelExternal" if after is Lock.CANCELLED else "releaseExternal", LOT, EVIDENCE)
    with pytest.raises(Reverted) as refused:
        write_project(hub, "freezeExternal", second, LOT, GREEN_CERTIFICATE, EVIDENCE)
    assert (refused.value.error, refused.value.values) == (
        "LockTaken", {"lock": LOT, "project": first, "status": after},
    )  # fmt: skip


@pytest.mark.parametrize(("lock", "mechanism"), [(ZERO, GREEN_CERTIFICATE), (LOT, 0)])
def test_freeze_external__no_lot_or_no_mechanism__invalid(hub: Deployment, lock: bytes, mechanism: int) -> None:
    with pytest.raises(Reverted, match="LockInvalid"):
        write_project(hub, "freezeExternal", project_of(hub), lock, mechanism, EVIDENCE)


def test_external_lock__no_evidence__document_missing(hub: Deployment) -> None:
    project = project_of(hub)
    with pytest.raises(Reverted, match="DocumentMissing"):
        write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, ZERO)
    write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, EVIDENCE)
    for function in ("cancelExternal", "releaseExternal"):
        with pytest.raises(Reverted, match="DocumentMissing"):
            write_project(hub, function, LOT, ZERO)


def test_freeze_external__withdrawn__not_usable(hub: Deployment) -> None:
    project = project_of(hub)
    write_project(hub, "withdraw", project)
    with pytest.raises(Reverted, match="ProjectNotUsable"):
        write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, EVIDENCE)


def test_external_lock__another_members__not_officer(hub: Deployment) -> None:
    project = project_of(hub)
    with pytest.raises(Reverted, match="NotOfficer"):
        write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, EVIDENCE, member=SUZHOU)
    write_project(hub, "freezeExternal", project, LOT, GREEN_CERTIFICATE, EVIDENCE)
    for function in ("cancelExternal", "releaseExternal"):
        with pytest.raises(Reverted, match="NotOfficer"):
            write_project(hub, function, LOT, EVIDENCE, member=SUZHOU)


@pytest.mark.parametrize("function", ["cancelExternal", "releaseExternal"])
def test_external_lock__never_frozen__not_frozen(hub: Deployment, function: str) -> None:
    with pytest.raises(Reverted, match="LockNotFrozen"):
        write_project(hub, function, LOT, EVIDENCE)
