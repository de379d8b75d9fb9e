"""The model's CreditLedger: its tables, serials and blocks, verifications and issuances (L1 to L3)."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, NamedTuple

from tests.contracts import ids
from tests.contracts.deployment import Kind
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.model_filings import CANCELLED_LOCK
from tests.contracts.model_recognition import RecognitionModel
from tests.contracts.model_state import Call, Journal, Table, Why

NO_ADDRESS = "0x" + "00" * 20
AVAILABLE, IN_TRANSIT, PLEDGED, RETIRED, CANCELLED = 1, 2, 3, 4, 5
PROPOSED, ACCEPTED, REJECTED, WITHDRAWN, EXPIRED = 1, 2, 3, 4, 5
CONVERSION_CUT, WRONG_ISSUANCE, ORDERED_BY_BALLOT = 9, 10, 11
WHOLE = 1_000_000


class SeriesRow(NamedTuple):
    kg_per_serial: int
    firsts: tuple[int, ...]
    """First serials of its issuances, ascending."""


class VerificationRow(NamedTuple):
    project: bytes
    verified_kg: int
    drawn_kg: int
    start: int
    end: int
    voided: bool
    lock: bytes


class IssuanceRow(NamedTuple):
    last: int
    verification: bytes
    vintage: int
    corrected: bool
    reissue_of: int


class BlockRow(NamedTuple):
    """In the order of ICreditLedger.UnitBlock."""

    last: int
    issuance: int
    holder: int
    status: int
    holds: int
    factor: int
    entry: int
    purpose: int
    compliance_year: int


class TransferRow(NamedTuple):
    series: bytes
    first: int
    to: int
    accept_from: int
    deadline: int
    status: int
    cosign_pending: bool
    proposer: str


class RulesRow(NamedTuple):
    wait: int
    min_lifetime: int
    max_lifetime: int
    cosign_above: int


NO_BLOCK = BlockRow(0, 0, 0, 0, 0, 0, 0, 0, 0)
NO_TRANSFER = TransferRow(NO_ID, 0, 0, 0, 0, 0, False, "")
NO_VERIFICATION = VerificationRow(NO_ID, 0, 0, 0, 0, False, ZERO)
NO_ISSUANCE = IssuanceRow(0, NO_ID, 0, False, 0)


def true_predecessor(firsts: tuple[int, ...], first: int) -> int:
    """The greatest of `firsts` below `first`, or 0."""
    at = bisect_left(firsts, first)
    return firsts[at - 1] if at else 0


class IssuingModel(RecognitionModel):
    """Tables of CreditLedger, its blocks, and what a home registrar does."""

    def __init__(self, journal: Journal, address: str, registers: list[str]) -> None:
        super().__init__(journal, address, registers)
        self.series: Table[bytes, SeriesRow] = Table(journal, "series", SeriesRow(0, ()))
        self.verifications: Table[bytes, VerificationRow] = Table(journal, "verifications", NO_VERIFICATION)
        self.periods: Table[bytes, tuple[tuple[int, int], ...]] = Table(journal, "periods", ())
        """Verified periods of a project (first day, last day), ascending."""
        self.issuances: Table[tuple[bytes, int], IssuanceRow] = Table(journal, "issuances", NO_ISSUANCE)
        self.tallies: Table[tuple[bytes, int], tuple[int, ...]] = Table(journal, "tallies", (0,) * 5)
        self.blocks: Table[tuple[bytes, int], BlockRow] = Table(journal, "blocks", NO_BLOCK)
        self.origins: Table[tuple[int, bytes], tuple[bytes, int]] = Table(journal, "origins", (NO_ID, 0))
        self.transfers: Table[bytes, TransferRow] = Table(journal, "transfers", NO_TRANSFER)
        self.acquainted: Table[tuple[int, int], bool] = Table(journal, "acquainted", False)
        self.pledges: Table[tuple[bytes, int], tuple[str, int]] = Table(journal, "pledges", (NO_ADDRESS, 0))
        self.beneficiaries: Table[tuple[bytes, int], bytes] = Table(journal, "beneficiaries", ZERO)
        self.transfer_rules: Table[str, RulesRow] = Table(journal, "transfer_rules")

    def is_issuance(self, series: bytes, first: int) -> bool:
        return (series, first) in self.issuances

    # ---------------------------------------------------------------- blocks

    def _become(self, series: bytes, first: int, block: BlockRow, status: int) -> None:
        """The tally moves with the block (L1)."""
        tally = list(self.tallies[series, block.issuance])
        count = block.last - first + 1
        tally[block.status - 1] -= count
        tally[status - 1] += count
        self.tallies[series, block.issuance] = tuple(tally)
        self.blocks[series, first] = block._replace(status=status)

    def _part(self, series: bytes, block_first: int, first: int, last: int) -> BlockRow:
        """Makes [first, last] a block of its own; what lies below and above stays as it was."""
        block = self.blocks[series, block_first]
        if last < block.last:
            self.blocks[series, last + 1] = block
        if block_first < first:
            self.blocks[series, block_first] = block._replace(last=first - 1)
        return block._replace(last=last)

    def _block(self, why: Why, series: bytes, first: int) -> BlockRow:
        block = self.blocks[series, first]
        if not block.status:
            why.no("BlockUnknown", series, first)
            why.stop()
        return block

    def _why_not_within(self, why: Why, block: BlockRow, request: Any) -> bool:
        within = bool(request["blockFirst"] <= request["first"] <= request["last"] <= block.last)
        if not within:
            why.no(
                "RangeOutsideBlock",
                request["series"],
                request["blockFirst"],
                block.last,
                request["first"],
                request["last"],
            )
        return within

    def _why_not_available(self, why: Why, block: BlockRow, request: Any) -> bool:
        within = self._why_not_within(why, block, request)
        if block.status != AVAILABLE:
            why.no("BlockNotAvailable", request["series"], request["blockFirst"], block.status)
        if block.holds:
            why.no("BlockHeld", request["series"], request["blockFirst"])
        return within

    def project_of(self, series: bytes, issuance: int) -> bytes:
        return self.verifications[self.issuances[series, issuance].verification].project

    # ---------------------------------------------------------------- by the home registrar

    def CreditLedger_registerSeries(self, call: Call) -> None:
        member, native, kg_per_serial, _ = call.args
        series = ids.record_id(ids.SERIES, member, native)
        why = Why()
        self.why_not_registrar(why, member, call)
        if kg_per_serial not in (1, 1000):
            why.no("SeriesInvalid", kg_per_serial)
        if self.series[series].kg_per_serial:
            why.no("SeriesExists", series)
        why.stop()
        self.series[series] = SeriesRow(kg_per_serial, ())

    def CreditLedger_verify(self, call: Call) -> None:
        request = call.args[0]
        project, start, end = request["project"], request["periodStart"], request["periodEnd"]
        member = ids.home_of(project)
        verification = ids.record_id(ids.VERIFICATION, member, request["native"])
        stated = bool(start or end)
        why = Why()
        kind = self.why_not_registrar(why, member, call)
        if not request["verifiedKg"] or request["document"] == ZERO:
            why.no("VerificationEmpty", request["native"])
        if self.verifications[verification].project != NO_ID:
            why.no("VerificationExists", verification)
        row = self.why_not_creditable(why, project)
        periods = self.periods[project]
        if not stated:
            if kind != Kind.PROGRAMME:
                why.no("PeriodInvalid", 0, 0)
        elif start == 0 or end < start:
            why.no("PeriodInvalid", start, end)
        else:
            if start < row.start or end > row.end:
                why.no("PeriodOutsideCrediting", project, start, end, row.start, row.end)
            for other in periods:
                if other[0] <= end and start <= other[1]:
                    why.no("PeriodOverlaps", project, start, end, *other)
            if request["predecessor"] != true_predecessor(tuple(first for first, _ in periods), start):
                why.no("PeriodPredecessorWrong", project, start, request["predecessor"])
        why.stop()
        if stated:
            self.periods[project] = tuple(sorted((*periods, (start, end))))
        self.verifications[verification] = VerificationRow(
            project, request["verifiedKg"], 0, start, end, False, request["externalLock"]
        )

    def _why_not_standing(self, why: Why, verification: bytes) -> VerificationRow:
        row = self.verifications[verification]
        if row.project == NO_ID:
            why.no("VerificationUnknown", verification)
        elif row.voided:
            why.no("VerificationVoided", verification)
        return row

    def CreditLedger_voidVerification(self, call: Call) -> None:
        verification, predecessor, _ = call.args
        why = Why()
        self.why_not_registrar(why, ids.home_of(verification), call)
        row = self._why_not_standing(why, verification)
        if row.drawn_kg:
            why.no("VerificationInUse", verification, row.drawn_kg)
        periods = self.periods[row.project]
        if row.start and not row.voided:
            before = true_predecessor(tuple(first for first, _ in periods), row.start)
            if predecessor != before:
                why.no("PeriodPredecessorWrong", row.project, row.start, predecessor)
        why.stop()
        self.verifications.change(verification, voided=True)
        if row.start:
            self.periods[row.project] = tuple(period for period in periods if period[0] != row.start)

    def CreditLedger_issue(self, call: Call) -> None:
        request = call.args[0]
        series, first, last = request["series"], request["first"], request["last"]
        member = ids.home_of(series)
        row = self.series[series]
        why = Why()
        self.why_not_registrar(why, member, call)
        if not row.kg_per_serial:
            why.no("SeriesUnknown", series)
        sound = 0 < first <= last < 2**63 and last - first < 2**48 - 1
        if not sound:
            why.no("RangeInvalid", first, last)
        kg = (last - first + 1) * row.kg_per_serial
        verification = self._why_not_standing(why, request["verification"])
        if verification.project != NO_ID:
            self.why_not_creditable(why, verification.project)
            if sound and verification.drawn_kg + kg > verification.verified_kg:
                why.no(
                    "VerificationExceeded",
                    request["verification"],
                    verification.verified_kg,
                    verification.drawn_kg,
                    kg,
                )
            lock = self.locks[verification.lock]
            cancelled = lock.status == CANCELLED_LOCK and lock.project == verification.project
            if verification.lock != ZERO and not cancelled:
                why.no("ExternalLockPending", request["verification"], verification.lock)
            if ids.home_of(verification.project) != member:
                why.no("ProjectOfAnother", verification.project, member)
            if request["document"] == ZERO:
                why.no("DocumentMissing", verification.project)
        self._why_not_reissue(why, request, verification.project)
        origin = self.origins[member, request["origin"]]
        if origin[1]:
            why.no("OriginSpent", member, request["origin"], *origin)
        for other in row.firsts:
            other_last = self.issuances[series, other].last
            if other <= last and first <= other_last:
                why.no("RangeOverlaps", series, first, last, other, other_last)
        if request["predecessor"] != true_predecessor(row.firsts, first):
            why.no("PredecessorWrong", series, first, request["predecessor"])
        why.stop()
        self.verifications.change(request["verification"], drawn_kg=verification.drawn_kg + kg)
        self.series[series] = row._replace(firsts=tuple(sorted((*row.firsts, first))))
        self.issuances[series, first] = IssuanceRow(
            last, request["verification"], request["vintage"], False, request["reissueOf"]
        )
        self.tallies[series, first] = (last - first + 1, 0, 0, 0, 0)
        self.blocks[series, first] = BlockRow(last, first, member, AVAILABLE, 0, WHOLE, 0, 0, 0)
        self.origins[member, request["origin"]] = (series, first)

    def _why_not_reissue(self, why: Why, request: Any, project: bytes) -> None:
        series, wrong = request["series"], request["reissueOf"]
        if not wrong:
            return
        if not self.is_issuance(series, wrong):
            why.no("IssuanceUnknown", series, wrong)
        elif not self.issuances[series, wrong].corrected or self.project_of(series, wrong) != project:
            why.no("IssuanceNotCorrected", series, wrong)

    def CreditLedger_correct(self, call: Call) -> None:
        request = call.args[0]
        series, first, last = request["series"], request["first"], request["last"]
        home = ids.home_of(series)
        why = Why()
        block = self._block(why, series, request["blockFirst"])
        self.why_not_registrar(why, home, call)
        if block.holder != home:
            why.no("BlockNotAtHome", series, request["blockFirst"], block.holder)
        if request["document"] == ZERO:
            why.no("DocumentMissing", self.project_of(series, block.issuance))
        self._why_not_available(why, block, request)
        why.stop()
        freed = (last - first + 1) * self.series[series].kg_per_serial
        verification = self.issuances[series, block.issuance].verification
        drawn = self.verifications[verification].drawn_kg
        self.verifications.change(verification, drawn_kg=drawn - freed)
        self.issuances.change((series, block.issuance), corrected=True)
        part = self._part(series, request["blockFirst"], first, last)
        self._become(series, first, part._replace(purpose=WRONG_ISSUANCE), CANCELLED)
