"""The application: wires resources, limits and problems together, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from hub import __version__
from hub.api import problems
from hub.api.hub import Hub
from hub.api.limits import Limits
from hub.api.resources import (
    accesses,
    ballots,
    cad_trust,
    documents,
    health,
    holds,
    index,
    inventory,
    members,
    methodologies,
    observed,
    orders,
    projects,
    recognitions,
    reconciliations,
    requests,
    retirements,
    rules,
    serials,
    series,
    sync,
    totals,
    transfers,
)
from hub.documents.accesses import Retention

VERSION_PREFIX = "/v1"

_DESCRIPTION = """\
Read access to everything the consortium's chain says, as of the last projected block, and to the documents that members
share by audience; and a counter for signed orders and sealed documents. The API signs nothing.

* Every list answers in pages with a cursor; `next` is the path of the following page. Rows that arrive meanwhile shift
  nothing.
* Every answer has an ETag of its block and of what its reader may see (but for /v1/accesses, which reading changes);
  `If-None-Match` gives 304 while nothing changed.
* Quantities are integer kg of CO2 equivalent and serial numbers; integers beyond 2^53 - 1 are text. Times are block
  times in UTC+8.
* Errors are problem details (RFC 9457) whose `type` is stable.
* Who reads: public unless an endpoint says otherwise. Documents for members or auditors are read with a signed
  `Authorization: Yrdhub <address>:<expires>:<signature>`, and each such access is recorded and kept for three years.
"""

RESOURCES = (
    members,
    ballots,
    rules,
    methodologies,
    projects,
    recognitions,
    holds,
    series,
    transfers,
    retirements,
    serials,
    totals,
    observed,
    inventory,
    reconciliations,
    documents,
    cad_trust,
    accesses,
    orders,
    requests,
    sync,
    index,
)


def create_app(hub: Hub) -> FastAPI:
    """The application over `hub`. No CORS: pages of other origins are not served."""

    @asynccontextmanager
    async def while_serving(_app: FastAPI) -> AsyncIterator[None]:
        retention = Retention(hub.documents.accesses, hub.clock)
        retention.start()
        yield
        retention.stop()

    app = FastAPI(
        lifespan=while_serving,
        title="YRD Carbon Inclusion Hub",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=f"{VERSION_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=True,
        generate_unique_id_function=_operation_id,
    )
    app.state.hub = hub
    problems.install(app)
    app.add_middleware(Limits)
    for resource in RESOURCES:
        app.include_router(resource.router, prefix=VERSION_PREFIX, responses=problems.PROBLEMS)
    app.include_router(health.router)

    @app.get("/", include_in_schema=False)
    @app.get(f"{VERSION_PREFIX}/", include_in_schema=False)
    def start() -> dict[str, Any]:
        """Where things are, for whoever types the address alone. Audience: public."""
        paths = app.openapi()["paths"]
        lists = [path for path, item in paths.items() if "get" in item and "{" not in path]
        return {"openapi": f"{VERSION_PREFIX}/openapi.json", "lists": lists}

    _complete_openapi(app)
    return app


def _complete_openapi(app: FastAPI) -> None:
    """Adds the form of problems, which no endpoint returns by itself."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        specification = make()
        specification["components"]["schemas"].setdefault("Problem", problems.Problem.model_json_schema())
        return specification

    app.openapi = openapi  # type: ignore[method-assign]


def _operation_id(route: Any) -> str:
    """The endpoint's own name: what clients generated from the OpenAPI will call."""
    return str(route.name)
