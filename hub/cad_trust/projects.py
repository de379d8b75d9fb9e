"""Projects with what hangs on them: location, verified periods, recognitions, co-benefits, other mechanisms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select
from sqlalchemy import Row as SqlRow

from hub.cad_trust.identity import Links, country_of, day_number, day_of, member_name, record_uuid, region_of
from hub.cad_trust.labels import Recognitions, labels_of
from hub.chain.enums import ProjectStatus
from hub.db import tables as t
from hub.index.queries import Row, read_all
from mutual_recognition.mechanisms import NAMES as MECHANISM_NAMES
from mutual_recognition.mechanisms import Mechanism

NOT_STATED: Final = "Not stated"
_STATUS: Final = {
    ProjectStatus.REGISTERED: "Registered",
    ProjectStatus.WITHDRAWN: "Withdrawn",
    ProjectStatus.SUSPENDED: "Inactive",
}
UNIT_TYPES: Final = (
    "Avoidance",
    "Reduction - nature",
    "Reduction - technical",
    "Removal - nature",
    "Removal - technical",
)
"""What a methodology's document may state as `unit_type`; "Not Determined" for everything else."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A project as it is listed, and what its units need of it."""

    record: dict[str, Any]
    unit_type: str
    registry: str

    @property
    def location(self) -> str:
        """The id of where it is."""
        return str(self.record["projectLocations"][0]["id"])

    def issuance(self, verification: str) -> dict[str, Any] | None:
        """The verified period that a unit was issued for."""
        wanted = record_uuid("issuance", verification)
        return next((one for one in self.record["issuances"] if one["id"] == wanted), None)


def list_projects(connection: Connection, rows: Sequence[Row], links: Links) -> dict[str, Listed]:
    """The projects of `rows` (of the projection) as they are listed, by id. A fixed number of queries, however many."""
    if not rows:
        return {}
    ids = [row["project"] for row in rows]
    methodologies = _methodologies(connection, {row["methodology"] for row in rows})
    verifications = _verifications(connection, ids)
    digests = [row["document"] for row in rows]
    digests += [one["document"] for one in methodologies.values()]
    digests += [one["document"] for several in verifications.values() for one in several]
    documents = public_documents(connection, digests)
    issued = dict(_issued(connection, ids))
    recognitions = Recognitions(connection, rows)
    return {
        row["project"]: _listed(
            row,
            methodologies.get(row["methodology"], {}),
            verifications.get(row["project"], []),
            documents,
            labels_of(row, recognitions, issued.get(row["project"], 0), links),
            links,
        )
        for row in rows
    }


def public_documents(connection: Connection, digests: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The public documents among `digests`, as parsed. What is not public, or was withdrawn, is as if not there."""
    d, wanted = t.documents.c, sorted(set(digests))
    notice = t.documents.alias()
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), 500):
        query = select(d.digest, d.canonical).where(
            d.digest.in_(wanted[start : start + 500]),
            d.audience == "public",
            ~exists().where(notice.c.withdraws == d.digest),
        )
        found |= {row.digest: json.loads(row.canonical) for row in connection.execute(query)}
    return found


def _methodologies(connection: Connection, ids: set[str]) -> dict[str, Row]:
    query = select(t.methodologies).where(t.methodologies.c.methodology.in_(ids))
    return {row["methodology"]: row for row in read_all(connection, query)}


def _verifications(connection: Connection, projects: list[str]) -> dict[str, list[Row]]:
    """Verifications that something was issued on, with their first and last vintage, by project."""
    v, i = t.verifications, t.issuances.c
    vintages = (
        select(i.verification, func.min(i.vintage).label("first_vintage"), func.max(i.vintage).label("last_vintage"))
        .where(i.project.in_(projects))
        .group_by(i.verification)
        .subquery()
    )
    query = select(v, vintages.c.first_vintage, vintages.c.last_vintage).join(
        vintages, vintages.c.verification == v.c.verification
    )
    found: dict[str, list[Row]] = {}
    for row in read_all(connection, query.order_by(v.c.block_number, v.c.log_index)):
        found.setdefault(row["project"], []).append(row)
    return found


def _issued(connection: Connection, projects: list[str]) -> Iterable[tuple[str, int]]:
    i = t.issuances.c
    query = select(i.project, func.sum(i.kg)).where(i.project.in_(projects)).group_by(i.project)
    rows: Iterable[SqlRow[Any]] = connection.execute(query)
    return ((row[0], int(row[1])) for row in rows)


def _listed(
    row: Row,
    methodology: Row,
    verifications: list[Row],
    documents: Mapping[str, Mapping[str, Any]],
    labels: list[dict[str, Any]],
    links: Links,
) -> Listed:
    document = documents.get(row["document"], {})
    said: Mapping[str, Any] = document.get("content", {})
    of_methodology: Mapping[str, Any] = documents.get(methodology.get("document", ""), {}).get("content", {})
    key = record_uuid("project", row["project"])
    registry = f"{member_name(row['member'])} {document.get('registry', 'registry')}"
    native = document.get("record", row["project"])
    named = _methodology_name(of_methodology, row["methodology"])
    status = ProjectStatus(row["status"]) if row["status"] in set(ProjectStatus) else ProjectStatus.NONE
    unit_type = _said(of_methodology, "unit_type")
    record: dict[str, Any] = {
        "warehouseProjectId": key,
        "currentRegistry": registry,
        "projectId": native,
        "originProjectId": native,
        "registryOfOrigin": registry,
        "program": f"Carbon-inclusive scheme (碳普惠) of {member_name(row['member'])}",
        "projectName": _said(said, "name_en", "title_en", "name_zh", "title_zh", "name", "title") or native,
        "projectLink": links.project(row["project"]),
        "projectDeveloper": _developer(said),
        "sector": _said(said, "sector") or _said(of_methodology, "sector") or "Not elsewhere classified",
        "projectType": _said(said, "project_type") or _said(of_methodology, "project_type") or "Not Determined",
        "projectTags": "rural revitalisation" if said.get("rural") is True else None,
        "coveredByNDC": "Unknown",
        "ndcInformation": None,
        "projectStatus": _STATUS.get(status, "Listed"),
        "projectStatusDate": _said(said, "registered_on") or day_of(row["block_time"]),
        "unitMetric": "tCO2e",
        "methodology": named,
        "validationBody": None,
        "validationDate": None,
        "description": _said(said, "description"),
        "projectLocations": [_location(row, key, said)],
        "issuances": [_issuance(one, key, named, documents) for one in verifications],
        "labels": labels,
        "coBenefits": _co_benefits(row, key, said),
        "relatedProjects": _related(row, key),
        "projectRatings": [],
        "estimations": [],
    }
    return Listed(record, unit_type if unit_type in UNIT_TYPES else "Not Determined", registry)


def _said(content: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        if isinstance(content.get(name), str) and content[name].strip():
            return str(content[name]).strip()
    return None


def _developer(said: Mapping[str, Any]) -> str:
    """The proponent, where its unified social credit code shows that it is an organisation: no person is named."""
    return (_said(said, "proponent") if _said(said, "uscc") else None) or NOT_STATED


def _methodology_name(said: Mapping[str, Any], identifier: str) -> str:
    parts = [_said(said, "code"), _said(said, "version"), _said(said, "title_en", "title_zh", "title")]
    return " ".join(part for part in parts if part) or identifier


def _location(row: Row, key: str, said: Mapping[str, Any]) -> dict[str, Any]:
    latitude, longitude = _said(said, "latitude"), _said(said, "longitude")
    where = f'{{"latitude":{latitude},"longitude":{longitude}}}' if latitude and longitude else ""
    region = [part for part in (region_of(row["member"]), _said(said, "site")) if part]
    return {
        "id": record_uuid("location", row["project"]),
        "warehouseProjectId": key,
        "country": country_of(row["member"]),
        "inCountryRegion": ", ".join(region) or None,
        "geographicIdentifier": where or f"GB/T 2260 {row['member']:06d}",
    }


def _issuance(row: Row, key: str, methodology: str, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    said = documents.get(row["document"], {}).get("content", {})
    if row["period_stated"]:
        start, end = day_number(row["period_start"]), day_number(row["period_end"])
    else:
        # a programme that publishes no monitoring period: the years of its vintages, which is all that is known
        start, end = f"{row['first_vintage']:04d}-01-01", f"{row['last_vintage']:04d}-12-31"
    return {
        "id": record_uuid("issuance", row["verification"]),
        "warehouseProjectId": key,
        "startDate": start,
        "endDate": end,
        "verificationApproach": methodology if row["period_stated"] else f"{methodology}; monitoring period not stated",
        "verificationReportDate": _said(said, "verified_on") or day_of(row["block_time"]),
        "verificationBody": _said(said, "verifier") or NOT_STATED,
    }


def _co_benefits(row: Row, key: str, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    stated = said.get("co_benefits")
    named = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    texts = [str(one).strip() for one in named if isinstance(one, str) and one.strip()]
    return [
        {"id": record_uuid("co-benefit", row["project"], text), "warehouseProjectId": key, "cobenefit": text}
        for text in dict.fromkeys(texts)
    ]


def _related(row: Row, key: str) -> list[dict[str, Any]]:
    """The other mechanism that the project is declared to be under; the hub knows no number that it has there."""
    if not row["mechanism"]:
        return []
    known = row["mechanism"] in set(Mechanism)
    name = MECHANISM_NAMES[Mechanism(row["mechanism"])][1] if known else f"mechanism {row['mechanism']}"
    return [
        {
            "id": record_uuid("related", row["project"], row["mechanism"]),
            "warehouseProjectId": key,
            "relatedProjectId": None,
            "relationshipType": "declared under another mechanism",
            "registry": name,
        }
    ]
