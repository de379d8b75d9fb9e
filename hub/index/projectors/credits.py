"""The credit ledger: series, verifications, issuances, unit blocks, transfers, retirements, cancellations, pledges.

How a block splits follows from `mutual_recognition.unit_blocks`; the events name the block and the part.
"""

from __future__ import annotations

from typing import Any

from hub.db import tables
from hub.index.projectors.registry import NO_ADDRESS, ZERO32, Event, Projectors, home, note_request
from hub.index.rows import Row, Rows
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import FULL_FACTOR_PPM, BlockStatus

projectors = Projectors("CreditLedger")

_PROPOSED, _ACCEPTED, _REJECTED, _WITHDRAWN, _EXPIRED = 1, 2, 3, 4, 5


@projectors.on("SeriesRegistered")
def series_registered(event: Event, rows: Rows) -> None:
    a = event.args
    row = {
        "series": a["series"],
        "member": a["member"],
        "native": a["native"],
        "kg_per_serial": a["kgPerSerial"],
        "request": a["request"],
    }
    rows.put(tables.series, row | event.seen())
    note_request(event, rows, a["member"])


@projectors.on("Verified")
def verified(event: Event, rows: Rows) -> None:
    a = event.args
    row = {
        "verification": a["verification"],
        "project": a["project"],
        "native": a["native"],
        "period_stated": a["periodStated"],
        "period_start": a["periodStart"],
        "period_end": a["periodEnd"],
        "verified_kg": a["verifiedKg"],
        "drawn_kg": 0,
        "document": a["document"],
        "external_lock": a["externalLock"],
        "voided": False,
        "request": a["request"],
    }
    rows.put(tables.verifications, row | event.seen())
    note_request(event, rows, home(a["verification"]))


@projectors.on("VerificationVoid")
def verification_void(event: Event, rows: Rows) -> None:
    rows.change(tables.verifications, event.args["verification"], voided=True)
    note_request(event, rows, home(event.args["verification"]))


@projectors.on("Issued")
def issued(event: Event, rows: Rows) -> None:
    a = event.args
    issuer = home(a["series"])
    kg = (a["last"] - a["first"] + 1) * _kg_per_serial(rows, a["series"])
    verification = rows.get(tables.verifications, a["verification"])
    rows.change(tables.verifications, a["verification"], drawn_kg=verification["drawn_kg"] + kg)
    row = {
        "series": a["series"],
        "first": a["first"],
        "last": a["last"],
        "member": issuer,
        "verification": a["verification"],
        "project": verification["project"],
        "vintage": a["vintage"],
        "kg": kg,
        "origin": a["origin"],
        "document": a["document"],
        "reissue_of": a["reissueOf"],
        "request": a["request"],
    }
    rows.put(tables.issuances, row | event.seen())
    block: Row = {
        "series": a["series"],
        "first": a["first"],
        "last": a["last"],
        "issuance": a["first"],
        "holder": issuer,
        "status": BlockStatus.AVAILABLE.value,
        "holds": 0,
        "factor_ppm": FULL_FACTOR_PPM,
        "entry": 0,
        "purpose": 0,
        "compliance_year": 0,
        "beneficiary": ZERO32,
        "transfer": ZERO32,
        "pledged_to": NO_ADDRESS,
        "pledged_until": 0,
    }
    rows.put(tables.unit_blocks, block)
    note_serials(event, rows, "issued", block, a["first"], a["last"], reference=a["request"])
    note_request(event, rows, issuer)


@projectors.on("Corrected")
def corrected(event: Event, rows: Rows) -> None:
    a = event.args
    part = _carve(rows, a["series"], a["blockFirst"], a["first"], a["last"])
    part = _change(rows, part, status=BlockStatus.CANCELLED.value, purpose=Purpose.WRONG_ISSUANCE.value)
    issuance = rows.get(tables.issuances, part["series"], part["issuance"])
    verification = rows.get(tables.verifications, issuance["verification"])
    freed = verification["drawn_kg"] - a["freedKg"]
    rows.change(tables.verifications, verification["verification"], drawn_kg=freed)
    _note_cancelled(event, rows, part, document=a["document"], request=a["request"])
    note_serials(event, rows, "corrected", part, part["first"], part["last"], reference=a["request"])
    note_request(event, rows, home(a["series"]))


@projectors.on("CancelledByBallot")
def cancelled_by_ballot(event: Event, rows: Rows) -> None:
    a = event.args
    part = _carve(rows, a["series"], a["blockFirst"], a["first"], a["last"])
    part = _change(
        rows,
        part,
        status=BlockStatus.CANCELLED.value,
        purpose=Purpose.ORDERED_BY_BALLOT.value,
        holds=0,
        pledged_to=NO_ADDRESS,
        pledged_until=0,
    )
    _note_cancelled(event, rows, part, document=a["document"], ballot=a["ballot"])
    note_serials(event, rows, "cancelled", part, part["first"], part["last"], reference=a["ballot"])


@projectors.on("TransferProposed")
def transfer_proposed(event: Event, rows: Rows) -> None:
    a = event.args
    part = _carve(rows, a["series"], a["blockFirst"], a["first"], a["last"])
    part = _change(rows, part, status=BlockStatus.IN_TRANSIT.value, transfer=a["transfer"])
    row = {
        "transfer": a["transfer"],
        "series": a["series"],
        "first": a["first"],
        "last": a["last"],
        "from_member": a["from"],
        "to_member": a["to"],
        "accept_from": a["acceptFrom"],
        "deadline": a["deadline"],
        "cosign_pending": a["cosignPending"],
        "status": _PROPOSED,
        "kept_last": 0,
        "factor_ppm": 0,
        "entry": 0,
        "arriving_kg": 0,
        "reason": 0,
        "ended_at": 0,
        "request": a["request"],
    }
    rows.put(tables.transfers, row | event.seen())
    note_serials(event, rows, "transfer_proposed", part, a["first"], a["last"], other=a["to"], reference=a["transfer"])
    note_request(event, rows, a["from"])


@projectors.on("TransferCosigned")
def transfer_cosigned(event: Event, rows: Rows) -> None:
    transfer = rows.change(tables.transfers, event.args["transfer"], cosign_pending=False)
    note_request(event, rows, transfer["from_member"])


@projectors.on("TransferAccepted")
def transfer_accepted(event: Event, rows: Rows) -> None:
    a = event.args
    transfer = rows.change(
        tables.transfers,
        a["transfer"],
        status=_ACCEPTED,
        kept_last=a["keptLast"],
        factor_ppm=a["factorPpm"],
        entry=a["entry"],
        arriving_kg=a["arrivingKg"],
        ended_at=event.block_time,
    )
    series, first, last = transfer["series"], transfer["first"], transfer["last"]
    sent = rows.get(tables.unit_blocks, series, first)
    if a["keptLast"] < last:
        cut = sent | {
            "first": a["keptLast"] + 1,
            "status": BlockStatus.CANCELLED.value,
            "purpose": Purpose.CONVERSION_CUT.value,
            "transfer": ZERO32,
        }
        rows.put(tables.unit_blocks, cut)
        _note_cancelled(event, rows, cut, request=a["request"])
        note_serials(event, rows, "cut", cut, cut["first"], cut["last"], reference=a["transfer"], part=1)
    arrived = sent | {
        "last": a["keptLast"],
        "holder": transfer["to_member"],
        "status": BlockStatus.AVAILABLE.value,
        "factor_ppm": a["factorPpm"],
        "entry": a["entry"],
        "transfer": ZERO32,
    }
    rows.put(tables.unit_blocks, arrived)
    note_serials(
        event, rows, "transfer_accepted", arrived, first, a["keptLast"], other=sent["holder"], reference=a["transfer"]
    )
    note_request(event, rows, transfer["to_member"])


@projectors.on("TransferRejected")
def transfer_rejected(event: Event, rows: Rows) -> None:
    transfer = _return(event, rows, _REJECTED, "transfer_rejected")
    note_request(event, rows, transfer["to_member"])


@projectors.on("TransferWithdrawn")
def transfer_withdrawn(event: Event, rows: Rows) -> None:
    transfer = _return(event, rows, _WITHDRAWN, "transfer_withdrawn")
    note_request(event, rows, transfer["from_member"])


@projectors.on("TransferExpired")
def transfer_expired(event: Event, rows: Rows) -> None:
    transfer = _return(event, rows, _EXPIRED, "transfer_expired")
    # anyone may end it, and it ends once: for its sender, the transfer's own id is the request that asked for it
    asked = {"request": event.args["transfer"], "member": transfer["from_member"], "contract": event.contract}
    rows.put(tables.requests, asked | {"event": event.name, "tx_hash": event.tx_hash} | event.seen())


@projectors.on("Retired")
def retired(event: Event, rows: Rows) -> None:
    a = event.args
    part = _carve(rows, a["series"], a["blockFirst"], a["first"], a["last"])
    part = _change(
        rows,
        part,
        status=BlockStatus.RETIRED.value,
        purpose=a["purpose"],
        compliance_year=a["complianceYear"],
        beneficiary=a["beneficiary"],
    )
    row = {
        "series": a["series"],
        "first": a["first"],
        "last": a["last"],
        "issuance": part["issuance"],
        "holder": a["holder"],
        "claimant": a["claimant"],
        "purpose": a["purpose"],
        "beneficiary": a["beneficiary"],
        "compliance_year": a["complianceYear"],
        "kg": (a["last"] - a["first"] + 1) * _kg_per_serial(rows, a["series"]),
        "request": a["request"],
    }
    rows.put(tables.retirements, row | event.seen())
    note_serials(event, rows, "retired", part, a["first"], a["last"], reference=a["request"])
    note_request(event, rows, a["holder"])


@projectors.on("PledgeTaken")
def pledge_taken(event: Event, rows: Rows) -> None:
    a = event.args
    part = _carve(rows, a["series"], a["blockFirst"], a["first"], a["last"])
    part = _change(rows, part, status=BlockStatus.PLEDGED.value, pledged_to=a["institution"], pledged_until=a["until"])
    note_serials(event, rows, "pledged", part, a["first"], a["last"], reference=a["request"])
    note_request(event, rows, a["member"])


@projectors.on("PledgeReleased")
def pledge_released(event: Event, rows: Rows) -> None:
    a = event.args
    block = rows.get(tables.unit_blocks, a["series"], a["first"])
    block = _change(rows, block, status=BlockStatus.AVAILABLE.value, pledged_to=NO_ADDRESS, pledged_until=0)
    note_serials(event, rows, "pledge_released", block, block["first"], block["last"], reference=a["request"])
    note_request(event, rows, block["holder"])


@projectors.on("TransferRulesChanged")
def transfer_rules_changed(event: Event, rows: Rows) -> None:
    a = event.args
    value = {
        "new_counterparty_wait": a["newCounterpartyWait"],
        "min_lifetime": a["minLifetime"],
        "max_lifetime": a["maxLifetime"],
        "cosign_above_kg": str(a["cosignAboveKg"]),
    }
    rows.put(tables.settings, {"name": "transfer_rules", "value": value})


def note_serials(
    event: Event,
    rows: Rows,
    what: str,
    block: Row,
    first: int,
    last: int,
    *,
    other: int = 0,
    reference: str = ZERO32,
    part: int = 0,
) -> None:
    """A line in the life of these serials: what happened, at which member, towards which other, under which id."""
    rows.put(
        tables.serial_events,
        {
            "block_number": event.block_number,
            "log_index": event.log_index,
            "part": part,
            "series": block["series"],
            "issuance": block["issuance"],
            "first": first,
            "last": last,
            "event": what,
            "member": block["holder"],
            "other": other,
            "reference": reference,
            "block_time": event.block_time,
        },
    )


def _return(event: Event, rows: Rows, status: int, what: str) -> Row:
    a = event.args
    transfer = rows.change(
        tables.transfers,
        a["transfer"],
        status=status,
        cosign_pending=False,
        reason=a.get("reason", 0),
        ended_at=event.block_time,
    )
    block = rows.get(tables.unit_blocks, transfer["series"], transfer["first"])
    block = _change(rows, block, status=BlockStatus.AVAILABLE.value, transfer=ZERO32)
    note_serials(
        event, rows, what, block, block["first"], block["last"], other=transfer["to_member"], reference=a["transfer"]
    )
    return transfer


def _carve(rows: Rows, series: str, block_first: int, first: int, last: int) -> Row:
    """Splits the block so that [first, last] is a row of its own, and returns that row (not yet changed)."""
    block = rows.get(tables.unit_blocks, series, block_first)
    if last < block["last"]:
        rows.put(tables.unit_blocks, block | {"first": last + 1})
    if block_first < first:
        rows.put(tables.unit_blocks, block | {"last": first - 1})
    return block | {"first": first, "last": last}


def _change(rows: Rows, block: Row, **values: Any) -> Row:
    changed = block | values
    rows.put(tables.unit_blocks, changed)
    return changed


def _note_cancelled(
    event: Event, rows: Rows, block: Row, *, document: str = ZERO32, ballot: str = ZERO32, request: str = ZERO32
) -> None:
    row = {name: block[name] for name in ("series", "first", "last", "issuance", "holder", "purpose")}
    row["kg"] = (block["last"] - block["first"] + 1) * _kg_per_serial(rows, block["series"])
    rows.put(tables.cancellations, row | {"document": document, "ballot": ballot, "request": request} | event.seen())


def _kg_per_serial(rows: Rows, series: str) -> int:
    return int(rows.get(tables.series, series)["kg_per_serial"])
