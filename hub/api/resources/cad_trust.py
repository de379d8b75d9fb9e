"""A member's listing in the form of CAD Trust's data model, as one JSON document that is written as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from hub.api.hub import TheHub
from hub.api.problems import NO_SUCH, NotFound, NotModified
from hub.api.snapshots import etag_of, matches, refuse_unknown_parameters
from hub.cad_trust.export import Part, export_records, require_member
from hub.cad_trust.identity import Links
from hub.documents.audience import PUBLIC
from hub.documents.store import revision
from hub.errors import RecordRefused
from hub.index.queries_status import position
from mutual_recognition.cad_trust import json_pieces

router = APIRouter(tags=["exports"])

_ANSWER: dict[str, Any] = {
    "projects": [
        {
            "warehouseProjectId": "0f5a8f4e-5f0e-5d3c-9a54-0d7b5d3f6a11",
            "projectId": "PV-2025-001",
            "registryOfOrigin": "Shanghai (310000) illustrative-registry",
            "projectName": "Roof PV (illustrative)",
            "projectStatus": "Registered",
            "unitMetric": "tCO2e",
            "issuances": [],
            "labels": [],
        }
    ],
    "units": [
        {
            "warehouseUnitId": "7d1c2f2a-3a0c-5b1e-8a44-6f1d2c3b4a55",
            "unitBlockStart": "PV-1001",
            "unitBlockEnd": "PV-1020",
            "unitCount": 20,
            "vintageYear": 2025,
            "unitStatus": "Held",
            "unitOwner": "Shanghai (310000)",
        }
    ],
}

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Projects, then units, as CAD Trust's API has them (data model v1)",
        "content": {"application/json": {"example": _ANSWER}},
    }
}


@router.get(
    "/exports/cad-trust/{member}",
    response_model=None,
    responses=_ANSWERS | NO_SUCH,
)
def export_for_cad_trust(
    request: Request,
    hub: TheHub,
    member: Annotated[int, Path(ge=1, lt=2**24, description="GB/T 2260 code, or a programme's number")],
    part: Annotated[Part, Query(description="all, projects or units")] = "all",
    whole_tonnes: Annotated[bool, Query(description="of a block in kg, only its whole tonnes")] = False,
) -> Response:
    """The member's projects with issuances and labels, and every unit block that it issued or holds. Audience: public.

    One reading transaction, streamed: memory does not grow with the member. Only public documents are in it, whoever
    asks.
    """
    refuse_unknown_parameters(request)
    connection = hub.reading.connect()
    try:
        at = position(connection)
        try:
            require_member(connection, member)
        except RecordRefused as unknown:
            raise NotFound(unknown.message, what=member, where="path", remedy=unknown.remedy) from unknown
        etag = etag_of(at, revision(connection, PUBLIC), PUBLIC)
        headers = {"etag": etag, "cache-control": "no-cache"}
        if matches(request.headers.get("if-none-match", ""), etag):
            raise NotModified(headers)
    except BaseException:
        connection.close()
        raise
    links = Links(str(request.base_url))

    def pieces() -> Iterator[bytes]:
        with connection:
            yield from json_pieces(
                export_records(connection, member, part=part, links=links, whole_tonnes=whole_tonnes)
            )

    return StreamingResponse(pieces(), media_type="application/json", headers=headers)
