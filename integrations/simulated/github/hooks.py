"""Webhooks of the simulated GitHub: signed, sent once, and what goes wrong with them on the way."""

import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from integrations.simulated.github.world import Object, stamp
from integrations.simulated.server import Sleep

Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass
class Hooks:
    """Where webhooks go, and what goes wrong with them on the way."""

    url: str | None = None
    secret: str = ""
    active: bool = True
    events: tuple[str, ...] = ("workflow_run", "check_suite", "create", "push")
    """What it is told to tell of."""
    duplicate: bool = False
    lose: bool = False
    forge: bool = False
    delay: float = 0.0
    """Seconds that each is late; what it tells is as of when it happened."""
    delays: list[float] = field(default_factory=list)
    """Delays of the next ones, each for one: so they overtake each other."""
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    """Event, delivery id and the answer's status (0: nobody answered)."""
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    """Event and body of each, so that it can be replayed."""


class Postman:
    """Carries webhooks beside what happens: nothing waits for them."""

    def __init__(self, sleep: Sleep, spawn: Spawn) -> None:
        self._sleep = sleep
        self._spawn = spawn
        self.hooks = Hooks()
        self.delivering = 0
        """Webhooks that are on their way at this moment."""
        self._delivery = 0

    def send(self, event: str, payload: object) -> None:
        """Tell of something that has just happened."""
        if self.hooks.url is None or self.hooks.lose:
            return
        delay = self.hooks.delays.pop(0) if self.hooks.delays else self.hooks.delay
        body = json.dumps(payload).encode()
        self.hooks.bodies.append((event, body))
        if not delay:
            self.delivering += 1
        self._spawn(self._carry(event, body, delay))

    def tell(self, event: str, payload: object) -> None:
        """Tell of it, where one is subscribed to such events."""
        if event in self.hooks.events:
            self.send(event, payload)

    def replay(self, number: int = -1) -> None:
        """Send an old one again, correctly signed, with a new delivery id."""
        event, body = self.hooks.bodies[number]
        self.delivering += 1
        self._spawn(self._carry(event, body, 0.0))

    async def _carry(self, event: str, body: bytes, delay: float) -> None:
        if delay:
            await self._sleep(delay)
            self.delivering += 1
        try:
            for _ in range(2 if self.hooks.duplicate else 1):
                await self._deliver(event, body)
        finally:
            self.delivering -= 1

    async def _deliver(self, event: str, body: bytes) -> None:
        self._delivery += 1
        delivery = f"delivery-{self._delivery}"
        secret = "forged" if self.hooks.forge else self.hooks.secret
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        status = 0
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
                session.post(self.hooks.url or "", data=body, headers=headers) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            # GitHub does not try again by itself either.
            status = 0
        self.hooks.sent.append((event, delivery, status))


def tag_pushed(
    repository: str, tag: str, before: str | None, sha: str, now: datetime
) -> list[tuple[str, Object]]:
    """Tell of a tag that was pushed: `create` where it is new, and `push`."""
    about: Object = {
        "repository": {"full_name": repository, "pushed_at": int(now.timestamp())},
        "sender": {"login": "ana"},
    }
    push = {
        "ref": f"refs/tags/{tag}",
        "before": before or "0" * 40,
        "after": sha,
        "created": before is None,
        "deleted": False,
        "forced": before is not None,
        "head_commit": {"id": sha},
        **about,
    }
    made = {"ref": tag, "ref_type": "tag", **about}
    return [*([("create", made)] if before is None else []), ("push", push)]


def suite_ended(repository: str, sha: str, conclusion: str, now: datetime) -> Object:
    """Tell of a check suite that has ended."""
    suite = {
        "id": int(now.timestamp()),
        "head_sha": sha,
        "status": "completed",
        "conclusion": conclusion,
        "updated_at": stamp(now),
    }
    about: Object = {"repository": {"full_name": repository}, "sender": {"login": "ana"}}
    return {"action": "completed", "check_suite": suite, **about}
