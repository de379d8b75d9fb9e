"""Instants and durations as people read them: one format everywhere, in China's time."""

from __future__ import annotations

from datetime import datetime

from mutual_recognition.periods import UTC_PLUS_8

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def in_china(seconds: int) -> str:
    """An instant (seconds since 1970) such as 2026-11-22 20:50:11 (UTC+8)."""
    return datetime.fromtimestamp(seconds, UTC_PLUS_8).strftime("%Y-%m-%d %H:%M:%S (UTC+8)")


def duration(seconds: int) -> str:
    """Seconds in the two largest units that they fill: 45 s, 12 min 3 s, 5 h 20 min, 3 d 4 h."""
    rest, words = max(0, seconds), []
    for size, unit in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
        if len(words) == 2 or (words and not count):
            break
    return " ".join(words) or "0 s"


def ago(seconds: int | None, now: int) -> str:
    """An instant with its age: 2026-11-22 20:50:11 (UTC+8), 3 min 2 s ago; never for one that never came."""
    return "never" if seconds is None else f"{in_china(seconds)}, {duration(now - seconds)} ago"
