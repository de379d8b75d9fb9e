"""What a registry adapter is.

An adapter connects one registry and knows nothing of the chain. It reads pages of the registry's own records from a
cursor, translates each into canonical records, and writes effects back (what happened elsewhere to the registry's
credits). The sync engine (`adapters/sync/`) does everything else: journal, decisions, signing, sending, confirming.

What is guaranteed: every record read is in the journal before the cursor moves; an effect is offered until the
registry
says that it has it. What is not: that `read` is called once for a record, or `push` once for an effect. Both must
bear
repetition, and `acceptance/` checks that they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mutual_recognition.documents import Json
from mutual_recognition.records import Record, SeriesName
from mutual_recognition.serials import SerialRange


@dataclass(frozen=True, slots=True)
class RegistryProfile:
    """Which registry this is and what it offers.

    `member`: GB/T 2260 code or programme id. `registry`: its code within the member, part of every id.
    `idempotent_push`:
    the registry itself refuses a repeated effect key; `lookup`: it can be asked whether it has an effect. A
    registry with
    neither gets no automatic push (issue of a work list for a person instead).
    """

    name: str
    member: int
    registry: str
    title: str
    idempotent_push: bool
    lookup: bool
    reads_snapshots: bool = False


@dataclass(frozen=True, slots=True)
class NativeRecord:
    """One record as the registry has it.

    `kind` and `native_id` name it in the registry's own words; `version` rises with every change of it; `payload`
    is what
    was read, as JSON; `source` says where it stands (URL and item; file, sheet and row).
    """

    kind: str
    native_id: str
    version: int
    payload: Mapping[str, Json]
    source: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that could not even be read: where it stands and what is wrong. It is journaled, and the run goes
    on."""

    source: str
    field: str
    value: str
    reason: str
    code: str = "unreadable"


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the registry's commit order, and the cursor that follows them (opaque to everyone but the
    adapter)."""

    records: Sequence[NativeRecord]
    cursor: str
    faults: Sequence[Fault] = ()
    total: int | None = None
    """How many records a full read would give, where the registry says so (for a progress bar)."""


class EffectKind(StrEnum):
    """What the hub tells a registry about its own credits or about credits on their way to it."""

    TRANSFER_PROPOSED = "transfer_proposed"
    """To the sender: the chain has the proposal."""
    TRANSFER_INCOMING = "transfer_incoming"
    """To the destination: book as pending and decide."""
    TRANSFER_COMPLETED = "transfer_completed"
    """To both: the sender books out, the destination releases (kept and cut serials told apart)."""
    TRANSFER_ENDED = "transfer_ended"
    """To both: rejected, withdrawn or expired; the sender unlocks, the destination drops its pending booking."""
    RETIRED_ELSEWHERE = "retired_elsewhere"
    """To the home registry: another member retired its serials."""
    MOVED_ELSEWHERE = "moved_elsewhere"
    """To the home registry: its serials went from one other member to another."""
    HELD = "held"
    LIFTED = "lifted"
    RECOGNITION_CHANGED = "recognition_changed"
    CANCELLED = "cancelled"
    """By ballot."""
    REFUSED = "refused"
    """To the record's own registry: the chain or the hub's rules refused it, and why; a lock it took is to be
    undone."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that happened, for a registry to book. `key` is the same for ever for the same thing.

    `detail` holds what the kind needs, as JSON: transfer, from, to, first, last, kept_last, kg, factor_ppm, purpose,
    reason, native_id ... `series` and `serials` are absent where no serials are meant.
    """

    key: str
    kind: EffectKind
    series: SeriesName | None
    serials: SerialRange | None
    detail: Mapping[str, Json]
    block_number: int
    occurred_at: str
    """Block time, ISO 8601 in UTC."""

    def to_json(self) -> dict[str, Json]:
        """As the journal keeps it; `from_json` gives the same effect back."""
        return {
            "key": self.key,
            "kind": self.kind.value,
            "series": None if self.series is None else [self.series.member, self.series.registry, self.series.code],
            "serials": None if self.serials is None else [self.serials.first, self.serials.last],
            "detail": dict(self.detail),
            "block_number": self.block_number,
            "occurred_at": self.occurred_at,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> Effect:
        """From what `to_json` gave."""
        series, serials = body["series"], body["serials"]
        return cls(
            body["key"],
            EffectKind(body["kind"]),
            None if series is None else SeriesName(member=series[0], registry=series[1], code=series[2]),
            None if serials is None else SerialRange(serials[0], serials[1]),
            body["detail"],
            body["block_number"],
            body["occurred_at"],
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The registry's own word that it has an effect; `reference` is what it calls its booking."""

    key: str
    accepted: bool
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """Serials as a registry's books have them, for reconciliation. `status` is one of `STATUSES`.

    `line`: the registry's own number of this line of its books, from an adapter that tells of changes by it
    (`ChangedHoldings`); otherwise "".
    """

    series: SeriesName
    serials: SerialRange
    holder: int
    status: str
    line: str = ""


STATUSES = ("available", "in_transit", "pending", "pledged", "retired", "cancelled")


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the registry answers now, and what it said."""

    reachable: bool
    detail: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)


@runtime_checkable
class RegistryAdapter(Protocol):
    """One registry. Every method raises the family of `hub.errors`: RetryLater for passing trouble,
    ConfigurationWrong for a
    wrong setting or a schema that changed, RecordRefused (translate only) for one record.
    """

    @property
    def profile(self) -> RegistryProfile: ...

    def health(self) -> Health:
        """Asks the registry whether it is there. Never raises for a registry that is not."""
        ...

    def read(self, cursor: str) -> Iterator[Page]:
        """Pages from `cursor` on ("" is the beginning), each no larger than some thousand records, until there are
        no more."""
        ...

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """The canonical records that one native record asks for, in order; none for a record that the hub has no
        interest in.

        Pure: no I/O, the same answer every time. Raises RecordRefused with field, value and what to do.
        """
        ...

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Offers effects to the registry; a receipt for each it answered, in any order. Repeated keys have one
        effect."""
        ...

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """What the registry says of effects already offered; a key it never saw is absent."""
        ...

    def holdings(self) -> Iterable[Holding]:
        """The registry's books now: every issued serial of its own series, and every serial of others that it
        holds."""
        ...

    def close(self) -> None:
        """Releases connections. The adapter is not used afterwards."""
        ...


@runtime_checkable
class WritesInstructions(Protocol):
    """What an adapter may also be: one that tells a person what to book, in the registry's own words. An adapter of a
    registry with neither an idempotent write nor a look-up must be one: its effects become a work list."""

    def instructions(self, effect: Effect) -> Mapping[str, Json]:
        """What to type where, for one effect; pure, the same answer every time.

        {"key": the effect's, "item": the work item's number as typed, "title": {"zh", "en"}, "sheet": which sheet,
        form or screen, "row": {heading: value}}, with `key` or `item` among the row's values. Raises RecordRefused for
        an effect that cannot be put into words (yet).
        """
        ...


@dataclass(frozen=True, slots=True)
class ChangedLines:
    """Lines of a registry's books that changed, by their number: each as it is now, None for one that is gone.

    `cursor`: what comes after them. A line may come again on a later page, changed or not.
    """

    lines: Mapping[str, Holding | None]
    cursor: str


@runtime_checkable
class ChangedHoldings(Protocol):
    """What an adapter may also be: one whose registry tells which lines of its books have changed, so that they are
    read whole at the first time, and to be sure from time to time, but not for every reconciliation.

    A line keeps its number as long as it is in the books (`Holding.line`, of `holdings` too); the number of a line that
    is gone may be given again. Every change of a line's serials, holder or status comes, and every line that goes.
    """

    def holdings_cursor(self) -> str:
        """Where the changes after this moment begin. Raises as `RegistryAdapter.read` does."""
        ...

    def holdings_since(self, cursor: str) -> Iterator[ChangedLines]:
        """Pages of what has changed since `cursor`, until there is no more; none where nothing has.

        After the last page, lines that it and those before it gave, and all others as they were, are the books at one
        moment. Raises as `RegistryAdapter.read` does; ConfigurationWrong `cursor_ahead` where the registry no longer
        has what the cursor followed: it was restored from a backup, and the books are read whole again.
        """
        ...


@runtime_checkable
class SeesBookings(Protocol):
    """What an adapter may also be: one that can see where a person's booking seems to stand. That confirms nothing:
    whoever booked it says so, and the hub never guesses."""

    def sightings(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Where each of these effects is seen now, in words (`sheet 互认登记 row 12`); one that is not seen is absent.

        Raises as `RegistryAdapter.read` does.
        """
        ...
