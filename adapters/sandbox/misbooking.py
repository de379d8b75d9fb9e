"""A clerk's hand in the books: units put wrong without any record, as no registry's own operations would."""

from __future__ import annotations

from pydantic import Field

from adapters.sandbox.errors import conflict
from adapters.sandbox.records import UnitRange
from adapters.sandbox.registry import Registry
from adapters.sandbox.requests import Request
from adapters.sandbox.units import Status, describe


class Misbook(Request):
    """Change the books behind the registry's back. No record is made and nothing is published.

    `status` and `member` (the present holder of units that left) are set on `ranges`; `forget` takes them out of the
    books; `twice` lets the line before the range run on over it, so that its serials stand in two lines.
    """

    ranges: list[UnitRange] = Field(min_length=1)
    status: Status | None = None
    member: str | None = None
    forget: bool = False
    twice: bool = False


_ANY: tuple[Status, ...] = (
    "available",
    "locked",
    "pending",
    "transferred_out",
    "retired",
    "cut",
    "corrected",
    "retired_elsewhere",
    "cancelled_elsewhere",
    "cancelled",
)


def misbook(registry: Registry, request: Misbook) -> dict[str, int]:
    """Does it; answers how many lines of the books were touched. Raises RegistryRefusal for units that are not here."""
    touched = 0
    with registry.storage.transaction() as db:
        for units in request.ranges:
            rows = registry.units.carve(units, _ANY, allow_held=True)
            touched += len(rows)
            if request.twice:
                before = db.execute(
                    "UPDATE holding SET last = ? WHERE home_member = ? AND series = ? AND last = ?",
                    (units.last, units.home_member, units.series, units.first - 1),
                )
                if not before.rowcount:
                    raise conflict(
                        "NOTHING_BEFORE", f"no line ends before {describe(units)}", field="ranges", value=units
                    )
            elif request.forget:
                registry.units.remove(rows)
            else:
                values = {"status": request.status, "member": request.member}
                registry.units.change(rows, **{name: value for name, value in values.items() if value is not None})
    return {"lines": touched}
