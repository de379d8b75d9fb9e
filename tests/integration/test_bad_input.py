"""Bad input, from the registry through the adapter to the chain (issue 3, "Bad input"): each is held back or refused
with a reason that names it, nothing else is delayed by it, and nothing is lost.

Beside every bad record stands a good one that comes after it and has to arrive in the same pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from hub.chain.codec import encode_call
from hub.chain.enums import BallotKind, Choice
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.sending import next_nonce, prepare, simulate, wait_receipt
from hub.db import tables as t
from hub.errors import ChainRefused
from hub.index.queries_totals import balance
from mutual_recognition import identifiers as ids
from mutual_recognition.purposes import Purpose, uses_mask
from tests.integration.consortium import DAY, HEFEI, SHANGHAI, SUZHOU, City, Hub, methodology

PERIOD = ["2024-01-01", "2024-12-31"]
NEXT = ["2025-01-01", "2025-12-31"]


@dataclass(frozen=True)
class Bad:
    """One bad record: its code, and words that the reason has to hold. `before`: records that make it bad."""

    kind: str
    payload: dict[str, Any]
    code: str
    words: tuple[str, ...] = ()
    before: tuple[tuple[str, str, dict[str, Any]], ...] = field(default=())


BAD = {
    "transfer to an unknown member": Bad("transfer", {"serials": [1, 9], "to": 999999}, "member_unknown", ("999999",)),
    "transfer to a programme": Bad("transfer", {"serials": [1, 9], "to": 1000001}, "kind_moves_nothing", ("1000001",)),
    "transfer to itself": Bad("transfer", {"serials": [1, 9], "to": SHANGHAI}, "transfer_to_itself"),
    "unknown methodology": Bad("project", {"methodology": ["M9", "1"]}, "methodology_unknown", ("M9",)),
    "unknown version": Bad("project", {"methodology": ["M1", "7"]}, "methodology_unknown", ("version 7",)),
    "methodology of another, not recognised": Bad(
        "project", {"methodology": ["M1", "1", SUZHOU]}, "methodology_unknown", ("M1",)
    ),
    "unknown project": Bad("verification", {"project": "P9", "period": NEXT, "kg": 5}, "project_unknown", ("P9",)),
    "unknown verification": Bad(
        "issuance", {"serials": [5000, 5001], "verification": "V9"}, "verification_unknown", ("V9",)
    ),
    "unknown series": Bad(
        "issuance", {"serials": [1, 2], "verification": "V1", "series": "Z"}, "series_unknown", ("series Z",)
    ),
    "same range again": Bad("issuance", {"serials": [1, 1000], "verification": "V1"}, "range_overlaps", ("1000",)),
    "nested range": Bad("issuance", {"serials": [10, 20], "verification": "V1"}, "range_overlaps", ("1000",)),
    "range around": Bad("issuance", {"serials": [1, 3000], "verification": "V1"}, "range_overlaps", ("1000",)),
    "range across the end": Bad(
        "issuance", {"serials": [900, 1100], "verification": "V1"}, "range_overlaps", ("1000",)
    ),
    "inverted range": Bad("issuance", {"serials": [60, 50], "verification": "V1"}, "serials_inverted", ("60",)),
    "empty range": Bad("issuance", {"serials": [0, 0], "verification": "V1"}, "serial_out_of_bounds", ("0",)),
    "huge range": Bad("issuance", {"serials": [5000, 10**14], "verification": "V1"}, "serials_huge"),
    "serial beyond all bounds": Bad(
        "issuance", {"serials": [2**63, 2**63], "verification": "V1"}, "serial_out_of_bounds"
    ),
    "quantity that disagrees": Bad(
        "issuance",
        {"serials": [5000, 5009], "verification": "V1", "kg": 11},
        "quantity_disagrees_with_serials",
        ("11", "10"),
    ),
    "more than was verified": Bad(
        "issuance", {"serials": [5000, 250_000], "verification": "V1"}, "verification_exceeded", ("100000",)
    ),
    "issued record edited": Bad(
        "issuance",
        {"serials": [6000, 6009], "verification": "V1"},
        "issuance_changed",
        ("issued already", "bad"),
        (("issuance", "bad", {"serials": [7000, 7009], "verification": "V1"}),),
    ),
    "period before the project's": Bad(
        "verification",
        {"project": "P1", "period": ["2019-12-31", "2020-01-02"], "kg": 5},
        "period_outside_crediting",
        ("creditingStart",),
    ),
    "period that overlaps": Bad(
        "verification",
        {"project": "P1", "period": ["2024-12-31", "2025-01-31"], "kg": 5},
        "period_overlaps",
        ("otherEnd",),
    ),
    "period not stated": Bad("verification", {"project": "P1", "kg": 5}, "period_invalid"),
    "inverted period": Bad(
        "verification",
        {"project": "P1", "period": ["2025-02-01", "2025-01-01"], "kg": 5},
        "period_refused",
        ("inverted",),
    ),
    "verified record edited": Bad(
        "verification",
        {"project": "P1", "period": NEXT, "kg": 6},
        "verification_changed",
        ("5 kg", "6"),
        (("verification", "bad", {"project": "P1", "period": NEXT, "kg": 5}),),
    ),
    "nothing verified": Bad("verification", {"project": "P1", "period": NEXT, "kg": 0}, "verification_empty"),
    "same asset in a second project": Bad(
        "project",
        {"methodology": ["M1", "1"], "assets": ["310000 0001"]},
        "asset_claimed",
        ("meter 310000 0001 already serves project P1 of member 310000",),
    ),
    "inside an ETS": Bad("project", {"methodology": ["M1", "1"], "inside_ets": True}, "inside_ets"),
    "under another mechanism": Bad("project", {"methodology": ["M1", "1"], "mechanism": 3}, "other_mechanism", ("3",)),
    "retired twice": Bad(
        "retirement",
        {"serials": [41, 45]},
        "block_not_available",
        (),
        (("retirement", "first use", {"serials": [40, 49]}),),
    ),
    "retirement of what is not issued": Bad("retirement", {"serials": [990, 1001]}, "serials_unknown", ("1001",)),
    "retirement for no purpose": Bad("retirement", {"serials": [1, 2], "purpose": "fun"}, "purpose_unknown", ("fun",)),
    "compliance without its year": Bad(
        "retirement", {"serials": [1, 2], "purpose": "ets_compliance"}, "compliance_year_invalid"
    ),
    "retirement of what is on its way": Bad(
        "retirement",
        {"serials": [50, 52]},
        "block_not_available",
        (),
        (("transfer", "on its way", {"serials": [50, 59], "to": SUZHOU}),),
    ),
    "serials of another city": Bad("retirement", {"series": [SUZHOU, "S"], "serials": [1, 2]}, "series_unknown"),
    "withdrawing what was never sent": Bad("withdrawal", {"transfer": "T9"}, "transfer_not_asked", ("T9",)),
    "reissue of what was not wrong": Bad(
        "issuance", {"serials": [5000, 5001], "verification": "V1", "reissue_of": 1}, "issuance_not_corrected"
    ),
    "correction of what went away": Bad(
        "correction",
        {"serials": [80, 82]},
        "block_not_available",
        (),
        (("transfer", "away", {"serials": [80, 89], "to": SUZHOU}),),
    ),
    "methodology changed in place": Bad(
        "methodology", {"key": ["M1", "1"], "title": "other contents"}, "methodology_changed", ("M1",)
    ),
    "methodology that ends before it begins": Bad(
        "methodology", {"key": ["M2", "1"], "valid_until": "2023-01-01"}, "filing_invalid"
    ),
    "series with another unit": Bad("series", {"kg_per_serial": 1000}, "series_changed", ("1 kg",)),
    "series of no unit": Bad("series", {"kg_per_serial": 7}, "series_invalid", ("7",)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_record__held_with_its_name__the_next_one_arrives(shanghai: City, name: str) -> None:
    bad = BAD[name]
    shanghai.begin()
    for kind, native_id, payload in bad.before:
        version = 1 if native_id != "bad" else 0
        shanghai.registry.write(kind, native_id, payload, version=version)
    native_id = {"series of no unit": "Z", "series with another unit": "S"}.get(name, "bad")
    version = 2 if bad.kind == "series" else 1
    shanghai.registry.write(bad.kind, native_id, bad.payload, version=version)
    shanghai.issue("good", 20_000, 20_009)
    report = shanghai.sync()
    assert shanghai.held() == {native_id: bad.code}
    reason = shanghai.reason(native_id)
    assert all(word in reason for word in bad.words), reason
    assert report.trouble == []
    with shanghai.index.reader.connect() as connection:
        firsts = set(connection.execute(select(t.issuances.c.first)).scalars())
        assert balance(connection, {}).adds_up
    assert 20_000 in firsts
    counts = shanghai.counts()
    assert counts["outbox"].keys() == {"done"}
    assert sum(counts["inbox"].values()) == 5 + len(bad.before) + 2
    before = shanghai.hub.node.nonce(shanghai.signer.address)
    shanghai.sync()
    assert shanghai.held() == {native_id: bad.code}
    assert bad.code != "issuance_changed" or "block" in shanghai.reason(native_id)
    assert shanghai.hub.node.nonce(shanghai.signer.address) == before


# -------------------------------------------------------------------- entering under terms


@pytest.fixture
def on_its_way(shanghai: City, suzhou: City) -> Callable[..., str]:
    """Sends serials from Shanghai to Suzhou and has Suzhou decide to accept; answers the native id of the decision."""
    shanghai.begin()
    shanghai.sync()
    serial = iter(range(1, 1000, 100))

    def send(count: int = 50) -> str:
        first = next(serial)
        native_id = f"T{first}"
        shanghai.registry.write("transfer", native_id, {"serials": [first, first + count - 1], "to": SUZHOU})
        shanghai.sync()
        suzhou.sync()
        transfer = suzhou.registry.booked("transfer_incoming")[-1]["detail"]["transfer"]
        suzhou.registry.write("decision", f"accept {native_id}", {"transfer": transfer, "accept": True})
        suzhou.sync()
        return f"accept {native_id}"

    return send


SUBJECT = ids.subject(ids.Kind.METHODOLOGY, methodology(SHANGHAI))


def retry(city: City) -> None:
    with city.journal() as journal:
        journal.retry()
    city.sync()


def test_unrecognised_methodology__not_accepted__and_accepted_once_it_is(
    suzhou: City, on_its_way: Callable[..., str], city_hub: Hub
) -> None:
    decision = on_its_way()
    assert suzhou.held() == {decision: "not_recognised"}
    assert "subject" in suzhou.reason(decision)
    city_hub.recognise(SUBJECT, [SUZHOU], no=[HEFEI])
    retry(suzhou)
    assert suzhou.held() == {}


def test_suspended_methodology__nothing_is_verified_or_issued_under_it(shanghai: City, city_hub: Hub) -> None:
    shanghai.begin()
    shanghai.sync()
    subject = city_hub.action("Methodologies", "suspend", [methodology(SHANGHAI)])
    city_hub.decide(BallotKind.STATUS, [subject])
    shanghai.verify("V2", year=2023)
    shanghai.issue("I2", 5000, 5001)
    shanghai.registry.write("retirement", "R1", {"serials": [1, 2]})
    shanghai.sync()
    assert set(shanghai.held()) == {"V2", "I2"}
    assert set(shanghai.held().values()) == {"methodology_not_usable"}


def test_issued_record_edited_a_day_later__held(shanghai: City) -> None:
    """Not in one pass with the first version: known from the chain alone."""
    shanghai.begin()
    shanghai.sync()
    shanghai.issue("good", 20_000, 20_009)
    shanghai.registry.write("issuance", "I1", {"serials": [5000, 5999], "verification": "V1"}, version=2)
    shanghai.sync()
    assert shanghai.held() == {"I1": "issuance_changed"}
    with shanghai.index.reader.connect() as connection:
        assert set(connection.execute(select(t.issuances.c.first)).scalars()) == {1, 20_000}


def test_edited_while_the_first_version_was_planned_and_then_refused__the_edit_goes(shanghai: City) -> None:
    shanghai.begin()
    shanghai.issue("I2", 900, 1100)
    shanghai.registry.write("issuance", "I2", {"serials": [1001, 1100], "verification": "V1"}, version=2)
    shanghai.sync()
    shanghai.sync()
    assert shanghai.held() == {}
    with shanghai.index.reader.connect() as connection:
        assert set(connection.execute(select(t.issuances.c.first)).scalars()) == {1, 1001}


def test_suspended_recognition__not_accepted(suzhou: City, on_its_way: Callable[..., str], city_hub: Hub) -> None:
    city_hub.recognise(SUBJECT, [SUZHOU])
    city_hub.decide(BallotKind.STATUS, [city_hub.action("Recognition", "suspend", [SUBJECT, SUZHOU])])
    decision = on_its_way()
    assert suzhou.held() == {decision: "recognition_suspended"}


def test_expired_terms__nothing_enters(suzhou: City, on_its_way: Callable[..., str], city_hub: Hub) -> None:
    city_hub.recognise(SUBJECT, [SUZHOU], validUntil=city_hub.now() + 100)
    on_its_way()
    assert suzhou.held() == {}
    city_hub.pass_time(101)
    decision = on_its_way()
    assert suzhou.held() == {decision: "terms_lapsed"}
    assert "validUntil" in suzhou.reason(decision)


def test_cap_exceeded__named_with_its_figures(suzhou: City, on_its_way: Callable[..., str], city_hub: Hub) -> None:
    city_hub.recognise(SUBJECT, [SUZHOU], annualCapKg=120, factorPpm=500_000)
    on_its_way(50)
    on_its_way(50)
    assert suzhou.held() == {}
    decision = on_its_way(21)  # caps count what arrives, before the cut
    assert suzhou.held() == {decision: "cap_exceeded"}
    assert "120" in suzhou.reason(decision)


def test_use_not_permitted__retirement_refused__others_go(
    suzhou: City, on_its_way: Callable[..., str], city_hub: Hub
) -> None:
    city_hub.recognise(SUBJECT, [SUZHOU], uses=uses_mask([Purpose.VOLUNTARY]))
    on_its_way()
    write = suzhou.registry.write
    write("retirement", "bad", {"series": [SHANGHAI, "S"], "serials": [1, 5], "purpose": "event_neutrality"})
    write("retirement", "good", {"series": [SHANGHAI, "S"], "serials": [6, 9]})
    suzhou.sync()
    assert suzhou.held() == {"bad": "use_not_permitted"}
    assert "purpose" in suzhou.reason("bad")


def test_transfer_over__cannot_be_accepted_any_more(
    shanghai: City, suzhou: City, on_its_way: Callable[..., str], city_hub: Hub
) -> None:
    decision = on_its_way()
    city_hub.recognise(SUBJECT, [SUZHOU])
    city_hub.pass_time(8 * DAY)
    retry(suzhou)
    assert suzhou.held() == {decision: "transfer_over"}


# -------------------------------------------------------------------- keys


def test_wrong_key__every_record_held_by_name__nothing_written(shanghai: City, city_hub: Hub) -> None:
    shanghai.signer = LocalSigner.random()
    shanghai.begin()
    shanghai.sync()
    assert shanghai.held()["filing M1"] == "not_officer"
    assert shanghai.signer.address in shanghai.reason("filing M1")
    assert city_hub.node.nonce(shanghai.signer.address) == 0
    shanghai.signer = city_hub.signers[SHANGHAI]
    retry(shanghai)
    assert shanghai.held() == {}


def test_right_key_of_the_wrong_member__cannot_retire_what_is_not_its_own(
    shanghai: City, suzhou: City, city_hub: Hub
) -> None:
    shanghai.begin()
    shanghai.sync()
    suzhou.registry.write("retirement", "R1", {"series": [SHANGHAI, "S"], "serials": [1, 5]})
    suzhou.sync()
    assert suzhou.held() == {"R1": "not_officer"}
    assert str(SHANGHAI) in suzhou.reason("R1")


# -------------------------------------------------------------------- ballots


@pytest.fixture
def ballot(city_hub: Hub) -> str:
    """An open ballot that would make Hangzhou's province Suzhou's parent; nobody has voted yet."""
    action = city_hub.action("Consortium", "setParent", [SUZHOU, 320000])
    return city_hub.open_ballot(BallotKind.MEMBERSHIP, [action])[0]


def refused(hub: Hub, *vote: Any) -> str:
    with pytest.raises(ChainRefused) as refusal:
        hub.send(HEFEI, "Consortium", "vote", list(vote))
    return refusal.value.error


def test_vote__replayed_altered_older_or_of_another__refused_by_name(city_hub: Hub, ballot: str) -> None:
    yes = city_hub.signed_vote(ballot, SHANGHAI, Choice.YES, 1)
    no = city_hub.signed_vote(ballot, SHANGHAI, Choice.NO, 2)
    city_hub.send(HEFEI, "Consortium", "vote", list(yes))
    assert refused(city_hub, *yes) == "RevisionStale"
    city_hub.send(HEFEI, "Consortium", "vote", list(no))
    assert refused(city_hub, *yes) == "RevisionStale", "an older vote over a newer"
    altered = replace(no[0], choice=int(Choice.YES), revision=3)
    assert refused(city_hub, altered, no[1]) == "NotOfficer"
    order = replace(yes[0], revision=9)
    forged = sign_order(city_hub.signers[SUZHOU], order, city_hub.deployment.domain)
    assert refused(city_hub, order, forged) == "NotOfficer"
    assert refused(city_hub, order, forged[:64]) == "SignatureInvalid"
    assert refused(city_hub, *city_hub.signed_vote("0x" + "ee" * 32, SHANGHAI, Choice.YES)) == "BallotUnknown"
    tally = city_hub.read("Consortium", "tally", [ballot])
    assert [bin(int(value)).count("1") for value in list(tally.values())[2:]] == [0, 1, 0]


def test_vote_after_the_close__refused(city_hub: Hub, ballot: str) -> None:
    city_hub.vote(ballot, SHANGHAI, Choice.YES)
    city_hub.pass_time(DAY + 1)
    assert refused(city_hub, *city_hub.signed_vote(ballot, SUZHOU, Choice.YES)) == "BallotClosed"


def test_vote__included_after_the_close__names_the_close_and_not_the_deployment(city_hub: Hub, ballot: str) -> None:
    node, voter = city_hub.node, city_hub.signers[HEFEI]
    data = encode_call("Consortium", "vote", list(city_hub.signed_vote(ballot, SUZHOU, Choice.YES)))
    to, nonce = city_hub.deployment.address("Consortium"), next_nonce(city_hub.node, voter.address)
    simulate(node, voter.address, to, data)  # in time when it was sent ...
    late = prepare(voter, to, data, nonce=nonce, chain_id=node.chain_id, gas_price=node.gas_price)
    node.rpc.call("evm_increaseTime", DAY + 1)  # ... and too late in the block that takes it
    node.send_raw(late.raw)
    with pytest.raises(ChainRefused) as refusal:
        wait_receipt(node, late.hash)
    assert (refusal.value.error, late.hash in str(refusal.value.where)) == ("BallotClosed", True)
    assert "deployment" not in str(refusal.value)


def test_ballot_with_other_actions_than_were_signed__refused(city_hub: Hub, ballot: str) -> None:
    for member in (SHANGHAI, SUZHOU, HEFEI):
        city_hub.vote(ballot, member, Choice.YES)
    other = [city_hub.action("Consortium", "setParent", [SUZHOU, 330000])]
    with pytest.raises(ChainRefused) as refusal:
        city_hub.send(HEFEI, "Consortium", "execute", [ballot, other])
    assert refusal.value.error == "ActionsMismatch"
