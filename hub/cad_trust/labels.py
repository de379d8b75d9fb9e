"""Recognitions by other members as labels: one per recognising member, with its terms in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from hub.cad_trust.identity import Links, day_number, day_of, member_name, record_uuid
from hub.db import tables as t
from hub.index.queries import Row, read_all
from hub.index.queries_recognition import terms_of
from mutual_recognition.identifiers import Kind, parse_subject, subject
from mutual_recognition.purposes import ALL_USES, NAMES, uses_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A recognition that is neither suspended nor revoked, and its terms."""

    member: int
    subject: str
    kind: Kind
    terms: Row


class Recognitions:
    """The standing recognitions of some projects: of their methodologies, of themselves, of single issuances."""

    def __init__(self, connection: Connection, projects: Iterable[Row]) -> None:
        rows = list(projects)
        self._by_subject: dict[str, list[Standing]] = {}
        wanted = {_subject(Kind.METHODOLOGY, row["methodology"]) for row in rows}
        wanted |= {_subject(Kind.PROJECT, row["project"]) for row in rows}
        r = t.recognitions.c
        found = read_all(connection, select(t.recognitions).where(r.subject.in_(wanted), ~r.suspended, r.revoked == 0))
        self._take(connection, found)
        self._of_issuances: dict[str, list[str]] = {}
        homes = {row["member"] for row in rows}
        of_issuance = select(t.recognitions).where(r.kind == int(Kind.ISSUANCE), ~r.suspended, r.revoked == 0)
        voted = read_all(connection, of_issuance.where(r.home.in_(homes)))
        self._take(connection, voted)
        i = t.issuances.c
        for row in voted:
            _, series, first = parse_subject(bytes.fromhex(row["subject"][2:]))
            query = select(i.project).where(i.series == "0x" + series.hex(), i.first == first)
            project = connection.execute(query).scalar()
            if project is not None and row["subject"] not in self._of_issuances.setdefault(project, []):
                self._of_issuances[project].append(row["subject"])

    def _take(self, connection: Connection, rows: list[Row]) -> None:
        terms = terms_of(connection, {row["terms"] for row in rows})
        for row in rows:
            if row["terms"] in terms:
                kind = Kind(int(row["subject"][2:4], 16))
                standing = Standing(row["member"], row["subject"], kind, terms[row["terms"]])
                self._by_subject.setdefault(row["subject"], []).append(standing)

    def of(self, project: Row) -> list[tuple[int, list[Standing]]]:
        """Members that recognise credits of `project`, each with every standing terms that apply together.

        A methodology's terms that do not cover every project count only beside terms of the project itself or of an
        issuance (law L5).
        """
        subjects = [
            _subject(Kind.METHODOLOGY, project["methodology"]),
            _subject(Kind.PROJECT, project["project"]),
            *self._of_issuances.get(project["project"], ()),
        ]
        by_member: dict[int, list[Standing]] = {}
        for one in subjects:
            for standing in self._by_subject.get(one, ()):
                by_member.setdefault(standing.member, []).append(standing)
        return [
            (member, together)
            for member, together in sorted(by_member.items())
            if any(one.kind is Kind.METHODOLOGY for one in together)
            and any(one.kind is not Kind.METHODOLOGY or one.terms["covers_every_project"] for one in together)
        ]


def labels_of(project: Row, recognitions: Recognitions, issued_kg: int, links: Links) -> list[dict[str, Any]]:
    """The labels of a project: who recognises its credits, on which terms, how long.

    `unitQuantity` is what the project has been issued in whole tonnes, rounded down: the data model wants whole units.
    """
    return [
        {
            "id": record_uuid("label", project["project"], member),
            "warehouseProjectId": record_uuid("project", project["project"]),
            "label": f"Mutual recognition by {member_name(member)}: {'; '.join(_in_words(one) for one in together)}",
            "labelType": "Endorsement",
            "creditingPeriodStartDate": day_number(project["crediting_start"]),
            "creditingPeriodEndDate": day_number(project["crediting_end"]),
            "validityPeriodStartDate": day_of(max(one.terms["valid_from"] for one in together)),
            "validityPeriodEndDate": day_of(min(one.terms["valid_until"] for one in together)),
            "unitQuantity": issued_kg // 1000,
            "labelLink": links.recognition(together[0].subject, member),
        }
        for member, together in recognitions.of(project)
        if max(one.terms["valid_from"] for one in together) <= min(one.terms["valid_until"] for one in together)
    ]


def _in_words(standing: Standing) -> str:
    terms: Mapping[str, Any] = standing.terms
    whole, rest = divmod(terms["factor_ppm"], 10_000)
    percent = f"{whole}.{rest:04}".rstrip("0").rstrip(".")
    uses = (
        "every use" if terms["uses"] == ALL_USES else ", ".join(NAMES[purpose][1] for purpose in uses_of(terms["uses"]))
    )
    cap = "no annual cap" if terms["annual_cap_kg"] is None else f"at most {terms['annual_cap_kg']} kg a year"
    return f"{standing.kind.name.lower()} at {percent} % of the quantity, {uses}, {cap}"


def _subject(kind: Kind, identifier: str) -> str:
    return "0x" + subject(kind, bytes.fromhex(identifier[2:])).hex()
