"""Serial numbers as public programmes write them, in one form.

What the files really hold: UTF-8 read as Latin-1 and written again ("A-circumflex" before a space), spaces inside
numbers, "to" for a dash, a missing unit type, two fields run together, a party without its first letter, ranges upside
down, ranges that do not hold the stated quantity. What can be mended without guessing is, and
said; the rest is a fault.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from mutual_recognition.numerals import fold
from mutual_recognition.observed import Programme, ReadSerials, SerialFault
from mutual_recognition.serials import (
    MAX_SERIAL,
    EmptyRange,
    InvertedRange,
    SerialRange,
    SerialRefused,
    UnreadableRange,
    parse_range,
)

_MOJIBAKE: Final = (("\u00c2\u00a0", " "), ("\u00e2\u20ac\u201c", "-"), ("\u00c2", ""))

_GOLD_STANDARD: Final = re.compile(
    r"(GS[0-9]+-[0-9]+-[A-Z]{2}-(?:GS)?([0-9]+)-[0-9]+-[0-9]{4}-[0-9]+)-([0-9]+)-([0-9]+)"
)
_CDM_PAIR: Final = re.compile(r"([A-Z]{1,2})-([0-9-]+?)(?:-|~|TO)([A-Z]{1,2})-([0-9-]+)")
_VERRA: Final = re.compile(r"[0-9]+-([0-9]+)-([0-9]+)-(VCS-(?:VCU|[A-Z]+))-.*?-([0-9]+)-[0-9]{8}-[0-9]{8}-[0-9]+")
_PREFIXED: Final = re.compile(r"([A-Z][A-Z0-9-]*?)-([0-9]+ to [0-9]+)")
_CDM_UNIT_TYPES: Final = frozenset({"5", "05", "6", "06", "7", "07"})
"""CER, tCER and lCER by the unit type codes of the Data Exchange Standards."""


def read_gold_standard(text: str, *, is_cer: bool) -> ReadSerials:
    """A Gold Standard serial. Rows of type CER carry the CDM registry's own serials instead."""
    repaired, mended = _repair(text)
    matched = _GOLD_STANDARD.fullmatch(repaired.replace(" ", ""))
    if matched:
        return _placed(Programme.GOLD_STANDARD, matched[1], int(matched[3]), int(matched[4]), matched[2], mended)
    if is_cer:
        return read_cdm(text)
    return ReadSerials(fault=SerialFault.NOT_A_RANGE, mended="; ".join(mended))


def read_cdm(text: str) -> ReadSerials:
    """Two CDM serials with a dash or "to" between: "CN-5-971181543-2-2-0-2898 - CN-5-971190304-2-2-0-2898".

    The fields are party, unit type, serial, commitment periods, LULUCF activity, project. The party is the series: CDM
    serials are unique within it.
    """
    repaired, mended = _repair(text)
    tight = repaired.upper().replace(" ", "")
    matched = _CDM_PAIR.fullmatch(tight)
    if matched is None:
        try:
            bare = parse_range(repaired)
        except SerialRefused:
            return ReadSerials(fault=SerialFault.NOT_A_RANGE, mended="; ".join(mended))
        mended.append("the text states no party")
        return _placed(Programme.CDM, "", bare.first, bare.last, "", mended)
    party, last_party = matched[1], matched[3]
    if party != last_party:
        if party not in last_party and last_party not in party:
            return ReadSerials(programme=Programme.CDM, fault=SerialFault.HALVES_DIFFER, mended="; ".join(mended))
        party = max(party, last_party, key=len)
        mended.append(f"party {matched[1]} and {matched[3]} taken for {party}")
    ends = [_cdm_half(half, mended) for half in (matched[2], matched[4])]
    if ends[0] is None or ends[1] is None:
        return ReadSerials(
            programme=Programme.CDM, series=party, fault=SerialFault.NOT_A_RANGE, mended="; ".join(mended)
        )
    (first, project), (last, last_project) = ends[0], ends[1]
    if project != last_project:
        return ReadSerials(
            programme=Programme.CDM, series=party, first=first, last=last, fault=SerialFault.HALVES_DIFFER,
            mended="; ".join(mended),
        )  # fmt: skip
    return _placed(Programme.CDM, party, first, last, project, mended)


def _cdm_half(text: str, mended: list[str]) -> tuple[int, str] | None:
    """Serial and project number of one half, without its party."""
    parts = [part for part in text.split("-") if part]
    if len(parts) < 4:
        return None
    if parts[0] in _CDM_UNIT_TYPES:
        parts = parts[1:]
    elif "a unit type is missing" not in mended:
        mended.append("a unit type is missing")
    if set(parts[0]) == {"0"}:
        parts = parts[1:]  # the supplementary unit type of long forms
    if len(parts) == 4 and "two fields run together" not in mended:
        mended.append("two fields run together")
    if not 4 <= len(parts) <= 5:
        return None
    return int(parts[0]), str(int(parts[-1]))


def read_verra(text: str) -> ReadSerials:
    """ "19385-941467007-941467431-VCS-VCU-1507-VER-ET-14-1340-01012020-31122020-1": the block's numbers stand second
    and third, the project tenth; VCU numbers are unique over all of Verra."""
    repaired, mended = _repair(text)
    matched = _VERRA.fullmatch(repaired.replace(" ", ""))
    if matched is None:
        return ReadSerials(fault=SerialFault.NOT_A_RANGE, mended="; ".join(mended))
    return _placed(Programme.VERRA, matched[3], int(matched[1]), int(matched[2]), matched[4], mended)


def read_prefixed(text: str, programme: Programme) -> ReadSerials:
    """ "ACR-US-1185-2025-3078-1 to 85847": a prefix that names the block's series, then first to last."""
    repaired, mended = _repair(text)
    matched = _PREFIXED.fullmatch(repaired)
    if matched is None:
        return ReadSerials(fault=SerialFault.NOT_A_RANGE, mended="; ".join(mended))
    first, _, last = matched[2].partition(" to ")
    return _placed(programme, matched[1], int(first), int(last), "", mended)


def read_stated(programme: Programme, series: str, first: str, last: str) -> ReadSerials:
    """Serials whose ends stand in two cells of their own."""
    try:
        found = parse_range(f"{first} - {last}")
    except InvertedRange:
        return _placed(programme, series, int(first), int(last), "", [])
    except (EmptyRange, UnreadableRange):
        return ReadSerials(programme=programme, series=series, fault=SerialFault.NOT_A_RANGE)
    except SerialRefused:
        # Cercarbono counts from 0, which no SerialRange holds
        return ReadSerials(programme=programme, series=series, fault=SerialFault.IMPLAUSIBLE)
    return _placed(programme, series, found.first, found.last, "", [])


def against_quantity(read: ReadSerials, quantity_kg: int, kg_per_serial: int = 1000) -> ReadSerials:
    """`read`, faulted when the range does not hold the quantity that the row states."""
    if read.fault or read.first is None or read.last is None:
        return read
    if (read.last - read.first + 1) * kg_per_serial != quantity_kg:
        return replace(read, fault=SerialFault.DISAGREES)
    return read


def _placed(programme: Programme, series: str, first: int, last: int, project: str, mended: list[str]) -> ReadSerials:
    fault = SerialFault.NONE
    try:
        SerialRange(first, last)
    except InvertedRange:
        fault = SerialFault.INVERTED
    except SerialRefused:
        fault = SerialFault.IMPLAUSIBLE
    held = max(first, last) <= MAX_SERIAL
    return ReadSerials(
        programme=programme,
        series=series,
        first=first if held else None,
        last=last if held else None,
        project=project,
        fault=fault,
        mended="; ".join(mended),
    )


def _repair(text: str) -> tuple[str, list[str]]:
    """`text` with what a wrong encoding made of it undone, dashes and spaces in one form."""
    mended = []
    for wrong, right in _MOJIBAKE:
        if wrong in text:
            text = text.replace(wrong, right)
            if "characters damaged by a wrong encoding" not in mended:
                mended.append("characters damaged by a wrong encoding")
    folded = re.sub(r"  +", " ", fold(text))
    if re.search(r"- [0-9]|[0-9] -[0-9]|[0-9] [0-9]", folded.replace(" - ", "|", 1)):
        mended.append("spaces inside a serial")
    return folded, mended
