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
from hub.db.tables.own import document_accesses, documents, relays, seals
from hub.db.tables.recognition import cap_use, declined, entries, recognitions, terms

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
)

OWN = (seals, documents, document_accesses, relays)

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
    "documents",
    "entries",
    "external_locks",
    "holds",
    "issuances",
    "members",
    "metadata",
    "methodologies",
    "officers",
    "projects",
    "raw_logs",
    "recognitions",
    "register_code",
    "relays",
    "requests",
    "retirements",
    "seals",
    "serial_events",
    "series",
    "settings",
    "terms",
    "transfers",
    "unit_blocks",
    "verifications",
    "votes",
]
