"""Starts a workflow run exactly once and follows it to its end. Used by dispatch and smoke.

GitHub lists a new run some seconds late, and an answer can be lost after the run was started:
so after an unknown outcome it looks for the run for the grace time before it asks again.
"""

from datetime import timedelta

from bot.domain.outcomes import Failed, Wait
from bot.domain.protection import taken_over
from bot.domain.reasons import Reason
from bot.domain.runs import Run
from bot.engine.steps.work import Work
from bot.errors import MissingError, PermanentError, TemporaryError
from bot.store import protections
from bot.store.intents import Intent
from bot.views import gate_answers, lines

_LOOK = timedelta(seconds=5)


def marker(work: Work) -> str:
    """Name the run by which it is found again; the one that leads back is another one."""
    return work.release.id if work.forward else f"{work.release.id}-back"


def inputs(work: Work) -> dict[str, str]:
    """Fill in the contract with a team's workflow (DESIGN §5)."""
    plan = work.plan
    version = plan.version if work.forward else plan.previous
    commit = plan.commit if work.forward else plan.previous_commit
    return {
        "release_id": marker(work),
        "service": work.release.service,
        "version": version or "",
        "commit": commit or "",
        "environment": work.release.environment,
        "slot": plan.goes_to,
    }


async def finished_run(work: Work, workflow: str) -> Run | Wait | Failed:
    """Return the run when it has ended, whatever its conclusion; else what to wait for."""
    run = await _the_run(work, workflow)
    if not isinstance(run, Run):
        return run
    if run.status == "completed":
        return run
    overdue = work.overdue()
    if overdue:
        return overdue
    pace = await work.world.polling.pace(work.world, work.plan.repository, work.since)
    state = "is queued" if run.status == "queued" else "is running"
    note = f"{workflow} run {run.id} {state}{lines.polled(pace.interval) if pace.silent else ''}"
    return Wait(pace.again_at, note, seen(run))


async def _the_run(work: Work, workflow: str) -> Run | Wait | Failed:
    intent = await work.intent("run")
    waits = _waiting_run(work)
    if waits is not None and (intent is None or intent.result is None):
        return await _take_over(work, workflow, waits)
    if intent is None:
        return await _dispatch(work, workflow)
    if intent.result is not None:
        return await _followed(work, int(intent.result))
    return await _look_for(work, workflow, intent)


def _waiting_run(work: Work) -> int | None:
    """Name the run that waits at GitHub's gate to be this step; None: the step starts one."""
    return work.release.run if work.forward and work.step.kind == "dispatch" else None


async def _take_over(work: Work, workflow: str, run_id: int) -> Run | Wait | Failed:
    """Make that run this step's own: from then on GitHub's gate is answered yes for it."""
    failed = work.overdue() or await _unlike(work, run_id)
    if failed:
        return failed
    moves = work.plan.in_place
    await work.intend("run", about=f"let run {run_id} go on", moved=moves)
    try:
        run = await work.world.source.run(work.plan.repository, run_id)
    except MissingError:
        await work.retract("run", unmoved=moves)
        return Failed(Reason.WORKFLOW_FAILED, f"GitHub's run {run_id} is gone.")
    await work.record("run", str(run.id))
    work.said.append(lines.run_taken(run.workflow or workflow, run.id, run.url))
    return run


async def _unlike(work: Work, run_id: int) -> Failed | None:
    """Fail where the run that waits would do something else than this step."""
    async with work.world.store.read() as session:
        meant = await protections.meant_by(session, work.release.id, run_id)
    refused = taken_over(work.release, run_id, meant)
    if refused is None:
        return None
    return Failed(refused.reason or Reason.DEPLOYMENT_UNCLEAR, gate_answers.of_the_run(refused))


async def _followed(work: Work, run_id: int) -> Run:
    world, repository = work.world, work.plan.repository
    pace = await world.polling.pace(world, repository, work.since)
    return await world.polling.run(world, repository, run_id, work.since, pace.interval)


async def _dispatch(work: Work, workflow: str) -> Run | Wait | Failed:
    overdue = work.overdue()
    if overdue:
        return overdue
    # In place it may replace what serves at any moment from now on.
    moves = work.forward and work.plan.in_place and work.step.kind == "dispatch"
    intent = await work.intend("run", about=f"dispatch {workflow}", moved=moves)
    try:
        run = await work.world.source.dispatch(work.plan.repository, workflow, inputs(work))
    except TemporaryError as error:
        if not error.unknown:
            await work.retract("run", unmoved=moves)
        raise
    except MissingError:
        await work.retract("run", unmoved=moves)
        return Failed(
            Reason.WORKFLOW_MISSING, f"{work.plan.repository} has no workflow {workflow}."
        )
    except PermanentError as error:
        await work.retract("run", unmoved=moves)
        return Failed(Reason.WORKFLOW_FAILED, f"GitHub refused to start {workflow}: {error}")
    if run is None:
        return await _look_for(work, workflow, intent)
    return await _adopt(work, workflow, run)


async def _look_for(work: Work, workflow: str, intent: Intent) -> Run | Wait | Failed:
    world, since = work.world, intent.at - timedelta(seconds=60)
    over = work.now - intent.at >= world.limits.grace
    # Before it is started again, the look is made anew.
    within = timedelta(0) if over else _LOOK
    marks = (workflow, marker(work))
    run = await world.polling.find(world, work.plan.repository, marks, since, within)
    if run is not None:
        return await _adopt(work, workflow, run)
    if not over:
        note = f"looking whether {workflow} was started: GitHub did not say"
        return Wait(work.now + _LOOK, note)
    await work.retract("run")
    return await _dispatch(work, workflow)


async def _adopt(work: Work, workflow: str, run: Run) -> Run:
    await work.record("run", str(run.id))
    work.said.append(lines.run_started(workflow, run.id, run.url))
    return await _numbered(work, run)


async def _numbered(work: Work, run: Run) -> Run:
    """Ask for the run's number, which the answer to a dispatch lacks: the platform is told of it.

    It is asked for once; where it isn't known then, it stays unknown.
    """
    if run.number is not None or work.step.kind != "dispatch":
        return run
    try:
        whole = await work.world.source.run(work.plan.repository, run.id)
    except (TemporaryError, PermanentError):
        return run
    return run.model_copy(update={"number": whole.number, "branch": whole.branch or run.branch})


def seen(run: Run) -> dict[str, object]:
    """Give what a release keeps of its run."""
    return {"run_url": run.url, "run_number": run.number, "run_branch": run.branch}


def lasted(run: Run) -> timedelta | None:
    """How long the run took, where GitHub says."""
    begin = run.started_at or run.created_at
    return run.ended_at - begin if run.ended_at and begin else None
