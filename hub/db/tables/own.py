"""What is on no chain: documents, their seals and readers, orders to relay. Backed up, not rebuilt."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from hub.db.tables.columns import ADDRESS, ID12, id32, metadata, whole

seals = Table(
    "document_seals",
    metadata,
    id32("manifest", key=True),
    whole("member"),
    Column("signer", ADDRESS, nullable=False),
    whole("sealed_at"),
    Column("signature", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    whole("received_at"),
)

documents = Table(
    "documents",
    metadata,
    id32("digest", key=True),
    Column("kind", String(20), nullable=False),
    whole("member"),
    Column("registry", String(100), nullable=False),
    Column("record", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("audience", String(20), nullable=False),
    Column("describes", ID12, nullable=True),
    Column("code", String(200), nullable=True),
    Column("title_zh", String(400), nullable=True),
    Column("title_en", String(400), nullable=True),
    Column("canonical", LargeBinary, nullable=False),
    id32("seal"),
    whole("received_at"),
    Index("ix_documents_member", "member", "kind", "record"),
    Index("ix_documents_describes", "describes"),
    Index("ix_documents_received_at", "received_at", "digest"),
)

document_accesses = Table(
    "document_accesses",
    metadata,
    Column("id", Integer, primary_key=True),
    whole("at"),
    id32("digest"),
    Column("reader", ADDRESS, nullable=False),
    whole("member"),
    Column("how", String(10), nullable=False),
    Index("ix_document_accesses_digest", "digest"),
    Index("ix_document_accesses_at", "at"),
)

relays = Table(
    "relays",
    metadata,
    id32("order", key=True),
    whole("number"),
    Column("primary_type", String(30), nullable=False),
    Column("message", JSON, nullable=False),
    Column("signers", JSON, nullable=False),
    Column("contract", String(30), nullable=False),
    Column("target", ADDRESS, nullable=False),
    Column("calldata", LargeBinary, nullable=False),
    whole("deadline"),
    Column("status", String(20), nullable=False),
    Column("raw", LargeBinary, nullable=True),
    Column("tx_hash", String(66), nullable=True),
    Column("reason", JSON, nullable=True),
    whole("received_at"),
    whole("changed_at"),
    Index("ix_relays_status", "status", "number"),
)
