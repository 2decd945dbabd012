"""Runs migrations on the connection that `bot.store.migrate` hands in."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import approving_tables, tables

metadata = SQLModel.metadata
assert tables.ReleaseRow.metadata is metadata  # noqa: S101 - the tables are loaded
assert approving_tables.DelegationRow.metadata is metadata  # noqa: S101 - likewise

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
