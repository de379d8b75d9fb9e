"""The Hangzhou registry behind the adapter protocol: views of its database in, rows of its write-back table out."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.city.settings import read_settings
from adapters.city.sql_books import SqlBooksAdapter
from adapters.city.sql_feed import SqlFeedSettings
from adapters.hangzhou.mapping import BOOKS, FORM, MAPPING
from mutual_recognition.documents import Json


def create(settings: Mapping[str, Json]) -> SqlBooksAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return SqlBooksAdapter(read_settings(SqlFeedSettings, settings), MAPPING, FORM, BOOKS)
