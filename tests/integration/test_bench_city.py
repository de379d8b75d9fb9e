"""`make bench`'s city, small: what its registry exports is on the chain, day by day."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.city_process import CityProcess

pytestmark = pytest.mark.slow


def test_city__first_sync_and_a_day_and_a_pass_with_nothing_new__all_written_and_no_more(tmp_path: Path) -> None:
    with CityProcess(tmp_path, 20) as city:
        first = city.first_sync()
        assert (first.records, first.written, first.held) == (241, 242, 0)  # the series is no record of its own
        day = city.day(10)
        assert (day.records, day.written, day.held) == (10, 10, 0)
        idle = city.day(0)
        assert (idle.records, idle.written, idle.held) == (0, 0, 0)
    assert 0 < idle.cpu < first.cpu
    assert first.chain_cpu > 0
    assert first.peak > 20 * 2**20
