"""Books that follow their changes: the same tree as from all lines at once, whatever the changes and their cut; kept in
one transaction with the cursor; and found out where a change was not told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.protocol import ChangedHoldings, ChangedLines, Holding
from adapters.sync import kept_holdings
from adapters.sync.city_books import CityBooks
from adapters.sync.city_holdings import CityHoldings
from adapters.sync.kept_holdings import KeptHoldings
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition import holdings_tree
from mutual_recognition.holdings_tree import TOP
from mutual_recognition.identifiers import series_id
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
from tests.integration.folder_registry import REGISTRY, FolderRegistry

MEMBER, OTHER = 310000, 320500
HOMES = {"S": MEMBER, "T": OTHER}
Books = dict[str, Holding]


def held(code: str, first: int, last: int, holder: int, status: str, line: str = "") -> Holding:
    name = SeriesName(member=HOMES[code], registry=REGISTRY if code == "S" else "other", code=code)
    return Holding(name, SerialRange(first, last), holder, status, line)


@st.composite
def lines(draw: st.DrawFn) -> Holding:
    """A line of the books: many overlap, some lie far out, some are of no concern to the member."""
    first = draw(st.integers(1, 400)) + draw(st.sampled_from([0, 0, 2**20 - 300, 2**61]))
    last = first + draw(st.integers(0, 40))
    holder = draw(st.sampled_from([MEMBER, MEMBER, OTHER]))
    return held(draw(st.sampled_from("SST")), first, last, holder, draw(st.sampled_from(["available", "retired"])))


@st.composite
def changes(draw: st.DrawFn) -> list[dict[str, Holding | None]]:
    """Pages of changes to some of thirty lines: new, moved, changed, gone, and the same once more."""
    numbers = st.integers(1, 30).map(str)
    page = st.dictionaries(numbers, st.none() | lines(), max_size=12)
    pages = draw(st.lists(page, min_size=1, max_size=5))
    return [*pages, pages[draw(st.integers(0, len(pages) - 1))]] if draw(st.booleans()) else pages


def numbered(lines: Mapping[str, Holding | None]) -> dict[str, Holding | None]:
    return {number: one and replace(one, line=number) for number, one in lines.items()}


def one_page(lines: Mapping[str, Holding | None]) -> Callable[[str], Iterator[ChangedLines]]:
    """These lines after any cursor, which is a number that goes up by one."""
    return lambda cursor: iter([ChangedLines(lines, str(int(cursor) + 1))])


@pytest.fixture(autouse=True, scope="module")
def small_leaves() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holdings_tree, "BUCKET", 4)
        patch.setattr(
            kept_holdings, "_PRAGMAS", kept_holdings._PRAGMAS + "PRAGMA synchronous=OFF;"
        )  # hundreds of files
        patch.setattr(kept_holdings, "_to_disk", lambda path: None)
        yield


def from_scratch(books: Iterable[Holding]) -> tuple[bytes, int, set[Any]]:
    """Root, number of lines in scope, and all nodes, of books read whole."""
    with CityHoldings(MEMBER, REGISTRY) as whole:
        whole.take(books)
        return whole.root(), whole.lines, set(whole._db.execute("SELECT * FROM node"))


def kept_state(kept: KeptHoldings) -> tuple[bytes, int, set[Any]]:
    return kept.root(), kept.lines, set(kept._db.execute("SELECT * FROM node"))


@settings(max_examples=60, deadline=None)
@given(st.lists(lines(), max_size=30), changes())
def test_follow__any_changes_in_any_cut_repeated__is_what_all_lines_give_from_scratch(
    first: list[Holding], pages: list[dict[str, Holding | None]]
) -> None:
    books = {str(number): replace(one, line=str(number)) for number, one in enumerate(first, 1)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "city.books.sqlite"
        with KeptHoldings(MEMBER, REGISTRY, file) as kept:
            kept.begin(books.values(), "0", 5)
            expected = from_scratch(books.values())
            assert kept_state(kept) == expected
        for number, page in enumerate(pages):
            with KeptHoldings(MEMBER, REGISTRY, file) as kept:  # each time as after a restart
                kept.follow(one_page(numbered(page)))
                for line, one in numbered(page).items():
                    books.pop(line, None)
                    if one is not None:
                        books[line] = one
                assert kept_state(kept) == from_scratch(books.values())
                assert kept.cursor == str(number + 1)
        with KeptHoldings(MEMBER, REGISTRY, file) as kept:
            for one in books.values():
                if MEMBER in (one.holder, one.series.member):
                    series = series_id(one.series.member or MEMBER, one.series.registry, one.series.code)
                    assert (one.serials.first, one.serials.last) in [
                        at[:2] for at in kept.lines_at(series, one.serials.last, one.serials.last)
                    ]


# ------------------------------------------------------------------ the file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "city.books.sqlite"


ALL = {"1": held("S", 1, 100, MEMBER, "available", "1"), "2": held("S", 101, 200, OTHER, "available", "2")}


def test_file_of_another_registry_or_of_nothing__is_as_if_not_there(file: Path) -> None:
    with KeptHoldings(MEMBER, REGISTRY, file) as kept:
        assert kept.cursor is None
        kept.begin(ALL.values(), "7", 5)
        assert (kept.lines, kept.read_at) == (2, 5)
    with KeptHoldings(MEMBER, "another", file) as other:
        assert other.cursor is None
    file.write_bytes(b"no database at all, whatever its name says" * 100)
    with KeptHoldings(MEMBER, REGISTRY, file) as spoilt:
        assert spoilt.cursor is None
        spoilt.begin(ALL.values(), "8", 6)
    with KeptHoldings(MEMBER, REGISTRY, file) as again:
        assert (again.cursor, again.name_of(series_id(MEMBER, REGISTRY, "S"))) == ("8", ALL["1"].series)


def test_a_page_that_fails__leaves_cursor_and_tree_of_the_page_before(file: Path) -> None:
    """The second page's cursor cannot be written: neither is anything of its lines, on disk or in memory."""

    def pages(cursor: str) -> Iterator[ChangedLines]:
        yield ChangedLines({"1": held("S", 1, 60, MEMBER, "available", "1")}, "8")
        yield ChangedLines({"2": None}, None)  # type: ignore[arg-type]

    with KeptHoldings(MEMBER, REGISTRY, file) as kept:
        kept.begin(ALL.values(), "7", 5)
        with pytest.raises(sqlite3.IntegrityError):
            kept.follow(pages)
        after_first = kept_state(kept)
    expected = from_scratch([held("S", 1, 60, MEMBER, "available"), ALL["2"]])
    assert after_first == expected
    with KeptHoldings(MEMBER, REGISTRY, file) as again:
        assert (kept_state(again), again.cursor) == (expected, "8")


_KILLED = """
import os, sys
from pathlib import Path
from adapters.protocol import ChangedLines, Holding
from adapters.sync.kept_holdings import KeptHoldings
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange
member, registry, file = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
name = SeriesName(member=member, registry=registry, code="S")
kept = KeptHoldings(member, registry, file)
pages = {f"n{page}": {f"{page}-{line}": Holding(name, SerialRange(first := 1000 * page + 3 * line, first + 1), member,
    "retired", f"{page}-{line}") for line in range(300)} for page in range(1, 9)}
kept._db.execute("PRAGMA cache_size=5")  # what is not committed reaches the file long before
put = kept._bring_up
def killed_in_the_fourth(series, ranges):
    found = put(series, ranges)
    if kept.cursor == "n3":
        os.kill(os.getpid(), 9)
    return found
kept._bring_up = killed_in_the_fourth
kept.follow(lambda cursor: (ChangedLines(lines, at) for at, lines in pages.items()))
"""


def test_killed_in_the_middle_of_a_page__the_next_one_goes_on_where_the_last_page_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings_tree, "BUCKET", 32)  # as in the other process
    with KeptHoldings(MEMBER, REGISTRY, file) as kept:
        kept.begin(ALL.values(), "7", 5)
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(MEMBER), REGISTRY, str(file)], check=False)
    assert ended.returncode == -9
    assert file.with_name(file.name + "-journal").exists(), "it was killed with a transaction half written"
    told = [
        held("S", 1000 * page + 3 * line, 1000 * page + 3 * line + 1, MEMBER, "retired")
        for page in range(1, 4)
        for line in range(300)
    ]
    with KeptHoldings(MEMBER, REGISTRY, file) as kept:
        assert kept.cursor == "n3"
        assert kept_state(kept) == from_scratch([*ALL.values(), *told])


def test_two_processes__the_second_is_sent_away_and_nothing_is_taken_twice(file: Path) -> None:
    with KeptHoldings(MEMBER, REGISTRY, file) as one:
        one.begin(ALL.values(), "7", 5)
        with KeptHoldings(MEMBER, REGISTRY, file) as other:
            other.follow(one_page({"2": None}))
            with pytest.raises(RetryLater) as refused:
                one.follow(one_page({"2": None}))
    assert refused.value.code == "sync_running"


def test_follow__costs_as_the_change_does(file: Path) -> None:
    """Statements, counted: ten changes in books of 20,000 lines and in books of 200 take about the same."""

    def statements(count: int, name: str) -> int:
        books = [held("S", 10 * n + 1, 10 * n + 7, MEMBER, "available", str(n)) for n in range(count)]
        with KeptHoldings(MEMBER, REGISTRY, file.with_name(name)) as kept:
            kept.begin(books, "0", 5)
            seen: list[str] = []
            kept._db.set_trace_callback(seen.append)
            changed = {one.line: replace(one, status="retired") for one in books[:: count // 10]}
            kept.follow(one_page(changed))
            return len(seen)

    small, large = statements(200, "small"), statements(20_000, "large")
    assert large < 3 * small, (small, large)


# ------------------------------------------------------------------ read whole, and laid beside


class Telling(FolderRegistry):
    """A registry that tells of its changes: `books` by number, `log` of numbers that changed; it may forget to log.

    `meanwhile` happens once, while the books are read whole."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MEMBER)
        self.books: Books = dict(ALL)
        self.log: list[str] = []
        self.readings = 0
        self.meanwhile: list[Any] = []

    def put(self, number: str, one: Holding | None, *, told: bool = True) -> None:
        self.books.pop(number, None)
        if one is not None:
            self.books[number] = replace(one, line=number)
        if told:
            self.log.append(number)

    def holdings(self) -> Iterable[Holding]:
        self.readings += 1
        found = list(self.books.values())
        for happens in self.meanwhile:
            happens()
        self.meanwhile = []
        return found

    def holdings_cursor(self) -> str:
        return str(len(self.log))

    def holdings_since(self, cursor: str) -> Iterator[ChangedLines]:
        if int(cursor) > len(self.log):
            raise ConfigurationWrong("restored", code="cursor_ahead")
        for at in range(int(cursor), len(self.log)):
            number = self.log[at]
            yield ChangedLines({number: self.books.get(number)}, str(at + 1))


@pytest.fixture
def registry(tmp_path: Path) -> Telling:
    registry = Telling(tmp_path / "registry")
    assert isinstance(registry, ChangedHoldings)
    return registry


def look(registry: Telling, folder: Path, *, now: int = 100, whole: bool = False) -> CityBooks:
    """One look; afterwards the root is what the registry's books are, unless it kept something to itself."""
    books = CityBooks(registry, folder, lambda: now, whole=whole, whole_every=1_000)
    with ExitStack() as stack:
        books.root = books.look(stack).root()  # type: ignore[attr-defined]
    return books


def agree(books: CityBooks, registry: Telling) -> bool:
    return bool(books.root == from_scratch(registry.books.values())[0])  # type: ignore[attr-defined]


def test_look__first_whole_then_by_changes_alone(registry: Telling, tmp_path: Path) -> None:
    first = look(registry, tmp_path)
    assert (first.reading.whole, first.reading.lines, agree(first, registry)) == (1, 2, True)
    registry.put("2", None)
    registry.put("3", held("S", 101, 110, MEMBER, "retired"))
    second = look(registry, tmp_path)
    assert (second.reading.whole, second.reading.lines, agree(second, registry)) == (0, 2, True)
    third = look(registry, tmp_path)
    assert (third.reading.whole, third.reading.lines, agree(third, registry)) == (0, 0, True)
    assert registry.readings == 1


def test_look__changes_while_the_books_are_read__are_in_what_is_kept(registry: Telling, tmp_path: Path) -> None:
    registry.meanwhile = [lambda: registry.put("2", held("S", 90, 120, MEMBER, "available"))]
    assert agree(look(registry, tmp_path), registry)


@pytest.mark.parametrize(("now", "whole", "readings"), [(100, False, 1), (1_100, False, 2), (1_099, True, 2)])
def test_look__whole_when_asked_for_or_long_ago__finds_what_was_not_told(
    registry: Telling, tmp_path: Path, now: int, whole: bool, readings: int
) -> None:
    look(registry, tmp_path)
    registry.put("1", held("S", 1, 90, MEMBER, "available"), told=False)
    registry.meanwhile = [lambda: registry.put("2", held("S", 101, 200, MEMBER, "retired"))]
    books = look(registry, tmp_path, now=now, whole=whole)
    if readings == 1:
        registry.meanwhile = []
        assert not agree(books, registry), "this is what a whole reading is for"
        return
    assert [(one.first, one.last) for _, one in books.reading.wrong] == [(91, 100)], "not what changed meanwhile"
    assert agree(books, registry)
    assert books.reading.to_json()["kept_wrong"] == 10
    assert look(registry, tmp_path, now=now, whole=True).reading.wrong == []


def test_look__the_registry_was_restored__read_whole_again(registry: Telling, tmp_path: Path) -> None:
    registry.put("3", held("S", 300, 310, MEMBER, "available"))
    look(registry, tmp_path)
    registry.books, registry.log = dict(ALL), []
    books = look(registry, tmp_path)
    assert (books.reading.whole, agree(books, registry)) == (1, True)


def test_make_sure__stands__or_was_wrong__once_a_reconciliation(registry: Telling, tmp_path: Path) -> None:
    look(registry, tmp_path)
    books = CityBooks(registry, tmp_path, lambda: 100)
    with ExitStack() as stack:
        found = books.look(stack)
        assert books.make_sure(found)
        assert books.make_sure(found)
    assert books.reading.whole == 1
    registry.put("1", held("S", 1, 90, MEMBER, "available"), told=False)
    books = CityBooks(registry, tmp_path, lambda: 100)
    with ExitStack() as stack:
        assert not books.make_sure(books.look(stack))
    assert registry.readings == 4  # the first, the two that made sure, and the one that is kept since


def test_without_a_folder__every_look_reads_whole(registry: Telling) -> None:
    books = CityBooks(registry, None, lambda: 100)
    for _ in range(2):
        with ExitStack() as stack:
            assert books.look(stack).root() == from_scratch(registry.books.values())[0]
    assert (registry.readings, books.reading.followed) == (2, False)


def test_nodes__of_the_kept_tree__lead_from_its_root(file: Path) -> None:
    with KeptHoldings(MEMBER, REGISTRY, file) as kept:
        kept.begin(ALL.values(), "7", 5)
        series = series_id(MEMBER, REGISTRY, "S")
        top = kept.nodes(series).get(TOP, 0)
        assert top is not None
        assert kept.series() == {series: top.hash()}
