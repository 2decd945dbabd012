"""Step `smoke`: the idle slot is tried before it takes traffic, in one of three ways.

The team's workflow, a Job from the team's suspended CronJob, or HTTP checks: the plan says which.
"""

from bot.domain.outcomes import Done, Failed, Outcome
from bot.domain.reasons import Reason
from bot.domain.runs import Run
from bot.engine.steps import smoke_http, smoke_job
from bot.engine.steps.runs import finished_run
from bot.engine.steps.work import Work
from bot.views import lines

KIND = "smoke"
ARTIFACT = "junit"
"""Name of the artifact that holds the JUnit report (DESIGN §6)."""


async def run(work: Work) -> Outcome:
    """Try the slot in the plan's way."""
    if work.step.cronjob is not None:
        return await smoke_job.run_job(work, work.step.cronjob)
    if work.step.checks is not None:
        return await smoke_http.run_checks(work, work.step.checks)
    return await _run_workflow(work, work.step.workflow or "")


async def _run_workflow(work: Work, workflow: str) -> Outcome:
    """Start the workflow once, wait for its success, and read its counts if it left any."""
    ended = await finished_run(work, workflow)
    if not isinstance(ended, Run):
        return ended
    counts = await work.world.source.test_counts(work.plan.repository, ended.id, ARTIFACT)
    if ended.conclusion != "success":
        failed = f", {counts.failed} of {counts.run} tests failed" if counts else ""
        return Failed(
            Reason.SMOKE_FAILED,
            f"Smoke run {ended.id} ended with {ended.conclusion}{failed}: {ended.url}",
        )
    if counts and counts.failed:
        return Failed(
            Reason.SMOKE_FAILED,
            f"Smoke run {ended.id} succeeded, but {counts.failed} of {counts.run} tests failed: "
            f"{ended.url}",
        )
    executed = counts.run - counts.skipped if counts else None
    passed = counts.passed if counts else None
    return Done(
        lines.smoke_passed(executed, passed, ended.url),
        {"tests_run": executed, "tests_passed": passed},
    )
