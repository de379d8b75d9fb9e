"""What a source of personal scenario records is. No registry of credits: nothing is pushed to it or held there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, runtime_checkable

from adapters.protocol import Health
from mutual_recognition.scenarios import Activity


@dataclass(frozen=True, slots=True)
class ReceivedItem:
    """One act as a platform tells it, on its way to the store. `number` and `account` are personal: they are in no
    message and in no file, the store keeps keyed digests of them alone (`repr` leaves them out)."""

    number: str = field(repr=False)
    account: str = field(repr=False)
    scenario: str
    day: date
    activity: Sequence[Activity]
    reduction_g: int
    stated: str
    points: int
    project: str
    platform: str


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An act that cannot be taken as it is: which field, and why; never its value. `number` as in `ReceivedItem`."""

    number: str = field(repr=False)
    field: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScenarioPage:
    """Items, and the cursor that follows them (opaque to everyone but the source). `total`: of the source's window."""

    items: Sequence[ReceivedItem]
    refused: Sequence[RefusedItem]
    cursor: str
    total: int | None = None


@runtime_checkable
class ScenarioSource(Protocol):
    """One platform. Methods raise the family of `hub.errors`: RetryLater for passing trouble, ConfigurationWrong for
    what somebody has to change."""

    @property
    def name(self) -> str: ...

    def health(self) -> Health:
        """Asks the platform whether it answers. Never raises for one that does not."""
        ...

    def read(self, cursor: str, since: date | None = None) -> Iterator[ScenarioPage]:
        """Pages from `cursor` on ("" is the beginning; `since` begins at that day instead). Items may come again: the
        store takes each once."""
        ...

    def close(self) -> None:
        """Releases connections."""
        ...
