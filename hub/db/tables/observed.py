"""What public programmes publish, as observed: records with their history, loads, refused rows, schema drift.

On no chain and in no digest. Days are ISO text as published; `first_seen`, `last_seen` and `gone_since` are the days
that the exports state, not those of loading. `raw` is the row as the registry wrote it: kept for screening, not
shown to the public.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from hub.db.tables.columns import metadata, whole

SOURCE = String(60)
NATIVE = String(400)
DAY = String(10)


def _text(name: str, length: int | None = None) -> Column[str]:
    return Column(name, Text if length is None else String(length), nullable=False)


def _day(name: str) -> Column[str]:
    return Column(name, DAY, nullable=True)


def _history() -> list[Column[object]]:
    """When a record was first and last in an export, and since when it is in none."""
    return [
        Column("raw", JSON, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("first_seen", DAY, nullable=False),
        Column("last_seen", DAY, nullable=False),
        Column("gone_since", DAY, nullable=True),
        Column("first_load", Integer, nullable=False),
        Column("last_load", Integer, nullable=False),
    ]


loads = Table(
    "observed_loads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", SOURCE, nullable=False),
    _text("file"),
    _text("attribution"),
    Column("sha256", String(64), nullable=False),
    Column("stated_on", DAY, nullable=False),
    Column("dated_by", String(20), nullable=False),
    whole("loaded_at"),
    Column("milliseconds", Integer, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("profiles", JSON, nullable=False),
    Column("header", JSON, nullable=False),
    Index("ix_observed_loads_source", "source", "id"),
)

refusals = Table(
    "observed_refusals",
    metadata,
    Column("load", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("row", Integer, nullable=False),
    _text("sheet", 100),
    _text("field", 200),
    _text("value"),
    _text("code", 60),
    _text("reason"),
)

projects = Table(
    "observed_projects",
    metadata,
    Column("source", SOURCE, primary_key=True),
    Column("native_id", NATIVE, primary_key=True),
    _text("programme", 30),
    _text("name"),
    _text("proponent"),
    _text("country"),
    _text("province"),
    _text("place"),
    _text("latitude", 40),
    _text("longitude", 40),
    _text("project_type"),
    _text("methodology"),
    Column("methodology_codes", JSON, nullable=False),
    _text("status", 20),
    _text("status_raw"),
    _day("listed_on"),
    _day("registered_on"),
    _day("status_on"),
    _day("crediting_first"),
    _day("crediting_last"),
    Column("estimated_annual_kg", BigInteger, nullable=True),
    Column("issued_kg", BigInteger, nullable=True),
    Column("retired_kg", BigInteger, nullable=True),
    Column("capacity_w", BigInteger, nullable=True),
    _text("parent"),
    Column("references", JSON, nullable=False),
    _text("url"),
    *_history(),
    Index("ix_observed_projects_programme", "programme", "native_id"),
    Index("ix_observed_projects_country", "country"),
    Index("ix_observed_projects_load", "source", "last_load"),
)

units = Table(
    "observed_units",
    metadata,
    Column("source", SOURCE, primary_key=True),
    Column("kind", String(15), primary_key=True),
    Column("native_id", NATIVE, primary_key=True),
    _text("programme", 30),
    _text("project", 200),
    _text("project_name"),
    _text("country"),
    _text("unit_type"),
    _text("methodology"),
    whole("quantity_kg"),
    Column("vintage", Integer, nullable=True),
    _day("period_first"),
    _day("period_last"),
    _day("issued_on"),
    _day("ended_on"),
    _text("serial_text"),
    Column("serial_programme", String(30), nullable=True),
    _text("serial_series", 200),
    whole("serial_first", null=True),
    whole("serial_last", null=True),
    _text("serial_project", 40),
    _text("serial_fault", 40),
    _text("serial_mended"),
    _text("beneficiary"),
    _text("reason"),
    _text("status_raw"),
    Column("references", JSON, nullable=False),
    *_history(),
    Index("ix_observed_units_project", "programme", "project"),
    Index("ix_observed_units_serials", "serial_programme", "serial_series", "serial_first"),
    Index("ix_observed_units_load", "source", "last_load"),
)

changes = Table(
    "observed_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", SOURCE, nullable=False),
    Column("kind", String(15), nullable=False),
    Column("native_id", NATIVE, nullable=False),
    Column("load", Integer, nullable=False),
    Column("stated_on", DAY, nullable=False),
    Column("what", String(10), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("status_changed", Boolean, nullable=False),
    Index("ix_observed_changes_record", "source", "kind", "native_id"),
    Index("ix_observed_changes_load", "source", "load"),
)

drifts = Table(
    "observed_drifts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", SOURCE, nullable=False),
    _text("file"),
    Column("sha256", String(64), nullable=False),
    Column("findings", JSON, nullable=False),
    whole("found_at"),
    whole("settled_at", null=True),
    Index("ix_observed_drifts_source", "source", "settled_at"),
)

accepted = Table(
    "observed_accepted_drift",
    metadata,
    Column("source", SOURCE, primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("heading", String(300), primary_key=True),
    Column("actual", String(300), nullable=False),
    _text("reason"),
    whole("accepted_at"),
)
