"""Receives GitHub's webhooks. A webhook is a hint: the bot reads GitHub again before it acts."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web

from bot.ports import Intake, Webhook
from integrations.github.deployment_hooks import asked, deployed

Json = dict[str, Any]

log = structlog.get_logger()

SIGNATURE = re.compile("sha256=[0-9a-f]{64}")

LARGEST = 25 * 2**20
"""Bytes of a payload; GitHub sends no more (docs: webhook events and payloads)."""


def webhook_route(secret: str, intake: Intake) -> web.RouteDef:
    """Make the route. Without a secret there must be none: then nobody calls this."""

    async def receive(request: web.Request) -> web.Response:
        signature = request.headers.get("X-Hub-Signature-256", "")
        # What bears no signature at all is not worth reading.
        body = await _body(request) if SIGNATURE.fullmatch(signature) else b""
        if body is None:
            return web.json_response({"error": "the body is too large"}, status=413)
        if not signed(secret, body, signature):
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
    digest = hashlib.sha256(body).hexdigest()
    told = parsed(event, payload, digest)
    if told is None:
        return web.json_response({"ignored": event}, status=202)
    delivery = request.headers.get("X-GitHub-Delivery", "")
    webhook = Webhook(delivery=delivery, body_hash=digest, event=event, **told)
    if not await intake.hint(webhook):
        # GitHub shows it as failed, and can send it again.
        return web.json_response({"error": "it could not be stored"}, status=503)
    return web.json_response({"ok": True}, status=202)


def parsed(event: str, payload: Any, body_hash: str = "") -> dict[str, Any] | None:
    """Read what a webhook tells: its fields of `Webhook`, or None.

    A payload is signed, and yet only looked at where it has the form that GitHub documents.
    """
    if not isinstance(payload, dict):
        return None
    repository = _text(payload, "repository", "full_name")
    if event == "deployment_protection_rule":
        found = asked(payload, body_hash)
        if found is None:
            log.warning("protection_unreadable", repository=repository)
    else:
        found = _FOUND[event](payload) if event in _FOUND else None
    return {"repository": repository, **found} if repository and found else None


def _of_run(payload: Json) -> dict[str, str] | None:
    run = payload.get("workflow_run")
    return {"release_marker": _text(run, "display_title")} if isinstance(run, dict) else None


def _of_suite(payload: Json) -> dict[str, str] | None:
    """A suite that was asked for says nothing yet; one that has ended may open a gate."""
    commit = _text(payload, "check_suite", "head_sha")
    return {"commit": commit} if payload.get("action") == "completed" and commit else None


def _of_made(payload: Json) -> dict[str, str] | None:
    tag = _text(payload, "ref")
    return {"tag": tag} if payload.get("ref_type") == "tag" and tag else None


def _of_push(payload: Json) -> dict[str, str] | None:
    """A tag that was pushed, moved or deleted; branches are nothing to a release."""
    kind, _, tag = _text(payload, "ref").partition("refs/tags/")
    return {"tag": tag} if tag and not kind else None


def _text(value: Any, *path: str) -> str:
    """Follow keys to a text; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


_FOUND: dict[str, Callable[[Json], dict[str, Any] | None]] = {
    "workflow_run": _of_run,
    "check_suite": _of_suite,
    "create": _of_made,
    "push": _of_push,
    "deployment_status": deployed,
}
"""Events that may wake a release, or tell of what went past the bot. Others are ignored."""
