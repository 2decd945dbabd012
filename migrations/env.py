"""Runs migrations on the connection that `bot.store.migrate` hands in."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import tables

metadata = SQLModel.metadata
assert tables.ReleaseRow.metadata is metadata  # noqa: S101 - the tables are loaded

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
