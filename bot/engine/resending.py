"""Events as an operator handles them: what became of each, and sending one again.

Called by the command line, beside a bot that runs or without one: it only writes rows, and
whoever delivers finds them due.
"""

from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.events import PlatformEvent
from bot.domain.sinks import Events
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
    catalog = await catalogs.newest(session)
    known = catalog.events if catalog else Events()
    if sink is not None and (problem := _unknown(known, sink)):
        return Resent(problem=problem)
    count = await events.resend(session, event_id=event_id, sink=sink)
    if not count and event_id is not None:
        problem = await _added(session, known, event_id, sink)
        if problem is not None:
            return Resent(problem=problem)
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
    return Resent(count=count)


async def _added(session: Session, known: Events, event_id: str, sink: str | None) -> str | None:
    """Let a sink have an event that it has not got yet; else say why that can't be."""
    event = await events.find(session, event_id)
    if event is None or sink is None:
        return _why_not(event_id, event)
    if sink not in known.takers(event.contract):
        return _not_taken(known, event, sink)
    await events.add_sink(session, event_id, sink)
    return None


def _unknown(known: Events, sink: str) -> str | None:
    """Say what is wrong with a sink's name, by the catalogue in force."""
    if sink in known.sinks:
        return None
    there = f"it has {', '.join(sorted(known.sinks))}" if known.sinks else "it has none"
    return f"The catalogue has no sink {sink}; {there}."


def _not_taken(known: Events, event: PlatformEvent, sink: str) -> str:
    takes = ", ".join(known.sinks[sink].contracts)
    return (
        f"Event {event.id} is of the contract {event.contract}, and sink {sink} takes {takes}. "
        f"Add it to the contracts of the sink, if it is to have such events."
    )


def _why_not(event_id: str, event: PlatformEvent | None) -> str:
    if event is None:
        return f"There is no event {event_id}. release-bot events list shows them."
    return f"Event {event_id} was for no sink. Name one with --sink."
