"""`ICalendars`: gets a calendar by https from a listed host, or from a file beside the catalogue.

No redirect is followed, no proxy of the environment is used, nothing secret is sent, and no more
than the limit of a body is read. A host that leads into a private network is not asked.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bot.domain.calendar import Span
from bot.domain.smoke import host_of, is_address, is_allowed
from bot.domain.stops import LOOPBACK
from bot.errors import PermanentError, TemporaryError
from integrations.addresses import JudgedResolver, check
from integrations.calendars.reading import spans_of
from integrations.calls import Told, timed, untold

MOST = 2**20
"""Bytes of a calendar."""

PART = 2**16

HEADERS = {"User-Agent": "release-bot", "Accept": "text/calendar", "Accept-Encoding": "identity"}
"""A body that is not compressed can't grow when it is read."""


class ICalendars:
    """Reads calendars. `folder`: where files are. `seconds`: how long an answer may take."""

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = 10.0,
        told: Told = untold,
        resolver: AbstractResolver | None = None,
        ssl: bool | aiohttp.Fingerprint = True,
    ) -> None:
        self._folder = folder
        self._seconds = seconds
        self._told = told
        self._resolver = resolver
        self._ssl = ssl

    async def read(self, source: str, hosts: Collection[str]) -> str:
        """Read a calendar's text."""
        if "://" not in source:
            return await asyncio.to_thread(self._file, source)
        where = URL(source)
        host = where.raw_host or ""
        # Read by the client's own eyes: what it connects to is what was judged.
        if host != host_of(source) or not is_allowed(host, hosts):
            raise PermanentError(f"{host} is not in calendars.hosts")
        itself = host in LOOPBACK
        if where.scheme != "https" and not itself:
            raise PermanentError(f"{host} must be asked by https")
        if is_address(host):
            check(host, host, listed=itself, public=True)
        with timed(self._told, "get"):
            return _text(await self._asked(where, itself=itself), source)

    def _file(self, name: str) -> str:
        folder = self._folder.resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder):
            raise PermanentError(f"{name} is not beside the catalogue")
        try:
            with path.open("rb") as file:
                return _text(file.read(MOST + 1), name)
        except OSError as error:
            raise PermanentError(f"{name} can't be read: {error.strerror}") from error

    async def _asked(self, where: URL, *, itself: bool) -> bytes:
        try:
            async with (
                self._session(itself=itself) as session,
                session.get(where, allow_redirects=False, ssl=self._ssl) as answer,
            ):
                if 300 <= answer.status < 400:  # noqa: PLR2004 - HTTP
                    raise PermanentError(f"{where.host} answered with a redirect; name its goal")
                if answer.status != 200:  # noqa: PLR2004 - HTTP
                    raise TemporaryError(f"{where.host} answered {answer.status}")
                return await _body(answer)
        except TimeoutError as error:
            raise TemporaryError(f"{where.host} gave no answer for {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            what = type(error).__name__
            raise TemporaryError(f"the connection to {where.host} failed ({what})") from error

    def _session(self, *, itself: bool) -> aiohttp.ClientSession:
        inner = self._resolver or ThreadedResolver()
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            connector=aiohttp.TCPConnector(
                resolver=JudgedResolver(inner, listed=itself, public=True),
                use_dns_cache=False,
                force_close=True,
                limit=1,
            ),
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def spread(
        self, text: str, zone: str, since: datetime, until: datetime
    ) -> tuple[Span, ...]:
        """Work out when its events are; beside the loop, for it may take a while."""
        return await asyncio.to_thread(spans_of, text, zone, since, until)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(PART):
        size += len(part)
        parts.append(part)
        if size > MOST:
            break
    return b"".join(parts)


def _text(body: bytes, source: str) -> str:
    if len(body) > MOST:
        raise PermanentError(f"{source} is larger than {MOST // 2**20} MB")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PermanentError(f"{source} is not UTF-8 at byte {error.start}") from error
    if "BEGIN:VCALENDAR" not in text:
        raise PermanentError(f"{source} is no iCalendar")
    return text
