"""One place that wires things together: from a home's settings to the parts that a command or service uses."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine

from adapters.protocol import RegistryAdapter
from adapters.sync.engine import DocumentSink, SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.submit import Submitter
from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.keys import Signer
from hub.db.engine import open_engine, open_reading_engine
from hub.documents.delivery import HubDocuments
from hub.documents.directory import DocumentDirectory, HubDirectory
from hub.documents.sealing import seal_documents
from hub.documents.store import DocumentStore
from hub.errors import RetryLater
from hub.index.books import IndexBooks
from hub.index.indexer import Indexer

TRANSFER_LIFETIME = 7 * 86_400
"""Seconds that a proposal stays open for the destination, where the consortium's rules allow that."""


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """The index of one database on one chain: its writer, its readers, and the documents beside it."""

    node: Node
    deployment: Deployment
    writer: Engine
    reader: Engine
    indexer: Indexer
    documents: DocumentStore


@contextmanager
def open_index(node: Node, deployment: Deployment, database_url: str) -> Iterator[OpenIndex]:
    """Opens (and where needed creates) the index at `database_url`. Raises what `Indexer.prepare` does."""
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
        yield OpenIndex(node, deployment, writer, reader, indexer, DocumentStore(durable, deployment))


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
        self._index.documents.put(batch, now)


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
        books = IndexBooks(index.reader, index.indexer)
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
            alone=lambda: _alone(journal_file),
        )
        yield sync, journal


def _lifetime_allowed(index: OpenIndex, wanted: int) -> int:
    """The nearest to `wanted` seconds that the transfer rules of now allow, a tenth from either end: clocks differ."""
    rules = index.deployment.read(index.node, "CreditLedger", "getTransferRules")
    least, most = max(rules["minLifetime"], rules["newCounterpartyWait"]), rules["maxLifetime"]
    apart = (most - least) // 10
    return int(min(max(wanted, least + apart), most - apart))


@contextmanager
def _alone(journal_file: Path) -> Iterator[None]:
    """Keeps other processes from a journal meanwhile. Raises RetryLater."""
    with journal_file.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryLater(
                "this registry is being synced by another process",
                where=str(journal_file),
                remedy="nothing: try again when its pass is through",
                code="sync_running",
            ) from None
        yield  # the system frees the lock when the file is closed, whatever ends this process
