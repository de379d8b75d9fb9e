"""What passes between a reader of a programme's export and whoever keeps what it says: the source's card, and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from mutual_recognition.documents import Json
from mutual_recognition.observed import Observed, Programme, RecordKind
from mutual_recognition.schema_drift import ColumnProfile, KnownColumn


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A kind of file that a programme publishes.

    `whole`: a file is the programme's complete list, so that what a later one lacks has gone; else files are parts and
    nothing disappears by absence. `attribution` is what must be said where facts of it are shown.
    """

    name: str
    programme: Programme
    kinds: tuple[RecordKind, ...]
    title: str
    form: str
    columns: tuple[KnownColumn, ...]
    attribution: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that was read: where it stands, its records, and its cells by the source's known headings."""

    row: int
    sheet: str
    records: tuple[Observed, ...]
    raw: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row kept aside with its reason. `records` are the (kind, native id) it is about, where that can be read: what
    is known of them stands, and they have not gone."""

    row: int
    sheet: str
    field: str
    value: str
    code: str
    reason: str
    records: tuple[tuple[RecordKind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a person accepted of a source's drift: `renamed` from known to actual heading, `ignored` actual headings,
    `absent` known headings that need not be there."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


class OpenExport(Protocol):
    """One file of a source, copied and open. Its rows may be read more than once."""

    @property
    def card(self) -> SourceCard:
        """The source it is a file of."""

    @property
    def name(self) -> str:
        """The file's name, as messages show it."""

    @property
    def sha256(self) -> str:
        """Of its content."""

    @property
    def header(self) -> tuple[str, ...]:
        """Its headings, as they stand."""

    @property
    def named_day(self) -> date | None:
        """The day that its name states, None where it states none."""

    def profiles(self, rows: int) -> Mapping[str, ColumnProfile]:
        """What the columns hold in the first `rows` rows, by heading as it stands."""

    def read(self, accepted: Accepted) -> Iterator[ReadRow | RefusedRow]:
        """Its rows in order. The header must have been compared before."""
