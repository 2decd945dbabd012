"""Socket Mode: the same app over connections that the bot opens, so that nothing comes inward.

Used by `app` where an app-level token is set. The SDK keeps each connection up and makes it anew;
what comes in goes through the very same listeners as over HTTP, and is acknowledged when it is
stored. What was not acknowledged Slack sends again, and the intake knows it by its id.
"""

import asyncio
import logging
from time import time

import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from integrations.slack.receiver import SHAPE_ERRORS

log = structlog.get_logger()

CONNECTIONS = 2
"""Connections at a time: while Slack renews one, the other takes what comes. It allows ten."""

WATCH_SECONDS = 1.0
"""How often the connections are counted, so that a change is told."""

_SILENT = logging.getLogger("release_bot.socket_mode")
_SILENT.setLevel(logging.CRITICAL + 1)
"""The SDK logs addresses with tickets in them, and bodies; what matters is told from here."""


class SlackSocket:
    """Connections for one app. `ping_seconds`: how often each is tried, and made anew if dead."""

    def __init__(
        self,
        app: AsyncApp,
        *,
        app_token: str,
        base_url: str,
        connections: int = CONNECTIONS,
        ping_seconds: float = 5.0,
    ) -> None:
        self._app = app
        self._token = app_token
        self._web = AsyncWebClient(base_url=base_url.rstrip("/") + "/", timeout=10)
        self._ping_seconds = ping_seconds
        self._count = connections
        self._clients: list[SocketModeClient] = []
        self._told: int | None = None

    async def run(self) -> None:
        """Connect and stay connected until cancelled. Slack out of reach is waited for."""
        self._clients = [self._client() for _ in range(self._count)]
        connecting = [asyncio.create_task(client.connect()) for client in self._clients]
        try:
            while True:
                await self._tell()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            for task in connecting:
                task.cancel()
            await asyncio.gather(*connecting, return_exceptions=True)
            await asyncio.gather(*(client.close() for client in self._clients))

    async def connected(self) -> int:
        """Count the connections that are up."""
        return sum([await client.is_connected() for client in self._clients])

    async def _tell(self) -> None:
        up = await self.connected()
        if up == self._told:
            return
        if up == 0:
            log.warning("socket_mode_down", wanted=self._count)
        else:
            log.info("socket_mode_up", connections=up, wanted=self._count)
        self._told = up

    def _client(self) -> SocketModeClient:
        client = SocketModeClient(
            app_token=self._token,
            logger=_SILENT,
            web_client=self._web,
            ping_interval=self._ping_seconds,
        )
        client.socket_mode_request_listeners.append(self._handle)
        return client

    async def _handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        started = time()
        try:
            answer: BoltResponse = await run_async_bolt_app(self._app, request)
        except SHAPE_ERRORS as error:
            log.warning("slack_request_refused", why=f"no known shape ({type(error).__name__})")
            answer = BoltResponse(status=400)
        if 400 <= answer.status < 500:  # noqa: PLR2004 - HTTP
            # Nobody listens for it, or it has no known shape: sent again it would be the same.
            answer = BoltResponse(status=200)
        try:
            await send_async_response(client, request, answer, started)
        except (ConnectionError, AttributeError):
            # The connection was renewed meanwhile: Slack sends it again, and it is known then.
            log.info("ack_lost", envelope=request.envelope_id)
