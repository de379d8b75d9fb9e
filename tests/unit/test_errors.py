"""The error family: what it tells a person, a program and an API client."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from rich.console import Console

from hub.errors import (
    ChainRefused,
    ConfigurationWrong,
    RecordRefused,
    RetryLater,
    StopAndTell,
    YrdhubError,
    json_value,
)


def shown(error: YrdhubError) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(error.to_panel())
    return console.export_text()


def test_record_refused__tells_value_place_and_remedy_in_each_form() -> None:
    refused = RecordRefused(
        "the quantity disagrees with the serial range",
        code="quantity_disagrees",
        field="quantity",
        value="1,000",
        where="issuances.csv, row 17",
        remedy="ask the registry for a corrected row",
    )
    text = shown(refused)
    for part in ("quantity_disagrees", "value: 1,000", "issuances.csv, row 17", "field: quantity", "corrected row"):
        assert part in text
    assert refused.to_json() == {
        "error": "quantity_disagrees",
        "kind": "record_refused",
        "message": "the quantity disagrees with the serial range",
        "what": "1,000",
        "where": "issuances.csv, row 17",
        "remedy": "ask the registry for a corrected row",
        "field": "quantity",
    }


def test_problem_details__carry_the_members_of_rfc_9457_and_our_extensions() -> None:
    problem = ChainRefused("SerialsOverlap", {"first": 10, "last": 2**70}, record_index=3).to_problem("/v1/orders")
    assert problem == {
        "type": "urn:yrdhub:problem:serials_overlap",
        "title": "The chain refused",
        "status": 409,
        "detail": f"SerialsOverlap(first=10, last={2**70})",
        "instance": "/v1/orders",
        "kind": "chain_refused",
        "chain_error": "SerialsOverlap",
        "arguments": {"first": 10, "last": str(2**70)},
        "record_index": 3,
    }


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SerialsOverlap", "serials_overlap"),
        ("ERC1967InvalidAdmin", "erc1967_invalid_admin"),
        ("NotAnETSAuthority", "not_an_ets_authority"),
        ("Paused", "paused"),
    ],
)
def test_chain_refused__code_is_the_solidity_name_in_snake_case(name: str, code: str) -> None:
    assert ChainRefused(name).code == code


def test_exit_codes__tell_a_script_what_to_do() -> None:
    assert [
        error.exit_code
        for error in (
            RetryLater("later", retry_after=2.5),
            ConfigurationWrong("no key"),
            RecordRefused("bad", code="bad"),
            StopAndTell("another chain"),
        )
    ] == [75, 78, 65, 70]


def test_code__that_is_not_snake_case__is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="snake_case"):
        RecordRefused("bad", code="Bad Code")


def test_value_with_control_characters_or_of_great_length__stays_on_one_line() -> None:
    hostile = ConfigurationWrong("odd", what="a\x1b[31m\nb" + "x" * 1000)
    text = shown(hostile)
    assert "\x1b[31m" not in text
    assert "\\x1b[31m\\n" in text
    assert "characters)" in str(hostile)


def test_json_value__loses_nothing() -> None:
    assert json_value({"a": Decimal("0.10"), "b": b"\x01\xff", "c": 2**53, "d": (1, None, True)}) == {
        "a": "0.10",
        "b": "0x01ff",
        "c": str(2**53),
        "d": [1, None, True],
    }


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("later", where="there", retry_after=2.5),
        ConfigurationWrong("no key", what=["a"], remedy="make one"),
        RecordRefused("bad", code="bad", field="serials", value=7),
        ChainRefused("SerialsOverlap", {"first": 1, "last": 9}, record_index=3),
        StopAndTell("another chain"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_from_another_process__is_the_same_error(error: YrdhubError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), arrived.to_json(), arrived.args) == (str(error), error.to_json(), error.args)
