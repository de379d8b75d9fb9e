"""Health for those who run the hub: alive, ready (each condition told apart), and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from hub.api.hub import Hub, TheHub
from hub.api.shapes import example_of
from hub.documents.store import how_many_public
from hub.errors import RetryLater
from hub.index.queries_status import Position, counts, position, schema_is_current
from hub.relay.outbox import count_by_status
from hub.sync_status.figures import figures
from hub.sync_status.store import reports

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Annotated[str, Field(examples=["alive"])]


class Fact(BaseModel):
    """One condition of being ready."""

    ok: Annotated[bool, Field(examples=[True])]
    detail: Annotated[str, Field(examples=["block 1024 of 1024"])]


class Readiness(BaseModel):
    """Every condition for itself; ready is all of them."""

    ready: Annotated[bool, Field(examples=[True])]
    database: Fact
    migrations: Fact
    chain: Fact
    index: Fact


@router.get(
    "/healthz",
    responses={200: {"description": "Alive", "content": {"application/json": {"example": example_of(Alive)}}}},
)
def read_health(response: Response) -> Alive:
    """Whether the process answers; asks nothing else. Audience: public."""
    response.headers["cache-control"] = "no-store"
    return Alive(status="alive")


@router.get(
    "/readyz",
    responses={
        status: {"description": text, "content": {"application/json": {"example": example_of(Readiness)}}}
        for status, text in ((200, "Ready"), (503, "Not ready: the facts say what is missing"))
    },
)
def read_readiness(hub: TheHub, response: Response) -> Readiness:
    """Whether answers would be current: database, migrations, chain, index. Audience: public."""
    found = _readiness(hub)
    response.status_code = 200 if found.ready else 503
    response.headers["cache-control"] = "no-store"
    return found


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text",
            "content": {"text/plain": {"example": "yrdhub_index_block 1024.0\n"}},
        }
    },
)
def read_metrics(hub: TheHub) -> Response:
    """Figures for Prometheus. Audience: public; publish it inside only, where that matters."""
    registry = CollectorRegistry()
    registry.register(_Figures(hub))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})


def _readiness(hub: Hub) -> Readiness:
    head, trouble = hub.head_or_trouble()
    chain = Fact(ok=head is not None, detail=trouble or f"head {head[0] if head else 0}")
    unknown = Fact(ok=False, detail="not known while the database does not answer")
    database = migrations = index = unknown
    try:
        with hub.reading.connect() as connection:
            database = Fact(ok=True, detail=connection.dialect.name)
            current = schema_is_current(connection)
            migrations = Fact(ok=current, detail="newest" if current else "run `yrdhub index follow` to migrate")
            at = position(connection)
            index = _freshness(hub, at, head)
    except RetryLater as empty:
        index = Fact(ok=False, detail=empty.message)
    except SQLAlchemyError as broken:
        database = Fact(ok=False, detail=type(broken).__name__)
    facts = {"database": database, "migrations": migrations, "chain": chain, "index": index}
    return Readiness(ready=all(fact.ok for fact in facts.values()), **facts)


def _freshness(hub: Hub, at: Position, head: tuple[int, int] | None) -> Fact:
    if head is None:
        return Fact(ok=False, detail=f"block {at.block}; how far behind is not known without the chain")
    behind = head[1] - at.time if head[0] > at.block else 0
    return Fact(ok=behind <= hub.stale_after, detail=f"block {at.block} of {head[0]}, {max(0, behind)} s behind")


class _Figures(Collector):
    """Read when scraped, in one snapshot."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        head, _ = self._hub.head_or_trouble()
        yield GaugeMetricFamily("yrdhub_chain_reachable", "1 while a node answers", value=int(head is not None))
        if head is not None:
            yield GaugeMetricFamily("yrdhub_chain_head_block", "Last final block of the chain", value=head[0])
        try:
            with self._hub.reading.connect() as connection:
                at = position(connection)
                yield GaugeMetricFamily("yrdhub_index_block", "Last projected block", value=at.block)
                yield GaugeMetricFamily("yrdhub_index_block_time_seconds", "Its block time", value=at.time)
                if head is not None:
                    lag = max(0, head[0] - at.block)
                    yield GaugeMetricFamily("yrdhub_index_lag_blocks", "Blocks behind the head", value=lag)
                rows = GaugeMetricFamily("yrdhub_index_rows", "Rows of a projection", labels=["projection"])
                for name, count in counts(connection).items():
                    rows.add_metric([name], count)
                yield rows
                yield GaugeMetricFamily("yrdhub_documents", "Public documents kept", value=how_many_public(connection))
                relays = GaugeMetricFamily("yrdhub_relayed_orders", "Orders handed in", labels=["status"])
                for name, count in count_by_status(connection).items():
                    relays.add_metric([name], count)
                yield relays
                facts = [report.facts for report in reports(connection)]
                yield from figures(facts, self._hub.clock())
        except RetryLater:
            return
