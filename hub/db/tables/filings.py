"""Projections of methodologies and projects."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    SmallInteger,
    Table,
)

from hub.db.tables.columns import id12, id32, metadata, seen, whole

methodologies = Table(
    "methodologies",
    metadata,
    id12("methodology", key=True),
    whole("member"),
    id32("native"),
    id32("document"),
    id32("definition"),
    whole("valid_from"),
    whole("valid_until"),
    id12("supersedes"),
    id12("superseded_by"),
    id32("lineage"),
    Column("status", SmallInteger, nullable=False),
    Column("holds", SmallInteger, nullable=False),
    id32("request"),
    *seen(),
    Index("ix_methodologies_block_number", "block_number", "log_index"),
    Index("ix_methodologies_member", "member"),
)

projects = Table(
    "projects",
    metadata,
    id12("project", key=True),
    whole("member"),
    id32("native"),
    id12("methodology"),
    id32("document"),
    Column("revision", Integer, nullable=False),
    Column("crediting_start", Integer, nullable=False),
    Column("crediting_end", Integer, nullable=False),
    id32("declaration"),
    Column("mechanism", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("holds", SmallInteger, nullable=False),
    id32("request"),
    *seen(),
    Index("ix_projects_block_number", "block_number", "log_index"),
    Index("ix_projects_member", "member"),
    Index("ix_projects_methodology", "methodology"),
)

assets = Table(
    "assets",
    metadata,
    id32("asset", key=True),
    id12("project"),
    *seen(),
    Index("ix_assets_project", "project"),
)

external_locks = Table(
    "external_locks",
    metadata,
    id32("lock", key=True),
    id12("project"),
    Column("mechanism", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    id32("evidence"),
    *seen(),
)
