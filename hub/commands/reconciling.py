"""Reconciliation wired together: a registry's sync, the index as the chain's side, holds on what is in dispute."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from adapters.protocol import RegistryAdapter
from adapters.sync.city_books import WHOLE_EVERY
from adapters.sync.engine import SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.reconcile import Block, Reconciler, Result
from hub.bootstrap import OpenIndex
from hub.chain.enums import HoldReason
from hub.chain.keys import Signer
from hub.chain.orders import HoldOrder, LiftOrder
from hub.db import tables as t
from hub.documents.directory import DocumentDirectory
from hub.index.chain_holdings import IndexHoldings
from hub.signing import OrderOnFile, carry_out, sign
from mutual_recognition.books import Directory
from mutual_recognition.identifiers import Kind, member_of, parse_subject, subject

LONGEST_HOLD = 30 * 86_400
"""Seconds: what `Holds` allows a voter."""
_ORDER_GOOD_FOR = 86_400


def open_reconciler(
    index: OpenIndex,
    adapter: RegistryAdapter,
    sync: SyncEngine,
    journal: Journal,
    *,
    directory: Directory | None = None,
    folder: Path | None = None,
    patience: float = 1.0,
    whole: bool = False,
    whole_every: int = WHOLE_EVERY,
) -> Reconciler:
    """The reconciliation of one registry over an index; its books are sorted, and those that are followed by their
    changes kept, in `folder` (default: the system's, and nothing is kept). See `Reconciler`."""

    @contextmanager
    def chain() -> Iterator[IndexHoldings]:
        index.follower.follow()
        with index.reader.connect() as connection:
            if connection.dialect.name == "postgresql":  # there a transaction sees what others commit meanwhile
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield IndexHoldings(connection)

    return Reconciler(
        adapter,
        journal,
        directory or DocumentDirectory(index.reader),
        sync.run_once,
        chain,
        folder=folder,
        patience=patience,
        whole=whole,
        whole_every=whole_every,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """The document that a hold is placed on, as a file whose SHA-256 is `digest` (0x-hex), and the blocks it names."""

    file: Path
    digest: str
    blocks: Sequence[Block]

    def subjects(self) -> tuple[str, ...]:
        """The blocks as a hold names them (0x-hex)."""
        return tuple("0x" + subject(Kind.BLOCK, block.series, block.first).hex() for block in self.blocks)

    def command(self) -> str:
        """What a voter types to place the hold from a key of their own."""
        blocks = " ".join(f"--block 0x{block.series.hex()}:{block.first}" for block in self.blocks)
        return f"yrdhub hold place --reason reconciliation --evidence {self.file} {blocks}"


def write_evidence(folder: Path, result: Result) -> list[Evidence]:
    """The result, and a part of it for each hold where one does not take all blocks, as the bytes that were hashed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = folder / f"{result.id}.json"
    whole.write_bytes(result.document.canonical())
    found = []
    for number, (document, blocks) in enumerate(result.evidence, 1):
        file = whole
        if document is not result.document:
            file = folder / f"{result.id}-{number}.json"
            file.write_bytes(document.canonical())
        found.append(Evidence(file, "0x" + document.digest().hex(), blocks))
    return found


def place_holds(
    index: OpenIndex, voter: Signer, member: int, evidence: Sequence[Evidence], last_for: int
) -> list[dict[str, Any]]:
    """Holds on the disputed blocks, signed by a voter of `member` and sent; what became of each."""
    placed = []
    now = _block_time(index)
    for one in evidence:
        order = HoldOrder(
            member,
            one.subjects(),
            int(HoldReason.RECONCILIATION),
            one.digest,
            now + min(last_for, LONGEST_HOLD - 60),
            "0x" + secrets.token_hex(32),
            now + _ORDER_GOOD_FOR,
        )
        receipt = carry_out(sign(voter, order, index.deployment), index.node, index.deployment, voter)
        placed.append({"evidence": one.digest, "blocks": len(one.blocks), "transaction": receipt.tx_hash})
    index.follower.follow()
    return placed


def running_holds(index: OpenIndex, evidence: Sequence[str]) -> list[dict[str, Any]]:
    """Voters' holds that run on these digests (0x-hex)."""
    h = t.holds.c
    query = select(t.holds).where(h.evidence.in_(list(evidence)), h.ended_at == 0, h.member != 0)
    with index.reader.connect() as connection:
        return [dict(row) for row in connection.execute(query.order_by(h.block_number)).mappings()]


def lift_order(index: OpenIndex, hold: str) -> LiftOrder:
    """An order that ends a hold, to be signed by a voter of the placing member and then one of each home member."""
    return LiftOrder(hold, "0x" + secrets.token_hex(32), _block_time(index) + 7 * _ORDER_GOOD_FOR)


def must_sign(hold: dict[str, Any]) -> list[int]:
    """Members whose voters lift a hold, in the order in which they sign."""
    homes = [member_of(parse_subject(bytes.fromhex(one[2:]))[1]) for one in hold["subjects"]]
    return list(dict.fromkeys([int(hold["member"]), *homes]))


def lift_by(
    index: OpenIndex, hold: dict[str, Any], voter_of: Callable[[int], Signer | None]
) -> tuple[OrderOnFile | None, list[int]]:
    """The lift, signed by every voter at hand in turn, and the members still to sign; sent when none is left."""
    signed: OrderOnFile | None = None
    missing: list[int] = []
    order = lift_order(index, hold["hold"])
    sender: Signer | None = None
    for member in must_sign(hold):
        voter = None if missing else voter_of(member)
        if voter is None:
            missing.append(member)
            continue
        mine = sign(voter, order, index.deployment)
        signed = mine if signed is None else signed.with_signature(mine.signatures[0])
        sender = sender or voter
    if signed is not None and sender is not None and not missing:
        carry_out(signed, index.node, index.deployment, sender)
        index.follower.follow()
    return signed, missing


def _block_time(index: OpenIndex) -> int:
    return max(int(time.time()), index.node.head().timestamp)
