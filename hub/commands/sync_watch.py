"""`yrdhub sync run --watch`: passes until interrupted, by whichever key is the registrar's then."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import httpx
from rich.markup import escape

from adapters.protocol import RegistryAdapter
from adapters.registry import open_adapter
from adapters.sync.engine import PassReport, SyncEngine
from adapters.sync.hints import Waking
from adapters.sync.journal import Journal
from adapters.sync.telling import Watch
from hub.bootstrap import OpenIndex, open_sync
from hub.chain.enums import Role
from hub.chain.keys import parse_address
from hub.commands.open_node import keys_folder
from hub.commands.sync_journal import journal_file, now, open_journal
from hub.commands.sync_settings import asset_key
from hub.db.engine import open_reading_engine
from hub.errors import ConfigurationWrong, RetryLater
from hub.keys_at_hand import OfficerKey, choose_officer, unlock
from hub.settings import load_settings
from hub.sync_status.serving import serving
from hub.terminal import Terminal
from mutual_recognition.instants import in_china
from mutual_recognition.sync_facts import SyncFacts

AfterPass: TypeAlias = Callable[[SyncEngine, RegistryAdapter, Journal], None]


@dataclass
class SyncDesk:
    """One registry's sync, opened for the registrar's key and the adapter's configuration of now.

    Both are looked at before every pass: a key that was replaced, or a configuration that was corrected, is taken up
    without a restart.
    """

    terminal: Terminal
    index: OpenIndex
    name: str
    hub: httpx.Client | None = None
    key: str | None = None
    after_pass: AfterPass | None = None
    """What else is done after a pass, with the engine, adapter and journal of now."""
    _adapter: RegistryAdapter | None = field(default=None, init=False)
    _configuration: bytes = field(default=b"", init=False)
    _engine: SyncEngine | None = field(default=None, init=False)
    _journal: Journal | None = field(default=None, init=False)
    _signs: str = field(default="", init=False)
    _opened: ExitStack = field(default_factory=ExitStack, init=False)

    def run_once(self, watch: Watch | None = None) -> PassReport:
        """One pass. Raises RetryLater while chain or journal are taken, ConfigurationWrong without a key."""
        engine = self._ready()
        report = engine.run_once() if watch is None else engine.run_once(watch)
        if self.after_pass is not None and self._adapter is not None and self._journal is not None:
            self.after_pass(engine, self._adapter, self._journal)
        return report

    def note_trouble(self, trouble: str) -> None:
        """Keeps why a pass could not even begin, where status and figures are read."""
        home = self.terminal.settings.home
        if journal_file(home, self.name).exists():
            with open_journal(home, self.name) as journal:
                journal.set(registry_trouble=trouble)

    def close(self) -> None:
        """Closes the journal and the adapter."""
        self._engine, self._adapter, self._journal, self._signs = None, None, None, ""
        self._opened.close()

    def _ready(self) -> SyncEngine:
        home = self.terminal.settings.home
        configuration = (home / "adapters" / f"{self.name}.json").read_bytes()
        if self._adapter is None or configuration != self._configuration:
            self._open_adapter(configuration)
        assert self._adapter is not None
        officer = self._officer(self._adapter.profile.member)
        address = officer.keystore.address
        if self._engine is not None and address == self._signs:
            return self._engine
        if self._engine is not None:
            self.terminal.note(f"the registrar's key is {address} now; it was {self._signs}")
            self._open_adapter(configuration)
        settings = load_settings(self.terminal.home)
        signer = unlock(settings, officer)
        file = journal_file(home, self.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = open_sync(self.index, self._adapter, signer, file, hub=self.hub, asset_key=asset_key(settings))
        self._engine, self._journal = self._opened.enter_context(opened)
        self._signs = address
        return self._engine

    def _open_adapter(self, configuration: bytes) -> None:
        self.close()
        self._adapter = open_adapter(self.terminal.settings.home, self.name)
        self._opened.callback(self._adapter.close)
        self._configuration = configuration

    def _officer(self, member: int) -> OfficerKey:
        wanted = None if self.key is None else parse_address(self.key, "--key")
        folder = keys_folder(self.terminal.settings)
        index = self.index
        return choose_officer(folder, index.node, index.deployment, Role.REGISTRAR, member=member, key=wanted)


@contextmanager
def opened_desk(
    terminal: Terminal, index: OpenIndex, name: str, hub: httpx.Client | None, key: str | None
) -> Iterator[SyncDesk]:
    """A desk that is closed in the end."""
    desk = SyncDesk(terminal, index, name, hub, key)
    try:
        yield desk
    finally:
        desk.close()


def watch_passes(
    desk: SyncDesk,
    waking: Waking,
    every: float,
    bars: Callable[[], AbstractContextManager[Watch]],
    lines: Callable[[str, PassReport], list[str]],
) -> None:
    """Passes until `waking` is stopped, `every` seconds apart or when a hint comes. Trouble is told once, and when it
    has gone."""
    terminal, trouble = desk.terminal, ""
    while not waking.stopped:
        try:
            with bars() as watch:
                report = desk.run_once(watch)
        except (RetryLater, ConfigurationWrong) as failed:
            found, said = str(failed), []
            desk.note_trouble(found)
        else:
            found = "; ".join(report.trouble)
            said = lines(desk.name, report) if report.read or report.written or report.told else []
        if found and found != trouble:
            said = [f"[yellow]{escape(found)}[/yellow]"]
        elif trouble and not found:
            said = ["[green]that has gone[/green]", *said]
        if said:
            terminal.note(f"[dim]{in_china(now())}[/dim]", *said)
        trouble = found
        waking.wait(every)


def stop_by_signal(waking: Waking) -> None:
    """An interrupt, or a request to end, ends the watching after the pass that is under way."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: waking.stop())


@contextmanager
def metrics_of(desk: SyncDesk, port: int) -> Iterator[str]:
    """The process's own face, over the journal as it stands."""
    home, name = desk.terminal.settings.home, desk.name
    with closing(open_adapter(home, name)) as adapter:
        profile = adapter.profile
    file = journal_file(home, name)
    engine = open_reading_engine(f"sqlite:///{file}")

    def facts() -> SyncFacts | None:
        if not file.exists():
            return None
        journal = Journal(engine, now)
        return journal.sync_facts(profile) if journal.is_prepared() else None

    try:
        with serving(port, facts) as address:
            yield address
    finally:
        engine.dispose()
