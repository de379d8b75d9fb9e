"""What a ballot does, in words read from its own bytes; and words of a command line, read."""

from __future__ import annotations

import pytest

from hub.ballot_actions import TermsFor, action, factor_in_words, in_plain_words, kind_of, moment, recognise
from hub.chain.artifacts import REGISTERS
from hub.chain.deployment import Deployment
from hub.chain.enums import BallotKind, RevocationEffect
from hub.chain.orders import Action
from hub.commands.acting import seconds
from hub.commands.words import founding_officer, ppm, terms_of
from hub.errors import RecordRefused
from mutual_recognition.identifiers import Kind, methodology_id, subject
from mutual_recognition.purposes import Purpose, uses_mask

METHODOLOGY = methodology_id(310000, "illustrative", "DEMO-01", "V1")
SUBJECT = subject(Kind.METHODOLOGY, METHODOLOGY)


@pytest.fixture
def deployment() -> Deployment:
    addresses = {name: f"0x{place:040x}" for place, name in enumerate(REGISTERS, start=1)}
    zero = "0x" + "00" * 32
    return Deployment(31_323_334, zero, 1, addresses, addresses, zero, zero, "0x" + "00" * 20)


def test_recognise__terms_are_read_back_member_by_member(deployment: Deployment) -> None:
    terms = [
        TermsFor(320500, 545_454, 1, 2_000_000_000, covers_every_project=True),
        TermsFor(330100, 1_000_000, 1, 2_000_000_000, uses_mask([Purpose.VOLUNTARY]), annual_cap_kg=5_000),
    ]
    (words,) = in_plain_words(deployment, [recognise(deployment, SUBJECT, terms)], lambda _: "DEMO-01")
    assert words.startswith(f"recognise methodology DEMO-01 (0x{METHODOLOGY.hex()}): ")
    first, second = words.partition(": ")[2].split("; ")
    assert "320500" in first
    assert "0.545454" in first
    assert "every use" in first
    assert first.endswith("no cap, every project")
    assert "voluntary" in second
    assert "5,000 kg a year" in second


def test_revoke__without_an_effect__is_said_as_the_default(deployment: Deployment) -> None:
    call = action(deployment, "Recognition", "revoke", [SUBJECT, 320500, int(RevocationEffect.NONE)])
    (words,) = in_plain_words(deployment, [call])
    assert words.endswith("credits already there: return only")


def test_in_plain_words__a_target_that_is_no_register__is_said(deployment: Deployment) -> None:
    (words,) = in_plain_words(deployment, [Action("0x" + "ff" * 20, b"\x01\x02")])
    assert "no register of this hub" in words


def test_kind_of__one_kind__or_refused(deployment: Deployment) -> None:
    suspend = action(deployment, "Recognition", "suspend", [SUBJECT, 320500])
    expel = action(deployment, "Consortium", "expel", [320500])
    assert kind_of(deployment, [suspend, suspend]) is BallotKind.STATUS
    assert kind_of(deployment, [expel]) is BallotKind.MEMBERSHIP
    with pytest.raises(RecordRefused) as refused:
        kind_of(deployment, [suspend, expel])
    assert refused.value.code == "kinds_differ"
    with pytest.raises(RecordRefused) as refused:
        kind_of(deployment, [action(deployment, "CreditLedger", "expire", ["0x" + "00" * 32])])
    assert refused.value.code == "call_not_allowed"


@pytest.mark.parametrize(
    ("parts", "words"), [(1_000_000, "1.0"), (545_454, "0.545454"), (700_000, "0.7"), (1, "0.000001")]
)
def test_factor__there_and_back(parts: int, words: str) -> None:
    assert factor_in_words(parts) == words
    assert ppm(words, "") == parts


@pytest.mark.parametrize("text", ["0", "-1", "1.0000001", "1.000001", "NaN", "half", ""])
def test_factor__out_of_range__is_refused(text: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        ppm(text, "entry 1")
    assert (refused.value.code, refused.value.value) == ("factor_invalid", text)


def test_terms__an_unknown_field__is_named() -> None:
    with pytest.raises(RecordRefused) as refused:
        terms_of({"member": 320500, "facter": "1"}, "terms.json, entry 1")
    assert (refused.value.field, refused.value.where) == ("facter", "terms.json, entry 1")


@pytest.mark.parametrize(("field", "value"), [("member", "320500"), ("cap_kg", -1), ("cap_kg", 1.5), ("member", True)])
def test_terms__a_value_of_the_wrong_kind__is_named(field: str, value: object) -> None:
    whole = {"member": 320500, "factor": "1", "uses": "all", "from": None, "until": "2031-01-01", "cap_kg": None}
    with pytest.raises(RecordRefused) as refused:
        terms_of(whole | {"every_project": True, field: value}, "terms.json, entry 1")
    assert (refused.value.code, refused.value.field) == ("terms_invalid", field)


@pytest.mark.parametrize(("text", "length"), [("90s", 90), ("30m", 1_800), ("12h", 43_200), (" 7D ", 604_800)])
def test_duration(text: str, length: int) -> None:
    assert seconds(text, "--voting") == length


@pytest.mark.parametrize("text", ["", "7", "0d", "1w", "1.5h", "٣d"])
def test_duration__malformed__is_refused(text: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        seconds(text, "--voting")
    assert refused.value.field == "--voting"


def test_officer__address_roles_and_day() -> None:
    address = "0x" + "ab" * 20
    account, roles, until = founding_officer(f"{address}=voter+registrar@2030-01-01")
    assert (account, roles) == (address, 3)
    assert moment(until).startswith("2030-01-01 00:00:00")
    with pytest.raises(RecordRefused) as refused:
        founding_officer(f"{address}=voter")
    assert refused.value.code == "officer_invalid"
