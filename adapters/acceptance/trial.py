"""What a check is given: an adapter on its registry, and what may be done to that registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.acceptance.tally import Answer, KindTally, tally
from adapters.protocol import Effect, NativeRecord, Page, RegistryAdapter
from hub.errors import RecordRefused, YrdhubError
from mutual_recognition import records as canonical
from mutual_recognition.documents import Json


class CheckFailed(Exception):
    """The adapter does not do what every adapter must; the message says what was seen."""


class Skipped(Exception):
    """The check does not apply here; the message says why."""


class ReadingStopped(Skipped):
    """The registry could not be read to its end, which an earlier check said already."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A registry whose field `gone` has become `new`: an adapter that reads such a one."""

    adapter: RegistryAdapter
    gone: str
    new: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A record that must be refused, and by which field."""

    record: NativeRecord
    field: str


@dataclass(slots=True)
class Trial:
    """An adapter under test, and what may be done to its registry.

    `open` makes a new adapter on the same registry. `effect` prepares the registry (locks serials, say) and gives an
    effect that it can book. `type_row` has a person type what `instructions` said, where the registry is told so.
    `effects_booked` counts the bookings in the registry's own books. `down` and `drifted`
    make the registry unreachable, or changed, for as long as the context lasts. `private` gives words of a record
    that must not leave. `notes` collects what a check saw and does not fail for. `uninteresting` gives the kinds that
    translate to nothing, each with the reason. `spoil` gives records that must be refused.
    """

    open: Callable[[], RegistryAdapter]
    effect: Callable[[], Effect] | None = None
    type_row: Callable[[Mapping[str, Json]], None] | None = None
    effects_booked: Callable[[], int] | None = None
    down: Callable[[], AbstractContextManager[None]] | None = None
    reads_while_down: bool = False
    drifted: Callable[[], AbstractContextManager[Drift]] | None = None
    private: Callable[[NativeRecord], Sequence[str]] | None = None
    spoil: Callable[[Sequence[NativeRecord]], Sequence[Spoiled]] | None = None
    uninteresting: Mapping[str, str] = field(default_factory=dict)
    may_write: bool = False
    offered_before: frozenset[str] = frozenset()
    """Keys of effects that an earlier run offered and that were not answered then."""
    notes: list[str] = field(default_factory=list)
    _pages: list[Page] | None = None
    _answers: list[Answer] | None = None
    _stopped: bool = False

    def note(self, seen: str) -> None:
        """Something the operator should know, though it fails nothing."""
        self.notes.append(seen)

    def pages(self) -> list[Page]:
        """The whole feed, read once. Raises what reading raises the first time, ReadingStopped thereafter."""
        if self._stopped:
            raise ReadingStopped("because reading stopped, as said above")
        if self._pages is None:
            try:
                with closing(self.open()) as adapter:
                    self._pages = list(adapter.read(""))
            except YrdhubError:
                self._stopped = True
                raise
        return self._pages

    def records(self) -> list[NativeRecord]:
        """Every record of the feed, in order."""
        return [record for page in self.pages() for record in page.records]

    def answers(self) -> list[Answer]:
        """Every record with its canonical records or its refusal, translated once."""
        if self._answers is None:
            records, answers = self.records(), list[Answer]()
            with closing(self.open()) as adapter:
                for record in records:
                    try:
                        answers.append((record, adapter.translate(record)))
                    except RecordRefused as refused:
                        answers.append((record, refused))
            self._answers = answers
        return self._answers

    def translated(self) -> Iterator[tuple[NativeRecord, Sequence[canonical.Record]]]:
        """Every record with its canonical records; those that are refused are left out (`tallies` has them)."""
        for record, answer in self.answers():
            if not isinstance(answer, RecordRefused):
                yield record, answer

    def tallies(self) -> list[KindTally]:
        """What became of each kind of record; nothing where the registry could not be read."""
        return [] if self._stopped else tally(self.answers())

    def nothing_of(self, what: str) -> CheckFailed | Skipped:
        """Why there is no `what` to look at: kinds were refused wholly, or the registry really has none."""
        refused = [kind for kind in self.tallies() if kind.wholly_refused]
        if refused:
            lost = ", ".join(f"{kind.kind} ({kind.refused} of {kind.read})" for kind in refused)
            return CheckFailed(f"no {what} got through: all records of these kinds were refused: {lost}")
        return Skipped(f"the registry has no {what} yet")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that every adapter must do."""

    name: str
    says: str
    run: Callable[[Trial], None]


class Result(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check's result; `reason` where it did not pass, `remedy` where what stopped it named one; `notes`: what it saw
    that fails nothing."""

    check: Check
    result: Result
    reason: str = ""
    seconds: float = 0.0
    remedy: str = ""
    notes: tuple[str, ...] = ()


def check_into(checks: list[Check]) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    """A decorator that makes a function a check: its name names it, the first line of its docstring says what it
    says."""

    def add(run: Callable[[Trial], None]) -> Callable[[Trial], None]:
        checks.append(Check(run.__name__, (run.__doc__ or "").strip().splitlines()[0], run))
        return run

    return add


def must(condition: bool, message: str) -> None:
    if not condition:
        raise CheckFailed(message)
