"""The indexer: follows the final chain and projects it.

Per range of blocks: the node's chain id and genesis were checked, each header's parent is the one before it, then
raw logs,
projections and cursor are written in one transaction. A reorganisation deletes the blocks and with them their
effects. A
log of ours that cannot be decoded stops it. Several indexers on one database are safe: a range is applied only on the
cursor it was read for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from hub.chain.connection import BlockHeader, Node
from hub.chain.deployment import Deployment
from hub.chain.events import ChainEvent, RawLog, decode
from hub.chain.follow import BlockRange, Reorganised, find_common, ranges
from hub.db import tables
from hub.db.engine import Prepared, shorten_log
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong, StopAndTell
from hub.index.digest import Digest, digest_of
from hub.index.holdings import lacks_holdings, update_holdings
from hub.index.projectors import PROJECTORS
from hub.index.projectors.registry import Event
from hub.index.rows import RowMissing, Rows

log = structlog.get_logger(__name__)

_REPLAY_LOGS = 20_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index is: the last projected block, the final head it was following to, events applied by this
    call."""

    block: int
    head: int
    events: int


class CursorMoved(Exception):
    """Another indexer applied the same range first; what was prepared here is dropped and read again."""


class Indexer:
    """One writer of projections on `engine`. `prepare` before anything else."""

    def __init__(self, engine: Engine, node: Node, deployment: Deployment) -> None:
        self._engine = engine
        self._node = node
        self._deployment = deployment
        self._rows = Rows(tables.PROJECTIONS)
        self._store_logs = Prepared(insert(tables.raw_logs), engine.dialect, tables.raw_logs.columns.keys())
        self._rows_after: str | None = None
        """Hash of the block that the cached rows stand after: a block names its whole past, so rows cached after it are
        those that any other indexer wrote there."""

    def prepare(self) -> None:
        """Brings the schema up to date and checks that the database belongs to this chain and deployment.

        Raises ConfigurationWrong when it belongs to another one.
        """
        migrate(self._engine)
        self._deployment.check(self._node)
        ours = {
            "chain_id": self._deployment.chain_id,
            "genesis_hash": self._deployment.genesis_hash,
            "deployment_digest": _digest_of(self._deployment),
        }
        with self._engine.begin() as connection:
            cursor = connection.execute(select(tables.cursor)).mappings().first()
            if cursor is None:
                start = {"id": 1, "next_block": self._deployment.first_block}
                connection.execute(insert(tables.cursor).values(ours | start))
                return
            different = [name for name, value in ours.items() if cursor[name] != value]
            if not different and lacks_holdings(connection):
                self._reproject(connection)
        if different:
            raise ConfigurationWrong(
                f"the index database belongs to another chain or deployment ({', '.join(different)} differ)",
                where=self._engine.url.render_as_string(hide_password=True),
                remedy="use another YRDHUB_HOME or database, or delete this one: the chain rebuilds it",
                code="index_of_another_chain",
            )

    def follow(self, on_progress: Callable[[Progress], None] | None = None) -> Progress:
        """Projects everything final, then returns.

        Raises RetryLater while no node answers, StopAndTell when going on could do harm.
        """
        events = 0
        while True:
            next_block, parent = self._position()
            final = self._node.final_head()
            head = final.number
            if head < next_block - 1 or (head == next_block - 1 and parent not in (None, final.hash)):
                # blocks were lost (a killed embedded chain) or replaced
                self._roll_back_to_common()
                continue
            if head < next_block:
                return Progress(next_block - 1, head, events)
            try:
                for piece in ranges(self._node, next_block, parent, list(self._deployment.addresses.values())):
                    events += self._apply(piece)
                    next_block = piece.last + 1
                    shorten_log(self._engine)
                    if on_progress is not None:
                        on_progress(Progress(piece.last, head, events))
                return Progress(next_block - 1, max(head, next_block - 1), events)
            except CursorMoved:
                self._rows.forget()
            except Reorganised as reorganised:
                log.warning("chain_reorganised", at=reorganised.at)
                self._roll_back_to_common()

    def rebuild(self, *, from_chain: bool = False) -> Digest:
        """Deletes the projections and makes them again: from the stored raw logs, or from the chain itself."""
        if from_chain:
            with self._engine.begin() as connection:
                self._delete_from(connection, self._deployment.first_block)
                self._reproject(connection)
            self.follow()
        else:
            with self._engine.begin() as connection:
                self._reproject(connection)
        return self.digest()

    def digest(self) -> Digest:
        """The digest of the projections at the last projected block."""
        with self._engine.begin() as connection:
            return digest_of(connection, self._next_block(connection) - 1)

    def block(self) -> int:
        """The last projected block."""
        with self._engine.connect() as connection:
            return self._next_block(connection) - 1

    def _apply(self, piece: BlockRange) -> int:
        times = {header.number: header.timestamp for header in piece.headers}
        events = [self._event(raw, times[raw.block_number]) for raw in piece.logs]
        try:
            with self._engine.begin() as connection:
                moved = connection.execute(
                    update(tables.cursor)
                    .where(tables.cursor.c.next_block == piece.first)
                    .values(next_block=piece.last + 1)
                )
                if moved.rowcount != 1 or not self._continues(connection, piece.headers[0]):
                    raise CursorMoved
                if self._rows_after != piece.headers[0].parent_hash:
                    self._rows.forget()
                connection.execute(insert(tables.blocks), [_block_row(header) for header in piece.headers])
                if piece.logs:
                    self._store_logs.run_many(connection, [_log_row(raw) for raw in piece.logs])
                self._project(connection, events)
        except BaseException:
            self._rows.forget()
            raise
        self._rows_after = piece.headers[-1].hash
        return len(events)

    @staticmethod
    def _continues(connection: Connection, header: BlockHeader) -> bool:
        """Whether `header` follows the last stored block; true where none is stored yet."""
        before = select(tables.blocks.c.hash).where(tables.blocks.c.number == header.number - 1)
        return connection.execute(before).scalar() in (None, header.parent_hash)

    def _project(self, connection: Connection, events: Iterable[Event]) -> None:
        self._rows.begin(connection)
        for event in events:
            try:
                PROJECTORS[event.contract, event.name](event, self._rows)
            except RowMissing as missing:
                raise StopAndTell(
                    f"{event.contract}.{event.name} speaks of what the index does not have: {missing}",
                    where=f"block {event.block_number}, log {event.log_index}",
                    remedy="run `yrdhub index rebuild --from-chain`; if it stops here again, report it",
                    code="index_inconsistent",
                ) from missing
        update_holdings(self._rows, connection)
        self._rows.flush()

    def _event(self, raw: RawLog, time: int) -> Event:
        decoded: ChainEvent = decode(raw, self._deployment)
        if (decoded.contract, decoded.name) not in PROJECTORS:
            raise StopAndTell(
                f"this version of yrdhub has no projector for {decoded.contract}.{decoded.name}",
                where=f"block {raw.block_number}, log {raw.log_index}",
                remedy="upgrade yrdhub",
                code="event_unknown",
            )
        return Event(decoded.contract, decoded.name, decoded.args, raw.block_number, raw.log_index, time, raw.tx_hash)

    def _roll_back_to_common(self) -> None:
        """Deletes every stored block that the chain no longer has, and its effects.

        Raises StopAndTell when the deployment itself is gone: then this is another chain.
        """
        with self._engine.begin() as connection:
            last = self._next_block(connection) - 1

            def hash_at(number: int) -> str | None:
                return connection.execute(select(tables.blocks.c.hash).where(tables.blocks.c.number == number)).scalar()

            keep = find_common(self._node, last, hash_at)
            if keep < self._deployment.first_block:
                self._deployment.check(self._node)
                keep = self._deployment.first_block - 1
            if keep < last:
                log.warning("index_rolled_back", to_block=keep, blocks=last - keep)
                self._delete_from(connection, keep + 1)
                self._reproject(connection)

    def _delete_from(self, connection: Connection, block: int) -> None:
        connection.execute(delete(tables.raw_logs).where(tables.raw_logs.c.block_number >= block))
        connection.execute(delete(tables.blocks).where(tables.blocks.c.number >= block))
        connection.execute(update(tables.cursor).values(next_block=block))

    def _reproject(self, connection: Connection) -> None:
        self._rows.forget()
        try:
            for table in tables.PROJECTIONS:
                connection.execute(delete(table))
            for events in self._stored_events(connection):
                self._project(connection, events)
        except BaseException:
            self._rows.forget()
            raise

    def _stored_events(self, connection: Connection) -> Iterator[list[Event]]:
        """Every stored log as an event, in order, some thousand at a time."""
        logs, blocks = tables.raw_logs, tables.blocks
        position = (-1, -1)
        while True:
            query = (
                select(logs, blocks.c.time, blocks.c.hash)
                .join(blocks, blocks.c.number == logs.c.block_number)
                .where(
                    (logs.c.block_number > position[0])
                    | ((logs.c.block_number == position[0]) & (logs.c.log_index > position[1]))
                )
                .order_by(logs.c.block_number, logs.c.log_index)
                .limit(_REPLAY_LOGS)
            )
            rows = connection.execute(query).mappings().all()
            if not rows:
                return
            position = (rows[-1]["block_number"], rows[-1]["log_index"])
            yield [self._event(_log_of(dict(row)), row["time"]) for row in rows]

    def _position(self) -> tuple[int, str | None]:
        """The next block to read, and the hash its parent must have (None at the very first)."""
        with self._engine.connect() as connection:
            next_block = self._next_block(connection)
            parent = connection.execute(select(tables.blocks.c.hash).where(tables.blocks.c.number == next_block - 1))
            return next_block, parent.scalar()

    @staticmethod
    def _next_block(connection: Connection) -> int:
        return int(connection.execute(select(func.max(tables.cursor.c.next_block))).scalar_one())


def _digest_of(deployment: Deployment) -> str:
    """SHA-256 over where the registers stand: an index belongs to these."""
    stands = {"chain_id": deployment.chain_id, "genesis": deployment.genesis_hash, "addresses": deployment.addresses}
    return "0x" + hashlib.sha256(json.dumps(stands, sort_keys=True).encode()).hexdigest()


def _block_row(header: BlockHeader) -> dict[str, object]:
    return {
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "time": header.timestamp,
    }


def _log_row(raw: RawLog) -> dict[str, object]:
    return {
        "block_number": raw.block_number,
        "log_index": raw.log_index,
        "tx_hash": raw.tx_hash,
        "address": raw.address,
        "topics": b"".join(bytes.fromhex(topic[2:]) for topic in raw.topics),
        "data": raw.data,
    }


def _log_of(row: dict[str, object]) -> RawLog:
    packed = bytes(row["topics"])  # type: ignore[call-overload]
    topics = tuple("0x" + packed[at : at + 32].hex() for at in range(0, len(packed), 32))
    return RawLog(
        block_number=row["block_number"],  # type: ignore[arg-type]
        block_hash=str(row["hash"]),
        tx_hash=str(row["tx_hash"]),
        tx_index=0,
        log_index=row["log_index"],  # type: ignore[arg-type]
        address=str(row["address"]),
        topics=topics,
        data=bytes(row["data"]),  # type: ignore[call-overload]
    )
