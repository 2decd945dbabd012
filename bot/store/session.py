"""Opens the database and its transactions, on SQLite and on PostgreSQL alike.

Used by the engine. Faults of the database come out as StoreError, whatever the driver.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.releases import Release
from bot.errors import StoreError
from bot.store.sqlite import SCHEME, sqlite_engine

Session = AsyncSession
"""One transaction's session: what the other files of `store` take first."""

_DRIVERS = {
    "sqlite": SCHEME,
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


_CLOSE_SECONDS, _CLOSE_LOOKS = 0.02, 100
"""How often and how long a closing store looks for transactions that end: a cancelled one is
rolled back behind its task's back."""

_RAW = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the driver raises as it is while a connection is being made: a server that starts up."""


_ENDINGS = "endings"

_LAST_PORT = 65535

_KINDS = "DATABASE_URL must start with sqlite:/// or postgresql://"
_PORT = (
    "DATABASE_URL has a broken port: behind the host there must be a number from 1 to 65535, "
    "and an @ in the password is written %40"
)


def async_url(url: str) -> str:
    """Write a `DATABASE_URL` with the asynchronous driver.

    Raises ValueError on other kinds and on a broken port, in words that don't hold the URL.
    """
    scheme, _, rest = url.partition("://")
    driver = _DRIVERS.get(scheme.split("+", 1)[0])
    if driver is None or "://" not in url:
        raise ValueError(_KINDS)
    written = f"{driver}://{rest}"
    try:
        made = make_url(written)
    except ValueError:
        # It quotes what it took for the port, which may be the half of a password.
        raise ValueError(_PORT) from None
    if driver == SCHEME and made.host is not None:
        raise ValueError(_KINDS)
    if made.port is not None and not 0 < made.port <= _LAST_PORT:
        raise ValueError(_PORT)
    return _with_ssl(made) if "sslmode" in made.query else written


def _with_ssl(made: URL) -> str:
    """Write libpq's `sslmode`, which providers hand out, as the driver calls it."""
    mode = made.query["sslmode"]
    plain = made.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return plain.render_as_string(hide_password=False)


def changed(result: Any) -> int:
    """Count the rows that a statement changed."""
    count: int = result.rowcount
    return count


def note_ending(session: AsyncSession, release: Release) -> None:
    """Note that a release ends; `Store.ended` hears of it if the transaction holds."""
    session.info.setdefault(_ENDINGS, []).append(release)


def _nobody(_release: Release) -> None:
    """Hear of an ending and do nothing."""


class Store:
    """The database. One writer at a time on SQLite, in the order of asking; readers beside it."""

    def __init__(self, url: str) -> None:
        try:
            self.url = async_url(url)
        except ValueError as error:
            raise StoreError(f"{error}.") from None
        self.is_sqlite = self.url.startswith("sqlite")
        self.ended: Callable[[Release], None] = _nobody
        """Hears of each release that ended, once that is stored."""
        if self.is_sqlite:
            self._writer = sqlite_engine(self.url, size=1, writes=True)
            self._reader = sqlite_engine(self.url, size=4, writes=False)
        else:
            self._writer = _postgresql_engine(self.url)
            # Under READ COMMITTED each statement sees the database as it is then, in a
            # transaction or without one; without, a read asks the server twice and not six times.
            self._reader = _postgresql_engine(self.url, isolation_level="AUTOCOMMIT")

    @property
    def writer(self) -> AsyncEngine:
        """The engine that writes; for migrations and for tests that watch its commits."""
        return self._writer

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that commits at the end of the block, or not at all."""
        async with _translated(), self._session(self._writer) as session:
            yield session
            await session.commit()
            endings: list[Release] = session.info.pop(_ENDINGS, [])
        for release in endings:
            self.ended(release)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session that only reads.

        One transaction on SQLite; on PostgreSQL each statement is one of its own.
        """
        async with _translated(), self._session(self._reader) as session:
            yield session

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        """Open a session; what was not committed at its end is rolled back."""
        session = AsyncSession(engine, expire_on_commit=False)
        try:
            yield session
        finally:
            # On SQLite closing never waits, so nothing can cut it short; elsewhere a task does it.
            await (session.close() if self.is_sqlite else asyncio.shield(session.close()))

    async def server_time(self) -> datetime:
        """Ask a PostgreSQL server for its time. SQLite has none of its own: don't ask."""
        async with _translated(), self._reader.connect() as connection:
            answer = await connection.execute(text("SELECT clock_timestamp()"))
            found: datetime = answer.scalar_one()
            return found

    async def close(self) -> None:
        """Close every connection, once the last transactions have given theirs back."""
        for engine in {self._writer, self._reader}:
            for _ in range(_CLOSE_LOOKS):
                if not engine.pool.checkedout():  # type: ignore[attr-defined]
                    break
                await asyncio.sleep(_CLOSE_SECONDS)
            await engine.dispose()


def _postgresql_engine(url: str, **options: Any) -> AsyncEngine:
    """Open a pool of up to ten connections."""
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_size=5,
        max_overflow=5,
        pool_timeout=5,
        pool_pre_ping=True,
        connect_args={"timeout": 5, "command_timeout": 15},
        **options,
    )


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, OSError, *_RAW) as error:
        raise StoreError(f"the database: {_in_words(error)}", delay=1.0) from error


def _in_words(error: Exception) -> str:
    """Name the fault; in the driver's own first line where that can't hold a row's value."""
    if not isinstance(error, OperationalError | ProgrammingError):
        return type(error).__name__
    said = str(error.orig).splitlines()
    return said[0] if said and said[0] else type(error).__name__
