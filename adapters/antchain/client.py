"""A client of the gateway: signed requests, verified answers, bounded in time, size and attempts.

Every attempt has a request id and time of its own, so that the gateway can refuse a request that somebody replays. An
answer counts only when its signature is right and it bears the id of the very request: an old answer that was signed
then, served again, is refused. Nothing of a request or an answer is put into a message or a log.
"""

from __future__ import annotations

import json
import secrets
import stat
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

from adapters.antchain.signing import SIGN_TYPE, AnswerUnreadable, answer_signature, matches, signature, signed_part
from adapters.antchain.wire import GATEWAY, OK
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json

_PASSING: Final = frozenset({"SYSTEM_BUSY", "FLOW_LIMITED", "REQ_MSG_ID_REPEATED"})
_EXPIRED: Final = frozenset({"REQ_TIME_EXPIRED"})
_KEY_REFUSED: Final = frozenset({"ACCESS_DENIED", "SIGN_INVALID"})


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Bounds of one request. Seconds; `attempts` counts the first, `longest_wait` is the most between two."""

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    whole_seconds: float = 60.0
    attempts: int = 4
    longest_wait: float = 10.0
    most_bytes: int = 8 * 1024 * 1024


class GatewayClient:
    """One account at one gateway. `secret_file` is read for every request, so that the key can be rotated."""

    def __init__(
        self,
        url: str,
        access_key: str,
        secret_file: Path,
        limits: GatewayLimits | None = None,
        *,
        trust_environment: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._access_key, self._secret_file = url, access_key, secret_file
        self._limits = limits or GatewayLimits()
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds),
            follow_redirects=False,
            trust_env=trust_environment,
            headers={"Accept": "application/json"},
        )

    def call(
        self, method: str, version: str, parameters: Mapping[str, str], *, attempts: int | None = None
    ) -> dict[str, Json]:
        """The `response` of a reading, verified. Raises RetryLater or ConfigurationWrong."""
        growing = wait_exponential(multiplier=0.2, max=self._limits.longest_wait) + wait_random(0, 0.2)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, RetryLater) else None
            return growing(state) if asked is None else min(asked, self._limits.longest_wait)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryLater),
            wait=wait,
            stop=stop_after_attempt(attempts or self._limits.attempts),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(lambda: self._once(method, version, parameters))

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    # ---------------------------------------------------------------- one request

    def _once(self, method: str, version: str, parameters: Mapping[str, str]) -> dict[str, Json]:
        where = f"{self._url} {method}"
        secret, request_id = self._secret(), secrets.token_hex(16)
        query = {
            "method": method,
            "version": version,
            "sign_type": SIGN_TYPE,
            "req_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "req_msg_id": request_id,
            "access_key": self._access_key,
        }
        query["sign"] = signature({**query, **parameters}, secret)
        status, retry_after, text = self._send(query, parameters, where)
        if status == 429 or status >= 500:
            raise RetryLater(
                "the platform asks to be asked less often" if status == 429 else f"the platform answers {status}",
                code="rate_limited" if status == 429 else "server_error",
                retry_after=retry_after,
                where=where,
                remedy="nothing: it is asked again. If it lasts, ask the platform's operators",
            )
        if status != 200:
            raise ConfigurationWrong(
                f"the gateway answers {status}",
                code="address_wrong",
                where=where,
                remedy="correct the gateway's address in the configuration",
            )
        try:
            signed, given = signed_part(text)
        except AnswerUnreadable as broken:
            raise _again("answer_cut_short", f"the answer cannot be read: {broken}", where) from None
        response: dict[str, Any] = json.loads(signed, parse_float=str)
        code = str(response.get("result_code", ""))
        if code in _KEY_REFUSED:  # signed with the key that we do not have, and it carries no data
            raise self._refused(code, str(response.get("result_msg", ""))[:200], where)
        if given and not matches(given, answer_signature(signed, secret)):
            raise _again("answer_signature_wrong", "the answer's signature is not the platform's", where)
        if code.upper() != OK:
            raise self._refused(code, str(response.get("result_msg", ""))[:200], where)
        if not given:
            raise _again("answer_unsigned", "the answer bears no signature", where)
        if response.get("req_msg_id") != request_id:
            raise _again("answer_replayed", "the answer is to another request than ours", where)
        return response

    def _send(
        self, query: Mapping[str, str], parameters: Mapping[str, str], where: str
    ) -> tuple[int, float | None, str]:
        received = bytearray()
        give_up = time.monotonic() + self._limits.whole_seconds
        try:
            with self._client.stream("POST", GATEWAY, params=dict(query), data=dict(parameters)) as answer:
                for chunk in answer.iter_bytes(64 * 1024):
                    received += chunk
                    if len(received) > self._limits.most_bytes:
                        raise ConfigurationWrong(
                            f"the answer is larger than {self._limits.most_bytes:,} bytes",
                            code="answer_too_large",
                            where=where,
                            remedy="ask for smaller pages in the configuration",
                        )
                    if time.monotonic() > give_up:
                        raise _again("timed_out", f"the answer took over {self._limits.whole_seconds:g} s", where)
                after = answer.headers.get("retry-after", "")
                status = answer.status_code
        except httpx.TimeoutException as silence:
            raise _again("timed_out", f"no answer in time ({type(silence).__name__})", where) from None
        except httpx.TransportError as trouble:
            raise _again("unreachable", f"the gateway cannot be reached ({type(trouble).__name__})", where) from None
        try:
            return status, float(after) if after.isdecimal() else None, received.decode("utf-8")
        except UnicodeDecodeError:
            raise _again("answer_cut_short", "the answer is not UTF-8", where) from None

    def _refused(self, code: str, message: str, where: str) -> RetryLater | ConfigurationWrong:
        if code in _PASSING:
            return _again(code.lower(), f"the platform says {code}: {message}", where)
        if code in _EXPIRED:
            return ConfigurationWrong(
                f"the platform finds our request's time too far from its own: {message}",
                code="clock_off",
                what=datetime.now(UTC).isoformat(timespec="seconds"),
                where=where,
                remedy="set this machine's clock (NTP); if it is right, the platform's is off: tell its operators",
            )
        key = code in _KEY_REFUSED
        return ConfigurationWrong(
            f"the platform refuses the request: {code}: {message}",
            code="access_refused" if key else "request_refused",
            where=where,
            remedy=f"put the right access key and secret there ({self._secret_file})"
            if key
            else "correct the configuration, or ask the platform's operators",
        )

    def _secret(self) -> str:
        try:
            mode = self._secret_file.stat().st_mode
            secret = self._secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as unreadable:
            raise ConfigurationWrong(
                f"the file with the access secret cannot be read: {type(unreadable).__name__}",
                code="secret_unusable",
                where=str(self._secret_file),
                remedy="put the platform's access secret into it, readable by this user alone",
            ) from None
        if not secret or mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationWrong(
                "the file with the access secret is empty" if not secret else "other users can read the access secret",
                code="secret_unusable",
                where=str(self._secret_file),
                remedy=f"chmod 600 {self._secret_file}, with the secret on its only line",
            )
        return secret


def _again(code: str, message: str, where: str) -> RetryLater:
    remedy = "nothing: it is asked again, under another request id. If it lasts, ask the platform's operators"
    return RetryLater(message, code=code, where=where, remedy=remedy)
