"""Tables of reconciliation."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Trees of holdings, to be made from the stored logs at the next start; results of reconciliations."""
    op.create_table(
        "holding_nodes",
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("series", sa.String(length=26), nullable=False),
        sa.Column("prefix", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("leaf", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", "level", "series", "prefix", name=op.f("pk_holding_nodes")),
    )
    op.create_table(
        "holding_roots",
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.String(length=66), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("member", name=op.f("pk_holding_roots")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("reconciliation", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member", sa.BigInteger(), nullable=False),
        sa.Column("registry", sa.String(length=100), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_time", sa.BigInteger(), nullable=False),
        sa.Column("registry_root", sa.String(length=66), nullable=False),
        sa.Column("chain_root", sa.String(length=66), nullable=False),
        sa.Column("differing_serials", sa.BigInteger(), nullable=False),
        sa.Column("disputed_blocks", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.String(length=66), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reconciliation", "version", name=op.f("pk_reconciliations")),
    )
    with op.batch_alter_table("reconciliations") as batch:
        batch.create_index("ix_reconciliations_received_at", ["received_at", "reconciliation", "version"])
        batch.create_index("ix_reconciliations_member", ["member"])


def downgrade() -> None:
    """Takes the tables away again."""
    op.drop_table("reconciliations")
    op.drop_table("holding_roots")
    op.drop_table("holding_nodes")
