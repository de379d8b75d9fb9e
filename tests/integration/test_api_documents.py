"""Documents through the API: whose seal is taken, who reads what, and that it is noted who did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from hub.chain.codec import encode_call
from hub.chain.connection import Node
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Domain, OfficerOrder
from hub.chain.sending import send
from hub.db import tables as t
from hub.documents.accesses import KEEP_ACCESSES
from hub.documents.delivery import HubDocuments
from hub.documents.directory import HubDirectory
from hub.documents.messages import DocumentSeal, digest
from hub.documents.sealing import as_json, reading_authorization, seal_documents
from hub.documents.seals import SealedBatch, manifest_of
from hub.errors import RecordRefused, RetryLater
from hub.network.embedded import EmbeddedChain
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.identifiers import series_id
from tests.integration.api_world import (
    DECLARATION,
    HANGZHOU,
    HEFEI,
    METHODOLOGY,
    SHANGHAI,
    SUZHOU,
    VERIFICATION,
    World,
    build_world,
    document,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("documents")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield build_world(node, folder)


def post(world: World, body: dict[str, Any]) -> Any:
    return world.client.post("/v1/documents", json=body)


def refused(world: World, body: dict[str, Any]) -> str:
    """The code with which a batch is refused, after checking that nothing of it was kept."""

    def kept() -> list[str]:
        with world.hub.reading.connect() as connection:
            return list(connection.execute(select(t.documents.c.digest)).scalars())

    before = kept()
    answer = post(world, body)
    assert answer.status_code == 422, answer.text
    assert kept() == before
    return str(answer.json()["type"]).removeprefix("urn:yrdhub:problem:")


def evidence(record: str, audience: str = "public", member: int = SHANGHAI) -> Any:
    return document(DocumentKind.EVIDENCE, record, {"says": record}, audience, member)


# -------------------------------------------------------------------- putting


def test_batch__kept_once_however_often_it_comes(world: World) -> None:
    batch = world.sealed(evidence("kept 1"), evidence("kept 2"))
    first, again = post(world, as_json(batch)).json(), post(world, as_json(batch)).json()
    assert (first["new"], again["new"]) == (2, 0)
    assert first["digests"] == again["digests"]
    both = world.sealed(evidence("kept 2"), evidence("kept 3"))
    assert post(world, as_json(both)).json()["new"] == 1
    kept = world.client.get(f"/v1/documents/{first['digests'][1]}").json()
    assert kept["seal"]["manifest"] == batch.seal.manifest


def test_document__with_its_seal__anyone_can_check_it(world: World) -> None:
    batch = world.sealed(evidence("checked 1"), evidence("checked 2"))
    digests = post(world, as_json(batch)).json()["digests"]
    answer = world.client.get(f"/v1/documents/{digests[0]}").json()
    canonical = world.client.get(f"/v1/documents/{digests[0]}/canonical").content
    assert "0x" + hashlib.sha256(canonical).hexdigest() == digests[0]
    assert json.loads(canonical) == answer["document"]
    seal = world.client.get(f"/v1/seals/{answer['seal']['manifest']}").json()
    assert sorted(digests) == seal["digests"]
    manifest = manifest_of(bytes.fromhex(one[2:]) for one in seal["digests"])
    assert "0x" + manifest.hex() == seal["manifest"]
    assert seal["signer"] == world.officers[SHANGHAI].address
    assert (seal["sealed_at_seconds"], seal["signature"]) == (batch.seal.sealed_at, "0x" + batch.signature.hex())


def test_changed_document__manifest_differs(world: World) -> None:
    body: dict[str, Any] = as_json(world.sealed(evidence("to change")))
    body["documents"] = [body["documents"][0].replace("to change", "is changed")]
    assert refused(world, body) == "manifest_differs"


def test_document_added_under_the_seal__manifest_differs(world: World) -> None:
    body: dict[str, Any] = as_json(world.sealed(evidence("alone")))
    body["documents"].append(evidence("added").canonical().decode())
    assert refused(world, body) == "manifest_differs"


def test_same_document_twice__refused(world: World) -> None:
    body: dict[str, Any] = as_json(world.sealed(evidence("twice")))
    assert refused(world, body | {"documents": body["documents"] * 2}) == "document_repeated"


def test_not_canonical__refused(world: World) -> None:
    data = json.dumps(json.loads(evidence("spaced").canonical())).encode()
    batch = seal_documents(world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, [data], world.hub.clock())
    assert refused(world, as_json(batch)) == "document_refused"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"a":1e999}', "\ud800"])
def test_no_document_at_all__refused(world: World, text: str) -> None:
    body = as_json(world.sealed(evidence("replaced")))
    answer = world.client.post(
        "/v1/documents",
        content=json.dumps(body | {"documents": [text]}),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["status"] == 422


def test_document_of_another_member_under_ones_own_seal__refused(world: World) -> None:
    suzhou = evidence("someone else's", member=SUZHOU).canonical()
    batch = seal_documents(world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, [suzhou], world.hub.clock())
    assert refused(world, as_json(batch)) == "document_of_another"


@pytest.mark.parametrize("who", ["another member's registrar", "an auditor", "nobody"])
def test_sealed_by_another_key__refused(world: World, who: str) -> None:
    signers = {
        "another member's registrar": world.officers[SUZHOU],
        "an auditor": world.auditor,
        "nobody": LocalSigner.random(),
    }
    one = evidence(f"by {who}").canonical()
    batch = seal_documents(signers[who], world.deployment.domain, SHANGHAI, [one], world.hub.clock())
    assert refused(world, as_json(batch)) == "signer_no_registrar"


def test_sealed_for_another_chain__refused(world: World) -> None:
    other = Domain(world.deployment.chain_id + 1, world.deployment.domain.consortium)
    batch = seal_documents(
        world.officers[SHANGHAI], other, SHANGHAI, [evidence("elsewhere").canonical()], world.hub.clock()
    )
    assert refused(world, as_json(batch)) == "signer_no_registrar"


def test_sealed_in_the_future__refused(world: World) -> None:
    one = [evidence("tomorrow").canonical()]
    batch = seal_documents(world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, one, world.hub.clock() + 301)
    assert refused(world, as_json(batch)) == "seal_in_future"
    soon = seal_documents(world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, one, world.hub.clock() + 200)
    assert post(world, as_json(soon)).status_code == 200


def test_former_registrar__believed_for_what_the_chain_carries_and_nothing_new(world: World) -> None:
    former = LocalSigner.random()
    domain, hefei = world.deployment.domain, world.officers[HEFEI]

    def set_officer(roles: Role, until: int) -> None:
        order = OfficerOrder(
            HEFEI, former.address, int(roles), until, "0x" + world.request(HEFEI).hex(), world.now() + 600
        )
        call = encode_call("Consortium", "setOfficer", [order, sign_order(hefei, order, domain)])
        send(LocalSigner.random(), world.node, world.deployment.address("Consortium"), call)
        world.indexer.follow()

    set_officer(Role.REGISTRAR, world.now() + 86_400)
    sealed_at = world.now()
    on_chain = document(DocumentKind.DEFINITION, "former", {"a": "1"}, member=HEFEI)
    filing = {
        "request": world.request(HEFEI),
        "native": b"\x01" * 32,
        "document": on_chain.digest(),
        "definition": on_chain.digest(),
        "validFrom": 1_600_000_000,
        "validUntil": 2**40 - 1,
        "supersedes": bytes(12),
        "lineage": bytes(32),
    }
    world.send(HEFEI, "Methodologies", "file", [HEFEI, filing])
    world.node.rpc.call("evm_increaseTime", 10)
    set_officer(Role(0), 0)

    def seal(record: Any, at: int) -> dict[str, Any]:
        return as_json(seal_documents(former, domain, HEFEI, [record.canonical()], at))

    assert refused(world, seal(evidence("new words", member=HEFEI), sealed_at)) == "signer_no_registrar"
    assert refused(world, seal(on_chain, world.now())) == "signer_no_registrar"
    assert post(world, seal(on_chain, sealed_at)).status_code == 200


def test_signature_of_a_seal_altered__refused(world: World) -> None:
    batch = world.sealed(evidence("altered"))
    seal = DocumentSeal(SHANGHAI, batch.seal.manifest, batch.seal.sealed_at - 1)
    assert digest(seal, world.deployment.domain) != digest(batch.seal, world.deployment.domain)
    assert refused(world, as_json(replace(batch, seal=seal))) == "signer_no_registrar"
    flipped = SealedBatch(batch.documents, batch.seal, bytes(64) + b"\x1b")
    assert refused(world, as_json(flipped)) == "signature_malformed"


# -------------------------------------------------------------------- reading


def test_audiences__each_reader_gets_its_own(world: World) -> None:
    private = evidence("for Suzhou", f"member:{SUZHOU}")
    digests = world.documents | {"suzhou": "0x" + private.digest().hex()}
    assert post(world, as_json(world.sealed(private))).status_code == 200
    readers: dict[str, dict[str, str]] = {
        "public": {},
        "hefei": world.reading_as(world.officers[HEFEI]),
        "suzhou": world.reading_as(world.officers[SUZHOU]),
        "auditor": world.reading_as(world.auditor),
        "home": world.reading_as(world.officers[SHANGHAI]),
    }
    may = {
        "public": {"public"},
        "hefei": {"public", "members"},
        "suzhou": {"public", "members", "suzhou"},
        "auditor": {"public", "members", "auditors"},
        "home": {"public", "members", "auditors", "suzhou"},
    }
    for reader, headers in readers.items():
        listed = {one["digest"] for one in world.client.get("/v1/documents?limit=200", headers=headers).json()["items"]}
        for name, one in digests.items():
            for path in (f"/v1/documents/{one}", f"/v1/documents/{one}/canonical"):
                status = world.client.get(path, headers=headers).status_code
                assert status == (200 if name in may[reader] else 404), (reader, name)
            assert (one in listed) == (name in may[reader]), (reader, name)


def test_not_for_the_reader__the_same_as_not_there(world: World) -> None:
    hidden = world.client.get(f"/v1/documents/{world.documents['members']}").json()
    absent = world.client.get("/v1/documents/0x" + "77" * 32).json()
    for answer in (hidden, absent):
        answer.pop("instance"), answer.pop("what"), answer.pop("detail")
    assert hidden == absent


def test_access__noted_for_what_is_not_public_and_kept_three_years(world: World) -> None:
    def noted() -> list[Any]:
        with world.hub.reading.connect() as connection:
            c = t.document_accesses.c
            columns = select(c.digest, c.reader, c.member, c.how, c.at).order_by(c.id)
            return list(connection.execute(columns).all())

    before = len(noted())
    headers = world.reading_as(world.auditor)
    world.client.get(f"/v1/documents/{world.documents['public']}", headers=headers)
    world.client.get(f"/v1/documents/{world.documents['auditors']}")
    assert len(noted()) == before
    world.client.get(f"/v1/documents/{world.documents['auditors']}", headers=headers)
    [access] = noted()[before:]
    assert access[:4] == (world.documents["auditors"], world.auditor.address, HANGZHOU, "read")
    world.client.get("/v1/documents?kind=verification", headers=headers)
    assert noted()[-1][3] == "list"
    world.hub.documents.accesses.forget_old(access.at + KEEP_ACCESSES)
    assert access in noted()
    world.hub.documents.accesses.forget_old(access.at + KEEP_ACCESSES + 1)
    assert access not in noted()


def forged(world: World) -> dict[str, str]:
    now, domain = world.hub.clock(), world.deployment.domain
    good = reading_authorization(world.auditor, domain, now + 300)
    other_chain = Domain(domain.chain_id + 1, domain.consortium)
    return {
        "authorization_malformed": "Bearer token",
        "reading_expired": reading_authorization(world.auditor, domain, now - 1),
        "reading_too_long": reading_authorization(world.auditor, domain, now + 3_600),
        "reader_unknown": reading_authorization(LocalSigner.random(), domain, now + 300),
        "reader_differs": good.replace(world.auditor.address, world.officers[SHANGHAI].address),
        "reader_differs ": reading_authorization(world.auditor, other_chain, now + 300),
        "reader_differs  ": good.replace(f":{now + 300}:", f":{now + 301}:"),
        "signature_malformed": good[:-2] + "00",
    }


@pytest.mark.parametrize(
    "code",
    [
        "authorization_malformed",
        "reading_expired",
        "reading_too_long",
        "reader_unknown",
        "reader_differs",
        "reader_differs ",
        "reader_differs  ",
        "signature_malformed",
    ],
)
def test_forged_or_expired_header__refused_even_for_what_is_public(world: World, code: str) -> None:
    header = {"Authorization": forged(world)[code]}
    for path in (f"/v1/documents/{world.documents['public']}", "/v1/members"):
        answer = world.client.get(path, headers=header)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Yrdhub"
        assert answer.json()["type"] == f"urn:yrdhub:problem:{code.strip()}"


def test_etag__of_one_reader_is_not_anothers(world: World) -> None:
    public = world.client.get("/v1/documents").headers["etag"]
    answer = world.client.get("/v1/documents", headers=world.reading_as(world.auditor) | {"If-None-Match": public})
    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["vary"] == "Authorization"


def test_search__by_kind_member_record_and_what_it_describes(world: World) -> None:
    def found(query: str) -> list[str]:
        return [one["digest"] for one in world.client.get(f"/v1/documents?{query}").json()["items"]]

    wanted = "0x" + METHODOLOGY.digest().hex()
    assert found(f"kind=methodology&member={SHANGHAI}") == [wanted]
    assert found(f"record={METHODOLOGY.record}") == [wanted]
    assert found(f"describes={world.methodology}") == [wanted]
    assert found(f"kind=methodology&member={SUZHOU}") == []
    assert "0x" + VERIFICATION.digest().hex() not in found("kind=verification")
    assert "0x" + DECLARATION.digest().hex() not in found("kind=declaration")
    assert world.client.get("/v1/documents?kind=poem").status_code == 422


# -------------------------------------------------------------------- from a city


def test_delivery_from_a_city__in_batches_and_repeatable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.documents.delivery.MOST_DOCUMENTS", 3)
    documents = [evidence(f"delivered {number}") for number in range(8)]
    sent = [(one.digest(), one.canonical()) for one in documents]
    sink = HubDocuments(
        world.client, world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, clock=world.hub.clock
    )
    sink.deliver(sent)
    sink.deliver(sent)
    seals = set()
    for one, _ in sent:
        seals.add(world.client.get(f"/v1/documents/0x{one.hex()}").json()["seal"]["manifest"])
    assert len(seals) == 3


def test_delivery__what_the_hub_refuses_is_told_with_its_code(world: World) -> None:
    one = evidence("by the wrong key")
    sink = HubDocuments(world.client, world.officers[SUZHOU], world.deployment.domain, SHANGHAI, clock=world.hub.clock)
    with pytest.raises(RecordRefused) as told:
        sink.deliver([(one.digest(), one.canonical())])
    assert told.value.code == "signer_no_registrar"


def test_delivery__hub_away__later(world: World) -> None:
    one = evidence("later")
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as nowhere:
        sink = HubDocuments(nowhere, world.officers[SHANGHAI], world.deployment.domain, SHANGHAI)
        with pytest.raises(RetryLater):
            sink.deliver([(one.digest(), one.canonical())])


def test_directory__a_city_of_its_own_asks_the_hub__and_believes_only_what_the_hash_says(world: World) -> None:
    code = "XL-2031"
    content = {"code": code, "kg_per_serial": 1}
    registry = "illustrative-registry"
    named = Document(kind=DocumentKind.SERIES, member=SHANGHAI, registry=registry, record=code, content=content)
    sink = HubDocuments(
        world.client, world.officers[SHANGHAI], world.deployment.domain, SHANGHAI, clock=world.hub.clock
    )
    sink.deliver([(named.digest(), named.canonical())])
    directory = HubDirectory(world.client)
    assert directory.series_name(series_id(SHANGHAI, registry, code)) == (registry, code)
    assert directory.series_name(series_id(SHANGHAI, registry, "another")) is None
    with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as nowhere, pytest.raises(RetryLater):
        HubDirectory(nowhere).series_name(series_id(SHANGHAI, registry, code))
