"""Tables of observed programmes: loads, refused rows, projects, units, changes, schema drift."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates them."""
    op.create_table(
        "observed_loads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stated_on", sa.String(length=10), nullable=False),
        sa.Column("dated_by", sa.String(length=20), nullable=False),
        sa.Column("loaded_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("profiles", sa.JSON(), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observed_loads")),
    )
    op.create_index("ix_observed_loads_source", "observed_loads", ["source", "id"])
    op.create_table(
        "observed_refusals",
        sa.Column("load", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(length=100), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("load", "number", name=op.f("pk_observed_refusals")),
    )
    op.create_table(
        "observed_projects",
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("native_id", sa.String(length=400), nullable=False),
        sa.Column("programme", sa.String(length=30), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("proponent", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("latitude", sa.String(length=40), nullable=False),
        sa.Column("longitude", sa.String(length=40), nullable=False),
        sa.Column("project_type", sa.Text(), nullable=False),
        sa.Column("methodology", sa.Text(), nullable=False),
        sa.Column("methodology_codes", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("status_raw", sa.Text(), nullable=False),
        sa.Column("listed_on", sa.String(length=10), nullable=True),
        sa.Column("registered_on", sa.String(length=10), nullable=True),
        sa.Column("status_on", sa.String(length=10), nullable=True),
        sa.Column("crediting_first", sa.String(length=10), nullable=True),
        sa.Column("crediting_last", sa.String(length=10), nullable=True),
        sa.Column("estimated_annual_kg", sa.BigInteger(), nullable=True),
        sa.Column("issued_kg", sa.BigInteger(), nullable=True),
        sa.Column("retired_kg", sa.BigInteger(), nullable=True),
        sa.Column("capacity_w", sa.BigInteger(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.String(length=10), nullable=False),
        sa.Column("last_seen", sa.String(length=10), nullable=False),
        sa.Column("gone_since", sa.String(length=10), nullable=True),
        sa.Column("first_load", sa.Integer(), nullable=False),
        sa.Column("last_load", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "native_id", name=op.f("pk_observed_projects")),
    )
    op.create_index("ix_observed_projects_country", "observed_projects", ["country"])
    op.create_index("ix_observed_projects_load", "observed_projects", ["source", "last_load"])
    op.create_index("ix_observed_projects_programme", "observed_projects", ["programme", "native_id"])
    op.create_table(
        "observed_units",
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("native_id", sa.String(length=400), nullable=False),
        sa.Column("programme", sa.String(length=30), nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("project_name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("unit_type", sa.Text(), nullable=False),
        sa.Column("methodology", sa.Text(), nullable=False),
        sa.Column("quantity_kg", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("vintage", sa.Integer(), nullable=True),
        sa.Column("period_first", sa.String(length=10), nullable=True),
        sa.Column("period_last", sa.String(length=10), nullable=True),
        sa.Column("issued_on", sa.String(length=10), nullable=True),
        sa.Column("ended_on", sa.String(length=10), nullable=True),
        sa.Column("serial_text", sa.Text(), nullable=False),
        sa.Column("serial_programme", sa.String(length=30), nullable=True),
        sa.Column("serial_series", sa.String(length=200), nullable=False),
        sa.Column("serial_first", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("serial_last", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("serial_project", sa.String(length=40), nullable=False),
        sa.Column("serial_fault", sa.String(length=40), nullable=False),
        sa.Column("serial_mended", sa.Text(), nullable=False),
        sa.Column("beneficiary", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status_raw", sa.Text(), nullable=False),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.String(length=10), nullable=False),
        sa.Column("last_seen", sa.String(length=10), nullable=False),
        sa.Column("gone_since", sa.String(length=10), nullable=True),
        sa.Column("first_load", sa.Integer(), nullable=False),
        sa.Column("last_load", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "native_id", name=op.f("pk_observed_units")),
    )
    op.create_index("ix_observed_units_load", "observed_units", ["source", "last_load"])
    op.create_index("ix_observed_units_project", "observed_units", ["programme", "project"])
    op.create_index(
        "ix_observed_units_serials", "observed_units", ["serial_programme", "serial_series", "serial_first"]
    )
    op.create_table(
        "observed_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("native_id", sa.String(length=400), nullable=False),
        sa.Column("load", sa.Integer(), nullable=False),
        sa.Column("stated_on", sa.String(length=10), nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("status_changed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observed_changes")),
    )
    op.create_index("ix_observed_changes_load", "observed_changes", ["source", "load"])
    op.create_index("ix_observed_changes_record", "observed_changes", ["source", "kind", "native_id"])
    op.create_table(
        "observed_drifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("settled_at", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observed_drifts")),
    )
    op.create_index("ix_observed_drifts_source", "observed_drifts", ["source", "settled_at"])
    op.create_table(
        "observed_accepted_drift",
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("heading", sa.String(length=300), nullable=False),
        sa.Column("actual", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "heading", name=op.f("pk_observed_accepted_drift")),
    )


def downgrade() -> None:
    """Drops them, and all that was observed with them."""
    for table in (
        "observed_accepted_drift",
        "observed_drifts",
        "observed_changes",
        "observed_units",
        "observed_projects",
        "observed_refusals",
        "observed_loads",
    ):
        op.drop_table(table)
