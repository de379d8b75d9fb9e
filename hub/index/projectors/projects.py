"""Project registrations, asset claims, other mechanisms and external locks."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.registry import Event, Projectors, home, note_request
from hub.index.rows import Rows

projectors = Projectors("Projects")

_REGISTERED = 1


@projectors.on("ProjectRegistered")
def project_registered(event: Event, rows: Rows) -> None:
    a = event.args
    row = {
        "project": a["project"],
        "member": a["member"],
        "native": a["native"],
        "methodology": a["methodology"],
        "document": a["document"],
        "revision": 1,
        "crediting_start": a["creditingStart"],
        "crediting_end": a["creditingEnd"],
        "declaration": a["declaration"],
        "mechanism": 0,
        "status": _REGISTERED,
        "holds": 0,
        "request": a["request"],
    }
    rows.put(tables.projects, row | event.seen())
    _claim(event, rows)
    note_request(event, rows, home(event.args["project"]))


@projectors.on("ProjectAmended")
def project_amended(event: Event, rows: Rows) -> None:
    a = event.args
    rows.change(
        tables.projects,
        a["project"],
        revision=a["revision"],
        document=a["document"],
        crediting_start=a["creditingStart"],
        crediting_end=a["creditingEnd"],
    )
    note_request(event, rows, home(event.args["project"]))


@projectors.on("ProjectStatusChanged")
def project_status_changed(event: Event, rows: Rows) -> None:
    rows.change(tables.projects, event.args["project"], status=event.args["status"])
    note_request(event, rows, home(event.args["project"]))


@projectors.on("AssetsClaimed")
def assets_claimed(event: Event, rows: Rows) -> None:
    _claim(event, rows)
    note_request(event, rows, home(event.args["project"]))


@projectors.on("AssetsReleased")
def assets_released(event: Event, rows: Rows) -> None:
    for asset in event.args["assets"]:
        rows.remove(tables.assets, asset)
    note_request(event, rows, home(event.args["project"]))


@projectors.on("MechanismDeclared")
def mechanism_declared(event: Event, rows: Rows) -> None:
    rows.change(tables.projects, event.args["project"], mechanism=event.args["mechanism"])
    note_request(event, rows, home(event.args["project"]))


@projectors.on("ExternalLockChanged")
def external_lock_changed(event: Event, rows: Rows) -> None:
    row = {name: event.args[name] for name in ("lock", "project", "mechanism", "status", "evidence")}
    rows.put(tables.external_locks, row | event.seen())
    note_request(event, rows, home(event.args["project"]))


def _claim(event: Event, rows: Rows) -> None:
    for asset in event.args["assets"]:
        rows.put(tables.assets, {"asset": asset, "project": event.args["project"]} | event.seen())
