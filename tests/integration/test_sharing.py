"""Sharing between cities: publish, search, subscribe, pull, import; audiences that leak nothing; accesses that stay."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from hub.api.app import create_app
from hub.chain.connection import Node
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Domain, OfficerOrder
from hub.db import tables as t
from hub.documents.accesses import KEEP_ACCESSES, Retention, public_reads
from hub.documents.sealing import as_json, seal_documents
from hub.errors import RecordRefused, RetryLater
from hub.network.embedded import EmbeddedChain
from hub.sharing.checking import Checked, check
from hub.sharing.exchange import Answered, Fetched, HubExchange, Question
from hub.sharing.importing import Form, import_document
from hub.sharing.own_store import OwnStore, open_own_store
from hub.sharing.publishing import Item, publish, withdraw
from hub.sharing.pulling import pull
from mutual_recognition.documents import DocumentKind
from tests.integration.api_world import (
    CODE,
    HANGZHOU,
    HEFEI,
    METHODOLOGY,
    REGISTRY,
    SHANGHAI,
    SUZHOU,
    VERSION,
    World,
    build_world,
    document,
)

OF_METHODOLOGY = {"member": SHANGHAI, "registry": REGISTRY, "code": CODE, "version": VERSION}


def parameters(value: str = "0.42", title: str = "光伏排放因子（示例）", **more: Any) -> dict[str, Any]:
    one = {
        "symbol": "EF",
        "value": value,
        "unit": "kgCO2e/kWh",
        "effective_from": "2024-04-01",
        "source": "illustrative",
        "status": "illustrative",
    }
    return {"title_zh": title, "title_en": "PV factor (illustrative)", "parameters": [one], **more}


@dataclass
class Desks:
    """Everybody's way to the hub over HTTP, and a city's own check and store."""

    world: World
    folder: Path

    def exchange(self, signer: LocalSigner | None) -> HubExchange:
        return HubExchange(self.world.client, self.world.deployment.domain, signer, clock=self.world.hub.clock)

    def of(self, member: int) -> HubExchange:
        return self.exchange(self.world.officers[member])

    def check_as(self, member: int) -> Callable[[Fetched], Checked]:
        def checked(fetched: Fetched) -> Checked:
            with self.world.hub.reading.connect() as connection:
                return check(connection, self.world.deployment, fetched, member, self.world.hub.clock())

        return checked

    def share(
        self,
        record: str,
        content: dict[str, Any],
        audience: str = "public",
        kind: DocumentKind = DocumentKind.PARAMETERS,
        member: int = SHANGHAI,
    ) -> str:
        """Publishes one record; its digest."""
        signer = self.world.officers[member]
        (done,) = publish(self.of(member), signer, member, REGISTRY, kind, audience, [Item(record, content, "test")])
        return done.digest

    def accesses(self) -> list[Any]:
        with self.world.hub.reading.connect() as connection:
            c = t.document_accesses.c
            return list(connection.execute(select(c.digest, c.member, c.how, c.reader).order_by(c.id)))


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    folder = tmp_path_factory.mktemp("sharing")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield Desks(build_world(node, folder), folder)


@pytest.fixture
def store(desks: Desks, tmp_path: Path) -> Iterator[OwnStore]:
    with open_own_store(tmp_path, SUZHOU, desks.world.hub.clock) as store:
        yield store


def found(exchange: HubExchange, **asked: Any) -> list[str]:
    return [entry["digest"] for entry in exchange.find(Question(limit=200, **asked)).entries]


# -------------------------------------------------------------------- publishing


def test_publish__versioned__old_stays_readable__same_content_is_shared_once(desks: Desks) -> None:
    first = desks.share("EF-versions", parameters("0.42"))
    assert desks.share("EF-versions", parameters("0.42")) == first
    second = desks.share("EF-versions", parameters("0.41"))
    told = {digest: desks.world.client.get(f"/v1/documents/{digest}").json() for digest in (first, second)}
    assert [told[one]["entry"]["version"] for one in (first, second)] == [1, 2]
    assert told[first]["entry"]["superseded_by"] == second
    assert told[second]["entry"]["superseded_by"] is None
    assert found(desks.of(SUZHOU), record="EF-versions") == [first, second]
    assert found(desks.of(SUZHOU), record="EF-versions", current=True) == [second]


def test_publish__sealed_by_another_members_registrar__refused(desks: Desks) -> None:
    with pytest.raises(RecordRefused) as told:
        publish(
            desks.of(SUZHOU),
            desks.world.officers[SUZHOU],
            SHANGHAI,
            REGISTRY,
            DocumentKind.PARAMETERS,
            "public",
            [Item("EF-forged", parameters(), "test")],
        )
    assert told.value.code == "signer_no_registrar"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (parameters(notes="业主电话 13800138000"), "personal_data"),
        (parameters(notes="户号：3101234567"), "personal_data"),
        (parameters() | {"title_en": "of 11010519491231002X"}, "personal_data"),
        ({"title_zh": "示例", "parameters": [{"symbol": "EF", "value": 0.42}]}, "shared_content_refused"),
        (parameters() | {"surprise": "x"}, "shared_content_refused"),
    ],
)
def test_hub__refuses_personal_data_and_other_shapes__whoever_hands_it_in(
    desks: Desks, content: dict[str, Any], code: str
) -> None:
    with pytest.raises(RecordRefused) as told:
        desks.share("EF-refused", content)
    assert told.value.code == code
    if not any(isinstance(one.get("value"), float) for one in content["parameters"]):
        by_hand = document(DocumentKind.PARAMETERS, "EF-refused", content)
        answer = desks.world.client.post("/v1/documents", json=as_json(desks.world.sealed(by_hand)))
        assert answer.status_code == 422
        assert answer.json()["type"].endswith(code)
        assert "13800138000" not in answer.text
        assert "11010519491231002X" not in answer.text


def test_hub__version_with_other_words__refused(desks: Desks) -> None:
    desks.share("EF-taken", parameters("0.42"))
    other = document(DocumentKind.PARAMETERS, "EF-taken", {**parameters("0.40"), "lineage": []})
    answer = desks.world.client.post("/v1/documents", json=as_json(desks.world.sealed(other)))
    assert answer.json()["type"].endswith("version_taken")


def test_withdrawn__by_a_notice_to_the_same_audience__marked_and_still_readable(desks: Desks) -> None:
    shared = desks.share("EF-withdrawn", parameters(), f"member:{SUZHOU}")
    signer = desks.world.officers[SHANGHAI]
    notice = withdraw(desks.of(SHANGHAI), signer, SHANGHAI, shared, "the source was revised")
    again = withdraw(desks.of(SHANGHAI), signer, SHANGHAI, shared, "the source was revised")
    assert (again.digest, again.new) == (notice.digest, False)
    suzhou = desks.of(SUZHOU)
    assert desks.check_as(SUZHOU)(suzhou.fetch(shared)).document.record == "EF-withdrawn"
    entries = {entry["digest"]: entry for entry in suzhou.find(Question(record="EF-withdrawn")).entries}
    assert entries[shared]["withdrawn_by"] == notice.digest
    assert entries[notice.digest]["withdraws"] == shared
    assert found(suzhou, record="EF-withdrawn", current=True) == []
    assert found(desks.of(HEFEI), record="EF-withdrawn") == []


def test_withdrawal__of_anothers_document_or_to_another_audience__refused(desks: Desks) -> None:
    shared = desks.share("EF-theirs", parameters(), "members")
    with pytest.raises(RecordRefused) as told:
        withdraw(desks.of(SUZHOU), desks.world.officers[SUZHOU], SUZHOU, shared, "not mine to withdraw")
    assert told.value.code == "document_of_another"
    content = {"withdraws": shared, "reason": "by hand"}
    for member, audience, code in ((SUZHOU, "members", "withdraws_unknown"), (SHANGHAI, "public", "audience_differs")):
        notice = document(DocumentKind.WITHDRAWAL, "EF-theirs", content, audience, member)
        body = as_json(desks.world.sealed(notice, member=member))
        assert desks.world.client.post("/v1/documents", json=body).json()["type"].endswith(code)


# -------------------------------------------------------------------- searching


def test_search__in_chinese_and_english__every_word__whatever_its_width_and_case(desks: Desks) -> None:
    wanted = desks.share("EF-search", parameters(title="崇明岛分布式光伏因子（示例）", notes="Chongming Ｉsland 2026"))
    reader = desks.of(SUZHOU)
    for words in (
        "崇明",
        "崇明岛分布",
        "岛",
        "chongming island",
        "CHONGMING 光伏",
        "ＩＳＬＡＮＤ",
        "布式光伏因子（示例",
    ):
        assert found(reader, words=words) == [wanted], words
    for words in ("崇明 大巴", "chongming isle", '"', "崇明%", "c_ongming", "EF-search*"):
        assert found(reader, words=words) == [], words
    assert found(reader, words="崇明", member=SUZHOU) == []
    assert found(reader, words="崇明", kinds=("methodology",)) == []


def test_search__page_by_page__the_same_as_all_at_once(desks: Desks) -> None:
    for number in range(5):
        desks.share(f"EF-page-{number}", parameters(title=f"翻页因子{number}（示例）"))
    reader = desks.of(SUZHOU)
    whole = found(reader, words="翻页因子", newest_first=True)
    assert len(whole) == 5
    pages, before = [], 0
    while True:
        page = reader.find(Question(words="翻页因子", newest_first=True, limit=2, before=before))
        pages += [entry["digest"] for entry in page.entries]
        if not page.more:
            break
        before = page.entries[-1]["arrived"]
    assert pages == whole


def test_search__too_many_words__refused(desks: Desks) -> None:
    answer = desks.world.client.get("/v1/documents", params={"text": " ".join("abcdefghijkl")})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("search_refused")


# -------------------------------------------------------------------- audiences


@pytest.mark.parametrize("audience", [f"member:{SUZHOU}", "auditors", "members"])
def test_what_is_for_others__leaves_no_trace(desks: Desks, audience: str) -> None:
    """Not in list, search, feed, by digest, in the seal, in counts of reads, nor in any ETag."""
    world = desks.world
    outsiders: dict[str, dict[str, str]] = {"public": {}}
    if audience != "members":
        outsiders["hefei"] = world.reading_as(world.officers[HEFEI])
    name = audience.replace(":", "-")
    visible = desks.share(f"EF-trace-{name}", parameters(title="可见（示例）"))
    paths = ["/v1/documents?limit=200", "/v1/members", f"/v1/documents/{visible}", "/v1/documents?text=可见"]

    def counted() -> list[str]:
        return [line for line in world.client.get("/metrics").text.splitlines() if "documents" in line]

    def seen() -> dict[tuple[str, str], tuple[str, Any]]:
        told = {}
        for who, headers in outsiders.items():
            for path in paths:
                answer = world.client.get(path, headers=headers)
                body = answer.json()
                body.pop("as_of", None)
                told[who, path] = (answer.headers["etag"], body)
        return told

    before, metrics = seen(), counted()
    hidden = desks.share(f"EF-trace-{name}", parameters("0.40", title="隐藏的因子（示例）"), audience)
    assert seen() == before  # superseding what is public by something that is not does not show either
    assert counted() == metrics
    manifest = world.client.get(f"/v1/documents/{hidden}", headers=world.reading_as(world.officers[SHANGHAI])).json()[
        "seal"
    ]["manifest"]
    since = world.client.get("/v1/documents?limit=200").json()["items"][-1]["arrived"]
    for headers in outsiders.values():
        for path in (
            f"/v1/documents/{hidden}",
            f"/v1/documents/{hidden}/canonical",
            f"/v1/documents/{hidden}/reads",
            f"/v1/seals/{manifest}",
        ):
            assert world.client.get(path, headers=headers).status_code == 404, path
            absent = path.replace(hidden, "0x" + "77" * 32).replace(manifest, "0x" + "77" * 32)
            conditional = headers | {"If-None-Match": "*"}
            asked, asked_absent = (world.client.get(one, headers=conditional) for one in (path, absent))
            assert (asked.status_code, asked.headers["etag"]) == (
                asked_absent.status_code,
                asked_absent.headers["etag"],
            )
        for query in ("text=隐藏的因子", f"record=EF-trace-{name}&version=2", f"audience={audience}&limit=200"):
            listed = world.client.get(f"/v1/documents?{query}", headers=headers).json()["items"]
            assert hidden not in {one["digest"] for one in listed}, query
        feed = world.client.get(f"/v1/documents?since={since}&limit=200", headers=headers).json()
        assert hidden not in {one["digest"] for one in feed["items"]}
        for cursor_path in ("/v1/documents?limit=1", "/v1/documents?limit=1&order=newest"):
            page = world.client.get(cursor_path, headers=headers).json()
            assert hidden not in json.dumps(page)
    insider = world.auditor if audience == "auditors" else world.officers[SUZHOU]
    assert hidden in found(desks.exchange(insider), words="隐藏的因子")


def test_arrivals__grow_by_steps_that_tell_nothing(desks: Desks) -> None:
    steps = []
    last = 0
    for number in range(12):
        digest = desks.share(f"EF-step-{number}", parameters())
        arrived = desks.world.client.get(f"/v1/documents/{digest}").json()["entry"]["arrived"]
        steps.append(arrived - last)
        last = arrived
    assert all(step > 0 for step in steps)
    assert len(set(steps[1:])) > 3


# -------------------------------------------------------------------- pulling


def test_pull__brings_each_document_once__and_only_what_was_asked_for(desks: Desks, store: OwnStore) -> None:
    wanted = desks.share("EF-pulled", parameters(methodology=OF_METHODOLOGY), f"member:{SUZHOU}")
    desks.share("EF-for-hefei", parameters(methodology=OF_METHODOLOGY), f"member:{HEFEI}")
    row, _ = store.subscribe("parameters", SHANGHAI, desks.world.methodology)
    assert store.subscribe("parameters", SHANGHAI, desks.world.methodology) == (row, False)
    suzhou, checked = desks.of(SUZHOU), desks.check_as(SUZHOU)
    done = pull(store, suzhou, checked, row)
    assert (done.new, done.refused) == (1, [])
    assert [one["digest"] for one in store.inbox()] == [wanted]
    [again] = store.subscriptions()
    assert pull(store, suzhou, checked, again).new == 0
    newer = desks.share("EF-pulled", parameters("0.40", methodology=OF_METHODOLOGY), f"member:{SUZHOU}")
    withdraw(desks.of(SHANGHAI), desks.world.officers[SHANGHAI], SHANGHAI, newer, "by mistake")
    assert pull(store, suzhou, checked, again).new == 2
    stands = {one["digest"]: (one["superseded_by"], bool(one["withdrawn_by"])) for one in store.inbox()}
    assert stands == {wanted: (newer, False), newer: (None, True)}


class Interrupted(Exception):
    pass


@dataclass
class Breaking:
    """A way to the hub that breaks after so many documents."""

    inner: HubExchange
    good_for: int
    where: str = "breaking"

    def find(self, question: Question) -> Answered:
        return self.inner.find(question)

    def fetch(self, digest: str) -> Fetched:
        if self.good_for == 0:
            raise Interrupted
        self.good_for -= 1
        return self.inner.fetch(digest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_pull__interrupted_anywhere__goes_on_and_ends_with_each_once(desks: Desks, store: OwnStore) -> None:
    shared = [desks.share(f"EF-broken-{number}", parameters(), "members", member=HEFEI) for number in range(7)]
    row, _ = store.subscribe("parameters", HEFEI, "")
    checked = desks.check_as(SUZHOU)
    new = 0
    for good_for in (0, 1, 2, 3, 100):
        (now,) = store.subscriptions()
        try:
            new += pull(store, Breaking(desks.of(SUZHOU), good_for), checked, now, page=2).new
        except Interrupted:
            continue
        finally:
            new = len(store.inbox())
    assert new == 7
    assert sorted(one["digest"] for one in store.inbox()) == sorted(shared)
    assert row["cursor"] == 0
    (now,) = store.subscriptions()
    assert now["cursor"] > 0


def tampered(fetched: Fetched, how: str, desks: Desks) -> Fetched:
    world = desks.world
    other = fetched.canonical.replace(b"0.42", b"0.99")
    match how:
        case "digest_differs":
            return replace(fetched, canonical=other)
        case "manifest_differs":
            return replace(fetched, batch=("0x" + "77" * 32,))
        case "signer_no_registrar":
            stranger, domain = LocalSigner.random(), world.deployment.domain
            batch = seal_documents(stranger, domain, SHANGHAI, [fetched.canonical], world.now())
            return replace(fetched, seal=batch.seal, signature=batch.signature, batch=(fetched.digest,))
        case "signer_no_registrar of another chain":
            domain = Domain(world.deployment.chain_id + 1, world.deployment.domain.consortium)
            batch = seal_documents(world.officers[SHANGHAI], domain, SHANGHAI, [fetched.canonical], world.now())
            return replace(fetched, seal=batch.seal, signature=batch.signature, batch=(fetched.digest,))
        case _:
            hefei = desks.share("EF-leaked", parameters(), f"member:{HEFEI}")
            return desks.of(HEFEI).fetch(hefei)


@pytest.mark.parametrize(
    "how",
    [
        "digest_differs",
        "manifest_differs",
        "signer_no_registrar",
        "signer_no_registrar of another chain",
        "audience_differs",
    ],
)
def test_pull__from_a_hub_that_lies__kept_out_with_its_reason__the_rest_goes_on(
    desks: Desks, store: OwnStore, how: str
) -> None:
    record = "EF-lied-" + how.replace(" ", "-")
    lied = desks.share(record, parameters(methodology=OF_METHODOLOGY), "members")
    honest = desks.share(record + "-honest", parameters(methodology=OF_METHODOLOGY), "members")

    @dataclass
    class Lying(Breaking):
        def fetch(self, digest: str) -> Fetched:
            fetched = self.inner.fetch(digest)
            return tampered(fetched, how, desks) if digest == lied else fetched

    row, _ = store.subscribe("parameters", SHANGHAI, "")
    done = pull(store, Lying(desks.of(SUZHOU), -1), desks.check_as(SUZHOU), row)
    assert [why.code for why in done.refused] == [how.partition(" ")[0]]
    kept = {one["digest"] for one in store.inbox()}
    assert honest in kept
    assert lied not in kept
    assert [one["digest"] for one in store.refused()] == [lied]


def test_pull__sealed_by_a_key_that_is_no_registrars_any_more__kept_and_said_so(desks: Desks, store: OwnStore) -> None:
    world, former = desks.world, LocalSigner.random()

    def set_officer(roles: Role, until: int) -> None:
        request = "0x" + world.request(HEFEI).hex()
        order = OfficerOrder(HEFEI, former.address, int(roles), until, request, world.now() + 600)
        signature = sign_order(world.officers[HEFEI], order, world.deployment.domain)
        world.relay("Consortium", "setOfficer", [order, signature])
        world.indexer.follow()

    set_officer(Role.REGISTRAR, world.now() + 86_400)
    content = {**parameters(), "lineage": []}
    one = document(DocumentKind.PARAMETERS, "EF-former", content, "members", HEFEI)
    batch = seal_documents(former, world.deployment.domain, HEFEI, [one.canonical()], world.now())
    assert world.client.post("/v1/documents", json=as_json(batch)).json()["new"] == 1
    world.node.rpc.call("evm_increaseTime", 10)
    set_officer(Role(0), 0)
    row, _ = store.subscribe("parameters", HEFEI, "")
    pull(store, desks.of(SUZHOU), desks.check_as(SUZHOU), row)
    kept = {received["record"]: received for received in store.inbox()}
    assert (kept["EF-former"]["former"], kept["EF-former"]["signer"]) == (True, former.address)
    assert not any(received["former"] for record, received in kept.items() if record != "EF-former")
    late = seal_documents(former, world.deployment.domain, HEFEI, [one.canonical()], world.now())
    fetched = desks.of(SUZHOU).fetch("0x" + one.digest().hex())
    with pytest.raises(RecordRefused) as told:
        desks.check_as(SUZHOU)(replace(fetched, seal=late.seal, signature=late.signature))
    assert told.value.code == "signer_no_registrar"


def test_pull__hub_away__later__nothing_changed(desks: Desks, store: OwnStore) -> None:
    row, _ = store.subscribe("", 0, "")
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as nowhere:
        away = HubExchange(nowhere, desks.world.deployment.domain, desks.world.officers[SUZHOU])
        with pytest.raises(RetryLater):
            pull(store, away, desks.check_as(SUZHOU), row)
    assert store.inbox() == []


# -------------------------------------------------------------------- importing


def test_import__parameters__shared_on_as_ones_own_with_lineage(desks: Desks, store: OwnStore, tmp_path: Path) -> None:
    shared = desks.share("EF-import", parameters(), "members")
    out = tmp_path / "draft.json"
    arguments = (store, desks.of(SUZHOU), desks.check_as(SUZHOU), shared)
    before = len(desks.accesses())
    import_document(*arguments, Form.PARAMETERS_DRAFT, out)
    imports = [row for row in desks.accesses()[before:] if row.how == "import"]
    assert [(row.digest, row.member) for row in imports] == [(shared, SUZHOU)]
    draft = json.loads(out.read_text(encoding="utf-8"))
    record = draft.pop("record")
    own = desks.share(record, draft, member=SUZHOU)
    lineage = desks.of(HEFEI).fetch(own)
    content = desks.check_as(HEFEI)(lineage).document.content
    assert [(one["digest"], one["member"], one["version"]) for one in content["lineage"]] == [(shared, SHANGHAI, 1)]
    assert content["parameters"][0]["value"] == "0.42"
    assert [row["form"] for row in store.imports()] == ["parameters-draft"]
    with pytest.raises(RecordRefused) as told:
        import_document(*arguments, Form.METHODOLOGY_DRAFT, out)
    assert told.value.code == "form_differs"


def test_import__withdrawn_and_the_notice_received__refused(desks: Desks, store: OwnStore, tmp_path: Path) -> None:
    shared = desks.share("EF-import-withdrawn", parameters(), "members", member=HANGZHOU)
    withdraw(desks.of(HANGZHOU), desks.world.officers[HANGZHOU], HANGZHOU, shared, "wrong")
    row, _ = store.subscribe("parameters", HANGZHOU, "")
    pull(store, desks.of(SUZHOU), desks.check_as(SUZHOU), row)
    with pytest.raises(RecordRefused) as told:
        import_document(
            store, desks.of(SUZHOU), desks.check_as(SUZHOU), shared, Form.DOCUMENT, tmp_path / "withdrawn.json"
        )
    assert told.value.code == "document_withdrawn"
    assert not (tmp_path / "withdrawn.json").exists()


def test_import__without_a_definition__says_what_is_missing(desks: Desks, store: OwnStore, tmp_path: Path) -> None:
    digest = "0x" + METHODOLOGY.digest().hex()
    arguments = (store, desks.of(SUZHOU), desks.check_as(SUZHOU), digest)
    with pytest.raises(RecordRefused) as told:
        import_document(*arguments, Form.METHODOLOGY_DRAFT, tmp_path / "draft.json")
    assert told.value.code == "definition_missing"
    written = import_document(*arguments, Form.DOCUMENT, tmp_path / "document.json")
    assert written["provenance"]["digest"] == digest
    assert written["content"] == METHODOLOGY.content


def test_import__by_nobody__not_identified(desks: Desks) -> None:
    digest = "0x" + METHODOLOGY.digest().hex()
    assert desks.world.client.post(f"/v1/documents/{digest}/imports").status_code == 401
    hidden = desks.share("EF-no-import", parameters(), f"member:{SUZHOU}")
    headers = desks.world.reading_as(desks.world.officers[HEFEI])
    assert desks.world.client.post(f"/v1/documents/{hidden}/imports", headers=headers).status_code == 404


# -------------------------------------------------------------------- accesses


def test_accesses__for_the_member_that_shared__and_for_auditors__and_nobody_else(desks: Desks) -> None:
    shared = desks.share("EF-accesses", parameters(), "members")
    suzhou = desks.world.officers[SUZHOU]
    desks.of(SUZHOU).fetch(shared)
    home, _ = desks.of(SHANGHAI).accesses({"digest": shared}, 0, 50)
    assert [(one["member"], one["reader"], one["how"]) for one in home] == [(SUZHOU, suzhou.address, "read")]
    audited, _ = desks.exchange(desks.world.auditor).accesses({"digest": shared}, 0, 50)
    assert audited == home
    assert desks.of(SUZHOU).accesses({"digest": shared}, 0, 50) == ([], None)
    assert desks.world.client.get("/v1/accesses").status_code == 401
    everyone, _ = desks.exchange(desks.world.auditor).accesses({}, 0, 200)
    own, _ = desks.of(SHANGHAI).accesses({}, 0, 200)
    assert {one["home"] for one in own} == {SHANGHAI}
    assert {one["home"] for one in everyone} > {SHANGHAI}
    first, after = desks.of(SHANGHAI).accesses({}, 0, 1)
    assert after == first[0]["id"]
    rest, _ = desks.of(SHANGHAI).accesses({}, after or 0, 200)
    assert first + rest[:10] == own[:11]


def test_accesses__younger_than_three_years_are_never_pruned__whatever_the_hubs_clock_says(desks: Desks) -> None:
    shared = desks.share("EF-kept", parameters(), "members")
    desks.of(SUZHOU).fetch(shared)
    accesses = desks.world.hub.documents.accesses
    kept = len(desks.accesses())
    now = desks.world.hub.clock()
    ahead = now + 2 * KEEP_ACCESSES
    assert accesses.prune(ahead) == 0, "the chain is where it was: the clock alone is not believed"
    assert accesses.prune(now) == 0
    assert len(desks.accesses()) == kept
    snapshot = desks.world.node.rpc.call("evm_snapshot")
    desks.world.node.rpc.call("evm_increaseTime", KEEP_ACCESSES + 10)
    desks.world.node.rpc.call("evm_mine")
    desks.world.indexer.follow()
    try:
        assert accesses.prune(now) == 0, "the chain has gone on, this machine's clock has not"
        retention = Retention(accesses, lambda: ahead, every=3_600)
        retention.start()
        retention.join(0.5)
        retention.stop()
        assert desks.accesses() == []
    finally:
        desks.world.node.rpc.call("evm_revert", snapshot)
        desks.world.indexer.follow()


def test_api_process__prunes_while_it_serves_and_writes_its_counts_when_it_ends(desks: Desks) -> None:
    shared = desks.share("EF-served", parameters())
    with TestClient(create_app(desks.world.hub)) as serving:
        assert [one for one in threading.enumerate() if one.name == "retention"]
        serving.get(f"/v1/documents/{shared}")
    assert not [one for one in threading.enumerate() if one.name == "retention"]
    with desks.world.hub.reading.connect() as connection:
        assert public_reads(connection, [shared]) == {shared: 1}


def test_public_reads__counted_by_the_day_and_nobodys(desks: Desks) -> None:
    shared = desks.share("EF-counted", parameters())
    before = len(desks.accesses())
    for headers in ({}, desks.world.reading_as(desks.world.officers[SUZHOU])):
        desks.world.client.get(f"/v1/documents/{shared}", headers=headers)
    desks.world.hub.documents.accesses.flush()
    assert desks.world.client.get(f"/v1/documents/{shared}/reads").json() == {"digest": shared, "reads": 2}
    assert len(desks.accesses()) == before
    with sqlite3.connect(desks.folder / "hub.sqlite") as db:
        columns = {row[1] for row in db.execute("PRAGMA table_info(document_reads)")}
    assert columns == {"digest", "day", "reads"}
