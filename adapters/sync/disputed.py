"""Serials in dispute since a reconciliation: no record uses them until both sides agree again."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.protocol import RegistryProfile
from adapters.sync.plan import HeldBack
from adapters.sync.reconciliations import Dispute
from mutual_recognition.identifiers import series_id
from mutual_recognition.records import Correction, Issuance, Record, Retirement, TransferOut
from mutual_recognition.serials import SerialRange


def touched_by(record: Record, member: int, registry: str) -> tuple[bytes, SerialRange] | None:
    """The series (12 bytes) and serials that a record of `member` speaks of; None for one that names no serials."""
    match record:
        case TransferOut(series=name, serials=serials) | Retirement(series=name, serials=serials):
            return series_id(name.member or member, name.registry or registry, name.code), serials
        case Correction(series=code, serials=serials) | Issuance(series=code, serials=serials):
            return series_id(member, registry, code), serials
        case _:
            return None


def refuse_disputed(record: Record, profile: RegistryProfile, disputes: Sequence[Dispute]) -> None:
    """Raises HeldBack (`serials_disputed`) for a record that would use serials in dispute. It is tried again by itself.

    An issuance may come: it may be what was missing.
    """
    if not disputes or isinstance(record, Issuance):
        return
    touched = touched_by(record, profile.member, profile.registry)
    if touched is None:
        return
    series, serials = touched
    for dispute in disputes:
        if dispute.touches(series, serials.first, serials.last):
            raise HeldBack(
                "serials_disputed",
                f"serials {dispute.first} - {dispute.last} are in dispute since {dispute.reconciliation}",
                waits_for=f"reconciliation:{dispute.reconciliation}",
                detail={"remedy": f"settle it, then: yrdhub reconcile confirm {dispute.reconciliation}"},
            )
