"""The Hangzhou registry behind the adapter protocol: views of its database in, rows of its write-back table out."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.city.settings import read_settings
from adapters.city.sql_feed import SqlFeedAdapter, SqlFeedSettings
from adapters.hangzhou.mapping import FORM, MAPPING
from mutual_recognition.documents import Json


def create(settings: Mapping[str, Json]) -> SqlFeedAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return SqlFeedAdapter(read_settings(SqlFeedSettings, settings), MAPPING, FORM)
