"""Submit and confirm: planned writes become signed transactions, kept before they are broadcast, and done when final.

One transaction carries many writes of one register (`batch`), all or nothing. It's simulated first; a write the
chain would refuse leaves the batch with the chain's reason, and the others go.

In a long load most of the chain's work would be simulating what then goes through. So a full batch that follows several
that went through is sent at once. Where the chain does refuse it, the whole batch reverts, nothing of it has happened,
and it is decided anew and simulated, as everything is until several have gone through again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from adapters.sync.journal import Journal, OutboxRow, Submission
from hub.chain.codec import encode_batch
from hub.chain.connection import BLOCK_GAS, Node, NonceTaken
from hub.chain.deployment import Deployment
from hub.chain.keys import Signer
from hub.chain.sending import next_nonce, prepare, simulate
from hub.errors import ChainRefused, RetryLater
from mutual_recognition.books import Books

log = structlog.get_logger(__name__)

MOST_WRITES = 200
MOST_BYTES = 100 * 1024
"""Bounds of a batch (design.md, Contracts)."""

_INCLUDED_WITHIN = 60.0
"""Seconds to wait for a block before the next batch is tried anyway."""

_GAS = {
    "file": 220_000,
    "register": 260_000,
    "amend": 120_000,
    "registerSeries": 120_000,
    "verify": 100_000,
    "issue": 130_000,
    "propose": 115_000,
    "accept": 190_000,
    "reject": 80_000,
    "expire": 80_000,
    "withdraw": 80_000,
    "cosign": 80_000,
    "retire": 106_000,
    "correct": 100_000,
}
"""Gas set aside for one write, above what any was measured to take (`make bench`). A batch whose writes need more
fails in
simulation, never on the chain, and is halved.
"""
_GAS_ASSET = 60_000
_GAS_BASE = 120_000
_GAS_ALONE = 3_000_000
"""For a write that goes alone: nothing else needs the room, and what it lacks in a batch it has here."""

_RETRIED = {
    "PredecessorWrong",
    "PeriodPredecessorWrong",
    "TransferTooEarly",
    "CosignPending",
    "ProjectHeld",
    "MethodologyHeld",
    "BlockHeld",
    "ExternalLockPending",
}
"""Refusals that time, or somebody else, may lift: their records are looked at again without an operator."""

_NEEDLESS = {"CosignNotNeeded"}
"""Refusals that say that what was asked for is so already: that write is done, and its record goes on."""

_INDEXED_WITHIN = 2.0
"""Seconds in which the index is expected to come to a block; later, the node is asked what became of a transaction."""

_AT_ONCE = 6
"""Batches of a long load that are sent before the sender reports back."""
_MOST_AHEAD = 5
"""Of these, so many may be in no block yet."""

_NO_REASON = "RevertedWithoutReason"

_TRUSTED_AFTER = 8
"""Batches in a row that the simulation found nothing in; what comes behind in the same load is not simulated."""

RETRY_SOON = "retry"
"""`waits_for` of records that are tried again at every pass."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one attempt did: writes sent, and writes refused.

    `refusals`: those of the refused that are still to be judged, each with the chain's reason; `refused_at`: the newest
    block then. `in_doubt`: something would be refused, or a transaction was not included, while it isn't yet known what
    the chain made of those before. Unless `clean`, what was planned behind may lean on what did not happen, and is
    to be planned anew once everything sent is settled.
    """

    sent: int
    refused: int = 0
    in_doubt: bool = False
    refusals: Sequence[tuple[OutboxRow, ChainRefused]] = ()
    refused_at: int = 0

    @property
    def clean(self) -> bool:
        """Whether the next writes can follow at once."""
        return not self.refused and not self.in_doubt


class Submitter:
    """Sends for one registry of `member`, with its registrar's key."""

    def __init__(self, journal: Journal, node: Node, deployment: Deployment, signer: Signer, member: int) -> None:
        self._journal = journal
        self._node = node
        self._deployment = deployment
        self._signer = signer
        self._member = member
        self._in_doubt: Submission | None = None
        self._in_flight = 0
        self._sound = 0
        self._included_by: dict[int, int] = {}
        self._ahead: dict[int, Submission] = {}
        self._in_block: dict[int, float] = {}
        self._looked_at: dict[int, int] = {}

    # ---------------------------------------------------------------- submit

    def submit_next(self, *, settled: bool) -> Submitted:
        """Takes the next writes, simulates, signs, stores and broadcasts them as one transaction.

        `settled`: the fate of everything sent before was known when this was asked for. Only then is a refusal the
        record's own; it's the caller's to say, since fates become known while this runs.
        Raises RetryLater while the node does not answer; nothing is lost then, the next call goes on.
        """
        if self._in_doubt is not None and not self._include(self._in_doubt):
            self._in_doubt = None
            return Submitted(0, in_doubt=True)
        planned = self._journal.planned(MOST_WRITES + 1)
        rows = _take(planned)
        if self._sound >= _TRUSTED_AFTER and len(rows) < len(planned):
            return self._send_ahead(rows)
        if not self.land():
            return Submitted(0, in_doubt=True)
        refused = refused_at = needless = 0
        refusals: list[tuple[OutboxRow, ChainRefused]] = []
        while rows:
            refusal = self._simulate(rows)
            if refusal is None:
                self._sound += 1
                break
            self._sound = 0
            at, reason = refusal
            if at is None:  # more gas than set aside: half of it fits
                rows = _whole_records(rows, max(1, len(rows) // 2))
                continue
            if not settled:
                return Submitted(0, in_doubt=True)  # it may lean on a write that is not settled yet
            if self._is_about_all(reason):
                refused += self._hold_all(rows, reason)
                rows = []
                break
            offender = rows[at]
            if reason.error in _NEEDLESS:
                log.info("write_needless", function=offender.function, refusal=reason.error)
                self._journal.needless(offender)
                needless += 1
                rows = [row for row in rows if row.id != offender.id]
                continue
            refusals.append((offender, reason))
            refused, refused_at = refused + 1, self._node.head().number
            rows = [row for row in rows[:at] if row.inbox_id != offender.inbox_id]
        included = self._broadcast(self._sign(rows, self._free_nonce())) if rows else True
        return Submitted(len(rows) + needless, refused, not included, refusals, refused_at)

    def _send_ahead(self, rows: Sequence[OutboxRow]) -> Submitted:
        """Sends full batches of a long load behind each other, some before the last is in a block: the chain never
        waits for the next one to be signed."""
        sent, nonce = 0, self._free_nonce()
        for _ in range(_AT_ONCE):
            submission = self._sign(rows, nonce)
            sent, nonce = sent + len(rows), nonce + 1
            self._ahead[submission.id] = submission
            try:
                self._node.send_raw(submission.raw)
            except (RetryLater, NonceTaken) as trouble:
                log.warning("not_sent", tx_hash=submission.tx_hash, trouble=str(trouble))
                self._ahead.clear()
                return Submitted(sent, in_doubt=True)
            if not self._await_ahead(most=_MOST_AHEAD):
                return Submitted(sent, in_doubt=True)
            planned = self._journal.planned(MOST_WRITES + 1)
            rows = _take(planned)
            if len(rows) == len(planned):
                return Submitted(sent, in_doubt=not self.land())
        return Submitted(sent)

    def land(self) -> bool:
        """Waits until what was sent ahead is in blocks; False when something isn't, for too long."""
        return self._await_ahead(most=0)

    def _await_ahead(self, most: int) -> bool:
        """Waits until no more than `most` of those sent ahead are in no block; False when one isn't, for too long."""
        while len(self._ahead) > most:
            oldest = next(iter(tuple(self._ahead.values())), None)
            if oldest is None:  # the chain lost blocks, and everything is looked at anew
                return False
            try:
                self._wait_included(oldest)
            except RetryLater as trouble:
                log.warning("not_included_yet", tx_hash=oldest.tx_hash, trouble=str(trouble))
                self._ahead.clear()
                return False
            self._in_block[oldest.id] = time.monotonic()
            self._ahead.pop(oldest.id, None)
        return True

    def _simulate(self, rows: Sequence[OutboxRow]) -> tuple[int | None, ChainRefused] | None:
        """None when the batch would go through; else the place of the write that the chain refuses, and why."""
        try:
            simulate(self._node, self._signer.address, self._to(rows), _data(rows), _gas(rows))
        except ChainRefused as refused:
            if len(rows) == 1:
                return 0, refused
            # without a reason it ran out of gas, which may be the batch's fault and not the record's
            return None if refused.error == _NO_REASON else refused.record_index, refused
        return None

    def _is_about_all(self, refused: ChainRefused) -> bool:
        """Whether whatever this key writes now is refused: that says nothing about the record that met it first."""
        if refused.error == "NotOfficer":  # of another member's serials, it's the record that is wrong
            return refused.arguments.get("member") == self._member
        return refused.error == "Paused"

    def _hold_all(self, rows: Sequence[OutboxRow], refused: ChainRefused) -> int:
        records = {row.inbox_id: row for row in rows}
        for row in records.values():
            self.hold(row, refused)
        return len(records)

    def hold(self, row: OutboxRow, refused: ChainRefused) -> None:
        """The record of a write is held with the chain's reason; where no waiting helps, the registry is told."""
        log.info("write_refused", function=row.function, refusal=refused.error, arguments=refused.arguments)
        reason = refused.to_json()
        retried = refused.error in _RETRIED or self._is_about_all(refused)
        self._journal.hold(row, refused.code, reason, RETRY_SOON if retried else "", final=not retried)

    def _free_nonce(self) -> int:
        pending = next_nonce(self._node, self._signer.address)
        highest = self._journal.highest_nonce(self._signer.address)
        return pending if highest is None else max(pending, highest + 1)

    def _sign(self, rows: Sequence[OutboxRow], nonce: int) -> Submission:
        signed = prepare(
            self._signer,
            self._to(rows),
            _data(rows),
            nonce=nonce,
            chain_id=self._deployment.chain_id,
            gas_price=self._node.gas_price,
            gas=_gas(rows),
        )
        return self._journal.sign(rows[0].contract, self._signer.address, signed, rows)

    def _broadcast(self, submission: Submission) -> bool:
        """Sends it and waits for a block; returns whether one has it. Whatever goes wrong from here on, `confirm`
        finds out: the bytes are kept.
        """
        try:
            return self._include(submission)
        except RetryLater as trouble:
            log.warning("not_included_yet", tx_hash=submission.tx_hash, trouble=str(trouble))
            self._in_doubt = submission
            return False

    def _include(self, submission: Submission) -> bool:
        """Sends the bytes, again where they were sent before, and waits until a block has them; False when never will.

        The next batch is simulated on what this one leaves: before that it could be refused for want of it.
        """
        self._in_flight = submission.id
        try:
            self._node.send_raw(submission.raw)
            self._wait_included(submission)
            self._in_block[submission.id] = time.monotonic()
        except NonceTaken:
            log.warning("nonce_taken", nonce=submission.nonce, tx_hash=submission.tx_hash)
            return False
        finally:
            self._in_flight = 0
        self._in_doubt = None
        return True

    def _wait_included(self, submission: Submission) -> None:
        """Waits until the sender's count of transactions in blocks has passed this one's nonce.

        A count is a few bytes; a receipt would carry every event of the batch, which the index is about to read anyway.
        """
        began, pause = time.monotonic(), 0.002
        give_up, slower_from = began + _INCLUDED_WITHIN, began + 1.0
        while self._node.nonce(self._signer.address, pending=False) <= submission.nonce:
            if time.monotonic() >= give_up:
                raise RetryLater(
                    f"no block has the transaction after {_INCLUDED_WITHIN:g} s",
                    what=submission.tx_hash,
                    remedy="see whether the chain makes blocks; the bytes are kept and will be sent again",
                    code="not_included",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0 if time.monotonic() > slower_from else 0.02)

    def _to(self, rows: Sequence[OutboxRow]) -> str:
        return self._deployment.address(rows[0].contract)

    def fill_gap(self) -> int:
        """Puts an empty transaction wherever a nonce is missing before those that wait; returns how many.

        A chain that lost blocks may have lost transactions of this key that are not in the journal (sent by hand), or
        that reverted: nothing behind such a nonce would ever be included.
        """
        lowest = self._journal.lowest_nonce(self._signer.address)
        if lowest is None:
            return 0
        missing = range(next_nonce(self._node, self._signer.address), lowest)
        for nonce in missing:
            log.warning("nonce_missing", nonce=nonce, account=self._signer.address)
            empty = prepare(
                self._signer,
                self._signer.address,
                b"",
                nonce=nonce,
                chain_id=self._deployment.chain_id,
                gas_price=self._node.gas_price,
                gas=_GAS_BASE,
            )
            self._node.send_raw(empty.raw)
        return len(missing)

    # ---------------------------------------------------------------- confirm

    def confirm(self, books: Books, member: int, position: int) -> tuple[int, bool]:
        """Looks after every transaction whose fate is not known; returns writes done, and whether any has to be
        decided anew.

        Only a request seen in a final block counts. A transaction the node lost is sent again, byte for byte; one
        whose nonce
        another transaction took never will be included, so what it carried is decided anew.
        """
        done, again = 0, False
        for submission in self._journal.outstanding():
            if submission.id == self._in_flight or submission.id in self._ahead:
                continue  # its sender looks after it
            if position == self._looked_at.get(submission.id) and self._comes_soon(submission):
                continue
            self._looked_at[submission.id] = position
            requests = self._journal.requests_of(submission.id)
            seen = books.carried_out(member, requests)
            if len(seen) == len(requests):
                self._forget(submission.id)
                done += self._journal.confirm(submission.id, seen, "final")
                continue
            if self._comes_soon(submission) or position < self._look_at(submission):
                continue
            receipt = self._node.receipt(submission.tx_hash)
            if receipt is None:
                again |= self._again(submission, books, member)
            elif receipt.block_number <= position:
                done += self._journal.confirm(submission.id, seen, "final" if receipt.succeeded else "failed")
                self._sound = 0
                again = True
        return done, again

    def forget_inclusions(self) -> None:
        """The chain lost blocks: what was in one may be in none."""
        for known in (self._included_by, self._ahead, self._in_block, self._looked_at):
            known.clear()

    def _forget(self, submission: int) -> None:
        for known in (self._included_by, self._in_block, self._looked_at):
            known.pop(submission, None)

    def _comes_soon(self, submission: Submission) -> bool:
        """Whether its block was there a moment ago, so that the index has only to come to it."""
        return time.monotonic() - self._in_block.get(submission.id, -_INDEXED_WITHIN) < _INDEXED_WITHIN

    def _look_at(self, submission: Submission) -> int:
        """The block that the index must have reached before a transaction is looked for, there and then at the node.

        One that is in some block needs no looking for: its events come with that block, and a receipt carries them all
        a second time.
        """
        known = self._included_by.get(submission.id, 0)
        if not known and self._node.nonce(self._signer.address, pending=False) > submission.nonce:
            known = self._included_by[submission.id] = self._node.head().number
        return known

    def _again(self, submission: Submission, books: Books, member: int) -> bool:
        """Sends a transaction again that no block has; returns whether its nonce is gone and its writes are decided
        anew."""
        try:
            self._node.send_raw(submission.raw)
        except NonceTaken:
            if self._node.receipt(submission.tx_hash) is not None:
                return False  # it was included in between
            books.advance()
            seen = books.carried_out(member, self._journal.requests_of(submission.id))
            self._journal.confirm(submission.id, seen, "replaced")
            return True
        return False


def _data(rows: Sequence[OutboxRow]) -> bytes:
    return rows[0].call if len(rows) == 1 else encode_batch([row.call for row in rows])


def _gas(rows: Sequence[OutboxRow]) -> int:
    gas = _GAS_BASE + sum(_gas_of(row) + 16 * len(row.call) for row in rows)
    return min(BLOCK_GAS, max(gas, _GAS_ALONE) if len(rows) == 1 else gas)


def _gas_of(row: OutboxRow) -> int:
    gas = _GAS[row.function]
    if row.contract == "Projects" and row.function == "register":
        # selector, 8 words of arguments and heads, the array's length: what follows are assets
        gas += _GAS_ASSET * max(0, (len(row.call) - 4) // 32 - 10)
    return gas


def _take(rows: Sequence[OutboxRow]) -> list[OutboxRow]:
    """As many writes as fit one transaction, from the first on, never part of a record's (unless one alone is too
    many)."""
    taken, gas, size = 0, _GAS_BASE, 0
    for row in rows[:MOST_WRITES]:
        gas += _gas_of(row) + 16 * len(row.call)
        size += len(row.call) + 96
        if gas > BLOCK_GAS or size > MOST_BYTES:
            break
        taken += 1
    return _whole_records(rows, taken)


def _whole_records(rows: Sequence[OutboxRow], most: int) -> list[OutboxRow]:
    if most >= len(rows):
        return list(rows)
    cut = most
    while cut and rows[cut - 1].inbox_id == rows[cut].inbox_id:
        cut -= 1
    return list(rows[: cut or most])
