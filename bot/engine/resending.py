"""Events as an operator handles them: what became of each, and sending one again.

Called by the command line, beside a bot that runs or without one: it only writes rows, and
whoever delivers finds them due.
"""

from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.value import Value
from bot.store import audit, catalogs, events
from bot.store.session import Session


class Resent(Value):
    """How many deliveries were made due again; `problem` says why there were none."""

    count: int = 0
    problem: str | None = None


async def resend(
    session: Session, now: datetime, *, event_id: str | None, sink: str | None
) -> Resent:
    """Send one event again, or with None every dead one; to one sink or to all that it was for."""
    if sink is not None and (problem := await _unknown(session, sink)):
        return Resent(problem=problem)
    count = await events.resend(session, event_id=event_id, sink=sink)
    if not count and event_id and sink and await events.add_sink(session, event_id, sink):
        count = 1
    if count:
        await audit.append(
            session,
            AuditTag.EVENT_RESENT,
            event_id or "events",
            now,
            sink=sink,
            count=count,
            via="cli",
        )
    if count or event_id is None:
        return Resent(count=count)
    return Resent(problem=await _why_not(session, event_id))


async def _unknown(session: Session, sink: str) -> str | None:
    """Say what is wrong with a sink's name, by the catalogue in force."""
    catalog = await catalogs.newest(session)
    known = sorted(catalog.events.sinks) if catalog else []
    if sink in known:
        return None
    there = f"it has {', '.join(known)}" if known else "it has none"
    return f"The catalogue has no sink {sink}; {there}."


async def _why_not(session: Session, event_id: str) -> str:
    if not await events.has(session, event_id):
        return f"There is no event {event_id}. release-bot events list shows them."
    return f"Event {event_id} was for no sink. Name one with --sink."
