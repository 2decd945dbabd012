"""`PreviewChecks`: the `HttpChecks` port. Asks the hosts that the catalogue lists, and no other.

Each question has a connection of its own. No redirect is followed, no proxy of the environment is
used, nothing secret is sent, and no more than the limit of a body is read.
"""

from collections.abc import Collection
from time import monotonic

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bot.domain.checks import Answer
from bot.domain.smoke import host_of, is_address, is_allowed, is_listed
from bot.errors import PermanentError, TemporaryError
from integrations.addresses import JudgedResolver, check
from integrations.calls import Told, timed, untold

MOST = 2**20
"""Bytes of a body."""

PART = 2**16

HEADERS = {"User-Agent": "release-bot", "Accept-Encoding": "identity"}
"""A body that is not compressed can't grow when it is read."""


class PreviewChecks:
    """Asks by HTTP. `seconds` is the longest that an answer may take."""

    def __init__(
        self,
        *,
        seconds: float = 10.0,
        told: Told = untold,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._seconds = seconds
        self._told = told
        self._resolver = resolver

    async def ask(self, method: str, url: str, hosts: Collection[str]) -> Answer:
        """Ask once. Raises PermanentError where nobody may be asked, TemporaryError if silent."""
        where = URL(url)
        host = where.raw_host or ""
        # Read by the client's own eyes: what it connects to is what was judged.
        if host != host_of(url) or not is_allowed(host, hosts):
            raise PermanentError(f"was not asked: {host} is not among the policy's smoke_hosts")
        listed = is_listed(host, hosts)
        if is_address(host):
            check(host, host, listed=listed)
        with timed(self._told, method.lower()):
            return await self._asked(method, where, listed=listed)

    async def _asked(self, method: str, where: URL, *, listed: bool) -> Answer:
        began = monotonic()
        try:
            async with (
                self._session(listed=listed) as session,
                session.request(method, where, allow_redirects=False) as answer,
            ):
                body = await _body(answer)
        except TimeoutError as error:
            raise TemporaryError(f"gave no answer for {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            what = type(error).__name__
            raise TemporaryError(f"gave no answer: the connection failed ({what})") from error
        took = round((monotonic() - began) * 1000)
        return Answer(status=answer.status, milliseconds=took, body=body)

    def _session(self, *, listed: bool) -> aiohttp.ClientSession:
        resolver = JudgedResolver(self._resolver or ThreadedResolver(), listed=listed)
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            connector=aiohttp.TCPConnector(
                resolver=resolver, use_dns_cache=False, force_close=True, limit=1
            ),
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


async def _body(answer: aiohttp.ClientResponse) -> str | None:
    """Read a body as UTF-8, whatever it says of itself; None where it is over the limit."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(PART):
        size += len(part)
        if size > MOST:
            return None
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
