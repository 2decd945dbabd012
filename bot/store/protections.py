"""Jobs that wait at GitHub for the bot's word: stored, claimed, judged, answered, closed.

A claim lasts until `lease_until`, in real time; what is written under it says so in its condition,
so that a process which was frozen for longer writes nothing over another's work.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, or_, update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.protection import Ask, Case, Meant, Part
from bot.domain.releases import Release
from bot.errors import StaleLeaseError
from bot.store.inserts import unless_there
from bot.store.protection_tables import PROTECTIONS, ProtectionRow
from bot.store.session import changed
from bot.store.tables import IntentRow, ReleaseRow


@dataclass(frozen=True)
class Held:
    """A claimed row. `attempts` counts tries in a row that came to nothing."""

    key: str
    lease_until: datetime
    due_at: datetime
    attempts: int
    case: Case


async def insert(session: AsyncSession, ask: Ask, now: datetime) -> bool:
    """Store what is asked, due at once; False where it was stored before."""
    row = {
        "key": ask.key,
        "repository": ask.repository.lower(),
        "deployment_id": ask.deployment,
        "due_at": now,
        "attempts": 0,
        "body": Case(ask=ask, at=now).model_dump_json(),
    }
    done = await session.exec(unless_there(session, PROTECTIONS), params=row)
    return bool(changed(done))


def _free(real: datetime) -> ColumnElement[bool]:
    return or_(PROTECTIONS.c.lease_until.is_(None), PROTECTIONS.c.lease_until <= real)


async def anything_due(session: AsyncSession, now: datetime, real: datetime) -> bool:
    """Whether something could be worked on now."""
    due = select(PROTECTIONS.c.key).where(PROTECTIONS.c.due_at <= now, _free(real)).limit(1)
    return (await session.exec(due)).first() is not None


async def claim(
    session: AsyncSession, now: datetime, real: datetime, until: datetime, limit: int
) -> list[Held]:
    """Take up what is due, the oldest first; nobody else has it until then."""
    due = (
        select(PROTECTIONS.c.key)
        .where(PROTECTIONS.c.due_at <= now, _free(real))
        .order_by(PROTECTIONS.c.due_at)
        .limit(limit)
    )
    taken = []
    for key in (await session.exec(due)).all():
        # Another replica may have been quicker: its row is locked until then, and no longer free.
        row = await session.exec(
            update(PROTECTIONS)
            .where(PROTECTIONS.c.key == key, PROTECTIONS.c.due_at <= now, _free(real))
            .values(lease_until=until, attempts=PROTECTIONS.c.attempts + 1)
            .returning(PROTECTIONS.c.due_at, PROTECTIONS.c.attempts, PROTECTIONS.c.body)
        )
        found = row.first()
        if found is not None:
            value = Case.model_validate_json(found[2])
            taken.append(Held(key, until, found[0], found[1], value))
    return taken


async def save(
    session: AsyncSession, held: Held, after: Case, due_at: datetime, *, failed: bool = False
) -> None:
    """Write how it stands, and give the claim back. Raises StaleLeaseError.

    `failed`: the try came to nothing. Who woke it meanwhile has set when it is due.
    """
    woken = PROTECTIONS.c.due_at != held.due_at
    await _write(
        session,
        held,
        after,
        due_at=case((woken, PROTECTIONS.c.due_at), else_=due_at),
        lease_until=None,
        attempts=held.attempts if failed else 0,
    )


async def keep(session: AsyncSession, held: Held, after: Case) -> None:
    """Write how it stands, and go on under the same claim. Raises StaleLeaseError."""
    await _write(session, held, after)


async def close(session: AsyncSession, held: Held, after: Case, now: datetime) -> None:
    """Be done with it. Raises StaleLeaseError."""
    await _write(session, held, after, due_at=None, lease_until=None, closed_at=now)


async def _write(session: AsyncSession, held: Held, after: Case, **values: object) -> None:
    mine = update(PROTECTIONS).where(
        PROTECTIONS.c.key == held.key, PROTECTIONS.c.lease_until == held.lease_until
    )
    body = {"body": after.model_dump_json(), "release_id": after.release}
    if changed(await session.exec(mine.values(**body, **values))) != 1:
        raise StaleLeaseError(held.key)


async def later(session: AsyncSession, held: Held, at: datetime) -> None:
    """Try again then; nothing is written but that."""
    await session.exec(
        update(PROTECTIONS)
        .where(PROTECTIONS.c.key == held.key, PROTECTIONS.c.lease_until == held.lease_until)
        .values(due_at=at, lease_until=None)
    )


async def wake(session: AsyncSession, release_id: str, now: datetime) -> None:
    """Let what waits for a release be looked at: the release has changed."""
    await session.exec(
        update(PROTECTIONS)
        .where(PROTECTIONS.c.release_id == release_id, PROTECTIONS.c.closed_at.is_(None))
        .values(due_at=now)
    )


async def of_deployment(session: AsyncSession, repository: str, number: int) -> Case | None:
    """Find what was asked about a Deployment."""
    found = await session.exec(
        select(ProtectionRow.body).where(
            ProtectionRow.repository == repository.lower(), ProtectionRow.deployment_id == number
        )
    )
    body = found.first()
    return Case.model_validate_json(body) if body is not None else None


async def of_release(session: AsyncSession, release_id: str) -> Case | None:
    """Find the newest case of a release."""
    found = await session.exec(
        select(ProtectionRow.body)
        .where(ProtectionRow.release_id == release_id)
        .order_by(col(ProtectionRow.deployment_id).desc())
    )
    body = found.first()
    return Case.model_validate_json(body) if body is not None else None


async def of_run(session: AsyncSession, release_id: str, run_id: int) -> list[Case]:
    """List what was asked about a run that is a release's: each of its jobs is a case."""
    found = await session.exec(
        select(ProtectionRow.body).where(ProtectionRow.release_id == release_id)
    )
    known = [Case.model_validate_json(body) for body in found.all()]
    return [case for case in known if case.ask.run == run_id]


async def meant_by(session: AsyncSession, release_id: str, run_id: int) -> Meant | None:
    """Say what a run would bring of which a release was made; None where it is no such run."""
    known = await of_run(session, release_id, run_id)
    return next((case.meant for case in known if case.meant), None)


async def works_with(
    session: AsyncSession, repository: str, run_id: int
) -> list[tuple[Release, Part]]:
    """List the releases of a repository that work, or worked, with a run; newest first.

    Each with the part of its way for which it does.
    """
    found = await session.exec(
        select(ReleaseRow.body, IntentRow.effect)
        .where(
            ReleaseRow.id == IntentRow.release_id,
            IntentRow.result == str(run_id),
            col(IntentRow.effect).like("%:run"),
        )
        .order_by(col(ReleaseRow.created_at).desc())
    )
    rows = [
        (Release.model_validate_json(body), _part(effect, run_id)) for body, effect in found.all()
    ]
    return [row for row in rows if row[0].rules.repository.lower() == repository.lower()]


def _part(effect: str, run_id: int) -> Part:
    track, step, _ = effect.split(":")
    return Part(run=run_id, track=track, step=int(step))


async def looks_for_run(session: AsyncSession, release_id: str) -> bool:
    """Whether a release has started a run of which it does not know yet which one that is."""
    found = await session.exec(
        select(IntentRow.effect).where(
            IntentRow.release_id == release_id,
            col(IntentRow.effect).like("%:run"),
            col(IntentRow.result).is_(None),
        )
    )
    return found.first() is not None


async def release_all(session: AsyncSession) -> None:
    """Give back every claim. For the one process on a SQLite file, at its start."""
    await session.exec(update(PROTECTIONS).values(lease_until=None))


async def next_due(session: AsyncSession, after: datetime) -> datetime | None:
    """When the next is due that is not due yet."""
    found = await session.exec(
        select(func.min(PROTECTIONS.c.due_at)).where(PROTECTIONS.c.due_at > after)
    )
    moment: datetime | None = found.one()
    return moment
