"""What the ledger must come to, party by party, computed from the published files and from nothing else.

The other side of the replay's reconciliation. It shares the file transport with the adapter, but not its
parsing of fields, not the domain's serial arithmetic and nothing of the chain: a mistake there cannot agree
with itself here. Quantities are tonnes; a serial is one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.transports.snapshots import DEFAULT_LIMITS, FileLimits
from adapters.transports.spreadsheets import read_spreadsheet
from adapters.transports.tables import Fault, Row, TableShape

from .reports import CdmReports, ReportKind
from .rows import ADMINISTRATIVE_CANCELLATIONS, ISSUANCES, VOLUNTARY_CANCELLATIONS

Interval = tuple[int, int]

_SERIALS: Final = re.compile(r"\D*([0-9]+)\D+([0-9]+)\D*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartyExpectation:
    """One party's figures in tonnes. `available` are the serials issued and never cancelled, as maximal runs.

    `issued_twice` and `cancelled_not_issued` are serials that the files themselves contradict; both are empty
    in a consistent report, and then the available runs add up to `remaining_t`.
    """

    party: str
    issuances: int
    issued_t: int
    voluntary_cancellations: int
    voluntarily_cancelled_t: int
    administrative_cancellations: int
    administratively_cancelled_t: int
    available: tuple[Interval, ...]
    issued_twice: tuple[Interval, ...]
    cancelled_not_issued: tuple[Interval, ...]

    @property
    def remaining_t(self) -> int:
        """Issued less cancelled of either kind."""
        return self.issued_t - self.voluntarily_cancelled_t - self.administratively_cancelled_t

    @property
    def consistent(self) -> bool:
        """Whether the files contradict themselves nowhere for this party."""
        return not self.issued_twice and not self.cancelled_not_issued


@dataclass(frozen=True, slots=True)
class Expectation:
    """All parties by code, and the rows that hold figures this arithmetic could not read (file, row)."""

    parties: dict[str, PartyExpectation]
    unread: tuple[str, ...] = ()

    @property
    def issuances(self) -> int:
        """Number of issuances."""
        return sum(party.issuances for party in self.parties.values())

    @property
    def issued_t(self) -> int:
        """Tonnes issued by all parties."""
        return sum(party.issued_t for party in self.parties.values())

    @property
    def voluntary_cancellations(self) -> int:
        """Number of voluntary cancellations."""
        return sum(party.voluntary_cancellations for party in self.parties.values())

    @property
    def voluntarily_cancelled_t(self) -> int:
        """Tonnes cancelled voluntarily."""
        return sum(party.voluntarily_cancelled_t for party in self.parties.values())

    @property
    def administratively_cancelled_t(self) -> int:
        """Tonnes cancelled administratively."""
        return sum(party.administratively_cancelled_t for party in self.parties.values())

    @property
    def remaining_t(self) -> int:
        """Tonnes issued and not cancelled."""
        return sum(party.remaining_t for party in self.parties.values())


@dataclass(slots=True)
class _Tally:
    issued: list[Interval] = field(default_factory=list)
    voluntary: list[Interval] = field(default_factory=list)
    administrative: list[Interval] = field(default_factory=list)


def expected(folder: Path, limits: FileLimits = DEFAULT_LIMITS) -> Expectation:
    """The figures of the latest reports in `folder`. Raises what reading them raises (see `CdmReports`)."""
    reports = CdmReports(folder, limits)
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    unread: list[str] = []
    for kind, shape, party_column in (
        (ReportKind.ISSUANCES, ISSUANCES, "party code"),
        (ReportKind.VOLUNTARY_CANCELLATIONS, VOLUNTARY_CANCELLATIONS, "project identifier"),
        (ReportKind.ADMINISTRATIVE_CANCELLATIONS, ADMINISTRATIVE_CANCELLATIONS, "project identifier"),
    ):
        report = reports.latest(kind)
        if report is None:
            continue
        for party, interval in _intervals(report.path, shape, party_column, unread, limits):
            tally = tallies[party]
            if kind is ReportKind.ISSUANCES:
                tally.issued.append(interval)
            elif kind is ReportKind.VOLUNTARY_CANCELLATIONS:
                tally.voluntary.append(interval)
            else:
                tally.administrative.append(interval)
    return Expectation({party: _party(party, tallies[party]) for party in sorted(tallies)}, tuple(unread))


def merged_runs(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """`intervals` as maximal runs of serials, overlapping and adjacent ones joined: how blocks are compared."""
    runs: list[Interval] = []
    for first, last in sorted(intervals):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], last))
        else:
            runs.append((first, last))
    return tuple(runs)


def _intervals(
    path: Path, shape: TableShape, party_column: str, unread: list[str], limits: FileLimits
) -> Iterator[tuple[str, Interval]]:
    for row in read_spreadsheet(path, shape, limits):
        if isinstance(row, Fault):
            unread.append(str(row.source))
            continue
        if row.cell("serial range") is None and row.cell(party_column) is None:
            continue  # the total row and footnotes
        found = _party_and_interval(row, party_column)
        if found is None:
            unread.append(str(row.source))
        else:
            yield found


def _party_and_interval(row: Row, party_column: str) -> tuple[str, Interval] | None:
    serials = _SERIALS.fullmatch(str(row.cell("serial range")).replace(",", ""))
    party = str(row.cell(party_column)).strip()[:2]
    if serials is None or not party.isalpha():
        return None
    first, last = int(serials[1]), int(serials[2])
    if not 0 < first <= last or row.cell("total") != last - first + 1:
        return None
    return party, (first, last)


def _party(party: str, tally: _Tally) -> PartyExpectation:
    available, twice, never = _sweep(tally.issued, tally.voluntary + tally.administrative)
    return PartyExpectation(
        party=party,
        issuances=len(tally.issued),
        issued_t=_total(tally.issued),
        voluntary_cancellations=len(tally.voluntary),
        voluntarily_cancelled_t=_total(tally.voluntary),
        administrative_cancellations=len(tally.administrative),
        administratively_cancelled_t=_total(tally.administrative),
        available=merged_runs(available),
        issued_twice=merged_runs(twice),
        cancelled_not_issued=merged_runs(never),
    )


def _total(intervals: list[Interval]) -> int:
    return sum(last - first + 1 for first, last in intervals)


def _sweep(issued: list[Interval], cancelled: list[Interval]) -> tuple[list[Interval], list[Interval], list[Interval]]:
    """Serials available; issued more than once; cancelled more often than issued."""
    changes: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for intervals, which in ((issued, 0), (cancelled, 1)):
        for first, last in intervals:
            changes[first][which] += 1
            changes[last + 1][which] -= 1
    available: list[Interval] = []
    twice: list[Interval] = []
    never: list[Interval] = []
    times_issued = times_cancelled = start = 0
    for position in sorted(changes):
        if times_issued > 1:
            twice.append((start, position - 1))
        if times_cancelled > times_issued:
            never.append((start, position - 1))
        if times_issued > 0 and times_cancelled == 0:
            available.append((start, position - 1))
        times_issued += changes[position][0]
        times_cancelled += changes[position][1]
        start = position
    return available, twice, never
