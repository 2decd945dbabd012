"""Releases: stored, found, changed. Who may change one is told by its lease (`leases`)."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.lifecycle import UNDER_WAY, WAITING, State
from bot.domain.releases import Release
from bot.errors import StaleLeaseError
from bot.store.inserts import unless_there
from bot.store.session import changed
from bot.store.tables import RELEASES, ReleaseRow

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""No letter or digit that sounds or looks like another: ids are read aloud."""


class UnderWayError(Exception):
    """Another release is under way for the same target."""


# Built once: on the way of a click, building a statement costs as much as the statement.
_ID_IS_TAKEN = select(RELEASES.c.id).where(RELEASES.c.id == bindparam("release_id"))
_CHANGE = update(RELEASES).where(RELEASES.c.id == bindparam("release_id"))
_BODY = select(ReleaseRow.body).where(ReleaseRow.id == bindparam("release_id"))
_BODY_LOCKED = _BODY.with_for_update()
_NEWER = (
    select(ReleaseRow.body)
    .where(
        ReleaseRow.service == bindparam("service"),
        ReleaseRow.environment == bindparam("environment"),
        ReleaseRow.id != bindparam("release_id"),
        or_(
            col(ReleaseRow.state).in_([s.value for s in UNDER_WAY]),
            col(ReleaseRow.ended_at) > bindparam("ended"),
        ),
        col(ReleaseRow.created_at) > bindparam("created"),
        col(ReleaseRow.state).not_in(
            [s.value for s in (State.REJECTED, State.REFUSED, State.EXPIRED)]
        ),
    )
    .order_by(col(ReleaseRow.created_at).desc())
)


def new_id(length: int = 4) -> str:
    """Make a release id such as `rel-7k3f`."""
    return "rel-" + "".join(secrets.choice(ALPHABET) for _ in range(length))


async def free_id(session: AsyncSession) -> str:
    """Make an id that no release has; longer ones when the short ones get scarce."""
    for length in (4, 4, 4, 5, 5, 6, 8):
        candidate = new_id(length)
        found = await session.exec(_ID_IS_TAKEN, params={"release_id": candidate})
        if found.first() is None:
            return candidate
    raise RuntimeError("no free release id in seven tries")


def _columns(release: Release) -> dict[str, Any]:
    return {
        "service": release.service,
        "environment": release.environment,
        "state": release.state.value,
        "created_at": release.created_at,
        "ended_at": release.ended_at,
        "body": release.model_dump_json(by_alias=True),
    }


def _value(body: str) -> Release:
    return Release.model_validate_json(body)


async def insert(
    session: AsyncSession, release: Release, request_key: str, due_at: datetime | None
) -> None:
    """Store a new release. `request_key` is the request's own id: one request, one release.

    Raises UnderWayError where its target is taken, StaleLeaseError where another process has
    worked the same request off meanwhile.
    """
    row = {"id": release.id, "request_key": request_key, "due_at": due_at, "fence": 0}
    done = await session.exec(unless_there(session, RELEASES), params={**row, **_columns(release)})
    if not changed(done):
        if await by_request(session, request_key) is not None:
            raise StaleLeaseError(request_key)
        raise UnderWayError(release.id)


async def update_row(session: AsyncSession, release: Release, due_at: datetime | None) -> None:
    """Write a release's new value. Raises UnderWayError where its target is taken.

    The caller holds its lease in this same transaction (`leases.hold`).
    """
    row = {"release_id": release.id, "due_at": due_at, **_columns(release)}
    if release.state is not State.QUEUED:
        await session.exec(_CHANGE, params=row)
        return
    # Only who becomes queued takes a target; the savepoint lets the transaction go on if it can't.
    try:
        async with session.begin_nested():
            await session.exec(_CHANGE, params=row)
    except IntegrityError as error:
        raise UnderWayError(release.id) from error


async def get(session: AsyncSession, release_id: str) -> Release | None:
    """Read one release."""
    body = (await session.exec(_BODY, params={"release_id": release_id})).first()
    return _value(body) if body is not None else None


async def get_locked(session: AsyncSession, release_id: str) -> Release | None:
    """Read one release and keep others from changing it until the transaction ends."""
    body = (await session.exec(_BODY_LOCKED, params={"release_id": release_id})).first()
    return _value(body) if body is not None else None


async def by_request(session: AsyncSession, request_key: str) -> Release | None:
    """Find the release that a request made, if it made one already."""
    found = await session.exec(select(ReleaseRow.body).where(ReleaseRow.request_key == request_key))
    body = found.first()
    return _value(body) if body is not None else None


async def due(
    session: AsyncSession, now: datetime, limit: int = 200
) -> list[tuple[str, State, datetime]]:
    """List releases whose time has come, and since when; those that go back first."""
    found = await session.exec(
        select(ReleaseRow.id, ReleaseRow.state, ReleaseRow.due_at)
        .where(col(ReleaseRow.due_at) <= now)
        .order_by((col(ReleaseRow.state) != State.ROLLING_BACK.value), col(ReleaseRow.due_at))
        .limit(limit)
    )
    return [(release_id, State(state), at or now) for release_id, state, at in found.all()]


async def next_due(session: AsyncSession, after: datetime | None = None) -> datetime | None:
    """When the next release is due (later than `after`); None where none waits for a time."""
    query = select(func.min(ReleaseRow.due_at))
    if after is not None:
        query = query.where(col(ReleaseRow.due_at) > after)
    found = await session.exec(query)
    return found.one()


async def wake(session: AsyncSession, release_id: str, now: datetime) -> None:
    """Make an unfinished release due now."""
    await session.exec(
        update(RELEASES)
        .where(RELEASES.c.id == release_id, RELEASES.c.ended_at.is_(None))
        .values(due_at=now)
    )


async def wake_blocked(session: AsyncSession, environment: str | None, now: datetime) -> None:
    """Make the blocked releases of an environment due (None: of all): something has ended."""
    change = update(RELEASES).where(RELEASES.c.state == State.BLOCKED.value)
    if environment is not None:
        change = change.where(RELEASES.c.environment == environment)
    await session.exec(change.values(due_at=now))


async def under_way(session: AsyncSession, environment: str) -> dict[str, str]:
    """Say for each service of an environment which release of it is under way."""
    found = await session.exec(
        select(ReleaseRow.service, ReleaseRow.id).where(
            ReleaseRow.environment == environment,
            col(ReleaseRow.state).in_([s.value for s in UNDER_WAY]),
        )
    )
    return dict(found.all())


async def latest(
    session: AsyncSession,
    *,
    service: str | None = None,
    environment: str | None = None,
    states: Iterable[State] | None = None,
    limit: int = 20,
) -> list[Release]:
    """List releases, newest first; each filter that is given must hold."""
    query = select(ReleaseRow.body).order_by(
        col(ReleaseRow.created_at).desc(), col(ReleaseRow.id).desc()
    )
    if service is not None:
        query = query.where(ReleaseRow.service == service)
    if environment is not None:
        query = query.where(ReleaseRow.environment == environment)
    if states is not None:
        query = query.where(col(ReleaseRow.state).in_([s.value for s in states]))
    found = await session.exec(query.limit(limit))
    return [_value(body) for body in found.all()]


async def unfinished(session: AsyncSession, services: Iterable[str] = ()) -> list[Release]:
    """List every release that has not ended, of some services or of all."""
    query = select(ReleaseRow.body).where(col(ReleaseRow.ended_at).is_(None))
    names = list(services)
    if names:
        query = query.where(col(ReleaseRow.service).in_(names))
    found = await session.exec(query.order_by(col(ReleaseRow.created_at)))
    return [_value(body) for body in found.all()]


async def waiting(session: AsyncSession) -> list[Release]:
    """List every release that has not taken its target yet."""
    states = [state.value for state in WAITING]
    query = select(ReleaseRow.body).where(col(ReleaseRow.state).in_(states))
    return [_value(body) for body in (await session.exec(query)).all()]


async def newer_started(session: AsyncSession, release: Release) -> Release | None:
    """Find the newest release for the same target that started after this one ended.

    One that was withdrawn before it started has changed nothing, and does not count.
    """
    if release.ended_at is None:
        return None
    which = {
        "service": release.service,
        "environment": release.environment,
        "release_id": release.id,
        "ended": release.ended_at,
        "created": release.created_at,
    }
    found = await session.exec(_NEWER, params=which)
    newer = (_value(body) for body in found.all())
    return next((one for one in newer if one.started_at or one.state in UNDER_WAY), None)


async def take_over_row(session: AsyncSession, release_id: str) -> None:
    """Raise a waiting release's own fence: a tick that is at work on it writes nothing more."""
    await session.exec(
        update(RELEASES)
        .where(RELEASES.c.id == release_id)
        .values(fence=RELEASES.c.fence + 1, lease_owner=None, lease_until=None)
    )


async def usual_seconds(
    session: AsyncSession, service: str, environment: str, last: int = 8
) -> int | None:
    """Mean of how long the last successful releases took, in seconds; None: there were none."""
    rows = await latest(
        session, service=service, environment=environment, states=[State.SUCCEEDED], limit=last
    )
    took = [
        (r.live_since - r.started_at).total_seconds()
        for r in rows
        if r.kind == "release" and r.live_since and r.started_at
    ]
    return round(sum(took) / len(took)) if took else None


async def count_by_state(session: AsyncSession) -> dict[str, int]:
    """Count the releases that have not ended, by state."""
    found = await session.exec(
        select(ReleaseRow.state, func.count())
        .where(col(ReleaseRow.ended_at).is_(None))
        .group_by(ReleaseRow.state)
    )
    return dict(found.all())
