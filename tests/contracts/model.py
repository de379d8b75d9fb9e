"""A plain model of the laws L1 to L7, written from design.md and the interfaces, against which the contracts are run.

Each operation either changes the tables or raises `Refused` with every reason that the laws give. The model knows
nothing of storage layout, links, bitmaps or gas: ranges are lists, votes are choices by seat, entries are found by
comparing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.deployment import Deployment, Kind, Role
from tests.contracts.ids import ZERO
from tests.contracts.model_ballots import MemberRow, OfficerRow, RuleRow
from tests.contracts.model_issuing import AVAILABLE, CANCELLED, PLEDGED, RETIRED, RulesRow
from tests.contracts.model_ledger import LedgerModel
from tests.contracts.model_state import Call, Journal, Refused, Table, Why

LONGEST_HOLD = 30 * 86_400
MOST_SUBJECTS = 50
MOST_MARKS = 2
"""That run at a time, of one member, or of ballots, on one subject."""


class HoldRow(NamedTuple):
    member: int
    reason: int
    placed_at: int
    until: int
    ended: bool
    evidence: bytes
    subjects: tuple[bytes, ...]


NO_HOLD = HoldRow(0, 0, 0, 0, False, ZERO, ())


class Model(LedgerModel):
    """All six registers; this part is Holds, which touches three others."""

    def __init__(self, journal: Journal, address: str, registers: list[str]) -> None:
        super().__init__(journal, address, registers)
        self.holds: Table[bytes, HoldRow] = Table(journal, "holds", NO_HOLD)
        self.evidence: Table[tuple[Any, bytes], bool] = Table(journal, "evidence", False)
        self.marks: Table[tuple[int, bytes], int] = Table(journal, "marks", 0)
        """That run, by who placed them (0: ballots) and subject."""

    # ---------------------------------------------------------------- marks

    def _mark(self, subject: bytes, by: int) -> None:
        kind, identifier, first = ids.take_apart(subject)
        why = Why()
        if kind in (ids.METHODOLOGY, ids.PROJECT):
            table: Table[Any, Any] = self.methodologies if kind == ids.METHODOLOGY else self.projects
            if not table[identifier].status or subject != ids.subject(kind, identifier):
                why.no("SubjectUnknown", subject)
            why.stop()
            table.change(identifier, holds=table[identifier].holds + by)
            return
        if kind != ids.BLOCK:
            why.no("SubjectNotHoldable", subject)
            why.stop()
        block = self.blocks[identifier, first]
        if not block.status or subject != ids.subject(kind, identifier, first):
            why.no("SubjectUnknown", subject)
            why.stop()
        if block.status in (RETIRED, CANCELLED):
            if by < 0:
                return
            why.no("BlockNotAvailable", identifier, first, block.status)
        why.stop()
        self.blocks.change((identifier, first), holds=block.holds + by)

    def _place(self, why: Why, hold: bytes, row: HoldRow) -> None:
        if not 1 <= len(row.subjects) <= MOST_SUBJECTS:
            why.no("HoldSubjectsInvalid", len(row.subjects))
        if not row.reason or row.evidence == ZERO:
            why.no("HoldReasonMissing")
        why.stop()
        for subject in row.subjects:
            if self.marks[row.member, subject] == MOST_MARKS:
                why.no("HoldsTooMany", row.member, subject)
                why.stop()
            self.marks[row.member, subject] += 1
        for subject in row.subjects:
            self._mark(subject, +1)
        self.holds[hold] = row

    def _end_hold(self, hold: bytes) -> None:
        for subject in self.holds[hold].subjects:
            self.marks[self.holds[hold].member, subject] -= 1
            self._mark(subject, -1)
        self.holds.change(hold, ended=True)

    def _running(self, why: Why, hold: bytes) -> HoldRow:
        row = self.holds[hold]
        if not row.placed_at:
            why.no("HoldUnknown", hold)
        elif row.ended:
            why.no("HoldEnded", hold)
        why.stop()
        return row

    # ---------------------------------------------------------------- operations

    def Holds_place(self, call: Call) -> None:
        order = call.args[0]
        member, evidence = order["member"], order["evidence"]
        why = Why()
        if not self.now < order["until"] <= self.now + LONGEST_HOLD:
            why.no("HoldTooLong", order["until"], self.now + LONGEST_HOLD)
        if self.members[member].kind == Kind.PROGRAMME:
            why.no("KindNotPermitted", member, int(Kind.PROGRAMME))
        self.why_not_spendable(why, member, Role.VOTER, call, order["deadline"])
        if self.evidence[member, evidence]:
            why.no("EvidenceSpent", member, evidence)
        self.spent[call.hashes[0]] = True
        self.evidence[member, evidence] = True
        subjects = tuple(order["subjects"])
        row = HoldRow(member, order["reason"], self.now, order["until"], False, evidence, subjects)
        self._place(why, call.hashes[0], row)

    def Holds_lift(self, call: Call) -> None:
        order = call.args[0]
        why = Why()
        row = self._running(why, order["hold"])
        if not row.member:
            why.no("NotBallot", call.sender_address)
            why.stop()
        self.why_not_spendable(why, row.member, Role.VOTER, call, order["deadline"])
        homes = dict.fromkeys(ids.home_of(subject[1:13]) for subject in row.subjects)
        homes.pop(row.member, None)
        for index, home in enumerate(homes):
            self.why_not_current(why, home)
            if index + 1 < len(call.signers):
                self.why_not_signed(why, home, Role.VOTER, call.signers[index + 1], call.hashes[1])
            else:
                why.no("SignatureInvalid", call.hashes[1])
        why.stop()
        self.spent[call.hashes[0]] = True
        self._end_hold(order["hold"])

    def Holds_finish(self, call: Call) -> None:
        why = Why()
        row = self._running(why, call.args[0])
        if self.now < row.until:
            why.no("HoldNotOver", call.args[0], row.until)
        why.stop()
        self._end_hold(call.args[0])

    def Holds_placeByBallot(self, call: Call) -> None:
        ballot = self.ballot_of(call)
        subjects, reason, evidence, until, _ = call.args
        why = Why()
        if until <= self.now:
            why.no("HoldTooLong", until, 2**40 - 1)
        hold = ballot_hold_id(ballot, evidence)
        if self.evidence[hold, evidence]:
            why.no("EvidenceSpent", 0, evidence)
        self.evidence[hold, evidence] = True
        self._place(why, hold, HoldRow(0, reason, self.now, until, False, evidence, tuple(subjects)))

    def Holds_liftByBallot(self, call: Call) -> None:
        self.ballot_of(call)
        self._running(Why(), call.args[0])
        self._end_hold(call.args[0])

    def _refuse_mark(self, call: Call) -> None:
        """From outside only; Holds marks within its own operations."""
        why = Why()
        why.no("NotHolds", call.sender_address)
        why.stop()

    Methodologies_mark = _refuse_mark
    Projects_mark = _refuse_mark
    CreditLedger_mark = _refuse_mark
    Holds_batch = LedgerModel.batch
    Holds_upgradeToAndCall = LedgerModel.upgrade


def ballot_hold_id(ballot: bytes, evidence: bytes) -> bytes:
    """keccak256(abi.encode(ballot, evidence)), as Holds names what a ballot placed."""
    return keccak(ballot + evidence)


def founded_model(hub: Deployment) -> Model:
    """The model of a fresh deployment, read from what the deployment was given."""
    registers = [register.address for name, register in hub.registers.items() if name != "Consortium"]
    model = Model(Journal(), hub.consortium.address, registers)
    model.now = hub.chain.now
    for member, kind in hub.founders.items():
        seat = 0 if kind == Kind.PROGRAMME else model.seats_given["now"]
        model.members[member] = MemberRow(int(kind), seat, 0, model.now, 0)
        model.seats_given["now"] += 0 if kind == Kind.PROGRAMME else 1
        for officer in hub.members[member].officers():
            account = officer["account"].lower()
            model.officers[account] = OfficerRow(member, officer["roles"], officer["validUntil"])
            model.officers_of[member] = model.officers_of[member] | {account}
    for ballot_kind, rule in hub.rules.items():
        model.rules[int(ballot_kind)] = RuleRow(*rule.values())
    model.pause_rule["now"] = (hub.pause_rule["maxDuration"], hub.pause_rule["cooldown"])
    for target, selector, kind_of_call in hub.allowed:
        model.allowed[target.lower(), selector] = kind_of_call
    model.transfer_rules["now"] = RulesRow(*hub.transfer_rules.values())
    model.selector_names = {
        function.selector: function.name
        for register in hub.registers.values()
        for function in register.functions.values()
    }
    return model


__all__ = ["AVAILABLE", "PLEDGED", "Call", "Model", "Refused", "founded_model"]
