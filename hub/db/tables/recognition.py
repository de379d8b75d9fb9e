"""Projections of recognitions and their terms."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
)

from hub.db.tables.columns import id12, id32, metadata, seen, whole

recognitions = Table(
    "recognitions",
    metadata,
    id32("subject", key=True),
    whole("member", key=True),
    Column("kind", SmallInteger, nullable=False),
    whole("home"),
    whole("terms"),
    Column("suspended", Boolean, nullable=False),
    Column("revoked", SmallInteger, nullable=False),
    id32("ballot"),
    *seen(),
    Index("ix_recognitions_block_number", "block_number", "log_index"),
    Index("ix_recognitions_member", "member"),
)

terms = Table(
    "terms",
    metadata,
    whole("terms", key=True),
    id32("subject"),
    whole("member"),
    Column("factor_ppm", Integer, nullable=False),
    Column("uses", Integer, nullable=False),
    whole("valid_from"),
    whole("valid_until"),
    Column("annual_cap_kg", String(20), nullable=True),
    Column("covers_every_project", Boolean, nullable=False),
    id32("ballot"),
    *seen(),
)

declined = Table(
    "recognitions_declined",
    metadata,
    id32("subject", key=True),
    whole("member", key=True),
    id32("ballot"),
    *seen(),
)

recognition_events = Table(
    "recognition_events",
    metadata,
    whole("block_number", key=True),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    whole("block_time"),
    Column("event", String(20), nullable=False),
    id32("subject"),
    whole("member"),
    whole("home"),
    whole("terms"),
    id32("cause"),
    Index("ix_recognition_events_subject", "subject", "member"),
    sqlite_with_rowid=False,
)
"""What became of a recognition, in order: recognised, retermed, suspended, resumed, ended. `cause`: the ballot, or the
member's own order where it ended its own."""

entries = Table(
    "entries",
    metadata,
    whole("entry", key=True),
    whole("member"),
    id12("methodology"),
    id12("project"),
    id12("series"),
    whole("issuance"),
    whole("methodology_terms"),
    whole("project_terms"),
    whole("issuance_terms"),
    Column("uses", Integer, nullable=False),
)

cap_use = Table(
    "cap_use",
    metadata,
    whole("terms", key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    whole("arrived_kg"),
)
