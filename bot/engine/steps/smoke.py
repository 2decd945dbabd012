"""Step `smoke`: the team's workflow tests the idle slot before it takes traffic."""

from bot.domain.outcomes import Done, Failed, Outcome
from bot.domain.reasons import Reason
from bot.engine.steps.runs import finished_run
from bot.engine.steps.work import Work
from bot.ports import Run
from bot.views import lines

KIND = "smoke"
ARTIFACT = "junit"
"""Name of the artifact that holds the JUnit report (DESIGN §6)."""


async def run(work: Work) -> Outcome:
    """Start the workflow once, wait for its success, and read its counts if it left any."""
    workflow = work.step.workflow or ""
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
