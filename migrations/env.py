"""Runs migrations on the connection that `bot.store.migrate` hands in."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import approving_tables, evidence_tables, record_tables, stop_tables, tables
from migrations import guard

metadata = SQLModel.metadata
assert tables.ReleaseRow.metadata is record_tables.AuditRow.metadata is metadata  # noqa: S101 - the tables are loaded
assert stop_tables.StopRow.metadata is metadata  # noqa: S101 - likewise
assert evidence_tables.EvidenceRow.metadata is metadata  # noqa: S101 - likewise
assert approving_tables.DelegationRow.metadata is metadata  # noqa: S101 - likewise
connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
    # Whatever a migration did to the record's tables (SQLite makes a table anew to change it, and
    # the guards go with the old one), they stand again at its end, in the same transaction.
    guard.put_up(connection)
