"""A member's open transfers, found among all that it ever made."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Asked at every pass of every city: by member and status, so that the ended ones cost nothing."""
    op.drop_index("ix_transfers_from_member", "transfers")
    op.create_index("ix_transfers_from_member", "transfers", ["from_member", "status"])


def downgrade() -> None:
    """By member alone."""
    op.drop_index("ix_transfers_from_member", "transfers")
    op.create_index("ix_transfers_from_member", "transfers", ["from_member"])
