"""The journal: every step of a record's way, each in one transaction, so that a restart goes on where the last
commit was."""

from __future__ import annotations

from adapters.sync.documents_out import DocumentsOut
from adapters.sync.effect_queue import EffectQueue
from adapters.sync.outbox import Outbox
from adapters.sync.reconciliations import Reconciliations
from adapters.sync.rows import Decision, InboxRow, OutboxRow, Submission
from adapters.sync.standing import Standing


class Journal(Outbox, EffectQueue, DocumentsOut, Standing, Reconciliations):
    """All parts of one registry's journal, over the same tables."""


__all__ = ["Decision", "InboxRow", "Journal", "OutboxRow", "Submission"]
