"""`Prometheus`: the `Metrics` port over the HTTP API. Reads only; made by `app`.

Queries go as forms, since a selector may be longer than an address. No redirect is followed, no
proxy of the environment is used. Never logs a query, an answer or the token.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import aiohttp

from bot.domain.counters import Sample, Series
from bot.errors import (
    ForbiddenError,
    MissingError,
    PermanentError,
    RateLimitedError,
    TemporaryError,
)
from integrations.calls import Told, timed, untold
from integrations.prometheus import answers

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)

MOST = 16 * 2**20
"""Bytes of an answer that are read at the most."""

IDLE_SECONDS = 30.0
"""How long a connection is kept for the next query."""

AGAIN_SECONDS = 30.0
"""How long to wait after a 429 that doesn't say."""

WAITING_MENDS = frozenset({408, 425})
"""Refusals that say: not now. Of 429 more is said."""


_Read = TypeVar("_Read")


class Prometheus:
    """One server. `url` may have a path, `seconds` is the limit of one request.

    Every call raises TemporaryError where there is no whole answer, and PermanentError where the
    query or the token is refused.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        seconds: float = 10.0,
        told: Told = untold,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._seconds = seconds
        self._told = told
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def counters(
        self, selector: str, until: datetime, reach: timedelta
    ) -> tuple[Series, ...]:
        """Read the raw samples of a selector's series in so much time before `until`."""
        # Upwards to whole seconds, which every version reads: a little more than asked for.
        window = f"{selector}[{max(1, -(-reach // SECOND))}s]"
        return await self._query(window, until, answers.series_of)

    async def number(self, query: str, at: datetime) -> float | None:
        """Evaluate a query that gives one number; None where there is no data, or no number."""
        return await self._query(query, at, answers.number_of)

    async def course(
        self, query: str, since: datetime, until: datetime, step: timedelta
    ) -> tuple[Sample, ...]:
        """Read how such a query's number went, for a chart. Moments without one are left out."""
        form = _range(query, since, until, step)
        return await self._ask("POST", "query_range", answers.course_of, form)

    async def courses(
        self, query: str, since: datetime, until: datetime, step: timedelta
    ) -> tuple[Series, ...]:
        """Read how a query's numbers went, a series each."""
        form = _range(query, since, until, step)
        return await self._ask("POST", "query_range", answers.series_of, form)

    async def version(self) -> str:
        """Say which version it is. Raises MissingError where it doesn't tell."""
        return await self._ask("GET", "status/buildinfo", answers.version_of)

    async def _query(self, query: str, at: datetime, read: Callable[[bytes], _Read]) -> _Read:
        return await self._ask("POST", "query", read, {"query": query, "time": _stamp(at)})

    async def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], _Read],
        form: Mapping[str, str] | None = None,
    ) -> _Read:
        # It should give up when nobody listens any more.
        sent = {**form, "timeout": f"{self._seconds:g}"} if form is not None else None
        # What came is parsed in here too: an answer that can't be read is no good call.
        with timed(self._told, f"{method.lower()} {path}"):
            try:
                async with self._opened().request(
                    method, f"{self._url}/api/v1/{path}", data=sent, allow_redirects=False
                ) as answer:
                    body = await _limited(answer)
            except TimeoutError as error:
                sentence = f"nothing came for {self._seconds:g} s"
                raise TemporaryError(f"Prometheus doesn't answer: {sentence}") from error
            except (aiohttp.ClientError, OSError) as error:
                sentence = f"the connection failed ({type(error).__name__})"
                raise TemporaryError(f"Prometheus doesn't answer: {sentence}") from error
            _judge(answer.status, answer.headers, body)
            return read(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


async def _limited(answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > MOST:
            answer.close()
            raise PermanentError(
                f"Prometheus answers with more than {MOST // 2**20} MB: the query selects too much"
            )
        parts.append(part)
    return b"".join(parts)


def _judge(status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise unless the status says that this is the answer."""
    if status == 200:  # noqa: PLR2004 - HTTP
        return
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP
        sentence = f"it says {status}, a redirect, which is not followed"
        raise TemporaryError(f"Prometheus doesn't answer: {sentence}")
    if status in (400, 422):
        said = answers.said_in(body) or f"it says {status}"
        raise PermanentError(f"Prometheus refuses the query: {said}")
    if status in (401, 403):
        raise ForbiddenError(f"Prometheus doesn't let the bot in: it says {status}")
    if status == 404:  # noqa: PLR2004 - HTTP
        raise MissingError("Prometheus has no such path: it says 404")
    if status == 429:  # noqa: PLR2004 - HTTP
        raise RateLimitedError("Prometheus doesn't answer: it says 429", _delay(headers))
    if 400 <= status < 500 and status not in WAITING_MENDS:  # noqa: PLR2004 - HTTP
        raise PermanentError(f"Prometheus refuses the request: it says {status}")
    raise TemporaryError(f"Prometheus doesn't answer: it says {status}")


def _delay(headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks to wait."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else AGAIN_SECONDS


def _range(query: str, since: datetime, until: datetime, step: timedelta) -> dict[str, str]:
    """Write the form of a query over a range."""
    return {
        "query": query,
        "start": _stamp(since),
        "end": _stamp(until),
        "step": f"{step.total_seconds():.3f}",
    }


def _stamp(moment: datetime) -> str:
    """Write a moment in seconds since 1970, cut to the millisecond: never later than it is."""
    whole = (moment - EPOCH) // MILLISECOND
    return f"{whole // 1000}.{whole % 1000:03}"
