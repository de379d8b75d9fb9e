"""How a projector is written down: a function of (Event, Rows), filed under its contract and event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.db import tables
from hub.index.rows import Row, Rows

ZERO12 = "0x" + "00" * 12
ZERO32 = "0x" + "00" * 32
NO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event with the block time that the projections need."""

    contract: str
    name: str
    args: dict[str, Any]
    block_number: int
    log_index: int
    block_time: int
    tx_hash: str

    def seen(self) -> Row:
        """The columns that say where a row was made."""
        return {"block_number": self.block_number, "log_index": self.log_index, "block_time": self.block_time}


Projector: TypeAlias = Callable[[Event, Rows], None]


class Projectors(dict[tuple[str, str], Projector]):
    """The projectors of one contract, filled by decoration."""

    def __init__(self, contract: str) -> None:
        super().__init__()
        self._contract = contract

    def on(self, event: str) -> Callable[[Projector], Projector]:
        """Files the decorated function under `event`."""

        def file(function: Projector) -> Projector:
            self[(self._contract, event)] = function
            return function

        return file


def note_request(event: Event, rows: Rows, member: int) -> None:
    """Records under which event `member` carried out a request. The member is the one whose key the contract asked for,
    so that nobody can make another's request look done by repeating its id.
    """
    request = event.args["request"]
    if request != ZERO32:
        seen = {"request": request, "member": member, "contract": event.contract, "event": event.name}
        rows.put(tables.requests, seen | {"tx_hash": event.tx_hash} | event.seen())


def home(identifier: str) -> int:
    """The member in whose space a twelve-byte id (0x-hex) stands."""
    return int(identifier[2:8], 16)
