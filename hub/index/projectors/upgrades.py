"""Which code stands behind each register: the proxies' own events, the same for all of them."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.registry import Event, Projector
from hub.index.rows import Rows

REGISTERS = ("Consortium", "Holds", "Methodologies", "Projects", "Recognition", "CreditLedger")


def upgraded(event: Event, rows: Rows) -> None:
    row = {"register": event.contract, "implementation": event.args["implementation"]}
    rows.put(tables.register_code, row | event.seen())


def initialized(event: Event, rows: Rows) -> None:
    """Says only that the register's first values are set; the events beside it say which."""


projectors: dict[tuple[str, str], Projector] = {
    (register, name): projector
    for register in REGISTERS
    for name, projector in (("Upgraded", upgraded), ("Initialized", initialized))
}
