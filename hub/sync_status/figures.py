"""The facts of a sync as Prometheus figures: the same at the adapter's own process and at the hub.

What never happened has no sample: an absent series cannot be read as a success. Ages are left to the reader of the
figures, as times since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from mutual_recognition.sync_facts import SyncFacts

_LABELS = ["member", "registry"]


def figures(all_facts: Sequence[SyncFacts], now: int) -> Iterator[Metric]:
    """One family a fact, one sample a registry."""
    reachable = GaugeMetricFamily(
        "yrdhub_sync_reachable", "1: the registry answered when last asked, 0: it did not", labels=_LABELS
    )
    attempt = GaugeMetricFamily("yrdhub_sync_last_attempt_seconds", "Last time it was asked", labels=_LABELS)
    success = GaugeMetricFamily("yrdhub_sync_last_success_seconds", "Last pass without trouble", labels=_LABELS)
    reported = GaugeMetricFamily("yrdhub_sync_reported_seconds", "When the adapter said all this", labels=_LABELS)
    lag = GaugeMetricFamily("yrdhub_sync_lag_seconds", "Age of the oldest thing on its way", labels=_LABELS)
    waiting = GaugeMetricFamily(
        "yrdhub_sync_waiting", "Records not yet final, effects not yet told", labels=[*_LABELS, "what"]
    )
    rows = GaugeMetricFamily("yrdhub_sync_rows", "Rows of the journal", labels=[*_LABELS, "table", "status"])
    dead = GaugeMetricFamily("yrdhub_sync_dead_letters", "What waits for an operator", labels=_LABELS)
    todo = GaugeMetricFamily("yrdhub_sync_todo", "Effects that a person has to book", labels=_LABELS)
    for facts in all_facts:
        who = [str(facts.member), facts.registry]
        for family, value in ((attempt, facts.last_attempt_at), (success, facts.last_success_at), (reported, facts.at)):
            if value is not None:
                family.add_metric(who, value)
        if facts.reachable is not None:
            reachable.add_metric(who, int(facts.reachable))
        lag.add_metric(who, facts.lag.seconds(now))
        waiting.add_metric([*who, "records"], facts.lag.records)
        waiting.add_metric([*who, "effects"], facts.lag.effects)
        tables = {"inbox": facts.inbox, "outbox": facts.outbox, "effects": facts.effects, "documents": facts.documents}
        for table, counts in tables.items():
            for status, count in counts.items():
                rows.add_metric([*who, table, status], count)
        dead.add_metric(who, facts.dead_letters)
        todo.add_metric(who, facts.todo)
    yield from (reachable, attempt, success, reported, lag, waiting, rows, dead, todo)
