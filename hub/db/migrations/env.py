"""Alembic's entry: the connection is always handed over by `hub.db.migrate`."""

from alembic import context

from hub.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
