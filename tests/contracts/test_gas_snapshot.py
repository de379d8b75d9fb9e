"""Gas of the registers, as they are shipped and behind their proxies, against the committed snapshot and its bounds."""

from __future__ import annotations

import json

import pytest

from scripts.bench.gas import SNAPSHOT, GasFigures, measure_gas

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gas() -> GasFigures:
    return measure_gas()


def test_gas__is_the_snapshot_to_the_unit(gas: GasFigures) -> None:
    committed = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert gas.to_json() == committed, "meant? then `make gas-snapshot`, and the difference is reviewed"


def test_gas__snapshot_file__is_as_written(gas: GasFigures) -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == gas.as_text()


def test_gas__beside_erc_1155__keeps_every_bound(gas: GasFigures) -> None:
    assert [bound.to_json() for bound in gas.bounds() if not bound.kept] == []
    assert {bound.name for bound in gas.bounds()} >= {
        "issue, batched / mint",
        "propose, batched / transfer",
        "accept, batched / transfer",
        "retire at home, batched / transfer",
    }


def test_gas__batched__costs_less_a_record_than_alone(gas: GasFigures) -> None:
    dearer = {name: by_size for name, by_size in gas.records.items() if not by_size[200] <= by_size[100] < by_size[1]}
    assert dearer == {}
