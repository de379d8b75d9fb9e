"""What a registry's books say: balances, holdings, and whether they add up."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from adapters.sandbox.records import (
    Correction,
    Issuance,
    Retirement,
    TransferIn,
    TransferOut,
    Verification,
)
from adapters.sandbox.registry import Registry
from adapters.sandbox.units import Holding, describe


def holding_as_dict(row: Holding) -> dict[str, Any]:
    """One holding for the control interface; serials and kg are integers."""
    return {
        **row.units.model_dump(),
        "quantity_kg": row.quantity_kg,
        "account": row.account,
        "status": row.status,
        "held": row.held,
        "issuance": row.issuance,
        "reference": row.reference,
        "member": row.member,
    }


def holdings(registry: Registry) -> dict[str, Any]:
    """Every holding, and kg per status, per account and status, and per home member and status, at one sequence."""
    with registry.storage.transaction():
        rows = registry.units.rows()
        seq = registry.storage.latest_seq()
    by_status: dict[str, int] = defaultdict(int)
    by_account: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_home: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        by_status[row.status] += row.quantity_kg
        by_account[row.account][row.status] += row.quantity_kg
        by_home[row.units.home_member][row.status] += row.quantity_kg
    return {
        "member": registry.city.member,
        "change_seq": seq,
        "by_status_kg": by_status,
        "by_account_kg": by_account,
        "by_home_member_kg": by_home,
        "holdings": [holding_as_dict(row) for row in rows],
    }


def state(registry: Registry) -> dict[str, Any]:
    """The registry in a page: counts per kind, balances, and what does not add up (nothing, if it is right)."""
    with registry.storage.transaction():
        counts = registry.storage.counts()
        books = holdings(registry)
        problems = inconsistencies(registry)
    return {
        "member": registry.city.member,
        "name_zh": registry.city.name_zh,
        "name_en": registry.city.name_en,
        "change_seq": books["change_seq"],
        "clock": registry.now().isoformat(),
        "records": counts,
        "by_status_kg": books["by_status_kg"],
        "consistent": not problems,
        "problems": problems,
    }


def inconsistencies(registry: Registry) -> list[str]:
    """Every way in which the books do not add up, in words; an empty list when they do."""
    with registry.storage.transaction():
        rows = registry.units.rows()
        return [
            *_overlaps(rows),
            *_issuances(registry, rows),
            *_verifications(registry),
            *_references(registry, rows),
            *_journal(registry),
        ]


def _overlaps(rows: list[Holding]) -> list[str]:
    found = []
    for left, right in pairwise(rows):
        same = (left.units.home_member, left.units.series) == (right.units.home_member, right.units.series)
        if same and right.units.first <= left.units.last:
            found.append(f"holdings {describe(left.units)} and {describe(right.units)} overlap")
    return found


def _issuances(registry: Registry, rows: list[Holding]) -> list[str]:
    booked: dict[str, int] = defaultdict(int)
    void: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.units.home_member == registry.city.member:
            booked[row.issuance] += row.quantity_kg
            void[row.issuance] += row.quantity_kg if row.status == "corrected" else 0
    found = []
    for issuance in registry.storage.all_of(Issuance):
        kg = booked.pop(issuance.native_id, 0)
        if kg != issuance.quantity_kg:
            found.append(f"issuance {issuance.native_id}: {issuance.quantity_kg} kg issued, {kg} kg in holdings")
        corrections = registry.storage.all_of(Correction, parent=issuance.native_id)
        corrected = sum(c.quantity_kg for c in corrections)
        if corrected != void[issuance.native_id]:
            found.append(
                f"issuance {issuance.native_id}: corrections say {corrected} kg, holdings {void[issuance.native_id]}"
            )
    return found + [f"holdings of unknown issuance {name!r}: {kg} kg" for name, kg in booked.items()]


def _verifications(registry: Registry) -> list[str]:
    return [
        f"verification {v.native_id}: {issued} kg issued, {v.verified_kg} kg verified ({v.status})"
        for v in registry.storage.all_of(Verification)
        if (issued := registry.issued_kg(v.native_id)) > (v.verified_kg if v.status == "valid" else 0)
    ]


def _references(registry: Registry, rows: list[Holding]) -> list[str]:
    """Locked, pending and retired units lie under the record that put them there, kilogram for kilogram."""
    actual: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row.status in ("locked", "pending", "retired"):
            actual[row.status, row.reference] += row.quantity_kg
    expected: dict[tuple[str, str], int] = {}
    for transfer in registry.storage.all_of(TransferOut):
        if transfer.open_kg:
            expected["locked", transfer.native_id] = transfer.open_kg
    for incoming in registry.storage.all_of(TransferIn):
        if incoming.status == "pending":
            expected["pending", incoming.native_id] = incoming.quantity_kg
    for retirement in registry.storage.all_of(Retirement):
        expected["retired", retirement.native_id] = retirement.quantity_kg
    return [
        f"{status} units of {reference}: {actual.get((status, reference), 0)} kg in holdings,"
        f" {expected.get((status, reference), 0)} kg in its record"
        for status, reference in sorted(set(actual) | set(expected))
        if actual.get((status, reference), 0) != expected.get((status, reference), 0)
    ]


def _journal(registry: Registry) -> list[str]:
    with registry.storage.transaction() as db:
        rows = db.execute(
            "SELECT r.kind, r.native_id FROM record r LEFT JOIN change c ON c.seq = r.seq AND c.kind = r.kind"
            " AND c.native_id = r.native_id AND c.version = r.version AND c.body = r.body WHERE c.seq IS NULL"
            " OR r.seq <> (SELECT MAX(seq) FROM change WHERE kind = r.kind AND native_id = r.native_id)"
        ).fetchall()
    return [f"{row['kind']} {row['native_id']}: the journal's last line is not the record" for row in rows]
