"""Instants and durations as people read them."""

from __future__ import annotations

import pytest

from mutual_recognition.instants import ago, duration, in_china


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (723, "12 min 3 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (19_200, "5 h 20 min"),
        (86_400 * 3 + 3_600 * 4 + 59, "3 d 4 h"),
    ],
)
def test_duration__in_the_two_largest_units(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_instant__in_chinas_time_with_its_age__never_where_it_never_came() -> None:
    assert in_china(1_767_225_600) == "2026-01-01 08:00:00 (UTC+8)"
    assert ago(1_767_225_600, 1_767_225_690) == "2026-01-01 08:00:00 (UTC+8), 1 min 30 s ago"
    assert ago(None, 1) == "never"
