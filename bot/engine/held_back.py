"""What is held back: the commits that rollbacks took back, until their cause is mended.

`facts` and `working` ask what there is and what a commit holds of it; `endings` and `stops` hold
and let go. Where nothing is held back the source host is not asked.
"""

import asyncio
from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.commits import Commits
from bot.domain.facts import LockFact
from bot.domain.held_back import BadRange, Seen
from bot.domain.releases import Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.versions import bare
from bot.engine.world import World
from bot.store import audit, held_back, targets
from bot.store.session import Session

MOST_BAD = 250
"""Commits that a range may have: of each the files are read where services share a repository."""

MOST_SINCE = 1000
"""Commits that a version may have beyond the one gone back to."""

Place = tuple[str, str]


async def ranges(session: Session, repository: str) -> tuple[BadRange, ...]:
    """List what is held back of a repository, whichever service and environment it was in."""
    found = (release.holds_back for release in await held_back.holders(session))
    kept = [bad for bad in found if bad and bad.repository.lower() == repository.lower()]
    return tuple(sorted(kept, key=lambda bad: bad.release))


async def look(
    world: World,
    request: ReleaseRequest,
    rules: Rules,
    commit: str,
    bad: tuple[BadRange, ...],
) -> tuple[Seen, ...]:
    """See what a commit holds of each range. Raises what the source host raises."""
    found = await asyncio.gather(*(_seen(world, request, rules, commit, one) for one in bad))
    return tuple(seen for seen in found if seen is not None)


async def _seen(
    world: World, request: ReleaseRequest, rules: Rules, commit: str, bad: BadRange
) -> Seen | None:
    """Look at one range; None where the service shares nothing with it."""
    if bad.good is None or bad.bad is None:
        return Seen(range=bad)
    commits = await world.source.commits(bad.repository, bad.good, bad.bad, MOST_BAD)
    shared = None
    if commits.whole and bad.service != request.service and rules.path is not None:
        shared = await _touching(world, bad.repository, commits, rules.path)
        if not shared:
            return None
    since = await world.source.commits(bad.repository, bad.good, commit, MOST_SINCE)
    return Seen(range=bad, commits=commits, since=since, shared=shared)


async def _touching(world: World, repository: str, commits: Commits, path: str) -> frozenset[str]:
    """Name the commits that touch a file below the path; of a merge, what it brings tells that."""
    own = [commit.sha for commit in commits.commits if not commit.merges]
    read = await asyncio.gather(*(world.source.files(repository, sha) for sha in own))
    below = f"{path.strip('/')}/"
    return frozenset(
        sha
        for sha, files in zip(own, read, strict=True)
        if files is None or any(f"{file}/".startswith(below) for file in files)
    )


async def hold(session: Session, release: Release, now: datetime) -> Release:
    """Lock the target in the name of a rollback that has ended; give the release as it is then."""
    place = (release.service, release.environment)
    earlier = await targets.lock_on(session, place)
    lock = _lock_of(release, now)
    await targets.lock(session, place, lock)
    await audit.append(
        session,
        AuditTag.TARGET_LOCKED,
        release.id,
        now,
        service=release.service,
        environment=release.environment,
        why=lock.why,
    )
    return release.model_copy(update={"lock_before": earlier.holder if earlier else None})


async def let_go(session: Session, release: Release, now: datetime) -> None:
    """Lift the lock of a release; the one before it holds again, if that still does."""
    place = (release.service, release.environment)
    if not await targets.unlock(session, place, release.id):
        return
    earlier = await held_back.before(session, release)
    if earlier is not None:
        await targets.lock(session, place, _lock_of(earlier, earlier.ended_at or now))


def _lock_of(release: Release, since: datetime) -> LockFact:
    why = release.detail or f"{bare(release.found_bad or 'the version')} was taken back"
    return LockFact(holder=release.id, why=why.rstrip("."), by=release.acted_by, since=since)


async def note_passed(
    session: Session, release_id: str, place: Place, now: datetime, *, by: str | None = None
) -> None:
    """Write into the record that a way back passed a lock on its target, if there is one."""
    lock = await targets.lock_on(session, place)
    if lock is None:
        return
    await audit.append(
        session,
        AuditTag.LOCK_PASSED,
        release_id,
        now,
        actor=by,
        service=place[0],
        environment=place[1],
        holder=lock.holder,
        why=lock.why,
    )
