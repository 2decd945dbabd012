"""SQLite for the store: the standard library's driver, run on the event loop's own thread.

Used by `session`. A driver that runs in a thread of its own costs two changes of thread a
statement: measured, a transaction of twenty statements takes 10.4 ms so and 4 ms here, of which
the disk has one. What could block for long is another process's lock: it is waited for outside
the driver, so that the loop goes on meanwhile.
"""

import asyncio
import sqlite3
from time import monotonic
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_

SCHEME = "sqlite+inloop"
"""How an engine's URL names this dialect."""

BUSY_SECONDS = 1.2
"""How long another process's lock is waited for; below the 1.5 s that an ack may take."""

LOOK_SECONDS = 0.01
"""How often it is asked whether the lock is free."""

RECOVERY_SECONDS = 0.2
"""How long a reader waits inside the driver. Readers are locked out only for the moment in which
another process recovers or removes the write-ahead log."""


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """Asked for by SQLAlchemy where rows may be waited for. Here they never are."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class InLoopDialect(SQLiteDialect_pysqlite):
    """The synchronous dialect, offered to an asynchronous engine: its calls never wait long."""

    driver = "inloop"
    is_async = True
    supports_statement_cache = True


registry.register("sqlite.inloop", __name__, "InLoopDialect")


def sqlite_engine(url: str, *, size: int, writes: bool) -> AsyncEngine:
    """Open a file with so many connections, that write or that only read."""
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"
    patience = 0.0 if writes else RECOVERY_SECONDS
    engine = create_async_engine(
        url,
        hide_parameters=True,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        connect_args={"factory": _Connection},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late to keep a read and its write together.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            # Switching to WAL takes the file's lock: this once it may block.
            f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
            "journal_mode = WAL",
            f"busy_timeout = {int(patience * 1000)}",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def started(connection: Any) -> None:
        _begin(connection, statement)

    return engine


def _begin(connection: Any, statement: str) -> None:
    """Open the transaction; where another process has the lock, let the loop go on and wait."""
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.exec_driver_sql(statement)
        except OperationalError as error:
            if not _is_busy(error) or monotonic() >= end:
                raise
            await_(asyncio.sleep(LOOK_SECONDS))
        else:
            return


def _is_busy(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    # The low byte is the primary result code (sqlite.org/rescode.html).
    return (code & 0xFF) == sqlite3.SQLITE_BUSY
