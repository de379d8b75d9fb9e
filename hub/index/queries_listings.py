"""What can be listed: each projection with its stable order and its filters."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table

from hub.db import tables as t
from hub.index.queries import Listing


def _by_place(table: Table, *filters: str, then: tuple[str, ...] = ()) -> Listing:
    """In the order of the chain: block, log within it, and whatever tells two rows of one log apart."""
    order = ("block_number", "log_index", *then)
    return Listing(table.name, table, tuple(table.c[name] for name in order), {n: table.c[n] for n in filters})


def _by_key(table: Table, *filters: str) -> Listing:
    """In the order of the primary key."""
    order: tuple[ColumnElement[object], ...] = tuple(table.primary_key.columns)
    return Listing(table.name, table, order, {name: table.c[name] for name in filters})


MEMBERS = _by_key(t.members, "kind")
OFFICERS = _by_key(t.officers, "member")
BALLOTS = _by_place(t.ballots, "kind", "proposer")
METHODOLOGIES = _by_place(t.methodologies, "member", "status", "lineage")
PROJECTS = _by_place(t.projects, "member", "methodology", "status", "mechanism")
ASSETS = _by_key(t.assets, "project")
EXTERNAL_LOCKS = _by_key(t.external_locks, "project", "status")
VERIFICATIONS = _by_place(t.verifications, "project", "voided")
RECOGNITIONS = _by_key(t.recognitions, "subject", "member", "home", "kind", "suspended", "revoked")
SERIES = _by_place(t.series, "member")
ISSUANCES = _by_place(t.issuances, "member", "series", "project", "verification", "vintage")
UNIT_BLOCKS = _by_key(t.unit_blocks, "series", "issuance", "holder", "status", "entry")
TRANSFERS = _by_place(t.transfers, "series", "from_member", "to_member", "status")
RETIREMENTS = _by_place(
    t.retirements, "series", "issuance", "holder", "claimant", "purpose", "compliance_year", "beneficiary"
)
CANCELLATIONS = _by_place(
    t.cancellations, "series", "issuance", "holder", "purpose", "ballot", then=("series", "first")
)
HOLDS = _by_place(t.holds, "member", "reason")
