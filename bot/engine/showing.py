"""One try at showing one release on GitHub: the plan's commit status, and the Deployment.

Used by the loop in `host_view`, which holds the row's claim. A Deployment is begun in the row
before it is made, and looked for before it is made again (DESIGN §4.3).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic

from bot.domain.hosting import CommitStatus, DeploymentRequest, DeploymentSearch, DeploymentStatus
from bot.domain.releases import Release
from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import host_views
from bot.store.host_views import Wanted
from bot.views import host_view
from bot.views.host_view import DeploymentView, PlanView

EFFECT_SECONDS = 30.0
"""After so much of a claim nothing more is begun: what is under way ends before the claim does."""


@dataclass(frozen=True)
class Showing:
    """One try at showing one release."""

    row: Wanted
    release: Release
    claimed_at: float
    run: int | None
    """The run that deploys, where one was started."""


async def show_plan(world: World, showing: Showing, want: PlanView) -> None:
    """Set the commit status of the plan's commit, where it is another than GitHub has."""
    row, text = showing.row, f"{want.commit} {want.state} {want.description}"
    if row.plan_shown == text:
        return
    old = (row.plan_shown or "").split(" ", 1)[0]
    if old and old != want.commit:
        moved = f"The plan is for {want.commit[:7]} now. {row.release_id}"
        await _set(world, showing, replace(want, commit=old, state="error", description=moved))
    await _set(world, showing, want)
    async with world.store.write() as session:
        await host_views.plan_shows(session, row, text)


async def _set(world: World, showing: Showing, want: PlanView) -> None:
    _in_time(showing)
    await world.source.show_commit(
        showing.row.repository,
        want.commit,
        CommitStatus(
            context=want.context,
            state=want.state,
            description=want.description,
            link=_link(world, showing.release),
        ),
    )


def _link(world: World, release: Release) -> str:
    return host_view.link(world.catalog().slack.team, release.asker.channel)


def _in_time(showing: Showing) -> None:
    """Look before an effect whether the claim is still young. A frozen process finds out."""
    if monotonic() - showing.claimed_at > EFFECT_SECONDS:
        raise TemporaryError("the claim is too old to begin anything under it", delay=1.0)


async def show_deployment(world: World, showing: Showing, want: DeploymentView) -> None:
    """Show it on the release's Deployment, which is found or made where it is not known."""
    showing = await _of_this_commit(world, showing, want)
    row, text = showing.row, f"{want.state} {want.commit} {want.description}"
    if row.deployment_id is None:
        number = await _found_or_made(world, showing, want)
    else:
        number = row.deployment_id
    if number is None or row.shown == text:
        return
    # After a try that did not come to its end GitHub may show it already.
    shown = (want.state, want.description)
    source, repository = world.source, row.repository
    if row.attempts == 1 or await source.shown_deployment(repository, number) != shown:
        await _add_status(world, showing, number, want)
    async with world.store.write() as session:
        await host_views.shows(session, row, text)


async def _of_this_commit(world: World, showing: Showing, want: DeploymentView) -> Showing:
    """A Deployment of another commit shows no longer what this release does: leave it."""
    row = showing.row
    if row.shown is None or row.shown.split(" ", 2)[1] == want.commit:
        return showing
    number = row.deployment_id
    if number is None and row.begun:
        found = await world.source.find_deployment(_search(world, showing))
        number = found.id if found else None
    if number is not None:
        moved = f"The plan is for {want.commit[:7]} now. {row.release_id}"
        old = replace(want, state="inactive", description=moved)
        await _add_status(world, showing, number, old)
    async with world.store.write() as session:
        await host_views.forget(session, row)
    left = replace(row, deployment_id=None, adopted=False, begun=False, shown=None)
    return replace(showing, row=left)


async def _found_or_made(world: World, showing: Showing, want: DeploymentView) -> int | None:
    """Look for it where it may be there already; make it where it is to be made."""
    row = showing.row
    looked = row.begun or (showing.run is not None and want.making != "keep")
    if looked:
        found = await world.source.find_deployment(_search(world, showing))
        if found is not None:
            async with world.store.write() as session:
                await host_views.made(session, row, found.id, adopted=not found.ours)
            return found.id
    if row.begun and world.clock.now() - _begun_at(showing) < world.limits.grace:
        raise TemporaryError("looking whether a Deployment was made: GitHub did not say", 10.0)
    return await _made(world, showing, want) if want.making == "make" else None


def _search(world: World, showing: Showing) -> DeploymentSearch:
    release = showing.release
    env = world.catalog().environments.get(release.environment)
    names = (release.environment, *(env.aliases if env else ()))
    started = _start(showing)
    return DeploymentSearch(
        repository=showing.row.repository,
        environments=names,
        release=release.id,
        since=min(started, _begun_at(showing)),
        run=showing.run,
    )


async def _made(world: World, showing: Showing, want: DeploymentView) -> int:
    row, now = showing.row, world.clock.now()
    async with world.store.write() as session:
        await host_views.begin(session, row, f"begun {want.commit} {now.isoformat()}")
    _in_time(showing)
    number = await world.source.create_deployment(
        DeploymentRequest(
            repository=row.repository,
            commit=want.commit,
            environment=showing.release.environment,
            description=want.description,
            release=row.release_id,
        )
    )
    async with world.store.write() as session:
        await host_views.made(session, row, number, adopted=False)
    return number


async def _add_status(world: World, showing: Showing, number: int, want: DeploymentView) -> None:
    _in_time(showing)
    await world.source.show_deployment(
        showing.row.repository,
        number,
        DeploymentStatus(
            state=want.state,
            description=want.description,
            link=_link(world, showing.release),
            auto_inactive=_alone(world, showing.release),
        ),
    )


def _alone(world: World, release: Release) -> bool:
    """Whether older Deployments of this repository and environment are this service's own."""
    services = world.catalog().services
    repository = release.rules.repository
    return sum(1 for entry in services.values() if entry.repository == repository) == 1


def _begun_at(showing: Showing) -> datetime:
    """When making a Deployment was begun; where one was made since, that no longer matters."""
    word, _, rest = (showing.row.shown or "").partition(" ")
    if word != "begun":
        return _start(showing)
    return datetime.fromisoformat(rest.split(" ", 1)[1])


def _start(showing: Showing) -> datetime:
    """When the release began, or was asked for."""
    return showing.release.started_at or showing.release.created_at
