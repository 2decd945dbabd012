"""INSERTs that know ON CONFLICT, in the words of either database."""

from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel.ext.asyncio.session import AsyncSession


def insert_for(session: AsyncSession) -> Any:
    """Pick the dialect's INSERT, which knows ON CONFLICT."""
    dialect = session.get_bind().dialect.name
    return sqlite_insert if dialect == "sqlite" else pg_insert


def unless_there(session: AsyncSession, table: Table) -> Any:
    """Give the INSERT that does nothing where the row is there; the row comes as `params`."""
    return _unless_there(insert_for(session), table)


@cache
def _unless_there(insert: Any, table: Table) -> Any:
    """Build it once: on the way of an ack or a click that is a third of what it costs."""
    return insert(table).on_conflict_do_nothing()
