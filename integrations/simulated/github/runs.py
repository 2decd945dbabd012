"""Runs over time, and the webhooks that tell of them. Driven by the `sleep` that it is given."""

import inspect
from collections.abc import Callable
from datetime import timedelta

from integrations.simulated.github.gates import Gates
from integrations.simulated.github.hooks import Postman
from integrations.simulated.github.shown import Shown
from integrations.simulated.github.world import (
    Repository,
    Run,
    RunFailedError,
    Workflow,
    run_object,
)
from integrations.simulated.server import Now, Sleep


class Runner:
    """Carries out runs: queued, in progress, completed; and a webhook for each change."""

    def __init__(
        self,
        now: Now,
        sleep: Sleep,
        base_url: Callable[[], str],
        post: Postman,
        shown: Shown,
        gates: Gates,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._base_url = base_url
        self._post = post
        self._shown = shown
        self._gates = gates
        self.runs: dict[int, Run] = {}
        self._next_id = 4711

    def start(self, repository: Repository, workflow: Workflow, inputs: dict[str, str]) -> Run:
        """Make a queued run; the caller spawns `carry_out`."""
        named = " ".join(inputs.get(key, "") for key in ("service", "version", "slot"))
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
            number=1 + sum(self._is_of(run, repository, workflow) for run in self.runs.values()),
            sha=repository.order[-1] if repository.order else None,
        )
        self._next_id += 1
        self.runs[run.id] = run
        return run

    def _is_of(self, run: Run, repository: Repository, workflow: Workflow) -> bool:
        return (run.repository, run.workflow) == (repository.name, workflow.file)

    async def carry_out(self, repository: Repository, run: Run, workflow: Workflow) -> None:
        """Let the run go its way."""
        await self._sleep(workflow.queue)
        if run.cancelling:
            self._end(run, "cancelled")
            return
        run.started_at = self._now()
        if workflow.environment and not await self._may_deploy(repository, run):
            self._shown.job_ends(repository, run, "failure")
            self._end(run, "failure")
            return
        run.status = "in_progress"
        self._hook(run, "in_progress")
        conclusion = await self._work(run, workflow)
        if run.deployment is not None:
            self._shown.job_ends(repository, run, conclusion)
        self._end(run, conclusion)

    async def again(self, repository: Repository, run: Run, actor: str) -> None:
        """Let a finished run go its way once more: it keeps its number, title and inputs."""
        run.status, run.conclusion, run.ended_at, run.actor = "queued", None, None, actor
        await self.carry_out(repository, run, repository.workflows[run.workflow])

    async def _may_deploy(self, repository: Repository, run: Run) -> bool:
        """Make the job's Deployment; where its environment is guarded, wait for the word."""
        made = self._shown.job_begins(repository, run)
        if not self._gates.guards(repository, made["environment"]):
            self._shown.job_goes_on(repository, run)
            return True
        run.status = "waiting"
        self._shown.job_waits(repository, run)
        if not await self._gates.passed(run, made) or run.cancelling:
            return False
        self._shown.job_goes_on(repository, run)
        return True

    async def _work(self, run: Run, workflow: Workflow) -> str:
        if workflow.dedupes and self._has_elder(run):
            return "cancelled"
        await self._sleep(workflow.duration)
        while workflow.hangs and not run.cancelling:
            await self._sleep(20.0)
        if run.cancelling:
            return "cancelled"
        if workflow.conclusion == "success" and workflow.on_success is not None:
            try:
                effect = workflow.on_success(run)
                if inspect.isawaitable(effect):
                    await effect
            except RunFailedError:
                return "failure"
        return workflow.conclusion

    def _has_elder(self, run: Run) -> bool:
        return any(
            other.id < run.id
            and other.workflow == run.workflow
            and other.repository == run.repository
            and other.inputs.get("release_id") == run.inputs.get("release_id")
            for other in self.runs.values()
        )

    def _end(self, run: Run, conclusion: str) -> None:
        run.status, run.conclusion, run.ended_at = "completed", conclusion, self._now()
        self._hook(run, "completed")

    def _hook(self, run: Run, action: str) -> None:
        base = self._base_url()
        payload = {
            "action": action,
            "workflow_run": run_object(run, base),
            "workflow": {"name": run.workflow, "path": f".github/workflows/{run.workflow}"},
            "repository": {"full_name": run.repository},
            "sender": {"login": "release-bot[bot]"},
        }
        self._post.send("workflow_run", payload)
