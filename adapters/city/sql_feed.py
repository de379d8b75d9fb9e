"""A city registry that is a PostgreSQL database: views of changes in, rows of a write-back table out.

What the views and the table are called is declared (`SqlForm`); what is in a record is the city's mapping.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from adapters.city.columns import text
from adapters.city.feed import REISSUE_FIRST, CityFeed
from adapters.city.mapping import CityMapping
from adapters.city.records import Issuance
from adapters.city.settings import CitySettings
from adapters.city.sql_numbers import Numbered
from adapters.city.telling import native_key
from adapters.protocol import Effect, Health, Holding, NativeRecord, Page, Receipt
from adapters.transports.sql import Address, Line, Relation, Snapshot, SqlDatabase, SqlLimits
from hub.errors import ConfigurationWrong, RetryLater, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.periods import UTC_PLUS_8

_FIRST_POLL, _LONGEST_POLL = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class SqlForm:
    """What a registry's database offers.

    `changes` lists every change of every record: its number, the kind, number and version of the record. Each kind's
    view in `views` holds the record as that change left it, under the same number. Numbers rise by one in the order of
    commits and have no gap, which is how a change whose transaction is still open is not passed over.

    `state` is one row: the registry's member code, its last change, its clock, and when it was last at work, in local
    time (Asia/Shanghai) without zone. `write_back` takes effects under (key, attempt), which is unique; `results` says
    what came of each: an outcome (`booked`: those that mean it is in the books), a reference and a reason.
    """

    changes: Relation
    number: str
    kind: str
    native_id: str
    version: str
    views: Mapping[str, Relation]
    holdings: Relation
    state: Relation
    member: str
    latest: str
    clock: str
    seen: str
    write_back: Relation
    results: Relation
    key: str
    attempt: str
    outcome: str
    booked: frozenset[int]
    reference: str
    reason: str


class SqlFeedSettings(CitySettings):
    """`url` is the database's address without password, `password_file` holds that and is read for every connection.

    Seconds: `statement_seconds` bounds a statement at the server, `operation_seconds` an operation on this side,
    `answer_seconds` how long the registry's answer to a row put into its write-back table is waited for.
    """

    url: str
    password_file: Path
    page_size: Annotated[int, Field(ge=1, le=5000)] = 500
    connect_seconds: Annotated[int, Field(ge=2, le=60)] = 5
    statement_seconds: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    operation_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 60.0
    answer_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        Address.parse(url)
        return url


@dataclass(frozen=True, slots=True)
class _Reached:
    """What one reading of the views gave: a page, whether more is there, and what stops the reading after it."""

    page: Page
    more: bool
    stop: YrdhubError | None


class SqlFeedAdapter(CityFeed):
    """One registry in a database, by its mapping and the form of its views."""

    def __init__(self, settings: SqlFeedSettings, mapping: CityMapping, form: SqlForm) -> None:
        super().__init__(settings, mapping, idempotent_push=True, lookup=True)
        self._settings, self._form = settings, form
        self._changes = Numbered(form.changes, form.number, form.changes.columns)
        limits = SqlLimits(settings.connect_seconds, settings.statement_seconds, settings.operation_seconds)
        self._database = SqlDatabase(Address.parse(settings.url), settings.password_file, limits)

    def health(self) -> Health:
        """Whether the database answers, as the member it should be; how far its clock is off, and how long the
        registry behind it has not been seen at work."""
        form = self._form
        try:
            with self._database.snapshot() as snapshot:
                snapshot.check(form.state, snapshot.columns([form.state])[form.state.full_name])
                (line,) = snapshot.all(form.state)
            at, seen = _instant(line[form.clock]), _instant(line[form.seen])
            facts: dict[str, Json] = {
                "latest_change": line[form.latest],
                "member": line[form.member],
                "clock_skew_seconds": round((at - datetime.now(UTC)).total_seconds()),
                "registry_idle_seconds": round((at - seen).total_seconds()),
            }
        except YrdhubError as trouble:
            return Health(False, str(trouble))
        except (TypeError, ValueError) as strange:
            return Health(False, f"its state cannot be read ({type(strange).__name__}: {strange})")
        if str(facts["member"]) != str(self._profile.member):
            return Health(False, f"answers as member {facts['member']}, configured is {self._profile.member}", facts)
        return Health(True, "", facts)

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """Every change from `cursor` on, in the order of its number, each page one snapshot of the database.

        Numbers have no gap. Where one is missing and a later one is there, its transaction is still open: reading
        stops before it (RetryLater), so that it is not passed over. Raises ConfigurationWrong for columns that have
        changed, after what came before them, and for a cursor whose change the registry no longer has.
        """
        while True:
            reached = self._page(cursor)
            if reached.page.records:
                yield reached.page
            if reached.stop is not None:
                raise reached.stop
            if not reached.more:
                return
            cursor = reached.page.cursor

    def _page(self, cursor: str) -> _Reached:
        form, size = self._form, self._settings.page_size
        with self._database.snapshot() as snapshot:
            columns = snapshot.columns([form.changes, *form.views.values()])
            snapshot.check(form.changes, columns[form.changes.full_name])
            lines = self._changes.after(snapshot, cursor, size + 1)
            more, lines = len(lines) > size, lines[:size]
            lines, stop = self._changes.without_gap(lines, cursor, str(self._database.address))
            for place, line in enumerate(lines):
                drifted = self._drift(snapshot, columns, [line[form.kind]])
                if drifted is not None:
                    lines, stop = lines[:place], drifted
                    break
            if stop is None and not more:
                stop = self._drift(snapshot, columns, form.views)
            records = self._records(snapshot, lines)
        reached = self._changes.cursor(lines[-1]) if lines else cursor
        return _Reached(Page(records, reached), more, stop)

    def _drift(
        self, snapshot: Snapshot, columns: Mapping[str, list[str]], kinds: Iterable[str]
    ) -> ConfigurationWrong | None:
        for view in [self._form.views[kind] for kind in kinds if kind in self._form.views]:
            try:
                snapshot.check(view, columns[view.full_name])
            except ConfigurationWrong as wrong:
                return wrong
        return None

    def _records(self, snapshot: Snapshot, lines: Sequence[Line]) -> list[NativeRecord]:
        form = self._form
        rows: dict[tuple[str, int], Line] = {}
        for kind in {line[form.kind] for line in lines} & form.views.keys():
            found = snapshot.between(form.views[kind], form.number, lines[0][form.number], lines[-1][form.number])
            rows |= {(kind, row[form.number]): row for row in found}
            self._complete(snapshot, kind, found)
        records: list[NativeRecord] = []
        for line in lines:
            kind, number = str(line[form.kind]), line[form.number]
            view = form.views.get(kind, form.changes).full_name
            if kind in form.views and (kind, number) not in rows:
                raise ConfigurationWrong(
                    f"{view} lacks change {number}, which {form.changes.full_name} lists",
                    code="view_incomplete",
                    what=number,
                    where=str(self._database.address),
                    remedy="have the registry correct its view; reading goes on there",
                )
            payload = rows.get((kind, number), line)
            version = int(line[form.version])
            records.append(NativeRecord(kind, str(line[form.native_id]), version, payload, f"{view} change {number}"))
        return records

    def _complete(self, snapshot: Snapshot, kind: str, rows: Iterable[Line]) -> None:
        """A reissue names the issuance it replaces by number; the chain needs its first serial, so that is added."""
        for shape in self.mapping.shapes_of(kind):
            if shape.model is not Issuance:
                continue
            names = {column.attribute: column.name for column in shape.columns}
            own, replaces = names["native_id"], names.get("reissue_of", "")
            reissues = [row for row in rows if replaces and text(row[replaces])]
            if not reissues:
                continue
            replaced = snapshot.where_in(self._form.views[kind], own, [text(row[replaces]) for row in reissues])
            serials = {row[own]: shape.first_serial(row) for row in replaced}
            for row in reissues:
                if text(row[replaces]) in serials:
                    row[REISSUE_FIRST] = serials[text(row[replaces])]

    # ---------------------------------------------------------------- write back

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Puts a row for each effect, in order and all in one transaction, and waits for the registry's answers.

        An effect that is there already, answered or not, is not put again; one that was refused is put as its next
        attempt. Raises RetryLater when nothing was answered in time: `lookup` finds what came of it.
        """
        bodies, receipts = self._worded(effects)
        if bodies:
            self._put({key: body for key, (_, body) in bodies.items()})
            answers = self._answers(list(bodies))
            receipts += [self._receipt(bodies[key][0], answer) for key, answer in answers.items()]
        return receipts

    def _put(self, rows: Mapping[str, dict[str, Json]]) -> None:
        form = self._form
        try:
            with self._database.writing() as writing:
                columns = writing.columns([form.write_back, form.results])
                for relation in (form.write_back, form.results):
                    writing.check(relation, columns[relation.full_name])
                attempts, answers = self._standing(writing, list(rows))
                again = [key for key in rows if self._may_be_put(attempts.get(key), answers.get(key))]
                writing.insert(form.write_back, [rows[key] | {form.attempt: attempts.get(key, 0) + 1} for key in again])
        except RetryLater as lost:
            # the answer may be lost though the rows are there: the table tells
            with self._database.snapshot() as snapshot:
                attempts, _ = self._standing(snapshot, list(rows))
            if set(attempts) != set(rows):
                raise lost

    def _standing(self, snapshot: Snapshot, keys: Sequence[str]) -> tuple[dict[str, int], dict[str, Line]]:
        """The latest attempt put for each key, and the registry's latest answer."""
        form = self._form
        attempts: dict[str, int] = {}
        for row in snapshot.where_in(form.write_back, form.key, keys):
            attempts[row[form.key]] = max(row[form.attempt], attempts.get(row[form.key], 0))
        answers = snapshot.where_in(form.results, form.key, keys)
        return attempts, {row[form.key]: row for row in sorted(answers, key=lambda row: int(row[form.attempt]))}

    def _may_be_put(self, attempt: int | None, answer: Line | None) -> bool:
        """Whether no attempt stands that waits for its answer or was booked."""
        form = self._form
        if attempt is None:
            return True
        return answer is not None and answer[form.attempt] == attempt and answer[form.outcome] not in form.booked

    def _answers(self, keys: Sequence[str]) -> dict[str, Line]:
        """The registry's answer to the latest attempt of each key. Raises RetryLater when none came in time."""
        form = self._form
        give_up, wait = time.monotonic() + self._settings.answer_seconds, _FIRST_POLL
        while True:
            with self._database.snapshot() as snapshot:
                attempts, answers = self._standing(snapshot, keys)
            answered = {key: row for key, row in answers.items() if row[form.attempt] == attempts.get(key)}
            if len(answered) == len(keys) or time.monotonic() > give_up:
                break
            time.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_POLL)
        if not answered:
            raise RetryLater(
                f"no answer to {len(keys)} effects within {self._settings.answer_seconds:g} s",
                code="answer_awaited",
                what=keys[0],
                where=f"{self._database.address} {form.results.full_name}",
                remedy="nothing: the rows stay there, and their answers are looked for before anything is put again",
            )
        return answered

    def _receipt(self, key: str, answer: Line) -> Receipt:
        if answer[self._form.outcome] in self._form.booked:
            return Receipt(key, True, str(answer[self._form.reference]))
        return Receipt(key, False, reason=str(answer[self._form.reason]))

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """See RegistryAdapter. What was refused is as if it had never come: it may be put again."""
        form = self._form
        native = {native_key(key): key for key in keys}
        with self._database.snapshot() as snapshot:
            snapshot.check(form.results, snapshot.columns([form.results])[form.results.full_name])
            _, answers = self._standing(snapshot, list(native))
        booked = [(native[key], answer) for key, answer in answers.items() if answer[form.outcome] in form.booked]
        return {key: self._receipt(key, answer) for key, answer in booked}

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The registry's unit holdings in one snapshot, fetched as they are used."""
        view = self._form.holdings
        with self._database.snapshot() as snapshot:
            snapshot.check(view, snapshot.columns([view])[view.full_name])
            where = f"{self._database.address} {view.full_name}"
            yield from self._books((line, where) for line in snapshot.all(view))

    def close(self) -> None:
        """Nothing is kept open."""


def _instant(written: Json) -> datetime:
    return datetime.fromisoformat(str(written)).replace(tzinfo=UTC_PLUS_8)
