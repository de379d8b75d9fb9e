"""The sync engine: one pass over everything that waits, in both directions.

    ingest -> decide -> submit -> confirm -> push back -> deliver documents

A pass may be interrupted anywhere; the next one goes on from the journal. While one transaction is on its way, the next
records are decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from adapters.protocol import Page, RegistryAdapter
from adapters.sync import claimed
from adapters.sync.disputed import refuse_disputed
from adapters.sync.journal import Decision, InboxRow, Journal
from adapters.sync.overdue import OVERDUE, expiry, overdue_record
from adapters.sync.plan import HeldBack, Planner, issuance_changed
from adapters.sync.planned import PlannedBooks
from adapters.sync.reconciliations import Dispute
from adapters.sync.submit import RETRY_SOON, Submitted, Submitter
from adapters.sync.telling import Telling, Watch
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from mutual_recognition.books import Books, Directory
from mutual_recognition.identifiers import member_of, project_id, transfer_id
from mutual_recognition.sync_facts import SyncFacts

log = structlog.get_logger(__name__)

_DECIDE = 400
_REPORT_EVERY = 30.0
_REPORTS_AHEAD = 60
_DELIVER = 500
_FAR_AHEAD = 1_200
_NOT_FINAL_AFTER = 60.0
_LOOK_FOR_GAP_AFTER = 3.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
"""Seconds between two looks for a block: a quick chain is not waited for long, a slow one not asked all the time."""
_MOST_PLANNED = 60_000
"""Writes planned ahead of the final chain, or behind it and not yet forgotten: what bounds the memory of a pass."""


class DocumentSink(Protocol):
    """Where documents go: the hub, sealed by the registrar."""

    def deliver(self, documents: Sequence[tuple[bytes, bytes]]) -> None:
        """Takes (digest, canonical bytes). Raises RetryLater while it cannot."""
        ...


class StatusSink(Protocol):
    """Who is told how the sync stands: the hub, in a report that the registrar signed."""

    def report(self, facts: SyncFacts) -> None:
        """Takes the facts of now. Raises RetryLater or RecordRefused; the sync goes on without."""
        ...


@dataclass(slots=True)
class PassReport:
    """What one pass did. `held`: records that are held back, and `kept`: all that is, by family; `refused`: of what was
    `told`, what the registry refused. `for_operator`: some of the trouble does not pass by itself."""

    read: int = 0
    faults: int = 0
    written: int = 0
    held: int = 0
    told: int = 0
    documents: int = 0
    trouble: list[str] = field(default_factory=list)
    refused: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    for_operator: bool = False


class SyncEngine:
    """Everything for one registry. The caller owns adapter, engine and node, and closes them."""

    def __init__(
        self,
        adapter: RegistryAdapter,
        journal: Journal,
        books: Books,
        directory: Directory,
        submitter: Submitter,
        documents: DocumentSink,
        *,
        asset_key: bytes | None,
        transfer_lifetime: int,
        clock: Callable[[], int] = lambda: int(time.time()),
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
        status: StatusSink | None = None,
    ) -> None:
        self._adapter = adapter
        self._profile = adapter.profile
        self._journal = journal
        self._books = books
        self._submitter = submitter
        self._documents = documents
        self._directory = directory
        self._asset_key = asset_key
        self._clock = clock
        self._alone = alone
        self._status = status
        self._reported = float("-inf")
        self._followed = (0, "")
        self._disputes: list[Dispute] = []
        self._telling = Telling(adapter, journal, books, directory, clock)
        self._planned = PlannedBooks(books)
        self._planner = Planner(
            self._profile,
            self._planned,
            asset_key=asset_key,
            transfer_lifetime=transfer_lifetime,
            now=clock,
            transfers_of=self._transfers_of,
        )

    def run_once(self, watch: Watch = lambda stage, done, total: None) -> PassReport:
        """One pass: until nothing more can be read, decided, sent or told. Trouble outside ends its own part only.

        Raises RetryLater while the chain is away, and where `alone` does: another process is at this journal.
        """
        with self._alone():
            try:
                return self._pass(self._reporting(watch))
            finally:
                self._report_status()

    def _reporting(self, watch: Watch) -> Watch:
        """`watch`, and the hub told how it stands every half minute: a first sync may take hours."""

        def watching(stage: str, done: int, total: int | None) -> None:
            watch(stage, done, total)
            if time.monotonic() - self._reported > _REPORT_EVERY:
                self._report_status()

        return watching

    def _report_status(self) -> None:
        """How it stands, to whoever is told. That they cannot be told is no reason not to sync."""
        if self._status is None:
            return
        self._reported = time.monotonic()
        try:
            facts = self._journal.sync_facts(self._profile)
            # a report counts when it is newer than the one before: two of one second are told apart
            newer = max(facts.at, int(self._journal.get("reported_at") or 0) + 1)
            at = min(newer, facts.at + _REPORTS_AHEAD)
            self._status.report(facts.model_copy(update={"at": at}))
            self._journal.set(reported_at=str(at))
        except (RetryLater, RecordRefused) as trouble:
            log.warning("status_not_reported", registry=self._profile.name, trouble=str(trouble))

    def _pass(self, watch: Watch) -> PassReport:
        report = PassReport()
        self._journal.prepare()
        self._disputes = self._journal.open_disputes()
        self._recover()
        self._release_waiting(every=True)
        overdue = self._books.overdue(self._profile.member, self._clock())
        self._journal.note_overdue([overdue_record(transfer) for transfer in overdue])
        self._write(self._adapter.read(self._journal.get("read_cursor")), report, watch)
        before = 0
        while report.written > before:  # what was written may be what others waited for
            before = report.written
            self._release_waiting(every=False)
            self._write(None, report, watch)
        told = self._telling.tell(watch)
        report.told, report.refused = told.answered, told.refused
        report.trouble += told.trouble
        report.for_operator |= told.for_operator
        self._deliver(report)
        self._journal.supersede()
        report.kept = self._journal.kept_back()
        report.held = report.kept["record"]
        self._note_outcome(report)
        return report

    def _note_outcome(self, report: PassReport) -> None:
        """A pass succeeded when everything was read, told and handed in, and nothing waits for the registrar's key."""
        keyless = self._journal.held_as("not_officer", RETRY_SOON)
        if keyless:
            report.trouble.append(
                f"the chain takes nothing from this registrar's key any more (NotOfficer): {keyless} records wait; "
                "put the new key's keystore into the keys folder, and they go on by themselves"
            )
        if report.trouble:
            self._journal.set(registry_trouble=report.trouble[0])
        else:
            self._journal.set(registry_success_at=str(self._clock()), registry_trouble="")

    # ---------------------------------------------------------------- start

    def _recover(self) -> None:
        """What an earlier run left: blocks the chain lost since, transactions under way, plans that were never
        signed."""
        self._followed = (int(self._journal.get("chain_position") or 0), self._journal.get("chain_hash"))
        self._advance()
        self._settle_all()
        self._journal.unplan()
        self._planned.drop()

    def _lost(self) -> Iterator[int]:
        """Transactions that were final and whose requests the chain no longer has: it loses its newest blocks, so the
        first that is still there ends the search."""
        for submission, requests in self._journal.final_submissions():
            if len(self._books.carried_out(self._profile.member, requests)) == len(requests):
                return
            yield submission

    def _lost_where_found(self) -> Iterator[int]:
        """Writes that were found on the chain (a lost journal had sent them) and that it no longer has, by the same
        order. Their bytes are not here: they are planned anew."""
        found = self._journal.found_done()
        for start in range(0, len(found), _DECIDE):
            piece = found[start : start + _DECIDE]
            there = self._books.carried_out(self._profile.member, [request for _, request in piece])
            gone = [row for row, request in piece if request not in there]
            if not gone:
                return
            yield from gone

    def _settle_all(self) -> int:
        """Waits until every signed transaction is final or known never to be; returns how many writes that finished."""
        finished = 0
        self._submitter.land()
        began = time.monotonic()
        give_up, look_for_gap = began + _NOT_FINAL_AFTER, began + _LOOK_FOR_GAP_AFTER
        pause = _SHORTEST_PAUSE
        while self._journal.outstanding():
            position = self._advance()
            done, again = self._submitter.confirm(self._books, self._profile.member, position)
            finished += done
            if done or again:
                give_up, pause = time.monotonic() + _NOT_FINAL_AFTER, _SHORTEST_PAUSE
            elif time.monotonic() > give_up:
                raise RetryLater(
                    "sent transactions are not final yet",
                    what=len(self._journal.outstanding()),
                    where="the chain",
                    remedy="see `yrdhub chain status`; they are kept and will be sent again",
                    code="not_final",
                )
            else:
                if time.monotonic() > look_for_gap:
                    self._submitter.fill_gap()
                    look_for_gap = give_up
                time.sleep(pause)
                pause = min(1.5 * pause, _LONGEST_PAUSE)
        return finished

    def _advance(self) -> int:
        """Follows the chain. Where it is no longer the chain that was followed, what it lost is opened again first."""
        position = self._books.advance()
        number, known = self._followed
        if known and self._books.block_hash(number) != known:
            lost = list(self._lost())
            self._journal.reopen(lost)
            self._journal.decide_again(list(self._lost_where_found()), RETRY_SOON)
            self._submitter.forget_inclusions()
            log.warning("chain_went_back", was_at=number, is_at=position, transactions_to_send_again=len(lost))
        followed = (position, self._books.block_hash(position) or "")
        if followed != self._followed:
            self._followed = followed
            self._journal.set(chain_position=str(position), chain_hash=followed[1])
        return position

    def _release_waiting(self, *, every: bool) -> None:
        """Held records whose obstacle may be gone become new again; `every`: those that only time can help, too."""
        self._journal.supersede()
        after = 0
        while rows := self._journal.waiting(_DECIDE, after):
            after = rows[-1].id
            self._journal.release(row.id for row in rows if self._may_go_on(row.waits_for, every))

    def _may_go_on(self, waits_for: str, every: bool) -> bool:
        return every if waits_for == RETRY_SOON else self._has_come(waits_for)

    def _has_come(self, waits_for: str) -> bool:
        kind, _, name = waits_for.partition(":")
        match kind:
            case "methodology":
                return self._planned.methodology_document(bytes.fromhex(name)) is not None
            case "project":
                return self._planned.project(bytes.fromhex(name)) is not None
            case "series":
                return self._planned.kg_per_serial(bytes.fromhex(name)) is not None
            case "verification":
                return self._planned.has_verification(bytes.fromhex(name))
            case "transfer":
                return self._planned.has_transfer(bytes.fromhex(name))
            case _:  # serials, transfer_out: cheap enough to decide again
                return True

    # ---------------------------------------------------------------- up: registry to chain

    def _write(self, pages: Iterator[Page] | None, report: PassReport, watch: Watch) -> None:
        sending: Future[Submitted] | None = None
        delivering: Future[bool] | None = None
        backlog = 0
        with (
            ThreadPoolExecutor(1, thread_name_prefix="submit") as pool,
            ThreadPoolExecutor(1, thread_name_prefix="deliver") as beside,
        ):
            while True:
                # handing in can wait until deciding does: for the chain, or because there is nothing left to read
                idle = pages is None or backlog >= _FAR_AHEAD
                # a hub that did not take some is asked again at the end, not at every step
                if idle and (delivering is None or (delivering.done() and delivering.result())):
                    delivering = beside.submit(self._deliver, report, least=_DELIVER)
                if pages is not None and backlog < _FAR_AHEAD:
                    pages = self._read_page(pages, report, watch)
                full = self._planned.size >= _MOST_PLANNED
                rows = self._journal.undecided(_DECIDE) if backlog < _FAR_AHEAD and not full else []
                if rows:
                    backlog += self._decide(rows)
                if sending is not None and (sending.done() or not rows):
                    submitted = sending.result()
                    sending = None
                    self._judge(submitted)
                    # nothing sent: the journal is asked, where other writes may have been planned since
                    backlog = backlog - submitted.sent if submitted.sent else len(self._journal.planned(_FAR_AHEAD))
                    if backlog > 0 and submitted.clean:  # the chain works while what it did is looked at
                        sending = pool.submit(self._submitter.submit_next, settled=False)
                    done, again = self._submitter.confirm(self._books, self._profile.member, self._advance())
                    report.written += done
                    watch("write", report.written, None)
                    if again or not submitted.clean:
                        # what was planned behind it may lean on it
                        if sending is not None:
                            sending.result()
                            sending = None
                        report.written += self._start_over()
                        backlog = 0
                        continue
                if sending is None and backlog > 0:
                    settled = not self._journal.outstanding()
                    sending = pool.submit(self._submitter.submit_next, settled=settled)
                elif sending is None and full:  # all of it is sent: once it is final, the chain alone is asked
                    report.written += self._settle_all()
                    self._planned.drop()
                elif sending is None and not rows and pages is None:
                    break
            if delivering is not None:
                delivering.result()
        report.written += self._settle_all()
        self._planned.drop()

    def _judge(self, submitted: Submitted) -> None:
        """Holds the records of refused writes. Not of one that is in effect: another machine of this city was faster
        with the very same request, and what it carried out is found done when it is decided anew."""
        if not submitted.refusals:
            return
        give_up = time.monotonic() + _NOT_FINAL_AFTER
        while self._advance() < submitted.refused_at:
            if time.monotonic() > give_up:
                return  # the index is far behind: nobody is told of a refusal that may be none; it is decided anew
            time.sleep(0.02)
        done = self._books.carried_out(self._profile.member, [row.request for row, _ in submitted.refusals])
        for row, reason in submitted.refusals:
            if row.request not in done:
                if reason.error == claimed.ERROR and self._asset_key is not None:
                    records = self._adapter.translate(self._journal.record(row.inbox_id))
                    claimed.name_asset(reason, records, self._asset_key, self._project_name)
                self._submitter.hold(row, reason)

    def _project_name(self, project: bytes) -> str | None:
        """A project's own number: as the hub knows it, or where its document is still on its way there, the journal."""
        member, registry = self._profile.member, self._profile.registry
        own = (name for name in self._journal.registered() if project_id(member, registry, name) == project)
        return self._directory.subject_name(project) or (next(own, None) if member_of(project) == member else None)

    def _start_over(self) -> int:
        finished = self._settle_all()
        self._journal.unplan()
        self._planned.drop()
        return finished

    def _read_page(self, pages: Iterator[Page], report: PassReport, watch: Watch) -> Iterator[Page] | None:
        now = str(self._clock())
        self._journal.set(registry_attempt_at=now)
        try:
            page = next(pages, None)
        except (RetryLater, ConfigurationWrong) as trouble:
            # a changed schema stops the reading, and nothing else: what was read goes on, and effects are told
            log.warning("registry_unreachable", registry=self._profile.name, trouble=str(trouble))
            self._journal.set(registry_reachable="no", registry_trouble=str(trouble))
            report.trouble.append(str(trouble))
            report.for_operator |= isinstance(trouble, ConfigurationWrong)
            return None
        self._journal.set(registry_reachable="yes")
        if page is None:
            return None
        new, faults = self._journal.ingest(page)
        report.read += new
        report.faults += faults
        watch("read", report.read, page.total)
        return pages

    def _decide(self, rows: Sequence[InboxRow]) -> int:
        """Plans records in order; returns how many writes wait more than before.

        What the chain carried out already (an earlier journal was lost, or an older copy of it put back) is done.
        """
        decisions = [self._decision(row) for row in rows]
        requests = [write.request for decision in decisions for write in decision.writes]
        done = self._books.carried_out(self._profile.member, requests)
        for decision in decisions if done else ():
            for write in decision.writes:
                # the same issuance would not have been planned: the record has other serials than it was issued with
                if write.function == "issue" and write.request in done:
                    decision.held = issuance_changed(write.native_id, f"in block {done[write.request].block_number}")
        return self._journal.decide(decisions, done)

    def _decision(self, row: InboxRow) -> Decision:
        """What one native record asks for. Where a part of it must wait, the parts before it go on."""
        if row.record.kind == OVERDUE:
            return expiry(row.id, row.record)
        decision = Decision(row.id)
        try:
            for record in self._adapter.translate(row.record):
                refuse_disputed(record, self._profile, self._disputes)
                plan = self._planner.plan(record)
                decision.writes += plan.writes
                decision.documents += plan.documents
        except HeldBack as held:
            decision.held = held
        except RecordRefused as refused:
            decision.held = HeldBack(refused.code, refused.message, detail=refused.to_json())
        return decision

    def _transfers_of(self, native_id: str) -> list[bytes]:
        return [transfer_id(self._profile.member, request) for request in self._journal.transfers_asked(native_id)]

    # ---------------------------------------------------------------- documents: registry to hub

    def _deliver(self, report: PassReport, *, least: int = 1) -> bool:
        """Hands in what waits, while there are at least so many documents; False when the hub is away."""
        while len(documents := self._journal.undelivered(_DELIVER)) >= least:
            try:
                self._deliver_some(documents, report)
            except RetryLater as trouble:
                if str(trouble) not in report.trouble:  # a hub that is away is met beside the load and after it
                    report.trouble.append(str(trouble))
                return False
        return True

    def _deliver_some(self, documents: Sequence[tuple[bytes, bytes]], report: PassReport) -> None:
        """Delivers a batch; of one that the hub refuses, the halves, until the document at fault is alone."""
        try:
            self._documents.deliver(documents)
        except RecordRefused as refused:
            if refused.code == "signer_no_registrar":  # the key was replaced: nothing is wrong with the documents
                raise RetryLater(str(refused), where=refused.where, code=refused.code) from refused
            if len(documents) == 1:
                self._journal.park(documents[0][0], refused.to_json())
                report.trouble.append(str(refused))
                return
            middle = len(documents) // 2
            self._deliver_some(documents[:middle], report)
            self._deliver_some(documents[middle:], report)
            return
        self._journal.delivered([digest for digest, _ in documents])
        report.documents += len(documents)
