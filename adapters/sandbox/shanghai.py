"""The Shanghai sandbox registry: JSON over HTTP, bearer token, change feed and an idempotent write-back.

Run as `python -m adapters.sandbox.shanghai --home DIR --port N`; README.md describes the wire.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from fastapi import Body, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from adapters.sandbox.city import ILLUSTRATIVE, SHANGHAI
from adapters.sandbox.control import Control, NoFields, Operation, control_app
from adapters.sandbox.effects import Booking, Effects
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.faults import REST_FAULTS, Faults
from adapters.sandbox.hints import HintSender, SendHints, read_hints_file
from adapters.sandbox.holding_changes import START, changed_units, latest_cursor
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples
from adapters.sandbox.server import listen, serve, url_of, write_whole
from adapters.sandbox.shanghai_wire import KINDS, PATHS, change_body, holding_body, instant, read_effect
from adapters.sandbox.storage import Storage

BASE = "/api/v1"
MAX_PAGE = 500
_PAGE_MARK = '"下一游标"'.encode()
Answer = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class TokenFile:
    """The bearer token, read from a file of the registry so that it can be rotated."""

    path: Path

    def current(self) -> str:
        """The token that is valid now."""
        return self.path.read_text().strip()

    def rotate(self) -> dict[str, str]:
        """Replace the token; the old one stops working at once."""
        write_whole(self.path, secrets.token_urlsafe(24).encode())
        self.path.chmod(0o600)
        return {"token_file": str(self.path)}


@dataclass(slots=True)
class RequestBudget:
    """A token bucket: so many requests a second, with as many in reserve."""

    per_second: float
    level: float = 0
    filled_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.level = self.per_second

    def wait_needed(self) -> float:
        """0 when the request may pass, else seconds until one may."""
        with self._lock:
            now = time.monotonic()
            self.level = min(self.per_second, self.level + (now - self.filled_at) * self.per_second)
            self.filled_at = now
            if self.level >= 1:
                self.level -= 1
                return 0
            return (1 - self.level) / self.per_second


def _problem(status: int, code: str, message: str, *, field: str = "", value: str = "", retry: int = 0) -> JSONResponse:
    body = {"错误代码": code, "说明": message, "字段": field, "值": value}
    return JSONResponse(body, status_code=status, headers={"Retry-After": str(retry)} if retry else None)


class FaultyTransport:
    """What a caller meets before and after the registry itself: sign-in, limits and the faults switched on."""

    def __init__(self, token: TokenFile, budget: RequestBudget, faults: Faults) -> None:
        self.token = token
        self.budget = budget
        self.faults = faults
        self._page_before: bytes | None = None

    async def __call__(self, request: Request, answer: Answer) -> Response:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {self.token.current()}".encode()):
            return _problem(401, "UNAUTHORISED", "令牌无效或缺失 (token missing or wrong)")
        wait = self.budget.wait_needed()
        if wait:
            return _problem(429, "RATE_LIMITED", "请求过于频繁 (too many requests)", retry=max(1, round(wait)))
        is_write = request.method == "POST"
        if slow := self.faults.take("slow"):
            await asyncio.sleep(slow.number("seconds", 0.5))
        if limited := self.faults.take("rate_limited"):
            retry = int(limited.number("retry_after", 1))
            return _problem(429, "RATE_LIMITED", "请求过于频繁 (too many requests)", retry=retry)
        error = self.faults.on.get("server_error")
        if error and error.text("on", "any") in ("any", "write" if is_write else "read"):
            self.faults.take("server_error")
            return _problem(500, "INTERNAL", "系统内部错误 (internal error)")
        if hang := self.faults.take("timeout_before_write" if is_write else "timeout_on_read"):
            return await _hang(hang.number("seconds", 30))
        response = await answer(request)
        if is_write and (hang := self.faults.take("timeout_after_write")):
            return await _hang(hang.number("seconds", 30))
        if is_write or response.status_code != 200:
            return response
        return await self._spoil(response)

    async def _spoil(self, response: Response) -> Response:
        chunks = [chunk async for chunk in response.body_iterator]  # type: ignore[attr-defined]
        body = b"".join(chunks)
        headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
        if _PAGE_MARK in body:
            if self._page_before is not None and self.faults.take("repeated_page"):
                body = self._page_before
                headers.pop("etag", None)
            self._page_before = body
        if renamed := self.faults.take("renamed_field"):
            old, new = renamed.text("from", ""), renamed.text("to", "")
            body = json.dumps(_rename(json.loads(body), old, new), ensure_ascii=False).encode()
            headers.pop("etag", None)
        if truncated := self.faults.take("truncated_page"):
            body = body[: int(len(body) * truncated.number("share", 0.5))]
            headers.pop("etag", None)
        return Response(body, status_code=200, headers=headers)


async def _hang(seconds: float) -> Response:
    await asyncio.sleep(seconds)
    return _problem(504, "GATEWAY_TIMEOUT", "网关超时 (gateway timed out)")


def _rename(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {(new if key == old else key): _rename(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, old, new) for item in value]
    return value


def _cursor(registry: Registry, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RegistryRefusal(
            "BAD_CURSOR", "游标无效 (a cursor is one this registry gave)", field="youbiao", value=text
        )
    latest = registry.storage.latest_seq()
    if int(text) > latest:
        # The registry was restored from a backup, or the cursor is another registry's.
        message = f"游标超前 (cursor ahead of the last change, {latest})"
        raise RegistryRefusal("CURSOR_AHEAD", message, field="youbiao", value=text, status=409)
    return int(text)


def _tagged(body: dict[str, Any], if_none_match: str | None) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(content, media_type="application/json", headers={"ETag": tag})


Cursor = Annotated[str, Query()]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Match = Annotated[str | None, Header()]


def shanghai_app(registry: Registry, effects: Effects, transport: FaultyTransport) -> FastAPI:
    """The registry's REST face."""
    app = FastAPI(title=SHANGHAI.name_en, docs_url=None, redoc_url=None)
    app.middleware("http")(transport)

    @app.exception_handler(RegistryRefusal)
    def refused(_: Request, error: RegistryRefusal) -> JSONResponse:
        return _problem(error.status, error.code, error.message, field=error.field, value=error.value)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = str(first["loc"][-1])
        return _problem(422, "BAD_REQUEST", first["msg"], field=where, value=str(first.get("input", ""))[:200])

    @app.get(f"{BASE}/zhuangtai")
    def status() -> dict[str, Any]:
        return {
            "名称": SHANGHAI.name_zh,
            "单位代码": SHANGHAI.member,
            "最新变更序号": str(registry.storage.latest_seq()),
            "系统时间": instant(registry.now()),
            "注销用途代码": SHANGHAI.purposes,
            "数据说明": ILLUSTRATIVE,
        }

    @app.get(f"{BASE}/biangeng")
    def changes(youbiao: Cursor = "0", tiaoshu: Limit = 100, if_none_match: Match = None) -> Response:
        lines = registry.storage.changes_after(_cursor(registry, youbiao), tiaoshu + 1)
        page = lines[:tiaoshu]
        following = str(page[-1].seq) if page else youbiao
        body = {
            "数据": [change_body(c) for c in page],
            "下一游标": following,
            "还有更多": len(lines) > tiaoshu,
        }
        return _tagged(body, if_none_match)

    @app.get(f"{BASE}/chiyou")
    def unit_holdings(youbiao: Cursor = "0", tiaoshu: Limit = 100, if_none_match: Match = None) -> Response:
        if not (youbiao.isascii() and youbiao.isdigit() and len(youbiao) < 19):
            raise RegistryRefusal("BAD_CURSOR", "游标无效 (not a cursor of this list)", field="youbiao", value=youbiao)
        with registry.storage.transaction() as db:
            seq, following = registry.storage.latest_seq(), latest_cursor(registry)
            # By row, not by serial: a holding split between two pages would otherwise shift the rest.
            wanted = "SELECT id FROM holding WHERE id > ? ORDER BY id LIMIT ?"
            ids = [row["id"] for row in db.execute(wanted, (int(youbiao), tiaoshu + 1))]
            page = ids[:tiaoshu]
            rows = registry.units.rows("id BETWEEN ? AND ?", (page[0], page[-1])) if page else []
        body = {
            "数据": [holding_body(row) for row in rows],
            "下一游标": str(page[-1]) if page else youbiao,
            "还有更多": len(ids) > tiaoshu,
            "截至变更序号": str(seq),
            "持仓游标": following,
        }
        return _tagged(body, if_none_match)

    @app.get(f"{BASE}/chiyou/biangeng")
    def changed_holdings(youbiao: Cursor = START, tiaoshu: Limit = 100, if_none_match: Match = None) -> Response:
        changed = changed_units(registry, youbiao, tiaoshu)
        body = {
            "数据": [
                {"持仓编号": str(number), "持仓": holding_body(row) if row else None}
                for number, row in changed.lines.items()
            ],
            "起始游标": youbiao,
            "下一游标": changed.cursor,
            "还有更多": changed.more,
        }
        return _tagged(body, if_none_match)

    for kind, path in PATHS.items():
        _add_kind(app, registry, kind, path)

    @app.post(f"{BASE}/huixie")
    def write_back(
        body: Annotated[dict[str, Any], Body()], idempotency_key: Annotated[str, Header()] = ""
    ) -> JSONResponse:
        booking = effects.book(idempotency_key, read_effect(body))
        return JSONResponse(_receipt(booking), status_code=200 if booking.repeated else 201)

    @app.get(f"{BASE}/huixie/{{key}}")
    def look_up(key: str) -> dict[str, Any]:
        booking = effects.lookup(key)
        if booking is None:
            raise RegistryRefusal("NOT_BOOKED", "该幂等键未入账 (nothing booked under this key)", value=key, status=404)
        return _receipt(booking)

    return app


def _add_kind(app: FastAPI, registry: Registry, kind: str, path: str) -> None:
    @app.get(f"{BASE}/{path}", name=path)
    def current(youbiao: Cursor = "0", tiaoshu: Limit = 100, if_none_match: Match = None) -> Response:
        lines = registry.storage.current_after(kind, _cursor(registry, youbiao), tiaoshu + 1)
        page = lines[:tiaoshu]
        following = str(page[-1].seq) if page else youbiao
        body = {
            "数据": [change_body(c) for c in page],
            "下一游标": following,
            "还有更多": len(lines) > tiaoshu,
        }
        return _tagged(body, if_none_match)

    @app.get(f"{BASE}/{path}/{{native_id:path}}", name=f"{path}-one")
    def one(native_id: str, if_none_match: Match = None) -> Response:
        change = registry.storage.current(kind, native_id)
        if change is None:
            raise RegistryRefusal(
                "UNKNOWN_RECORD", f"没有该{KINDS[kind]} (no such record)", value=native_id, status=404
            )
        return _tagged(change_body(change), if_none_match)


def _receipt(booking: Booking) -> dict[str, Any]:
    return {
        "幂等键": booking.key,
        "结果": "重复" if booking.repeated else "已入账",
        "变更序号": str(booking.seq),
        "入账时间": instant(booking.booked_at),
    }


def main(
    home: Annotated[Path, typer.Option(help="folder of the registry's database and token")],
    port: Annotated[int, typer.Option(help="port of the REST face; 0: a free one")] = 0,
    control_port: Annotated[int, typer.Option(help="port of the operators' interface; 0: a free one")] = 0,
    requests_per_second: Annotated[float, typer.Option(min=1, help="above this, 429")] = 200,
    hint_url: Annotated[str, typer.Option(help="where webhook hints of changes go; the secret signs them")] = "",
    hint_secret_file: Annotated[Path | None, typer.Option(help="file with whsec_ and base64")] = None,
    samples: Annotated[bool, typer.Option(help="load the illustrative sample data into an empty registry")] = False,
    with_parent: Annotated[bool, typer.Option(help="stop when standard input closes")] = False,
) -> None:
    """Run the Shanghai sandbox registry; home/endpoints.json tells where it listens."""
    home.mkdir(parents=True, exist_ok=True)
    faults = Faults(REST_FAULTS)
    registry = Registry(SHANGHAI, Storage(home / "registry.sqlite", clock=faults.now))
    token = TokenFile(home / "token")
    if not token.path.exists():
        token.rotate()
    if samples and registry.storage.latest_seq() == 0:
        load_samples(registry)
    hints = HintSender(registry.storage.latest_seq)
    registry.storage.on_change = hints.changed
    asked = read_hints_file(hint_url, hint_secret_file)
    if asked is not None:
        hints.send_to(asked)
    more: dict[str, Operation] = {
        "rotate-token": (NoFields, lambda _: token.rotate()),
        "send-hints": (SendHints, hints.send_to),
    }
    control = Control(registry, faults, home, more)
    face = shanghai_app(registry, Effects(registry), FaultyTransport(token, RequestBudget(requests_per_second), faults))
    listener, control_listener = listen(port), listen(control_port)
    where = {
        "face": url_of(listener),
        "control": url_of(control_listener),
        "token_file": str(token.path.absolute()),
    }
    apps = [(face, listener), (control_app(control), control_listener)]
    serve(apps, endpoints=home / "endpoints.json", describe=where, with_parent=with_parent)
    registry.storage.close()


if __name__ == "__main__":
    typer.run(main)
