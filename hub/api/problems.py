"""Errors as problem details (RFC 9457), all of them: ours, the framework's, and those nobody expected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.errors import PROBLEM_MEDIA_TYPE, PROBLEM_TYPE_PREFIX, JsonValue, RetryLater, YrdhubError, json_value

log = structlog.get_logger(__name__)


class RequestRefused(YrdhubError):
    """The request itself is wrong: a parameter, a cursor, a body."""

    kind: ClassVar[str] = "request_refused"
    title: ClassVar[str] = "Request not understood"
    default_code: ClassVar[str] = "request_refused"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class NotFound(YrdhubError):
    """There is no such record, as of the index's block; or none that this reader may know of."""

    kind: ClassVar[str] = "not_found"
    title: ClassVar[str] = "Not found"
    default_code: ClassVar[str] = "not_found"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.NOT_FOUND


class NotIdentified(YrdhubError):
    """Who asks is not established: the reading order is missing, forged or expired."""

    kind: ClassVar[str] = "not_identified"
    title: ClassVar[str] = "Who asks is not established"
    default_code: ClassVar[str] = "not_identified"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.UNAUTHORIZED


class NotModified(Exception):
    """What the caller has is what it would get: 304."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__("not modified")
        self.headers = dict(headers)


class Problem(BaseModel):
    """Problem details. `type` names the reason for programs and stays; `detail` is a sentence for people."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:yrdhub:problem:not_found"])]
    title: Annotated[str, Field(examples=["Not found"])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(examples=["there is no transfer with this id"])]
    instance: Annotated[str | None, Field(examples=["/v1/transfers/0x00"])] = None
    kind: Annotated[str | None, Field(examples=["not_found"])] = None
    where: Annotated[str | None, Field(examples=["query parameter limit"])] = None
    remedy: Annotated[str | None, Field(examples=["use the id as another answer gives it"])] = None


def install(app: FastAPI) -> None:
    """Every way out of `app` that is not an answer becomes a problem."""
    app.add_exception_handler(YrdhubError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(NotModified, _not_modified)
    app.add_exception_handler(OperationalError, _database_busy)
    app.add_exception_handler(PoolTimeout, _database_busy)
    app.add_exception_handler(Exception, _unexpected)


def problem_response(problem: Mapping[str, JsonValue], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """`problem` as it is sent; never cached."""
    return JSONResponse(
        json_value(problem),
        status_code=int(str(problem["status"])),
        headers={"cache-control": "no-store", **(headers or {})},
        media_type=PROBLEM_MEDIA_TYPE,
    )


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, YrdhubError)
    headers: dict[str, str] = {}
    if isinstance(error, RetryLater):
        headers["retry-after"] = str(math.ceil(error.retry_after or 5))
    if isinstance(error, NotIdentified):
        headers["www-authenticate"] = "Yrdhub"
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", path=request.url.path, error=error.code, message=error.message)
    problem = error.to_problem(request.url.path)
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # where our parts stand is told to the operator's log, not to whoever asks
        problem = {name: value for name, value in problem.items() if name not in {"where", "what"}}
    return problem_response(problem, headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults: list[JsonValue] = [
        {"where": " ".join(str(part) for part in fault["loc"]), "message": str(fault["msg"])}
        for fault in error.errors()[:20]
    ]
    problem = _plain(
        HTTPStatus.UNPROCESSABLE_ENTITY, "request_invalid", "a parameter or the body does not fit", request
    )
    return problem_response(problem | {"faults": faults})


def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    problem = _plain(status, status.phrase.lower().replace(" ", "_").replace("-", "_"), str(error.detail), request)
    return problem_response(problem, dict(error.headers or {}))


def _not_modified(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotModified)
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=error.headers)


def _database_busy(request: Request, error: Exception) -> Response:
    log.warning("database_busy", path=request.url.path, trouble=str(error))
    busy = RetryLater("the database does not answer just now", code="database_busy", retry_after=5)
    return _ours(request, busy)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request_crashed", path=request.url.path, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem_response(_plain(status, "internal_error", "this is an error of the hub; it was logged", request))


def _plain(status: HTTPStatus, code: str, detail: str, request: Request) -> dict[str, JsonValue]:
    return {
        "type": PROBLEM_TYPE_PREFIX + code,
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    for status, description, example in (
        (
            422,
            "A parameter or the body does not fit",
            {
                "type": "urn:yrdhub:problem:request_invalid",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "a parameter or the body does not fit",
                "instance": "/v1/members",
                "faults": [{"where": "query limit", "message": "Input should be less than or equal to 200"}],
            },
        ),
        (
            503,
            "Not possible just now; Retry-After says when to ask again",
            {
                "type": "urn:yrdhub:problem:index_empty",
                "title": "Not possible just now",
                "status": 503,
                "detail": "the index follows no chain yet",
                "instance": "/v1/members",
                "kind": "retry_later",
                "retry_after": 5,
            },
        ),
    )
}
"""What any endpoint may answer besides its own."""

NO_SUCH: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "There is no such record, as of the index's block",
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": "urn:yrdhub:problem:not_found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "there is no such record as of block 1024",
                    "instance": "/v1/members/1",
                    "kind": "not_found",
                },
            }
        },
    }
}
"""Of endpoints that name one record."""
