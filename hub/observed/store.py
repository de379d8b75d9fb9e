"""Taking in one file of a source: all of it in one transaction, or nothing.

Records are matched by source, kind and native id. A repeated upload changes nothing; an older export after a newer one
is refused; a file with other columns stops its source until a person accepts them (`drift`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, update

from hub.db import tables as t
from hub.errors import ConfigurationWrong
from hub.observed.drift import SchemaDrift, accepted_of, find_drift, record_drift, settle_drift
from hub.observed.staging import Staged, Staging, stage
from mutual_recognition.documents import Json
from mutual_recognition.observed import RecordKind
from mutual_recognition.observed_exports import OpenExport, SourceCard

LEAST_SHARE_OF_THE_LAST = 0.5
"""A whole list with fewer records than this share of those known is more likely cut off than true."""
_BATCH = 500


@dataclass
class Outcome:
    """What became of one file. Counts are of records, `rows` and `refused` of rows; days are the export's."""

    source: str
    file: str
    stated_on: str
    dated_by: str
    repeated: bool = False
    rows: int = 0
    records: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)
    unknown_statuses: dict[str, int] = field(default_factory=dict)
    appeared: int = 0
    changed: int = 0
    status_changed: int = 0
    unchanged: int = 0
    remapped: int = 0
    """Rows that are the same and are read differently by this version of the program."""
    gone: int = 0
    returned: int = 0
    disappearances_judged: bool = False
    fields_changed: dict[str, int] = field(default_factory=dict)
    milliseconds: int = 0

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a file is taken. `stated_on` overrides the day in its name; `part`: not the whole list, nothing disappears;
    `allow_shrunk`: it is right that the list lost half of its records."""

    stated_on: date | None = None
    part: bool = False
    allow_shrunk: bool = False


def load_export(
    engine: Engine,
    export: OpenExport,
    today: date,
    options: LoadOptions | None = None,
    watch: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Takes one file in. `today` dates a file whose name states no day.

    Raises SchemaDrift, and ConfigurationWrong: older than what is known (`export_older`), shrunk (`export_shrunk`).
    """
    options = options or LoadOptions()
    began = time.monotonic()
    day, dated_by = _dated(export, options, today)
    outcome = Outcome(export.card.name, export.name, day.isoformat(), dated_by)
    with engine.connect() as connection:
        last = last_load(connection, export.card.name)
        accepted = accepted_of(connection, export.card.name)
    if last is not None:
        if last["sha256"] == export.sha256:
            outcome.repeated = True
            return outcome
        if last["stated_on"] > outcome.stated_on:
            raise _older(export, outcome.stated_on, dated_by, last)
    findings = find_drift(export, accepted, {} if last is None else last["profiles"])
    if findings:
        with engine.begin() as connection:
            record_drift(connection, export, findings, int(time.time()))
        raise SchemaDrift(export.card.name, export.name, findings)
    with stage(export.read(accepted), watch) as staging, engine.begin() as connection:
        _taken_meanwhile(connection, export, last)
        _Taking(connection, export, outcome, staging, options).run(began)
    return outcome


def last_load(connection: Connection, source: str) -> dict[str, Any] | None:
    """The latest load of a source that was taken in."""
    table = t.observed_loads
    query = select(table).where(table.c.source == source).order_by(table.c.id.desc()).limit(1)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def table_of(kind: RecordKind) -> Table:
    """Where records of `kind` are kept."""
    return t.observed_projects if kind is RecordKind.PROJECT else t.observed_units


def of_kind(card_source: str, kind: RecordKind) -> list[Any]:
    """The conditions that select a source's records of one kind."""
    table = table_of(kind)
    conditions = [table.c.source == card_source]
    if kind is not RecordKind.PROJECT:
        conditions.append(table.c.kind == kind.value)
    return conditions


class _Taking:
    """One file's records into the tables, inside one transaction."""

    def __init__(
        self, connection: Connection, export: OpenExport, outcome: Outcome, staging: Staging, options: LoadOptions
    ) -> None:
        self.connection, self.outcome, self.staging, self.options = connection, outcome, staging, options
        self.card: SourceCard = export.card
        self.export = export
        self.fields: Counter[str] = Counter()
        self.load = 0

    def run(self, began: float) -> None:
        staging, outcome = self.staging, self.outcome
        outcome.rows, outcome.records = staging.rows, staging.records
        outcome.refused, outcome.serials = dict(staging.refused), dict(staging.serials)
        outcome.unknown_statuses = dict(staging.unknown_statuses)
        whole = self.card.whole and not self.options.part
        if whole:
            self._refuse_shrunk()
        self.load = self._record_load()
        for kind, batch in staging.batches():
            self._take(kind, batch)
        self._keep_mentioned()
        outcome.disappearances_judged = whole and staging.unidentified == 0
        if outcome.disappearances_judged:
            for kind in self.card.kinds:
                self._mark_gone(kind)
        self._keep_refusals()
        outcome.fields_changed = dict(self.fields.most_common())
        outcome.milliseconds = round((time.monotonic() - began) * 1000)
        counts = {k: v for k, v in outcome.to_json().items() if k not in {"source", "file", "stated_on", "dated_by"}}
        self.connection.execute(
            update(t.observed_loads)
            .where(t.observed_loads.c.id == self.load)
            .values(counts=counts, milliseconds=outcome.milliseconds)
        )
        settle_drift(self.connection, self.card.name, int(time.time()))

    def _refuse_shrunk(self) -> None:
        known = sum(
            int(
                self.connection.execute(
                    select(func.count()).where(*of_kind(self.card.name, kind), table_of(kind).c.gone_since.is_(None))
                ).scalar_one()
            )
            for kind in self.card.kinds
        )
        if self.staging.records < known * LEAST_SHARE_OF_THE_LAST and not self.options.allow_shrunk:
            raise ConfigurationWrong(
                f"the list holds {self.staging.records:,} records where {known:,} were known: it looks cut off",
                code="export_shrunk",
                what=self.card.name,
                where=self.export.name,
                remedy="export it again; if it is right, load it with --allow-shrunk, or with --part if it is a part",
            )

    def _record_load(self) -> int:
        result = self.connection.execute(
            insert(t.observed_loads).values(
                source=self.card.name,
                file=self.export.name,
                attribution=self.card.attribution,
                sha256=self.export.sha256,
                stated_on=self.outcome.stated_on,
                dated_by=self.outcome.dated_by,
                loaded_at=int(time.time()),
                milliseconds=0,
                counts={},
                profiles={heading: profile.to_json() for heading, profile in self.staging.profiles.items()},
                header=list(self.export.header),
            )
        )
        key = result.inserted_primary_key
        assert key is not None
        return int(key[0])

    def _take(self, kind: RecordKind, batch: Sequence[Staged]) -> None:
        table = table_of(kind)
        ids = [staged.native_id for staged in batch]
        query = select(table.c.native_id, table.c.digest, table.c.raw, table.c.status_raw, table.c.gone_since)
        if kind is RecordKind.PROJECT:
            query = query.add_columns(table.c.status)
        known = {
            row["native_id"]: dict(row)
            for row in self.connection.execute(
                query.where(*of_kind(self.card.name, kind), table.c.native_id.in_(ids))
            ).mappings()
        }
        fresh: list[dict[str, Any]] = []
        same: list[str] = []
        for staged in batch:
            before = known.get(staged.native_id)
            if before is None:
                fresh.append(self._row(kind, staged) | self._first_seen())
                continue
            if before["gone_since"] is not None:
                self.outcome.returned += 1
                self._note(kind, staged.native_id, "returned", {"gone_since": [before["gone_since"], None]})
            if before["digest"] == staged.digest:
                self.outcome.unchanged += 1
                same.append(staged.native_id)
                continue
            self._compare(kind, staged, before)
            self.connection.execute(
                update(table)
                .where(*of_kind(self.card.name, kind), table.c.native_id == staged.native_id)
                .values(**self._row(kind, staged), **self._seen())
            )
        if fresh:
            self.outcome.appeared += len(fresh)
            self.connection.execute(insert(table), fresh)
        if same:
            self._touch(kind, same)

    def _compare(self, kind: RecordKind, staged: Staged, before: Mapping[str, Any]) -> None:
        differing: dict[str, list[Json]] = {
            heading: [before["raw"][heading], cell]
            for heading, cell in staged.raw.items()
            if heading in before["raw"] and before["raw"][heading] != cell
        }
        if not differing:
            self.outcome.remapped += 1
            return
        status = before["status_raw"] != staged.content["status_raw"]
        if kind is RecordKind.PROJECT and before["status"] != staged.content["status"]:
            status = True
        self.outcome.changed += 1
        self.outcome.status_changed += status
        self.fields.update(differing.keys())
        self._note(kind, staged.native_id, "changed", differing, status=status)

    def _note(
        self, kind: RecordKind, native_id: str, what: str, fields: Mapping[str, Any], *, status: bool = False
    ) -> None:
        self.connection.execute(
            insert(t.observed_changes).values(
                source=self.card.name,
                kind=kind.value,
                native_id=native_id,
                load=self.load,
                stated_on=self.outcome.stated_on,
                what=what,
                fields=dict(fields),
                status_changed=status,
            )
        )

    def _row(self, kind: RecordKind, staged: Staged) -> dict[str, Any]:
        row = {**staged.content, "source": self.card.name, "raw": staged.raw, "digest": staged.digest}
        return row if kind is RecordKind.PROJECT else row | {"kind": kind.value}

    def _seen(self) -> dict[str, Any]:
        return {"last_seen": self.outcome.stated_on, "last_load": self.load, "gone_since": None}

    def _first_seen(self) -> dict[str, Any]:
        return self._seen() | {"first_seen": self.outcome.stated_on, "first_load": self.load}

    def _touch(self, kind: RecordKind, ids: Sequence[str]) -> None:
        table = table_of(kind)
        self.connection.execute(
            update(table).where(*of_kind(self.card.name, kind), table.c.native_id.in_(ids)).values(**self._seen())
        )

    def _keep_mentioned(self) -> None:
        """What refused rows are about has not gone."""
        waiting: dict[RecordKind, list[str]] = {}
        for kind, native_id in self.staging.mentioned():
            ids = waiting.setdefault(kind, [])
            ids.append(native_id)
            if len(ids) == _BATCH:
                self._touch(kind, waiting.pop(kind))
        for kind, ids in waiting.items():
            self._touch(kind, ids)

    def _mark_gone(self, kind: RecordKind) -> None:
        table = table_of(kind)
        absent = (*of_kind(self.card.name, kind), table.c.last_load != self.load, table.c.gone_since.is_(None))
        while True:
            ids = list(self.connection.execute(select(table.c.native_id).where(*absent).limit(_BATCH)).scalars())
            if not ids:
                return
            self.outcome.gone += len(ids)
            self.connection.execute(
                insert(t.observed_changes),
                [
                    {
                        "source": self.card.name,
                        "kind": kind.value,
                        "native_id": native_id,
                        "load": self.load,
                        "stated_on": self.outcome.stated_on,
                        "what": "gone",
                        "fields": {},
                        "status_changed": False,
                    }
                    for native_id in ids
                ],
            )
            self.connection.execute(
                update(table)
                .where(*of_kind(self.card.name, kind), table.c.native_id.in_(ids))
                .values(gone_since=self.outcome.stated_on)
            )

    def _keep_refusals(self) -> None:
        waiting: list[dict[str, Any]] = []
        for refusal in self.staging.refusals():
            waiting.append({"load": self.load, **refusal})
            if len(waiting) == _BATCH:
                self.connection.execute(insert(t.observed_refusals), waiting)
                waiting = []
        if waiting:
            self.connection.execute(insert(t.observed_refusals), waiting)


def _dated(export: OpenExport, options: LoadOptions, today: date) -> tuple[date, str]:
    if options.stated_on is not None:
        return options.stated_on, "the operator"
    named = export.named_day
    return (named, "the file's name") if named is not None else (today, "the day of loading")


def _older(export: OpenExport, stated_on: str, dated_by: str, last: Mapping[str, Any]) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"an older export: it is of {stated_on} ({dated_by}); {last['file']} of {last['stated_on']} is known already",
        code="export_older",
        what=export.card.name,
        where=export.name,
        remedy="nothing, if it is older; else say its day with --dated YYYY-MM-DD",
    )


def _taken_meanwhile(connection: Connection, export: OpenExport, last: Mapping[str, Any] | None) -> None:
    now = last_load(connection, export.card.name)
    if (now and now["id"]) != (last and last["id"]):
        raise ConfigurationWrong(
            "another file of this source was taken in while this one was read",
            code="load_overtaken",
            what=export.card.name,
            where=export.name,
            remedy="load it again",
        )
