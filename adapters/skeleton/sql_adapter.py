"""A registry that is a PostgreSQL database: what its views are called, and the adapter made of that and the mapping."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.city.settings import read_settings
from adapters.city.sql_feed import SqlFeedAdapter, SqlFeedSettings, SqlForm
from adapters.skeleton.mapping import MAPPING
from adapters.transports.sql import Relation
from mutual_recognition.documents import Json

_SCHEMA: Final = "exchange"

# TODO: what your views and tables are called, and their columns (`SqlForm` says what each setting means).
FORM: Final = SqlForm(
    changes=Relation(_SCHEMA, "changes", ("change_no", "kind", "id", "version")),
    number="change_no",
    kind="kind",
    native_id="id",
    version="version",
    views={
        kind: Relation(_SCHEMA, kind.replace(" ", "_"), ("change_no", *MAPPING.names_of(kind)))
        for kind in MAPPING.shapes
    },
    holdings=Relation(
        _SCHEMA,
        "holdings",
        ("home", "series", "kg_per_serial", "first", "last", "status", "held_at", "account", "note"),
    ),
    state=Relation(_SCHEMA, "state", ("member", "latest_change", "clock", "seen_at")),
    member="member",
    latest="latest_change",
    clock="clock",
    seen="seen_at",
    write_back=Relation(
        _SCHEMA,
        "write_back",
        (
            *("key", "attempt", "event", "occurred_at", "proof", "transfer", "reference", "other_member", "account"),
            *("ranges", "kept", "cut", "factor_ppm", "deadline", "purpose", "compliance_year", "subject_kind"),
            *("subject", "uses", "valid_from", "valid_to", "status", "reason", "record_kind", "record_id"),
        ),
    ),
    results=Relation(_SCHEMA, "results", ("key", "attempt", "outcome", "reference", "reason")),
    key="key",
    attempt="attempt",
    outcome="outcome",
    booked=frozenset({1, 2}),
    reference="reference",
    reason="reason",
)


def create(settings: Mapping[str, Json]) -> SqlFeedAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return SqlFeedAdapter(read_settings(SqlFeedSettings, settings), MAPPING, FORM)


# TODO: the sample speaks the mapping as it came: replace fixtures/ by a sample of yours when mapping.py is filled in.
@contextmanager
def sample() -> Iterator[dict[str, Json]]:
    """Settings of the small registry in `fixtures/` (示例), in a PostgreSQL server of its own while the context lasts
    (extra `sandbox`, or a PostgreSQL that is installed here)."""
    from adapters.samples.sample_rest import read_lines
    from adapters.samples.sample_sql import serving

    fixtures = Path(__file__).parent / "fixtures" / "sql"
    feed, books = read_lines(fixtures / "feed.jsonl"), read_lines(fixtures / "books.jsonl")
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch) / "database", 990000, FORM, MAPPING, feed, books) as (url, password_file),
    ):
        yield {
            "name": "skeleton",
            "member": 990000,
            "registry": "sample",
            "url": url,
            "password_file": str(password_file),
            "peers": {"310000": "shanghai-sandbox"},
            "secret_file": f"{scratch}/secret",
            "page_size": 4,
        }
