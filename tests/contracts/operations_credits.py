"""Generators for CreditLedger: corrections, transfers, use, pledges, and what ballots cancel."""

from __future__ import annotations

from typing import Any

from tests.contracts import ids
from tests.contracts.chain import Key
from tests.contracts.deployment import DAY, Kind, Role
from tests.contracts.ids import ZERO
from tests.contracts.model_issuing import ACCEPTED, AVAILABLE, IN_TRANSIT, PLEDGED, PROPOSED, RETIRED, BlockRow
from tests.contracts.model_state import Why
from tests.contracts.operations import BY_ORDER, BY_REGISTRAR, Call, World, operation

LEDGER = "CreditLedger"

# -------------------------------------------------------------------- parts of blocks


BLOCK_FLAWS = ("BlockUnknown", "BlockNotAvailable", "BlockHeld", "RangeOutsideBlock")


def a_block(world: World, flaw: str | None, fits: Any = None) -> tuple[bytes, int, BlockRow] | None:
    """A block to do something with, or one that the flaw is about."""

    def wanted(key: Any, row: BlockRow) -> bool:
        if fits is not None and not fits(key, row):
            return False
        if flaw == "BlockNotAvailable":
            return row.status != AVAILABLE
        if flaw == "BlockHeld":
            return row.status == AVAILABLE and bool(row.holds)
        if flaw == "MemberLeft":
            return row.status == AVAILABLE and bool(world.model.members[row.holder].left_at)
        return row.status == AVAILABLE and not row.holds and not world.model.members[row.holder].left_at

    key = world.sample(world.model.blocks, wanted)
    return None if key is None else (*key, world.model.blocks[key])


def a_part(world: World, flaw: str | None, block: tuple[bytes, int, BlockRow]) -> dict[str, Any]:
    """The whole block, or a piece of it."""
    rng = world.rng
    series, start, row = block
    first, last = start, row.last
    if rng.random() < 0.5:
        first = rng.randint(start, row.last)
        last = rng.randint(first, row.last)
    if flaw == "RangeOutsideBlock":
        first, last = rng.choice(
            ((start, row.last + 1), (start - 1, row.last), (row.last + 1, row.last + 2), (last, first - 1))
        )
        if first < 0 or last < 0:
            first, last = start, row.last + 1
    if flaw == "BlockUnknown":
        start = rng.choice((start + 1, row.last + 10_000_000)) if row.last > start else row.last + 10_000_000
    return {"request": world.unique(), "series": series, "blockFirst": start, "first": first, "last": last}


@operation("CreditLedger.correct", "BlockNotAtHome", "DocumentMissing", *BLOCK_FLAWS, *BY_REGISTRAR)
def correct(world: World, flaw: str | None) -> Call | None:
    def at_home(key: Any, row: BlockRow) -> bool:
        return (row.holder == ids.home_of(key[0])) != (flaw == "BlockNotAtHome")

    block = a_block(world, flaw, at_home)
    if block is None:
        return None
    request = {**a_part(world, flaw, block), "document": ZERO if flaw == "DocumentMissing" else world.unique()}
    return world.call(LEDGER, "correct", request, sender=world.registrar(ids.home_of(block[0]), flaw))


@operation(
    "CreditLedger.propose",
    "TransferExists",
    "TransferToItself",
    "KindMovesNothing",
    "DeadlineInvalid",
    "MemberUnknown",
    "ProjectNotUsable",
    "ProjectHeld",
    "MethodologyHeld",
    "RecognitionSuspended",
    "RecognitionRevoked",
    *BLOCK_FLAWS,
    *BY_REGISTRAR,
)
def propose(world: World, flaw: str | None) -> Call | None:
    model, rng = world.model, world.rng
    programme = flaw == "KindMovesNothing" and rng.random() < 0.5

    def fits(key: Any, row: BlockRow) -> bool:
        if (model.members[row.holder].kind == Kind.PROGRAMME) != programme:
            return False
        if flaw in ("RecognitionSuspended", "RecognitionRevoked"):
            return bool(row.entry) and standing_is_odd(world, row.entry)
        return project_is_odd(world, key[0], row.issuance) == (flaw in USE_FLAWS)

    def abroad(key: Any, row: BlockRow) -> bool:
        return bool(row.entry) and fits(key, row)

    wanted = None if flaw in USE_FLAWS else flaw
    block = a_block(world, wanted, abroad) if flaw is None and rng.random() < 0.5 else None
    block = block or a_block(world, wanted, fits)
    if block is None:
        return None
    series, _, row = block
    request = a_part(world, flaw, block)
    others = [member for member in world.members(Kind.FULL, Kind.ASSOCIATE) if member != row.holder]
    if not others:
        return None
    home = ids.home_of(series)
    to = rng.choice(others)
    if flaw is None and rng.random() < 0.95:
        objections = {member: why_not_there(world, member, series, row, request) for member in others}
        welcoming = [member for member, errors in objections.items() if not errors]
        barred = [member for member, errors in objections.items() if errors and "NotRecognised" not in errors]
        to = rng.choice(barred if barred and rng.random() < 0.25 else welcoming or barred or others)
    if row.holder != home and home in others and flaw is None and rng.random() < 0.35:
        to = home
    if flaw == "TransferToItself":
        to = row.holder
    elif flaw == "MemberUnknown":
        to = 999_998
    elif flaw == "MemberLeft" and (gone := world.members(left=True)):
        to = rng.choice(gone)
        block = a_block(world, None, fits) or block
        request = a_part(world, None, block)
    elif flaw == "KindMovesNothing" and not programme:
        programmes = world.members(Kind.PROGRAMME)
        if not programmes:
            return None
        to = rng.choice(programmes)
    rules = model.transfer_rules["now"]
    opens = 0 if model.acquainted[row.holder, to] else rules.wait
    earliest = max(rules.min_lifetime, opens + 1)
    deadline = rng.randint(earliest, max(earliest, min(rules.max_lifetime, earliest + 2 * DAY)))
    if flaw == "DeadlineInvalid":
        deadline = rng.choice((0, earliest - 1, rules.max_lifetime + 1))
    if flaw == "TransferExists":
        known = world.pick(call for call in world.done[-500:] if call.function == "propose")
        if known is None:
            return None
        request["request"] = known.args[0]["request"]
    holder = block[2].holder
    return world.call(
        LEDGER, "propose", {**request, "to": to, "deadline": world.now + deadline}, sender=world.registrar(holder, flaw)
    )


ENTRY_FLAWS = ("NotRecognised", "RecognitionSuspended", "RecognitionRevoked", "TermsLapsed", "CapExceeded")
USE_FLAWS = ("ProjectNotUsable", "ProjectHeld", "MethodologyHeld")


def why_not_there(world: World, member: int, series: bytes, row: BlockRow, part: dict[str, Any]) -> set[str]:
    """Errors for which the credits could not be accepted there now."""
    why = Why()
    kg = (part["last"] - part["first"] + 1) * world.model.series[series].kg_per_serial
    if member != ids.home_of(series):
        issuance = ids.subject(ids.ISSUANCE, series, row.issuance)
        world.model.why_not_enter(why, member, world.model.project_of(series, row.issuance), issuance, kg)
    return {reason.error for reason in why.reasons}


def project_is_odd(world: World, series: bytes, issuance: int) -> bool:
    row = world.model.projects[world.model.project_of(series, issuance)]
    return bool(row.holds or row.status == 3 or world.model.methodologies[row.methodology].holds)


def standing_is_odd(world: World, entry: int) -> bool:
    row = world.model.entries[entry]
    subjects = (row.methodology, row.project, row.issuance)
    standings = [world.model.standings[subject, row.member] for subject in subjects if subject]
    return any(standing.suspended or standing.revoked for standing in standings)


@operation(
    "CreditLedger.cosign", "CosignNotNeeded", "CosignBySame", "TransferUnknown", "TransferNotProposed", *BY_REGISTRAR
)
def cosign(world: World, flaw: str | None) -> Call | None:
    transfer = a_transfer(world, flaw, lambda row: row.cosign_pending != (flaw == "CosignNotNeeded"))
    if transfer is None:
        return None
    row = world.model.transfers[transfer]
    holder = world.model.blocks[row.series, row.first].holder
    sender: Key = world.registrar(holder, flaw)
    if flaw == "CosignBySame":
        sender = world.keys.get(row.proposer, sender)
    return world.call(LEDGER, "cosign", transfer, world.unique(), sender=sender)


def a_transfer(world: World, flaw: str | None, fits: Any = None) -> bytes | None:
    if flaw == "TransferUnknown":
        return world.unique()
    if flaw == "TransferNotProposed":
        found: bytes | None = world.sample(world.model.transfers, lambda _, row: row.status >= ACCEPTED)
    else:
        found = world.sample(
            world.model.transfers, lambda _, row: row.status == PROPOSED and (fits is None or fits(row))
        )
    return found


@operation(
    "CreditLedger.accept",
    "TransferUnknown",
    "TransferNotProposed",
    "TransferTooEarly",
    "TransferOver",
    "CosignPending",
    "BlockHeld",
    "NotRecognised",
    "RecognitionSuspended",
    "RecognitionRevoked",
    "TermsLapsed",
    "CapExceeded",
    "NothingKept",
    *USE_FLAWS,
    *BY_REGISTRAR,
)
def accept(world: World, flaw: str | None) -> Call | None:
    def fits(row: Any) -> bool:
        if flaw == "TransferTooEarly":
            return bool(world.now < row.accept_from)
        if flaw == "TransferOver":
            return bool(world.now >= row.deadline)
        if flaw == "CosignPending":
            return bool(row.cosign_pending)
        if flaw == "MemberLeft":
            return bool(world.model.members[row.to].left_at)
        block = world.model.blocks[row.series, row.first]
        if flaw == "BlockHeld" and not block.holds:
            return False
        if flaw in USE_FLAWS and not project_is_odd(world, row.series, block.issuance):
            return False
        if flaw in ENTRY_FLAWS:
            part = {"first": row.first, "last": block.last}
            if flaw not in why_not_there(world, row.to, row.series, block, part):
                return False
        return bool(row.accept_from <= world.now < row.deadline and not row.cosign_pending)

    transfer = a_transfer(world, flaw, fits)
    if transfer is None:
        return None
    sender = world.registrar(world.model.transfers[transfer].to, flaw)
    return world.call(LEDGER, "accept", transfer, world.unique(), sender=sender)


@operation("CreditLedger.reject", "TransferUnknown", "TransferNotProposed", *BY_REGISTRAR)
def reject(world: World, flaw: str | None) -> Call | None:
    transfer = a_transfer(world, flaw)
    if transfer is None:
        return None
    sender = world.registrar(world.model.transfers[transfer].to, flaw)
    return world.call(LEDGER, "reject", transfer, world.rng.randrange(256), world.unique(), sender=sender)


@operation("CreditLedger.withdraw", "TransferUnknown", "TransferNotProposed", *BY_REGISTRAR)
def withdraw(world: World, flaw: str | None) -> Call | None:
    transfer = a_transfer(world, flaw)
    if transfer is None:
        return None
    row = world.model.transfers[transfer]
    holder = world.model.blocks[row.series, row.first].holder
    return world.call(LEDGER, "withdraw", transfer, world.unique(), sender=world.registrar(holder, flaw))


@operation("CreditLedger.expire", "TransferUnknown", "TransferNotProposed", "TransferNotOver")
def expire(world: World, flaw: str | None) -> Call | None:
    transfer = a_transfer(world, flaw, lambda row: (world.now >= row.deadline) != (flaw == "TransferNotOver"))
    return None if transfer is None else world.call(LEDGER, "expire", transfer, sender=world.anyone())


# -------------------------------------------------------------------- use and pledge


@operation(
    "CreditLedger.retire",
    "PurposeInvalid",
    "ComplianceYearInvalid",
    "BeneficiaryMissing",
    "UseNotPermitted",
    "RecognitionSuspended",
    "RecognitionRevoked",
    *USE_FLAWS,
    *BLOCK_FLAWS,
    *BY_REGISTRAR,
)
def retire(world: World, flaw: str | None) -> Call | None:
    model, rng = world.model, world.rng

    def fits(key: Any, row: BlockRow) -> bool:
        if flaw in ("RecognitionSuspended", "RecognitionRevoked"):
            return bool(row.entry) and standing_is_odd(world, row.entry)
        if flaw == "UseNotPermitted":
            return bool(row.entry)
        if flaw == "BeneficiaryMissing" and model.members[row.holder].kind == Kind.PROGRAMME:
            return False
        return project_is_odd(world, key[0], row.issuance) == (flaw in USE_FLAWS)

    block = a_block(world, None if flaw in USE_FLAWS else flaw, fits)
    if block is None:
        return None
    row = block[2]
    purposes = list(range(1, 9))
    if row.entry:
        permitted = [purpose for purpose in purposes if model.entries[row.entry].uses >> purpose & 1]
        purposes = [p for p in purposes if p not in permitted] if flaw == "UseNotPermitted" else permitted
        if not purposes:
            return None
    purpose = rng.choice(purposes)
    if flaw == "PurposeInvalid":
        purpose = rng.choice((0, 9, 10, 11))
    year = rng.randint(2021, 2027) if (purpose == 1) != (flaw == "ComplianceYearInvalid") else 0
    stated = flaw != "BeneficiaryMissing" and not (
        model.members[row.holder].kind == Kind.PROGRAMME and rng.random() < 0.7
    )
    request = {
        **a_part(world, flaw, block),
        "purpose": purpose,
        "beneficiary": world.unique() if stated else ZERO,
        "complianceYear": year,
    }
    return world.call(LEDGER, "retire", request, sender=world.registrar(row.holder, flaw))


PLEDGE_FLAWS = tuple(flaw for flaw in BY_ORDER if flaw != "MemberUnknown")


@operation(
    "CreditLedger.pledge", "BlockNotHeldBy", "PledgeUntilInvalid", *USE_FLAWS, *BLOCK_FLAWS, *PLEDGE_FLAWS, "Paused"
)
def pledge(world: World, flaw: str | None) -> Call | None:
    if flaw == "OrderRepeated":
        return world.repeat("CreditLedger.pledge")

    def fits(key: Any, row: BlockRow) -> bool:
        return project_is_odd(world, key[0], row.issuance) == (flaw in USE_FLAWS)

    block = a_block(world, None if flaw in USE_FLAWS else flaw, fits)
    if block is None:
        return None
    member = block[2].holder
    if flaw == "BlockNotHeldBy":
        others = [other for other in world.members(Kind.FULL, Kind.ASSOCIATE) if other != member]
        if not others:
            return None
        member = world.rng.choice(others)
    order = a_part(world, flaw, block)
    order = {
        "member": member,
        **{name: order[name] for name in ("series", "blockFirst", "first", "last")},
        "until": world.now - 1 if flaw == "PledgeUntilInvalid" else world.soon(3_600, 2 * DAY),
        "request": order["request"],
        "deadline": world.soon(60, 2 * DAY),
    }
    key = world.signer(member, Role.FINANCIAL_INSTITUTION, flaw)
    wrong_sender = "NotOfficer" if flaw == "NotOfficer" and world.rng.random() < 0.4 else None
    sender = world.registrar(member, wrong_sender)
    return world.ordered(LEDGER, "pledge", "PledgeOrder", order, key, flaw, sender)


@operation("CreditLedger.release", "NotPledged", "NotPledgee", *(flaw for flaw in PLEDGE_FLAWS))
def release(world: World, flaw: str | None) -> Call | None:
    model = world.model

    def fits(_: Any, row: BlockRow) -> bool:
        return (row.status == PLEDGED) != (flaw == "NotPledged")

    key = world.sample(model.blocks, fits, 120)
    if flaw == "OrderRepeated":
        return world.repeat("CreditLedger.release")
    if key is None:
        return None
    institution = world.keys.get(model.pledges[key][0], world.stranger)
    if flaw == "NotPledgee":
        others = [
            world.keys[account]
            for account in sorted(model.officers_of[model.blocks[key].holder])
            if model.serves(model.blocks[key].holder, Role.FINANCIAL_INSTITUTION, account)
            and world.keys[account] is not institution
        ]
        if not others:
            return None
        institution = world.rng.choice(others)
    if flaw == "NotOfficer":
        institution = world.wrong_officer(model.blocks[key].holder, Role.FINANCIAL_INSTITUTION)
    until = model.pledges[key][1]
    if flaw == "NotPledged" and world.rng.random() < 0.3:  # an order of another pledge
        pledged = world.sample(model.blocks, lambda _, row: row.status == PLEDGED, 120)
        key, until = (pledged, model.pledges[pledged][1] - 1) if pledged else (key, until)
        institution = world.keys.get(model.pledges[key][0], world.stranger)
    order = {
        "series": key[0],
        "first": key[1],
        "until": until,
        "request": world.unique(),
        "deadline": world.soon(60, 2 * DAY),
    }
    return world.ordered(LEDGER, "release", "ReleaseOrder", order, institution, flaw)


@operation("CreditLedger.lapse", "NotPledged", "PledgeNotOver")
def lapse(world: World, flaw: str | None) -> Call | None:
    def fits(key: Any, row: BlockRow) -> bool:
        if flaw == "NotPledged":
            return row.status != PLEDGED
        over = bool(world.now >= world.model.pledges[key][1])
        return row.status == PLEDGED and over != (flaw == "PledgeNotOver")

    key = world.sample(world.model.blocks, fits, 120)
    return None if key is None else world.call(LEDGER, "lapse", *key, sender=world.anyone())


# -------------------------------------------------------------------- by ballot


@operation(
    "CreditLedger.cancelByBallot", "BlockUnknown", "BlockNotAvailable", "BlockHeld", "RangeOutsideBlock", ballot=4
)
def cancel_by_ballot(world: World, flaw: str | None) -> Call | None:
    def fits(_: Any, row: BlockRow) -> bool:
        if flaw == "BlockNotAvailable":
            return row.status in (RETIRED, IN_TRANSIT, PLEDGED)
        if flaw == "BlockHeld":
            return bool(row.holds) and row.status == AVAILABLE
        return row.status in (AVAILABLE, PLEDGED)

    key = world.sample(world.model.blocks, fits, 80)
    if key is None:
        return None
    row = world.model.blocks[key]
    part = a_part(world, flaw, (*key, row))
    first, last = part["first"], part["last"]
    if flaw is None and (row.status == PLEDGED or row.holds):
        first, last = key[1], row.last
    if flaw == "BlockHeld":
        if row.last == key[1]:
            return None
        first, last = key[1], row.last - 1
    return world.action(LEDGER, "cancelByBallot", key[0], part["blockFirst"], first, last, world.unique())


@operation("CreditLedger.setTransferRules", "TransferRulesInvalid", ballot=2)
def set_transfer_rules(world: World, flaw: str | None) -> Call | None:
    rng = world.rng
    rules = {
        "newCounterpartyWait": rng.choice((0, 3_600, 6 * 3_600)),
        "minLifetime": rng.choice((60, 3_600)),
        "maxLifetime": rng.choice((3 * DAY, 10 * DAY)),
        "cosignAboveKg": rng.choice((5_000, 20_000, 100_000)),
    }
    if flaw == "TransferRulesInvalid":
        rules |= rng.choice(({"minLifetime": 0}, {"maxLifetime": 59}, {"newCounterpartyWait": 30 * DAY}))
    return world.action(LEDGER, "setTransferRules", rules)
