"""A city without an adapter writes by hand: the same canonical records, decided and signed the same way, one by one.

Each record has a number of the city's own (its paper, its spreadsheet row). The number makes the request id, so that
the same record given twice is carried out once, whoever types it and however often.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Table, select

from adapters.protocol import RegistryProfile
from adapters.sync.plan import HeldBack, Plan, Planner, Write
from adapters.sync.planned import PlannedBooks
from hub.bootstrap import TRANSFER_LIFETIME, OpenIndex, StoredDocuments
from hub.chain.codec import encode_batch
from hub.chain.keys import Signer
from hub.chain.sending import send, simulate
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.books import IndexBooks
from mutual_recognition import identifiers as ids
from mutual_recognition.records import Correction, Record, Retirement, TransferOut

_TRANSFER_ID = re.compile(r"0x[0-9a-f]{64}")
_TRACES: dict[type[Record], tuple[Table, str, str]] = {
    TransferOut: (t.transfers, "from_member", "propose"),
    Retirement: (t.retirements, "holder", "retire"),
    Correction: (t.cancellations, "holder", "correct"),
}
"""Where the index keeps what a record's request did, whose it is there, and the action in the request's name."""

REGISTRY = "by-hand"
"""Registry code of records that no registry system has."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a record: requests written now, and those that had been carried out before (each 0x-hex)."""

    written: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    block: int = 0
    transactions: list[str] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)


class ByHand:
    """Records of `member`, signed by its registrar's key. `registry` is the code under which its ids are made."""

    def __init__(
        self,
        index: OpenIndex,
        signer: Signer,
        member: int,
        *,
        registry: str = REGISTRY,
        asset_key: bytes | None = None,
        transfer_lifetime: int = TRANSFER_LIFETIME,
    ) -> None:
        self._index = index
        self._signer = signer
        self._member = member
        self._profile = RegistryProfile(
            name=registry,
            member=member,
            registry=registry,
            title="by hand",
            idempotent_push=False,
            lookup=False,
        )
        self._asset_key = asset_key
        self._transfer_lifetime = transfer_lifetime

    def carry_out(self, record: Record) -> Carried:
        """Writes what `record` asks for, once. Raises RecordRefused (it cannot be planned) or ChainRefused."""
        books = IndexBooks(self._index.reader, self._index.indexer)
        try:
            block = books.advance()
            if earlier := self._asked_before(record):
                return Carried(before=earlier, block=block)
            plan = self._plan(record, books)
            before = books.carried_out(self._member, [write.request for write in plan.writes])
        finally:
            books.close()
        open_writes = [write for write in plan.writes if write.request not in before]
        groups = _by_register(open_writes)
        if groups:
            self._simulate(groups[0])  # a record that the chain refuses leaves no documents behind
        if plan.documents:
            # before the chain has their digests: once it does, the record given again asks for nothing more
            documents = [(document.digest(), document.canonical()) for document in plan.documents]
            StoredDocuments(self._index, self._signer, self._member).deliver(documents)
        transactions = [self._send(writes) for writes in groups]
        block = self._index.indexer.follow().block
        return Carried(
            ["0x" + write.request.hex() for write in open_writes],
            ["0x" + request.hex() for request in before],
            block,
            transactions,
            ["0x" + document.digest().hex() for document in plan.documents],
        )

    def _asked_before(self, record: Record) -> list[str]:
        """Requests by which the chain moved, retired or cancelled serials for this very record.

        Its serials may have gone further and been split since, so that planning it anew would ask for other pieces.
        """
        if not isinstance(record, TransferOut | Retirement | Correction):
            return []
        table, by, action = _TRACES[type(record)]
        own = self._member if isinstance(record, Correction) else record.series.member or self._member
        code = record.series if isinstance(record, Correction) else record.series.code
        registry = self._profile.registry if isinstance(record, Correction) else record.series.registry
        series = "0x" + ids.series_id(own, registry or self._profile.registry, code).hex()
        c, serials = table.c, record.serials
        query = select(c.first, c.last, c.request).where(
            c[by] == self._member, c.series == series, c.first >= serials.first, c.last <= serials.last
        )
        name = f"{type(record).__name__}:{record.native_id}"
        with self._index.reader.connect() as connection:
            rows = connection.execute(query.order_by(c.first)).all()
        asked = [
            ids.request_id(self._member, self._profile.registry, name, f"{action}:{row.first}-{row.last}", 1)
            for row in rows
        ]
        return [row.request for row, request in zip(rows, asked, strict=True) if row.request == "0x" + request.hex()]

    def _plan(self, record: Record, books: IndexBooks) -> Plan:
        planner = Planner(
            self._profile,
            PlannedBooks(books),
            asset_key=self._asset_key,
            transfer_lifetime=self._transfer_lifetime,
            now=lambda: int(time.time()),
            transfers_of=_transfers_named,
        )
        try:
            return planner.plan(record)
        except HeldBack as held:
            raise RecordRefused(
                held.message,
                code=held.code,
                where=f"record {getattr(record, 'native_id', '')} of member {self._member}",
            ) from held

    def _simulate(self, writes: Sequence[Write]) -> None:
        simulate(self._index.node, self._signer.address, *self._call(writes))

    def _send(self, writes: Sequence[Write]) -> str:
        return send(self._signer, self._index.node, *self._call(writes)).tx_hash

    def _call(self, writes: Sequence[Write]) -> tuple[str, bytes]:
        """The register, and the data of one call or of a batch."""
        data = writes[0].call if len(writes) == 1 else encode_batch([write.call for write in writes])
        return self._index.deployment.address(writes[0].contract), data


def _transfers_named(text: str) -> list[bytes]:
    """By hand a transfer is named by its id; a record of the city's own that is no id yet asked for none."""
    return [bytes.fromhex(text[2:])] if _TRANSFER_ID.fullmatch(text) else []


def _by_register(writes: Sequence[Write]) -> list[list[Write]]:
    groups: list[list[Write]] = []
    for write in writes:
        if groups and groups[-1][0].contract == write.contract:
            groups[-1].append(write)
        else:
            groups.append([write])
    return groups
