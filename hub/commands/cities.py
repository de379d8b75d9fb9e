"""Members as people name them on a command line: by GB/T 2260 code, or by name in Chinese or English."""

from __future__ import annotations

from hub.api.words import MEMBER_NAMES
from hub.errors import RecordRefused


def member_named(text: str, field: str = "CITY") -> int:
    """The code of the member that `text` names: 310000, 上海, 上海市, Shanghai. Raises RecordRefused."""
    wanted = text.strip()
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) < 2**24:
        return int(wanted)
    for code, (zh, en) in MEMBER_NAMES.items():
        if wanted in {zh, zh.rstrip("市省")} or wanted.casefold() == en.casefold():
            return code
    known = ", ".join(f"{code} {zh} {en}" for code, (zh, en) in MEMBER_NAMES.items())
    raise RecordRefused(
        f"no member is called {text!r}",
        code="member_unknown",
        field=field,
        value=text,
        remedy=f"give its code: {known}",
    )


def called(member: int) -> str:
    """A member's code with its names, where they are known."""
    return " ".join((str(member), *MEMBER_NAMES.get(member, ())))
