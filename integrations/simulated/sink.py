"""A simulated receiver of events: checks the signature, keeps what came, answers 204.

It stands for whatever another team runs. Like a careful one it takes an event once by its id,
and counts how often each came.
"""

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from integrations.simulated.server import Now, SimulatedServer, Sleep


@dataclass(frozen=True)
class Received:
    """One event as it came."""

    at: datetime
    path: str
    mode: str
    attributes: dict[str, Any]
    data: dict[str, Any]
    headers: dict[str, str]


class SimulatedSink(SimulatedServer):
    """Listens at every path; `key` is what it shares with the sender."""

    def __init__(self, now: Now, sleep: Sleep, *, key: str = "sink-key") -> None:
        super().__init__(now, sleep)
        self.key = key
        self.received: list[Received] = []
        self.times: Counter[str] = Counter()
        self.refused = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/{path:.*}", self._receive)]

    @property
    def told(self) -> list[tuple[str, str]]:
        """What came of deployments, once each, in the order of first coming: type and release."""
        return [
            (r.attributes["type"], r.data["deployment"]["deploymentId"])
            for r in self.received
            if "deployment" in r.data
        ]

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_signed(request.headers.get("X-Release-Bot-Signature-256", ""), body):
            self.refused += 1
            return web.json_response({"error": "bad signature"}, status=401)
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = from_http_event(HTTPMessage(headers, body))
        data = event.get_data()
        if not isinstance(data, dict) or headers.get("idempotency-key") != event.get_id():
            return web.json_response({"error": "not an event"}, status=422)
        self.times[event.get_id()] += 1
        if self.times[event.get_id()] == 1:
            mode = "binary" if "ce-id" in headers else "structured"
            attributes = event.get_attributes()
            self.received.append(
                Received(self.now(), request.path, mode, attributes, data, headers)
            )
        return web.Response(status=204)

    def _is_signed(self, given: str, body: bytes) -> bool:
        right = hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(given.encode(), f"sha256={right}".encode())
