"""How the simulated GitHub answers: errors in its shape, its budget in every header, pages."""

from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

from integrations.simulated.github.world import Object


class GitHubError(Exception):
    """An answer that is no success, in GitHub's shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(Protocol):
    """What an answer needs of the server."""

    token: str | None

    def now(self) -> datetime: ...


def answering(server: Server, handler: Any) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").split(" ")[-1]
        open_path = request.path.startswith("/blob/")
        if server.token and given != server.token and not open_path:
            return web.json_response({"message": "Bad credentials"}, status=401)
        try:
            result = await handler(request)
        except GitHubError as error:
            return web.json_response({"message": str(error)}, status=error.status)
        if isinstance(result, web.StreamResponse):
            return result
        reset = str(int(server.now().timestamp()) + 3600)
        headers = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4999",
            "X-RateLimit-Reset": reset,
        }
        return web.json_response(result, headers=headers)

    return answer


def page(request: web.Request, rows: list[Object]) -> list[Object]:
    size = min(int(request.query.get("per_page", "30")), 100)
    at = (int(request.query.get("page", "1")) - 1) * size
    return rows[at : at + size]
