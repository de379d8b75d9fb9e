"""A city registry in a database that also tells which lines of its books have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import repeat

from adapters.city.mapping import CityMapping
from adapters.city.sql_feed import SqlFeedAdapter, SqlFeedSettings, SqlForm
from adapters.city.sql_numbers import Numbered
from adapters.protocol import ChangedLines, Holding
from adapters.transports.sql import Line, Relation


@dataclass(frozen=True, slots=True)
class SqlBooksForm:
    """The view that tells which lines of the books have changed.

    A row a change: `number` (by one without a gap, in the order of commits), `at` (when), `line` (the line's own
    number, a column of `SqlForm.holdings` too), and the columns of the line as it is now, NULL where it is gone.
    """

    changes: Relation
    number: str
    at: str
    line: str


class SqlBooksAdapter(SqlFeedAdapter):
    """See ChangedHoldings."""

    def __init__(self, settings: SqlFeedSettings, mapping: CityMapping, form: SqlForm, books: SqlBooksForm) -> None:
        super().__init__(settings, mapping, form)
        self._of_books = books
        self._numbers = Numbered(books.changes, books.number, (books.number, books.at, books.line))
        self._columns = [name for name in form.holdings.columns if name != books.line]

    def holdings(self) -> Iterable[Holding]:
        """See SqlFeedAdapter; every line with its number."""
        view = self._form.holdings
        with self._database.snapshot() as snapshot:
            snapshot.check(view, snapshot.columns([view])[view.full_name])
            yield from self._lines(snapshot.all(view), f"{self._database.address} {view.full_name}")

    def holdings_cursor(self) -> str:
        """See ChangedHoldings."""
        with self._database.snapshot() as snapshot:
            self._numbers.checked(snapshot)
            last = snapshot.last(self._of_books.changes, self._of_books.number)
        return self._numbers.cursor(last) if last is not None else ""

    def holdings_since(self, cursor: str) -> Iterator[ChangedLines]:
        """See ChangedHoldings. Each page is one snapshot; a number that is missing stops the reading (RetryLater), as
        with the records."""
        form, size = self._of_books, self._settings.page_size
        where = f"{self._database.address} {form.changes.full_name}"
        while True:
            with self._database.snapshot() as snapshot:
                self._numbers.checked(snapshot)
                rows = self._numbers.after(snapshot, cursor, size + 1)
            more, rows = len(rows) > size, rows[:size]
            rows, stop = self._numbers.without_gap(rows, cursor, where)
            if rows:
                cursor = self._numbers.cursor(rows[-1])
                there = [row for row in rows if any(row[name] != "" for name in self._columns)]
                lines: dict[str, Holding | None] = {str(row[form.line]): None for row in rows}
                lines |= {one.line: one for one in self._lines(there, where)}
                yield ChangedLines(lines, cursor)
            if stop is not None:
                raise stop
            if not more:
                return

    def _lines(self, rows: Iterable[Line], where: str) -> Iterator[Holding]:
        numbers: list[str] = []

        def noted() -> Iterator[Mapping[str, object]]:
            for row in rows:
                numbers.append(str(row[self._of_books.line]))
                yield {name: row[name] for name in self._form.holdings.columns}

        for one in self._books(zip(noted(), repeat(where))):  # gives one holding a row, and reads no row ahead
            yield replace(one, line=numbers.pop())
