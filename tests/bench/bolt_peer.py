"""The peer: Bolt as its README has it, with a listener that does nothing but ack.

`python -m tests.bench.bolt_peer SLACK_API_URL TOKEN PORT`, as a process of its own like the bot.
"""

import sys
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


def _server(api: str, token: str) -> web.Application:
    app = AsyncApp(signing_secret="shh", client=AsyncWebClient(token=token, base_url=api))

    @app.command("/release")
    async def release(ack: Any) -> None:
        await ack()

    async def receive(request: web.Request) -> web.Response:
        answer = await app.async_dispatch(await to_bolt_request(request))
        found: web.Response = await to_aiohttp_response(answer)
        return found

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="ready")

    server = web.Application()
    server.add_routes([web.post("/slack/events", receive), web.get("/readyz", ready)])
    return server


if __name__ == "__main__":
    web.run_app(
        _server(sys.argv[1], sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[3]),
        access_log=None,
        print=lambda *_: None,
    )
