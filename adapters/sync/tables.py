"""The journal of one registry's sync. It's the only memory of what was read, decided, sent and told back."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"})

state = Table(
    "sync_state",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Cursors and facts: `read_cursor`, `push_position`, and when the registry and the chain were last reached."""

inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(60), nullable=False),
    Column("native_id", String(200), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    Column("source", String(500), nullable=False),
    Column("status", String(10), nullable=False),
    Column("code", String(60), nullable=False, default=""),
    Column("reason", JSON, nullable=True),
    Column("waits_for", String(120), nullable=False, default=""),
    Column("received_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False, default=0),
    UniqueConstraint("kind", "native_id", "version"),
    Index("ix_inbox_status", "status", "id"),
    Index("ix_inbox_waits_for", "waits_for"),
)
"""`status`: new, decided (its writes are in the outbox), settled (nothing to do, or all done), held (with `code`)."""

faults = Table(
    "faults",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(500), nullable=False),
    Column("field", String(100), nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", String(60), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("read_from", Text, nullable=False, server_default=text("''")),
    UniqueConstraint("source", "field", "code", "value"),
)
"""What could not even be read. `read_from`: the cursor that its page was read from, to read it again."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("inbox_id", Integer, nullable=False),
    Column("native_id", String(200), nullable=False),
    Column("request", LargeBinary(32), nullable=False),
    Column("contract", String(20), nullable=False),
    Column("function", String(30), nullable=False),
    Column("call", LargeBinary, nullable=False),
    Column("status", String(10), nullable=False),
    Column("submission", Integer, nullable=False, default=0),
    Column("block_number", BigInteger, nullable=False, default=0),
    UniqueConstraint("request"),
    Index("ix_outbox_status", "status", "id"),
    Index("ix_outbox_submission", "submission"),
    Index("ix_outbox_inbox_id", "inbox_id"),
    Index("ix_outbox_native_id", "native_id", "function"),
)
"""`status`: planned, sent (in a submission), done (seen in a final block)."""

submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contract", String(20), nullable=False),
    Column("sender", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("tx_hash", String(66), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("status", String(10), nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False, default=0),
    Index("ix_submissions_status", "status", "id"),
)
"""Signed transactions, byte for byte. `status`: signed, final, failed (reverted on chain), replaced (its nonce went
elsewhere)."""

documents = Table(
    "documents_out",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("canonical", LargeBinary, nullable=False),
    Column("delivered_at", BigInteger, nullable=False, default=0),
    Index("ix_documents_out_delivered_at", "delivered_at"),
)
"""Documents of this registry for the hub; delivered_at 0: still to be delivered, -1: the hub refused it (`faults` says
why)."""

effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(80), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("body", JSON, nullable=False),
    Column("status", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reference", String(200), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("queued_at", BigInteger, nullable=False),
    Column("about", String(100), nullable=False, server_default=text("''")),
    Column("unanswered", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", BigInteger, nullable=False, server_default=text("0")),
    Column("settled_by", String(200), nullable=False, server_default=text("''")),
    Column("settled_at", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("key"),
    Index("ix_effects_status", "status", "id"),
    Index("ix_effects_about", "about"),
)
"""What the registry is to be told. `status`: queued, booked, refused (by the registry, or by a person), person (on the
work list), unanswered (offered too often without an answer), needless (the end of a transfer whose announcement was
refused: nothing is to be undone).

`about`: the transfer, hold or recognition it belongs to, told in order. `unanswered`: how often the registry, though it
was there, gave no answer. `settled_by`, `settled_at`: the person who booked or refused it by hand, and when."""
