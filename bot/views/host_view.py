"""What GitHub shows of a release: its Deployment's status, and its plan's on the plan's commit.

Pure. GitHub shows few states, so that a release costs few calls: what happens from step to step is
told in Slack, to which both link. Sentences name no detail of a gate or a cluster: who reads the
repository need not be who reads the channel.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from bot.domain.hosting import OWN_CONTEXT, CommitState, DeploymentState
from bot.domain.lifecycle import ENDINGS, State
from bot.domain.plans import Plan
from bot.domain.releases import Release
from bot.domain.versions import bare
from bot.views.words import from_to

WIDTH = 140
"""Characters of a description that GitHub takes."""

Making = Literal["make", "adopt", "keep"]
"""Where there is no Deployment yet: make one, take a workflow job's own, or leave it so."""

_MADE_FOR = frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.SUCCEEDED})


@dataclass(frozen=True)
class DeploymentView:
    """What the Deployment shows. `making`: what to do where there is none yet.

    Ours is made only for what is approved and under way, or has succeeded: a Deployment is a
    request to deploy, and other automation may act on it.
    """

    commit: str
    state: DeploymentState
    description: str
    making: Making


@dataclass(frozen=True)
class PlanView:
    """What the plan's commit shows."""

    commit: str
    context: str
    state: CommitState
    description: str


@dataclass(frozen=True)
class HostView:
    """All that GitHub shows of one release. `deployment` None: there is to be none yet."""

    plan: PlanView
    deployment: DeploymentView | None


def draw(release: Release, *, superseded_by: str | None = None) -> HostView | None:
    """Say what GitHub is to show; None: nothing, or what it shows already may stay."""
    plan = release.plan
    if plan is None or plan.commit is None or release.state is State.GATHERING:
        return None
    return HostView(
        plan=_plan(release, plan, plan.commit),
        deployment=_deployment(release, plan, plan.commit, superseded_by),
    )


def looks_different(before: Release, after: Release) -> bool:
    """Whether GitHub may have to show something else. Reads no plan: every tick asks this."""
    return _seen(before) != _seen(after)


def _seen(release: Release) -> tuple[object, ...]:
    state = release.state
    # On its way back it is under way, as before: GitHub hears of its end.
    shown = State.RUNNING if state is State.ROLLING_BACK else state
    blocked_by = release.reason if state is State.BLOCKED else None
    return shown, blocked_by, release.plan_text, release.undone_by, _run_ended(release)


def _run_ended(release: Release) -> bool:
    """Whether the first step is behind: where that is a workflow, its run has ended."""
    return release.progress.track == "undo" or release.progress.step > 0


def link(team: str | None, channel: str) -> str:
    """Lead to the channel in which the release is told (Slack's documented redirect)."""
    where = {"team": team, "channel": channel} if team else {"channel": channel}
    return f"https://slack.com/app_redirect?{urlencode(where)}"


def _plan(release: Release, plan: Plan, commit: str) -> PlanView:
    state, sentence = _plan_state(release, plan)
    return PlanView(
        commit=commit,
        context=f"{OWN_CONTEXT}{release.environment}/{release.service}",
        state=state,
        description=_cut(sentence, release.id),
    )


def _plan_state(release: Release, plan: Plan) -> tuple[CommitState, str]:
    version, where = bare(release.version), release.environment
    if release.undone_by:
        return "failure", f"{version} was taken back from {where} by {release.undone_by}."
    reason = f" ({release.reason.value})" if release.reason else ""
    match release.state:
        case State.BLOCKED:
            return "pending", f"{version} for {where} waits for a gate{reason}."
        case State.SUCCEEDED:
            return "success", f"{version} is live in {where}."
        case State.ROLLED_BACK:
            return "failure", f"{version} was taken back from {where}{reason}."
        case State.FAILED:
            return "failure", f"{version} failed before it took traffic in {where}{reason}."
        case State.REJECTED | State.REFUSED:
            return "failure", f"{version} for {where} was {release.state.value}."
        case State.CANCELLED | State.EXPIRED | State.ABANDONED:
            ended = {State.CANCELLED: "was cancelled", State.EXPIRED: "was not approved in time"}
            return "error", f"{version} for {where} {ended.get(release.state, 'was abandoned')}."
        case _:
            return (
                "pending",
                f"{from_to(plan.previous, version)} for {where} is asked for, and not done yet.",
            )


def _deployment(
    release: Release, plan: Plan, commit: str, superseded_by: str | None
) -> DeploymentView | None:
    shown = _deployment_state(release, superseded_by)
    runs_first = plan.kind == "release" and plan.steps[0].kind == "dispatch"
    # While the run is under way its job may still make a Deployment of its own.
    if shown is None or (runs_first and not _run_ended(release)):
        return None
    state, sentence = shown
    return DeploymentView(
        commit=commit,
        state=state,
        description=_cut(f"{release.service} {bare(release.version)} {sentence}", release.id),
        making=_making(release, state, runs_first=runs_first),
    )


def _making(release: Release, state: DeploymentState, *, runs_first: bool) -> Making:
    if release.state in _MADE_FOR and state != "inactive":
        return "make"
    began = release.ended and release.started_at is not None
    return "adopt" if runs_first and began and not release.undone_by else "keep"


def _deployment_state(
    release: Release, superseded_by: str | None
) -> tuple[DeploymentState, str] | None:
    if release.undone_by:
        return "inactive", f"was taken back by {release.undone_by}."
    if superseded_by:
        return "inactive", f"was followed by {superseded_by}."
    return _ended(release) if release.state in ENDINGS else _under_way(release)


def _under_way(release: Release) -> tuple[DeploymentState, str] | None:
    match release.state:
        case State.QUEUED:
            return "pending", "is approved and about to start."
        case State.RUNNING | State.ROLLING_BACK:
            return "in_progress", "is under way."
        case State.PAUSED:
            return "in_progress", "is held until a person has looked."
        case _:
            return None


def _ended(release: Release) -> tuple[DeploymentState, str]:
    reason = f" ({release.reason.value})" if release.reason else ""
    match release.state:
        case State.SUCCEEDED:
            return "success", "is live."
        case State.ROLLED_BACK:
            return "failure", f"was taken back{reason}."
        case State.FAILED:
            return "failure", f"failed before it took traffic{reason}."
        case State.ABANDONED:
            return "error", "was abandoned; look at the cluster."
        case _:
            return "inactive", "was ended before it took traffic."


def _cut(sentence: str, release_id: str) -> str:
    """Put the release's id behind the sentence, whatever must be cut from that."""
    room = WIDTH - len(release_id) - 1
    cut = sentence if len(sentence) <= room else f"{sentence[: room - 1]}…"
    return f"{cut} {release_id}"
