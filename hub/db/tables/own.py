"""What is on no chain: documents, their seals and readers, orders to relay. Backed up, not rebuilt."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    event,
)

from hub.db.tables.columns import ADDRESS, ID12, id12, id32, metadata, whole

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
    # the order of arrival: microseconds, made to grow from one to the next by steps that say nothing of what is between
    whole("arrived"),
    id12("methodology", null=True),
    id32("withdraws", null=True),
    Index("ix_documents_member", "member", "kind", "record"),
    Index("ix_documents_describes", "describes"),
    Index("ix_documents_arrived", "arrived", unique=True),
    Index("ix_documents_seal", "seal"),
    Index("ix_documents_methodology", "methodology"),
    Index("ix_documents_withdraws", "withdraws"),
)

document_marks = Table(
    "document_marks",
    metadata,
    Column("audience", String(20), primary_key=True),
    whole("member", key=True),
    whole("newest"),
)
"""The newest arrival of each audience and home member: what a reader's ETag is made of."""

document_texts = Table(
    "document_texts",
    metadata,
    whole("arrived", key=True),
    Column("words", Text, nullable=False),
)
"""What of a document is searched, folded; `document_words` is its index of trigrams on SQLite."""

CREATE_DOCUMENT_WORDS = (
    "CREATE VIRTUAL TABLE document_words USING fts5(words, content='document_texts', content_rowid='arrived', "
    "tokenize='trigram')"
)
event.listen(document_texts, "after_create", DDL(CREATE_DOCUMENT_WORDS).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]

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
    Index("ix_document_accesses_member", "member"),
)

document_reads = Table(
    "document_reads",
    metadata,
    id32("digest", key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    whole("reads"),
)
"""Reads of public documents: only how many on which day (number since 1970, UTC+8), never whose."""

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
