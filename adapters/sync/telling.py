"""Down: what happened on the chain, told to the registry, by itself where that can be done once, else by a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import structlog

from adapters.protocol import Effect, Receipt, RegistryAdapter
from adapters.sync.effects import effects_of, recognition_effect
from adapters.sync.journal import Journal
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.books import Books, Directory, Position
from mutual_recognition.documents import Json
from mutual_recognition.records import SeriesName

log = structlog.get_logger(__name__)

_PUSH = 100
_LOOK_UP = 100

Watch = Callable[[str, int, int | None], None]
"""Told about progress: stage (read, write, tell), how many so far, of how many (None: not known)."""


@dataclass(slots=True)
class Told:
    """What telling came to: effects that the registry answered, how many of them it refused, and what trouble there
    was. `for_operator`: it does not pass by itself; a setting, a key or the mapping has to change."""

    answered: int = 0
    refused: int = 0
    trouble: list[str] = field(default_factory=list)
    for_operator: bool = False

    def add(self, receipts: Collection[Receipt]) -> int:
        """Counts answers in; returns how many."""
        self.answered += len(receipts)
        self.refused += sum(not receipt.accepted for receipt in receipts)
        return len(receipts)


class Telling:
    """Tells one registry."""

    def __init__(
        self,
        adapter: RegistryAdapter,
        journal: Journal,
        books: Books,
        directory: Directory,
        clock: Callable[[], int],
    ) -> None:
        self._adapter = adapter
        self._profile = adapter.profile
        self._journal = journal
        self._books = books
        self._directory = directory
        self._clock = clock

    def tell(self, watch: Watch) -> Told:
        """Queues what happened since, and offers what is due; what that came to."""
        told = Told()
        try:
            self._queue_effects()
            self._journal.set_aside()
            if not self._profile.idempotent_push and not self._profile.lookup:
                self._to_person()
                return told
            while queued := self._journal.queued(_PUSH):
                answered = self._offer([(self.completed(effect), attempts) for effect, attempts in queued], told)
                self._journal.set_aside()
                watch("tell", told.answered, told.answered + self._journal.untold())
                if not answered:
                    return told
            self._look_up_unanswered(told)
        except (RetryLater, ConfigurationWrong) as trouble:
            log.warning("registry_not_told", registry=self._profile.name, trouble=str(trouble))
            told.trouble.append(str(trouble))
            told.for_operator = isinstance(trouble, ConfigurationWrong)
        return told

    def _look_up_unanswered(self, told: Told) -> None:
        """What was offered and is not offered again yet, the registry may have booked meanwhile."""
        keys = self._journal.awaiting_answer(_LOOK_UP) if self._profile.lookup else []
        booked = self._adapter.lookup(keys) if keys else {}
        self._journal.book(booked.values())
        told.add(booked.values())

    def _to_person(self) -> None:
        """Effects onto the work list, in the registry's own names as far as they are known by now."""
        while queued := self._journal.queued(_PUSH):
            self._journal.to_person([effect.key for effect, _ in queued])
            self._journal.complete([self.completed(effect) for effect, _ in queued])
        unnamed = [task.effect for task in self._journal.todo() if _unnamed(task.effect)]
        self._journal.complete([self.completed(effect) for effect in unnamed])

    def _queue_effects(self) -> None:
        position = Position.parse(self._journal.get("push_position"))
        effects: list[Effect] = []
        for happening in self._books.happenings(self._profile.member, position):
            effects += effects_of(happening, self._profile, self._directory)
            position = happening.position
            if len(effects) >= _PUSH:
                self._journal.queue(effects, position)
                effects = []
        # what concerns nobody here is not looked through again: most of a chain's log is such
        position = max(position, Position.after_block(int(self._journal.get("chain_position") or 0)))
        now = self._clock()
        lapsed = self._books.lapsed(self._profile.member, int(self._journal.get("lapsed_until") or 0), now)
        effects += [recognition_effect(change) for change in lapsed]
        self._journal.queue(effects, position, lapsed_until=str(now))

    def completed(self, effect: Effect) -> Effect:
        """With what is known here alone: its series by name, and the registry's own record that asked for a transfer.

        Looked up when it is told, since the document that names a series may come after the event.
        """
        series, detail = effect.series, dict(effect.detail)
        if series is not None and series.code.startswith("0x"):
            identifier = bytes.fromhex(series.code[2:])
            named = self._directory.series_name(identifier)
            if named is not None:
                series = SeriesName(code=named[1], member=series.member, registry=named[0])
            if "kg_per_serial" not in detail:
                detail["kg_per_serial"] = self._books.kg_per_serial(identifier)
        if "transfer" in detail and detail.get("from") == self._profile.member and "native_id" not in detail:
            native_id = self._native_of_transfer(bytes.fromhex(detail["transfer"].removeprefix("0x")))
            if native_id is not None:
                detail["native_id"] = native_id
        if str(detail.get("subject", "")).startswith("0x"):
            self._name_subject(detail)
        return replace(effect, series=series, detail=detail)

    def _name_subject(self, detail: dict[str, Json]) -> None:
        """A recognition's subject in its home registry's own number: methodology, project, or series and first
        serial."""
        identifier = bytes.fromhex(detail["subject"][2:])
        if detail["subject_kind"] == "issuance":
            series = self._directory.series_name(identifier)
            name = None if series is None else f"{series[1]}:{detail['first_serial']}"
        else:
            name = self._directory.subject_name(identifier)
        if name is not None:
            detail |= {"subject": name, "subject_id": detail["subject"]}

    def _native_of_transfer(self, transfer: bytes) -> str | None:
        request = self._books.transfer_request(transfer)
        return None if request is None else self._journal.native_of_request(request)

    def _offer(self, queued: Sequence[tuple[Effect, int]], told: Told) -> int:
        """Offers effects; those offered before are looked up first. Returns how many the registry answered."""
        before = [effect.key for effect, attempts in queued if attempts]
        booked = self._adapter.lookup(before) if before and self._profile.lookup else {}
        self._journal.book(booked.values())
        told.add(booked.values())
        fresh = [effect for effect, _ in queued if effect.key not in booked]
        keys = [effect.key for effect in fresh]
        self._journal.offered(keys)
        try:
            receipts = self._adapter.push(fresh) if fresh else []
        except RetryLater as trouble:
            if self._adapter.health().reachable:  # that it is away says nothing about what it was offered
                self._journal.unanswered(keys, str(trouble))
            raise
        self._journal.book(receipts)
        told.add(receipts)
        answered = {receipt.key for receipt in receipts}
        self._journal.unanswered([key for key in keys if key not in answered], "the registry gave no receipt for it")
        return len(booked) + len(receipts)


def _unnamed(effect: Effect) -> bool:
    if str(effect.detail.get("subject", "")).startswith("0x"):
        return True
    return effect.series is not None and effect.series.code.startswith("0x")
