"""Socket Mode: the app connects to Slack, and Slack sends it envelopes that it acknowledges.

Used by `app_side` when the app has connected. What is not acknowledged in time, or was on a
connection that closed, is delivered again on another.
"""

import asyncio
import json
import secrets
import time
from typing import Any

from aiohttp import WSMsgType, web

TRIES = 4
"""How often an envelope is delivered before the person is told that nobody answered."""

ACK_SECONDS = 3.0
"""How long Slack waits for an acknowledgement."""


class Sockets:
    """The app's connections. `drops` closes that many connections before their next ack."""

    def __init__(self) -> None:
        self.open: list[web.WebSocketResponse] = []
        self.drops = 0
        self.delivered: list[str] = []
        """Id of each envelope that was sent, as often as it was."""
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._turn = 0

    def ticket(self) -> str:
        """Make a ticket, which opens one connection."""
        made = secrets.token_hex(8)
        self._tickets.add(made)
        return made

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse(heartbeat=30.0)
        if request.query.get("ticket") not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(request.query["ticket"])
        await socket.prepare(request)
        self.open.append(socket)
        hello = {"type": "hello", "num_connections": len(self.open), "debug_info": {}}
        await socket.send_str(json.dumps(hello))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(json.loads(message.data))
        finally:
            if socket in self.open:
                self.open.remove(socket)
        return socket

    def _acknowledged(self, said: dict[str, Any]) -> None:
        future = self._waiting.get(said.get("envelope_id", ""))
        if future is not None and not future.done():
            future.set_result(said.get("payload") or {})

    async def refresh(self) -> None:
        """Ask the app to connect anew, as Slack does every few hours, and close."""
        for socket in list(self.open):
            said = {"type": "disconnect", "reason": "refresh_requested", "debug_info": {}}
            await socket.send_str(json.dumps(said))

    async def cut(self) -> None:
        """Close every connection without a word."""
        for socket in list(self.open):
            await socket.close()

    async def deliver(self, kind: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Send an envelope until it is acknowledged; the answer in it, or None."""
        envelope = {
            "type": kind,
            "envelope_id": secrets.token_hex(8),
            "payload": payload,
            "accepts_response_payload": kind == "slash_commands"
            or payload.get("type") == "view_submission",
        }
        until = time.monotonic() + ACK_SECONDS * TRIES
        attempt = 0
        while time.monotonic() < until and attempt < TRIES:
            if not self.open:
                await asyncio.sleep(0.02)
                continue
            answer = await self._tried(envelope | {"retry_attempt": attempt})
            if answer is not None:
                return answer
            attempt += 1
        return None

    async def _tried(self, envelope: dict[str, Any]) -> dict[str, Any] | None:
        self._turn += 1
        socket = self.open[self._turn % len(self.open)]
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = future
        try:
            await socket.send_str(json.dumps(envelope))
            self.delivered.append(envelope["envelope_id"])
            if self.drops:
                self.drops -= 1
                self.open.remove(socket)
                await socket.close()
                return None
            async with asyncio.timeout(ACK_SECONDS):
                return await future
        except (TimeoutError, ConnectionError):
            return None
        finally:
            self._waiting.pop(envelope["envelope_id"], None)
