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

from hub.chain.keys import LocalSigner, checksum_address
from hub.cli import run
from hub.db import tables as t
from hub.db.engine import open_reading_engine
from hub.demo.cities import HANGZHOU, HEFEI, SHANGHAI, SUZHOU, password_file
from hub.demo.samples import CONVERSION_PPM
from hub.demo.world import remove_world
from hub.errors import ConfigurationWrong
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
        timeout=240,
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


def test_demo__reconciled__a_swap_that_no_total_shows_is_found_and_nothing_stays_held(
    story: dict[str, Any], home: Path
) -> None:
    said = step(story, "reconciled")
    assert set(said["roots"]) >= {"shanghai", "suzhou"}
    assert len(said["found"]) == 2
    assert said["held_blocks"] == 2
    with projections(home) as connection:
        marks = connection.execute(select(func.sum(t.unit_blocks.c.holds))).scalar_one()
        kept = connection.execute(
            select(t.reconciliations.c.status).where(t.reconciliations.c.reconciliation == said["reconciliation"])
        ).scalars()
        assert (marks, sorted(kept)) == (0, [6, 99])


def test_demo__crossing__only_the_difference_is_cut(story: dict[str, Any], home: Path) -> None:
    crossing = step(story, "crossing")
    there, back = crossing["shanghai_to_suzhou"], crossing["suzhou_to_shanghai"]
    assert there["cut_kg"] == 0
    assert there["arrived_kg"] == there["sent_kg"]
    assert back["factor_ppm"] == CONVERSION_PPM
    assert back["arrived_kg"] == kept_serials(back["sent_kg"] // 1000, CONVERSION_PPM, 1_000_000) * 1000
    assert back["arrived_kg"] + back["cut_kg"] == back["sent_kg"]
    b = t.unit_blocks.c
    with projections(home) as connection:
        query = select(func.sum(b.last - b.first + 1)).where(b.purpose == Purpose.CONVERSION_CUT.value)
        assert connection.execute(query).scalar_one() * 1000 == back["cut_kg"]


def test_demo__hefei__voted_no_and_takes_nothing_in(story: dict[str, Any], home: Path) -> None:
    assert step(story, "hefei")["refusal"]["chain_error"] == "NotRecognised"
    b, r = t.unit_blocks.c, t.recognitions.c
    with projections(home) as connection:
        held = connection.execute(select(func.count()).where(b.holder == HEFEI.member)).scalar_one()
        recognised = connection.execute(select(func.count()).where(r.member == HEFEI.member)).scalar_one()
    assert (held, recognised) == (0, 0)


def test_demo__votes_that_must_not_count__are_refused_by_name(story: dict[str, Any]) -> None:
    forged = step(story, "recognition")["forged_votes"]
    assert [one["chain_error"] for one in forged.values()] == [
        "NotOfficer",
        "NotOfficer",
        "NotOfficer",
        "RevisionStale",
        "BallotClosed",
    ]


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
    assert told["held"] == {city: held.count(city) for city in ("shanghai", "suzhou")}


def test_demo__keys__of_others_are_refused(story: dict[str, Any]) -> None:
    refused = step(story, "keys")["refused"]
    assert len(refused) == 4
    assert {one["chain_error"] for one in refused.values()} == {"NotOfficer"}


def test_demo__retirements__lie_with_who_retired(story: dict[str, Any], home: Path) -> None:
    r = t.retirements.c
    with projections(home) as connection:
        rows = connection.execute(select(r.holder, func.sum(r.kg)).group_by(r.holder)).all()
        claimants = set(connection.execute(select(r.claimant)).scalars())
    retired = {holder: int(kg) for holder, kg in rows}
    assert retired == {
        SUZHOU.member: step(story, "retirement")["retired_kg"],
        HANGZHOU.member: step(story, "by_hand")["retired_kg"],
    }
    assert claimants == {SUZHOU.member, HANGZHOU.member}
    assert step(story, "retirement")["home_told_kg"] == retired[SUZHOU.member]


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
        give_up = time.monotonic() + 60
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
    assert json.loads(said)["api"] == f"http://127.0.0.1:{port}/v1/"


def test_demo__a_folder_that_is_no_demo__stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "something.txt").write_text("mine")
    with pytest.raises(ConfigurationWrong) as refused:
        remove_world(tmp_path)
    assert refused.value.code == "not_a_demo"
    assert (tmp_path / "something.txt").read_text() == "mine"
