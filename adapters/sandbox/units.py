"""Unit holdings by serial range: who holds what, in which status. Ranges are split where an operation ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from adapters.sandbox.errors import RegistryRefusal, conflict
from adapters.sandbox.records import UnitRange
from adapters.sandbox.storage import Storage

Status = Literal[
    "available",
    "locked",  # for a transfer out, before and while the hub has it in transit
    "pending",  # booked from the hub's push-back, not yet usable
    "transferred_out",
    "retired",
    "cut",  # lost to a recognition's conversion factor when a transfer out was accepted
    "corrected",
    "retired_elsewhere",
    "cancelled_elsewhere",
    "cancelled",  # by a ballot of the members
]


@dataclass(frozen=True, slots=True)
class Holding:
    """One serial range in one account and one status. `member` is the present holder once units have left."""

    id: int
    units: UnitRange
    issuance: str
    account: str
    status: Status
    held: bool
    reference: str
    member: str
    prior: str

    @property
    def quantity_kg(self) -> int:
        """Quantity of the range in kgCO2e."""
        return self.units.quantity_kg


def _holding(row: sqlite3.Row) -> Holding:
    units = UnitRange(
        home_member=row["home_member"],
        series=row["series"],
        kg_per_serial=row["kg_per_serial"],
        first=row["first"],
        last=row["last"],
    )
    return Holding(
        row["id"],
        units,
        row["issuance"],
        row["account"],
        row["status"],
        bool(row["held"]),
        row["reference"],
        row["member"],
        row["prior"],
    )


class Units:
    """The unit holdings of one registry."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def add(
        self,
        units: UnitRange,
        *,
        account: str,
        status: Status,
        issuance: str = "",
        reference: str = "",
        member: str = "",
    ) -> None:
        """Book a new range. Raises RegistryRefusal SERIALS_OVERLAP when any serial is already here."""
        try:
            with self.storage.transaction() as db:
                db.execute(
                    "INSERT INTO holding (home_member, series, first, last, kg_per_serial, issuance, account, status,"
                    " held, reference, member, prior) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '')",
                    (
                        units.home_member,
                        units.series,
                        units.first,
                        units.last,
                        units.kg_per_serial,
                        issuance,
                        account,
                        status,
                        reference,
                        member,
                    ),
                )
        except sqlite3.IntegrityError as error:
            raise conflict(
                "SERIALS_OVERLAP",
                f"a serial of {describe(units)} is already in this registry",
                field="ranges",
                value=units,
            ) from error

    def rows(self, where: str = "1", values: tuple[Any, ...] = ()) -> list[Holding]:
        """Holdings by a condition of this module's own making, in serial order."""
        with self.storage.transaction() as db:
            query = f"SELECT * FROM holding WHERE {where} ORDER BY home_member, series, first"  # noqa: S608
            return [_holding(row) for row in db.execute(query, values)]

    def overlapping(self, units: UnitRange) -> list[Holding]:
        """Holdings that share a serial with the range, in serial order."""
        with self.storage.transaction() as db:
            row = db.execute(
                "SELECT MAX(first) FROM holding WHERE home_member = ? AND series = ? AND first <= ?",
                (units.home_member, units.series, units.first),
            ).fetchone()
        start = row[0] if row[0] is not None else units.first
        return self.rows(
            "home_member = ? AND series = ? AND first >= ? AND first <= ? AND last >= ?",
            (units.home_member, units.series, start, units.last, units.first),
        )

    def carve(self, units: UnitRange, allowed: Iterable[Status], *, allow_held: bool = False) -> list[Holding]:
        """Split holdings so that rows cover the range exactly; returns them. Every serial must be in an allowed status.

        Raises RegistryRefusal: UNITS_NOT_HERE (a gap), UNITS_NOT_AVAILABLE (another status), UNITS_HELD.
        """
        statuses = set(allowed)
        rows = self.overlapping(units)
        expected = units.first
        for row in rows:
            if row.units.kg_per_serial != units.kg_per_serial:
                raise conflict(
                    "SERIAL_SIZE_DIFFERS",
                    f"{describe(units)}: this registry has {row.units.kg_per_serial} kg per serial",
                    field="kg_per_serial",
                    value=units.kg_per_serial,
                )
            if max(row.units.first, units.first) != expected:
                break
            if row.status not in statuses:
                raise conflict(
                    "UNITS_NOT_AVAILABLE",
                    f"serials {describe(row.units)} are {row.status}, not {' or '.join(sorted(statuses))}",
                    field="ranges",
                    value=describe(units),
                )
            if row.held and not allow_held:
                raise conflict(
                    "UNITS_HELD",
                    f"serials {describe(row.units)} are held",
                    field="ranges",
                    value=describe(units),
                )
            expected = row.units.last + 1
        if expected <= units.last:
            raise conflict(
                "UNITS_NOT_HERE",
                f"serial {expected} of {describe(units)} is not in this registry",
                field="ranges",
                value=describe(units),
            )
        return [self._trim(row, units) for row in rows]

    def _trim(self, row: Holding, units: UnitRange) -> Holding:
        first, last = max(row.units.first, units.first), min(row.units.last, units.last)
        with self.storage.transaction() as db:
            # Shorten before inserting the remainders, so that the overlap trigger sees disjoint rows.
            db.execute("UPDATE holding SET first = ?, last = ? WHERE id = ?", (first, last, row.id))
            for start, end in ((row.units.first, first - 1), (last + 1, row.units.last)):
                if start <= end:
                    db.execute(
                        "INSERT INTO holding (home_member, series, first, last, kg_per_serial, issuance,"
                        " account, status, held, reference, member, prior) SELECT home_member, series, ?, ?,"
                        " kg_per_serial, issuance, account, status, held, reference, member, prior"
                        " FROM holding WHERE id = ?",
                        (start, end, row.id),
                    )
            return _holding(db.execute("SELECT * FROM holding WHERE id = ?", (row.id,)).fetchone())

    def change(self, rows: Iterable[Holding], **values: Any) -> None:
        """Set columns of whole holdings (status, account, held, reference, member, prior)."""
        columns = ", ".join(f"{name} = ?" for name in values)
        with self.storage.transaction() as db:
            for row in rows:
                db.execute(f"UPDATE holding SET {columns} WHERE id = ?", (*values.values(), row.id))  # noqa: S608

    def remove(self, rows: Iterable[Holding]) -> None:
        """Forget holdings (units that never became this registry's)."""
        with self.storage.transaction() as db:
            for row in rows:
                db.execute("DELETE FROM holding WHERE id = ?", (row.id,))

    def pick(self, account: str, quantity_kg: int, *, issuance: str = "", home_member: str = "") -> list[UnitRange]:
        """The lowest available serials of an account that make exactly this quantity.

        Raises RegistryRefusal BALANCE_TOO_LOW, or QUANTITY_NOT_WHOLE_SERIALS when the last serial would be split.
        """
        where, values = "account = ? AND status = 'available' AND held = 0", [account]
        for column, value in (("issuance", issuance), ("home_member", home_member)):
            if value:
                where, values = f"{where} AND {column} = ?", [*values, value]
        picked: list[UnitRange] = []
        missing = quantity_kg
        for row in self.rows(where, tuple(values)):
            if missing <= 0:
                break
            units = row.units
            if row.quantity_kg > missing:
                count, rest = divmod(missing, units.kg_per_serial)
                if rest:
                    raise RegistryRefusal(
                        "QUANTITY_NOT_WHOLE_SERIALS",
                        f"{quantity_kg} kg would split a serial of {units.kg_per_serial} kg in {units.series}",
                        field="quantity_kg",
                        value=quantity_kg,
                    )
                units = units.model_copy(update={"last": units.first + count - 1})
            picked.append(units)
            missing -= units.quantity_kg
        if missing > 0 or not picked:
            raise conflict(
                "BALANCE_TOO_LOW",
                f"account {account} has {quantity_kg - missing} kg available, {quantity_kg} kg asked",
                field="quantity_kg",
                value=quantity_kg,
            )
        return picked


def describe(units: UnitRange) -> str:
    """A range as a person reads it: home/series:first-last."""
    return f"{units.home_member}/{units.series}:{units.first}-{units.last}"


def merged(ranges: Iterable[UnitRange]) -> list[UnitRange]:
    """Ranges sorted, with neighbours joined."""
    joined: list[UnitRange] = []
    for units in sorted(ranges, key=lambda u: (u.home_member, u.series, u.first)):
        previous = joined[-1] if joined else None
        if (
            previous
            and (previous.home_member, previous.series, previous.kg_per_serial)
            == (units.home_member, units.series, units.kg_per_serial)
            and previous.last + 1 == units.first
        ):
            joined[-1] = previous.model_copy(update={"last": units.last})
        else:
            joined.append(units)
    return joined
