"""Reconciliation on a schedule, beside a registry's sync: `yrdhub sync run NAME --watch --reconcile-every 24h`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from rich.markup import escape

from adapters.protocol import RegistryAdapter
from adapters.sync.engine import SyncEngine
from adapters.sync.journal import Journal
from adapters.sync.reconcile import Result
from hub.bootstrap import OpenIndex
from hub.commands.reconciling import open_reconciler, write_evidence
from hub.commands.sync_journal import journal_file
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from hub.terminal import Terminal
from mutual_recognition.reconciliation import Status

log = structlog.get_logger(__name__)

_AGAIN_AFTER_DENIAL = 600
"""Seconds until a start that was denied is asked for again."""


@dataclass
class ReconcileEvery:
    """Reconciles when the last one (of the journal, so also one before a restart) is `every` seconds ago.

    A hold is a voter's, so a schedule places none: it says what to do. The sync lets no record use what is in dispute.
    """

    terminal: Terminal
    index: OpenIndex
    name: str
    every: int
    clock: Callable[[], int] = lambda: int(time.time())

    def __call__(self, engine: SyncEngine, adapter: RegistryAdapter, journal: Journal) -> None:
        """Reconciles if it is time. Trouble is told and does not end the sync."""
        if self.clock() < self.due(journal):
            return
        folder = journal_file(self.terminal.settings.home, self.name).parent
        try:
            result = open_reconciler(self.index, adapter, engine, journal, folder=folder).run()
        except (RetryLater, ConfigurationWrong, RecordRefused) as trouble:
            self.terminal.note(f"[yellow]{escape(str(trouble))}[/yellow]")
            return
        self._tell(result)

    def due(self, journal: Journal) -> int:
        """When the next one is due, in seconds since 1970."""
        last = next(iter(journal.results(1)), None)
        if last is None:
            return 0
        denied = last.status == Status.START_DENIED
        return last.started_at + (min(self.every, _AGAIN_AFTER_DENIAL) if denied else self.every)

    def _tell(self, result: Result) -> None:
        if result.status is not Status.MANUAL_INTERVENTION_REQUIRED:
            self.terminal.note(f"reconciled: {result.status.in_words} ({result.id})")
            return
        evidence = write_evidence(self.terminal.settings.home / "reconciliations", result)
        log.warning("reconciliation_dispute", registry=self.name, reconciliation=result.id, blocks=len(result.blocks))
        self.terminal.note(
            f"[red]{result.record['differing_serials']} serials in dispute[/red]: yrdhub reconcile show {result.id}",
            *(escape(one.command()) for one in evidence),
        )
