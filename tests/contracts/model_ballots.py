"""The model's Consortium: members and officers, who may do what, and ballots (L6, and the votes that L5 asks for)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.contracts.deployment import Kind, Role
from tests.contracts.model_state import ALTERED, MALFORMED, Call, Journal, Refused, Table, Why

NO_ADDRESS = "0x" + "00" * 20
MAX_SEATS = 256
MAX_OFFICERS = 32
MAX_ACTIONS = 32
PPM = 1_000_000
NO_LIMIT = 2**40 - 1
RECOGNITION_BALLOT = 3
PAUSE_BALLOT = 6
SLOW_BALLOTS = {1, 2, 7}
"""Officers, Rules, Upgrade: they may not be executed at once."""
UNKNOWN, VOTING, FAILED, DELAYED, EXECUTABLE, EXPIRED, EXECUTED = range(7)
YES, NO, ABSTAIN = 1, 2, 3


class MemberRow(NamedTuple):
    kind: int
    seat: int
    parent: int
    joined_at: int
    left_at: int


class OfficerRow(NamedTuple):
    member: int
    roles: int
    valid_until: int


class RuleRow(NamedTuple):
    quorum: int
    approval: int
    min_voting: int
    max_voting: int
    delay: int
    execute_within: int


class BallotRow(NamedTuple):
    kind: int
    opened_at: int
    closes_at: int
    rule: RuleRow
    electorate: frozenset[int]
    """Seats of the full members at opening."""
    invited: frozenset[int]
    actions: bytes
    executed: bool


NO_MEMBER = MemberRow(0, 0, 0, 0, 0)
NO_OFFICER = OfficerRow(0, 0, 0)


class BallotsModel:
    """Tables of Consortium, and who may do what. The address it stands at is who executes ballots."""

    selector_names: dict[bytes, str]
    """Names of the functions that a ballot might be allowed to call."""

    def __init__(self, journal: Journal, address: str, registers: Iterable[str]) -> None:
        self.journal = journal
        self.now = 0
        self.address = address.lower()
        self.members: Table[int, MemberRow] = Table(journal, "members", NO_MEMBER)
        self.officers: Table[str, OfficerRow] = Table(journal, "officers", NO_OFFICER)
        self.officers_of: Table[int, frozenset[str]] = Table(journal, "officers_of", frozenset())
        self.rules: Table[int, RuleRow] = Table(journal, "rules")
        self.pause_rule: Table[str, tuple[int, int]] = Table(journal, "pause_rule")
        self.pause_ends: Table[str, int] = Table(journal, "pause_ends", 0)
        """`all`: the pause now; `voters`: the last that two voters ordered."""
        self.seats_given: Table[str, int] = Table(journal, "seats_given", 0)
        self.ballots: Table[bytes, BallotRow] = Table(journal, "ballots")
        self.votes: Table[tuple[bytes, int], tuple[int, int]] = Table(journal, "votes", (0, 0))
        """Choice and revision by ballot and seat."""
        self.allowed: Table[tuple[str, bytes], int] = Table(journal, "allowed")
        self.registers: Table[str, bool] = Table(journal, "registers", False)
        self.spent: Table[bytes, bool] = Table(journal, "spent", False)
        self.executing: Table[str, bytes] = Table(journal, "executing", b"")
        self.actions: dict[bytes, tuple[Call, ...]] = {}
        for register in registers:
            self.registers[register.lower()] = True

    def perform(self, call: Call) -> None:
        """Carries a call out, or raises Refused and leaves everything as it was."""
        mark = len(self.journal.entries)
        try:
            getattr(self, f"{call.register}_{call.function}")(call)
        except Refused:
            self.journal.roll_back(mark)
            raise

    def batch(self, call: Call) -> None:
        for index, item in enumerate(call.items):
            try:
                self.perform(item)
            except Refused as refused:
                raise refused.within("BatchItemFailed", index) from None

    def upgrade(self, call: Call) -> None:
        """The registers are upgraded to code that does the same; only who asks matters."""
        self.ballot_of(call)

    def refuse_initialize(self, _: Call) -> None:
        why = Why()
        why.no("InvalidInitialization")
        why.stop()

    # ---------------------------------------------------------------- who may

    def is_current(self, member: int) -> bool:
        row = self.members[member]
        return bool(row.kind) and not row.left_at

    def why_not_current(self, why: Why, member: int) -> bool:
        row = self.members[member]
        if not row.kind:
            why.no("MemberUnknown", member)
        elif row.left_at:
            why.no("MemberLeft", member)
        return self.is_current(member)

    def serves(self, member: int, role: int, account: str, at: int | None = None) -> bool:
        officer = self.officers[account]
        return officer.member == member and bool(officer.roles & role) and (at or self.now) < officer.valid_until

    def has_voter(self, member: int, at: int) -> bool:
        return any(self.serves(member, Role.VOTER, account, at) for account in self.officers_of[member])

    def paused(self) -> bool:
        return self.now < self.pause_ends["all"]

    def why_not_authorised(self, why: Why, member: int, role: int, account: str) -> int:
        """What `authorise` asks. Answers the member's kind."""
        self.why_not_current(why, member)
        if not self.serves(member, role, account):
            why.no("NotOfficer", account, member, int(role))
        if self.paused():
            why.no("Paused", self.pause_ends["all"])
        return self.members[member].kind

    def why_not_registrar(self, why: Why, member: int, call: Call) -> int:
        return self.why_not_authorised(why, member, Role.REGISTRAR, call.sender_address)

    def why_not_signed(self, why: Why, member: int, role: int, signer: str, order_digest: Any) -> None:
        if signer == MALFORMED:
            why.no("SignatureInvalid", order_digest)
        elif signer == ALTERED:
            why.no("NotOfficer", ..., member, int(role))
        elif not self.serves(member, role, signer):
            why.no("NotOfficer", signer, member, int(role))

    def why_not_spendable(
        self, why: Why, member: int, role: int, call: Call, deadline: int, *, digest: Any = ..., hashed: bytes = b""
    ) -> None:
        """What spending the order of `call` asks: in time, for the first time, signed by an officer of a member."""
        if self.now > deadline:
            why.no("OrderExpired", deadline)
        if self.spent[hashed or call.hashes[0]]:
            why.no("OrderRepeated", hashed or call.hashes[0])
        self.why_not_current(why, member)
        self.why_not_signed(why, member, role, call.signers[0], call.hashes[1] if digest is ... else digest)

    def ballot_of(self, call: Call) -> bytes:
        """The ballot being executed, for the functions that only ballots call."""
        ballot = self.executing["now"]
        if call.sender_address != self.address or not ballot:
            why = Why()
            why.no("NotBallot", call.sender_address)
            why.stop()
        return ballot

    # ---------------------------------------------------------------- ballots

    def Consortium_openBallot(self, call: Call) -> None:
        order = call.args[0]
        ballot = call.hashes[1]
        proposer, kind = order["proposer"], order["kind"]
        why = Why()
        if ballot in self.ballots:
            why.no("BallotExists", ballot)
        self.why_not_current(why, proposer)
        self.why_not_signed(why, proposer, Role.VOTER, call.signers[0], ballot)
        member_kind = self.members[proposer].kind
        if member_kind != Kind.FULL and not (member_kind == Kind.ASSOCIATE and kind == RECOGNITION_BALLOT):
            why.no("KindNotPermitted", proposer, member_kind)
        if call.hashes[2] != order["actionsHash"]:
            why.no("ActionsMismatch", order["actionsHash"], call.hashes[2])
        if not 1 <= len(call.args[1]) <= MAX_ACTIONS:
            why.no("ActionsInvalid", len(call.args[1]))
        for target, data in call.args[1]:
            if self.allowed[target.lower(), data[:4]] != kind:
                why.no("CallNotAllowed", target.lower(), data[:4], kind)
        rule = self.rules[kind]
        earliest, latest = self.now + rule.min_voting, self.now + rule.max_voting
        if not earliest <= order["closesAt"] <= latest:
            why.no("BallotPeriodInvalid", order["closesAt"], earliest, latest)
        for member in order["invited"]:
            current = self.why_not_current(why, member)
            if current and (self.members[member].kind != Kind.ASSOCIATE or kind != RECOGNITION_BALLOT):
                why.no("KindNotPermitted", member, self.members[member].kind)
        why.stop()
        full = frozenset(row.seat for row in self.members.rows.values() if row.kind == Kind.FULL and not row.left_at)
        invited = frozenset(self.members[member].seat for member in order["invited"])
        self.ballots[ballot] = BallotRow(
            kind, self.now, order["closesAt"], rule, full, invited, order["actionsHash"], False
        )
        self.actions[ballot] = call.items

    def Consortium_vote(self, call: Call) -> None:
        order = call.args[0]
        ballot, member, revision = order["ballot"], order["member"], order["revision"]
        row = self.ballots[ballot]
        why = Why()
        if row is None:
            why.no("BallotUnknown", ballot)
            why.stop()
        if self.now >= row.closes_at:
            why.no("BallotClosed", ballot, row.closes_at)
        if order["choice"] == 0:
            why.no("ChoiceInvalid")
        self.why_not_current(why, member)
        self.why_not_signed(why, member, Role.VOTER, call.signers[0], call.hashes[1])
        who = self.members[member]
        asked = row.electorate | row.invited
        if who.kind == Kind.PROGRAMME or who.seat not in asked:
            why.no("NotInElectorate", ballot, member)
        else:
            recorded = self.votes[ballot, who.seat][1]
            if revision <= recorded:
                why.no("RevisionStale", ballot, member, revision, recorded)
        why.stop()
        self.votes[ballot, who.seat] = (order["choice"], revision)
        if all(self.votes[ballot, seat][0] for seat in asked):
            self.ballots.change(ballot, closes_at=self.now)

    def outcome(self, ballot: bytes) -> int:
        """By the rule of its opening: quorum of all who were asked to vote, approval of yes and no, both rounded up."""
        row = self.ballots[ballot]
        if row is None:
            return UNKNOWN
        if row.executed:
            return EXECUTED
        if self.now < row.closes_at:
            return VOTING
        choices = [self.votes[ballot, seat][0] for seat in row.electorate]
        yes, no, voted = choices.count(YES), choices.count(NO), sum(1 for choice in choices if choice)
        least_voters = -(-len(row.electorate) * row.rule.quorum // PPM)
        least_yes = -(-(yes + no) * row.rule.approval // PPM)
        if not yes or voted < least_voters or yes < least_yes:
            return FAILED
        opens = row.closes_at + row.rule.delay
        if self.now < opens:
            return DELAYED
        return EXECUTABLE if self.now < opens + row.rule.execute_within else EXPIRED

    def Consortium_execute(self, call: Call) -> None:
        ballot = call.args[0]
        row = self.ballots[ballot]
        why = Why()
        if row is None:
            why.no("BallotUnknown", ballot)
            why.stop()
        if call.hashes[0] != row.actions:
            why.no("ActionsMismatch", row.actions, call.hashes[0])
        reached = self.outcome(ballot)
        if reached != EXECUTABLE or self.executing["now"]:
            why.no("BallotNotExecutable", ballot, reached)
        why.stop()
        self.ballots.change(ballot, executed=True)
        self.executing["now"] = ballot
        for index, item in enumerate(self.actions[ballot]):
            target, data = call.args[1][index]
            if self.allowed[target.lower(), data[:4]] != row.kind:
                why.no("CallNotAllowed", target.lower(), data[:4], row.kind)
                why.stop()
            try:
                self.perform(item)
            except Refused as refused:
                raise refused.within("BallotActionFailed", index) from None
        self.executing["now"] = b""

    def consented(self, ballot: bytes, member: int) -> bool:
        row = self.members[member]
        return self.is_current(member) and row.kind != Kind.PROGRAMME and self.votes[ballot, row.seat][0] == YES
