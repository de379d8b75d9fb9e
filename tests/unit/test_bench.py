"""The parts of `make bench` that need no chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from adapters.cdm.adapter import CdmAdapter
from adapters.cdm.native import CdmCancellation, CdmIssuance
from adapters.cdm.reports import CdmReports
from adapters.protocol import NativeRecord, Page
from adapters.suzhou.adapter import create
from mutual_recognition.records import Issuance, Retirement
from scripts.bench.bounds import Bound, Side
from scripts.bench.city import CityFigures, CityRun
from scripts.bench.city_process import Pass
from scripts.bench.gas import GasFigures
from scripts.bench.illustrative import write_reports
from scripts.bench.illustrative_city import IllustrativeCity
from scripts.bench.memory import PeakMemory
from scripts.bench.replay import EARLY, FirstRecords, ReplayFigures, Step, growth, growth_beside_ceiling


@pytest.mark.parametrize(
    ("side", "measured", "kept"),
    [
        (Side.AT_MOST, 1.6, True),
        (Side.AT_MOST, 1.61, False),
        (Side.AT_LEAST, 1.6, True),
        (Side.AT_LEAST, 1.59, False),
    ],
)
def test_bound__is_kept_up_to_its_limit(side: Side, measured: float, kept: bool) -> None:
    assert Bound("figure", measured, side, 1.6).kept is kept


def test_gas_bounds__take_the_dearer_batch() -> None:
    figures = GasFigures({"mint": 100, "transfer to a new holder": 100}, {}, {"retire leaves 2": 23_001})
    for name in ("issue", "propose", "accept", "retire at home", "retire elsewhere"):
        figures.records[name] = {1: 1_000, 100: 150, 200: 140}
    figures.records["accept"][200] = 161
    assert [bound.name for bound in figures.bounds() if not bound.kept] == [
        "accept, batched / transfer",
        "each further piece, retire leaves 2",
    ]


def steps(replay: list[float], ceiling: list[float]) -> list[Step]:
    """A transaction of foundations, then one for each EARLY records."""
    return [Step(10, at * EARLY, mine, theirs) for at, (mine, theirs) in enumerate(zip(replay, ceiling, strict=True))]


def test_growth__linear__is_one_whatever_the_foundations_took() -> None:
    assert growth(steps([7.0, 8.0, 9.0, 10.0], [0.0] * 4), lambda step: step.replayed_at) == pytest.approx(1)


def test_growth__each_part_slower_than_the_one_before__is_seen() -> None:
    assert growth(steps([0.0, 1.0, 3.0, 6.0], [0.0] * 4), lambda step: step.replayed_at) == pytest.approx(2)


def test_growth__too_few_records__is_not_claimed() -> None:
    few = steps([1.0, 2.0], [1.0, 2.0])
    assert growth(few, lambda step: step.replayed_at) is None
    assert growth_beside_ceiling(few) is None
    assert growth([], lambda step: step.replayed_at) is None


def test_growth__of_the_chain_itself__is_taken_out() -> None:
    both = [0.0, 1.0, 3.0, 6.0]
    assert growth_beside_ceiling(steps([10 + 2 * at for at in both], both)) == pytest.approx(1)


def figures(**changed: float | None) -> ReplayFigures:
    known = {"seconds": 10.0, "ceiling_seconds": 6.0, "peak_bytes": 2**30, "growth": 1.0, "growth_beside_ceiling": 1.0}
    counts = {"records": 100, "foundations": 5, "writes": 150, "transactions": 2, "held": 0}
    return ReplayFigures(source="cdm", illustrative=False, **(counts | known | changed))  # type: ignore[arg-type]


def test_replay_bounds__at_their_limits__are_kept() -> None:
    assert all(bound.kept for bound in figures().bounds())
    assert len(figures().bounds()) == 4


@pytest.mark.parametrize(
    "changed",
    [{"ceiling_seconds": 5.9}, {"growth": 1.3}, {"growth_beside_ceiling": 1.3}, {"peak_bytes": 2**30 + 2**20}],
)
def test_replay_bounds__beyond_one__misses_that_alone(changed: dict[str, float]) -> None:
    assert sum(not bound.kept for bound in figures(**changed).bounds()) == 1


def test_replay_bounds__no_growth_measured__none_claimed() -> None:
    assert len(figures(growth=None, growth_beside_ceiling=None).bounds()) == 2


class _Pages:
    """An adapter that only reads: three pages of one project and two issuances, from the page that the cursor names."""

    def read(self, cursor: str) -> Iterator[Page]:
        for at in range(int(cursor or 0), 3):
            kinds = ("project", "issuance", "issuance")
            records = [NativeRecord(kind, f"{kind} {at} {n}", 1, {}, "") for n, kind in enumerate(kinds)]
            yield Page(records, str(at + 1))


def test_first_records__counts_records_and_not_what_comes_before_them() -> None:
    adapter = FirstRecords(cast(CdmAdapter, _Pages()), 3)
    pages = list(adapter.read(""))
    assert [record.native_id for page in pages for record in page.records] == [
        "project 0 0",
        "issuance 0 1",
        "issuance 0 2",
        "project 1 0",
        "issuance 1 1",
    ]


def test_first_records__read_again__gives_no_more_than_asked_in_all() -> None:
    adapter = FirstRecords(cast(CdmAdapter, _Pages()), 3)
    first = next(iter(adapter.read("")))
    again = list(adapter.read(first.cursor))
    assert [len(page.records) for page in again] == [2]
    assert list(adapter.read("")) == []


def test_illustrative_reports__are_read_whole_without_a_fault(tmp_path: Path) -> None:
    write_reports(tmp_path, 100)
    reports = CdmReports(tmp_path)
    issuances, cancellations, projects = (
        list(reports.issuances()),
        list(reports.voluntary_cancellations()),
        list(reports.projects()),
    )
    assert (len(issuances), len(cancellations), len(projects)) == (32, 68, 8)
    assert all(isinstance(row, CdmIssuance) for row in issuances)
    assert all(isinstance(row, CdmCancellation) for row in cancellations)


def test_peak_memory__remembers_what_was_freed() -> None:
    with PeakMemory() as memory:
        before = memory.peak
        held = bytearray(64 * 2**20)
        held[::4_096] = b"\1" * len(held[::4_096])  # so that every page is really there
        memory._take()
        del held
    assert memory.peak >= before + 48 * 2**20


def test_illustrative_city__is_read_whole_by_the_adapter_of_a_real_one__and_days_go_on(tmp_path: Path) -> None:
    city = IllustrativeCity(tmp_path / "exchange", 20)
    adapter = create(
        {
            "name": "illustrative",
            "member": 320500,
            "registry": "illustrative",
            "folder": str(tmp_path / "exchange"),
            "secret_file": str(tmp_path / "secret"),
        }
    )
    assert city.export_all() == 20 * 12 + 1
    first = list(adapter.read(""))
    assert Counter(record.kind for page in first for record in page.records) == {
        "方法学": 1,
        "项目": 20,
        "核证": 20,
        "签发": 60,
        "注销": 140,
    }
    days: list[list[Page]] = []
    for _ in range(3):
        city.export_day(10)
        days.append(list(adapter.read((days[-1] if days else first)[-1].cursor)))
    assert [Counter(record.kind for page in day for record in page.records) for day in days] == [
        {"项目": 1, "签发": 3, "注销": 6}
    ] * 3
    pages = [page for read in (first, *days) for page in read]
    assert not any(page.faults for page in pages)
    records = [one for page in pages for record in page.records for one in adapter.translate(record)]
    serials = [one.serials for one in records if isinstance(one, Issuance)]
    assert len({s.first for s in serials}) == len(serials) == 69
    retired = sorted((one.serials.first, one.serials.last) for one in records if isinstance(one, Retirement))
    assert all(last < first for (_, last), (first, _) in pairwise(retired))
    assert all(any(s.first <= first and last <= s.last for s in serials) for first, last in retired)


def city_figures(**day: float) -> CityFigures:
    def one(**changed: float) -> Pass:
        known = {"records": 10, "written": 10, "held": 0, "seconds": 2.0, "cpu": 1.0, "chain_cpu": 0.5, "peak": 2**28}
        return Pass(**(known | changed))  # type: ignore[arg-type]

    idle = {"cpu": day.pop("idle_cpu")} if "idle_cpu" in day else {}
    large = CityRun(1_000, one(), [one(seconds=9.0, cpu=9.0), one(**day)], [one(**idle)])
    return CityFigures(10, large, CityRun(100, one(), [one(), one(cpu=1.5)], [one()]))


def test_city_bounds__the_least_of_the_days_counts__alike_is_kept() -> None:
    assert all(bound.kept for bound in city_figures().bounds())
    assert city_figures().day_times_tenth == pytest.approx(1)


@pytest.mark.parametrize("changed", [{"held": 1}, {"cpu": 1.36}, {"idle_cpu": 1.06}, {"peak": 2**28 + 400 * 2**20}])
def test_city_bounds__beyond_one__misses_that_alone(changed: dict[str, float]) -> None:
    assert sum(not bound.kept for bound in city_figures(**changed).bounds()) == 1
