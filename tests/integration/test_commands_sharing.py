"""`yrdhub share` and `yrdhub inventory` as cities type them, with the hub's own database and over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select

from hub.api.app import create_app
from hub.cli import run
from hub.commands.api import open_hub
from hub.db import tables as t
from hub.demo.cities import HANGZHOU, HEFEI, SHANGHAI, SUZHOU
from hub.settings import load_settings
from mutual_recognition.identifiers import methodology_id, native_key
from mutual_recognition.periods import UTC_PLUS_8, Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import (
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    Retirement,
    SeriesName,
    SeriesRegistration,
    Verification,
)
from mutual_recognition.serials import SerialRange
from tests.integration.command_home import Commands, Home, founded

pytestmark = pytest.mark.slow

REGISTRY = "hangzhou-illustrative"
DEFINITION = {
    "inputs": {"generation": {"unit": "kWh"}},
    "parameters": {
        "factor": {"unit": "kg/kWh", "illustrative": True, "values": [{"from": "2024-01-01", "value": "0.42"}]}
    },
    "formula": "generation * factor",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Hangzhou has filed, issued 1,000 serials of 1 kg, and retired 40 of them."""
    with founded(tmp_path_factory.mktemp("sharing")) as home:
        key = MethodologyKey("DEMO-HZ-01", "V1")
        with home.desk(HANGZHOU, REGISTRY) as desk:
            for record in (
                MethodologyFiling(
                    native_id="FF-1",
                    key=key,
                    valid_from=date(2024, 1, 1),
                    definition=DEFINITION,
                    content={"title_zh": "分布式光伏（示例）", "title_en": "Distributed PV (illustrative)"},
                ),
                ProjectRegistration(
                    native_id="XM-1",
                    methodology=key,
                    crediting=Period(date(2024, 1, 1), date(2030, 12, 31)),
                    declaration={"other_mechanism": "none"},
                ),
                SeriesRegistration(code="DEMO-HZ", kg_per_serial=1),
                Verification(
                    native_id="HZ-1",
                    project="XM-1",
                    period=Period(date(2024, 1, 1), date(2024, 12, 31)),
                    verified_kg=1_000,
                ),
                Issuance(
                    native_id="QF-1",
                    series="DEMO-HZ",
                    serials=SerialRange(1, 1_000),
                    quantity_kg=1_000,
                    verification="HZ-1",
                    vintage=2024,
                ),
                Retirement(
                    native_id="ZX-1",
                    series=SeriesName(code="DEMO-HZ"),
                    serials=SerialRange(1, 40),
                    quantity_kg=40,
                    purpose=Purpose.VOLUNTARY,
                    beneficiary=b"b" * 32,
                ),
            ):
                assert desk.carry_out(record).written
        yield home


@pytest.fixture
def yrdhub(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(home, capsys, monkeypatch)


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The API of the home, on a port of its own."""
    hub = open_hub(load_settings(home.folder))
    server = uvicorn.Server(uvicorn.Config(create_app(hub), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        give_up = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        [socket] = server.servers[0].sockets
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        hub.writing.dispose()
        hub.reading.dispose()


def parameter_file(folder: Path, record: str, value: str) -> Path:
    file = folder / f"{record}.json"
    one = {
        "symbol": "EF_grid",
        "value": value,
        "unit": "kgCO2e/kWh",
        "effective_from": "2024-04-01",
        "source": "illustrative",
        "status": "illustrative",
        "uncertainty": {"lower": "0.40", "upper": "0.44", "confidence_percent": "95"},
    }
    told = {"record": record, "title_zh": "电网排放因子（示例）", "parameters": [one]}
    file.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return file


@pytest.mark.parametrize("over_http", [False, True])
def test_share__from_one_city_to_another__every_command(
    home: Home, yrdhub: Commands, tmp_path: Path, over_http: bool
) -> None:
    record = f"EF-{'http' if over_http else 'local'}"
    with served(home) as url:
        hub = ["--hub", url] if over_http else []
        audience = f"member:{SUZHOU.member}"
        sharing = ("--kind", "parameters", "--audience", audience, "--registry", "shanghai", *hub)
        file = parameter_file(tmp_path, record, "0.42")
        [first] = yrdhub(SHANGHAI, "share", "publish", file, *sharing)["published"]
        [again] = yrdhub(SHANGHAI, "share", "publish", file, *sharing)["published"]
        assert (first["version"], first["new"], again["digest"], again["new"]) == (1, True, first["digest"], False)

        def search(city: Any) -> list[str]:
            told = yrdhub(city, "share", "search", "电网排放", "--from", "上海", "--kind", "parameters", *hub)
            return [one["digest"] for one in told["documents"] if one["record"] == record]

        assert search(SUZHOU) == [first["digest"]]
        assert search(HEFEI) == []
        code, told = yrdhub.attempt(HEFEI, "share", "show", first["digest"], *hub)
        assert (code, told["error"]) == (65, "document_unknown")

        yrdhub(SUZHOU, "share", "subscribe", "--kind", "parameters", "--from", "Shanghai")
        assert yrdhub(SUZHOU, "share", "pull", *hub)["new"] >= 1
        assert yrdhub(SUZHOU, "share", "pull", *hub)["new"] == 0
        yrdhub(SHANGHAI, "share", "publish", parameter_file(tmp_path, record, "0.41"), *sharing)
        assert yrdhub(SUZHOU, "share", "pull", *hub) == {"new": 1, "known": 0, "refused": []}
        versions = {
            one["version"]: one for one in yrdhub(SUZHOU, "share", "inbox")["documents"] if one["record"] == record
        }
        newest = versions[2]["digest"]
        assert versions[1]["superseded_by"] == newest
        yrdhub(SHANGHAI, "share", "withdraw", first["digest"], "--reason", "replaced by version 2", *hub)
        yrdhub(SUZHOU, "share", "pull", *hub)
        code, told = yrdhub.attempt(SUZHOU, "share", "import", first["digest"], "--out", tmp_path / "w.json", *hub)
        assert (code, told["error"]) == (65, "document_withdrawn")

        out = tmp_path / "mine.json"
        yrdhub(SUZHOU, "share", "import", newest, "--out", out, "--as", "parameters-draft", *hub)
        assert json.loads(out.read_text())["lineage"][0]["digest"] == newest
        own = ("--kind", "parameters", "--audience", "public", *hub)
        assert yrdhub(SUZHOU, "share", "publish", out, *own)["published"][0]["new"]

        told = yrdhub(SHANGHAI, "share", "accesses", "--document", newest, *hub)["accesses"]
        assert {(one["member"], one["how"]) for one in told} >= {(SUZHOU.member, "read"), (SUZHOU.member, "import")}
        assert all(one["member"] != HEFEI.member for one in told)
        assert yrdhub(SUZHOU, "share", "accesses", "--document", newest, *hub)["accesses"] == []
    assert yrdhub(None, "share", "prune-accesses") == {"deleted": 0}
    [number] = [one["number"] for one in yrdhub(SUZHOU, "share", "subscriptions")["subscriptions"]]
    yrdhub(SUZHOU, "share", "unsubscribe", number)
    assert yrdhub(SUZHOU, "share", "subscriptions")["subscriptions"] == []


def test_import_methodology__filed_as_ones_own__with_lineage_on_the_chain(
    home: Home, yrdhub: Commands, tmp_path: Path
) -> None:
    [shared] = yrdhub(SUZHOU, "share", "search", "分布式光伏", "--from", "hangzhou")["documents"]
    draft = tmp_path / "draft.json"
    yrdhub(
        SUZHOU, "share", "import", shared["digest"], "--out", draft, "--as", "methodology-draft",
        "--valid-from", "2026-01-01",
    )  # fmt: skip
    written = json.loads(draft.read_text(encoding="utf-8"))
    assert written["definition"] == DEFINITION
    assert written["adopted_from"]["digest"] == shared["digest"]
    filed = yrdhub(SUZHOU, "registry", "file-methodology", draft, "--registry", "suzhou-illustrative")
    identifier = "0x" + methodology_id(SUZHOU.member, "suzhou-illustrative", "DEMO-HZ-01", "V1").hex()
    assert filed["id"] == identifier
    with home.index() as index, index.reader.connect() as connection:
        lineage = connection.execute(
            select(t.methodologies.c.lineage).where(t.methodologies.c.methodology == identifier)
        ).scalar_one()
    assert lineage == "0x" + native_key(written["lineage"]).hex()
    assert shared["digest"] in written["lineage"]


def test_publish__methodology_and_project_information__imported_by_another_city(
    yrdhub: Commands, tmp_path: Path
) -> None:
    methodology, project, draft = tmp_path / "methodology.json", tmp_path / "project.json", tmp_path / "draft.json"
    words = {
        "record": "FF-shared",
        "code": "SH-EXAMPLE-09",
        "version": "V2",
        "title_zh": "公交出行（示例）",
        "gases": ["CO2"],
        "baseline": "示例",
        "definition": DEFINITION,
    }
    methodology.write_text(json.dumps(words), encoding="utf-8")
    named = {"member": SHANGHAI.member, "registry": "shanghai", "code": "SH-EXAMPLE-09", "version": "V2"}
    facts = {
        "record": "XM-shared",
        "name_en": "Bus (illustrative)",
        "methodology": named,
        "crediting_from": "2026-01-01",
        "crediting_until": "2030-12-31",
        "other_mechanism": "none",
        "ets_site": False,
        "assets": [{"kind": "vehicle", "of_households": False, "count": 40}],
    }
    project.write_text(json.dumps(facts), encoding="utf-8")
    to = ("--audience", "members", "--registry", "shanghai")
    [shared] = yrdhub(SHANGHAI, "share", "publish", methodology, "--kind", "methodology", *to)["published"]
    [about] = yrdhub(SHANGHAI, "share", "publish", project, "--kind", "project-information", *to)["published"]
    found = yrdhub(HEFEI, "share", "search", "bus illustrative", "--kind", "project_information")["documents"]
    assert [one["digest"] for one in found] == [about["digest"]]
    assert found[0]["methodology"] == "0x" + methodology_id(SHANGHAI.member, "shanghai", "SH-EXAMPLE-09", "V2").hex()
    written = yrdhub(
        HEFEI, "share", "import", shared["digest"], "--out", draft, "--as", "methodology-draft", "--version", "HF1"
    )["written"]
    assert (written["definition"], written["version"], written["gases"]) == (DEFINITION, "HF1", ["CO2"])
    assert yrdhub(HEFEI, "registry", "file-methodology", draft, "--registry", "hefei-illustrative")["written"]
    assert yrdhub(None, "share", "search", "公交出行", "--from", "上海")["documents"] == []


def test_publish__csv_of_parameters__a_value_a_row(yrdhub: Commands, tmp_path: Path) -> None:
    file = tmp_path / "factors.csv"
    file.write_text(
        "symbol,value,unit,effective_from,effective_until,source,status,uncertainty_lower,uncertainty_upper\n"
        "EF_rail,0.033,kgCO2e/pkm,2024-01-01,2024-12-31,illustrative,illustrative,0.030,0.036\n"
        "EF_rail,0.035,kgCO2e/pkm,2025-01-01,,illustrative,illustrative,,\n",
        encoding="utf-8-sig",
    )
    options = ("--kind", "parameters", "--audience", "members", "--record", "EF-rail", "--title-zh", "轨道因子（示例）")
    [done] = yrdhub(SHANGHAI, "share", "publish", file, *options)["published"]
    content = yrdhub(HEFEI, "share", "show", done["digest"])["document"]["content"]
    assert [one["value"] for one in content["parameters"]] == ["0.033", "0.035"]
    assert content["parameters"][0]["uncertainty"] == {"lower": "0.030", "upper": "0.036"}
    file.write_text(file.read_text(encoding="utf-8-sig").replace("2024-12-31", ""), encoding="utf-8")
    code, told = yrdhub.attempt(SHANGHAI, "share", "publish", file, *options)
    assert (code, told["error"]) == (65, "shared_content_refused")
    assert "two values in effect on 2025-01-01" in told["message"]


def test_publish__with_a_telephone_number__refused_and_nothing_shared(yrdhub: Commands, tmp_path: Path) -> None:
    file = parameter_file(tmp_path, "EF-personal", "0.42")
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps([told, told | {"record": "EF-2", "notes": "致电 138-0013-8000"}]), encoding="utf-8")
    code, error = yrdhub.attempt(SHANGHAI, "share", "publish", file, "--kind", "parameters", "--audience", "public")
    assert (code, error["error"]) == (65, "personal_data")
    assert "notes" in error["message"]
    assert "0013" not in json.dumps(error)
    found = yrdhub(SHANGHAI, "share", "search", "EF-personal", "--all")["documents"]
    assert found == []


@pytest.mark.parametrize(
    ("audience", "code"), [("everyone", "audience_invalid"), ("member:440000", "audience_invalid")]
)
def test_publish__to_an_audience_that_is_none__refused(
    yrdhub: Commands, tmp_path: Path, audience: str, code: str
) -> None:
    file = parameter_file(tmp_path, "EF-audience", "0.42")
    _, error = yrdhub.attempt(SHANGHAI, "share", "publish", file, "--kind", "parameters", "--audience", audience)
    assert error["error"] == code


# -------------------------------------------------------------------- inventory


def this_year() -> int:
    return datetime.now(UTC_PLUS_8).year


def test_inventory__by_name_of_city__closes_and_agrees_with_the_blocks(yrdhub: Commands) -> None:
    year = this_year()
    told = yrdhub(None, "inventory", "杭州", year)
    assert (told["member"], told["complete"], told["agrees_with_blocks"]) == (HANGZHOU.member, False, True)
    assert told["holder_view"]["totals_kg"] == {
        "opening": 0, "issued": 1_000, "received": 0, "moved_out": 0, "retired": 40, "cancelled": 0, "closing": 960,
    }  # fmt: skip
    [retired] = [line for line in told["home_view"]["lines"] if line["line"] == "retired"]
    assert (retired["purpose"], retired["claimant"], retired["kg"]) == ("voluntary", HANGZHOU.member, 40)
    everyone = yrdhub(None, "inventory", "all", year)
    assert everyone["closes"]
    assert (everyone["issued"], everyone["closing"]) == (1_000, 960)
    code, error = yrdhub.attempt(None, "inventory", "Atlantis", year)
    assert (code, error["error"]) == (65, "member_unknown")


def test_inventory__published__sealed_with_every_kg_as_text(yrdhub: Commands) -> None:
    year = this_year()
    done = yrdhub(HANGZHOU, "inventory", HANGZHOU.member, year, "--publish", member=False)
    content = yrdhub(None, "share", "show", done["digest"])["document"]["content"]
    assert content["holder_view"]["totals_kg"]["closing"] == "960"
    assert all(isinstance(line["kg"], str) for line in content["home_view"]["lines"])
    assert content["home_view"]["since_the_beginning_kg"]["claimed_by_home"] == "40"
    assert content["as_of"]["block"] > 0


def test_inventory__csv__for_spreadsheets(home: Home, yrdhub: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["--home", str(home.folder), "inventory", "330100", str(this_year()), "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "holder,issued,签发,issued,330100,330100,,,,,,1000" in rows
    assert "home,retired,注销,retired,330100,330100,,voluntary,公益注销,voluntary,330100,40" in rows
