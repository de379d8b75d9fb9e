"""Tables of a city's scenario store: a database of the city's own, apart from hub, chain and journals."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("lookup", LargeBinary(32), primary_key=True),
    Column("salt", LargeBinary(32), nullable=False),
)
"""The salt of each account's pseudonym. Deleting a row is how a person is forgotten."""

records = Table(
    "records",
    metadata,
    Column("item", LargeBinary(32), primary_key=True),
    Column("account", LargeBinary(32), nullable=True),
    Column("scenario", String(100), nullable=False),
    Column("day", Date, nullable=False),
    Column("month", String(7), nullable=False),
    Column("reduction_g", Integer, nullable=False),
    Column("stated", String(40), nullable=False),
    Column("points", Integer, nullable=False),
    Column("project", String(100), nullable=False),
    Column("platform", String(100), nullable=False),
    Column("leaf_salt", LargeBinary(32), nullable=True),
    Column("pulled_at", Integer, nullable=False),
    Index("records_by_scenario_and_month", "scenario", "month"),
    Index("records_by_account", "account"),
)
"""One row an act. `leaf_salt` is for its leaf in a batch's Merkle tree, and goes with the account's salt."""

activities = Table(
    "activities",
    metadata,
    Column("item", ForeignKey("records.item"), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("amount", String(40), nullable=False),
    Column("unit", String(20), nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item", LargeBinary(32), nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("fields", String(200), nullable=False),
    Column("seen_at", Integer, nullable=False),
    UniqueConstraint("item", "content"),
)
"""Acts that the platform told differently later: which fields. The first telling stays in force."""

refused = Table(
    "refused",
    metadata,
    Column("item", LargeBinary(32), primary_key=True),
    Column("field", String(100), nullable=False),
    Column("code", String(60), nullable=False),
    Column("reason", String(300), nullable=False),
    Column("seen_at", Integer, nullable=False),
)
"""Acts that could not be taken, until they can."""

facts = Table(
    "facts", metadata, Column("name", String(40), primary_key=True), Column("value", String(500), nullable=False)
)
"""Cursor, last attempt, last success, last trouble."""
