"""Projectors: one function an event, from the event alone to rows. No calls to the chain, no clock, no order but
the log's.

`PROJECTORS` maps (contract, event) to its function; a test holds it complete against every ABI, so that a new event
cannot be forgotten.
"""

from __future__ import annotations

from hub.index.projectors import consortium, credits, holds, methodologies, projects, recognition, upgrades
from hub.index.projectors.registry import Projector

PROJECTORS: dict[tuple[str, str], Projector] = (
    consortium.projectors
    | holds.projectors
    | methodologies.projectors
    | projects.projectors
    | recognition.projectors
    | credits.projectors
    | upgrades.projectors
)
