"""Storage: the committed snapshot, that an upgrade may only append to it, and words packed by hand as documented."""

from __future__ import annotations

import copy

import pytest
from eth_utils.crypto import keccak

from scripts.storage_layout import (
    REGISTERS,
    SNAPSHOT,
    VARIABLES,
    Layout,
    as_text,
    broken_promises,
    layout_of,
    read_snapshot,
)
from tests.contracts.artifacts import load_artifacts
from tests.contracts.credits import Credits, Purpose, Status, found
from tests.contracts.deployment import SHANGHAI, Deployment

BEFORE: dict[str, Layout] = {
    "Meters": {
        VARIABLES: [
            "0+0 _meters: mapping(bytes32 => struct Meter), 32 bytes",
            "1+0 _readings: struct Reading[], 32 bytes",
            "2+0 _count: uint64, 8 bytes",
        ],
        "struct Meter": ["0+0 owner: address, 20 bytes"],
        "struct Reading": ["0+0 at: uint64, 8 bytes", "0+8 kwh: uint64, 8 bytes"],
    }
}


@pytest.fixture(scope="module")
def now() -> dict[str, Layout]:
    artifacts = load_artifacts(REGISTERS)
    return {name: layout_of(artifacts[name]) for name in REGISTERS}


# ---------------------------------------------------------------- the registers


def test_storage__of_every_register__is_the_snapshot_or_appended_to_it(now: dict[str, Layout]) -> None:
    assert broken_promises(read_snapshot(), now) == [], (
        "an upgrade may only append: its code reads the slots that the deployed code wrote"
    )


def test_snapshot__is_complete_and_as_written(now: dict[str, Layout]) -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == as_text(now), "run `python -m scripts.storage_layout --write`"


def test_unit_block__in_its_slot__is_packed_as_documented(hub: Deployment) -> None:
    shanghai = found(hub)
    shanghai.issue(101, 200)
    shanghai.retire(121, 130, block=101, purpose=Purpose.ETS_COMPLIANCE, complianceYear=2026)
    held = shanghai.hold(131)
    assert held

    def packed(last: int, status: Status, holds: int = 0, purpose: int = 0, year: int = 0) -> int:
        fields = [
            (last, 64),
            (101, 64),  # its issuance
            (SHANGHAI, 24),
            (status, 8),
            (holds, 16),
            (1_000_000, 24),  # factor
            (0, 32),  # entry
            (purpose, 8),
            (year, 16),
        ]
        return _word(fields)

    assert _value(shanghai, "_blocks", 101) == packed(120, Status.AVAILABLE)
    assert _value(shanghai, "_blocks", 121) == packed(130, Status.RETIRED, 0, Purpose.ETS_COMPLIANCE, 2026)
    assert _value(shanghai, "_blocks", 131) == packed(200, Status.AVAILABLE, holds=1)


def test_tally__in_its_slot__is_packed_as_documented(hub: Deployment) -> None:
    shanghai = found(hub)
    shanghai.issue(101, 200)
    shanghai.propose(101, 103)
    shanghai.retire(104, 110)
    shanghai.correct(111, 115)
    available, in_transit, pledged, retired, cancelled = 85, 3, 0, 7, 5
    counters = [(available, 48), (in_transit, 48), (pledged, 48), (retired, 48), (cancelled, 48)]
    assert _value(shanghai, "_tallies", 101) == _word(counters)


def _word(fields: list[tuple[int, int]]) -> int:
    """Values beside each other, each in so many bits, from the lowest bit up."""
    word = shift = 0
    for value, bits in fields:
        assert 0 <= value < 1 << bits
        word |= value << shift
        shift += bits
    return word


def _value(credits_: Credits, mapping: str, serial: int) -> int:
    """The word under (series, serial) in a mapping of mappings of the ledger, found through the snapshot."""
    (slot,) = (int(line.split("+")[0]) for line in read_snapshot()["CreditLedger"][VARIABLES] if f" {mapping}:" in line)
    outer = keccak(credits_.series.ljust(32, b"\0") + slot.to_bytes(32, "big"))
    inner = keccak(serial.to_bytes(32, "big") + outer)
    return credits_.hub.chain.storage(credits_.hub.ledger.address, int.from_bytes(inner, "big"))


# ---------------------------------------------------------------- the rule


def test_layout__unchanged__breaks_nothing() -> None:
    assert broken_promises(BEFORE, copy.deepcopy(BEFORE)) == []


def test_layout__variable_field_or_register_added_at_the_end__breaks_nothing() -> None:
    now = copy.deepcopy(BEFORE)
    now["Meters"][VARIABLES].append("2+8 _closed: bool, 1 bytes")
    now["Meters"]["struct Meter"].append("0+20 since: uint40, 5 bytes")
    now["Meters"]["struct Tariff"] = ["0+0 fen: uint64, 8 bytes"]
    now["Tariffs"] = {VARIABLES: []}
    assert broken_promises(BEFORE, now) == []


@pytest.mark.parametrize("place", [VARIABLES, "struct Meter", "struct Reading"])
def test_layout__something_put_before__is_told(place: str) -> None:
    now = copy.deepcopy(BEFORE)
    now["Meters"][place].insert(0, "0+0 first: uint256, 32 bytes")
    assert any(f"Meters, {place}: was {BEFORE['Meters'][place][0]}; now 0+0 first" in fault for fault in told(now))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("_count: uint64", "_total: uint64"),
        ("_count: uint64, 8 bytes", "_count: uint32, 4 bytes"),
        ("2+0 _count", "3+0 _count"),
        ("mapping(bytes32 =>", "mapping(bytes12 =>"),
    ],
)
def test_layout__renamed_retyped_or_moved__is_told(was: str, becomes: str) -> None:
    now = copy.deepcopy(BEFORE)
    now["Meters"][VARIABLES] = [line.replace(was, becomes) for line in now["Meters"][VARIABLES]]
    (fault,) = told(now)
    assert "Meters, storage: was" in fault
    assert becomes in fault


def test_layout__last_variable_or_a_register_removed__is_told() -> None:
    now = copy.deepcopy(BEFORE)
    now["Meters"][VARIABLES].pop()
    assert told(now) == ["Meters, storage: was 2+0 _count: uint64, 8 bytes; no longer there"]
    assert told({}) == [f"Meters, {place}: no longer there" for place in BEFORE["Meters"]]


def test_layout__structure_in_an_array_has_grown__is_told() -> None:
    now = copy.deepcopy(BEFORE)
    now["Meters"]["struct Reading"].append("0+16 peak: uint64, 8 bytes")
    assert told(now) == ["Meters, struct Reading: has grown, and stands in an array"]


def told(now: dict[str, Layout]) -> list[str]:
    return broken_promises(BEFORE, now)
