"""Which lines of a registry's unit holdings have changed: the journal that triggers of its database write.

Whatever changes a line's serials, status or present holder is in it, a clerk's hand in the books too. A cursor is the
number of a change and the mark it was given at random: after a restore from a backup the number may come again, the
mark does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.registry import Registry
from adapters.sandbox.units import Holding

_CURSOR = re.compile(r"([1-9][0-9]{0,17})-([0-9a-f]{16})", re.ASCII)
START = "0"


@dataclass(frozen=True, slots=True)
class ChangedUnits:
    """Lines by number as they are now, None for one that is gone; the cursor after them; whether more have changed."""

    lines: dict[int, Holding | None]
    cursor: str
    more: bool


def latest_cursor(registry: Registry) -> str:
    """Where the changes after now begin."""
    with registry.storage.transaction() as db:
        row = db.execute("SELECT seq, mark FROM holding_change ORDER BY seq DESC LIMIT 1").fetchone()
    return f"{row['seq']}-{row['mark']}" if row else START


def changed_units(registry: Registry, cursor: str, limit: int) -> ChangedUnits:
    """At most `limit` changes after a cursor. Raises RegistryRefusal BAD_CURSOR, or CURSOR_AHEAD for a change that is
    not in this registry."""
    at = 0
    with registry.storage.transaction() as db:
        if cursor != START:
            matched = _CURSOR.fullmatch(cursor)
            if matched is None:
                message = "游标无效 (a cursor is one this registry gave)"
                raise RegistryRefusal("BAD_CURSOR", message, field="youbiao", value=cursor)
            at = int(matched[1])
            known = db.execute("SELECT mark FROM holding_change WHERE seq = ?", (at,)).fetchone()
            if known is None or known["mark"] != matched[2]:
                message = "没有该持仓变更 (no such change of holdings: restored since, or another registry's cursor)"
                raise RegistryRefusal("CURSOR_AHEAD", message, field="youbiao", value=cursor, status=409)
        query = "SELECT seq, holding, mark FROM holding_change WHERE seq > ? ORDER BY seq LIMIT ?"
        rows = db.execute(query, (at, limit + 1)).fetchall()
        page = rows[:limit]
        lines: dict[int, Holding | None] = {row["holding"]: None for row in page}
        for number in lines:
            lines[number] = next(iter(registry.units.rows("id = ?", (number,))), None)
    after = f"{page[-1]['seq']}-{page[-1]['mark']}" if page else cursor
    return ChangedUnits(lines, after, len(rows) > limit)
