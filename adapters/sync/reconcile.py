"""Reconciliation of one registry: its own books beside the chain, at one final block.

    initiate -> roots (one comparison when all is well) -> totals -> unit blocks -> audit trail -> result

The cut. First a pass of the sync settles what is under way; then a final block is taken as the snapshot, and the books
are read after it. What the two sides did meanwhile shows as a difference that another look, after another pass, no
longer finds; only what stands through two looks with nothing moving between them is a result. Of that, what the journal
shows to be on its way (told and not booked yet, read and not on the chain yet) is in flight and nobody's fault; all
else is in dispute, and the sync lets no record use those serials until both sides agree again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import structlog

from adapters.protocol import RegistryAdapter
from adapters.sync.causes import Finding, Investigator, at_most_exact
from adapters.sync.city_books import WHOLE_EVERY, CityBooks, Reading
from adapters.sync.city_holdings import CityHoldings, HoldingsFile, counted
from adapters.sync.engine import PassReport
from adapters.sync.journal import Journal
from adapters.sync.reconciliations import Dispute
from hub.errors import RetryLater
from mutual_recognition.books import Directory
from mutual_recognition.documents import Document, DocumentKind, DocumentRefused, Json
from mutual_recognition.holdings_tree import TOP, Difference, Tree, differences, runs_below
from mutual_recognition.reconciliation import ChainHoldings, Snapshot, Status, Total, disputed_blocks, stage_of

log = structlog.get_logger(__name__)

_MOST_LOOKS = 4
_MOST_DIFFERENCES = 100_000
_MOST_AUDITED = 200
_MOST_LISTED = 2_000
_SUBJECTS = 50
"""Most blocks that one hold takes."""

Stage = Callable[[Status, str], None]
"""Told about each state that is reached, and in words what was found."""


@dataclass(slots=True)
class Comparison:
    """One look: both roots at a snapshot, and what differs where they do."""

    chain: ChainHoldings
    books: HoldingsFile
    snapshot: Snapshot
    registry_root: bytes
    chain_root: bytes
    totals: list[Total] = field(default_factory=list)
    differences: list[tuple[bytes, Difference]] = field(default_factory=list)
    truncated: bool = False
    reading: Reading = field(default_factory=Reading)

    @property
    def agree(self) -> bool:
        return self.registry_root == self.chain_root


@dataclass(frozen=True, slots=True)
class Block:
    """A unit block of the chain that is in dispute: what a hold names."""

    series: bytes
    first: int
    last: int


@dataclass(slots=True)
class Result:
    """What came of it: as kept, the document given to the hub, and the blocks that are to be held."""

    status: Status
    record: dict[str, Json]
    document: Document
    blocks: list[Block]
    findings: list[Finding]

    @property
    def id(self) -> str:
        return str(self.record["reconciliation"])

    @property
    def evidence(self) -> list[tuple[Document, list[Block]]]:
        """Blocks by fifties, as many as a hold takes, each on a document of its own: evidence is spent once."""
        if len(self.blocks) <= _SUBJECTS:
            return [(self.document, self.blocks)] if self.blocks else []
        parts = [self.blocks[start : start + _SUBJECTS] for start in range(0, len(self.blocks), _SUBJECTS)]
        return [(part_document(self.document, number, part), part) for number, part in enumerate(parts, 1)]

    @property
    def parts(self) -> list[Document]:
        """The documents of `evidence` beside the result's own."""
        return [document for document, _ in self.evidence if document is not self.document]


class Reconciler:
    """Reconciles one registry. `settle` makes a pass of its sync; `chain` opens the chain's side at the newest final
    block, and closes it; `folder` is where the books are sorted (a temporary file of about their size), and kept where
    the registry tells of their changes: these are read whole if `whole`, else after `whole_every` seconds again."""

    def __init__(
        self,
        adapter: RegistryAdapter,
        journal: Journal,
        directory: Directory,
        settle: Callable[[], PassReport],
        chain: Callable[[], AbstractContextManager[ChainHoldings]],
        *,
        folder: Path | None = None,
        clock: Callable[[], int] = lambda: int(time.time()),
        patience: float = 1.0,
        audience: str = "members",
        whole: bool = False,
        whole_every: int = WHOLE_EVERY,
    ) -> None:
        self._adapter = adapter
        self._profile = adapter.profile
        self._journal = journal
        self._directory = directory
        self._settle = settle
        self._chain = chain
        self._folder = folder
        self._clock = clock
        self._patience = patience
        self._audience = audience
        self._whole = whole
        self._whole_every = whole_every

    def run(self, on_stage: Stage = lambda status, words: None) -> Result:
        """One reconciliation, kept in the journal, its document queued for the hub.

        Raises RetryLater (`reconciliation_denied`) when the registry or the chain is away: that is kept as a denied
        start, too.
        """
        started = self._clock()
        stages = _Stages(self._clock, on_stage)
        stages.reach(Status.INITIATED, f"asked of {self._profile.title}")
        with ExitStack() as look:
            try:
                compared = self._compared(stages, look)
            except RetryLater as away:
                self._deny(started, stages, away)
                raise RetryLater(
                    f"the reconciliation was not started: {away.message}",
                    where=away.where,
                    remedy="see `yrdhub sync status`; reconcile again when it is back",
                    code="reconciliation_denied",
                ) from away
            return self._conclude(started, stages, compared)

    def recheck(self, disputed: Sequence[Dispute]) -> tuple[Comparison, list[tuple[bytes, Difference]]]:
        """A look now, and those of its differences that touch `disputed`: none when both sides agree on these again, or
        will as soon as a record of the registry goes on that waits for the dispute alone."""
        with ExitStack() as look:
            compared = self._compared(None, look)
            investigator = Investigator(self._adapter, self._journal, self._directory, compared.chain, compared.books)
            still = [
                (series, one)
                for series, one in compared.differences
                if any(dispute.touches(series, one.first, one.last) for dispute in disputed)
                and not investigator.waits_for_settlement(series, one)
            ]
            return compared, still

    def close_disputes(self, reconciliation: str, confirmed_by: str, compared: Comparison) -> Document:
        """Both sides have confirmed: the next version of the result says so, and the sync uses the serials again."""
        versions = self._journal.result(reconciliation)
        last = versions[-1]
        record = dict(last.result)
        status = Status.COMPLETED_WITH_MANUAL_INTERVENTION
        stage = _stage(status, f"both sides agree again; confirmed by {confirmed_by}", self._clock())
        record |= {
            "status": int(status),
            "in_words": status.in_words,
            "stages": [*record["stages"], stage],
            "confirmed": {
                "by": confirmed_by,
                "at": _moment(self._clock()),
                "block_number": compared.snapshot.block_number,
                "registry_root": "0x" + compared.registry_root.hex(),
                "chain_root": "0x" + compared.chain_root.hex(),
            },
        }
        document = self._document(record, last.version + 1)
        self._journal.keep_result(last.version + 1, record, document, [])
        self._journal.settle_disputes(reconciliation)
        return document

    # ---------------------------------------------------------------- inside

    def _compared(self, stages: _Stages | None, look: ExitStack) -> Comparison:
        """The last look: the first that agrees, or one that found what the one before it found, nothing moving between,
        in books that were read whole. What it compared stays open on `look`."""
        books = CityBooks(self._adapter, self._folder, self._clock, whole=self._whole, whole_every=self._whole_every)
        moved = self._settled(stages)
        compared = self._look(look, books)
        for _ in range(_MOST_LOOKS - 1):
            if compared.agree:
                break
            time.sleep(self._patience)
            before, moved = compared, self._settled(None)
            look.close()
            compared = self._look(look, books)
            if not moved and before.differences == compared.differences and books.make_sure(compared.books):
                break
        else:
            if not compared.agree:  # never twice alike: at least nothing is called a difference on a copy's word alone
                books.make_sure(compared.books)
                look.close()
                compared = self._look(look, books)
        return compared

    def _settled(self, stages: _Stages | None) -> bool:
        """A pass; whether it moved anything."""
        report = self._settle()
        if report.trouble:
            raise RetryLater(report.trouble[0], where=self._profile.name, code="registry_away")
        if stages is not None:
            stages.reach(Status.CONFIRMED, f"{self._profile.name} answers; {report.read} records read")
        return bool(report.read or report.written or report.told)

    def _look(self, look: ExitStack, of: CityBooks) -> Comparison:
        chain = look.enter_context(self._chain())
        books = of.look(look)
        member = self._profile.member
        found = Comparison(chain, books, chain.snapshot(), books.root(), chain.root(member), reading=of.reading)
        if found.agree:
            return found
        ours, theirs = books.series(), chain.series(member)
        for series in sorted(ours.keys() | theirs.keys()):
            if ours.get(series) == theirs.get(series):
                continue
            mine = books.nodes(series) if series in ours else Tree()
            other = chain.nodes(member, series) if series in theirs else Tree()
            here, there = (counted(runs_below(nodes, nodes.get(TOP, 0))) for nodes in (mine, other))
            found.totals += [
                Total(series, *place, here.get(place, 0), there.get(place, 0))
                for place in sorted(here.keys() | there.keys())
            ]
            room = _MOST_DIFFERENCES - len(found.differences)
            some = list(islice(differences(mine, other), room + 1))
            found.truncated = found.truncated or len(some) > room
            found.differences += [(series, one) for one in some[:room]]
        return found

    def _conclude(self, started: int, stages: _Stages, compared: Comparison) -> Result:
        findings: list[Finding] = []
        blocks: list[Block] = []
        if compared.agree:
            stages.reach(Status.VALIDATED, f"the roots are the same: 0x{compared.chain_root.hex()}")
            stages.reach(Status.COMPLETED, "both sides say the same, to the serial")
        else:
            stages.reach(stage_of(compared.totals), _totals_in_words(compared.totals))
            count = sum(one.last - one.first + 1 for _, one in compared.differences)
            words = f"{count} serials differ in {len(compared.differences)} ranges"
            if stages.last is not Status.UNIT_BLOCKS_INCONSISTENT:
                stages.reach(Status.UNIT_BLOCKS_INCONSISTENT, words)
            findings, blocks = self._audit(compared)
            if any(not finding.cause.in_flight for finding in findings):
                stages.reach(
                    Status.MANUAL_INTERVENTION_REQUIRED, f"{len(blocks)} unit blocks are in dispute, and only these"
                )
            else:
                stages.reach(Status.COMPLETED, "all that differs is in flight: nothing is in dispute")
        record = self._record(started, stages, compared, findings, blocks)
        document = self._fitted(record)
        disputes = [
            Dispute(str(record["reconciliation"]), one.series, one.difference.first, one.difference.last)
            for one in findings
            if not one.cause.in_flight
        ]
        result = Result(stages.last, record, document, blocks, findings)
        self._journal.keep_result(1, record, document, disputes, evidence=result.parts)
        return result

    def _fitted(self, record: dict[str, Json]) -> Document:
        """The first version's document; of very much that differs, as much of the audit trail as a document takes. What
        is left out is counted in it, and of the blocks that are held, the parts name every one."""
        while True:
            document = self._document(record, 1)
            try:
                document.canonical()
            except DocumentRefused:
                for name in ("findings", "disputed_blocks"):
                    record[name] = record[name][: len(record[name]) * 3 // 4]
                continue
            return document

    def _audit(self, compared: Comparison) -> tuple[list[Finding], list[Block]]:
        chain = compared.chain
        investigator = Investigator(self._adapter, self._journal, self._directory, chain, compared.books)
        findings = [
            investigator.look_into(series, one, in_detail=number < _MOST_AUDITED)
            for number, (series, one) in enumerate(compared.differences)
        ]
        blocks = []
        for series in sorted({finding.series for finding in findings}):
            disputed = [f.difference for f in findings if f.series == series and not f.cause.in_flight]
            blocks += [Block(series, block.first, block.last) for block in disputed_blocks(chain, series, disputed)]
        return findings, blocks

    def _record(
        self,
        started: int,
        stages: _Stages,
        compared: Comparison,
        findings: Sequence[Finding],
        blocks: Iterable[Block],
    ) -> dict[str, Json]:
        snapshot = compared.snapshot
        listed = [finding.to_json() for finding in findings[:_MOST_AUDITED]]
        held = [
            {
                "series": "0x" + block.series.hex(),
                "first": at_most_exact(block.first),
                "last": at_most_exact(block.last),
            }
            for block in blocks
        ]
        disputed = [finding.difference for finding in findings if not finding.cause.in_flight]
        return {
            "reconciliation": self._new_id(started),
            "started_at": started,
            "status": int(stages.last),
            "in_words": stages.last.in_words,
            "snapshot": {
                "block_number": snapshot.block_number,
                "block_hash": snapshot.block_hash,
                "block_time": snapshot.block_time,
                "at": _moment(snapshot.block_time),
            },
            "registry_root": "0x" + compared.registry_root.hex(),
            "chain_root": "0x" + compared.chain_root.hex(),
            "lines": compared.books.lines,
            "books": compared.reading.to_json(),
            "stages": stages.told,
            "totals": [
                {
                    "series": "0x" + total.series.hex(),
                    "holder": total.holder,
                    "status": total.status,
                    "registry": at_most_exact(total.registry),
                    "chain": at_most_exact(total.chain),
                }
                for total in compared.totals[:_MOST_AUDITED]
            ],
            "differing_serials": at_most_exact(sum(one.last - one.first + 1 for one in disputed)),
            "differing_ranges": len(findings),
            "more": compared.truncated,
            "findings": listed,
            "disputed_blocks": held[:_MOST_LISTED],
            "disputed_block_count": len(held),
        }

    def _deny(self, started: int, stages: _Stages, away: RetryLater) -> None:
        stages.reach(Status.START_DENIED, away.message)
        with self._chain() as chain, CityHoldings(self._profile.member, self._profile.registry, self._folder) as none:
            root = chain.root(self._profile.member)
            record = self._record(started, stages, Comparison(chain, none, chain.snapshot(), bytes(32), root), [], [])
        self._journal.keep_result(1, record, self._document(record, 1), [])

    def _document(self, record: dict[str, Json], version: int) -> Document:
        return Document(
            kind=DocumentKind.RECONCILIATION,
            member=self._profile.member,
            registry=self._profile.registry,
            record=str(record["reconciliation"]),
            version=version,
            audience=self._audience,
            content=record,
        )

    def _new_id(self, started: int) -> str:
        base = f"RC-{self._profile.member}-{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}"
        name, number = base, 1
        while self._journal.result(name):  # a second one in the same second
            number += 1
            name = f"{base}-{number}"
        return name


def part_document(document: Document, number: int, blocks: Sequence[Block]) -> Document:
    """Evidence for one hold of many: which blocks of a result it is about."""
    content = {
        "reconciliation": document.record,
        "result": "0x" + document.digest().hex(),
        "part": number,
        "blocks": [f"0x{block.series.hex()}:{block.first}-{block.last}" for block in blocks],
    }
    return Document(
        kind=DocumentKind.EVIDENCE,
        member=document.member,
        registry=document.registry,
        record=f"{document.record}-{number}",
        audience=document.audience,
        content=content,
    )


class _Stages:
    """The states that were reached, in order, and when."""

    def __init__(self, clock: Callable[[], int], told: Stage) -> None:
        self._clock = clock
        self._tell = told
        self.last = Status.INITIATED
        self.told: list[dict[str, Json]] = []

    def reach(self, status: Status, words: str) -> None:
        """Notes a state."""
        self.last = status
        self.told.append(_stage(status, words, self._clock()))
        log.info("reconciliation", state=status.in_words, found=words)
        self._tell(status, words)


def _stage(status: Status, words: str, at: int) -> dict[str, Json]:
    return {"status": int(status), "state": status.in_words, "found": words, "at": _moment(at)}


def _totals_in_words(totals: Sequence[Total]) -> str:
    wrong = [total for total in totals if total.registry != total.chain]
    if not wrong:
        return f"the totals of {len({total.series for total in totals})} series agree, the serials do not"
    return "; ".join(
        f"{total.status} with {total.holder}: {total.registry} serials in the books, {total.chain} on the chain"
        for total in wrong[:5]
    )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
