"""A clerk who works off the list of what no program may write: types each row into the workbook, and says so.

The clerk is simulated, the list and the workbook are real: the row goes into the file, the office's own system books
it, and its answer beside the row is what the clerk confirms with (`yrdhub sync todo`, `yrdhub sync done`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.protocol import RegistryAdapter, WritesInstructions
from adapters.sandbox.process import SandboxProcess
from adapters.sync.journal import Journal
from hub.errors import StopAndTell

CLERK = "示例经办人"
_BOOKED = "已办"


@dataclass(frozen=True, slots=True)
class Item:
    """A thing to book, in the office's words. `key` is the effect's, `number` what the clerk types as 事项编号."""

    key: str
    number: str
    title_zh: str
    title: str
    sheet: str
    row: Mapping[str, Any]


def work_list(adapter: RegistryAdapter, journal: Journal) -> list[Item]:
    """What waits for a person, oldest first; nothing at a registry that is told by programs."""
    if not isinstance(adapter, WritesInstructions):
        return []
    found = []
    for task in journal.todo():
        told: Mapping[str, Any] = adapter.instructions(task.effect)
        title = told["title"]
        found.append(Item(told["key"], told["item"], title["zh"], title["en"], told["sheet"], told["row"]))
    return found


def type_in(process: SandboxProcess, item: Item) -> str:
    """Types the row; what the office's system writes beside it. Raises StopAndTell where it does not book it."""
    answer = process.control("type-booking", row=dict(item.row), by=CLERK)
    if answer["result"] != _BOOKED:
        raise StopAndTell(
            f"the office did not book {item.number} ({item.title}): {answer['note']}",
            what=dict(item.row),
            remedy="report this with the demo's folder",
            code="demo_not_booked",
        )
    return str(answer["note"])


def work_off(process: SandboxProcess, adapter: RegistryAdapter, journal: Journal) -> list[Item]:
    """Types and confirms everything on the list, in order."""
    items = work_list(adapter, journal)
    for item in items:
        journal.settle_by_hand(item.key, by=CLERK, reference=type_in(process, item))
    return items
