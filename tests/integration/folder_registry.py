"""A small registry for the tests of the sync engine: records in a file of JSON lines, its books in SQLite.

A whole adapter on a real store, of a registry simple enough that a test can say exactly what it holds. Records are
appended and never changed, as a registry's event journal is; what it is told is booked in a table.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from adapters.protocol import Effect, Fault, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from hub.errors import RecordRefused, RetryLater
from mutual_recognition.periods import Period
from mutual_recognition.purposes import parse_purpose
from mutual_recognition.records import (
    Asset,
    Correction,
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    Record,
    Retirement,
    SeriesName,
    SeriesRegistration,
    TransferCosign,
    TransferDecision,
    TransferOut,
    TransferWithdrawal,
    Verification,
)
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

REGISTRY = "illustrative"
BENEFICIARY = bytes(range(32))


class FolderRegistry:
    """`RegistryAdapter` over `folder`. `page`: records a page holds."""

    def __init__(
        self, folder: Path, member: int, *, idempotent_push: bool = True, lookup: bool = True, page: int = 50
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._records = folder / "records.jsonl"
        self._records.touch()
        self._book = folder / "book.sqlite"
        self._page = page
        self.profile = RegistryProfile(
            name=f"folder-{member}",
            member=member,
            registry=REGISTRY,
            title="illustrative registry in a folder",
            idempotent_push=idempotent_push,
            lookup=lookup,
        )
        self.offline = False
        with self._db() as db:
            db.execute("CREATE TABLE IF NOT EXISTS book (seq INTEGER PRIMARY KEY, key TEXT, kind TEXT, body TEXT)")
            db.execute("CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY, what TEXT, keys TEXT)")

    # ---------------------------------------------------------------- what happens at the registry

    def write(self, kind: str, native_id: str, payload: Mapping[str, Any], *, version: int = 1) -> None:
        """A clerk publishes a record."""
        line = json.dumps({"kind": kind, "native_id": native_id, "version": version, "payload": payload})
        with self._records.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def booked(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Effects in the books, in the order of booking."""
        with self._db() as db:
            rows = db.execute("SELECT kind, body FROM book ORDER BY seq").fetchall()
        return [json.loads(body) for found, body in rows if kind in (None, found)]

    def calls(self, what: str) -> list[list[str]]:
        """The keys of each call of `push` or `lookup` that came."""
        with self._db() as db:
            return [
                json.loads(row[0]) for row in db.execute("SELECT keys FROM calls WHERE what = ? ORDER BY seq", [what])
            ]

    # ---------------------------------------------------------------- adapter

    def health(self) -> Health:
        return Health(not self.offline)

    def read(self, cursor: str) -> Iterator[Page]:
        """Pages of whole lines from the byte at `cursor` on."""
        self._reach()
        position = int(cursor or 0)
        with self._records.open("rb") as file:
            file.seek(position)
            lines = file.readlines()
        for start in range(0, len(lines), self._page):
            self._reach()
            records, faults = [], []
            for line in lines[start : start + self._page]:
                position += len(line)
                try:
                    body = json.loads(line)
                    source = f"{self._records.name} at {position}"
                    records.append(
                        NativeRecord(body["kind"], body["native_id"], body["version"], body["payload"], source)
                    )
                except (ValueError, KeyError) as unreadable:
                    faults.append(Fault(f"{self._records.name} at {position}", "line", str(line), str(unreadable)))
            yield Page(records, str(position), faults)

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        translator = _TRANSLATORS.get(record.kind)
        if translator is None:
            raise RecordRefused("no such kind of record", code="kind_unknown", field="kind", value=record.kind)
        try:
            return translator(record.native_id, record.payload)
        except Refusal as refused:
            raise RecordRefused(str(refused), code=refused.code, value=refused.value, where=record.source) from refused

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        self._reach()
        receipts = []
        with self._db() as db:
            db.execute("INSERT INTO calls (what, keys) VALUES ('push', ?)", [json.dumps([e.key for e in effects])])
            for effect in effects:
                known = db.execute("SELECT seq FROM book WHERE key = ?", [effect.key]).fetchone()
                if known is None or not self.profile.idempotent_push:
                    body = json.dumps(effect.to_json())
                    row = [effect.key, effect.kind.value, body]
                    known = db.execute(
                        "INSERT INTO book (key, kind, body) VALUES (?, ?, ?) RETURNING seq", row
                    ).fetchone()
                receipts.append(Receipt(effect.key, True, reference=f"booking {known[0]}"))
        return receipts

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        self._reach()
        found = {}
        with self._db() as db:
            db.execute("INSERT INTO calls (what, keys) VALUES ('lookup', ?)", [json.dumps(list(keys))])
            for key in keys:
                row = db.execute("SELECT seq FROM book WHERE key = ?", [key]).fetchone()
                if row is not None:
                    found[key] = Receipt(key, True, reference=f"booking {row[0]}")
        return found

    def holdings(self) -> Iterable[Holding]:
        return []

    def close(self) -> None:
        """Nothing is kept open."""

    def _reach(self) -> None:
        if self.offline:
            raise RetryLater("the registry does not answer", where=self.profile.name)

    def _db(self) -> sqlite3.Connection:
        return sqlite3.connect(self._book)


# -------------------------------------------------------------------- from its records to the hub's


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _period(words: Sequence[str] | None) -> Period | None:
    return None if words is None else Period(date.fromisoformat(words[0]), date.fromisoformat(words[1]))


def _serials(words: Sequence[int]) -> SerialRange:
    return SerialRange(words[0], words[1])


def _series(words: Any) -> SeriesName:
    return (
        SeriesName(code=words)
        if isinstance(words, str)
        else SeriesName(code=words[1], member=words[0], registry=REGISTRY)
    )


def _key(words: Sequence[Any]) -> MethodologyKey:
    return MethodologyKey(
        str(words[0]), str(words[1]), member=int(words[2]) if len(words) > 2 else 0, registry=REGISTRY
    )


def _methodology(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    return [
        MethodologyFiling(
            native_id=native_id,
            key=_key(p["key"]),
            valid_from=date.fromisoformat(p.get("valid_from", "2024-01-01")),
            valid_until=_day(p.get("valid_until")),
            supersedes=_key(p["supersedes"]) if "supersedes" in p else None,
            definition={"rule": p.get("rule", "ER = kWh x 0.42")},
            content={"title": p.get("title", "illustrative methodology")},
        )
    ]


def _registration(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    crediting = _period(p.get("crediting", ["2020-01-01", "2045-12-31"]))
    assert crediting is not None
    return [
        ProjectRegistration(
            native_id=native_id,
            methodology=_key(p["methodology"]),
            crediting=crediting,
            assets=tuple(Asset(kind="meter", identifier=asset) for asset in p.get("assets", ())),
            declaration={"other mechanisms": "none"},
            inside_ets=p.get("inside_ets", False),
            mechanism=p.get("mechanism", 0),
            content={"name": p.get("name", native_id)},
        )
    ]


def _verification(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    return [
        Verification(
            native_id=native_id,
            project=p["project"],
            period=_period(p.get("period")),
            verified_kg=p["kg"],
            content={"verifier": p.get("verifier", "illustrative verifier")},
        )
    ]


def _issuance(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    serials = _serials(p["serials"])
    return [
        Issuance(
            native_id=native_id,
            series=p.get("series", "S"),
            serials=serials,
            quantity_kg=p.get("kg", serials.count),
            verification=p["verification"],
            vintage=p.get("vintage", 2024),
            reissue_of=p.get("reissue_of", 0),
            content={"note": p.get("note", "")},
        )
    ]


def _bundle(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    """One record of the registry that stands for a verification and its issuance."""
    return [*_verification(native_id, p), *_issuance(native_id, {**p, "verification": native_id})]


def _transfer(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    serials = _serials(p["serials"])
    kg = p.get("kg", serials.count)
    asked = TransferOut(
        native_id=native_id, series=_series(p.get("series", "S")), serials=serials, to=p["to"], quantity_kg=kg
    )
    return [asked, TransferCosign(native_id=native_id, transfer_out=native_id)] if p.get("reviewed") else [asked]


def _retirement(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    serials = _serials(p["serials"])
    return [
        Retirement(
            native_id=native_id,
            series=_series(p.get("series", "S")),
            serials=serials,
            quantity_kg=p.get("kg", serials.count),
            purpose=parse_purpose(p.get("purpose", "voluntary")),
            beneficiary=BENEFICIARY,
            compliance_year=p.get("year", 0),
        )
    ]


def _correction(native_id: str, p: Mapping[str, Any]) -> list[Record]:
    serials = _serials(p["serials"])
    content = {"reason": p.get("reason", "metering error")}
    return [
        Correction(
            native_id=native_id,
            series=p.get("series", "S"),
            serials=serials,
            quantity_kg=serials.count,
            content=content,
        )
    ]


_TRANSLATORS: dict[str, Callable[[str, Mapping[str, Any]], list[Record]]] = {
    "methodology": _methodology,
    "series": lambda native_id, p: [SeriesRegistration(code=native_id, kg_per_serial=p.get("kg_per_serial", 1))],
    "project": _registration,
    "verification": _verification,
    "issuance": _issuance,
    "bundle": _bundle,
    "transfer": _transfer,
    "withdrawal": lambda native_id, p: [TransferWithdrawal(native_id=native_id, transfer_out=p["transfer"])],
    "cosign": lambda native_id, p: [TransferCosign(native_id=native_id, transfer_out=p["transfer"])],
    "decision": lambda native_id, p: [
        TransferDecision(native_id=native_id, transfer=p["transfer"], accept=p["accept"], reason=p.get("reason", 0))
    ],
    "retirement": _retirement,
    "correction": _correction,
}
