"""What the hub's documents tell an adapter: names for what the chain knows as hashes."""

from __future__ import annotations

from sqlalchemy import Engine, select

from hub.db import tables as t
from mutual_recognition.documents import DocumentKind


class DocumentDirectory:
    """`mutual_recognition.books.Directory` over the documents of the hub's database. Names are kept: a series never
    changes its."""

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
                found = connection.execute(query).first()
            if found is None:
                return None
            self._series[series] = (found.registry, found.record)
        return self._series[series]
