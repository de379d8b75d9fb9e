"""The journal: each step whole or not at all, and what an operator reads of it. On a real SQLite file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from adapters.city import records as city
from adapters.city.columns import Column, Shape, one_of
from adapters.protocol import Effect, EffectKind, Fault, NativeRecord, Page, Receipt
from adapters.sync import tables as t
from adapters.sync.dead_letters import all_held
from adapters.sync.effect_queue import MOST_UNANSWERED
from adapters.sync.journal import Decision, Journal
from adapters.sync.plan import HeldBack, Write
from hub.chain.sending import SignedTransaction
from hub.db.engine import open_engine
from hub.errors import RecordRefused
from mutual_recognition.books import CarriedOut, Position
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

SENDER = "0x" + "aa" * 20


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def journal(engine: Engine) -> Journal:
    journal = Journal(engine, lambda: 1_000)
    journal.prepare()
    return journal


def record(native_id: str, version: int = 1, **payload: Any) -> NativeRecord:
    return NativeRecord("issuance", native_id, version, payload, f"file.csv row {native_id}")


def write(name: str, contract: str = "CreditLedger") -> Write:
    return Write(contract, "issue", name.encode() * 4, name.encode().ljust(32, b"."), name)


def decided(journal: Journal, *names: str, held: HeldBack | None = None) -> None:
    """One record each, decided with one write of the same name."""
    journal.ingest(Page([record(name) for name in names], "1"))
    rows = {row.record.native_id: row for row in journal.undecided(100)}
    journal.decide([Decision(rows[name].id, [write(name)], [], held) for name in names], {})


def signed(journal: Journal, nonce: int = 0) -> int:
    """Everything planned, in one signed transaction; its number."""
    transaction = SignedTransaction(bytes([nonce]), f"0x{nonce:064x}", nonce, SENDER)
    return journal.sign("CreditLedger", SENDER, transaction, journal.planned(100)).id


def seen(*names: str, block: int = 7) -> dict[bytes, CarriedOut]:
    return {write(name).request: CarriedOut(block, "0x", "Issued") for name in names}


def effect(key: str) -> Effect:
    detail = {"kg": 5, "transfer": "0x01"}
    series = SeriesName(code="S", member=310000, registry="r")
    return Effect(key, EffectKind.TRANSFER_INCOMING, series, SerialRange(1, 5), detail, 9, "2026-01-01T00:00:00+00:00")


def statuses(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {row.native_id: row.status for row in connection.execute(select(t.inbox).order_by(t.inbox.c.version))}


# -------------------------------------------------------------------- ingest


def test_ingest__records_and_cursor_together(journal: Journal) -> None:
    assert journal.ingest(Page([record("a"), record("b")], "cursor 1")) == (2, 0)
    assert journal.get("read_cursor") == "cursor 1"
    assert [row.record for row in journal.undecided(10)] == [record("a"), record("b")]


def test_ingest__interrupted__neither(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "_set", broken)
    with pytest.raises(KeyboardInterrupt):
        journal.ingest(Page([record("a")], "cursor 1"))
    assert journal.undecided(10) == []
    assert journal.get("read_cursor") == ""


def test_ingest__repeated__passed_over__contents_changed_in_place__a_fault(journal: Journal) -> None:
    journal.ingest(Page([record("a", kg=1)], "1"))
    assert journal.ingest(Page([record("a", kg=1)], "2")) == (0, 0)
    assert journal.ingest(Page([record("a", kg=2), record("b")], "3")) == (1, 1)
    assert journal.ingest(Page([record("a", kg=2)], "4")) == (0, 0), "the same fault is told once"
    (fault,) = journal.faults()
    assert (fault["code"], fault["value"], fault["source"]) == ("version_reused", "a", "file.csv row a")
    assert journal.undecided(10)[0].record.payload == {"kg": 1}


def test_ingest__twice_in_one_page_with_other_contents__the_first_counts(journal: Journal) -> None:
    assert journal.ingest(Page([record("a", kg=1), record("a", kg=2)], "1")) == (1, 1)


def test_ingest__faults_of_the_page__kept_once(journal: Journal) -> None:
    fault = Fault("file.csv row 3", "kg", "1,,000", "not a number")
    assert journal.ingest(Page([], "1", [fault])) == (0, 1)
    assert journal.ingest(Page([], "2", [fault])) == (0, 0)


# -------------------------------------------------------------------- decide


def test_decide__interrupted__nothing_is_marked(
    journal: Journal, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.ingest(Page([record("a")], "1"))
    (row,) = journal.undecided(10)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_add", broken)
        with pytest.raises(KeyboardInterrupt):
            journal.decide([Decision(row.id, [write("a")])], {})
    assert statuses(engine) == {"a": "new"}
    assert journal.planned(10) == []


def test_decide__request_known__not_planned_again__the_record_is_settled_with_it(
    journal: Journal, engine: Engine
) -> None:
    decided(journal, "a")
    journal.confirm(signed(journal), seen("a"), "final")
    journal.ingest(Page([record("a", 2)], "2"))
    (row,) = journal.undecided(10)
    assert journal.decide([Decision(row.id, [write("a")])], {}) == 0
    assert journal.counts()["inbox"] == {"settled": 2}


def test_decide__carried_out_already__done_without_a_transaction(journal: Journal) -> None:
    journal.ingest(Page([record("a"), record("b")], "1"))
    rows = journal.undecided(10)
    journal.decide([Decision(row.id, [write(row.record.native_id)]) for row in rows], seen("a"))
    assert [row.request for row in journal.planned(10)] == [write("b").request]
    assert journal.counts()["inbox"] == {"settled": 1, "decided": 1}


def test_planned__in_the_order_of_dependence(journal: Journal) -> None:
    journal.ingest(Page([record(name) for name in "abc"], "1"))
    rows = journal.undecided(10)
    registers = ("CreditLedger", "Methodologies", "Projects")
    writes = [write(name, contract) for name, contract in zip("abc", registers, strict=True)]
    journal.decide([Decision(row.id, [asked]) for row, asked in zip(rows, writes, strict=True)], {})
    order = []
    while rows_now := journal.planned(10):
        order.append(rows_now[0].contract)
        journal.hold(rows_now[0], "refused", {"error": "refused", "message": "no"})
    assert order == ["Methodologies", "Projects", "CreditLedger"]


# -------------------------------------------------------------------- held, taken back, superseded


def test_unplan__records_decided_anew__signed_ones_not(journal: Journal, engine: Engine) -> None:
    decided(journal, "a")
    signed(journal)
    decided(journal, "b", held=None)
    assert journal.unplan() == 1
    assert statuses(engine) == {"a": "decided", "b": "new"}


def test_unplan__record_held_in_part__new_too(journal: Journal, engine: Engine) -> None:
    """Its first part was planned; without this nobody would ever plan it again."""
    decided(journal, "a", held=HeldBack("quantity", "no"))
    assert statuses(engine) == {"a": "held"}
    assert journal.unplan() == 1
    assert statuses(engine) == {"a": "new"}


def test_superseded__held_versions_before_a_newer_one_are_settled(journal: Journal, engine: Engine) -> None:
    journal.ingest(Page([record("a"), record("b")], "1"))
    rows = journal.undecided(10)
    journal.decide([Decision(row.id, [], [], HeldBack("x", "no")) for row in rows], {})
    journal.ingest(Page([record("a", 2)], "2"))
    assert journal.retry() == 1
    assert [row.record.native_id for row in journal.undecided(10)] == ["b", "a"]
    assert journal.counts()["inbox"] == {"settled": 1, "new": 2}


def test_held__listed_with_place_and_reason__released_one_by_one(journal: Journal) -> None:
    journal.ingest(Page([record("a"), record("b")], "1"))
    rows = journal.undecided(10)
    waits = HeldBack("project_unknown", "project P is not on the chain yet", waits_for="project:00")
    journal.decide([Decision(rows[0].id, held=waits), Decision(rows[1].id, held=HeldBack("x", "no"))], {})
    first, second = journal.held()
    assert (first["source"], first["code"]) == ("file.csv row a", "project_unknown")
    assert first["reason"]["message"] == "project P is not on the chain yet"
    assert second["waits_for"] == ""
    assert [row.waits_for for row in journal.waiting(10)] == ["project:00"]
    journal.release([rows[0].id])
    assert [row.record.native_id for row in journal.undecided(10)] == ["a"]
    assert journal.retry("b") == 1


# -------------------------------------------------------------------- submit, confirm, reopen


def test_sign__bytes_kept_and_writes_tied_to_them(journal: Journal) -> None:
    decided(journal, "a", "b")
    number = signed(journal, 5)
    (outstanding,) = journal.outstanding()
    assert (outstanding.id, outstanding.nonce, outstanding.raw) == (number, 5, b"\x05")
    assert journal.planned(10) == []
    assert set(journal.requests_of(number)) == {write("a").request, write("b").request}
    assert journal.highest_nonce(SENDER) == 5


def test_confirm__seen_ones_done__missing_ones_decided_anew(journal: Journal, engine: Engine) -> None:
    decided(journal, "a", "b")
    assert journal.confirm(signed(journal), seen("a"), "replaced") == 1
    assert statuses(engine) == {"a": "settled", "b": "new"}
    assert journal.outstanding() == []
    assert journal.counts()["outbox"] == {"done": 1}


def test_reopen__same_bytes_outstanding_again_and_effects_read_anew(journal: Journal, engine: Engine) -> None:
    decided(journal, "a")
    first = signed(journal, 1)
    journal.confirm(first, seen("a", block=7), "final")
    decided(journal, "b")
    second = signed(journal, 2)
    journal.confirm(second, seen("b", block=9), "final")
    journal.queue([], Position(9, 0, 0))
    assert [number for number, _ in journal.final_submissions()] == [second, first]
    journal.reopen([second])
    assert [(o.id, o.raw) for o in journal.outstanding()] == [(second, b"\x02")]
    assert statuses(engine) == {"a": "settled", "b": "decided"}
    assert journal.get("push_position") == ""
    journal.confirm(second, seen("b", block=8), "final")
    assert statuses(engine) == {"a": "settled", "b": "settled"}


# -------------------------------------------------------------------- push back, documents


def test_effects__queued_once_by_key_with_the_position(journal: Journal) -> None:
    assert journal.queue([effect("k1"), effect("k2")], Position(9, 1, 0)) == 2
    assert journal.queue([effect("k1")], Position(9, 2, 0)) == 0
    assert Position.parse(journal.get("push_position")) == Position(9, 2, 0)
    assert journal.queued(10) == [(effect("k1"), 0), (effect("k2"), 0)]
    journal.offered(["k1"])
    assert journal.queued(10)[0][1] == 1
    journal.book([Receipt("k1", True, "b1"), Receipt("k2", False, reason="closed account")])
    assert journal.queued(10) == []
    assert journal.counts()["effects"] == {"booked": 1, "refused": 1}


def test_document__parked_with_its_reason__offered_again_by_an_operator(journal: Journal) -> None:
    journal.ingest(Page([record("a")], "1"))
    (row,) = journal.undecided(10)
    words = {"kind": DocumentKind.ISSUANCE, "member": 310000, "registry": "r", "content": {}}
    documents = [Document(**words, record=name) for name in ("a", "b")]
    journal.decide([Decision(row.id, [], documents)], {})
    journal.park(documents[0].digest(), {"error": "document_refused", "message": "no"})
    assert [digest for digest, _ in journal.undelivered(10)] == [documents[1].digest()]
    journal.delivered([documents[1].digest()])
    assert journal.counts()["documents"] == {"undelivered": 0, "refused": 1}
    (fault,) = journal.faults()
    assert (fault["value"], fault["code"]) == ("a", "document_refused")
    assert journal.offer_parked() == 1
    assert len(journal.undelivered(10)) == 1


# -------------------------------------------------------------------- what an operator decides


def test_prepare__journal_of_an_earlier_version__gets_what_it_lacks_and_keeps_its_rows(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE effects (id INTEGER PRIMARY KEY, key VARCHAR(80) NOT NULL UNIQUE, kind VARCHAR(30) NOT NULL, "
            "body JSON NOT NULL, status VARCHAR(10) NOT NULL, attempts INTEGER NOT NULL, "
            "reference VARCHAR(200) NOT NULL, reason TEXT NOT NULL, queued_at BIGINT NOT NULL)"
        )
        body = json.dumps(effect("a").to_json())
        row = ("a", "transfer_incoming", body, "queued", 1, "", "", 5)
        connection.exec_driver_sql(
            "INSERT INTO effects (key, kind, body, status, attempts, reference, reason, queued_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    journal = Journal(engine, lambda: 1_000)
    journal.prepare()
    journal.prepare()
    assert journal.queued(10) == [(effect("a"), 1)]


def test_unanswered__what_follows_on_the_same_transfer_waits__others_go_first(journal: Journal) -> None:
    later = replace(effect("b"), kind=EffectKind.TRANSFER_COMPLETED)
    other = replace(effect("c"), detail={"transfer": "0x02"})
    journal.queue([effect("a"), later, other], Position(1, 0, 0))
    assert [told.key for told, _ in journal.queued(10)] == ["a", "b", "c"]
    journal.offered(["a"])
    journal.unanswered(["a"], "no answer")
    assert [told.key for told, _ in journal.queued(10)] == ["c"]
    journal.book([Receipt("c", True)])
    assert [told.key for told, _ in journal.queued(10)] == ["a"]
    journal.book([Receipt("a", True)])
    assert [told.key for told, _ in journal.queued(10)] == ["b"]


def test_unanswered__too_often__a_dead_letter_with_the_last_reason(journal: Journal) -> None:
    journal.queue([effect("a")], Position(1, 0, 0))
    for _ in range(MOST_UNANSWERED):
        journal.unanswered(["a"], "no answer")
    assert journal.queued(10) == []
    (letter,) = journal.refused_effects()
    assert (letter["status"], letter["reason"], letter["unanswered"]) == ("unanswered", "no answer", MOST_UNANSWERED)
    assert journal.offer_again() == 1
    assert [told.key for told, _ in journal.queued(10)] == ["a"]


def test_announcement_refused__the_transfers_end_is_no_second_dead_letter__until_it_is_told_again(
    journal: Journal,
) -> None:
    end = replace(effect("b"), kind=EffectKind.TRANSFER_ENDED)
    other = replace(end, key="c", detail={"transfer": "0x02"})
    journal.queue([effect("a"), end, other], Position(1, 0, 0))
    assert journal.set_aside() == 0
    journal.book([Receipt("a", False, "", "no such account"), Receipt("b", False, "", "never announced")])
    assert journal.set_aside() == 1
    assert [letter["key"] for letter in journal.refused_effects()] == ["a"]
    assert journal.kept_back() == {"record": 0, "unreadable": 0, "effect": 1, "document": 0}
    assert [told.key for told, _ in journal.queued(10)] == ["c"]
    assert journal.offer_again(["a"]) == 1
    assert [told.key for told, _ in journal.queued(10)] == ["a", "b", "c"]
    journal.book([Receipt("a", True)])
    assert journal.set_aside() == 0


def test_word_for_a_status_that_the_mapping_lacks__shown_with_what_to_do_in_the_list_itself(journal: Journal) -> None:
    shape = Shape("credit", city.Correction, (Column("state", "status", one_of({"issued": city.Status.ISSUED})),))
    with pytest.raises(RecordRefused) as refusal:
        shape.read({"state": "frozen"}, "line 1")
    found = refusal.value
    journal.ingest(Page([record("A")], "1"))
    (row,) = journal.undecided(10)
    held_back = HeldBack(found.code, found.message, detail=found.to_json())
    journal.decide([Decision(row.id, held=held_back)], {})
    (held,) = all_held(journal, "ningbo")
    assert (held.code, "frozen" in held.why, "statuses of the mapping" in held.todo) == ("status_unknown", True, True)
