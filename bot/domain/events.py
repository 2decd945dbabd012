"""The platform's event contracts: what it is told when a release starts and when it ends.

Called by `engine.record` in the transaction of the change. Pure: names, nesting and formats are
the platform's, and what isn't known is null, never 0 or a guess. Nothing here sends anything.
`scan_events` has the third contract, `cdevents` says the same in CDEvents' words.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, assert_never
from urllib.parse import quote
from uuid import UUID, uuid5

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from bot.domain.catalog import Catalog
from bot.domain.lifecycle import State
from bot.domain.plans import Plan
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.scores import NO_SCORES, Scores
from bot.domain.sinks import Contract
from bot.domain.value import Value
from bot.domain.versions import Version, VersionError, bare

EventType = Literal["DeploymentStartedEvent", "DeploymentCompletedEvent"]
ContractType = Literal[
    "DeploymentStartedEvent", "DeploymentCompletedEvent", "SecurityScanCompletedEvent"
]
"""All that the platform's contracts name; the first two are told of releases."""
Status = Literal["SUCCESS", "FAILED", "ROLLED_BACK", "CANCELLED"]

NAMESPACE = UUID("6f0f4b0e-6f3c-5d0a-9c1e-0d3a1b6f7c52")
"""Event ids are made from it and from what happened to whom: the same happening, the same id."""

_UNHEALTHY = frozenset(
    {
        Reason.ROLLOUT_FAILED,
        Reason.PODS_CRASH,
        Reason.IMAGE_UNPULLABLE,
        Reason.PODS_MISCONFIGURED,
        Reason.PODS_UNSCHEDULABLE,
        Reason.PODS_UNREADY,
    }
)
"""Reasons that say: a health check was made, and it failed."""


class PlatformEvent(Value):
    """One event as it is sent: the attributes of its CloudEvents 1.0 envelope, and its data."""

    id: str
    source: str
    type: str
    subject: str
    """The service, by its name on the platform; in CDEvents whatever the event is about."""
    time: datetime
    dataschema: str
    datacontenttype: str = "application/json"
    data: Mapping[str, Any]

    @property
    def contract(self) -> Contract:
        """The family that it belongs to."""
        return "cdevents" if self.type.startswith("dev.cdevents.") else "platform"


class Part(Value):
    """A part of an event's data. Field names are written as the platform writes them."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class EventPart(Part):
    """The whole of an event's data."""

    event_id: str
    timestamp: str


class _Started(Part):
    deployment_id: str
    service_name: str
    version: str
    environment: str
    deployment_type: str
    triggered_by: str
    estimated_duration: str | None


class _Pipeline(Part):
    pipeline_id: str | None
    build_number: int | None
    commit_sha: str | None
    branch: str | None


class _StartedEvent(EventPart):
    deployment: _Started
    pipeline: _Pipeline


class _Completed(Part):
    deployment_id: str
    service_name: str
    version: str
    environment: str
    status: Status
    actual_duration: str


class _Results(Part):
    tests_executed: int | None
    tests_passed: int | None
    security_score: float | None
    performance_score: float | None
    health_checks_passed: bool | None


class _Rollback(Part):
    rollback_capable: bool
    previous_version: str | None


class _CompletedEvent(EventPart):
    deployment: _Completed
    results: _Results
    rollback: _Rollback


def happened(before: Release | None, after: Release) -> tuple[EventType, ...]:
    """Tell what of a release's change the platform hears. `before` None: the release is new.

    A release starts once, whatever it waits for later; one that ends without having started was
    never a deployment.
    """
    kinds: list[EventType] = []
    if _is_told(after) and not (before and _is_told(before)):
        kinds.append("DeploymentStartedEvent")
    if after.started_at is not None and after.ended and not (before and before.ended):
        kinds.append("DeploymentCompletedEvent")
    return tuple(kinds)


def _is_told(release: Release) -> bool:
    """Whether its start has been told: where a run deploys it, as soon as it is known which."""
    if release.started_at is None:
        return False
    plan, progress = release.plan, release.progress
    forward = not release.ended and progress.track == "forward"
    dispatching = plan is not None and progress.step == 0 and plan.steps[0].kind == "dispatch"
    return not (forward and dispatching) or progress.run_url is not None


def event_of(
    kind: EventType, release: Release, catalog: Catalog, scores: Scores = NO_SCORES
) -> PlatformEvent:
    """Make the event of that kind. The release must have started, or ended after a start."""
    if release.started_at is None:
        raise ValueError(f"{release.id} never started")
    match kind:
        case "DeploymentStartedEvent":
            return _started(release, release.started_at, catalog)
        case "DeploymentCompletedEvent":
            return _completed(release, release.started_at, catalog, scores)
        case _:
            assert_never(kind)


def _started(release: Release, at: datetime, catalog: Catalog) -> PlatformEvent:
    event_id = named_id(release, "DeploymentStartedEvent", catalog)
    plan, expected = release.plan, release.expected_seconds
    data = _StartedEvent(
        event_id=event_id,
        timestamp=timestamp(at),
        deployment=_Started(
            deployment_id=release.id,
            service_name=service_name(catalog, release.service),
            version=spelled(release.version, plan),
            environment=release.environment,
            deployment_type=(plan.strategy if plan else "blue-green").replace("-", "_"),
            triggered_by=triggered_by(catalog, release.asker.user),
            estimated_duration=None if expected is None else clock(timedelta(seconds=expected)),
        ),
        pipeline=_Pipeline(
            pipeline_id=_run_id(release.progress.run_url),
            build_number=release.progress.run_number,
            commit_sha=plan.commit if plan else None,
            branch=release.progress.run_branch,
        ),
    )
    return enveloped(data, "DeploymentStartedEvent", at, catalog, release.service)


def _completed(
    release: Release, began: datetime, catalog: Catalog, scores: Scores
) -> PlatformEvent:
    event_id = named_id(release, "DeploymentCompletedEvent", catalog)
    at = release.ended_at or began
    previous = release.plan_previous
    data = _CompletedEvent(
        event_id=event_id,
        timestamp=timestamp(at),
        deployment=_Completed(
            deployment_id=release.id,
            service_name=service_name(catalog, release.service),
            version=spelled(release.version, release.plan),
            environment=release.environment,
            status=status_of(release.state),
            actual_duration=clock(at - began),
        ),
        results=_Results(
            tests_executed=release.progress.tests_run,
            tests_passed=release.progress.tests_passed,
            security_score=scores.security,
            performance_score=scores.performance,
            health_checks_passed=_health(release),
        ),
        rollback=_Rollback(
            rollback_capable=_can_go_back(release, at),
            previous_version=spelled(previous, release.plan) if previous else None,
        ),
    )
    return enveloped(data, "DeploymentCompletedEvent", at, catalog, release.service)


def enveloped(
    data: EventPart, kind: ContractType, at: datetime, catalog: Catalog, service: str
) -> PlatformEvent:
    """Put an event's data into its envelope."""
    return PlatformEvent(
        id=data.event_id,
        source=source_of(catalog),
        type=kind,
        subject=service_name(catalog, service),
        time=to_the_millisecond(at),
        dataschema=schema_of(kind),
        data=data.model_dump(mode="json", by_alias=True),
    )


def source_of(catalog: Catalog) -> str:
    """Name who tells it: this bot, of that firm."""
    return f"/release-bot/{quote(catalog.organization)}"


def schema_of(kind: ContractType) -> str:
    """Name the JSON Schema of an event's data; docs/events/ holds it under this `$id`."""
    return f"urn:release-bot:events:{kind}:1"


def named_id(release: Release, what: str, catalog: Catalog) -> str:
    """Give the UUID of something about a release: the same for the same, at any time."""
    # Release ids are short and one database's own, so the moment and the firm are in it too.
    made = release.created_at.astimezone(UTC).isoformat()
    return str(uuid5(NAMESPACE, f"{catalog.organization}/{release.id}/{made}/{what}"))


def to_the_millisecond(moment: datetime) -> datetime:
    """Give a moment in UTC as precise as events tell it."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def timestamp(moment: datetime) -> str:
    """Write a moment as the platform does: `2025-06-21T10:00:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def clock(duration: timedelta) -> str:
    """Write a duration as `HH:MM:SS`; hours go on past 24."""
    seconds = max(0, round(duration.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def service_name(catalog: Catalog, service: str) -> str:
    """Name a service as the platform's events do: its `event_name`, else its own."""
    entry = catalog.services.get(service)
    return (entry.event_name if entry else None) or service


def triggered_by(catalog: Catalog, user: str) -> str:
    """Name a person by GitHub login, else by name; by Slack id where nothing else is known."""
    person = catalog.people.get(user)
    return (person and (person.github or person.name)) or user


def spelled(version: str, plan: Plan | None) -> str:
    """Spell a version as the service's tags do: with the `v` where either version has one."""
    known = (plan.version, plan.previous) if plan else ()
    if not any(other is not None and bare(other) != other for other in known):
        return version
    try:
        Version(version)
    except VersionError:
        # An adopted name that is no version stays as the person gave it.
        return version
    return f"v{bare(version)}"


def _run_id(run_url: str | None) -> str | None:
    """Read a workflow run's id from its page's address (`…/actions/runs/4711`)."""
    last = (run_url or "").rstrip("/").rpartition("/")[2]
    return last if last.isdigit() else None


def status_of(state: State) -> Status:
    """Name an ending in the platform's words. Raises ValueError on what is no such ending."""
    match state:
        case State.SUCCEEDED:
            return "SUCCESS"
        case State.ROLLED_BACK:
            return "ROLLED_BACK"
        case State.CANCELLED:
            return "CANCELLED"
        case State.FAILED | State.ABANDONED:
            return "FAILED"
        case (
            State.GATHERING
            | State.BLOCKED
            | State.AWAITING_APPROVAL
            | State.QUEUED
            | State.RUNNING
            | State.PAUSED
            | State.ROLLING_BACK
            | State.REJECTED
            | State.REFUSED
            | State.EXPIRED
        ):
            raise ValueError(f"a release that is {state} is no deployment that has ended")
        case _:
            assert_never(state)


def _health(release: Release) -> bool | None:
    """Whether the health checks passed: true only where the steps verified it to the end."""
    if release.reason in _UNHEALTHY:
        return False
    verified = release.state is State.SUCCEEDED and release.reason is Reason.DONE
    return True if verified else None


def _can_go_back(release: Release, at: datetime) -> bool:
    """Whether one click takes it back: the old version still runs, and this is no way back."""
    window = release.window_until
    return release.state is State.SUCCEEDED and window is not None and window > at
