"""A folder of published CDM reports: which file is which, which one counts, and its rows as native records.

Each monthly report is cumulative: the latest of a kind supersedes those before it. A file is recognised by
its name and then held to that kind's header; one that has the name and not the header stops the run, since
half a registry read as if it were whole would be worse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from adapters.transports.delimited import DelimitedFormat, read_delimited
from adapters.transports.snapshots import DEFAULT_LIMITS, FileLimits
from adapters.transports.spreadsheets import read_spreadsheet
from adapters.transports.tables import Fault, FieldRefused, Row, TableShape
from hub.errors import ConfigurationWrong

from . import rows
from .native import CancellationKind, CdmCancellation, CdmIssuance, CdmProject

PROJECT_LIST_FORMAT: Final = DelimitedFormat(encoding="cp1252")

T = TypeVar("T")


class ReportKind(Enum):
    """The reports by the start of their file names."""

    ISSUANCES = "issuances"
    VOLUNTARY_CANCELLATIONS = "voluntary_cancellations"
    ADMINISTRATIVE_CANCELLATIONS = "administrative_cancellations"
    PROJECTS = "projects"


_NAME: Final = re.compile(
    r"(issuances|voluntary_cancellations|administrative_cancellations|projects)"
    r"(?:_([0-9]{4}-(?:0[1-9]|1[0-2])))?\.(xlsx|csv)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report by its name. `month` is "2023-08", or "" for an undated file, which any dated one supersedes."""

    kind: ReportKind
    month: str
    path: Path


class CdmReports:
    """The reports in `folder`. Each method reads one kind from its latest file, anew at every call, in file
    order.

    Rows that cannot be placed come as `Fault`s between the others. Raises ConfigurationWrong (no such folder,
    no issuance report, two files for one month, a changed header) and RetryLater (a file is being written).
    """

    def __init__(self, folder: Path, limits: FileLimits = DEFAULT_LIMITS) -> None:
        self.folder = folder
        self._limits = limits

    def files(self) -> list[ReportFile]:
        """Every file in the folder that has a report's name, by kind and then oldest first."""
        if not self.folder.is_dir():
            raise ConfigurationWrong(
                "no such folder of CDM reports",
                code="folder_missing",
                where=str(self.folder),
                remedy="give the folder that holds issuances_YYYY-MM.xlsx and the other reports",
            )
        found = []
        for path in sorted(self.folder.iterdir()):
            matched = _NAME.fullmatch(path.name)
            if matched is None or not path.is_file():
                continue
            kind = ReportKind(matched[1].lower())
            if (matched[3].lower() == "csv") == (kind is ReportKind.PROJECTS):
                found.append(ReportFile(kind, matched[2] or "", path))
        order = list(ReportKind)
        return sorted(found, key=lambda file: (order.index(file.kind), file.month, file.path.name))

    def latest(self, kind: ReportKind) -> ReportFile | None:
        """The file of `kind` that counts; None when there is none. Raises ConfigurationWrong when two claim
        one month.
        """
        of_kind = [file for file in self.files() if file.kind is kind]
        if not of_kind:
            return None
        latest = of_kind[-1]
        rivals = [file.path.name for file in of_kind if file.month == latest.month]
        if len(rivals) > 1:
            raise ConfigurationWrong(
                f"{len(rivals)} files are the {kind.value} report of one month",
                code="report_ambiguous",
                what=", ".join(rivals),
                where=str(self.folder),
                remedy="leave one of them in the folder",
            )
        return latest

    def issuances(self) -> Iterator[CdmIssuance | Fault]:
        """Every completed issuance. Without an issuance report there is nothing to replay:
        ConfigurationWrong.
        """
        report = self.latest(ReportKind.ISSUANCES)
        if report is None:
            raise ConfigurationWrong(
                "no issuance report in the folder",
                code="report_missing",
                where=str(self.folder),
                remedy="put issuances_YYYY-MM.xlsx, as the CDM registry publishes it, there",
            )
        yield from self._spreadsheet(report, rows.ISSUANCES, rows.issuance)

    def voluntary_cancellations(self) -> Iterator[CdmCancellation | Fault]:
        """Every completed voluntary cancellation; nothing when the folder has no such report."""
        report = self.latest(ReportKind.VOLUNTARY_CANCELLATIONS)
        if report is not None:
            yield from self._spreadsheet(
                report,
                rows.VOLUNTARY_CANCELLATIONS,
                lambda row: rows.cancellation(row, CancellationKind.VOLUNTARY),
            )

    def administrative_cancellations(self) -> Iterator[CdmCancellation | Fault]:
        """Every completed administrative cancellation; nothing when the folder has no such report."""
        report = self.latest(ReportKind.ADMINISTRATIVE_CANCELLATIONS)
        if report is None:
            return
        above = ""

        def read(row: Row) -> CdmCancellation:
            nonlocal above
            # taken before the row can be refused, so that "See above" below it still finds it
            earlier, above = above, _reason(row, above)
            return rows.cancellation(row, CancellationKind.ADMINISTRATIVE, earlier)

        yield from self._spreadsheet(report, rows.ADMINISTRATIVE_CANCELLATIONS, read)

    def projects(self) -> Iterator[CdmProject | Fault]:
        """Every row of the project list; nothing when the folder has none."""
        report = self.latest(ReportKind.PROJECTS)
        if report is not None:
            table = read_delimited(report.path, rows.PROJECTS, PROJECT_LIST_FORMAT, self._limits)
            yield from _read(table, rows.project)

    def _spreadsheet(self, report: ReportFile, shape: TableShape, read: Callable[[Row], T]) -> Iterator[T | Fault]:
        yield from _read(read_spreadsheet(report.path, shape, self._limits), read)


def _read(table: Iterator[Row | Fault], read: Callable[[Row], T]) -> Iterator[T | Fault]:
    after_total = False
    for row in table:
        if isinstance(row, Fault):
            yield row
        elif rows.is_total(row):
            after_total = True
        elif not row.blank and not rows.is_note(row, after_total=after_total):
            try:
                yield read(row)
            except FieldRefused as refusal:
                yield Fault.of(row.source, refusal)


def _reason(row: Row, above: str) -> str:
    try:
        written = " ".join(row.text("reason").split())
    except FieldRefused:
        return above
    return above if written.casefold().rstrip(".") == "see above" else written
