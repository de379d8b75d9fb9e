"""The facts of a sync: one canonical form, and what never happened stays "never" through it."""

from __future__ import annotations

import json

import pytest
import rfc8785
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from hub.sync_status.figures import figures
from hub.sync_status.serving import readiness
from mutual_recognition.sync_facts import FactsRefused, Lag, SyncFacts

NEVER = SyncFacts(
    member=310000,
    registry="示例登记簿",
    at=1_000,
    reachable=None,
    last_attempt_at=None,
    last_success_at=None,
    lag=Lag(oldest_record_at=None, records=0, oldest_effect_at=None, effects=0),
    chain_block=None,
    inbox={},
    outbox={},
    effects={},
    documents={"undelivered": 0, "refused": 0},
    unreadable=0,
    held={},
    dead_letters=0,
    todo=0,
    trouble="",
    cursor="",
)


def test_canonical__is_rfc_8785__and_comes_back() -> None:
    assert NEVER.canonical() == rfc8785.dumps(NEVER.to_json())
    assert SyncFacts.parse(NEVER.canonical()) == NEVER


@pytest.mark.parametrize(
    "change",
    [{"member": "310000"}, {"reachable": 1}, {"more": 1}, {"at": -1}, {"inbox": {"new": 0.5}}, {"schema": "x"}],
)
def test_parse__another_form__refused(change: dict[str, object]) -> None:
    with pytest.raises(FactsRefused):
        SyncFacts.parse(json.dumps(NEVER.to_json() | change, separators=(",", ":"), sort_keys=True).encode())


def test_lag__the_older_of_record_and_effect() -> None:
    lag = Lag(oldest_record_at=900, records=1, oldest_effect_at=950, effects=1)
    assert (lag.seconds(1_000), NEVER.lag.seconds(1_000)) == (100, 0)


def test_figures_and_readiness__never_synced__nothing_that_reads_as_a_success() -> None:
    class Told(Collector):
        def collect(self):  # type: ignore[no-untyped-def]
            yield from figures([NEVER], 1_060)

    registry = CollectorRegistry()
    registry.register(Told())
    text = generate_latest(registry).decode()
    for absent in ("yrdhub_sync_reachable{", "yrdhub_sync_last_success_seconds{", "yrdhub_sync_last_attempt_seconds{"):
        assert absent not in text
    assert 'yrdhub_sync_reported_seconds{member="310000",registry="示例登记簿"} 1000.0' in text
    assert readiness(NEVER) == {"registry_reachable": False, "ever_succeeded": False, "no_trouble_since": True}
    assert not any(readiness(None).values())
