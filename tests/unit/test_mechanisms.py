"""Other mechanisms are understood under the names that declarations use, and an unknown one is never taken for none."""

from __future__ import annotations

import pytest

from mutual_recognition.mechanisms import NAMES, Mechanism, parse_mechanism


@pytest.mark.parametrize(
    ("text", "mechanism"),
    [
        ("", Mechanism.NONE),
        (" 无 ", Mechanism.NONE),
        ("None", Mechanism.NONE),
        ("ＣＣＥＲ", Mechanism.CCER),
        ("i-rec", Mechanism.I_REC),
        ("Gold Standard", Mechanism.GOLD_STANDARD),
        ("Verra", Mechanism.VCS),
        ("绿证", Mechanism.GREEN_CERTIFICATE),
        ("a scheme nobody listed", Mechanism.OTHER),
    ],
)
def test_parse_mechanism__as_written__understood(text: str, mechanism: Mechanism) -> None:
    assert parse_mechanism(text) is mechanism


def test_parse_mechanism__every_name__is_its_own() -> None:
    for mechanism, names in NAMES.items():
        assert [parse_mechanism(name) for name in (mechanism.name, *names)] == [mechanism] * 3
