"""Replay of a published registry: proof that adapter, chain and index carry a whole real one, to the last tonne.

The registry is replayed on a chain of its own, as a programme member: it has no vote, moves nothing and claims
nothing. Run
again it writes nothing; run on a later report, only what is new. At its end every party's figures are computed from
the files,
by code that knows nothing of the ledger, and compared with what the index says the chain holds, down to the serials.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from adapters.cdm.adapter import REGISTRY, CdmAdapter
from adapters.cdm.expected import Expectation, Interval, PartyExpectation, expected, merged_runs
from adapters.sync.engine import PassReport
from adapters.sync.journal import Journal
from adapters.sync.telling import Watch
from hub.bootstrap import OpenIndex, open_index, open_sync
from hub.chain.connection import Node
from hub.chain.constitution import Constitution
from hub.chain.deployment import Deployment, deploy_once
from hub.chain.enums import BallotKind
from hub.chain.keys import LocalSigner, create_keystore, list_keystores, open_keystore
from hub.db import tables as t
from hub.network.embedded import EmbeddedChain
from mutual_recognition.identifiers import FIRST_PROGRAMME, series_id
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus

CDM_MEMBER = FIRST_PROGRAMME
HOST_MEMBER = 310000
"""A consortium needs one full member; on a replay's chain it decides nothing. Illustrative."""

SAVE_INTERVAL = 300.0
"""Seconds between saves of the chain. A save writes its whole state, hundreds of megabytes at the end; what a kill
loses is sent again from the journal.
"""

_KG_PER_TONNE = 1000


@dataclass(frozen=True, slots=True)
class PartyResult:
    """One party: tonnes by the files and by the chain, and whether they agree to the serial."""

    party: str
    issuances: int
    issued_t: int
    voluntarily_cancelled_t: int
    administratively_cancelled_t: int
    remaining_t: int
    expected_issuances: int
    expected_issued_t: int
    expected_voluntarily_cancelled_t: int
    expected_administratively_cancelled_t: int
    expected_remaining_t: int
    serials_agree: bool

    @property
    def agrees(self) -> bool:
        """Whether every figure and every remaining serial is the same on both sides."""
        return self.serials_agree and all(
            getattr(self, name) == getattr(self, f"expected_{name}")
            for name in (
                "issuances",
                "issued_t",
                "voluntarily_cancelled_t",
                "administratively_cancelled_t",
                "remaining_t",
            )
        )


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A row of the files that is not on the chain: where it stands, and why."""

    source: str
    record: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay ended with."""

    report: PassReport
    seconds: float
    block: int
    parties: list[PartyResult]
    unplaced: list[Unplaced]
    unread: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether the chain is what the files say, for every party, and every row has its place."""
        return all(party.agrees for party in self.parties) and not self.unplaced and not self.unread

    def to_json(self) -> dict[str, Any]:
        """The result as one JSON document; quantities in tonnes."""
        sums = {
            name: sum(getattr(party, name) for party in self.parties)
            for name in PartyResult.__slots__
            if name not in ("party", "serials_agree")
        }
        return {
            "agrees": self.agrees,
            "block": self.block,
            "seconds": round(self.seconds, 1),
            "this_run": asdict(self.report),
            "totals": {"parties": len(self.parties)} | sums,
            "parties": [asdict(party) | {"agrees": party.agrees} for party in self.parties],
            "unplaced": [asdict(row) for row in self.unplaced],
            "unread": list(self.unread),
        }


@contextmanager
def open_replay(home: Path, note: Callable[[str], None] = lambda text: None) -> Iterator[tuple[OpenIndex, LocalSigner]]:
    """The replay's own chain under `home`, running, deployed and indexed; made at the first call, found again later.

    The chain is stopped (and saved) at the end, whatever happens.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with EmbeddedChain(home, save_interval=SAVE_INTERVAL) as chain:
        registrar = _key(home, "registrar")
        with Node(chain.rpc_url) as node:
            deployment = _deployed(home, node, registrar, note)
            with open_index(node, deployment, f"sqlite:///{home / 'hub.sqlite'}", in_process_of_its_own=True) as index:
                yield index, registrar


def replay_cdm(
    index: OpenIndex, registrar: LocalSigner, home: Path, folder: Path, watch: Watch, clock: Callable[[], float]
) -> ReplayResult:
    """Replays the CDM reports of `folder` and reconciles. Raises ConfigurationWrong when there's no report to
    replay."""
    started = clock()
    adapter = CdmAdapter(folder, member=CDM_MEMBER)
    journal_file = home / "sync" / "cdm.sqlite"
    with open_sync(index, adapter, registrar, journal_file) as (sync, journal):
        report = sync.run_once(watch)
        unplaced = list(_unplaced(journal, set(map(str, adapter.health().facts.values()))))
    seconds = clock() - started
    block = index.indexer.follow().block
    by_files = expected(folder)
    return ReplayResult(report, seconds, block, reconcile(index, by_files), unplaced, by_files.unread)


def reconcile(index: OpenIndex, by_files: Expectation) -> list[PartyResult]:
    """Every party's figures on the chain beside those of the files; a party that only one side knows is there too."""
    with index.reader.connect() as connection:
        on_chain = {party: _ChainFigures.read(connection, party) for party in _parties(connection, by_files)}
    empty = PartyExpectation("", 0, 0, 0, 0, 0, 0, (), (), ())
    return [_compare(party, on_chain[party], by_files.parties.get(party, empty)) for party in sorted(on_chain)]


@dataclass(frozen=True, slots=True)
class _ChainFigures:
    issuances: int
    issued: int
    by_purpose: Mapping[int, int]
    available: tuple[Interval, ...]

    @classmethod
    def read(cls, connection: Connection, party: str) -> _ChainFigures:
        """From the projections; serials of a CDM series are tonnes."""
        series = "0x" + series_id(CDM_MEMBER, REGISTRY, party).hex()
        i, b = t.issuances.c, t.unit_blocks.c
        issued = select(func.count(), func.coalesce(func.sum(i.kg), 0)).where(i.series == series)
        count, kg = connection.execute(issued).one()
        size = func.sum(b.last - b.first + 1)
        used = select(b.purpose, size).where(b.series == series, b.purpose != 0).group_by(b.purpose)
        free = select(b.first, b.last).where(b.series == series, b.status == BlockStatus.AVAILABLE.value)
        runs = merged_runs((row.first, row.last) for row in connection.execute(free.order_by(b.first)))
        by_purpose = {purpose: int(serials) for purpose, serials in connection.execute(used)}
        return cls(int(count), int(kg) // _KG_PER_TONNE, by_purpose, runs)


def _compare(party: str, chain: _ChainFigures, files: PartyExpectation) -> PartyResult:
    return PartyResult(
        party=party,
        issuances=chain.issuances,
        issued_t=chain.issued,
        voluntarily_cancelled_t=chain.by_purpose.get(Purpose.VOLUNTARY, 0),
        administratively_cancelled_t=chain.by_purpose.get(Purpose.WRONG_ISSUANCE, 0),
        remaining_t=sum(last - first + 1 for first, last in chain.available),
        expected_issuances=files.issuances,
        expected_issued_t=files.issued_t,
        expected_voluntarily_cancelled_t=files.voluntarily_cancelled_t,
        expected_administratively_cancelled_t=files.administratively_cancelled_t,
        expected_remaining_t=files.remaining_t,
        serials_agree=chain.available == files.available and files.consistent,
    )


def _parties(connection: Connection, by_files: Expectation) -> set[str]:
    named = select(t.documents.c.record).where(t.documents.c.kind == "series", t.documents.c.member == CDM_MEMBER)
    return set(by_files.parties) | set(connection.execute(named).scalars())


def _unplaced(journal: Journal, reports: set[str]) -> Iterator[Unplaced]:
    """What of the `reports` that count (file names) is not on the chain. A fault of a superseded report is history."""
    for fault in journal.faults():
        if any(report in fault["source"] for report in reports):
            yield Unplaced(fault["source"], fault["field"], fault["code"], f"{fault['value']!r}: {fault['reason']}")
    for held in journal.held():
        reason = held["reason"] or {}
        yield Unplaced(
            held["source"], f"{held['kind']} {held['native_id']}", held["code"], str(reason.get("message", ""))
        )


def _key(home: Path, name: str) -> LocalSigner:
    """A key of this replay: made once, kept in a keystore whose password stands beside it, readable by the owner only.

    It signs on a chain that lives in the same folder; whoever can read that folder has the chain already.
    """
    folder, password_file = home / "keys" / name, home / "keys" / f"{name}.password"
    if not password_file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(32) + "\n")
    password = password_file.read_text().strip()
    stores = list_keystores(folder)
    store = stores[0] if stores else create_keystore(folder, password)
    return open_keystore(store.file, password)


def _deployed(home: Path, node: Node, registrar: LocalSigner, note: Callable[[str], None]) -> Deployment:
    file = home / "deployment.json"
    if file.exists():
        deployment = Deployment.load(file)
        deployment.check(node)
        return deployment
    note("creating the registers on a chain of its own")
    return deploy_once(file, node, LocalSigner.random(), _constitution(home, registrar))


def _constitution(home: Path, registrar: LocalSigner) -> Constitution:
    until = (datetime.now(UTC) + timedelta(days=3650)).isoformat()
    rule = {
        "quorum_ppm": 1_000_000,
        "approval_ppm": 1_000_000,
        "min_voting": 1,
        "max_voting": 86_400,
        "delay": 60,
        "execute_within": 86_400,
    }
    voter = {"account": _key(home, "voter").address, "roles": ["voter"], "valid_until": until}
    programme = {"account": registrar.address, "roles": ["registrar"], "valid_until": until}
    words = {
        "members": [
            {"member": HOST_MEMBER, "kind": "full", "officers": [voter]},
            {"member": CDM_MEMBER, "kind": "programme", "officers": [programme]},
        ],
        "rules": {kind.name.lower(): rule for kind in BallotKind},
        "pause": {"max_duration": 86_400, "cooldown": 86_400},
        "transfers": {
            "new_counterparty_wait": 86_400,
            "min_lifetime": 3_600,
            "max_lifetime": 2_592_000,
            "cosign_above_kg": 100_000_000,
        },
    }
    return Constitution.model_validate_json(json.dumps(words))
