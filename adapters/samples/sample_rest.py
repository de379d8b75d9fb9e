"""A small registry over HTTP by any `RestForm`, for the sample that a new adapter comes with: it serves files of
records, takes effects once a key, and refuses serials that its books do not have. Of our own making, illustrative.

It answers on loopback, in a thread of the process that asks, and forgets everything when its context ends.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.city.mapping import CityMapping
from adapters.city.records import UnitRange
from adapters.city.rest_feed import RestForm
from adapters.sandbox.server import LOOPBACK
from adapters.transports.jsonlines import flattened
from mutual_recognition.documents import Json
from mutual_recognition.refusal import Refusal

MOST: Final = 500


class SampleRegistry:
    """The registry's state: the feed, the books, and the effects that it booked."""

    def __init__(self, form: RestForm, mapping: CityMapping, feed: Sequence[Json], books: Sequence[Json]) -> None:
        self.form, self.mapping = form, mapping
        self.feed, self.books = list(feed), list(books)
        self.token = secrets.token_urlsafe(16)
        self.booked: dict[str, Json] = {}
        shape = mapping.holding
        self._held = [shape.read(flattened(line), "sample books").units for line in self.books] if shape else []

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Any, body: Any
    ) -> tuple[int, Json]:
        """Status and body of one request."""
        form = self.form
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {form.code: "unauthorised", form.reason: "the token is missing or wrong"}
        if method == "GET" and path == form.feed:
            return 200, self._page(self.feed, query)
        if method == "GET" and path == form.holdings:
            return 200, self._page(self.books, query)
        if method == "GET" and path == form.status:
            return 200, {"latest_change": len(self.feed)}
        if form.effects and method == "POST" and path == form.effects:
            return self._book(str(headers.get(form.key_header, "")), body)
        if form.effects and method == "GET" and path.startswith(f"{form.effects}/"):
            key = unquote(path.removeprefix(f"{form.effects}/"))
            known = list(self.booked)
            if key in known:
                return 200, {form.reference: f"booking {known.index(key) + 1}"}
        for item in self.feed:
            named = form.record.format(kind=item.get(form.kind), id=item.get(form.native_id)) if form.record else ""
            if method == "GET" and named and unquote(path) == named:
                return 200, item
        return 404, {form.code: "not_found", form.reason: path}

    def _page(self, items: Sequence[Json], query: Mapping[str, list[str]]) -> Json:
        form = self.form
        at = query.get(form.cursor, [form.beginning])[0]
        start = int(at) if at.isdecimal() else 0
        given = items[start : start + min(MOST, int(query.get(form.limit, ["100"])[0]))]
        page: dict[str, Json] = {form.items: list(given), form.next: str(start + len(given))}
        page[form.more] = start + len(given) < len(items)
        return page | ({form.as_of: str(len(self.feed))} if form.as_of else {})

    def _book(self, key: str, body: Any) -> tuple[int, Json]:
        form = self.form
        if not key:
            return 400, {form.code: "key_missing", form.reason: f"{form.key_header} is needed"}
        if key not in self.booked:
            try:
                unknown = [units for units in self._ranges(body) if not self._has(units)]
            except Refusal as refusal:
                return 422, {form.code: refusal.code, form.reason: refusal.reason}
            if unknown:
                return 422, {form.code: "units_unknown", form.reason: f"not in the books here: {unknown[0].series}"}
            self.booked[key] = body
        return 200, {form.reference: f"booking {list(self.booked).index(key) + 1}"}

    def _ranges(self, body: Mapping[str, Json]) -> Iterator[UnitRange]:
        effects = self.mapping.effects
        assert effects is not None
        for name in ("ranges", "kept", "cut"):
            for written in body.get(effects.fields.get(name, name), ()):
                if effects.read_units is not None:
                    yield effects.read_units(written)

    def _has(self, units: UnitRange) -> bool:
        same = [held.serials for held in self._held if (held.home, held.series) == (units.home, units.series)]
        covered = sum(
            max(0, min(one.last, units.serials.last) - max(one.first, units.serials.first) + 1) for one in same
        )
        return covered == units.serials.count


@contextmanager
def serving(registry: SampleRegistry) -> Iterator[str]:
    """Its address while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            status, told = registry.answer(
                self.command, parts.path.strip("/"), parse_qs(parts.query), self.headers, body
            )
            written = json.dumps(told, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = _answer  # noqa: N815 - the names that http.server calls
        do_POST = _answer  # noqa: N815

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_lines(file: Path) -> list[Json]:
    """The objects of a file of JSON lines, numbers with a fraction as text."""
    return [json.loads(line, parse_float=str) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
