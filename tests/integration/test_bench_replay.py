"""`make bench`'s replay, small: the hub's run and the ceiling's carry the very same transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.illustrative import write_reports
from scripts.bench.replay import measure_replay

pytestmark = pytest.mark.slow


def test_replay_and_ceiling__same_state__every_transaction_is_taken_twice(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    write_reports(reports, 60)
    figures = measure_replay(tmp_path / "home", reports, None, illustrative=True)
    assert (figures.records, figures.held) == (60, 0)
    assert figures.writes == 19 * 2 + 41 + figures.foundations  # an issuance has its verification beside it
    assert 0 < figures.ceiling_seconds < figures.seconds
    assert figures.growth is None
    assert figures.peak_bytes > 20 * 2**20


def test_replay__bounded__stops_after_that_many_records(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    write_reports(reports, 60)
    figures = measure_replay(tmp_path / "home", reports, 20, illustrative=True)
    assert (figures.records, figures.held) == (20, 0)
