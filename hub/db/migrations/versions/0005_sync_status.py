"""Tables of sync_status."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The newest report of each registry's sync, and what became of recognitions."""
    op.create_table(
        "sync_status",
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("registry", sa.String(length=100), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signer", sa.String(length=42), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("member", "registry", name=op.f("pk_sync_status")),
    )

    op.create_table(
        "recognition_events",
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("block_time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=66), nullable=False),
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("home", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("terms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cause", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("block_number", "log_index", name=op.f("pk_recognition_events")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recognition_events_subject", "recognition_events", ["subject", "member"])


def downgrade() -> None:
    """Takes both away."""
    op.drop_table("recognition_events")
    op.drop_table("sync_status")
