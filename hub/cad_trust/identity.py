"""Who and what a record is at CAD Trust: UUIDs that follow from our ids, links, names of members, days.

The service keys every record by a UUID that its first writer makes up. Ours are version 5 (RFC 9562) of our own ids, so
that a repeated export names the same records, an upload of it changes them and adds none, and two hubs with the same
chain name them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from hub.api.words import MEMBER_NAMES
from mutual_recognition.identifiers import is_programme
from mutual_recognition.periods import day_from_number, day_utc8

NAMESPACE: Final[UUID] = uuid5(NAMESPACE_URL, "urn:yrdhub:cad-trust:1")
NO_END: Final = 2**40 - 1
LAST_DAY: Final = date(9999, 12, 31).isoformat()
"""Written where terms have no end, since the data model wants a date."""


def record_uuid(kind: str, *parts: object) -> str:
    """The UUID of a record of ours: its kind, and the ids that make it what it is."""
    return str(uuid5(NAMESPACE, "/".join((kind, *map(str, parts)))))


def member_name(member: int) -> str:
    """ "Shanghai (310000)"; a member that has no name here by its number."""
    named = MEMBER_NAMES.get(member)
    if named is not None:
        return f"{named[1]} ({member:06d})"
    return f"Programme {member}" if is_programme(member) else f"Member {member:06d}"


def country_of(member: int) -> str:
    """The country as the picklist has it. A GB/T 2260 code is in China; a programme spans countries."""
    return "Not Specified" if is_programme(member) else "China"


def region_of(member: int) -> str | None:
    """The city or province; None for a programme."""
    return None if is_programme(member) else member_name(member)


def day_of(seconds: int) -> str:
    """The day of a block time in UTC+8, ISO 8601; the last day there is for what has no end."""
    return LAST_DAY if seconds >= NO_END else day_utc8(datetime.fromtimestamp(seconds, UTC)).isoformat()


def day_number(number: int) -> str:
    """A day number of the chain, ISO 8601."""
    return day_from_number(number).isoformat()


@dataclass(frozen=True, slots=True)
class Links:
    """Where a record can be looked at. `base`: the hub's public address; without one, a URN that names the record."""

    base: str = ""

    def project(self, project: str) -> str:
        """A project."""
        return self._link(f"projects/{project}", f"project:{project}")

    def serial(self, series: str, first: int) -> str:
        """The life of a block's first serial."""
        return self._link(f"serials/{series}/{first}", f"serial:{series}:{first}")

    def recognition(self, subject: str, member: int) -> str:
        """A recognition with its terms."""
        return self._link(f"recognitions?subject={subject}&member={member}", f"recognition:{subject}:{member}")

    def _link(self, path: str, name: str) -> str:
        return f"{self.base.rstrip('/')}/v1/{path}" if self.base else f"urn:yrdhub:{name}"
