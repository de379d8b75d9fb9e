"""The audit trail: of serials that differ, what each side has on record, and what that makes of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.protocol import NativeRecord, RegistryAdapter
from adapters.sync.city_holdings import HoldingsFile
from adapters.sync.disputed import touched_by
from adapters.sync.journal import Journal
from hub.errors import RecordRefused
from mutual_recognition.books import Directory
from mutual_recognition.documents import Json
from mutual_recognition.holdings import CONTRADICTION
from mutual_recognition.holdings_tree import Difference, Place
from mutual_recognition.identifiers import member_of
from mutual_recognition.reconciliation import WORDS, Cause, ChainHoldings
from mutual_recognition.records import Record, SeriesName
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

_LARGEST_EXACT = 2**53 - 1
_SHOWN = 8
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference and what is known of it. `series`: id (12 bytes); `named`: registry and code, where known."""

    series: bytes
    named: SeriesName | None
    difference: Difference
    cause: Cause
    why: str
    chain: Sequence[Mapping[str, Json]]
    registry: Sequence[Mapping[str, Json]]

    def to_json(self) -> dict[str, Json]:
        """As a result keeps it."""
        words, remedy = WORDS[self.cause]
        one = self.difference
        return {
            "series": "0x" + self.series.hex(),
            "code": self.named.code if self.named else "",
            "home": member_of(self.series),
            "first": at_most_exact(one.first),
            "last": at_most_exact(one.last),
            "in_the_books": _place(one.ours),
            "on_the_chain": _place(one.theirs),
            "cause": self.cause.value,
            "in_flight": self.cause.in_flight,
            "in_words": words + (f" ({self.why[:_LONGEST_REASON]})" if self.why else ""),
            "remedy": remedy,
            "chain_events": list(self.chain),
            "registry_records": list(self.registry),
        }


class Investigator:
    """Looks into differences of one registry, all at one moment."""

    def __init__(
        self,
        adapter: RegistryAdapter,
        journal: Journal,
        directory: Directory,
        chain: ChainHoldings,
        books: HoldingsFile,
    ) -> None:
        self._adapter = adapter
        self._profile = adapter.profile
        self._journal = journal
        self._directory = directory
        self._chain = chain
        self._books = books
        self._under_way: list[tuple[bytes, SerialRange, NativeRecord, str, str]] | None = None

    def look_into(self, series: bytes, difference: Difference, *, in_detail: bool) -> Finding:
        """One difference. `in_detail`: with the records of both sides."""
        named = self._named(series)
        if not in_detail:  # beyond some hundreds: what the two places alone say
            cause, why = self._cause(series, difference, [], [], [], [])
            return Finding(series, named, difference, cause, why, [], [])
        chain = self._chain.story(series, difference.first, difference.last)
        told = self._told(series, named, difference)
        registry = [
            {"record": record.native_id, "kind": record.kind, "status": status, "code": code, "source": record.source}
            for found, serials, record, status, code in self._records()
            if found == series and serials.first <= difference.last and difference.first <= serials.last
        ]
        behind = self._journal.records_behind([bytes.fromhex(str(event["reference"])[2:]) for event in chain])
        cause, why = self._cause(series, difference, told, registry, chain, behind)
        effects = [
            {"effect": key, "status": status, "reason": reason[:_LONGEST_REASON]} for key, status, reason in told
        ]
        done = [
            {"record": row["native_id"], "kind": row["kind"], "status": "done", "code": "", "source": row["source"]}
            for row in behind
        ]
        return Finding(
            series,
            named,
            difference,
            cause,
            why,
            [{name: at_most_exact(value) for name, value in event.items()} for event in chain[-_SHOWN:]],
            [*registry, *done, *effects][:_SHOWN],
        )

    def waits_for_settlement(self, series: bytes, one: Difference) -> bool:
        """Whether a record of the registry that would make both sides agree is held back by the dispute alone."""
        return any(
            found == series and serials.first <= one.first and one.last <= serials.last and code == "serials_disputed"
            for found, serials, _, _, code in self._records()
        )

    def _cause(
        self,
        series: bytes,
        difference: Difference,
        told: Sequence[tuple[str, str, str]],
        registry: Sequence[Mapping[str, Json]],
        chain: Sequence[Mapping[str, Json]],
        behind: Sequence[Mapping[str, Json]],
    ) -> tuple[Cause, str]:
        ours, theirs = difference.ours, difference.theirs
        if ours is not None and ours.status == CONTRADICTION:
            lines = self._books.lines_at(series, difference.first, difference.last, 4)
            said = "; ".join(f"{first}-{last} {status} with {holder}" for first, last, holder, status in lines)
            return Cause.BOOKED_TWICE, said
        last = told[-1] if told else None
        waiting = {"queued": Cause.TELLING, "person": Cause.NEVER_TOLD, "unanswered": Cause.NEVER_TOLD}
        if last is not None and last[1] in waiting:
            return waiting[last[1]], last[0]
        if last is not None and last[1] == "refused":
            return Cause.REFUSED_BY_REGISTRY, last[2]
        for row in registry:
            record = f"{row['kind']} {row['record']}"
            if row["status"] == "held":
                return Cause.HELD_BACK, f"{record}: {row['code']}"
            return Cause.REPORTING, record
        if theirs is None:
            return Cause.NEVER_ISSUED, ""
        if ours is None:
            return Cause.LOST_IN_BOOKS, ""
        return self._of_a_place(ours, theirs, last, chain, behind)

    @staticmethod
    def _of_a_place(
        ours: Place,
        theirs: Place,
        told: tuple[str, str, str] | None,
        chain: Sequence[Mapping[str, Json]],
        behind: Sequence[Mapping[str, Json]],
    ) -> tuple[Cause, str]:
        """Both sides have the serials, in other places: whose word was the last that the chain followed?"""
        marks = {"held", "hold_lifted", "hold_finished"}
        newest = next((event for event in reversed(chain) if event["event"] not in marks), None)
        own = {"0x" + row["request"].hex(): row for row in behind}
        by = own.get(str(newest["reference"])) if newest is not None else None
        if by is not None and newest is not None and newest["event"] != "issued":
            return Cause.MISFILED, f"{by['kind']} {by['native_id']}"
        unused = theirs.status not in {"retired", "cancelled"}
        if by is None and told is not None and not (unused and ours.status in {"retired", "cancelled"}):
            return Cause.MISBOOKED, told[0]
        return Cause.CHANGED_IN_BOOKS, ""

    def _told(self, series: bytes, named: SeriesName | None, one: Difference) -> list[tuple[str, str, str]]:
        home = member_of(series)
        code = named.code if named is not None else ""
        effects = self._journal.effects_on("0x" + series.hex(), code, home, one.first, one.last)
        return [
            (f"{effect.kind.value} in block {effect.block_number}", status, reason)
            for effect, status, reason in effects
            if effect.kind.value not in {"held", "lifted", "refused", "transfer_proposed", "recognition_changed"}
        ]

    def _records(self) -> list[tuple[bytes, SerialRange, NativeRecord, str, str]]:
        """Records that are not on the chain, with the serials they speak of; read once."""
        if self._under_way is None:
            self._under_way = []
            for row, code in self._journal.unsettled_records():
                record = self._journal.native_of(row)
                for one in self._translated(record):
                    touched = touched_by(one, self._profile.member, self._profile.registry)
                    if touched is not None:
                        self._under_way.append((*touched, record, str(row["status"]), code))
        return self._under_way

    def _translated(self, record: NativeRecord) -> Sequence[Record]:
        try:
            return self._adapter.translate(record)
        except (RecordRefused, Refusal):
            return []

    def _named(self, series: bytes) -> SeriesName | None:
        known = self._books.name_of(series)
        if known is not None:
            return known
        found = self._directory.series_name(series)
        return None if found is None else SeriesName(member=member_of(series), registry=found[0], code=found[1])


def at_most_exact(value: Json) -> Json:
    """A number as a document carries it: text beyond 2**53 - 1."""
    return str(value) if isinstance(value, int) and abs(value) > _LARGEST_EXACT else value


def _place(place: Place | None) -> Json:
    return None if place is None else {"holder": place.holder, "status": place.status}
