"""Looks at the database for `release-bot doctor`: schema, rights, time, wake-ups.

Used by `app`. Changes nothing: it makes no file, no table and no row.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import inspect, make_url, text
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.errors import TemporaryError
from bot.ports import Checkup, Finding
from bot.store import wakeups
from bot.store.migrate import standing
from bot.store.record_tables import (
    AuditAnchorRow,
    AuditCheckpointRow,
    AuditHeadRow,
    AuditRow,
    AuditTextRow,
)
from bot.store.session import Store
from migrations import guard

SUBJECT = "Database"
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
NEEDED = {
    AuditAnchorRow.__tablename__: ("SELECT",),
    AuditRow.__tablename__: ("SELECT", "INSERT"),
    AuditCheckpointRow.__tablename__: ("SELECT", "INSERT"),
    AuditHeadRow.__tablename__: ("SELECT", "UPDATE"),
    AuditTextRow.__tablename__: ("SELECT", "INSERT"),
}
"""What the bot needs on the record's tables; on each other table it needs everything. `audit erase`
and `audit prune` are run as the owner."""

_SCHEMA = """
SELECT current_user, current_schema(),
       COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false),
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'
"""

_TABLES = """
SELECT c.relname, pg_has_role(c.relowner, 'MEMBER'),
       has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),
       has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
 ORDER BY c.relname
"""


async def examine(store: Store) -> Checkup:
    """Look at it. One that can't be reached is one finding."""
    try:
        return await (_sqlite(store) if store.is_sqlite else _postgres(store))
    except (TemporaryError, OSError) as error:
        said = str(error).removeprefix("the database: ").rstrip(".")
        remedy = "Check DATABASE_URL, the network, and that the server runs."
        return Checkup(findings=(_bad(f"It can't be reached: {said}.", remedy),))


_GUARDS = {
    "postgresql": """
SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = current_schema() AND t.tgenabled <> 'D'
""",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}


async def missing_guards(session: AsyncSession) -> list[str] | None:
    """List the guards of the record that are not up; None where its tables aren't all there yet."""
    connection = await session.connection()
    dialect = connection.dialect.name
    if not await connection.run_sync(
        lambda sync: inspect(sync).has_table(AuditAnchorRow.__tablename__)
    ):
        return None
    up = await connection.run_sync(lambda sync: set(sync.execute(text(_GUARDS[dialect])).scalars()))
    return sorted(guard.names(dialect) - up)


def is_there(store: Store) -> bool:
    """Whether asking it makes no file: it is a server, or the file is there."""
    return not store.is_sqlite or Path(make_url(store.url).database or "").exists()


async def _sqlite(store: Store) -> Checkup:
    finding = _file(Path(make_url(store.url).database or ""))
    if finding is not None:
        return Checkup(findings=(finding,))
    found = await _schema(store)
    try:
        # The lock that every write takes, and nothing under it.
        async with store.write():
            pass
    except TemporaryError as error:
        remedy = "Give the bot's user the right to write the file; end what else holds its lock."
        found.append(_bad(f"It can't be written to: {error}.", remedy))
    else:
        found.append(_good("The bot may write to it."))
    return Checkup(findings=tuple(found))


def _file(file: Path) -> Finding | None:
    """Judge the file where nothing can be asked of it yet."""
    folder = file.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        remedy = "Make it, or give the bot's user the right to write there, or set DATABASE_URL."
        return _bad(f"The folder {folder} can't be written to.", remedy)
    return None if file.exists() else _good(f"There is no {file} yet; serve makes it.")


async def _postgres(store: Store) -> Checkup:
    began = time()
    server = await store.server_time()
    off = server.timestamp() - (began + time()) / 2
    found = [*await _schema(store), *await _rights(store), await _notices(store)]
    return Checkup(findings=tuple(found), ahead=off)


async def _schema(store: Store) -> list[Finding]:
    stored, known = await standing(store)
    return [_judged(stored, known)]


def _judged(stored: str | None, known: tuple[str, ...]) -> Finding:
    newest = known[0]
    if stored == newest:
        return _good(f"Its schema is the newest, {newest}.")
    if stored is None:
        return _good("It is empty; serve makes the tables.")
    if stored in known:
        remedy = "Run `release-bot migrate`; serve does it too when it starts."
        return _bad(f"Its schema is {stored}, and this version needs {newest}.", remedy)
    remedy = "Install the version that made it; this one goes on only for the time of a rollout."
    return _bad(f"Its schema is {stored}, which only a newer version knows.", remedy)


async def _rights(store: Store) -> list[Finding]:
    async with store.read() as session:
        connection = await session.connection()
        user, schema, may_create, read_only = (await connection.execute(text(_SCHEMA))).one()
        tables = (await connection.execute(text(_TABLES))).all()
    found = []
    if read_only:
        remedy = "Name the primary server in DATABASE_URL, not a standby."
        found.append(_bad("It takes no writes: it is a standby, or set to read only.", remedy))
    if not may_create:
        remedy = f"GRANT CREATE ON SCHEMA {schema or 'public'} TO {user};"
        said = f"{user} may not make tables in {schema or 'public'}, so it can't be migrated."
        found.append(_bad(said, remedy))
    found += [finding for row in tables for finding in _table(user, *row)]
    return found or [_good(f"{user} may migrate it and write to it.")]


def _table(user: str, name: str, owned: bool, *may: Any) -> Iterator[Finding]:  # noqa: FBT001 - a row
    """Say which rights on a table are missing. Nobody need change or delete the record."""
    needed = NEEDED.get(name, ALL)
    given = dict(zip(ALL, may, strict=True))
    missing = ", ".join(right for right in needed if not given[right])
    if missing:
        remedy = f"GRANT {missing} ON {name} TO {user};"
        yield _bad(f"{user} may not {missing} on the table {name}.", remedy)
    if not owned:
        remedy = f"ALTER TABLE {name} OWNER TO {user};"
        yield _bad(f"{user} does not own the table {name}, so it can't be migrated.", remedy)


async def _notices(store: Store) -> Finding:
    """Look whether what one replica says reaches another at once."""
    try:
        arrives = await wakeups.arrive(store.url)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        remedy = "Check that the server takes one more connection for each replica."
        return _bad(f"A connection to listen on can't be made: {type(error).__name__}.", remedy)
    if arrives:
        return _good("LISTEN and NOTIFY work: replicas wake each other at once.")
    remedy = (
        "Lead DATABASE_URL past pgbouncer, or set its pool_mode to session. Without it replicas "
        "look once a second, and nothing is lost."
    )
    return _bad("NOTIFY does not arrive: pgbouncer in transaction mode?", remedy)


def _good(sentence: str) -> Finding:
    return Finding(good=True, subject=SUBJECT, sentence=sentence)


def _bad(sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=SUBJECT, sentence=sentence, remedy=remedy)
