"""Replay of the CDM registry: reconciles, writes nothing twice, takes a later month, and lists what it cannot place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from adapters.cdm import sample
from adapters.cdm.expected import expected
from hub.bootstrap import OpenIndex
from hub.chain.keys import LocalSigner
from hub.cli import run
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.replay import ReplayResult, open_replay, reconcile, replay_cdm
from mutual_recognition.identifiers import FIRST_PROGRAMME


class Replay:
    """One replay's home, opened; `run` replays a folder as the command does."""

    def __init__(self, index: OpenIndex, registrar: LocalSigner, home: Path) -> None:
        self.index = index
        self.registrar = registrar
        self.home = home

    def run(self, folder: Path) -> ReplayResult:
        return replay_cdm(self.index, self.registrar, self.home, folder, lambda *_: None, time.monotonic)

    def transactions(self) -> int:
        """How many the registrar has sent."""
        return self.index.node.nonce(self.registrar.address)


@contextmanager
def opened(home: Path) -> Iterator[Replay]:
    with open_replay(home) as (index, registrar):
        yield Replay(index, registrar, home)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """One chain for the tests that follow one another in a registry's life."""
    with opened(tmp_path_factory.mktemp("replay")) as replay:
        yield replay


def test_sample__life_of_a_registry(replay: Replay, tmp_path: Path) -> None:
    """First month, the same again, the next month, the same again."""
    june, july = tmp_path / "june", tmp_path / "july"
    sample.write_sample(june)
    first = replay.run(june)
    assert first.agrees, first.to_json()
    assert (first.unplaced, first.unread) == ([], ())
    by_party = {party.party: party for party in first.parties}
    assert set(by_party) == {"XA", "XB"}
    xa, xb = by_party["XA"], by_party["XB"]
    assert (xa.issuances, xa.issued_t, xa.remaining_t) == (4, 3700, 3700 - 201 - 200)
    assert (xa.voluntarily_cancelled_t, xa.administratively_cancelled_t) == (201, 200)
    assert (xb.issued_t, xb.voluntarily_cancelled_t, xb.remaining_t) == (500, 500, 0)

    sent, digest = replay.transactions(), replay.index.indexer.digest()
    again = replay.run(june)
    assert (again.agrees, again.report.written, again.report.read) == (True, 0, 0)
    assert replay.transactions() == sent
    assert replay.index.indexer.digest().tables == digest.tables

    sample.write_sample(july, "2020-07", next_month=True)
    later = replay.run(july)
    assert later.agrees, later.to_json()
    new = later.report.written
    assert 2 <= new <= 6, "an issuance with its verification, a project and a cancellation are new; nothing else is"
    assert replay.index.indexer.digest().rows["issuances"] == digest.rows["issuances"] + 1
    assert replay.index.indexer.digest().rows["retirements"] == digest.rows["retirements"] + 1
    sent = replay.transactions()
    assert replay.run(july).report.written == 0
    assert replay.transactions() == sent


def test_later_month__project_told_otherwise__amended_and_nothing_else(tmp_path: Path) -> None:
    """A later project list has another title for one project, and lists the one that was missing."""
    june, july = tmp_path / "june", tmp_path / "july"
    sample.write_sample(june)
    sample.write_sample(july, "2020-07")
    told = sample.PROJECT_LIST.replace("phase 1", "phases 1 and 2")
    told += '21/01/2020,"Illustrative biogas, listed late",Xanadu,,AMS-III.D. ver. 9,300,0003\n'
    (july / "projects.csv").write_bytes(told.encode("cp1252"))
    with opened(tmp_path / "home") as replay:
        assert replay.run(june).agrees
        later = replay.run(july)
        assert later.agrees, later.to_json()
        with replay.index.reader.connect() as connection:
            revisions = sorted(connection.execute(select(t.projects.c.revision)).scalars())
        assert revisions == [1, 2, 2]
        # the two amendments, and the methodology that the newly listed project is under
        assert later.report.written == 3
        assert replay.run(july).report.written == 0


def test_reconciliation__does_not_lean_on_the_ledger(replay: Replay, tmp_path: Path) -> None:
    """Another month's files beside the same chain do not agree, and say for which party."""
    sample.write_sample(tmp_path / "june")
    sample.write_sample(tmp_path / "july", "2020-07", next_month=True)
    replay.run(tmp_path / "june")
    results = {party.party: party for party in reconcile(replay.index, expected(tmp_path / "july"))}
    own = {party.party: party.agrees for party in reconcile(replay.index, expected(tmp_path / "june"))}
    assert results["XA"].agrees
    assert own["XA"]
    assert results["XB"].agrees != own["XB"]


def test_reconciliation__one_serial_elsewhere__told(replay: Replay, tmp_path: Path) -> None:
    """A damaged index whose totals still agree: the serials do not."""
    sample.write_sample(tmp_path / "july", "2020-07", next_month=True)
    assert replay.run(tmp_path / "july").agrees
    engine = open_engine(f"sqlite:///{replay.home / 'hub.sqlite'}", durable=False)
    swap = (
        "UPDATE unit_blocks SET status = :to, purpose = :purpose "
        "WHERE first = :first AND last - first = 99 AND status = :was"
    )
    with engine.begin() as connection:
        moved = connection.execute(text(swap), {"to": 1, "purpose": 0, "first": 101, "was": 4}).rowcount
        moved += connection.execute(text(swap), {"to": 4, "purpose": 6, "first": 3001, "was": 1}).rowcount
    assert moved >= 1
    again = replay.run(tmp_path / "july")
    assert not again.agrees
    assert [party.party for party in again.parties if not party.agrees] == ["XA"]
    replay.index.indexer.rebuild()
    assert replay.run(tmp_path / "july").agrees
    engine.dispose()


def test_rows_that_cannot_be_placed__listed_with_file_row_and_reason__the_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    sample.write_sample(folder)
    bad = [
        sample.issuance_row("2020-06-01T10:00:00", "900 - 1100", "XA", 1, 201),  # overlaps
        sample.issuance_row("2020-06-01T10:00:01", "5000 - 4000", "XA", 1, 1000),  # inverted
        sample.issuance_row("2020-06-01T10:00:02", "6000 - 6009", "XA", 1, 11),  # quantity
    ]
    sample.write_workbook(
        folder / "issuances_2020-06.xlsx",
        "Illustrative issuances",
        [sample.ISSUANCE_HEADER, *sample.ISSUANCES, *bad],
    )
    with opened(tmp_path / "home") as replay:
        result = replay.run(folder)
        assert not result.agrees
        assert len(result.unplaced) + len(result.unread) >= 3
        told = [f"{row.source} {row.record} {row.code} {row.reason}" for row in result.unplaced]
        assert all("issuances_2020-06.xlsx" in row for row in told), told
        for needle in ("range_overlaps", "5000", "6000"):
            assert any(needle in row for row in told), (needle, told)
        assert replay.index.indexer.digest().rows["issuances"] == len(sample.ISSUANCES)
        assert replay.index.indexer.digest().rows["retirements"] == len(sample.VOLUNTARY)
        assert len(replay.run(folder).unplaced) == len(result.unplaced)
        sample.write_sample(folder, "2020-07", next_month=True)  # without the rows that could not be read
        assert [row.code for row in replay.run(folder).unplaced] == ["range_overlaps"]


def test_programme_member__verifications_are_marked_as_without_period(replay: Replay, tmp_path: Path) -> None:
    sample.write_sample(tmp_path / "june")
    replay.run(tmp_path / "june")
    v, r = t.verifications.c, t.retirements.c
    with replay.index.reader.connect() as connection:
        assert set(connection.execute(select(v.period_stated)).scalars()) == {False}
        assert set(connection.execute(select(r.claimant)).scalars()) == {0}
        assert set(connection.execute(select(r.holder)).scalars()) == {FIRST_PROGRAMME}


@pytest.mark.slow
def test_command__json_gives_what_the_table_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports, home = tmp_path / "reports", tmp_path / "home"
    sample.write_sample(reports)
    command = ["--home", str(home), "replay", "cdm", str(reports)]
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["agrees"], told["totals"]["parties"], told["totals"]["issued_t"]) == (True, 2, 4200)
    assert told["this_run"]["written"] > 0
    assert run(command) == 0
    shown = capsys.readouterr().out
    for name in ("issued_t", "voluntarily_cancelled_t", "administratively_cancelled_t", "remaining_t"):
        assert f"{told['totals'][name]:,}" in shown
    assert " 0 written" in shown


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whole_registry__reconciles_to_the_last_tonne(published_data: Path, tmp_path: Path) -> None:
    """The figures of the published reports of August 2023, as issue 3 states them."""
    folder = published_data / "cdm"
    if not folder.is_dir():
        pytest.skip("published registry data is not on this machine: cdm")
    with opened(tmp_path / "home") as replay:
        result = replay.run(folder)
        assert result.agrees, [party.party for party in result.parties if not party.agrees]
        assert (result.unplaced, result.unread) == ([], ())
        totals = result.to_json()["totals"]
        assert (totals["parties"], totals["issuances"], totals["issued_t"]) == (82, 12_513, 2_416_896_868)
        assert totals["voluntarily_cancelled_t"] == 163_497_417
        rows = replay.index.indexer.digest().rows
        assert rows["retirements"] >= 26_579
        again = replay.run(folder)
        assert (again.report.read, again.report.written) == (0, 0)
