"""Sync in both directions beyond the ordinary way: recognitions told, transfers that time ended, what a person books,
effects that stay unanswered, a key that is replaced, and two processes for one city."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from adapters.protocol import Effect, Receipt
from adapters.sync import tables as journal_tables
from adapters.sync.alone import alone
from adapters.sync.dead_letters import Family, all_held, retry
from adapters.sync.effect_queue import MOST_UNANSWERED, wait_after
from adapters.sync.overdue import overdue_record
from hub.chain.enums import BallotKind, Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import OfficerOrder
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.errors import RecordRefused, RetryLater
from hub.sync_status.store import reports
from mutual_recognition import identifiers as ids
from tests.integration.consortium import CDM, DAY, SHANGHAI, SUZHOU, City, Hub, events, methodology
from tests.integration.folder_registry import FolderRegistry

METHODOLOGY = ids.subject(ids.Kind.METHODOLOGY, methodology(SHANGHAI))


def told(city: City, kind: str) -> list[tuple[str, str]]:
    """Status and subject of each effect of a kind in the registry's book."""
    return [(effect["detail"]["status"], effect["detail"]["subject"]) for effect in city.registry.booked(kind)]


# -------------------------------------------------------------------- recognitions


def test_recognition__given_retermed_suspended_resumed_revoked__both_registries_are_told_each_once(
    shanghai: City, suzhou: City
) -> None:
    hub = shanghai.hub
    shanghai.begin()
    shanghai.sync()
    hub.recognise(METHODOLOGY, [SUZHOU], factorPpm=600_000)
    hub.recognise(METHODOLOGY, [SUZHOU], factorPpm=500_000)
    for function in ("suspend", "lift"):
        hub.decide(BallotKind.STATUS, [hub.action("Recognition", function, [METHODOLOGY, SUZHOU])])
    hub.decide(BallotKind.STATUS, [hub.action("Recognition", "revoke", [METHODOLOGY, SUZHOU, 2])])
    for city in (shanghai, suzhou):
        city.sync()
        city.sync()
        assert told(city, "recognition_changed") == [
            (status, "filing M1") for status in ("recognised", "retermed", "suspended", "resumed", "ended")
        ]
    first, second, *_ = shanghai.registry.booked("recognition_changed")
    assert (first["detail"]["factor_ppm"], second["detail"]["factor_ppm"]) == (600_000, 500_000)
    assert first["detail"]["member"] == SUZHOU


def test_recognition__lapsed_by_time_alone__is_told_once(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    # no event says that terms ended: the books are asked by time
    now = shanghai.hub.now()
    shanghai.hub.recognise(METHODOLOGY, [SUZHOU], validFrom=now - 1_000, validUntil=now + 3_600)
    shanghai.sync()
    assert [status for status, _ in told(shanghai, "recognition_changed")] == ["recognised"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.sync.engine.time.time", lambda: now + 7_200.0)
        shanghai.sync()
        shanghai.sync()
    assert [status for status, _ in told(shanghai, "recognition_changed")] == ["recognised", "lapsed"]


# -------------------------------------------------------------------- what time has ended


def test_overdue_transfer__ended_by_the_senders_next_pass__serials_come_back__both_are_told(
    shanghai: City, suzhou: City
) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    suzhou.sync()
    shanghai.sync()
    assert "transfer_expired" not in events(shanghai.index)
    shanghai.hub.pass_time(40 * DAY)
    shanghai.sync()
    shanghai.sync()
    suzhou.sync()
    with shanghai.index.reader.connect() as connection:
        ended = connection.execute(select(t.requests.c.request).where(t.requests.c.event == "TransferExpired")).all()
        (transfer,) = connection.execute(select(t.transfers.c.transfer)).all()
    assert [row.request for row in ended] == [transfer.transfer]
    (back,) = shanghai.registry.booked("transfer_ended")
    assert (back["serials"], back["detail"]["outcome"]) == ([101, 200], "expired")
    assert len(suzhou.registry.booked("transfer_ended")) == 1
    assert shanghai.held() == {}


def test_overdue_transfer__ended_by_somebody_else__is_no_dead_letter(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    shanghai.hub.pass_time(40 * DAY)
    with shanghai.index.reader.connect() as connection:
        transfer = connection.execute(select(t.transfers.c.transfer)).scalar_one()
    with shanghai.journal() as journal:
        journal.note_overdue([overdue_record(bytes.fromhex(transfer[2:]))])
    shanghai.hub.send(CDM, "CreditLedger", "expire", [transfer])
    shanghai.sync()
    assert shanghai.held() == {}
    assert shanghai.counts()["inbox"] == {"settled": 7}


# -------------------------------------------------------------------- effects without an answer


class Choking(FolderRegistry):
    """A registry that answers everything but one kind of effect: it takes it, or not, and the answer never comes."""

    choke = "transfer_proposed"
    takes = False

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        if any(effect.kind == self.choke for effect in effects):
            if self.takes:
                super().push(effects)
            raise RetryLater("no answer within 30 s", where=self.profile.name)
        return super().push(effects)


def choking(city: City) -> Choking:
    city.registry = Choking(city.folder / "registry", city.member)
    return city.registry


def due_now(city: City) -> None:
    """As if the waits were over."""
    engine = open_engine(f"sqlite:///{city.journal_file}")
    with engine.begin() as connection:
        connection.execute(update(journal_tables.effects).values(next_attempt_at=0))
    engine.dispose()


def test_effect_without_an_answer__keeps_no_other_waiting__becomes_a_dead_letter__and_a_retry_tells_it(
    shanghai: City, suzhou: City
) -> None:
    shanghai.begin()
    shanghai.sync()
    registry = choking(shanghai)
    shanghai.hub.recognise(METHODOLOGY, [SUZHOU])
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    assert shanghai.sync().trouble
    shanghai.sync()
    assert [effect["kind"] for effect in registry.booked()] == ["recognition_changed"]
    for _ in range(MOST_UNANSWERED):
        due_now(shanghai)
        shanghai.sync()
    with shanghai.journal() as journal:
        (letter,) = list(all_held(journal, "shanghai"))
    assert (letter.family, letter.code) == (Family.EFFECT, "unanswered")
    assert "no answer within 30 s" in letter.why
    offered = len(registry.calls("push"))
    shanghai.sync()
    assert len(registry.calls("push")) == offered
    registry.choke = ""
    with shanghai.journal() as journal:
        assert retry(journal, [letter.key])[Family.EFFECT] == 1
    assert shanghai.sync().told == 1
    assert len(registry.booked("transfer_proposed")) == 1


def test_effect_taken_but_never_answered__found_by_a_look_up__booked_once(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    registry = choking(shanghai)
    registry.takes = True
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    shanghai.sync()
    assert shanghai.counts()["effects"] == {"booked": 1}
    assert len(registry.booked()) == 1


def test_registry_away__is_no_fault_of_what_it_was_offered(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    shanghai.hub.recognise(METHODOLOGY, [SUZHOU])
    shanghai.registry.offline = True
    for _ in range(MOST_UNANSWERED + 1):
        shanghai.sync()
    assert shanghai.counts()["effects"] == {"booked": 1, "queued": 1}
    shanghai.registry.offline = False
    assert shanghai.sync().told == 1


def test_waits__none_none_then_doubling_to_an_hour() -> None:
    assert [wait_after(times) for times in (1, 2, 3, 4, 5, 11, 12)] == [0, 0, 10, 20, 40, 2_560, 3_600]


# -------------------------------------------------------------------- by a person


def test_work_list__named__booked_once__never_guessed(shanghai: City) -> None:
    shanghai.registry = FolderRegistry(shanghai.folder / "registry", SHANGHAI, idempotent_push=False, lookup=False)
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    shanghai.sync()  # the series' document came after it was told
    with shanghai.journal() as journal:
        (task,) = journal.todo()
        assert task.effect.detail["native_id"] == "T1"
        assert task.effect.series is not None
        assert task.effect.series.code == "S"
        journal.settle_by_hand(task.effect.key, by="Wang Fang (illustrative)", reference="ledger 12")
        with pytest.raises(RecordRefused) as refused:
            journal.settle_by_hand(task.effect.key, by="Li Lei", reference="ledger 13")
    assert refused.value.code == "effect_settled"
    shanghai.sync()
    assert shanghai.registry.calls("push") == []
    assert shanghai.counts()["effects"] == {"booked": 1}


# -------------------------------------------------------------------- dead letters


def test_dead_letters__every_family_in_one_list__each_leaves_by_its_own_retry(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("project", "P9", {"methodology": ["M1", "1"], "inside_ets": True})
    with (shanghai.folder / "registry" / "records.jsonl").open("a") as file:
        file.write("{ torn\n")
    shanghai.sync()
    with shanghai.journal() as journal:
        digest = bytes(range(32))
        with journal._engine.begin() as connection:
            row = {"digest": digest, "canonical": b'{"kind":"series","record":"S9"}', "delivered_at": 0}
            connection.execute(journal_tables.documents.insert().values(row))
        journal.park(digest, {"error": "document_refused", "message": "not canonical"})
        held = {item.family: item for item in all_held(journal, "shanghai")}
    assert {family: item.code for family, item in held.items()} == {
        Family.RECORD: "inside_ets",
        Family.UNREADABLE: "unreadable",
        Family.DOCUMENT: "document_refused",
    }
    assert all(item.what and item.why and item.todo for item in held.values())
    with shanghai.journal() as journal:
        cursor = journal.get("read_cursor")
        assert retry(journal, [item.key for item in held.values()]) == {
            Family.RECORD: 1,
            Family.UNREADABLE: 1,
            Family.EFFECT: 0,
            Family.DOCUMENT: 1,
        }
        assert journal.get("read_cursor") != cursor
        with pytest.raises(RecordRefused, match="nothing that could be tried again"):
            retry(journal, ["fault:999"])
    records = shanghai.folder / "registry" / "records.jsonl"
    records.write_text(
        records.read_text().replace(
            "{ torn",
            '{"kind": "series", "native_id": "S2", "version": 1, \
"payload": {}}',
        )
    )
    shanghai.sync()
    with shanghai.journal() as journal:
        assert [item.family for item in all_held(journal, "shanghai")] == [Family.RECORD, Family.DOCUMENT]
    assert events(shanghai.index)["SeriesRegistered"] == 2


# -------------------------------------------------------------------- keys and processes


def replaced_key(hub: Hub, member: int) -> LocalSigner:
    """The member gives its registrar's office to a new key and takes it from the old one, keeping that as voter."""
    old, new = hub.signers[member], LocalSigner.random()
    for signer, roles in ((new, Role.REGISTRAR | Role.VOTER), (old, Role.VOTER)):
        request = "0x" + ids.native_key("rotate", signer.address, str(hub.now())).hex()
        order = OfficerOrder(member, signer.address, int(roles), hub.now() + 900 * DAY, request, hub.now() + 600)
        hub.send(CDM, "Consortium", "setOfficer", [order, sign_order(old, order, hub.deployment.domain)])
    return new


def test_key_replaced_in_mid_run__everything_waits__the_operator_is_told__the_new_key_goes_on(
    city_hub: Hub, shanghai: City
) -> None:
    shanghai.begin()
    shanghai.sync()
    new = replaced_key(city_hub, SHANGHAI)
    shanghai.issue("I2", 1001, 1100)
    report = shanghai.sync()
    assert any("NotOfficer" in trouble for trouble in report.trouble)
    assert shanghai.held() == {"I2": "not_officer"}
    assert shanghai.counts()["documents"]["refused"] == 0
    shanghai.signer = new
    again = shanghai.sync()
    assert (again.written, again.held, again.trouble) == (1, 0, [])
    assert shanghai.counts()["documents"] == {"undelivered": 0, "refused": 0}


def test_two_adapters_with_journals_of_their_own__each_record_and_each_effect_once(
    shanghai: City, tmp_path: Path
) -> None:
    """The city's second machine, started by mistake, on the same registry and with the same key."""
    second = City(shanghai.hub, shanghai.index, tmp_path / "second", SHANGHAI)
    second.registry = shanghai.registry
    shanghai.begin()
    shanghai.sync()
    second.sync()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    second.sync()
    shanghai.sync()
    second.sync()
    assert events(shanghai.index)["Issued"] == 1
    assert events(shanghai.index)["TransferProposed"] == 1
    assert len(shanghai.registry.booked("transfer_proposed")) == 1
    assert (shanghai.held(), second.held()) == ({}, {})


def test_second_process__is_told_who_has_the_journal_and_since_when(tmp_path: Path) -> None:
    with alone(tmp_path / "journal.sqlite"), pytest.raises(RetryLater) as taken, alone(tmp_path / "journal.sqlite"):
        pass
    assert taken.value.code == "sync_running"
    assert f"process {os.getpid()}, in a pass since 20" in taken.value.message
    assert f"kill {os.getpid()}" in str(taken.value.remedy)


# -------------------------------------------------------------------- how it stands


def test_status__never_a_success_before_there_was_one__and_reported_at_the_end_of_every_pass(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.offline = True
    shanghai.sync()
    with shanghai.index.reader.connect() as connection:
        (first,) = reports(connection, SHANGHAI)
    assert (first.facts.reachable, first.facts.last_success_at) == (False, None)
    assert first.facts.last_attempt_at is not None
    shanghai.registry.offline = False
    shanghai.registry.write("project", "P9", {"methodology": ["M1", "1"], "inside_ets": True})
    shanghai.sync()
    with shanghai.index.reader.connect() as connection:
        (second,) = reports(connection, SHANGHAI)
    assert second.facts.reachable is True
    assert second.facts.held == {"inside_ets": 1}
    assert (second.facts.lag.records, second.facts.lag.effects, second.facts.dead_letters) == (0, 0, 1)
    assert second.signer == shanghai.signer.address


def test_lag__is_the_age_of_the_oldest_record_not_final(shanghai: City) -> None:
    shanghai.registry.write("project", "P1", {"methodology": ["M1", "1"]})
    shanghai.sync()
    with shanghai.journal() as journal, closing(shanghai.registry) as registry:
        facts = journal.sync_facts(registry.profile)
    assert facts.lag.records == 1
    assert facts.lag.oldest_record_at is not None
    assert facts.lag.seconds(facts.lag.oldest_record_at + 90) == 90
