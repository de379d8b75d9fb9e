"""A kind of file that a programme publishes: its known columns, its form, and how a row becomes records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from adapters.transports.tables import Row
from mutual_recognition.observed import Observed, ObservedStatus, Programme, RecordKind
from mutual_recognition.observed_exports import SourceCard
from mutual_recognition.schema_drift import KnownColumn

ReadRecords: TypeAlias = Callable[[Row], Iterable[Observed]]
Identify: TypeAlias = Callable[[Row], Iterable[tuple[RecordKind, str]]]


class Form(Enum):
    """How the file is written."""

    CSV = "CSV"
    XLSX = "XLSX"
    JSON = "JSON"
    """An array of objects; nested objects become columns with a dot ("project.id")."""


def _nothing_skipped() -> Callable[[Row], bool]:
    return lambda row: False


@dataclass(frozen=True)
class ObservedSource:
    """One source. `reader` makes a function for one file (some remember the row above); `identify` says which records a
    row is about, and must be able to where `reader` refuses; `skipping` makes a function that says which rows are none
    (totals, footnotes)."""

    name: str
    programme: Programme
    kinds: tuple[RecordKind, ...]
    title: str
    columns: tuple[KnownColumn, ...]
    reader: Callable[[], ReadRecords]
    identify: Identify
    attribution: str
    form: Form = Form.CSV
    encoding: str | None = None
    title_rows: int = 0
    whole: bool = True
    skipping: Callable[[], Callable[[Row], bool]] = field(default=_nothing_skipped)

    @property
    def card(self) -> SourceCard:
        """What others need to know of it."""
        encoding = f", {self.encoding}" if self.encoding else ""
        return SourceCard(
            self.name,
            self.programme,
            self.kinds,
            self.title,
            self.form.value + encoding,
            self.columns,
            self.attribution,
            self.whole,
        )


def mapped(heading: str, use: str, *, required: bool = True) -> KnownColumn:
    """A column that feeds the field `use`."""
    return KnownColumn(heading, use, True, required)


def unmapped(heading: str, why: str, *, required: bool = True) -> KnownColumn:
    """A column that is known and feeds no field, with the reason. Its cells stay in the raw row."""
    return KnownColumn(heading, why, False, required)


def status_of(words: Mapping[str, ObservedStatus], written: str) -> ObservedStatus:
    """The status that a programme's word stands for; a word that is not known is NOT_CLASSIFIED, never guessed."""
    if not written:
        return ObservedStatus.NOT_STATED
    return words.get(" ".join(written.casefold().replace("_", " ").split()), ObservedStatus.NOT_CLASSIFIED)
