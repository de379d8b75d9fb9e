"""What a city's first sync and its days cost, beside a city a tenth as large: a day is to cost as its changes do.

Both cities are illustrative and of Suzhou's form: CSV batches in a folder, read by the adapter that a real city has,
and from there journal, chain, index and documents as everywhere. Each has a chain of its own and runs in a process of
its own. Their days have the same number of changes (0.1 % of the large city's records) and take turns; the least of the
days counts, since what else the machine does can only add.

What is not in the figures: the registry's own time, a network, a chain of several validators, and telling (nothing
befalls these serials elsewhere). What is, and is not the sync's: the embedded chain. Anvil 1.7.1 works out the root of
its whole state for every block, so that a block costs as the chain does; that is shown apart, as its CPU seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from scripts.bench.bounds import Bound, Side
from scripts.bench.city_process import CityProcess, Pass
from scripts.bench.illustrative_city import RECORDS

PROJECTS, ALL_PROJECTS = 10_000, 100_000
DAYS = 5
PER_MILLE = 1
"""Of the city's projects, issuances and retirements change on a day."""

MOST_TIMES_TENTH = 1.25
MOST_WAITING = 100.0
"""Milliseconds of CPU beyond that: looking for blocks, for which a larger chain of this engine lets one wait longer."""
MOST_IDLE_BEYOND = 50.0
"""Milliseconds of CPU that a pass with nothing new may take in the city beyond what it takes in a tenth of it."""
MOST_MEMORY = 768.0
MOST_MEMORY_BEYOND = 384.0
"""MiB in all, and beyond a tenth of the city. Caches are bounded by rows, and a small city does not fill them."""


@dataclass(frozen=True, slots=True)
class CityRun:
    """One city: its first sync, days with changes, and as many passes with nothing new."""

    projects: int
    first: Pass
    days: Sequence[Pass]
    idle: Sequence[Pass]

    def least(self, figure: Callable[[Pass], float], passes: Sequence[Pass] | None = None) -> float:
        """The least of a figure over the days, or over `passes`."""
        return min(map(figure, self.days if passes is None else passes))

    @property
    def peak(self) -> int:
        """Most bytes of hub and adapter at any time."""
        return max(one.peak for one in (self.first, *self.days, *self.idle))


@dataclass(frozen=True, slots=True)
class CityFigures:
    """The city and one a tenth as large. Seconds are of this machine at this moment."""

    changes: int
    city: CityRun
    tenth: CityRun

    @property
    def day_times_tenth(self) -> float:
        """CPU of hub and adapter on a day, in units of the same day in a city a tenth as large."""
        return self.city.least(_cpu) / self.tenth.least(_cpu)

    @property
    def day_beyond_ms(self) -> float:
        """Milliseconds of CPU that a day takes beyond MOST_TIMES_TENTH times the tenth's."""
        return (self.city.least(_cpu) - MOST_TIMES_TENTH * self.tenth.least(_cpu)) * 1000

    @property
    def idle_beyond_ms(self) -> float:
        """Milliseconds of CPU that a pass with nothing new takes beyond the tenth's."""
        return (self.city.least(_cpu, self.city.idle) - self.tenth.least(_cpu, self.tenth.idle)) * 1000

    def bounds(self) -> list[Bound]:
        """What must hold."""
        held = sum(one.held for run in (self.city, self.tenth) for one in (run.first, *run.days))
        mebibytes, beyond = self.city.peak / 2**20, (self.city.peak - self.tenth.peak) / 2**20
        return [
            Bound("city: records held back", float(held), Side.AT_MOST, 0),
            Bound(
                f"city: CPU of a day beyond {MOST_TIMES_TENTH} x a tenth's",
                self.day_beyond_ms,
                Side.AT_MOST,
                MOST_WAITING,
                " ms",
            ),
            Bound(
                "city: CPU of a pass, nothing new, beyond a tenth",
                self.idle_beyond_ms,
                Side.AT_MOST,
                MOST_IDLE_BEYOND,
                " ms",
            ),
            Bound("city: memory of hub and adapter", mebibytes, Side.AT_MOST, MOST_MEMORY, " MiB"),
            Bound("city: memory beyond a tenth", beyond, Side.AT_MOST, MOST_MEMORY_BEYOND, " MiB"),
        ]

    def to_json(self) -> dict[str, object]:
        """As --json prints it."""
        return {
            "illustrative": True,
            "changes_a_day": self.changes,
            "city": _run_json(self.city),
            "tenth": _run_json(self.tenth),
            "day_cpu_times_tenth": round(self.day_times_tenth, 3),
            "idle_cpu_ms_beyond_tenth": round(self.idle_beyond_ms, 1),
        }

    def table(self) -> Table:
        """For a terminal."""
        records = self.city.projects * RECORDS
        title = (
            f"A city of {self.city.projects:,} projects and {records:,} issuances and retirements, ILLUSTRATIVE; "
            f"days with {self.changes:,} changes"
        )
        table = Table(title=title, title_justify="left", min_width=len(title))
        for number, column in enumerate(("", "the city", "a tenth of it", "ratio")):
            table.add_column(column, justify="right" if number else "left", no_wrap=not number)
        first, day, idle = ("first sync", "a day", "nothing new")
        self._row(table, f"{first}: seconds", lambda run: run.first.seconds, "{:,.1f}")
        self._row(table, f"{first}: ms a record", lambda run: 1e3 * run.first.seconds / run.first.records, "{:.2f}")
        self._row(table, f"{first}: CPU ms a record", lambda run: 1e3 * run.first.cpu / run.first.records, "{:.2f}")
        self._row(
            table,
            f"{first}: the chain's CPU ms a record",
            lambda run: 1e3 * run.first.chain_cpu / run.first.records,
            "{:.2f}",
        )
        self._row(table, f"{day}: seconds", lambda run: run.least(lambda one: one.seconds), "{:.2f}")
        self._row(table, f"{day}: CPU seconds", lambda run: run.least(_cpu), "{:.2f}")
        self._row(table, f"{day}: the chain's CPU seconds", lambda run: run.least(lambda one: one.chain_cpu), "{:.2f}")
        self._row(table, f"{day}: seconds without the chain's", lambda run: run.least(_without_chain), "{:.2f}")
        self._row(table, f"{day}: CPU ms a changed record", lambda run: 1e3 * run.least(_cpu) / self.changes, "{:.2f}")
        self._row(table, f"{idle}: ms", lambda run: 1e3 * run.least(lambda one: one.seconds, run.idle), "{:.0f}")
        self._row(table, f"{idle}: CPU ms", lambda run: 1e3 * run.least(_cpu, run.idle), "{:.0f}")
        self._row(table, "peak memory of hub and adapter, MiB", lambda run: run.peak / 2**20, "{:,.0f}")
        table.caption = (
            f"The least of {len(self.city.days)} days each. CPU is of hub and adapter; the chain is this machine's "
            "trial engine, which works out the root of its whole state for every block."
        )
        return table

    def _row(self, table: Table, name: str, figure: Callable[[CityRun], float], form: str) -> None:
        city, tenth = figure(self.city), figure(self.tenth)
        ratio = f"{city / tenth:.2f}" if tenth else "-"
        table.add_row(name, form.format(city), form.format(tenth), ratio)


def measure_city(projects: int = PROJECTS, *, days: int = DAYS, watch: Callable[[str], None] = print) -> CityFigures:
    """Measures a city of so many projects (a multiple of 10) beside one a tenth as large. Raises what a sync does."""
    changes = projects * (1 + RECORDS) * PER_MILLE // 1_000
    with tempfile.TemporaryDirectory(prefix="yrdhub-bench-") as scratch:
        home = Path(scratch)
        with (
            CityProcess(home / "tenth", projects // 10) as tenth,
            CityProcess(home / "city", projects) as city,
        ):
            watch(f"first sync of a city of {projects // 10:,} projects")
            first_of_tenth = tenth.first_sync()
            watch(f"first sync of a city of {projects:,} projects")
            first = city.first_sync()
            watch(f"{days} days of {changes:,} changes in each")
            passes: dict[CityProcess, tuple[list[Pass], list[Pass]]] = {tenth: ([], []), city: ([], [])}
            for _ in range(days):
                for one, (with_changes, idle) in passes.items():
                    with_changes.append(one.day(changes))
                    idle.append(one.day(0))
    return CityFigures(
        changes, CityRun(projects, first, *passes[city]), CityRun(projects // 10, first_of_tenth, *passes[tenth])
    )


def _cpu(one: Pass) -> float:
    return one.cpu


def _without_chain(one: Pass) -> float:
    return one.seconds - one.chain_cpu


def _run_json(run: CityRun) -> dict[str, object]:
    return {
        "projects": run.projects,
        "records": run.projects * RECORDS,
        "first_sync": asdict(run.first),
        "days": [asdict(one) for one in run.days],
        "nothing_new": [asdict(one) for one in run.idle],
        "peak_mib": round(run.peak / 2**20, 1),
    }
