"""A stand-in for the platform: the gateway's wire over HTTP, with a database of its own and faults on demand.

Run as `python -m adapters.sandbox.antchain --home DIR --port N`. People, acts and codes in it are invented (示例).
The time window, the refusal of a repeated request id, and the codes of refusals are of our own making: the platform's
published SDK shows that both are sent, not what the gateway does with them (`adapters/antchain/README.md`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import typer
from fastapi import Body, FastAPI, Request, Response

from adapters.sandbox.antchain_gateway import (
    LARGEST_PAGE,
    METHOD,
    SIGN_TYPE,
    SMALLEST_PAGE,
    VERSION,
    is_signed,
    signed,
)
from adapters.sandbox.faults import Faults
from adapters.sandbox.server import listen, serve, url_of, write_whole

WINDOW: Final = timedelta(minutes=15)
FAULTS: Final = {
    "timeout": "a request hangs [seconds=30], then 504",
    "server_error": "500 for every request",
    "rate_limited": "429 with Retry-After [retry_after=1]",
    "wrong_signature": "an answer is signed with another key",
    "unsigned": "an answer bears no signature",
    "altered": "a digit of the answer is changed after it was signed",
    "replayed_answer": "the answer before is served again, signature and all",
    "truncated": "half of the answer's bytes",
    "repeated_page": "the page before is served, under its own number",
    "stale_page": "the page before is served as if it were the one asked for",
    "clock_skew": "the platform's clock is off [seconds=86400]",
}


class Platform:
    """The platform's state: acts in the order in which they came, and request ids that were used."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.faults = Faults(FAULTS)
        self.access_key = "sandbox-access-key"
        self.secret_file = home / "access.secret"
        if not self.secret_file.exists():
            self.secret_file.touch(mode=0o600)
            self.secret_file.write_text(secrets.token_hex(24) + "\n")
        self._lock = threading.Lock()
        self._db = sqlite3.connect(home / "platform.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS acts (number TEXT PRIMARY KEY, day TEXT, body TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, at TEXT)")
        self.answer_before = ""
        self.page_before: dict[str, Any] = {}

    @property
    def secret(self) -> str:
        """The access secret, as it is now."""
        return self.secret_file.read_text().strip()

    def put(self, item: Mapping[str, Any]) -> None:
        """Adds an act, or tells it differently."""
        with self._lock:
            self._db.execute(
                "INSERT INTO acts VALUES (?, ?, ?)"
                " ON CONFLICT (number) DO UPDATE SET day = excluded.day, body = excluded.body",
                [item["acquisition_item_no"], str(item["occurrent_time"])[:10], json.dumps(item, ensure_ascii=False)],
            )

    def refusal(self, query: Mapping[str, str], parameters: Mapping[str, str]) -> tuple[str, str] | None:
        """Why the gateway refuses a request; None when it does not."""
        covered = {name: value for name, value in query.items() if name != "sign"} | dict(parameters)
        if query.get("access_key") != self.access_key or query.get("sign_type") != SIGN_TYPE:
            return "ACCESS_DENIED", "access key or sign_type"
        if not is_signed(covered, query.get("sign", ""), self.secret):
            return "SIGN_INVALID", "the signature is not that of these parameters"
        now = self.faults.now()
        try:
            asked = datetime.strptime(query.get("req_time", ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return "REQ_TIME_EXPIRED", "req_time cannot be read"
        if abs(now - asked) > WINDOW:
            return "REQ_TIME_EXPIRED", f"it is {now:%Y-%m-%dT%H:%M:%SZ} here"
        with self._lock:
            if self._db.execute("SELECT 1 FROM requests WHERE id = ?", [query.get("req_msg_id", "")]).fetchone():
                return "REQ_MSG_ID_REPEATED", "this request id was used before"
            self._db.execute("INSERT INTO requests VALUES (?, ?)", [query.get("req_msg_id", ""), now.isoformat()])
        if query.get("method") != METHOD or query.get("version") != VERSION:
            return "METHOD_UNKNOWN", str(query.get("method"))
        return None

    def page(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Acts of the days asked for, in the order in which they came."""
        size = min(LARGEST_PAGE, max(SMALLEST_PAGE, int(parameters.get("page_size", "20"))))
        current = max(1, int(parameters.get("current", "1")))
        between = parameters.get("occurrent_start_time", "")[:10], parameters.get("occurrent_end_time", "9")[:10]
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM acts WHERE day BETWEEN ? AND ? ORDER BY rowid", between
            ).fetchall()
        acts = [json.loads(body) for (body,) in rows]
        wanted = parameters.get("project_no")
        acts = [act for act in acts if not wanted or act["project_no"] == wanted]
        start = (current - 1) * size
        return {"current": current, "page_size": size, "total": len(acts), "list": acts[start : start + size]}


def gateway(platform: Platform) -> FastAPI:
    """What clients reach."""
    app = FastAPI(openapi_url=None)

    @app.post("/gateway.do")
    async def call(request: Request) -> Response:
        faults = platform.faults
        if hang := faults.take("timeout"):
            await asyncio.sleep(hang.number("seconds", 30))
            return Response(status_code=504)
        if faults.take("server_error"):
            return Response(status_code=500)
        if limited := faults.take("rate_limited"):
            return Response(status_code=429, headers={"Retry-After": str(int(limited.number("retry_after", 1)))})
        query = dict(request.query_params.items())
        parameters = dict(parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True))
        refused = platform.refusal(query, parameters)
        told: dict[str, Any] = {"req_msg_id": query.get("req_msg_id", "")}
        if refused is not None:
            return _answer(told | {"result_code": refused[0], "result_msg": refused[1]}, platform.secret)
        page, before = platform.page(parameters), platform.page_before
        if before and faults.take("repeated_page"):
            page = before
        elif before and faults.take("stale_page"):
            page = before | {"current": page["current"]}
        else:
            platform.page_before = page
        text = _signed({"result_code": "OK", "result_msg": "OK"} | told | page, platform.secret)
        if faults.take("wrong_signature"):
            text = _signed({"result_code": "OK"} | told | page, "another key")
        if faults.take("unsigned"):
            text = json.dumps({"response": {"result_code": "OK"} | told | page})
        if faults.take("altered"):
            text = text.replace('"total": ', '"total": 1', 1)
        if platform.answer_before and faults.take("replayed_answer"):
            text = platform.answer_before
        platform.answer_before = text
        if faults.take("truncated"):
            text = text[: len(text) // 2]
        return Response(text, media_type="application/json")

    return app


def _signed(response: Mapping[str, Any], secret: str) -> str:
    text = json.dumps(response, ensure_ascii=False)
    return f'{{"response": {text}, "sign": "{signed(text, secret).decode()}"}}'


def _answer(response: Mapping[str, Any], secret: str) -> Response:
    return Response(_signed(response, secret), media_type="application/json")


def control(platform: Platform) -> FastAPI:
    """What tests and operators reach."""
    app = FastAPI(openapi_url=None)

    @app.post("/control/acts")
    def acts(items: Annotated[list[dict[str, Any]], Body()]) -> dict[str, int]:
        for item in items:
            platform.put(item)
        return {"acts": len(items)}

    @app.post("/control/faults")
    def fault(body: Annotated[dict[str, Any], Body()]) -> dict[str, str]:
        platform.faults.switch_on(body["fault"], body.get("times"), body.get("parameters", {}))
        return {"fault": body["fault"]}

    @app.delete("/control/faults")
    def clear() -> dict[str, str]:
        platform.faults.clear()
        return {}

    @app.post("/control/rotate")
    def rotate() -> dict[str, str]:
        write_whole(platform.secret_file, secrets.token_hex(24).encode())
        platform.secret_file.chmod(0o600)
        return {}

    return app


def run(
    home: Annotated[Path, typer.Option()],
    port: Annotated[int, typer.Option()] = 0,
    control_port: Annotated[int, typer.Option()] = 0,
    with_parent: Annotated[bool, typer.Option("--with-parent")] = False,
) -> None:
    """Serve until told to stop."""
    platform = Platform(home)
    face, desk = listen(port), listen(control_port)
    described = {
        "face": url_of(face),
        "control": url_of(desk),
        "access_key": platform.access_key,
        "secret_file": str(platform.secret_file),
    }
    serve(
        [(gateway(platform), face), (control(platform), desk)],
        endpoints=home / "endpoints.json",
        describe=described,
        with_parent=with_parent,
    )


if __name__ == "__main__":
    typer.run(run)
