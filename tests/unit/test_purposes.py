"""Purposes: numbered as in the contract, read by every name that a registry uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutual_recognition.purposes import ALL_USES, NAMES, Purpose, PurposeRefused, parse_purpose, uses_mask, uses_of

INTERFACE = Path(__file__).resolve().parents[2] / "contracts" / "interfaces" / "ICreditLedger.sol"


def test_numbers__those_of_the_contract() -> None:
    listed = re.search(r"enum Purpose \{([^}]*)\}", INTERFACE.read_text(encoding="utf-8"))
    assert listed is not None
    names = [name.strip() for name in listed[1].split(",")]
    ours = ["None", *("".join(word.capitalize() for word in purpose.name.split("_")) for purpose in Purpose)]
    assert names == ours
    assert [int(purpose) for purpose in Purpose] == list(range(1, len(names)))


@pytest.mark.parametrize("purpose", Purpose)
def test_names__each_reads_back__causes_of_cancellation_do_not(purpose: Purpose) -> None:
    for name in (purpose.code, *NAMES[purpose], f" {purpose.code} "):
        if purpose.retires:
            assert parse_purpose(name) is purpose
        else:
            with pytest.raises(PurposeRefused):
                parse_purpose(name)


def test_unknown__refused_with_value_place_and_what_there_is() -> None:
    with pytest.raises(PurposeRefused) as refused:
        parse_purpose("offsetting", "cancellations.csv row 3")
    for word in ("offsetting", "cancellations.csv row 3", "event_neutrality"):
        assert word in str(refused.value)


def test_mask__bit_of_each_purpose__there_and_back() -> None:
    assert uses_mask([Purpose.ETS_COMPLIANCE, Purpose.VOLUNTARY]) == 0b100_0010
    assert uses_of(0b100_0010) == [Purpose.ETS_COMPLIANCE, Purpose.VOLUNTARY]
    assert uses_of(ALL_USES) == [purpose for purpose in Purpose if purpose.retires]
    assert ALL_USES == 0b1_1111_1110
    assert uses_of(uses_mask([Purpose.CONVERSION_CUT])) == []
