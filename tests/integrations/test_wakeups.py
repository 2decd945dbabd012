"""LISTEN and NOTIFY: other replicas are woken at once, and polling is said where they can't be."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.store.session import async_url
from bot.store.wakeups import Wakeups
from tests.conftest import fresh_database, start_again


class Rings:
    """Names of the loops that were rung."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)


async def holds(what: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listening(url: str, owner: str) -> AsyncIterator[tuple[Wakeups, Rings]]:
    wakeups, rings = Wakeups(async_url(url), owner), Rings()
    task = asyncio.create_task(wakeups.run(rings))
    try:
        yield wakeups, rings
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_one_says_the_other_hears_and_not_itself(postgres: Any) -> None:
    url = fresh_database(postgres)
    async with listening(url, "a") as (mine, my_rings), listening(url, "b") as (other, rings):
        await holds(lambda: mine.listening and other.listening)
        mine.publish("mail")
        mine.publish("work")
        await holds(lambda: set(rings.names) >= {"mail", "work"})
        assert my_rings.names == [] or all("proof" in name for name in my_rings.names)


async def test_a_server_that_restarts_is_listened_to_again(own_postgres: Any) -> None:
    url = fresh_database(own_postgres)
    async with listening(url, "a") as (mine, _), listening(url, "b") as (other, rings):
        await holds(lambda: mine.listening and other.listening)
        await asyncio.to_thread(own_postgres.stop)
        await holds(lambda: not mine.listening and not other.listening, 30)
        await asyncio.to_thread(start_again, own_postgres)
        await holds(lambda: mine.listening and other.listening, 60)
        mine.publish("commands")
        await holds(lambda: "commands" in rings.names)


async def test_a_pooler_that_swallows_notifications_is_found_out(postgres: Any) -> None:
    parts = urlsplit(fresh_database(postgres))
    socket_path = parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432"
    server = await asyncio.start_server(_Deaf(socket_path).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://postgres@127.0.0.1:{port}{parts.path}?sslmode=disable"
    async with listening(url, "a") as (mine, rings):
        await asyncio.sleep(3.0)
        assert not mine.listening
        assert rings.names == []
        # Nothing is lost by saying it all the same.
        mine.publish("mail")
    server.close()


class _Deaf:
    """A pooler between client and server that hands on everything but notifications."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._path)
        await asyncio.gather(self._up(reader, up_writer), self._down(up_reader, writer))

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part)
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on whole messages: a type byte and a length that counts itself."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(5)
                rest = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] != b"A":
                    writer.write(head + rest)
        writer.close()
