"""What every simulated system stands on: a loopback HTTP server, its journal and its faults.

Used by the simulated Slack, GitHub and Kubernetes. Knows nothing of any of them.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from time import time
from typing import Any, Literal

from aiohttp import web

Now = Callable[[], datetime]
"""The simulated system's clock: aware, in UTC. Tests hand in a virtual one."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits that many seconds of the same clock."""

FaultKind = Literal["status", "slow", "drop_before", "drop_after", "hang"]


@dataclass
class Fault:
    """Something that goes wrong with the next requests that match.

    `drop_before` closes the connection before the request has any effect, `drop_after` when
    the effect is done and the caller never learns of it. `slow` waits `seconds` of real time and
    then answers; `hang` waits `seconds` and then drops. `times` None means: until it is lifted.
    """

    kind: FaultKind
    path: str = ".*"
    method: str | None = None
    times: int | None = 1
    status: int = 503
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault strikes a request with that method and path (with its query)."""
        if self.times is not None and self.times <= 0:
            return False
        return (self.method in (None, method)) and re.search(self.path, path) is not None


@dataclass(frozen=True)
class Entry:
    """One request as the simulated system saw it. `status` 0: the connection was dropped."""

    at: datetime
    method: str
    path: str
    body: bytes
    status: int


class SimulatedServer:
    """A small aiohttp server on 127.0.0.1 with a journal of requests and faults on demand.

    Subclasses add their routes in `routes()`. `POST /_control/faults` takes the fields of
    `Fault` as JSON, `DELETE /_control/faults` lifts them all, `GET /_control/journal` lists what
    was asked; so a program in another process can make faults too.
    """

    def __init__(self, now: Now, sleep: Sleep) -> None:
        self.now = now
        self.sleep = sleep
        self.faults: list[Fault] = []
        self.journal: list[Entry] = []
        self.url = ""
        self.clock_off = 0.0
        """Seconds by which its `Date` header is ahead of the real time."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    def routes(self) -> list[web.RouteDef]:
        """The simulated API's routes."""
        return []

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; `url` tells where. Port 0 takes a free one."""
        app = web.Application(middlewares=[self._middleware], client_max_size=32 * 2**20)
        app.add_routes(
            [
                web.post("/_control/faults", self._add_fault),
                web.delete("/_control/faults", self._lift_faults),
                web.get("/_control/journal", self._show_journal),
                *self.routes(),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Stop listening and end every task of this server."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests (a webhook to deliver); it ends with the server."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def fail(self, fault: Fault) -> Fault:
        """Make that fault from now on; returns it, so that a caller may lift it."""
        self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Lift all faults."""
        self.faults.clear()

    def _strike(self, method: str, path: str) -> Fault | None:
        fault = next((f for f in self.faults if f.matches(method, path)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
        return fault

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith("/_control/"):
            return await handler(request)
        body = await request.read()
        fault = self._strike(request.method, request.path_qs)
        response = await self._answer(request, handler, fault)
        dropped = fault is not None and fault.kind in ("drop_before", "drop_after", "hang")
        status = 0 if dropped else response.status
        self.journal.append(Entry(self.now(), request.method, request.path_qs, body, status))
        if not response.prepared:
            response.headers["Date"] = formatdate(time() + self.clock_off, usegmt=True)
        if dropped and request.transport is not None:
            request.transport.abort()
        return response

    async def _answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        fault: Fault | None,
    ) -> web.StreamResponse:
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault is None or fault.kind in ("slow", "drop_after"):
            return await handler(request)
        if fault.kind == "status":
            return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        return web.Response(status=500)

    async def _add_fault(self, request: web.Request) -> web.Response:
        self.fail(Fault(**await request.json()))
        return web.json_response({"faults": len(self.faults)})

    async def _lift_faults(self, _request: web.Request) -> web.Response:
        self.heal()
        return web.json_response({"faults": 0})

    async def _show_journal(self, _request: web.Request) -> web.Response:
        rows = [
            {"at": e.at.isoformat(), "method": e.method, "path": e.path, "status": e.status}
            for e in self.journal
        ]
        return web.json_response(rows)
