"""The index in a process of its own, beside a long load: the sync goes on deciding while the index projects.

The child follows the chain by itself and keeps documents that are handed to it; it is the only writer of the hub's
database meanwhile. What it knows of the chain may lag behind the head: a write counts once it is seen there, whenever.
It ends when its pipe does, so that a parent that was killed leaves nothing behind.
"""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.db.engine import open_engine
from hub.documents.seals import SealedBatch
from hub.documents.store import DocumentStore, Stored
from hub.errors import RetryLater, YrdhubError
from hub.index.indexer import Indexer, Progress

_LOOK_EVERY = 0.1
"""Seconds between two looks at the chain's head, when nothing new was there."""
_GATHER_FOR = 0.3
"""Seconds until the next look when something was: a range of several blocks is projected for little more than one."""
_END_WITHIN = 10.0

_Answer = Stored | YrdhubError | None


class IndexProcess:
    """An index at `database_url`, of a chain at `rpc_url`, followed by a child process from entry to exit.

    Both can be used by one thread each. Whatever the child's indexer raises, `follow` raises; the child is over then.
    """

    def __init__(self, database_url: str, rpc_url: str, deployment: Deployment) -> None:
        context = multiprocessing.get_context("spawn")
        # without a lock, which a killed child might take along: an aligned machine word is read and written whole
        self._block = context.Value("q", -1, lock=False)
        self._events, child_events = context.Pipe(duplex=False)
        self._documents, child_documents = context.Pipe()
        self._theirs = (child_events, child_documents)
        self._process = context.Process(
            target=_serve,
            args=(self._block, child_events, child_documents, database_url, rpc_url, deployment),
            name="yrdhub-index",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._process.start()
        for end in self._theirs:
            end.close()  # so that a pipe's other end is closed when the child is over
        try:
            self._raise_if_told()  # waits until the child has caught up with the chain once, however long that takes
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._documents.close()
        self._process.join(_END_WITHIN)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_END_WITHIN)
        self._events.close()

    def follow(self) -> Progress:
        """How far the child has got: every final block up to there is projected."""
        if self._events.poll():
            self._raise_if_told()
        return Progress(self._block.value, self._block.value, 0)

    def put(self, batch: SealedBatch, now: int) -> Stored:
        """As `DocumentStore.put`, by the child."""
        try:
            self._documents.send((batch, now))
            answer = self._documents.recv()
        except (EOFError, OSError) as gone:
            raise self._is_gone("ended") from gone
        if isinstance(answer, YrdhubError):
            raise answer
        assert isinstance(answer, Stored)
        return answer

    def _raise_if_told(self) -> None:
        try:
            told = self._events.recv()
        except (EOFError, OSError) as gone:
            raise self._is_gone("ended") from gone
        if told is not None:
            raise told

    def _is_gone(self, how: str) -> RetryLater:
        return RetryLater(
            f"the process that follows the chain {how}",
            where=f"process {self._process.pid}",
            remedy="run the command again: it goes on from where the index is",
            code="index_process_gone",
        )


def _serve(
    block: Any, events: Connection, documents: Connection, database_url: str, rpc_url: str, deployment: Deployment
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it reaches both, and the parent ends this one
    writer = open_engine(database_url, durable=False)
    durable = open_engine(database_url)
    try:
        with Node(rpc_url, deployment.chain_id) as node:
            indexer = Indexer(writer, node, deployment)
            indexer.prepare()
            store = DocumentStore(durable, deployment)
            block.value = indexer.follow().block
            events.send(None)
            _follow(block, documents, indexer, store)
    except YrdhubError as told:
        events.send(told)
    finally:
        durable.dispose()
        writer.dispose()


def _follow(block: Any, documents: Connection, indexer: Indexer, store: DocumentStore) -> None:
    def note(progress: Progress) -> None:
        block.value = progress.block

    while True:
        progress = indexer.follow(note)
        note(progress)
        if not documents.poll(_GATHER_FOR if progress.events else _LOOK_EVERY):
            continue
        try:
            batch, now = documents.recv()
        except (EOFError, OSError):
            return
        documents.send(_put(store, batch, now))


def _put(store: DocumentStore, batch: SealedBatch, now: int) -> _Answer:
    try:
        return store.put(batch, now)
    except YrdhubError as refused:
        return refused
