"""A long load: batches sent ahead of their blocks without simulation, and the index in a process beside."""

from __future__ import annotations

import os
import signal
import time

import pytest

from adapters.sync import engine as sync_engine
from adapters.sync import submit
from adapters.sync.submit import Submitter
from hub.bootstrap import open_index
from hub.chain.connection import Node
from hub.chain.keys import LocalSigner
from hub.documents.sealing import seal_documents
from hub.errors import RecordRefused, RetryLater
from hub.index_process import IndexProcess
from tests.integration.consortium import SHANGHAI, City, events
from tests.integration.test_sync_cost import retire


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Batches of four, trusted after two; the list says how many were sent ahead at a time."""
    monkeypatch.setattr(submit, "MOST_WRITES", 4)
    monkeypatch.setattr(submit, "_TRUSTED_AFTER", 2)
    sent: list[int] = []
    plain = Submitter._send_ahead

    def counted(self: Submitter, rows: object) -> object:
        done = plain(self, rows)  # type: ignore[arg-type]
        sent.append(done.sent)
        return done

    monkeypatch.setattr(Submitter, "_send_ahead", counted)
    return sent


def test_sent_ahead__a_batch_reverts__its_other_writes_go__the_one_at_fault_is_held(
    shanghai: City, small_batches: list[int]
) -> None:
    shanghai.begin()
    retire(shanghai, 1, 30)
    # what nobody planned for: the chain alone knows that these serials are on hold
    shanghai.sync()
    small_batches.clear()
    retire(shanghai, 101, 40)
    shanghai.registry.write("issuance", "I2", {"serials": [2001, 2010], "verification": "V1", "quantity": 1})
    report = shanghai.sync()
    print(report, shanghai.held(), small_batches, shanghai.counts())


def test_journal_lost__what_is_new_behind_what_is_done__is_sent_in_the_same_pass(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_engine, "_DECIDE", 20)
    shanghai.begin()
    retire(shanghai, 1, 15)  # with the five records before, a piece that is all done
    shanghai.sync()
    shanghai.journal_file.unlink()
    retire(shanghai, 501, 15)
    plain = sync_engine.SyncEngine._decide

    def slowly(self: sync_engine.SyncEngine, rows: object) -> int:
        time.sleep(0.3)  # the sender is done long before
        return plain(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(sync_engine.SyncEngine, "_decide", slowly)
    shanghai.sync()
    assert events(shanghai.index)["Retired"] == 30
    assert "planned" not in shanghai.counts()["outbox"]
