"""Runs over time, and the webhooks that tell of them. Driven by the `sleep` that it is given."""

import hashlib
import hmac
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp

from integrations.simulated.github.world import Repository, Run, Workflow, run_object
from integrations.simulated.server import Now, Sleep


@dataclass
class Hooks:
    """Where webhooks go, and what goes wrong with them on the way."""

    url: str | None = None
    secret: str = ""
    duplicate: bool = False
    lose: bool = False
    forge: bool = False
    delay: float = 0.0
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    """Event, delivery id and the answer's status (0: nobody answered)."""


class Runner:
    """Carries out runs: queued, in progress, completed; then the webhook."""

    def __init__(self, now: Now, sleep: Sleep, base_url: Callable[[], str]) -> None:
        self._now = now
        self._sleep = sleep
        self._base_url = base_url
        self.hooks = Hooks()
        self.runs: dict[int, Run] = {}
        self._next_id = 4711
        self._delivery = 0
        self.delivering = 0
        """Webhooks that are on their way at this moment."""

    def start(self, repository: Repository, workflow: Workflow, inputs: dict[str, str]) -> Run:
        """Make a queued run; the caller spawns `carry_out`."""
        named = " ".join(inputs.get(key, "") for key in ("service", "version"))
        now = self._now()
        run = Run(
            id=self._next_id,
            repository=repository.name,
            workflow=workflow.file,
            title=f"{workflow.file} {named} ({inputs.get('release_id', '')})",
            inputs=inputs,
            branch=repository.default_branch,
            created_at=now,
            listed_at=now + timedelta(seconds=workflow.listing_delay),
            junit=workflow.junit,
        )
        self._next_id += 1
        self.runs[run.id] = run
        return run

    async def carry_out(self, run: Run, workflow: Workflow) -> None:
        """Let the run go its way."""
        await self._sleep(workflow.queue)
        if run.cancelling:
            await self._end(run, "cancelled")
            return
        run.status, run.started_at = "in_progress", self._now()
        await self._hook(run, "in_progress")
        if workflow.dedupes and self._has_elder(run):
            await self._end(run, "cancelled")
            return
        await self._sleep(workflow.duration)
        while workflow.hangs and not run.cancelling:
            await self._sleep(20.0)
        if run.cancelling:
            await self._end(run, "cancelled")
            return
        if workflow.conclusion == "success" and workflow.on_success is not None:
            effect = workflow.on_success(run)
            if inspect.isawaitable(effect):
                await effect
        await self._end(run, workflow.conclusion)

    def _has_elder(self, run: Run) -> bool:
        return any(
            other.id < run.id
            and other.workflow == run.workflow
            and other.repository == run.repository
            and other.inputs.get("release_id") == run.inputs.get("release_id")
            for other in self.runs.values()
        )

    async def _end(self, run: Run, conclusion: str) -> None:
        run.status, run.conclusion, run.ended_at = "completed", conclusion, self._now()
        await self._hook(run, "completed")

    async def _hook(self, run: Run, action: str) -> None:
        if self.hooks.url is None or self.hooks.lose:
            return
        if self.hooks.delay:
            await self._sleep(self.hooks.delay)
        base = self._base_url()
        payload = {
            "action": action,
            "workflow_run": run_object(run, base),
            "workflow": {"name": run.workflow, "path": f".github/workflows/{run.workflow}"},
            "repository": {"full_name": run.repository},
            "sender": {"login": "release-bot[bot]"},
        }
        self.delivering += 1
        try:
            for _ in range(2 if self.hooks.duplicate else 1):
                await self._deliver("workflow_run", payload)
        finally:
            self.delivering -= 1

    async def _deliver(self, event: str, payload: object) -> None:
        self._delivery += 1
        delivery = f"delivery-{self._delivery}"
        body = json.dumps(payload).encode()
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
