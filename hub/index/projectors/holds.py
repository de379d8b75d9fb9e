"""Holds: the marks of voters and ballots on methodologies, projects and unit blocks."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.credits import note_serials
from hub.index.projectors.registry import ZERO32, Event, Projectors, note_request
from hub.index.rows import Rows
from mutual_recognition.identifiers import Kind, parse_subject
from mutual_recognition.unit_blocks import BlockStatus

projectors = Projectors("Holds")


@projectors.on("HoldPlaced")
def hold_placed(event: Event, rows: Rows) -> None:
    a = event.args
    row = {name: a[name] for name in ("hold", "member", "reason", "evidence", "until", "subjects", "ballot", "request")}
    rows.put(tables.holds, row | {"ended_at": 0, "ended_by": ZERO32} | event.seen())
    _mark(event, rows, a["subjects"], 1, "held", a["hold"])
    note_request(event, rows, a["member"])


@projectors.on("HoldLifted")
def hold_lifted(event: Event, rows: Rows) -> None:
    _end(event, rows, event.args["ballot"], "hold_lifted")
    note_request(event, rows, rows.get(tables.holds, event.args["hold"])["member"])


@projectors.on("HoldFinished")
def hold_finished(event: Event, rows: Rows) -> None:
    _end(event, rows, ZERO32, "hold_finished")


def _end(event: Event, rows: Rows, ballot: str, what: str) -> None:
    hold = rows.change(tables.holds, event.args["hold"], ended_at=event.block_time, ended_by=ballot)
    _mark(event, rows, hold["subjects"], -1, what, hold["hold"])


def _mark(event: Event, rows: Rows, subjects: list[str], by: int, what: str, hold: str) -> None:
    for part, text in enumerate(subjects):
        kind, identifier, first = parse_subject(bytes.fromhex(text[2:]))
        name = "0x" + identifier.hex()
        match kind:
            case Kind.METHODOLOGY:
                row = rows.get(tables.methodologies, name)
                rows.change(tables.methodologies, name, holds=row["holds"] + by)
            case Kind.PROJECT:
                row = rows.get(tables.projects, name)
                rows.change(tables.projects, name, holds=row["holds"] + by)
            case _:
                block = rows.get(tables.unit_blocks, name, first)
                if block["status"] == BlockStatus.CANCELLED.value:
                    continue  # the ballot that cancelled it ended its marks
                block = rows.change(tables.unit_blocks, name, first, holds=block["holds"] + by)
                note_serials(event, rows, what, block, block["first"], block["last"], reference=hold, part=part)
