"""The bench of reconciliation, small: two sides that are made apart agree, and what is measured is there."""

from __future__ import annotations

import pytest

from scripts.bench.illustrative_books import illustrative_blocks, illustrative_books
from scripts.bench.reconciliation import measure_reconciliation


def test_books__are_the_blocks_in_other_lines() -> None:
    blocks = list(illustrative_blocks(300))
    lines = list(illustrative_books(300))
    assert len(lines) > len(blocks)
    assert sum(one.serials.count for one in lines) == sum(last - first + 1 for _, first, last, _, _ in blocks)


@pytest.mark.slow
def test_measure__small__agrees_finds_the_swap_and_a_change_costs_less_than_all() -> None:
    found = measure_reconciliation(3_000)
    assert found.agree
    assert found.swap_found
    assert found.ratio > 1.5
    assert found.nodes > 100
    assert found.day_exact
    assert (found.lines_changed, found.lines > 3_000) == (4, True)
