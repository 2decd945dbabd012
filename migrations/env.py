"""Runs migrations on the connection that `bot.store.migrate` hands in."""

from alembic import context
from sqlmodel import SQLModel

from bot.store import (
    approving_tables,
    evidence_tables,
    protection_tables,
    record_tables,
    review_tables,
    stop_tables,
    tables,
)
from migrations import guard

metadata = SQLModel.metadata
loaded = (
    tables.ReleaseRow,
    record_tables.AuditRow,
    stop_tables.StopRow,
    evidence_tables.EvidenceRow,
    review_tables.ReviewRow,
    approving_tables.DelegationRow,
    protection_tables.ProtectionRow,
)
assert all(row.metadata is metadata for row in loaded)  # noqa: S101 - the tables are loaded
connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    # SQLite makes a table anew to change it, and first reads every trigger that names it. So the
    # guards stand aside, and whatever a migration did they stand again at its end, in the same
    # transaction.
    guard.take_down(connection)
    context.run_migrations()
    guard.put_up(connection)
