"""Methodology filings and their status."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.registry import ZERO12, Event, Projectors, home, note_request
from hub.index.rows import Rows

projectors = Projectors("Methodologies")

_FILED, _SUPERSEDED = 1, 2


@projectors.on("MethodologyFiled")
def methodology_filed(event: Event, rows: Rows) -> None:
    a = event.args
    row = {
        "methodology": a["methodology"],
        "member": a["member"],
        "native": a["native"],
        "document": a["document"],
        "definition": a["definition"],
        "valid_from": a["validFrom"],
        "valid_until": a["validUntil"],
        "supersedes": a["supersedes"],
        "superseded_by": ZERO12,
        "lineage": a["lineage"],
        "status": _FILED,
        "holds": 0,
        "request": a["request"],
    }
    rows.put(tables.methodologies, row | event.seen())
    if a["supersedes"] != ZERO12:
        rows.change(tables.methodologies, a["supersedes"], status=_SUPERSEDED, superseded_by=a["methodology"])
    note_request(event, rows, home(event.args["methodology"]))


@projectors.on("MethodologyStatusChanged")
def methodology_status_changed(event: Event, rows: Rows) -> None:
    rows.change(tables.methodologies, event.args["methodology"], status=event.args["status"])
    note_request(event, rows, home(event.args["methodology"]))
