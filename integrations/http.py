"""The bot's HTTP application: the receivers' routes, health and metrics."""

import secrets
from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiohttp import web

from bot.ports import Health

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_http(health: Health, routes: Iterable[web.RouteDef]) -> web.Application:
    """Make the application. Sizes of bodies are limited by each receiver itself."""
    app = web.Application(middlewares=[_guarded], client_max_size=32 * 2**20)

    async def alive(_request: web.Request) -> web.Response:
        good = health.alive()
        return web.json_response({"alive": good}, status=200 if good else 503)

    async def ready(_request: web.Request) -> web.Response:
        good = health.ready()
        return web.json_response({"ready": good}, status=200 if good else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=health.metrics(), content_type="text/plain", charset="utf-8")

    app.add_routes(
        [
            web.get("/healthz", alive),
            web.get("/readyz", ready),
            web.get("/metrics", metrics),
            *routes,
        ]
    )
    return app


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a bug into an id that the log knows too; tell nothing of what is inside."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        error_id = f"err-{secrets.token_hex(2)}"
        log.exception("request_failed", path=request.path, error_id=error_id)
        body = {"error": "This is a fault of the bot.", "id": error_id}
        return web.json_response(body, status=500)


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Start listening; the runner to clean up later, and the URL. Port 0 takes a free one."""
    # Unpacked by who takes packed bodies: there it ends at a limit, and what is broken is refused.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    bound = runner.addresses[0]
    return runner, f"http://{host}:{bound[1]}"
