"""The demo's comparison of a registry's books with the chain: it finds what differs, to the serial."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hub.demo.cities import HANGZHOU, SHANGHAI, SUZHOU
from hub.demo.reckoning import Runs, compare, merge
from mutual_recognition.identifiers import series_id

OWN = "0x" + series_id(SHANGHAI.member, SHANGHAI.registry, "DEMO").hex()
FOREIGN = "0x" + series_id(SUZHOU.member, SUZHOU.registry, "DEMO").hex()

ON_CHAIN: Runs = {
    (OWN, SHANGHAI.member, "AVAILABLE"): [(1, 60)],
    (OWN, HANGZHOU.member, "AVAILABLE"): [(61, 70)],
    (OWN, HANGZHOU.member, "PLEDGED"): [(71, 80)],
    (OWN, HANGZHOU.member, "RETIRED"): [(81, 90)],
    (OWN, SHANGHAI.member, "CANCELLED"): [(91, 100)],
    (FOREIGN, SHANGHAI.member, "AVAILABLE"): [(1, 5)],
    (FOREIGN, SUZHOU.member, "AVAILABLE"): [(6, 9)],
}


def row(home: int, first: int, last: int, status: str, member: int | str = "") -> dict[str, Any]:
    return {
        "home_member": f"{home}",
        "series": "DEMO",
        "first": first,
        "last": last,
        "status": status,
        "member": f"{member}",
    }


BOOKS = [
    row(SHANGHAI.member, 1, 30, "available"),
    row(SHANGHAI.member, 31, 60, "available"),
    row(SHANGHAI.member, 61, 80, "transferred_out", HANGZHOU.member),
    row(SHANGHAI.member, 81, 90, "retired_elsewhere", HANGZHOU.member),
    row(SHANGHAI.member, 91, 100, "corrected"),
    row(SUZHOU.member, 1, 5, "available"),
]


def differences(books: list[dict[str, Any]]) -> list[str]:
    registry: Any = SimpleNamespace(city=SHANGHAI, process=SimpleNamespace(holdings=lambda: {"holdings": books}))
    return compare(registry, ON_CHAIN)


def test_compare__the_same__has_nothing_to_say() -> None:
    assert differences(BOOKS) == []


@pytest.mark.parametrize(
    ("place", "changed", "word"),
    [
        (0, {"last": 29}, "available"),
        (2, {"member": f"{SUZHOU.member}"}, "live elsewhere"),
        (3, {"status": "transferred_out"}, "retired"),
        (4, {"status": "available"}, "cancelled"),
        (5, {"last": 6}, "available"),
    ],
)
def test_compare__one_serial_or_status_off__is_named(place: int, changed: dict[str, Any], word: str) -> None:
    books = [one | changed if number == place else one for number, one in enumerate(BOOKS)]
    assert any(word in line for line in differences(books))


def test_merge__joins_neighbours_only() -> None:
    assert merge([(5, 6), (1, 2), (3, 4), (8, 9)]) == [(1, 6), (8, 9)]
