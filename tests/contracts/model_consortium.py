"""The model's Consortium: members, officers, rules and pauses, by their own orders and by ballot (L6)."""

from __future__ import annotations

from typing import Any

from tests.contracts.deployment import Kind, Role
from tests.contracts.ids import FIRST_PROGRAMME
from tests.contracts.model_ballots import (
    MAX_OFFICERS,
    MAX_SEATS,
    NO_ADDRESS,
    NO_LIMIT,
    NO_OFFICER,
    PAUSE_BALLOT,
    PPM,
    SLOW_BALLOTS,
    BallotsModel,
    MemberRow,
    OfficerRow,
    RuleRow,
)
from tests.contracts.model_state import ALTERED, MALFORMED, Call, Why

KEPT_KINDS = {"setAllowedCall": 7, "addRegister": 7, "setRule": 2, "restoreOfficers": 1}
"""Functions of Consortium that one kind of ballot alone may call; `upgradeToAndCall` of any register beside them."""


class ConsortiumModel(BallotsModel):
    """Operations of Consortium on members, officers, rules and pauses."""

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

    def Consortium_resign(self, call: Call) -> None:
        account = call.sender_address
        member = self.officers[account].member
        why = Why()
        if not member:
            why.no("OfficerInvalid", account, 0, 0)
        elif {held for held in self.officers_of[member] if self.serves(member, Role.VOTER, held)} == {account}:
            why.no("LastVoter", member)
        why.stop()
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

    Consortium_batch = BallotsModel.batch
    Consortium_upgradeToAndCall = BallotsModel.upgrade
    Consortium_initialize = BallotsModel.refuse_initialize
