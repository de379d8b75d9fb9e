"""The Suzhou registry behind the adapter protocol: batches of CSV files in, effect files out, receipts back."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from adapters.city.books import holding
from adapters.city.canonical import translate
from adapters.city.columns import member, one_of
from adapters.city.settings import CitySettings, read_settings
from adapters.city.telling import NotTellable, native_key, told
from adapters.protocol import Effect, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from adapters.suzhou.exchange import Booking, Exchange
from adapters.suzhou.mapping import PURPOSES, REISSUE_FIRST, SHAPES, STATUSES, read_units, write_told
from adapters.transports.snapshots import MEBIBYTE, FileLimits
from adapters.transports.tables import FieldRefused, Row
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.records import Record

_CURSOR: Final = re.compile(r"([1-9][0-9]{0,8}):([0-9]{1,18})(?::([0-9a-f]{16}))?", re.ASCII)
_POLL_SECONDS: Final = 0.05


class SuzhouSettings(CitySettings):
    """`folder` is the exchange folder (out, in, receipts). Seconds:

    `patience`: how long a part of a batch may be late; `answer_seconds`: how long a receipt or snapshot is waited for;
    `silence_seconds`: after how long without a heartbeat the registry counts as down.
    """

    folder: Path
    page_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    patience: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    answer_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    silence_seconds: Annotated[float, Field(gt=0, le=86_400)] = 15.0
    largest_file_mebibytes: Annotated[int, Field(ge=1, le=1024)] = 64


class SuzhouAdapter:
    """One registry of Suzhou's form."""

    def __init__(self, settings: SuzhouSettings) -> None:
        self._settings = settings
        self._city = settings.city(PURPOSES)
        self._profile = RegistryProfile(
            name=settings.name,
            member=settings.member,
            registry=settings.registry,
            title=settings.title or "苏州市碳普惠登记簿 / Suzhou carbon-inclusive registry",
            idempotent_push=True,
            lookup=True,
        )
        limits = FileLimits(file_bytes=settings.largest_file_mebibytes * MEBIBYTE)
        self._exchange = Exchange(settings.folder, patience=settings.patience, limits=limits)

    @property
    def profile(self) -> RegistryProfile:
        """Who this is."""
        return self._profile

    def health(self) -> Health:
        """Whether the registry's heartbeat is fresh, how far its exports go, and how far its clock is from ours."""
        try:
            self._exchange.check_there()
            at, age, change, batch = self._exchange.heartbeat()
        except (YrdhubError, OSError) as trouble:
            return Health(False, str(trouble))
        skew = (at - datetime.now(UTC)).total_seconds() + age
        facts: dict[str, Json] = {"latest_change": change, "latest_batch": batch, "clock_skew_seconds": round(skew)}
        if age > self._settings.silence_seconds:
            return Health(False, f"no heartbeat for {age:.0f} s", facts)
        return Health(True, "", facts)

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """Batches from `cursor` (batch:sequence:mark, read up to and with it) on, in commit order. The mark is the
        manifest's that was read last, which must stand there as it did.

        Raises RetryLater while a part is missing, ConfigurationWrong when columns have changed; batches before are
        given.
        """
        number, after, mark = _position(cursor)
        self._exchange.check_there()
        self._check_not_ahead(number, cursor)
        self._check_not_put_back(number if after else number - 1, mark)
        while self._exchange.has(number) or self._exchange.later_than(number) is not None:
            batch = self._exchange.batch(number)
            faults = batch.faults if after == 0 else []
            left = [item for item in batch.records if item[0] > after]
            while left or faults:
                page, left = left[: self._settings.page_size], left[self._settings.page_size :]
                following = f"{number}:{page[-1][0]}" if left else f"{number + 1}:0"
                following += f":{mark}" if (mark := self._exchange.mark_of(number)) else ""
                yield Page([self._complete(record) for _, record in page], following, faults)
                faults = []
            number, after = number + 1, 0

    def _check_not_ahead(self, number: int, cursor: str) -> None:
        if not cursor or self._exchange.has(number - 1) or self._exchange.has(number):
            return
        _, _, _, latest = self._exchange.heartbeat()
        if latest < number - 1:
            raise self._put_back(f"the registry's last batch is {latest}, read were batches up to {number - 1}", cursor)

    def _check_not_put_back(self, number: int, mark: str) -> None:
        there = self._exchange.mark_of(number)
        if mark and there and there != mark:
            raise self._put_back(f"batch {number} is another one than was read", mark)

    def _put_back(self, why: str, what: str) -> ConfigurationWrong:
        return ConfigurationWrong(
            f"{why}: the registry was restored from a backup, or it is another registry",
            code="cursor_ahead",
            what=what,
            where=str(self._settings.folder),
            remedy=f"find out which; where it was restored, say so: `yrdhub sync restored {self._settings.name}`",
        )

    def _complete(self, record: NativeRecord) -> NativeRecord:
        """A reissue names the issuance it replaces by number; the chain needs its first serial, so that is looked
        up."""
        replaced = str(record.payload.get("原签发单号", "")).strip() if record.kind == "签发" else ""
        if not replaced:
            return record
        payload = {**record.payload, REISSUE_FIRST: self._exchange.first_serial_of(replaced)}
        return NativeRecord(record.kind, record.native_id, record.version, payload, record.source)

    # ---------------------------------------------------------------- translate

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """See RegistryAdapter. Raises RecordRefused."""
        shape = SHAPES.get(record.kind)
        if shape is None:
            raise RecordRefused(
                "a kind of record that the mapping does not know",
                code="kind_unknown",
                field="类别",
                value=record.kind,
                where=record.source,
                remedy="extend the adapter's mapping; the record is kept until then",
            )
        where = f"{record.source}, {record.kind} {record.native_id} version {record.version}"
        read = shape.read(record.payload, where)
        try:
            return translate(read, self._city, where)
        except RecordRefused as refused:
            raise shape.in_native_words(refused) from refused

    # ---------------------------------------------------------------- write back

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Drops one file with all effects in order and waits for its receipt. The same effects go under the same name.

        Raises RetryLater when no receipt comes in time: the file stays, and `lookup` finds what came of it.
        """
        receipts: list[Receipt] = []
        rows: dict[str, tuple[Effect, list[str]]] = {}
        for effect in effects:
            key = native_key(effect.key)
            try:
                rows[key] = effect, write_told(key, told(effect, self._city))
            except NotTellable as unfit:
                reason = f"{unfit.code}: {unfit.reason} ({unfit.value})"
                receipts.append(Receipt(effect.key, False, reason=reason))
        if rows:
            booked = self._send([row for _, row in rows.values()], set(rows))
            receipts += [_receipt(rows[key][0].key, booking) for key, booking in booked.items()]
        return receipts

    def _send(self, rows: Sequence[list[str]], keys: set[str]) -> dict[str, Booking]:
        self._exchange.check_there()
        name = hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:32]
        before = set(self._exchange.receipts_of(name))
        self._exchange.drop(name, rows)
        give_up = time.monotonic() + self._settings.answer_seconds
        while time.monotonic() < give_up:
            for path in self._exchange.receipts_of(name):
                if path not in before:
                    return {key: said for key, said in self._exchange.read_receipt(path).items() if key in keys}
            time.sleep(_POLL_SECONDS)
        raise RetryLater(
            f"no receipt for {len(keys)} effects within {self._settings.answer_seconds:g} s",
            code="receipt_awaited",
            what=name,
            where=str(self._settings.folder / "in"),
            remedy="nothing: the file stays there, and its receipt is looked for before anything is sent again",
        )

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """See RegistryAdapter."""
        self._exchange.check_there()
        booked = self._exchange.bookings()
        return {key: _receipt(key, booked[native_key(key)]) for key in keys if native_key(key) in booked}

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The holdings of a snapshot asked for now. Raises RetryLater when the registry gives none in time."""
        self._exchange.check_there()
        name = f"books-{time.time_ns()}"
        give_up = time.monotonic() + self._settings.answer_seconds
        while (number := self._exchange.ask_for_snapshot(name)) is None:
            if time.monotonic() > give_up:
                raise RetryLater(
                    f"no snapshot within {self._settings.answer_seconds:g} s",
                    code="snapshot_awaited",
                    what=name,
                    where=str(self._settings.folder / "in"),
                    remedy="check that the registry is up, then reconcile again",
                )
            time.sleep(_POLL_SECONDS)
        return [self._holding(row) for row in self._exchange.holdings(number)]

    def _holding(self, row: Row) -> Holding:
        where = str(row.source)
        try:
            units = row.read("号段", read_units)
            status = row.read("状态", one_of(STATUSES))
            elsewhere = row.read("现持有地", member) if row.text("现持有地") else 0
        except FieldRefused as refused:
            raise ConfigurationWrong(
                f"a holding's {refused.field} cannot be read: {refused.reason}",
                code="holding_unreadable",
                what=refused.value,
                where=where,
                remedy="have the registry correct its books, or change the mapping",
            ) from refused
        return holding(units, status, elsewhere, self._city, where)

    def close(self) -> None:
        """Nothing is kept open."""


def create(settings: Mapping[str, Json]) -> SuzhouAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return SuzhouAdapter(read_settings(SuzhouSettings, settings))


def _receipt(key: str, booking: Booking) -> Receipt:
    return Receipt(key, booking.accepted, booking.reference, booking.reason)


def _position(cursor: str) -> tuple[int, int, str]:
    if not cursor:
        return 1, 0, ""
    matched = _CURSOR.fullmatch(cursor)
    if matched is None:
        raise ConfigurationWrong(
            "not a cursor of the Suzhou adapter",
            code="cursor_invalid",
            what=cursor,
            remedy="begin again without one: records already known are passed over",
        )
    return int(matched[1]), int(matched[2]), matched[3] or ""
