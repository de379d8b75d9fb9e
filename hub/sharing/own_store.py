"""What a city keeps of sharing, in a database of its own: subscriptions with their cursors, documents it got and
checked, and what it took into its own work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite

from hub.db.engine import open_engine
from hub.documents.messages import DocumentSeal
from hub.errors import RecordRefused
from hub.index.queries import Row
from hub.sharing.checking import Checked
from hub.sharing.exchange import Fetched
from mutual_recognition.documents import DocumentKind
from mutual_recognition.sharing import SHAPES

metadata = MetaData()

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("member", Integer, nullable=False),
    Column("methodology", String(26), nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("pulled_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
)

received = Table(
    "received",
    metadata,
    Column("digest", String(66), primary_key=True),
    Column("subscription", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("member", Integer, nullable=False),
    Column("registry", String(100), nullable=False),
    Column("record", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("audience", String(20), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("canonical", LargeBinary, nullable=False),
    Column("manifest", String(66), nullable=False),
    Column("batch", LargeBinary, nullable=False),
    Column("signer", String(42), nullable=False),
    Column("former", Boolean, nullable=False),
    Column("sealed_at", BigInteger, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("withdraws", String(66), nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("digest", String(66), primary_key=True),
    Column("subscription", Integer, nullable=False),
    Column("code", String(60), nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_at", BigInteger, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("digest", String(66), nullable=False),
    Column("form", String(30), nullable=False),
    Column("file", Text, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
)


_SHOWN = frozenset(kind.value for kind in SHAPES if kind is not DocumentKind.WITHDRAWAL)


class OwnStore:
    """The city's own rows. Every method is one transaction."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        metadata.create_all(engine)

    def subscribe(self, kind: str, member: int, methodology: str) -> tuple[Row, bool]:
        """The subscription to this selection ("" and 0: whatever), from the first document on; whether it is new."""
        s = subscriptions.c
        with self._engine.begin() as connection:
            found = (
                connection.execute(
                    select(subscriptions).where(
                        s.kind == kind, s.member == member, s.methodology == methodology, s.ended_at == 0
                    )
                )
                .mappings()
                .first()
            )
            if found is not None:
                return dict(found), False
            row = {
                "kind": kind,
                "member": member,
                "methodology": methodology,
                "cursor": 0,
                "made_at": self._clock(),
                "pulled_at": 0,
                "ended_at": 0,
            }
            number = connection.execute(insert(subscriptions).values(row)).inserted_primary_key
            assert number is not None
            return row | {"number": number[0]}, True

    def end(self, number: int) -> None:
        """Ends a subscription; what it brought stays. Raises RecordRefused for one that is not."""
        s = subscriptions.c
        with self._engine.begin() as connection:
            ended = connection.execute(
                update(subscriptions).where(s.number == number, s.ended_at == 0).values(ended_at=self._clock())
            )
        if not ended.rowcount:
            raise RecordRefused(
                f"there is no subscription {number}",
                code="subscription_unknown",
                value=number,
                remedy="list them: yrdhub share subscriptions",
            )

    def subscriptions(self) -> list[Row]:
        """Those that stand."""
        query = select(subscriptions).where(subscriptions.c.ended_at == 0).order_by(subscriptions.c.number)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def has(self, digest: str) -> bool:
        """Whether the document is here already, or was refused for good."""
        with self._engine.connect() as connection:
            return any(
                connection.execute(select(table.c.digest).where(table.c.digest == digest)).first() is not None
                for table in (received, refusals)
            )

    def keep(
        self, number: int, checked: Sequence[Checked], refused: Sequence[tuple[str, RecordRefused]], cursor: int
    ) -> int:
        """A page's documents and refusals, with the cursor behind them, in one transaction; how many were new."""
        now, new = self._clock(), 0
        with self._engine.begin() as connection:
            for one in checked:
                row = _row(one, number, now)
                put = connection.execute(sqlite.insert(received).values(row).on_conflict_do_nothing())
                new += put.rowcount
            for digest, why in refused:
                told = {"digest": digest, "subscription": number, "code": why.code, "reason": why.message}
                connection.execute(sqlite.insert(refusals).values(told | {"refused_at": now}).on_conflict_do_nothing())
            if number:
                connection.execute(
                    update(subscriptions).where(subscriptions.c.number == number).values(cursor=cursor, pulled_at=now)
                )
        return new

    def inbox(self, kind: str = "", member: int = 0) -> list[Row]:
        """What was received, newest first, each with `withdrawn_by`, `superseded_by` and `imported` as far as known."""
        r = received.c
        light = [column for column in r if column.name not in {"canonical", "batch", "signature"}]
        query = select(*light).order_by(r.received_at.desc(), r.record, r.version.desc())
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            taken = set(connection.execute(select(imports.c.digest)).scalars())
        notices = {row["withdraws"]: row["digest"] for row in rows if row["withdraws"]}
        newest: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = (row["member"], row["kind"], row["registry"], row["record"])
            if key not in newest or row["version"] > newest[key]["version"]:
                newest[key] = row
        told = []
        for row in rows:
            if row["kind"] not in _SHOWN or (kind and row["kind"] != kind) or (member and row["member"] != member):
                continue
            last = newest[row["member"], row["kind"], row["registry"], row["record"]]
            told.append(
                row
                | {
                    "withdrawn_by": notices.get(row["digest"]),
                    "superseded_by": None if last["version"] == row["version"] else last["digest"],
                    "imported": row["digest"] in taken,
                }
            )
        return told

    def refused(self) -> list[Row]:
        """What was offered and not believed."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(refusals)).mappings()]

    def stored(self, digest: str) -> Fetched | None:
        """A received document as it was got, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(select(received).where(received.c.digest == digest)).mappings().first()
        if row is None:
            return None
        packed = bytes(row["batch"])
        return Fetched(
            row["digest"],
            bytes(row["canonical"]),
            DocumentSeal(row["member"], row["manifest"], row["sealed_at"]),
            bytes(row["signature"]),
            tuple("0x" + packed[place : place + 32].hex() for place in range(0, len(packed), 32)),
        )

    def withdrawn(self, digest: str) -> str | None:
        """The digest of a received notice that withdraws the document, or None."""
        with self._engine.connect() as connection:
            return connection.execute(select(received.c.digest).where(received.c.withdraws == digest)).scalar()

    def note_import(self, digest: str, form: str, file: str) -> None:
        """Keeps that the document was taken into the city's own work."""
        row = {"digest": digest, "form": form, "file": file, "imported_at": self._clock()}
        with self._engine.begin() as connection:
            connection.execute(insert(imports).values(row))

    def imports(self) -> list[Row]:
        """Every import, oldest first."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(imports).order_by(imports.c.number)).mappings()]


@contextmanager
def open_own_store(home: Path, member: int, clock: Callable[[], int] = lambda: int(time.time())) -> Iterator[OwnStore]:
    """The store of `member` in this home: `sharing/CODE.sqlite`, so that a trial's home can hold several cities."""
    engine = open_engine(f"sqlite:///{home / 'sharing' / f'{member}.sqlite'}")
    try:
        yield OwnStore(engine, clock)
    finally:
        engine.dispose()


def _row(checked: Checked, number: int, now: int) -> Row:
    document, fetched = checked.document, checked.fetched
    content = document.content
    return {
        "digest": fetched.digest,
        "subscription": number,
        "kind": document.kind.value,
        "member": document.member,
        "registry": document.registry,
        "record": document.record,
        "version": document.version,
        "audience": document.audience,
        "title_zh": str(content.get("title_zh") or content.get("name_zh") or ""),
        "title_en": str(content.get("title_en") or content.get("name_en") or ""),
        "canonical": fetched.canonical,
        "manifest": fetched.seal.manifest,
        "batch": b"".join(bytes.fromhex(one[2:]) for one in fetched.batch),
        "signer": checked.signer,
        "former": checked.former,
        "sealed_at": fetched.seal.sealed_at,
        "signature": fetched.signature,
        "withdraws": str(content.get("withdraws", "")) if document.kind is DocumentKind.WITHDRAWAL else "",
        "received_at": now,
    }
