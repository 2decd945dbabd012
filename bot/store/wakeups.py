"""Wake-ups across replicas: LISTEN and NOTIFY on a PostgreSQL connection of its own (§4.7).

Used by `app`. A wake-up only makes things sooner: each loop looks for itself once a second too, so
where none can come (pgbouncer in transaction mode, a server that is away) nothing is lost.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import structlog

log = structlog.get_logger()

CHANNEL = "release_bot"
PROOF_SECONDS = 2.0
"""How long the connection's own proof may take to come back."""

AGAIN_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)
"""How long to wait before the next try to listen, after each failure in a row."""

DEAF_SECONDS = 300.0
"""How long a server that hears and does not tell is left alone."""

_FAULTS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def arrive(url: str) -> bool:
    """Say whether a connection hears what is told on it; behind some pools it does not."""
    heard = asyncio.Event()
    connection = await asyncpg.connect(
        url.replace("postgresql+asyncpg://", "postgresql://"), timeout=5, command_timeout=5
    )
    try:
        # A channel of its own: nobody else is woken by the question.
        channel = f"{CHANNEL}_{secrets.token_hex(4)}"
        await connection.add_listener(channel, lambda *_: heard.set())
        await connection.execute("SELECT pg_notify($1, '')", channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(PROOF_SECONDS):
                await heard.wait()
        return heard.is_set()
    finally:
        with suppress(*_FAULTS):
            await connection.close(timeout=1)


class Wakeups:
    """One process's ear and mouth. `owner` marks what it said itself."""

    def __init__(self, url: str, owner: str) -> None:
        self._url = url.replace("postgresql+asyncpg://", "postgresql://")
        self._owner = owner
        self._news: set[str] = set()
        self._bell = asyncio.Event()
        self._proven = asyncio.Event()
        self._proof = ""
        self._ring: Callable[[str], None] = lambda _: None
        self.listening = False
        """Whether wake-ups of other replicas arrive; else they are found by polling."""

    def publish(self, name: str) -> None:
        """Wake that loop in the other replicas, as soon as may be."""
        self._news.add(name)
        self._bell.set()

    async def run(self, ring: Callable[[str], None]) -> None:
        """Listen, and tell, until cancelled. `ring` gets the name of the loop to wake."""
        self._ring = ring
        failed = 0
        while True:
            try:
                await self._connected()
            except _FAULTS as error:
                pause = AGAIN_SECONDS[min(failed, len(AGAIN_SECONDS) - 1)]
                failed += 1
                log.warning("wakeups_by_polling", why=type(error).__name__, again_in=pause)
            else:
                pause = DEAF_SECONDS
                failed = 0
                log.warning(
                    "wakeups_by_polling",
                    why="LISTEN is accepted, and nothing comes: pgbouncer in transaction mode?",
                    again_in=pause,
                )
            await asyncio.sleep(pause)

    async def _connected(self) -> None:
        """Work on one connection until it fails; returns where it turns out to be deaf."""
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=5)
        try:
            await connection.add_listener(CHANNEL, self._heard)
            if not await self._hears_itself(connection):
                return
            self.listening = True
            log.info("wakeups_listening")
            await self._tell(connection)
        finally:
            self.listening = False
            with suppress(*_FAULTS):
                await connection.close(timeout=1)

    async def _hears_itself(self, connection: Any) -> bool:
        self._proof = f"{self._owner} proof:{secrets.token_hex(8)}"
        self._proven.clear()
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._proof)
        with suppress(TimeoutError):
            async with asyncio.timeout(PROOF_SECONDS):
                await self._proven.wait()
        return self._proven.is_set()

    async def _tell(self, connection: Any) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._bell.wait()
            self._bell.clear()
            news, self._news = self._news, set()
            for name in news:
                said = f"{self._owner} {name}"
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, said)
            if not news:
                # A dead connection is found out by using it.
                await connection.execute("SELECT 1")

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        if payload == self._proof:
            self._proven.set()
        owner, _, name = payload.rpartition(" ")
        if owner != self._owner:
            self._ring(name)
