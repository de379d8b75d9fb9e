"""A view whose rows are numbered by one without a gap in the order of commits: where reading stands in it, and whether
what was read last is still there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.transports.sql import Line, Relation, Snapshot
from hub.errors import ConfigurationWrong, RetryLater, YrdhubError

_CURSOR: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Numbered:
    """`relation` with its column `number`. `marked` are the columns that tell a row from another one that bears the
    same number: they never change."""

    relation: Relation
    number: str
    marked: tuple[str, ...]

    def after(self, snapshot: Snapshot, cursor: str, limit: int) -> list[Line]:
        """Rows after a cursor in order, at most `limit`. Raises ConfigurationWrong `cursor_ahead` where the row of the
        cursor is not there as it was, or the cursor is none."""
        at, mark = self.position(cursor)
        rows = snapshot.from_on(self.relation, self.number, max(at, 1), limit + bool(at))
        if not at:
            return rows
        there = bool(rows) and rows[0][self.number] == at
        if there and self.mark(rows[0]) == mark:
            return rows[1:]
        raise ConfigurationWrong(
            f"the last change that was read, {at}, is {'another one now' if there else 'not there'}:"
            " the registry was restored from a backup, or it is another registry",
            code="cursor_ahead",
            what=cursor,
            where=snapshot.where,
            remedy="find out which; where it was restored, say so: `yrdhub sync restored NAME`",
        )

    def cursor(self, row: Line) -> str:
        """The cursor that follows a row."""
        return f"{row[self.number]}:{self.mark(row)}"

    def mark(self, row: Line) -> str:
        """What tells a row from another one that bears the same number."""
        content = "\x1f".join(str(row[name]) for name in self.marked)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def without_gap(self, rows: list[Line], cursor: str, where: str) -> tuple[list[Line], YrdhubError | None]:
        """The rows that follow a cursor up to the first number that is missing, and what to say of that one."""
        at, _ = self.position(cursor)
        for place, row in enumerate(rows, start=1):
            number = row[self.number]
            if number != at + place:
                return rows[: place - 1], RetryLater(
                    f"change {at + place} is not there though {number} is: its transaction is not yet committed",
                    code="change_awaited",
                    what=at + place,
                    where=where,
                    remedy="nothing: reading goes on there. If it lasts, ask the registry what became of that number",
                )
        return rows, None

    @staticmethod
    def position(cursor: str) -> tuple[int, str]:
        """Number and mark of a cursor; 0 at the beginning. Raises ConfigurationWrong."""
        if not cursor:
            return 0, ""
        matched = _CURSOR.fullmatch(cursor)
        if matched is None:
            raise ConfigurationWrong(
                "not a cursor of a registry in a database",
                code="cursor_invalid",
                what=cursor,
                remedy="begin again without one: records already known are passed over",
            )
        return int(matched[1]), matched[2]

    def checked(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> None:
        """Raises ConfigurationWrong when the view's columns are no longer those that are known."""
        found = columns if columns is not None else snapshot.columns([self.relation])[self.relation.full_name]
        snapshot.check(self.relation, found)
