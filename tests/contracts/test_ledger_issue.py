"""CreditLedger, up to the issuance: series, verifications, unique serials, never more than was verified (L2, L3)."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts import filings, ids
from tests.contracts.chain import Reverted
from tests.contracts.credits import KG, Credits, Status, found, found_under
from tests.contracts.deployment import CDM, SHANGHAI, SUZHOU, TRANSFER_RULES, BallotKind, Deployment
from tests.contracts.filings import CREDITING_END, CREDITING_START
from tests.contracts.ids import ZERO


@pytest.fixture
def shanghai(hub: Deployment) -> Credits:
    return found(hub)


@pytest.fixture
def cdm(hub: Deployment) -> Credits:
    """A programme member's: its reports state no monitoring periods."""
    methodology = filings.file(hub, member=CDM)
    project = filings.register(hub, methodology, member=CDM).value
    registrar = hub.members[CDM].registrars[0]
    series = hub.ledger.registerSeries(CDM, keccak(text="CER"), KG, hub.request(), sender=registrar).value
    programme = Credits(hub, methodology, project, series, b"", CDM)
    programme.verification = programme.verify(periodStart=0, periodEnd=0, predecessor=0)
    return programme


# ---------------------------------------------------------------- registerSeries


@pytest.mark.parametrize("kg", [1, 1_000])
def test_register_series__kg_or_tonnes__registered_under_the_id_anyone_can_compute(hub: Deployment, kg: int) -> None:
    native = keccak(text="SHCER")
    receipt = hub.ledger.registerSeries(SHANGHAI, native, kg, ZERO, sender=hub.members[SHANGHAI].registrars[0])
    assert receipt.value == ids.record_id(ids.SERIES, SHANGHAI, native)
    assert receipt.event("SeriesRegistered").kgPerSerial == kg
    assert hub.ledger.getSeries(receipt.value) == (kg, 0)


@pytest.mark.parametrize("kg", [0, 10, 1_001])
def test_register_series__other_unit__invalid(hub: Deployment, kg: int) -> None:
    with pytest.raises(Reverted, match=rf"SeriesInvalid\(kgPerSerial={kg}\)"):
        hub.ledger.registerSeries(SHANGHAI, ZERO, kg, ZERO, sender=hub.members[SHANGHAI].registrars[0])


def test_register_series__repeated__exists(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="SeriesExists"):
        shanghai.hub.ledger.registerSeries(SHANGHAI, keccak(text="series"), 1, ZERO, sender=shanghai.registrar())


def test_register_series__key_of_another_member__not_officer(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        hub.ledger.registerSeries(SHANGHAI, ZERO, 1, ZERO, sender=hub.members[SUZHOU].registrars[0])


# ---------------------------------------------------------------- verify


def test_verify__period_behind_another__recorded(shanghai: Credits) -> None:
    asked = shanghai.verification_request()
    receipt = shanghai.hub.ledger.verify(asked, sender=shanghai.registrar())
    assert receipt.value == ids.record_id(ids.VERIFICATION, SHANGHAI, asked["native"])
    event = receipt.event("Verified")
    assert event.periodStated
    assert {name: event.values[name] for name in asked if name != "predecessor"} == {
        name: value for name, value in asked.items() if name != "predecessor"
    }
    stored = shanghai.hub.ledger.getVerification(receipt.value)
    assert stored == (shanghai.project, 1_000 * KG, 0, asked["periodStart"], True, False, False)


def test_verify__earlier_than_all_and_between_two__any_order_of_arrival(shanghai: Credits) -> None:
    start = CREDITING_START + 1_000
    shanghai.verify(native=keccak(text="c"), periodStart=start, periodEnd=start + 9)
    shanghai.verify(native=keccak(text="b"), periodStart=start - 10, periodEnd=start - 1)
    shanghai.verify(native=keccak(text="d"), periodStart=start + 10, periodEnd=start + 19, predecessor=start)


@pytest.mark.parametrize(
    ("start", "end", "predecessor"),
    [(0, 364, 0), (10, 20, 0), (364, 400, 0), (364, 400, "first"), (10, 20, "first"), (-1, 500, 0)],
    ids=["equal", "nested", "last day", "last day, hint given", "nested, hint given", "around"],
)
def test_verify__overlapping_period__names_the_other(
    shanghai: Credits, start: int, end: int, predecessor: int | str
) -> None:
    if start < 0:  # the crediting period must begin before the verified one, for something to lie around it
        document, earlier = keccak(text="amended"), CREDITING_START - 5
        shanghai.hub.projects.amend(
            shanghai.project, 2, document, earlier, CREDITING_END, ZERO, sender=shanghai.registrar()
        )
    with pytest.raises(Reverted) as refused:
        shanghai.verify(
            periodStart=CREDITING_START + start,
            periodEnd=CREDITING_START + end,
            predecessor=CREDITING_START if predecessor == "first" else predecessor,
        )
    assert refused.value.error == "PeriodOverlaps"
    assert (refused.value.values["otherStart"], refused.value.values["otherEnd"]) == (
        CREDITING_START, CREDITING_START + 364,
    )  # fmt: skip


@pytest.mark.parametrize("predecessor", [0, CREDITING_START + 1, CREDITING_END])
def test_verify__stale_hint__predecessor_wrong(shanghai: Credits, predecessor: int) -> None:
    with pytest.raises(Reverted, match="PeriodPredecessorWrong"):
        shanghai.verify(predecessor=predecessor)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, CREDITING_END), (CREDITING_START + 500, CREDITING_START + 499)])
def test_verify__no_period_or_inverted__invalid(shanghai: Credits, start: int, end: int) -> None:
    with pytest.raises(Reverted, match=rf"PeriodInvalid\(start={start}, end={end}\)"):
        shanghai.verify(periodStart=start, periodEnd=end)


@pytest.mark.parametrize(
    ("start", "end"), [(CREDITING_START - 1, CREDITING_START + 5), (CREDITING_END, CREDITING_END + 1)]
)
def test_verify__outside_the_crediting_period__refused(shanghai: Credits, start: int, end: int) -> None:
    with pytest.raises(Reverted) as refused:
        shanghai.verify(periodStart=start, periodEnd=end)
    assert refused.value.error == "PeriodOutsideCrediting"
    assert refused.value.values["creditingEnd"] == CREDITING_END


def test_verify__nothing__empty(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="VerificationEmpty"):
        shanghai.verify(verifiedKg=0)


def test_verify__same_native_record__exists(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="VerificationExists"):
        shanghai.verify(native=keccak(text="first year"))


def test_verify__project_unknown__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="ProjectUnknown"):
        shanghai.verify(project=ids.record_id(ids.PROJECT, SHANGHAI, ZERO))


def test_verify__programme_without_periods__marked_so(cdm: Credits) -> None:
    assert not cdm.hub.ledger.getVerification(cdm.verification).periodStated
    cdm.verify(native=keccak(text="one more"), periodStart=0, periodEnd=0, predecessor=0)


# ---------------------------------------------------------------- voidVerification


def test_void__nothing_issued__period_free_again(shanghai: Credits) -> None:
    later = shanghai.verify()
    receipt = shanghai.hub.ledger.voidVerification(later, CREDITING_START, ZERO, sender=shanghai.registrar())
    assert receipt.event("VerificationVoid").verification == later
    assert shanghai.hub.ledger.getVerification(later).voided
    shanghai.verify(native=keccak(text="second year, again"))


def test_void__first_of_two__the_other_stays_claimed(shanghai: Credits) -> None:
    shanghai.verify()
    shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())
    with pytest.raises(Reverted, match="PeriodOverlaps"):
        shanghai.verify(native=keccak(text="third"), predecessor=0)


def test_void__wrong_hint__predecessor_wrong(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="PeriodPredecessorWrong"):
        shanghai.hub.ledger.voidVerification(shanghai.verify(), 0, ZERO, sender=shanghai.registrar())


def test_void__drawn_on__in_use(shanghai: Credits) -> None:
    shanghai.issue(1, 10)
    with pytest.raises(Reverted, match=r"VerificationInUse\(.*drawnKg=10000\)"):
        shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())


def test_void__twice__voided(shanghai: Credits) -> None:
    shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())
    with pytest.raises(Reverted, match="VerificationVoided"):
        shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())


def test_void__without_stated_period__voided(cdm: Credits) -> None:
    cdm.hub.ledger.voidVerification(cdm.verification, 0, ZERO, sender=cdm.registrar())
    assert cdm.hub.ledger.getVerification(cdm.verification).voided


# ---------------------------------------------------------------- issue


def test_issue__first_range__one_available_block_at_home(shanghai: Credits) -> None:
    asked = shanghai.issue_request(101, 200)
    event = shanghai.hub.ledger.issue(asked, sender=shanghai.registrar()).event("Issued")
    assert event.values == {name: value for name, value in asked.items() if name != "predecessor"}
    assert shanghai.block(101) == (200, 101, SHANGHAI, Status.AVAILABLE, 0, 1_000_000, 0, 0, 0)
    assert shanghai.blocks() == [(101, 200, SHANGHAI, Status.AVAILABLE)]
    assert shanghai.drawn_kg() == 100 * KG
    assert shanghai.hub.ledger.originOf(SHANGHAI, asked["origin"]) == (shanghai.series, 101)


def test_issue__any_order_of_arrival__listed_in_order(shanghai: Credits) -> None:
    for first, predecessor in [(500, 0), (100, 0), (300, 100), (400, 300), (600, 500), (1, 0)]:
        shanghai.issue(first, first + 99 if first > 1 else 99, predecessor)
    assert [block[:2] for block in shanghai.blocks()] == [
        (1, 99),
        *((at, at + 99) for at in range(100, 601, 100) if at != 200),
    ]


def test_issue__several_vintages_of_one_verification__up_to_the_last_kilogram(shanghai: Credits) -> None:
    shanghai.issue(1, 600, vintage=2025)
    shanghai.issue(601, 1_000, 1)
    with pytest.raises(Reverted) as refused:
        shanghai.issue(1_001, 1_001, 601)
    assert refused.value.error == "VerificationExceeded"
    assert [refused.value.values[name] for name in ("verifiedKg", "drawnKg", "askedKg")] == [1_000 * KG, 1_000 * KG, KG]


OVERLAPS = {
    "equal": (100, 199, 0),
    "equal, named as predecessor": (100, 199, 100),
    "nested": (120, 130, 0),
    "nested, under its predecessor": (120, 130, 100),
    "around": (50, 250, 0),
    "around, named as predecessor": (50, 250, 100),
    "last serial": (199, 250, 100),
    "first serial": (50, 100, 0),
}


@pytest.mark.parametrize(("first", "last", "predecessor"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_issue__overlapping_range__names_the_other(shanghai: Credits, first: int, last: int, predecessor: int) -> None:
    shanghai.issue(100, 199)
    shanghai.issue(300, 399, 100)
    with pytest.raises(Reverted) as refused:
        shanghai.issue(first, last, predecessor)
    assert refused.value.error == "RangeOverlaps"
    assert refused.value.values == {
        "series": shanghai.series, "first": first, "last": last, "otherFirst": 100, "otherLast": 199,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "predecessor"),
    [(400, 0), (400, 100), (250, 0), (250, 150), (250, 300), (50, 100), (400, 2**63)],
)
def test_issue__stale_hint__predecessor_wrong(shanghai: Credits, first: int, predecessor: int) -> None:
    shanghai.issue(100, 199)
    shanghai.issue(300, 399, 100)
    with pytest.raises(Reverted) as refused:
        shanghai.issue(first, first + 9, predecessor)
    assert refused.value.error == "PredecessorWrong"
    assert refused.value.values["predecessor"] == predecessor


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 9), (0, 0), (10, 9), (1, 2**63), (2**63 - 1, 2**64 - 1), (1, 2**48), (1, 2**63 - 1)],
    ids=["sentinel", "zero", "inverted", "too high", "far too high", "too many", "huge"],
)
def test_issue__bad_range__invalid(shanghai: Credits, first: int, last: int) -> None:
    with pytest.raises(Reverted, match=rf"RangeInvalid\(first={first}, last={last}\)"):
        shanghai.issue(first, last)


def test_issue__most_serials_a_tally_counts__conserved(shanghai: Credits) -> None:
    shanghai.verification = shanghai.verify(verifiedKg=2**64 - 1)
    shanghai.issue(2**63 - 2**48 + 1, 2**63 - 1)
    assert shanghai.blocks() == [(2**63 - 2**48 + 1, 2**63 - 1, SHANGHAI, Status.AVAILABLE)]
    shanghai.retire(2**63 - 2**48 + 1, 2**63 - 1)
    assert shanghai.blocks() == [(2**63 - 2**48 + 1, 2**63 - 1, SHANGHAI, Status.RETIRED)]


def test_issue__origin_record_twice__spent(shanghai: Credits) -> None:
    shanghai.issue(1, 10, origin=ZERO)
    with pytest.raises(Reverted) as refused:
        shanghai.issue(11, 20, 1, origin=ZERO)
    assert (refused.value.error, refused.value.values["first"]) == ("OriginSpent", 1)


def test_issue__same_serials_and_origin_of_two_members__both_stand(shanghai: Credits) -> None:
    suzhou = found_under(shanghai.hub, filings.file(shanghai.hub, member=SUZHOU), SUZHOU)
    shanghai.issue(1, 10)
    suzhou.issue(1, 10)
    assert suzhou.blocks() == [(1, 10, SUZHOU, Status.AVAILABLE)]


def test_issue__from_another_members_verification__project_of_another(shanghai: Credits) -> None:
    suzhou = found_under(shanghai.hub, filings.file(shanghai.hub, member=SUZHOU), SUZHOU)
    with pytest.raises(Reverted) as refused:
        shanghai.issue(1, 10, verification=suzhou.verification)
    assert refused.value.error == "ProjectOfAnother"
    assert refused.value.values == {"project": suzhou.project, "member": SHANGHAI}


def test_issue__series_unknown__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="SeriesUnknown"):
        shanghai.issue(1, 10, series=ids.record_id(ids.SERIES, SHANGHAI, ZERO))


def test_issue__verification_unknown_or_voided__refused(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="VerificationUnknown"):
        shanghai.issue(1, 10, verification=ids.record_id(ids.VERIFICATION, SHANGHAI, ZERO))
    shanghai.hub.ledger.voidVerification(shanghai.verification, 0, ZERO, sender=shanghai.registrar())
    with pytest.raises(Reverted, match="VerificationVoided"):
        shanghai.issue(1, 10)


def test_issue__project_under_another_mechanism__refused(shanghai: Credits) -> None:
    shanghai.hub.projects.declareMechanism(shanghai.project, 7, b"\x01" * 32, ZERO, sender=shanghai.registrar())
    with pytest.raises(Reverted, match="ProjectElsewhere"):
        shanghai.issue(1, 10)


def test_issue__external_lock__only_after_it_was_cancelled(shanghai: Credits) -> None:
    projects, registrar, lock = shanghai.hub.projects, shanghai.registrar(), keccak(text="certificates")
    shanghai.verification = shanghai.verify(externalLock=lock)
    assert shanghai.hub.ledger.getVerification(shanghai.verification).locked
    evidence = b"\x01" * 32
    for step in (None, "freezeExternal"):
        if step:
            projects.freezeExternal(shanghai.project, lock, 7, evidence, shanghai.hub.request(), sender=registrar)
        with pytest.raises(Reverted) as refused:
            shanghai.issue(1, 10)
        assert (refused.value.error, refused.value.values["lock"]) == ("ExternalLockPending", lock)
    projects.cancelExternal(lock, evidence, shanghai.hub.request(), sender=registrar)
    shanghai.issue(1, 10)


def test_issue__external_lock_of_another_project__pending(shanghai: Credits) -> None:
    projects, registrar, lock = shanghai.hub.projects, shanghai.registrar(), keccak(text="certificates")
    other = filings.register(shanghai.hub, shanghai.methodology, "roof 2").value
    projects.freezeExternal(other, lock, 7, b"\x01" * 32, shanghai.hub.request(), sender=registrar)
    projects.cancelExternal(lock, b"\x01" * 32, shanghai.hub.request(), sender=registrar)
    shanghai.verification = shanghai.verify(externalLock=lock)
    with pytest.raises(Reverted, match="ExternalLockPending"):
        shanghai.issue(1, 10)


def test_issue__key_of_another_member__not_officer(shanghai: Credits) -> None:
    with pytest.raises(Reverted, match="NotOfficer"):
        shanghai.hub.ledger.issue(shanghai.issue_request(1, 10), sender=shanghai.registrar(SUZHOU))


def test_issue__batch_with_one_bad_record__nothing_done_and_the_index_named(shanghai: Credits) -> None:
    calls = [
        shanghai.hub.ledger.calldata("issue", shanghai.issue_request(first, first + 9, predecessor))
        for first, predecessor in [(1, 0), (11, 1), (15, 11)]
    ]
    with pytest.raises(Reverted) as refused:
        shanghai.hub.ledger.batch(calls, sender=shanghai.registrar())
    assert (refused.value.error, refused.value.path) == ("RangeOverlaps", (("BatchItemFailed", 2),))
    assert shanghai.blocks() == []
    shanghai.hub.ledger.batch(calls[:2], sender=shanghai.registrar())
    assert len(shanghai.blocks()) == 2


# ---------------------------------------------------------------- rules and initialisation


@pytest.mark.parametrize(
    "changed",
    [{"minLifetime": 0}, {"maxLifetime": 3_599}, {"newCounterpartyWait": TRANSFER_RULES["maxLifetime"]}],
    ids=["no lifetime", "most below least", "wait beyond every deadline"],
)
def test_set_transfer_rules__impossible__invalid(hub: Deployment, changed: dict[str, Any]) -> None:
    action = hub.ledger.action("setTransferRules", TRANSFER_RULES | changed)
    with pytest.raises(Reverted, match="TransferRulesInvalid"):
        hub.pass_ballot(BallotKind.RULES, [action])


def test_set_transfer_rules__by_ballot__in_force(hub: Deployment) -> None:
    rules = TRANSFER_RULES | {"cosignAboveKg": 5}
    ballot, receipt = hub.pass_ballot(BallotKind.RULES, [hub.ledger.action("setTransferRules", rules)])
    assert receipt.event("TransferRulesChanged").values == rules | {"ballot": ballot}
    assert hub.ledger.getTransferRules() == tuple(rules.values())


def test_set_transfer_rules__by_a_registrar__not_ballot(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="NotBallot"):
        hub.ledger.setTransferRules(TRANSFER_RULES, sender=hub.members[SHANGHAI].registrars[0])


def test_initialize__again__refused(hub: Deployment) -> None:
    with pytest.raises(Reverted, match="InvalidInitialization"):
        hub.ledger.initialize(TRANSFER_RULES, sender=hub.anyone)
