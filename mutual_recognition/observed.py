"""What public programmes publish, in one form: projects and blocks of units, *observed*, never written on the chain.

Everything a programme writes is kept as it wrote it (`status_raw`, `methodology`, `serial_text`); what could be read
out of that stands beside it. A field that a programme does not publish is None or "". Quantities are integer kg, days
are calendar days as published, without a zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

from mutual_recognition.documents import Json


class Programme(StrEnum):
    """Whose records they are. The value is the programme's name in commands, the API and the database."""

    CDM = "cdm"
    GOLD_STANDARD = "gold-standard"
    VERRA = "verra"
    ACR = "acr"
    CAR = "car"
    ART_TREES = "art-trees"
    ARB = "arb"
    CERCARBONO = "cercarbono"
    ISOMETRIC = "isometric"
    CAD_TRUST = "cad-trust"
    """Listings of many registries; whose serials they are, each unit's link says (`ReadSerials.programme`)."""


class RecordKind(StrEnum):
    """What a record is about. The three kinds of units share one form."""

    PROJECT = "project"
    ISSUANCE = "issuance"
    RETIREMENT = "retirement"
    CANCELLATION = "cancellation"


class ObservedStatus(StrEnum):
    """Where a project stands, over all programmes; the programme's own word is beside it."""

    IN_PREPARATION = "in_preparation"
    """Listed, under development or validation, registration asked for."""
    REGISTERED = "registered"
    COMPLETED = "completed"
    ON_HOLD = "on_hold"
    INACTIVE = "inactive"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    TRANSFERRED = "transferred"
    """Its units came from, or went to, another programme."""
    NOT_STATED = "not_stated"
    NOT_CLASSIFIED = "not_classified"
    """A word that this program does not know yet: looked at by a person, never guessed."""


class SerialFault(StrEnum):
    """Why the serials of a row cannot be relied on as a range; the text is kept whatever it is."""

    NONE = ""
    NOT_A_RANGE = "serials_unreadable"
    INVERTED = "serials_inverted"
    IMPLAUSIBLE = "serials_out_of_bounds"
    DISAGREES = "quantity_disagrees_with_serials"
    HALVES_DIFFER = "serials_of_two_series"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSerials:
    """A serial text as read. `first` and `last` stand as written, so that an inverted range shows what it says.

    `programme` is whose serials they are (a Gold Standard row of type CER carries CDM serials), `series` within which
    they are unique (the party for the CDM, the text before the numbers elsewhere), `project` the project number that
    the text itself names, `mended` what had to be put right to read it, in words.
    """

    programme: Programme | None = None
    series: str = ""
    first: int | None = None
    last: int | None = None
    project: str = ""
    fault: SerialFault = SerialFault.NONE
    mended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedProject:
    """A project as one source lists it. Coordinates are decimal degrees as text; capacity in watts, from the name.

    `references` are ids that other programmes or lists know it by, as the row states them.
    """

    kind: ClassVar[RecordKind] = RecordKind.PROJECT

    programme: Programme
    native_id: str
    name: str
    proponent: str = ""
    country: str = ""
    province: str = ""
    place: str = ""
    latitude: str = ""
    longitude: str = ""
    project_type: str = ""
    methodology: str = ""
    methodology_codes: tuple[str, ...] = ()
    status: ObservedStatus = ObservedStatus.NOT_STATED
    status_raw: str = ""
    listed_on: date | None = None
    registered_on: date | None = None
    status_on: date | None = None
    crediting_first: date | None = None
    crediting_last: date | None = None
    estimated_annual_kg: int | None = None
    issued_kg: int | None = None
    retired_kg: int | None = None
    capacity_w: int | None = None
    parent: str = ""
    references: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedUnits:
    """A block of units issued, retired or cancelled, as one row states it. `project` is the programme's id of it."""

    record: RecordKind
    programme: Programme
    native_id: str
    project: str
    quantity_kg: int
    project_name: str = ""
    country: str = ""
    unit_type: str = ""
    methodology: str = ""
    vintage: int | None = None
    period_first: date | None = None
    period_last: date | None = None
    issued_on: date | None = None
    ended_on: date | None = None
    """The day of the retirement or cancellation."""
    serial_text: str = ""
    serials: ReadSerials = ReadSerials()
    beneficiary: str = ""
    reason: str = ""
    status_raw: str = ""
    references: tuple[str, ...] = ()

    @property
    def kind(self) -> RecordKind:
        """Issuance, retirement or cancellation."""
        return self.record


Observed: TypeAlias = ObservedProject | ObservedUnits


def as_json(record: Observed) -> dict[str, Json]:
    """Every field by its name, days as ISO text, serials flattened: the form that is stored and compared."""
    content: dict[str, Json] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, ReadSerials):
            for part in fields(value):
                content[f"serial_{part.name}"] = _json(getattr(value, part.name))
        elif field.name != "record":
            content[field.name] = _json(value)
    return content


def _json(value: object) -> Json:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [str(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    return str(value)


_METHODOLOGY: Final = re.compile(
    r"\bAR[- ]?(?:ACM|AMS|AM) ?[0-9]{4}"
    r"|\bAMS[- ]?[IVX]{1,3}[-. ]{1,2}[A-Z]{1,2}(?![a-z])"
    r"|\b(?:ACM|AM|VM|VMR|VMD|VT|CCER) ?[0-9]{4}\b"
    r"|\bGS ?TPDDTEC\b|\bTPDDTEC\b",
    re.ASCII,
)
_DASHES: Final = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


def methodology_codes(text: str) -> tuple[str, ...]:
    """The methodologies that `text` names, without versions and in one spelling each: "AMS-I.D", "ACM0002", "VM0007".

    Texts of a programme's own that carry no code ("GS MS Simplified Methodology...") give none.
    """
    found: list[str] = []
    for matched in _METHODOLOGY.finditer(text.translate(_DASHES).upper()):
        code = matched[0]
        if code.startswith("AMS"):
            roman, letter = re.findall(r"[A-Z]+", code[3:])[:2]
            code = f"AMS-{roman}.{letter}"
        elif "TPDDTEC" in code:
            code = "GS-TPDDTEC"
        else:
            code = code.replace(" ", "")
            if code.startswith("AR"):
                code = "AR-" + code.removeprefix("AR").removeprefix("-")
        if code not in found:
            found.append(code)
    return tuple(found)


_CAPACITY: Final = re.compile(
    r"(?<![0-9.,xX*×])([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6})(?:\.([0-9]{1,3}))? ?-?"
    r"(GW|MW|kW|KW|Mw)(?:p|P|e|el|ac|AC)?\b(?!h)"
)
_WATTS: Final = {"GW": 10**9, "MW": 10**6, "KW": 10**3}


def capacity_in(name: str) -> int | None:
    """Watts, where `name` states exactly one capacity ("7.25 MW wind ..."); None where it states none or several."""
    stated = set()
    for number, part, unit in _CAPACITY.findall(name):
        whole = number.replace(",", "")
        watts = _WATTS[unit.upper()]
        stated.add((int(whole) * 10 ** len(part) + int(part or 0)) * watts // 10 ** len(part))
    return stated.pop() if len(stated) == 1 else None
