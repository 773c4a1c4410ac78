"""Alembic's environment: it runs on the connection that `dynavera.records.migrate` hands it."""

from alembic import context

from dynavera.records.tables import Table

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
