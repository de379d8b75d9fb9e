"""`yrdhub sync restored`: a registry was put back from a backup, and what it lost is told to it again."""

from __future__ import annotations

from contextlib import closing

import typer

from adapters.protocol import SeesBookings
from adapters.registry import open_adapter
from adapters.sync.alone import alone
from adapters.sync.dead_letters import put_back
from hub.commands.sync_held import Yes, confirm
from hub.commands.sync_journal import Name, journal_file, open_journal
from hub.terminal import Terminal


def restored(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Say that the registry was put back from a backup: read it from the beginning, tell it anew what it lost.

    The next pass does it. Nothing goes to the chain twice. What the registry issued after the backup and no longer
    knows is found by `yrdhub reconcile`.
    """
    terminal = Terminal.of(context)
    home = terminal.settings.home
    with closing(open_adapter(home, name)) as adapter, open_journal(home, name) as journal:
        confirm(terminal, f"{adapter.profile.title} was put back from a backup: read it from the beginning", yes)
        with alone(journal_file(home, name)):
            told = put_back(journal, adapter if isinstance(adapter, SeesBookings) else None)
    words = f"the next pass reads from the beginning, and looks up {told:,} effects that it was told before"
    terminal.answer({"registry": name, "effects": told}, f"{words}; then: yrdhub reconcile {name}")
