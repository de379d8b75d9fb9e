"""The CDM registry behind the adapter protocol: its published reports in, nothing back.

The CDM is a programme member: it has no vote, moves nothing, and no registry of it listens to us, so `push`
and `lookup` answer nothing. Its reports are whole snapshots. `read` gives, in an order in which each record
finds what it builds on: series (one a party), methodologies, projects, then issuances, corrections and
retirements by their time of completion.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeVar

from adapters.protocol import Effect, Fault, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from adapters.transports.snapshots import DEFAULT_LIMITS, FileLimits
from adapters.transports.tables import Fault as RowFault
from hub.errors import ConfigurationWrong, RecordRefused, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import (
    Correction,
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    Record,
    Retirement,
    SeriesName,
    SeriesRegistration,
    Verification,
)
from mutual_recognition.refusal import Refusal
from mutual_recognition.serial_index import SerialIndex
from mutual_recognition.serials import RangeNotHeld, RangeOverlaps, SerialRange, parse_range

from .native import (
    KG_PER_SERIAL,
    CancellationKind,
    CdmCancellation,
    CdmIssuance,
    CdmProject,
    ProjectStatus,
)
from .reissues import link_reissues
from .reports import CdmReports, ReportKind

REGISTRY: Final = "CDM"
PAGE: Final = 1000
NOT_STATED: Final = "not stated"

CDM_BEGINS: Final = date(2000, 1, 1)
"""Reductions from the year 2000 on can be certified (Kyoto Protocol, Article 12.10)."""

UNSTATED_CREDITING: Final = Period(CDM_BEGINS, date.max)
"""The published reports state no crediting periods; this one excludes nothing, and the documents say so."""

_METHODOLOGY: Final = re.compile(r"([A-Z][A-Z0-9.-]*?)(?:\.? ver\. ?([0-9.]+))?", re.ASCII)

T = TypeVar("T")


@dataclass(slots=True)
class _Reports:
    """Everything the folder says, as far as it was read; faults are kept until a page takes them along."""

    issuances: list[CdmIssuance] = field(default_factory=list)
    cancellations: list[CdmCancellation] = field(default_factory=list)
    projects: dict[int, CdmProject] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def sound(self, items: Iterator[T | RowFault]) -> list[T]:
        """The rows that could be read; the others are noted as faults."""
        kept: list[T] = []
        for item in items:
            if isinstance(item, RowFault):
                self.faults.append(Fault(str(item.source), item.field, item.value, item.reason, item.code))
            else:
                kept.append(item)
        return kept


class CdmAdapter:
    """`RegistryAdapter` over a folder of CDM reports. `member` is the programme id under which they are
    replayed.

    By default the projects given are those with an issuance; `every_registered_project` adds the registered
    ones without.
    """

    def __init__(
        self,
        folder: Path,
        *,
        member: int,
        limits: FileLimits = DEFAULT_LIMITS,
        every_registered_project: bool = False,
    ) -> None:
        self._reports = CdmReports(folder, limits)
        self._every_registered_project = every_registered_project
        self._profile = RegistryProfile(
            name="cdm",
            member=member,
            registry=REGISTRY,
            title="CDM registry of the UNFCCC, as published",
            idempotent_push=False,
            lookup=False,
            reads_snapshots=True,
        )

    @property
    def profile(self) -> RegistryProfile:
        """Who this is."""
        return self._profile

    def health(self) -> Health:
        """Whether the folder holds an issuance report, and which reports count."""
        try:
            reports = {kind.value: self._reports.latest(kind) for kind in ReportKind}
        except (YrdhubError, OSError) as error:
            return Health(False, str(error))
        facts = {kind: report.path.name for kind, report in reports.items() if report is not None}
        if reports[ReportKind.ISSUANCES.value] is None:
            return Health(False, f"no issuance report in {self._reports.folder}", facts)
        return Health(True, "", facts)

    def read(self, cursor: str) -> Iterator[Page]:
        """All records as pages of at most PAGE, from `cursor` on.

        The cursor names the files by content. As long as they are the same, reading goes on behind it; once
        they have changed everything is given again, and the journal knows what it has. About 5 s and 60 MB
        for the report of August 2023.
        """
        digest = self._digest()
        start = _position(cursor, digest)
        reports, later = _Reports(), _Reports()
        with ThreadPoolExecutor(1, thread_name_prefix="cdm") as beside:
            self._load_issuances(reports)
            # the chain can begin with the projects while the cancellations, by far the longest list, are being read
            loading = beside.submit(self._load_cancellations, later)
            records = list(self._foundations(reports))
            at = start
            for page in _pages(records, at, digest, reports.faults if start == 0 else [], total=None):
                yield page
                at += len(page.records)
            founded = len(records)
            loading.result()
            reports.cancellations = later.cancellations
            records += _events(reports)
            yield from _pages(records, at, digest, later.faults if start <= founded else [], total=len(records))

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """The canonical records for one native record. Raises RecordRefused for a payload that is none of
        ours.
        """
        translator = _TRANSLATORS.get(record.kind)
        if translator is None:
            raise RecordRefused(
                "a kind of record that the CDM adapter does not give",
                code="kind_unknown",
                field="kind",
                value=record.kind,
                where=record.source,
                remedy="read the reports again from the beginning: another adapter wrote this journal",
            )
        try:
            return translator(record.native_id, record.payload)
        except (KeyError, TypeError, ValueError) as error:
            shown = str(error) if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
            raise RecordRefused(
                f"the journaled record cannot be read back: {shown}",
                code="payload_unreadable",
                value=record.native_id,
                where=record.source,
                remedy="read the reports again from the beginning",
            ) from error

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Nothing: nobody at the CDM registry takes messages from us."""
        return []

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """Nothing, as nothing was pushed."""
        return {}

    def holdings(self) -> Iterable[Holding]:
        """The books that the reports amount to: each issued serial once, available, retired or cancelled.

        A row that contradicts an earlier one (serials issued twice, or cancelled without an issuance) is left
        out here; the ledger refuses it, and the journal holds it with its reason.
        """
        reports = self._load()
        blocks: dict[str, SerialIndex] = {}
        for issuance in reports.issuances:
            with suppress(RangeOverlaps):
                blocks.setdefault(issuance.party, SerialIndex()).add(issuance.serials)
        ended: dict[tuple[str, SerialRange], str] = {}
        for cancelled in reports.cancellations:
            with suppress(RangeNotHeld):
                blocks.setdefault(cancelled.party, SerialIndex()).split(cancelled.serials)
                voluntary = cancelled.kind is CancellationKind.VOLUNTARY
                ended[cancelled.party, cancelled.serials] = "retired" if voluntary else "cancelled"
        for party in sorted(blocks):
            for serials in blocks[party]:
                status = ended.get((party, serials), "available")
                yield Holding(SeriesName(code=party), serials, self._profile.member, status)

    def close(self) -> None:
        """Nothing is kept open."""

    def _digest(self) -> str:
        """SHA-256 over the names and contents of the files that count."""
        together = hashlib.sha256()
        for kind in ReportKind:
            report = self._reports.latest(kind)
            if report is not None:
                content = hashlib.sha256()
                with report.path.open("rb") as stream:
                    while chunk := stream.read(1024 * 1024):
                        content.update(chunk)
                together.update(f"{report.path.name}\0{content.hexdigest()}\n".encode())
        return together.hexdigest()

    def _load(self) -> _Reports:
        reports = _Reports()
        self._load_issuances(reports)
        self._load_cancellations(reports)
        return reports

    def _load_issuances(self, reports: _Reports) -> None:
        reports.issuances = reports.sound(self._reports.issuances())
        reports.projects = {project.number: project for project in reports.sound(self._reports.projects())}

    def _load_cancellations(self, reports: _Reports) -> None:
        administrative = reports.sound(self._reports.administrative_cancellations())
        reports.cancellations = [*administrative, *reports.sound(self._reports.voluntary_cancellations())]

    def _foundations(self, reports: _Reports) -> Iterator[NativeRecord]:
        first: dict[int, CdmIssuance] = {}
        for issuance in reports.issuances:
            first.setdefault(issuance.project_number, issuance)
        for party in sorted({issuance.party for issuance in reports.issuances}):
            yield NativeRecord("series", party, 1, {"party": party}, "the parties of the issuance report")
        wanted = [
            project
            for number, project in sorted(reports.projects.items())
            if number in first or (self._every_registered_project and project.status is ProjectStatus.REGISTERED)
        ]
        unlisted = sorted(number for number in first if number not in reports.projects)
        written = sorted({project.methodology for project in wanted} | ({NOT_STATED} if unlisted else set()))
        edition = self._edition()
        for text in written:
            yield NativeRecord("methodology", text, 1, {"text": text}, "the project list")
        for project in wanted:
            source = str(project.source)
            yield NativeRecord("project", str(project.number), edition, _project_payload(project), source)
        for number in unlisted:
            source = str(first[number].source)
            yield NativeRecord("project", str(number), edition, _unlisted_payload(first[number]), source)

    def _edition(self) -> int:
        """Version of what the project list says: the newest report's month as 202308, 1 where none is dated.

        A later list may tell of a project otherwise than an earlier one did, or list it at last; an issuance or a
        cancellation is told once and stays.
        """
        latest = (self._reports.latest(kind) for kind in ReportKind)
        return max((int(report.month.replace("-", "")) for report in latest if report and report.month), default=1)


def _pages(
    records: Sequence[NativeRecord], start: int, digest: str, faults: Sequence[Fault], *, total: int | None
) -> Iterator[Page]:
    """Pages of `records` from `start` on; the faults go with the first, which may hold nothing else."""
    while start < len(records) or faults:
        page = records[start : start + PAGE]
        start += len(page)
        yield Page(page, json.dumps({"files": digest, "at": start}), faults, total=total)
        faults = ()


def _position(cursor: str, digest: str) -> int:
    if not cursor:
        return 0
    try:
        read = json.loads(cursor)
        return int(read["at"]) if read["files"] == digest else 0
    except (ValueError, KeyError, TypeError):
        raise ConfigurationWrong(
            "not a cursor of the CDM adapter", code="cursor_invalid", what=cursor, remedy="begin again without one"
        ) from None


def _project_payload(project: CdmProject) -> dict[str, Json]:
    return {
        "listed": True,
        "number": project.number,
        "title": project.title,
        "status": project.status.value,
        "registered_on": project.registered_on.isoformat() if project.registered_on else NOT_STATED,
        "host_parties": list(project.host_parties),
        "other_parties": list(project.other_parties),
        "methodology": project.methodology,
        "annual_reductions_t": str(project.annual_reductions_t),
    }


def _unlisted_payload(first: CdmIssuance) -> dict[str, Json]:
    """Only what the project's first issuance says, so that a later report leaves it as it is."""
    return {
        "listed": False,
        "number": first.project_number,
        "methodology": NOT_STATED,
        "first_issuance": {"party": first.party, "completed_at": first.completed_at.isoformat()},
    }


def _events(reports: _Reports) -> list[NativeRecord]:
    administrative = [c for c in reports.cancellations if c.kind is CancellationKind.ADMINISTRATIVE]
    replaces = _replaced(administrative, reports.issuances)
    ordered: list[tuple[datetime, int, int, NativeRecord]] = []
    for issuance in reports.issuances:
        payload: dict[str, Json] = {
            "party": issuance.party,
            "serials": str(issuance.serials),
            "project": issuance.project_number,
            "unit_type": issuance.unit_type.value,
            "commitment_period": issuance.commitment_period,
            "completed_at": issuance.completed_at.isoformat(),
        }
        if issuance.native_id in replaces:
            payload["reissue_of"] = replaces[issuance.native_id]
        record = NativeRecord("issuance", issuance.native_id, 1, payload, str(issuance.source))
        ordered.append((issuance.completed_at, 0, issuance.source.row, record))
    for cancelled in reports.cancellations:
        voluntary = cancelled.kind is CancellationKind.VOLUNTARY
        payload = {
            "party": cancelled.party,
            "serials": str(cancelled.serials),
            "project": cancelled.project_number,
            "unit_type": cancelled.unit_type.value,
            "completed_at": cancelled.completed_at.isoformat(),
        }
        if not voluntary:
            payload["reason"] = cancelled.reason
        kind = "voluntary_cancellation" if voluntary else "administrative_cancellation"
        record = NativeRecord(kind, cancelled.native_id, 1, payload, str(cancelled.source))
        ordered.append((cancelled.completed_at, 2 if voluntary else 1, cancelled.source.row, record))
    ordered.sort(key=itemgetter(0, 1, 2))
    return [record for _, _, _, record in ordered]


def _replaced(administrative: list[CdmCancellation], issuances: list[CdmIssuance]) -> dict[str, int]:
    """Reissue's native id -> first serial of the issuance that it replaces."""
    found: dict[str, int] = {}
    for reissue in link_reissues(administrative, issuances):
        wrong = reissue.cancellations[0]
        corrected = next((i for i in issuances if i.party == wrong.party and i.serials.covers(wrong.serials)), None)
        if corrected is not None:
            found.update({i.native_id: corrected.serials.first for i in reissue.issuances})
    return found


def methodology_key(text: str) -> MethodologyKey:
    """Code and version from the project list's text: "AMS-I.D. ver. 4" is AMS-I.D. and 4.

    A project under several ("ACM0001 ver. 2/ AMS-I.D. ver. 9") has their combination as one filing, by its
    whole text.
    """
    if text == NOT_STATED:
        return MethodologyKey(code="NOT-STATED", version=NOT_STATED)
    if "/" in text:
        return MethodologyKey(code=text, version="combination")
    matched = _METHODOLOGY.fullmatch(text)
    if matched is None or not matched[2]:
        return MethodologyKey(code=text, version=NOT_STATED)
    return MethodologyKey(code=text[: text.index(" ver.")], version=matched[2])


def _series(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    return [SeriesRegistration(code=str(payload["party"]), kg_per_serial=KG_PER_SERIAL)]


def _methodology(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    text = str(payload["text"])
    content = {"title": text, "valid_from": NOT_STATED, "source": "project list of the CDM, as published"}
    return [
        MethodologyFiling(
            native_id=native_id, key=methodology_key(text), valid_from=CDM_BEGINS, lineage="CDM", content=content
        )
    ]


def _project(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    content = {**payload, "crediting_period": NOT_STATED}
    registration = ProjectRegistration(
        native_id=str(payload["number"]),
        methodology=methodology_key(str(payload["methodology"])),
        crediting=UNSTATED_CREDITING,
        declaration={"other_mechanisms": NOT_STATED, "source": "published reports of the CDM"},
        content=content,
    )
    return [registration]


def _issuance(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    serials = parse_range(str(payload["serials"]))
    kg = serials.count * KG_PER_SERIAL
    verification = f"verification of {native_id}"
    content = {
        "project": str(payload["project"]),
        "unit_type": payload["unit_type"],
        "commitment_period": payload["commitment_period"],
        "completed_at": payload["completed_at"],
        "monitoring_period": NOT_STATED,
        "vintage": "year of issuance: the reports state no monitoring period",
    }
    return [
        Verification(
            native_id=verification,
            project=str(payload["project"]),
            period=None,
            verified_kg=kg,
            content={
                "monitoring_period": NOT_STATED,
                "verified": "taken from the issuance: the reports state no verified quantity",
                "quantity_kg": str(kg),
            },
        ),
        Issuance(
            native_id=native_id,
            series=str(payload["party"]),
            serials=serials,
            quantity_kg=kg,
            verification=verification,
            vintage=datetime.fromisoformat(str(payload["completed_at"])).year,
            reissue_of=int(payload.get("reissue_of", 0)),
            content=content,
        ),
    ]


def _retirement(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    serials = parse_range(str(payload["serials"]))
    return [
        Retirement(
            native_id=native_id,
            series=SeriesName(code=str(payload["party"])),
            serials=serials,
            quantity_kg=serials.count * KG_PER_SERIAL,
            purpose=Purpose.VOLUNTARY,
        )
    ]


def _correction(native_id: str, payload: Mapping[str, Json]) -> list[Record]:
    serials = parse_range(str(payload["serials"]))
    return [
        Correction(
            native_id=native_id,
            series=str(payload["party"]),
            serials=serials,
            quantity_kg=serials.count * KG_PER_SERIAL,
            content={"reason": payload["reason"], "completed_at": payload["completed_at"]},
        )
    ]


_TRANSLATORS: Final[dict[str, Callable[[str, Mapping[str, Json]], list[Record]]]] = {
    "series": _series,
    "methodology": _methodology,
    "project": _project,
    "issuance": _issuance,
    "voluntary_cancellation": _retirement,
    "administrative_cancellation": _correction,
}
