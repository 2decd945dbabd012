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

EACH_MINUTE = "* * * * *"

ScheduledJob = tuple[str, str, Callable[[], Awaitable[None]]]


def housekeeping(
    world: World, keeping: Keeping | None = None, unmanaged_every: timedelta = timedelta(0)
) -> list[ScheduledJob]:
    """List the jobs: name, crontab line in UTC, what to call. `keeping`: of signed checkpoints.

    `unmanaged_every`: how often clusters are looked at for what went past the bot; 0: never.
    """

    async def sweep() -> None:
        await once(world, "sweep", lambda: _sweep(world))

    # Zones and times are the catalogue's, which may change at any moment: each minute asks anew.
    jobs_: list[ScheduledJob] = [
        ("sweep", "17 3 * * *", sweep),
        ("topics", EACH_MINUTE, Topics(world).show),
        _tried("report", lambda: report_if_due(world)),
        _tried("calendars", lambda: read_due(world)),
        _tried("reviews", lambda: remind(world)),
    ]
    if unmanaged_every:
        jobs_.append(_tried("unmanaged", lambda: look_if_due(world, unmanaged_every)))
    if keeping is not None:
        jobs_.append(_tried("checkpoint", lambda: checkpoint_if_due(world, keeping)))
    return jobs_


def _tried(name: str, work: Callable[[], Awaitable[object]]) -> ScheduledJob:
    """Make a job of each minute; where the database is silent the next minute tries again."""

    async def run() -> None:
        try:
            await work()
        except TemporaryError as error:
            log.warning("job_skipped", job=name, error=str(error))

    return name, EACH_MINUTE, run


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
