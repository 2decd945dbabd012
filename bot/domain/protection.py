"""A deployment that waits at GitHub for the bot's word: which release it is, and the answer. Pure.

GitHub's own gate (docs/protection.md). What is not certain is answered no: a title is believed only
of the service's own workflow on the default branch, a tag only where it leads to the very commit.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.catalog import Catalog, Slot
from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import WAITING, State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import runs_in
from bot.domain.runs import Run
from bot.domain.titles import is_version, version_in_title, words_of
from bot.domain.value import Value
from bot.domain.versions import Version

PATIENCE = timedelta(days=30)
"""How long GitHub waits for an answer; then it fails the run by itself (GitHub docs, Deployments
and environments)."""


Answer = Literal["approved", "rejected"]
"""GitHub's own words for an answer."""


class Ask(Value):
    """A job that waits, as the signed webhook told of it. `environment` is GitHub's own name."""

    key: str
    repository: str
    environment: str
    run: int
    deployment: int | None
    ref: str
    commit: str
    actor: str
    """Login of whoever started it, as the webhook says."""


class WaitingRun(Value):
    """The run, as GitHub says when it is asked: what a webhook tells is never a fact."""

    run: Run
    actor: str
    """Login of whoever started it, or started it anew."""
    commit: str
    on_default: bool
    """Whether its workflow file is the default branch's."""
    own_code: bool
    """Whether it is of the repository's own code, and of no fork's or pull request's."""


class Meant(Value):
    """Which release it would be. `commit`: what has to be the version's, where a tag tells it."""

    service: str
    environment: str
    version: str
    commit: str | None = None
    slot: Slot | None = None
    """The slot that the run's title names."""

    def request(self) -> ReleaseRequest:
        """Give it as a person would ask for it."""
        return ReleaseRequest(
            service=self.service, version=self.version, environment=self.environment
        )


class Part(Value):
    """What a release works with a run for: a step of its way `forward`, or of the way to `undo`."""

    run: int
    track: str
    step: int


class Verdict(Value):
    """What a look amounts to. `names` are the values that the sentence is about."""

    kind: Literal["approve", "reject", "wait"]
    reason: Reason | None = None
    gates: tuple[GateResult, ...] = ()
    names: tuple[str, ...] = ()


class Case(Value):
    """The whole row: what was asked, what it means, what was decided, and what came of it."""

    ask: Ask
    at: datetime
    meant: Meant | None = None
    release: str | None = None
    """The release that was made of it, or whose own run it is."""
    verdict: Verdict | None = None
    """The decision, once there is one: from then on only the answer is missing."""
    told: str = ""
    """The comment that GitHub shows while it waits."""
    sent: Answer | None = None
    """An answer that GitHub has, or may have: it was sent, and not refused."""
    outcome: Literal["approved", "rejected", "gone", "timed_out", "bypassed", "unknown"] | None = (
        None
    )
    """`unknown`: an answer was sent, and it is not known whether GitHub took it."""


def ended(case: Case, *, passed: bool) -> Case:
    """Say what came of it where the run ended and GitHub has confirmed no answer.

    `passed`: it went well. A no lets nothing through, whether GitHub has it or not.
    """
    if case.sent == "approved" or (case.sent is not None and not passed):
        return case.model_copy(update={"outcome": "unknown"})
    return case.model_copy(update={"outcome": "bypassed" if passed else "gone"})


def no(reason: Reason, *names: str) -> Verdict:
    """Say no, about these values."""
    return Verdict(kind="reject", reason=reason, names=names)


def place_of(catalog: Catalog, word: str) -> str | None:
    """Name the catalogue's environment that GitHub calls so; case does not matter there."""
    folded = word.casefold()
    for name, environment in catalog.environments.items():
        if folded in (name.casefold(), *(alias.casefold() for alias in environment.aliases)):
            return name
    return None


def services_of(catalog: Catalog, repository: str, environment: str) -> tuple[str, ...]:
    """List the services whose code is there and that run in the environment."""
    return tuple(
        name
        for name, service in catalog.services.items()
        if service.repository.casefold() == repository.casefold() and runs_in(service, environment)
    )


def identify(catalog: Catalog, ask: Ask, seen: WaitingRun, tags: Iterable[str]) -> Meant | Verdict:
    """Say which service and version it is; a no where that is not certain.

    `tags`: those that lead to the run's very commit.
    """
    environment = place_of(catalog, ask.environment)
    if environment is None:
        return no(Reason.UNKNOWN_NAME, "environment", ask.environment)
    services = services_of(catalog, ask.repository, environment)
    if not services:
        return no(Reason.UNKNOWN_NAME, "repository", ask.repository, environment)
    found = _by_title(catalog, services, seen)
    titled = found is not None
    if found is None and seen.own_code and ask.commit == seen.commit:
        found = _by_tag(catalog, services, tags)
    if found is None:
        return no(Reason.DEPLOYMENT_UNCLEAR, environment, *services)
    service, version = found
    if catalog.services[service].deploy.workflow is None:
        return no(Reason.NOT_BY_WORKFLOW, service, version, environment)
    return Meant(
        service=service,
        environment=environment,
        version=version,
        commit=None if titled else ask.commit,
        slot=_slot_in(seen.run.title) if titled else None,
    )


def _by_title(
    catalog: Catalog, services: tuple[str, ...], seen: WaitingRun
) -> tuple[str, str] | None:
    """Read the title of a service's own workflow, as the default branch has it."""
    if not seen.on_default:
        return None
    words = words_of(seen.run.title)
    own = [name for name in services if catalog.services[name].deploy.workflow == seen.run.workflow]
    named = own if len(own) == 1 else [name for name in own if name in words]
    version = version_in_title(seen.run.title)
    return (named[0], version) if len(named) == 1 and version else None


def _slot_in(title: str) -> Slot | None:
    words = words_of(title)
    slots: tuple[Slot, Slot] = ("blue", "green")
    named = [slot for slot in slots if slot in words]
    return named[0] if len(named) == 1 else None


def _by_tag(
    catalog: Catalog, services: tuple[str, ...], tags: Iterable[str]
) -> tuple[str, str] | None:
    """Take the newest version that a tag on the commit names, where but one service has such."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        for service in services:
            version = _version_in(catalog.services[service].tag, tag)
            if version is not None:
                found.setdefault(service, []).append(version)
    if len(found) != 1:
        return None
    ((service, versions),) = found.items()
    return service, max(versions, key=Version)


def _version_in(pattern: str, tag: str) -> str | None:
    before, _, after = pattern.partition("{version}")
    inside = tag.removeprefix(before).removesuffix(after)
    fits = tag == f"{before}{inside}{after}" and is_version(inside)
    return inside if fits else None


def person_of(catalog: Catalog, login: str) -> str | None:
    """Name the Slack user whose GitHub login that is."""
    named = ((user, one.github) for user, one in catalog.people.items() if one.github)
    folded = login.casefold()
    return next((user for user, github in named if github.casefold() == folded), None)


def channel_of(catalog: Catalog, service: str) -> str | None:
    """Name the channel in which a service's people are told: its owners', else the first."""
    entry = catalog.services.get(service)
    own = entry.owners.channel if entry else None
    return own or next(iter(catalog.slack.channels), None)


def differs(release: Release, meant: Meant | None) -> Verdict | None:
    """Say no to a run that would bring another commit than the plan's, or to the slot that serves.

    None: nothing is known against it.
    """
    plan = release.plan
    if meant is None or plan is None:
        return None
    if meant.commit and plan.commit not in (None, meant.commit):
        names = (release.version, meant.commit[:7], (plan.commit or "")[:7])
        return no(Reason.COMMIT_DIFFERS, *names)
    if not plan.in_place and meant.slot != plan.goes_to:
        # It might bring the version onto the slot that serves, past all that a release looks at.
        return no(Reason.SLOT_DIFFERS, meant.slot or "no slot", plan.goes_to)
    return None


def taken_over(release: Release, run: int, meant: Meant | None) -> Verdict | None:
    """Say no to a run that is not what the release made of it would do; None: nothing against it.

    Whatever the bot started itself does what the plan says.
    """
    if release.run != run:
        return None
    if meant is None:
        return no(Reason.DEPLOYMENT_UNCLEAR, release.environment, release.service)
    return differs(release, meant)


def judge_own(
    release: Release, environment: str | None, part: Part, meant: Meant | None
) -> Verdict:
    """Judge a run that the release itself works with, at that part of its way.

    `meant`: what the run would bring, where the release was made of it.
    """
    if environment != release.environment:
        return no(Reason.DEPLOYMENT_UNCLEAR, release.environment, release.service)
    refused = taken_over(release, part.run, meant)
    if refused is not None:
        return refused
    if (part.track, part.step) != (release.progress.track, release.progress.step):
        # Started anew, or late: the release is past it, and looks no more at what it does.
        return no(Reason.RUN_ENDED, release.id)
    if release.state is State.PAUSED or release.state is State.QUEUED:
        return Verdict(kind="wait", reason=release.reason)
    if release.state not in (State.RUNNING, State.ROLLING_BACK):
        return no(release.reason or Reason.CANCELLED_BY_PERSON, release.id, release.state.value)
    return Verdict(kind="approve")


def judge(release: Release, meant: Meant | None) -> Verdict:
    """Judge by the release that was made of it. It is never a yes: that is `judge_own`'s to say."""
    refused = differs(release, meant)
    if refused is not None:
        return refused
    if release.state is State.BLOCKED:
        failed = tuple(g for g in release.gates if g.status == "failed" and not g.could_not_tell)
        if failed:
            return Verdict(
                kind="reject", reason=failed[0].reason, gates=failed, names=(release.id,)
            )
        return Verdict(kind="wait", reason=release.reason, gates=_open(release))
    if release.state is State.AWAITING_APPROVAL:
        return Verdict(kind="wait", reason=Reason.NEEDS_APPROVAL, gates=_open(release))
    if release.state in (*WAITING, State.QUEUED, State.RUNNING, State.PAUSED):
        return Verdict(kind="wait", reason=release.reason)
    return no(release.reason or Reason.CANCELLED_BY_PERSON, release.id, release.state.value)


def _open(release: Release) -> tuple[GateResult, ...]:
    return tuple(gate for gate in release.gates if gate.status in ("failed", "waiting"))
