"""Who may do what at the simulated GitHub: permissions, the App, what became of its webhooks."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError
from integrations.simulated.github.hooks import Hooks
from integrations.simulated.github.world import Object, Repository, stamp
from integrations.simulated.server import Now

NEEDS = (
    ("POST", r"/actions/workflows/[^/]+/dispatches$", "actions", "write"),
    ("POST", r"/deployment_protection_rule$", "deployments", "write"),
    ("GET", r"/environments/", "actions", "read"),
    ("POST", r"/actions/", "actions", "write"),
    ("GET", r"/actions/", "actions", "read"),
    ("GET", r"/check-runs$", "checks", "read"),
    ("GET", r"/commits/[^/]+/status$", "statuses", "read"),
    ("POST", r"/statuses/", "statuses", "write"),
    ("POST", r"/deployments", "deployments", "write"),
    ("GET", r"/deployments", "deployments", "read"),
    ("GET", r"/code-scanning/", "security_events", "read"),
    ("GET", r"/secret-scanning/", "secret_scanning_alerts", "read"),
    ("GET", r"/dependabot/", "vulnerability_alerts", "read"),
    ("GET", r"/attestations/", "attestations", "read"),
    ("GET", r"/hooks$", "repository_hooks", "read"),
    ("GET", r"/pulls$", "pull_requests", "read"),
    ("GET", r"/git/|/compare/|/branches", "contents", "read"),
)
"""The permission that a request asks for: the first row that fits."""

LEVELS = ("none", "read", "write")
APP_ID, INSTALLATION = "77", 4711


class Rights:
    """What the bot's token or App was given. `granted`: level by permission's API name."""

    def __init__(
        self, now: Now, hooks: Callable[[], Hooks], find: Callable[[web.Request], Repository]
    ) -> None:
        self._now = now
        self._hooks = hooks
        self._find = find
        self.granted = {
            "metadata": "read",
            "contents": "read",
            "actions": "write",
            "checks": "read",
            "statuses": "write",
            "deployments": "write",
            "security_events": "read",
            "secret_scanning_alerts": "read",
            "vulnerability_alerts": "read",
            "attestations": "read",
            "pull_requests": "read",
            "repository_hooks": "read",
        }
        self.scopes: str | None = None
        """Scopes of a classic token; None for any other kind of credentials."""
        self.suspended = False
        self.token = "ghs_simulated"
        """What the App's installation signs in with."""

    def check(self, request: web.Request) -> None:
        """Refuse what was not given, as GitHub does."""
        for method, path, permission, level in NEEDS:
            if request.method == method and re.search(path, request.path):
                have = self.granted.get(permission, "none")
                if LEVELS.index(have) < LEVELS.index(level):
                    raise GitHubError(403, "Resource not accessible by integration")
                return

    def headers(self) -> dict[str, str]:
        """What every answer says of a classic token."""
        return {} if self.scopes is None else {"X-OAuth-Scopes": self.scopes}

    def is_app(self, given: str) -> bool:
        """Whether somebody shows a key of the App's own."""
        try:
            claims = json.loads(base64.urlsafe_b64decode(given.split(".")[1] + "=="))
        except (IndexError, ValueError, binascii.Error):
            return False
        return str(claims.get("iss")) == APP_ID

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        return [
            ("GET", "/repos/{owner}/{repo}/hooks", self._list_hooks),
            ("GET", "/repos/{owner}/{repo}/actions/workflows", self._list_workflows),
            ("GET", "/app/installations/{id}", self._installation),
            ("POST", "/app/installations/{id}/access_tokens", self._token),
            ("GET", "/app/hook/deliveries", self._deliveries),
        ]

    async def _list_hooks(self, request: web.Request) -> list[Object]:
        self._find(request)
        hooks = self._hooks()
        if hooks.url is None:
            return []
        last = hooks.sent[-1][2] if hooks.sent else None
        config = {"url": hooks.url, "content_type": "json", "insecure_ssl": "0"}
        if hooks.secret:
            config["secret"] = "********"
        message = None if last is None else "OK" if last < 300 else "Invalid HTTP Response"  # noqa: PLR2004 - HTTP
        return [
            {
                "type": "Repository",
                "id": 12,
                "name": "web",
                "active": hooks.active,
                "events": list(hooks.events),
                "config": config,
                "last_response": {
                    "code": last,
                    "status": "unused" if last is None else "active",
                    "message": message,
                },
            }
        ]

    async def _list_workflows(self, request: web.Request) -> Object:
        found = self._find(request).workflows.values()
        rows = [
            {"id": number, "path": f".github/workflows/{w.file}", "state": w.state, "name": w.file}
            for number, w in enumerate(found)
        ]
        return {"total_count": len(rows), "workflows": rows}

    async def _installation(self, request: web.Request) -> Object:
        self._known(request)
        return {
            "id": INSTALLATION,
            "app_id": int(APP_ID),
            "account": {"login": "quantivista"},
            "permissions": {k: v for k, v in self.granted.items() if v != "none"},
            "events": list(self._hooks().events),
            "suspended_at": stamp(self._now()) if self.suspended else None,
        }

    def _known(self, request: web.Request) -> None:
        if int(request.match_info["id"]) != INSTALLATION:
            raise GitHubError(404, "Not Found")

    async def _token(self, request: web.Request) -> web.Response:
        self._known(request)
        made = {
            "token": self.token,
            # The client compares it with the host's clock, which is never virtual.
            "expires_at": _stamp_of(time() + 3600),
            "permissions": self.granted,
            "repository_selection": "all",
        }
        return web.json_response(made, status=201)

    async def _deliveries(self, _request: web.Request) -> list[Object]:
        at = stamp(self._now() - timedelta(seconds=5))
        return [
            {
                "id": number,
                "guid": delivery,
                "delivered_at": at,
                "event": event,
                "status": "OK" if 200 <= status < 300 else "Invalid HTTP Response",  # noqa: PLR2004 - HTTP
                "status_code": status,
            }
            for number, (event, delivery, status) in reversed(list(enumerate(self._hooks().sent)))
        ]


def _stamp_of(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC)) or ""
