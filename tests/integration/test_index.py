"""The index on a real chain: the same projections however it came to them, and nothing written that does not belong."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select

from hub.bootstrap import open_index
from hub.chain.connection import Node
from hub.chain.deployment import deploy
from hub.chain.enums import BallotKind
from hub.chain.follow import BlockRange, ranges
from hub.chain.keys import LocalSigner
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong, StopAndTell
from hub.index import indexer as indexer_module
from hub.index.indexer import Indexer
from hub.index.queries_serials import life_of
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from tests.integration.consortium import SHANGHAI, SUZHOU, City, Hub, constitution, logs, methodology, series


@pytest.fixture
def history(city: Callable[[int], City]) -> Hub:
    """A chain on which something of most kinds happened."""
    shanghai, suzhou = city(SHANGHAI), city(SUZHOU)
    shanghai.begin()
    suzhou.begin()
    shanghai.registry.write("retirement", "R1", {"serials": [300, 399]})
    shanghai.registry.write("transfer", "T1", {"serials": [1, 100], "to": SUZHOU})
    shanghai.registry.write("transfer", "T2", {"serials": [500, 600], "to": SUZHOU})
    shanghai.registry.write("correction", "C1", {"serials": [700, 701]})
    shanghai.sync()
    suzhou.sync()
    hub = shanghai.hub
    hub.recognise(
        ids.subject(ids.Kind.METHODOLOGY, methodology(SHANGHAI)), [SUZHOU, SHANGHAI], no=[SHANGHAI], factorPpm=500_000
    )
    for number, incoming in enumerate(suzhou.registry.booked("transfer_incoming")):
        transfer = incoming["detail"]["transfer"]
        suzhou.registry.write("decision", f"D{number}", {"transfer": transfer, "accept": number == 0})
    suzhou.sync()
    return hub


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'other.sqlite'}"


def indexer_on(hub: Hub, url: str) -> tuple[Indexer, Engine]:
    engine = open_engine(url, durable=False)
    indexer = Indexer(engine, hub.node, hub.deployment)
    indexer.prepare()
    return indexer, engine


def in_pieces(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """From now on ranges hold at most so many blocks."""

    def small(node: Node, start: int, parent: str | None, addresses: list[str]) -> Any:
        return ranges(node, start, parent, addresses, most_blocks=most)

    monkeypatch.setattr(indexer_module, "ranges", small)


def test_following_in_one_range_in_small_ones_and_rebuilding__one_digest(
    history: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = indexer_on(history, f"sqlite:///{tmp_path / 'whole.sqlite'}")
    whole.follow()
    digest = whole.digest()
    assert digest.rows["unit_blocks"] > 8
    assert {digest.rows[name] for name in ("votes", "ballots", "transfers", "cancellations")} == {3, 1, 2}
    for most in (1, 3):
        with monkeypatch.context() as patch:
            in_pieces(patch, most)
            pieces, _ = indexer_on(history, f"sqlite:///{tmp_path / f'by{most}.sqlite'}")
            pieces.follow()
            assert pieces.digest() == digest
            assert pieces.rebuild() == digest
            assert pieces.rebuild(from_chain=True) == digest
    assert whole.rebuild() == digest


def test_digest__tells_a_changed_value(history: Hub, database: str, tmp_path: Path) -> None:
    indexer, _ = indexer_on(history, database)
    indexer.follow()
    before = indexer.digest()
    with sqlite3.connect(tmp_path / "other.sqlite") as db:
        db.execute("UPDATE unit_blocks SET holder = 1 WHERE first = 300")
    after = indexer.digest()
    assert after.total != before.total
    assert [name for name in before.tables if before.tables[name] != after.tables[name]] == ["unit_blocks"]
    assert indexer.rebuild() == before


def test_projections__the_contracts_views_say_the_same(history: Hub, database: str) -> None:
    indexer, engine = indexer_on(history, database)
    indexer.follow()
    with engine.connect() as connection:
        blocks = connection.execute(select(t.unit_blocks)).mappings().all()
        transfers = connection.execute(select(t.transfers)).mappings().all()
        standing = connection.execute(select(t.recognitions)).mappings().all()
        declined = connection.execute(select(t.declined.c.member)).scalars().all()
    for block in blocks:
        view = history.read("CreditLedger", "getBlock", [block["series"], block["first"]])
        names = {"last": "last", "issuance": "issuance", "holder": "holder", "status": "status", "entry": "entry"}
        assert {name: block[name] for name in names} == {name: view[name] for name in names}
        assert (block["factor_ppm"], block["purpose"]) == (view["factorPpm"], view["purpose"])
    for transfer in transfers:
        view = history.read("CreditLedger", "getTransfer", [transfer["transfer"]])
        assert (transfer["status"], transfer["to_member"], transfer["first"]) == (
            view["status"],
            view["to"],
            view["first"],
        )
    for row in standing:
        assert history.read("Recognition", "getStanding", [row["subject"], row["member"]])["terms"] == row["terms"]
    assert declined == [SHANGHAI]


# -------------------------------------------------------------------- two at once


def test_two_indexers_on_one_database__one_picture(
    history: Hub, city: Callable[[int], City], database: str, tmp_path: Path
) -> None:
    """Each keeps rows in memory; what the other wrote meanwhile must not be overwritten from there."""
    one, _ = indexer_on(history, database)
    two, _ = indexer_on(history, database)
    shanghai = city(SHANGHAI)
    followers = [one, two]
    for turn in range(4):
        followers[turn % 2].follow()
        first = 990 - 10 * turn  # from the end, so that the block that stays keeps its name
        shanghai.registry.write("retirement", f"more {turn}", {"serials": [first, first + 4]})
        shanghai.sync()
        followers[(turn + 1) % 2].follow()
        shanghai.registry.write("transfer", f"out {turn}", {"serials": [first + 5, first + 9], "to": SUZHOU})
        shanghai.sync()
    one.follow()
    two.follow()
    fresh, _ = indexer_on(history, f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    fresh.follow()
    assert one.digest() == two.digest() == fresh.digest()


def test_range_applied_meanwhile_by_another__dropped_and_read_again(
    history: Hub, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, engine = indexer_on(history, database)
    two, _ = indexer_on(history, database)
    plain = ranges
    raced: list[int] = []

    def slow(*arguments: Any) -> Any:
        for piece in plain(*arguments):
            if not raced:
                raced.append(piece.first)
                two.follow()
            yield piece

    monkeypatch.setattr(indexer_module, "ranges", slow)
    before = logs(engine)
    one.follow()
    assert raced
    assert before == 0
    assert one.digest() == two.digest()
    assert one.rebuild() == two.digest()


# -------------------------------------------------------------------- what must not get in


def test_log_that_cannot_be_decoded__stops_and_nothing_of_its_range_is_written(
    history: Hub, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ranges

    def spoilt(*arguments: Any) -> Any:
        for piece in plain(*arguments):
            bad = replace(piece.logs[-1], topics=("0x" + "ab" * 32,))
            yield BlockRange(piece.headers, (*piece.logs[:-1], bad))

    indexer, engine = indexer_on(history, database)
    with monkeypatch.context() as patch:
        patch.setattr(indexer_module, "ranges", spoilt)
        with pytest.raises(StopAndTell, match="cannot be read"):
            indexer.follow()
    assert logs(engine) == 0
    assert indexer.block() == history.deployment.first_block - 1
    indexer.follow()
    assert indexer.digest().rows["members"] == 4


def test_log_without_what_it_speaks_of__stops_with_its_place(
    history: Hub, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ranges

    def holed(*arguments: Any) -> Any:
        for piece in plain(*arguments):
            ledger = history.deployment.address("CreditLedger")
            first = next(at for at, log in enumerate(piece.logs) if log.address == ledger and len(log.topics) == 4)
            yield BlockRange(piece.headers, (*piece.logs[:first], *piece.logs[first + 1 :]))

    indexer, engine = indexer_on(history, database)
    monkeypatch.setattr(indexer_module, "ranges", holed)
    with pytest.raises(StopAndTell) as stopped:
        indexer.follow()
    assert stopped.value.code == "index_inconsistent"
    assert logs(engine) == 0


def test_database_of_another_deployment__refused(history: Hub, database: str) -> None:
    indexer, _ = indexer_on(history, database)
    indexer.follow()
    other = deploy(history.node, LocalSigner.random(), constitution(history.signers))
    with pytest.raises(ConfigurationWrong) as refused:
        indexer_on(Hub(history.node, other, history.signers), database)
    assert refused.value.code == "index_of_another_chain"
    assert "deployment_digest" in refused.value.message


def test_node_of_another_chain__stops(history: Hub, database: str) -> None:
    elsewhere = replace(history.deployment, genesis_hash="0x" + "00" * 32)
    with pytest.raises(StopAndTell) as stopped:
        indexer_on(Hub(history.node, elsewhere, history.signers), database)
    assert stopped.value.code == "another_chain"


# -------------------------------------------------------------------- reorganised


def test_blocks_lost__rolled_back__and_followed_again(
    history: Hub, city: Callable[[int], City], database: str, tmp_path: Path
) -> None:
    indexer, engine = indexer_on(history, database)
    indexer.follow()
    before, height = indexer.digest(), indexer.block()
    snapshot = history.node.rpc.call("evm_snapshot")
    shanghai = city(SHANGHAI)
    shanghai.registry.write("retirement", "lost", {"serials": [800, 810]})
    shanghai.sync()
    indexer.follow()
    assert indexer.digest().total != before.total
    assert history.node.rpc.call("evm_revert", snapshot)
    assert indexer.follow().block == height
    assert indexer.digest() == before
    with engine.connect() as connection:
        assert max(connection.execute(select(t.raw_logs.c.block_number)).scalars()) <= height
    history.send(SUZHOU, "CreditLedger", "registerSeries", [SUZHOU, "0x" + "77" * 32, 1, "0x" + "78" * 32])
    indexer.follow()
    fresh, _ = indexer_on(history, f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    fresh.follow()
    assert fresh.digest() == indexer.digest()


@pytest.mark.parametrize("longer_by", [-1, 0, 3])
def test_blocks_replaced__the_new_ones_count(history: Hub, database: str, tmp_path: Path, longer_by: int) -> None:
    """The other branch is shorter, as long, or longer: told by hash, not by height."""
    indexer, _ = indexer_on(history, database)
    snapshot = history.node.rpc.call("evm_snapshot")

    def write(code: str) -> None:
        native, request = ids.native_key("branch", code), ids.native_key("request", code)
        history.send(SUZHOU, "CreditLedger", "registerSeries", [SUZHOU, native, 1, request])

    for number in range(3):
        write(f"lost {number}")
    indexer.follow()
    assert history.node.rpc.call("evm_revert", snapshot)
    history.node.rpc.call("evm_increaseTime", 7)
    for number in range(3 + longer_by):
        write(f"kept {number}")
    indexer.follow()
    fresh, _ = indexer_on(history, f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    fresh.follow()
    assert indexer.digest() == fresh.digest()
    assert indexer.digest().rows["series"] == 2 + 3 + longer_by


def test_chain_without_our_registers_at_the_same_address__stops_and_keeps_what_it_has(
    shared_hub: Hub, tmp_path: Path
) -> None:
    """An embedded chain was thrown away and begun anew: everything the index has would seem lost."""
    node = shared_hub.node
    snapshot = node.rpc.call("evm_snapshot")
    indexer, engine = indexer_on(shared_hub, f"sqlite:///{tmp_path / 'index.sqlite'}")
    indexer.follow()
    before = indexer.digest()
    with EmbeddedChain(tmp_path / "new", port=0) as chain, Node(chain.rpc_url) as another:
        indexer._node = another
        with pytest.raises(StopAndTell) as stopped:
            indexer.follow()
    assert stopped.value.code == "another_chain"
    assert logs(engine) > 0
    assert indexer.digest() == before
    assert node.rpc.call("evm_revert", snapshot)


# -------------------------------------------------------------------- killed


CHILD = """
import os, signal, sys
from pathlib import Path
from hub.bootstrap import open_index
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.index.indexer import Indexer
from hub.index.rows import Rows
file, url, database = sys.argv[1:]
plain = Rows.flush
def flush(self):
    plain(self)
    os.kill(os.getpid(), signal.SIGKILL)
Rows.flush = flush
with Node(url) as node, open_index(node, Deployment.load(Path(file)), database) as index:
    index.indexer.follow()
"""


def test_killed_in_the_middle_of_a_range__nothing_of_it_is_there__and_it_goes_on(
    history: Hub, database: str, tmp_path: Path
) -> None:
    """Everything of the range was written and nothing committed when the process is killed."""
    file = tmp_path / "deployment.json"
    history.deployment.save(file)
    root = Path(__file__).resolve().parents[2]
    arguments = [sys.executable, "-c", CHILD, str(file), history.node.rpc.url, database]
    ended = subprocess.run(arguments, cwd=root, timeout=60, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    indexer, engine = indexer_on(history, database)
    assert logs(engine) == 0
    assert set(indexer.digest().rows.values()) == {0}
    indexer.follow()
    assert indexer.rebuild(from_chain=True) == indexer.digest()
    assert indexer.digest().rows["members"] == 4


def test_killed_at_any_moment_of_following__consistent(history: Hub, database: str, tmp_path: Path) -> None:
    """Real kills at random moments, ranges of one block; what is there always belongs to the cursor beside it."""
    file = tmp_path / "deployment.json"
    history.deployment.save(file)
    small = CHILD.replace(
        "plain = Rows.flush",
        "from hub.index import indexer as m\n"
        "from hub.chain.follow import ranges\n"
        "m.ranges = lambda *a: ranges(*a, most_blocks=1)\n"
        "plain = Rows.flush",
    ).replace("    os.kill(os.getpid(), signal.SIGKILL)", "    import time; time.sleep(0.05)")
    root = Path(__file__).resolve().parents[2]
    for wait in (0.15, 0.5):
        arguments = [sys.executable, "-c", small, str(file), history.node.rpc.url, database]
        child = subprocess.Popen(arguments, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + 20
        while not (tmp_path / "other.sqlite-wal").exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(20)
        with open_index(history.node, history.deployment, database) as index:
            if index.indexer.block() >= history.deployment.first_block:
                assert index.indexer.rebuild() == index.indexer.digest()
    with open_index(history.node, history.deployment, database) as index:
        index.indexer.follow()
        assert index.indexer.rebuild(from_chain=True) == index.indexer.digest()
        assert index.indexer.block() == history.node.head().number


# -------------------------------------------------------------------- migrations


def test_migrated_schema__is_the_tables_of_the_program(tmp_path: Path) -> None:
    """A fresh database is made by the migrations alone, so what they make and what the program reads must agree."""
    migrated = open_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    migrate(migrated)
    direct = open_engine(f"sqlite:///{tmp_path / 'direct.sqlite'}")
    t.metadata.create_all(direct)

    def shape(engine: Engine) -> dict[str, Any]:
        look = inspect(engine)
        return {
            table: {
                "columns": {
                    c["name"]: (str(c["type"]), c["nullable"], c.get("primary_key")) for c in look.get_columns(table)
                },
                "indexes": sorted((i["name"] or "", tuple(i["column_names"])) for i in look.get_indexes(table)),
            }
            for table in look.get_table_names()
            if table != "alembic_version"
        }

    assert shape(migrated) == shape(direct)


def test_migrating_again__nothing_changes(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    migrate(engine)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    migrate(engine)
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == revision


def test_database_of_a_newer_program__refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "hub.sqlite"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE alembic_version SET version_num = 'ffff_from_the_future'")
    with pytest.raises(ConfigurationWrong) as refused:
        migrate(engine)
    assert refused.value.code == "database_newer"
    assert "ffff_from_the_future" in str(refused.value)


def test_serial__its_whole_life(history: Hub, database: str) -> None:
    indexer, engine = indexer_on(history, database)
    indexer.follow()
    name = "0x" + series(SHANGHAI).hex()
    with engine.connect() as connection:
        lives = {serial: life_of(connection, name, serial) for serial in (1, 100, 350, 550, 700, 2000)}
    told = {serial: life and [event["event"] for event in life.events] for serial, life in lives.items()}
    assert told == {
        1: ["issued", "transfer_proposed", "transfer_accepted"],
        100: ["issued", "transfer_proposed", "cut"],
        350: ["issued", "retired"],
        550: ["issued", "transfer_proposed", "transfer_rejected"],
        700: ["issued", "corrected"],
        2000: None,
    }
    ended = {serial: (bool(life.retirement), bool(life.cancellation)) for serial, life in lives.items() if life}
    assert [serial for serial, ends in ended.items() if ends == (True, False)] == [350]
    assert [serial for serial, ends in ended.items() if ends == (False, True)] == [100, 700]


def test_ballot_of_every_kind_has_a_rule_in_the_index(history: Hub, database: str) -> None:
    indexer, engine = indexer_on(history, database)
    indexer.follow()
    with engine.connect() as connection:
        assert set(connection.execute(select(t.ballot_rules.c.kind)).scalars()) == {int(kind) for kind in BallotKind}
