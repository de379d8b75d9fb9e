"""The city's store of scenario records: each act once, by a keyed digest; a page and its cursor in one transaction."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from adapters.scenarios.pseudonyms import SALT_BYTES, Pseudonyms
from adapters.scenarios.source import ReceivedItem, RefusedItem, ScenarioPage
from adapters.scenarios.tables import accounts, activities, changes, facts, metadata, records, refused
from hub.db.engine import open_engine
from mutual_recognition.scenarios import Activity, ScenarioRecord

_COMPARED: Final = ("scenario", "day", "reduction_g", "stated", "points", "project", "platform")


@dataclass(slots=True)
class Taken:
    """What became of the items of a page, or of a whole pull."""

    new: int = 0
    known: int = 0
    changed: int = 0
    refused: int = 0

    def add(self, other: Taken) -> None:
        """Adds another page's."""
        self.new += other.new
        self.known += other.known
        self.changed += other.changed
        self.refused += other.refused


class ScenarioStore:
    """One source's records. Nothing but the city's own process opens it; its file is readable by its owner alone."""

    def __init__(self, file: Path, pseudonyms: Pseudonyms, clock: Callable[[], float] = time.time) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
        self._file = file
        self._engine: Engine = open_engine(f"sqlite:///{file}")
        self._pseudonyms, self._clock = pseudonyms, clock
        metadata.create_all(self._engine)

    def close(self) -> None:
        """Releases the file."""
        self._engine.dispose()

    # ---------------------------------------------------------------- taking

    def take(self, page: ScenarioPage) -> Taken:
        """Stores a page and its cursor in one transaction: new acts, differences of known ones, refusals."""
        taken = Taken()
        now = int(self._clock())
        with self._engine.begin() as connection:
            for item in page.items:
                self._take(connection, item, now, taken)
            for one in page.refused:
                self._refuse(connection, one, now)
                taken.refused += 1
            self._put(connection, "cursor", page.cursor)
        return taken

    def _take(self, connection: Connection, item: ReceivedItem, now: int, taken: Taken) -> None:
        key = self._pseudonyms.item(item.number)
        known = connection.execute(select(records).where(records.c.item == key)).mappings().one_or_none()
        if known is not None:
            different = self._differences(connection, key, dict(known), item)
            if not different:
                taken.known += 1
                return
            content = json.dumps([str(getattr(item, name)) for name in _COMPARED] + _activity_of(item))
            told = {"item": key, "content": self._pseudonyms.content(content + item.account)}
            row = insert(changes).values(**told, fields=", ".join(different), seen_at=now)
            connection.execute(row.on_conflict_do_nothing())
            taken.changed += 1
            return
        connection.execute(
            insert(records).values(
                item=key,
                account=self._pseudonym(connection, item.account),
                month=f"{item.day:%Y-%m}",
                leaf_salt=secrets.token_bytes(SALT_BYTES),
                pulled_at=now,
                **{name: getattr(item, name) for name in _COMPARED},
            )
        )
        for activity in item.activity:
            values = {"code": activity.code, "amount": format(activity.amount, "f"), "unit": activity.unit}
            connection.execute(insert(activities).values(item=key, **values))
        connection.execute(delete(refused).where(refused.c.item == key))
        taken.new += 1

    def _differences(self, connection: Connection, key: bytes, known: dict[str, Any], item: ReceivedItem) -> list[str]:
        different = [name for name in _COMPARED if known[name] != getattr(item, name)]
        rows = connection.execute(select(activities).where(activities.c.item == key).order_by(activities.c.code)).all()
        if [f"{row.code}={row.amount} {row.unit}" for row in rows] != _activity_of(item):
            different.append("activity")
        if known["account"] is not None:  # of a person who was forgotten nothing is to be made again
            salt = self._salt(connection, item.account)
            if salt is None or self._pseudonyms.account(item.account, salt) != known["account"]:
                different.append("account")
        return different

    def _pseudonym(self, connection: Connection, account: str) -> bytes:
        salt = self._salt(connection, account)
        if salt is None:
            salt = secrets.token_bytes(SALT_BYTES)
            connection.execute(insert(accounts).values(lookup=self._pseudonyms.lookup(account), salt=salt))
        return self._pseudonyms.account(account, salt)

    def _salt(self, connection: Connection, account: str) -> bytes | None:
        query = select(accounts.c.salt).where(accounts.c.lookup == self._pseudonyms.lookup(account))
        return connection.execute(query).scalar_one_or_none()

    def _refuse(self, connection: Connection, one: RefusedItem, now: int) -> None:
        values = {"field": one.field, "code": one.code, "reason": one.reason[:300], "seen_at": now}
        row = insert(refused).values(item=self._pseudonyms.item(one.number), **values)
        connection.execute(row.on_conflict_do_update(index_elements=["item"], set_=values))

    # ---------------------------------------------------------------- forgetting

    def forget(self, account: str) -> int:
        """Erases whose an account's records are, for ever; gives how many there were. Counts and totals stay.

        The salts of the account and of its leaves are deleted, and the file is rewritten so that none is left in it.
        """
        with self._engine.begin() as connection:
            salt = self._salt(connection, account)
            if salt is None:
                return 0
            of = records.c.account == self._pseudonyms.account(account, salt)
            erased = connection.execute(update(records).where(of).values(account=None, leaf_salt=None)).rowcount
            connection.execute(delete(accounts).where(accounts.c.lookup == self._pseudonyms.lookup(account)))
        self._engine.dispose()
        with closing(sqlite3.connect(self._file, isolation_level=None, timeout=30)) as database:
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return erased

    # ---------------------------------------------------------------- reading

    def summary(self) -> list[dict[str, Any]]:
        """Counts and totals per scenario and month: no day, no account, no act. Grams and points are apart."""
        r = records.c
        query = (
            select(
                r.scenario,
                r.month,
                func.count().label("records"),
                func.sum(r.reduction_g).label("reduction_g"),
                func.sum(r.points).label("points"),
            )
            .group_by(r.scenario, r.month)
            .order_by(r.scenario, r.month)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def records(self) -> Iterator[ScenarioRecord]:
        """Every record, in the order of their item digests (for the batches to be made of them)."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(records).order_by(records.c.item)).mappings():
                query = select(activities).where(activities.c.item == row["item"]).order_by(activities.c.code)
                found = [Activity(a.code, Decimal(a.amount), a.unit) for a in connection.execute(query)]
                yield ScenarioRecord(
                    item=row["item"],
                    account=row["account"] or b"",
                    activity=tuple(found),
                    **{name: row[name] for name in _COMPARED},
                )

    def changed(self) -> list[dict[str, Any]]:
        """Acts that were told differently later: the beginning of their digest, and which fields."""
        query = select(changes).order_by(changes.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [
                {"item": row["item"].hex()[:16], "fields": row["fields"], "seen_at": row["seen_at"]} for row in rows
            ]

    def refusals(self) -> list[dict[str, Any]]:
        """Acts that could not be taken, by reason, with how many there are of each."""
        r = refused.c
        query = select(r.code, r.field, r.reason, func.count().label("records")).group_by(r.code, r.field, r.reason)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query.order_by(r.code, r.field)).mappings()]

    def fact(self, name: str) -> str:
        """A fact of the pull; "" where there is none yet."""
        with self._engine.connect() as connection:
            found = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar_one_or_none()
        return str(found or "")

    def note(self, name: str, value: str) -> None:
        """Sets a fact of the pull."""
        with self._engine.begin() as connection:
            self._put(connection, name, value)

    def _put(self, connection: Connection, name: str, value: str) -> None:
        row = insert(facts).values(name=name, value=value[:500])
        connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value[:500]}))


def _activity_of(item: ReceivedItem) -> list[str]:
    ordered = sorted(item.activity, key=lambda activity: activity.code)
    return [f"{activity.code}={format(activity.amount, 'f')} {activity.unit}" for activity in ordered]
