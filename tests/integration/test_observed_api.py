"""The API over what is observed: facts with attribution in pages; no raw row and no beneficiary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from adapters.observed.export import open_export
from adapters.observed.gold_standard import RETIREMENTS
from adapters.observed.source import ObservedSource
from adapters.observed.verra import PROJECTS
from hub.api.app import create_app
from hub.api.hub import Hub as ApiHub
from hub.bootstrap import OpenIndex
from hub.db.engine import open_engine, open_reading_engine
from hub.observed.drift import SchemaDrift
from hub.observed.store import load_export
from tests.adapters.observed_files import VERRA_PROJECTS, headings_of, write_export
from tests.integration.consortium import Hub
from tests.integration.test_observed import TODAY

RETIRED = {
    "Vintage": "2024", "Credit Status": "Retired", "Quantity": "100", "GSID": "9100", "Project Name": "示例 stoves",
    "Country": "Kenya", "Product Type": "VER", "Issuance Date": "2025-01-02", "Retirement Date": "2025-03-04",
    "Monitoring Period Start": "2024-01-01", "Monitoring Period End": "2024-12-31", "Using Entity": "示例 张三",
    "Serial Number": "GS1-1-KE-GS9100-16-2024-1-101-200", "Note": "示例 private words",
}  # fmt: skip


class Api:
    """The API of one home, and a way to load into it."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        url = f"sqlite:///{folder / 'hub.sqlite'}"
        self.folder = folder
        self.writing = open_engine(url)
        self.client = TestClient(create_app(ApiHub(open_reading_engine(url), self.writing, hub.deployment, hub.node)))

    def load(self, source: ObservedSource, rows: Any, day: str, headings: list[str] | None = None) -> None:
        file = write_export(self.folder / f"{source.name}_{day}.csv", source, rows, headings)
        with open_export(source, file) as export:
            load_export(self.writing, export, TODAY)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def api(city_hub: Hub, index: OpenIndex, tmp_path: Path) -> Iterator[Api]:
    made = Api(city_hub, tmp_path)
    made.load(PROJECTS, VERRA_PROJECTS, "2026-05-01")
    made.load(PROJECTS, VERRA_PROJECTS[:2], "2026-06-01")
    made.load(RETIREMENTS, [RETIRED], "2026-06-01")
    yield made
    made.writing.dispose()


def test_observed_records__are_listed_filtered_and_paged_without_what_is_not_to_be_shown(api: Api) -> None:
    page = api.get("/v1/observed/projects?limit=2")
    assert [project["native_id"] for project in page["items"]] == ["9001", "9002"]
    rest = api.get(page["next"])
    assert [project["native_id"] for project in rest["items"]] == ["9003"]
    assert rest["items"][0]["seen"] == {
        "first_seen": "2026-05-01", "last_seen": "2026-05-01", "gone_since": "2026-06-01",
    }  # fmt: skip
    for query, found in (
        ("country=Panama", ["9002"]),
        ("status=registered", ["9001"]),
        ("methodology=AMS-III.H", ["9003"]),
        ("methodology=ACM000", []),
        ("gone=true", ["9003"]),
        ("programme=verra&gone=false", ["9001", "9002"]),
        ("source=acr-projects", []),
    ):
        items = api.get(f"/v1/observed/projects?{query}")["items"]
        assert [project["native_id"] for project in items] == found, query
    one = api.get("/v1/observed/projects/verra-projects/9001")
    assert (one["estimated_annual_kg"], one["capacity_w"], one["status_raw"]) == (12_345_000, 7_500_000, "Registered")
    assert api.get("/v1/observed/projects/verra-projects/1", 404)["kind"] == "not_found"
    assert api.get("/v1/observed/projects?status=happy", 422)
    assert api.get("/v1/observed/projects?colour=red", 400)

    retired = api.get("/v1/observed/retirements?serial_programme=gold-standard&serial=150")["items"]
    assert [(block["project"], block["quantity_kg"], block["serials"]["first"]) for block in retired] == [
        ("9100", 100_000, 101)
    ]
    assert api.get("/v1/observed/retirements?serial=201")["items"] == []
    assert api.get("/v1/observed/issuances")["items"] == []
    assert api.get("/v1/observed/cancellations")["items"] == []
    shown = json.dumps([retired, page, one], ensure_ascii=False)
    assert "张三" not in shown
    assert "private words" not in shown
    assert '"raw"' not in shown

    changes = api.get("/v1/observed/changes?what=gone")["items"]
    assert [(change["native_id"], change["stated_on"]) for change in changes] == [("9003", "2026-06-01")]
    sources = {source["source"]: source for source in api.get("/v1/observed/sources")}
    assert sources["verra-projects"]["attribution"] == "Verra Registry (registry.verra.org)"
    assert (sources["verra-projects"]["known"], sources["verra-projects"]["gone"]) == (3, 1)


def test_etag__changes_with_a_load_and_with_drift(api: Api) -> None:
    tag = api.client.get("/v1/observed/sources").headers["etag"]
    assert api.client.get("/v1/observed/sources", headers={"If-None-Match": tag}).status_code == 304
    with pytest.raises(SchemaDrift):
        api.load(PROJECTS, VERRA_PROJECTS, "2026-06-02", [*headings_of(PROJECTS), "Zz"])
    stopped = api.client.get("/v1/observed/sources", headers={"If-None-Match": tag})
    assert stopped.status_code == 200
    assert {source["source"] for source in stopped.json() if source["stopped"]} == {"verra-projects"}
    api.load(PROJECTS, VERRA_PROJECTS, "2026-06-03")
    assert api.client.get("/v1/observed/sources", headers={"If-None-Match": stopped.headers["etag"]}).status_code == 200
    assert not any(source["stopped"] for source in api.get("/v1/observed/sources"))
