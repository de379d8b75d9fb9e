"""A small consortium on a running chain, and cities that sync a registry each: what the integration tests speak of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from adapters.sync.engine import DocumentSink, PassReport
from adapters.sync.journal import Journal
from hub.bootstrap import OpenIndex, open_index, open_sync
from hub.chain.codec import encode_call
from hub.chain.connection import Node, Receipt
from hub.chain.constitution import Constitution
from hub.chain.deployment import Deployment, deploy
from hub.chain.enums import BallotKind, Choice
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Action, BallotOrder, VoteOrder, hash_actions, order_id
from hub.chain.sending import send
from hub.db import tables as t
from hub.db.engine import open_engine
from mutual_recognition import identifiers as ids
from mutual_recognition.purposes import ALL_USES
from tests.integration.folder_registry import REGISTRY, FolderRegistry

DAY = 86_400
SHANGHAI, SUZHOU, HEFEI, CDM = 310000, 320500, 340100, ids.FIRST_PROGRAMME
ASSET_KEY = b"illustrative asset key of tests!" * 2
FAR = "2040-01-01T00:00:00+08:00"


def constitution(signers: dict[int, LocalSigner]) -> Constitution:
    """Three full members and a programme, each with one key for everything; a ballot ends when all have voted."""
    rule = {
        "quorum_ppm": 500_000,
        "approval_ppm": 500_001,
        "min_voting": 60,
        "max_voting": 30 * DAY,
        "delay": 0,
        "execute_within": 14 * DAY,
    }
    slow = {BallotKind.OFFICERS, BallotKind.RULES, BallotKind.UPGRADE}
    return Constitution.model_validate(
        {
            "members": [
                {
                    "member": member,
                    "kind": "programme" if ids.is_programme(member) else "full",
                    "officers": [
                        {
                            "account": signer.address,
                            "roles": ["registrar"] if ids.is_programme(member) else ["voter", "registrar"],
                            "valid_until": FAR,
                        }
                    ],
                }
                for member, signer in signers.items()
            ],
            "rules": {kind.name.lower(): rule | ({"delay": 60} if kind in slow else {}) for kind in BallotKind},
            "pause": {"max_duration": DAY, "cooldown": 2 * DAY},
            "transfers": {
                "new_counterparty_wait": 0,
                "min_lifetime": 60,
                "max_lifetime": 30 * DAY,
                "cosign_above_kg": 1_000_000,
            },
        }
    )


@dataclass
class Hub:
    """The deployed registers and the members' keys."""

    node: Node
    deployment: Deployment
    signers: dict[int, LocalSigner]

    def send(self, member: int, register: str, function: str, arguments: Sequence[Any]) -> Receipt:
        """One call by the member's registrar. Raises ChainRefused."""
        data = encode_call(register, function, arguments)
        return send(self.signers[member], self.node, self.deployment.address(register), data)

    def read(self, register: str, function: str, arguments: Sequence[Any] = ()) -> Any:
        """A view's answer."""
        return self.deployment.read(self.node, register, function, arguments)

    def now(self) -> int:
        """Block time."""
        return self.node.head().timestamp

    def pass_time(self, seconds: int) -> None:
        """Mines a block so much later."""
        self.node.rpc.call("evm_increaseTime", seconds)
        self.node.rpc.call("evm_mine")

    def open_ballot(
        self, kind: BallotKind, actions: Sequence[Action], *, closes_in: int = DAY
    ) -> tuple[str, Sequence[Action]]:
        """Opens a ballot of Shanghai's; answers its id and the actions."""
        request = "0x" + ids.native_key(f"ballot {self.node.head().number}").hex()
        document = "0x" + "d0" * 32
        order = BallotOrder(
            SHANGHAI, int(kind), hash_actions(list(actions)), document, self.now() + closes_in, (), request
        )
        signature = sign_order(self.signers[SHANGHAI], order, self.deployment.domain)
        self.send(CDM, "Consortium", "openBallot", [order, list(actions), signature])
        return order_id(order, self.deployment.domain), actions

    def signed_vote(self, ballot: str, member: int, choice: Choice, revision: int = 1) -> tuple[VoteOrder, bytes]:
        """A vote as the member's voter signs it."""
        order = VoteOrder(ballot, member, int(choice), revision)
        return order, sign_order(self.signers[member], order, self.deployment.domain)

    def vote(self, ballot: str, member: int, choice: Choice, revision: int = 1) -> None:
        """Signs a vote and relays it."""
        self.send(CDM, "Consortium", "vote", list(self.signed_vote(ballot, member, choice, revision)))

    def decide(self, kind: BallotKind, actions: Sequence[Action], *, no: Sequence[int] = ()) -> str:
        """A ballot that everybody votes on, executed at once; answers its id."""
        ballot, _ = self.open_ballot(kind, actions)
        for member in self.signers:
            if not ids.is_programme(member):
                self.vote(ballot, member, Choice.NO if member in no else Choice.YES)
        self.send(CDM, "Consortium", "execute", [ballot, list(actions)])
        return ballot

    def action(self, register: str, function: str, arguments: Sequence[Any]) -> Action:
        """What a ballot calls."""
        return Action(self.deployment.address(register), encode_call(register, function, arguments))

    def recognise(self, subject: bytes, members: Sequence[int], *, no: Sequence[int] = (), **terms: Any) -> str:
        """Votes terms for a subject; `terms` replaces single ones (by their Solidity names)."""
        agreed = {
            "factorPpm": 1_000_000,
            "uses": ALL_USES,
            "validFrom": 0,
            "validUntil": self.now() + 900 * DAY,
            "annualCapKg": 2**64 - 1,
            "coversEveryProject": True,
        } | terms
        arguments = [subject, [{"member": member, "terms": agreed} for member in members]]
        return self.decide(BallotKind.RECOGNITION, [self.action("Recognition", "recognise", arguments)], no=no)


def secret_of(member: int) -> bytes:
    """The key that does everything for a member in these tests; of our own making."""
    return ids.native_key("illustrative key", str(member))


def found_hub(node: Node, members: Sequence[int] = (SHANGHAI, SUZHOU, HEFEI, CDM)) -> Hub:
    """Deploys the registers with a small consortium."""
    signers = {member: LocalSigner(secret_of(member)) for member in members}
    return Hub(node, deploy(node, LocalSigner.random(), constitution(signers)), signers)


def methodology(member: int, code: str = "M1", version: str = "1") -> bytes:
    """Id of a folder registry's methodology."""
    return ids.methodology_id(member, REGISTRY, code, version)


def series(member: int, code: str = "S") -> bytes:
    """Id of a folder registry's series."""
    return ids.series_id(member, REGISTRY, code)


@dataclass
class City:
    """A member's registry with its sync: journal and registry live in `folder`; the index is shared."""

    hub: Hub
    index: OpenIndex
    folder: Path
    member: int
    registry: FolderRegistry = field(init=False)
    signer: LocalSigner = field(init=False)
    documents: DocumentSink | None = None

    def __post_init__(self) -> None:
        self.registry = FolderRegistry(self.folder / "registry", self.member)
        self.signer = self.hub.signers[self.member]

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal.sqlite"

    def sync(self) -> PassReport:
        """One pass, everything opened anew and closed after it, as a restart does."""
        with open_sync(
            self.index,
            self.registry,
            self.signer,
            self.journal_file,
            asset_key=ASSET_KEY,
            documents=self.documents,
        ) as (engine, _):
            return engine.run_once()

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """Its journal, to look into."""
        engine = open_engine(f"sqlite:///{self.journal_file}")
        try:
            yield Journal(engine, self.hub.now)
        finally:
            engine.dispose()

    def counts(self) -> dict[str, dict[str, int]]:
        """The journal's rows by table and status."""
        with self.journal() as journal:
            return journal.counts()

    def held(self) -> dict[str, str]:
        """Why records are held: code by native id."""
        with self.journal() as journal:
            return {row["native_id"]: row["code"] for row in journal.held()}

    def reason(self, native_id: str) -> str:
        """The whole reason of a held record, as text."""
        with self.journal() as journal:
            return next(str(row["reason"]) for row in journal.held() if row["native_id"] == native_id)

    # ------------------------------------------------------------ an ordinary registry's records

    def found(self, code: str = "M1", *, kg_per_serial: int = 1) -> None:
        """A methodology, a series S and a project P1 under it."""
        write = self.registry.write
        write("methodology", f"filing {code}", {"key": [code, "1"]})
        write("series", "S", {"kg_per_serial": kg_per_serial})
        write("project", "P1", {"methodology": [code, "1"], "assets": [f"{self.member}-0001"]})

    def verify(self, native_id: str = "V1", kg: int = 100_000, year: int = 2024, project: str = "P1") -> None:
        """A verification of one year."""
        period = [f"{year}-01-01", f"{year}-12-31"]
        self.registry.write("verification", native_id, {"project": project, "period": period, "kg": kg})

    def issue(self, native_id: str, first: int, last: int, verification: str = "V1", **other: Any) -> None:
        """An issuance of these serials."""
        self.registry.write("issuance", native_id, {"serials": [first, last], "verification": verification} | other)

    def begin(self) -> None:
        """Founded, verified, serials 1 to 1000 issued; not yet synced."""
        self.found()
        self.verify()
        self.issue("I1", 1, 1000)


def events(index: OpenIndex) -> dict[str, int]:
    """How often each event that carries a request was seen, by name."""
    r = t.requests.c
    with index.reader.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(select(r.event, func.count()).group_by(r.event))}


def logs(engine: Engine) -> int:
    """Raw logs stored."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(t.raw_logs)).scalar_one())


@contextmanager
def opened(hub: Hub, folder: Path) -> Iterator[OpenIndex]:
    """An index of the hub in `folder`, followed to the head."""
    with open_index(hub.node, hub.deployment, f"sqlite:///{folder / 'hub.sqlite'}") as index:
        index.indexer.follow()
        yield index
