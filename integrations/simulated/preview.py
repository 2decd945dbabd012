"""A simulated preview: answers each path with the page that it was given, like a team's service.

A page may be slow, large, or a redirect; a path without one is answered 404.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

from integrations.simulated.server import Now, SimulatedServer, Sleep


@dataclass(frozen=True)
class Page:
    """One answer. `seconds` is real time, since that is what its asker measures."""

    body: str | bytes = "ok"
    status: int = 200
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


class SimulatedPreview(SimulatedServer):
    """Pages by path. Several for one path: each is shown once, and the last from then on."""

    def __init__(self, now: Now, sleep: Sleep) -> None:
        super().__init__(now, sleep)
        self._pages: dict[str, list[Page]] = {}
        self.asked: Counter[str] = Counter()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._show)]

    def shows(self, path: str, *pages: Page) -> None:
        """Answer a path with these pages from now on."""
        self._pages[path] = list(pages)

    async def _show(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        pages = self._pages.get(request.path) or [Page("not found", status=404)]
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        await asyncio.sleep(page.seconds)
        body = page.body.encode() if isinstance(page.body, str) else page.body
        return web.Response(body=body, status=page.status, headers=page.headers)
