"""What documents tell an adapter: names for what the chain knows as hashes. Each is checked against the hash it
names."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
from sqlalchemy import Engine, select

from hub.db import tables as t
from hub.errors import RetryLater
from mutual_recognition.documents import DocumentKind
from mutual_recognition.identifiers import member_of, methodology_id, project_id, series_id
from mutual_recognition.refusal import Refusal

_NAMING = (DocumentKind.METHODOLOGY, DocumentKind.PROJECT)


class DocumentDirectory:
    """`mutual_recognition.books.Directory` over the documents of a database. A series never changes its name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._series: dict[bytes, tuple[str, str]] = {}

    def series_name(self, series: bytes) -> tuple[str, str] | None:
        """Registry and code of a series, or None where its registry shared no document of it."""
        if series not in self._series:
            d = t.documents.c
            query = select(d.registry, d.record).where(
                d.kind == DocumentKind.SERIES, d.describes == "0x" + series.hex()
            )
            with self._engine.connect() as connection:
                found = _true_name(series, ((row.registry, row.record) for row in connection.execute(query)))
            if found is None:
                return None
            self._series[series] = found
        return self._series[series]

    def subject_name(self, identifier: bytes) -> str | None:
        """See `mutual_recognition.books.Directory`."""
        d = t.documents.c
        query = select(d.registry, d.record, d.code).where(d.kind.in_(_NAMING), d.describes == "0x" + identifier.hex())
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return _true_number(identifier, ((row.registry, row.record, row.code or "") for row in rows))


class HubDirectory:
    """The same over the hub's HTTP interface, for a city on a machine of its own. `client` has the hub as its base
    URL."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._series: dict[bytes, tuple[str, str]] = {}

    def series_name(self, series: bytes) -> tuple[str, str] | None:
        """See DocumentDirectory. Raises RetryLater while the hub does not answer."""
        if series not in self._series:
            asked = {"kind": DocumentKind.SERIES.value, "describes": "0x" + series.hex()}
            try:
                answer = self._client.get("/v1/documents", params=asked)
                answer.raise_for_status()
                items = answer.json()["items"]
                found = _true_name(series, ((str(item["registry"]), str(item["record"])) for item in items))
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as away:
                raise RetryLater(
                    f"the hub did not say what a series is called: {away}",
                    what="0x" + series.hex(),
                    where=str(self._client.base_url),
                    code="hub_unreachable",
                ) from away
            if found is None:
                return None
            self._series[series] = found
        return self._series[series]

    def subject_name(self, identifier: bytes) -> str | None:
        """See `mutual_recognition.books.Directory`: as far as the document is public. Raises RetryLater."""
        try:
            answer = self._client.get("/v1/documents", params={"describes": "0x" + identifier.hex()})
            answer.raise_for_status()
            items = [item for item in answer.json()["items"] if item["kind"] in _NAMING]
            names = [(str(item["registry"]), str(item["record"]), str(item["code"] or "")) for item in items]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as away:
            raise RetryLater(
                f"the hub did not say what a record is called: {away}",
                what="0x" + identifier.hex(),
                where=str(self._client.base_url),
                code="hub_unreachable",
            ) from away
        return _true_number(identifier, names)


def _true_number(identifier: bytes, names: Iterable[tuple[str, str, str]]) -> str | None:
    """The number at home of the record whose hash `identifier` is, of (registry, number, code and version)."""
    member = member_of(identifier)
    for registry, record, code in names:
        base, _, version = code.rpartition(" ")
        try:
            if identifier == project_id(member, registry, record):
                return record
            if base and identifier == methodology_id(member, registry, base, version):
                return record
        except Refusal:
            continue
    return None


def _true_name(series: bytes, names: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """The name whose hash the series is: whoever says another one is not believed."""
    for registry, code in names:
        try:
            if series_id(member_of(series), registry, code) == series:
                return registry, code
        except Refusal:
            continue
    return None
