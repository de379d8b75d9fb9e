"""The model's CreditLedger: transfers, use, pledges, what ballots cancel (L1, L4)."""

from __future__ import annotations

from eth_abi.abi import default_codec
from eth_utils.crypto import keccak

from tests.contracts import ids
from tests.contracts.deployment import Kind, Role
from tests.contracts.ids import ZERO
from tests.contracts.model_issuing import (
    ACCEPTED,
    AVAILABLE,
    CANCELLED,
    CONVERSION_CUT,
    EXPIRED,
    IN_TRANSIT,
    NO_ADDRESS,
    ORDERED_BY_BALLOT,
    PLEDGED,
    PROPOSED,
    REJECTED,
    RETIRED,
    WITHDRAWN,
    BlockRow,
    IssuingModel,
    RulesRow,
    TransferRow,
)
from tests.contracts.model_recognition import RecognitionModel
from tests.contracts.model_state import Call, Why


class LedgerModel(IssuingModel):
    """Operations of CreditLedger on what was issued."""

    # ---------------------------------------------------------------- transfers

    @staticmethod
    def transfer_id(sender: int, request: bytes) -> bytes:
        return keccak(default_codec.encode(["uint24", "bytes32"], [sender, request]))

    def CreditLedger_propose(self, call: Call) -> None:
        request = call.args[0]
        series, first, last, to = request["series"], request["first"], request["last"], request["to"]
        why = Why()
        block = self._block(why, series, request["blockFirst"])
        sender, home = block.holder, ids.home_of(series)
        kind = self.why_not_registrar(why, sender, call)
        transfer = self.transfer_id(sender, request["request"])
        if self.transfers[transfer].status:
            why.no("TransferExists", transfer)
        if kind == Kind.PROGRAMME:
            why.no("KindMovesNothing", sender)
        if to == sender:
            why.no("TransferToItself", to)
        else:
            self.why_not_current(why, to)
            if self.members[to].kind == Kind.PROGRAMME:
                why.no("KindMovesNothing", to)
        self._why_not_available(why, block, request)
        self.why_not_usable(why, self.project_of(series, block.issuance))
        if sender != home and block.entry:
            self.why_not_moved(why, block.entry, home=to == home)
        rules = self.transfer_rules["now"]
        opens = self.now + (0 if self.acquainted[sender, to] else rules.wait)
        earliest = max(self.now + rules.min_lifetime, opens + 1)
        latest = self.now + rules.max_lifetime
        if not earliest <= request["deadline"] <= latest:
            why.no("DeadlineInvalid", request["deadline"], earliest, latest)
        why.stop()
        part = self._part(series, request["blockFirst"], first, last)
        self._become(series, first, part, IN_TRANSIT)
        large = (last - first + 1) * self.series[series].kg_per_serial > rules.cosign_above
        self.transfers[transfer] = TransferRow(
            series, first, to, opens, request["deadline"], PROPOSED, large, call.sender_address
        )

    def _proposed(self, why: Why, transfer: bytes) -> tuple[TransferRow, BlockRow]:
        row = self.transfers[transfer]
        if not row.status:
            why.no("TransferUnknown", transfer)
        elif row.status != PROPOSED:
            why.no("TransferNotProposed", transfer, row.status)
        why.stop()
        return row, self.blocks[row.series, row.first]

    def CreditLedger_cosign(self, call: Call) -> None:
        transfer = call.args[0]
        why = Why()
        row, block = self._proposed(why, transfer)
        self.why_not_registrar(why, block.holder, call)
        if not row.cosign_pending:
            why.no("CosignNotNeeded", transfer)
        elif row.proposer == call.sender_address:
            why.no("CosignBySame", transfer, call.sender_address)
        why.stop()
        self.transfers.change(transfer, cosign_pending=False)

    def CreditLedger_accept(self, call: Call) -> None:
        transfer = call.args[0]
        why = Why()
        row, block = self._proposed(why, transfer)
        series, first, to = row.series, row.first, row.to
        self.why_not_registrar(why, to, call)
        if self.now < row.accept_from:
            why.no("TransferTooEarly", transfer, row.accept_from)
        if self.now >= row.deadline:
            why.no("TransferOver", transfer, row.deadline)
        if row.cosign_pending:
            why.no("CosignPending", transfer)
        if block.holds:
            why.no("BlockHeld", series, first)
        project = self.project_of(series, block.issuance)
        self.why_not_usable(why, project)
        going_home = to == ids.home_of(series)
        issuance = ids.subject(ids.ISSUANCE, series, block.issuance)
        count = block.last - first + 1
        kg = count * self.series[series].kg_per_serial
        kept, factor = count, block.factor
        if not going_home:
            self.why_not_enter(why, to, project, issuance, kg)
            if all(reason.error != "NotRecognised" for reason in why.reasons):
                factor = min(factor, self.lowest_factor(to, project, issuance))
                kept = count * factor // block.factor
                if not kept:
                    why.no("NothingKept", series, first, block.last, block.factor, factor)
        why.stop()
        entry = 0 if going_home else self.enter(to, project, issuance, kg)
        if kept < count:
            cut = self._part(series, first, first + kept, block.last)
            self._become(series, first + kept, cut._replace(purpose=CONVERSION_CUT), CANCELLED)
            block = self.blocks[series, first]
        arrived = block._replace(holder=to, factor=factor, entry=entry)
        self._become(series, first, arrived, AVAILABLE)
        self.transfers.change(transfer, status=ACCEPTED)
        self.acquainted[block.holder, to] = True

    def _end_transfer(self, transfer: bytes, row: TransferRow, block: BlockRow, status: int) -> None:
        self.transfers.change(transfer, status=status, cosign_pending=False)
        self._become(row.series, row.first, block, AVAILABLE)

    def CreditLedger_reject(self, call: Call) -> None:
        why = Why()
        row, block = self._proposed(why, call.args[0])
        self.why_not_registrar(why, row.to, call)
        why.stop()
        self._end_transfer(call.args[0], row, block, REJECTED)

    def CreditLedger_withdraw(self, call: Call) -> None:
        why = Why()
        row, block = self._proposed(why, call.args[0])
        self.why_not_registrar(why, block.holder, call)
        why.stop()
        self._end_transfer(call.args[0], row, block, WITHDRAWN)

    def CreditLedger_expire(self, call: Call) -> None:
        why = Why()
        row, block = self._proposed(why, call.args[0])
        if self.now < row.deadline:
            why.no("TransferNotOver", call.args[0], row.deadline)
        why.stop()
        self._end_transfer(call.args[0], row, block, EXPIRED)

    # ---------------------------------------------------------------- use

    def CreditLedger_retire(self, call: Call) -> None:
        request = call.args[0]
        series, first, last = request["series"], request["first"], request["last"]
        purpose, year = request["purpose"], request["complianceYear"]
        why = Why()
        block = self._block(why, series, request["blockFirst"])
        kind = self.why_not_registrar(why, block.holder, call)
        if not 1 <= purpose <= 8:
            why.no("PurposeInvalid", purpose)
        if (purpose == 1) != bool(year):
            why.no("ComplianceYearInvalid", year, purpose)
        if kind != Kind.PROGRAMME and request["beneficiary"] == ZERO:
            why.no("BeneficiaryMissing")
        self._why_not_available(why, block, request)
        self.why_not_usable(why, self.project_of(series, block.issuance))
        if block.holder != ids.home_of(series) and block.entry:
            self.why_not_used(why, block.entry, purpose)
        why.stop()
        part = self._part(series, request["blockFirst"], first, last)
        self._become(series, first, part._replace(purpose=purpose, compliance_year=year), RETIRED)
        if request["beneficiary"] != ZERO:
            self.beneficiaries[series, first] = request["beneficiary"]

    # ---------------------------------------------------------------- pledges

    def CreditLedger_pledge(self, call: Call) -> None:
        order = call.args[0]
        series, first, member = order["series"], order["first"], order["member"]
        why = Why()
        self.why_not_registrar(why, member, call)
        block = self._block(why, series, order["blockFirst"])
        if block.holder != member:
            why.no("BlockNotHeldBy", series, order["blockFirst"], block.holder, member)
        if order["until"] <= self.now:
            why.no("PledgeUntilInvalid", order["until"])
        self._why_not_available(why, block, order)
        self.why_not_usable(why, self.project_of(series, block.issuance))
        self.why_not_spendable(why, member, Role.FINANCIAL_INSTITUTION, call, order["deadline"])
        why.stop()
        self.spent[call.hashes[0]] = True
        part = self._part(series, order["blockFirst"], first, order["last"])
        self._become(series, first, part, PLEDGED)
        self.pledges[series, first] = (call.signers[0], order["until"])

    def CreditLedger_release(self, call: Call) -> None:
        order = call.args[0]
        key = (order["series"], order["first"])
        block = self.blocks[key]
        why = Why()
        if block.status != PLEDGED or order["until"] != self.pledges[key][1]:
            why.no("NotPledged", *key)
            why.stop()
        self.why_not_spendable(why, block.holder, Role.FINANCIAL_INSTITUTION, call, order["deadline"])
        institution = self.pledges[key][0]
        if call.signers[0] != institution:
            why.no("NotPledgee", *key, institution, call.signers[0])
        why.stop()
        self.spent[call.hashes[0]] = True
        self._become(*key, block, AVAILABLE)
        self.pledges[key] = (NO_ADDRESS, 0)

    def CreditLedger_lapse(self, call: Call) -> None:
        key = (call.args[0], call.args[1])
        block = self.blocks[key]
        why = Why()
        if block.status != PLEDGED:
            why.no("NotPledged", *key)
        elif self.now < self.pledges[key][1]:
            why.no("PledgeNotOver", *key, self.pledges[key][1])
        why.stop()
        self._become(*key, block, AVAILABLE)
        self.pledges[key] = (NO_ADDRESS, 0)

    # ---------------------------------------------------------------- by ballot

    def CreditLedger_cancelByBallot(self, call: Call) -> None:
        self.ballot_of(call)
        series, block_first, first, last, _ = call.args
        why = Why()
        block = self._block(why, series, block_first)
        self._why_not_within(why, block, {"series": series, "blockFirst": block_first, "first": first, "last": last})
        whole = (first, last) == (block_first, block.last)
        if block.status != AVAILABLE and not (block.status == PLEDGED and whole):
            why.no("BlockNotAvailable", series, block_first, block.status)
        if block.holds and not whole:
            why.no("BlockHeld", series, block_first)
        why.stop()
        part = self._part(series, block_first, first, last)
        self._become(series, first, part._replace(purpose=ORDERED_BY_BALLOT, holds=0), CANCELLED)
        self.pledges[series, first] = (NO_ADDRESS, 0)

    def CreditLedger_setTransferRules(self, call: Call) -> None:
        self.ballot_of(call)
        rules = RulesRow(*call.args[0].values())
        sound = 0 < rules.min_lifetime <= rules.max_lifetime and rules.wait < rules.max_lifetime
        if not sound:
            why = Why()
            why.no("TransferRulesInvalid")
            why.stop()
        self.transfer_rules["now"] = rules

    CreditLedger_batch = RecognitionModel.batch
    CreditLedger_upgradeToAndCall = RecognitionModel.upgrade
    CreditLedger_initialize = RecognitionModel.refuse_initialize
