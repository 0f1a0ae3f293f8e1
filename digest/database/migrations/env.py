"""Alembic's entry: runs the steps on the connection that `digest.database.migrate` opened."""

from alembic import context

from digest.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
