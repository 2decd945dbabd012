"""Receives GitHub's webhooks. A webhook is a hint: the bot reads GitHub again before it acts."""

import hashlib
import hmac
import json

import structlog
from aiohttp import web

from bot.ports import Intake, Webhook

log = structlog.get_logger()

LARGEST = 25 * 2**20
"""Bytes of a payload; GitHub sends no more (docs: webhook events and payloads)."""


def webhook_route(secret: str, intake: Intake) -> web.RouteDef:
    """Make the route. Without a secret there must be none: then nobody calls this."""

    async def receive(request: web.Request) -> web.Response:
        body = await _body(request)
        if body is None:
            return web.json_response({"error": "the body is too large"}, status=413)
        if not signed(secret, body, request.headers.get("X-Hub-Signature-256", "")):
            log.warning("webhook_forged", remote=request.remote)
            return web.json_response({"error": "the signature is wrong"}, status=401)
        return await _take(request, body, intake)

    return web.post("/github/webhooks", receive)


async def _body(request: web.Request) -> bytes | None:
    """Read the raw body, but no more than GitHub would send."""
    if (request.content_length or 0) > LARGEST:
        return None
    parts, size = [], 0
    async for part in request.content.iter_chunked(2**16):
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Check the signature over the raw body, in constant time, whatever its form."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogateescape"))


async def _take(request: web.Request, body: bytes, intake: Intake) -> web.Response:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return web.json_response({"error": "the body is not JSON"}, status=400)
    event = request.headers.get("X-GitHub-Event", "")
    if event == "ping":
        return web.json_response({"ok": True})
    run = payload.get("workflow_run") if isinstance(payload, dict) else None
    if event != "workflow_run" or not isinstance(run, dict):
        return web.json_response({"ignored": event}, status=202)
    await intake.hint(
        Webhook(
            delivery=request.headers.get("X-GitHub-Delivery", ""),
            body_hash=hashlib.sha256(body).hexdigest(),
            event=event,
            release_marker=str(run.get("display_title") or ""),
        )
    )
    return web.json_response({"ok": True}, status=202)
