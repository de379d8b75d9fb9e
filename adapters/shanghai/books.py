"""Shanghai's books: its unit holdings whole, page by page, and those that have changed after a cursor."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final, Protocol

from adapters.city.books import holding
from adapters.city.canonical import City
from adapters.city.columns import check_names, member, one_of, text
from adapters.protocol import ChangedLines, Holding
from adapters.shanghai.mapping import STATUSES, read_units
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json
from mutual_recognition.refusal import Refusal

_HOLDING: Final = (
    *("持仓编号", "归属地", "系列号", "每号千克", "起始号", "终止号", "数量_吨"),
    *("账户", "状态", "是否冻结", "签发编号", "关联编号", "现持有方"),
)
_CHANGE: Final = ("持仓编号", "持仓")
_START: Final = "0"
_SNAPSHOT_TRIES: Final = 5


class Pages(Protocol):
    """The adapter's way to a page of a list after a cursor, checked, with the fields it has beside every page's."""

    def __call__(self, path: str, at: str, /, *fields: str) -> Any: ...


class ShanghaiBooks:
    """The books of one registry; `where` names them in what is said of them."""

    def __init__(self, pages: Pages, city: City, where: str) -> None:
        self._pages = pages
        self._city = city
        self._where = where

    def holdings(self) -> Iterator[Holding]:
        """See RegistryAdapter: at one change sequence. The lines wait in a file until all pages were of the same, so
        that memory does not grow with them. Raises RetryLater when they keep changing while read."""
        for _ in range(_SNAPSHOT_TRIES):
            with tempfile.TemporaryFile("w+", encoding="utf-8", prefix="books-") as lines:
                if self._read_into(lines):
                    lines.seek(0)
                    for line in lines:
                        yield self._holding(json.loads(line))
                    return
        raise RetryLater(
            f"the registry's books changed {_SNAPSHOT_TRIES} times while they were read",
            code="books_changing",
            where=self._where,
            remedy="reconcile at a quieter time",
        )

    def _read_into(self, lines: IO[str]) -> bool:
        """All pages, a line of JSON a holding; whether they were of one change sequence."""
        at, sequence, more = _START, None, True
        while more:
            body = self._pages("chiyou", at, "截至变更序号", "持仓游标")
            if sequence not in (None, body["截至变更序号"]):
                return False
            sequence = body["截至变更序号"]
            lines.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in body["数据"])
            more = body["还有更多"]
            at = self._next(body, at)
        return True

    def _next(self, body: Json, at: str) -> str:
        """The cursor of the next page, which is another one."""
        if body["还有更多"] and body["下一游标"] == at:
            raise RetryLater(
                "a page of holdings comes again",
                code="page_repeated",
                what=at,
                where=self._where,
                remedy="nothing: the books are read again. If it lasts, ask the registry's operators",
            )
        return str(body["下一游标"])

    def cursor(self) -> str:
        """See ChangedHoldings."""
        return str(self._pages("chiyou", _START, "截至变更序号", "持仓游标")["持仓游标"])

    def since(self, cursor: str) -> Iterator[ChangedLines]:
        """See ChangedHoldings."""
        at, more = cursor or _START, True
        while more:
            body = self._pages("chiyou/biangeng", at, "起始游标")
            lines: dict[str, Holding | None] = {}
            for change in body["数据"]:
                check_names(_CHANGE, change, self._where)
                line = change["持仓"]
                lines[str(change["持仓编号"])] = None if line is None else self._holding(line)
            more, at = body["还有更多"], self._next(body, at)
            if lines:
                yield ChangedLines(lines, at)

    def _holding(self, line: Json) -> Holding:
        check_names(_HOLDING, line, self._where)
        try:
            units = read_units(line)
            status = one_of(STATUSES)(line["状态"])
            elsewhere = member(line["现持有方"]) if text(line["现持有方"]) else 0
        except Refusal as refusal:
            raise ConfigurationWrong(
                f"a holding cannot be read: {refusal.reason}",
                code="holding_unreadable",
                what=refusal.value,
                where=self._where,
                remedy="have the registry correct its books, or change the mapping",
            ) from refusal
        return holding(units, status, elsewhere, self._city, self._where, line=str(line["持仓编号"]))
