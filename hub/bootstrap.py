"""One place that wires things together: from a home's settings to the parts that a command or service uses."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from adapters.protocol import RegistryAdapter
from adapters.sync.alone import alone
from adapters.sync.engine import DocumentSink, StatusSink, SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.submit import Submitter
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.keys import Signer
from hub.db.engine import open_engine, open_reading_engine
from hub.documents.delivery import HubDocuments
from hub.documents.directory import DocumentDirectory, HubDirectory
from hub.documents.sealing import seal_documents
from hub.documents.seals import SealedBatch
from hub.documents.store import DocumentStore, Stored
from hub.errors import RetryLater
from hub.index.books import Follower, IndexBooks
from hub.index.indexer import Indexer
from hub.index_process import IndexProcess
from hub.sync_status.delivery import HubStatus
from hub.sync_status.sealing import seal_report
from hub.sync_status.store import SyncStatusStore
from mutual_recognition.sync_facts import SyncFacts

TRANSFER_LIFETIME = 7 * 86_400
"""Seconds that a proposal stays open for the destination, where the consortium's rules allow that."""


class DocumentKeeper(Protocol):
    """What takes sealed documents: the store itself, or a process beside."""

    def put(self, batch: SealedBatch, now: int) -> Stored: ...


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """The index of one database on one chain: its writer, its readers, and the documents beside it.

    `follower` and `keeper` are who does the work while a sync runs.
    """

    node: Node
    deployment: Deployment
    writer: Engine
    reader: Engine
    indexer: Indexer
    documents: DocumentStore
    follower: Follower
    keeper: DocumentKeeper


@contextmanager
def open_index(
    node: Node, deployment: Deployment, database_url: str, *, in_process_of_its_own: bool = False
) -> Iterator[OpenIndex]:
    """Opens (and where needed creates) the index at `database_url`. Raises what `Indexer.prepare` does.

    `in_process_of_its_own`: for a long load; a small one is over before another process has started.
    """
    with ExitStack() as stack:
        writer = open_engine(database_url, durable=False)
        stack.callback(writer.dispose)
        indexer = Indexer(writer, node, deployment)
        indexer.prepare()
        reader = open_reading_engine(database_url)
        stack.callback(reader.dispose)
        # documents are on no chain: what the hub said it has, a power cut must not take
        durable = open_engine(database_url)
        stack.callback(durable.dispose)
        store = DocumentStore(durable, deployment)
        if in_process_of_its_own:
            beside = stack.enter_context(IndexProcess(database_url, node.rpc.url, deployment))
            yield OpenIndex(node, deployment, writer, reader, indexer, store, beside, beside)
        else:
            yield OpenIndex(node, deployment, writer, reader, indexer, store, indexer, store)


class StoredDocuments:
    """Documents of a registry that shares a machine with its hub: sealed by the registrar, put straight into the
    store."""

    def __init__(self, index: OpenIndex, signer: Signer, member: int) -> None:
        self._index = index
        self._signer = signer
        self._member = member

    def deliver(self, documents: Sequence[tuple[bytes, bytes]]) -> None:
        """Seals and stores one batch. Raises RecordRefused when the store does not take it."""
        now = int(time.time())
        canonical = [data for _, data in documents]
        batch = seal_documents(self._signer, self._index.deployment.domain, self._member, canonical, now)
        self._index.keeper.put(batch, now)


class StoredStatus:
    """Reports of a registry that shares a machine with its hub: signed by the registrar, put straight into the
    table."""

    def __init__(self, index: OpenIndex, signer: Signer) -> None:
        self._store = SyncStatusStore(index.writer, index.deployment)
        self._domain = index.deployment.domain
        self._signer = signer

    def report(self, facts: SyncFacts) -> None:
        """Signs and stores. Raises RetryLater while the database is taken, RecordRefused where it is not believed."""
        try:
            self._store.put(seal_report(self._signer, self._domain, facts), int(time.time()))
        except OperationalError as busy:
            raise RetryLater(f"the hub's database takes no report just now: {busy.orig}", code="hub_busy") from busy


@contextmanager
def open_sync(
    index: OpenIndex,
    adapter: RegistryAdapter,
    signer: Signer,
    journal_file: Path,
    *,
    hub: httpx.Client | None = None,
    documents: DocumentSink | None = None,
    asset_key: bytes | None = None,
    transfer_lifetime: int = TRANSFER_LIFETIME,
) -> Iterator[tuple[SyncEngine, Journal]]:
    """The sync of one registry over an index; its journal is the SQLite file `journal_file`.

    `hub`: where documents are handed in and asked for, for a city whose index is its own; None: this index is the
    hub's. A pass raises RetryLater (`sync_running`) while another process makes one with this journal: two would both
    tell the registry what it is to be told once.
    """
    with ExitStack() as stack:
        engine = open_engine(f"sqlite:///{journal_file}")
        stack.callback(engine.dispose)
        journal = Journal(engine, lambda: int(time.time()))
        journal.prepare()
        member = adapter.profile.member
        if documents is None and hub is not None:
            documents = HubDocuments(hub, signer, index.deployment.domain, member)
        status: StatusSink = (
            StoredStatus(index, signer) if hub is None else HubStatus(hub, signer, index.deployment.domain)
        )
        books = IndexBooks(index.reader, index.follower)
        stack.callback(books.close)
        sync = SyncEngine(
            adapter,
            journal,
            books,
            DocumentDirectory(index.reader) if hub is None else HubDirectory(hub),
            Submitter(journal, index.node, index.deployment, signer, member),
            documents or StoredDocuments(index, signer, member),
            asset_key=asset_key,
            transfer_lifetime=_lifetime_allowed(index, transfer_lifetime),
            alone=lambda: alone(journal_file),
            status=status,
        )
        yield sync, journal


def _lifetime_allowed(index: OpenIndex, wanted: int) -> int:
    """The nearest to `wanted` seconds that the transfer rules of now allow, a tenth from either end: clocks differ."""
    rules = index.deployment.read(index.node, "CreditLedger", "getTransferRules")
    least, most = max(rules["minLifetime"], rules["newCounterpartyWait"]), rules["maxLifetime"]
    apart = (most - least) // 10
    return int(min(max(wanted, least + apart), most - apart))
