"""Hangzhou's registry on its real database, synced over a real chain: up, down, and through its failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from adapters.city.sql_feed import SqlFeedAdapter
from adapters.protocol import STATUSES
from adapters.sandbox.process import SandboxProcess
from adapters.sync.engine import PassReport
from hub.bootstrap import OpenIndex, open_sync
from hub.chain.connection import Node
from hub.chain.enums import BlockStatus
from hub.db import tables as t
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from tests.adapters.city_registries import HANGZHOU, REGISTRY, account_of, hangzhou_adapter
from tests.integration.consortium import ASSET_KEY, CDM, SHANGHAI, City, Hub, events, found_hub, opened

pytestmark = pytest.mark.slow

SERIES = "DEMO-HZ-PHX-2023"
METHODOLOGY = ids.methodology_id(HANGZHOU, REGISTRY[HANGZHOU], "DEMO-HZ-PV-01", "V1")


@pytest.fixture
def hub(shared_chain: EmbeddedChain) -> Iterator[Hub]:
    """A consortium of Shanghai and Hangzhou beside the other tests' one; the chain is put back after it."""
    with Node(shared_chain.rpc_url, shared_chain.chain_id) as node:
        snapshot = node.rpc.call("evm_snapshot")
        yield found_hub(node, (SHANGHAI, HANGZHOU, CDM))
        assert node.rpc.call("evm_revert", snapshot)


@pytest.fixture
def city_index(hub: Hub, tmp_path: Path) -> Iterator[OpenIndex]:
    with opened(hub, tmp_path) as index:
        yield index


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess("hangzhou", tmp_path / "hangzhou" / "registry") as process:
        yield process


@pytest.fixture
def sync(hub: Hub, city_index: OpenIndex, registry: SandboxProcess, tmp_path: Path) -> Callable[[], PassReport]:
    """One pass of Hangzhou's, everything opened anew and closed after it, as a restart does."""

    def run() -> PassReport:
        registry.control("publish")
        with (
            closing(hangzhou_adapter(registry)) as adapter,
            open_sync(
                city_index, adapter, hub.signers[HANGZHOU], tmp_path / "hangzhou.sqlite", asset_key=ASSET_KEY
            ) as (engine, _),
        ):
            return engine.run_once()

    return run


def kilograms_on_chain(index: OpenIndex) -> dict[tuple[int, str], int]:
    """By holder and status, of Hangzhou's series."""
    b = t.unit_blocks.c
    query = select(b.holder, b.status, func.sum(b.last - b.first + 1)).group_by(b.holder, b.status)
    with index.reader.connect() as connection:
        return {
            (int(holder), BlockStatus(status).name.lower()): int(kg) for holder, status, kg in connection.execute(query)
        }


def kilograms_in_the_books(adapter: SqlFeedAdapter) -> dict[tuple[int, str], int]:
    """As the registry has them, by holder and status."""
    totals: dict[tuple[int, str], int] = {}
    for holding in adapter.holdings():
        assert holding.status in STATUSES
        name = holding.holder, holding.status
        totals[name] = totals.get(name, 0) + holding.serials.count
    return totals


def test_first_sync__everything_of_the_registry_is_on_the_chain_once(
    registry: SandboxProcess, city_index: OpenIndex, sync: Callable[[], PassReport]
) -> None:
    report = sync()
    assert (report.held, report.trouble) == (0, [])
    records = registry.state()["records"]
    assert events(city_index) == {
        "MethodologyFiled": records["methodology"],
        "SeriesRegistered": 2,
        "ProjectRegistered": records["project"],
        "Verified": records["verification"],
        "Issued": records["issuance"],
    }
    with closing(hangzhou_adapter(registry)) as adapter:
        assert kilograms_on_chain(city_index) == kilograms_in_the_books(adapter)
    assert sync().written == 0


def test_transfer_out_through_failures__told_once_and_both_sides_agree(
    hub: Hub, registry: SandboxProcess, city_index: OpenIndex, sync: Callable[[], PassReport], tmp_path: Path
) -> None:
    sync()
    hub.recognise(ids.subject(ids.Kind.METHODOLOGY, METHODOLOGY), [SHANGHAI], factorPpm=900_000)
    transfer = registry.control(
        "request-transfer", account=account_of(registry), quantity_kg=1000, to_member=str(SHANGHAI)
    )
    registry.fault("timeout_after_write", times=1, seconds=0.5)  # the first thing it is told: booked, the answer lost
    assert sync().trouble == []
    (proposed,) = registry.records("transfer_out")
    assert (proposed["status"], len(proposed["references"])) == ("submitted", 1)

    shanghai = City(hub, city_index, tmp_path / "shanghai", SHANGHAI)
    shanghai.sync()
    (incoming,) = shanghai.registry.booked("transfer_incoming")
    assert incoming["serials"] == [transfer["ranges"][0]["first"], transfer["ranges"][0]["last"]]
    shanghai.registry.write("decision", "D1", {"transfer": incoming["detail"]["transfer"], "accept": True})
    shanghai.sync()

    registry.fault("timeout_before_write", times=1, seconds=60)
    assert sync().trouble  # not told: the write timed out, nothing is there
    (waiting,) = registry.records("transfer_out")
    assert waiting["status"] == "submitted"
    sync()
    (accepted,) = registry.records("transfer_out")
    assert (accepted["status"], accepted["accepted_kg"], accepted["cut_kg"]) == ("accepted", 900, 100)
    assert len(accepted["references"]) == 1
    registry.control("publish")
    with closing(hangzhou_adapter(registry)) as adapter:
        books = kilograms_in_the_books(adapter)
        assert books == kilograms_on_chain(city_index)
    assert books[SHANGHAI, "available"] == 900
    assert (sync().told, registry.state()["consistent"]) == (0, True)


def test_database_away_during_a_pass__goes_on_where_it_was(
    registry: SandboxProcess, city_index: OpenIndex, sync: Callable[[], PassReport]
) -> None:
    sync()
    registry.control("retire", account=account_of(registry), quantity_kg=500, purpose="2102", beneficiary="示例受益人")
    registry.control("publish")
    registry.fault("timeout_on_read", times=1, seconds=60)
    report = sync()
    assert "statement timeout" in str(report.trouble)
    assert kilograms_on_chain(city_index).get((HANGZHOU, "retired")) is None
    sync()
    assert kilograms_on_chain(city_index)[HANGZHOU, "retired"] == 500
    assert events(city_index)["Retired"] == 1
