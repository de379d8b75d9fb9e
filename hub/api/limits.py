"""What every request is held to, and every answer carries, before any endpoint: body sizes, security headers."""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import PROBLEM_MEDIA_TYPE, PROBLEM_TYPE_PREFIX

LARGEST_BODY = 2_000_000
LARGEST_BATCH = 40_000_000
"""Of POST /v1/documents: 16 MB of documents may double as JSON text inside JSON."""

_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Limits:
    """ASGI middleware: bounds the body as it arrives, whatever its headers claim, and adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = LARGEST_BATCH if scope["path"] == "/v1/documents" else LARGEST_BODY
        taken = 0

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # whoever reads the body sees a caller that went away; what it answers to that is replaced below
            return message if taken <= most else {"type": "http.disconnect"}

        async def send_with_headers(message: Message) -> None:
            if taken > most:
                return
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                own = [header for header in _SECURITY_HEADERS if header[0] not in there]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        if _declared(scope) > most:
            await _refuse(send, scope, most)
            return
        try:
            await self._app(scope, receive_bounded, send_with_headers)
        finally:
            if taken > most:
                await _refuse(send, scope, most)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, scope: Scope, most: int) -> None:
    problem = {
        "type": PROBLEM_TYPE_PREFIX + "body_too_large",
        "title": "Content Too Large",
        "status": 413,
        "detail": f"a request body here has at most {most} bytes",
        "instance": scope["path"],
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        *_SECURITY_HEADERS,
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
