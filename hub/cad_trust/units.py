"""Unit blocks as units: serials in the registry's own writing, tonnes, owner, status and reason.

Whose listing it is decides the status of a block that moved (README.md of the CAD Trust adapter, "Moved credits"): its
home lists it as Exported, its holder lists it as what it is there, so that it counts once over all listings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, or_, select, tuple_

from hub.cad_trust.identity import Links, country_of, day_of, member_name, record_uuid, region_of
from hub.cad_trust.projects import Listed, list_projects, public_documents
from hub.db import tables as t
from hub.index.queries import Key, Row, read_all
from mutual_recognition.purposes import NAMES, Purpose
from mutual_recognition.unit_blocks import BlockStatus

PAGE: Final = 1000
_MOST_PROJECTS_KEPT: Final = 2000
_PLACE: Final = re.compile(r"\{(series|serial(?::0(\d{1,2}))?)\}", re.ASCII)
DEFAULT_FORM: Final = "{series}-{serial}"

_b, _s, _i = t.unit_blocks.c, t.series.c, t.issuances.c


@dataclass
class Tally:
    """What an export came to. `kg` is what the listed units stand for; fractions of a tonne are counted apart."""

    projects: int = 0
    units: int = 0
    kg: int = 0
    fractional_units: int = 0
    fractional_kg: int = 0
    """What lies beyond whole tonnes in the units that have a fraction."""
    left_out_kg: int = 0
    """With whole tonnes only: what is not listed."""


@dataclass
class UnitListing:
    """Units in the order of (series, first serial), page by page. `member` None: every block, as its holder has it."""

    connection: Connection
    member: int | None
    links: Links
    whole_tonnes: bool
    tally: Tally
    _projects: dict[str, Listed] = field(default_factory=dict)
    _forms: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        after: Key | None = None
        while rows := read_all(self.connection, self._page(after)):
            self._load(rows)
            for row in rows:
                unit = self._unit(row)
                if unit is not None:
                    yield unit
            after = rows[-1]["series"], rows[-1]["first"]

    def _page(self, after: Key | None) -> Select[Any]:
        r, x = t.retirements, t.transfers
        retired = and_(r.c.series == _b.series, r.c.first == _b.first)
        query = (
            select(
                t.unit_blocks,
                _s.member.label("home"),
                _s.kg_per_serial,
                _i.project,
                _i.verification,
                _i.vintage,
                r.c.block_time.label("retired_at"),
                x.c.to_member,
            )
            .join(t.series, _s.series == _b.series)
            .join(t.issuances, and_(_i.series == _b.series, _i.first == _b.issuance))
            .outerjoin(r, retired)
            .outerjoin(x, x.c.transfer == _b.transfer)
        )
        if self.member is not None:
            query = query.where(or_(_s.member == self.member, _b.holder == self.member))
        if after is not None:
            query = query.where(tuple_(_b.series, _b.first) > tuple_(*after))
        return query.order_by(_b.series, _b.first).limit(PAGE)

    def _load(self, rows: list[Row]) -> None:
        if len(self._projects) > _MOST_PROJECTS_KEPT:
            self._projects.clear()
        missing = {row["project"] for row in rows} - self._projects.keys()
        if missing:
            query = select(t.projects).where(t.projects.c.project.in_(missing))
            self._projects |= list_projects(self.connection, read_all(self.connection, query), self.links)
        for series in {row["series"] for row in rows} - self._forms.keys():
            self._forms[series] = serial_form(self.connection, series)

    def _unit(self, row: Row) -> dict[str, Any] | None:
        first, last = row["first"], row["last"]
        kg = (last - first + 1) * row["kg_per_serial"]
        if self.whole_tonnes and kg % 1000:
            self.tally.left_out_kg += kg % 1000
            kg -= kg % 1000
            if not kg:
                return None
            last = first + kg // row["kg_per_serial"] - 1
        lister = row["holder"] if self.member is None else self.member
        status, reason = _status(row, lister)
        project = self._projects.get(row["project"])
        issuance = None if project is None else project.issuance(row["verification"])
        code, form = self._forms[row["series"]]
        self._count(kg)
        return {
            "warehouseUnitId": record_uuid("unit", row["series"], first, lister),
            "issuanceId": None if issuance is None else issuance["id"],
            "projectLocationId": None if project is None else project.location,
            "unitOwner": member_name(row["holder"]),
            "countryJurisdictionOfOwner": country_of(row["holder"]),
            "inCountryJurisdictionOfOwner": region_of(row["holder"]),
            "unitBlockStart": written(form, code, first),
            "unitBlockEnd": written(form, code, last),
            "unitCount": kg // 1000 if kg % 1000 == 0 else Decimal(kg) / 1000,
            "vintageYear": row["vintage"],
            "unitType": "Not Determined" if project is None else project.unit_type,
            "marketplace": None,
            "marketplaceLink": None,
            "marketplaceIdentifier": None,
            "unitTags": None,
            "unitStatus": status,
            "unitStatusReason": reason,
            "unitRegistryLink": self.links.serial(row["series"], first),
            "correspondingAdjustmentDeclaration": "Unknown",
            "correspondingAdjustmentStatus": "Not Started",
            "issuance": issuance,
            "labels": [] if project is None else project.record["labels"],
            "issuanceListed": self.member is None or row["home"] == self.member,
        }

    def _count(self, kg: int) -> None:
        self.tally.units += 1
        self.tally.kg += kg
        if kg % 1000:
            self.tally.fractional_units += 1
            self.tally.fractional_kg += kg % 1000


def serial_form(connection: Connection, series: str) -> tuple[str, str]:
    """The series' own code, and the form in which its registry writes a serial, by its public document.

    The form is the document's `serial_format`, with the places {series}, {serial} and {serial:08} (padded with zeros);
    "{series}-{serial}" where it states none. Without a document the code is our id.
    """
    d = t.documents.c
    query = select(d.digest).where(d.describes == series, d.kind == "series", d.audience == "public")
    digest = connection.execute(query.order_by(d.received_at.desc(), d.digest)).scalars().first()
    if digest is None:
        return series, DEFAULT_FORM
    content = public_documents(connection, [digest]).get(digest, {}).get("content", {})
    form = content.get("serial_format")
    usable = isinstance(form, str) and len(form) <= 100 and "{serial" in _PLACE.sub("{serial", form)
    return str(content.get("code") or series), form if usable else DEFAULT_FORM


def written(form: str, code: str, serial: int) -> str:
    """A serial as its registry writes it."""

    def put(place: re.Match[str]) -> str:
        if place[1] == "series":
            return code
        return str(serial).zfill(int(place[2] or 0))

    return _PLACE.sub(put, form)


def _status(row: Row, lister: int) -> tuple[str, str | None]:
    """unitStatus and its reason, in the listing of `lister`."""
    status = BlockStatus(row["status"])
    if row["holder"] != lister:
        return "Exported", f"moved to {member_name(row['holder'])}, there {_there(row, status)}"
    match status:
        case BlockStatus.RETIRED:
            return "Retired", _retired(row)
        case BlockStatus.CANCELLED:
            return "Cancelled", _purpose(row)
        case BlockStatus.IN_TRANSIT:
            to = member_name(row["to_member"]) if row["to_member"] else "another member"
            return "Pending Export", f"transfer to {to} proposed, not yet accepted"
        case BlockStatus.PLEDGED:
            return "Held", f"pledged until {day_of(row['pledged_until'])}"
        case BlockStatus.AVAILABLE:
            return "Held", f"under {row['holds']} hold(s): not to be moved or retired" if row["holds"] else None


def _there(row: Row, status: BlockStatus) -> str:
    if status is BlockStatus.RETIRED:
        return f"retired for {_retired(row)}"
    return f"cancelled: {_purpose(row)}" if status is BlockStatus.CANCELLED else "held"


def _retired(row: Row) -> str:
    parts = [_purpose(row)]
    if row["compliance_year"]:
        parts.append(f"compliance year {row['compliance_year']}")
    if row["retired_at"]:
        parts.append(f"on {day_of(row['retired_at'])}")
    return ", ".join(parts)


def _purpose(row: Row) -> str:
    if row["purpose"] not in set(Purpose):
        return f"purpose {row['purpose']}"
    zh, en = NAMES[Purpose(row["purpose"])]
    return f"{en} ({zh})"
