"""Pulling: what is new since the last time, got, checked and kept, exactly once.

A page is fetched and checked first; its documents and the cursor behind them are then kept in one transaction. A pull
that ends half-way, however it ends, is simply made again: what is here already is not asked for a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.errors import RecordRefused
from hub.index.queries import Row
from hub.sharing.checking import Checked
from hub.sharing.exchange import Exchange, Fetched, Question
from hub.sharing.own_store import OwnStore
from mutual_recognition.documents import DocumentKind
from mutual_recognition.sharing import SHAPES

PAGE = 50


@dataclass(slots=True)
class Pulled:
    """What one pull did."""

    new: int = 0
    known: int = 0
    refused: list[RecordRefused] = field(default_factory=list)


def pull(
    store: OwnStore,
    exchange: Exchange,
    check: Callable[[Fetched], Checked],
    subscription: Row,
    *,
    page: int = PAGE,
    kept: Callable[[int], None] | None = None,
) -> Pulled:
    """Brings `subscription` up to now. What `check` refuses is noted with its reason, and the rest goes on.

    `kept` is told how many documents each page brought. Raises RetryLater while the hub is away; what was kept stays.
    """
    done, cursor = Pulled(), int(subscription["cursor"])
    while True:
        answered = exchange.find(_question(subscription, cursor, page))
        if not answered.entries:
            return done
        checked: list[Checked] = []
        refused: list[tuple[str, RecordRefused]] = []
        for entry in answered.entries:
            digest = str(entry["digest"])
            if store.has(digest):
                done.known += 1
                continue
            try:
                one = check(exchange.fetch(digest))
                _require_asked_for(one, subscription)
                checked.append(one)
            except RecordRefused as why:
                refused.append((digest, why))
        cursor = int(answered.entries[-1]["arrived"])
        new = store.keep(int(subscription["number"]), checked, refused, cursor)
        done.new += new
        done.refused += [why for _, why in refused]
        if kept is not None:
            kept(new)
        if not answered.more:
            return done


def pull_every(
    store: OwnStore,
    exchange: Exchange,
    check: Callable[[Fetched], Checked],
    every: float,
    stop: Callable[[float], bool],
    told: Callable[[Pulled], None],
) -> None:
    """Pulls all subscriptions until `stop`, which waits as long as it is told between passes."""
    while True:
        started = time.monotonic()
        for subscription in store.subscriptions():
            told(pull(store, exchange, check, subscription))
        if stop(max(0.0, every - (time.monotonic() - started))):
            return


def _question(subscription: Row, cursor: int, page: int) -> Question:
    """The notices of withdrawal always go along: what they withdraw may be here."""
    kind = subscription["kind"]
    kinds = (kind, DocumentKind.WITHDRAWAL.value) if kind else tuple(sorted(one.value for one in SHAPES))
    return Question(
        kinds=kinds,
        member=subscription["member"],
        methodology=subscription["methodology"],
        since=cursor,
        limit=page,
    )


def _require_asked_for(checked: Checked, subscription: Row) -> None:
    document = checked.document
    kinds = {subscription["kind"], DocumentKind.WITHDRAWAL.value} if subscription["kind"] else {*SHAPES}
    if document.kind not in kinds or subscription["member"] not in {0, document.member}:
        raise RecordRefused(
            f"a {document.kind} of member {document.member} was given where none such was asked for",
            code="not_asked_for",
            value=checked.fetched.digest,
            remedy="tell the hub's operator; nothing of it was kept",
        )
