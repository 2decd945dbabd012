"""Calls Slack's Web API through the SDK, with one shared session, and translates its errors."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import (
    ForbiddenError,
    MissingError,
    PermanentError,
    RateLimitedError,
    TemporaryError,
)
from bot.ports import Still
from integrations.calls import Told, result_of, timed, untold

GONE = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "user_not_in_channel",
        "user_not_found",
        "no_such_subteam",
        "thread_not_found",
    }
)
"""Errors that say: what was meant is not there (any more)."""

NOT_ALLOWED = frozenset(
    {"invalid_auth", "not_authed", "missing_scope", "account_inactive", "token_revoked",
     "token_expired", "no_permission", "restricted_action", "not_allowed_token_type"}
)  # fmt: skip

BUSY = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout",
     "team_added_to_org"}
)  # fmt: skip

LIMITED = frozenset({"ratelimited", "rate_limited"})


_STILL: ContextVar[Still | None] = ContextVar("still", default=None)


@contextmanager
def sent_only_if(still: Still | None) -> Iterator[None]:
    """Ask once more when a connection is there and the request is about to be written.

    Between the caller's own look and that moment lie the message's making and the connection's:
    long enough for a process to be frozen in.
    """
    token = _STILL.set(still)
    try:
        yield
    finally:
        _STILL.reset(token)


async def _ask_again(*_: object) -> None:
    still = _STILL.get()
    if still is not None:
        still()


def _asking() -> aiohttp.TraceConfig:
    asking = aiohttp.TraceConfig()
    asking.on_connection_create_end.append(_ask_again)
    asking.on_connection_reuseconn.append(_ask_again)
    return asking


class _Client(AsyncWebClient):
    """The SDK's client; each call is timed, by its method."""

    told: Told = staticmethod(untold)

    async def api_call(self, api_method: str, **given: Any) -> Any:
        """Call a method. Waits for the answer, and for the retries of a lost connection."""
        began = monotonic()
        result = "fault"
        try:
            answer = await super().api_call(api_method, **given)
            result = "ok"
        except SlackApiError as error:
            result = result_of(translated(error, write=False))
            raise
        except (TimeoutError, aiohttp.ClientError, OSError):
            result = "temporary"
            raise
        else:
            return answer
        finally:
            self.told(api_method, result, monotonic() - began)


class SlackWeb:
    """Two clients on one session: one that repeats lost connections, one that never does.

    A repeated `chat.postMessage` would post twice; the caller looks for the message instead.
    """

    def __init__(
        self, token: str, base_url: str, seconds: float = 10.0, told: Told = untold
    ) -> None:
        self._told = told
        self._token = token
        self._base_url = base_url.rstrip("/") + "/"
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None
        self._once: AsyncWebClient | None = None
        self._again: AsyncWebClient | None = None

    @property
    def base_url(self) -> str:
        """Where Slack's methods are."""
        return self._base_url

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = self._once = self._again = None

    def client(self, *, again: bool) -> AsyncWebClient:
        """Give the client that repeats lost connections, or the one that does not."""
        if self._session is None or self._once is None or self._again is None:
            timeout = aiohttp.ClientTimeout(self._seconds)
            self._session = aiohttp.ClientSession(timeout=timeout, trace_configs=[_asking()])
            self._once = self._made([])
            self._again = self._made([AsyncConnectionErrorRetryHandler(max_retry_count=1)])
        return self._again if again else self._once

    def _made(self, handlers: list[Any]) -> AsyncWebClient:
        made = _Client(
            token=self._token,
            base_url=self._base_url,
            timeout=int(self._seconds) or 1,
            session=self._session,
            retry_handlers=handlers,
        )
        made.told = self._told
        return made

    async def put(self, url: str, content: bytes) -> None:
        """Send a file's bytes to the address that Slack gave for them, by the way of every call.

        The address is secret and bears its own right: no token goes with it.
        """
        client = self.client(again=False)
        with timed(self._told, "files.upload"):
            status = await self.read(_posted(client, url, content))
            if status == 429 or status >= 500:  # noqa: PLR2004 - HTTP
                raise TemporaryError(f"Slack answered {status} to a file")
            if status != 200:  # noqa: PLR2004 - HTTP
                raise PermanentError(f"Slack answered {status} to a file")

    async def read(self, call: Awaitable[Any], *, write: bool = False) -> Any:
        """Await a call. A rate limit is never slept through here: the caller plans for it."""
        try:
            return await call
        except SlackApiError as error:
            raise translated(error, write=write) from error
        except TimeoutError as error:
            why = f"Slack didn't answer for {self._seconds:g} s"
            raise TemporaryError(why, unknown=write) from error
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryError("the connection to Slack failed", unknown=write) from error


async def _posted(client: AsyncWebClient, url: str, content: bytes) -> int:
    session = client.session
    if session is None:
        raise RuntimeError("the client was made without its session")
    async with session.post(
        url,
        data=content,
        headers={"Content-Type": "application/octet-stream"},
        proxy=client.proxy,
        allow_redirects=False,
    ) as answer:
        await answer.read()
        return answer.status


def translated(error: SlackApiError, *, write: bool) -> Exception:
    """Translate by meaning: wait, gone, not allowed, refused."""
    response = error.response
    code = str(response.get("error") or response.status_code)
    headers = {key.lower(): value for key, value in (response.headers or {}).items()}
    delay = float(headers.get("retry-after", 5))
    if code in LIMITED or response.status_code == 429:  # noqa: PLR2004 - HTTP
        return RateLimitedError(f"Slack says {code}", delay)
    if code in BUSY:
        return TemporaryError(f"Slack says {code}", delay)
    if response.status_code >= 500:  # noqa: PLR2004 - HTTP
        return TemporaryError(f"Slack answered {response.status_code}", unknown=write)
    if code in GONE:
        return MissingError(f"Slack: {code}")
    if code in NOT_ALLOWED:
        needed = f" (needs {response.get('needed')})" if response.get("needed") else ""
        return ForbiddenError(f"Slack: {code}{needed}. `release-bot doctor` says more")
    return PermanentError(f"Slack: {code}")
