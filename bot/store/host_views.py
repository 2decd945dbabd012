"""GitHub's own view of each release: which state is wanted, which was sent. The newest wins.

A claim lasts until `lease_until`, in real time; what is written under it says so in its condition,
so that a process which was frozen for longer writes nothing over another's work.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Update, case, func, or_, update
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.lifecycle import State
from bot.domain.releases import Release
from bot.errors import StaleLeaseError
from bot.store.inserts import insert_for
from bot.store.session import changed
from bot.store.tables import HOST_VIEWS, RELEASES


@dataclass(frozen=True)
class Wanted:
    """A claimed row. `number` is the state that is wanted; `attempts` counts tries without end."""

    release_id: str
    lease_until: datetime
    repository: str
    number: int
    attempts: int
    deployment_id: int | None
    adopted: bool
    begun: bool
    shown: str | None
    plan_shown: str | None


async def want(session: AsyncSession, release_id: str, repository: str, at: datetime) -> None:
    """Ask for the release to be shown anew, at that moment and not before."""
    new = {"wanted": 1, "sent": 0, "due_at": at, "attempts": 0, "adopted": False, "begun": False}
    await session.exec(
        insert_for(session)(HOST_VIEWS)
        .values(release_id=release_id, repository=repository, **new)
        .on_conflict_do_update(
            index_elements=["release_id"],
            set_={
                "wanted": HOST_VIEWS.c.wanted + 1,
                "attempts": 0,
                "due_at": _sooner(at),
            },
        )
    )


async def want_superseded(
    session: AsyncSession, place: tuple[str, str], newer: str, at: datetime
) -> None:
    """Ask for the successful releases of a target to be shown anew: a newer one has succeeded."""
    older = select(RELEASES.c.id).where(
        RELEASES.c.service == place[0],
        RELEASES.c.environment == place[1],
        RELEASES.c.state == State.SUCCEEDED.value,
        RELEASES.c.id != newer,
    )
    await session.exec(
        update(HOST_VIEWS)
        .where(
            HOST_VIEWS.c.release_id.in_(older),
            HOST_VIEWS.c.deployment_id.is_not(None),
            # Its success may be on its way at this moment, and not noted yet.
            or_(HOST_VIEWS.c.shown.is_(None), HOST_VIEWS.c.shown.not_like("inactive %")),
        )
        .values(
            wanted=HOST_VIEWS.c.wanted + 1,
            attempts=0,
            due_at=_sooner(at),
        )
    )


def _sooner(at: datetime) -> ColumnElement[datetime]:
    """Keep the time that a row is due at, unless it waits for longer than until then."""
    due = HOST_VIEWS.c.due_at
    return case((due <= at, due), else_=at)


def _free(real: datetime) -> ColumnElement[bool]:
    return or_(HOST_VIEWS.c.lease_until.is_(None), HOST_VIEWS.c.lease_until <= real)


async def anything_due(session: AsyncSession, now: datetime, real: datetime) -> bool:
    """Whether something could be sent now."""
    found = await session.exec(
        select(HOST_VIEWS.c.release_id).where(HOST_VIEWS.c.due_at <= now, _free(real)).limit(1)
    )
    return found.first() is not None


async def next_due(session: AsyncSession, after: datetime) -> datetime | None:
    """When the next is due that is not due yet."""
    found = await session.exec(
        select(func.min(HOST_VIEWS.c.due_at)).where(HOST_VIEWS.c.due_at > after)
    )
    moment: datetime | None = found.one()
    return moment


async def claim(
    session: AsyncSession, now: datetime, real: datetime, until: datetime, limit: int
) -> list[Wanted]:
    """Take up what may be sent now, the oldest first; nobody else has it until then."""
    due = (
        select(HOST_VIEWS.c.release_id)
        .where(HOST_VIEWS.c.due_at <= now, _free(real))
        .order_by(HOST_VIEWS.c.due_at)
        .limit(limit)
    )
    taken = []
    for release_id in (await session.exec(due)).all():
        # Another replica may have been quicker: its row is locked until then, and no longer free.
        row = await session.exec(
            update(HOST_VIEWS)
            .where(HOST_VIEWS.c.release_id == release_id, _free(real))
            .values(lease_until=until, attempts=HOST_VIEWS.c.attempts + 1)
            .returning(
                HOST_VIEWS.c.repository,
                HOST_VIEWS.c.wanted,
                HOST_VIEWS.c.attempts,
                HOST_VIEWS.c.deployment_id,
                HOST_VIEWS.c.adopted,
                HOST_VIEWS.c.begun,
                HOST_VIEWS.c.shown,
                HOST_VIEWS.c.plan_shown,
            )
        )
        found = row.first()
        if found is not None:
            taken.append(Wanted(release_id, until, *found))
    return taken


def _mine(row: Wanted) -> Update:
    return update(HOST_VIEWS).where(
        HOST_VIEWS.c.release_id == row.release_id, HOST_VIEWS.c.lease_until == row.lease_until
    )


async def _write(session: AsyncSession, row: Wanted, **values: object) -> None:
    if changed(await session.exec(_mine(row).values(**values))) != 1:
        raise StaleLeaseError(row.release_id)


async def begin(session: AsyncSession, row: Wanted, mark: str) -> None:
    """Write down that a Deployment is about to be made. Raises StaleLeaseError."""
    await _write(session, row, begun=True, shown=mark)


async def made(session: AsyncSession, row: Wanted, deployment_id: int, *, adopted: bool) -> None:
    """Note which Deployment it is. Raises StaleLeaseError."""
    await _write(session, row, deployment_id=deployment_id, adopted=adopted, begun=True)


async def forget(session: AsyncSession, row: Wanted) -> None:
    """Forget the Deployment: it is of another commit, and no longer shown. StaleLeaseError."""
    await _write(session, row, deployment_id=None, adopted=False, begun=False, shown=None)


async def shows(session: AsyncSession, row: Wanted, shown: str) -> None:
    """Note the Deployment status that GitHub has. Raises StaleLeaseError."""
    await _write(session, row, shown=shown)


async def plan_shows(session: AsyncSession, row: Wanted, shown: str | None) -> None:
    """Note the commit status that GitHub has. Raises StaleLeaseError."""
    await _write(session, row, plan_shown=shown)


async def sent(session: AsyncSession, row: Wanted) -> None:
    """Note that GitHub shows that state; a newer wish stays due, and the claim ends."""
    await session.exec(_mine(row).values(sent=row.number, attempts=0))
    await session.exec(_mine(row).where(HOST_VIEWS.c.wanted <= row.number).values(due_at=None))
    await session.exec(_mine(row).values(lease_until=None))


async def later(session: AsyncSession, row: Wanted, at: datetime, *, tried: bool) -> None:
    """Try again then; the claim ends. `tried`: something was asked of GitHub meanwhile."""
    attempts = row.attempts if tried else row.attempts - 1
    # Who wished for a newer state meanwhile has set when it is due.
    due = case((HOST_VIEWS.c.wanted > row.number, HOST_VIEWS.c.due_at), else_=at)
    await session.exec(_mine(row).values(due_at=due, lease_until=None, attempts=attempts))


async def superseded_by(session: AsyncSession, release: Release) -> str | None:
    """Name a release of the same target that succeeded after this one did, if there is one."""
    if release.state is not State.SUCCEEDED or release.ended_at is None:
        return None
    found = await session.exec(
        select(RELEASES.c.id)
        .where(
            RELEASES.c.service == release.service,
            RELEASES.c.environment == release.environment,
            RELEASES.c.state == State.SUCCEEDED.value,
            RELEASES.c.ended_at > release.ended_at,
        )
        .order_by(RELEASES.c.ended_at)
        .limit(1)
    )
    name: str | None = found.first()
    return name


async def release_all(session: AsyncSession) -> None:
    """Give back every claim. For the one process on a SQLite file, at its start."""
    await session.exec(update(HOST_VIEWS).values(lease_until=None))
