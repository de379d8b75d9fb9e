"""Where every kilogram is, by series and holder: issued = available + in transit + pledged + retired + cancelled."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hub.index.queries_names import names_of
from hub.index.queries_totals import balance, read_totals
from mutual_recognition.unit_blocks import BlockStatus

STATUSES = tuple(BlockStatus)
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Holding:
    """What one member holds (or retired, or had cancelled) of one series, in kg by status."""

    series: str
    code: str
    home: int
    holder: int
    kg: dict[BlockStatus, int]

    @property
    def total_kg(self) -> int:
        return sum(self.kg.values())


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Every holding, beside what was issued of each series."""

    holdings: list[Holding]
    issued_kg: dict[str, int] = field(default_factory=dict)

    def total_kg(self, status: BlockStatus | None = None) -> int:
        """Over all holdings: in `status`, or in whichever."""
        return sum(one.total_kg if status is None else one.kg.get(status, 0) for one in self.holdings)

    @property
    def adds_up(self) -> bool:
        """Whether each series' holdings come to what was issued of it."""
        held: dict[str, int] = defaultdict(int)
        for one in self.holdings:
            held[one.series] += one.total_kg
        return dict(held) == self.issued_kg


def whereabouts(connection: Connection, *, home: int | None = None, holder: int | None = None) -> Whereabouts:
    """All holdings at the index's moment. `home` leaves other series out; `holder` other holders, and then a series'
    holdings are a part of what was issued of it."""
    filters = {"home": home, "holder": holder}
    found: dict[tuple[int, str, int], dict[BlockStatus, int]] = defaultdict(dict)
    after = None
    while True:
        rows, after = read_totals(connection, ("home", "series", "holder", "status"), filters, after, _PAGE)
        for row in rows:
            found[row["home"], row["series"], row["holder"]][BlockStatus(row["status"])] = row["kg"]
        if after is None:
            break
    names = names_of(connection, series={series for _, series, _ in found})
    holdings = [
        Holding(series, str(names.get(series, {}).get("record") or series), home_of, holder_of, kg)
        for (home_of, series, holder_of), kg in sorted(found.items())
    ]
    issued = {one.series: balance(connection, {"series": one.series}).issued_kg for one in holdings}
    return Whereabouts(holdings, issued)
