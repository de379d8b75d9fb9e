"""How each sync stands, through the API: believed from a registrar alone, the newest counts, told by audience."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hub.chain.connection import Node
from hub.chain.keys import LocalSigner
from hub.documents.sealing import reading_authorization
from hub.errors import RecordRefused, RetryLater
from hub.network.embedded import EmbeddedChain
from hub.sync_status.delivery import HubStatus
from hub.sync_status.sealing import seal_report
from hub.sync_status.store import MOST_REGISTRIES
from mutual_recognition.sync_facts import MAX_BYTES, Lag, SyncFacts
from tests.integration.api_world import HANGZHOU, HEFEI, SHANGHAI, SUZHOU, World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("sync")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield build_world(node, folder)


def facts(world: World, *, ago: int = 0, **other: Any) -> SyncFacts:
    now = world.hub.clock()
    told: dict[str, Any] = {
        "member": SHANGHAI,
        "registry": "illustrative",
        "at": now - ago,
        "reachable": True,
        "last_attempt_at": now - ago,
        "last_success_at": now - ago - 60,
        "lag": Lag(oldest_record_at=now - ago - 30, records=2, oldest_effect_at=None, effects=0),
        "chain_block": 7,
        "inbox": {"settled": 5, "held": 1},
        "outbox": {"done": 5},
        "effects": {"booked": 2},
        "documents": {"undelivered": 0, "refused": 0},
        "unreadable": 0,
        "held": {"period_overlaps": 1},
        "dead_letters": 1,
        "todo": 0,
        "trouble": "a word for the member alone",
        "cursor": "17",
    }
    return SyncFacts(**(told | other))


def send(world: World, told: SyncFacts, signer: LocalSigner | None = None) -> Any:
    sealed = seal_report(signer or world.officers[told.member], world.deployment.domain, told)
    return world.client.post("/v1/sync", json=sealed.as_json())


def code_of(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:yrdhub:problem:")


def read(world: World, registry: str, signer: LocalSigner | None = None) -> Any:
    headers = {}
    if signer is not None:
        expires = world.hub.clock() + 300
        headers["authorization"] = reading_authorization(signer, world.deployment.domain, expires)
    return world.client.get(f"/v1/sync/{SHANGHAI}/{registry}", headers=headers)


def test_report__told_with_its_age__by_audience(world: World) -> None:
    assert send(world, facts(world)).json() == {"kept": True}
    public = read(world, "illustrative").json()
    assert (public["reachable"], public["held"], public["dead_letters"]) == (True, 1, 1)
    assert public["lag"]["records"] == 2
    assert 30 <= public["lag"]["seconds"] <= 40
    assert 0 <= public["report_age_seconds"] < 10
    assert (public["for_members"], public["for_itself"]) == (None, None)
    member = read(world, "illustrative", world.officers[SUZHOU]).json()
    assert member["for_members"]["held"] == {"period_overlaps": 1}
    assert member["for_itself"] is None
    own = read(world, "illustrative", world.officers[SHANGHAI]).json()
    assert own["for_itself"] == {"trouble": "a word for the member alone", "cursor": "17"}


def test_report__replayed_or_older__changes_nothing(world: World) -> None:
    newest = facts(world, registry="replayed", reachable=True)
    older = facts(world, registry="replayed", reachable=False, ago=100)
    assert send(world, newest).json() == {"kept": True}
    assert send(world, newest).json() == {"kept": False}
    assert send(world, older).json() == {"kept": False}
    assert read(world, "replayed").json()["reachable"] is True


def test_report__never_synced__never_is_never_a_success(world: World) -> None:
    told = facts(world, registry="new", reachable=None, last_attempt_at=None, last_success_at=None, chain_block=None)
    send(world, told)
    answer = read(world, "new").json()
    assert (answer["reachable"], answer["last_attempt"], answer["last_success"]) == (None, None, None)
    figures = world.client.get("/metrics").text
    assert f'yrdhub_sync_reported_seconds{{member="{SHANGHAI}",registry="new"}}' in figures
    assert f'yrdhub_sync_last_success_seconds{{member="{SHANGHAI}",registry="new"}}' not in figures
    assert f'yrdhub_sync_reachable{{member="{SHANGHAI}",registry="new"}}' not in figures


def test_list__names_the_members_never_heard_of(world: World) -> None:
    send(world, facts(world, registry="listed"))
    listed = world.client.get("/v1/sync").json()
    assert "listed" in [item["registry"] for item in listed["items"]]
    assert {SUZHOU, HANGZHOU, HEFEI} <= set(listed["members_unheard"])
    assert SHANGHAI not in listed["members_unheard"]
    assert read(world, "nowhere").status_code == 404


def test_report__not_by_a_registrar_of_its_member__refused(world: World) -> None:
    for signer in (world.officers[SUZHOU], world.auditor, LocalSigner.random()):
        assert code_of(send(world, facts(world), signer)) == "signer_no_registrar"


def test_report__altered_future_malformed_or_too_long__refused(world: World) -> None:
    told = facts(world, registry="altered")
    sealed = seal_report(world.officers[SHANGHAI], world.deployment.domain, told).as_json()
    altered = sealed | {"report": sealed["report"].replace('"reachable":true', '"reachable":null')}
    assert code_of(world.client.post("/v1/sync", json=altered)) == "signer_no_registrar"
    spaced = sealed | {"report": sealed["report"].replace(",", ", ")}
    assert code_of(world.client.post("/v1/sync", json=spaced)) == "sync_report_refused"
    assert code_of(world.client.post("/v1/sync", json=sealed | {"report": "{}"})) == "sync_report_refused"
    assert world.client.post("/v1/sync", json=sealed | {"report": "x" * (MAX_BYTES + 1)}).status_code == 422
    assert code_of(send(world, facts(world, ago=-1_000))) == "report_in_future"


def test_reports__of_too_many_registries__refused(world: World) -> None:
    for number in range(MOST_REGISTRIES):
        send(world, facts(world, member=HEFEI, registry=f"R{number}"))
    assert code_of(send(world, facts(world, member=HEFEI, registry="one more"))) == "too_many_registries"


def test_sink__over_http__hands_in_and_says_what_the_hub_says(world: World) -> None:
    sink = HubStatus(world.client, world.officers[SHANGHAI], world.deployment.domain)
    sink.report(facts(world, registry="over http"))
    assert read(world, "over http").status_code == 200
    with pytest.raises(RecordRefused, match="no registrar"):
        HubStatus(world.client, world.auditor, world.deployment.domain).report(facts(world))
    with httpx.Client(base_url="http://127.0.0.1:9") as nowhere, pytest.raises(RetryLater):
        HubStatus(nowhere, world.officers[SHANGHAI], world.deployment.domain).report(facts(world))
