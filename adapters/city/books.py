"""A city registry's books as the hub reconciles them: each unit holding in the protocol's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.city.canonical import City
from adapters.city.records import Status, UnitRange
from adapters.protocol import Holding
from hub.errors import ConfigurationWrong
from mutual_recognition.records import SeriesName

_AS: Final[Mapping[Status, str]] = {
    Status.AVAILABLE: "available",
    Status.LOCKED: "in_transit",
    Status.PENDING: "pending",
    Status.TRANSFERRED: "available",  # at the member that holds it now
    Status.RETIRED: "retired",
    Status.RETIRED_ELSEWHERE: "retired",
    Status.CUT: "cancelled",
    Status.CORRECTED: "cancelled",
    Status.CANCELLED_ELSEWHERE: "cancelled",
    Status.CANCELLED: "cancelled",
}


def holding(units: UnitRange, status: Status, elsewhere: int, of: City, where: str, *, line: str = "") -> Holding:
    """One line of the books. `elsewhere`: the member that holds units which have left, 0 while they are here; `line`:
    the registry's own number of the line, where its adapter tells of changes by it.

    Raises ConfigurationWrong for a status that no holding has, RecordRefused for serials of a registry that is not
    configured.
    """
    if status not in _AS:
        raise ConfigurationWrong(
            f"a holding is {status.value}, which the mapping knows for records only",
            code="schema_changed",
            what=status.value,
            where=where,
            remedy="change the adapter's mapping",
        )
    name = of.series(units, where)
    # in reconciliation every series carries its home, so that two registries' books can be laid side by side
    series = SeriesName(code=name.code, member=units.home, registry=name.registry or of.registry)
    return Holding(series, units.serials, elsewhere or of.member, _AS[status], line)
