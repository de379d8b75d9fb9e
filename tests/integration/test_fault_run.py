"""A handful of seeds of the randomised fault run; `make soak-cities` runs hundreds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.fault_run import FaultRun
from tests.integration.four_cities import open_city_world

SEEDS = 4
FIRST = int(os.environ.get("YRDHUB_SEED", "1"))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_cities_through_random_faults__end_in_equal_books_on_all_sides__no_row_lost(tmp_path: Path) -> None:
    with open_city_world(tmp_path) as world:
        run = FaultRun(world)
        for seed in range(FIRST, FIRST + SEEDS):
            run.run(seed)
        run.assert_no_row_lost()
    assert run.counted["pass"] > 0
    assert any(name.startswith("fault ") for name in run.counted)
