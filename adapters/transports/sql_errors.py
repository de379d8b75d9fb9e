"""What a PostgreSQL server's errors mean for the hub: what passes by itself, and what somebody has to change first."""

from __future__ import annotations

import re
from typing import Final

import psycopg

from hub.errors import ConfigurationWrong, RetryLater, YrdhubError

_PASSING: Final = ("08", "25P03", "25P04", "40", "53", "55P03", "55006", "55000", "57014", "57P", "58")
"""SQLSTATE classes that may pass by themselves: connection, rollback, resources, locks, shutdown, system."""

_NO_STATE: Final = (
    # libpq tells no SQLSTATE of a connection that failed; the server's words are English or its own language
    (re.compile(r"password authentication failed|no password supplied|authentication failed|认证失败"), "28P01"),
    (re.compile(r"no pg_hba\.conf entry|role .* is not permitted to log in"), "28000"),
    (re.compile(r"database .* does not exist|数据库.*不存在"), "3D000"),
    (re.compile(r"permission denied for database"), "42501"),
    (re.compile(r"certificate|server does not support SSL|root certificate file"), "TLS"),
)
_TO_BE_CHANGED: Final = (
    (
        ("28P01", "28000"),
        "login_refused",
        "the database refuses the login",
        "check the role in the address and the password in its file; both are the registry's to give",
    ),
    (("3D000",), "database_missing", "there is no such database", "correct the database's name in the address"),
    (
        ("TLS",),
        "certificate_refused",
        "the server's certificate is not accepted",
        "name the registry's root certificate in the address (sslrootcert), or correct the host's name",
    ),
    (
        ("42501",),
        "right_missing",
        "the role lacks a right that the adapter needs",
        "have the registry grant what its manual promises: SELECT on the views, INSERT on the write-back table",
    ),
    (
        ("42P01", "42703", "3F000", "42883", "42804"),
        "schema_changed",
        "a view or column is not what it was",
        "change the adapter's mapping, or have the registry undo the change; nothing was skipped",
    ),
)


def told(trouble: psycopg.Error, what: str, where: str, late: float) -> YrdhubError:
    """A server's error in the hub's terms, by its SQLSTATE (PostgreSQL manual, appendix A).

    `what` was being done (a read, a write) at `where`; `late`: the seconds after which this side ended it, or 0.
    """
    words = words_of(trouble)
    if late:
        words = f"no answer within {late:g} s; {words}"
    for states, code, message, remedy in _TO_BE_CHANGED:
        if _state(trouble) in states:
            return ConfigurationWrong(f"{message} ({words})", code=code, where=where, remedy=remedy)
    state = _state(trouble) or ""
    passing = not state or state.startswith(_PASSING)
    if late or (isinstance(trouble, psycopg.OperationalError) and passing) or state.startswith(_PASSING):
        code = "statement_timeout" if late or state == "57014" else "database_unreachable"
        return RetryLater(
            f"the database does not answer now ({words})",
            code=code,
            where=where,
            remedy="nothing: it is tried again. If it lasts, ask the registry's operators",
        )
    return ConfigurationWrong(
        f"the database refuses the {what} ({words})",
        code="query_refused",
        where=where,
        remedy="compare the registry's views with the adapter's README",
    )


def _state(trouble: psycopg.Error) -> str | None:
    if trouble.sqlstate:
        return trouble.sqlstate
    words = str(trouble)
    if "connection failed" not in words and "connection is bad" not in words:
        return None
    return next((state for pattern, state in _NO_STATE if pattern.search(words)), None)


def is_lost(trouble: psycopg.OperationalError) -> bool:
    """Whether the connection went, so that nobody can say what the server did last."""
    return trouble.sqlstate is None or trouble.sqlstate.startswith(("08", "57P"))


def words_of(trouble: psycopg.Error) -> str:
    """The server's own words on one line, without the values of a row."""
    said = trouble.diag.message_primary or str(trouble)
    said = " ".join(said.split())
    return f"{trouble.sqlstate}: {said}" if trouble.sqlstate else said
