"""The inventory of one member and year: opening + changes = closing, in two views, computed from flows alone.

Holder view: what the member holds, wherever it was issued. Home view: what became of everything the member issued,
wherever it is; there each reduction that was used has one claimant, the holder at its retirement, so that none is
claimed twice. A transfer leaves the sender with its whole quantity and arrives less what the conversion cut: over all
members of a year, moved out = received + cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.errors import StopAndTell
from hub.inventory.flows import Change, Flow, holdings


class View(StrEnum):
    """Whose credits an inventory counts: what the member holds, or what it issued."""

    HOLDER = "holder"
    HOME = "home"


class Line(StrEnum):
    """A line of an inventory."""

    OPENING = "opening"
    ISSUED = "issued"
    RECEIVED = "received"
    MOVED_OUT = "moved_out"
    RETIRED = "retired"
    CANCELLED = "cancelled"
    CUT = "cut"
    CLOSING = "closing"


SIGNS = {
    Line.OPENING: 1,
    Line.ISSUED: 1,
    Line.RECEIVED: 1,
    Line.MOVED_OUT: -1,
    Line.RETIRED: -1,
    Line.CANCELLED: -1,
    Line.CUT: -1,
    Line.CLOSING: 0,
}
"""How each line changes what is held; the closing is what comes of the others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """kg of one line. Fields that do not apply are 0: `home` of the credits, `holder`, `other` side of a movement,
    `purpose` of a retirement or cause of a cancellation, `claimant`."""

    line: Line
    kg: int
    home: int = 0
    holder: int = 0
    other: int = 0
    purpose: int = 0
    claimant: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """One view. Raises StopAndTell (`inventory_open`) where it does not close: the projections are damaged."""

    view: View
    member: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        come_to = sum(SIGNS[entry.line] * entry.kg for entry in self.entries)
        if come_to != self.total(Line.CLOSING):
            held = self.total(Line.CLOSING)
            raise StopAndTell(
                f"the {self.view} inventory does not close: its lines come to {come_to} kg, and {held} kg are held",
                what=self.member,
                remedy="rebuild the index from the chain: yrdhub index rebuild",
                code="inventory_open",
            )

    def total(self, line: Line) -> int:
        """kg of all entries of a line."""
        return sum(entry.kg for entry in self.entries if entry.line is line)


@dataclass(frozen=True, slots=True)
class Circulation:
    """Where a member's own credits travelled in the year, in kg that arrived: from home, back, and between others."""

    left_home: int
    came_home: int
    between_others: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of everything a member issued from the beginning to the end of the year, in kg."""

    issued: int
    outstanding_at_home: int
    outstanding_elsewhere: int
    claimed_by_home: int
    claimed_by_others: int
    claimed_by_nobody: int
    cancelled: int
    cut: int

    @property
    def closes(self) -> bool:
        """Whether every kilogram issued is in one of the other places."""
        return self.issued == (
            self.outstanding_at_home
            + self.outstanding_elsewhere
            + self.claimed_by_home
            + self.claimed_by_others
            + self.claimed_by_nobody
            + self.cancelled
            + self.cut
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """Both views of one member and year. `in_transit` is the part of the holder's closing that is under way."""

    member: int
    year: int
    holder: Account
    home: Account
    circulation: Circulation
    fate: Fate
    in_transit: int = 0


def compute_inventory(flows: Sequence[Flow], member: int, year: int, in_transit: int = 0) -> Inventory:
    """The inventory of `member` from all `flows` up to the end of `year` (see `read_flows`). Pure.

    Raises StopAndTell (`inventory_open`) for flows that do not close.
    """
    within = [flow for flow in flows if not flow.before]
    opening, closing = holdings(flow for flow in flows if flow.before), holdings(flows)
    return Inventory(
        member,
        year,
        Account(View.HOLDER, member, _holder_entries(within, member, opening, closing)),
        Account(View.HOME, member, _home_entries(within, member, opening, closing)),
        _circulation(within, member),
        _fate(flows, member, closing),
        in_transit,
    )


Held = dict[tuple[int, int], int]


def _holder_entries(within: Iterable[Flow], member: int, opening: Held, closing: Held) -> tuple[Entry, ...]:
    entries = [Entry(Line.OPENING, kg, home, member) for (home, holder), kg in opening.items() if holder == member]
    for flow in within:
        if flow.change is Change.MOVED:
            if flow.other == member:
                entries.append(Entry(Line.RECEIVED, flow.kg, flow.home, member, other=flow.holder))
            if flow.holder == member:
                entries.append(Entry(Line.MOVED_OUT, flow.kg + flow.cut_kg, flow.home, member, other=flow.other))
        elif flow.holder == member:
            line = Line(flow.change.value)
            entries.append(Entry(line, flow.kg, flow.home, member, purpose=flow.purpose, claimant=flow.claimant))
    entries += [Entry(Line.CLOSING, kg, home, member) for (home, holder), kg in closing.items() if holder == member]
    return _in_order(entries)


def _home_entries(within: Iterable[Flow], member: int, opening: Held, closing: Held) -> tuple[Entry, ...]:
    entries = [Entry(Line.OPENING, kg, member, holder) for (home, holder), kg in opening.items() if home == member]
    for flow in within:
        if flow.home != member:
            continue
        if flow.change is not Change.MOVED:
            line = Line(flow.change.value)
            entries.append(Entry(line, flow.kg, member, flow.holder, purpose=flow.purpose, claimant=flow.claimant))
        elif flow.cut_kg:
            entries.append(Entry(Line.CUT, flow.cut_kg, member, flow.holder, other=flow.other))
    entries += [Entry(Line.CLOSING, kg, member, holder) for (home, holder), kg in closing.items() if home == member]
    return _in_order(entries)


def _circulation(within: Iterable[Flow], member: int) -> Circulation:
    out = back = between = 0
    for flow in within:
        if flow.change is not Change.MOVED or flow.home != member:
            continue
        if flow.holder == member:
            out += flow.kg
        elif flow.other == member:
            back += flow.kg
        else:
            between += flow.kg
    return Circulation(out, back, between)


def _fate(flows: Iterable[Flow], member: int, closing: Held) -> Fate:
    own = [flow for flow in flows if flow.home == member]

    def claimed(by_home: bool) -> int:
        return sum(
            flow.kg
            for flow in own
            if flow.change is Change.RETIRED and flow.claimant and (flow.claimant == member) is by_home
        )

    return Fate(
        issued=sum(flow.kg for flow in own if flow.change is Change.ISSUED),
        outstanding_at_home=sum(kg for (home, holder), kg in closing.items() if home == holder == member),
        outstanding_elsewhere=sum(kg for (home, holder), kg in closing.items() if home == member != holder),
        claimed_by_home=claimed(by_home=True),
        claimed_by_others=claimed(by_home=False),
        claimed_by_nobody=sum(flow.kg for flow in own if flow.change is Change.RETIRED and not flow.claimant),
        cancelled=sum(flow.kg for flow in own if flow.change is Change.CANCELLED),
        cut=sum(flow.cut_kg for flow in own),
    )


_ORDER = list(Line)


def _in_order(entries: list[Entry]) -> tuple[Entry, ...]:
    """One entry for all that differs by nothing but its kg (flows come by series), in the order of the lines."""
    summed: dict[Entry, int] = {}
    for entry in entries:
        key = replace(entry, kg=0)
        summed[key] = summed.get(key, 0) + entry.kg
    return tuple(
        replace(key, kg=kg)
        for key, kg in sorted(
            summed.items(),
            key=lambda item: (
                _ORDER.index(item[0].line),
                item[0].home,
                item[0].holder,
                item[0].other,
                item[0].purpose,
                item[0].claimant,
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class YearOfAll:
    """All members of a year together, in kg. Within the consortium what moved out arrived or was cut."""

    year: int
    opening: int
    issued: int
    moved_out: int
    received: int
    cut: int
    retired: int
    cancelled: int
    closing: int

    @property
    def closes(self) -> bool:
        """Whether both hold: opening and changes come to the closing, and what moved out arrived or was cut."""
        changes = self.issued - self.cut - self.retired - self.cancelled
        return self.opening + changes == self.closing and self.moved_out == self.received + self.cut


def sum_of_all(inventories: Sequence[Inventory], year: int) -> YearOfAll:
    """The holder views of all members added up; the cuts come from the home views, as nobody holds them."""

    def held(line: Line) -> int:
        return sum(one.holder.total(line) for one in inventories)

    return YearOfAll(
        year,
        opening=held(Line.OPENING),
        issued=held(Line.ISSUED),
        moved_out=held(Line.MOVED_OUT),
        received=held(Line.RECEIVED),
        cut=sum(one.home.total(Line.CUT) for one in inventories),
        retired=held(Line.RETIRED),
        cancelled=held(Line.CANCELLED),
        closing=held(Line.CLOSING),
    )
