"""The hub's errors. The type says what to do next; the message says what was wrong and where.

| type                 | what it means                                          | who acts                      |
| -------------------- | ------------------------------------------------------ | ----------------------------- |
| `RetryLater`         | passing trouble outside; the same request may succeed  | the caller, after a while     |
| `ConfigurationWrong` | a setting, file or key is missing or wrong             | the operator                  |
| `RecordRefused`      | this one record cannot go on; all others do            | the record's owner            |
| `ChainRefused`       | a law on the chain said no (a decoded custom error)    | the record's owner            |
| `StopAndTell`        | going on could do harm; nothing may continue           | the operator, before anything |

Each carries a stable `code` in snake_case. Codes are an interface: they are stored in journals, shown to cities and
asserted in tests, so a code once published keeps its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from math import isfinite
from typing import ClassVar, TypeAlias

from rich.panel import Panel
from rich.text import Text

PROBLEM_TYPE_PREFIX = "urn:yrdhub:problem:"
"""RFC 9457 section 3.1.1 asks for a URI as `type`; a URN needs no server to stay valid."""

PROBLEM_MEDIA_TYPE = "application/problem+json"

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

_LARGEST_EXACT_IN_JSON = 2**53 - 1
_CODE = re.compile(r"[a-z][a-z0-9_]*\Z")


def json_value(value: object) -> JsonValue:
    """`value` as JSON that loses nothing: bytes as 0x-hex, Decimals and integers beyond 2**53 - 1 as text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_EXACT_IN_JSON else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)  # seconds and shares; a quantity never is one
    if isinstance(value, bytes | bytearray):
        return "0x" + bytes(value).hex()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in value]
    return str(value)


def _one_line(value: object) -> str:
    """`value` as it is shown to a person: on one line, control characters visible, cut at 300 characters."""
    shown = value if isinstance(value, str) else str(json_value(value))
    if any(ord(character) < 32 or character == "\x7f" for character in shown):
        shown = repr(shown)
    return shown if len(shown) <= 300 else f"{shown[:300]}... ({len(shown)} characters)"


def _put_back(kind: type[YrdhubError], arguments: tuple[object, ...], values: dict[str, object]) -> YrdhubError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(values)
    return error


class YrdhubError(Exception):
    """Base of every error that the hub and the adapters raise on purpose.

    `message` says what was wrong in one sentence; `what` names the offending value, `where` its place (file, row and
    field, request, contract), `remedy` what the reader can do about it.
    """

    kind: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"
    default_code: ClassVar[str] = "error"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        what: object = None,
        where: str | None = None,
        remedy: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.what = what
        self.where = where
        self.remedy = remedy
        self.code = code or self.default_code
        if not _CODE.match(self.code):
            raise ValueError(f"an error code is snake_case, this is not: {self.code!r}")

    def __str__(self) -> str:
        parts = [self.message]
        if self.what is not None:
            parts.append(f"value: {_one_line(self.what)}")
        if self.where:
            parts.append(f"where: {self.where}")
        if self.remedy:
            parts.append(f"do: {self.remedy}")
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # by its values, not by a call: subclasses take others, and an error goes from one process to another
        return _put_back, (type(self), self.args, self.__dict__)

    def details(self) -> dict[str, JsonValue]:
        """What a subclass adds to the JSON forms, under names of its own."""
        return {}

    def to_json(self) -> dict[str, JsonValue]:
        """The form of `--json`, of logs and of the journal: only what is known, nothing null."""
        told: dict[str, JsonValue] = {"error": self.code, "kind": self.kind, "message": self.message}
        if self.what is not None:
            told["what"] = json_value(self.what)
        if self.where:
            told["where"] = self.where
        if self.remedy:
            told["remedy"] = self.remedy
        return told | self.details()

    def to_problem(self, instance: str | None = None) -> dict[str, JsonValue]:
        """Problem details by RFC 9457; `instance` is the URI reference of this occurrence (the request's path)."""
        problem: dict[str, JsonValue] = {
            "type": PROBLEM_TYPE_PREFIX + self.code,
            "title": self.title,
            "status": int(self.http_status),
            "detail": self.message,
        }
        if instance:
            problem["instance"] = instance
        told = self.to_json()
        return problem | {name: told[name] for name in told if name not in {"error", "message"}}

    def to_panel(self) -> Panel:
        """One block for a terminal: what was wrong, which value, where, and what to do."""
        block = Text(self.message)
        rows = [("value", self.what), ("where", self.where)]
        rows += [(name.replace("_", " "), value) for name, value in self.details().items()]
        for label, value in rows:
            if value is not None and value not in ("", {}, []):
                block.append(f"\n{label}: ", style="dim").append(_one_line(value))
        if self.remedy:
            block.append("\nwhat to do: ", style="bold").append(self.remedy)
        return Panel(block, title=f"{self.title} ({self.code})", title_align="left", border_style="red")


class RetryLater(YrdhubError):
    """Passing trouble outside (a time-out, an answer 500, a node that is starting): the same request may succeed.

    `retry_after` is in seconds; None leaves the wait to the caller.
    """

    kind = "retry_later"
    title = "Not possible just now"
    default_code = "unavailable"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    exit_code = 75  # EX_TEMPFAIL of sysexits.h

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        what: object = None,
        where: str | None = None,
        remedy: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, what=what, where=where, remedy=remedy, code=code)
        self.retry_after = retry_after

    def details(self) -> dict[str, JsonValue]:
        return {} if self.retry_after is None else {"retry_after": self.retry_after}


class ConfigurationWrong(YrdhubError):
    """A setting, a file or a key is missing or wrong: no retry helps until somebody changes it."""

    kind = "configuration_wrong"
    title = "Something is not set up"
    default_code = "configuration_wrong"
    exit_code = 78  # EX_CONFIG


class RecordRefused(YrdhubError):
    """This one record is held back, with its reason; every other record goes on.

    `code` is the stable reason, `field` the record's field at fault, `value` what stood there.
    """

    kind = "record_refused"
    title = "Record refused"
    default_code = "record_refused"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY
    exit_code = 65  # EX_DATAERR

    def __init__(
        self,
        message: str,
        *,
        code: str,
        field: str | None = None,
        value: object = None,
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, what=value, where=where, remedy=remedy, code=code)
        self.field = field
        self.value = value

    def details(self) -> dict[str, JsonValue]:
        return {} if self.field is None else {"field": self.field}


class ChainRefused(YrdhubError):
    """A contract reverted with a custom error, decoded here into its name and named arguments.

    `error` is the Solidity name (`SerialsOverlap`), `arguments` its values by name, `record_index` the place of the
    offending record in the batch that was sent (None when it was no batch). The code is the name in snake_case.
    """

    kind = "chain_refused"
    title = "The chain refused"
    default_code = "chain_refused"
    http_status = HTTPStatus.CONFLICT
    exit_code = 65

    def __init__(
        self,
        error: str,
        arguments: Mapping[str, object] | None = None,
        *,
        record_index: int | None = None,
        message: str | None = None,
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.error = error
        self.arguments = dict(arguments or {})
        self.record_index = record_index
        values = ", ".join(f"{name}={_one_line(value)}" for name, value in self.arguments.items())
        super().__init__(
            message or f"{error}({values})",
            where=where,
            remedy=remedy,
            code=_snake_case(error) if error else None,
        )

    def details(self) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {"chain_error": self.error, "arguments": json_value(self.arguments)}
        if self.record_index is not None:
            told["record_index"] = self.record_index
        return told


class StopAndTell(YrdhubError):
    """Going on could do harm (another chain under the same address, a reorganised past, a log that cannot be read).

    Nothing catches this to continue: the process stops, and the operator is told what was seen.
    """

    kind = "stop_and_tell"
    title = "Stopped"
    default_code = "stopped"
    exit_code = 70  # EX_SOFTWARE


def _snake_case(name: str) -> str:
    """`SerialsOverlap` to `serials_overlap`, `ERC1967InvalidAdmin` to `erc1967_invalid_admin`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9_]", "_", words.lower())
