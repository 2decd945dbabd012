"""What happens by the clock. Each run is claimed through a row: two replicas do it once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.engine.calendars import read_due
from bot.engine.checkpoints import Keeping, checkpoint_if_due
from bot.engine.emergencies import remind
from bot.engine.reporting import report_if_due
from bot.engine.topics import Topics
from bot.engine.unmanaged import look_if_due
from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import evidence, jobs

log = structlog.get_logger()

KEEP = timedelta(days=30)
"""How long what is done with is kept: commands, messages, webhooks, events. The record stays."""

ScheduledJob = tuple[str, str, Callable[[], Awaitable[None]]]


def housekeeping(
    world: World, keeping: Keeping | None = None, unmanaged_every: timedelta = timedelta(0)
) -> list[ScheduledJob]:
    """List the jobs: name, crontab line in UTC, what to call. `keeping`: of signed checkpoints.

    `unmanaged_every`: how often clusters are looked at for what went past the bot; 0: never.
    """

    async def sweep() -> None:
        await once(world, "sweep", lambda: _sweep(world))

    async def report() -> None:
        try:
            await report_if_due(world)
        except TemporaryError as error:
            log.warning("job_skipped", job="report", error=str(error))

    async def calendars() -> None:
        try:
            await read_due(world)
        except TemporaryError as error:
            log.warning("job_skipped", job="calendars", error=str(error))

    async def reminders() -> None:
        try:
            await remind(world)
        except TemporaryError as error:
            log.warning("job_skipped", job="reviews", error=str(error))

    async def unmanaged() -> None:
        try:
            await look_if_due(world, unmanaged_every)
        except TemporaryError as error:
            log.warning("job_skipped", job="unmanaged", error=str(error))

    async def checkpoint() -> None:
        if keeping is not None:
            await checkpoint_if_due(world, keeping)

    # Zones and times are the catalogue's, which may change at any moment: each minute asks anew.
    jobs_: list[ScheduledJob] = [
        ("sweep", "17 3 * * *", sweep),
        ("report", "* * * * *", report),
        ("calendars", "* * * * *", calendars),
        ("reviews", "* * * * *", reminders),
        ("topics", "* * * * *", Topics(world).show),
    ]
    if unmanaged_every:
        jobs_.append(("unmanaged", "* * * * *", unmanaged))
    return [*jobs_, ("checkpoint", "* * * * *", checkpoint)] if keeping else jobs_


async def once(world: World, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do a job's run of this minute, unless another replica has claimed it."""
    due = world.clock.now().replace(second=0, microsecond=0)
    try:
        async with world.store.write() as session:
            mine = await jobs.claim(session, name, due)
        if mine:
            await work()
    except TemporaryError as error:
        log.warning("job_skipped", job=name, error=str(error))


async def _sweep(world: World) -> None:
    async with world.store.write() as session:
        now = world.clock.now()
        gone = await jobs.sweep(session, now - KEEP)
        gone += await evidence.sweep(session, now - world.raw_kept)
    log.info("swept", rows=gone)
