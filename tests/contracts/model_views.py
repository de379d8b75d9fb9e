"""The model's tables beside the contracts' views, record by record; and the laws, read from the views alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.contracts import ids
from tests.contracts.deployment import Deployment, Kind
from tests.contracts.ids import NO_ID, ZERO
from tests.contracts.model import Model
from tests.contracts.model_issuing import CANCELLED, RETIRED, WRONG_ISSUANCE


class Diverged(AssertionError):
    """Contracts and model say different things, or the contracts break a law."""


class Views:
    """Compares a deployment with its model."""

    def __init__(self, hub: Deployment, model: Model) -> None:
        self.hub = hub
        self.model = model
        self._final: dict[tuple[bytes, int], Any] = {}
        self._comparisons: dict[str, Callable[[Any], tuple[Any, Any]]] = {
            name.removeprefix("_see_"): getattr(self, name) for name in dir(self) if name.startswith("_see_")
        }

    def compare(self, touched: Iterable[tuple[str, Any]]) -> None:
        """Compares records by (table, key). Tables that no view shows are skipped."""
        for table, key in touched:
            look = self._comparisons.get(table)
            if look is None:
                continue
            said, expected = look(key)
            if said != expected:
                shown = key.hex() if isinstance(key, bytes) else key
                raise Diverged(f"{table}[{shown}]\n  contract: {said}\n  model:    {expected}")

    def compare_everything(self) -> int:
        """Every record of every table; answers how many."""
        everything = [(name, key) for name in self._comparisons for key in getattr(self.model, name).rows]
        self.compare(everything)
        return len(everything)

    # ---------------------------------------------------------------- Consortium

    def _see_members(self, key: int) -> tuple[Any, Any]:
        return self.hub.consortium.getMember(key), self.model.members[key]

    def _see_officers(self, key: str) -> tuple[Any, Any]:
        return self.hub.consortium.getOfficer(key), self.model.officers[key]

    def _see_officers_of(self, key: int) -> tuple[Any, Any]:
        return set(self.hub.consortium.officers(key)), self.model.officers_of[key]

    def _see_rules(self, key: int) -> tuple[Any, Any]:
        return self.hub.consortium.getRule(key), self.model.rules[key]

    def _see_pause_rule(self, key: str) -> tuple[Any, Any]:
        return self.hub.consortium.getPauseRule(), self.model.pause_rule[key]

    def _see_pause_ends(self, key: str) -> tuple[Any, Any]:
        ends = self.model.pause_ends["all"]
        return self.hub.consortium.pausedUntil(), ends if self.model.now < ends else 0

    def _see_ballots(self, key: bytes) -> tuple[Any, Any]:
        row = self.model.ballots[key]
        maps = [sum(1 << seat for seat in row.electorate), sum(1 << seat for seat in row.invited), 0, 0, 0]
        for seat in row.electorate | row.invited:
            choice = self.model.votes[key, seat][0]
            if choice:
                maps[1 + choice] |= 1 << seat
        said = (self.hub.consortium.outcome(key), *self.hub.consortium.tally(key))
        return said, (self.model.outcome(key), *maps)

    def _see_votes(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        ballot, seat = key
        for member, row in self.model.members.rows.items():
            if row.seat == seat and row.kind != Kind.PROGRAMME:
                return self.hub.consortium.revisionOf(ballot, member), self.model.votes[key][1]
        return None, None  # the member came back under another seat

    def _see_allowed(self, key: tuple[str, bytes]) -> tuple[Any, Any]:
        kind = self.model.allowed[key]
        return self.hub.consortium.kindOfCall(*key), (kind is not None, kind or 0)

    def _see_registers(self, key: str) -> tuple[Any, Any]:
        return self.hub.consortium.isRegister(key), self.model.registers[key]

    # ---------------------------------------------------------------- filings, recognition, holds

    def _see_methodologies(self, key: bytes) -> tuple[Any, Any]:
        return self.hub.methodologies.getMethodology(key), self.model.methodologies[key]

    def _see_projects(self, key: bytes) -> tuple[Any, Any]:
        return self.hub.projects.getProject(key), self.model.projects[key]

    def _see_claimants(self, key: bytes) -> tuple[Any, Any]:
        return self.hub.projects.claimant(key), self.model.claimants[key]

    def _see_locks(self, key: bytes) -> tuple[Any, Any]:
        return self.hub.projects.getLock(key), self.model.locks[key]

    def _see_standings(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        return self.hub.recognition.getStanding(*key), self.model.standings[key]

    def _see_terms(self, key: int) -> tuple[Any, Any]:
        return self.hub.recognition.getTerms(key), (self.model.terms[key], self.model.terms_ballots[key])

    def _see_arrived(self, key: tuple[int, int]) -> tuple[Any, Any]:
        return self.hub.recognition.arrivedKg(*key), self.model.arrived[key]

    def _see_holds(self, key: bytes) -> tuple[Any, Any]:
        hold = self.hub.holds.getHold(key)
        return hold._replace(subjects=tuple(hold.subjects)), self.model.holds[key]

    # ---------------------------------------------------------------- CreditLedger

    def _see_series(self, key: bytes) -> tuple[Any, Any]:
        row = self.model.series[key]
        return self.hub.ledger.getSeries(key), (row.kg_per_serial, row.firsts[0] if row.firsts else 0)

    def _see_verifications(self, key: bytes) -> tuple[Any, Any]:
        row = self.model.verifications[key]
        expected = (
            row.project,
            row.verified_kg,
            row.drawn_kg,
            row.start,
            bool(row.start),
            row.voided,
            row.lock != ZERO,
        )
        return self.hub.ledger.getVerification(key), expected

    def _see_issuances(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        row = self.model.issuances[key]
        later = [first for first in self.model.series[key[0]].firsts if first > key[1]]
        issuance = (row.last, min(later, default=0), row.verification, row.vintage, row.corrected)
        said = (*self.hub.ledger.getIssuance(*key), self.hub.ledger.reissueOf(*key))
        return said, (issuance, self.model.tallies[key], row.reissue_of)

    def _see_tallies(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        return self.hub.ledger.getIssuance(*key)[1], self.model.tallies[key]

    def _see_blocks(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        return self.hub.ledger.getBlock(*key), self.model.blocks[key]

    def _see_origins(self, key: tuple[int, bytes]) -> tuple[Any, Any]:
        return self.hub.ledger.originOf(*key), self.model.origins[key]

    def _see_transfers(self, key: bytes) -> tuple[Any, Any]:
        return self.hub.ledger.getTransfer(key), self.model.transfers[key][:-1]

    def _see_acquainted(self, key: tuple[int, int]) -> tuple[Any, Any]:
        return self.hub.ledger.knows(*key), self.model.acquainted[key]

    def _see_pledges(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        return self.hub.ledger.getPledge(*key), self.model.pledges[key]

    def _see_beneficiaries(self, key: tuple[bytes, int]) -> tuple[Any, Any]:
        return self.hub.ledger.beneficiaryOf(*key), self.model.beneficiaries[key]

    def _see_transfer_rules(self, key: str) -> tuple[Any, Any]:
        return self.hub.ledger.getTransferRules(), self.model.transfer_rules[key]

    # ---------------------------------------------------------------- the laws, from the views alone

    def hold_the_laws(self) -> None:
        """L1 to L5 over every series: walks issuances by the chain's own links and blocks by their last serials."""
        live_kg: dict[bytes, int] = defaultdict(int)
        for series in self.model.series.rows:
            kg_per_serial, first = self.hub.ledger.getSeries(series)
            end = 0
            while first:
                issuance, tally = self.hub.ledger.getIssuance(series, first)
                _demand(end < first <= issuance.last, "L2", f"issuance {first} overlaps the one before", series)
                end = issuance.last
                cancelled_as_wrong = self._sweep(series, first, issuance, tally)
                live_kg[issuance.verification] += (end - first + 1 - cancelled_as_wrong) * kg_per_serial
                first = issuance.next
        for verification in self.model.verifications.rows:
            row = self.hub.ledger.getVerification(verification)
            _demand(row.drawnKg <= row.verifiedKg, "L3", f"drawn {row.drawnKg} of {row.verifiedKg}", verification)
            _demand(row.drawnKg == live_kg[verification], "L3", f"{row.drawnKg} is not what was issued", verification)
            _demand(not (row.voided and row.drawnKg), "L3", "a voided verification is drawn upon", verification)

    def _sweep(self, series: bytes, start: int, issuance: Any, tally: Any) -> int:
        """Blocks follow one another without gap or overlap (L2) and add up to the tally (L1); final ones stay (L4)."""
        counts = [0] * 5
        wrong = 0
        first = start
        while first <= issuance.last:
            block = self.hub.ledger.getBlock(series, first)
            inside = first <= block.last <= issuance.last and block.issuance == start and block.status
            _demand(inside, "L2", f"serial {first} lies in no block of issuance {start}: {block}", series)
            count = block.last - first + 1
            counts[block.status - 1] += count
            wrong += count if block.purpose == WRONG_ISSUANCE else 0
            self._hold_block(series, first, block)
            first = block.last + 1
        _demand(counts == list(tally), "L1", f"blocks of issuance {start} add up to {counts}, not {tally}", series)
        _demand(sum(tally) == issuance.last - start + 1, "L1", f"issuance {start} is not its tally {tally}", series)
        return wrong

    def _hold_block(self, series: bytes, first: int, block: Any) -> None:
        if block.status in (RETIRED, CANCELLED):
            beneficiary = self.hub.ledger.beneficiaryOf(series, first)
            before = self._final.setdefault((series, first), (block, beneficiary))
            _demand(before == (block, beneficiary), "L4", f"final block {first} was {before}, is {block}", series)
            stated = bool(block.purpose) and bool(block.holder)
            _demand(stated, "L4", f"final block {first} has no purpose or claimant", series)
        home = ids.home_of(series)
        if block.holder == home:
            _demand(block.entry == 0, "L5", f"block {first} at home carries terms", series)
            return
        entry = self.model.entries[block.entry]
        _demand(
            entry is not None and entry.member == block.holder, "L5", f"block {first} entered under nothing", series
        )
        for number in filter(None, entry.terms):
            terms, ballot = self.hub.recognition.getTerms(number)
            _demand(ballot != ZERO and block.factorPpm <= terms.factorPpm, "L5", f"block {first}: {terms}", series)


def _demand(holds: object, law: str, broken: str, about: bytes) -> None:
    if not holds:
        raise Diverged(f"{law}: {broken} ({about.hex()})")


__all__ = ["NO_ID", "Diverged", "Views"]
