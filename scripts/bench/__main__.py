"""`make bench`: measures gas, replay, cities, reconciliation and memory, prints the tables, and exits 1 when a bound is
missed. `make bench-full` is the same at the whole sizes.

    python -m scripts.bench                        everything: about a quarter of an hour
    python -m scripts.bench --only gas             gas alone: seconds
    python -m scripts.bench --only city            10,000 projects, 100,000 records; ten times as many with --full
    python -m scripts.bench --only cad-trust       1,000 projects listed and imported; 10,000 with --full
    python -m scripts.bench --only reconciliation  100,000 blocks a side; 1,000,000 with --full
    python -m scripts.bench --only city --projects 1000   another size of city
    python -m scripts.bench --records 5000         the replay bounded to its first 5,000 records
    python -m scripts.bench --write-gas-snapshot   contracts/gas-snapshot.json anew, after a change that is meant

Figures in seconds are of this machine at this moment; ratios are of one run. Gas is the same everywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from hub.errors import YrdhubError
from hub.logs import configure_logs
from hub.settings import LogFormat, load_settings
from scripts.bench.bounds import Bound
from scripts.bench.cad_trust import measure_cad_trust
from scripts.bench.city import ALL_PROJECTS, PROJECTS, CityFigures, measure_city
from scripts.bench.gas import SIZES, SNAPSHOT, GasFigures, measure_gas
from scripts.bench.illustrative import write_reports
from scripts.bench.reconciliation import ALL_BLOCKS, BLOCKS, ReconciliationFigures, measure_reconciliation
from scripts.bench.replay import CADT_RECORDS_A_SECOND, ReplayFigures, measure_replay
from scripts.compile import ROOT

ILLUSTRATIVE_RECORDS = 39_000
"""As many as the CDM registry had in August 2023, where the reports are not there."""

_PARTS = ("gas", "replay", "city", "reconciliation", "cad-trust")
_TOLD = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    configure_logs(LogFormat.CONSOLE, "ERROR")
    if chosen.write_gas_snapshot:
        return _write_snapshot()
    try:
        gas = measure_gas() if chosen.only in (None, "gas") else None
        replay = _measure_replay(chosen.reports, chosen.records) if chosen.only in (None, "replay") else None
        city = _measure_city(chosen.projects, full=chosen.full) if chosen.only in (None, "city") else None
        listed = measure_cad_trust(full=chosen.full) if chosen.only in (None, "cad-trust") else None
        reconciled = _measure_reconciliation(full=chosen.full) if chosen.only in (None, "reconciliation") else None
    except YrdhubError as failed:
        _TOLD.print(failed.to_panel())
        return 2
    bounds = [bound for figures in (gas, replay, city, reconciled, listed) if figures for bound in figures.bounds()]
    if chosen.json:
        parts = {"gas": gas, "replay": replay, "city": city, "reconciliation": reconciled, "cad_trust": listed}
        measured = {name: figures.to_json() if figures else None for name, figures in parts.items()}
        print(json.dumps(measured | {"bounds": [bound.to_json() for bound in bounds]}, indent=1, ensure_ascii=False))
    else:
        console = Console()
        more = [one.table() for one in (city, reconciled, listed) if one]
        tables = [*_shown(gas, replay), *more, _bounds_table(bounds)]
        for table in tables:
            console.print(table)
    return 0 if all(bound.kept for bound in bounds) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="Measure gas, speed and memory.")
    parser.add_argument("--only", choices=_PARTS, help="one part alone")
    parser.add_argument("--full", action="store_true", help="the whole sizes, not a tenth of them")
    parser.add_argument("--projects", type=_city_size, help="projects of the city [10,000; 100,000 with --full]")
    parser.add_argument("--records", type=int, help="replay no more than so many issuances and cancellations")
    parser.add_argument("--reports", type=Path, help="folder of CDM reports [cdm in YRDHUB_DATA or ../shared/data]")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--write-gas-snapshot", action="store_true", help=f"write {SNAPSHOT.relative_to(ROOT)} anew")
    return parser


def _city_size(text: str) -> int:
    projects = int(text)
    if projects < 1_000 or projects % 10:
        raise argparse.ArgumentTypeError("at least 1000 and a multiple of 10: a city a tenth as large is measured too")
    return projects


def _write_snapshot() -> int:
    text = measure_gas().as_text()
    before = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    SNAPSHOT.write_text(text, encoding="utf-8")
    print(f"{SNAPSHOT.relative_to(ROOT)}: {'unchanged' if text == before else 'written; review the difference'}")
    return 0


def _measure_replay(reports: Path | None, records: int | None) -> ReplayFigures:
    folder = reports or (load_settings().data or ROOT.parent / "shared" / "data") / "cdm"
    with tempfile.TemporaryDirectory(prefix="yrdhub-bench-") as scratch:
        home, illustrative = Path(scratch), False
        if reports is None and not folder.is_dir():
            folder, illustrative = home / "illustrative reports", True
            wanted = records or ILLUSTRATIVE_RECORDS
            _TOLD.print(f"no CDM reports at hand (YRDHUB_DATA): {wanted:,} illustrative records instead")
            write_reports(folder, wanted)
        with Progress(console=_TOLD, transient=True) as progress:
            watch = _Shown(progress)
            return measure_replay(home, folder, records, illustrative=illustrative, watch=watch)


def _measure_reconciliation(*, full: bool) -> ReconciliationFigures:
    return measure_reconciliation(ALL_BLOCKS if full else BLOCKS)


def _measure_city(projects: int | None, *, full: bool) -> CityFigures:
    return measure_city(projects or (ALL_PROJECTS if full else PROJECTS), watch=_TOLD.print)


class _Shown:
    """Progress of the replay on the terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total, description=f"{stage} {done:,}")


def _shown(gas: GasFigures | None, replay: ReplayFigures | None) -> list[Table]:
    tables = []
    if gas is not None:
        tables += [_yardstick_table(gas), _gas_table(gas)]
    if replay is not None:
        tables.append(_replay_table(replay))
    return tables


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", min_width=len(title))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    return table


def _yardstick_table(gas: GasFigures) -> Table:
    table = _table("OpenZeppelin 5.1 ERC-1155, called singly", "call", "gas")
    for name, used in gas.yardstick.items():
        table.add_row(name, f"{used:,}")
    return table


def _gas_table(gas: GasFigures) -> Table:
    sizes = sorted(SIZES)
    mint, transfer = gas.yardstick["mint"], gas.yardstick["transfer to a new holder"]
    columns = ["alone" if size == 1 else f"of {size}" for size in sizes]
    title = "Gas a record, alone and in batches, each of a project of its own; all included"
    table = _table(title, "record", *columns, "/ mint", "/ transfer")
    for name, by_size in gas.records.items():
        dearest = max(used for size, used in by_size.items() if size > 1)
        cells = [f"{by_size[size]:,}" for size in sizes]
        table.add_row(name, *cells, f"{dearest / mint:.2f}", f"{dearest / transfer:.2f}")
    table.caption = "Ratios are of the dearer batch."
    return table


def _replay_table(replay: ReplayFigures) -> Table:
    source = f"{replay.source}, ILLUSTRATIVE" if replay.illustrative else replay.source
    before = f"{replay.foundations:,} parties, methodologies and projects"
    title = f"Replay of {source}: {replay.records:,} records after {before}"
    table = _table(title, "", "file to final, projected", "the chain alone (ceiling)")
    both = replay.seconds, replay.ceiling_seconds
    table.add_row("seconds", *(f"{seconds:,.1f}" for seconds in both))
    table.add_row("records a second", *(f"{replay.records / seconds:,.0f}" for seconds in both))
    table.add_row("writes a second", *(f"{replay.writes / seconds:,.0f}" for seconds in both))
    table.caption = (
        f"{replay.writes:,} writes in {replay.transactions:,} transactions; {replay.held:,} rows held back. "
        f"For scale: CADT does {CADT_RECORDS_A_SECOND} records a second."
    )
    return table


def _bounds_table(bounds: Sequence[Bound]) -> Table:
    table = _table("Bounds", "figure", "measured", "bound", "kept")
    for bound in bounds:
        shown = f"{bound.measured:,.0f}" if bound.unit in {" gas", " MiB"} else f"{bound.measured:.2f}"
        limit = f"{bound.side.value} {bound.limit:,g}{bound.unit}"
        table.add_row(bound.name, f"{shown}{bound.unit}", limit, "yes" if bound.kept else "[red]NO[/red]")
    return table


if __name__ == "__main__":
    sys.exit(main())
