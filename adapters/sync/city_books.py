"""The registry's side of a look: its books followed by their changes where its adapter gives these, else read whole.

Followed books are read whole the first time, when the registry was restored (it refuses the cursor), when the last
whole reading is too long ago, when it is asked for, and before anything that they say is called a difference. Such a
reading is laid beside what is kept: what the two say otherwise, though no change of it was told meanwhile, was kept
wrong. That is reported, and the books are kept anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import structlog

from adapters.protocol import ChangedHoldings, ChangedLines, RegistryAdapter
from adapters.sync.causes import at_most_exact
from adapters.sync.city_holdings import CityHoldings, HoldingsFile
from adapters.sync.kept_holdings import Followed, KeptHoldings, Ranges
from hub.errors import ConfigurationWrong
from mutual_recognition.documents import Json
from mutual_recognition.holdings_tree import Difference, Run, Tree, compared, differences, overlay

log = structlog.get_logger(__name__)

WHOLE_EVERY = 7 * 86_400
"""Seconds after which followed books are read whole again."""
_MOST_WRONG = 10_000
_SHOWN = 20


@dataclass(slots=True)
class Reading:
    """How the books came to be known in one reconciliation.

    `lines`: how many lines the registry gave, over all looks. `whole`: how often all of them. `wrong`: what was kept
    wrong, as (series, kept as `ours`, in the books as `theirs`).
    """

    lines: int = 0
    whole: int = 0
    followed: bool = False
    wrong: list[tuple[bytes, Difference]] = field(default_factory=list)

    def to_json(self) -> dict[str, Json]:
        """As a result keeps it."""
        shown = [
            {"series": "0x" + series.hex(), "first": at_most_exact(one.first), "last": at_most_exact(one.last)}
            for series, one in self.wrong[:_SHOWN]
        ]
        return {
            "followed": self.followed,
            "whole_readings": self.whole,
            "lines_read": self.lines,
            "kept_wrong": at_most_exact(sum(one.last - one.first + 1 for _, one in self.wrong)),
            "kept_wrong_in": shown,
        }


class CityBooks:
    """The books of one registry, for the looks of one reconciliation. They are kept in `folder`; without one, or where
    the adapter tells of no changes, every look reads them whole."""

    def __init__(
        self,
        adapter: RegistryAdapter,
        folder: Path | None,
        clock: Callable[[], int],
        *,
        whole: bool = False,
        whole_every: int = WHOLE_EVERY,
    ) -> None:
        self._adapter = adapter
        self._profile = adapter.profile
        self._folder = folder
        self._clock = clock
        self._whole = whole
        self._whole_every = whole_every
        self._changes = adapter if isinstance(adapter, ChangedHoldings) and folder is not None else None
        self._sure = False
        self.reading = Reading(followed=self._changes is not None)

    def look(self, look: ExitStack) -> HoldingsFile:
        """The books now, open until `look` is closed. Raises as the adapter's readings do."""
        if self._changes is None or self._folder is None:
            return self._read_whole(look)
        file = self._folder / f"{self._profile.name}.books.sqlite"
        kept = look.enter_context(KeptHoldings(self._profile.member, self._profile.registry, file))
        if kept.cursor is None:
            self._begin(kept, self._changes)
        try:
            self._follow(kept, self._changes)
        except ConfigurationWrong as wrong:
            if wrong.code != "cursor_ahead":
                raise
            log.warning("books_restored", registry=self._profile.name, why=wrong.message)
            self._begin(kept, self._changes)
            self._follow(kept, self._changes)
        if not self._sure and (self._whole or self._clock() - kept.read_at >= self._whole_every):
            self.make_sure(kept)
        return kept

    def make_sure(self, books: HoldingsFile) -> bool:
        """Reads the books whole beside those that a look gave, unless that was done in this reconciliation; whether
        these stand as they are: nothing was kept wrong, and nothing has changed meanwhile."""
        if self._sure or self._changes is None or not isinstance(books, KeptHoldings):
            return True
        with ExitStack() as reading:
            whole = self._read_whole(reading)
            found = list(islice(_differences(books, whole), _MOST_WRONG)) if whole.root() != books.root() else []
        followed = self._follow(books, self._changes)
        wrong = [one for series, difference in found for one in _without(series, difference, followed.touched)]
        self.reading.wrong += wrong
        if wrong:
            log.warning("books_kept_wrong", registry=self._profile.name, ranges=len(wrong))
            self._begin(books, self._changes)
            self._follow(books, self._changes)
        books.confirm(self._clock())
        self._sure = True
        return not wrong and not followed.touched

    def _begin(self, kept: KeptHoldings, changes: ChangedHoldings) -> None:
        cursor = changes.holdings_cursor()  # first: what changes while the books are read comes again by its change
        kept.begin(self._adapter.holdings(), cursor, self._clock())
        self.reading.lines += kept.lines
        self.reading.whole += 1
        self._sure = True

    def _follow(self, kept: KeptHoldings, changes: ChangedHoldings) -> Followed:
        def told(cursor: str) -> Iterator[ChangedLines]:
            return changes.holdings_since(cursor)

        followed = kept.follow(told)
        self.reading.lines += followed.lines
        return followed

    def _read_whole(self, look: ExitStack) -> CityHoldings:
        books = look.enter_context(CityHoldings(self._profile.member, self._profile.registry, self._folder))
        books.take(self._adapter.holdings())
        self.reading.lines += books.lines
        self.reading.whole += 1
        return books


def _differences(kept: HoldingsFile, whole: HoldingsFile) -> Iterator[tuple[bytes, Difference]]:
    ours, theirs = kept.series(), whole.series()
    for series in sorted(ours.keys() | theirs.keys()):
        if ours.get(series) != theirs.get(series):
            mine = kept.nodes(series) if series in ours else Tree()
            other = whole.nodes(series) if series in theirs else Tree()
            yield from ((series, one) for one in differences(mine, other))


def _without(series: bytes, difference: Difference, touched: Ranges) -> list[tuple[bytes, Difference]]:
    """What of a difference is on serials that no change touched."""
    changed = [Run(first, last, None) for first, last in touched.get(series, ())]
    ours = overlay([Run(difference.first, difference.last, difference.ours)], changed)
    theirs = overlay([Run(difference.first, difference.last, difference.theirs)], changed)
    return [(series, one) for one in compared(ours, theirs)]
