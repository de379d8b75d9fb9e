"""Sharing and inventories where the hub's database is PostgreSQL: the same answers as with SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from adapters.sandbox.postgres_server import PostgresServer
from hub.chain.connection import Node
from hub.db import tables as t
from hub.documents.sealing import as_json
from hub.network.embedded import EmbeddedChain
from mutual_recognition.documents import DocumentKind
from mutual_recognition.periods import calendar_year_of_timestamp
from tests.integration.api_world import SHANGHAI, SUZHOU, World, build_world, document

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("postgres")
    with PostgresServer(folder / "server") as server:
        with server.connect() as connection:
            connection.execute("CREATE DATABASE hub")
        password = server.password_file.read_text(encoding="utf-8").strip()
        url = f"postgresql+psycopg://postgres:{password}@127.0.0.1:{server.port}/hub"
        with EmbeddedChain(folder / "chain", port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
            world = build_world(node, folder, url)
            yield world
            world.hub.reading.dispose()
            world.writing.dispose()


def test_search_feed_and_standing(world: World) -> None:
    def found(query: str) -> list[str]:
        return [one["record"] for one in world.client.get(f"/v1/documents?{query}").json()["items"]]

    assert found("text=光伏") == ["SH-EXAMPLE-01", "PV-1"]
    assert found("text=DISTRIBUTED pv&current=true") == ["SH-EXAMPLE-01"]
    assert found("text=%25") == []
    first = world.client.get("/v1/documents?limit=1").json()["items"][0]
    assert first["record"] not in found(f"since={first['arrived']}")
    etag = world.client.get("/v1/documents").headers["etag"]
    hidden = document(DocumentKind.EVIDENCE, "hidden", {"says": "hidden"}, f"member:{SUZHOU}")
    assert world.client.post("/v1/documents", json=as_json(world.sealed(hidden))).json()["new"] == 1
    assert world.client.get("/v1/documents").headers["etag"] == etag
    assert found("text=hidden") == []


def test_accesses_and_counts(world: World) -> None:
    headers = world.reading_as(world.auditor)
    digest, public = world.documents["auditors"], world.documents["public"]
    world.client.get(f"/v1/documents/{digest}", headers=headers)
    told = world.client.get(f"/v1/accesses?digest={digest}", headers=headers).json()["items"]
    assert told[-1]["how"] == "read"
    accesses = world.hub.documents.accesses
    for _ in range(2):
        world.client.get(f"/v1/documents/{public}")
        accesses.flush()
    assert world.client.get(f"/v1/documents/{public}/reads").json()["reads"] == 2
    assert accesses.prune(world.now()) == 0


def test_inventory(world: World) -> None:
    year = calendar_year_of_timestamp(world.now())
    home = world.client.get(f"/v1/members/{SHANGHAI}/inventory/{year}").json()["home_view"]["totals_kg"]
    assert (home["issued"], home["retired"], home["cut"], home["closing"]) == (100_000, 5_000, 4_000, 91_000)


def test_reading_transaction__answers_as_of_one_moment(world: World) -> None:
    count = select(func.count()).select_from(t.documents)
    with world.hub.reading.connect() as reader:
        before = reader.execute(count).scalar_one()
        added = document(DocumentKind.EVIDENCE, "added meanwhile", {"says": "meanwhile"})
        assert world.client.post("/v1/documents", json=as_json(world.sealed(added))).json()["new"] == 1
        assert reader.execute(count).scalar_one() == before
    with world.hub.reading.connect() as reader:
        assert reader.execute(count).scalar_one() == before + 1
