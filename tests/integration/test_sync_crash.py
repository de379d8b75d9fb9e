"""Exactly once in effect: the sync is ended at every step, and started again; the chain loses blocks.

Whatever happens, in the end every record has one event on the chain, every effect one booking at the registry, and
the journal has nothing open.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from adapters.sync import engine, submit
from hub.bootstrap import OpenIndex
from hub.chain.connection import Node
from hub.chain.sending import send, wait_receipt
from hub.db import tables as t
from hub.errors import RetryLater
from hub.index.queries_totals import balance
from hub.network.embedded import EmbeddedChain
from tests.integration.consortium import HEFEI, SHANGHAI, SUZHOU, City, events, found_hub, opened, secret_of
from tests.integration.interruptions import STEPS, Interrupted, break_at, interrupt

EXPECTED = {
    "MethodologyFiled": 1,
    "SeriesRegistered": 1,
    "ProjectRegistered": 1,
    "Verified": 1,
    "Issued": 12,
    "TransferProposed": 2,
    "Retired": 1,
}


def write_story(city: City) -> None:
    """Records that need three registers, lean on one another, and cause effects at home."""
    city.begin()
    for number in range(2, 13):
        city.issue(f"I{number}", number * 1000, number * 1000 + 9)
    city.registry.write("transfer", "T1", {"serials": [1, 100], "to": SUZHOU})
    city.registry.write("transfer", "T2", {"serials": [101, 200], "to": HEFEI})
    city.registry.write("retirement", "R1", {"serials": [300, 399]})


def assert_done_once(city: City) -> None:
    """One event a write, one booking an effect, nothing open, everything adds up, and another pass does nothing."""
    assert events(city.index) == EXPECTED
    keys = [effect["key"] for effect in city.registry.booked()]
    assert len(keys) == len(set(keys)) == 2
    counts = city.counts()
    assert counts["inbox"] == {"settled": 19}
    assert counts["outbox"] == {"done": 19}
    assert counts["submissions"].keys() <= {"final", "replaced"}
    assert counts["effects"] == {"booked": 2}
    assert counts["documents"] == {"undelivered": 0, "refused": 0}
    assert counts["faults"] == {"all": 0}
    with city.index.reader.connect() as connection:
        assert balance(connection, {}).adds_up
        documents = connection.execute(select(func.count()).select_from(t.documents)).scalar_one()
        issued = connection.execute(select(t.issuances.c.document)).scalars()
        known = set(connection.execute(select(t.documents.c.digest)).scalars())
        assert set(issued) <= known
    assert documents == 7 + 11
    nonce = city.hub.node.nonce(city.signer.address)
    again = city.sync()
    assert (again.read, again.written, again.told, again.documents) == (0, 0, 0, 0)
    assert city.hub.node.nonce(city.signer.address) == nonce


# -------------------------------------------------------------------- ended at every step


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_ended_at_a_step__started_again__everything_once(
    shanghai: City, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    write_story(shanghai)
    with monkeypatch.context() as patch:
        break_at(step, when, 1, interrupt, patch.setattr)
        with pytest.raises(Interrupted):
            shanghai.sync()
    shanghai.sync()
    assert_done_once(shanghai)


@pytest.mark.parametrize(("step", "nth"), [("sign", 3), ("confirm", 2), ("broadcast", 3), ("decide", 2)])
def test_ended_later_on__started_again__everything_once(
    shanghai: City, monkeypatch: pytest.MonkeyPatch, step: str, nth: int
) -> None:
    shanghai.registry = type(shanghai.registry)(shanghai.folder / "registry", SHANGHAI, page=3)
    write_story(shanghai)
    with monkeypatch.context() as patch:
        break_at(step, "after", nth, interrupt, patch.setattr)
        with pytest.raises(Interrupted):
            shanghai.sync()
    shanghai.sync()
    assert_done_once(shanghai)


def test_ended_again_and_again__everything_once(shanghai: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start comes one step further, until one comes through."""
    write_story(shanghai)
    ends = 0
    for step in STEPS:
        with monkeypatch.context() as patch:
            break_at(step, "after", 1, interrupt, patch.setattr)
            try:
                shanghai.sync()
            except Interrupted:
                ends += 1
    assert ends > 8
    shanghai.sync()
    assert_done_once(shanghai)


def test_push_booked_but_the_answer_lost__looked_up_before_it_is_offered_again(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that can only be asked, and would book a repeated effect twice."""
    shanghai.registry = type(shanghai.registry)(shanghai.folder / "registry", SHANGHAI, idempotent_push=False)
    write_story(shanghai)
    with monkeypatch.context() as patch:
        break_at("push", "after", 1, interrupt, patch.setattr)
        with pytest.raises(Interrupted):
            shanghai.sync()
    shanghai.sync()
    assert len(shanghai.registry.calls("push")) == 1
    assert len(shanghai.registry.calls("lookup")) == 1
    assert_done_once(shanghai)


def test_reply_lost_after_inclusion__nothing_sent_twice(shanghai: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node took the transaction and the connection broke; the block came meanwhile."""
    write_story(shanghai)
    plain = Node.send_raw
    lost: list[bytes] = []
    raws: list[bytes] = []

    def lose_the_first_reply(self: Node, raw: bytes) -> str:
        raws.append(raw)
        answer = plain(self, raw)
        if not lost:
            lost.append(raw)
            wait_receipt(self, answer)
            raise RetryLater("connection reset", where="the chain")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Node, "send_raw", lose_the_first_reply)
        try:
            shanghai.sync()
        except RetryLater:
            shanghai.sync()
    assert len(set(raws)) == 3, "one transaction a register, whatever was sent again was the same bytes"
    assert_done_once(shanghai)


def test_blocks_slower_than_patience__nothing_is_held_for_what_is_only_not_included_yet(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node keeps transactions without making blocks; what leans on them must not be refused meanwhile."""
    write_story(shanghai)
    rpc = shanghai.hub.node.rpc
    monkeypatch.setattr(submit, "_INCLUDED_WITHIN", 0.2)
    monkeypatch.setattr(engine, "_NOT_FINAL_AFTER", 1.0)
    rpc.call("evm_setAutomine", False)
    try:
        with pytest.raises(RetryLater):
            shanghai.sync()
    finally:
        rpc.call("evm_setAutomine", True)
    assert shanghai.held() == {}
    rpc.call("evm_mine")
    shanghai.sync()
    assert_done_once(shanghai)


# -------------------------------------------------------------------- really killed


@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [("sign", "after", 2), ("broadcast", "after", 3), ("push", "after", 1), ("ingest", "after", 1)],
)
def test_process_killed__started_again__everything_once(
    shanghai: City, tmp_path: Path, step: str, when: str, nth: int
) -> None:
    write_story(shanghai)
    deployment = tmp_path / "deployment.json"
    shanghai.hub.deployment.save(deployment)
    words = {
        "folder": str(tmp_path),
        "rpc_url": shanghai.hub.node.rpc.url,
        "deployment": str(deployment),
        "member": SHANGHAI,
        "secret": secret_of(SHANGHAI).hex(),
        "step": step,
        "when": when,
        "nth": nth,
    }
    command = [sys.executable, "-m", "tests.integration.interruptions", json.dumps(words)]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert events(shanghai.index) != EXPECTED or step == "push"
    shanghai.sync()
    assert_done_once(shanghai)


# -------------------------------------------------------------------- the chain loses blocks


def test_chain_lost_its_last_blocks__the_same_bytes_are_sent_again(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc = shanghai.hub.node.rpc
    shanghai.begin()
    shanghai.sync()
    snapshot = rpc.call("evm_snapshot")
    write_rest(shanghai)
    plain = Node.send_raw
    sent: list[bytes] = []

    def keep(self: Node, raw: bytes) -> str:
        sent.append(raw)
        return plain(self, raw)

    monkeypatch.setattr(Node, "send_raw", keep)
    shanghai.sync()
    first = list(sent)
    sent.clear()
    assert rpc.call("evm_revert", snapshot)
    shanghai.sync()
    assert sent == first
    assert_done_once(shanghai)


def test_chain_lost_blocks_and_grew_past_them__noticed_by_the_hash(shanghai: City, suzhou: City) -> None:
    """Another city wrote meanwhile, so that the chain is as long as before; ours is gone all the same."""
    rpc = shanghai.hub.node.rpc
    shanghai.begin()
    shanghai.sync()
    snapshot = rpc.call("evm_snapshot")
    write_rest(shanghai)
    shanghai.sync()
    height = shanghai.hub.node.head().number
    assert rpc.call("evm_revert", snapshot)
    suzhou.found()
    suzhou.sync()
    while shanghai.hub.node.head().number <= height:
        rpc.call("evm_mine")
    shanghai.sync()
    found = events(shanghai.index)
    assert found == EXPECTED | {"MethodologyFiled": 2, "SeriesRegistered": 2, "ProjectRegistered": 2}
    assert shanghai.counts()["outbox"] == {"done": 19}
    assert len({effect["key"] for effect in shanghai.registry.booked()}) == len(shanghai.registry.booked()) == 2


def test_chain_lost_what_the_registry_was_told_last__what_comes_again_below_it_is_told(
    shanghai: City, suzhou: City
) -> None:
    """The destination had read up to a place in the chain that is gone; the new chain has more below that place."""
    rpc = shanghai.hub.node.rpc
    shanghai.begin()
    shanghai.sync()
    snapshot = rpc.call("evm_snapshot")
    for _ in range(8):
        rpc.call("evm_mine")
    shanghai.registry.write("transfer", "T1", {"serials": [1, 100], "to": SUZHOU})
    shanghai.sync()
    suzhou.sync()
    assert [effect["serials"] for effect in suzhou.registry.booked()] == [[1, 100]]
    assert rpc.call("evm_revert", snapshot)
    shanghai.registry.write("transfer", "T2", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    suzhou.sync()
    assert [effect["serials"] for effect in suzhou.registry.booked()] == [[1, 100], [101, 200]]
    assert [effect["serials"] for effect in shanghai.registry.booked()] == [[1, 100], [101, 200]]


def test_chain_lost_a_transaction_that_was_sent_by_hand__what_waits_behind_its_nonce_goes_on(shanghai: City) -> None:
    """The same key wrote beside the sync; nobody sends that again, and its nonce is missing before the journal's."""
    node = shanghai.hub.node
    shanghai.begin()
    shanghai.sync()
    snapshot = node.rpc.call("evm_snapshot")
    send(shanghai.signer, node, shanghai.signer.address, b"")
    write_rest(shanghai)
    shanghai.sync()
    assert node.rpc.call("evm_revert", snapshot)
    shanghai.sync()
    assert_done_once(shanghai)


def write_rest(city: City) -> None:
    """What `write_story` has beyond `begin`."""
    for number in range(2, 13):
        city.issue(f"I{number}", number * 1000, number * 1000 + 9)
    city.registry.write("transfer", "T1", {"serials": [1, 100], "to": SUZHOU})
    city.registry.write("transfer", "T2", {"serials": [101, 200], "to": HEFEI})
    city.registry.write("retirement", "R1", {"serials": [300, 399]})


@pytest.fixture
def own_chain(tmp_path: Path) -> Iterator[EmbeddedChain]:
    """A chain that may be killed: it saves when asked, and otherwise hardly ever."""
    with EmbeddedChain(tmp_path / "home", port=0, save_interval=600) as chain:
        yield chain


def test_anvil_killed__its_last_blocks_gone__everything_comes_again(own_chain: EmbeddedChain, tmp_path: Path) -> None:
    with Node(own_chain.rpc_url) as node:
        hub = found_hub(node)
        with opened(hub, tmp_path) as index:
            city = City(hub, index, tmp_path / "city", SHANGHAI)
            city.begin()
            city.sync()
            own_chain.save()
            write_rest(city)
            city.sync()
            height = node.head().number
            _kill_and_wait(own_chain, node, height)
            city.sync()
            assert_done_once(city)


def _kill_and_wait(chain: EmbeddedChain, node: Node, height: int) -> None:
    pid = chain.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        time.sleep(0.2)
        try:
            status = chain.status()
            if status.state == "running" and status.pid not in (None, pid) and node.head().number < height:
                return
        except RetryLater:
            continue
    raise AssertionError(f"the chain did not come back shorter than {height}")


def test_two_syncs_of_one_registry_at_once__the_second_is_told_to_wait(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_story(shanghai)
    refused: list[str] = []

    def sync_beside() -> None:
        with pytest.raises(RetryLater) as told:
            shanghai.sync()
        refused.append(told.value.code)

    with monkeypatch.context() as patch:
        break_at("ingest", "after", 1, sync_beside, patch.setattr)
        shanghai.sync()
    assert refused == ["sync_running"]
    assert_done_once(shanghai)


def test_two_syncs_of_one_registry_after_another__the_second_finds_nothing(
    city: Callable[[int], City], index: OpenIndex
) -> None:
    """The same city from two homes (an old machine was started again): the chain decides, nothing comes twice."""
    one = city(SHANGHAI)
    write_story(one)
    one.sync()
    other = City(one.hub, index, one.folder.parent / "old machine", SHANGHAI)
    write_story(other)
    other.sync()
    assert events(index) == EXPECTED
    assert set(other.held()) <= {"T1", "T2"}
