"""What a city's side of reconciliation costs: its books read whole, and followed through a day that changed 0.1 %.

Run as a process of its own (`python -m scripts.bench.kept_books --lines N`), so that its peak of memory is its own. The
registry's lines are given from memory: what its database or network takes is not in these figures.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from adapters.protocol import ChangedLines, Holding
from adapters.sync.city_holdings import CityHoldings
from adapters.sync.kept_holdings import KeptHoldings
from scripts.bench.illustrative_books import MEMBER, REGISTRY, illustrative_books

ONE_IN = 1_000
_PAGE = 500


def numbered(count: int) -> Iterator[Holding]:
    """The illustrative books with a number a line."""
    for number, one in enumerate(illustrative_books(count)):
        yield replace(one, line=str(number))


def after_a_day(books: Iterable[Holding]) -> Iterator[Holding]:
    """The same books a day later: one line in a thousand is retired, or released where it was retired."""
    for one in books:
        if int(one.line) % ONE_IN == 0:
            yield replace(one, status="available" if one.status == "retired" else "retired")
        else:
            yield one


def changes_of_a_day(count: int, cursor: str) -> Iterator[ChangedLines]:
    """Only what the day changed, in pages."""
    changed = (one for one in after_a_day(numbered(count)) if int(one.line) % ONE_IN == 0)
    number = int(cursor)
    while page := list(islice(changed, _PAGE)):
        number += len(page)
        yield ChangedLines({one.line: one for one in page}, str(number))


def measure_books(count: int) -> dict[str, float | str]:
    """Reads so many blocks' books whole into a kept file, follows a day, and reads what that left whole beside it."""
    with tempfile.TemporaryDirectory(prefix="yrdhub-bench-") as scratch:
        with KeptHoldings(MEMBER, REGISTRY, Path(scratch) / "city.books.sqlite") as kept:
            began = time.perf_counter()
            kept.begin(numbered(count), "0", 0)
            first_seconds, first_root, lines = time.perf_counter() - began, kept.root().hex(), kept.lines
            pages = list(changes_of_a_day(count, "0"))
            began = time.perf_counter()
            followed = kept.follow(lambda cursor: iter(pages))
            day_seconds, kept_root = time.perf_counter() - began, kept.root().hex()
        size = (Path(scratch) / "city.books.sqlite").stat().st_size
        with CityHoldings(MEMBER, REGISTRY, Path(scratch)) as books:
            began = time.perf_counter()
            books.take(after_a_day(numbered(count)))
            whole_seconds, whole_root = time.perf_counter() - began, books.root().hex()
    return {
        "root": first_root,
        "lines": lines,
        "changed": followed.lines,
        "first_seconds": first_seconds,
        "day_seconds": day_seconds,
        "whole_seconds": whole_seconds,
        "exact": float(kept_root == whole_root != first_root),
        "size": size,
        "peak": peak_memory(),
    }


def peak_memory() -> int:
    """Most resident memory of this process since it was started, bytes; getrusage counts its parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, required=True, help="blocks; the registry's lines are some more")
    print(json.dumps(measure_books(parser.parse_args().lines)))


if __name__ == "__main__":
    _main()
