"""`HttpSinks`: posts signed events to the catalogue's addresses.

An event goes to the address as the catalogue writes it and nowhere else: no redirect is followed,
no proxy of the environment is used. What a sink answers beyond its status is never read.
"""

from collections.abc import Callable

import aiohttp

from bot.domain.events import PlatformEvent
from bot.domain.sinks import HttpSink
from bot.errors import PermanentError, TemporaryError
from bot.ports import Finding
from integrations.events.envelope import message

WAITING_MENDS = frozenset({408, 425, 429})
"""Refusals that say: not now. Every other 4xx says: never."""

IDLE_SECONDS = 30.0


class HttpSinks:
    """Every sink of the kind http. `secret` gives a key by the name of its variable."""

    def __init__(self, secret: Callable[[str], str | None], *, seconds: float = 10.0) -> None:
        self._secret = secret
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, sink: HttpSink, event: PlatformEvent) -> None:
        """Post one event; its status decides. Never sent unsigned."""
        key = self._secret(sink.secret)
        if not key:
            raise TemporaryError(f"{sink.secret} is not set, so nothing can be signed")
        headers, body = message(event, sink.mode, key)
        try:
            async with self._opened().post(
                sink.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError as error:
            raise TemporaryError(f"no answer for {self._seconds:g} s", unknown=True) from error
        except (aiohttp.ClientError, OSError) as error:
            what = type(error).__name__
            raise TemporaryError(f"the connection failed ({what})", unknown=True) from error
        _judge(status)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def check(self, name: str, sink: HttpSink) -> Finding:
        """Say whether a sink's events can be signed. Nothing is sent."""
        subject = f"Sink {name}"
        if self._secret(sink.secret):
            return Finding(good=True, subject=subject, sentence=f"Signs with {sink.secret}.")
        return Finding(
            good=False,
            subject=subject,
            sentence=f"{sink.secret} is not set, so no event is sent to it.",
            remedy=f"Set {sink.secret} or {sink.secret}_FILE to the key that it shares with us.",
        )


def _judge(status: int) -> None:
    """Raise unless the status says that the sink has the event."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP
        return
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP
        raise TemporaryError(f"it answered {status}, a redirect, which is not followed")
    if 400 <= status < 500 and status not in WAITING_MENDS:  # noqa: PLR2004 - HTTP
        raise PermanentError(f"it answered {status}")
    raise TemporaryError(f"it answered {status}")
