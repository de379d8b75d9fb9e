"""What registries and the chain compare: each member's holdings as a Merkle tree, and what came of comparing them.

`holding_nodes` and `holding_roots` are projections (law L8); `reconciliations` are the cities' own sealed words, kept.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, SmallInteger, String, Table, Text

from hub.db.tables.columns import id12, id32, metadata, whole

holding_nodes = Table(
    "holding_nodes",
    metadata,
    whole("member", key=True),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    id12("series", key=True),
    whole("prefix", key=True),
    id32("hash"),
    Column("leaf", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)
"""Nodes of `mutual_recognition.holdings_tree`; `body` is a leaf's runs, or a node's children, a line each."""

holding_roots = Table(
    "holding_roots",
    metadata,
    whole("member", key=True),
    id32("root"),
    Column("series", Integer, nullable=False),
    whole("block_number"),
    whole("block_time"),
)
"""A member's root, how many series are in it, and the block since which nothing in its scope has happened."""

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("reconciliation", String(200), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    whole("member"),
    Column("registry", String(100), nullable=False),
    Column("status", SmallInteger, nullable=False),
    whole("block_number"),
    whole("block_time"),
    id32("registry_root"),
    id32("chain_root"),
    whole("differing_serials"),
    Column("disputed_blocks", Integer, nullable=False),
    whole("started_at"),
    id32("document"),
    whole("received_at"),
    Index("ix_reconciliations_received_at", "received_at", "reconciliation", "version"),
    Index("ix_reconciliations_member", "member"),
)
"""Results as the cities' registrars sealed them: a row a document, with the figures to search by."""
