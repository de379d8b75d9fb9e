"""Recognitions: each with its terms in words, and all of them as a matrix of subjects by members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from hub.api.pages import Page, Pages
from hub.api.shapes import (
    Id32,
    Id32Query,
    Kg,
    MemberCode,
    MemberQuery,
    Moment,
    Named,
    Ppm,
    Seen,
    Whole,
    Word,
    answers,
    moment,
    number_of,
    one_of,
    shown,
    word,
)
from hub.api.snapshots import At, Snapshot
from hub.chain.enums import MemberKind, RevocationEffect
from hub.db import tables as t
from hub.index.queries import Key, Row, read_all
from hub.index.queries_listings import RECOGNITIONS
from hub.index.queries_names import names_of
from hub.index.queries_recognition import cap_used, cells, read_subjects, terms_of
from mutual_recognition.identifiers import Kind, parse_subject
from mutual_recognition.periods import calendar_year_of_timestamp
from mutual_recognition.purposes import ALL_USES, NAMES, Purpose, uses_of

router = APIRouter(tags=["recognition"])

_NO_END = 2**40 - 1


class Subject(BaseModel):
    """What is recognised: a methodology, a project, or one issuance of credits."""

    subject: Id32
    kind: Annotated[Word, shown(Kind.METHODOLOGY)]
    home: MemberCode
    record: Named
    first_serial: Annotated[Whole | None, Field(description="of an issuance")]


class Terms(BaseModel):
    """Terms as voted, in numbers and in words."""

    terms: Annotated[int, Field(examples=[1])]
    factor_ppm: Ppm
    uses: Annotated[list[Word], shown(Purpose.ETS_COMPLIANCE, several=True)]
    valid_from: Moment | None
    valid_until: Moment | None
    annual_cap_kg: Annotated[Kg | None, Field(description="null: no cap")]
    arrived_this_year_kg: Annotated[Kg, Field(description="in the calendar year, UTC+8, of the answer's block")]
    covers_every_project: Annotated[bool, Field(examples=[False])]
    ballot: Id32
    zh: Annotated[str, Field(examples=["按 80% 计；用途不限；2026-03-01 起；无年度上限；项目须另行互认"])]
    en: Annotated[
        str,
        Field(examples=["80 % of the quantity counts; for every use; from 2026-03-01; no annual cap; projects apart"]),
    ]


class Recognition(BaseModel):
    """One member's recognition of one subject. `state` sums up what the standing and the time make of it."""

    subject: Subject
    member: MemberCode
    state: Annotated[Word, Field(examples=[{"code": "recognised", "zh": "已互认", "en": "recognised"}])]
    suspended: Annotated[bool, Field(examples=[False])]
    revoked: Annotated[Word, shown(RevocationEffect.NONE)]
    terms: Terms
    ballot: Id32
    recognised: Seen


class Cell(BaseModel):
    """A subject at a member: home, recognised, not yet in force, lapsed, suspended, revoked, declined, or none."""

    member: MemberCode
    state: Annotated[Word, Field(examples=[{"code": "recognised", "zh": "已互认", "en": "recognised"}])]
    terms: Terms | None
    declined_ballot: Annotated[Id32 | None, Field(description="the ballot that it did not consent to")]


class SubjectRow(BaseModel):
    """A subject, and what each member says of it, in the order of the members' codes."""

    subject: Subject
    cells: list[Cell]


class _State(IntEnum):
    NONE = 0
    HOME = 1
    RECOGNISED = 2
    NOT_YET = 3
    LAPSED = 4
    SUSPENDED = 5
    REVOKED = 6
    DECLINED = 7


_STATE_WORDS = {
    _State.NONE: ("未互认", "not recognised"),
    _State.HOME: ("来源地", "home"),
    _State.RECOGNISED: ("已互认", "recognised"),
    _State.NOT_YET: ("尚未生效", "not yet in force"),
    _State.LAPSED: ("已到期", "lapsed: nothing enters any more"),
    _State.SUSPENDED: ("已中止", "suspended"),
    _State.REVOKED: ("已撤销", "revoked"),
    _State.DECLINED: ("未同意", "declined"),
}


@router.get("/recognitions", responses=answers(Page[Recognition]))
def list_recognitions(
    at: At,
    pages: Pages,
    subject: Id32Query = None,
    member: MemberQuery = None,
    home: MemberQuery = None,
    kind: Annotated[str | None, one_of(Kind)] = None,
    suspended: Annotated[bool | None, Query()] = None,
    revoked: Annotated[str | None, one_of(RevocationEffect)] = None,
) -> Page[Recognition]:
    """Recognitions in force or not, one a subject and member. Audience: public."""
    filters = {
        "subject": subject,
        "member": member,
        "home": home,
        "kind": number_of(Kind, kind, "kind"),
        "suspended": suspended,
        "revoked": number_of(RevocationEffect, revoked, "revoked"),
    }

    def build(rows: Sequence[Row]) -> list[Recognition]:
        subjects = _subjects(at, [row["subject"] for row in rows])
        terms = _terms(at, [row["terms"] for row in rows])
        return [
            Recognition(
                subject=subjects[row["subject"]],
                member=row["member"],
                state=_word(_state_of(row, terms[row["terms"]], at.position.time)),
                suspended=row["suspended"],
                revoked=word(RevocationEffect, row["revoked"]),
                terms=terms[row["terms"]],
                ballot=row["ballot"],
                recognised=Seen.of(row),
            )
            for row in rows
        ]

    return pages.read(at, RECOGNITIONS, filters, build)


@router.get("/recognitions/matrix", responses=answers(Page[SubjectRow]))
def read_matrix(
    at: At, pages: Pages, kind: Annotated[str | None, one_of(Kind)] = None, home: MemberQuery = None
) -> Page[SubjectRow]:
    """Subjects by members: who recognises what, on which terms, and who declined. Audience: public."""
    after = pages.after("recognition_subjects", [str])
    subjects, key = read_subjects(
        at.connection, number_of(Kind, kind, "kind"), home, after, pages.limit, newest_first=pages.newest_first
    )
    described = _subjects(at, subjects)
    recognised, declined = cells(at.connection, subjects)
    terms = _terms(at, [row["terms"] for row in recognised.values()])
    members = read_all(
        at.connection,
        select(t.members.c.member)
        .where(t.members.c.kind.in_([MemberKind.FULL, MemberKind.ASSOCIATE]))
        .order_by(t.members.c.member),
    )
    rows = [
        SubjectRow(
            subject=described[subject],
            cells=[
                _cell(described[subject], row["member"], recognised, declined, terms, at.position.time)
                for row in members
            ],
        )
        for subject in subjects
    ]
    return pages.page(at.position, "recognition_subjects", rows, key)


def _cell(
    subject: Subject,
    member: int,
    recognised: Mapping[Key, Row],
    declined: Mapping[Key, Row],
    terms: Mapping[int, Terms],
    time: int,
) -> Cell:
    row, refusal = (table.get((subject.subject, member)) for table in (recognised, declined))
    found = terms[row["terms"]] if row else None
    if subject.home == member:
        state = _State.HOME
    elif row is not None and found is not None:
        state = _state_of(row, found, time)
    else:
        state = _State.DECLINED if refusal else _State.NONE
    return Cell(
        member=member,
        state=_word(state),
        terms=found,
        declined_ballot=refusal["ballot"] if refusal else None,
    )


def _state_of(row: Row, terms: Terms, time: int) -> _State:
    if row["revoked"]:
        return _State.REVOKED
    if row["suspended"]:
        return _State.SUSPENDED
    if terms.valid_from is not None and time < terms.valid_from.timestamp():
        return _State.NOT_YET
    if terms.valid_until is not None and time >= terms.valid_until.timestamp():
        return _State.LAPSED
    return _State.RECOGNISED


def _word(state: _State) -> Word:
    zh, en = _STATE_WORDS[state]
    return Word(code=state.name.lower(), zh=zh, en=en)


def _subjects(at: Snapshot, subjects: Sequence[str]) -> dict[str, Subject]:
    parsed = {subject: parse_subject(bytes.fromhex(subject[2:])) for subject in subjects}
    ids = {kind: ["0x" + i.hex() for k, i, _ in parsed.values() if k is kind] for kind in Kind}
    names = names_of(
        at.connection,
        methodologies=ids[Kind.METHODOLOGY],
        projects=ids[Kind.PROJECT],
        series=ids[Kind.ISSUANCE],
    )
    return {
        subject: Subject(
            subject=subject,
            kind=word(Kind, kind),
            home=int.from_bytes(identifier[:3]),
            record=Named.of("0x" + identifier.hex(), names),
            first_serial=first if kind is Kind.ISSUANCE else None,
        )
        for subject, (kind, identifier, first) in parsed.items()
    }


def _terms(at: Snapshot, numbers: Sequence[int]) -> dict[int, Terms]:
    used = cap_used(at.connection, numbers, calendar_year_of_timestamp(at.position.time))
    return {
        number: Terms(
            terms=number,
            factor_ppm=row["factor_ppm"],
            uses=[word(Purpose, purpose) for purpose in uses_of(row["uses"])],
            valid_from=moment(row["valid_from"]),
            valid_until=moment(row["valid_until"]),
            annual_cap_kg=None if row["annual_cap_kg"] is None else int(row["annual_cap_kg"]),
            arrived_this_year_kg=used.get(number, 0),
            covers_every_project=row["covers_every_project"],
            ballot=row["ballot"],
            zh=_in_chinese(row),
            en=_in_english(row),
        )
        for number, row in terms_of(at.connection, numbers).items()
    }


def _in_chinese(row: Row) -> str:
    every = row["uses"] == ALL_USES
    uses = "用途不限" if every else "用途：" + "、".join(NAMES[purpose][0] for purpose in uses_of(row["uses"]))
    cap = "无年度上限" if row["annual_cap_kg"] is None else f"每年不超过 {row['annual_cap_kg']} 千克"
    projects = "；涵盖其全部项目" if row["covers_every_project"] else "；项目须另行互认"
    projects = projects if _is_methodology(row) else ""
    until = "" if row["valid_until"] >= _NO_END else f"至 {_day(row['valid_until'])}"
    return f"按 {_percent(row['factor_ppm'])}% 计；{uses}；{_day(row['valid_from'])} 起{until}；{cap}{projects}"


def _in_english(row: Row) -> str:
    every = row["uses"] == ALL_USES
    uses = "every use" if every else ", ".join(NAMES[purpose][1] for purpose in uses_of(row["uses"]))
    cap = "no annual cap" if row["annual_cap_kg"] is None else f"at most {row['annual_cap_kg']} kg a year"
    projects = "; every project covered" if row["covers_every_project"] else "; projects apart"
    projects = projects if _is_methodology(row) else ""
    until = "" if row["valid_until"] >= _NO_END else f" until {_day(row['valid_until'])}"
    start = _day(row["valid_from"])
    return f"{_percent(row['factor_ppm'])} % of the quantity counts; for {uses}; from {start}{until}; {cap}{projects}"


def _is_methodology(row: Row) -> bool:
    return int(row["subject"][2:4], 16) == Kind.METHODOLOGY


def _percent(ppm: int) -> str:
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04}".rstrip("0").rstrip(".")


def _day(seconds: int) -> str:
    found = moment(seconds)
    return (found or datetime(1970, 1, 1, tzinfo=UTC)).date().isoformat()
