"""A long load: batches sent ahead of their blocks without simulation, and the index in a process beside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.sync import engine as sync_engine
from adapters.sync import submit
from adapters.sync.engine import SyncEngine
from adapters.sync.rows import InboxRow, OutboxRow
from adapters.sync.submit import Submitted, Submitter
from hub.bootstrap import OpenIndex, StoredDocuments, open_index
from hub.chain.connection import Node
from hub.errors import RecordRefused, RetryLater
from hub.index.books import IndexBooks
from hub.index.indexer import Progress
from hub.index_process import IndexProcess
from tests.integration.consortium import City, events
from tests.integration.test_sync_cost import retire


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[Submitted]:
    """What was sent ahead, with batches of four that are trusted after two."""
    monkeypatch.setattr(submit, "MOST_WRITES", 4)
    monkeypatch.setattr(submit, "_TRUSTED_AFTER", 2)
    sent: list[Submitted] = []
    plain = Submitter._send_ahead

    def kept(self: Submitter, rows: Sequence[OutboxRow]) -> Submitted:
        sent.append(plain(self, rows))
        return sent[-1]

    monkeypatch.setattr(Submitter, "_send_ahead", kept)
    return sent


def issue_in_a_row(city: City, count: int, *, beyond_verified: int) -> None:
    """So many issuances of ten serials, each next to the one before; one of them draws more than was verified, which
    the chain alone sees."""
    first = 1001
    for number in range(count):
        serials = 900_000 if number == beyond_verified else 10
        city.issue(f"N{number}", first, first + serials - 1)
        first += serials


@pytest.mark.slow
def test_sent_ahead__one_write_the_chain_refuses__held_alone__everything_else_once(
    shanghai: City, ahead: list[Submitted]
) -> None:
    shanghai.begin()
    issue_in_a_row(shanghai, 80, beyond_verified=37)
    report = shanghai.sync()
    assert sum(one.sent for one in ahead) > 40
    assert list(shanghai.held()) == ["N37"]
    assert "VerificationExceeded" in shanghai.reason("N37")
    assert report.held == 1
    assert events(shanghai.index)["Issued"] == 1 + 79
    counts = shanghai.counts()
    assert set(counts["outbox"]) == {"done"}
    assert counts["submissions"]["failed"] >= 1  # it was met by a batch that nobody had simulated


@pytest.mark.slow
def test_sent_ahead__ended_between_signing_and_sending__everything_once(
    shanghai: City, ahead: list[Submitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    shanghai.begin()
    retire(shanghai, 1, 60)
    plain, sent = Node.send_raw, []

    def breaking(self: Node, raw: bytes) -> str:
        sent.append(raw)
        if len(sent) == 9:
            raise KeyboardInterrupt
        return plain(self, raw)

    with monkeypatch.context() as patched:
        patched.setattr(Node, "send_raw", breaking)
        with pytest.raises(KeyboardInterrupt):
            shanghai.sync()
    assert shanghai.counts()["submissions"]["signed"] >= 1
    shanghai.sync()
    assert events(shanghai.index)["Retired"] == 60
    assert set(shanghai.counts()["outbox"]) == {"done"}
    assert shanghai.held() == {}


@pytest.mark.slow
def test_sent_ahead__chain_loses_what_was_in_blocks__everything_once(
    shanghai: City, ahead: list[Submitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the load, while batches are on their way, as a killed embedded chain does it."""
    monkeypatch.setattr(submit, "_INCLUDED_WITHIN", 1.0)
    shanghai.begin()
    shanghai.sync()
    retire(shanghai, 1, 60)
    rpc = shanghai.hub.node.rpc
    plain, sent, snapshots = Node.send_raw, [], []

    def losing(self: Node, raw: bytes) -> str:
        sent.append(raw)
        if len(sent) == 3:
            snapshots.append(rpc.call("evm_snapshot"))
        if len(sent) == 10:
            assert rpc.call("evm_revert", snapshots[0])
        return plain(self, raw)

    monkeypatch.setattr(Node, "send_raw", losing)
    try:
        shanghai.sync()
    except RetryLater:
        shanghai.sync()
    assert len(sent) > 10
    assert events(shanghai.index)["Retired"] == 60
    assert set(shanghai.counts()["outbox"]) == {"done"}
    assert shanghai.held() == {}


def test_journal_lost__what_is_new_behind_what_is_done__is_sent_in_the_same_pass(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_engine, "_DECIDE", 20)
    shanghai.begin()
    retire(shanghai, 1, 15)  # with the five records before, a piece that is all done
    shanghai.sync()
    shanghai.journal_file.unlink()
    retire(shanghai, 501, 15)
    plain = SyncEngine._decide

    def slowly(self: SyncEngine, rows: Sequence[InboxRow]) -> int:
        time.sleep(0.3)  # the sender has found nothing to send long before
        return plain(self, rows)

    monkeypatch.setattr(SyncEngine, "_decide", slowly)
    shanghai.sync()
    assert events(shanghai.index)["Retired"] == 30
    assert set(shanghai.counts()["outbox"]) == {"done"}


def test_journal_lost__then_the_chain_loses_what_was_found_done__sent_again(shanghai: City) -> None:
    rpc = shanghai.hub.node.rpc
    shanghai.begin()
    shanghai.sync()
    snapshot = rpc.call("evm_snapshot")
    retire(shanghai, 1, 3)
    shanghai.sync()
    shanghai.journal_file.unlink()
    shanghai.sync()
    assert events(shanghai.index)["Retired"] == 3
    assert rpc.call("evm_revert", snapshot)
    shanghai.sync()
    assert events(shanghai.index).get("Retired") == 3
    assert set(shanghai.counts()["outbox"]) == {"done"}
    assert shanghai.held() == {}


# -------------------------------------------------------------------- the index in a process of its own


def beside(index: OpenIndex) -> IndexProcess:
    assert isinstance(index.follower, IndexProcess)
    return index.follower


@pytest.mark.slow
def test_index_beside__document_refused__told_as_by_the_store_itself(shanghai: City, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'beside.sqlite'}"
    with open_index(shanghai.hub.node, shanghai.hub.deployment, database, in_process_of_its_own=True) as index:
        sink = StoredDocuments(index, shanghai.signer, shanghai.member)
        with pytest.raises(RecordRefused) as refused:
            sink.deliver([(bytes(32), b'{"not": "a document"}')])
        assert refused.value.code
        assert beside(index).follow().block >= 0  # and it goes on


@pytest.mark.slow
def test_index_beside__its_process_killed__retry_later__and_the_next_run_goes_on(
    shanghai: City, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'beside.sqlite'}"
    shanghai.begin()
    with open_index(shanghai.hub.node, shanghai.hub.deployment, database, in_process_of_its_own=True) as index:
        number = beside(index)._process.pid
        assert number is not None
        os.kill(number, signal.SIGKILL)
        shanghai.index = index
        with pytest.raises(RetryLater) as gone:
            shanghai.sync()
        assert gone.value.code == "index_process_gone"
    with open_index(shanghai.hub.node, shanghai.hub.deployment, database, in_process_of_its_own=True) as index:
        shanghai.index = index
        shanghai.sync()
        assert events(index)["Issued"] == 1
        assert set(shanghai.counts()["outbox"]) == {"done"}


class FarAhead:
    """Who follows the index says how far it was; since then it went back."""

    def follow(self) -> Progress:
        return Progress(10**6, 10**6, 0)


def test_position__never_beyond_what_the_answers_stand_on(shanghai: City) -> None:
    books = IndexBooks(shanghai.index.reader, FarAhead())
    assert books.advance() == shanghai.index.indexer.block()
    books.close()


def test_handing_in_beside_a_load__hub_away__asked_once_a_round_and_nothing_lost(
    shanghai: City, ahead: list[Submitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_engine, "_DELIVER", 5)
    asked: list[int] = []

    def away(self: StoredDocuments, documents: Sequence[tuple[bytes, bytes]]) -> None:
        asked.append(len(documents))
        raise RetryLater("the hub is away")

    shanghai.begin()
    issue_in_a_row(shanghai, 30, beyond_verified=-1)
    with monkeypatch.context() as patched:
        patched.setattr(StoredDocuments, "deliver", away)
        report = shanghai.sync()
    assert [trouble for trouble in report.trouble if "away" in trouble] == ["the hub is away"]
    assert len(asked) == 3  # once beside each of the two rounds of writing, once after them
    assert shanghai.counts()["documents"]["undelivered"] > 30
    shanghai.sync()
    assert shanghai.counts()["documents"]["undelivered"] == 0


def test_handing_in_beside_a_load__fault_of_ours__ends_the_pass_instead_of_vanishing(
    shanghai: City, ahead: list[Submitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_engine, "_DELIVER", 5)
    plain, taken = StoredDocuments.deliver, []

    def failing_once(self: StoredDocuments, documents: Sequence[tuple[bytes, bytes]]) -> None:
        taken.append(len(documents))
        if len(taken) == 1:
            raise ZeroDivisionError
        plain(self, documents)

    monkeypatch.setattr(StoredDocuments, "deliver", failing_once)
    shanghai.begin()
    issue_in_a_row(shanghai, 30, beyond_verified=-1)
    with pytest.raises(ZeroDivisionError):
        shanghai.sync()
    shanghai.sync()
    assert events(shanghai.index)["Issued"] == 1 + 30
    assert shanghai.counts()["documents"]["undelivered"] == 0
