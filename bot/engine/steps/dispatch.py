"""Step `dispatch`: the team's own workflow brings the version onto the idle slot.

Its success is believed only when the slot runs the plan's image: step `deploy` looks.
"""

from bot.domain.outcomes import Done, Failed, Outcome
from bot.domain.reasons import Reason
from bot.domain.runs import Run
from bot.engine.steps.runs import finished_run, lasted, seen
from bot.engine.steps.work import Work
from bot.views import lines

KIND = "dispatch"


async def run(work: Work) -> Outcome:
    """Start the workflow once, and wait for its success. On the way back: with what ran before."""
    workflow = work.step.workflow or ""
    if not work.forward and work.plan.previous is None:
        nothing = f"What ran before is not known, so {workflow} can't bring it back."
        return Failed(Reason.NOTHING_TO_DO, nothing)
    ended = await finished_run(work, workflow)
    if not isinstance(ended, Run):
        return ended
    # A run that waited at GitHub's gate may be another workflow's.
    workflow = ended.workflow or workflow
    if ended.conclusion != "success":
        return Failed(
            Reason.WORKFLOW_FAILED,
            f"{workflow} run {ended.id} ended with {ended.conclusion}: {ended.url}",
        )
    return Done(lines.run_finished(workflow, ended.id, ended.url, lasted(ended)), seen(ended))
