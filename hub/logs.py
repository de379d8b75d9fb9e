"""Logs: structured lines to standard error, so that standard output stays for answers (`--json` is parsed)."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from hub.settings import LogFormat


def configure_logs(log_format: LogFormat, level: str) -> None:
    """Set up structlog for the process. Times are UTC in RFC 3339; exceptions are structured in JSON lines."""
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    if log_format is LogFormat.JSON:
        processors += [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        processors += [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="at"),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # looked up at each line: a process that replaces its standard error keeps its logs
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
