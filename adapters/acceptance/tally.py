"""What became of every kind of record: how many were read, translated and refused, and why.

A mapping that refuses a whole kind carries nothing of it to the chain and raises no error, since each record is only
held; so the counts are always shown, whatever the checks say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.protocol import NativeRecord
from hub.errors import RecordRefused
from mutual_recognition import records as canonical

_REASONS: Final = 3
NEEDS_A_PERSON: Final = "status_needs_a_person"
"""Refusals by this code are no fault of a mapping: a person takes such a record to the chain."""

Answer = tuple[NativeRecord, "Sequence[canonical.Record] | RecordRefused"]


@dataclass(slots=True)
class KindTally:
    """Records of one native kind: `read` = `translated` + `silent` + `refused`. `silent` ask nothing of the hub (a
    kind passed over, or the hub's own word coming back). `reasons`: the first three different ones, with a record."""

    kind: str
    read: int = 0
    translated: int = 0
    silent: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    _told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def wholly_refused(self) -> bool:
        """Whether no record of the kind got through, and that for other reasons than that a person takes it."""
        return self.refused == self.read and self.codes != {NEEDS_A_PERSON}

    def count(self, record: NativeRecord, answer: Sequence[canonical.Record] | RecordRefused) -> None:
        """Counts one record and what translation said of it."""
        self.read += 1
        if not isinstance(answer, RecordRefused):
            self.translated += bool(answer)
            self.silent += not answer
            return
        self.refused += 1
        self.codes.add(answer.code)
        about = answer.code, str(answer.field)
        if about not in self._told and len(self.reasons) < _REASONS:
            self._told.add(about)
            value = "" if answer.value is None else f" ({str(answer.value)[:80]!r})"
            self.reasons.append(f"{record.native_id}: {answer.message}{value}, at {record.source}")

    def in_words(self) -> str:
        """The refusals in a line."""
        return f"{self.kind}: {self.refused} of {self.read} refused; {'; '.join(self.reasons)}"


def tally(answers: Sequence[Answer]) -> list[KindTally]:
    """The counts by kind, in the order in which kinds first come."""
    kinds: dict[str, KindTally] = {}
    for record, answer in answers:
        kinds.setdefault(record.kind, KindTally(record.kind)).count(record, answer)
    return list(kinds.values())
