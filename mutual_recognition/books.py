"""What an adapter's sync asks of the final chain: an interface, so that an adapter depends on no hub.

A city that runs an index of its own gives that; one that shares a machine with the hub gives the hub's. Ids are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mutual_recognition.unit_blocks import UnitBlock


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """A request that a final block carried out."""

    block_number: int
    tx_hash: str
    event: str


@dataclass(frozen=True, slots=True)
class IssuedRange:
    """An issuance on the chain: its serials and the origin record it spent (32 bytes)."""

    first: int
    last: int
    origin: bytes


@dataclass(frozen=True, slots=True)
class ProjectState:
    """A project on the chain: revision and digest of its document."""

    revision: int
    document: bytes


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the chain's log; `part` tells several effects of one log apart."""

    block_number: int
    log_index: int
    part: int

    def __str__(self) -> str:
        return f"{self.block_number}.{self.log_index}.{self.part}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """From its text; "" is before everything."""
        return cls(*(int(piece) for piece in text.split("."))) if text else cls(-1, -1, -1)

    @classmethod
    def after_block(cls, number: int) -> Position:
        """After everything of a block, and before everything of the next."""
        return cls(number + 1, -1, -1)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that befell serials, as the index tells it (`hub/db/tables.py`, serial_events, with what belongs to
    it)."""

    position: Position
    event: str
    series: bytes
    home: int
    kg_per_serial: int
    issuance: int
    first: int
    last: int
    member: int
    other: int
    reference: bytes
    block_time: int
    detail: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RecognitionChange:
    """What became of a recognition: recognised, retermed, suspended, resumed, ended, or lapsed (by time alone).

    `subject`: 32 bytes (`parse_subject`); `member` recognises what `home` has. `terms` with its factor, uses and
    validity (seconds; `valid_until` exclusive). `cause`: the ballot, or the member's own order; zero where time ended
    it.
    """

    position: Position
    event: str
    subject: bytes
    home: int
    member: int
    terms: int
    factor_ppm: int
    uses: int
    valid_from: int
    valid_until: int
    cause: bytes
    block_time: int


class Books(Protocol):
    """The final chain, projected. Every answer is of one moment; `advance` moves that moment."""

    def advance(self) -> int:
        """Follows the chain to its final head and returns that block's number. Raises RetryLater while no node
        answers."""
        ...

    def block_hash(self, number: int) -> str | None:
        """Hash of a final block; None for one that the chain does not have, or that lies before the deployment."""
        ...

    def methodology_document(self, methodology: bytes) -> bytes | None:
        """Digest of the filing's document, or None where it isn't filed."""
        ...

    def project(self, project: bytes) -> ProjectState | None: ...

    def kg_per_serial(self, series: bytes) -> int | None: ...

    def verified_kg(self, verification: bytes) -> int | None:
        """What was verified, voided since or not; None where there's no such verification."""
        ...

    def issuance(self, series: bytes, first: int) -> IssuedRange | None: ...

    def issuance_before(self, series: bytes, first: int) -> int:
        """First serial of the nearest issuance that starts below `first`; 0: none."""
        ...

    def period_before(self, project: bytes, day: int) -> int:
        """First day of the project's nearest stated, standing verification that starts before `day`; 0: none."""
        ...

    def block_at(self, series: bytes, serial: int) -> UnitBlock | None:
        """The unit block that starts nearest at or below `serial`; it may end before it."""
        ...

    def has_transfer(self, transfer: bytes) -> bool: ...

    def transfer_request(self, transfer: bytes) -> bytes | None:
        """The request (32 bytes) that proposed a transfer, or None for one that is not on the chain."""
        ...

    def carried_out(self, member: int, requests: Sequence[bytes]) -> Mapping[bytes, CarriedOut]:
        """Which of the requests `member` carried out, in one look."""
        ...

    def happenings(self, member: int, after: Position) -> Iterator[Happening | RecognitionChange]:
        """What befell the member's own series, or serials that it holds, sends or is sent, and recognitions that it
        gave or that were given to what is its own, since `after`, in order."""
        ...

    def lapsed(self, member: int, after: int, until: int) -> Sequence[RecognitionChange]:
        """Recognitions of the member, or of what is its own, whose standing terms ended between two times (seconds)."""
        ...

    def overdue(self, member: int, now: int) -> Sequence[bytes]:
        """Transfers that the member proposed and whose deadline has passed: anyone may end them."""
        ...


class Directory(Protocol):
    """What series are called, learnt from documents: the chain knows hashes only."""

    def series_name(self, series: bytes) -> tuple[str, str] | None:
        """Registry and code of a series, or None where nobody shared it."""
        ...

    def subject_name(self, identifier: bytes) -> str | None:
        """What the home registry calls a methodology or project (its own number), or None where nobody shared it."""
        ...
