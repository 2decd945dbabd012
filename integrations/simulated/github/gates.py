"""Custom deployment protection rules of the simulated GitHub: jobs that wait for an App's word."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError
from integrations.simulated.github.hooks import Postman
from integrations.simulated.github.world import Object, Repository, Run
from integrations.simulated.server import Sleep

PATIENCE = 30 * 24 * 3600.0
"""Seconds that a job waits for an answer; then it fails."""

STATES = ("approved", "rejected")


class Gates:
    """Which environments have the App's rule, which jobs wait, and what was answered."""

    def __init__(
        self,
        sleep: Sleep,
        find: Callable[[web.Request], Repository],
        url: Callable[[], str],
        post: Postman,
        app: str,
    ) -> None:
        self._sleep = sleep
        self._find = find
        self._url = url
        self._post = post
        self._app = app
        self.rules: dict[tuple[str, str], bool] = {}
        """Environments by repository and name; whether the App's rule is switched on there."""
        self._waiting: dict[tuple[int, str], asyncio.Future[str]] = {}
        self.answers: list[tuple[int, str, str | None, str]] = []
        """Run, environment, state and comment of each word that was taken."""

    # The control surface.

    def protect(self, name: str, environment: str, *, enabled: bool = True) -> None:
        """Make an environment, with the App's rule on it."""
        self.rules[name, environment] = enabled

    def bypass(self, run: int) -> None:
        """Force the deployment, as an admin may: no rule is asked any more."""
        for (number, _), answer in self._waiting.items():
            if number == run and not answer.done():
                answer.set_result("approved")

    @property
    def waiting(self) -> list[int]:
        """Runs that wait."""
        return [run for (run, _), answer in self._waiting.items() if not answer.done()]

    def said(self, state: str | None) -> list[str]:
        """Comments of the words that had that state."""
        return [comment for _, _, found, comment in self.answers if found == state]

    # What a job with `environment:` does.

    def guards(self, repo: Repository, environment: str) -> bool:
        """Whether a job for it has to wait."""
        return self.rules.get((repo.name, environment), False)

    async def passed(self, run: Run, deployment: Object) -> bool:
        """Ask, and wait for the answer; whether the job may go on."""
        place = (run.id, deployment["environment"])
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[place] = answer
        self._post.tell("deployment_protection_rule", self._payload(run, deployment))
        expiry = asyncio.ensure_future(self._expire(answer))
        try:
            return await answer == "approved"
        finally:
            expiry.cancel()

    async def _expire(self, answer: "asyncio.Future[str]") -> None:
        await self._sleep(PATIENCE)
        if not answer.done():
            answer.set_result("timed_out")

    def _payload(self, run: Run, deployment: Object) -> Object:
        path = f"/repos/{run.repository}/actions/runs/{run.id}/deployment_protection_rule"
        return {
            "action": "requested",
            "environment": deployment["environment"],
            "event": run.event,
            "sha": deployment["sha"],
            "ref": deployment["ref"],
            "deployment_callback_url": f"{self._url()}{path}",
            "deployment": {k: v for k, v in deployment.items() if k != "statuses"},
            "pull_requests": [],
            "repository": {"full_name": run.repository},
            "installation": {"id": 4711},
            "sender": {"login": run.actor},
        }

    # The API.

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        rule = "/deployment_protection_rule"
        return [
            ("POST", repo + "/actions/runs/{id}" + rule, self._answer),
            ("GET", repo + "/environments/{environment}" + rule + "s", self._rules),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        repo, run = self._find(request), int(request.match_info["id"])
        body: Object = await request.json()
        environment, state = str(body.get("environment_name")), body.get("state")
        comment = str(body.get("comment") or "")
        if state not in (None, *STATES) or (state is None and not comment):
            raise GitHubError(422, "Validation Failed: state or comment is missing")
        waits = self._waiting.get((run, environment))
        if not self.guards(repo, environment):
            raise GitHubError(404, "Not Found")
        if waits is None or waits.done():
            raise GitHubError(422, "There is no pending deployment protection rule for this run.")
        self.answers.append((run, environment, state, comment))
        if state is not None:
            waits.set_result(state)
        return web.Response(status=204)

    async def _rules(self, request: web.Request) -> Object:
        repo, environment = self._find(request), request.match_info["environment"]
        if (repo.name, environment) not in self.rules:
            raise GitHubError(404, "Not Found")
        app = {"id": int(self._app), "slug": "release-bot", "integration_url": self._url()}
        enabled = self.rules[repo.name, environment]
        rows = [{"id": 3, "enabled": enabled, "app": app}] if enabled else []
        return {"total_count": len(rows), "custom_deployment_protection_rules": rows}
