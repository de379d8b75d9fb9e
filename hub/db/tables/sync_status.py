"""How each registry's sync stands, by its adapter's own signed word: the newest report of each."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from hub.db.tables.columns import ADDRESS, metadata, whole

sync_status = Table(
    "sync_status",
    metadata,
    whole("member", key=True),
    Column("registry", String(100), primary_key=True),
    whole("reported_at"),
    whole("received_at"),
    Column("signer", ADDRESS, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("report", LargeBinary, nullable=False),
)
"""`reported_at` by the clock of the machine that syncs; `report`: canonical `SyncFacts`, what the signature is over."""
