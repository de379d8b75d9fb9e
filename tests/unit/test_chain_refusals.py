"""What the chain refuses, in words: the table is complete, and every error is decoded with its values."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from eth_abi.abi import encode as reference_encode

from hub.chain.abi_types import Field
from hub.chain.artifacts import AbiError, load, names
from hub.chain.refusal_words import WORDS
from hub.chain.refusals import decode_revert, known_errors, words_for

ERRORS = sorted(known_errors().values(), key=lambda error: error.signature)
_SAMPLES = {"uint8": 1, "uint16": 2026, "uint24": 310000, "uint32": 1_900_000_000, "uint40": 1_900_000_000, "int8": 1}
SUBJECT = bytes([2]) + b"\x07" * 12 + (5).to_bytes(8, "big") + bytes(11)


def by_name(name: str) -> AbiError:
    return next(error for error in ERRORS if error.name == name)


def revert(name: str, *values: Any) -> bytes:
    error = by_name(name)
    return error.selector + reference_encode([field.type.canonical for field in error.fields], values)


def sample(field: Field) -> Any:
    kind = field.type.canonical
    if field.internal == "Subject":
        return SUBJECT
    if kind in _SAMPLES:
        return _SAMPLES[kind]
    if kind == "bytes":
        return b""
    if kind == "string":
        return "said so"
    if kind == "address":
        return "0x" + "aa" * 20
    return b"\x05" * int(kind.removeprefix("bytes")) if kind.startswith("bytes") else 7


def test_every_error_of_every_artifact_is_known() -> None:
    declared = {error.selector for name in names() for error in load(name).errors.values()}
    assert declared <= set(known_errors())


def test_no_words_for_errors_that_do_not_exist() -> None:
    used = {key for error in ERRORS for key in (error.signature, error.name)}
    assert set(WORDS) - used == {"RevertedWithoutReason", "UnknownError"}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.signature)
def test_every_error__sentence_with_its_values(error: AbiError) -> None:
    values = [sample(field) for field in error.fields]
    data = error.selector + reference_encode([field.type.canonical for field in error.fields], values)

    refusal = decode_revert(data)

    assert refusal.error == error.name
    assert list(refusal.args) == [field.name for field in error.fields]
    assert refusal.sentence
    assert "{" not in refusal.sentence
    words = words_for(error)
    placeholders = {name for _, name, _, _ in string.Formatter().parse(words.sentence) if name}
    assert placeholders <= set(refusal.args)
    assert words.sentence.endswith(".") or error.name == "Error"
    assert words.remedy == words.remedy.strip().removesuffix(".")
    json.dumps(refusal.as_error().to_json())


def test_cap_exceeded__reads_well() -> None:
    subject = bytes([1]) + b"\x07" * 12 + bytes(19)
    refusal = decode_revert(revert("CapExceeded", subject, 310000, 2026, 900, 200, 1000))
    assert refusal.sentence == (
        "Member 310000 takes at most 1000 kg of methodology 0x070707070707070707070707 in 2026; "
        "900 kg arrived and 200 kg are too much."
    )


def test_enum_time_day_and_role__as_a_person_reads_them() -> None:
    assert "it is in transit" in decode_revert(revert("BlockNotAvailable", b"\1" * 12, 5, 2)).sentence
    assert "2030-03-18 01:46:40 (UTC+8)" in decode_revert(revert("OrderExpired", 1_900_000_000)).sentence
    assert "1970-01-01 to 2022-06-30" in decode_revert(revert("PeriodInvalid", 0, 19173)).sentence
    assert "the role registrar" in decode_revert(revert("NotOfficer", "0x" + "aa" * 20, 310000, 2)).sentence
    assert "until further notice" in decode_revert(revert("Paused", 2**40 - 1)).sentence
    assert "from 100 % to 99.5 %" in decode_revert(revert("NothingKept", b"\1" * 12, 1, 1, 10**6, 995_000)).sentence


def test_batch__named_after_the_record_that_failed_with_its_place() -> None:
    inner = revert("RangeOverlaps", b"\1" * 12, 5, 9, 1, 7)
    refusal = decode_revert(revert("BatchItemFailed", 17, inner))
    assert (refusal.index, refusal.batch_index, refusal.root.error) == (17, 17, "RangeOverlaps")
    error = refusal.as_error()
    assert (error.error, error.code, error.record_index) == ("RangeOverlaps", "range_overlaps", 17)
    assert error.arguments["otherLast"] == 7
    assert error.message.startswith("Serials 5 to 9 of series")


def test_ballot_action__says_which_and_why() -> None:
    error = decode_revert(revert("BallotActionFailed", 2, revert("MemberExists", 310000))).as_error()
    assert (error.error, error.record_index) == ("MemberExists", None)
    assert error.message == "Action 2 of the ballot was refused: 310000 is, or was, a member already."


def test_ballot_action_inside_a_batch__both_places_kept() -> None:
    nested = revert("BatchItemFailed", 4, revert("BallotActionFailed", 1, revert("MemberExists", 310000)))
    error = decode_revert(nested).as_error()
    assert (error.error, error.record_index) == ("MemberExists", 4)
    assert error.message.startswith("Action 1 of the ballot was refused")


def test_same_name_in_two_contracts__each_in_its_own_words() -> None:
    selectors = {error.signature: error for error in ERRORS if error.name == "RevisionStale"}
    assert len(selectors) == 2
    assert len({words_for(error).sentence for error in selectors.values()}) == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "RevertedWithoutReason"),
        (b"\x01", "UnknownError"),
        (b"\xde\xad\xbe\xef" + bytes(32), "UnknownError"),
        (revert("CapExceeded", SUBJECT, 310000, 2026, 1, 2, 3)[:-1], "UnknownError"),
        (revert("BatchItemFailed", 3, b""), "RevertedWithoutReason"),
        (revert("BatchItemFailed", 3, b"\xde\xad\xbe\xef"), "UnknownError"),
    ],
)
def test_data_that_cannot_be_read__still_told(data: bytes, error: str) -> None:
    assert decode_revert(data).as_error().error == error


def test_reason_nested_without_end__read_to_a_depth() -> None:
    data = b""
    for _ in range(50):
        data = revert("BatchItemFailed", 0, data)
    assert decode_revert(data).as_error().error == "BatchItemFailed"


def test_solidity_own_errors() -> None:
    assert decode_revert(revert("Error", "said so")).as_error().message == "said so"
    assert "panic 17" in decode_revert(revert("Panic", 0x11)).as_error().message
