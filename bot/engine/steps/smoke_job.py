"""Starts one Job from the team's suspended CronJob and follows it to its end. Used by smoke.

The Job's name is the release's and the step's: whoever starts it again finds that it is there.
"""

from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps.preview import wrong_preview
from bot.engine.steps.work import Work
from bot.errors import ConflictError, MissingError, PermanentError
from bot.ports_smoke import CronJob, Job
from bot.store import intents
from bot.views import lines

EFFECT = "job"

_MEANING = {
    "BackoffLimitExceeded": "its pods failed as often as it lets them",
    "DeadlineExceeded": "it took longer than its own activeDeadlineSeconds",
    "PodFailurePolicy": "a pod failed in a way that its podFailurePolicy calls final",
}
"""The cluster's words for why a Job failed, and ours."""


async def run_job(work: Work, cronjob: str) -> Outcome:
    """Start the Job once, and wait for its end. One that runs too long is stopped by `restore`."""
    job = await _the_job(work, cronjob)
    if not isinstance(job, Job):
        return job
    if job.phase == "complete":
        return Done(lines.job_passed(job.name))
    if job.phase == "failed":
        return Failed(Reason.SMOKE_FAILED, _failure(job))
    note = f"Job {job.name} is running"
    return work.overdue() or Wait(work.now + work.world.limits.pod_poll, note)


def _failure(job: Job) -> str:
    word = job.reason or "no reason given"
    meaning = _MEANING.get(word)
    why = f"{meaning} ({word})" if meaning else word
    return f"Smoke: Job {job.name} failed: {why}. It left no test counts."


def _name(work: Work, step: int) -> str:
    return f"{work.release.id}-smoke-{step}".lower()


async def _the_job(work: Work, cronjob: str) -> Job | Outcome:
    intent = await work.intent(EFFECT)
    if intent is None or intent.result is None:
        return await _start(work, cronjob, intended=intent is not None)
    name = _name(work, work.progress.step)
    job = await work.world.jobs.job(work.plan.target, name)
    if job is not None and job.uid == intent.result:
        return job
    if job is not None:
        return Held(f"Job {name} is another one than this release started.")
    return work.overdue() or Failed(
        Reason.OBJECT_MISSING, f"Job {name} is gone, so nobody knows how it ended."
    )


async def _start(work: Work, cronjob: str, *, intended: bool) -> Job | Outcome:
    source = await _source(work, cronjob)
    if not isinstance(source, CronJob):
        return source
    if not intended:
        stopped = work.overdue() or await wrong_preview(work)
        if stopped:
            return stopped
    name = _name(work, work.progress.step)
    if not intended:
        await work.intend(EFFECT, about=f"start Job {name} from CronJob {cronjob}")
    try:
        job = await work.world.jobs.start_job(work.plan.target, source, name, work.release.id)
    except PermanentError:
        await work.retract(EFFECT)
        raise
    if not _is_ours(job, work, source):
        await work.retract(EFFECT)
        return Held(f"There is a Job {name} already, and this release did not start it.")
    await work.record(EFFECT, job.uid)
    work.said.append(lines.job_started(name, cronjob))
    return job


async def _source(work: Work, cronjob: str) -> CronJob | Failed:
    """Read the CronJob. One that its schedule starts too would test whenever it likes."""
    try:
        source = await work.world.jobs.cronjob(work.plan.target, cronjob)
    except MissingError:
        return Failed(Reason.OBJECT_MISSING, f"There is no CronJob {cronjob}.")
    if source.suspended:
        return source
    return Failed(
        Reason.SMOKE_FAILED,
        f"CronJob {cronjob} is not suspended, so its schedule starts it too. Set suspend: true.",
    )


def _is_ours(job: Job, work: Work, source: CronJob) -> bool:
    return job.release == work.release.id and job.owner == source.uid


async def stop_job(work: Work) -> None:
    """On the way back: delete the Job if it still runs. One that has ended is left to be read.

    What can't be deleted for good is said, and holds nothing up.
    """
    step = next((n for n, one in enumerate(work.plan.steps) if one.cronjob is not None), None)
    if step is None or not await _was_begun(work, step):
        return
    intent = await work.intent(EFFECT)
    if intent is not None and intent.result is not None:
        return
    name, result = _name(work, step), "deleted"
    try:
        job = await work.world.jobs.job(work.plan.target, name)
        if job is None or job.release != work.release.id or job.phase != "running":
            return
        await work.intend(EFFECT, about=f"delete Job {name}")
        await work.world.jobs.delete_job(work.plan.target, job)
    except (MissingError, ConflictError):
        # It went by itself; whoever has its name now is not ours.
        return
    except PermanentError as error:
        work.said.append(lines.job_left(name, str(error)))
        await work.intend(EFFECT, about=f"leave Job {name}: {error}")
        result = "left"
    await work.record(EFFECT, result)


async def _was_begun(work: Work, step: int) -> bool:
    async with work.world.store.read() as session:
        return await intents.get(session, work.release.id, f"forward:{step}:{EFFECT}") is not None
