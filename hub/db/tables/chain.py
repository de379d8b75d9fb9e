"""What was read off the chain: blocks, raw logs, the cursor."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
)

from hub.db.tables.columns import ADDRESS, id32, metadata, whole

cursor = Table(
    "chain_cursor",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    whole("chain_id"),
    id32("genesis_hash"),
    id32("deployment_digest"),
    whole("next_block"),
)

blocks = Table(
    "chain_blocks",
    metadata,
    whole("number", key=True),
    id32("hash"),
    id32("parent_hash"),
    whole("time"),
)

raw_logs = Table(
    "raw_logs",
    metadata,
    whole("block_number", key=True),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    id32("tx_hash"),
    Column("address", ADDRESS, nullable=False),
    Column("topics", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
