"""A record that the chain refuses is told to its registry once, in the transaction that holds it back."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy

from adapters.protocol import EffectKind, NativeRecord, Page
from adapters.sync.journal import Decision, Journal, OutboxRow
from adapters.sync.plan import Write
from hub.chain.codec import encode_call
from mutual_recognition.identifiers import series_id
from mutual_recognition.serials import SerialRange

SERIES = series_id(310000, "shanghai-sandbox", "DEMO-SH-CER")
REASON = {"error": "project_suspended", "chain_error": "ProjectSuspended", "message": "The project is suspended."}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}"), lambda: 1_767_225_600)
    made.prepare()
    return made


def propose(number: int, first: int, last: int) -> Write:
    request = bytes([number]) * 32
    proposal = {
        "request": request,
        "series": SERIES,
        "to": 320500,
        "deadline": 1_800_000_000,
        "blockFirst": 1,
        "first": first,
        "last": last,
    }
    return Write(
        "CreditLedger", "propose", encode_call("CreditLedger", "propose", [proposal]), request, f"ZC-1#{number}"
    )


def retire(number: int) -> Write:
    request = bytes([number]) * 32
    retirement = {
        "request": request,
        "series": SERIES,
        "purpose": 6,
        "beneficiary": bytes(32),
        "complianceYear": 0,
        "blockFirst": 1,
        "first": 5,
        "last": 9,
    }
    return Write(
        "CreditLedger", "retire", encode_call("CreditLedger", "retire", [retirement]), request, f"ZX-1#{number}"
    )


def planned(journal: Journal, kind: str, native_id: str, *writes: Write) -> list[OutboxRow]:
    journal.ingest(Page([NativeRecord(kind, native_id, 1, {}, "test")], "1"))
    (row,) = journal.undecided(10)
    journal.decide([Decision(row.id, list(writes))], {})
    return journal.planned(10)


def test_hold__of_a_transfer__tells_every_range_that_was_locked(journal: Journal) -> None:
    rows = planned(journal, "转出", "ZC-1", propose(1, 1, 10), propose(2, 21, 30))
    journal.hold(rows[1], "project_suspended", REASON, final=True)
    effects = [effect for effect, _ in journal.queued(10)]
    assert [(e.kind, e.serials, e.detail["native_id"]) for e in effects] == [
        (EffectKind.REFUSED, SerialRange(1, 10), "ZC-1#1"),
        (EffectKind.REFUSED, SerialRange(21, 30), "ZC-1#2"),
    ]
    for effect in effects:
        assert effect.series is not None
        assert (effect.series.member, effect.series.code) == (310000, "0x" + SERIES.hex())
        assert (effect.detail["error"], effect.detail["reason"]) == ("ProjectSuspended", "The project is suspended.")
        assert (effect.detail["record_kind"], effect.detail["record"]) == ("转出", "ZC-1")
    assert not journal.planned(10)


def test_hold__of_a_retirement__tells_its_refused_part_once(journal: Journal) -> None:
    for _ in range(2):  # an operator tries again, and the chain refuses again
        (row,) = planned(journal, "注销", "ZX-1", retire(3))
        journal.hold(row, "block_not_available", REASON, final=True)
        (effect,) = [effect for effect, _ in journal.queued(10)]
        assert (effect.detail["action"], effect.serials) == ("retire", SerialRange(5, 9))
        assert journal.retry() == 1


def test_hold__that_time_may_lift__tells_nothing_yet(journal: Journal) -> None:
    (row,) = planned(journal, "转出", "ZC-1", propose(1, 1, 10))
    journal.hold(row, "paused", REASON, "retry")
    assert not journal.queued(10)
    assert journal.retry() == 1


def test_retry__of_a_transfer_given_back__does_not_happen(journal: Journal) -> None:
    (row,) = planned(journal, "转出", "ZC-1", propose(1, 1, 10))
    journal.hold(row, "project_suspended", REASON, final=True)
    assert journal.retry() == 0
    assert journal.retry("ZC-1") == 0
    assert journal.counts()["inbox"] == {"held": 1}


def test_refusal__and_its_hold__are_one_transaction(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = planned(journal, "转出", "ZC-1", propose(1, 1, 10))

    def dies(*_: object, **__: object) -> dict[str, object]:
        raise RuntimeError("killed here")

    monkeypatch.setattr("adapters.sync.outbox.mark", dies)
    with pytest.raises(RuntimeError):
        journal.hold(row, "project_suspended", REASON, final=True)
    assert not journal.queued(10)
    assert len(journal.planned(10)) == 1
