"""Shanghai and Hangzhou tell which lines of their books changed: followed, they are the books; after a restore the
cursor is refused."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.city.sql_books import SqlBooksAdapter
from adapters.protocol import ChangedHoldings, Holding
from adapters.sandbox.process import SandboxProcess
from adapters.shanghai.adapter import ShanghaiAdapter
from adapters.sync.city_books import CityBooks
from adapters.sync.city_holdings import CityHoldings
from hub.errors import ConfigurationWrong, RetryLater
from tests.adapters.city_registries import SUZHOU, account_of, hangzhou_adapter, live, shanghai_adapter

pytestmark = pytest.mark.slow

PURPOSE = {"shanghai": "02", "hangzhou": "2101"}
Adapter = ShanghaiAdapter | SqlBooksAdapter


@pytest.fixture(params=["shanghai", "hangzhou"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SandboxProcess]:
    with SandboxProcess(request.param, tmp_path / request.param, samples=True) as process:
        yield process


@pytest.fixture
def adapter(city: SandboxProcess) -> Iterator[Adapter]:
    opened = shanghai_adapter(city) if city.city == "shanghai" else hangzhou_adapter(city)
    assert isinstance(opened, ChangedHoldings)
    yield opened
    opened.close()


def published(city: SandboxProcess) -> None:
    """Waits until the books that the registry shows are those it has."""
    if city.city == "hangzhou":
        city.control("publish")


def root(books: Any) -> str:
    return str(books.root().hex())


def followed(adapter: Adapter, folder: Path, **settings: Any) -> tuple[str, CityBooks]:
    """The root of the books as they are followed in a folder."""
    books = CityBooks(adapter, folder, lambda: int(time.time()), **settings)
    with ExitStack() as look:
        return root(books.look(look)), books


def whole(adapter: Adapter) -> str:
    with CityHoldings(adapter.profile.member, adapter.profile.registry) as books:
        books.take(adapter.holdings())
        return root(books)


def something_else(city: SandboxProcess, rng: random.Random) -> None:
    """One more thing that happens to the books, also behind the registry's back."""
    lines = city.holdings()["holdings"]
    line = rng.choice([row for row in lines if row["status"] == "available" and stands_alone(row, lines)])
    count = line["last"] - line["first"] + 1
    first = line["first"] + rng.randrange(max(1, count // 2))
    part = {name: line[name] for name in ("home_member", "series", "kg_per_serial")}
    part |= {"first": first, "last": min(line["last"], first + rng.randrange(5))}
    match rng.randrange(5):
        case 0:
            city.control("misbook", ranges=[part], status="retired")
        case 1:
            city.control("misbook", ranges=[part], forget=True)
        case 2:
            city.control("misbook", ranges=[part], status="transferred_out", member=str(SUZHOU))
        case 3 if first > line["first"]:
            city.control("misbook", ranges=[part], twice=True)
        case _:
            city.control("request-transfer", ranges=[part], to_member=str(SUZHOU))


def stands_alone(line: dict[str, Any], lines: list[dict[str, Any]]) -> bool:
    """Whether no other line has serials of it; the registry itself cannot split such lines any more."""
    same = [row for row in lines if (row["home_member"], row["series"]) == (line["home_member"], line["series"])]
    return len([row for row in same if row["first"] <= line["last"] and line["first"] <= row["last"]]) == 1


def test_followed__whatever_happens_to_the_books__is_what_reading_them_whole_gives(
    city: SandboxProcess, adapter: Adapter, tmp_path: Path
) -> None:
    rng = random.Random(4)
    first, books = followed(adapter, tmp_path)
    assert (first, books.reading.whole) == (whole(adapter), 1)
    live(city, PURPOSE[city.city], str(SUZHOU))
    for _ in range(3):
        for _ in range(4):
            something_else(city, rng)
        published(city)
        found, books = followed(adapter, tmp_path)
        assert found == whole(adapter)
        assert books.reading.whole == 0
        assert 0 < books.reading.lines < 60
    found, books = followed(adapter, tmp_path)
    assert (found, books.reading.lines) == (whole(adapter), 0), "nothing changed: nothing is read"
    assert followed(adapter, tmp_path, whole=True)[1].reading.wrong == []


def test_lines__have_numbers_of_their_own__that_changes_name(city: SandboxProcess, adapter: Adapter) -> None:
    before = {one.line: one for one in adapter.holdings()}
    assert len(before) > 3
    assert "" not in before
    cursor = adapter.holdings_cursor()
    assert list(adapter.holdings_since(cursor)) == []
    city.control("request-transfer", account=account_of(city), quantity_kg=1000, to_member="320500")
    published(city)
    told: dict[str, Holding | None] = {}
    for page in adapter.holdings_since(cursor):
        told |= page.lines
    after = {one.line: one for one in adapter.holdings()}
    changed = {line for line in before.keys() | after.keys() if before.get(line) != after.get(line)}
    assert changed
    assert {line: after.get(line) for line in changed} == {line: told[line] for line in changed}


def test_restored__cursor_refused_though_as_many_changes_came_again__and_read_whole(
    city: SandboxProcess, adapter: Adapter, tmp_path: Path
) -> None:
    city.control("backup", name="before")

    def lock() -> None:
        city.control("request-transfer", account=account_of(city), quantity_kg=1000, to_member="320500")

    lock()
    published(city)
    followed(adapter, tmp_path)
    cursor = adapter.holdings_cursor()
    city.control("restore", name="before")
    for _ in range(3):
        lock()
    published(city)
    with pytest.raises(ConfigurationWrong) as refused:
        list(adapter.holdings_since(cursor))
    assert refused.value.code == "cursor_ahead"
    found, books = followed(adapter, tmp_path)
    assert (found, books.reading.whole) == (whole(adapter), 1)


def test_shanghai__a_page_for_another_cursor__is_not_taken(tmp_path: Path) -> None:
    with SandboxProcess("shanghai", tmp_path / "shanghai", samples=True) as city:
        adapter = shanghai_adapter(city, page_size=2)
        pages = adapter.holdings_since("")
        assert next(pages).lines
        city.fault("repeated_page")
        assert next(pages).lines, "asked for again"
        city.fault("repeated_page", times=None)
        with pytest.raises(RetryLater) as repeated:
            list(pages)
        assert repeated.value.code == "page_repeated"
        adapter.close()


def test_hangzhou__a_change_whose_transaction_is_open__is_waited_for(tmp_path: Path) -> None:
    """The number of a change that is not committed is missing: what comes after it is not read before it."""
    with SandboxProcess("hangzhou", tmp_path / "hangzhou", samples=True) as city:
        adapter = hangzhou_adapter(city)
        cursor = adapter.holdings_cursor()
        configured = city.configuration()
        owner = (city.home / "registry.password").read_text().strip()
        address = str(configured["url"]).replace("hub_reader@", "hangzhou_registry@")
        with psycopg.connect(address, password=owner, autocommit=True) as connection:
            last = connection.execute("SELECT max(变更序) FROM 登记.持仓变更").fetchone()
            assert last is not None
            connection.execute(
                "INSERT INTO 登记.持仓变更 (变更序, 持仓号) VALUES (%s, 1), (%s, 2)", [last[0] + 1, last[0] + 3]
            )
        pages = adapter.holdings_since(cursor)
        assert list(next(pages).lines) == ["1"]
        with pytest.raises(RetryLater) as awaited:
            next(pages)
        assert awaited.value.code == "change_awaited"
        adapter.close()
