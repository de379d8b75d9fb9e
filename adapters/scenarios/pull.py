"""One pull of a source into its store. May be interrupted anywhere; the next goes on from the last page stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

from adapters.scenarios.source import ScenarioSource
from adapters.scenarios.store import ScenarioStore, Taken
from hub.errors import YrdhubError


def pull(
    source: ScenarioSource,
    store: ScenarioStore,
    *,
    since: date | None = None,
    clock: Callable[[], float] = time.time,
    watch: Callable[[Taken], None] = lambda taken: None,
) -> Taken:
    """Everything that the source has beyond the cursor (or from `since` on), each act taken once.

    Last attempt, last success and last trouble are noted apart. Raises what the source raises; pages before are kept.
    """
    together = Taken()
    store.note("attempt_at", str(int(clock())))
    try:
        for page in source.read(store.fact("cursor"), since):
            together.add(store.take(page))
            watch(together)
    except YrdhubError as trouble:
        store.note("trouble", f"{trouble.code}: {trouble.message}")
        raise
    store.note("success_at", str(int(clock())))
    store.note("trouble", "")
    return together
