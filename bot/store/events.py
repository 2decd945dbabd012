"""Events and their deliveries: written with the change that they tell of, claimed, done with.

A delivery is open while it has a `due_at`; the earliest open one of a service for a sink is its
head, and only heads are sent. Claims are leases in real time, as everywhere (DESIGN §4).
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Update, and_, exists, or_, update
from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.deliveries import Delivery, Listed, Which
from bot.domain.events import PlatformEvent
from bot.store.inserts import unless_there
from bot.store.session import changed
from bot.store.tables import DELIVERIES, EVENTS, DeliveryRow, EventRow

NO_RELEASE = ""
"""Stands where an event is about no release."""

_EARLIER = DELIVERIES.alias("earlier")

_OPEN = DELIVERIES.c.due_at.is_not(None)

IS_HEAD: ColumnElement[bool] = and_(
    _OPEN,
    ~exists().where(
        _EARLIER.c.sink == DELIVERIES.c.sink,
        _EARLIER.c.service == DELIVERIES.c.service,
        _EARLIER.c.seq < DELIVERIES.c.seq,
        _EARLIER.c.due_at.is_not(None),
    ),
)
"""Nothing of its service waits for its sink before it."""


async def put(
    session: AsyncSession, event: PlatformEvent, place: tuple[str, str], sinks: Iterable[str]
) -> None:
    """Store an event, and a delivery of it for each sink. One that is there already stays so.

    `place`: the release's id, and its service by the catalogue's name. What is about no release
    has a name there that no service can have.
    """
    release_id, service = place
    row = {
        "id": event.id,
        "type": event.type,
        "service": service,
        "release_id": release_id,
        "at": event.time,
        "body": event.model_dump_json(),
    }
    new = unless_there(session, EVENTS).returning(EVENTS.c.seq)
    seq = (await session.exec(new, params=row)).scalar_one_or_none()
    names = list(sinks)
    if seq is not None and names:
        await _send_to(session, event.id, seq, service, names, event.time)


async def _send_to(
    session: AsyncSession, event_id: str, seq: int, service: str, sinks: list[str], at: datetime
) -> None:
    row = {"event_id": event_id, "seq": seq, "service": service, "due_at": at}
    zero = {"attempts": 0, "refusals": 0}
    rows = [{**row, **zero, "sink": sink} for sink in sinks]
    await session.exec(unless_there(session, DELIVERIES), params=rows)


def _free(real: datetime) -> ColumnElement[bool]:
    return or_(DELIVERIES.c.lease_until.is_(None), DELIVERIES.c.lease_until <= real)


async def due_sinks(session: AsyncSession, now: datetime, real: datetime) -> set[str]:
    """Name the sinks for which something could be sent now."""
    found = await session.exec(
        select(DELIVERIES.c.sink).where(DELIVERIES.c.due_at <= now, IS_HEAD, _free(real)).distinct()
    )
    return set(found.all())


async def next_due(session: AsyncSession, after: datetime) -> datetime | None:
    """When the next delivery is due that is not due yet; None where none waits for a time."""
    found = await session.exec(
        select(func.min(DELIVERIES.c.due_at)).where(DELIVERIES.c.due_at > after, IS_HEAD)
    )
    moment: datetime | None = found.one()
    return moment


async def oldest_open(session: AsyncSession) -> datetime | None:
    """When the oldest event happened that a sink has not got yet; None where there is none."""
    found = await session.exec(
        select(func.min(EVENTS.c.at)).where(EVENTS.c.id == DELIVERIES.c.event_id, _OPEN)
    )
    moment: datetime | None = found.one()
    return moment


async def count_dead(session: AsyncSession) -> int:
    """Count the deliveries that were given up."""
    found = await session.exec(
        select(func.count()).select_from(DELIVERIES).where(DELIVERIES.c.dead_at.is_not(None))
    )
    count: int = found.one()
    return count


async def claim(
    session: AsyncSession,
    sink: str,
    now: datetime,
    real: datetime,
    until: datetime,
    limit: int,
) -> list[Delivery]:
    """Take up what may be sent to a sink now, oldest first; nobody else has it until then."""
    heads = (
        select(DELIVERIES.c.event_id)
        .where(DELIVERIES.c.sink == sink, DELIVERIES.c.due_at <= now, IS_HEAD, _free(real))
        .order_by(DELIVERIES.c.seq)
        .limit(limit)
    )
    taken = []
    for event_id in (await session.exec(heads)).all():
        # Another replica may have been quicker: its row is locked until then, and no longer free.
        done = await session.exec(
            update(DELIVERIES)
            .where(*_is(event_id, sink), _OPEN, _free(real))
            .values(lease_until=until, attempts=DELIVERIES.c.attempts + 1)
        )
        if changed(done):
            taken.append(await _delivery(session, event_id, sink))
    return taken


async def _delivery(session: AsyncSession, event_id: str, sink: str) -> Delivery:
    found = await session.exec(
        select(EVENTS.c.body, EVENTS.c.service, DELIVERIES.c.attempts, DELIVERIES.c.refusals)
        .join(DELIVERIES, DELIVERIES.c.event_id == EVENTS.c.id)
        .where(*_is(event_id, sink))
    )
    body, service, attempts, refusals = found.one()
    return Delivery(
        event=PlatformEvent.model_validate_json(body),
        sink=sink,
        service=service,
        attempts=attempts,
        refusals=refusals,
    )


def _is(event_id: str, sink: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return DELIVERIES.c.event_id == event_id, DELIVERIES.c.sink == sink


def _mine(delivery: Delivery) -> Update:
    """Write to a delivery, unless another has claimed it since."""
    return update(DELIVERIES).where(
        *_is(delivery.event.id, delivery.sink), _OPEN, DELIVERIES.c.attempts == delivery.attempts
    )


async def delivered(session: AsyncSession, delivery: Delivery, now: datetime) -> None:
    """Note that the sink has it, whoever else may be sending it again."""
    await session.exec(
        update(DELIVERIES)
        .where(*_is(delivery.event.id, delivery.sink), _OPEN)
        .values(due_at=None, delivered_at=now, lease_until=None, error=None)
    )


async def later(
    session: AsyncSession, delivery: Delivery, at: datetime, error: str, *, refused: bool
) -> None:
    """Try again then. `refused`: the sink said no for good, as it did `refusals` times before."""
    refusals = delivery.refusals + 1 if refused else 0
    change = _mine(delivery).values(due_at=at, lease_until=None, error=error, refusals=refusals)
    await session.exec(change)


async def dead(session: AsyncSession, delivery: Delivery, now: datetime, error: str) -> None:
    """Give it up: a person may send it again. What comes after it waits no longer."""
    change = _mine(delivery).values(due_at=None, dead_at=now, lease_until=None, error=error)
    await session.exec(change)


async def bury(session: AsyncSession, sink: str, now: datetime, error: str) -> int:
    """Give up all that waits for a sink; count it."""
    done = await session.exec(
        update(DELIVERIES)
        .where(DELIVERIES.c.sink == sink, _OPEN)
        .values(due_at=None, dead_at=now, lease_until=None, error=error)
    )
    return changed(done)


async def give_back(session: AsyncSession, deliveries: Iterable[Delivery]) -> None:
    """Give claims back whose outcome nobody will learn: they are sent again."""
    for delivery in deliveries:
        await session.exec(_mine(delivery).values(lease_until=None))


async def release_all(session: AsyncSession) -> None:
    """Give back every claim. For the one process on a SQLite file, at its start."""
    await session.exec(update(DELIVERIES).where(_OPEN).values(lease_until=None))


# What an operator sees and does.


_WANTED: dict[Which, list[ColumnElement[bool]]] = {
    "all": [],
    "waiting": [_OPEN],
    "dead": [DELIVERIES.c.dead_at.is_not(None)],
}


async def listed(session: AsyncSession, which: Which, limit: int) -> list[Listed]:
    """List deliveries, newest first; an event that was for no sink is a row of its own."""
    found = await session.exec(
        select(EventRow, DeliveryRow)
        .join(DeliveryRow, DELIVERIES.c.event_id == EVENTS.c.id, isouter=True)
        .where(*_WANTED[which])
        .order_by(EVENTS.c.seq.desc(), DELIVERIES.c.sink)
        .limit(limit)
    )
    return [_listed(event, delivery) for event, delivery in found.all()]


def _listed(row: EventRow, delivery: DeliveryRow | None) -> Listed:
    event = PlatformEvent.model_validate_json(row.body)
    of = delivery.model_dump() if delivery else {}
    return Listed.model_validate(
        of | {"event": event, "release_id": row.release_id, "service": row.service}
    )


async def resend(session: AsyncSession, *, event_id: str | None, sink: str | None) -> int:
    """Send one event again, or with None every dead one; to one sink or to all. Count them.

    Each is due since it happened: whoever asks need not know the bot's time.
    """
    dead_ones = DELIVERIES.c.dead_at.is_not(None)
    chosen = dead_ones if event_id is None else DELIVERIES.c.event_id == event_id
    only = [] if sink is None else [DELIVERIES.c.sink == sink]
    happened = select(EVENTS.c.at).where(EVENTS.c.id == DELIVERIES.c.event_id).scalar_subquery()
    new = {"due_at": happened, "attempts": 0, "refusals": 0}
    none = {"delivered_at": None, "dead_at": None, "error": None}
    done = await session.exec(update(DELIVERIES).where(chosen, *only).values(**new, **none))
    return changed(done)


async def add_sink(session: AsyncSession, event_id: str, sink: str) -> None:
    """Send an event to a sink that it was not for. It must be there."""
    found = await session.exec(
        select(EVENTS.c.seq, EVENTS.c.service, EVENTS.c.at).where(EVENTS.c.id == event_id)
    )
    seq, service, at = found.one()
    await _send_to(session, event_id, seq, service, [sink], at)


async def find(session: AsyncSession, event_id: str) -> PlatformEvent | None:
    """Read an event; None where there is no such one."""
    found = await session.exec(select(EVENTS.c.body).where(EVENTS.c.id == event_id))
    body = found.first()
    return PlatformEvent.model_validate_json(body) if body else None


async def told(session: AsyncSession, release_id: str) -> frozenset[str]:
    """Name the events that a release has had, by their ids."""
    found = await session.exec(select(EVENTS.c.id).where(EVENTS.c.release_id == release_id))
    return frozenset(found.all())
