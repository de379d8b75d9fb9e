"""The sync engine with a real registry, journal, chain and index: every record once, in any order, whatever happens."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from adapters.sync import submit
from hub.bootstrap import StoredDocuments
from hub.chain.codec import encode_call
from hub.chain.connection import Node
from hub.chain.enums import BallotKind, Choice
from hub.chain.sending import prepare, simulate
from hub.db import tables as t
from hub.errors import ChainRefused, RecordRefused, RetryLater
from hub.index.queries_totals import balance
from mutual_recognition import identifiers as ids
from tests.integration.consortium import CDM, DAY, HEFEI, SHANGHAI, SUZHOU, City, Hub, events, methodology, series
from tests.integration.folder_registry import REGISTRY, FolderRegistry

STORY = {
    "MethodologyFiled": 1,
    "SeriesRegistered": 1,
    "ProjectRegistered": 1,
    "Verified": 1,
    "Issued": 1,
}


def blocks(city: City, home: int = SHANGHAI) -> list[tuple[int, int, int, int]]:
    """First, last, holder and status of every unit block of a member's series S."""
    b = t.unit_blocks.c
    query = select(b.first, b.last, b.holder, b.status).where(b.series == "0x" + series(home).hex()).order_by(b.first)
    with city.index.reader.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def proposals(city: City) -> list[str]:
    """Transfers on the chain, oldest first."""
    x = t.transfers.c
    with city.index.reader.connect() as connection:
        return list(connection.execute(select(x.transfer).order_by(x.block_number, x.log_index)).scalars())


def assert_adds_up(city: City) -> None:
    with city.index.reader.connect() as connection:
        assert balance(connection, {}).adds_up


# -------------------------------------------------------------------- the ordinary way


def test_records__synced__each_on_the_chain_once(shanghai: City) -> None:
    shanghai.begin()
    report = shanghai.sync()
    assert (report.read, report.written, report.held, report.trouble) == (5, 5, 0, [])
    assert events(shanghai.index) == STORY
    assert blocks(shanghai) == [(1, 1000, SHANGHAI, 1)]
    assert shanghai.counts() == {
        "inbox": {"settled": 5},
        "outbox": {"done": 5},
        "submissions": {"final": 3},
        "effects": {},
        "faults": {"all": 0},
        "documents": {"undelivered": 0, "refused": 0},
    }
    on_chain = shanghai.hub.read("CreditLedger", "getBlock", [series(SHANGHAI), 1])
    assert (on_chain["last"], on_chain["holder"], on_chain["status"]) == (1000, SHANGHAI, 1)
    assert_adds_up(shanghai)


def test_pass_repeated__writes_nothing(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    before = shanghai.hub.node.nonce(shanghai.signer.address)
    again = shanghai.sync()
    assert (again.read, again.written, again.told, again.documents) == (0, 0, 0, 0)
    assert shanghai.hub.node.nonce(shanghai.signer.address) == before


def test_journal_lost__read_again_from_the_beginning__nothing_twice(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("retirement", "R1", {"serials": [10, 19]})
    shanghai.registry.write("correction", "C1", {"serials": [30, 39]})
    shanghai.sync()
    found = events(shanghai.index)
    shanghai.journal_file.unlink()
    report = shanghai.sync()
    assert report.read == 7
    assert shanghai.held() == {}
    assert events(shanghai.index) == found
    assert_adds_up(shanghai)


def test_documents__delivered_sealed_and_found_by_their_digests(shanghai: City) -> None:
    shanghai.begin()
    report = shanghai.sync()
    d = t.documents.c
    with shanghai.index.reader.connect() as connection:
        stored = {row.digest: row.kind for row in connection.execute(select(d.digest, d.kind))}
        filed = connection.execute(select(t.methodologies.c.document, t.methodologies.c.definition)).one()
        project = connection.execute(select(t.projects.c.document, t.projects.c.declaration)).one()
        verified = connection.execute(select(t.verifications.c.document)).scalar_one()
        issued = connection.execute(select(t.issuances.c.document)).scalar_one()
    assert report.documents == len(stored) == 7
    wanted = dict(zip(filed, ("methodology", "definition"), strict=True))
    wanted |= dict(zip(project, ("project", "declaration"), strict=True))
    wanted |= {verified: "verification", issued: "issuance"}
    assert wanted.items() <= stored.items()


# -------------------------------------------------------------------- any order


ORDERS = list(itertools.permutations(range(6)))


@pytest.mark.parametrize("order", [ORDERS[-1], ORDERS[357], ORDERS[500]])
def test_records_in_any_order__one_a_pass__all_go_when_what_they_wait_for_came(
    shanghai: City, order: Sequence[int]
) -> None:
    """The last permutation is the reverse: retirement, issuance, verification, project, series, methodology."""
    records: list[tuple[str, str, dict[str, Any]]] = [
        ("methodology", "filing", {"key": ["M1", "1"]}),
        ("series", "S", {}),
        ("project", "P1", {"methodology": ["M1", "1"]}),
        ("verification", "V1", {"project": "P1", "period": ["2024-01-01", "2024-12-31"], "kg": 1000}),
        ("issuance", "I1", {"serials": [1, 100], "verification": "V1"}),
        ("retirement", "R1", {"serials": [5, 9]}),
    ]
    waiting = 0
    for place in order:
        shanghai.registry.write(*records[place])
        waiting = max(waiting, shanghai.sync().held)
    assert waiting
    assert shanghai.held() == {}
    assert events(shanghai.index) == STORY | {"Retired": 1}
    assert blocks(shanghai) == [(1, 4, SHANGHAI, 1), (5, 9, SHANGHAI, 4), (10, 100, SHANGHAI, 1)]


def test_records_in_reverse__one_pass(shanghai: City) -> None:
    write = shanghai.registry.write
    write("retirement", "R1", {"serials": [5, 9]})
    write("issuance", "I1", {"serials": [1, 100], "verification": "V1"})
    write("verification", "V1", {"project": "P1", "period": ["2024-01-01", "2024-12-31"], "kg": 1000})
    write("project", "P1", {"methodology": ["M1", "1"]})
    write("series", "S", {})
    write("methodology", "filing", {"key": ["M1", "1"]})
    report = shanghai.sync()
    assert (report.written, report.held) == (6, 0)
    assert events(shanghai.index) == STORY | {"Retired": 1}


def test_what_a_record_waits_for__is_named(shanghai: City) -> None:
    shanghai.verify(project="P9")
    shanghai.sync()
    assert shanghai.held() == {"V1": "project_unknown"}
    assert "P9" in shanghai.reason("V1")


# -------------------------------------------------------------------- a record at fault delays nobody


def test_refused_in_the_middle_of_a_batch__the_others_go(shanghai: City) -> None:
    shanghai.begin()
    for number in range(2, 31):
        first = number * 1000
        shanghai.issue(f"I{number}", 50 if number == 15 else first, 60 if number == 15 else first + 10)
    report = shanghai.sync()
    assert shanghai.held() == {"I15": "range_overlaps"}
    assert "'otherFirst': 1" in shanghai.reason("I15")
    assert report.written == 5 + 28
    assert events(shanghai.index)["Issued"] == 29
    assert_adds_up(shanghai)


def test_what_leans_on_a_refused_record__waits_for_it_and_goes_when_it_is_mended(shanghai: City) -> None:
    shanghai.found()
    shanghai.registry.write("verification", "V1", {"project": "P1", "period": ["2001-01-01", "2001-12-31"], "kg": 9})
    shanghai.issue("I1", 1, 5)
    shanghai.registry.write("retirement", "R1", {"serials": [1, 2]})
    shanghai.verify("V2")
    shanghai.issue("I2", 100, 199, "V2")
    report = shanghai.sync()
    assert shanghai.held() == {
        "V1": "period_outside_crediting",
        "I1": "verification_unknown",
        "R1": "serials_unknown",
    }
    assert report.written == 5
    mended = {"project": "P1", "period": ["2021-01-01", "2021-12-31"], "kg": 9}
    shanghai.registry.write("verification", "V1", mended, version=2)
    shanghai.sync()
    assert shanghai.held() == {}
    assert events(shanghai.index) == STORY | {"Verified": 2, "Issued": 2, "Retired": 1}


def test_record_in_parts__the_part_at_fault_is_held__the_part_before_goes_whatever_else_is_refused(
    shanghai: City,
) -> None:
    """The refusal of another record makes everything planned be decided anew; the verification must not get lost."""
    shanghai.begin()
    bundle = {"project": "P1", "period": ["2025-01-01", "2025-12-31"], "kg": 10, "serials": [5000, 5009]}
    shanghai.issue("I2", 500, 600)  # overlaps: refused by the chain, in the batch before
    shanghai.registry.write("bundle", "B1", bundle | {"quantity": 11, "kg": 11})
    report = shanghai.sync()
    assert shanghai.held() == {"I2": "range_overlaps", "B1": "quantity_disagrees_with_serials"}
    assert report.written == 6
    assert events(shanghai.index)["Verified"] == 2


def test_record_that_cannot_be_encoded__held_and_what_leans_on_it_waits(shanghai: City) -> None:
    shanghai.found()
    huge = {"project": "P1", "period": ["2024-01-01", "2024-12-31"], "kg": 2**64}
    shanghai.registry.write("verification", "V1", huge)
    shanghai.issue("I1", 1, 10)
    shanghai.sync()
    assert shanghai.held() == {"V1": "not_encodable", "I1": "verification_unknown"}
    shanghai.registry.write("verification", "V1", huge | {"kg": 2**40}, version=2)
    shanghai.sync()
    assert shanghai.held() == {}


def test_line_that_is_no_record__kept_as_a_fault__the_rest_goes(shanghai: City) -> None:
    shanghai.found()
    records = shanghai.folder / "registry" / "records.jsonl"
    records.write_text(records.read_text() + '{"kind": "issuance", "native_id"\n')
    shanghai.verify()
    report = shanghai.sync()
    assert (report.faults, report.written) == (1, 4)
    with shanghai.journal() as journal:
        (fault,) = journal.faults()
    assert "issuance" in fault["value"]
    assert shanghai.sync().faults == 0


def test_kind_that_the_adapter_does_not_know__held_by_name(shanghai: City) -> None:
    shanghai.registry.write("points", "X1", {})
    shanghai.sync()
    assert shanghai.held() == {"X1": "kind_unknown"}


# -------------------------------------------------------------------- repeated, edited, reused


def test_same_record_again__passed_over(shanghai: City) -> None:
    shanghai.begin()
    shanghai.issue("I1", 1, 1000)
    report = shanghai.sync()
    assert (report.read, report.faults, report.held) == (5, 0, 0)
    assert events(shanghai.index) == STORY


def test_version_reused_with_other_contents__a_fault_and_the_first_stands(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    shanghai.issue("I1", 1, 2000)
    report = shanghai.sync()
    assert (report.read, report.faults, report.written) == (0, 1, 0)
    with shanghai.journal() as journal:
        (fault,) = journal.faults()
    assert (fault["code"], fault["value"]) == ("version_reused", "I1")
    assert blocks(shanghai) == [(1, 1000, SHANGHAI, 1)]


def test_edited_project__amended_once(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    edited = {"methodology": ["M1", "1"], "assets": ["310000-0001"], "name": "renamed"}
    shanghai.registry.write("project", "P1", edited, version=2)
    shanghai.registry.write("project", "P1", edited, version=3)
    report = shanghai.sync()
    assert report.written == 1
    with shanghai.index.reader.connect() as connection:
        assert connection.execute(select(t.projects.c.revision)).scalar_one() == 2


def test_edited_issuance__not_issued_again(shanghai: City) -> None:
    shanghai.begin()
    shanghai.sync()
    edited = {"serials": [1, 1000], "verification": "V1", "note": "a note"}
    shanghai.registry.write("issuance", "I1", edited, version=2)
    report = shanghai.sync()
    assert (report.written, report.held) == (0, 0)


def test_held_record_replaced_by_a_newer_version__the_older_never_comes_after_it(shanghai: City) -> None:
    shanghai.found()
    shanghai.sync()
    wrong = {"methodology": ["M1", "1"], "crediting": ["2020-01-01", "2021-01-01"], "name": "old"}
    right = {"methodology": ["M1", "1"], "crediting": ["2020-01-01", "2021-01-01"], "name": "new"}
    shanghai.registry.write("project", "P2", wrong | {"assets": ["310000-0001"]})
    shanghai.sync()
    assert shanghai.held() == {"P2": "asset_claimed"}
    shanghai.registry.write("project", "P2", right | {"assets": ["310000-0002"]}, version=2)
    shanghai.sync()
    assert shanghai.held() == {}
    with shanghai.journal() as journal:
        assert journal.retry() == 0
    shanghai.sync()
    with shanghai.index.reader.connect() as connection:
        revisions = list(connection.execute(select(t.projects.c.revision)).scalars())
    assert revisions == [1, 1]


# -------------------------------------------------------------------- both directions


def test_transfer__whole_way__both_registries_are_told_once(shanghai: City, suzhou: City) -> None:
    shanghai.begin()
    shanghai.sync()
    shanghai.hub.recognise(ids.subject(ids.Kind.METHODOLOGY, methodology(SHANGHAI)), [SUZHOU], factorPpm=600_000)
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    assert shanghai.sync().told == 2
    assert [effect["kind"] for effect in shanghai.registry.booked()] == ["recognition_changed", "transfer_proposed"]
    suzhou.sync()
    (incoming,) = suzhou.registry.booked("transfer_incoming")
    assert (incoming["series"], incoming["serials"]) == ([SHANGHAI, REGISTRY, "S"], [101, 200])
    suzhou.registry.write("decision", "D1", {"transfer": incoming["detail"]["transfer"], "accept": True})
    suzhou.sync()
    (completed,) = suzhou.registry.booked("transfer_completed")
    assert completed["serials"] == [101, 160]
    assert (completed["detail"]["sent_last"], completed["detail"]["kept_last"]) == (200, 160)
    suzhou.registry.write("retirement", "R1", {"series": [SHANGHAI, "S"], "serials": [101, 110]})
    suzhou.sync()
    shanghai.sync()
    told = [effect["kind"] for effect in shanghai.registry.booked()]
    assert told == ["recognition_changed", "transfer_proposed", "transfer_completed", "retired_elsewhere"]
    (retired,) = shanghai.registry.booked("retired_elsewhere")
    assert (retired["serials"], retired["detail"]["holder"]) == ([101, 110], SUZHOU)
    assert blocks(shanghai) == [
        (1, 100, SHANGHAI, 1),
        (101, 110, SUZHOU, 4),
        (111, 160, SUZHOU, 1),
        (161, 200, SHANGHAI, 5),
        (201, 1000, SHANGHAI, 1),
    ]
    assert_adds_up(shanghai)
    assert (shanghai.sync().told, suzhou.sync().told) == (0, 0)


def test_transfer_rules_below_a_week__proposed_for_as_long_as_they_allow(city_hub: Hub, shanghai: City) -> None:
    rules = {"newCounterpartyWait": 3_600, "minLifetime": 60, "maxLifetime": 2 * DAY, "cosignAboveKg": 10**9}
    actions = [city_hub.action("CreditLedger", "setTransferRules", [rules])]
    ballot, _ = city_hub.open_ballot(BallotKind.RULES, actions)
    for member in (SHANGHAI, SUZHOU, HEFEI):
        city_hub.vote(ballot, member, Choice.YES)
    city_hub.pass_time(61)
    city_hub.send(CDM, "Consortium", "execute", [ballot, actions])
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [1, 100], "to": SUZHOU})
    shanghai.sync()
    assert shanghai.held() == {}
    assert len(proposals(shanghai)) == 1


def test_serials_over_several_blocks__one_write_each__one_record(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("retirement", "R1", {"serials": [200, 299]})
    shanghai.registry.write("transfer", "T1", {"serials": [100, 199], "to": SUZHOU})
    shanghai.issue("I2", 1001, 1100)
    shanghai.registry.write("transfer", "T2", {"serials": [990, 1010], "to": SUZHOU})
    shanghai.sync()
    assert shanghai.held() == {}
    assert len(proposals(shanghai)) == 3
    shanghai.registry.write("withdrawal", "W2", {"transfer": "T2"})
    shanghai.sync()
    ended = shanghai.registry.booked("transfer_ended")
    assert [effect["serials"] for effect in ended] == [[990, 1000], [1001, 1010]]


def test_rejected_transfer__back_at_the_sender__with_the_reason(shanghai: City, suzhou: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    suzhou.registry.write("decision", "D1", {"transfer": proposals(suzhou)[0], "accept": False, "reason": 7})
    suzhou.sync()
    shanghai.sync()
    (ended,) = shanghai.registry.booked("transfer_ended")
    assert (ended["detail"]["outcome"], ended["detail"]["reason"]) == ("rejected", 7)
    assert [row[3] for row in blocks(shanghai)] == [1, 1, 1]


def test_cosignature_that_is_not_needed__nothing_is_held__the_transfer_goes(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU, "reviewed": True})
    shanghai.registry.write("retirement", "R1", {"serials": [1, 10]})
    shanghai.sync()
    assert shanghai.held() == {}
    assert (len(proposals(shanghai)), [row[3] for row in blocks(shanghai)]) == (1, [4, 1, 2, 1])
    assert shanghai.registry.booked("refused") == []
    shanghai.registry.write("cosign", "C1", {"transfer": "T1"})  # and when it was proposed before
    shanghai.sync()
    assert shanghai.held() == {}
    assert shanghai.counts()["inbox"] == {"settled": 8}
    assert shanghai.sync().written == 0


def test_decision_before_its_transfer_is_final__waits_and_goes(shanghai: City, suzhou: City) -> None:
    request = ids.request_id(SHANGHAI, REGISTRY, "TransferOut:T1", "propose:101-200", 1)
    transfer = "0x" + ids.transfer_id(SHANGHAI, request).hex()
    suzhou.registry.write("decision", "D1", {"transfer": transfer, "accept": False})
    suzhou.sync()
    assert suzhou.held() == {"D1": "transfer_unknown"}
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.sync()
    assert proposals(shanghai) == [transfer]
    suzhou.sync()
    assert suzhou.held() == {}


def test_push_without_idempotence_and_look_up__a_work_list_and_no_call(shanghai: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    shanghai.registry = FolderRegistry(shanghai.folder / "registry", SHANGHAI, idempotent_push=False, lookup=False)
    shanghai.sync()
    assert shanghai.registry.calls("push") == []
    assert shanghai.counts()["effects"] == {"person": 1}


def test_registry_offline__the_chain_side_goes_on_and_nothing_is_lost(shanghai: City, suzhou: City) -> None:
    shanghai.begin()
    shanghai.registry.write("transfer", "T1", {"serials": [101, 200], "to": SUZHOU})
    suzhou.registry.offline = True
    shanghai.sync()
    report = suzhou.sync()
    assert len(report.trouble) == 2
    assert suzhou.counts()["effects"] == {"queued": 1}
    suzhou.registry.offline = False
    suzhou.sync()
    assert [effect["kind"] for effect in suzhou.registry.booked()] == ["transfer_incoming"]


# -------------------------------------------------------------------- documents that the hub refuses


class RefusingStore:
    """A hub that takes documents one of which it does not want; everything else goes into the real store."""

    def __init__(self, taking: Any, offender: str) -> None:
        self.taking = taking
        self.offender = offender
        self.batches: list[int] = []

    def deliver(self, documents: Sequence[tuple[bytes, bytes]]) -> None:
        self.batches.append(len(documents))
        for _, canonical in documents:
            if json.loads(canonical)["record"] == self.offender:
                raise RecordRefused("not wanted here", code="document_refused", value=self.offender)
        self.taking.deliver(documents)


def test_document_the_hub_refuses__the_others_arrive__it_is_parked_with_the_reason(shanghai: City) -> None:
    store = RefusingStore(StoredDocuments(shanghai.index, shanghai.signer, SHANGHAI), "V1")
    shanghai.documents = store
    shanghai.begin()
    report = shanghai.sync()
    assert report.documents == 6
    assert any("not wanted" in trouble for trouble in report.trouble)
    assert shanghai.counts()["documents"] == {"undelivered": 0, "refused": 1}
    with shanghai.journal() as journal:
        (fault,) = journal.faults()
    assert (fault["field"], fault["value"], fault["code"]) == ("verification", "V1", "document_refused")
    store.batches.clear()
    shanghai.sync()
    assert store.batches == []
    with shanghai.journal() as journal:
        assert journal.offer_parked() == 1
    store.offender = ""
    assert shanghai.sync().documents == 1
    with shanghai.index.reader.connect() as connection:
        assert len(connection.execute(select(t.documents.c.digest)).all()) == 7


# -------------------------------------------------------------------- others on the same chain


def test_request_ids_of_another_member__make_nothing_of_ours_look_done(shanghai: City) -> None:
    """Suzhou writes under the very request ids that Shanghai's records will have."""
    for code, action in (("S", "series"),):
        request = ids.request_id(SHANGHAI, REGISTRY, f"series:{code}", action, 1)
        shanghai.hub.send(
            SUZHOU, "CreditLedger", "registerSeries", [SUZHOU, ids.native_key(REGISTRY, "other"), 1, request]
        )
    filing = ids.request_id(SHANGHAI, REGISTRY, "MethodologyFiling:filing M1", "file", 1)
    words = {
        "request": filing,
        "native": ids.native_key(REGISTRY, "other", "1"),
        "document": "0x" + "11" * 32,
        "definition": "0x" + "22" * 32,
        "validFrom": 0,
        "validUntil": 2**40 - 1,
        "supersedes": "0x" + "00" * 12,
        "lineage": "0x" + "00" * 32,
    }
    shanghai.hub.send(SUZHOU, "Methodologies", "file", [SUZHOU, words])
    shanghai.begin()
    report = shanghai.sync()
    assert (report.written, report.held) == (5, 0)
    assert shanghai.hub.read("CreditLedger", "getSeries", [series(SHANGHAI)])["kgPerSerial"] == 1


def test_nonce_taken_by_another_transaction_of_the_key__the_writes_go_under_the_next(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between signing and broadcast a command by hand uses the same key."""
    shanghai.begin()
    node, signer = shanghai.hub.node, shanghai.signer
    plain = Node.send_raw
    intruded: list[str] = []

    def intrude_once(self: Node, raw: bytes) -> str:
        if not intruded:
            data = encode_call(
                "CreditLedger", "registerSeries", [SHANGHAI, ids.native_key("by", "hand"), 1, b"\1" * 32]
            )
            to = shanghai.hub.deployment.address("CreditLedger")
            nonce = node.nonce(signer.address)
            other = prepare(signer, to, data, nonce=nonce, chain_id=node.chain_id, gas_price=node.gas_price)
            intruded.append(plain(self, other.raw))
        return plain(self, raw)

    confirm = submit.Submitter.confirm

    def confirm_late(self: submit.Submitter, *arguments: Any) -> Any:
        time.sleep(0.3)  # the next batch is simulated meanwhile
        return confirm(self, *arguments)

    monkeypatch.setattr(Node, "send_raw", intrude_once)
    monkeypatch.setattr(submit.Submitter, "confirm", confirm_late)
    report = shanghai.sync()
    assert intruded
    assert report.written == 5
    assert shanghai.counts()["submissions"] == {"final": 3, "replaced": 1}
    assert events(shanghai.index) == STORY | {"SeriesRegistered": 2}


def test_paused__retried_without_an_operator_when_the_pause_is_over(city_hub: Hub, shanghai: City) -> None:
    shanghai.begin()
    pause = city_hub.action("Consortium", "pauseByBallot", [city_hub.now() + 80_000, "0x" + "01" * 32])
    city_hub.decide(BallotKind.PAUSE, [pause])
    shanghai.sync()
    assert "paused" in shanghai.held().values()
    assert events(shanghai.index) == {}
    city_hub.decide(BallotKind.PAUSE, [city_hub.action("Consortium", "endPause", [])])
    shanghai.sync()
    assert shanghai.held() == {}
    assert events(shanghai.index).items() >= STORY.items()


def test_programme_member__period_not_stated__retires_but_moves_nothing(city: Callable[[int], City]) -> None:
    cdm = city(CDM)
    cdm.found()
    cdm.registry.write("verification", "V1", {"project": "P1", "kg": 500})
    cdm.issue("I1", 1, 500)
    cdm.registry.write("retirement", "R1", {"serials": [1, 100]})
    cdm.registry.write("transfer", "T1", {"serials": [200, 300], "to": HEFEI})
    cdm.sync()
    assert cdm.held() == {"T1": "kind_moves_nothing"}
    with cdm.index.reader.connect() as connection:
        assert connection.execute(select(t.retirements.c.claimant)).scalar_one() == 0


def test_node_gone__the_pass_ends_with_retry_later_and_the_next_one_goes_on(
    shanghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    shanghai.begin()

    def gone(*_: object, **__: object) -> None:
        raise RetryLater("no node", where="the chain")

    with monkeypatch.context() as patch:
        patch.setattr(submit, "simulate", gone)
        with pytest.raises(RetryLater):
            shanghai.sync()
    assert shanghai.counts()["inbox"] == {"decided": 5}
    shanghai.sync()
    assert events(shanghai.index) == STORY


def test_simulated_as_the_registrar__another_members_key_is_refused_by_name(city_hub: Hub, shanghai: City) -> None:
    shanghai.signer = city_hub.signers[SUZHOU]
    shanghai.begin()
    shanghai.sync()
    assert "not_officer" in shanghai.held().values()
    with pytest.raises(ChainRefused):
        simulate(
            city_hub.node,
            city_hub.signers[SUZHOU].address,
            city_hub.deployment.address("CreditLedger"),
            encode_call("CreditLedger", "registerSeries", [SHANGHAI, b"\2" * 32, 1, b"\3" * 32]),
        )
