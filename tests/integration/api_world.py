"""A small consortium on a real chain, with a history that touches every projection, its index, and its documents.

Shanghai files a methodology (illustrative) and a project, issues 100 serials, Suzhou recognises the methodology at 80 %
and Hangzhou votes no; 20 serials go to Suzhou, which keeps 16 and retires 5; Hefei's voter holds a block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.chain.codec import encode_call
from hub.chain.connection import Node
from hub.chain.constitution import Constitution
from hub.chain.deployment import Deployment, deploy
from hub.chain.enums import BallotKind, Choice
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Action, BallotOrder, HoldOrder, VoteOrder, hash_actions, order_id
from hub.chain.sending import send
from hub.db.engine import open_engine, open_reading_engine
from hub.documents.sealing import reading_authorization, seal_documents
from hub.documents.seals import SealedBatch
from hub.index.indexer import Indexer
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.periods import day_number
from mutual_recognition.purposes import ALL_USES, Purpose

DAY = 86_400
SHANGHAI, SUZHOU, HANGZHOU, HEFEI = 310000, 320500, 330100, 340100
REGISTRY = "illustrative"
CODE, VERSION = "SH-EXAMPLE-01", "1"
FIRST, LAST = 1001, 1100
NO_END = 2**40 - 1
ZERO32 = bytes(32)


@dataclass
class World:
    """Everything a test of the API may touch."""

    node: Node
    deployment: Deployment
    officers: dict[int, LocalSigner]
    auditor: LocalSigner
    indexer: Indexer
    hub: Hub
    client: TestClient
    writing: Engine
    transfer: str = ""
    ballot: str = ""
    hold: str = ""
    issue_request: str = ""
    documents: dict[str, str] = field(default_factory=dict)
    _number: int = 0

    series: str = "0x" + ids.series_id(SHANGHAI, REGISTRY, "PV").hex()
    methodology: str = "0x" + ids.methodology_id(SHANGHAI, REGISTRY, CODE, VERSION).hex()
    project: str = "0x" + ids.project_id(SHANGHAI, REGISTRY, "PV-1").hex()

    def send(self, member: int, register: str, function: str, args: list[Any]) -> None:
        """One transaction by `member`'s key."""
        call = encode_call(register, function, args)
        send(self.officers[member], self.node, self.deployment.address(register), call)

    def relay(self, register: str, function: str, args: list[Any]) -> None:
        """One transaction by nobody in particular."""
        call = encode_call(register, function, args)
        send(LocalSigner.random(), self.node, self.deployment.address(register), call)

    def request(self, member: int = SHANGHAI) -> bytes:
        """A request id that was not used yet."""
        self._number += 1
        return ids.request_id(member, REGISTRY, f"test {self._number}", "test", 1)

    def now(self) -> int:
        return self.node.head().timestamp

    def vote(self, ballot: str, member: int, choice: Choice, revision: int = 1) -> None:
        order = VoteOrder(ballot, member, int(choice), revision)
        self.relay("Consortium", "vote", [order, sign_order(self.officers[member], order, self.deployment.domain)])

    def issue(self, first: int, last: int, *, predecessor: int, drawn_on: bytes) -> str:
        """One issuance; its request id."""
        request = self.request()
        asked = {
            "request": request,
            "series": self.series,
            "first": first,
            "last": last,
            "predecessor": predecessor,
            "verification": drawn_on,
            "vintage": 2025,
            "origin": ids.native_key(REGISTRY, f"issuance {first}"),
            "document": document(DocumentKind.ISSUANCE, f"issuance {first}", {}).digest(),
            "reissueOf": 0,
        }
        self.send(SHANGHAI, "CreditLedger", "issue", [asked])
        return "0x" + request.hex()

    def sealed(self, *documents: Document, member: int = SHANGHAI) -> SealedBatch:
        """The documents, sealed by `member`'s registrar now."""
        canonical = [one.canonical() for one in documents]
        return seal_documents(self.officers[member], self.deployment.domain, member, canonical, self.hub.clock())

    def reading_as(self, signer: LocalSigner, ahead: int = 300) -> dict[str, str]:
        """The header by which `signer` reads."""
        expires = self.hub.clock() + ahead
        return {"Authorization": reading_authorization(signer, self.deployment.domain, expires)}


def document(
    kind: DocumentKind, record: str, content: dict[str, Any], audience: str = "public", member: int = SHANGHAI
) -> Document:
    """An illustrative document."""
    return Document(kind=kind, member=member, registry=REGISTRY, record=record, audience=audience, content=content)


METHODOLOGY = document(
    DocumentKind.METHODOLOGY,
    CODE,
    {"code": CODE, "version": VERSION, "title_zh": "分布式光伏（示例）", "title_en": "Distributed PV (illustrative)"},
)
PROJECT = document(DocumentKind.PROJECT, "PV-1", {"name_zh": "屋顶光伏（示例）", "name_en": "Roof PV (illustrative)"})
SERIES = document(DocumentKind.SERIES, "PV", {"code": "PV", "kg_per_serial": 1000})
VERIFICATION = document(DocumentKind.VERIFICATION, "V-1", {"quantity_kg": "200000"}, "auditors")
DECLARATION = document(DocumentKind.DECLARATION, "PV-1", {"other_mechanisms": "none"}, "members")


def constitution(officers: dict[int, LocalSigner], auditor: LocalSigner) -> Constitution:
    """Four full members, one key each for voting and records; Hangzhou has an auditor."""
    waits = {BallotKind.OFFICERS, BallotKind.RULES, BallotKind.UPGRADE}
    until = "2036-01-01T00:00:00+08:00"
    members: list[dict[str, Any]] = [
        {
            "member": member,
            "kind": "full",
            "officers": [{"account": signer.address, "roles": ["voter", "registrar"], "valid_until": until}],
        }
        for member, signer in officers.items()
    ]
    members[2]["officers"].append({"account": auditor.address, "roles": ["auditor"], "valid_until": until})
    rules = {
        kind.name.lower(): {
            "quorum_ppm": 500_000,
            "approval_ppm": 500_001,
            "min_voting": 60,
            "max_voting": 30 * DAY,
            "delay": DAY if kind in waits else 0,
            "execute_within": 14 * DAY,
        }
        for kind in BallotKind
    }
    return Constitution.model_validate(
        {
            "members": members,
            "rules": rules,
            "pause": {"max_duration": DAY, "cooldown": 2 * DAY},
            "transfers": {
                "new_counterparty_wait": 0,
                "min_lifetime": 60,
                "max_lifetime": 30 * DAY,
                "cosign_above_kg": 10_000_000,
            },
        }
    )


def build_world(node: Node, folder: Path, database_url: str = "") -> World:
    """Deploys, lives through the history, follows it, and serves it; the database is SQLite in `folder` unless said."""
    officers = {member: LocalSigner.random() for member in (SHANGHAI, SUZHOU, HANGZHOU, HEFEI)}
    auditor = LocalSigner.random()
    deployment = deploy(node, LocalSigner.random(), constitution(officers, auditor))
    url = database_url or f"sqlite:///{folder / 'hub.sqlite'}"
    writing = open_engine(url, durable=False)
    indexer = Indexer(writing, node, deployment)
    indexer.prepare()
    hub = Hub(open_reading_engine(url), writing, deployment, node, clock=lambda: node.head().timestamp)
    client = TestClient(create_app(hub), raise_server_exceptions=False)
    world = World(node, deployment, officers, auditor, indexer, hub, client, writing)
    _live(world)
    indexer.follow()
    hub.documents.put(world.sealed(METHODOLOGY, PROJECT, SERIES, VERIFICATION, DECLARATION), hub.clock())
    for name, one in (("public", METHODOLOGY), ("auditors", VERIFICATION), ("members", DECLARATION)):
        world.documents[name] = "0x" + one.digest().hex()
    return world


def _live(world: World) -> None:
    _file_and_issue(world)
    _recognise(world)
    _move_and_retire(world)
    order = HoldOrder(
        HEFEI,
        ("0x" + ids.subject(ids.Kind.BLOCK, bytes.fromhex(world.series[2:]), FIRST).hex(),),
        1,
        "0x" + "ee" * 32,
        world.now() + DAY,
        "0x" + world.request(HEFEI).hex(),
        world.now() + DAY,
    )
    world.hold = order_id(order, world.deployment.domain)
    world.relay("Holds", "place", [order, sign_order(world.officers[HEFEI], order, world.deployment.domain)])


def _file_and_issue(world: World) -> None:
    native = ids.native_key(REGISTRY, "PV")
    world.send(SHANGHAI, "CreditLedger", "registerSeries", [SHANGHAI, native, 1000, world.request()])
    filing = {
        "request": world.request(),
        "native": ids.native_key(REGISTRY, CODE, VERSION),
        "document": METHODOLOGY.digest(),
        "definition": ids.native_key("definition"),
        "validFrom": 1_600_000_000,
        "validUntil": NO_END,
        "supersedes": bytes(12),
        "lineage": ZERO32,
    }
    world.send(SHANGHAI, "Methodologies", "file", [SHANGHAI, filing])
    registration = {
        "request": world.request(),
        "native": ids.native_key(REGISTRY, "PV-1"),
        "methodology": world.methodology,
        "document": PROJECT.digest(),
        "creditingStart": day_number(date(2024, 1, 1)),
        "creditingEnd": day_number(date(2034, 12, 31)),
        "declaration": DECLARATION.digest(),
    }
    asset = ids.asset_key(b"k" * 32, "meter", "illustrative-1")
    world.send(SHANGHAI, "Projects", "register", [SHANGHAI, registration, [asset]])
    verification = {
        "request": world.request(),
        "native": ids.native_key(REGISTRY, "V-1"),
        "project": world.project,
        "periodStart": day_number(date(2025, 1, 1)),
        "periodEnd": day_number(date(2025, 6, 30)),
        "verifiedKg": 200_000,
        "document": VERIFICATION.digest(),
        "predecessor": 0,
        "externalLock": ZERO32,
    }
    world.send(SHANGHAI, "CreditLedger", "verify", [verification])
    drawn_on = ids.verification_id(SHANGHAI, REGISTRY, "V-1")
    world.issue_request = world.issue(FIRST, LAST, predecessor=0, drawn_on=drawn_on)


def _recognise(world: World) -> None:
    subject = ids.subject(ids.Kind.METHODOLOGY, bytes.fromhex(world.methodology[2:]))
    terms = [
        {
            "member": member,
            "terms": {
                "factorPpm": 800_000,
                "uses": ALL_USES,
                "validFrom": 1_600_000_000,
                "validUntil": world.now() + 365 * DAY,
                "annualCapKg": 500_000,
                "coversEveryProject": True,
            },
        }
        for member in (SUZHOU, HANGZHOU)
    ]
    call = encode_call("Recognition", "recognise", [subject, terms])
    actions = [Action(world.deployment.address("Recognition"), call)]
    order = BallotOrder(
        SHANGHAI,
        int(BallotKind.RECOGNITION),
        hash_actions(actions),
        "0x" + "dd" * 32,
        world.now() + DAY,
        (),
        "0x" + world.request().hex(),
    )
    domain = world.deployment.domain
    world.ballot = order_id(order, domain)
    signature = sign_order(world.officers[SHANGHAI], order, domain)
    world.relay("Consortium", "openBallot", [order, actions, signature])
    for member in (SHANGHAI, SUZHOU, HEFEI):
        world.vote(world.ballot, member, Choice.YES)
    world.vote(world.ballot, HANGZHOU, Choice.NO)
    world.relay("Consortium", "execute", [world.ballot, actions])


def _move_and_retire(world: World) -> None:
    request = world.request()
    proposal = {
        "request": request,
        "series": world.series,
        "to": SUZHOU,
        "deadline": world.now() + DAY,
        "blockFirst": FIRST,
        "first": 1021,
        "last": 1040,
    }
    world.send(SHANGHAI, "CreditLedger", "propose", [proposal])
    transfer = ids.transfer_id(SHANGHAI, request)
    world.transfer = "0x" + transfer.hex()
    world.send(SUZHOU, "CreditLedger", "accept", [transfer, world.request(SUZHOU)])
    retirement = {
        "request": world.request(SUZHOU),
        "series": world.series,
        "blockFirst": 1021,
        "first": 1021,
        "last": 1025,
        "purpose": int(Purpose.EVENT_NEUTRALITY),
        "beneficiary": ids.beneficiary_commitment(b"s" * 16, "illustrative", "1"),
        "complianceYear": 0,
    }
    world.send(SUZHOU, "CreditLedger", "retire", [retirement])
