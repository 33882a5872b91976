"""Runs the migrations over the connection that `pec_tracker.db.engine` hands in."""

from alembic import context

from pec_tracker.db.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
