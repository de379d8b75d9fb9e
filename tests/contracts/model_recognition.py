"""The model's Recognition: terms, standings, caps, and the combination of terms under which credits came in (L5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.contracts import ids
from tests.contracts.deployment import Role
from tests.contracts.model_filings import FilingsModel
from tests.contracts.model_state import Call, Journal, Table, Why

USABLE, RETURN_ONLY, FROZEN = 1, 2, 3
NO_CAP = 2**64 - 1
RETIREMENT_USES = sum(1 << purpose for purpose in range(1, 9))


class TermsRow(NamedTuple):
    factor: int
    uses: int
    valid_from: int
    valid_until: int
    cap: int
    covers: bool


class StandingRow(NamedTuple):
    terms: int
    suspended: bool
    revoked: int


class EntryRow(NamedTuple):
    member: int
    methodology: bytes
    project: bytes
    issuance: bytes
    """Subject of the issuance, or empty where it had no terms of its own."""
    terms: tuple[int, int, int]
    uses: int


NOT_STANDING = StandingRow(0, False, 0)
NO_TERMS = TermsRow(0, 0, 0, 0, 0, False)


def year_in_china(time: int) -> int:
    """The calendar year in UTC+8, by the standard library."""
    return (datetime.fromtimestamp(time, UTC) + timedelta(hours=8)).year


class RecognitionModel(FilingsModel):
    """Tables and operations of Recognition."""

    def __init__(self, journal: Journal, address: str, registers: list[str]) -> None:
        super().__init__(journal, address, registers)
        self.standings: Table[tuple[bytes, int], StandingRow] = Table(journal, "standings", NOT_STANDING)
        self.terms: Table[int, TermsRow] = Table(journal, "terms", NO_TERMS)
        self.terms_ballots: Table[int, bytes] = Table(journal, "terms_ballots", ids.ZERO)
        self.arrived: Table[tuple[int, int], int] = Table(journal, "arrived", 0)
        self.entries: Table[int, EntryRow] = Table(journal, "entries")

    def subject_exists(self, subject: bytes) -> bool:
        kind, identifier, first = ids.take_apart(subject)
        if kind in (ids.METHODOLOGY, ids.PROJECT) and subject != ids.subject(kind, identifier):
            return False
        if kind == ids.METHODOLOGY:
            return bool(self.methodologies[identifier].status)
        if kind == ids.PROJECT:
            return bool(self.projects[identifier].status)
        return kind == ids.ISSUANCE and self.is_issuance(identifier, first) and subject[21:] == bytes(11)

    def is_issuance(self, series: bytes, first: int) -> bool:
        raise NotImplementedError

    # ---------------------------------------------------------------- operations

    def Recognition_recognise(self, call: Call) -> None:
        ballot = self.ballot_of(call)
        subject, entries = call.args
        if not self.subject_exists(subject):
            why = Why()
            why.no("SubjectNotRecognisable", subject)
            why.stop()
        for entry in entries:
            if self.consented(ballot, entry["member"]):
                self._set_terms(subject, entry["member"], TermsRow(*entry["terms"].values()), ballot)

    def _set_terms(self, subject: bytes, member: int, terms: TermsRow, ballot: bytes) -> None:
        why = Why()
        kind, identifier, _ = ids.take_apart(subject)
        standing = self.standings[subject, member]
        if kind != ids.METHODOLOGY and ids.home_of(identifier) == member:
            why.no("HomeNeedsNone", subject, member)
        if (
            not 1 <= terms.factor <= 1_000_000
            or not terms.uses
            or terms.uses & ~RETIREMENT_USES
            or terms.valid_from >= terms.valid_until
            or not terms.cap
            or (terms.covers and kind != ids.METHODOLOGY)
            or self.terms_ballots[standing.terms] == ballot
        ):
            why.no("TermsInvalid", subject, member)
        why.stop()
        number = len(self.terms) + 1
        self.terms[number] = terms
        self.terms_ballots[number] = ballot
        self.standings[subject, member] = StandingRow(number, standing.suspended, 0)

    def _standing_for_ballot(self, call: Call, why: Why) -> StandingRow:
        self.ballot_of(call)
        standing = self.standings[call.args[0], call.args[1]]
        if not standing.terms:
            why.no("NotRecognised", call.args[0], call.args[1])
        why.stop()
        return standing

    def Recognition_suspend(self, call: Call) -> None:
        why = Why()
        if self._standing_for_ballot(call, why).suspended:
            why.no("RecognitionSuspended", call.args[0], call.args[1])
        why.stop()
        self.standings.change((call.args[0], call.args[1]), suspended=True)

    def Recognition_lift(self, call: Call) -> None:
        why = Why()
        if not self._standing_for_ballot(call, why).suspended:
            why.no("RecognitionNotSuspended", call.args[0], call.args[1])
        why.stop()
        self.standings.change((call.args[0], call.args[1]), suspended=False)

    def Recognition_revoke(self, call: Call) -> None:
        why = Why()
        standing = self._standing_for_ballot(call, why)
        effect = call.args[2] or RETURN_ONLY
        if effect < standing.revoked and not self.consented(self.ballot_of(call), call.args[1]):
            why.no("RecognitionRevoked", call.args[0], call.args[1], standing.revoked)
        why.stop()
        self.standings.change((call.args[0], call.args[1]), revoked=effect)

    def Recognition_end(self, call: Call) -> None:
        order = call.args[0]
        subject, member = order["subject"], order["member"]
        why = Why()
        self.why_not_spendable(why, member, Role.VOTER, call, order["deadline"])
        standing = self.standings[subject, member]
        if not standing.terms:
            why.no("NotRecognised", subject, member)
        elif standing.revoked:
            why.no("RecognitionRevoked", subject, member, standing.revoked)
        why.stop()
        self.spent[call.hashes[0]] = True
        self.standings.change((subject, member), revoked=order["effect"] or RETURN_ONLY)

    def Recognition_enter(self, call: Call) -> None:
        """From outside only; the ledger enters within `accept`."""
        why = Why()
        why.no("NotLedger", call.sender_address)
        why.stop()

    Recognition_batch = FilingsModel.batch
    Recognition_upgradeToAndCall = FilingsModel.upgrade

    # ---------------------------------------------------------------- what the other laws ask

    def in_force(self, terms: int) -> bool:
        return self.terms[terms].valid_from <= self.now < self.terms[terms].valid_until

    def recognises(self, member: int, methodology: bytes) -> bool:
        standing = self.standings[ids.subject(ids.METHODOLOGY, methodology), member]
        stands = bool(standing.terms) and not standing.suspended and not standing.revoked
        return stands and self.in_force(standing.terms)

    def applying(self, member: int, project: bytes, issuance: bytes) -> list[bytes]:
        """Subjects whose terms apply to an arrival at `member`.

        The methodology always; the project unless the methodology's terms cover it and it has none of its own; the
        issuance where it has some.
        """
        methodology = ids.subject(ids.METHODOLOGY, self.projects[project].methodology)
        about_project = ids.subject(ids.PROJECT, project)
        apply = [methodology]
        covered = self.terms[self.standings[methodology, member].terms].covers
        if self.standings[about_project, member].terms or not covered:
            apply.append(about_project)
        if self.standings[issuance, member].terms:
            apply.append(issuance)
        return apply

    def why_not_enter(self, why: Why, member: int, project: bytes, issuance: bytes, kg: int) -> None:
        year = year_in_china(self.now)
        for subject in self.applying(member, project, issuance):
            standing = self.standings[subject, member]
            terms = self.terms[standing.terms]
            if not standing.terms:
                why.no("NotRecognised", subject, member)
                continue
            if standing.suspended:
                why.no("RecognitionSuspended", subject, member)
            if standing.revoked:
                why.no("RecognitionRevoked", subject, member, standing.revoked)
            if not self.in_force(standing.terms):
                why.no("TermsLapsed", subject, member, terms.valid_from, terms.valid_until)
            arrived = self.arrived[standing.terms, year]
            if arrived + kg > terms.cap != NO_CAP:
                why.no("CapExceeded", subject, member, year, arrived, kg, terms.cap)

    def lowest_factor(self, member: int, project: bytes, issuance: bytes) -> int:
        subjects = self.applying(member, project, issuance)
        return min(self.terms[self.standings[subject, member].terms].factor for subject in subjects)

    def enter(self, member: int, project: bytes, issuance: bytes, kg: int) -> int:
        """Draws on every cap and answers the entry; `why_not_enter` found nothing."""
        year = year_in_china(self.now)
        uses = RETIREMENT_USES
        for subject in self.applying(member, project, issuance):
            number = self.standings[subject, member].terms
            uses &= self.terms[number].uses
            if self.terms[number].cap != NO_CAP:
                self.arrived[number, year] = self.arrived[number, year] + kg
        methodology = ids.subject(ids.METHODOLOGY, self.projects[project].methodology)
        about_project = ids.subject(ids.PROJECT, project)
        numbers = (
            self.standings[methodology, member].terms,
            self.standings[about_project, member].terms,
            self.standings[issuance, member].terms,
        )
        named = issuance if numbers[2] else b""
        row = EntryRow(member, methodology, about_project, named, numbers, uses)
        for number, known in self.entries.rows.items():
            if known == row:
                return number
        self.entries[len(self.entries) + 1] = row
        return len(self.entries)

    def _entered_under(self, entry: int) -> list[tuple[bytes, StandingRow]]:
        row = self.entries[entry]
        subjects = [subject for subject in (row.methodology, row.project, row.issuance) if subject]
        return [(subject, self.standings[subject, row.member]) for subject in subjects]

    def why_not_used(self, why: Why, entry: int, purpose: int) -> None:
        """Use: no standing suspended, none revoked with an effect on what is there, the purpose permitted."""
        row = self.entries[entry]
        for subject, standing in self._entered_under(entry):
            if standing.suspended:
                why.no("RecognitionSuspended", subject, row.member)
            if standing.revoked in (RETURN_ONLY, FROZEN):
                why.no("RecognitionRevoked", subject, row.member, standing.revoked)
        if not row.uses >> purpose & 1:
            why.no("UseNotPermitted", purpose, row.uses)

    def why_not_moved(self, why: Why, entry: int, *, home: bool) -> None:
        """Moving on: as use; the way home is open unless frozen."""
        row = self.entries[entry]
        for subject, standing in self._entered_under(entry):
            if standing.suspended and not home:
                why.no("RecognitionSuspended", subject, row.member)
            if standing.revoked == FROZEN or (standing.revoked == RETURN_ONLY and not home):
                why.no("RecognitionRevoked", subject, row.member, standing.revoked)


__all__ = ["NO_CAP", "RecognitionModel", "year_in_china"]
