"""The model's Consortium: members, officers, ballots, pauses (L6, and the votes that L5 asks for)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.contracts.deployment import Kind, Role
from tests.contracts.ids import FIRST_PROGRAMME
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


KEPT_KINDS = {"setAllowedCall": 7, "addRegister": 7, "setRule": 2, "restoreOfficers": 1}
"""Functions of Consortium that one kind of ballot alone may call; `upgradeToAndCall` of any register beside them."""


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


class ConsortiumModel:
    """Tables and operations of Consortium. The address it stands at is who executes ballots."""

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

    # ---------------------------------------------------------------- a member's own orders

    def Consortium_setOfficer(self, call: Call) -> None:
        order = call.args[0]
        member, account = order["member"], order["account"].lower()
        why = Why()
        self.why_not_spendable(why, member, Role.VOTER, call, order["deadline"])
        if order["roles"]:
            self.why_not_appointable(why, member, account, order["roles"], order["validUntil"])
        else:
            serves = self.officers[account].member
            if not serves:
                why.no("OfficerInvalid", account, 0, 0)
            elif serves != member:
                why.no("OfficerServesAnother", account, serves)
        voters = {held for held in self.officers_of[member] if self.serves(member, Role.VOTER, held)}
        if not order["roles"] & Role.VOTER and not voters - {account}:
            why.no("LastVoter", member)
        why.stop()
        self.spent[call.hashes[0]] = True
        if order["roles"]:
            self.appoint(member, account, order["roles"], order["validUntil"])
        else:
            self.dismiss(member, account)

    def why_not_appointable(self, why: Why, member: int, account: str, roles: int, valid_until: int) -> None:
        if account == NO_ADDRESS or not 0 < roles <= 31 or valid_until <= self.now:
            why.no("OfficerInvalid", account, roles, valid_until)
        serves = self.officers[account].member
        if serves and serves != member:
            why.no("OfficerServesAnother", account, serves)
        if not serves and len(self.officers_of[member]) >= MAX_OFFICERS:
            why.no("OfficersTooMany", member)

    def appoint(self, member: int, account: str, roles: int, valid_until: int) -> None:
        self.officers_of[member] = self.officers_of[member] | {account}
        self.officers[account] = OfficerRow(member, roles, valid_until)

    def appoint_all(self, member: int, officers: list[dict[str, Any]]) -> None:
        for officer in officers:
            why = Why()
            account = officer["account"].lower()
            self.why_not_appointable(why, member, account, officer["roles"], officer["validUntil"])
            why.stop()
            self.appoint(member, account, officer["roles"], officer["validUntil"])

    def dismiss(self, member: int, account: str) -> None:
        self.officers_of[member] = self.officers_of[member] - {account}
        self.officers[account] = NO_OFFICER

    def Consortium_leave(self, call: Call) -> None:
        order = call.args[0]
        why = Why()
        self.why_not_spendable(why, order["member"], Role.VOTER, call, order["deadline"])
        self.why_not_removable(why, order["member"])
        why.stop()
        self.spent[call.hashes[0]] = True
        self.depart(order["member"])

    def why_not_removable(self, why: Why, member: int) -> None:
        others = [
            m for m, row in self.members.rows.items() if row.kind == Kind.FULL and not row.left_at and m != member
        ]
        if self.members[member].kind == Kind.FULL and not others:
            why.no("LastFullMember", member)

    def depart(self, member: int) -> None:
        for account in self.officers_of[member]:
            self.officers[account] = NO_OFFICER
        self.officers_of[member] = frozenset()
        self.members.change(member, left_at=self.now)

    def Consortium_pause(self, call: Call) -> None:
        order = call.args[0]
        why = Why()
        if self.now > order["deadline"]:
            why.no("OrderExpired", order["deadline"])
        if self.spent[call.hashes[0]]:
            why.no("OrderRepeated", call.hashes[0])
        signed = []
        for signer in call.signers:
            member = self.officers[signer].member
            if signer == MALFORMED:
                why.no("SignatureInvalid", call.hashes[1])
            elif signer == ALTERED or not self.serves(member, Role.VOTER, signer):
                why.no("NotOfficer", ..., ..., 1)
            elif self.members[member].kind != Kind.FULL:
                why.no("KindNotPermitted", member, self.members[member].kind)
            else:
                signed.append(member)
        if len(set(signed)) == 1 < len(signed):
            why.no("SameMember", signed[0])
        longest, cooldown = self.pause_rule["now"]
        last = self.pause_ends["voters"]
        if last and self.now < last + cooldown:
            why.no("PauseTooSoon", last + cooldown)
        if not self.now < order["until"] <= self.now + longest:
            why.no("PauseInvalid", order["until"], self.now + longest)
        why.stop()
        self.spent[call.hashes[0]] = True
        self.pause_ends["voters"] = order["until"]
        self.pause_ends["all"] = max(order["until"], self.pause_ends["all"])

    # ---------------------------------------------------------------- by ballot only

    def Consortium_admit(self, call: Call) -> None:
        self.ballot_of(call)
        member, kind, parent, officers = call.args
        why = Why()
        if self.is_current(member):
            why.no("MemberExists", member)
        programme = member >= FIRST_PROGRAMME
        if member in (0, FIRST_PROGRAMME - 1) or kind == 0 or programme != (kind == Kind.PROGRAMME):
            why.no("MemberIdInvalid", member, kind)
        self.why_not_parent(why, member, parent)
        if not programme and self.seats_given["now"] >= MAX_SEATS:
            why.no("SeatsTaken")
        why.stop()
        seat = 0 if programme else self.seats_given["now"]
        self.members[member] = MemberRow(kind, seat, parent, self.now, 0)
        if not programme:
            self.seats_given["now"] = seat + 1
        self.appoint_all(member, officers)
        if not programme and not self.has_voter(member, self.now):
            why.no("LastVoter", member)
        why.stop()

    def why_not_parent(self, why: Why, member: int, parent: int) -> None:
        if parent == member or parent >= FIRST_PROGRAMME - 1:
            why.no("MemberIdInvalid", parent, ...)

    def Consortium_expel(self, call: Call) -> None:
        self.ballot_of(call)
        why = Why()
        self.why_not_current(why, call.args[0])
        self.why_not_removable(why, call.args[0])
        why.stop()
        self.depart(call.args[0])

    def Consortium_setParent(self, call: Call) -> None:
        self.ballot_of(call)
        member, parent = call.args
        why = Why()
        self.why_not_current(why, member)
        self.why_not_parent(why, member, parent)
        why.stop()
        self.members.change(member, parent=parent)

    def Consortium_restoreOfficers(self, call: Call) -> None:
        ballot = self.ballot_of(call)
        member, officers = call.args
        why = Why()
        self.why_not_current(why, member)
        if self.has_voter(member, self.ballots[ballot].opened_at):
            why.no("VotersRemain", member)
        why.stop()
        for account in self.officers_of[member]:
            if self.officers[account].valid_until <= self.now:
                self.dismiss(member, account)
        self.appoint_all(member, officers)
        if not self.has_voter(member, self.now):
            why.no("LastVoter", member)
        why.stop()

    def Consortium_setRule(self, call: Call) -> None:
        self.ballot_of(call)
        kind, rule = call.args[0], RuleRow(*call.args[1].values())
        sound = (
            0 < rule.quorum <= PPM
            and 0 < rule.approval <= PPM
            and 0 < rule.min_voting <= rule.max_voting
            and rule.execute_within > 0
            and (rule.delay > 0 or kind not in SLOW_BALLOTS)
        )
        if not sound:
            why = Why()
            why.no("RuleInvalid", kind)
            why.stop()
        self.rules[kind] = rule

    def Consortium_setPauseRule(self, call: Call) -> None:
        self.ballot_of(call)
        longest, cooldown = call.args[0].values()
        if cooldown < longest:
            why = Why()
            why.no("RuleInvalid", PAUSE_BALLOT)
            why.stop()
        self.pause_rule["now"] = (longest, cooldown)

    def Consortium_setAllowedCall(self, call: Call) -> None:
        self.ballot_of(call)
        allowed = call.args[0]
        target, selector, kind = allowed["target"].lower(), allowed["selector"], allowed["kind"]
        name = self.selector_names.get(selector, "")
        due = kind
        if name == "upgradeToAndCall":
            due = 7
        elif target == self.address:
            due = KEPT_KINDS.get(name, kind)
        if target == NO_ADDRESS or name == "batch" or kind != due:
            why = Why()
            why.no("CallNotAllowed", target, selector, kind)
            why.stop()
        self.allowed[target, selector] = kind if call.args[1] else None  # type: ignore[assignment]

    def Consortium_addRegister(self, call: Call) -> None:
        self.ballot_of(call)
        if call.args[0] == NO_ADDRESS:
            why = Why()
            why.no("NotRegister", NO_ADDRESS)
            why.stop()
        self.registers[call.args[0].lower()] = True

    def Consortium_pauseByBallot(self, call: Call) -> None:
        self.ballot_of(call)
        if call.args[0] <= self.now:
            why = Why()
            why.no("PauseInvalid", call.args[0], NO_LIMIT)
            why.stop()
        self.pause_ends["all"] = call.args[0]

    def Consortium_endPause(self, call: Call) -> None:
        self.ballot_of(call)
        self.pause_ends["all"] = 0

    def Consortium_spendOrder(self, call: Call) -> None:
        """Called from outside, never by a register in this model: those spend within their own operations."""
        why = Why()
        if not self.registers[call.sender_address]:
            why.no("NotRegister", call.sender_address)
        why.stop()

    Consortium_batch = batch
    Consortium_upgradeToAndCall = upgrade
    Consortium_initialize = refuse_initialize
