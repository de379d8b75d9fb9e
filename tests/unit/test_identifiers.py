"""Identifiers: what Python computes is what the contracts compute; one record has one name however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutual_recognition import identifiers as ids
from mutual_recognition.identifiers import IdentifierRefused, Kind
from tests.contracts import ids as second_writing
from tests.contracts.credits import found
from tests.contracts.deployment import SHANGHAI, Deployment, deploy_all
from tests.contracts.filings import filing, registration

MEMBERS = st.integers(1, 2**24 - 1)
TEXTS = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=30)
KEY = b"illustrative key of 32 bytes ...."


@pytest.fixture(scope="module")
def hub() -> Deployment:
    return deploy_all()


# -------------------------------------------------------------------- beside the contracts


def test_ids__as_the_contracts_answer_and_emit_them(hub: Deployment) -> None:
    registrar = hub.members[SHANGHAI].registrars[0]
    native = ids.native_key("illustrative", "Ｓ—1")
    series = hub.ledger.registerSeries(SHANGHAI, native, 1000, hub.request(), sender=registrar).value
    assert series == ids.series_id(SHANGHAI, "illustrative", "S-1")

    words = filing(hub) | {"native": ids.native_key("illustrative", "M", "1")}
    methodology = hub.methodologies.file(SHANGHAI, words, sender=registrar).value
    assert methodology == ids.methodology_id(SHANGHAI, "illustrative", "M", "1")

    words = registration(hub, methodology) | {"native": ids.native_key("illustrative", "P 1")}
    project = hub.projects.register(SHANGHAI, words, [], sender=registrar).value
    assert project == ids.project_id(SHANGHAI, "illustrative", " P  1 ")


def test_verification_and_transfer_ids__as_the_ledger_answers_them(hub: Deployment) -> None:
    credits = found(hub)
    verification = credits.verify(native=ids.native_key("illustrative", "V1"))
    assert verification == ids.verification_id(SHANGHAI, "illustrative", "V1")
    credits.issue(1, 100)
    proposal = credits.proposal(1, 10)
    receipt = hub.ledger.propose(proposal, sender=credits.registrar())
    assert receipt.value == ids.transfer_id(SHANGHAI, proposal["request"])
    assert receipt.event("TransferProposed").transfer == receipt.value


@given(st.sampled_from(Kind), MEMBERS, st.binary(min_size=32, max_size=32))
def test_record_id__as_the_independent_second_writing(kind: Kind, member: int, native: bytes) -> None:
    made = ids.record_id(kind, member, native)
    assert made == second_writing.record_id(int(kind), member, native)
    assert (len(made), ids.member_of(made)) == (12, member)


@given(st.sampled_from(Kind), st.binary(min_size=12, max_size=12), st.integers(0, 2**64 - 1))
def test_subject__there_and_back(kind: Kind, identifier: bytes, first: int) -> None:
    subject = ids.subject(kind, identifier, first)
    assert subject == second_writing.subject(int(kind), identifier, first)
    assert ids.parse_subject(subject) == (kind, identifier, first)


@pytest.mark.parametrize(
    "broken", [b"", bytes(32), b"\x07" + bytes(31), b"\x01" + bytes(30), b"\x01" + bytes(30) + b"\x01"]
)
def test_subject__that_is_none__refused(broken: bytes) -> None:
    with pytest.raises(IdentifierRefused):
        ids.parse_subject(broken)


# -------------------------------------------------------------------- one record, one name


@pytest.mark.parametrize(
    "written",
    ["CCER—06—001—V01", "CCER–06–001–V01", "ＣＣＥＲ－０６－００１－Ｖ０１", " CCER-06-001-V01 ", "CCER‐06‑001−V01"],
)
def test_code__written_otherwise__the_same_id(written: str) -> None:
    assert ids.normalise(written) == "CCER-06-001-V01"
    assert ids.methodology_id(310000, "r", written, "1") == ids.methodology_id(310000, "r", "CCER-06-001-V01", "1")


@pytest.mark.parametrize("written", ["P  1", "P\u00a01", "P\u30001", "\tP 1\n", "P\u2009 1"])
def test_spaces__of_every_kind_are_one(written: str) -> None:
    assert ids.normalise(written) == "P 1"


@given(TEXTS)
def test_normalise__again__changes_nothing(text: str) -> None:
    try:
        once = ids.normalise(text)
    except IdentifierRefused:
        return
    assert ids.normalise(once) == once


def test_case__is_kept() -> None:
    assert ids.project_id(310000, "r", "a1") != ids.project_id(310000, "r", "A1")


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "a\x7fb", "a\u200bb", "a\u202eb", "x" * 201])
def test_identifier_that_is_none__refused_with_its_value(text: str) -> None:
    with pytest.raises(IdentifierRefused) as refused:
        ids.normalise(text, "row 7")
    assert "row 7" in str(refused.value)


def test_parts__cannot_run_into_one_another() -> None:
    keys = {ids.native_key("ab", "c"), ids.native_key("a", "bc"), ids.native_key("abc"), ids.native_key("a", "b", "c")}
    assert len(keys) == 4
    assert ids.native_key("a\x1fb") == ids.native_key("a b"), "the separator itself counts as a space"
    assert ids.series_id(1, "a", "b") != ids.project_id(1, "a", "b"), "kinds have spaces of their own"


@pytest.mark.parametrize("member", [0, -1, 2**24])
def test_member__that_cannot_be__refused(member: int) -> None:
    with pytest.raises(IdentifierRefused):
        ids.record_id(Kind.PROJECT, member, bytes(32))
    with pytest.raises(IdentifierRefused):
        ids.request_id(member, "r", "x", "issue", 1)


def test_programmes__begin_where_the_contracts_say() -> None:
    assert [ids.is_programme(member) for member in (999_999, 1_000_000, 1_000_001)] == [False, False, True]
    assert second_writing.FIRST_PROGRAMME == ids.FIRST_PROGRAMME


def test_request_id__one_for_each_member_registry_record_action_version() -> None:
    base = (310000, "r", "x", "issue", 1)
    others = [(320500, "r", "x", "issue", 1), (310000, "s", "x", "issue", 1), (310000, "r", "y", "issue", 1)]
    others += [(310000, "r", "x", "retire", 1), (310000, "r", "x", "issue", 2), (310000, "r", "xissue", "", 1)]
    made = {ids.request_id(*words) for words in (base, *others)}
    assert len(made) == 7
    assert ids.request_id(*base) == ids.request_id(310000, "ｒ", " x ", "issue", 1)
    assert len(ids.request_id(*base)) == 32


# -------------------------------------------------------------------- assets, beneficiaries


@pytest.mark.parametrize(
    "written", ["3101 0000 123A", "3101-0000-123a", "３１０１００００１２３Ａ", " 31010000123a", "3101.0000/123A"]
)
def test_meter__written_otherwise__the_same_asset(written: str) -> None:
    assert ids.asset_key(KEY, "meter", written) == ids.asset_key(KEY, "meter", "31010000123A")


def test_asset__of_another_kind_number_or_key__is_another() -> None:
    base = ids.asset_key(KEY, "meter", "1")
    assert base != ids.asset_key(KEY, "plant", "1")
    assert base != ids.asset_key(KEY, "meter", "10")
    assert base != ids.asset_key(KEY, "meter", "01"), "leading zeros are part of a number"
    assert base != ids.asset_key(KEY[::-1], "meter", "1")


def test_asset__without_a_letter_or_digit_or_under_a_short_key__refused() -> None:
    with pytest.raises(IdentifierRefused):
        ids.asset_key(KEY, "meter", " - / ")
    with pytest.raises(IdentifierRefused) as refused:
        ids.asset_key(b"short", "meter", "1")
    assert "short" not in str(refused.value), "a key is never shown"


def test_beneficiary__hidden_by_the_salt_and_bound_to_name_and_number() -> None:
    salt = b"sixteen bytes ok"
    made = ids.beneficiary_commitment(salt, "某公司", "9131")
    assert made == ids.beneficiary_commitment(salt, " 某公司 ", "９１３１")
    assert made != ids.beneficiary_commitment(b"another salt ...", "某公司", "9131")
    assert made != ids.beneficiary_commitment(salt, "某公司9", "131")
    with pytest.raises(IdentifierRefused):
        ids.beneficiary_commitment(b"too short", "某公司", "9131")
