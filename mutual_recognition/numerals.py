"""Whole and decimal numbers as registries write them: full-width digits, thousands commas, non-breaking
spaces.

Folding is by an explicit table, not Unicode NFKC: NFKC would turn "10²" into "102" and "①" into "1".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from mutual_recognition.refusal import Refusal

SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t"
INVISIBLE: Final = "\ufeff\u200b\u200e\u200f\u2060"
DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
TILDES: Final = "\uff5e\u301c\u223c"

_FOLD: Final = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys(SPACES, " "),
        **dict.fromkeys(INVISIBLE, ""),
        **dict.fromkeys(DASHES, "-"),
        **dict.fromkeys(TILDES, "~"),
        "\uff0c": ",",
        "\uff0e": ".",
        "\uff0b": "+",
    }
)

MAX_DIGITS: Final = 40
"""Longer than any quantity or serial of any registry; bounds the work spent on a hostile cell."""

_WHOLE: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)"
WHOLE: Final = re.compile(_WHOLE, re.ASCII)
_DECIMAL: Final = re.compile(rf"({_WHOLE})(?:\.([0-9]+))?", re.ASCII)


def fold(text: str) -> str:
    """`text` with full-width digits, dashes and every kind of space made ASCII, and the ends stripped."""
    return text.translate(_FOLD).strip()


def parse_whole(text: str, where: str = "") -> int:
    """A whole number without sign, thousands grouped by comma or space or not at all. Raises `Refusal`."""
    folded = fold(text)
    if len(folded) > MAX_DIGITS or WHOLE.fullmatch(folded) is None:
        raise Refusal(text, "not a whole number (digits, with thousands grouped in threes or not at all)", where)
    return int(re.sub("[ ,]", "", folded))


def parse_decimal(text: str, where: str = "") -> Decimal:
    """A number without sign, exactly, with a point before any fraction.

    Raises `Refusal` for anything else; an exponent ("2.4E+09") is refused by name, since a spreadsheet that
    wrote it may have dropped digits, and so is a comma that does not group thousands ("1,5").
    """
    folded = fold(text)
    matched = _DECIMAL.fullmatch(folded) if len(folded) <= MAX_DIGITS else None
    if matched is None:
        if not folded:
            raise Refusal(text, "empty where a number is expected", where)
        if re.fullmatch(r"[+-]?[0-9.,]+[eE][+-]?[0-9]+", folded, re.ASCII):
            raise Refusal(text, "in exponent form, so digits may be lost: write the number out in full", where)
        if folded.startswith("-"):
            raise Refusal(text, "negative", where)
        raise Refusal(
            text,
            "not a number (digits, thousands grouped in threes or not at all, a point before decimals)",
            where,
        )
    whole = re.sub("[ ,]", "", matched[1])
    return Decimal(f"{whole}.{matched[2]}" if matched[2] else whole)
