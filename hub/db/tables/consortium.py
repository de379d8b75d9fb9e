"""Projections of members, officers, ballots and rules."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
)

from hub.db.tables.columns import ADDRESS, id32, metadata, seen, whole

members = Table(
    "members",
    metadata,
    whole("member", key=True),
    Column("kind", SmallInteger, nullable=False),
    whole("parent"),
    Column("seat", SmallInteger, nullable=False),
    whole("joined_at"),
    whole("left_at"),
    id32("left_by_ballot"),
    Column("accounts", JSON, nullable=False),
)

officers = Table(
    "officers",
    metadata,
    Column("account", ADDRESS, primary_key=True),
    whole("member"),
    Column("roles", SmallInteger, nullable=False),
    whole("valid_until"),
    id32("changed_by_ballot"),
    *seen(),
    Index("ix_officers_member", "member"),
)

ballots = Table(
    "ballots",
    metadata,
    id32("ballot", key=True),
    whole("proposer"),
    Column("kind", SmallInteger, nullable=False),
    id32("document"),
    whole("closes_at"),
    Column("quorum_ppm", Integer, nullable=False),
    Column("approval_ppm", Integer, nullable=False),
    whole("delay"),
    whole("execute_within"),
    id32("electorate"),
    id32("invited"),
    Column("actions", JSON, nullable=False),
    whole("executed_at"),
    id32("request"),
    *seen(),
    Index("ix_ballots_block_number", "block_number", "log_index"),
)

votes = Table(
    "votes",
    metadata,
    id32("ballot", key=True),
    whole("member", key=True),
    Column("choice", SmallInteger, nullable=False),
    whole("revision"),
    Column("voter", ADDRESS, nullable=False),
    *seen(),
)

ballot_rules = Table(
    "ballot_rules",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("quorum_ppm", Integer, nullable=False),
    Column("approval_ppm", Integer, nullable=False),
    whole("min_voting"),
    whole("max_voting"),
    whole("delay"),
    whole("execute_within"),
    id32("changed_by_ballot"),
)

allowed_calls = Table(
    "allowed_calls",
    metadata,
    Column("target", ADDRESS, primary_key=True),
    Column("selector", String(10), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("allowed", Boolean, nullable=False),
)

register_code = Table(
    "register_code",
    metadata,
    Column("register", String(30), primary_key=True),
    Column("implementation", ADDRESS, nullable=False),
    *seen(),
)

settings = Table(
    "consortium_settings",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", JSON, nullable=False),
)
