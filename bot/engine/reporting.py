"""The report on stale environments by the clock: once for each due moment, however many replicas.

Called each minute by `schedule`. The look comes first and changes nothing; then one transaction
claims the run, stores the message and writes the record, so that a crash in between loses nothing.
"""

from datetime import UTC, datetime, time, timedelta

import structlog

from bot.domain.audit import AuditTag, stamp
from bot.domain.due import LATE, last_due
from bot.domain.environments import StaleReport, weekdays
from bot.domain.stale import tally
from bot.engine.surveys import Surveyor
from bot.engine.world import World
from bot.ports import Message
from bot.store import audit, jobs, outbox
from bot.views import reports

log = structlog.get_logger()

NAME = "report:stale"

PATIENCE = timedelta(minutes=10)
"""How long a report waits for a source that is silent; then it says that it was."""


async def report_if_due(world: World) -> bool:
    """Post the report if its moment has come and nobody has; whether this call did.

    Raises TemporaryError where the database doesn't answer: the next minute tries again.
    """
    catalog = world.catalog()
    rules, now = catalog.reports.stale, world.clock.now()
    due = due_of(rules, now) if rules else None
    if rules is None or due is None or await _done(world, _day(rules, due)):
        return False
    survey = await Surveyor(world).whole()
    counted = tally(survey.judged, survey.silent)
    if not survey.whole and now - due < PATIENCE:
        log.info("report_waits", why=counted.silent[:1])
        return False
    drawn = reports.Report(tally=counted, now=now, rules=catalog.ephemeral, late=survey.late)
    posted = await _post(world, rules, due, reports.report(drawn), len(counted.stale))
    world.mail.tell()
    return posted


def due_of(rules: StaleReport, now: datetime) -> datetime | None:
    """Give the moment that has come within the last hour, if one has."""
    return last_due(rules.time, weekdays(rules.days), rules.place, now, LATE)


def _day(rules: StaleReport, due: datetime) -> datetime:
    """Give the day that the report is of: one a day, also where the catalogue moves its hour."""
    return datetime.combine(due.astimezone(rules.place).date(), time(), UTC)


async def _done(world: World, day: datetime) -> bool:
    async with world.store.read() as session:
        return await jobs.is_claimed(session, NAME, day)


async def _post(
    world: World, rules: StaleReport, due: datetime, message: Message | None, stale: int
) -> bool:
    """Claim the run; whoever does stores the message, if there is anything to tell."""
    now = world.clock.now()
    async with world.store.write() as session:
        if not await jobs.claim(session, NAME, _day(rules, due)):
            return False
        if message is not None:
            key = f"{NAME}:{stamp(due)}"
            await outbox.put(session, "post", key, message, now, channel=rules.channel)
        await audit.append(
            session,
            AuditTag.REPORT_POSTED,
            NAME,
            now,
            due=stamp(due),
            stale=stale,
            told=message is not None,
        )
    log.info("report_done", due=stamp(due), stale=stale, told=message is not None)
    return True
