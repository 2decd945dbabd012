"""How the simulated GitHub answers: errors in its shape, its budget in every header, pages."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

from aiohttp import web

T = TypeVar("T")


class GitHubError(Exception):
    """An answer that is no success, in GitHub's shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rights(Protocol):
    """Who may do what."""

    token: str

    def check(self, request: web.Request) -> None: ...

    def headers(self) -> dict[str, str]: ...

    def is_app(self, given: str) -> bool: ...


class Server(Protocol):
    """What an answer needs of the server."""

    token: str | None
    budget: dict[str, int]

    @property
    def rights(self) -> Rights: ...

    def now(self) -> datetime: ...


def answering(server: Server, handler: Any) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").split(" ")[-1]
        if not _may_enter(server, request.path, given):
            return web.json_response({"message": "Bad credentials"}, status=401)
        try:
            server.rights.check(request)
            result = await handler(request)
        except GitHubError as error:
            return web.json_response({"message": str(error)}, status=error.status)
        if isinstance(result, web.StreamResponse):
            return result
        reset = str(int(server.now().timestamp()) + 3600)
        headers = {
            "X-RateLimit-Limit": str(server.budget["limit"]),
            "X-RateLimit-Remaining": str(server.budget["remaining"]),
            "X-RateLimit-Reset": reset,
            **server.rights.headers(),
        }
        return web.json_response(result, headers=headers)

    return answer


def _may_enter(server: Server, path: str, given: str) -> bool:
    if path.startswith("/blob/"):
        return True
    if path.startswith("/app/"):
        return server.rights.is_app(given)
    return not server.token or given in (server.token, server.rights.token)


def page(request: web.Request, rows: list[T]) -> list[T]:
    size = min(int(request.query.get("per_page", "30")), 100)
    at = (int(request.query.get("page", "1")) - 1) * size
    return rows[at : at + size]
