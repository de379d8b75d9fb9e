"""JSON over HTTP with a bearer token, bounded in time, size and attempts.

What is passing trouble (no answer, 429, 5xx, an answer cut short) is tried again with the wait that the server asked
for or a growing one, then given up as RetryLater. What somebody has to change first (a refused token, an answer that
is not JSON, one beyond the bound) is ConfigurationWrong. Every other answer is the caller's to read: 2xx and the
registry's own 4xx.
"""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RestLimits:
    """Bounds of one request. Seconds; `attempts` counts the first; `longest_wait` is the most a caller is kept
    between two.

    `whole_seconds` bounds one answer from first byte to last, since a server that drips bytes never times out
    otherwise.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    whole_seconds: float = 60.0
    attempts: int = 4
    longest_wait: float = 10.0
    most_bytes: int = 16 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, parsed body (None when empty), and where it came from."""

    status: int
    body: Json
    where: str

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 300


class RestClient:
    """A client of one server. Safe to use again after any error; `close` ends its connections."""

    def __init__(
        self,
        url: str,
        token_file: Path,
        limits: RestLimits | None = None,
        *,
        trust_environment: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token_file = token_file
        self._limits = limits or RestLimits()
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds),
            follow_redirects=False,
            trust_env=trust_environment,
            headers={"Accept": "application/json"},
        )

    def get(
        self,
        path: str,
        *,
        check: Callable[[Answer], None] = lambda answer: None,
        attempts: int | None = None,
        query: Mapping[str, str | int] | None = None,
        **parameters: str | int,
    ) -> Answer:
        """Reads `path`. `check` may raise RetryLater for an answer that is well-formed and yet cannot be right.

        `query`: parameters whose names are not known beforehand, beside those given by name.
        """

        def ask() -> Answer:
            answer = self._ask("GET", path, params={**parameters, **(query or {})})
            check(answer)
            return answer

        return self._again(ask, attempts)

    def post(self, path: str, body: Json, headers: Mapping[str, str], *, attempts: int = 1) -> Answer:
        """Writes. Tried once unless told otherwise: whether a lost answer may be asked for again is the caller's to
        know."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json", **headers}
        return self._again(lambda: self._ask("POST", path, content=content, headers=sent), attempts)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    # ---------------------------------------------------------------- one request

    def _again(self, ask: Callable[[], Answer], attempts: int | None) -> Answer:
        growing = wait_exponential(multiplier=0.2, max=self._limits.longest_wait) + wait_random(0, 0.2)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, RetryLater) else None
            return growing(state) if asked is None else asked

        def give_up(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, RetryLater) and (error.retry_after or 0) > self._limits.longest_wait:
                return True  # told to come back later than anybody here waits
            return stop_after_attempt(attempts or self._limits.attempts)(state)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryLater), wait=wait, stop=give_up, sleep=self._sleep, reraise=True
        )
        return retrying(ask)

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        answer = self._once(method, path, **options)
        if answer.status == 401:  # the token may have been rotated since: read the file again, once
            answer = self._once(method, path, **options)
        if answer.status in (401, 403):
            raise ConfigurationWrong(
                f"the registry refuses the token (answer {answer.status})",
                code="token_refused",
                where=answer.where,
                remedy=f"put a valid token into {self._token_file}",
            )
        if 300 <= answer.status < 400:
            raise ConfigurationWrong(
                f"the registry points elsewhere (answer {answer.status})",
                code="address_moved",
                where=answer.where,
                remedy="put the registry's new address into the adapter's configuration",
            )
        return answer

    def _once(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        sent = {**(headers or {}), "Authorization": f"Bearer {self._token()}"}
        where = f"{method} {self._client.base_url.join(path)}"
        try:
            with self._client.stream(method, path, headers=sent, **options) as response:
                where = f"{method} {response.request.url}"
                status, after = response.status_code, response.headers.get("retry-after")
                content = self._content(response, where)
        except httpx.TimeoutException as silence:
            raise _no_answer(
                "timed_out", f"the registry did not answer in time ({type(silence).__name__})", where
            ) from None
        except httpx.TransportError as trouble:
            raise _no_answer("unreachable", f"the registry cannot be reached: {trouble}", where) from trouble
        if status == 429 or status >= 500:
            raise RetryLater(
                "the registry asks to be asked less often" if status == 429 else f"the registry answers {status}",
                retry_after=_seconds(after),
                what=content[:200].decode(errors="replace"),
                where=where,
                remedy="nothing: it is asked again. If it lasts, ask the registry's operators",
                code="rate_limited" if status == 429 else "server_error",
            )
        return Answer(status, _parsed(content, status, where), where)

    def _content(self, response: httpx.Response, where: str) -> bytes:
        received = bytearray()
        give_up = time.monotonic() + self._limits.whole_seconds
        for chunk in response.iter_bytes(64 * 1024):
            received += chunk
            if len(received) > self._limits.most_bytes:
                raise ConfigurationWrong(
                    f"the answer is larger than {self._limits.most_bytes:,} bytes",
                    code="answer_too_large",
                    where=where,
                    remedy="ask for smaller pages in the adapter's configuration",
                )
            if time.monotonic() > give_up:
                raise _no_answer("timed_out", f"the answer took longer than {self._limits.whole_seconds:g} s", where)
        return bytes(received)

    def _token(self) -> str:
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as unreadable:
            raise ConfigurationWrong(
                f"the token file cannot be read: {unreadable}",
                code="token_missing",
                where=str(self._token_file),
                remedy="put the registry's token into it, readable by this user alone",
            ) from unreadable
        if not token or not token.isascii() or any(c.isspace() for c in token):
            raise ConfigurationWrong(
                "the token file holds no token (one line of ASCII characters)",
                code="token_missing",
                where=str(self._token_file),
                remedy="put the registry's token into it",
            )
        return token


def _parsed(content: bytes, status: int, where: str) -> Json:
    if not content.strip():
        return None
    if content.lstrip()[:1] not in (b"{", b"["):
        raise ConfigurationWrong(
            f"the answer {status} is not JSON",
            code="answer_not_json",
            what=content[:100].decode(errors="replace"),
            where=where,
            remedy="check the address: this looks like another server, or a sign-in page before it",
        )
    try:
        # a number with a fraction stays text: no binary float may stand for a quantity
        return json.loads(content.decode("utf-8"), parse_float=str, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError) as broken:
        raise RetryLater(
            f"the answer is cut short or damaged after {len(content):,} bytes: {broken}",
            what=content[-60:].decode(errors="replace"),
            where=where,
            remedy="nothing: it is asked for again. If it lasts, ask the registry's operators",
            code="answer_cut_short",
        ) from broken


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")


def _no_answer(code: str, message: str, where: str) -> RetryLater:
    remedy = "nothing: it is asked again. If it lasts, check that the registry runs and can be reached from here"
    return RetryLater(message, where=where, remedy=remedy, code=code)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110 section 10.2.3: a number, or a date)."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
