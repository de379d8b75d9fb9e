"""The hub's tables, one file a room.

`CHAIN` tables hold what was read off the chain: blocks, raw logs, the cursor. `PROJECTIONS` are derived from the raw
logs alone and can be deleted and rebuilt (law L8). `OWN` tables hold what is on no chain: documents, their seals and
readers, orders to relay. Ids are 0x-hex text, as people see them; times are block times in seconds; quantities are
whole serials or integer kg.
"""

from __future__ import annotations

from hub.db.tables.chain import blocks, cursor, raw_logs
from hub.db.tables.columns import metadata
from hub.db.tables.consortium import (
    allowed_calls,
    ballot_rules,
    ballots,
    members,
    officers,
    register_code,
    settings,
    votes,
)
from hub.db.tables.credits import (
    cancellations,
    holds,
    issuances,
    requests,
    retirements,
    serial_events,
    series,
    transfers,
    unit_blocks,
    verifications,
)
from hub.db.tables.filings import assets, external_locks, methodologies, projects
from hub.db.tables.observed import accepted as observed_accepted
from hub.db.tables.observed import changes as observed_changes
from hub.db.tables.observed import drifts as observed_drifts
from hub.db.tables.observed import loads as observed_loads
from hub.db.tables.observed import projects as observed_projects
from hub.db.tables.observed import refusals as observed_refusals
from hub.db.tables.observed import units as observed_units
from hub.db.tables.own import (
    document_accesses,
    document_marks,
    document_reads,
    document_texts,
    documents,
    relays,
    seals,
)
from hub.db.tables.recognition import cap_use, declined, entries, recognition_events, recognitions, terms
from hub.db.tables.reconciliation import holding_nodes, holding_roots, reconciliations
from hub.db.tables.sync_status import sync_status

CHAIN = (cursor, blocks, raw_logs)

PROJECTIONS = (
    members,
    officers,
    ballots,
    votes,
    ballot_rules,
    allowed_calls,
    register_code,
    settings,
    methodologies,
    projects,
    assets,
    external_locks,
    recognitions,
    recognition_events,
    terms,
    declined,
    entries,
    cap_use,
    series,
    verifications,
    issuances,
    unit_blocks,
    transfers,
    retirements,
    cancellations,
    holds,
    serial_events,
    requests,
    holding_nodes,
    holding_roots,
)

OWN = (
    seals,
    documents,
    document_marks,
    document_texts,
    document_accesses,
    document_reads,
    relays,
    reconciliations,
    sync_status,
    observed_loads,
    observed_refusals,
    observed_projects,
    observed_units,
    observed_changes,
    observed_drifts,
    observed_accepted,
)

__all__ = [
    "CHAIN",
    "OWN",
    "PROJECTIONS",
    "allowed_calls",
    "assets",
    "ballot_rules",
    "ballots",
    "blocks",
    "cancellations",
    "cap_use",
    "cursor",
    "declined",
    "document_accesses",
    "document_marks",
    "document_reads",
    "document_texts",
    "documents",
    "entries",
    "external_locks",
    "holding_nodes",
    "holding_roots",
    "holds",
    "issuances",
    "members",
    "metadata",
    "methodologies",
    "observed_accepted",
    "observed_changes",
    "observed_drifts",
    "observed_loads",
    "observed_projects",
    "observed_refusals",
    "observed_units",
    "officers",
    "projects",
    "raw_logs",
    "recognition_events",
    "recognitions",
    "reconciliations",
    "register_code",
    "relays",
    "requests",
    "retirements",
    "seals",
    "serial_events",
    "series",
    "settings",
    "sync_status",
    "terms",
    "transfers",
    "unit_blocks",
    "verifications",
    "votes",
]
